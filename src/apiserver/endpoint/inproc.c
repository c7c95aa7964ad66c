/* In-process calls: the same stages from authorization on, with typed objects in and out. */
#include "apiserver/cache/impl.h"
#include "apiserver/endpoint/endpoint.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include <errno.h>

static const char *const verb_names[VERBS] = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"};

static void fill(struct request *r, struct server *s, const struct user *u, const struct call *c, struct arena *a)
{
	*r = (struct request){.server = s, .arena = a, .user = *u, .call = *c, .now = rt_wall(), .start = rt_now(), .deadline = MONO_NEVER};
	r->user_agent = u->name;
	r->at = (struct attrs){.user = &r->user, .verb = str_of(verb_names[c->verb]), .is_resource = true, .group = desc_str(c->res->group),
		.version = desc_str(c->res->version), .resource = desc_str(c->res->plural), .sub = c->sub, .ns = c->ns, .name = c->name};
	info_selector(r, c->field_selector);
	r->has_name = c->name.n > 0;
	r->watch = c->verb == VERB_WATCH;
	if (!r->call.field_manager.n && u->name.n)
		r->call.field_manager = u->name;
}

static struct ref served(struct request *r, struct ref o)
{
	const struct type *t = r->type;
	return t && o.p && o.type->kind == t->kind ? object_as(r->arena, o, t) : o;
}

static int list_to_ref(struct request *r, const struct answer *a, struct ref *ret, struct err *e)
{
	const struct type *t = desc_type(r->res->list_type);
	struct ref list = {t, obj_new(r->arena, t)};
	const struct field *f;
	struct any_list *items = obj_items(list, &f);
	obj_set_type(list);
	struct meta_v1_ListMeta *m = obj_list_meta(list);
	m->resourceVersion = str_printf(r->arena, "%llu", (unsigned long long)a->rev);
	m->continue_ = a->continue_;
	m->has_remainingItemCount = a->remaining > 0;
	m->remainingItemCount = a->remaining;
	size_t stride = f->stride;
	items->items = a->nitems ? arena_alloc_array(r->arena, a->nitems, stride) : LIST_EMPTY;
	for (size_t i = 0; i < a->nitems; i++) {
		struct object *o = a->items[i];
		struct ref item = served(r, (struct ref){o->table->type, object_decode(o, r->arena, e)});
		if (!item.p)
			return -1;
		*obj_kind(item) = *obj_api_version(item) = (struct str){0}; /* items carry none, as on the wire */
		memcpy((char *)items->items + i * stride, item.p, item.type->size);
		items->len++;
	}
	items->cap = items->len;
	*ret = list;
	return 0;
}

int answer_to_ref(struct request *r, struct ref *ret, struct err *e)
{
	const struct answer *a = &r->answer;
	switch (a->kind) {
	case ANSWER_REF:
		*ret = served(r, a->ref);
		return 0;
	case ANSWER_CACHED:
		*ret = served(r, (struct ref){a->object->table->type, object_decode(a->object, r->arena, e)});
		return ret->p ? 0 : -1;
	case ANSWER_LIST:
		return list_to_ref(r, a, ret, e);
	default:
		*ret = (struct ref){0};
		return 0;
	}
}

static int run(struct request *r, struct ref *ret, struct err *e)
{
	if (request_authorize(r, r->at.verb, e) || request_bind(r, r->call.res, r->call.sub, e) || dispatch_call(r, e))
		return -1;
	return answer_to_ref(r, ret, e);
}

int pipeline_run(struct server *s, const struct user *u, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct request *r = arena_make(a, struct request);
	fill(r, s, u, c, a);
	return run(r, ret, e);
}

int endpoint_call(struct request *from, const struct call *c, struct ref *ret, struct err *e)
{
	static const struct user self = {.name = STR_INIT("system:apiserver")};
	struct request *r = arena_make(from->arena, struct request);
	fill(r, from->server, &self, c, from->arena);
	r->privileged_loopback = true;
	return run(r, ret, e);
}

/* ---- the transport ---- */

struct inproc {
	struct transport base;
	struct server *server;
	struct user user;
	struct arena *arena;
	bool privileged;
};

/* A watch pulls: the cursor stays paused, and an event only wakes the fiber that waits for the next one. */
struct inproc_watch {
	struct watch base;
	struct arena *arena;
	struct request *r;
	struct match match;
	struct cursor cursor;
	struct cond news;
	struct { struct object **items; uint32_t len, cap; } initial; /* ADDED before the events */
	uint32_t next_initial;
	bool want_initial_end, lost;
	struct watch_event ready;
	bool has_ready;
	mono_t bookmark_at, end;   /* end: of a watch with timeoutSeconds, as over the wire */
};

static int call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct inproc *p = (struct inproc *)t;
	struct request *r = arena_make(a, struct request);
	fill(r, p->server, &p->user, c, a);
	r->privileged_loopback = p->privileged;
	return run(r, ret, e);
}

static struct blob *message(const struct object *o, const struct type *t)
{
	BUF(out);
	if (o->table->type == t) {
		object_pb(o, &out);
	} else {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct ref was = {o->table->type, object_decode(o, a, NULL)};
		if (was.p)
			pb_encode(&out, object_as(a, was, t));
	}
	return blob_copy(buf_view(&out));
}

static void make_event(struct inproc_watch *w, enum watch_type type, const struct object *o, uint64_t rev)
{
	w->ready = (struct watch_event){.type = type, .pb = message(o, w->r->type), .rev = rev};
	w->has_ready = true;
}

static enum cursor_verdict on_event(struct cursor *c, struct cache_event *ev)
{
	struct inproc_watch *w = container_of(c, struct inproc_watch, cursor);
	cond_wake(&w->news);
	if (w->has_ready)
		return CURSOR_PAUSE;
	bool now = ev->type != EVENT_DELETED && match_object(&w->match, ev->cur);
	bool was = ev->prev && match_object(&w->match, ev->prev);
	if (!now && !was)
		return CURSOR_NEXT;
	if (now)
		make_event(w, was ? WATCH_MODIFIED : WATCH_ADDED, ev->cur, ev->rev);
	else if (ev->type == EVENT_DELETED)
		make_event(w, WATCH_DELETED, ev->cur, ev->rev);
	else {
		CLEANUP(object_unref) struct object *gone = object_at(ev->prev, ev->rev);
		make_event(w, WATCH_DELETED, gone, ev->rev);
	}
	return CURSOR_NEXT;
}

static void on_lost(struct cursor *c)
{
	struct inproc_watch *w = container_of(c, struct inproc_watch, cursor);
	cursor_close(c);
	w->lost = true;
	cond_wake(&w->news);
}

static const struct cursor_ops inproc_cursor = {on_event, on_lost};
static const struct transport_ops inproc_ops;

static int open_watch(struct inproc_watch *w, struct err *e)
{
	struct request *r = w->r;
	struct bucket b;
	struct answer list;
	uint64_t rev = 0;
	if (request_authorize(r, r->at.verb, e) || request_bind(r, r->call.res, (struct str){0}, e) || options_list(r, e) || match_parse(r, &w->match, e))
		return -1;
	struct str rv = r->call.resource_version;
	if (rv.n && rv_parse_get(rv, &rev, e))
		return -1;
	bool initial = r->has_send_initial ? r->call.send_initial_events : rev == 0;
	if (rev && plan_wait(r, rev, e))
		return -1;
	if (initial) {
		r->call.resource_version = r->call.rv_match = r->call.continue_ = (struct str){0};
		r->call.limit = 0;
		if (list_run(r, &list, e))
			return -1;
		rev = list.rev;
		w->initial.items = list.items;
		w->initial.len = (uint32_t)list.nitems;
	}
	w->want_initial_end = r->has_send_initial && r->call.send_initial_events && r->call.bookmarks;
	match_bucket(&w->match, r->table, r->at.ns, &b);
	w->bookmark_at = rt_now() + 60 * NS_S;
	w->end = r->call.timeout_s > 0 ? rt_now() + r->call.timeout_s * NS_S : MONO_NEVER;
	return cursor_open(&w->cursor, &inproc_cursor, r->table, &b, rev, e);
}

static struct watch *inproc_open(struct transport *t, const struct call *c, struct err *e)
{
	struct inproc *p = (struct inproc *)t;
	struct arena *a = arena_new(NULL);
	struct inproc_watch *w = arena_make(a, struct inproc_watch);
	w->base.ops = &inproc_ops;
	w->arena = a;
	w->r = arena_make(a, struct request);
	cond_init(&w->news);
	struct call own = *c;
	own.ns = str_dup(a, c->ns);
	own.name = str_dup(a, c->name);
	own.field_selector = str_dup(a, c->field_selector);
	own.label_selector = str_dup(a, c->label_selector);
	own.resource_version = str_dup(a, c->resource_version);
	own.rv_match = str_dup(a, c->rv_match);
	own.verb = VERB_WATCH;
	fill(w->r, p->server, &p->user, &own, a);
	w->r->privileged_loopback = p->privileged;
	if (open_watch(w, e) == 0)
		return &w->base;
	arena_free(a);
	return NULL;
}

static bool next_ready(struct inproc_watch *w, struct watch_event *ret)
{
	if (w->next_initial < w->initial.len) {
		struct object *o = w->initial.items[w->next_initial++];
		*ret = (struct watch_event){.type = WATCH_ADDED, .pb = message(o, w->r->type), .rev = o->rev};
		return true;
	}
	if (w->want_initial_end) {
		w->want_initial_end = false;
		*ret = (struct watch_event){.type = WATCH_BOOKMARK, .rev = w->cursor.seen, .initial_end = true};
		return true;
	}
	if (!w->has_ready)
		cursor_resume(&w->cursor);
	if (w->has_ready) {
		*ret = w->ready;
		w->has_ready = false;
		return true;
	}
	if (w->r->call.bookmarks && rt_now() >= w->bookmark_at) {
		w->bookmark_at = rt_now() + 60 * NS_S;
		*ret = (struct watch_event){.type = WATCH_BOOKMARK, .rev = cursor_revision(&w->cursor)};
		return true;
	}
	return false;
}

static int inproc_next(struct watch *base, struct watch_event *ret, mono_t deadline, struct err *e)
{
	struct inproc_watch *w = container_of(base, struct inproc_watch, base);
	for (;;) {
		if (next_ready(w, ret))
			return 0;
		if (w->lost)
			return err_set(e, ERR_EXPIRED, "too old resource version: %llu", (unsigned long long)w->cursor.seen);
		if (rt_now() >= w->end)
			return 1;
		mono_t limit = w->end < deadline ? w->end : deadline;
		mono_t until = w->r->call.bookmarks && w->bookmark_at < limit ? w->bookmark_at : limit;
		int c = cond_wait(&w->news, until);
		if (c && !(c == -ETIME && until < deadline))
			return err_sys(e, c, "watch");
	}
}

static void inproc_close(struct watch *base)
{
	struct inproc_watch *w = container_of(base, struct inproc_watch, base);
	cursor_close(&w->cursor);
	if (w->has_ready)
		blob_unref(w->ready.pb);
	arena_free(w->arena);
}

static void inproc_free(struct transport *t)
{
	struct inproc *p = (struct inproc *)t;
	arena_free(p->arena);
}

static const struct transport_ops inproc_ops = {call, inproc_open, inproc_next, inproc_close, inproc_free};

static void copy_user(struct arena *a, struct user *to, const struct user *u)
{
	*to = *u;
	to->name = str_dup(a, u->name);
	to->uid = str_dup(a, u->uid);
	to->groups = arena_array(a, struct str, u->ngroups ? u->ngroups : 1);
	for (size_t i = 0; i < u->ngroups; i++)
		to->groups[i] = str_dup(a, u->groups[i]);
	to->extra = NULL;
	to->nextra = 0;
}

struct transport *inproc_transport(struct server *s, const struct user *u)
{
	struct arena *a = arena_new(NULL);
	struct inproc *p = arena_make(a, struct inproc);
	p->base.ops = &inproc_ops;
	p->server = s;
	p->arena = a;
	p->privileged = !u;
	if (u)
		copy_user(a, &p->user, u);
	else
		p->user.name = STR("system:apiserver");
	return &p->base;
}
