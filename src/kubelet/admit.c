/* Pods that the node refuses: no room, taken ports, wrong node, forbidden sysctls.  What ran before is never refused again. */
#include "kubelet/admit.h"
#include "api/node.h"
#include <stdio.h>

static void refuse(struct pod *p, const char *reason, const char *event_reason, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void refuse(struct pod *p, const char *reason, const char *event_reason, const char *fmt, ...)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	va_list ap;
	va_start(ap, fmt);
	struct str text = str_vprintf(a, fmt, ap);
	va_end(ap);
	p->failed = p->rejected = true;
	p->fail_reason = str_of(reason);
	p->fail_message = str_printf(p->mem, "Pod was rejected: %.*s", STR_F(text));
	pod_event(p, STR(""), "Warning", event_reason, "%.*s", STR_F(text));
}

/* ---- room */
static int64_t allocatable(const struct kubelet *k, struct arena *a, struct str name)
{
	struct core_v1_NodeStatus *st = node_status((struct kubelet *)k, a, NULL);
	struct amounts v = amounts_of(a, &st->allocatable);
	return amounts_get(&v, name);
}

static bool holds(const struct pod *o) { return !o->over && !o->failed && !o->stopped && !o->gone; }

static int64_t used_by_others(const struct pod *p, struct arena *a, struct str name)
{
	struct map_entry *en;
	int64_t sum = 0;
	for (size_t i = 0; (en = map_next(&p->k->pods, &i));) {
		struct pod *o = en->value;
		if (o == p || !holds(o))
			continue;
		struct amounts r = pod_requests(a, &o->spec->pod->spec);
		sum += str_is(name, "pods") ? 1 : amounts_get(&r, name);
	}
	return sum;
}

static bool fits(struct pod *p, struct arena *a, const char *resource)
{
	char reason[32];
	struct str name = str_of(resource);
	struct amounts r = pod_requests(a, &p->spec->pod->spec);
	int64_t want = str_is(name, "pods") ? 1 : amounts_get(&r, name), room = allocatable(p->k, a, name), used = used_by_others(p, a, name);
	if (!want || want <= room - used)
		return true;
	snprintf(reason, sizeof reason, "OutOf%s", resource);
	refuse(p, str_z(p->mem, str_of(reason)), str_z(p->mem, str_of(reason)), "Node didn't have enough resource: %s, requested: %lld, used: %lld, capacity: %lld", resource,
		(long long)want, (long long)used, (long long)room);
	return false;
}

/* ---- ports of the host */
static struct str protocol(const struct core_v1_ContainerPort *x) { return x->protocol.n ? x->protocol : STR("TCP"); }
static bool any_ip(struct str ip) { return !ip.n || str_is(ip, "0.0.0.0") || str_is(ip, "::"); }

static bool clash(const struct core_v1_ContainerPort *x, const struct core_v1_ContainerPort *y)
{
	return x->hostPort > 0 && x->hostPort == y->hostPort && str_eq(protocol(x), protocol(y)) && (any_ip(x->hostIP) || any_ip(y->hostIP) || str_eq(x->hostIP, y->hostIP));
}

typedef LIST(const struct core_v1_ContainerPort *) port_list;

static port_list host_ports(struct arena *a, const struct core_v1_Pod *o)
{
	port_list l = {0};
	EACH_INIT(c, o)
		if (container_is_sidecar(c))
			LIST_EACH(x, c->ports)
				*arena_push(a, &l) = x;
	EACH_MAIN(c, o)
		LIST_EACH(x, c->ports)
			*arena_push(a, &l) = x;
	return l;
}

static bool clashes(struct arena *a, const port_list *mine, const struct core_v1_Pod *o)
{
	port_list theirs = host_ports(a, o);
	LIST_EACH(x, *mine)
		LIST_EACH(y, theirs)
			if (clash(*x, *y))
				return true;
	return false;
}

static bool ports_free(struct pod *p, struct arena *a)
{
	struct map_entry *en;
	port_list mine = host_ports(a, p->spec->pod);
	for (size_t i = 0; (en = map_next(&p->k->pods, &i));) {
		const struct pod *o = en->value;
		if (o == p || !holds(o) || !clashes(a, &mine, o->spec->pod))
			continue;
		refuse(p, "NodePorts", "NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
		return false;
	}
	return true;
}

/* ---- the right node */
static bool right_node(struct pod *p, struct arena *a)
{
	struct core_v1_Node *n = arena_make(a, struct core_v1_Node);
	n->metadata.name = p->k->o.node_name;
	node_labels(p->k, a, &n->metadata.labels);
	LIST_EACH(l, p->k->node_labels_seen)
		str_map_set(a, &n->metadata.labels, l->key, l->value);
	if (node_fits_affinity(&p->spec->pod->spec, n))
		return true;
	refuse(p, "NodeAffinity", "NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
	return false;
}

/* ---- sysctls */
bool admit_sysctl_safe(struct str name)
{
	static const char *const safe[] = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
		"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
		"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"};
	for (size_t i = 0; i < ARRAY_LEN(safe); i++)
		if (str_is(name, safe[i]))
			return true;
	return false;
}

static bool sysctl_allowed(const struct kubelet *k, struct str name)
{
	if (admit_sysctl_safe(name))
		return true;
	LIST_EACH(x, k->cfg->allowedUnsafeSysctls)
		if (str_matches(name, *x))
			return true;
	return false;
}

static bool sysctls(struct pod *p)
{
	const struct core_v1_PodSecurityContext *sc = p->spec->pod->spec.securityContext;
	if (sc)
		LIST_EACH(s, sc->sysctls)
			if (!sysctl_allowed(p->k, s->name)) {
				refuse(p, "SysctlForbidden", "SysctlForbidden", "forbidden sysctl: \"%.*s\" not allowlisted", STR_F(s->name));
				return false;
			}
	return true;
}

void admit(struct pod *p)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (p->admitted || p->view->sandboxes.len || p->over || p->deleting || p->is_static) {
		p->admitted = true;
		return;
	}
	p->admitted = fits(p, a, "pods") && fits(p, a, "cpu") && fits(p, a, "memory") && ports_free(p, a) && right_node(p, a) && sysctls(p);
}
