#include "proxy/proxy.h"
#include "base/log.h"
#include "proxy/model.h"
#include "schema/metric.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>

#define RETRY_MIN NS_S
#define BATCH_SERVICES 500

struct proxy {
	struct proxy_opts opts;         /* strings and lists point into mem, or were replaced by own_* */
	struct arena *mem;
	char *own_zone;
	struct net_ip *own_cidrs;
	struct model model;
	struct nft_refs refs[PROXY_FAMILIES];
	struct nft_part *frames[PROXY_FAMILIES]; /* applied */
	bool full;                      /* write the tables anew */
	bool frame_changed, synced;
	struct cond wake;
	mono_t pending_since;           /* MONO_NEVER: nothing */
	struct changes { double *total, *pending; } service_changes, endpoint_changes; /* NULL: not counted */
	struct proxy_status status;
};

static const int families[PROXY_FAMILIES] = {NFPROTO_IPV4, NFPROTO_IPV6};

static const struct net_ip *copy_ips(struct arena *a, const struct net_ip *ips, size_t n)
{
	struct net_ip *to = arena_array(a, struct net_ip, n + 1);
	if (to && n)
		memcpy(to, ips, n * sizeof *ips);
	return to;
}

struct proxy *proxy_new(const struct proxy_opts *o, struct err *e)
{
	if (!o->node_ips[PROXY_V4].family && !o->node_ips[PROXY_V6].family)
		return err_set(e, ERR_BAD_REQUEST, "the proxy needs a node address"), NULL;
	struct proxy *p = calloc(1, sizeof *p);
	if (!p)
		return err_nomem(e, sizeof *p), NULL;
	p->opts = *o;
	p->mem = arena_new(NULL);
	p->opts.node_name = str_dup(p->mem, o->node_name);
	p->opts.zone = str_dup(p->mem, o->zone);
	p->opts.local_interface = str_dup(p->mem, o->local_interface);
	p->opts.service_cidrs = copy_ips(p->mem, o->service_cidrs, o->nservice_cidrs);
	p->opts.nodeport_cidrs = copy_ips(p->mem, o->nodeport_cidrs, o->nnodeport_cidrs);
	p->full = true;
	p->pending_since = MONO_NEVER;
	model_init(&p->model);
	p->model.node_name = p->opts.node_name;
	cond_init(&p->wake);
	p->service_changes.total = metric_counter(o->metrics, M_kubeproxy_sync_proxy_rules_service_changes_total, NULL);
	p->service_changes.pending = metric_counter(o->metrics, M_kubeproxy_sync_proxy_rules_service_changes_pending, NULL);
	p->endpoint_changes.total = metric_counter(o->metrics, M_kubeproxy_sync_proxy_rules_endpoint_changes_total, NULL);
	p->endpoint_changes.pending = metric_counter(o->metrics, M_kubeproxy_sync_proxy_rules_endpoint_changes_pending, NULL);
	return p;
}

static void forget_applied(struct proxy *p)
{
	struct map_entry *m;
	for (int f = 0; f < PROXY_FAMILIES; f++) {
		nft_refs_fini(&p->refs[f]);
		free(STEAL(p->frames[f]));
	}
	for (size_t i = 0; (m = map_next(&p->model.svcs, &i));) {
		struct svc *s = m->value;
		for (int f = 0; f < PROXY_FAMILIES; f++)
			free(STEAL(s->applied[f]));
		model_mark(&p->model, s);
	}
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	forget_applied(p);
	model_fini(&p->model);
	free(p->own_zone);
	free(p->own_cidrs);
	arena_free(p->mem);
	free(p);
}

/* ---- counting: both families are written together, so each is said to take all of the time ---- */

static const char *const family_names[PROXY_FAMILIES] = {"IPv4", "IPv6"};

static void put_time(struct proxy *p, enum metric m)
{
	for (int f = 0; f < PROXY_FAMILIES; f++)
		if (p->opts.node_ips[f].family)
			metric_put(p->opts.metrics, m, LABELS(str_of(family_names[f])), (double)rt_wall() / NS_S);
}

static void measure_sync(struct proxy *p, bool full, bool failed, nsec_t took)
{
	struct metric_set *m = p->opts.metrics;
	for (int f = 0; f < PROXY_FAMILIES; f++) {
		const struct str *family = LABELS(str_of(family_names[f]));
		if (!p->opts.node_ips[f].family)
			continue;
		metric_observe(metric_histogram(m, M_kubeproxy_sync_proxy_rules_duration_seconds, family), (double)took / NS_S);
		metric_observe(metric_histogram(m, full ? M_kubeproxy_sync_full_proxy_rules_duration_seconds : M_kubeproxy_sync_partial_proxy_rules_duration_seconds, family),
			(double)took / NS_S);
		metric_add(metric_counter(m, M_kubeproxy_sync_proxy_rules_nftables_sync_failures_total, family), failed);
	}
	if (!failed)
		put_time(p, M_kubeproxy_sync_proxy_rules_last_timestamp_seconds);
}

static void forget_pending(struct proxy *p)
{
	if (p->opts.metrics)
		*p->service_changes.pending = *p->endpoint_changes.pending = 0;
}

/* Something is to be programmed. */
static void touched(struct proxy *p)
{
	put_time(p, M_kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds);
	if (p->pending_since == MONO_NEVER)
		p->pending_since = rt_now();
	cond_wake_all(&p->wake);
}

static void changed(struct proxy *p, const struct changes *c)
{
	metric_add(c->total, 1);
	metric_add(c->pending, 1);
	touched(p);
}

void proxy_service_set(struct proxy *p, const struct core_v1_Service *s)
{
	model_set_service(&p->model, s);
	changed(p, &p->service_changes);
}

void proxy_service_delete(struct proxy *p, struct str ns, struct str name)
{
	model_delete_service(&p->model, ns, name);
	changed(p, &p->service_changes);
}

void proxy_slice_set(struct proxy *p, const struct discovery_v1_EndpointSlice *s)
{
	model_set_slice(&p->model, s);
	changed(p, &p->endpoint_changes);
}

void proxy_slice_delete(struct proxy *p, struct str ns, struct str name)
{
	model_delete_slice(&p->model, ns, name);
	changed(p, &p->endpoint_changes);
}

void proxy_set_synced(struct proxy *p)
{
	p->synced = p->status.synced = true;
	touched(p);
}

static void mark_all(struct proxy *p)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&p->model.svcs, &i));)
		model_mark(&p->model, m->value);
	p->frame_changed = true;
	touched(p);
}

void proxy_set_zone(struct proxy *p, struct str zone)
{
	if (str_eq(zone, p->opts.zone))
		return;
	char *z = malloc(zone.n + 1);
	if (!z)
		bug("out of memory for a zone");
	memcpy(z, zone.n ? zone.p : "", zone.n);
	free(p->own_zone);
	p->own_zone = z;
	p->opts.zone = str_n(z, zone.n);
	mark_all(p);
}

void proxy_set_node_ips(struct proxy *p, const struct net_ip ips[PROXY_FAMILIES])
{
	/* A family that was not served from the start stays so: its table may be somebody else's. */
	for (int f = 0; f < PROXY_FAMILIES; f++)
		if (ips[f].family && p->opts.node_ips[f].family)
			p->opts.node_ips[f] = ips[f];
	p->frame_changed = true;
	touched(p);
}

void proxy_set_service_cidrs(struct proxy *p, const struct net_ip *cidrs, size_t n)
{
	struct net_ip *own = calloc(n + 1, sizeof *own);
	if (!own)
		bug("out of memory for service networks");
	if (n)
		memcpy(own, cidrs, n * sizeof *own);
	free(p->own_cidrs);
	p->opts.service_cidrs = p->own_cidrs = own;
	p->opts.nservice_cidrs = n;
	p->frame_changed = true;
	touched(p);
}

/* ---- what is to be there ---- */

struct ips { struct net_ip *items; uint32_t len, cap; };

static void push_ip(struct arena *a, struct ips *l, const struct net_ip *ip, uint8_t family)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (net_ip_eq(&l->items[i], ip))
			return;
	struct net_ip *slot = ip->family == family ? arena_push(a, l) : NULL;
	if (slot) {
		*slot = *ip;
		slot->prefix = family == AF_INET ? 32 : 128;
	}
}

/* The node's addresses within one of the networks. */
static int addresses_in(struct arena *a, const struct proxy_opts *o, uint8_t family, struct ips *ret, struct err *e)
{
	struct net_addr_list addrs;
	if (net_addrs(a, &addrs, e))
		return -1;
	for (uint32_t i = 0; i < addrs.len; i++)
		for (size_t k = 0; k < o->nnodeport_cidrs; k++)
			if (net_contains(&o->nodeport_cidrs[k], &addrs.items[i].ip))
				push_ip(a, ret, &addrs.items[i].ip, family);
	return 0;
}

/* A family without a network of its own answers everywhere, as upstream has it. */
static bool answers_everywhere(const struct proxy_opts *o, uint8_t family)
{
	bool some = false, all = false;
	for (size_t i = 0; i < o->nnodeport_cidrs; i++) {
		some |= o->nodeport_cidrs[i].family == family;
		all |= o->nodeport_cidrs[i].family == family && o->nodeport_cidrs[i].prefix == 0;
	}
	return o->nnodeport_cidrs && (all || !some);
}

static int make_frame(struct arena *a, const struct proxy_opts *o, int f, struct frame *ret, struct err *e)
{
	uint8_t family = f == PROXY_V6 ? AF_INET6 : AF_INET;
	struct ips ips = {0};
	*ret = (struct frame){.family = families[f], .opts = o, .nodeport_all = answers_everywhere(o, family)};
	if (!o->nnodeport_cidrs)
		push_ip(a, &ips, &o->node_ips[f], family);
	else if (!ret->nodeport_all && addresses_in(a, o, family, &ips, e))
		return -1;
	ret->nodeport_ips = ips.items;
	ret->nnodeport_ips = ips.len;
	return 0;
}

void proxy_text(const struct proxy *p, int family, struct buf *out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int f = family == AF_INET6 ? PROXY_V6 : PROXY_V4;
	struct nft_part *parts = arena_array(a, struct nft_part, p->model.svcs.n + 1);
	const struct nft_part **list = arena_array(a, const struct nft_part *, p->model.svcs.n + 1);
	struct frame frame;
	struct nft_table table;
	struct map_entry *m;
	size_t n = 0;
	if (!p->opts.node_ips[f].family || !parts || !list || make_frame(a, &p->opts, f, &frame, NULL))
		return;
	nftables_frame(a, &frame, &parts[n]);
	list[n] = &parts[n];
	n++;
	for (size_t i = 0; (m = map_next(&p->model.svcs, &i)); n++) {
		nftables_svc(a, &frame, m->value, &parts[n]);
		list[n] = &parts[n];
	}
	nftables_table(&table, families[f]);
	nft_table_text(out, &table, list, n);
}

/* ---- from what is there to what is to be there ---- */

/* A change under way: a Service's rules of one family, or (svc NULL) the frame. */
struct change { struct svc *svc; int family; struct nft_part *old, *cur; };
struct sync {
	struct proxy *p;
	struct svc **svcs;              /* taken off the dirty list; busy until the end */
	size_t nsvcs;
	struct change *changes;
	size_t nchanges;
	bool full;
};

/* The model may change while the kernel is asked: Services that are being programmed stay, and what comes meanwhile is dirty again. */
static int take_dirty(struct sync *y)
{
	struct model *m = &y->p->model;
	struct list *n;
	y->svcs = calloc(m->svcs.n + 1, sizeof *y->svcs);
	y->changes = calloc(PROXY_FAMILIES * (m->svcs.n + 1), sizeof *y->changes);
	if (!y->svcs || !y->changes)
		return -ENOMEM;
	while ((n = list_pop(&m->dirty))) {
		struct svc *s = list_entry(n, struct svc, dirty);
		s->busy = true;
		y->svcs[y->nsvcs++] = s;
	}
	return 0;
}

static void breathe(void)
{
	if (fiber_self())
		(void)!rt_breathe();
}

static struct nft_part *render(const struct frame *f, const struct svc *s)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct nft_part part;
	nftables_svc(a, f, s, &part);
	return part.elems.len ? nft_part_copy(&part) : NULL;
}

/* Renders one family's changes. */
static int gather(struct sync *y, int f, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct frame frame;
	struct nft_part part;
	if (make_frame(a, &y->p->opts, f, &frame, e))
		return -1;
	nftables_frame(a, &frame, &part);
	y->changes[y->nchanges++] = (struct change){NULL, f, y->p->frames[f], nft_part_copy(&part)};
	for (size_t i = 0; i < y->nsvcs; i++) {
		struct svc *s = y->svcs[i];
		struct change c = {s, f, s->applied[f], render(&frame, s)};
		if (c.old || c.cur)
			y->changes[y->nchanges++] = c;
		breathe();
	}
	return 0;
}

/* Changes [from, to) as one batch. */
static void encode(struct sync *y, struct nft_batch *b, size_t from, size_t to)
{
	struct nft_table table;
	for (int end = 0; end < 2; end++)
		for (size_t i = from; i < to; i++) {
			struct change *c = &y->changes[i];
			nftables_table(&table, families[c->family]);
			if (y->full && !c->svc && !end)
				nft_batch_reset_table(b, &table);
			(end ? nft_batch_end : nft_batch_begin)(b, &table, &y->p->refs[c->family], c->old, c->cur);
			breathe();
		}
}

static int send_range(struct sync *y, size_t from, size_t to, struct err *e)
{
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	CLEANUP(plan_free) struct plan *plan = plan_new();
	struct str bytes;
	encode(y, b, from, to);
	if (!nft_batch_len(b))
		return 0;
	if (nft_batch_bytes(b, &bytes, e))
		return -1;
	plan_nft(plan, bytes);
	y->p->status.messages += nft_batch_len(b);
	return helper_run(y->p->opts.helper, plan, NULL, e);
}

/* What the kernel took is the new picture; after a failure nobody knows, and the next sync begins afresh. */
static void settle(struct sync *y, bool ok)
{
	for (size_t i = 0; i < y->nchanges; i++) {
		struct change *c = &y->changes[i];
		struct nft_part **slot = c->svc ? &c->svc->applied[c->family] : &y->p->frames[c->family];
		free(ok ? c->old : c->cur);
		*slot = ok ? c->cur : c->old;
	}
	for (size_t i = 0; i < y->nsvcs; i++) {
		struct svc *s = y->svcs[i];
		s->busy = false;
		if (!ok)
			model_mark(&y->p->model, s);
		model_reap(&y->p->model, s);
	}
}

/* The kernel's work on a batch grows with the square of the sets it brings, so very many Services come in several. */
static int program(struct sync *y, struct err *e)
{
	for (int f = 0; f < PROXY_FAMILIES; f++)
		if (y->p->opts.node_ips[f].family && gather(y, f, e))
			return -1;
	for (size_t i = 0; i < y->nchanges; i += BATCH_SERVICES)
		if (send_range(y, i, i + BATCH_SERVICES < y->nchanges ? i + BATCH_SERVICES : y->nchanges, e))
			return -1;
	return 0;
}

static void count_sync(struct proxy *p, mono_t began, mono_t pending, int r)
{
	p->status.last_duration = rt_now_exact() - began;
	if (r) {
		p->status.failures++;
		p->full = true;
		if (p->pending_since == MONO_NEVER || pending < p->pending_since)
			p->pending_since = pending == MONO_NEVER ? began : pending;
		return;
	}
	p->status.syncs++;
	p->status.last_sync = began;
	p->status.last_sync_wall = rt_wall();
}

int proxy_sync(struct proxy *p, struct err *e)
{
	struct sync y = {.p = p, .full = p->full};
	mono_t began = rt_now_exact(), pending = p->pending_since;
	if (p->full)
		forget_applied(p);
	p->full = p->frame_changed = false;
	forget_pending(p);
	p->pending_since = MONO_NEVER;
	int r = take_dirty(&y) ? err_nomem(e, 0) : program(&y, e);
	settle(&y, r == 0);
	if (!r && p->opts.open_forward && forward_open(&p->opts, e))
		r = -1;
	count_sync(p, began, pending, r);
	measure_sync(p, y.full, r, p->status.last_duration);
	free(y.svcs);
	free(y.changes);
	return r ? err_wrap(e, "program the Services") : 0;
}

/* ---- the fiber ---- */

static nsec_t or_default(nsec_t v, nsec_t def)
{
	return v ? v : def;
}

/* Until there is work; changes that come together are gathered. */
static int wait_for_work(struct proxy *p, mono_t not_before)
{
	mono_t resync = p->status.last_sync + or_default(p->opts.resync, PROXY_RESYNC);
	for (;;) {
		mono_t now = rt_now(), wanted = p->pending_since != MONO_NEVER ? p->pending_since : resync;
		mono_t at = wanted > not_before ? wanted : not_before;
		if (p->synced && at <= now)
			return 0;
		int r = cond_wait(&p->wake, p->synced ? at : MONO_NEVER);
		if (r && r != -ETIME)
			return r;
	}
}

int proxy_run(struct proxy *p)
{
	nsec_t retry = RETRY_MIN;
	mono_t not_before = 0;
	for (;;) {
		int r = wait_for_work(p, not_before);
		if (r)
			return r;
		ERR(e);
		if (proxy_sync(p, &e)) {
			log_error("%s", err_text(&e));
			not_before = rt_now() + retry;
			retry = retry * 2 < PROXY_RESYNC ? retry * 2 : PROXY_RESYNC;
			continue;
		}
		retry = RETRY_MIN;
		not_before = rt_now() + or_default(p->opts.min_sync, PROXY_MIN_SYNC);
		if (fiber_cancelled())
			return -ECANCELED;
	}
}

/* ---- what others want to know ---- */

void proxy_status(const struct proxy *p, struct proxy_status *ret)
{
	struct map_entry *m;
	*ret = p->status;
	ret->oldest_pending = p->pending_since;
	ret->slices = p->model.slices.n;
	ret->endpoints = p->model.nendpoints;
	ret->services = 0;
	for (size_t i = 0; (m = map_next(&p->model.svcs, &i));)
		ret->services += ((struct svc *)m->value)->spec != NULL;
}

bool proxy_healthy(const struct proxy *p)
{
	return p->pending_since == MONO_NEVER || rt_now() - p->pending_since < 2 * or_default(p->opts.resync, PROXY_RESYNC);
}

void proxy_health_each(const struct proxy *p, void (*fn)(void *, struct str, struct str, uint16_t, uint32_t), void *arg)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&p->model.svcs, &i));) {
		const struct svc *s = m->value;
		if (s->spec && s->spec->health_port)
			fn(arg, s->ns, s->name, s->spec->health_port, svc_local_endpoints(s));
	}
}

uint64_t proxy_health_generation(const struct proxy *p)
{
	return p->model.health_generation;
}

int proxy_cleanup(struct helper *h, struct err *e)
{
	CLEANUP(nft_batch_free) struct nft_batch *b = nft_batch_new();
	CLEANUP(plan_free) struct plan *plan = plan_new();
	struct nft_table table;
	struct str bytes;
	for (int f = 0; f < PROXY_FAMILIES; f++) {
		nftables_table(&table, families[f]);
		nft_batch_delete_table(b, &table);
	}
	if (nft_batch_bytes(b, &bytes, e))
		return -1;
	plan_nft(plan, bytes);
	return helper_run(h, plan, NULL, e) || forward_close(h, e) ? -1 : 0;
}
