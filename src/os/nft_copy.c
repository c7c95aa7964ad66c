/* A part in one block of the heap: see nft.h.  The same walk runs twice, first to measure, then to copy. */
#include "os/nft.h"
#include "base/log.h"
#include <stdlib.h>

struct copier { char *at; size_t n; };

/* Where the bytes went; NULL while measuring. */
static void *put(struct copier *c, const void *p, size_t n)
{
	void *to = c->at ? c->at + c->n : NULL;
	if (to && n)
		memcpy(to, p, n);
	c->n += (n + 7) & ~(size_t)7;
	return to;
}

static void put_str(struct copier *c, struct str s, struct str *to)
{
	char *p = s.p ? put(c, s.p, s.n) : NULL;
	if (p)
		to->p = p;
}

static void put_stmt(struct copier *c, const struct nft_stmt *s, struct nft_stmt *to)
{
	struct net_ip *ips = put(c, s->ips, s->nips * sizeof *s->ips);
	struct nft_key *targets = s->targets ? put(c, s->targets, s->ntargets * sizeof *s->targets) : NULL;
	struct str *chains = s->chains ? put(c, s->chains, s->ntargets * sizeof *s->chains) : NULL;
	for (uint32_t i = 0; s->chains && i < s->ntargets; i++)
		put_str(c, s->chains[i], chains ? &chains[i] : NULL);
	put_str(c, s->name, to ? &to->name : NULL);
	put_str(c, s->verdict.chain, to ? &to->verdict.chain : NULL);
	if (to)
		to->ips = ips, to->targets = targets, to->chains = chains;
}

static void put_rule(struct copier *c, const struct nft_rule *r, struct nft_rule *to)
{
	struct nft_stmt *stmts = put(c, r->stmts, r->len * sizeof *r->stmts);
	for (uint32_t i = 0; i < r->len; i++)
		put_stmt(c, &r->stmts[i], stmts ? &stmts[i] : NULL);
	put_str(c, r->comment, to ? &to->comment : NULL);
	if (to)
		to->stmts = stmts;
}

static void put_chain(struct copier *c, const struct nft_chain *ch, struct nft_chain *to)
{
	struct nft_rule *rules = put(c, ch->items, ch->len * sizeof *ch->items);
	for (uint32_t i = 0; i < ch->len; i++)
		put_rule(c, &ch->items[i], rules ? &rules[i] : NULL);
	put_str(c, ch->name, to ? &to->name : NULL);
	put_str(c, ch->comment, to ? &to->comment : NULL);
	if (to)
		to->items = rules;
}

static void put_elem(struct copier *c, const struct nft_elem *e, struct nft_elem *to)
{
	put_str(c, e->set, to ? &to->set : NULL);
	put_str(c, e->verdict.chain, to ? &to->verdict.chain : NULL);
	put_str(c, e->comment, to ? &to->comment : NULL);
}

static struct nft_part *put_part(struct copier *c, const struct nft_part *p)
{
	struct nft_part *to = put(c, p, sizeof *p);
	struct nft_chain *chains = put(c, p->chains.items, p->chains.len * sizeof *chains);
	struct nft_set *sets = put(c, p->sets.items, p->sets.len * sizeof *sets);
	struct nft_elem *elems = put(c, p->elems.items, p->elems.len * sizeof *elems);
	for (uint32_t i = 0; i < p->chains.len; i++)
		put_chain(c, &p->chains.items[i], chains ? &chains[i] : NULL);
	for (uint32_t i = 0; i < p->sets.len; i++) {
		put_str(c, p->sets.items[i].name, sets ? &sets[i].name : NULL);
		put_str(c, p->sets.items[i].comment, sets ? &sets[i].comment : NULL);
	}
	for (uint32_t i = 0; i < p->elems.len; i++)
		put_elem(c, &p->elems.items[i], elems ? &elems[i] : NULL);
	if (to)
		to->chains.items = chains, to->sets.items = sets, to->elems.items = elems;
	return to;
}

struct nft_part *nft_part_copy(const struct nft_part *p)
{
	struct copier c = {0};
	put_part(&c, p);
	char *block = malloc(c.n);
	if (!block)
		bug("out of memory for rules");
	c = (struct copier){block, 0};
	return put_part(&c, p);
}
