/* One attempt every `retry`: to take the lease while another or nobody holds it, to renew it while we do. */
#include "client/elect.h"
#include "client/backoff.h"
#include "client/call.h"
#include "client/impl.h"
#include "gen/coordination_v1.h"
#include <errno.h>

#define ELECT_LEASE (15 * NS_S) /* as upstream's components */
#define ELECT_RENEW (10 * NS_S)
#define ELECT_RETRY (2 * NS_S)
#define ELECT_JITTER 120        /* percent, between attempts to acquire: upstream's JitterFactor 1.2 */

struct elect {
	struct transport *t;
	const struct resource *res;
	struct elect_opts opts;    /* strings in arena */
	struct arena *arena;
	/* What was last seen of the lease, and when it was first seen so. */
	struct arena *seen_arena;
	struct coordination_v1_Lease *seen;
	char *leader;
	mono_t seen_at;
	mono_t renewed;            /* our last success */
};

static nsec_t or_default(nsec_t v, nsec_t otherwise)
{
	return v ? v : otherwise;
}

struct elect *elect_new(struct transport *t, const struct elect_opts *o)
{
	struct elect *el = (struct elect *)alloc_zero(sizeof *el);
	*el = (struct elect){.t = t, .res = client_resource("coordination.k8s.io", "v1", "leases"), .arena = arena_new(NULL)};
	el->opts = (struct elect_opts){
		.ns = str_dup(el->arena, o->ns), .name = str_dup(el->arena, o->name), .identity = str_dup(el->arena, o->identity),
		.lease = or_default(o->lease, ELECT_LEASE), .renew = or_default(o->renew, ELECT_RENEW), .retry = or_default(o->retry, ELECT_RETRY),
	};
	return el;
}

void elect_free(struct elect *el)
{
	if (!el)
		return;
	arena_free(el->arena);
	arena_free(el->seen_arena);
	free(el);
}

const char *elect_leader(const struct elect *el)
{
	return el->leader ? el->leader : "";
}

/* ---- what is seen */

static bool same_record(const struct coordination_v1_LeaseSpec *a, const struct coordination_v1_LeaseSpec *b)
{
	return str_eq(a->holderIdentity, b->holderIdentity) && a->leaseDurationSeconds == b->leaseDurationSeconds &&
		a->leaseTransitions == b->leaseTransitions && api_time_wall(a->renewTime) == api_time_wall(b->renewTime) &&
		api_time_wall(a->acquireTime) == api_time_wall(b->acquireTime);
}

/* Takes over the arena that lease lies in. */
static void see(struct elect *el, struct arena *a, struct coordination_v1_Lease *lease)
{
	if (!el->seen || !same_record(&el->seen->spec, &lease->spec))
		el->seen_at = rt_now();
	arena_free(el->seen_arena);
	el->seen_arena = a;
	el->seen = lease;
	el->leader = str_z(a, lease->spec.holderIdentity);
}

static bool ours(const struct elect *el)
{
	return el->seen && str_eq(el->seen->spec.holderIdentity, el->opts.identity);
}

static bool anothers(const struct elect *el)
{
	const struct coordination_v1_LeaseSpec *s = &el->seen->spec;
	return s->holderIdentity.n && !ours(el) && rt_now() < el->seen_at + s->leaseDurationSeconds * NS_S;
}

/* ---- writing */

static struct api_time now_time(void)
{
	struct api_time t = api_time_of(rt_wall());
	t.nsec -= t.nsec % (int32_t)NS_US; /* MicroTime keeps no more: what comes back must compare equal */
	return t;
}

static void claim(const struct elect *el, struct coordination_v1_LeaseSpec *s)
{
	bool renews = str_eq(s->holderIdentity, el->opts.identity);
	struct api_time now = now_time();
	if (!renews) {
		s->acquireTime = now;
		s->leaseTransitions += s->has_leaseTransitions;
	}
	s->holderIdentity = el->opts.identity;
	s->leaseDurationSeconds = (int32_t)(el->opts.lease / NS_S);
	s->renewTime = now;
	s->has_leaseDurationSeconds = s->has_renewTime = s->has_acquireTime = s->has_leaseTransitions = true;
}

/* A call that hangs longer than `renew` cannot help any more. */
static struct coordination_v1_Lease *lease_call(struct elect *el, struct arena *a, enum verb verb, struct coordination_v1_Lease *body, struct err *e)
{
	struct call c = {.verb = verb, .res = el->res, .ns = el->opts.ns, .name = verb == VERB_CREATE ? (struct str){0} : el->opts.name};
	c.timeout_s = (el->opts.renew + NS_S - 1) / NS_S;
	if (body)
		c.body = (struct ref){desc_type(el->res->type), body};
	return (struct coordination_v1_Lease *)client_call(el->t, a, &c, e);
}

static int written(struct elect *el, struct arena *a, struct coordination_v1_Lease *lease)
{
	if (!lease) {
		arena_free(a);
		return -1;
	}
	see(el, a, lease);
	el->renewed = rt_now();
	return 0;
}

static int create_lease(struct elect *el, struct err *e)
{
	struct arena *a = arena_new(NULL);
	struct coordination_v1_Lease *l = obj_make(a, coordination_v1_Lease);
	l->metadata.name = el->opts.name;
	l->metadata.namespace = el->opts.ns;
	claim(el, &l->spec);
	return written(el, a, lease_call(el, a, VERB_CREATE, l, e));
}

/* Writes the lease as it was last seen, claimed: fails with a conflict when it has changed since. */
static int update_lease(struct elect *el, struct err *e)
{
	struct arena *a = arena_new(NULL);
	struct coordination_v1_Lease l = *el->seen;
	claim(el, &l.spec);
	return written(el, a, lease_call(el, a, VERB_UPDATE, &l, e));
}

static int read_lease(struct elect *el, struct err *e)
{
	struct arena *a = arena_new(NULL);
	struct coordination_v1_Lease *l = lease_call(el, a, VERB_GET, NULL, e);
	if (!l) {
		arena_free(a);
		return -1;
	}
	see(el, a, l);
	return 0;
}

/* One attempt to take or renew: 0, 1 when another holds the lease, -1. */
static int attempt(struct elect *el, struct err *e)
{
	ERR(why);
	if (ours(el) && rt_now() < el->renewed + el->opts.lease && update_lease(el, &why) == 0)
		return 0;
	err_fini(&why);
	if (read_lease(el, &why) < 0) {
		if (err_is(&why, ERR_NOT_FOUND))
			return create_lease(el, e);
		return err_pass(e, &why);
	}
	return anothers(el) ? 1 : update_lease(el, e);
}

int elect_acquire(struct elect *el)
{
	for (;;) {
		ERR(e);
		int r = attempt(el, &e);
		if (r == 0)
			return 0;
		if (r < 0 && !fiber_cancelled())
			log_error("lease %.*s/%.*s: %s", STR_F(el->opts.ns), STR_F(el->opts.name), err_text(&e));
		if (fiber_sleep(backoff_jitter(el->opts.retry, ELECT_JITTER)) < 0)
			return -ECANCELED;
	}
}

int elect_hold(struct elect *el)
{
	for (;;) {
		ERR(e);
		if (fiber_sleep(el->opts.retry) < 0)
			return -ECANCELED;
		int r = attempt(el, &e);
		if (r == 1)
			return -ETIME;
		if (r < 0 && fiber_cancelled())
			return -ECANCELED;
		if (r < 0)
			log_error("lease %.*s/%.*s: %s", STR_F(el->opts.ns), STR_F(el->opts.name), err_text(&e));
		if (rt_now() - el->renewed >= el->opts.renew)
			return -ETIME;
	}
}

void elect_release(struct elect *el)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (!ours(el))
		return;
	struct coordination_v1_Lease l = *el->seen;
	l.spec.holderIdentity = STR("");
	l.spec.leaseDurationSeconds = 1;
	l.spec.renewTime = l.spec.acquireTime = now_time();
	ERR(e);
	if (!lease_call(el, a, VERB_UPDATE, &l, &e))
		log_error("lease %.*s/%.*s: releasing: %s", STR_F(el->opts.ns), STR_F(el->opts.name), err_text(&e));
}
