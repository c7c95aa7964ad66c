/* For tests: the wire between a component and an API server that both live in one simulation.  It delays, loses calls before and after they took
 * effect, is cut as a network is, and survives the server's restart as a TCP client does: what was open ends, what comes next finds the new server.
 * All on one loop. */
#pragma once
#include "client/transport.h"

/* The API server's end. */
struct uplink {
	struct rt *rt;
	struct transport *server; /* NULL: down */
	struct list links, watches;
	int busy;                 /* calls in the server */
	uint32_t made;
	struct cond quiet;
};
struct link {
	struct transport base;
	struct uplink *up;
	struct list node;
	uint32_t id;
	bool cut;           /* partitioned */
	uint32_t lost_pct;  /* of the calls; half of them take effect */
	nsec_t delay_max;
};
void uplink_init(struct uplink *u, struct rt *rt);
/* Nothing gets in any more; returns when nothing is in the server.  Waits. */
void uplink_down(struct uplink *u);
void uplink_cut_watches(struct uplink *u);
/* In the caller's storage, for the life of the simulation. */
void link_init(struct link *l, struct uplink *u);
