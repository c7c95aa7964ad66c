#include "apiserver/cache/otree.h"
#include "base/log.h"
#include <stdlib.h>

int otree_ns_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c || a.n == b.n)
		return c;
	return a.n < b.n ? '/' - (unsigned char)b.p[n] : (unsigned char)a.p[n] - '/';
}

/* < 0: the object comes before the key. */
static int order(const struct object *o, const struct otree_key *k)
{
	int c = otree_ns_cmp(o->ns, k->ns);
	if (c)
		return c;
	if (k->bound == BOUND_NS_END)
		return -1;
	c = str_cmp(o->name, k->name);
	return c ? c : k->bound == BOUND_AFTER ? -1 : 0;
}

/* The first entry whose min is not before the key. */
static unsigned lower(const struct node *n, const struct otree_key *k)
{
	unsigned lo = 0, hi = n->n;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (order(n->e[mid].min, k) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

unsigned otree_find(const struct node *n, const struct otree_key *k)
{
	unsigned i = lower(n, k);
	if (n->leaf || i == 0 || (i < n->n && order(n->e[i].min, k) == 0))
		return i;
	return i - 1;
}

static struct node *node_new(struct otree *t, bool leaf)
{
	struct node *n = malloc(sizeof *n);
	if (!n)
		bug("out of memory");
	*n = (struct node){.version = t->version, .leaf = leaf};
	return n;
}

static void drop_node(struct otree *t, struct node *n)
{
	if (n->version == t->version)
		free(n); /* no reader has seen it */
	else
		t->retire(t->arg, free, n);
}

/* The node itself when it belongs to the version being written, else a copy. */
static struct node *own(struct otree *t, struct node *n)
{
	if (n->version == t->version)
		return n;
	struct node *c = malloc(sizeof *c);
	if (!c)
		bug("out of memory");
	*c = *n;
	c->version = t->version;
	t->retire(t->arg, free, n);
	return c;
}

static void insert_at(struct node *n, unsigned i, struct otree_entry e)
{
	memmove(&n->e[i + 1], &n->e[i], (n->n - i) * sizeof e);
	n->e[i] = e;
	n->n++;
}

static void remove_at(struct node *n, unsigned i)
{
	n->n--;
	memmove(&n->e[i], &n->e[i + 1], (n->n - i) * sizeof n->e[0]);
}

static size_t entry_total(const struct node *n, unsigned i) { return n->leaf ? 1 : n->e[i].kid->total; }

static void recount(struct node *n)
{
	n->total = 0;
	for (unsigned i = 0; i < n->n; i++)
		n->total += entry_total(n, i);
}

/* Moves the upper half to a new node when n is over-full. */
static struct node *split(struct otree *t, struct node *n)
{
	if (n->n <= TREE_FAN)
		return NULL;
	struct node *up = node_new(t, n->leaf);
	unsigned keep = n->n / 2;
	up->n = (uint16_t)(n->n - keep);
	memcpy(up->e, &n->e[keep], up->n * sizeof n->e[0]);
	n->n = (uint16_t)keep;
	recount(n);
	recount(up);
	return up;
}

struct change {
	const struct otree_key key;
	struct object *put, *old;
	struct node *up; /* the upper half of a node that was split */
};

static void put_leaf(struct node *n, struct change *c)
{
	unsigned i = lower(n, &c->key);
	if (i < n->n && order(n->e[i].min, &c->key) == 0) {
		c->old = n->e[i].min;
		n->e[i].min = c->put;
		return;
	}
	insert_at(n, i, (struct otree_entry){c->put, NULL});
	n->total++;
}

static struct node *put_in(struct otree *t, struct node *n, struct change *c)
{
	n = own(t, n);
	if (n->leaf) {
		put_leaf(n, c);
	} else {
		unsigned i = otree_find(n, &c->key);
		size_t before = n->e[i].kid->total;
		struct node *kid = put_in(t, n->e[i].kid, c);
		n->e[i] = (struct otree_entry){kid->e[0].min, kid};
		n->total += kid->total - before;
		if (c->up) {
			n->total += c->up->total;
			insert_at(n, i + 1, (struct otree_entry){c->up->e[0].min, c->up});
		}
	}
	c->up = split(t, n);
	return n;
}

struct object *otree_put(struct otree *t, struct object *o)
{
	struct change c = {.key = {o->ns, o->name, BOUND_AT}, .put = o};
	if (!t->root)
		t->root = node_new(t, true);
	t->root = put_in(t, t->root, &c);
	if (c.up) {
		struct node *r = node_new(t, false);
		r->n = 2;
		r->e[0] = (struct otree_entry){t->root->e[0].min, t->root};
		r->e[1] = (struct otree_entry){c.up->e[0].min, c.up};
		recount(r);
		t->root = r;
	}
	return c.old;
}

/* Joins child i with its right neighbour when both are small enough for one node. */
static void join(struct otree *t, struct node *n, unsigned i)
{
	if (i + 1 >= n->n || n->e[i].kid->n + n->e[i + 1].kid->n > TREE_FAN * 3 / 4)
		return;
	struct node *a = own(t, n->e[i].kid), *b = n->e[i + 1].kid;
	memcpy(&a->e[a->n], b->e, b->n * sizeof b->e[0]);
	a->n += b->n;
	a->total += b->total;
	drop_node(t, b);
	n->e[i].kid = a;
	remove_at(n, i + 1);
}

static struct node *del_in(struct otree *t, struct node *n, struct change *c);

static void del_kid(struct otree *t, struct node *n, unsigned i, struct change *c)
{
	struct node *kid = del_in(t, n->e[i].kid, c);
	if (!kid->n) {
		drop_node(t, kid);
		remove_at(n, i);
		return;
	}
	n->e[i] = (struct otree_entry){kid->e[0].min, kid};
	if (kid->n >= TREE_FAN / 4)
		return;
	join(t, n, i);
	if (i)
		join(t, n, i - 1);
}

/* The key is known to be there. */
static struct node *del_in(struct otree *t, struct node *n, struct change *c)
{
	n = own(t, n);
	unsigned i = otree_find(n, &c->key);
	if (n->leaf) {
		c->old = n->e[i].min;
		remove_at(n, i);
	} else {
		del_kid(t, n, i, c);
	}
	n->total--;
	return n;
}

struct object *otree_del(struct otree *t, struct str ns, struct str name)
{
	struct change c = {.key = {ns, name, BOUND_AT}};
	if (!otree_get(t->root, ns, name))
		return NULL;
	t->root = del_in(t, t->root, &c);
	while (!t->root->leaf && t->root->n == 1) {
		struct node *r = t->root;
		t->root = own(t, r->e[0].kid);
		drop_node(t, r);
	}
	return c.old;
}

const struct node *otree_seal(struct otree *t, uint64_t rev)
{
	t->version++;
	if (t->root) /* a changed version has a root of its own */
		t->root->rev = rev;
	return t->root;
}

static void free_node(struct node *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < n->n; i++) {
		if (n->leaf)
			object_unref(n->e[i].min);
		else
			free_node(n->e[i].kid);
	}
	free(n);
}

void otree_free(struct otree *t)
{
	free_node(t->root);
	t->root = NULL;
}

struct object *otree_get(const struct node *n, struct str ns, struct str name)
{
	struct otree_key k = {ns, name, BOUND_AT};
	while (n) {
		unsigned i = otree_find(n, &k);
		if (n->leaf)
			return i < n->n && order(n->e[i].min, &k) == 0 ? n->e[i].min : NULL;
		n = n->e[i].kid;
	}
	return NULL;
}

size_t otree_rank(const struct node *n, const struct otree_key *k)
{
	size_t rank = 0;
	while (n) {
		unsigned i = otree_find(n, k);
		for (unsigned j = 0; j < i; j++)
			rank += entry_total(n, j);
		n = n->leaf ? NULL : n->e[i].kid;
	}
	return rank;
}
