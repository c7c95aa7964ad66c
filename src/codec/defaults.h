/* Defaulting: declared defaults (schema facts) and upstream's defaulting functions as rows of one table, run by one interpreter, plus the few
 * that need code.  Idempotent.  Works on the request's version, before validation.
 *
 * To add a default: a row in defaults_rules.c; if it depends on more than another member's value, a function in defaults_hooks.c. */
#pragma once
#include "schema/reflect.h"
void obj_default(struct arena *a, struct ref o);
/* As obj_default, and fills in times that default to now (device taints). */
void obj_default_now(struct arena *a, struct ref o, wall_t now);
