#include "kubectl/kubectl.h"
#include "base/log.h"
#include "kubectl/command.h"
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)1 << 20) /* templates and patches recurse; there are few fibers */

struct run {
	struct ctl *c;
	const struct command *command;
};

/* One error, or all that were kept, each with a line of its own. */
static void tell(struct ctl *c, struct err *last)
{
	BUF(text);
	if (last->code)
		ctl_problem(c, last);
	for (uint32_t i = 0; i < c->problems.len; i++) {
		fail_text(&text, &c->problems.items[i].err, c->rest.server, c->problems.len == 1);
		err_fini(&c->problems.items[i].err);
	}
	ctl_flush(c);
	if (write(STDERR_FILENO, text.p, text.n) < 0)
		c->code = 1;
	if (c->problems.len && !c->code)
		c->code = 1;
}

static void run(void *arg)
{
	struct run *r = arg;
	struct ctl *c = r->c;
	ERR(e);
	if (r->command->run(c, &e) == 0)
		err_fini(&e);
	tell(c, &e);
	transport_free(c->t);
}

static int usage(const struct command_fact *f, const struct err *e)
{
	fprintf(stderr, "error: %s\nSee '%s --help' for usage.\n", err_text(e), f->path);
	return 1;
}

static bool is_parent(const struct command_fact *f)
{
	size_t n = strlen(f->path);
	for (size_t i = 0; i < kubectl_commands_len; i++)
		if (strncmp(kubectl_commands[i].path, f->path, n) == 0 && kubectl_commands[i].path[n] == ' ')
			return true;
	return false;
}

/* Commands whose names differ little from word, as upstream suggests them. */
static unsigned distance(const char *x, const char *y)
{
	unsigned row[64];
	size_t n = strlen(y);
	if (n >= ARRAY_LEN(row))
		return 99;
	for (unsigned i = 0; i <= n; i++)
		row[i] = i;
	for (unsigned i = 1; *x; x++, i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned k = 1; k <= n; k++) {
			unsigned best = diagonal + (*x != y[k - 1]);
			diagonal = row[k];
			best = best < row[k] + 1 ? best : row[k] + 1;
			row[k] = best < row[k - 1] + 1 ? best : row[k - 1] + 1;
		}
	}
	return row[n];
}

static int unknown_command(struct ctl *c, const struct command_fact *f)
{
	char *word = str_z(c->a, ctl_arg(c, 0));
	bool first = true;
	size_t n = strlen(f->path);
	fprintf(stderr, "error: unknown command \"%s\" for \"%s\"\n", word, f->path);
	for (size_t i = 1; i < kubectl_commands_len; i++) {
		const char *path = kubectl_commands[i].path;
		if (strncmp(path, f->path, n) != 0 || path[n] != ' ' || strchr(path + n + 1, ' ') || !command_of(&kubectl_commands[i]))
			continue;
		if (distance(word, path + n + 1) > 2 && strncmp(path + n + 1, word, strlen(word)) != 0)
			continue;
		fprintf(stderr, "%s\t%s\n", first ? "\nDid you mean this?\n" : "", path + n + 1);
		first = false;
	}
	return 1;
}

/* A group of commands, alone or with a word that names none. */
static int run_group(struct ctl *c)
{
	if (ctl_args(c)->len && ctl_arg(c, 0).n && !c->opts.help && !str_is(ctl_arg(c, 0), "help"))
		return unknown_command(c, c->fact);
	command_help(c, c->fact);
	if (c->fact == &kubectl_commands[0] || c->opts.help)
		return 0;
	if (strcmp(c->fact->path, "kubectl rollout") == 0) /* upstream tells it there, and scripts read it */
		return 1;
	if (write(STDERR_FILENO, c->out.p, c->out.n) < 0)
		return 1;
	buf_clear(&c->out);
	return 1;
}

static int run_command(struct ctl *c, const struct command *command)
{
	struct rt_opts o = {.stack_bytes = STACK_BYTES};
	struct run r = {c, command};
	c->rt = rt_new(&o);
	if (!c->rt || rt_main(c->rt, "kubectl", run, &r) != 0) {
		fprintf(stderr, "error: out of memory\n");
		return 1;
	}
	rt_free(c->rt);
	return c->code;
}

static int help_of(struct ctl *c)
{
	command_help(c, c->fact);
	ctl_flush(c);
	return 0;
}

static int start(struct ctl *c)
{
	ERR(e);
	int words;
	c->fact = command_find(c->argc, c->argv, &words);
	if (options_parse(c->a, c->fact, c->argc, c->argv, words, &c->opts, &e) != 0)
		return usage(c->fact, &e);
	struct log_opts log = {.fd = STDERR_FILENO, .verbosity = (int)opt_int(c, "v")};
	log_setup(&log);
	const struct command *command = command_of(c->fact);
	if (c->opts.help)
		return help_of(c);
	if (!command && is_parent(c->fact))
		return run_group(c);
	if (!command) {
		fprintf(stderr, "error: %s is not there yet; kubectl --help lists what is\n", c->fact->path);
		return 1;
	}
	return run_command(c, command);
}

/* "help get pods": the help of what follows. */
static void strip_help(struct ctl *c)
{
	if (c->argc && strcmp(c->argv[0], "help") == 0) {
		c->argc--;
		c->argv++;
		int words;
		c->fact = command_find(c->argc, c->argv, &words);
		c->argc = words;
		c->opts.help = true;
	}
}

int kubectl_main(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ctl *c = arena_make(a, struct ctl);
	signal(SIGPIPE, SIG_DFL);
	*c = (struct ctl){.a = a, .argc = argc - 1, .argv = argv + 1};
	strip_help(c);
	int code = c->opts.help ? help_of(c) : start(c);
	ctl_flush(c);
	buf_fini(&c->out);
	map_fini(&c->warned);
	return code;
}
