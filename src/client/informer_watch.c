/* The fiber of an informer: gets the whole picture, then follows it.  See the drawing in informer.h. */
#include "client/informer_impl.h"
#include "codec/pb.h"
#include "gen/meta_v1.h"
#include <errno.h>

#define LIST_PAGE 500                 /* of consistent lists, as upstream's reflector */
#define WATCH_TIMEOUT_S 300           /* a watch ends after so long, and up to as much again: spreads the load on servers */
#define WATCH_GRACE (30 * NS_S)       /* how much later a carrier that lost the connection is given up */
#define WATCH_SHORT NS_S              /* a watch without events that ends sooner counts as a failure */

static struct call base_call(const struct informer *inf, enum verb verb)
{
	const struct informer_opts *o = &inf->opts;
	return (struct call){.verb = verb, .res = o->res, .ns = o->ns, .label_selector = o->label_selector, .field_selector = o->field_selector};
}

/* What the server must at least have seen, as text in buf; absent: the newest. */
static struct str rev_wanted(const struct informer *inf, struct buf *buf)
{
	if (inf->consistent || inf->rev == 0)
		return (struct str){0};
	buf_u64(buf, inf->rev);
	return buf_view(buf);
}

static bool has_cause(const struct err *e, const char *type)
{
	for (uint32_t i = 0; i < e->ncauses; i++)
		if (strcmp(e->causes[i].type, type) == 0)
			return true;
	return false;
}

/* The revision we ask for is none of the server's any more, or not yet. */
static bool wrong_revision(const struct err *e)
{
	return err_is(e, ERR_EXPIRED) || err_is(e, ERR_GONE) || has_cause(e, "ResourceVersionTooLarge");
}

/* ---- list */

static int put_items(struct informer *inf, struct ref list, struct err *e)
{
	const struct field *f;
	struct any_list *items = obj_items(list, &f);
	for (uint32_t i = 0; i < items->len && rt_breathe() == 0; i++) {
		BUF(pb);
		pb_encode(&pb, (struct ref){inf->type, list_at(f, items, i)});
		struct blob *b = pb.failed ? NULL : blob_copy(buf_view(&pb));
		if (!b)
			return err_nomem(e, pb.n);
		if (store_relist_put(inf, b, inf->consistent, e) < 0)
			return -1;
	}
	return fiber_cancelled() ? transport_failed(e, ECANCELED, "list") : 0;
}

struct listing {
	struct informer *inf;
	struct call call;
	struct arena *token;  /* holds the continue token */
	uint64_t rev;
};

/* One page: 1 when there are more. */
static int list_page(struct listing *l, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ref list;
	if (transport_call(l->inf->t, &l->call, a, &list, e) < 0)
		return -1;
	const struct meta_v1_ListMeta *m = obj_list_meta(list);
	if (str_u64(m->resourceVersion, &l->rev) < 0)
		return err_set(e, ERR_INTERNAL, "the list has no usable resourceVersion");
	if (put_items(l->inf, list, e) < 0)
		return -1;
	arena_reset(l->token);
	l->call.continue_ = str_dup(l->token, m->continue_);
	l->call.resource_version = (struct str){0};
	return m->continue_.n > 0;
}

/* The rest of the pages is too old: everything again, in one piece. */
static bool list_again(struct listing *l, const struct err *e)
{
	if (!wrong_revision(e) || !l->call.continue_.n)
		return false;
	l->call.continue_ = (struct str){0};
	l->call.limit = 0;
	store_relist_begin(l->inf);
	return true;
}

static int list_pages(struct listing *l, struct err *e)
{
	for (int more = 1; more;) {
		ERR(why);
		if ((more = list_page(l, &why)) < 0 && !list_again(l, &why))
			return err_pass(e, &why);
	}
	return 0;
}

static int relist_done(struct informer *inf, uint64_t rev, struct err *e)
{
	if (rev < inf->rev && !inf->consistent) {
		inf->consistent = true;
		return err_set(e, ERR_INTERNAL, "the list is older than what is known");
	}
	store_relist_end(inf);
	inf->rev = rev;
	inf->consistent = false;
	inf->synced = true;
	cond_wake_all(&inf->synced_cond);
	return 0;
}

static int sync_by_list(struct informer *inf, struct err *e)
{
	CLEANUP(arena_free) struct arena *token = arena_new(NULL);
	struct listing l = {.inf = inf, .call = base_call(inf, VERB_LIST), .token = token};
	BUF(rev);
	l.call.resource_version = rev_wanted(inf, &rev);
	if (inf->consistent)
		l.call.limit = LIST_PAGE;
	else if (inf->rev == 0)
		l.call.resource_version = STR("0");
	store_relist_begin(inf);
	return list_pages(&l, e) < 0 ? -1 : relist_done(inf, l.rev, e);
}

/* ---- watch */

static struct watch *watch_open(struct informer *inf, struct call *c, mono_t *ret_deadline, struct err *e)
{
	c->bookmarks = true;
	c->timeout_s = WATCH_TIMEOUT_S + (int64_t)rt_random_below(WATCH_TIMEOUT_S);
	*ret_deadline = rt_now() + c->timeout_s * NS_S + WATCH_GRACE;
	return transport_watch(inf->t, c, e);
}

static int apply_event(struct informer *inf, struct watch_event *ev, struct err *e)
{
	int r = 0;
	if (ev->type == WATCH_DELETED)
		r = store_delete(inf, ev->pb, ev->rev, e);
	else if (ev->type != WATCH_BOOKMARK)
		r = store_put(inf, ev->pb, e);
	if (r == 0 && ev->rev > inf->rev)
		inf->rev = ev->rev;
	return r;
}

/* An event before the bookmark that ends the initial ones. */
static int apply_initial(struct informer *inf, struct watch_event *ev, struct err *e)
{
	if (ev->type == WATCH_DELETED)
		return store_delete(inf, ev->pb, ev->rev, e);
	return ev->type == WATCH_BOOKMARK ? 0 : store_relist_put(inf, ev->pb, inf->consistent, e);
}

/* Applies events until the bookmark that ends the initial ones. */
static int take_initial(struct informer *inf, struct watch *w, mono_t deadline, struct err *e)
{
	struct watch_event ev;
	store_relist_begin(inf);
	do {
		int r = watch_next(w, &ev, deadline, e);
		if (r != 0)
			return r < 0 ? -1 : err_set(e, ERR_SERVICE_UNAVAILABLE, "the watch ended within the initial events");
		if (ev.initial_end)
			return relist_done(inf, ev.rev, e);
		if (apply_initial(inf, &ev, e) < 0)
			return -1;
	} while (rt_breathe() == 0);
	return transport_failed(e, ECANCELED, "watch");
}

/* The picture by a watch that goes on afterwards (*ret_w). */
static int sync_by_watch(struct informer *inf, struct watch **ret_w, mono_t *ret_deadline, struct err *e)
{
	CLEANUP(watch_close) struct watch *w = NULL;
	struct call c = base_call(inf, VERB_WATCH);
	BUF(rev);
	c.resource_version = rev_wanted(inf, &rev);
	c.send_initial_events = true;
	c.rv_match = STR("NotOlderThan");
	w = watch_open(inf, &c, ret_deadline, e);
	if (!w || take_initial(inf, w, *ret_deadline, e) < 0)
		return -1;
	*ret_w = STEAL(w);
	return 0;
}

/* Servers that do not know watch-lists say so with one of these. */
static bool watch_list_refused(const struct err *e)
{
	return err_is(e, ERR_INVALID) || err_is(e, ERR_BAD_REQUEST) || err_is(e, ERR_METHOD_NOT_ALLOWED);
}

static int sync_picture(struct informer *inf, struct watch **ret_w, mono_t *ret_deadline, struct err *e)
{
	*ret_w = NULL;
	if (!inf->no_watch_list) {
		ERR(why);
		if (sync_by_watch(inf, ret_w, ret_deadline, &why) == 0)
			return 0;
		if (!watch_list_refused(&why))
			return err_pass(e, &why);
		inf->no_watch_list = true;
	}
	return sync_by_list(inf, e);
}

/* Until the watch ends: 0 in order, -1 not. */
static int follow_watch(struct informer *inf, struct watch *w, mono_t deadline, struct err *e)
{
	struct watch_event ev;
	mono_t start = rt_now();
	for (bool any = false;; any = true) {
		int r = watch_next(w, &ev, deadline, e);
		if (r == 1 && !any && rt_now() - start < WATCH_SHORT)
			return err_set(e, ERR_SERVICE_UNAVAILABLE, "very short watch: it ended without an event in less than a second");
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (apply_event(inf, &ev, e) < 0)
			return -1;
		if (rt_breathe() < 0)
			return transport_failed(e, ECANCELED, "watch");
	}
}

static struct watch *watch_again(struct informer *inf, mono_t *ret_deadline, struct err *e)
{
	struct call c = base_call(inf, VERB_WATCH);
	BUF(rev);
	buf_u64(&rev, inf->rev);
	c.resource_version = buf_view(&rev);
	return watch_open(inf, &c, ret_deadline, e);
}

/* A failure after which a watch from the last revision may go on. */
static bool passing(const struct err *e)
{
	return !wrong_revision(e) && (e->sys || err_is(e, ERR_SERVICE_UNAVAILABLE) || err_is(e, ERR_TOO_MANY_REQUESTS) || err_is(e, ERR_TIMEOUT) ||
		err_is(e, ERR_SERVER_TIMEOUT));
}

/* Logs what went wrong and waits before the next attempt. */
static int pause_after(struct informer *inf, const struct err *e)
{
	nsec_t pause = backoff_next(&inf->backoff);
	if (fiber_cancelled())
		return -ECANCELED;
	if (wrong_revision(e))
		log_v(4, "informer %s: %s", desc_z(inf->opts.res->plural), err_text(e));
	else
		log_warn("informer %s: %s (again in %lld ms)", desc_z(inf->opts.res->plural), err_text(e), (long long)(pause / NS_MS));
	if (e->retry_after_s > 0 && e->retry_after_s * NS_S > pause)
		pause = e->retry_after_s * NS_S;
	return fiber_sleep(pause);
}

/* One watch after the other, the first being w (may be NULL), until the picture has to be made anew. */
static void follow(struct informer *inf, struct watch *w, mono_t deadline)
{
	for (bool go_on = true; go_on; w = NULL) {
		ERR(e);
		if (!w)
			w = watch_again(inf, &deadline, &e);
		int r = w ? follow_watch(inf, w, deadline, &e) : -1;
		watch_close(w);
		if (r < 0) {
			go_on = passing(&e);
			/* A picture that is made anew at once is no failure yet. */
			if (!wrong_revision(&e) && pause_after(inf, &e) < 0)
				return;
		}
		go_on = go_on && !fiber_cancelled();
	}
}

static void informer_stopped(struct informer *inf)
{
	inf->stopped = true;
	cond_wake_all(&inf->synced_cond);
}

void informer_run(void *arg)
{
	struct informer *inf = (struct informer *)arg;
	while (!fiber_cancelled()) {
		ERR(e);
		struct watch *w;
		mono_t deadline;
		if (sync_picture(inf, &w, &deadline, &e) == 0) {
			mono_t start = rt_now();
			follow(inf, w, deadline);
			/* A server that takes back at once what it just said must not keep us busy. */
			if (rt_now() - start < WATCH_SHORT && fiber_sleep(backoff_next(&inf->backoff)) < 0)
				break;
		} else {
			inf->consistent |= wrong_revision(&e);
			if (pause_after(inf, &e) < 0)
				break;
		}
	}
	informer_stopped(inf);
}
