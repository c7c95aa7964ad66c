/* Linked into every room's test program; never into the product. */
#include "base/test.h"
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* One directory for the whole program, one below it per call; the names live as long as the program. */
static char root[256];
static struct dir {
	struct dir *next;
	char path[sizeof root + 16];
} *dirs;
static pid_t owner;

const char *test_shared(void)
{
	const char *dir = getenv("C8S_SHARED");
	return dir && *dir ? dir : NULL;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

static void remove_root(void)
{
	/* Children of tests run exit handlers too. */
	if (getpid() == owner)
		nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_root(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(root, sizeof root, "%s/c8s-test-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(root))
		fail_msg("no temporary directory %s", root);
	owner = getpid();
	atexit(remove_root);
}

const char *test_tmpdir(void)
{
	static int count;
	struct dir *d = malloc(sizeof *d);
	if (!root[0])
		make_root();
	assert_non_null(d);
	d->next = dirs;
	dirs = d;
	snprintf(d->path, sizeof d->path, "%s/%d", root, count++);
	if (mkdir(d->path, 0700))
		fail_msg("mkdir %s failed", d->path);
	return d->path;
}
