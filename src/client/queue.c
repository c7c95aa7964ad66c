/* A key has one item for as long as anything is known of it:
 *
 *   dirty          has to be worked on       dirty, not active: in `ready`
 *   active         somebody works on it      dirty and active: goes to `ready` when that is done
 *   delay          in the heap of delayed keys
 *   retries        failures since the last queue_forget
 *
 * An item of which nothing is known any more is freed. */
#include "client/queue.h"
#include "base/map.h"
#include "client/impl.h"
#include "schema/metric.h"
#include <errno.h>

struct item {
	struct list node; /* in ready */
	struct heap_node delay;
	struct str key;
	int retries;
	bool dirty, active;
	mono_t since; /* it waits, or somebody works on it */
};
struct queue {
	const char *name;
	struct map items;
	struct list ready;
	size_t len;
	struct heap delayed;
	struct timer timer;
	struct cond cond;
	bool down;
	double *adds, *retried;
	struct series *waited, *worked;
	/* of queue_run */
	int (*sync)(void *arg, struct str key, struct err *e);
	void *arg;
};

struct queue *queue_new(const char *name)
{
	struct queue *q = (struct queue *)alloc_zero(sizeof *q);
	q->name = name;
	list_init(&q->ready);
	cond_init(&q->cond);
	return q;
}

void queue_count_in(struct queue *q, struct metric_set *set)
{
	const struct str *name = LABELS(str_of(q->name));
	q->adds = metric_counter(set, M_workqueue_adds_total, name);
	q->retried = metric_counter(set, M_workqueue_retries_total, name);
	q->waited = metric_histogram(set, M_workqueue_queue_duration_seconds, name);
	q->worked = metric_histogram(set, M_workqueue_work_duration_seconds, name);
}

static double age(mono_t since) { return (double)(rt_now_exact() - since) / NS_S; }

void queue_metrics(const struct queue *q, struct metric_set *to)
{
	const struct str *name = LABELS(str_of(q->name));
	const struct map_entry *m;
	double all = 0, longest = 0;
	for (size_t i = 0; (m = map_next(&q->items, &i));) {
		const struct item *it = (const struct item *)m->value;
		double took = it->active ? age(it->since) : 0;
		all += took;
		longest = took > longest ? took : longest;
	}
	metric_add(metric_counter(to, M_workqueue_depth, name), (double)q->len);
	metric_add(metric_counter(to, M_workqueue_unfinished_work_seconds, name), all);
	double *most = metric_counter(to, M_workqueue_longest_running_processor_seconds, name);
	*most = longest > *most ? longest : *most;
}

static void item_free(struct queue *q, struct item *it)
{
	map_del(&q->items, it->key);
	heap_remove(&q->delayed, &it->delay);
	free((char *)it->key.p);
	free(it);
}

static void item_drop_idle(struct queue *q, struct item *it)
{
	if (!it->dirty && !it->active && !it->delay.at && !it->retries)
		item_free(q, it);
}

void queue_free(struct queue *q)
{
	struct map_entry *m;
	if (!q)
		return;
	timer_cancel(&q->timer);
	for (size_t i = 0; (m = map_next(&q->items, &i));)
		item_free(q, (struct item *)m->value);
	map_fini(&q->items);
	heap_fini(&q->delayed);
	free(q);
}

static struct item *item_get(struct queue *q, struct str key)
{
	struct item *it = (struct item *)map_get(&q->items, key);
	if (it)
		return it;
	it = (struct item *)alloc_zero(sizeof *it);
	it->key = heap_str(key);
	map_set(&q->items, it->key, it);
	return it;
}

static void item_ready(struct queue *q, struct item *it)
{
	list_push(&q->ready, &it->node);
	it->since = rt_now_exact();
	q->len++;
	cond_wake(&q->cond);
}

static void item_add(struct queue *q, struct item *it)
{
	if (it->dirty)
		return;
	it->dirty = true;
	metric_add(q->adds, 1);
	if (!it->active)
		item_ready(q, it);
}

void queue_add(struct queue *q, struct str key)
{
	if (!q->down)
		item_add(q, item_get(q, key));
}

static void delayed_due(struct timer *t);

static void delayed_arm(struct queue *q)
{
	struct heap_node *n = heap_min(&q->delayed);
	if (n && !q->down)
		timer_set(&q->timer, n->key, delayed_due);
	else
		timer_cancel(&q->timer);
}

static void delayed_due(struct timer *t)
{
	struct queue *q = container_of(t, struct queue, timer);
	struct heap_node *n;
	while ((n = heap_min(&q->delayed)) && n->key <= rt_now()) {
		heap_remove(&q->delayed, n);
		item_add(q, container_of(n, struct item, delay));
	}
	delayed_arm(q);
}

void queue_add_after(struct queue *q, struct str key, nsec_t delay)
{
	if (q->down)
		return;
	struct item *it = item_get(q, key);
	mono_t when = rt_now() + delay;
	if (delay <= 0) {
		item_add(q, it);
	} else if (!it->delay.at || when < it->delay.key) {
		heap_set(&q->delayed, &it->delay, when);
		delayed_arm(q);
	}
}

static nsec_t backoff_of(int retries)
{
	nsec_t d = QUEUE_BACKOFF_MIN;
	while (retries-- > 0 && d < QUEUE_BACKOFF_MAX)
		d *= 2;
	return d < QUEUE_BACKOFF_MAX ? d : QUEUE_BACKOFF_MAX;
}

void queue_add_limited(struct queue *q, struct str key)
{
	if (q->down)
		return;
	struct item *it = item_get(q, key);
	queue_add_after(q, key, backoff_of(it->retries));
	it->retries++;
	metric_add(q->retried, 1);
}

void queue_forget(struct queue *q, struct str key)
{
	struct item *it = (struct item *)map_get(&q->items, key);
	if (!it)
		return;
	it->retries = 0;
	item_drop_idle(q, it);
}

int queue_get(struct queue *q, struct str *ret_key, mono_t deadline)
{
	while (list_empty(&q->ready)) {
		if (q->down)
			return -EPIPE;
		int r = cond_wait(&q->cond, deadline);
		if (r < 0)
			return r;
	}
	struct item *it = container_of(list_pop(&q->ready), struct item, node);
	q->len--;
	it->dirty = false;
	it->active = true;
	metric_observe(q->waited, age(it->since));
	it->since = rt_now_exact();
	*ret_key = it->key;
	return 0;
}

void queue_done(struct queue *q, struct str key)
{
	struct item *it = (struct item *)map_get(&q->items, key);
	if (!it || !it->active)
		return;
	it->active = false;
	metric_observe(q->worked, age(it->since));
	if (it->dirty)
		item_ready(q, it);
	else
		item_drop_idle(q, it);
}

void queue_shutdown(struct queue *q)
{
	q->down = true;
	timer_cancel(&q->timer);
	cond_wake_all(&q->cond);
}

size_t queue_len(const struct queue *q)
{
	return q->len;
}

int queue_retries(const struct queue *q, struct str key)
{
	const struct item *it = (const struct item *)map_get(&q->items, key);
	return it ? it->retries : 0;
}

static void work_on(struct queue *q, struct str key)
{
	ERR(e);
	if (q->sync(q->arg, key, &e) == 0) {
		queue_forget(q, key);
	} else if (!fiber_cancelled()) {
		int retry = queue_retries(q, key) + 1;
		if (err_is(&e, ERR_CONFLICT) && retry == 1) /* somebody else was quicker: with what is there now it goes well */
			log_v(2, "%s: %.*s: %s", q->name, STR_F(key), err_text(&e));
		else
			log_error("%s: %.*s: %s (retry %d)", q->name, STR_F(key), err_text(&e), retry);
		queue_add_limited(q, key);
	}
	queue_done(q, key);
}

static void worker(void *arg)
{
	struct queue *q = (struct queue *)arg;
	struct str key;
	while (rt_breathe() == 0 && queue_get(q, &key, MONO_NEVER) == 0)
		work_on(q, key);
}

void queue_run(struct queue *q, struct scope *s, int workers, int (*sync)(void *arg, struct str key, struct err *e), void *arg)
{
	q->sync = sync;
	q->arg = arg;
	for (int i = 0; i < workers; i++)
		if (!fiber_spawn(s, q->name, worker, q))
			log_error("%s: only %d of %d workers: too many fibers", q->name, i, workers);
}
