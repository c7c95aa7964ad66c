#include "client/informer_impl.h"
#include "base/buf.h"

/* ---- buckets */

static struct bucket *bucket_get(struct map *in, struct str key)
{
	struct bucket *b = (struct bucket *)map_get(in, key);
	if (b)
		return b;
	b = (struct bucket *)alloc_zero(sizeof *b);
	b->in = in;
	b->key = heap_str(key);
	map_set(in, b->key, b);
	return b;
}

static void bucket_add(struct bucket *b, struct entry *en, struct membership *m)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 4;
		b->slots = (struct slot *)alloc_resize(b->slots, b->cap, sizeof *b->slots);
	}
	*m = (struct membership){b, b->n};
	b->slots[b->n++] = (struct slot){en, m};
}

static void bucket_free(struct bucket *b)
{
	map_del(b->in, b->key);
	free((char *)b->key.p);
	free(b->slots);
	free(b);
}

/* The last slot moves into the free place. */
static void bucket_remove(struct membership *m)
{
	struct bucket *b = m->bucket;
	if (!b)
		return;
	b->slots[m->at] = b->slots[--b->n];
	b->slots[m->at].back->at = m->at;
	m->bucket = NULL;
	if (b->n == 0)
		bucket_free(b);
}

/* ---- indexes */

static void index_drop(struct entry *en)
{
	for (uint32_t i = 0; i < en->nkeys; i++)
		bucket_remove(&en->keys[i]);
	free(en->keys);
	en->keys = NULL;
	en->nkeys = 0;
}

static bool repeated(const struct str *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(keys[i], keys[n]))
			return true;
	return false;
}

/* Removes repeated keys, so that an item is in a bucket once. */
static size_t distinct(struct str *keys, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		keys[kept] = keys[i];
		kept += !repeated(keys, kept);
	}
	return kept;
}

static void index_set(struct informer *inf, struct entry *en, struct arena *a, void *obj)
{
	struct str *keys = arena_array(a, struct str, inf->nindexes * INFORMER_INDEX_KEYS + 1);
	size_t n = 0;
	for (size_t i = 0; keys && i < inf->nindexes; i++)
		n += inf->indexes[i](a, obj, keys + n, INFORMER_INDEX_KEYS);
	index_drop(en);
	n = distinct(keys, n);
	if (n == 0)
		return;
	en->keys = (struct membership *)alloc_zero(n * sizeof *en->keys);
	en->nkeys = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		bucket_add(bucket_get(&inf->by_key, keys[i]), en, &en->keys[i]);
}

/* What depends on the typed form: the compact form and the index entries. */
static int derive(struct informer *inf, struct entry *en, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = NULL;
	if (!inf->opts.extract && !inf->nindexes)
		return 0;
	a = arena_new(NULL);
	void *obj = informer_decode(inf, a, &en->item);
	if (!obj)
		return err_set(e, ERR_INTERNAL, "%.*s cannot be decoded", STR_F(en->item.key));
	if (inf->opts.extract)
		en->item.extract = inf->opts.extract(inf->type, obj);
	index_set(inf, en, a, obj);
	return 0;
}

void store_reindex(struct informer *inf)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&inf->items, &i));) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		struct entry *en = (struct entry *)m->value;
		void *obj = informer_decode(inf, a, &en->item);
		if (obj)
			index_set(inf, en, a, obj);
	}
}

/* ---- items */

static struct entry *entry_new(struct informer *inf, const struct pb_meta *m)
{
	size_t n = key_size(m->ns, m->name);
	struct entry *en = (struct entry *)alloc_zero(sizeof *en + n + 1);
	en->item.key = key_write(en->text, m->ns, m->name);
	en->item.name = str_sub(en->item.key, n - m->name.n, n);
	en->item.ns = m->ns.n ? str_sub(en->item.key, 0, m->ns.n) : (struct str){0};
	map_set(&inf->items, en->item.key, en);
	if (m->ns.n)
		bucket_add(bucket_get(&inf->by_ns, en->item.ns), en, &en->ns);
	return en;
}

static void item_drop(struct informer *inf, struct informer_item *it)
{
	if (it->extract && inf->opts.extract_free)
		inf->opts.extract_free(it->extract);
	blob_unref(it->pb);
}

static void entry_free(struct informer *inf, struct entry *en)
{
	index_drop(en);
	bucket_remove(&en->ns);
	map_del(&inf->items, en->item.key);
	item_drop(inf, &en->item);
	free(en);
}

static void tell(struct informer *inf, const struct informer_item *old, const struct informer_item *cur)
{
	for (struct informer_handler *h = inf->handlers; h; h = h->next)
		h->fn(h->arg, old, cur);
}

static struct entry *entry_find(struct informer *inf, const struct pb_meta *m)
{
	BUF(key);
	char *p = buf_room(&key, key_size(m->ns, m->name) + 1);
	return p ? (struct entry *)map_get(&inf->items, key_write(p, m->ns, m->name)) : NULL;
}

/* An object that was deleted and made anew between two looks is told as such. */
static bool other_object(const struct entry *en, const struct pb_meta *m)
{
	struct pb_meta was;
	return pb_meta_read(blob_str(en->item.pb), &was) == 0 && !str_eq(was.uid, m->uid);
}

static void entry_remove(struct informer *inf, struct entry *en)
{
	struct informer_item old = en->item;
	/* Gone for readers before the handlers hear of it; its texts live until they have. */
	en->item.pb = NULL;
	en->item.extract = NULL;
	index_drop(en);
	bucket_remove(&en->ns);
	map_del(&inf->items, en->item.key);
	tell(inf, &old, NULL);
	item_drop(inf, &old);
	free(en);
}

/* An object that cannot be read is as good as gone. */
static int put_failed(struct informer *inf, struct entry *en, const struct informer_item *old)
{
	item_drop(inf, &en->item);
	en->item = *old;
	if (old->pb)
		entry_remove(inf, en);
	else
		entry_free(inf, en);
	return -1;
}

static int entry_put(struct informer *inf, struct entry *en, const struct pb_meta *m, struct blob *pb, struct err *e)
{
	if (en && other_object(en, m)) {
		entry_remove(inf, en);
		en = NULL;
	}
	bool fresh = !en;
	if (fresh)
		en = entry_new(inf, m);
	struct informer_item old = en->item;
	en->item.pb = pb;
	en->item.rev = m->rev;
	en->item.extract = NULL;
	en->kept = true;
	if (derive(inf, en, e) < 0)
		return put_failed(inf, en, &old);
	tell(inf, fresh ? NULL : &old, &en->item);
	item_drop(inf, &old);
	return 0;
}

static int bad_object(struct blob *pb, struct err *e)
{
	blob_unref(pb);
	return err_set(e, ERR_INTERNAL, "an object without metadata came from the server");
}

int store_put(struct informer *inf, struct blob *pb, struct err *e)
{
	struct pb_meta m;
	if (pb_meta_read(blob_str(pb), &m) < 0)
		return bad_object(pb, e);
	struct entry *en = entry_find(inf, &m);
	if (!en || en->item.rev < m.rev)
		return entry_put(inf, en, &m, pb, e);
	blob_unref(pb);
	return 0;
}

int store_relist_put(struct informer *inf, struct blob *pb, bool back, struct err *e)
{
	struct pb_meta m;
	if (pb_meta_read(blob_str(pb), &m) < 0)
		return bad_object(pb, e);
	struct entry *en = entry_find(inf, &m);
	if (!en || en->item.rev < m.rev || (back && en->item.rev != m.rev))
		return entry_put(inf, en, &m, pb, e);
	en->kept = true;
	blob_unref(pb);
	return 0;
}

int store_delete(struct informer *inf, struct blob *pb, uint64_t rev, struct err *e)
{
	struct pb_meta m;
	if (pb_meta_read(blob_str(pb), &m) < 0)
		return bad_object(pb, e);
	struct entry *en = entry_find(inf, &m);
	if (en && en->item.rev <= rev)
		entry_remove(inf, en);
	blob_unref(pb);
	return 0;
}

void store_relist_begin(struct informer *inf)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&inf->items, &i));)
		((struct entry *)m->value)->kept = false;
}

void store_relist_end(struct informer *inf)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&inf->items, &i));)
		if (!((struct entry *)m->value)->kept)
			entry_remove(inf, (struct entry *)m->value);
}

void store_fini(struct informer *inf)
{
	struct map_entry *m;
	for (size_t i = 0; (m = map_next(&inf->items, &i));)
		entry_free(inf, (struct entry *)m->value);
	map_fini(&inf->items);
	map_fini(&inf->by_ns);
	map_fini(&inf->by_key);
}
