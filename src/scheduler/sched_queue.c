#include "scheduler/sched_queue.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define FAILURE "ScheduleAttemptFailure"
#define entry_of(n) container_of(n, struct sched_entry, node)

static struct heap *heap_of(struct sched_queue *q, enum sched_place p)
{
	return p == SCHED_ACTIVE ? &q->active : p == SCHED_BACKOFF ? &q->backoff : p == SCHED_WAITING ? &q->waiting : NULL;
}

/* Higher priority first; the heap keeps the order of insertion among equals. */
static int64_t key_for(const struct sched_entry *e, enum sched_place p, mono_t now)
{
	return p == SCHED_ACTIVE ? -(int64_t)e->priority : p == SCHED_BACKOFF ? e->backoff_until : now + SCHED_UNSCHEDULABLE_MAX;
}

static void timer_fired(struct timer *t);

static void arm(struct sched_queue *q)
{
	mono_t when = MONO_NEVER;
	struct heap_node *b = heap_min(&q->backoff), *w = heap_min(&q->waiting);
	if (b)
		when = b->key;
	if (w && w->key < when)
		when = w->key;
	if (when == MONO_NEVER)
		timer_cancel(&q->timer);
	else
		timer_set(&q->timer, when, timer_fired);
}

static void count(struct sched_queue *q, enum sched_place p, const char *event)
{
	static const char *const names[] = {[SCHED_ACTIVE] = "active", [SCHED_BACKOFF] = "backoff", [SCHED_WAITING] = "unschedulable", [SCHED_GATED] = "gated"};
	if (event)
		metric_add(metric_counter(q->metrics, M_scheduler_queue_incoming_pods_total, LABELS(str_of(event), str_of(names[p]))), 1);
}

/* The one place where an entry changes its place.  event: why; NULL when it leaves the queues. */
static void move_to(struct sched_queue *q, struct sched_entry *e, enum sched_place p, const char *event)
{
	count(q, p, event);
	struct heap *from = heap_of(q, e->place), *to = heap_of(q, p);
	if (from)
		heap_remove(from, &e->node);
	q->gated += (p == SCHED_GATED) - (e->place == SCHED_GATED);
	e->place = p;
	if (to)
		heap_set(to, &e->node, key_for(e, p, rt_now()));
	if (p == SCHED_ACTIVE)
		cond_wake(&q->ready);
	arm(q);
}

static void timer_fired(struct timer *t)
{
	struct sched_queue *q = container_of(t, struct sched_queue, timer);
	mono_t now = rt_now();
	for (struct heap_node *n; (n = heap_min(&q->backoff)) && n->key <= now;)
		move_to(q, entry_of(n), SCHED_ACTIVE, "BackoffComplete");
	for (struct heap_node *n; (n = heap_min(&q->waiting)) && n->key <= now;)
		move_to(q, entry_of(n), SCHED_ACTIVE, "UnschedulableTimeout");
	arm(q);
}

void sched_queue_init(struct sched_queue *q)
{
	*q = (struct sched_queue){0};
	cond_init(&q->ready);
}

static void entry_free(struct sched_entry *e)
{
	free((char *)e->uid.p);
	free(e);
}

void sched_queue_fini(struct sched_queue *q)
{
	size_t i = 0;
	timer_cancel(&q->timer);
	heap_fini(&q->active);
	heap_fini(&q->backoff);
	heap_fini(&q->waiting);
	for (struct map_entry *m; (m = map_next(&q->by_key, &i));)
		entry_free(m->value);
	map_fini(&q->by_key);
}

static struct sched_entry *entry_new(struct sched_queue *q, struct str key, struct str uid)
{
	struct sched_entry *e = calloc(1, sizeof *e);
	char *text = malloc(key.n + uid.n + 1);
	if (!e || !text)
		bug("out of memory");
	memcpy(text, uid.p, uid.n);
	memcpy(text + uid.n, key.p, key.n);
	e->uid = str_n(text, uid.n);
	e->key = str_n(text + uid.n, key.n);
	e->added = rt_now();
	map_set(&q->by_key, e->key, e);
	return e;
}

void sched_queue_put(struct sched_queue *q, struct str key, struct str uid, int32_t priority, bool gated, bool changed)
{
	struct sched_entry *e = map_get(&q->by_key, key);
	if (e && !str_eq(e->uid, uid)) {
		sched_queue_drop(q, key);
		e = NULL;
	}
	bool fresh = !e;
	if (fresh)
		e = entry_new(q, key, uid);
	e->priority = priority;
	const char *event = fresh ? "UnschedulablePodAdd" : "UnschedulablePodUpdate";
	if (e->place == SCHED_IN_FLIGHT)
		e->moved |= changed;
	else if (gated)
		move_to(q, e, SCHED_GATED, e->place == SCHED_GATED ? NULL : event);
	else if (fresh || e->place == SCHED_GATED)
		move_to(q, e, SCHED_ACTIVE, event);
	else if (changed && e->place == SCHED_WAITING)
		move_to(q, e, e->backoff_until > rt_now() ? SCHED_BACKOFF : SCHED_ACTIVE, event);
}

void sched_queue_drop(struct sched_queue *q, struct str key)
{
	struct sched_entry *e = map_get(&q->by_key, key);
	if (!e)
		return;
	map_del(&q->by_key, key);
	enum sched_place was = e->place;
	move_to(q, e, SCHED_NOWHERE, NULL);
	if (was != SCHED_IN_FLIGHT)
		entry_free(e); /* else whoever holds it gives it back */
}

int sched_queue_pop(struct sched_queue *q, struct sched_entry **ret)
{
	while (q->active.n == 0) {
		if (q->closed)
			return -EPIPE;
		int rc = cond_wait(&q->ready, MONO_NEVER);
		if (rc < 0)
			return rc;
	}
	struct sched_entry *e = entry_of(heap_min(&q->active));
	move_to(q, e, SCHED_IN_FLIGHT, NULL);
	e->popped = rt_now_exact();
	e->attempts++;
	e->moved = false;
	*ret = e;
	return 0;
}

static nsec_t backoff_of(const struct sched_entry *e)
{
	nsec_t d = SCHED_BACKOFF_MIN;
	for (uint32_t i = 1; i < e->attempts && d < SCHED_BACKOFF_MAX; i++)
		d *= 2;
	return d > SCHED_BACKOFF_MAX ? SCHED_BACKOFF_MAX : d;
}

/* True when the Pod went away while it was in flight; the entry is gone then. */
static bool gone(struct sched_entry *e)
{
	if (e->place == SCHED_IN_FLIGHT)
		return false;
	entry_free(e);
	return true;
}

void sched_queue_unschedulable(struct sched_queue *q, struct sched_entry *e)
{
	if (gone(e))
		return;
	e->backoff_until = rt_now() + backoff_of(e);
	move_to(q, e, e->moved ? SCHED_BACKOFF : SCHED_WAITING, FAILURE);
}

void sched_queue_retry(struct sched_queue *q, struct sched_entry *e)
{
	if (gone(e))
		return;
	e->backoff_until = rt_now() + backoff_of(e);
	move_to(q, e, SCHED_BACKOFF, FAILURE);
}

void sched_queue_done(struct sched_queue *q, struct sched_entry *e)
{
	if (gone(e))
		return;
	map_del(&q->by_key, e->key);
	move_to(q, e, SCHED_NOWHERE, NULL);
	entry_free(e);
}

void sched_queue_move_all(struct sched_queue *q, const char *event)
{
	mono_t now = rt_now();
	size_t i = 0;
	for (struct map_entry *m; (m = map_next(&q->by_key, &i));) {
		struct sched_entry *e = m->value;
		if (e->place == SCHED_IN_FLIGHT)
			e->moved = true;
		else if (e->place == SCHED_WAITING)
			move_to(q, e, e->backoff_until > now ? SCHED_BACKOFF : SCHED_ACTIVE, event);
	}
}
