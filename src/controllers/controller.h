/* Controllers: informer -> queue -> sync(key) in a fiber, on one loop.
 *
 * To add one: a file NAME.c with `void NAME_start(struct manager *m)` that gets its informers from m, adds handlers that put keys into a queue, and calls
 * manager_run; then a row in table.c.  A sync reads the informers' picture, works out what is wanted and writes the difference; it must be
 * correct when run twice, late, or on a stale picture (expectations hold it back until its own writes are seen).
 * Memory of a controller lives until manager_free: allocate it with manager_alloc. */
#pragma once
#include "client/call.h"
#include "client/informer.h"
#include "client/queue.h"
#include "client/recorder.h"
#include "schema/metric.h"

struct manager_opts {
	struct transport *transport;
	struct informers *informers;
	struct scope *scope;
	struct str host;             /* source of events */
	struct str controllers;      /* --controllers: "*", "*,-foo", "foo,bar" */
	struct str root_ca_pem;      /* published to every namespace; empty: not published */
	struct str cluster_cidr;     /* Pod ranges for nodes are cut from it; empty: none are */
	int node_mask;               /* 0: 24 */
	nsec_t monitor_grace, monitor_period; /* of node-lifecycle; 0: upstream's defaults */
	struct metric_set *metrics;  /* where all controllers count; outlives the manager.  NULL: they do not */
	/* Calls as the service account kube-system/NAME, the manager's from then on; NULL: all controllers use transport.  May return NULL with *e. */
	struct transport *(*transport_for)(void *arg, const char *account, struct err *e);
	void *arg;
};
/* The manager, or one controller's part of it: each controller has its own identity, events and memory. */
struct manager {
	struct manager_opts o;       /* .transport: the controller's */
	const struct controller *c;  /* NULL in the manager */
	struct scope scope;
	struct recorder *recorder;
	struct arena *mem;
	struct list queues;          /* for shutdown */
	struct list parts, node;     /* the manager's parts; a part's place there */
	void (*show)(void *arg, struct metric_set *to); /* series that are known at a scrape only; a controller may set it */
	void *show_arg;
	bool own_transport;
};
struct manager *manager_new(const struct manager_opts *o);
int manager_start(struct manager *m, struct err *e) must_check; /* all chosen controllers; returns at once */
/* Events of this controller: made at the first call. */
struct recorder *manager_recorder(struct manager *m);
/* Adds what is known at a scrape only to what was counted in manager_opts.metrics. */
void manager_metrics(const struct manager *m, struct metric_set *to);
void manager_free(struct manager *m);  /* after its scope ended */
void *manager_alloc(struct manager *m, size_t n);
/* A queue that is shut down and freed with the manager. */
struct queue *manager_queue(struct manager *m, const char *name);
/* Runs fn(arg) on a fiber once these informers are in step (NULL-terminated). */
void manager_when_synced(struct manager *m, struct informer *const *informers, void (*fn)(void *arg), void *arg);
/* queue_run once they are. */
void manager_run(struct manager *m, struct informer *const *informers, struct queue *q, int workers, int (*sync)(void *arg, struct str key, struct err *e), void *arg);
/* The shared informer of a resource. */
struct informer *manager_informer(struct manager *m, const char *group, const char *version, const char *plural);

struct controller {
	const char *name;            /* as --controllers names it */
	bool off_by_default;
	void (*start)(struct manager *m);
	const char *account;         /* its service account in kube-system */
	const char *source;          /* of its events; NULL: as name */
	const char *alias;           /* its old name, which --controllers takes too; NULL: none */
};
extern const struct controller controllers[];
extern const size_t ncontrollers;
bool controller_wanted(struct str list, const struct controller *c);

/* Handler that puts the object's own key into a queue. */
struct enqueue {
	struct informer_handler handler;
	struct queue *queue;
};
void enqueue_own(struct enqueue *h, struct informer *inf, struct queue *q);
/* Handler that puts the key of the controller owner of a kind into a queue. */
struct enqueue_owner {
	struct informer_handler handler;
	struct informer *inf;
	const struct type *type;     /* of the objects in inf */
	struct queue *queue;
	const char *kind;            /* of the owner */
	/* Called for each event before it is queued; may be NULL. */
	void (*seen)(void *arg, const struct informer_item *old, const struct informer_item *cur, struct str owner_key);
	void *arg;
};
void enqueue_owner(struct enqueue_owner *h);

/* Expectations: how many creates and deletes of its own a sync still has to see before the informer's picture can be trusted. */
#define EXPECTATION_TIMEOUT (5 * NS_MIN)
struct expectations {
	struct map by_key;
};
void expect_creates(struct expectations *x, struct str key, int n);
void expect_created(struct expectations *x, struct str key);
void expect_deleted(struct expectations *x, struct str key, struct str pod_key);
/* Counts deletes by the objects' keys, so that an update of a dying object counts once. */
void expect_deletes_of(struct expectations *x, struct str key, const struct str *pod_keys, size_t n);
bool expect_met(struct expectations *x, struct str key);
void expect_forget(struct expectations *x, struct str key);
void expect_fini(struct expectations *x);

/* Pods of a template, as ReplicaSets, Jobs and others make them. */
struct core_v1_PodTemplateSpec;
struct core_v1_Pod;
struct core_v1_Pod *pod_from_template(struct arena *a, const struct core_v1_PodTemplateSpec *t, struct ref owner);

/* The rows of table.c. */
void namespace_start(struct manager *m);
void clusterrole_aggregation_start(struct manager *m);
void serviceaccount_start(struct manager *m);
void root_ca_start(struct manager *m);
void garbage_start(struct manager *m);
void replicaset_start(struct manager *m);
void deployment_start(struct manager *m);
void endpoints_start(struct manager *m);
void endpointslice_start(struct manager *m);
void node_lifecycle_start(struct manager *m);
void node_ipam_start(struct manager *m);
void taint_eviction_start(struct manager *m);
void ttl_start(struct manager *m);
