/* A component beside an API server, in a process of its own: kube-scheduler, kube-controller-manager.
 *
 *     connect -> serve health and metrics -> lead (unless --leader-elect=false) -> work until SIGTERM, or leadership is lost (exit 1)
 */
#pragma once
#include "base/buf.h"
#include "client/https.h"
#include "client/informer.h"
#include "cmd/flags.h"
#include "schema/metric.h"

struct component_flags {
	struct str kubeconfig, master, authn_kubeconfig, authz_kubeconfig, bind_address, cert_dir, cert, key, client_ca, log_format, lock_name, lock_ns, lock_type;
	struct flag_list open_paths;
	int64_t port, verbosity;
	bool elect, skip_lookup;
	nsec_t lease, renew, retry, token_ttl, allow_ttl, deny_ttl;
};
/* Tables that components share. */
#define COMPONENT_CONNECTION 5
#define COMPONENT_SERVING 27
#define COMPONENT_ELECTION 6
#define COMPONENT_GENERAL 17
extern const struct flag component_connection[COMPONENT_CONNECTION], component_serving[COMPONENT_SERVING], component_election[COMPONENT_ELECTION],
	component_general[COMPONENT_GENERAL];
/* Rows of a struct usage; base: where the struct component_flags lies in the command's options. */
#define COMPONENT_GROUPS(base) \
	{"Connection", component_connection, COMPONENT_CONNECTION, base}, {"Leader election", component_election, COMPONENT_ELECTION, base}, \
	{"Serving", component_serving, COMPONENT_SERVING, base}, {"General", component_general, COMPONENT_GENERAL, base}

struct component {
	const char *name;
	struct component_flags *f;
	struct arena *mem;
	/* In the leader only: starts work in scope and returns at once.  stop comes after the scope ended; also when start failed. */
	int (*start)(struct component *c, struct scope *scope, struct err *e);
	void (*stop)(struct component *c);
	void (*show)(struct component *c, struct metric_set *to); /* while it leads: series that are known at a scrape only; NULL: none */
	void (*show_resources)(struct component *c, struct metric_set *to); /* of /metrics/resources; NULL: no such path */
	struct str (*config)(void *component, struct arena *a);
	void *arg;                     /* the command's */

	/* Set by component_main. */
	struct rest_config rest;
	struct rt *rt;
	struct transport *transport;
	struct metric_set metrics;     /* where everything of it counts */
	struct str host;
};
/* Runs it to its end; the exit code. */
int component_main(struct component *c);
