/* Mounts: by descriptor, so that the place cannot be exchanged between check and act; and the table of what is mounted.
 * Mounting is privileged: components go through plan.h. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* target and source are descriptors (O_PATH) of the places; flags are MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC. */
int mount_tmpfs(int target, uint64_t size_bytes, uint32_t mode, unsigned long flags, struct err *e) must_check;
int mount_bind(int source, int target, bool recursive, unsigned long flags, struct err *e) must_check;
int mount_remount(int target, unsigned long flags, struct err *e) must_check; /* sets the flags of that mount only */
int mount_propagation(int target, unsigned long how, struct err *e) must_check; /* MS_SLAVE, MS_SHARED, MS_PRIVATE, with MS_REC */
/* Detaches the topmost mount at the descriptor, lazily; -1 with EINVAL when it is none. */
int mount_detach(int target, struct err *e) must_check;

struct mount_point {
	struct str path, type, source, root, options; /* root: of the bind within its file system */
	uint32_t id, parent;
	uint64_t dev;
};
struct mount_list {
	struct mount_point *items;
	uint32_t len, cap;
};
/* Mounts at or beneath prefix ("" or "/": all), in the order of /proc/self/mountinfo. */
int mount_table(struct arena *a, const char *prefix, struct mount_list *ret, struct err *e) must_check;
bool mount_is_point(const char *path);
/* Detaches everything at and beneath path, deepest first. Root only. */
int mount_detach_all(const char *path, struct err *e) must_check;
