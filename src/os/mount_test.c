#include "os/test_ns.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>

static const char *make(const char *dir, const char *name)
{
	static char z[4][512];
	static int i;
	ERR(e);
	i = (i + 1) % 4;
	snprintf(z[i], sizeof z[i], "%s/%s", dir, name);
	assert_ok(file_mkdirs(z[i], 0755, &e), &e);
	return z[i];
}

static unsigned long flags_of(const char *path)
{
	struct statvfs v;
	assert_int_equal(statvfs(path, &v), 0);
	return v.f_flag;
}

TEST(mount_tmpfs_has_its_size_and_mode)
{
	struct stat st;
	struct statvfs v;
	ERR(e);
	test_own_mounts();
	const char *at = make(test_tmpdir(), "t");
	FD(fd) = root_open(at, &e);
	assert_ok(mount_tmpfs(fd, 1 << 20, 0777, MS_NOSUID | MS_NODEV, &e), &e);
	assert_true(mount_is_point(at));
	assert_int_equal(stat(at, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	assert_int_equal(statvfs(at, &v), 0);
	assert_int_equal(v.f_blocks * v.f_frsize, 1 << 20);
	assert_true(v.f_flag & ST_NOSUID);
	assert_ok(mount_detach_all(at, &e), &e);
	assert_false(mount_is_point(at));
}

TEST(mount_bind_sets_flags_on_the_new_mount_only)
{
	ERR(e);
	test_own_mounts();
	const char *dir = test_tmpdir(), *from = make(dir, "from"), *to = make(dir, "to x");
	FD(source) = root_open(from, &e);
	FD(target) = root_open(to, &e);
	assert_ok(mount_bind(source, target, false, MS_RDONLY | MS_NOEXEC, &e), &e);
	assert_true(flags_of(to) & ST_RDONLY);
	assert_true(flags_of(to) & ST_NOEXEC);
	assert_false(flags_of(from) & ST_RDONLY);
	assert_true(mount_is_point(to)); /* with a space in its name */
	assert_ok(mount_detach_all(to, &e), &e);
}

TEST(mount_detach_all_takes_stacked_and_nested_mounts)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct mount_list list;
	ERR(e);
	test_own_mounts();
	const char *dir = test_tmpdir(), *at = make(dir, "a");
	make(dir, "ab");
	assert_int_equal(mount("tmpfs", at, "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("tmpfs", make(at, "in"), "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("tmpfs", at, "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("tmpfs", make(dir, "ab"), "tmpfs", 0, NULL), 0);
	assert_ok(mount_table(a, at, &list, &e), &e);
	assert_int_equal(list.len, 3);
	assert_ok(mount_detach_all(at, &e), &e);
	assert_false(mount_is_point(at));
	assert_true(mount_is_point(make(dir, "ab")));
	assert_ok(mount_detach_all(make(dir, "ab"), &e), &e);
	assert_int_equal(mount_detach_all("/", &e), -1);
}
