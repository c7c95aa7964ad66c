/* Rule sets as text, the way nft(8) lists them: see nft.h. */
#include "os/nft_impl.h"
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <stdlib.h>

static const char *const type_names[] = {[NFT_T_IPV4] = "ipv4_addr", [NFT_T_IPV6] = "ipv6_addr", [NFT_T_PROTO] = "inet_proto",
	[NFT_T_PORT] = "inet_service", [NFT_T_MARK] = "mark", [NFT_T_INTEGER] = "integer", [NFT_T_IFNAME] = "ifname", [NFT_T_VERDICT] = "verdict"};

void nft_rule_text(struct buf *out, int family, const struct nft_rule *r)
{
	for (uint32_t i = 0; i < r->len; i++) {
		if (i)
			buf_char(out, ' ');
		nft_rows[r->stmts[i].kind].text(out, family, &r->stmts[i]);
	}
	if (r->comment.n)
		buf_printf(out, " comment \"%.*s\"", STR_F(r->comment));
}

static void put_key(struct buf *out, const struct nft_key *k)
{
	for (int i = 0; i < k->n; i++) {
		buf_str(out, i ? STR(" . ") : STR(""));
		nft_value_text(out, &k->v[i]);
	}
}

void nft_elem_text(struct buf *out, const struct nft_elem *e)
{
	put_key(out, &e->key);
	if (e->comment.n)
		buf_printf(out, " comment \"%.*s\"", STR_F(e->comment));
	if (e->verdict.kind) {
		buf_lit(out, " : ");
		nft_verdict_text(out, &e->verdict);
	} else if (e->data.n) {
		buf_lit(out, " : ");
		put_key(out, &e->data);
	}
}

static void put_comment(struct buf *out, struct str comment)
{
	if (comment.n)
		buf_printf(out, "\t\tcomment \"%.*s\"\n", STR_F(comment));
}

static void put_types(struct buf *out, const enum nft_type *types, int n)
{
	for (int i = 0; i < n; i++)
		buf_printf(out, "%s%s", i ? " . " : "", type_names[types[i]]);
}

static void put_flags(struct buf *out, uint32_t flags)
{
	static const struct { uint32_t bit; const char *name; } names[] = {{NFT_SET_F_INTERVAL, "interval"}, {NFT_SET_F_DYNAMIC, "dynamic"}, {NFT_SET_F_TIMEOUT, "timeout"}};
	const char *sep = "\t\tflags ";
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (flags & names[i].bit) {
			buf_printf(out, "%s%s", sep, names[i].name);
			sep = ",";
		}
	if (flags)
		buf_char(out, '\n');
}

/* "1d2h3m4s", without the parts that are zero. */
static void put_timeout(struct buf *out, uint64_t ms)
{
	static const struct { uint64_t ms; const char *unit; } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	buf_lit(out, "\t\ttimeout ");
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (ms >= units[i].ms)
			buf_printf(out, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].unit);
		ms %= units[i].ms;
	}
	buf_char(out, '\n');
}

/* All but its name and elements. */
void nft_set_text(struct buf *out, const struct nft_set *s)
{
	buf_lit(out, "\t\ttype ");
	put_types(out, s->key, s->nkey);
	if (s->ndata) {
		buf_lit(out, " : ");
		put_types(out, s->data, s->ndata);
	}
	buf_char(out, '\n');
	if (s->size)
		buf_printf(out, "\t\tsize %u\n", s->size);
	put_flags(out, s->flags);
	if (s->timeout_ms)
		put_timeout(out, s->timeout_ms);
	put_comment(out, s->comment);
}

static const char *hook_name(enum nft_hook h)
{
	static const char *const names[] = {"prerouting", "input", "forward", "output", "postrouting"};
	return names[h];
}

/* nft(8) writes priorities relative to a name of the hook where that is within 10. */
static void put_priority(struct buf *out, const struct nft_chain *c)
{
	static const struct { enum nft_hook hook; int32_t at; const char *name; } names[] = {
		{NFT_H_PREROUTING, -100, "dstnat"}, {NFT_H_POSTROUTING, 100, "srcnat"}, {NFT_H_PREROUTING, 0, "filter"}, {NFT_H_INPUT, 0, "filter"},
		{NFT_H_FORWARD, 0, "filter"}, {NFT_H_OUTPUT, 0, "filter"}, {NFT_H_POSTROUTING, 0, "filter"}, {NFT_H_PREROUTING, -150, "mangle"}, {NFT_H_PREROUTING, -300, "raw"}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int32_t by = c->priority - names[i].at;
		if (names[i].hook != c->hook || by < -10 || by > 10)
			continue;
		buf_str(out, str_of(names[i].name));
		if (by)
			buf_printf(out, " %c %d", by < 0 ? '-' : '+', abs(by));
		return;
	}
	buf_i64(out, c->priority);
}

/* All but its name. */
void nft_chain_text(struct buf *out, int family, const struct nft_chain *c)
{
	put_comment(out, c->comment);
	if (c->base) {
		buf_printf(out, "\t\ttype %s hook %s priority ", c->type, hook_name(c->hook));
		put_priority(out, c);
		buf_lit(out, "; policy accept;\n");
	}
	for (uint32_t i = 0; i < c->len; i++) {
		buf_lit(out, "\t\t");
		nft_rule_text(out, family, &c->items[i]);
		buf_char(out, '\n');
	}
}

/* A set or chain of the table, with its text for the order. */
struct block { struct str text; bool dynamic; uint32_t at; };
struct blocks { struct block *items; uint32_t len, cap; };

static int cmp_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct strs { struct str *items; uint32_t len, cap; };

static void put_elems(struct buf *out, struct arena *a, const struct nft_part *const *parts, size_t n, struct str set)
{
	struct strs list = {0};
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < parts[i]->elems.len; k++) {
			BUF(b);
			if (!str_eq(parts[i]->elems.items[k].set, set))
				continue;
			nft_elem_text(&b, &parts[i]->elems.items[k]);
			struct str *slot = arena_push(a, &list);
			if (slot)
				*slot = buf_take(&b, a);
		}
	if (!list.len)
		return;
	qsort(list.items, list.len, sizeof *list.items, cmp_str);
	buf_lit(out, "\t\telements = { ");
	for (uint32_t i = 0; i < list.len; i++) {
		if (i && str_eq(list.items[i], list.items[i - 1]))
			continue; /* held by several parts */
		buf_str(out, i ? STR(",\n\t\t\t     ") : STR(""));
		buf_str(out, list.items[i]);
	}
	buf_lit(out, " }\n");
}

static void add_block(struct arena *a, struct blocks *all, struct buf *text, struct str name)
{
	struct block *b = arena_push(a, all);
	if (b)
		*b = (struct block){buf_take(text, a), str_index(name, '/', 0) >= 0, all->len};
}

static void add_sets(struct arena *a, struct blocks *all, const struct nft_part *const *parts, size_t n, const struct nft_part *p)
{
	for (uint32_t i = 0; i < p->sets.len; i++) {
		const struct nft_set *s = &p->sets.items[i];
		BUF(b);
		buf_printf(&b, "\t%s %.*s {\n", s->ndata ? "map" : "set", STR_F(s->name));
		nft_set_text(&b, s);
		put_elems(&b, a, parts, n, s->name);
		buf_lit(&b, "\t}\n");
		add_block(a, all, &b, s->name);
	}
}

static void add_chains(struct arena *a, struct blocks *all, int family, const struct nft_part *p)
{
	for (uint32_t i = 0; i < p->chains.len; i++) {
		const struct nft_chain *c = &p->chains.items[i];
		BUF(b);
		buf_printf(&b, "\tchain %.*s {\n", STR_F(c->name));
		nft_chain_text(&b, family, c);
		buf_lit(&b, "\t}\n");
		add_block(a, all, &b, c->name);
	}
}

/* What stands in every table keeps its order; what belongs to one object is sorted behind it. */
static int cmp_block(const void *va, const void *vb)
{
	const struct block *a = va, *b = vb;
	if (a->dynamic != b->dynamic)
		return a->dynamic ? 1 : -1;
	return a->dynamic ? str_cmp(a->text, b->text) : (int)a->at - (int)b->at;
}

void nft_table_text(struct buf *out, const struct nft_table *t, const struct nft_part *const *parts, size_t n)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct blocks all = {0};
	for (size_t i = 0; i < n; i++)
		add_sets(a, &all, parts, n, parts[i]);
	for (size_t i = 0; i < n; i++)
		add_chains(a, &all, t->family, parts[i]);
	if (all.len)
		qsort(all.items, all.len, sizeof *all.items, cmp_block);
	buf_printf(out, "table %s %.*s {\n", t->family == NFPROTO_IPV6 ? "ip6" : t->family == NFPROTO_INET ? "inet" : "ip", STR_F(t->name));
	if (t->comment.n)
		buf_printf(out, "\tcomment \"%.*s\"\n", STR_F(t->comment));
	for (uint32_t i = 0; i < all.len; i++) {
		if (i)
			buf_char(out, '\n');
		buf_str(out, all.items[i].text);
	}
	buf_lit(out, "}\n");
}
