/* Private to defaults. */
#pragma once
#include "codec/defaults.h"

struct defaulting {
	struct arena *a;
	wall_t now; /* 0: not known */
};
/* One default: `path` below an object of `type` becomes `value` when it is absent (pointers) or zero.
 * Values: text of the kind; "{}" allocates a message; a list of strings takes "a,b".
 * `when`: only if the member at this path is `is` (NULL: present; "": absent or zero). */
struct rule {
	const char *type, *path, *value;
	const char *when, *is;
	bool make; /* allocates the messages that the path leads through */
};
/* Rows of one type stand together and run in this order, parents before what they contain. */
extern const struct rule default_rules[];
extern const size_t default_rules_len;

/* Functions for what rows cannot say; they run after the type's rows. */
struct hook {
	const char *type;
	void (*fn)(struct defaulting *d, struct ref o);
};
extern const struct hook default_hooks[];
extern const size_t default_hooks_len;
/* Amounts finer than a thousandth are rounded up. */
void defaults_round(struct defaulting *d, struct str_map *resources);
