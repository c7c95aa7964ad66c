#include "kubectl/command.h"
#include "kubectl/help.h"
#include <stdio.h>

/* Sorted by path. */
static const struct command commands[] = {
	{"apply", cmd_apply, "-f FILE", "Make objects as files describe them, or change them until they are so"},
	{"attach", cmd_attach, "(POD | TYPE/NAME) [-c CONTAINER]", "Join the input and output of a running container"},
	{"create", cmd_create, "-f FILE", "Make objects of files"},
	{"delete", cmd_delete, "([-f FILE] | TYPE [NAME ... | -l SELECTOR | --all])", "Delete objects by file, name or label"},
	{"exec", cmd_exec, "(POD | TYPE/NAME) [-c CONTAINER] -- COMMAND [ARGS ...]", "Run a command in a container"},
	{"get", cmd_get, "[(-o FORMAT)] (TYPE [NAME ... | -l SELECTOR] | TYPE/NAME ...)", "Show one or many objects"},
	{"logs", cmd_logs, "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]", "Print what containers wrote"},
	{"options", cmd_options, "", "List the flags that all commands have"},
	{"port-forward", cmd_port_forward, "TYPE/NAME [LOCAL:]REMOTE ...", "Forward local ports to a Pod"},
	{"replace", cmd_replace, "-f FILE", "Replace objects by those of files"},
	{"wait", cmd_wait, "--for=CONDITION (TYPE NAME ... | -l SELECTOR | --all)", "Wait until objects are in a state"},
};

const struct command *command_of(const struct command_fact *f)
{
	const char *path = f->path + strlen("kubectl");
	for (size_t i = 0; *path && i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].path, path + 1) == 0)
			return &commands[i];
	return NULL;
}

/* ---- help */

/* Top commands as upstream groups them, so that people find them where they look. */
static const struct group {
	const char *title, *names;
} groups[] = {
	{"Basic Commands (Beginner)", "create expose run set"},
	{"Basic Commands (Intermediate)", "explain get edit delete"},
	{"Deploy Commands", "rollout scale autoscale"},
	{"Cluster Management Commands", "certificate cluster-info top cordon uncordon drain taint"},
	{"Troubleshooting and Debugging Commands", "describe logs attach exec port-forward proxy cp auth debug events"},
	{"Advanced Commands", "diff apply patch replace wait kustomize"},
	{"Settings Commands", "label annotate completion"},
	{"Other Commands", "api-resources api-versions config kuberc plugin version"},
};
static const struct command group_help[] = {
	{"auth", NULL, "", "Ask about permissions"}, {"config", NULL, "", "Look at and change kubeconfig files"},
	{"create secret", NULL, "", "Make a Secret"}, {"create service", NULL, "", "Make a Service"}, {"rollout", NULL, "", "Look after the rollout of a workload"},
};

static const char *line_of(const struct command_fact *f)
{
	const struct command *c = command_of(f);
	for (size_t i = 0; !c && i < ARRAY_LEN(group_help); i++)
		if (strcmp(group_help[i].path, f->path + strlen("kubectl ")) == 0)
			c = &group_help[i];
	return c ? c->help : NULL;
}

static void put_child(struct ctl *c, const struct command_fact *f, const char *name)
{
	if (line_of(f))
		ctl_print(c, "  %-15s %s\n", name, line_of(f));
}

static void put_groups(struct ctl *c)
{
	ctl_print(c, "kubectl controls the Kubernetes cluster manager.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		struct str names = str_of(groups[i].names), name;
		ctl_print(c, "%s:\n", groups[i].title);
		while (names.n && str_next(&names, ' ', &name))
			put_child(c, command_by_path(str_z(c->a, name)), str_z(c->a, name));
		ctl_print(c, "\n");
	}
	ctl_print(c, "Usage:\n  kubectl [flags] [options]\n\nkubectl COMMAND --help tells more about a command, kubectl options lists the flags that all have.\n");
}

static void put_children(struct ctl *c, const struct command_fact *f)
{
	size_t n = strlen(f->path);
	bool any = false;
	for (size_t i = 1; i < kubectl_commands_len; i++) {
		const struct command_fact *k = &kubectl_commands[i];
		if (strncmp(k->path, f->path, n) != 0 || k->path[n] != ' ' || strchr(k->path + n + 1, ' ') || !line_of(k))
			continue;
		ctl_print(c, "%s", any ? "" : "Available Commands:\n");
		put_child(c, k, k->path + n + 1);
		any = true;
	}
	ctl_print(c, "%s", any ? "\n" : "");
}

static void put_flag(struct ctl *c, const struct flag_fact *f)
{
	char letter[8] = "";
	const char *quote = f->type == OPT_STRING ? "'" : "", *def = f->def;
	if (f->hidden || strcmp(f->name, "help") == 0)
		return;
	if (f->shorthand)
		snprintf(letter, sizeof letter, "-%c, ", f->shorthand);
	if (f->type == OPT_SLICE || f->type == OPT_ARRAY)
		def = *def ? def : "[]";
	ctl_print(c, "    %s--%s=%s%s%s:\n\t%s\n\n", letter, f->name, quote, def, quote, help_of_flag(f->name));
}

static void put_flags(struct ctl *c, const struct command_fact *f)
{
	if (f->n > 1)
		ctl_print(c, "Options:\n");
	for (unsigned i = 0; i < f->n; i++)
		put_flag(c, &kubectl_flags[f->first + i]);
}

void command_help(struct ctl *c, const struct command_fact *f)
{
	const struct command *k = command_of(f);
	if (f == &kubectl_commands[0]) {
		put_groups(c);
		return;
	}
	const char *line = line_of(f);
	ctl_print(c, "%s.\n\n", line ? line : "This command is not there yet");
	if (f->aliases && *f->aliases)
		ctl_print(c, "Aliases:\n%s, %s\n\n", strrchr(f->path, ' ') + 1, f->aliases);
	put_children(c, f);
	put_flags(c, f);
	ctl_print(c, "Usage:\n  %s %s\n\nkubectl options lists the flags that all commands have.\n", f->path, k ? k->usage : "COMMAND");
}

int cmd_options(struct ctl *c, struct err *e)
{
	(void)e;
	ctl_print(c, "These flags can be given to any command:\n\n");
	for (unsigned i = 0; i < kubectl_commands[0].n; i++)
		put_flag(c, &kubectl_flags[kubectl_commands[0].first + i]);
	return 0;
}
