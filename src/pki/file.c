#include "pki/cert.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		s = n > 0 ? str_sub(s, n, s.n) : s;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The rename must be on disk too before anyone relies on it. */
static void sync_dir(const char *file)
{
	char dir[4096];
	const char *slash = strrchr(file, '/');
	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - file + 1) : 1, slash ? file : ".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int pki_write_file(const char *file, struct str content, unsigned mode, struct err *e)
{
	char tmp[4096];
	if (snprintf(tmp, sizeof tmp, "%s.tmp-%d", file, getpid()) >= (int)sizeof tmp)
		return err_sys(e, ENAMETOOLONG, "%s", file);
	unlink(tmp);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "create %s", tmp);
	int r = write_all(fd, content);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(tmp, file) < 0)
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		return err_sys(e, r, "write %s", file);
	}
	sync_dir(file);
	return 0;
}

int pki_read_file(const char *file, size_t max, struct buf *out, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open %s", file);
	ssize_t n = 1;
	char *p = NULL;
	size_t begin = out->n;
	while (n > 0 && out->n - begin <= max && (p = buf_room(out, 4096)))
		if ((n = read(fd, p, 4096)) > 0)
			out->n += n;
	int error = errno;
	close(fd);
	if (n < 0)
		return err_sys(e, error, "read %s", file);
	if (!p)
		return err_nomem(e, 4096);
	return out->n - begin > max ? err_set(e, ERR_TOO_LARGE, "%s is longer than %zu bytes", file, max) : 0;
}
