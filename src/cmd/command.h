/* The multi-call table (commands.c).  `c8s NAME ARGS` and a symlink called NAME run the same command.
 *
 * To add one: a file src/cmd/NAME.c with `int cmd_NAME(int argc, char **argv)` (argv[0] is the command's name; the result is the exit code), its
 * declaration here, and its row in the table of commands.c, which is sorted by name. */
#pragma once
#include <stddef.h>
#include <stdio.h>

struct usage;

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help; /* one line */
	const struct usage *usage; /* its flags, for completion and documentation; NULL: it has tables of its own */
};
extern const struct command commands[];
extern const size_t ncommands;
const struct command *program_find(const char *name); /* NULL: none */
void commands_print(FILE *to);

int cmd_shell_completion(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_control_plane(int argc, char **argv);
int cmd_kube_apiserver(int argc, char **argv);
int cmd_kube_controller_manager(int argc, char **argv);
int cmd_kube_proxy(int argc, char **argv);
int cmd_kube_scheduler(int argc, char **argv);
int cmd_kubectl(int argc, char **argv);
int cmd_kubelet(int argc, char **argv);
int cmd_node(int argc, char **argv);
int cmd_server(int argc, char **argv);

/* "error: TEXT" on stderr; returns 1. */
int cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
