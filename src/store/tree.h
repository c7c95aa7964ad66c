/* Private: an ordered map of byte strings whose versions share what they have in common (a treap with path copying).  Changing a version that nobody
 * else holds happens in place.  Different versions may be read on different threads; shapes depend on the keys only, so runs are repeatable. */
#pragma once
#include "base/blob.h"

struct tree; /* a node with all beneath it; NULL is the empty map */

struct tree *kvtree_ref(struct tree *t);
void kvtree_unref(struct tree *t);
/* Both take over the reference t and return the new version's.  row holds the key's bytes, then the value's. */
struct tree *kvtree_put(struct tree *t, struct blob *row, size_t key_n);
struct tree *kvtree_del(struct tree *t, struct str key);
/* false: there is none.  Bytes live as long as the version. */
bool kvtree_get(const struct tree *t, struct str key, struct str *ret_value);
/* The first row at key (after it, with beyond) or later. */
bool kvtree_seek(const struct tree *t, struct str key, bool beyond, struct str *ret_key, struct str *ret_value);
bool kvtree_last(const struct tree *t, struct str *ret_key, struct str *ret_value);
