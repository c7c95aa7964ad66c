/* An event takes these steps, as upstream's EventCorrelator:
 *
 *   recorder_event     stamped, queued                      (full: dropped)
 *   spam_passes        a bucket of tokens per object         (empty: dropped)
 *   group_take         alike but for the message: beyond GROUP_EVENTS in GROUP_AGE one combined event stands for all
 *   series             the same event again: the count of the one that is there is patched
 *   write_event        create or patch, again while the server cannot be reached
 *
 * What is remembered is bounded: the entry used longest ago goes. */
#include "client/recorder.h"
#include "base/list.h"
#include "base/map.h"
#include "client/backoff.h"
#include "client/call.h"
#include "client/impl.h"
#include "codec/json.h"
#include "gen/core_v1.h"
#include "rt/chan.h"
#include <errno.h>

#define EVENTS_QUEUED 256
#define REMEMBERED_MAX 4096          /* upstream's maxLruCacheEntries */
#define SPAM_BURST 25
#define SPAM_REFILL (5 * NS_MIN)     /* a token back per object */
#define GROUP_EVENTS 10
#define GROUP_AGE (10 * NS_MIN)
#define WRITE_TRIES 12
#define WRITE_PAUSE (10 * NS_S)
#define MESSAGE_MAX 1024             /* of an event, as the API validates */

struct event_note {
	struct arena *arena;
	struct core_v1_Event ev;
};
/* A remembered key.  The three uses share the form and the bound. */
struct memory {
	struct list node; /* used last: at the end */
	struct str key;
	/* spam */
	double tokens;
	mono_t at;
	/* group */
	struct map messages;
	/* series */
	int32_t count;
	struct str name;
	struct api_time first;
};
struct memories {
	struct map map;
	struct list lru;
};
struct recorder {
	struct transport *t;
	struct arena *arena;
	struct str component, host;
	struct chan queue;
	uint64_t dropped;
	wall_t stamp;        /* of the last event's name */
	struct memories spam, groups, series;
};

/* ---- memory */

static void memories_init(struct memories *m)
{
	*m = (struct memories){0};
	list_init(&m->lru);
}

static void memory_free(struct memories *in, struct memory *m)
{
	list_remove(&m->node);
	map_del(&in->map, m->key);
	map_fini(&m->messages);
	free((char *)m->key.p);
	free((char *)m->name.p);
	free(m);
}

static void memories_fini(struct memories *m)
{
	while (!list_empty(&m->lru))
		memory_free(m, container_of(m->lru.next, struct memory, node));
	map_fini(&m->map);
}

/* *ret_new: it was not there. */
static struct memory *memory_get(struct memories *in, struct str key, bool *ret_new)
{
	struct memory *m = (struct memory *)map_get(&in->map, key);
	*ret_new = !m;
	if (m) {
		list_remove(&m->node);
	} else {
		if (in->map.n == REMEMBERED_MAX)
			memory_free(in, container_of(in->lru.next, struct memory, node));
		m = (struct memory *)alloc_zero(sizeof *m);
		m->key = heap_str(key);
		map_set(&in->map, m->key, m);
	}
	list_push(&in->lru, &m->node);
	return m;
}

/* ---- keys: parts joined by a byte that none of them holds */

static void key_part(struct buf *b, struct str s)
{
	buf_str(b, s);
	buf_char(b, 0);
}

static void object_key(struct buf *b, const struct core_v1_Event *ev)
{
	const struct core_v1_ObjectReference *o = &ev->involvedObject;
	const struct str parts[] = {ev->source.component, ev->source.host, o->kind, o->namespace, o->name, o->uid, o->apiVersion};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		key_part(b, parts[i]);
}

static void group_key(struct buf *b, const struct core_v1_Event *ev)
{
	object_key(b, ev);
	key_part(b, ev->involvedObject.fieldPath);
	key_part(b, ev->type);
	key_part(b, ev->reason);
}

static void series_key(struct buf *b, const struct core_v1_Event *ev)
{
	group_key(b, ev);
	key_part(b, ev->message);
}

/* ---- correlation */

static bool spam_passes(struct recorder *r, const struct core_v1_Event *ev)
{
	bool fresh;
	BUF(key);
	object_key(&key, ev);
	struct memory *m = memory_get(&r->spam, buf_view(&key), &fresh);
	mono_t now = rt_now();
	m->tokens = fresh ? SPAM_BURST : m->tokens + (double)(now - m->at) / (double)SPAM_REFILL;
	if (m->tokens > SPAM_BURST)
		m->tokens = SPAM_BURST;
	m->at = now;
	if (m->tokens < 1)
		return false;
	m->tokens -= 1;
	return true;
}

/* Events that differ in their message only, too many of them: one message for all. */
static void group_take(struct recorder *r, struct event_note *n)
{
	bool fresh;
	BUF(key);
	group_key(&key, &n->ev);
	struct memory *m = memory_get(&r->groups, buf_view(&key), &fresh);
	if (!fresh && rt_now() - m->at > GROUP_AGE)
		map_clear(&m->messages);
	m->at = rt_now();
	if (map_has(&m->messages, n->ev.message))
		return;
	if (m->messages.n < GROUP_EVENTS - 1)
		map_set_dup(&m->messages, n->ev.message, m);
	else
		n->ev.message = str_printf(n->arena, "(combined from similar events): %.*s", STR_F(n->ev.message));
}

static struct memory *series_of(struct recorder *r, const struct core_v1_Event *ev, bool combined)
{
	bool fresh;
	BUF(key);
	if (combined)
		group_key(&key, ev);
	else
		series_key(&key, ev);
	return memory_get(&r->series, buf_view(&key), &fresh);
}

/* ---- writing */

static int create_event(struct recorder *r, struct event_note *n, struct memory *m, struct err *e)
{
	m->count = 1;
	n->ev.count = 1;
	struct core_v1_Event *made = (struct core_v1_Event *)client_create(r->t, n->arena, client_resource("", "v1", "events"), n->ev.metadata.namespace, &n->ev, e);
	if (!made) {
		m->count = 0;
		return -1;
	}
	free((char *)m->name.p);
	m->name = heap_str(made->metadata.name);
	return 0;
}

static struct str count_patch(struct arena *a, const struct core_v1_Event *ev, int32_t count)
{
	BUF(b);
	buf_printf(&b, "{\"count\":%d,\"lastTimestamp\":\"", count);
	time_rfc3339(&b, ev->lastTimestamp.sec, 0, 0);
	buf_lit(&b, "\",\"message\":");
	json_string(&b, ev->message);
	buf_char(&b, '}');
	return buf_take(&b, a);
}

static int write_once(struct recorder *r, struct event_note *n, struct memory *m, struct err *e)
{
	ERR(why);
	if (m->count == 0)
		return create_event(r, n, m, e);
	struct str patch = count_patch(n->arena, &n->ev, m->count + 1);
	if (client_patch(r->t, n->arena, client_resource("", "v1", "events"), n->ev.metadata.namespace, m->name, NULL, PATCH_STRATEGIC, patch, &why)) {
		m->count++;
		return 0;
	}
	if (err_is(&why, ERR_NOT_FOUND))
		return create_event(r, n, m, e); /* it has expired meanwhile */
	return err_pass(e, &why);
}

static void write_event(struct recorder *r, struct event_note *n, struct memory *m)
{
	for (int i = 1;; i++) {
		ERR(e);
		if (write_once(r, n, m, &e) == 0)
			return;
		if (!e.sys || i == WRITE_TRIES) {
			log_error("event %.*s about %.*s: %s (will not retry)", STR_F(n->ev.reason), STR_F(n->ev.involvedObject.name), err_text(&e));
			return;
		}
		if (fiber_sleep(i == 1 ? (nsec_t)rt_random_below(WRITE_PAUSE) : WRITE_PAUSE) < 0)
			return;
	}
}

static void note_free(struct event_note *n)
{
	arena_free(n->arena); /* n lies in it */
}

static void record(struct recorder *r, struct event_note *n)
{
	struct str message = n->ev.message;
	if (!spam_passes(r, &n->ev))
		return;
	group_take(r, n);
	write_event(r, n, series_of(r, &n->ev, !str_eq(message, n->ev.message)));
}

static void recorder_run(void *arg)
{
	struct recorder *r = (struct recorder *)arg;
	void *n;
	while (chan_recv(&r->queue, &n, MONO_NEVER) == 0) {
		record(r, (struct event_note *)n);
		note_free((struct event_note *)n);
	}
}

/* ---- the door */

struct recorder *recorder_new(struct transport *t, struct scope *s, const char *component, struct str host)
{
	struct recorder *r = (struct recorder *)alloc_zero(sizeof *r);
	*r = (struct recorder){.t = t, .arena = arena_new(NULL), .component = str_of(component)};
	r->component = str_dup(r->arena, r->component);
	r->host = str_dup(r->arena, host);
	memories_init(&r->spam);
	memories_init(&r->groups);
	memories_init(&r->series);
	if (chan_init(&r->queue, EVENTS_QUEUED) < 0)
		bug("out of memory");
	if (!fiber_spawn(s, "recorder", recorder_run, r))
		log_error("events of %s will not be written: too many fibers", component);
	return r;
}

void recorder_free(struct recorder *r)
{
	void *n;
	if (!r)
		return;
	while (chan_try_recv(&r->queue, &n) == 0)
		note_free((struct event_note *)n);
	chan_fini(&r->queue);
	memories_fini(&r->spam);
	memories_fini(&r->groups);
	memories_fini(&r->series);
	arena_free(r->arena);
	free(r);
}

static struct core_v1_ObjectReference reference_copy(struct arena *a, const struct core_v1_ObjectReference *o)
{
	return (struct core_v1_ObjectReference){
		.kind = str_dup(a, o->kind), .namespace = str_dup(a, o->namespace), .name = str_dup(a, o->name), .uid = str_dup(a, o->uid),
		.apiVersion = str_dup(a, o->apiVersion), .resourceVersion = str_dup(a, o->resourceVersion), .fieldPath = str_dup(a, o->fieldPath),
	};
}

/* The clock stands still within a turn of the loop; names must not repeat. */
static unsigned long long next_stamp(struct recorder *r)
{
	wall_t now = rt_wall();
	r->stamp = now > r->stamp ? now : r->stamp + 1;
	return (unsigned long long)r->stamp;
}

static struct event_note *note_new(struct recorder *r, const struct core_v1_ObjectReference *about)
{
	struct arena *a = arena_new(NULL);
	struct event_note *n = arena_make(a, struct event_note);
	struct core_v1_Event *ev = &n->ev;
	n->arena = a;
	ev->involvedObject = reference_copy(a, about);
	ev->metadata.namespace = about->namespace.n ? ev->involvedObject.namespace : STR("default");
	ev->metadata.name = str_printf(a, "%.*s.%llx", STR_F(about->name), next_stamp(r));
	ev->firstTimestamp = ev->lastTimestamp = api_time_sec(rt_wall());
	ev->source.component = ev->reportingComponent = r->component;
	ev->source.host = ev->reportingInstance = r->host;
	return n;
}

/* Not within a character. */
static struct str message_cut(struct str s)
{
	size_t n = s.n < MESSAGE_MAX ? s.n : MESSAGE_MAX;
	while (n < s.n && n > 0 && ((uint8_t)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_sub(s, 0, n);
}

void recorder_event(struct recorder *r, const struct core_v1_ObjectReference *about, const char *type, const char *reason, const char *fmt, ...)
{
	struct event_note *n = note_new(r, about);
	va_list ap;
	va_start(ap, fmt);
	n->ev.message = message_cut(str_vprintf(n->arena, fmt, ap));
	va_end(ap);
	n->ev.type = str_dup(n->arena, str_of(type));
	n->ev.reason = str_dup(n->arena, str_of(reason));
	if (chan_try_send(&r->queue, n) == 0)
		return;
	if (r->dropped++ == 0)
		log_error("%.*s: the queue of events is full: event %s dropped", STR_F(r->component), reason);
	note_free(n);
}

void recorder_ref(struct ref obj, struct core_v1_ObjectReference *ret)
{
	const struct meta_v1_ObjectMeta *m = obj_meta(obj);
	*ret = (struct core_v1_ObjectReference){
		.kind = desc_str(obj.type->kind), .apiVersion = type_api_version(obj.type), .namespace = m->namespace, .name = m->name, .uid = m->uid,
		.resourceVersion = m->resourceVersion,
	};
}
