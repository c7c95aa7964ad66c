/* Private to kubelet. */
#pragma once
#include "api/meta.h"
#include <errno.h>
#include <stdlib.h>
#include "api/pod.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/map.h"
#include "client/call.h"
#include "client/informer.h"
#include "client/queue.h"
#include "client/recorder.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "gen/core_v1.h"
#include "gen/cri_v1.h"
#include "gen/ids.h"
#include "gen/kubelet_config_v1beta1.h"
#include "kubelet/kubelet.h"
#include "kubelet/pause.h"
#include "net/grpc.h"
#include "os/cgroup.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/proc.h"
#include "schema/metric.h"

typedef struct kubelet_config_v1beta1_KubeletConfiguration kubelet_config;

#define PAUSE_MIN (10 * NS_S)      /* first pause before a restart or a further pull */
#define RELIST_EVERY (10 * NS_S)   /* the full check behind all other sources of exits */
#define RETRY_AFTER (10 * NS_S)    /* after a failed start, as upstream's back-off period */
#define GRACE_MIN_S 2              /* left to a container when hooks ate the rest */
#define MESSAGE_BYTES 4096         /* of a termination message */
#define MESSAGE_BYTES_POD 12288    /* of all of a Pod */
#define MESSAGE_LINES 80           /* of the log when it takes the message's place */
#define OBJECT_BYTES (4u << 20)    /* of a file that we wrote ourselves */
#define IMAGES_IN_STATUS 50

static inline void map_fini_at_cleanup(struct map *m) { map_fini(m); }

/* ---- the runtime (cri.c) */
enum cri_op {
	CRI_VERSION, CRI_STATUS, CRI_UPDATE_RUNTIME_CONFIG, CRI_RUN_SANDBOX, CRI_STOP_SANDBOX, CRI_REMOVE_SANDBOX, CRI_SANDBOX_STATUS, CRI_LIST_SANDBOX,
	CRI_CREATE, CRI_START, CRI_STOP, CRI_REMOVE, CRI_LIST, CRI_CONTAINER_STATUS, CRI_EXEC_SYNC, CRI_EXEC, CRI_ATTACH, CRI_PORT_FORWARD,
	CRI_REOPEN_LOG, CRI_LIST_STATS, CRI_PULL, CRI_IMAGE_STATUS, CRI_LIST_IMAGES, CRI_REMOVE_IMAGE, CRI_IMAGE_FS, CRI_OPS
};
struct cri {
	struct grpc_client *grpc;
	struct metric_set *metrics;
	struct { double *calls, *errors; struct series *duration; } counts[CRI_OPS]; /* found by the first call */
	nsec_t timeout;
};
struct cri *cri_new(const char *endpoint, nsec_t timeout, struct metric_set *metrics, struct err *e);
void cri_free(struct cri *c);
/* Waits.  timeout 0: the runtime's request timeout. */
int cri_call(struct cri *c, struct arena *a, enum cri_op op, const void *req, void *resp, nsec_t timeout, struct err *e) must_check;
/* The runtime's own words, without the code before them. */
struct str cri_error_text(const struct err *e);
bool cri_not_found(const struct err *e);

/* ---- Pods */
struct spec { /* one version of a Pod, shared by the fibers that read it */
	int refs;
	struct arena *mem;
	struct core_v1_Pod *pod;
};
struct spec *spec_ref(struct spec *s);
void spec_unref(struct spec *s);
CLEANUP_FN(spec_unref, struct spec *)

enum cstate { CS_CREATED, CS_RUNNING, CS_EXITED, CS_UNKNOWN }; /* as cri.v1.ContainerState */
struct cview { /* a container as the runtime has it */
	struct str name, id, sandbox, image, image_id, reason, message, log_path, message_path, message_policy, hash; /* hash: container_hash of what it was made of */
	uint32_t attempt;
	int state, exit_code;
	int64_t created, started, finished; /* ns since 1970 */
};
struct sview {
	struct str id;
	uint32_t attempt;
	bool ready;
	int64_t created;
};
struct view {
	struct arena *mem;
	LIST(struct cview) containers; /* latest attempts first */
	LIST(struct sview) sandboxes;  /* latest first */
};
enum ckind { CK_INIT, CK_MAIN, CK_EPHEMERAL };
enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };

struct probe;
struct cmem { /* what the kubelet knows of a container beyond the runtime */
	struct str name;
	enum ckind kind;
	struct pause crash, pull;
	char *wait_reason;  /* static */
	struct buf wait_message, pull_error;
	bool started, ready;          /* by the probes; meaningful while id runs */
	struct str id;                /* that started, ready and the probes are about; heap */
	struct probe *probes[PROBE_KINDS];
	struct str probes_id;         /* the container that they are about */
	mono_t retry_at;
	bool killing, stopping;       /* a fiber is to stop it; the runtime is at it */
	bool renew;                   /* its image changed: it starts again, whatever the policy */
};

struct pod {
	struct kubelet *k;
	struct list node;
	struct arena *mem;            /* identity */
	struct str uid, ns, name, key, full; /* full: "name_ns(uid)" */
	struct spec *spec, *next;     /* next: not looked at by the worker yet */
	struct scope scope;
	struct cond wake;
	bool dirty, stale, running;   /* something changed; the view is old; the worker lives */
	bool is_static, gone;         /* gone: no source has it any more */
	bool deleting, ending, killing, stopped; /* to go; to be ended, for whatever reason; being ended; nothing runs any more */
	int64_t grace_s;
	mono_t kill_at;
	bool failed;                  /* will not run (again): fail_reason, fail_message */
	bool rejected, admitted;
	bool over;                    /* its phase is final */
	int64_t used_grace_s;
	struct str fail_reason, fail_message;
	struct view *view;
	struct map cmems;             /* name -> struct cmem */
	struct str ip, ips[2];
	uint32_t nips;
	bool dirs_ready, cgroup_ready, volumes_ready, volumes_busy, sandbox_ready;
	struct scope volume_scope;    /* the fiber that keeps volumes fresh */
	bool volume_scope_live, volumes_stale; /* stale: what they are made of changed */
	struct cond volumes_wake;
	struct map tokens;
	mono_t retry_at, poll_at;
	nsec_t poll_wait;
	wall_t start_time;
	struct arena *status_mem;
	struct core_v1_PodStatus *status;
	bool mirror_made;
	uint64_t status_gen, written_gen;
	int writing;                  /* a writer is at it */
	struct str mirror_uid;        /* of a static Pod's mirror */
	wall_t seen;
	bool synced, started;         /* the worker has looked at it; all its containers ran */
};

struct kubelet {
	struct arena *mem;
	struct kubelet_opts o;
	kubelet_config *cfg;
	struct transport *t;
	struct helper *helper;
	bool own_helper;
	struct scope *scope;
	struct cri *cri;
	struct informers *informers;
	struct informer *pod_inf, *service_inf;
	struct informer_handler pod_handler;
	struct recorder *rec;
	struct queue *status_q;
	struct map pods;              /* uid -> struct pod */
	struct map exits;             /* container id -> struct exit_watch */
	struct map objects;           /* watched ConfigMaps and Secrets, by "plural/ns/name" */
	struct map mirrors;           /* "ns/name" -> mirror Pod's uid */
	struct dir_watch *manifests;
	struct machine machine;
	struct str node_ip, node_uid, runtime_name, runtime_version;
	struct str pod_cidr;
	bool runtime_ready, network_ready, node_ready, cri_events, sources_ready, registered, drained;
	struct buf not_ready_why;
	mono_t node_written;
	struct cond node_wake, check_wake; /* check_wake: of the full check */
	struct list log_readers;           /* who follows a log */
	bool images_stale;
	struct arena *images_mem;
	core_v1_ContainerImage_list_t images;
	struct http_server *server;
	struct reviews *reviews;
	struct tls *tls;
	wall_t started;
	bool orphans_done;
	struct str_map node_labels_seen; /* of the Node object, others' included */
	const struct cgroups *cgroups;
	mono_t relisted;              /* when the full check last began; 0: never */
};

/* source.c */
int source_start(struct kubelet *k, struct err *e) must_check;
void source_pod_gone(struct kubelet *k); /* a place is free: a static Pod of the same name may start */
/* mirror.c */
void mirror_make(struct pod *p);
void mirror_orphan(struct kubelet *k, struct str ns, struct str name, struct str uid);
void mirrors_check(struct kubelet *k);
/* pod.c */
struct pod *pod_new(struct kubelet *k, struct spec *s);
void pod_free(struct pod *p);
void pod_wake(struct pod *p);
void pod_stale(struct pod *p); /* the runtime has news */
struct pod *pod_by_uid(struct kubelet *k, struct str uid);
struct pod *pod_by_name(struct kubelet *k, struct str ns, struct str name);
struct cmem *pod_cmem(struct pod *p, struct str name);
struct str pod_dir(struct arena *a, const struct pod *p);
struct str pod_log_dir(struct arena *a, const struct pod *p);
void pod_ref(const struct pod *p, struct arena *a, struct core_v1_ObjectReference *ret, struct str container);
void pod_event(struct pod *p, struct str container, const char *type, const char *reason, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
#define EACH_MAIN(c, pod) LIST_EACH(c, (pod)->spec.containers)
#define EACH_INIT(c, pod) LIST_EACH(c, (pod)->spec.initContainers)
const struct core_v1_Container *pod_find_container(const struct core_v1_Pod *pod, struct str name, enum ckind *ret_kind);
/* worker.c */
void worker_start(struct pod *p);
/* For calls that may take long, made by the worker: fn runs in a fiber of its own, which is cancelled when pod_to_end.  False: it was. */
bool pod_run(struct pod *p, void (*fn)(void *arg), void *arg);
int pod_cri_call(struct pod *p, struct arena *a, enum cri_op op, const void *req, void *resp, nsec_t timeout, struct err *e) must_check;
bool pod_to_end(const struct pod *p); /* it was deleted, though the worker may not have looked yet */
/* view.c */
void log_readers_wake(struct kubelet *k); /* serve_logs.c: a container may have ended */
int view_refresh(struct pod *p, struct err *e) must_check;
void view_free(struct view *v);
const struct cview *view_latest(const struct view *v, struct str name);
const struct cview *view_before(const struct view *v, const struct cview *c); /* the attempt before */
const struct cview *view_by_id(const struct view *v, struct str id);
const struct sview *view_sandbox(const struct view *v); /* the latest, or NULL */
/* start.c */
void pod_start_step(struct pod *p, struct arena *a); /* does what is to be done next; sets retry times */
/* sandbox.c, container.c */
struct cri_v1_PodSandboxConfig *sandbox_config(struct pod *p, struct arena *a, uint32_t attempt, struct err *e);
struct cri_v1_ContainerConfig *container_config(struct pod *p, struct arena *a, const struct core_v1_Container *c, uint32_t attempt, struct str image_ref,
	const struct cri_v1_Image *image, struct err *e);
struct str container_hash(struct arena *a, const struct core_v1_Container *c); /* changes with what may be changed of a container that runs */
/* security.c */
int security_check_nonroot(const struct pod *p, const struct core_v1_Container *c, const struct cri_v1_Image *image, struct err *e) must_check;
void security_sandbox(struct arena *a, const struct pod *p, struct cri_v1_LinuxPodSandboxConfig *l);
struct cri_v1_LinuxContainerSecurityContext *security_container(struct arena *a, const struct pod *p, const struct core_v1_Container *c,
	const struct cri_v1_Image *image);
/* resources.c */
struct cri_v1_LinuxContainerResources *resources_container(struct arena *a, const struct pod *p, const struct core_v1_Container *c);
struct cri_v1_LinuxContainerResources *resources_sandbox(struct arena *a, const struct pod *p);
int resources_pod_cgroup(struct pod *p, struct err *e) must_check;
int resources_pod_cgroup_remove(struct pod *p, struct err *e) must_check;
int resources_qos_cgroups(struct kubelet *k, struct err *e) must_check;
struct str resources_cgroup_path(struct arena *a, const struct pod *p);
struct str resources_cgroup_parent(struct arena *a, const struct pod *p);
struct str resource_field(struct arena *a, const struct kubelet *k, const struct core_v1_Pod *pod, struct str container, struct str resource, struct str divisor,
	struct err *e);
/* env.c */
struct str env_expand(struct arena *a, struct str text, const struct map *vars);
int env_make(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct map *vars, struct err *e) must_check;
struct str field_value(struct arena *a, const struct pod *p, struct str path, bool *ret_known);
/* dns.c */
struct cri_v1_DNSConfig *dns_config(struct pod *p, struct arena *a, struct err *e);
struct str pod_hostname(struct arena *a, const struct core_v1_Pod *pod, struct str *ret_domain, struct str cluster_domain);
int hosts_write(struct pod *p, struct arena *a, struct err *e) must_check;
/* volume.c */
void volumes_begin(struct pod *p);                     /* in a fiber of its own; wakes the worker */
void volumes_news(struct pod *p);                      /* what volumes or variables are made of has changed */
int volumes_remove(struct pod *p, struct err *e) must_check;
int volumes_mounts(struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct map *env, struct cri_v1_ContainerConfig *cfg,
	struct err *e) must_check;
/* objects.c: ConfigMaps and Secrets of the Pod's namespace, fresh, in a; NULL with ERR_NOT_FOUND when absent.  Waits.
 * From then on news of the object wakes the Pod (volumes_news), until objects_release. */
struct core_v1_ConfigMap *object_config_map(struct pod *p, struct arena *a, struct str name, struct err *e);
struct core_v1_Secret *object_secret(struct pod *p, struct arena *a, struct str name, struct err *e);
void objects_release(struct pod *p); /* waits */
/* image.c */
int image_ensure(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cmem *m, struct cri_v1_Image **ret, struct err *e) must_check;
struct cri_v1_AuthConfig *image_auth(struct arena *a, struct str docker_config, struct str image); /* NULL: none fits */
/* restart.c */
bool restart_wanted(const struct core_v1_Pod *pod, const struct core_v1_Container *c, int exit_code, bool init);
/* kill.c */
void container_kill(struct pod *p, struct str id, struct str name, int64_t grace_s, struct str why);
/* The same without a word, for a probe's fiber; m->killing is set already. */
void container_stop(struct pod *p, struct cmem *m, struct str id, int64_t grace_s);
void pod_kill_all(struct pod *p);
/* hook.c */
int hook_run(struct pod *p, const struct core_v1_Container *c, struct str id, const struct core_v1_LifecycleHandler *h, mono_t deadline, struct err *e) must_check;
int http_probe(struct pod *p, const struct core_v1_Container *c, const struct core_v1_HTTPGetAction *h, bool probe, mono_t deadline, int *ret_code, struct buf *body, struct err *e)
	must_check;
int tcp_try(struct str host, int port, mono_t deadline, struct err *e) must_check;
int action_port(const struct core_v1_Container *c, const struct int_or_str *port);
/* probe.c */
void probes_start(struct pod *p, const struct core_v1_Container *c, struct cmem *m, struct str id);
void probes_stop(struct cmem *m);
void probes_metrics(const struct cmem *m, struct metric_set *to);
void probes_stop_restarts(struct cmem *m); /* those that end a container; whether it is ready is asked on */
/* exits.c */
void exits_start(struct kubelet *k);
void exit_watch(struct pod *p, struct str id, int64_t pid);
bool exit_watched(struct kubelet *k, struct str id);
bool exit_fired(struct kubelet *k, struct str id);
void exit_forget(struct kubelet *k, struct str id);
void exits_free(struct kubelet *k);
/* orphans.c: folders and cgroups of Pods that are gone. */
void orphans_clean(struct kubelet *k, struct arena *a);
/* status.c */
struct core_v1_PodStatus *status_compute(struct pod *p, struct arena *a);
struct str status_message(struct pod *p, struct arena *a, const struct cview *c);
/* report.c */
bool pod_phase_final(struct pod *p); /* by the containers: it succeeded or failed for good */
void report_start(struct kubelet *k);
void report(struct pod *p); /* computes, and queues the write when something changed */
int report_now(struct pod *p, struct err *e) must_check;
/* node.c */
void node_start(struct kubelet *k);
void node_changed(struct kubelet *k);
/* rotate.c */
void rotate_start(struct kubelet *k);
/* server.c */
int server_start(struct kubelet *k, struct err *e) must_check;
void server_stop(struct kubelet *k);
