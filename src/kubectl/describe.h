/* Private to kubectl: what describe prints.
 *
 * Lines go through describe_line, whose text may hold tabs: columns are aligned when all is written.  To add a kind: a function, and its row in
 * describe.c.  Kinds without one are shown field by field. */
#pragma once
#include "kubectl/target.h"
#include "kubectl/jsonpath.h"
#include "kubectl/tab.h"
#include "kubectl/table.h"

struct describe {
	struct ctl *c;
	struct tab tab;
	const struct target *t;
	const struct value *obj;
	bool template;       /* a Pod template inside of something: one space more before names */
	const char *inner;   /* before values of labels; NULL: nothing */
	bool raw_tabs;       /* nobody aligns: continued lines begin with a tab alone */
	int indent;          /* of headings, in steps of two spaces */
};
typedef int describe_fn(struct describe *d, struct err *e);
describe_fn describe_pod, describe_deployment, describe_replicaset, describe_statefulset, describe_daemonset, describe_configmap, describe_secret, describe_service,
	describe_generic, describe_job, describe_cronjob, describe_node, describe_serviceaccount, describe_role, describe_rolebinding, describe_quota,
	describe_limitrange, describe_budget, describe_priorityclass, describe_endpointslice, describe_networkpolicy, describe_claim, describe_pv, describe_storageclass;

void describe_line(struct describe *d, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "Labels:  a=b", one pair a line; "<none>". */
void describe_map(struct describe *d, int level, const char *title, const struct value *map);
void describe_annotations(struct describe *d, int level, const struct value *map);
/* Name, Namespace. */
void describe_head(struct describe *d);
/* "Controlled By:  ReplicaSet/web-1", if something does. */
void describe_owner(struct describe *d);
struct str describe_time(struct ctl *c, struct str rfc3339);
/* spec.selector as text; "<none>". */
struct str describe_selector(struct ctl *c, const struct value *selector);
/* spec and labels of a Pod template, below a heading. */
void describe_template(struct describe *d, const struct value *template);
void describe_conditions(struct describe *d, const struct value *list, bool reasons);
/* status.conditions with all times; field says when one was last looked at, below title. */
void describe_conditions_seen(struct describe *d, const char *title, const char *field);
/* Node-Selectors and Tolerations. */
void describe_placement(struct describe *d, const struct value *spec);
/* Containers and volumes of a Pod's spec; statuses may be NULL. */
void describe_containers(struct describe *d, const char *title, const struct value *list, const struct value *statuses);
void describe_volumes(struct describe *d, const struct value *list);
void describe_volume_source(struct describe *d, const struct value *v); /* the one member of v that says where a volume comes from */
/* Events about the object; nothing with --show-events=false. */
int describe_events(struct describe *d, struct err *e) must_check;
/* All of the object as the command prints it. */
int describe_object(struct ctl *c, const struct target *t, struct err *e) must_check;
