/* Private to kubectl: what every command works with.  One struct ctl per run of the program; its arena lives as long. */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "client/https.h"
#include "kubectl/options.h"
#include "schema/value.h"

#define ANSWER_MAX ((size_t)1 << 30) /* lists of large clusters are hundreds of MB */

struct problem {
	struct err err;
};
struct ctl {
	struct arena *a;
	const struct command_fact *fact;
	struct options opts;
	int argc;             /* as the program got them, without its name */
	char **argv;
	int code;             /* exit code, when no error sets it */
	struct buf out;       /* of stdout, until ctl_flush */
	/* Connection: ctl_connect. */
	struct rt *rt;
	struct rest_config rest;
	struct transport *t;
	struct str ns;        /* the default one */
	bool ns_given;        /* by -n */
	struct map warned;    /* warnings told once */
	/* Errors that do not end the command: told at its end. */
	struct { struct problem *items; uint32_t len, cap; } problems;
	struct mappings *mappings;
};

/* Flags of the command; asking for one that it does not have is a bug. */
struct str opt(const struct ctl *c, const char *name);
bool opt_on(const struct ctl *c, const char *name);
int64_t opt_int(const struct ctl *c, const char *name);
nsec_t opt_duration(const struct ctl *c, const char *name);
const str_list_t *opt_list(const struct ctl *c, const char *name);
bool opt_given(const struct ctl *c, const char *name);
bool opt_exists(const struct ctl *c, const char *name);
static inline const str_list_t *ctl_args(const struct ctl *c) { return &c->opts.args; }
static inline struct str ctl_arg(const struct ctl *c, uint32_t i) { return i < c->opts.args.len ? c->opts.args.items[i] : (struct str){0}; }
/* ERR_BAD_REQUEST with a line that names the command's help. */
int usage_error(struct ctl *c, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Loads the kubeconfig: server and namespace. */
int ctl_config(struct ctl *c, struct err *e) must_check;
/* And makes the transport.  Once is enough; both may be called again. */
int ctl_connect(struct ctl *c, struct err *e) must_check;
void ctl_print(struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ctl_flush(struct ctl *c);
/* Keeps an error for the end of the command and empties it; returns 0. */
int ctl_problem(struct ctl *c, struct err *e);
/* "Warning: TEXT" on stderr, once per text. */
void ctl_warn(struct ctl *c, struct str text);

/* ---- requests */
struct request {
	const char *method;
	struct str path;         /* with the query */
	const char *accept;      /* NULL: JSON */
	const char *content_type;
	struct str body;
};
/* The answer's body; -1 with the server's Status.  Warnings are printed. */
int rest_call(struct ctl *c, const struct request *q, struct str *ret, struct err *e) must_check;
/* The same as a value, keys sorted; NULL. */
struct value *rest_json(struct ctl *c, const struct request *q, struct err *e);
struct value *rest_get(struct ctl *c, struct str path, struct err *e);
/* A body that is JSON of v. */
struct str rest_body(struct ctl *c, const struct value *v);
/* Appends "?name=value" or "&name=value"; an absent value is left out. */
void query_add(struct buf *path, const char *name, struct str value);

/* Events of a watch (or the lines of another stream), one JSON document each. */
struct lines {
	struct raw_stream *s;
	struct buf in;
	size_t used;
};
int lines_open(struct ctl *c, struct lines *l, struct str path, const char *accept, struct err *e) must_check;
/* 1 and the next line (valid until the next call), 0 at the end, -1: broken (err) or -ETIME (err.sys). */
int lines_next(struct lines *l, struct str *ret, mono_t deadline, struct err *e) must_check;
void lines_close(struct lines *l);

/* ---- errors (fail.c) */
#define SYS_STATUS (-1) /* err.sys of what the server said, as against what was found here */
int status_mark(struct err *e); /* a carrier's failure stays as it is; returns -1 */
/* What upstream prints of an error, with its final newline. */
void fail_text(struct buf *out, const struct err *e, struct str server, bool alone);
/* Puts "error when creating "a.yaml": " before a server's message. */
int fail_source(struct err *e, const char *what, struct str source);

/* none, client or server. */
enum dry_run { DRY_NONE, DRY_CLIENT, DRY_SERVER };
int ctl_dry_run(struct ctl *c, enum dry_run *ret, struct err *e) must_check;
