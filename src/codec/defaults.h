/* Defaulting: declared defaults and defaulting functions as data (schema/defaults), run by one interpreter, plus the few functions that need code.
 * Idempotent.  Works on the request's version, before validation. */
#pragma once
#include "schema/reflect.h"
void obj_default(struct arena *a, struct ref o);
