/* Private to cache/: which objects keep their JSON: a clock over them, bounded in bytes.  Any thread. */
#pragma once
#include "apiserver/object.h"
#include <pthread.h>

struct epoch;
struct lru {
	pthread_mutex_t lock;
	struct list objects;
	size_t bytes, max;
	struct epoch *epoch;
};
void lru_init(struct lru *l, struct epoch *ep, size_t max);
void lru_fini(struct lru *l);
/* Hangs json on o, unless another thread was first; takes a reference of its own. */
void lru_add(struct lru *l, struct object *o, struct blob *json);
void lru_forget(struct lru *l, struct object *o); /* o is going away */
