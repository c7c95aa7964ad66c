/* Private to bootstrap/. */
#pragma once
#include "apiserver/server.h"

/* authentication_info.c: what aggregated API servers must know to believe this one, in kube-system.  Waits. */
int authentication_info_publish(struct server *s, const struct user *self, struct err *e) must_check;
