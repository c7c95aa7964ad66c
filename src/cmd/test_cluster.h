/* For tests: a whole cluster in one simulation: a store on a simulated disk, an API server, all controllers, the scheduler and hollow nodes, whose
 * kubelets move the Pods bound to them along without running anything. */
#pragma once
#include "base/test.h"
#include "client/informer.h"
#include "cmd/test_link.h"
#include "rt/sim.h"
#include "schema/metric.h"
#include "store/kv.h"

#define HOLLOW_NODES 10

struct cluster;
/* A process with its wire: a crash ends the fibers in its scope wherever they are and forgets its memory. */
struct process {
	struct scope scope;
	struct link link;
	struct informers *informers;
};
/* A kubelet of nothing. */
struct hollow {
	struct cluster *c;
	struct process process;
	struct informer *pods;
	struct informer_handler on_pod;
	struct cond news;
	struct str name;
	int index, next_ip;
	mono_t heartbeat;
};
struct cluster {
	uint64_t seed;
	struct rt *rt;
	struct loop *loop;
	struct arena *mem;
	struct kv_disk *disk;
	struct store *store;
	struct server *server;
	struct transport *inproc;
	struct uplink up;
	struct link admin;           /* the test's own wire is never broken */
	struct process control, scheduling;
	struct manager *manager;
	struct scheduler *scheduler;
	struct metric_set scheduler_metrics;
	struct hollow nodes[HOLLOW_NODES];
	struct scope faults;
	bool calm;                   /* no new faults */
	bool reboot;                 /* the store is to be opened again */
	bool done;
	void (*scenario)(struct cluster *c);
	struct post post;
};
/* Boots a cluster, runs the scenario on a fiber, takes all down.  The hash of the run. */
uint64_t cluster_run(uint64_t seed, bool faults, void (*scenario)(struct cluster *c));

void process_init(struct process *p, struct cluster *c);
void process_start(struct process *p);
/* Waits until its fibers have ended; its informers live until process_free. */
void process_stop(struct process *p);
void process_free(struct process *p);
void control_start(struct cluster *c); /* the controller manager */
void control_stop(struct cluster *c);
void scheduling_start(struct cluster *c);
void scheduling_stop(struct cluster *c);
void hollow_init(struct hollow *h, struct cluster *c, int index);
void hollow_start(struct hollow *h);
void hollow_stop(struct hollow *h);
/* Breaks things at random until c->calm.  test_chaos.c */
void chaos_start(struct cluster *c);
/* No new faults; returns when those that were going on have ended. */
void cluster_calm(struct cluster *c);
/* The server's power goes and comes back: what was not synced is lost, or kept by chance (kept != 0). */
void cluster_reboot(struct cluster *c, uint64_t kept);
/* Sleeps and asks again until what() says yes; fails the test after an hour of virtual time. */
void eventually(struct cluster *c, const char *name, bool (*what)(struct cluster *c, struct arena *a));
