/* Control groups, versions 1 and 2 behind one interface: names of Pod groups, limits, figures, kill, remove.
 *
 * A cgroup's path is relative to the hierarchy, "/kubepods/burstable/pod<uid>"; on v1 it exists in every mounted controller.
 * struct cgroups is what was detected; it is immutable afterwards (any thread).  Writing is privileged: components use plan.h. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <sys/types.h>

enum cgroup_version { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };
enum cgroup_controller { CGROUP_CPU, CGROUP_CPUACCT, CGROUP_CPUSET, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_HUGETLB, CGROUP_IO, CGROUP_FREEZER, CGROUP_DEVICES, CGROUP_SYSTEMD, CGROUP_CONTROLLERS };
#define CGROUP_PATH_MAX 512

struct cgroups {
	enum cgroup_version version;
	char dirs[CGROUP_CONTROLLERS][64]; /* where each controller is mounted; "": not there.  v2: all the same */
	uint32_t controllers;              /* 1 << enum cgroup_controller */
};
/* v2 only if the unified hierarchy has controllers (memory, cpu, pids); a hybrid machine counts as v1. */
int cgroups_detect(struct cgroups *ret, struct err *e) must_check;
/* The process-wide result of the first call. */
const struct cgroups *cgroups_get(void);

enum cgroup_driver { CGROUP_DRIVER_CGROUPFS, CGROUP_DRIVER_SYSTEMD };
enum cgroup_qos { CGROUP_GUARANTEED, CGROUP_BURSTABLE, CGROUP_BESTEFFORT };
/* "/kubepods", "/kubepods/burstable", "/kubepods/burstable/pod<uid>" beneath root ("" or "/x"), or the systemd slices of the same meaning
 * ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice").  uid absent: the QoS group; guaranteed is the top itself. */
void cgroup_pod_path(struct buf *out, enum cgroup_driver d, struct str root, enum cgroup_qos q, struct str uid);
/* What goes into a CRI request as cgroup_parent: the path for cgroupfs, the last slice's name for systemd. */
void cgroup_parent_name(struct buf *out, enum cgroup_driver d, struct str path);
/* The Pod uid in a path made by cgroup_pod_path; absent: not a Pod's. In the arena. */
struct str cgroup_pod_uid(struct arena *a, struct str path);

#define CGROUP_MAX UINT64_MAX /* no limit */
struct cgroup_hugetlb { char size[8]; uint64_t limit; }; /* "2MB" */
struct cgroup_limits { /* each only where its has_ is set */
	uint64_t cpu_shares;                    /* 2..262144; v2: weight by the kernel documentation's curve */
	int64_t cpu_quota_us;                   /* -1: none */
	uint64_t cpu_period_us;                 /* 0: 100000 */
	uint64_t memory_max, memory_min, memory_high, pids_max; /* min, high: v2 only, ignored on v1 */
	struct cgroup_hugetlb hugetlb[4];
	uint8_t nhugetlb;
	bool has_cpu_shares, has_cpu_quota, has_memory_max, has_memory_min, has_memory_high, has_pids_max;
};
uint64_t cgroup_weight(uint64_t shares);                    /* as runc and crun: 1 + ((shares - 2) * 9999) / 262142 */
uint64_t cgroup_shares(int64_t milli_cpu);                  /* 1000 -> 1024, at least 2 */
int64_t cgroup_quota_us(int64_t milli_cpu, int64_t period_us); /* at least 1000; 0 for none */

int cgroup_create(const struct cgroups *c, const char *path, struct err *e) must_check; /* with parents; present is fine */
int cgroup_limit(const struct cgroups *c, const char *path, const struct cgroup_limits *l, struct err *e) must_check;
int cgroup_add(const struct cgroups *c, const char *path, pid_t pid, struct err *e) must_check;
/* SIGKILL to every process at and beneath path (cgroup.kill, or frozen and killed one by one). */
int cgroup_kill(const struct cgroups *c, const char *path, struct err *e) must_check;
int cgroup_remove(const struct cgroups *c, const char *path, struct err *e) must_check; /* with children; absent is fine; EBUSY while processes live */
bool cgroup_exists(const struct cgroups *c, const char *path);
/* Processes at path (and beneath it); names of child groups, in the arena. */
int cgroup_procs(struct arena *a, const struct cgroups *c, const char *path, bool beneath, pid_t **ret, size_t *ret_n, struct err *e) must_check;
int cgroup_children(struct arena *a, const struct cgroups *c, const char *path, struct str **ret, size_t *ret_n, struct err *e) must_check;
int cgroup_of_pid(const struct cgroups *c, pid_t pid, struct buf *out, struct err *e) must_check;
/* v2: a directory descriptor for clone3; -1 on v1. */
int cgroup_open(const struct cgroups *c, const char *path);

/* The figures of cAdvisor. */
struct cgroup_stats {
	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns, cpu_periods, cpu_throttled_periods, cpu_throttled_ns;
	uint64_t memory_usage, memory_working_set; /* usage - inactive file */
	uint64_t memory_rss, memory_cache, memory_swap, memory_mapped_file, memory_limit, memory_peak, page_faults, major_page_faults, oom_kills;
	uint64_t pids, pids_limit;
};
int cgroup_stats(const struct cgroups *c, const char *path, struct cgroup_stats *ret, struct err *e) must_check;
