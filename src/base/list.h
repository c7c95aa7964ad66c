/* Intrusive doubly linked lists with a head; a zeroed node is in no list.  Not thread-safe. */
#pragma once
#include "base/scope.h"
#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};
static inline void list_init(struct list *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list *h) { return h->next == h; }
static inline bool list_linked(const struct list *n) { return n->next != NULL; }
static inline void list_insert(struct list *prev, struct list *n)
{
	n->prev = prev;
	n->next = prev->next;
	prev->next->prev = n;
	prev->next = n;
}
static inline void list_push(struct list *h, struct list *n) { list_insert(h->prev, n); }
static inline void list_push_front(struct list *h, struct list *n) { list_insert(h, n); }
/* Fine on a node that is in no list. */
static inline void list_remove(struct list *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
}
static inline struct list *list_pop(struct list *h)
{
	struct list *n = h->next;
	if (n == h)
		return NULL;
	list_remove(n);
	return n;
}
#define list_entry(n, type, member) container_of(n, type, member)
/* The current entry may be removed inside the loop. */
#define list_each(it, head, member)                                                                                              \
	for (__typeof__(it) it##_next_, it##_once_ = (it = list_entry((head)->next, __typeof__(*it), member));                   \
	     (void)it##_once_, &it->member != (head) && (it##_next_ = list_entry(it->member.next, __typeof__(*it), member), true); \
	     it = it##_next_)
