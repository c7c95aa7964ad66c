#include "cmd/command.h"
#include "cmd/flags.h"
#include <string.h>

extern const struct usage kube_apiserver_usage, kube_controller_manager_usage, kube_proxy_usage, kube_scheduler_usage, kubelet_usage, server_usage;

/* Sorted by name. */
const struct command commands[] = {
	{"completion", cmd_shell_completion, "a script that lets a shell complete commands and flags", NULL},
	{"control-plane", cmd_control_plane, "API server, controllers and scheduler in one process (part of server)", &kube_apiserver_usage},
	{"help", cmd_help, "what a command does, and its flags", NULL},
	{"kube-apiserver", cmd_kube_apiserver, "serves the Kubernetes API", &kube_apiserver_usage},
	{"kube-controller-manager", cmd_kube_controller_manager, "brings what is there to what is wanted", &kube_controller_manager_usage},
	{"kube-proxy", cmd_kube_proxy, "keeps a node's packet rules in step with the Services", &kube_proxy_usage},
	{"kube-scheduler", cmd_kube_scheduler, "finds the node for every Pod", &kube_scheduler_usage},
	{"kubectl", cmd_kubectl, "the command line client", NULL},
	{"kubelet", cmd_kubelet, "runs the Pods of one node", &kubelet_usage},
	{"node", cmd_node, "kubelet and kube-proxy in one process (part of server)", NULL},
	{"server", cmd_server, "a whole cluster on this machine: control plane and node", &server_usage},
};
const size_t ncommands = sizeof commands / sizeof *commands;

const struct command *program_find(const char *name)
{
	for (size_t i = 0; i < ncommands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

void commands_print(FILE *to)
{
	fprintf(to, "Cybernetes: Kubernetes in one program.\n\nUsage: c8s COMMAND [FLAGS]\n\nCommands:\n");
	for (size_t i = 0; i < ncommands; i++)
		fprintf(to, "  %-26s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nc8s COMMAND --help lists the flags of a command.  A symlink named like a command runs it.\n");
}
