/* Private to kubectl: what commands that write have in common. */
#pragma once
#include "kubectl/print.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* A writing request about t: its path with fieldManager, dryRun and fieldValidation of the command line. */
struct change {
	const char *method;       /* POST creates below the collection */
	const char *content_type; /* NULL: JSON */
	struct str body;
	const char *manager;      /* unless --field-manager says otherwise; NULL: none is sent */
	const char *sub;
	enum dry_run dry;
	bool force, validate;     /* --force-conflicts; check fields as --validate says */
};
struct value *change_send(struct ctl *c, const struct target *t, const struct change *ch, struct err *e);
struct value *change_create(struct ctl *c, const struct target *t, const char *manager, enum dry_run dry, struct err *e);
enum change_patch { CHANGE_MERGE, CHANGE_STRATEGIC, CHANGE_JSON };
/* Patches t; DRY_CLIENT patches t->obj here instead.  The new object, or NULL. */
struct value *change_patch(struct ctl *c, const struct target *t, enum change_patch type, const struct value *patch, const char *manager, enum dry_run dry,
	struct err *e);
/* Strategic for kinds that are built in, else merge. */
enum change_patch change_patch_of(const struct target *t);
/* Calls one() for every target; its errors are kept and the rest goes on, unless the connection broke. */
int change_each(struct ctl *c, struct targets *ts, int (*one)(void *arg, struct target *t, struct err *e), void *arg, struct err *e) must_check;
/* Sets the annotation that the next apply compares with, to the object itself. */
void change_set_last_applied(struct ctl *c, struct value *obj);
struct str change_last_applied(const struct value *obj); /* absent without */
/* After a server-side apply: the annotation of client-side applies gets an owner of its own, and what they owned goes over to "kubectl" (apply_migrate.c).
 * 1: the fields moved, and the apply has to be sent again; -1. */
int apply_migrate(struct ctl *c, const struct target *t, const struct value *applied, struct err *e) must_check;
/* metadata.annotations or labels, made if need be. */
struct value *object_map(struct ctl *c, struct value *obj, const char *name);
