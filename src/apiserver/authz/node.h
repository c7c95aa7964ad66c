/* The Node authorizer: a kubelet may read what the Pods bound to its node name, and write about itself. */
#pragma once
#include "apiserver/authz.h"
enum decision node_decide(struct server *s, const struct attrs *at, struct buf *reason);
/* "system:node:NAME" in system:nodes; false otherwise. */
bool node_of_user(const struct user *u, struct str *ret_name);
