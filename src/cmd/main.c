#include "base/str.h"
#include "base/version.h"
#include "cmd/command.h"
#include "os/confine.h"
#include <stdio.h>
#include <sys/prctl.h>

/* Sorted by name. */
static const struct command commands[] = {
	{"control-plane", cmd_control_plane, "API server, controllers and scheduler in one process (part of server)"},
	{"kube-apiserver", cmd_kube_apiserver, "serves the Kubernetes API"},
	{"kube-controller-manager", cmd_kube_controller_manager, "brings what is there to what is wanted"},
	{"kube-proxy", cmd_kube_proxy, "keeps a node's packet rules in step with the Services"},
	{"kube-scheduler", cmd_kube_scheduler, "finds the node for every Pod"},
	{"kubectl", cmd_kubectl, "the command line client"},
	{"kubelet", cmd_kubelet, "runs the Pods of one node"},
	{"node", cmd_node, "kubelet and kube-proxy in one process (part of server)"},
	{"server", cmd_server, "a whole cluster on this machine: control plane and node"},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int usage(FILE *to)
{
	fprintf(to, "Cybernetes: Kubernetes in one program.\n\nUsage: c8s COMMAND [FLAGS]\n\nCommands:\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(to, "  %-26s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nc8s COMMAND --help lists the flags of a command.  A symlink named like a command runs it.\n");
	return to == stderr;
}

/* Children of a server run /proc/self/exe: without a name of their own they would all be "exe". */
static int run(const struct command *c, int argc, char **argv)
{
	prctl(PR_SET_NAME, c->name, 0, 0, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("Kubernetes %s\n", C8S_VERSION) < 0;
	return c->run(argc, argv);
}

int main(int argc, char **argv)
{
	proc_title_init(argc, argv);
	const struct command *c = argc ? find(base_name(argv[0])) : NULL;
	if (c)
		return run(c, argc, argv);
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout);
	if (strcmp(argv[1], "--version") == 0)
		return printf("Cybernetes %s\n", C8S_VERSION) < 0;
	c = find(argv[1]);
	if (!c)
		return cmd_error("unknown command \"%s\"; c8s --help lists them", argv[1]);
	return run(c, argc - 1, argv + 1);
}
