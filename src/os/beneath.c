/* Resolution beneath a root: see file.h. */
#include "os/file.h"
#include "os/fd.h"
#include "base/rand.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define TREE_DEPTH_MAX 256   /* folders within folders; each level holds a descriptor */
#define OPEN_TRIES 16        /* openat2 says EAGAIN while a rename races with ".."; then again */
#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)

bool path_is_clean(struct str rel)
{
	struct str rest = rel, part;
	if (!rel.n || rel.n >= PATH_MAX || memchr(rel.p, 0, rel.n))
		return false;
	while (str_next(&rest, '/', &part))
		if (!part.n || part.n > NAME_MAX || str_is(part, ".") || str_is(part, ".."))
			return false;
	return true;
}

int root_open(const char *path, struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : err_sys(e, errno, "open %s", path);
}

/* A descriptor or -errno. */
static int open_beneath(int root, const char *rel, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve};
	long fd = -1;
	if (flags & (O_CREAT | O_TMPFILE))
		how.mode = mode & 07777;
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, root, rel, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd >= 0 ? (int)fd : -errno;
}

int beneath_open(int root, const char *rel, int flags, mode_t mode, struct err *e)
{
	int fd = open_beneath(root, rel, flags, mode, BENEATH);
	return fd >= 0 ? fd : err_sys(e, fd, "open %s", rel);
}

int root_open_beneath(const char *top, const char *path, struct err *e)
{
	size_t n = strlen(top);
	while (n > 1 && top[n - 1] == '/')
		n--;
	bool inside = !strncmp(path, top, n) && (n == 1 || path[n] == '/' || !path[n]);
	const char *rest = inside ? path + n + strspn(path + n, "/") : "";
	if (!inside || (*rest && !path_is_clean(str_of(rest))))
		return err_set(e, ERR_FORBIDDEN, "%s is not beneath %s", path, top);
	FD(root) = root_open(top, e);
	if (root < 0 || !*rest)
		return root < 0 ? -1 : fd_steal(&root);
	int fd = open_beneath(root, rest, O_PATH | O_DIRECTORY, 0, BENEATH | RESOLVE_NO_SYMLINKS);
	return fd >= 0 ? fd : err_sys(e, fd, "open %s", path);
}

/* The folder that holds the last part of rel (itself not resolved). */
static int parent_of(int root, const char *rel, const char **ret_name, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(rel, '/');
	if (!path_is_clean(str_of(rel)))
		return err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a clean relative path", rel);
	*ret_name = slash ? slash + 1 : rel;
	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - rel) : 1, slash ? rel : ".");
	int fd = open_beneath(root, dir, O_RDONLY | O_DIRECTORY, 0, BENEATH);
	return fd >= 0 ? fd : err_sys(e, fd, "open %s", dir);
}

/* Makes one folder and opens it; 0 in *made when it was there. */
static int step_into(int at, const char *name, mode_t mode, uid_t uid, gid_t gid, bool *made, struct err *e)
{
	*made = mkdirat(at, name, 0700) == 0;
	if (!*made && errno != EEXIST)
		return err_sys(e, errno, "make folder %s", name);
	int fd = open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0, BENEATH);
	if (fd < 0)
		return err_sys(e, fd, "open folder %s", name);
	if (*made && (fchown(fd, uid, gid) || fchmod(fd, mode))) {
		err_sys(e, errno, "set the owner of folder %s", name);
		close(fd);
		return -1;
	}
	return fd;
}

int beneath_mkdirs(int root, const char *rel, mode_t mode, uid_t uid, gid_t gid, struct err *e)
{
	struct str rest = str_of(rel), part;
	bool made;
	if (!path_is_clean(rest))
		return err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a clean relative path", rel);
	FD(at) = open_beneath(root, ".", O_RDONLY | O_DIRECTORY, 0, BENEATH);
	if (at < 0)
		return err_sys(e, at, "open the root");
	while (str_next(&rest, '/', &part)) {
		char name[NAME_MAX + 1];
		snprintf(name, sizeof name, "%.*s", STR_F(part));
		int next = step_into(at, name, mode, uid, gid, &made, e);
		if (next < 0)
			return -1;
		close(at);
		at = next;
	}
	return 0;
}

int beneath_read(struct arena *a, int root, const char *rel, size_t max, struct str *ret, struct err *e)
{
	FD(fd) = beneath_open(root, rel, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, e);
	if (fd < 0)
		return -1;
	return file_read_fd(a, fd, max, ret, e) ? err_wrap(e, "%s", rel) : 0;
}

static int write_all(int fd, struct str data)
{
	while (data.n) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data = str_sub(data, (size_t)n, data.n);
	}
	return 0;
}

/* The new content on disk under a temporary name. */
static int write_temporary(int dir, const char *temp, struct str data, mode_t mode)
{
	FD(fd) = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, data);
	if (!r && (fchmod(fd, mode) || fsync(fd)))
		r = -errno;
	return r;
}

int beneath_write(int root, const char *rel, struct str data, mode_t mode, struct err *e)
{
	char temp[32];
	const char *name;
	uint64_t random;
	FD(dir) = parent_of(root, rel, &name, e);
	if (dir < 0)
		return -1;
	rand_bytes(&random, sizeof random);
	snprintf(temp, sizeof temp, ".c8s-%016llx", (unsigned long long)random);
	int r = write_temporary(dir, temp, data, mode);
	if (!r && renameat(dir, temp, dir, name))
		r = -errno;
	if (r) {
		unlinkat(dir, temp, 0);
		return err_sys(e, r, "write %s", rel);
	}
	return fsync(dir) ? err_sys(e, errno, "sync the folder of %s", rel) : 0;
}

int beneath_symlink(int root, const char *rel, const char *target, struct err *e)
{
	const char *name;
	FD(dir) = parent_of(root, rel, &name, e);
	if (dir < 0)
		return -1;
	return symlinkat(target, dir, name) ? err_sys(e, errno, "link %s", rel) : 0;
}

int beneath_rename(int root, const char *from, const char *to, struct err *e)
{
	const char *from_name, *to_name;
	FD(from_dir) = parent_of(root, from, &from_name, e);
	if (from_dir < 0)
		return -1;
	FD(to_dir) = parent_of(root, to, &to_name, e);
	if (to_dir < 0)
		return -1;
	return renameat(from_dir, from_name, to_dir, to_name) ? err_sys(e, errno, "rename %s to %s", from, to) : 0;
}

int beneath_stat(int root, const char *rel, struct stat *ret, struct err *e)
{
	FD(fd) = beneath_open(root, rel, O_PATH | O_NOFOLLOW, 0, e);
	if (fd < 0)
		return -1;
	return fstat(fd, ret) ? err_sys(e, errno, "stat %s", rel) : 0;
}

int beneath_chmod(int root, const char *rel, mode_t mode, struct err *e)
{
	FD(fd) = beneath_open(root, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, e);
	if (fd < 0)
		return -1;
	return fchmod(fd, mode) ? err_sys(e, errno, "change the mode of %s", rel) : 0;
}

/* What to do with each entry of a tree. */
struct walk {
	int (*entry)(struct walk *w, int dir, const char *name, bool is_dir);
	uid_t uid;
	gid_t gid;
	bool busy; /* something was left alone because it is another mount */
};

static int walk_dir(struct walk *w, int fd, int depth);

/* Goes down into a folder unless another mount begins there (the kernel refuses with EXDEV), then hands the entry to the walker. */
static int walk_entry(struct walk *w, int dir, const struct dirent *d, int depth)
{
	struct stat st;
	bool is_dir = d->d_type == DT_DIR;
	if (d->d_type == DT_UNKNOWN)
		is_dir = !fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
	if (is_dir) {
		int sub = open_beneath(dir, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, BENEATH | RESOLVE_NO_XDEV);
		if (sub == -EXDEV)
			return w->busy = true, 0;
		int r = sub < 0 ? sub : walk_dir(w, sub, depth + 1);
		if (r && r != -ENOENT)
			return r;
	}
	int r = w->entry(w, dir, d->d_name, is_dir);
	return r == -ENOENT ? 0 : r;
}

/* Takes fd. */
static int walk_dir(struct walk *w, int fd, int depth)
{
	struct dirent *d;
	int r = 0;
	DIR *dir = depth < TREE_DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!dir) {
		close(fd);
		return depth < TREE_DEPTH_MAX ? -errno : -ELOOP;
	}
	while (!r && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			r = walk_entry(w, fd, d, depth);
	closedir(dir);
	return r;
}

static int remove_entry(struct walk *w, int dir, const char *name, bool is_dir)
{
	if (unlinkat(dir, name, is_dir ? AT_REMOVEDIR : 0) == 0)
		return 0;
	/* Not empty because of a mount inside, or itself the place of one. */
	if (errno == EBUSY || (errno == ENOTEMPTY && w->busy))
		return w->busy = true, 0;
	return -errno;
}

static int chown_entry(struct walk *w, int dir, const char *name, bool is_dir)
{
	return fchownat(dir, name, w->uid, w->gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

/* Walks the tree below dir/name; no error when that is not a folder. */
static int walk_below(struct walk *w, int dir, const char *name)
{
	int fd = open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, BENEATH | RESOLVE_NO_XDEV);
	if (fd == -EXDEV)
		return w->busy = true, 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	return fd < 0 ? fd : walk_dir(w, fd, 0);
}

int beneath_remove(int root, const char *rel, struct err *e)
{
	struct walk w = {.entry = remove_entry};
	struct stat st;
	const char *name;
	ERR(own);
	FD(dir) = parent_of(root, rel, &name, &own);
	if (dir < 0 && own.sys == ENOENT)
		return 0;
	if (dir < 0)
		return err_hand(e, &own);
	int r = walk_below(&w, dir, name);
	if (!r && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		r = remove_entry(&w, dir, name, S_ISDIR(st.st_mode));
	if (w.busy)
		r = -EBUSY;
	return r && r != -ENOENT ? err_sys(e, r, "remove %s", rel) : 0;
}

int beneath_chown(int root, const char *rel, uid_t uid, gid_t gid, bool recursive, struct err *e)
{
	struct walk w = {.entry = chown_entry, .uid = uid, .gid = gid};
	const char *name;
	FD(dir) = parent_of(root, rel, &name, e);
	if (dir < 0)
		return -1;
	int r = recursive ? walk_below(&w, dir, name) : 0;
	if (!r)
		r = chown_entry(&w, dir, name, false);
	return r ? err_sys(e, r, "change the owner of %s", rel) : 0;
}

struct usage {
	struct walk walk;
	struct seen { uint64_t dev, ino; } *seen; /* files with several links */
	size_t nseen, cap;
	uint64_t bytes, inodes, limit;
};

/* True when the file was counted before under another name. */
static bool counted(struct usage *u, const struct stat *st)
{
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return false;
	for (size_t i = 0; i < u->nseen; i++)
		if (u->seen[i].ino == st->st_ino && u->seen[i].dev == st->st_dev)
			return true;
	if (u->nseen == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 64;
		struct seen *more = realloc(u->seen, cap * sizeof *more);
		if (!more)
			return false;
		u->seen = more, u->cap = cap;
	}
	u->seen[u->nseen++] = (struct seen){st->st_dev, st->st_ino};
	return false;
}

static int usage_entry(struct walk *w, int dir, const char *name, bool is_dir)
{
	struct usage *u = container_of(w, struct usage, walk);
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (counted(u, &st))
		return 0;
	u->bytes += (uint64_t)st.st_blocks * 512;
	u->inodes++;
	return u->limit && u->inodes >= u->limit ? -E2BIG : 0;
}

int file_usage(const char *path, uint64_t limit, uint64_t *ret_bytes, uint64_t *ret_inodes, struct err *e)
{
	struct usage u = {.walk.entry = usage_entry, .limit = limit};
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (!fstat(fd, &st))
		u.bytes = (uint64_t)st.st_blocks * 512, u.inodes = 1;
	int r = walk_dir(&u.walk, fd, 0);
	free(u.seen);
	if (r && r != -E2BIG)
		return err_sys(e, r, "measure %s", path);
	*ret_bytes = u.bytes;
	*ret_inodes = u.inodes;
	return 0;
}
