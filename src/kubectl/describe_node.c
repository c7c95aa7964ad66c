/* describe: nodes, with what runs there. */
#include "api/pod.h"
#include "codec/json.h"
#include "gen/ids.h"
#include "kubectl/describe.h"
#include "kubectl/walk.h"
#include <stdlib.h>

#define TEXT(o, path) STR_F(value_path_str(o, path))

/* ---- what is said about the node ---- */

static void put_roles(struct describe *d)
{
	BUF(b);
	const struct value *labels = value_path(d->obj, "metadata.labels");
	struct str lead = STR("node-role.kubernetes.io/");
	EACH_MEMBER(m, labels) {
		struct str role = str_has_prefix(m->key, lead) ? str_sub(m->key, lead.n, m->key.n) : str_is(m->key, "kubernetes.io/role") ? text_of(m->value) : (struct str){0};
		if (role.n)
			buf_printf(&b, "%s%.*s", b.n ? "," : "", STR_F(role));
	}
	describe_line(d, 0, "Roles:\t%.*s", STR_F(b.n ? buf_view(&b) : STR("<none>")));
}

static int by_effect(const void *x, const void *y)
{
	const struct value *a = *(struct value *const *)x, *b = *(struct value *const *)y;
	int c = str_cmp(value_path_str(a, "effect"), value_path_str(b, "effect"));
	return c ? c : str_cmp(value_path_str(a, "key"), value_path_str(b, "key"));
}

static void put_taints(struct describe *d)
{
	struct value *list = value_copy(d->c->a, value_path(d->obj, "spec.taints"));
	if (list_len(list))
		qsort(list->list.items, list->list.len, sizeof *list->list.items, by_effect);
	else
		describe_line(d, 0, "Taints:\t<none>");
	EACH_ITEM(t, list) {
		struct str value = value_path_str(*t, "value");
		describe_line(d, 0, "%s\t%.*s%s%.*s:%.*s", t == list->list.items ? "Taints:" : "", TEXT(*t, "key"), value.n ? "=" : "", STR_F(value), TEXT(*t, "effect"));
	}
}

static void put_lease_time(struct describe *d, const struct value *lease, const char *title, const char *path)
{
	struct str at = value_path_str(lease, path);
	describe_line(d, 1, "%s:\t%.*s", title, STR_F(at.n ? describe_time(d->c, at) : STR("<unset>")));
}

static void put_lease(struct describe *d)
{
	ERR(e);
	struct str path = str_printf(d->c->a, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/%.*s", TEXT(d->obj, "metadata.name"));
	struct value *lease = rest_get(d->c, path, &e);
	if (!lease) {
		describe_line(d, 0, "Lease:\tFailed to get lease: %s", err_text(&e));
		return;
	}
	struct str holder = value_path_str(lease, "spec.holderIdentity");
	describe_line(d, 0, "Lease:");
	describe_line(d, 1, "HolderIdentity:\t%.*s", STR_F(holder.n ? holder : STR("<unset>")));
	put_lease_time(d, lease, "AcquireTime", "spec.acquireTime");
	put_lease_time(d, lease, "RenewTime", "spec.renewTime");
}

static void put_amounts(struct describe *d, const char *title, const struct value *map)
{
	if (map_len(map))
		describe_line(d, 0, "%s:", title);
	EACH_MEMBER(m, map)
		describe_line(d, 1, "%.*s:\t%.*s", STR_F(m->key), STR_F(text_of(m->value)));
}

static void put_system(struct describe *d)
{
	static const char *const lines[][2] = {{"Machine ID", "machineID"}, {"System UUID", "systemUUID"}, {"Boot ID", "bootID"}, {"Kernel Version", "kernelVersion"},
		{"OS Image", "osImage"}, {"Operating System", "operatingSystem"}, {"Architecture", "architecture"}, {"Container Runtime Version", "containerRuntimeVersion"},
		{"Kubelet Version", "kubeletVersion"}};
	const struct value *info = value_path(d->obj, "status.nodeInfo"), *addresses = value_path(d->obj, "status.addresses");
	describe_line(d, 0, "Addresses:");
	EACH_ITEM(a, addresses)
		describe_line(d, 1, "%.*s:\t%.*s", TEXT(*a, "type"), TEXT(*a, "address"));
	put_amounts(d, "Capacity", value_path(d->obj, "status.capacity"));
	put_amounts(d, "Allocatable", value_path(d->obj, "status.allocatable"));
	describe_line(d, 0, "System Info:");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		describe_line(d, 1, "%s:\t%.*s", lines[i][0], TEXT(info, lines[i][1]));
}

static void put_spec(struct describe *d)
{
	BUF(b);
	const struct value *ranges = value_path(d->obj, "spec.podCIDRs");
	EACH_ITEM(x, ranges)
		buf_printf(&b, "%s%.*s", b.n ? "," : "", STR_F(text_of(*x)));
	if (value_path_str(d->obj, "spec.podCIDR").n)
		describe_line(d, 0, "PodCIDR:\t%.*s", TEXT(d->obj, "spec.podCIDR"));
	if (b.n)
		describe_line(d, 0, "PodCIDRs:\t%.*s", STR_F(buf_view(&b)));
	if (value_path_str(d->obj, "spec.providerID").n)
		describe_line(d, 0, "ProviderID:\t%.*s", TEXT(d->obj, "spec.providerID"));
}

/* ---- what runs there ---- */

struct load {
	struct describe *d;
	struct amounts room, requests, limits;
};

/* "250m (6%)" */
static struct str share(struct load *l, const char *resource, int64_t n)
{
	int64_t room = amounts_get(&l->room, str_of(resource));
	struct str text = amount_text(l->d->c->a, str_of(resource), n);
	return str_printf(l->d->c->a, "%.*s (%lld%%)", STR_F(text), room ? (long long)((double)n / (double)room * 100) : 0LL);
}

static void put_pod(struct load *l, const struct value *v)
{
	struct arena *a = l->d->c->a;
	struct core_v1_Pod *p = obj_new(a, desc_type(T_core_v1_Pod));
	ERR(e);
	if (obj_from_value(a, desc_type(T_core_v1_Pod), v, NULL, p, &e) < 0)
		return;
	struct amounts requests = pod_requests(a, &p->spec), limits = pod_limits(a, &p->spec);
	struct str cpu = share(l, "cpu", amounts_get(&requests, STR("cpu"))), cpu_max = share(l, "cpu", amounts_get(&limits, STR("cpu")));
	struct str memory = share(l, "memory", amounts_get(&requests, STR("memory"))), memory_max = share(l, "memory", amounts_get(&limits, STR("memory")));
	struct str age = ago_text(l->d->c, value_path_str(v, "metadata.creationTimestamp"));
	describe_line(l->d, 1, "%.*s\t%.*s\t\t%.*s\t%.*s\t%.*s\t%.*s\t%.*s", TEXT(v, "metadata.namespace"), TEXT(v, "metadata.name"), STR_F(cpu), STR_F(cpu_max), STR_F(memory),
		STR_F(memory_max), STR_F(age));
	amounts_add_all(a, &l->requests, &requests);
	amounts_add_all(a, &l->limits, &limits);
}

static void put_total(struct load *l, const char *resource)
{
	struct str requests = share(l, resource, amounts_get(&l->requests, str_of(resource))), limits = share(l, resource, amounts_get(&l->limits, str_of(resource)));
	describe_line(l->d, 1, "%s\t%.*s\t%.*s", resource, STR_F(requests), STR_F(limits));
}

/* Resources beyond the usual, as numbers; huge pages with shares. */
static void put_other_totals(struct load *l)
{
	LIST_EACH(x, l->room) {
		struct arena *a = l->d->c->a;
		bool huge = str_has_prefix(x->name, STR("hugepages-"));
		if (huge)
			put_total(l, str_z(a, x->name));
		else if (str_index(x->name, '/', 0) >= 0)
			describe_line(l->d, 1, "%.*s\t%.*s\t%.*s", STR_F(x->name), STR_F(amount_text(a, x->name, amounts_get(&l->requests, x->name))),
				STR_F(amount_text(a, x->name, amounts_get(&l->limits, x->name))));
	}
}

static struct amounts room_of(struct describe *d)
{
	const struct value *map = value_path(d->obj, "status.allocatable");
	struct amounts room = {0};
	if (!map_len(map))
		map = value_path(d->obj, "status.capacity");
	EACH_MEMBER(m, map)
		amounts_set(d->c->a, &room, m->key, amount_parse(m->key, text_of(m->value)));
	return room;
}

static int put_load(struct describe *d, struct err *e)
{
	struct load l = {.d = d, .room = room_of(d)};
	BUF(path);
	buf_lit(&path, "/api/v1/pods");
	query_add(&path, "fieldSelector",
		str_printf(d->c->a, "spec.nodeName=%.*s,status.phase!=Succeeded,status.phase!=Failed", TEXT(d->obj, "metadata.name")));
	struct value *list = rest_get(d->c, buf_view(&path), e);
	if (!list && !err_is(e, ERR_FORBIDDEN))
		return -1;
	if (!list) {
		err_fini(e);
		describe_line(d, 0, "Pods:\tnot authorized");
		return 0;
	}
	const struct value *items = value_get(list, STR("items"));
	describe_line(d, 0, "Non-terminated Pods:\t(%u in total)", list_len(items));
	describe_line(d, 1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
	describe_line(d, 1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
	EACH_ITEM(p, items)
		put_pod(&l, *p);
	describe_line(d, 0, "Allocated resources:");
	describe_line(d, 1, "(Total limits may be over 100 percent, i.e., overcommitted.)");
	describe_line(d, 1, "Resource\tRequests\tLimits");
	describe_line(d, 1, "--------\t--------\t------");
	put_total(&l, "cpu");
	put_total(&l, "memory");
	put_total(&l, "ephemeral-storage");
	put_other_totals(&l);
	return 0;
}

int describe_node(struct describe *d, struct err *e)
{
	const struct value *o = d->obj;
	describe_head(d);
	put_roles(d);
	describe_map(d, 0, "Labels", value_path(o, "metadata.labels"));
	describe_annotations(d, 0, value_path(o, "metadata.annotations"));
	describe_line(d, 0, "CreationTimestamp:\t%.*s", STR_F(describe_time(d->c, value_path_str(o, "metadata.creationTimestamp"))));
	put_taints(d);
	describe_line(d, 0, "Unschedulable:\t%s", is_true(value_path(o, "spec.unschedulable")) ? "true" : "false");
	put_lease(d);
	describe_conditions_seen(d, "LastHeartbeatTime", "lastHeartbeatTime");
	put_system(d);
	put_spec(d);
	return put_load(d, e) ? -1 : describe_events(d, e);
}
