#include "base/heap.h"
#include "base/alloc.h"

void heap_fini(struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->v[i]->at = 0;
	free(h->v);
	*h = (struct heap){0};
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void put(struct heap *h, size_t i, struct heap_node *n)
{
	h->v[i] = n;
	n->at = i + 1;
}

/* Both move n from the hole at i to where it belongs. */
static void sift_up(struct heap *h, size_t i, struct heap_node *n)
{
	for (size_t parent; i > 0 && before(n, h->v[parent = (i - 1) / 2]); i = parent)
		put(h, i, h->v[parent]);
	put(h, i, n);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *n)
{
	for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && before(h->v[child + 1], h->v[child]))
			child++;
		if (!before(h->v[child], n))
			break;
		put(h, i, h->v[child]);
	}
	put(h, i, n);
}

static void place(struct heap *h, size_t i, struct heap_node *n)
{
	if (i > 0 && before(n, h->v[(i - 1) / 2]))
		sift_up(h, i, n);
	else
		sift_down(h, i, n);
}

void heap_set(struct heap *h, struct heap_node *n, int64_t key)
{
	n->key = key;
	n->seq = h->seq++;
	if (n->at) {
		place(h, n->at - 1, n);
		return;
	}
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 16;
		h->v = alloc_grow(h->v, cap, sizeof *h->v);
		h->cap = cap;
	}
	h->n++;
	sift_up(h, h->n - 1, n);
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	if (!n->at)
		return;
	size_t hole = n->at - 1;
	struct heap_node *last = h->v[--h->n];
	n->at = 0;
	if (last != n)
		place(h, hole, last);
}
