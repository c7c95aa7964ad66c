#include "controllers/controller.h"

#include "api/meta.h"
#include "base/log.h"

struct owned_queue {
	struct list node;
	struct queue *queue;
};
struct waiter {
	struct informer *const *informers;
	void (*fn)(void *arg);
	void *arg;
};

struct manager *manager_new(const struct manager_opts *o)
{
	struct arena *mem = arena_new(NULL);
	struct manager *m = arena_make(mem, struct manager);
	m->o = *o;
	m->mem = mem;
	if (!m->o.controllers.n)
		m->o.controllers = STR("*");
	scope_init(&m->scope, o->scope);
	list_init(&m->queues);
	list_init(&m->parts);
	return m;
}

void *manager_alloc(struct manager *m, size_t n)
{
	return arena_alloc(m->mem, n);
}

struct queue *manager_queue(struct manager *m, const char *name)
{
	struct owned_queue *q = manager_alloc(m, sizeof *q);
	q->queue = queue_new(name);
	queue_count_in(q->queue, m->o.metrics);
	list_push(&m->queues, &q->node);
	return q->queue;
}

struct informer *manager_informer(struct manager *m, const char *group, const char *version, const char *plural)
{
	return informers_get(m->o.informers, &(struct informer_opts){.res = client_resource(group, version, plural)});
}

static void wait_fiber(void *arg)
{
	struct waiter *w = arg;
	for (struct informer *const *i = w->informers; *i; i++)
		if (informer_wait_synced(*i, MONO_NEVER) < 0)
			return;
	w->fn(w->arg);
}

void manager_when_synced(struct manager *m, struct informer *const *informers, void (*fn)(void *arg), void *arg)
{
	size_t n = 0;
	while (informers[n])
		n++;
	struct informer **copy = manager_alloc(m, (n + 1) * sizeof *copy);
	struct waiter *w = manager_alloc(m, sizeof *w);
	memcpy(copy, informers, n * sizeof *copy);
	*w = (struct waiter){copy, fn, arg};
	if (!fiber_spawn(&m->scope, "controller", wait_fiber, w))
		bug("no fiber for a controller");
}

struct work {
	struct manager *m;
	struct queue *queue;
	int workers;
	int (*sync)(void *arg, struct str key, struct err *e);
	void *arg;
};

static void work(void *arg)
{
	struct work *w = arg;
	queue_run(w->queue, &w->m->scope, w->workers, w->sync, w->arg);
}

void manager_run(struct manager *m, struct informer *const *informers, struct queue *q, int workers, int (*sync)(void *arg, struct str key, struct err *e), void *arg)
{
	struct work *w = manager_alloc(m, sizeof *w);
	*w = (struct work){m, q, workers, sync, arg};
	manager_when_synced(m, informers, work, w);
}

static bool names(const struct controller *c, struct str item)
{
	return str_is(item, c->name) || (c->alias && str_is(item, c->alias));
}

/* "*" stands for all that are on by default; "-name" switches one off; the first mention wins. */
bool controller_wanted(struct str list, const struct controller *c)
{
	bool star = false;
	for (struct str item; str_next(&list, ',', &item);) {
		if (names(c, item))
			return true;
		if (item.n && item.p[0] == '-' && names(c, str_sub(item, 1, item.n)))
			return false;
		star |= str_is(item, "*");
	}
	return star && !c->off_by_default;
}

struct recorder *manager_recorder(struct manager *m)
{
	if (!m->recorder)
		m->recorder = recorder_new(m->o.transport, &m->scope, m->c && m->c->source ? m->c->source : m->c ? m->c->name : "controller-manager", m->o.host);
	return m->recorder;
}

static int part_start(struct manager *m, const struct controller *c, struct err *e)
{
	struct manager_opts o = m->o;
	o.scope = &m->scope;
	if (o.transport_for && c->account && !(o.transport = o.transport_for(o.arg, c->account, e)))
		return err_wrap(e, "%s", c->name);
	struct manager *part = manager_new(&o);
	part->c = c;
	part->own_transport = o.transport != m->o.transport;
	list_push(&m->parts, &part->node);
	c->start(part);
	return 0;
}

int manager_start(struct manager *m, struct err *e)
{
	for (size_t i = 0; i < ncontrollers; i++)
		if (controller_wanted(m->o.controllers, &controllers[i]) && part_start(m, &controllers[i], e) < 0)
			return -1;
	return 0;
}

void manager_metrics(const struct manager *m, struct metric_set *to)
{
	struct owned_queue *q;
	struct manager *part;
	list_each(q, &m->queues, node)
		queue_metrics(q->queue, to);
	list_each(part, &m->parts, node)
		manager_metrics(part, to);
	if (m->c)
		metric_put(to, M_running_managed_controllers, LABELS(STR("kube-controller-manager"), str_of(m->c->name)), 1);
	if (m->show)
		m->show(m->show_arg, to);
}

void manager_free(struct manager *m)
{
	if (!m)
		return;
	for (struct list *n; (n = list_pop(&m->parts));)
		manager_free(container_of(n, struct manager, node));
	for (struct list *n; (n = list_pop(&m->queues));)
		queue_free(container_of(n, struct owned_queue, node)->queue);
	recorder_free(m->recorder);
	if (m->own_transport)
		transport_free(m->o.transport);
	arena_free(m->mem);
}

/* ---- Handlers ---- */

static void own_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct enqueue *h = arg;
	queue_add(h->queue, (cur ? cur : old)->key);
}

void enqueue_own(struct enqueue *h, struct informer *inf, struct queue *q)
{
	h->queue = q;
	h->handler = (struct informer_handler){.fn = own_event, .arg = h};
	informer_add_handler(inf, &h->handler);
}

static struct str owner_key_of(struct enqueue_owner *h, struct arena *a, const struct informer_item *it)
{
	void *obj = informer_decode(h->inf, a, it);
	if (!obj)
		return (struct str){0};
	const struct meta_v1_ObjectMeta *meta = obj_meta((struct ref){h->type, obj});
	const struct meta_v1_OwnerReference *r = owner_controller(meta);
	if (!r || !str_is(r->kind, h->kind))
		return (struct str){0};
	return str_printf(a, "%.*s/%.*s", STR_F(meta->namespace), STR_F(r->name));
}

static void owner_event(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct enqueue_owner *h = arg;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str before = old ? owner_key_of(h, a, old) : (struct str){0}, now = cur ? owner_key_of(h, a, cur) : (struct str){0};
	if (h->seen)
		h->seen(h->arg, old, cur, now.p ? now : before);
	if (before.p && !str_eq(before, now))
		queue_add(h->queue, before);
	if (now.p)
		queue_add(h->queue, now);
}

void enqueue_owner(struct enqueue_owner *h)
{
	h->handler = (struct informer_handler){.fn = owner_event, .arg = h};
	informer_add_handler(h->inf, &h->handler);
}
