#include "os/mount.h"
#include "os/fd.h"
#include "os/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#define MOUNTINFO_MAX (16u << 20) /* 1,000 Pods have about 20,000 mounts of 200 bytes */

/* mount(2) wants paths; this one names the open place itself. */
struct fd_path { char z[32]; };
static struct fd_path fd_path(int fd)
{
	struct fd_path p;
	snprintf(p.z, sizeof p.z, "/proc/self/fd/%d", fd);
	return p;
}

int mount_tmpfs(int target, uint64_t size_bytes, uint32_t mode, unsigned long flags, struct err *e)
{
	char options[64];
	int n = snprintf(options, sizeof options, "mode=%o", mode & 07777);
	if (size_bytes)
		snprintf(options + n, sizeof options - (size_t)n, ",size=%llu", (unsigned long long)size_bytes);
	return mount("tmpfs", fd_path(target).z, "tmpfs", flags, options) ? err_sys(e, errno, "mount a tmpfs") : 0;
}

/* The top of what is mounted at the place that target was opened at: a new mount covers the descriptor, so it is asked for by path. */
static int reopen(int target, char *path, size_t cap)
{
	ssize_t n = readlink(fd_path(target).z, path, cap - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int mount_bind(int source, int target, bool recursive, unsigned long flags, struct err *e)
{
	char path[4096];
	if (mount(fd_path(source).z, fd_path(target).z, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL))
		return err_sys(e, errno, "bind mount");
	if (!flags)
		return 0;
	FD(top) = reopen(target, path, sizeof path);
	if (top < 0)
		return err_sys(e, top, "open the new mount");
	if (!mount_remount(top, flags, e))
		return 0;
	umount2(fd_path(top).z, MNT_DETACH);
	return -1;
}

int mount_remount(int target, unsigned long flags, struct err *e)
{
	return mount(NULL, fd_path(target).z, NULL, MS_REMOUNT | MS_BIND | flags, NULL) ? err_sys(e, errno, "remount") : 0;
}

int mount_propagation(int target, unsigned long how, struct err *e)
{
	return mount(NULL, fd_path(target).z, NULL, how, NULL) ? err_sys(e, errno, "set the mount's propagation") : 0;
}

int mount_detach(int target, struct err *e)
{
	return umount2(fd_path(target).z, MNT_DETACH) ? err_sys(e, errno, "unmount") : 0;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static struct str unescape(struct arena *a, struct str s)
{
	if (str_index(s, '\\', 0) < 0)
		return s;
	char *p = arena_text(a, s.n);
	size_t n = 0;
	for (size_t i = 0; p && i < s.n; n++) {
		bool octal = s.p[i] == '\\' && i + 3 < s.n;
		p[n] = octal ? (char)((s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + s.p[i + 3] - '0') : s.p[i];
		i += octal ? 4 : 1;
	}
	return p ? str_n(p, n) : s;
}

/* "36 35 98:0 /root /place rw,noatime master:1 - ext3 /dev/root rw"; false when the line is not one. */
static bool parse_line(struct arena *a, struct str line, struct mount_point *m)
{
	struct str f[6], major, minor;
	uint64_t id, parent, maj, min;
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		if (!str_next(&line, ' ', &f[i]))
			return false;
	ptrdiff_t dash = str_find(line, STR("- "));
	if (dash < 0 || str_u64(f[0], &id) || str_u64(f[1], &parent))
		return false;
	if (!str_cut(f[2], ':', &major, &minor) || str_u64(major, &maj) || str_u64(minor, &min))
		return false;
	struct str rest = str_sub(line, (size_t)dash + 2, line.n);
	*m = (struct mount_point){.root = unescape(a, f[3]), .path = unescape(a, f[4]), .options = f[5], .id = (uint32_t)id, .parent = (uint32_t)parent,
		.dev = maj << 32 | min};
	return str_next(&rest, ' ', &m->type) && str_next(&rest, ' ', &m->source);
}

static bool at_or_beneath(struct str path, struct str prefix)
{
	if (prefix.n <= 1)
		return true;
	return str_has_prefix(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

int mount_table(struct arena *a, const char *prefix, struct mount_list *ret, struct err *e)
{
	struct mount_list list = {0};
	struct mount_point m;
	struct str rest, line;
	if (file_read(a, "/proc/self/mountinfo", MOUNTINFO_MAX, &rest, e))
		return -1;
	while (str_next(&rest, '\n', &line)) {
		if (!parse_line(a, line, &m) || !at_or_beneath(m.path, str_of(prefix)))
			continue;
		struct mount_point *p = arena_push(a, &list);
		if (!p)
			return err_nomem(e, sizeof *p);
		*p = m;
	}
	*ret = list;
	return 0;
}

bool mount_is_point(const char *path)
{
	struct mount_list list;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (mount_table(a, path, &list, NULL))
		return false;
	for (uint32_t i = 0; i < list.len; i++)
		if (str_is(list.items[i].path, path))
			return true;
	return false;
}

int mount_detach_all(const char *path, struct err *e)
{
	struct mount_list list;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (strlen(path) <= 1)
		return err_set(e, ERR_BAD_REQUEST, "refusing to unmount everything");
	if (mount_table(a, path, &list, e))
		return -1;
	/* Later mounts lie deeper or on top. */
	for (uint32_t i = list.len; i-- > 0;) {
		char *z = str_z(a, list.items[i].path);
		if (umount2(z, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
			return err_sys(e, errno, "unmount %s", z);
	}
	return 0;
}
