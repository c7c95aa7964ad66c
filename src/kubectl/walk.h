/* Private to kubectl: reading documents.  What is absent, or of another type, reads as empty. */
#pragma once
#include "schema/value.h"

static inline uint32_t list_len(const struct value *v) { return v && v->type == V_LIST ? v->list.len : 0; }
static inline struct value *item_at(const struct value *v, uint32_t i) { return v->list.items[i]; }
static inline uint32_t map_len(const struct value *v) { return v && v->type == V_OBJECT ? v->object.len : 0; }
static inline struct str text_of(const struct value *v) { return v && v->type == V_STRING ? v->s : (struct str){0}; }
static inline int64_t int_of(const struct value *v, int64_t absent) { return v && v->type == V_INT ? v->i : absent; }
static inline bool is_true(const struct value *v) { return v && v->type == V_BOOL && v->b; }
/* The place behind the last one of loops over items and members. */
static inline struct value **items_of(const struct value *v) { return list_len(v) ? v->list.items : NULL; }
static inline struct member *members_of(const struct value *v) { return map_len(v) ? v->object.items : NULL; }
/* EACH_ITEM(p, list): p is a struct value **.  EACH_MEMBER(m, object): m is a struct member *. */
#define EACH_ITEM(p, l) for (struct value **p = items_of(l), **p##_end_ = p ? p + list_len(l) : p; p < p##_end_; p++)
#define EACH_MEMBER(m, o) for (struct member *m = members_of(o), *m##_end_ = m ? m + map_len(o) : m; m < m##_end_; m++)
