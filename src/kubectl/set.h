/* Private to kubectl: set WHAT: a change of Pod templates.
 *
 * To add one: a function that changes the Pod's spec in place, and a command that calls set_run. */
#pragma once
#include "kubectl/print.h"

struct set {
	struct ctl *c;
	const char *done;      /* "image updated" */
	uint32_t nresources;   /* arguments that are resources; the others are changes */
	int (*edit)(struct set *s, const struct target *t, struct value *spec, struct err *e);
	void *arg;
	struct targets ts;
	struct printer p;
	enum dry_run dry;
	bool list;             /* edit only looks */
};
int set_run(struct set *s, struct err *e) must_check;
/* Containers of a Pod's spec, the ordinary ones first, whose names fit the pattern. */
struct value *set_containers(struct ctl *c, const struct value *spec, const char *pattern);
