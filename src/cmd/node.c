/* c8s node: kubelet and kube-proxy in one process, with a privileged helper beside it.  Part of server.
 *
 * The process stays user 0, because files of Pods and of the runtime are, but it keeps only the capabilities to reach and hand over files: mounts,
 * cgroups, network and programs are the helper's. */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/part.h"
#include "os/confine.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEEP (1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | 1ull << CAP_CHOWN)

static int usage(void)
{
	printf("Runs the kubelet and kube-proxy of one node in one process.\n\nUsage: c8s node [KUBELET-FLAGS] -- [KUBE-PROXY-FLAGS]\n\n"
	       "c8s kubelet --help and c8s kube-proxy --help list the flags.\n");
	return 0;
}

static int split(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

static struct helper *fork_helper(struct arena *a, struct str root, struct err *e)
{
	const char **roots = arena_alloc(a, 2 * sizeof *roots);
	struct plan_policy *policy = arena_make(a, struct plan_policy);
	roots[0] = str_z(a, root);
	plan_policy_node(policy, roots);
	return helper_start(policy, e);
}

int cmd_node(int argc, char **argv)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct part *parts[2];
	struct confine_opts keep = {.drop_caps = true, .keep_caps = KEEP, .filter = CONFINE_NODE};
	ERR(e);
	int at = split(argc, argv), code;
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return usage();
	if (geteuid() != 0)
		return cmd_error("a node mounts, makes cgroups and writes packet rules, which needs root");
	if ((code = kubelet_part_new(at, argv, a, &parts[1])) >= 0)
		return code;
	if (at < argc)
		argv[at] = argv[0];
	if ((code = proxy_part_new(argc - at, argv + at, a, &parts[0])) >= 0)
		return code;
	CLEANUP(helper_free) struct helper *h = fork_helper(a, kubelet_part_root(parts[1]), &e);
	if (!h || confine(&keep, &e) < 0)
		return cmd_error("%s", err_text(&e));
	parts[0]->helper = parts[1]->helper = h;
	return parts_run("node", parts, 2);
}
