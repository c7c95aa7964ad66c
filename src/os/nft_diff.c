/* From one picture of a part to the next: see nft.h. */
#include "os/nft_impl.h"
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>

struct nft_chain *nft_part_chain(struct arena *a, struct nft_part *p, struct str name)
{
	struct nft_chain *c = arena_push(a, &p->chains);
	if (c)
		*c = (struct nft_chain){.name = name, .hook = NFT_H_NONE};
	return c;
}

struct nft_rule *nft_chain_rule(struct arena *a, struct nft_chain *c, const struct nft_stmt *stmts, size_t n, struct str comment)
{
	struct nft_rule *r = c ? arena_push(a, c) : NULL;
	struct nft_stmt *own = r ? arena_array(a, struct nft_stmt, n) : NULL;
	if (!own)
		return NULL;
	memcpy(own, stmts, n * sizeof *own);
	*r = (struct nft_rule){.stmts = own, .len = (uint32_t)n, .cap = (uint32_t)n, .comment = comment};
	return r;
}

struct nft_elem *nft_part_elem(struct arena *a, struct nft_part *p, struct str set)
{
	struct nft_elem *e = arena_push(a, &p->elems);
	if (e)
		e->set = set;
	return e;
}

/* What parts want for one key, in the order in which they asked; the kernel has the first. */
struct want { struct want *next; struct nft_elem elem; struct str text; char bytes[]; };
struct holders { struct want *first; };

void nft_refs_fini(struct nft_refs *r)
{
	size_t i = 0;
	struct map_entry *m;
	while ((m = map_next(&r->elems, &i))) {
		struct holders *h = m->value;
		while (h->first) {
			struct want *w = h->first;
			h->first = w->next;
			free(w);
		}
		free(h);
	}
	map_fini(&r->elems);
	*r = (struct nft_refs){0};
}

static struct str keep(char **at, struct str s)
{
	if (!s.n)
		return s;
	struct str own = str_n(memcpy(*at, s.p, s.n), s.n);
	*at += s.n;
	return own;
}

static struct want *want_new(const struct nft_elem *e, struct str text)
{
	struct want *w = malloc(sizeof *w + text.n + e->set.n + e->verdict.chain.n + e->comment.n);
	if (!w)
		abort();
	char *at = w->bytes;
	*w = (struct want){.elem = *e};
	w->text = keep(&at, text);
	w->elem.set = keep(&at, e->set);
	w->elem.verdict.chain = keep(&at, e->verdict.chain);
	w->elem.comment = keep(&at, e->comment);
	return w;
}

/* Set and key, which name an element in the kernel. */
static void name_of(struct buf *out, int family, const struct nft_elem *e)
{
	struct nft_raw raw;
	nft_raw_key(&raw, &e->key);
	buf_char(out, (char)family);
	buf_str(out, e->set);
	buf_char(out, 0);
	buf_put(out, raw.p, raw.n);
}

static void acquire(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_elem *e, struct str text)
{
	BUF(name);
	name_of(&name, t->family, e);
	struct holders *h = map_get(&refs->elems, buf_view(&name));
	if (!h) {
		h = calloc(1, sizeof *h);
		if (!h)
			abort();
		map_set_dup(&refs->elems, buf_view(&name), h);
	}
	struct want **at = &h->first;
	while (*at)
		at = &(*at)->next;
	*at = want_new(e, text);
	if (at == &h->first)
		nft_put_elem(b, t, e, false);
}

/* The kernel's element goes; the next holder's takes its place. */
static void replace_first(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, struct holders *h, const struct want *gone, struct str name)
{
	bool same = h->first && str_eq(h->first->text, gone->text);
	if (!same)
		nft_put_elem(b, t, &gone->elem, true);
	if (!same && h->first)
		nft_put_elem(b, t, &h->first->elem, false);
	if (h->first)
		return;
	map_del(&refs->elems, name);
	free(h);
}

static void release(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_elem *e, struct str text)
{
	BUF(name);
	name_of(&name, t->family, e);
	struct holders *h = map_get(&refs->elems, buf_view(&name));
	for (struct want **at = h ? &h->first : NULL; at && *at; at = &(*at)->next) {
		struct want *w = *at;
		if (!str_eq(w->text, text))
			continue;
		bool first = at == &h->first;
		*at = w->next;
		if (first)
			replace_first(b, t, refs, h, w, buf_view(&name));
		free(w);
		return;
	}
}

/* Elements of a part with their texts, sorted, so that two pictures can be walked side by side. */
struct item { const struct nft_elem *e; struct str text; };

static int cmp_item(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int r = str_cmp(x->e->set, y->e->set);
	return r ? r : str_cmp(x->text, y->text);
}

static struct item *sorted_items(struct arena *a, const struct nft_part *p, uint32_t *ret_n)
{
	*ret_n = p ? p->elems.len : 0;
	struct item *v = *ret_n ? arena_array(a, struct item, *ret_n) : NULL;
	if (!v)
		return *ret_n = 0, NULL;
	for (uint32_t i = 0; i < *ret_n; i++) {
		BUF(b);
		nft_elem_text(&b, &p->elems.items[i]);
		v[i] = (struct item){&p->elems.items[i], buf_take(&b, a)};
	}
	qsort(v, *ret_n, sizeof *v, cmp_item);
	return v;
}

/* New ones are taken before old ones are let go, so that a key that only changes its value is never counted as free. */
static void diff_elems(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	uint32_t n, m;
	struct item *was = sorted_items(a, old, &n), *is = sorted_items(a, cur, &m);
	for (int letting_go = 0; letting_go < 2; letting_go++)
		for (uint32_t i = 0, k = 0; i < n || k < m;) {
			int c = i == n ? 1 : k == m ? -1 : cmp_item(&was[i], &is[k]);
			if (c > 0 && !letting_go)
				acquire(b, t, refs, is[k].e, is[k].text);
			if (c < 0 && letting_go)
				release(b, t, refs, was[i].e, was[i].text);
			i += c <= 0;
			k += c >= 0;
		}
}

static const struct nft_chain *chain_in(const struct nft_part *p, struct str name)
{
	for (uint32_t i = 0; p && i < p->chains.len; i++)
		if (str_eq(p->chains.items[i].name, name))
			return &p->chains.items[i];
	return NULL;
}

static const struct nft_set *set_in(const struct nft_part *p, struct str name)
{
	for (uint32_t i = 0; p && i < p->sets.len; i++)
		if (str_eq(p->sets.items[i].name, name))
			return &p->sets.items[i];
	return NULL;
}

static bool same_chain(int family, const struct nft_chain *x, const struct nft_chain *y)
{
	BUF(a);
	BUF(b);
	nft_chain_text(&a, family, x);
	nft_chain_text(&b, family, y);
	return str_eq(buf_view(&a), buf_view(&b));
}

static bool same_set(const struct nft_set *x, const struct nft_set *y)
{
	BUF(a);
	BUF(b);
	nft_set_text(&a, x);
	nft_set_text(&b, y);
	return str_eq(buf_view(&a), buf_view(&b));
}

/* A set cannot be changed while rules use it: then all rules of the part are written again. */
static bool sets_changed(const struct nft_part *old, const struct nft_part *cur)
{
	for (uint32_t i = 0; old && cur && i < cur->sets.len; i++) {
		const struct nft_set *was = set_in(old, cur->sets.items[i].name);
		if (was && !same_set(was, &cur->sets.items[i]))
			return true;
	}
	return false;
}

static bool keeps_rules(const struct nft_table *t, const struct nft_part *old, const struct nft_part *cur, const struct nft_chain *c)
{
	const struct nft_chain *was = chain_in(old, c->name);
	return was && !sets_changed(old, cur) && same_chain(t->family, was, c);
}

static void begin_sets(struct nft_batch *b, const struct nft_table *t, const struct nft_part *old, const struct nft_part *cur)
{
	for (uint32_t i = 0; cur && i < cur->sets.len; i++) {
		const struct nft_set *s = &cur->sets.items[i], *was = set_in(old, s->name);
		if (was && same_set(was, s))
			continue;
		if (was)
			nft_put_set(b, t, was, true);
		nft_put_set(b, t, s, false);
	}
}

void nft_batch_begin(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur)
{
	for (uint32_t i = 0; old && i < old->chains.len; i++) {
		const struct nft_chain *is = chain_in(cur, old->chains.items[i].name);
		if (old->chains.items[i].len && (!is || !keeps_rules(t, old, cur, is)))
			nft_put_flush(b, t, old->chains.items[i].name);
	}
	begin_sets(b, t, old, cur);
	for (uint32_t i = 0; cur && i < cur->chains.len; i++)
		if (!chain_in(old, cur->chains.items[i].name))
			nft_put_chain(b, t, &cur->chains.items[i], false);
}

void nft_batch_end(struct nft_batch *b, const struct nft_table *t, struct nft_refs *refs, const struct nft_part *old, const struct nft_part *cur)
{
	for (uint32_t i = 0; cur && i < cur->chains.len; i++) {
		const struct nft_chain *c = &cur->chains.items[i];
		for (uint32_t k = 0; k < c->len && !keeps_rules(t, old, cur, c); k++)
			nft_put_rule(b, t, c->name, &c->items[k]);
	}
	diff_elems(b, t, refs, old, cur);
	for (uint32_t i = 0; old && i < old->chains.len; i++)
		if (!chain_in(cur, old->chains.items[i].name))
			nft_put_chain(b, t, &old->chains.items[i], true);
	for (uint32_t i = 0; old && i < old->sets.len; i++)
		if (!set_in(cur, old->sets.items[i].name))
			nft_put_set(b, t, &old->sets.items[i], true);
}

void nft_batch_reset_table(struct nft_batch *b, const struct nft_table *t)
{
	nft_batch_delete_table(b, t);
	nft_put_table(b, t, false);
}

/* Adding first makes the deletion fine where there is none. */
void nft_batch_delete_table(struct nft_batch *b, const struct nft_table *t)
{
	struct nft_table bare = {.family = t->family, .name = t->name};
	nft_put_table(b, &bare, false);
	nft_put_table(b, &bare, true);
}
