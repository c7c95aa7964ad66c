#include "store/tree.h"
#include "base/enc.h"
#include "base/log.h"
#include <stdlib.h>

struct tree {
	_Atomic uint32_t refs;
	uint32_t key_n;
	uint64_t rank; /* a parent's is higher than its children's */
	struct tree *left, *right;
	struct blob *row;
};

static struct str key_of(const struct tree *t)
{
	return str_n(t->row->p, t->key_n);
}

static struct str value_of(const struct tree *t)
{
	return str_n(t->row->p + t->key_n, t->row->n - t->key_n);
}

struct tree *kvtree_ref(struct tree *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void kvtree_unref(struct tree *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	kvtree_unref(t->left);
	kvtree_unref(t->right);
	blob_unref(t->row);
	free(t);
}

/* This is the simulator's engine: memory it cannot have ends the run. */
static struct tree *node_new(struct blob *row, size_t key_n)
{
	struct tree *t = calloc(1, sizeof *t);
	invariant(t);
	atomic_init(&t->refs, 1);
	t->row = blob_ref(row);
	t->key_n = (uint32_t)key_n;
	t->rank = hash_fnv64a(key_of(t));
	t->rank = (t->rank ^ t->rank >> 32) * 0xd6e8feb86659fd93u; /* neighbours' sums are alike */
	return t;
}

/* A node that only this version has: itself, or a copy. */
static struct tree *own(struct tree *t)
{
	if (atomic_load_explicit(&t->refs, memory_order_acquire) == 1)
		return t;
	struct tree *c = node_new(t->row, t->key_n);
	c->left = kvtree_ref(t->left);
	c->right = kvtree_ref(t->right);
	kvtree_unref(t);
	return c;
}

/* t is owned and so is the child that goes up. */
static struct tree *rotate_right(struct tree *t)
{
	struct tree *l = t->left;
	t->left = l->right;
	l->right = t;
	return l;
}

static struct tree *rotate_left(struct tree *t)
{
	struct tree *r = t->right;
	t->right = r->left;
	r->left = t;
	return r;
}

struct tree *kvtree_put(struct tree *t, struct blob *row, size_t key_n)
{
	if (!t)
		return node_new(row, key_n);
	t = own(t);
	int c = str_cmp(str_n(row->p, key_n), key_of(t));
	if (c == 0) {
		blob_unref(t->row);
		t->row = blob_ref(row);
		return t;
	}
	if (c < 0) {
		t->left = kvtree_put(t->left, row, key_n);
		return t->left->rank > t->rank ? rotate_right(t) : t;
	}
	t->right = kvtree_put(t->right, row, key_n);
	return t->right->rank > t->rank ? rotate_left(t) : t;
}

/* All of a lies before all of b. */
static struct tree *merge(struct tree *a, struct tree *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->rank > b->rank) {
		a = own(a);
		a->right = merge(a->right, b);
		return a;
	}
	b = own(b);
	b->left = merge(a, b->left);
	return b;
}

struct tree *kvtree_del(struct tree *t, struct str key)
{
	if (!t)
		return NULL;
	t = own(t);
	int c = str_cmp(key, key_of(t));
	if (c < 0)
		t->left = kvtree_del(t->left, key);
	else if (c > 0)
		t->right = kvtree_del(t->right, key);
	if (c)
		return t;
	struct tree *rest = merge(kvtree_ref(t->left), kvtree_ref(t->right));
	kvtree_unref(t);
	return rest;
}

bool kvtree_get(const struct tree *t, struct str key, struct str *ret_value)
{
	while (t) {
		int c = str_cmp(key, key_of(t));
		if (c == 0) {
			*ret_value = value_of(t);
			return true;
		}
		t = c < 0 ? t->left : t->right;
	}
	return false;
}

bool kvtree_seek(const struct tree *t, struct str key, bool beyond, struct str *ret_key, struct str *ret_value)
{
	const struct tree *best = NULL;
	while (t) {
		int c = str_cmp(key, key_of(t));
		bool here = c < 0 || (c == 0 && !beyond);
		best = here ? t : best;
		t = here ? t->left : t->right;
	}
	if (!best)
		return false;
	*ret_key = key_of(best);
	*ret_value = value_of(best);
	return true;
}

bool kvtree_last(const struct tree *t, struct str *ret_key, struct str *ret_value)
{
	if (!t)
		return false;
	while (t->right)
		t = t->right;
	*ret_key = key_of(t);
	*ret_value = value_of(t);
	return true;
}
