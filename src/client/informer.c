#include "client/informer_impl.h"
#include "codec/pb.h"
#include <errno.h>

#define BACKOFF_MIN (800 * NS_MS)    /* as upstream's reflector */
#define BACKOFF_MAX (30 * NS_S)
#define BACKOFF_RESET (2 * NS_MIN)

struct informer *informer_new(struct transport *t, const struct informer_opts *o)
{
	struct informer *inf = (struct informer *)alloc_zero(sizeof *inf);
	*inf = (struct informer){.t = t, .opts = *o, .arena = arena_new(NULL), .type = desc_type(o->res->type)};
	inf->opts.ns = str_dup(inf->arena, o->ns);
	inf->opts.label_selector = str_dup(inf->arena, o->label_selector);
	inf->opts.field_selector = str_dup(inf->arena, o->field_selector);
	inf->backoff = (struct backoff){.min = BACKOFF_MIN, .max = BACKOFF_MAX, .reset = BACKOFF_RESET, .jitter_percent = 100};
	cond_init(&inf->synced_cond);
	if (o->index)
		informer_add_index(inf, o->index);
	return inf;
}

void informer_free(struct informer *inf)
{
	if (!inf)
		return;
	store_fini(inf);
	free(inf->indexes);
	arena_free(inf->arena);
	free(inf);
}

void informer_add_index(struct informer *inf, size_t (*index)(struct arena *a, void *obj, struct str *keys, size_t n))
{
	for (size_t i = 0; i < inf->nindexes; i++)
		if (inf->indexes[i] == index)
			return;
	inf->indexes = (index_fn *)alloc_resize(inf->indexes, inf->nindexes + 1, sizeof *inf->indexes);
	inf->indexes[inf->nindexes++] = index;
	store_reindex(inf);
}

void informer_add_handler(struct informer *inf, struct informer_handler *h)
{
	struct informer_handler **end = &inf->handlers;
	struct map_entry *m;
	while (*end)
		end = &(*end)->next;
	h->next = NULL;
	*end = h;
	for (size_t i = 0; (m = map_next(&inf->items, &i));)
		h->fn(h->arg, NULL, &((struct entry *)m->value)->item);
}

void informer_start(struct informer *inf, struct scope *s)
{
	inf->scope = s;
	inf->stopped = !fiber_spawn(s, "informer", informer_run, inf);
	if (inf->stopped)
		log_error("informer %s: cannot start: too many fibers", desc_z(inf->opts.res->plural));
}

bool informer_synced(const struct informer *inf)
{
	return inf->synced;
}

int informer_wait_synced(struct informer *inf, mono_t deadline)
{
	int r = 0;
	while (!inf->synced && !inf->stopped && r == 0)
		r = cond_wait(&inf->synced_cond, deadline);
	if (inf->synced)
		return 0;
	return r < 0 ? r : -ECANCELED;
}

/* ---- reading */

const struct informer_item *informer_get(const struct informer *inf, struct str key)
{
	const struct entry *en = (const struct entry *)map_get(&inf->items, key);
	return en ? &en->item : NULL;
}

void *informer_decode(const struct informer *inf, struct arena *a, const struct informer_item *item)
{
	void *obj = obj_new(a, inf->type);
	if (pb_decode(a, inf->type, blob_str(item->pb), 0, obj, NULL) < 0)
		return NULL;
	obj_set_type((struct ref){inf->type, obj});
	return obj;
}

void *informer_object(const struct informer *inf, struct arena *a, struct str key)
{
	const struct informer_item *item = informer_get(inf, key);
	return item ? informer_decode(inf, a, item) : NULL;
}

static const struct informer_item *bucket_next(const struct map *in, struct str key, size_t *i)
{
	const struct bucket *b = (const struct bucket *)map_get(in, key);
	return b && *i < b->n ? &b->slots[(*i)++].entry->item : NULL;
}

const struct informer_item *informer_next(const struct informer *inf, struct str ns, size_t *i)
{
	if (ns.n)
		return bucket_next(&inf->by_ns, ns, i);
	struct map_entry *m = map_next(&inf->items, i);
	return m ? &((struct entry *)m->value)->item : NULL;
}

const struct informer_item *informer_by_index(const struct informer *inf, struct str index_key, size_t *i)
{
	return bucket_next(&inf->by_key, index_key, i);
}

size_t informer_count(const struct informer *inf)
{
	return inf->items.n;
}

uint64_t informer_rev(const struct informer *inf)
{
	return inf->rev;
}

/* ---- factories */

struct informers {
	struct transport *t;
	struct scope *scope;
	struct informer **v;
	size_t n;
};

struct informers *informers_new(struct transport *t, struct scope *s)
{
	struct informers *f = (struct informers *)alloc_zero(sizeof *f);
	*f = (struct informers){.t = t, .scope = s};
	return f;
}

static bool same_opts(const struct informer_opts *a, const struct informer_opts *b)
{
	return a->res == b->res && str_eq(a->ns, b->ns) && str_eq(a->label_selector, b->label_selector) && str_eq(a->field_selector, b->field_selector) &&
		a->extract == b->extract && a->extract_free == b->extract_free;
}

struct informer *informers_get(struct informers *f, const struct informer_opts *o)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!same_opts(&f->v[i]->opts, o))
			continue;
		if (o->index)
			informer_add_index(f->v[i], o->index);
		return f->v[i];
	}
	f->v = (struct informer **)alloc_resize(f->v, f->n + 1, sizeof *f->v);
	f->v[f->n] = informer_new(f->t, o);
	informer_start(f->v[f->n], f->scope);
	return f->v[f->n++];
}

int informers_wait_synced(struct informers *f, mono_t deadline)
{
	int r = 0;
	for (size_t i = 0; i < f->n && r == 0; i++)
		r = informer_wait_synced(f->v[i], deadline);
	return r;
}

void informers_free(struct informers *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		informer_free(f->v[i]);
	free(f->v);
	free(f);
}
