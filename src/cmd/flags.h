/* Command-line flags from a table: --name value, --name=value, --bool, --no value; -x for shorthands.
 *
 *     static const struct flag flags[] = {
 *         {"secure-port", 0, FLAG_INT, offsetof(struct my_opts, port), "6443", "port to serve HTTPS on"},
 *     };
 *
 * Defaults are set first.  Strings point into argv (or the table).  Lists take commas and may be given several times. */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include <stdio.h>

enum flag_type {
	FLAG_BOOL,     /* bool */
	FLAG_INT,      /* int64_t */
	FLAG_STRING,   /* struct str */
	FLAG_LIST,     /* struct flag_list */
	FLAG_DURATION, /* nsec_t, Go's form */
	FLAG_IGNORED   /* taken for compatibility, without effect; a boolean one needs no value: default "true" or "false" */
};
struct flag {
	const char *name;
	char shorthand;
	enum flag_type type;
	size_t offset;
	const char *def;   /* text form; NULL: zero */
	const char *help;
};
struct flag_list {
	struct str *items;
	uint32_t len, cap;
	bool given; /* the first value on the command line replaces the default */
};
struct flag_result {
	int nrest;        /* arguments that are no flags, and all behind "--" */
	char **rest;
	bool help;        /* --help or -h was among them */
};
/* A titled part of a command's flags.  Groups that several commands share keep their options in a struct of their own: base is where it lies. */
struct flag_group {
	const char *title;
	const struct flag *v;
	size_t n, base;
};
/* What a command takes: its parser, --help, shell completion and docs/commands are made of it. */
struct usage {
	const char *name;      /* "kube-scheduler" */
	const char *about;     /* one sentence or two */
	const char *arguments; /* behind the name: "[FLAGS]" */
	const struct flag_group *groups;
	size_t ngroups;
	const char *more;      /* examples, below the flags; NULL: none */
};
/* Defaults and flags into *opts.  -1: go on; else the exit code, after --help or an error was printed.  Takes no other arguments. */
int usage_parse(const struct usage *u, int argc, char **argv, void *opts, struct arena *a);
void usage_print(const struct usage *u, FILE *to);

/* Fills *opts.  ERR_BAD_REQUEST with a sentence that names the flag. */
int flags_parse(const struct flag *v, size_t n, int argc, char **argv, void *opts, struct arena *a, struct flag_result *ret, struct err *e) must_check;
int flags_parse_groups(const struct flag_group *g, size_t n, int argc, char **argv, void *opts, struct arena *a, struct flag_result *ret, struct err *e) must_check;
/* "name=value" lines of what opts holds; flags without effect are left out. */
struct buf;
void flags_write(const struct flag *v, size_t n, const void *opts, struct buf *out);
void flags_help(const struct flag *v, size_t n, FILE *to);
