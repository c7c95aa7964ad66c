/* Who asks, and what is asked for. */
#pragma once
#include "api/selector.h"
#include "base/arena.h"
#include "base/err.h"
#include "schema/types.h"

struct user {
	struct str name, uid;
	struct str *groups; size_t ngroups;
	struct { struct str key; struct str *values; size_t n; } *extra; size_t nextra;
	struct str credential_id;
};
bool user_in_group(const struct user *u, struct str group);

/* In the list of a rule: by name, or by "*" for all. */
static inline bool rule_names(const str_list_t *l, struct str s)
{
	LIST_EACH(x, *l)
		if (str_eq(*x, s) || str_is(*x, "*"))
			return true;
	return false;
}

/* Attributes for authorization, audit and flow control. */
struct attrs {
	const struct user *user;
	struct str verb;             /* "get", "list", ... or the HTTP method in lower case for non-resource paths */
	bool is_resource;
	struct str group, version, resource, sub, ns, name, path;
	const struct field_selector *fields; /* of lists and watches; NULL: none, or none that can be read */
};
