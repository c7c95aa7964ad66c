/* Facts of the machine and of processes, from /proc, /sys and /etc. All block shortly; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/clock.h"
#include <sys/types.h>

struct machine {
	uint32_t cpus;              /* online */
	uint64_t memory_total, memory_available, swap_total, swap_free; /* bytes */
	struct str boot_id, machine_id, system_uuid, kernel_version, os_image, os_id, hostname, architecture; /* "amd64", "arm64"; system_uuid falls back to machine_id */
	wall_t booted;
	uint64_t huge_2mi, huge_1gi; /* total pages, in bytes */
};
int machine_facts(struct arena *a, struct machine *ret, struct err *e) must_check;
int machine_memory(uint64_t *ret_total, uint64_t *ret_available, struct err *e) must_check;

struct fs_stats {
	uint64_t capacity, available, used, inodes, inodes_free; /* bytes; available to non-root */
	uint64_t dev;
};
int fs_stats(const char *path, struct fs_stats *ret, struct err *e) must_check;
struct str fs_device(struct arena *a, uint64_t dev); /* "/dev/sda1"; empty: none of its own (overlay, tmpfs) */

/* Start time of a process in clock ticks since boot (field 22 of stat): with the pid it names a process for ever.  0: gone. */
uint64_t proc_start_ticks(pid_t pid);
/* Proportional set size and CPU time so far. */
int proc_pss(pid_t pid, uint64_t *ret_bytes, struct err *e) must_check;
int proc_cpu(pid_t pid, nsec_t *ret, struct err *e) must_check;
struct process_facts { uint64_t resident, virtual_, open_fds; wall_t started; }; /* bytes */
int proc_facts(pid_t pid, struct process_facts *ret, struct err *e) must_check;
/* Node-wide CPU time spent (all cores, without idle), for the summary API. */
int machine_cpu(nsec_t *ret, struct err *e) must_check;
/* The interfaces of a process's network namespace; names in the arena.  0: it is gone. */
struct link_traffic { uint64_t bytes, packets, errors, dropped; };
struct link_stats {
	struct str name;
	struct link_traffic in, out;
};
size_t proc_links(struct arena *a, pid_t pid, struct link_stats **ret);
/* Pressure stall information of cpu, memory or io; -1 when the kernel has none. */
struct psi { double avg10, avg60, avg300; uint64_t total_us; };
int machine_psi(const char *what, struct psi *ret_some, struct psi *ret_full);
