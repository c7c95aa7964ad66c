#include "cmd/data_dir.h"
#include "os/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names))
		names++;
	return *names;
}

int data_dir_check(const char *dir, struct err *e)
{
	static const char *const nothing[] = {".", "..", "lost+found", NULL};
	static const char *const ours[] = {"store", "pki", "manifests", "cni", "kubelet", "server.lock", NULL}; /* some are made by the administrator beforehand */
	char foreign[sizeof((struct dirent *)0)->d_name] = "";
	bool found = false;
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot read the data directory %s", dir);
	for (struct dirent *f; !found && (f = readdir(d));) {
		found = is_one_of(f->d_name, ours);
		if (!is_one_of(f->d_name, nothing))
			snprintf(foreign, sizeof foreign, "%s", f->d_name);
	}
	closedir(d);
	if (found || !*foreign)
		return 0;
	return err_set(e, ERR_BAD_REQUEST, "%s is not empty and holds no cluster of c8s (found \"%s\"): choose another --data-dir", dir, foreign);
}

int data_dir_lock(const char *dir, struct err *e)
{
	if (data_dir_check(dir, e) < 0 || file_mkdirs(dir, 0700, e) < 0)
		return -1;
	int folder = root_open(dir, e);
	if (folder < 0)
		return -1;
	int fd = openat(folder, "server.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), error = errno;
	close(folder);
	if (fd < 0)
		return err_sys(e, error, "lock the data directory %s", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(fd);
	return err_set(e, ERR_CONFLICT, "the data directory %s is in use by another c8s server: stop it, or choose another --data-dir", dir);
}
