/* Network namespaces and sysctls: see netlink.h. */
#include "os/netlink.h"
#include "os/fd.h"
#include "os/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define SELF "/proc/thread-self/ns/net"

int netns_open(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : err_sys(e, errno, "open the network namespace %s", path);
}

int netns_self(struct err *e)
{
	return netns_open(SELF, e);
}

int netns_enter(int fd, struct err *e)
{
	return setns(fd, CLONE_NEWNET) ? err_sys(e, errno, "enter the network namespace") : 0;
}

/* The caller must stay where it is, so a thread of its own leaves. */
static void *leave(void *arg)
{
	int *ret = arg;
	*ret = unshare(CLONE_NEWNET) ? -errno : open(SELF, O_RDONLY | O_CLOEXEC);
	if (*ret == -1)
		*ret = -errno;
	return NULL;
}

int netns_new(struct err *e)
{
	pthread_t t;
	int fd = -1;
	int r = pthread_create(&t, NULL, leave, &fd);
	if (r)
		return err_sys(e, r, "make a network namespace");
	pthread_join(t, NULL);
	return fd >= 0 ? fd : err_sys(e, fd, "make a network namespace");
}

/* "net.ipv4.conf.eth0/100.rp_filter": '.' and '/' change places, as sysctl(8) has it. */
static int sysctl_path(const char *name, char *path, size_t cap, struct err *e)
{
	int n = snprintf(path, cap, "/proc/sys/%s", name);
	if (n >= (int)cap || !*name)
		return err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a sysctl", name);
	char *rel = path + sizeof "/proc/sys/" - 1;
	for (char *p = rel; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return path_is_clean(str_of(rel)) ? 0 : err_set(e, ERR_BAD_REQUEST, "\"%s\" is not a sysctl", name);
}

int sysctl_set(const char *name, const char *value, struct err *e)
{
	char path[PATH_MAX];
	if (sysctl_path(name, path, sizeof path, e))
		return -1;
	return file_poke(path, str_of(value), e) ? err_wrap(e, "sysctl %s", name) : 0;
}

int sysctl_get(struct arena *a, const char *name, struct str *ret, struct err *e)
{
	char path[PATH_MAX];
	if (sysctl_path(name, path, sizeof path, e) || file_read(a, path, 65536, ret, e))
		return err_wrap(e, "sysctl %s", name);
	*ret = str_trim(*ret);
	return 0;
}

/* Written only where it is off: containers often have a read-only /proc/sys that is right already. */
static int turn_on(const char *name, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str now;
	if (!sysctl_get(a, name, &now, e))
		return str_is(now, "0") ? sysctl_set(name, "1", e) : 0;
	return -1;
}

int net_forwarding(bool v4, bool v6, struct err *e)
{
	if (v4 && turn_on("net.ipv4.ip_forward", e))
		return -1;
	return v6 ? turn_on("net.ipv6.conf.all.forwarding", e) : 0;
}
