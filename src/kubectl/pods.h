/* Private to kubectl: from what logs, exec, attach and port-forward are told to Pods and their containers. */
#pragma once
#include "kubectl/target.h"

/* The one object that the first argument (a Pod's name, or TYPE/NAME) or -f names, read from the server. */
int pods_object(struct ctl *c, struct target *ret, struct err *e) must_check;
/* The Pods of an object: itself, or those that its selector finds, the most useful (running, ready) first. */
int pods_of(struct ctl *c, const struct target *t, struct targets *ret, struct err *e) must_check;
/* The first of them; waits until there is one, for --pod-running-timeout. */
int pods_first(struct ctl *c, const struct target *t, struct targets *ret, struct err *e) must_check;
/* A label selector of an object's spec as text; -1: the kind has none. */
int pods_selector(struct ctl *c, const struct target *t, struct str *ret, struct err *e) must_check;
/* "a, b, c (init), d (ephem)" */
struct str pods_container_names(struct ctl *c, const struct value *pod);
/* --container, or the one that the Pod marks as default, or the first, which stderr tells when there are several; what: "" or before the error. */
int pods_container(struct ctl *c, const struct value *pod, bool quiet, struct str *ret, struct err *e) must_check;
