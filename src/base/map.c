/* Entries lie in v in the order of insertion; index is an open-addressed table of positions in v, plus one, zero meaning free.
 * A removed entry stays in v as a dead one and its slot keeps pointing at it, so that probing goes on past it; both go when v is
 * full and the table is built anew.  index has twice as many slots as v has entries, so probes are short and always end. */
#include "base/map.h"
#include "base/alloc.h"

#define MAP_MIN 8
#define MAP_MAX ((size_t)1 << 31) /* entries: positions are 32-bit */

static void drop_key(struct map_entry *e)
{
	if (e->owned)
		free((char *)e->key.p);
	e->owned = false;
	e->key = (struct str){0};
}

static void drop_keys(struct map *m)
{
	for (size_t i = 0; i < m->used; i++)
		drop_key(&m->v[i]);
}

void map_fini(struct map *m)
{
	drop_keys(m);
	free(m->v);
	free(m->index);
	*m = (struct map){0};
}

void map_clear(struct map *m)
{
	drop_keys(m);
	if (m->slots)
		memset(m->index, 0, m->slots * sizeof *m->index);
	m->n = m->used = 0;
}

static struct map_entry *find(const struct map *m, struct str key, uint64_t hash)
{
	if (m->n == 0)
		return NULL;
	size_t mask = m->slots - 1;
	for (size_t i = hash & mask; m->index[i]; i = (i + 1) & mask) {
		struct map_entry *e = &m->v[m->index[i] - 1];
		if (e->hash == hash && e->live && str_eq(e->key, key))
			return e;
	}
	return NULL;
}

static void index_add(struct map *m, uint64_t hash, size_t at)
{
	size_t mask = m->slots - 1, i = hash & mask;
	while (m->index[i])
		i = (i + 1) & mask;
	m->index[i] = (uint32_t)at + 1;
}

static void drop_dead(struct map *m)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->used; i++)
		if (m->v[i].live)
			m->v[kept++] = m->v[i];
	m->used = kept;
}

/* Room for one more: half dead, it is only cleaned, otherwise it doubles. */
static void rebuild(struct map *m)
{
	size_t cap = m->cap == 0 ? MAP_MIN : m->n <= m->cap / 2 ? m->cap : m->cap * 2;
	if (cap >= MAP_MAX)
		bug("map too large");
	drop_dead(m);
	if (cap != m->cap) {
		m->v = alloc_grow(m->v, cap, sizeof *m->v);
		m->index = alloc_grow(m->index, cap * 2, sizeof *m->index);
		m->cap = cap;
		m->slots = cap * 2;
	}
	memset(m->index, 0, m->slots * sizeof *m->index);
	for (size_t i = 0; i < m->used; i++)
		index_add(m, m->v[i].hash, i);
}

static struct map_entry *insert(struct map *m, uint64_t hash)
{
	if (m->used == m->cap)
		rebuild(m);
	struct map_entry *e = &m->v[m->used];
	*e = (struct map_entry){.hash = hash, .live = true};
	index_add(m, hash, m->used);
	m->used++;
	m->n++;
	return e;
}

void *map_get(const struct map *m, struct str key)
{
	struct map_entry *e = m->n ? find(m, key, str_hash(key)) : NULL;
	return e ? e->value : NULL;
}

bool map_has(const struct map *m, struct str key)
{
	return m->n && find(m, key, str_hash(key));
}

static struct map_entry *find_or_insert(struct map *m, struct str key)
{
	uint64_t hash = str_hash(key);
	struct map_entry *e = find(m, key, hash);
	return e ? e : insert(m, hash);
}

static void *swap_value(struct map_entry *e, void *value)
{
	void *old = e->value;
	e->value = value;
	return old;
}

/* The key is exchanged too: the present one may point into the old value. */
void *map_set(struct map *m, struct str key, void *value)
{
	struct map_entry *e = find_or_insert(m, key);
	if (e->key.p != key.p)
		drop_key(e);
	e->key = key;
	return swap_value(e, value);
}

void *map_set_dup(struct map *m, struct str key, void *value)
{
	struct map_entry *e = find_or_insert(m, key);
	if (!e->owned) {
		char *copy = alloc_must(key.n + 1);
		if (key.n)
			memcpy(copy, key.p, key.n);
		copy[key.n] = 0;
		e->key = (struct str){copy, key.n};
		e->owned = true;
	}
	return swap_value(e, value);
}

void *map_del(struct map *m, struct str key)
{
	struct map_entry *e = m->n ? find(m, key, str_hash(key)) : NULL;
	if (!e)
		return NULL;
	drop_key(e);
	e->live = false;
	m->n--;
	return swap_value(e, NULL);
}

struct map_entry *map_next(const struct map *m, size_t *i)
{
	while (*i < m->used) {
		struct map_entry *e = &m->v[(*i)++];
		if (e->live)
			return e;
	}
	return NULL;
}
