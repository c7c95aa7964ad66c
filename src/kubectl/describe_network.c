/* describe: EndpointSlices and NetworkPolicies. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"

#define TEXT(o, path) STR_F(value_path_str(o, path))

static struct str or_unset(struct str s) { return s.n ? s : STR("<unset>"); }

static struct str joined(struct ctl *c, const struct value *list)
{
	BUF(b);
	EACH_ITEM(x, list)
		buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_F(text_of(*x)));
	return buf_take(&b, c->a);
}

static struct str plain(struct ctl *c, const struct value *v)
{
	BUF(b);
	if (v)
		jsonpath_write_value(&b, v);
	return buf_take(&b, c->a);
}

/* ---- EndpointSlice */

static void put_slice_ports(struct describe *d, const struct value *ports)
{
	if (!list_len(ports)) {
		describe_line(d, 0, "Ports: <unset>");
		return;
	}
	describe_line(d, 0, "Ports:");
	describe_line(d, 1, "Name\tPort\tProtocol");
	describe_line(d, 1, "----\t----\t--------");
	EACH_ITEM(p, ports)
		describe_line(d, 1, "%.*s\t%.*s\t%.*s", STR_F(or_unset(value_path_str(*p, "name"))), STR_F(or_unset(plain(d->c, value_get(*p, STR("port"))))), TEXT(*p, "protocol"));
}

static void put_endpoint(struct describe *d, const struct value *x)
{
	const struct value *ready = value_path(x, "conditions.ready");
	describe_line(d, 1, "- Addresses:\t%.*s", STR_F(joined(d->c, value_get(x, STR("addresses")))));
	describe_line(d, 2, "Conditions:");
	describe_line(d, 3, "Ready:\t%s", !ready ? "<unset>" : is_true(ready) ? "true" : "false");
	describe_line(d, 2, "Hostname:\t%.*s", STR_F(or_unset(value_path_str(x, "hostname"))));
	if (value_get(x, STR("targetRef")))
		describe_line(d, 2, "TargetRef:\t%.*s/%.*s", TEXT(x, "targetRef.kind"), TEXT(x, "targetRef.name"));
	describe_line(d, 2, "NodeName:\t%.*s", STR_F(or_unset(value_path_str(x, "nodeName"))));
	describe_line(d, 2, "Zone:\t%.*s", STR_F(or_unset(value_path_str(x, "zone"))));
}

int describe_endpointslice(struct describe *d, struct err *e)
{
	const struct value *o = d->obj, *endpoints = value_get(o, STR("endpoints"));
	describe_head(d);
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_line(d, 0, "AddressType:\t%.*s", TEXT(o, "addressType"));
	put_slice_ports(d, value_get(o, STR("ports")));
	describe_line(d, 0, list_len(endpoints) ? "Endpoints:" : "Endpoints: <none>");
	EACH_ITEM(x, endpoints)
		put_endpoint(d, *x);
	return describe_events(d, e);
}

/* ---- NetworkPolicy */

static void put_selector(struct describe *d, int level, const char *title, const struct value *selector)
{
	if (selector)
		describe_line(d, level, "%s: %.*s", title, STR_F(describe_selector(d->c, selector)));
}

static void put_peer(struct describe *d, const struct value *peer)
{
	const struct value *block = value_get(peer, STR("ipBlock"));
	put_selector(d, 3, "NamespaceSelector", value_get(peer, STR("namespaceSelector")));
	put_selector(d, 3, "PodSelector", value_get(peer, STR("podSelector")));
	if (!block)
		return;
	describe_line(d, 3, "IPBlock:");
	describe_line(d, 4, "CIDR: %.*s", TEXT(block, "cidr"));
	describe_line(d, 4, "Except: %.*s", STR_F(joined(d->c, value_get(block, STR("except")))));
}

static void put_rule(struct describe *d, const struct value *rule, const char *way, const char *peers_name)
{
	const struct value *ports = value_get(rule, STR("ports")), *peers = value_get(rule, str_of(peers_name));
	if (!list_len(ports))
		describe_line(d, 2, "To Port: <any> (traffic allowed to all ports)");
	EACH_ITEM(p, ports) {
		struct str port = plain(d->c, value_get(*p, STR("port"))), end = plain(d->c, value_get(*p, STR("endPort"))), protocol = value_path_str(*p, "protocol");
		describe_line(d, 2, "To Port: %.*s%s%.*s/%.*s", STR_F(port.n ? port : STR("<any>")), end.n ? "-" : "", STR_F(end), STR_F(protocol.n ? protocol : STR("TCP")));
	}
	if (!list_len(peers))
		describe_line(d, 2, "%s: <any> (traffic not restricted by %s)", way, strcmp(way, "From") == 0 ? "source" : "destination");
	EACH_ITEM(peer, peers) {
		describe_line(d, 2, "%s:", way);
		put_peer(d, *peer);
	}
}

static void put_direction(struct describe *d, const char *type, const char *list, const char *way, const char *peers)
{
	const struct value *types = value_path(d->obj, "spec.policyTypes"), *rules = value_path(d->obj, list);
	bool isolated = false, ingress = strcmp(way, "From") == 0;
	EACH_ITEM(t, types)
		isolated |= str_is(text_of(*t), type);
	if (!isolated) {
		describe_line(d, 1, "Not affecting %s traffic", ingress ? "ingress" : "egress");
		return;
	}
	describe_line(d, 1, "Allowing %s traffic:", ingress ? "ingress" : "egress");
	if (!list_len(rules))
		describe_line(d, 2, "<none> (Selected pods are isolated for %s connectivity)", ingress ? "ingress" : "egress");
	EACH_ITEM(r, rules) {
		if (r != rules->list.items)
			describe_line(d, 2, "----------");
		put_rule(d, *r, way, peers);
	}
}

int describe_networkpolicy(struct describe *d, struct err *e)
{
	const struct value *o = d->obj;
	(void)e;
	describe_head(d);
	describe_line(d, 0, "Created on:\t%.*s", TEXT(o, "metadata.creationTimestamp"));
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_line(d, 0, "Spec:");
	describe_line(d, 1, "PodSelector:     %.*s", STR_F(describe_selector(d->c, value_path(o, "spec.podSelector"))));
	put_direction(d, "Ingress", "spec.ingress", "From", "from");
	put_direction(d, "Egress", "spec.egress", "To", "to");
	describe_line(d, 1, "Policy Types: %.*s", STR_F(joined(d->c, value_path(o, "spec.policyTypes"))));
	return 0;
}
