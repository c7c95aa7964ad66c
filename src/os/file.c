#include "os/file.h"
#include "os/fd.h"
#include "base/rand.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#define READ_STEP 4096

int file_read_fd(struct arena *a, int fd, size_t max, struct str *ret, struct err *e)
{
	BUF(b);
	b.max = max + 2; /* one byte beyond max tells a file that is too large, one is for the NUL */
	for (;;) {
		size_t want = max + 1 - b.n < READ_STEP ? max + 1 - b.n : READ_STEP;
		char *p = buf_room(&b, want);
		if (!p)
			return err_nomem(e, want);
		ssize_t n = read(fd, p, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read");
		if (n == 0)
			break;
		b.n += (size_t)n;
		if (b.n > max)
			return err_set(e, ERR_TOO_LARGE, "larger than %zu bytes", max);
	}
	char *z = arena_text(a, b.n + 1);
	if (!z)
		return err_nomem(e, b.n + 1);
	if (b.n)
		memcpy(z, b.p, b.n);
	z[b.n] = 0;
	*ret = str_n(z, b.n);
	return 0;
}

int file_read(struct arena *a, const char *path, size_t max, struct str *ret, struct err *e)
{
	FD(fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	return file_read_fd(a, fd, max, ret, e) ? err_wrap(e, "%s", path) : 0;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int file_poke(const char *path, struct str data, struct err *e)
{
	FD(fd) = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	ssize_t n = write(fd, data.p, data.n);
	if (n < 0 || (size_t)n != data.n)
		return err_sys(e, n < 0 ? errno : EIO, "write \"%.*s\" to %s", STR_F(str_trim(data)), path);
	return 0;
}

/* The folder of path and the name within it. */
static int open_parent(const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	*ret_name = slash ? slash + 1 : path;
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof dir)
		return err_sys(e, ENAMETOOLONG, "%s", path);
	snprintf(dir, sizeof dir, "%.*s", (int)n, path);
	int fd = open(slash ? (n ? dir : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open the folder of %s", path);
	return fd;
}

int file_write_atomic(const char *path, struct str data, mode_t mode, struct err *e)
{
	const char *name;
	FD(dir) = open_parent(path, &name, e);
	if (dir < 0)
		return -1;
	return beneath_write(dir, name, data, mode, e) ? err_wrap(e, "write %s", path) : 0;
}

int file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof part)
		return err_sys(e, n ? ENAMETOOLONG : ENOENT, "make folder %s", path);
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != 0)
			continue;
		part[i] = 0;
		if (mkdir(part, mode) && errno != EEXIST)
			return err_sys(e, errno, "make folder %s", part);
		part[i] = i < n ? '/' : 0;
	}
	struct stat st;
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return err_sys(e, ENOTDIR, "make folder %s", path);
	return 0;
}

int file_remove_tree(const char *path, struct err *e)
{
	const char *name;
	if (!file_exists(path) && errno == ENOENT) {
		struct stat st;
		if (lstat(path, &st))
			return 0;
	}
	FD(dir) = open_parent(path, &name, e);
	if (dir < 0)
		return -1;
	return beneath_remove(dir, name, e) ? err_wrap(e, "remove %s", path) : 0;
}
