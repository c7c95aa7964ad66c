/* The simulated runtime: loops take turns on one thread, and the clock jumps to the next thing that is due.
 *
 * All randomness comes from the seed by three generators, so that a program that asks for one more random number does not change the order
 * of events, nor a test's own faults.  Nothing depends on addresses: loops are kept in the order of their making. */
#include "rt/impl.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/rand.h"
#include <errno.h>
#include <stdlib.h>

#define WALL_START (INT64_C(1767225600) * NS_S) /* 2026-01-01T00:00:00Z */
#define BUSY_TURN NS_US /* what a turn costs that leaves ready fibers behind: polling loops see time go by */
#define BREATHS 8       /* one rt_breathe in so many yields */
#define PICK_AMONG 16   /* the next fiber is one of so many first ready ones; keeps a step cheap */

struct sim {
	struct rt *rt;
	struct prng order, values, faults;
	mono_t now;
	wall_t wall; /* at virtual time 0 */
	nsec_t post_delay_max, job_delay_max;
	struct list loops;
	uint64_t trace;
	bool running;
};

/* When the last post of a sender arrives: later ones must not overtake it. */
struct sender {
	uint32_t loop;
	mono_t at;
};
struct sim_loop {
	struct list node;
	struct loop *loop;
	struct heap parcels;
	struct sender *senders;
	uint32_t nsenders;
};
struct parcel {
	struct heap_node node;
	struct post *post;
};

/* The simulator has no use for running out of memory. */
static void *must(void *p)
{
	invariant(p);
	return p;
}

static void fold(struct sim *s, uint64_t v)
{
	s->trace = (s->trace ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	s->trace ^= s->trace >> 29;
}

static void trace_step(struct loop *l, const char *what, uint64_t v)
{
	fold(l->rt->sim, l->id);
	sim_trace(l->rt, what, v);
}

static mono_t sim_now(struct rt *rt)
{
	return rt->sim->now;
}

static wall_t sim_wall(struct rt *rt)
{
	return rt->sim->wall + rt->sim->now;
}

static void sim_bytes(struct rt *rt, void *p, size_t n)
{
	for (char *to = p; n;) {
		uint64_t v = prng_next(&rt->sim->values);
		size_t part = n < sizeof v ? n : sizeof v;
		memcpy(to, &v, part);
		to += part;
		n -= part;
	}
}

static int sim_open(struct loop *l)
{
	struct sim_loop *m = calloc(1, sizeof *m);
	if (!m)
		return -ENOMEM;
	m->loop = l;
	l->sim = m;
	list_push(&l->rt->sim->loops, &m->node);
	return 0;
}

static void sim_close(struct loop *l)
{
	struct heap_node *n;
	while ((n = heap_min(&l->sim->parcels))) {
		heap_remove(&l->sim->parcels, n);
		free(container_of(n, struct parcel, node));
	}
	heap_fini(&l->sim->parcels);
	list_remove(&l->sim->node);
	free(l->sim->senders);
	free(l->sim);
}

static struct sender *sender_of(struct sim_loop *m, uint32_t loop)
{
	for (uint32_t i = 0; i < m->nsenders; i++)
		if (m->senders[i].loop == loop)
			return &m->senders[i];
	m->senders = must(reallocarray(m->senders, m->nsenders + 1, sizeof *m->senders));
	m->senders[m->nsenders] = (struct sender){.loop = loop};
	return &m->senders[m->nsenders++];
}

static mono_t arrival(struct sim *s, struct loop *from, struct loop *to)
{
	bool far = from && from != to && s->post_delay_max > 0;
	mono_t at = s->now + (far ? (nsec_t)prng_below(&s->order, (uint64_t)s->post_delay_max + 1) : 0);
	struct sender *k = sender_of(to->sim, from ? from->id : 0);
	k->at = at > k->at ? at : k->at;
	return k->at;
}

static void sim_post(struct loop *to, struct post *p)
{
	struct parcel *c = must(calloc(1, sizeof *c));
	c->post = p;
	heap_set(&to->sim->parcels, &c->node, arrival(to->rt->sim, loop_self(), to));
}

static mono_t next_parcel(const struct loop *l)
{
	struct heap_node *n = heap_min(&l->sim->parcels);
	return n ? n->key : MONO_NEVER;
}

static struct post *sim_take(struct loop *l)
{
	struct post *first = NULL, **end = &first;
	while (next_parcel(l) <= l->now) {
		struct parcel *c = container_of(heap_min(&l->sim->parcels), struct parcel, node);
		heap_remove(&l->sim->parcels, &c->node);
		*end = c->post;
		end = &c->post->next;
		free(c);
	}
	*end = NULL;
	return first;
}

static bool sim_inbox_empty(struct loop *l)
{
	return !l->sim->parcels.n;
}

static struct list *sim_pick(struct loop *l)
{
	uint64_t n = 0;
	for (struct list *at = l->ready.next; at != &l->ready && n < PICK_AMONG; at = at->next)
		n++;
	struct list *taken = l->ready.next;
	for (uint64_t k = prng_below(&l->rt->sim->order, n); k; k--)
		taken = taken->next;
	list_remove(taken);
	return taken;
}

static bool sim_slice_over(struct loop *l)
{
	return prng_below(&l->rt->sim->order, BREATHS) == 0;
}

/* The heap orders equal times by this number. */
static void sim_tie(struct loop *l)
{
	l->timers.seq = prng_next(&l->rt->sim->order) >> 1;
}

static void sim_job(struct rt *rt, void (*fn)(void *), void *arg)
{
	struct sim *s = rt->sim;
	nsec_t delay = s->job_delay_max > 0 ? (nsec_t)prng_below(&s->order, (uint64_t)s->job_delay_max + 1) : 0;
	int r = fiber_park(NULL, s->now + delay, PARK_FIRM);
	invariant(r == -ETIME);
	rt_on_loop_stack(fn, arg); /* as roomy as a thread's */
}

static bool loop_is_over(void *arg)
{
	return loop_ended(arg);
}

static void sim_loop_run(struct loop *l)
{
	if (!loop_ended(l))
		sim_run(l->rt, MONO_NEVER, loop_is_over, l);
}

static int sim_loop_start(struct loop *l)
{
	return 0;
}

static void sim_free(struct rt *rt)
{
	invariant(list_empty(&rt->sim->loops));
	free(rt->sim);
	free(rt);
}

static const struct rt_ops sim_ops = {
	.simulated = true, .now = sim_now, .wall = sim_wall, .random = sim_bytes, .open = sim_open, .close = sim_close, .run = sim_loop_run,
	.start = sim_loop_start, .join = sim_loop_run, .post = sim_post, .take = sim_take, .inbox_empty = sim_inbox_empty, .pick = sim_pick,
	.slice_over = sim_slice_over, .tie = sim_tie, .job = sim_job, .trace = trace_step, .free = sim_free,
};

struct rt *sim_new(const struct sim_opts *o)
{
	struct rt *rt = must(calloc(1, sizeof *rt));
	struct sim *s = must(calloc(1, sizeof *s));
	rt->ops = &sim_ops;
	rt->sim = s;
	rt_opts_fill(&rt->opts, NULL);
	s->wall = o->wall_start ? o->wall_start : WALL_START;
	s->post_delay_max = o->post_delay_max;
	s->job_delay_max = o->job_delay_max;
	prng_seed(&s->order, o->seed);
	prng_seed(&s->values, prng_next(&s->order));
	prng_seed(&s->faults, prng_next(&s->order));
	list_init(&s->loops);
	return rt;
}

static mono_t next_of(struct loop *l)
{
	mono_t timer = loop_next(l), parcel = next_parcel(l);
	return timer < parcel ? timer : parcel;
}

static bool runnable(struct loop *l, mono_t now)
{
	return !loop_ended(l) && (loop_busy(l) || next_of(l) <= now);
}

/* One of the loops that have something to do now, or NULL. */
static struct loop *choose(struct sim *s)
{
	struct sim_loop *m;
	uint64_t n = 0;
	list_each(m, &s->loops, node)
		n += runnable(m->loop, s->now);
	if (!n)
		return NULL;
	uint64_t k = prng_below(&s->order, n);
	list_each(m, &s->loops, node)
		if (runnable(m->loop, s->now) && k-- == 0)
			return m->loop;
	return NULL;
}

static mono_t earliest(struct sim *s)
{
	struct sim_loop *m;
	mono_t min = MONO_NEVER;
	list_each(m, &s->loops, node)
		if (!loop_ended(m->loop) && next_of(m->loop) < min)
			min = next_of(m->loop);
	return min;
}

static void take_turn(struct sim *s, struct loop *l)
{
	struct loop *before = loop_enter(l);
	l->now = s->now;
	trace_step(l, "turn", 0);
	loop_turn(l);
	if (!list_empty(&l->ready))
		s->now += BUSY_TURN;
	loop_enter(before);
}

/* Moves the clock to what comes next; false when that is not before until (then the clock stands at until). */
static bool advance(struct sim *s, mono_t until)
{
	mono_t next = earliest(s);
	bool more = next <= until && next != MONO_NEVER;
	mono_t to = more ? next : until;
	if (to > s->now && to != MONO_NEVER)
		s->now = to;
	return more;
}

mono_t sim_run(struct rt *rt, mono_t until, bool (*done)(void *arg), void *arg)
{
	struct sim *s = rt->sim;
	invariant(!s->running);
	s->running = true;
	while (s->now <= until) {
		struct loop *l = choose(s);
		if (l) {
			take_turn(s, l);
			if (done && done(arg))
				break;
		} else if (!advance(s, until)) {
			break;
		}
	}
	s->running = false;
	return s->now;
}

void sim_wall_jump(struct rt *rt, nsec_t by)
{
	rt->sim->wall += by;
}

uint64_t sim_random(struct rt *rt)
{
	return prng_next(&rt->sim->faults);
}

void sim_trace(struct rt *rt, const char *what, uint64_t v)
{
	struct sim *s = rt->sim;
	fold(s, (uint64_t)s->now);
	fold(s, hash_fnv64a(str_of(what)));
	fold(s, v);
}

uint64_t sim_trace_hash(const struct rt *rt)
{
	return rt->sim->trace;
}
