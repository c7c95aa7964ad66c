/* Private to kubectl: flags of one command line.  Rules and error texts are those of the library that upstream uses, since scripts meet both. */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "kubectl/facts.h"
#include "schema/types.h"

struct option {
	const struct flag_fact *fact;
	struct str text;      /* the last value given, else the default */
	str_list_t list;      /* OPT_SLICE, OPT_ARRAY */
	bool changed;         /* given on the command line */
};
struct options {
	struct option *v;
	size_t n;
	str_list_t args;      /* words that are no flags, and all behind "--" */
	int dash;             /* how many stood before "--"; -1: there is none */
	bool help;
};
/* Finds the command in argv: the longest path whose words are there.  *ret_words: how many words of argv (flags not counted) name it. */
const struct command_fact *command_find(int argc, char **argv, int *ret_words);
/* NULL when there is no such path ("rollout status"). */
const struct command_fact *command_by_path(const char *path);
/* argv without the program's name; the first `words` words that are no flags are the command's name. */
int options_parse(struct arena *a, const struct command_fact *c, int argc, char **argv, int words, struct options *ret, struct err *e) must_check;
struct option *option_find(const struct options *o, const char *name); /* NULL */
