/* What may run beside the API server in its process: controllers and scheduler on its first loop, over calls that never leave the process. */
#pragma once
#include "base/err.h"
#include "rt/fiber.h"

/* Descriptors that c8s server hands over for --local-node: listening unix sockets that the node's kubelet and kube-proxy connect to. */
#define LOCAL_KUBELET_FD 3
#define LOCAL_PROXY_FD 4

struct server;
struct component_opts {
	struct str cluster_cidr, root_ca_file;
};
struct apiserver_extra {
	/* After the server is ready.  *ret is handed to stop once the scope has ended. */
	int (*start)(struct server *s, const struct component_opts *o, struct scope *scope, void **ret, struct err *e);
	void (*stop)(void *components);
};
/* The program of c8s kube-apiserver; extra may be NULL. */
int apiserver_main(int argc, char **argv, const struct apiserver_extra *extra);
