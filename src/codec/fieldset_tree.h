/* Private to field sets and managed fields: the tree behind struct fieldset.
 *
 * Sets are built once and then constant: operations share what they can.  No empty subtree is ever kept, so a set is empty when it has no
 * nodes.  Nodes are sorted by path element. */
#pragma once
#include "codec/fieldset.h"

enum pe_kind { PE_FIELD, PE_KEY, PE_VALUE, PE_INDEX };
/* One step of a path.  text: the field's name; the keys as compact JSON, names sorted; the value as JSON; the index in digits. */
struct pe {
	struct str text;
	enum pe_kind kind;
};
struct node {
	struct pe pe;
	bool member;           /* the path up to here is in the set */
	struct fieldset *sub;  /* longer paths; NULL: none */
};
struct fieldset {
	struct node *items;
	uint32_t len, cap;
};
int pe_cmp(struct pe x, struct pe y);
static inline struct pe pe_field(struct str name) { return (struct pe){name, PE_FIELD}; }
/* ".name", "[key=1]", "[=value]", "[0]". */
void pe_write(struct buf *out, struct pe p);

const struct node *fieldset_find(const struct fieldset *s, struct pe p);
/* The node of p, made if it is missing. */
struct node *fieldset_put(struct arena *a, struct fieldset *s, struct pe p);
/* Appends a node out of order; fieldset_sort puts them right. */
void fieldset_append(struct arena *a, struct fieldset *s, struct node n);
bool fieldset_sort(struct fieldset *s); /* NULL is fine; true: two are equal */
/* Without the members of y and all that is below them. */
struct fieldset *fieldset_exclude(struct arena *a, const struct fieldset *x, const struct fieldset *y);
/* "metadata.name" as a set of one member. */
void fieldset_put_path(struct arena *a, struct fieldset *s, const char *path);
/* Every member, those of one place before what is below it, as upstream lists conflicts. */
void fieldset_each(const struct fieldset *s, void (*fn)(void *arg, const struct pe *path, unsigned n), void *arg);
#define FIELDSET_DEPTH_MAX 100 /* steps of a path; real objects have fewer than 20, JSON schemas some more */
