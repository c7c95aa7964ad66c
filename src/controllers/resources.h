/* The resources that generic controllers (garbage, namespaces) work through: each once, in its preferred version. */
#pragma once
#include "schema/desc.h"
/* The i-th on-by-default resource that has all the verbs (1 << enum verb); NULL at the end. */
const struct resource *resources_next(size_t *i, unsigned verbs, bool namespaced_only);
