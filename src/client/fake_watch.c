/* A watch is a number into the history of all events; a lag behind its beginning is 410. */
#include "client/fake_impl.h"
#include <errno.h>

struct fake_watch {
	struct watch w;
	struct list node; /* in fake->watches */
	struct fake *fake;
	struct fake_table *table;
	const struct type *type;
	struct arena *arena;
	struct fake_filter filter;
	struct cond cond;
	uint64_t at;      /* number of the next event */
	uint64_t rev;     /* last seen */
	mono_t ends;      /* timeoutSeconds */
	struct str *initial; /* keys still to be sent */
	size_t ninitial, sent;
	bool initial_end; /* the bookmark behind them is due */
	bool bookmarks, bookmark, cut, ended;
};

void fake_event_fini(struct fake_event *ev)
{
	blob_unref(ev->old);
	blob_unref(ev->cur);
	blob_unref(ev->last);
}

static void history_drop(struct fake *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		f->compacted = f->events[i].rev;
		fake_event_fini(&f->events[i]);
	}
	f->nevents -= n;
	if (f->nevents)
		memmove(f->events, f->events + n, f->nevents * sizeof *f->events);
	f->first += n;
}

void fake_events_wake(struct fake *f)
{
	struct fake_watch *w;
	list_each(w, &f->watches, node)
		cond_wake_all(&w->cond);
}

static void event_push(struct fake *f, struct fake_event ev)
{
	if (f->nevents == FAKE_HISTORY)
		history_drop(f, FAKE_HISTORY / 2);
	if (f->nevents == f->cap_events) {
		f->cap_events = f->cap_events ? f->cap_events * 2 : 64;
		f->events = (struct fake_event *)alloc_resize(f->events, f->cap_events, sizeof *f->events);
	}
	f->events[f->nevents++] = ev;
	fake_events_wake(f);
}

static struct blob *swap_state(struct fake_table *t, struct str key, struct blob *cur, uint64_t rev)
{
	struct fake_object *o = (struct fake_object *)map_get(&t->objects, key);
	if (!o) {
		o = (struct fake_object *)alloc_zero(sizeof *o);
		o->key = heap_str(key);
		map_set(&t->objects, o->key, o);
	}
	struct blob *old = o->pb;
	o->pb = cur;
	o->rev = rev;
	if (!cur) {
		map_del(&t->objects, key);
		free((char *)o->key.p);
		free(o);
	}
	return old;
}

void fake_commit(struct fake *f, const struct call *c, struct str key, struct blob *cur, struct blob *last)
{
	struct fake_table *t = fake_table(f, c->res);
	struct fake_event ev = {.table = t, .type = desc_type(c->res->type), .rev = f->rev, .last = last};
	ev.old = swap_state(t, key, cur, f->rev);
	ev.cur = blob_ref(cur);
	event_push(f, ev);
}

/* ---- opening */

static int initial_fill(struct fake_watch *w)
{
	struct map_entry *m;
	w->initial = arena_array(w->arena, struct str, w->table->objects.n + 1);
	for (size_t i = 0; (m = map_next(&w->table->objects, &i));)
		if (fake_filter_matches(&w->filter, w->type, ((struct fake_object *)m->value)->pb))
			w->initial[w->ninitial++] = str_dup(w->arena, m->key);
	w->at = w->fake->first + w->fake->nevents;
	w->rev = w->fake->rev;
	return 0;
}

static int gone(struct err *e, uint64_t rev, uint64_t have)
{
	return err_set(e, ERR_EXPIRED, "too old resource version: %llu (%llu)", (unsigned long long)rev, (unsigned long long)have);
}

static int start_at(struct fake_watch *w, uint64_t rev, struct err *e)
{
	const struct fake *f = w->fake;
	size_t i = 0;
	if (rev < f->compacted)
		return gone(e, rev, f->compacted);
	while (i < f->nevents && f->events[i].rev <= rev)
		i++;
	w->at = f->first + i;
	w->rev = rev;
	return 0;
}

static int watch_start(struct fake_watch *w, const struct call *c, struct err *e)
{
	uint64_t rev = 0;
	if (fake_filter_init(w->arena, c, &w->filter, e) < 0)
		return -1;
	w->filter.ns = str_dup(w->arena, w->filter.ns);
	if (c->resource_version.n && str_u64(c->resource_version, &rev) < 0)
		return err_set(e, ERR_BAD_REQUEST, "invalid resource version");
	w->initial_end = c->send_initial_events;
	if (c->send_initial_events || rev == 0)
		return initial_fill(w);
	return start_at(w, rev, e);
}

static void selectors_keep(struct arena *a, struct call *c)
{
	c->label_selector = str_dup(a, c->label_selector);
	c->field_selector = str_dup(a, c->field_selector);
	c->name = str_dup(a, c->name);
}

static int check_options(const struct fake *f, const struct call *c, struct err *e)
{
	if (!c->send_initial_events)
		return 0;
	if (f->faults.no_watch_list)
		return err_set(e, ERR_INVALID, "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch");
	return str_is(c->rv_match, "NotOlderThan") ? 0 :
		err_set(e, ERR_INVALID, "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
}

struct watch *fake_watch_new(struct fake *f, const struct call *call, struct err *e)
{
	struct call c = *call;
	if (check_options(f, &c, e) < 0)
		return NULL;
	struct fake_watch *w = (struct fake_watch *)alloc_zero(sizeof *w);
	*w = (struct fake_watch){.fake = f, .table = fake_table(f, c.res), .type = desc_type(c.res->type), .arena = arena_new(NULL), .bookmarks = c.bookmarks};
	w->ends = c.timeout_s ? rt_now() + c.timeout_s * NS_S : MONO_NEVER;
	cond_init(&w->cond);
	selectors_keep(w->arena, &c);
	if (watch_start(w, &c, e) < 0) {
		arena_free(w->arena);
		free(w);
		return NULL;
	}
	list_push(&f->watches, &w->node);
	f->nwatches++;
	return &w->w;
}

void fake_watch_close(struct watch *watch)
{
	struct fake_watch *w = container_of(watch, struct fake_watch, w);
	list_remove(&w->node);
	w->fake->nwatches--;
	arena_free(w->arena);
	free(w);
}

/* ---- events: each of these gives one (0), has none (1) or fails (-1) */

static int next_initial(struct fake_watch *w, struct watch_event *ret)
{
	while (w->sent < w->ninitial) {
		const struct fake_object *o = (const struct fake_object *)map_get(&w->table->objects, w->initial[w->sent++]);
		if (!o || o->rev > w->rev)
			continue; /* changed since: its events come */
		*ret = (struct watch_event){.type = WATCH_ADDED, .pb = blob_ref(o->pb), .rev = o->rev};
		return 0;
	}
	if (!w->initial_end)
		return 1;
	w->initial_end = false;
	*ret = (struct watch_event){.type = WATCH_BOOKMARK, .rev = w->rev, .initial_end = true};
	return 0;
}

static int event_for(const struct fake_watch *w, const struct fake_event *ev, struct watch_event *ret)
{
	bool was = fake_filter_matches(&w->filter, ev->type, ev->old), is = fake_filter_matches(&w->filter, ev->type, ev->cur);
	if (!was && !is)
		return 1;
	*ret = (struct watch_event){.type = !was ? WATCH_ADDED : is ? WATCH_MODIFIED : WATCH_DELETED, .rev = ev->rev};
	ret->pb = blob_ref(ev->cur ? ev->cur : ev->last);
	return 0;
}

static int next_event(struct fake_watch *w, struct watch_event *ret, struct err *e)
{
	struct fake *f = w->fake;
	if (w->at < f->first)
		return gone(e, w->rev, f->compacted);
	while (w->at < f->first + f->nevents) {
		const struct fake_event *ev = &f->events[w->at++ - f->first];
		w->rev = ev->rev;
		if (ev->table == w->table && event_for(w, ev, ret) == 0)
			return 0;
	}
	return 1;
}

static int next_bookmark(struct fake_watch *w, struct watch_event *ret)
{
	if (!w->bookmark)
		return 1;
	w->bookmark = false;
	*ret = (struct watch_event){.type = WATCH_BOOKMARK, .rev = w->rev};
	return 0;
}

static int next_ready(struct fake_watch *w, struct watch_event *ret, struct err *e)
{
	int r = next_initial(w, ret);
	if (r == 1)
		r = next_event(w, ret, e);
	return r == 1 ? next_bookmark(w, ret) : r;
}

int fake_watch_next(struct watch *watch, struct watch_event *ret, mono_t deadline, struct err *e)
{
	struct fake_watch *w = container_of(watch, struct fake_watch, w);
	for (;;) {
		if (w->cut)
			return transport_failed(e, ECONNRESET, "watch");
		int r = next_ready(w, ret, e);
		if (r <= 0)
			return r;
		if (w->ended || rt_now() >= w->ends)
			return 1;
		r = cond_wait(&w->cond, w->ends < deadline ? w->ends : deadline);
		if (r < 0 && !(r == -ETIME && w->ends <= rt_now()))
			return transport_failed(e, r, "watch");
	}
}

/* ---- faults */

static void watches_mark(struct fake *f, size_t flag)
{
	struct fake_watch *w;
	list_each(w, &f->watches, node)
		*((bool *)w + flag) = true;
	fake_events_wake(f);
}

void fake_cut_watches(struct fake *f)
{
	watches_mark(f, offsetof(struct fake_watch, cut));
}

void fake_end_watches(struct fake *f)
{
	watches_mark(f, offsetof(struct fake_watch, ended));
}

void fake_bookmark(struct fake *f)
{
	struct fake_watch *w;
	list_each(w, &f->watches, node)
		w->bookmark = w->bookmarks;
	fake_events_wake(f);
}

void fake_compact(struct fake *f)
{
	history_drop(f, f->nevents);
	f->compacted = f->rev;
}
