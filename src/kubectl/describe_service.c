/* describe: Services with what is behind them. */
#include "kubectl/describe.h"
#include "kubectl/walk.h"

#define SHOWN 3 /* endpoints; of more only the number */

static struct str joined(struct ctl *c, const struct value *list, const char *absent)
{
	BUF(b);
	EACH_ITEM(x, list)
		buf_printf(&b, "%s%.*s", x == list->list.items ? "" : ",", STR_F(text_of(*x)));
	return b.n ? buf_take(&b, c->a) : str_of(absent);
}

static bool is_ready(const struct value *endpoint)
{
	const struct value *ready = value_path(endpoint, "conditions.ready");
	return !ready || is_true(ready);
}

static int64_t port_of(const struct value *slice, struct str name)
{
	const struct value *ports = value_get(slice, STR("ports"));
	EACH_ITEM(p, ports) {
		struct str own = value_path_str(*p, "name");
		if (str_eq(own, name))
			return int_of(value_get(*p, STR("port")), 0);
	}
	return -1;
}

static struct str endpoints(struct ctl *c, const struct value *slices, struct str port_name)
{
	BUF(b);
	unsigned n = 0;
	EACH_ITEM(s, slices) {
		const struct value *list = value_get(*s, STR("endpoints"));
		int64_t port = port_of(*s, port_name);
		EACH_ITEM(x, list) {
			const struct value *addresses = value_get(*x, STR("addresses"));
			if (port < 0 || !is_ready(*x) || !list_len(addresses) || n++ >= SHOWN)
				continue;
			struct str ip = text_of(item_at(addresses, 0));
			bool six = str_index(ip, ':', 0) >= 0;
			buf_printf(&b, "%s%s%.*s%s:%lld", b.n ? "," : "", six ? "[" : "", STR_F(ip), six ? "]" : "", (long long)port);
		}
	}
	if (n > SHOWN)
		buf_printf(&b, " + %u more...", n - SHOWN);
	return b.n ? buf_take(&b, c->a) : STR("<none>");
}

static struct value *read_slices(struct describe *d, struct err *e)
{
	BUF(path);
	struct str ns = value_path_str(d->obj, "metadata.namespace"), name = value_path_str(d->obj, "metadata.name");
	buf_printf(&path, "/apis/discovery.k8s.io/v1/namespaces/%.*s/endpointslices", STR_F(ns));
	query_add(&path, "labelSelector", str_printf(d->c->a, "kubernetes.io/service-name=%.*s", STR_F(name)));
	return rest_get(d->c, buf_view(&path), e);
}

static void put_port(struct describe *d, const struct value *p, const struct value *slices)
{
	BUF(target);
	struct str name = value_path_str(p, "name"), protocol = value_path_str(p, "protocol"), shown = name.n ? name : STR("<unset>");
	const struct value *to = value_get(p, STR("targetPort"));
	describe_line(d, 0, "Port:\t%.*s\t%lld/%.*s", STR_F(shown), (long long)int_of(value_get(p, STR("port")), 0), STR_F(protocol));
	if (to)
		jsonpath_write_value(&target, to);
	describe_line(d, 0, "TargetPort:\t%.*s/%.*s", STR_F(buf_view(&target)), STR_F(protocol));
	if (value_path_str(p, "appProtocol").n)
		describe_line(d, 0, "AppProtocol:\t%.*s", STR_F(value_path_str(p, "appProtocol")));
	if (int_of(value_get(p, STR("nodePort")), 0))
		describe_line(d, 0, "NodePort:\t%.*s\t%lld/%.*s", STR_F(shown), (long long)int_of(value_get(p, STR("nodePort")), 0), STR_F(protocol));
	describe_line(d, 0, "Endpoints:\t%.*s", STR_F(endpoints(d->c, slices, name)));
}

static void put_ingress(struct describe *d)
{
	BUF(b);
	const struct value *list = value_path(d->obj, "status.loadBalancer.ingress");
	EACH_ITEM(x, list) {
		struct str ip = value_path_str(*x, "ip"), mode = value_path_str(*x, "ipMode");
		buf_printf(&b, "%s%.*s", b.n ? ", " : "", STR_F(ip.n ? ip : value_path_str(*x, "hostname")));
		if (ip.n)
			buf_printf(&b, " (%.*s)", STR_F(mode.n ? mode : STR("VIP")));
	}
	if (b.n)
		describe_line(d, 0, "LoadBalancer Ingress:\t%.*s", STR_F(buf_view(&b)));
}

static void put_optional(struct describe *d, const char *title, const char *path)
{
	if (value_path_str(d->obj, path).n)
		describe_line(d, 0, "%s:\t%.*s", title, STR_F(value_path_str(d->obj, path)));
}

int describe_service(struct describe *d, struct err *e)
{
	struct ctl *c = d->c;
	const struct value *o = d->obj, *ports = value_path(o, "spec.ports"), *ranges = value_path(o, "spec.loadBalancerSourceRanges");
	struct value *slices = read_slices(d, e);
	if (!slices)
		return -1;
	describe_head(d);
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_line(d, 0, "Selector:\t%.*s", STR_F(describe_selector(c, value_path(o, "spec.selector"))));
	describe_line(d, 0, "Type:\t%.*s", STR_F(value_path_str(o, "spec.type")));
	put_optional(d, "IP Family Policy", "spec.ipFamilyPolicy");
	describe_line(d, 0, "IP Families:\t%.*s", STR_F(joined(c, value_path(o, "spec.ipFamilies"), "<none>")));
	describe_line(d, 0, "IP:\t%.*s", STR_F(value_path_str(o, "spec.clusterIP")));
	describe_line(d, 0, "IPs:\t%.*s", STR_F(joined(c, value_path(o, "spec.clusterIPs"), "<none>")));
	put_optional(d, "External Name", "spec.externalName");
	put_ingress(d);
	EACH_ITEM(p, ports)
		put_port(d, *p, value_get(slices, STR("items")));
	describe_line(d, 0, "Session Affinity:\t%.*s", STR_F(value_path_str(o, "spec.sessionAffinity")));
	put_optional(d, "External Traffic Policy", "spec.externalTrafficPolicy");
	put_optional(d, "Internal Traffic Policy", "spec.internalTrafficPolicy");
	if (list_len(ranges))
		describe_line(d, 0, "LoadBalancer Source Ranges:\t%.*s", STR_F(joined(c, ranges, "")));
	return describe_events(d, e);
}
