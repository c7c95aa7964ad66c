#include "kubectl/command.h"
#include "kubectl/examples.h"
#include "kubectl/help.h"
#include <stdio.h>

/* Sorted by path. */
static const struct command commands[] = {
	{"annotate", cmd_annotate, "(-f FILE | TYPE NAME) KEY=VALUE ... KEY- ...", "Set or remove annotations of objects"},
	{"api-resources", cmd_api_resources, "", "List the resource types that the server has"},
	{"api-versions", cmd_api_versions, "", "List the API versions that the server has"},
	{"apply", cmd_apply, "-f FILE", "Make objects as files describe them, or change them until they are so"},
	{"apply set-last-applied", cmd_set_last_applied, "-f FILE", "Set what the next apply compares with, to what the file holds"},
	{"apply view-last-applied", cmd_view_last_applied, "(TYPE NAME | -f FILE)", "Print what was applied last"},
	{"attach", cmd_attach, "(POD | TYPE/NAME) [-c CONTAINER]", "Join the input and output of a running container"},
	{"auth can-i", cmd_can_i, "VERB (TYPE | TYPE/NAME | /PATH)", "Ask whether a request would be allowed"},
	{"auth whoami", cmd_whoami, "", "Show as whom the server knows you"},
	{"cluster-info", cmd_cluster_info, "", "Show where the control plane answers"},
	{"completion", cmd_completion, "bash", "Print a shell script that completes commands"},
	{"config current-context", cmd_config_current, "", "Print the name of the context in use"},
	{"config delete-context", cmd_config_delete_context, "NAME", "Remove a context from the kubeconfig"},
	{"config get-clusters", cmd_config_clusters, "", "List clusters of the kubeconfig"},
	{"config get-contexts", cmd_config_contexts, "[NAME ...]", "List contexts of the kubeconfig"},
	{"config get-users", cmd_config_users, "", "List users of the kubeconfig"},
	{"config rename-context", cmd_config_rename_context, "NAME NEW-NAME", "Give a context another name"},
	{"config set-context", cmd_config_set_context, "(NAME | --current) [--cluster=NAME] [--user=NAME] [--namespace=NAME]", "Make or change a context, such as its namespace"},
	{"config use-context", cmd_config_use, "NAME", "Choose the context to use"},
	{"config view", cmd_config_view, "", "Print the kubeconfig, merged and without secrets"},
	{"create", cmd_create, "-f FILE", "Make objects of files"},
	{"create clusterrole", cmd_create_kind, "NAME --verb=VERB --resource=RESOURCE", "Make a ClusterRole"},
	{"create clusterrolebinding", cmd_create_kind, "NAME --clusterrole=NAME [--user=NAME] [--group=NAME]", "Give a ClusterRole to users, groups, service accounts"},
	{"create configmap", cmd_create_kind, "NAME [--from-file=[KEY=]PATH] [--from-literal=KEY=VALUE]", "Make a ConfigMap of files and literals"},
	{"create cronjob", cmd_create_kind, "NAME --image=IMAGE --schedule='* * * * *' [-- COMMAND ...]", "Make a CronJob"},
	{"create deployment", cmd_create_kind, "NAME --image=IMAGE [-- COMMAND ...]", "Make a Deployment"},
	{"create ingress", cmd_create_kind, "NAME --rule=HOST/PATH=SERVICE:PORT[,tls[=SECRET]]", "Make an Ingress"},
	{"create job", cmd_create_kind, "NAME --image=IMAGE [--from=cronjob/NAME] [-- COMMAND ...]", "Make a Job"},
	{"create namespace", cmd_create_kind, "NAME", "Make a namespace"},
	{"create poddisruptionbudget", cmd_create_kind, "NAME --selector=SELECTOR --min-available=N", "Make a PodDisruptionBudget"},
	{"create priorityclass", cmd_create_kind, "NAME --value=VALUE", "Make a PriorityClass"},
	{"create quota", cmd_create_kind, "NAME [--hard=KEY=VALUE,...] [--scopes=SCOPE,...]", "Make a ResourceQuota"},
	{"create role", cmd_create_kind, "NAME --verb=VERB --resource=RESOURCE", "Make a Role"},
	{"create rolebinding", cmd_create_kind, "NAME --role=NAME|--clusterrole=NAME [--user=NAME]", "Give a Role to users, groups, service accounts"},
	{"create secret docker-registry", cmd_create_kind, "NAME --docker-username=USER --docker-password=PASSWORD", "Make a Secret for an image registry"},
	{"create secret generic", cmd_create_kind, "NAME [--from-file=[KEY=]PATH] [--from-literal=KEY=VALUE]", "Make a Secret of files and literals"},
	{"create secret tls", cmd_create_kind, "NAME --cert=FILE --key=FILE", "Make a Secret of a certificate and its key"},
	{"create service clusterip", cmd_create_kind, "NAME --tcp=PORT[:TARGET]", "Make a Service with an address inside the cluster"},
	{"create service externalname", cmd_create_kind, "NAME --external-name=HOST", "Make a Service that is a name elsewhere"},
	{"create service loadbalancer", cmd_create_kind, "NAME --tcp=PORT[:TARGET]", "Make a Service behind a load balancer"},
	{"create service nodeport", cmd_create_kind, "NAME --tcp=PORT[:TARGET]", "Make a Service on a port of every node"},
	{"create serviceaccount", cmd_create_kind, "NAME", "Make a service account"},
	{"create token", cmd_create_token, "SERVICE-ACCOUNT", "Ask for a token of a service account"},
	{"delete", cmd_delete, "([-f FILE] | TYPE [NAME ... | -l SELECTOR | --all])", "Delete objects by file, name or label"},
	{"describe", cmd_describe, "(-f FILE | TYPE [NAME | -l SELECTOR])", "Show Pods in detail, with their events"},
	{"events", cmd_events, "[--for TYPE/NAME]", "List what happened, the newest last"},
	{"exec", cmd_exec, "(POD | TYPE/NAME) [-c CONTAINER] -- COMMAND [ARGS ...]", "Run a command in a container"},
	{"get", cmd_get, "[(-o FORMAT)] (TYPE [NAME ... | -l SELECTOR] | TYPE/NAME ...)", "Show one or many objects"},
	{"label", cmd_label, "(-f FILE | TYPE NAME) KEY=VALUE ... KEY- ...", "Set or remove labels of objects"},
	{"logs", cmd_logs, "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]", "Print what containers wrote"},
	{"options", cmd_options, "", "List the flags that all commands have"},
	{"patch", cmd_patch, "(-f FILE | TYPE NAME) [-p PATCH | --patch-file FILE]", "Change fields of objects by a patch"},
	{"port-forward", cmd_port_forward, "TYPE/NAME [LOCAL:]REMOTE ...", "Forward local ports to a Pod"},
	{"replace", cmd_replace, "-f FILE", "Replace objects by those of files"},
	{"rollout history", cmd_rollout_history, "(TYPE NAME | TYPE/NAME)", "List the revisions of a workload"},
	{"rollout pause", cmd_rollout_change, "(TYPE NAME | TYPE/NAME)", "Hold a Deployment's rollout"},
	{"rollout restart", cmd_rollout_change, "(TYPE NAME | TYPE/NAME)", "Restart the Pods of a workload, step by step"},
	{"rollout resume", cmd_rollout_change, "(TYPE NAME | TYPE/NAME)", "Let a held rollout go on"},
	{"rollout status", cmd_rollout_status, "(TYPE NAME | TYPE/NAME)", "Follow a rollout until it is done"},
	{"rollout undo", cmd_rollout_undo, "(TYPE NAME | TYPE/NAME) [--to-revision=N]", "Go back to an earlier revision"},
	{"run", cmd_run, "NAME --image=IMAGE [-- COMMAND ...]", "Make a Pod of an image"},
	{"scale", cmd_scale, "--replicas=COUNT (-f FILE | TYPE NAME)", "Set how many replicas a workload has"},
	{"set env", cmd_set_env, "RESOURCE/NAME KEY=VALUE ... KEY- ...", "Set or remove environment variables of containers"},
	{"set image", cmd_set_image, "RESOURCE/NAME CONTAINER=IMAGE ...", "Change the images of containers"},
	{"version", cmd_version, "", "Print the versions of client and server"},
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
	{"set", NULL, "", "Change single fields of workloads"},
};

static const char *line_of(const struct command_fact *f)
{
	const struct command *c = command_of(f);
	for (size_t i = 0; !c && i < ARRAY_LEN(group_help); i++)
		if (strcmp(group_help[i].path, f->path + strlen("kubectl ")) == 0)
			c = &group_help[i];
	return c ? c->help : NULL;
}

#define NAME_WIDTH 14 /* of the longest top command */

static void put_child(struct ctl *c, const struct command_fact *f, const char *name, int width)
{
	if (line_of(f))
		ctl_print(c, "  %-*s  %s\n", width, name, line_of(f));
}

static void put_groups(struct ctl *c)
{
	ctl_print(c, "kubectl controls the Kubernetes cluster manager.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		struct str names = str_of(groups[i].names), name;
		ctl_print(c, "%s:\n", groups[i].title);
		while (names.n && str_next(&names, ' ', &name))
			put_child(c, command_by_path(str_z(c->a, name)), str_z(c->a, name), NAME_WIDTH);
		ctl_print(c, "\n");
	}
	ctl_print(c, "Usage:\n  kubectl [flags] [options]\n\nkubectl COMMAND --help tells more about a command, kubectl options lists the flags that all have.\n");
}

static bool is_child(const struct command_fact *f, const struct command_fact *k)
{
	size_t n = strlen(f->path);
	return strncmp(k->path, f->path, n) == 0 && k->path[n] == ' ' && !strchr(k->path + n + 1, ' ') && line_of(k);
}

static int children_width(const struct command_fact *f)
{
	size_t width = NAME_WIDTH, n = strlen(f->path) + 1;
	for (size_t i = 1; i < kubectl_commands_len; i++)
		if (is_child(f, &kubectl_commands[i]) && strlen(kubectl_commands[i].path + n) > width)
			width = strlen(kubectl_commands[i].path + n);
	return (int)width;
}

static void put_children(struct ctl *c, const struct command_fact *f)
{
	size_t n = strlen(f->path);
	bool any = false;
	int width = children_width(f);
	for (size_t i = 1; i < kubectl_commands_len; i++) {
		const struct command_fact *k = &kubectl_commands[i];
		if (!is_child(f, k))
			continue;
		ctl_print(c, "%s", any ? "" : "Available Commands:\n");
		put_child(c, k, k->path + n + 1, width);
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
	const char *examples = k ? help_examples(k->path) : "";
	if (*examples)
		ctl_print(c, "Examples:\n%s\n", examples);
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
