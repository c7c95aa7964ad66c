/* Private to kubectl: waiting until one object is as wanted. */
#pragma once
#include "kubectl/target.h"

/* 1: done; 0: not yet; -1.  obj NULL: it is not there (or was deleted). */
typedef int (*watching_check)(void *arg, struct value *obj, struct err *e);
/* Reads the object and then watches it until check says that it is done, or the deadline: then -1 with e->sys ETIME. */
int watching_until(struct ctl *c, const struct target *t, watching_check check, void *arg, mono_t deadline, struct err *e) must_check;
