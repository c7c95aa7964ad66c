/* Private to kubectl: joining a Pod's first container. */
#pragma once
#include "kubectl/target.h"

/* t->obj: the Pod as it is now.  --stdin and --tty of the command line are used; a Pod that has ended shows its log instead. */
int attach_pod(struct ctl *c, const struct target *t, struct err *e) must_check;
