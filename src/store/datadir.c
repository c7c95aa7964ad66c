#include "store/datadir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_HEAD "c8s store format "

/* A name is durable once the directory that holds it is synced. */
static int sync_parent(int dir)
{
	int fd = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_dir(struct datadir *d, const char *dir, struct err *e)
{
	bool made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return err_sys(e, errno, "cannot make the data directory %s", dir);
	d->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0)
		return err_sys(e, errno, "cannot open the data directory %s", dir);
	int rc = made ? sync_parent(d->fd) : 0;
	return rc ? err_sys(e, rc, "cannot make the data directory %s", dir) : 0;
}

static void lock_owner(int fd, char *ret, size_t n)
{
	ssize_t got = pread(fd, ret, n - 1, 0);
	ret[got > 0 ? got : 0] = 0;
	ret[strcspn(ret, "\n")] = 0;
}

static int take_lock(struct datadir *d, const char *dir, struct err *e)
{
	char pid[32];
	d->lock = openat(d->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return err_sys(e, errno, "cannot write to the data directory %s", dir);
	if (flock(d->lock, LOCK_EX | LOCK_NB)) {
		lock_owner(d->lock, pid, sizeof pid);
		return err_set(e, ERR_INTERNAL, "the data directory %s is in use by process %s: stop it, or choose another --data-dir", dir, *pid ? pid : "(unknown)");
	}
	int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) || pwrite(d->lock, pid, (size_t)n, 0) < 0)
		(void)0; /* only for the message above; on a full disk it stays empty */
	return 0;
}

/* A mount point may have lost+found; our own files may stand there when the very first start was cut off before `format`. */
static bool is_ours(const char *name)
{
	static const char *const names[] = {".", "..", "lock", "format.new", "lost+found", "reserve"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int refuse_foreign(struct datadir *d, const char *dir, struct err *e)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;
	if (!list)
		return err_sys(e, errno, "cannot read the data directory %s", dir);
	for (struct dirent *f; !rc && (f = readdir(list));)
		if (!is_ours(f->d_name))
			rc = err_set(e, ERR_INTERNAL, "%s is not empty and holds no c8s store (found \"%s\"): choose another --data-dir", dir, f->d_name);
	closedir(list);
	return rc;
}

static int write_all_synced(int fd, const char *text)
{
	size_t n = strlen(text);
	return write(fd, text, n) == (ssize_t)n && fsync(fd) == 0 ? 0 : errno ? -errno : -EIO;
}

static int write_format(struct datadir *d, const char *dir, struct err *e)
{
	char text[64];
	snprintf(text, sizeof text, FORMAT_HEAD "%d\n", DATADIR_FORMAT);
	int fd = openat(d->fd, "format.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : write_all_synced(fd, text);
	if (fd >= 0)
		close(fd);
	if (!rc && (renameat(d->fd, "format.new", d->fd, "format") || fsync(d->fd)))
		rc = -errno;
	if (rc)
		return err_sys(e, rc, "cannot write to the data directory %s", dir);
	d->format = DATADIR_FORMAT;
	return 0;
}

int datadir_upgrade(struct datadir *d, const char *dir, struct err *e)
{
	return d->format == DATADIR_FORMAT ? 0 : write_format(d, dir, e);
}

static int check_format(struct datadir *d, const char *text, const char *dir, struct err *e)
{
	size_t n = strlen(FORMAT_HEAD);
	long format = strncmp(text, FORMAT_HEAD, n) ? 0 : strtol(text + n, NULL, 10);
	if (format <= 0)
		return err_set(e, ERR_INTERNAL, "%s holds no c8s store (its file \"format\" is something else): choose another --data-dir", dir);
	if (format > DATADIR_FORMAT)
		return err_set(e, ERR_INTERNAL, "%s was written by a newer c8s (store format %ld, this one knows %d): use that version", dir, format, DATADIR_FORMAT);
	d->format = (int)format;
	return 0;
}

static int read_format(struct datadir *d, const char *dir, struct err *e)
{
	char text[64] = "";
	int fd = openat(d->fd, "format", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return refuse_foreign(d, dir, e) ? -1 : write_format(d, dir, e);
	if (fd < 0)
		return err_sys(e, errno, "cannot read %s/format", dir);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n < 0 ? err_sys(e, errno, "cannot read %s/format", dir) : check_format(d, text, dir, e);
}

int datadir_open(struct datadir *d, const char *dir, struct err *e)
{
	*d = (struct datadir){-1, -1, 0};
	if (open_dir(d, dir, e) == 0 && take_lock(d, dir, e) == 0 && read_format(d, dir, e) == 0)
		return 0;
	datadir_close(d);
	return -1;
}

void datadir_close(struct datadir *d)
{
	if (d->lock >= 0)
		close(d->lock); /* and with it the lock */
	if (d->fd >= 0)
		close(d->fd);
	*d = (struct datadir){-1, -1, 0};
}

int datadir_reserve(struct datadir *d, uint64_t bytes)
{
	if (!bytes)
		return unlinkat(d->fd, "reserve", 0) && errno != ENOENT ? -errno : 0;
	int fd = openat(d->fd, "reserve", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int rc = -posix_fallocate(fd, 0, (off_t)bytes);
	close(fd);
	if (rc) /* half a reserve would only take what others need */
		(void)unlinkat(d->fd, "reserve", 0);
	return rc;
}
