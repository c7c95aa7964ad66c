/* Parts of a node: the kubelet and kube-proxy, alone in a process or together in one.
 *
 *     node ─┬─ kube-proxy, kubelet: no capability to mount, no network administration
 *           └─ c8s-helper: carries out their plans (os/helper.h)
 */
#pragma once
#include "cmd/flags.h"
#include "os/helper.h"
#include "rt/fiber.h"

struct part {
	const char *name;
	struct rt *rt;               /* set by parts_run */
	struct helper *helper;       /* NULL: privileged operations are done in this process */
	int (*start)(struct part *p, struct err *e); /* waits; work goes on in fibers of its own */
	void (*stop)(struct part *p);                /* waits; also after a start that failed */
};
/* Starts the parts in order, runs until SIGTERM and stops them in reverse; the exit code.  title names the process.  Ends when a helper ends. */
int parts_run(const char *title, struct part *const *parts, size_t n);

/* -1: go on; else the exit code. Options are in the arena. */
int kubelet_part_new(int argc, char **argv, struct arena *a, struct part **ret);
struct str kubelet_part_root(const struct part *p); /* --root-dir */
int proxy_part_new(int argc, char **argv, struct arena *a, struct part **ret);
