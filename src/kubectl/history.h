/* Private to kubectl: the revisions of a workload: ReplicaSets of a Deployment, ControllerRevisions of a StatefulSet or DaemonSet. */
#pragma once
#include "kubectl/target.h"

struct revision {
	int64_t number;
	struct value *obj;       /* ReplicaSet or ControllerRevision */
	struct value *template;  /* the Pod template (of a ControllerRevision: what its data holds) */
};
struct revisions {
	struct revision *items;  /* ascending */
	uint32_t len, cap;
};
/* -1: the kind keeps no history, in upstream's words. */
int history_read(struct ctl *c, const struct target *t, struct revisions *ret, struct err *e) must_check;
const struct revision *history_find(const struct revisions *r, int64_t number); /* NULL */
/* The template without what the controller adds; and whether t has it now. */
struct value *history_template(struct ctl *c, const struct revision *r);
bool history_is_current(struct ctl *c, const struct revision *r, const struct target *t);
/* A Pod template as upstream's describe prints it below `rollout history --revision`. */
void history_put_template(struct ctl *c, const struct value *template);
bool history_is(const struct target *t, const char *resource); /* of the group apps */
