#include "apiserver/cache.h"
#include "base/log.h"

static struct cache_view *view_of(struct cursor *c) { return container_of(c, __typeof__(((struct cache_view *)0)->of[0]), cursor)->view; }

static enum cursor_verdict on_event(struct cursor *c, struct cache_event *ev)
{
	view_of(c)->stale = true;
	return CURSOR_NEXT;
}

static void on_lost(struct cursor *c)
{
	cursor_close(c);
	view_of(c)->watching = false;
}

static const struct cursor_ops cursor_ops = {on_event, on_lost};

static void watch_tables(struct cache_view *v)
{
	v->watching = v->stale = true;
	for (size_t i = 0; i < v->n; i++) {
		struct bucket any = {0};
		struct cursor *c = &v->of[i].cursor;
		ERR(e);
		v->of[i].view = v;
		cursor_close(c);
		if (cursor_open(c, &cursor_ops, v->of[i].table, &any, cache_revision(v->cache), &e) == 0)
			cursor_resume(c);
		else
			v->watching = false; /* then the next question reads anew */
	}
}

void cache_view_init(struct cache_view *v, struct cache *c, const char *group, const char *const *plurals, size_t n)
{
	invariant(n <= CACHE_VIEW_TABLES);
	*v = (struct cache_view){.cache = c, .n = n};
	for (size_t i = 0; i < n; i++)
		v->of[i].table = cache_table_by_name(c, group, plurals[i]);
}

/* The cursors were closed by the hubs of their loop. */
void cache_view_fini(struct cache_view *v)
{
	arena_free(v->mem);
	v->mem = NULL;
}

bool cache_view_renew(struct cache_view *v)
{
	if (!v->watching)
		watch_tables(v);
	if (!v->stale)
		return false;
	v->stale = false;
	arena_free(v->mem);
	v->mem = arena_new(NULL);
	return true;
}

struct cache_objects cache_view_objects(struct cache_view *v, size_t table)
{
	struct cache_objects all = {0};
	struct cache_pin pin;
	struct cache_iter it;
	cache_pin(v->cache, v->of[table].table, &pin);
	cache_seek(&it, &pin, (struct str){0}, (struct str){0}, (struct str){0}, false);
	for (struct object *o; (o = cache_next(&it));) {
		ERR(e);
		void *obj = object_decode(o, v->mem, &e);
		void **slot = obj ? arena_push(v->mem, &all) : NULL;
		if (!slot)
			continue;
		*slot = obj;
		object_ref(o);
		arena_defer(v->mem, (void (*)(void *))object_unref, o); /* strings point into it */
	}
	cache_unpin(&pin);
	return all;
}
