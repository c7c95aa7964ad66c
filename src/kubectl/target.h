/* Private to kubectl: what a command line is about.  Arguments (pods, pod/a, deploy,svc web), files (-f, -R, standard input) and selectors become a list
 * of targets: one object each, or one list of a kind. */
#pragma once
#include "kubectl/mapping.h"

struct target {
	const struct mapping *m;
	struct str ns, name;      /* name absent: a list */
	struct str source;        /* file name, "STDIN"; absent: from arguments */
	struct value *obj;        /* the object (from files: as written); of a list: the list object */
};
struct targets {
	struct target *items;
	uint32_t len, cap;
	bool single;              /* one object was asked for, by name or from a file that holds one */
	bool named, by_selector;  /* names were given; a selector was, or --all */
	uint32_t kinds;           /* how many kinds the arguments name */
};
enum target_flag {
	TARGET_LIST_ALL = 1,      /* a kind alone means all of its objects (get, describe) */
	TARGET_FILES_ONLY = 2,    /* arguments are not objects */
	TARGET_NO_EMPTY = 4,      /* "one of -f" has been checked by the command */
	TARGET_ALL_FLAG = 8,      /* --all means all objects of a kind */
	TARGET_SKIP_ARGS = 16,    /* with target_opts.nargs: only so many arguments are resources */
};
struct target_opts {
	unsigned flags;
	const struct str *args;   /* NULL: those of the command line */
	uint32_t nargs;
};
/* Reads arguments and files; asks the server only for discovery.  Objects of files have their namespace filled in. Problems of single documents are
 * kept with ctl_problem and the rest goes on. */
int targets_read(struct ctl *c, const struct target_opts *o, struct targets *ret, struct err *e) must_check;
/* Lists become their objects, named targets are fetched (obj).  What is missing is a problem, the rest stays. ignore_missing: it is none. */
int targets_fetch(struct ctl *c, struct targets *t, bool ignore_missing, struct err *e) must_check;
/* Puts what was looked for before the server's message about a list. */
void target_list_failed(struct ctl *c, const struct target *t, struct err *e);
int target_get(struct ctl *c, struct target *t, struct err *e) must_check;
/* The whole list of one kind, read in pieces: its objects with apiVersion and kind. */
struct value *target_list(struct ctl *c, const struct target *t, struct err *e);
/* Path of the target (list or object) with selectors of the command line. */
void target_path(struct ctl *c, struct buf *out, const struct target *t, const char *sub);
void target_selectors(struct ctl *c, struct buf *path);
/* A document as a target: kind is looked up, the namespace filled in and checked. */
int target_of_value(struct ctl *c, struct value *v, struct str source, struct targets *ret, struct err *e) must_check;
/* "pod/web-1", "deployment.apps/web" */
struct str target_text(struct ctl *c, const struct target *t);
