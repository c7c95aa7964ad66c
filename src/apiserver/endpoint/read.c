/* get and list. */
#include "apiserver/cache/impl.h"
#include "apiserver/endpoint/endpoint.h"
#include "store/store.h"

static void drop_object(void *p) { object_unref(p); }

int verb_get(struct request *r, struct err *e)
{
	struct str export;
	if (query_get(r, STR("export"), &export) && bool_of_query(export))
		return err_set(e, ERR_BAD_REQUEST, "the export parameter, deprecated since v1.14, is no longer supported");
	struct str rv = r->http ? (struct str){0} : r->call.resource_version;
	uint64_t rev = 0;
	if (r->http)
		query_get(r, STR("resourceVersion"), &rv);
	if (rv.n && (rv_parse_get(rv, &rev, e) || plan_wait(r, rev, e)))
		return -1;
	struct object *o = cache_lookup(server_cache(r->server), r->table, r->at.ns, r->at.name);
	if (!o)
		return request_not_found(r, r->at.name, e);
	arena_defer(r->arena, drop_object, o);
	r->answer = (struct answer){.kind = ANSWER_CACHED, .object = o};
	return 0;
}

/* ---- list ---- */

struct listing {
	struct request *r;
	struct match match;
	struct read_plan plan;
	struct { struct object **items; uint32_t len, cap; } found;
	struct object *last;  /* the last one looked at */
	bool more;            /* something lies behind it */
};

/* Takes the reference. */
static int keep(struct listing *l, struct object *o, struct err *e)
{
	struct object **slot = arena_push(l->r->arena, &l->found);
	if (!slot) {
		object_unref(o);
		return err_nomem(e, sizeof *slot);
	}
	*slot = o;
	return 0;
}

static bool full(const struct listing *l) { return l->plan.limit && l->found.len >= l->plan.limit; }

#define LOOK_BETWEEN_BREATHS 512 /* objects matched before others on the loop may run */

static int collect_cached(struct listing *l, struct cache_iter *it, struct err *e)
{
	struct object *o;
	for (unsigned n = 1; !full(l) && (o = cache_next(it)); n++) {
		l->last = o;
		if (match_object(&l->match, o) && keep(l, object_ref(o), e))
			return -1;
		if (n % LOOK_BETWEEN_BREATHS == 0 && rt_breathe())
			return err_set(e, ERR_TIMEOUT, "the request was cancelled");
	}
	return 0;
}

static struct str list_ns(const struct listing *l) { return l->r->table->namespaced ? l->r->at.ns : STR(""); }

static struct str start_of(const struct listing *l, const struct object *o)
{
	if (!l->r->table->namespaced || l->r->at.ns.n)
		return o->name;
	return str_printf(l->r->arena, "%.*s/%.*s", STR_F(o->ns), STR_F(o->name));
}

static void finish_page(struct listing *l, size_t left, struct answer *ret)
{
	if (!left)
		return;
	ret->continue_ = continue_token(l->r->arena, ret->rev, start_of(l, l->last));
	if (l->match.any)
		ret->remaining = (int64_t)left;
}

/* From one version of the cache's tree. */
static int list_cached(struct listing *l, const struct cache_pin *pin, struct answer *ret, struct err *e)
{
	struct cache_iter it;
	struct read_plan *p = &l->plan;
	cache_seek(&it, pin, list_ns(l), p->start_ns, p->start_name, p->from == READ_CONTINUE);
	if (collect_cached(l, &it, e))
		return -1;
	finish_page(l, full(l) ? cache_count(&it) : 0, ret);
	return 0;
}

/* ---- at an older revision: from the store's history ---- */

#define HISTORY_PAGE 500

static int collect_page(struct listing *l, const struct store_range *page, struct err *e)
{
	for (uint32_t i = 0; i < page->len; i++) {
		struct store_kv *kv = &page->items[i];
		CLEANUP(blob_unref) struct blob *value = blob_copy(kv->value);
		struct object *o = value ? object_new(l->r->table, value, (uint64_t)kv->mod_rev, e) : NULL;
		if (!o)
			return -1;
		arena_defer(l->r->arena, drop_object, object_ref(o));
		if (full(l)) {
			l->more = true;
			object_unref(o);
			return 0;
		}
		l->last = o;
		if (!match_object(&l->match, o))
			object_unref(o);
		else if (keep(l, o, e))
			return -1;
	}
	return 0;
}

static struct str history_prefix(const struct listing *l)
{
	struct str ns = list_ns(l), prefix = l->r->table->prefix;
	return ns.n ? str_printf(l->r->arena, "%.*s%.*s/", STR_F(prefix), STR_F(ns)) : prefix;
}

/* The first key after the continue token's. */
static struct str history_start(const struct listing *l)
{
	const struct read_plan *p = &l->plan;
	struct str key = p->from == READ_CONTINUE ? cache_key(l->r->arena, l->r->table, p->start_ns, p->start_name) : (struct str){0};
	return key.n ? str_printf(l->r->arena, "%.*s%c", STR_F(key), 0) : history_prefix(l);
}

static int too_old(struct request *r, const struct read_plan *p, struct err *e)
{
	if (p->from != READ_CONTINUE)
		return err_set(e, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
	struct str start = r->table->namespaced && !r->at.ns.n ? str_printf(r->arena, "%.*s/%.*s", STR_F(p->start_ns), STR_F(p->start_name)) : p->start_name;
	r->expired_continue = continue_token(r->arena, (uint64_t)-1, start);
	return err_set(e, ERR_EXPIRED,
		"The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use "
		"the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent "
		"list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.");
}

static int list_history(struct listing *l, struct answer *ret, struct err *e)
{
	struct request *r = l->r;
	struct str from = history_start(l), end = store_prefix_end(r->arena, history_prefix(l));
	int64_t count = 0, walked = 0;
	for (bool more = true; more && !l->more;) {
		struct store_query q = {.key = from, .end = end, .rev = (int64_t)l->plan.rev, .limit = HISTORY_PAGE, .count = l->plan.limit && l->match.any && !count};
		struct store_range page = {0};
		if (store_range(server_store(r->server), &q, r->arena, &page, e))
			return err_is(e, ERR_EXPIRED) ? too_old(r, &l->plan, e) : -1;
		if (q.count)
			count = page.count;
		if (collect_page(l, &page, e))
			return -1;
		walked += page.len;
		more = page.more && page.len;
		if (more)
			from = str_printf(r->arena, "%.*s%c", STR_F(page.items[page.len - 1].key), 0);
	}
	finish_page(l, l->more ? (size_t)(count > (int64_t)l->found.len ? count - l->found.len : 1) : 0, ret);
	(void)walked;
	return 0;
}

/* ---- which of the two ---- */

static int list_plan(struct listing *l, struct answer *ret, struct err *e)
{
	struct read_plan *p = &l->plan;
	struct cache_pin pin;
	bool exact = p->from == READ_EXACT || (p->from == READ_CONTINUE && !p->inconsistent);
	if (p->from != READ_NEWEST && p->rev && plan_wait(l->r, p->rev, e))
		return -1;
	cache_pin(server_cache(l->r->server), l->r->table, &pin);
	ret->rev = exact ? p->rev : pin.rev;
	if (exact && pin.changed > p->rev) {
		cache_unpin(&pin);
		return list_history(l, ret, e);
	}
	int done = list_cached(l, &pin, ret, e);
	cache_unpin(&pin);
	return done;
}

static void drop_items(void *p)
{
	struct answer *a = p;
	for (size_t i = 0; i < a->nitems; i++)
		object_unref(a->items[i]);
}

int list_run(struct request *r, struct answer *ret, struct err *e)
{
	struct listing l = {.r = r};
	struct answer *out = arena_make(r->arena, struct answer);
	*out = (struct answer){.kind = ANSWER_LIST, .remaining = -1};
	arena_defer(r->arena, drop_items, out);
	if (match_parse(r, &l.match, e) || plan_list(r, &l.plan, e))
		return -1;
	int done = list_plan(&l, out, e);
	out->items = l.found.items;
	out->nitems = l.found.len;
	*ret = *out;
	return done;
}

int verb_list(struct request *r, struct err *e)
{
	if (options_list(r, e))
		return -1;
	return list_run(r, &r->answer, e);
}
