/* Private to cache/: a copy-on-write B-tree of objects ordered by (namespace, name).
 *
 * One writer changes its own version: nodes made since the last otree_seal are changed in place, older ones are copied and retired.  otree_seal ends a
 * version; the root given by it never changes and may be read by anyone who is pinned.  Nodes know how many objects lie below them.
 * The first object of a child separates it from the one before. */
#pragma once
#include "apiserver/object.h"
#include <stdint.h>

#define TREE_FAN 32

struct node;
struct otree_entry {
	struct object *min; /* of a leaf: the object */
	struct node *kid;   /* of an inner node */
};
struct node {
	uint64_t version;
	uint64_t rev; /* of a sealed root: the store's revision that this version shows */
	size_t total;
	uint16_t n;
	bool leaf;
	struct otree_entry e[TREE_FAN + 1];
};
struct otree {
	struct node *root; /* NULL: nothing was ever put; else its n may be 0 */
	uint64_t version;
	/* Called for nodes and objects that are no longer part of the version being written. */
	void (*retire)(void *arg, void (*fn)(void *), void *p);
	void *arg;
};
/* The order of namespaces, which is that of the stored keys "NAMESPACE/NAME": "a-b" comes before "a". */
int otree_ns_cmp(struct str a, struct str b);
/* Where in the order: before or after an object of that name, or behind the namespace. */
enum bound { BOUND_AT, BOUND_AFTER, BOUND_NS_END };
struct otree_key {
	struct str ns, name;
	enum bound bound;
};
/* Takes over the reference of o; gives back the object that stood there (the caller's reference to drop through retire), or NULL. */
struct object *otree_put(struct otree *t, struct object *o);
struct object *otree_del(struct otree *t, struct str ns, struct str name);
const struct node *otree_seal(struct otree *t, uint64_t rev);
void otree_free(struct otree *t); /* drops all objects */

struct object *otree_get(const struct node *root, struct str ns, struct str name);
/* How many objects come before the key. */
size_t otree_rank(const struct node *root, const struct otree_key *k);
/* Index in a node of the first entry that may hold something at or after the key (an inner node: the child to go down). */
unsigned otree_find(const struct node *n, const struct otree_key *k);
