#include "base/test.h"
#include "os/file.h"
#include "os/fd.h"
#include "os/test_ns.h"
#include "rt/fiber.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>

static const char *in(const char *dir, const char *name)
{
	static char z[4][512];
	static int i;
	i = (i + 1) % 4;
	snprintf(z[i], sizeof z[i], "%s/%s", dir, name);
	return z[i];
}

static void put(const char *path, const char *text)
{
	ERR(e);
	assert_ok(file_write_atomic(path, str_of(text), 0640, &e), &e);
}

TEST(file_write_atomic_replaces_content_and_sets_the_mode)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir = test_tmpdir(), *path = in(dir, "f");
	struct str s;
	struct stat st;
	ERR(e);
	put(path, "one");
	put(path, "two");
	assert_ok(file_read(a, path, 100, &s, &e), &e);
	assert_str(s, "two");
	assert_int_equal(s.p[s.n], 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

TEST(file_read_refuses_what_is_larger_than_allowed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *path = in(test_tmpdir(), "f");
	struct str s;
	ERR(e);
	put(path, "12345");
	assert_ok(file_read(a, path, 5, &s, &e), &e);
	assert_int_equal(file_read(a, path, 4, &s, &e), -1);
	assert_true(err_is(&e, ERR_TOO_LARGE));
	assert_int_equal(file_read(a, "/nonexistent/x", 4, &s, &e), -1);
	assert_int_equal(e.sys, ENOENT);
}

TEST(file_write_failure_leaves_no_temporary_file)
{
	const char *dir = test_tmpdir();
	uint64_t bytes, inodes;
	ERR(e);
	assert_int_equal(mkdir(in(dir, "d"), 0755), 0);
	assert_int_equal(file_write_atomic(in(dir, "d"), STR("x"), 0600, &e), -1);
	assert_ok(file_usage(dir, 0, &bytes, &inodes, &e), &e);
	assert_int_equal(inodes, 2);
}

TEST(path_is_clean_knows_traversal)
{
	assert_true(path_is_clean(STR("a/b.c/..d")));
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a/.."};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(path_is_clean(str_of(bad[i])));
	assert_false(path_is_clean(STR("a\0b")));
}

TEST(beneath_calls_never_leave_the_root)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir = test_tmpdir();
	struct str s;
	ERR(e);
	put(in(dir, "secret"), "s");
	assert_int_equal(mkdir(in(dir, "root"), 0755), 0);
	assert_int_equal(symlink("..", in(dir, "root/up")), 0);
	assert_int_equal(symlink("/etc/passwd", in(dir, "root/abs")), 0);
	assert_int_equal(symlink("/proc/self/root", in(dir, "root/magic")), 0);
	FD(root) = root_open(in(dir, "root"), &e);
	assert_true(root >= 0);
	static const char *const bad[] = {"../secret", "up/secret", "abs", "magic/etc/passwd"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(beneath_read(a, root, bad[i], 100, &s, &e), -1);
	assert_int_equal(beneath_mkdirs(root, "up/x", 0755, UINT32_MAX, UINT32_MAX, &e), -1);
	assert_int_equal(beneath_write(root, "up/x", STR("x"), 0600, &e), -1);
	assert_int_equal(beneath_remove(root, "up/secret", &e), -1);
	assert_int_equal(beneath_chmod(root, "up/secret", 0777, &e), -1);
	assert_true(file_exists(in(dir, "secret")));
}

TEST(beneath_mkdirs_owns_only_what_it_made)
{
	const char *dir = test_tmpdir();
	struct stat st;
	ERR(e);
	if (geteuid())
		skip();
	FD(root) = root_open(dir, &e);
	assert_ok(beneath_mkdirs(root, "a", 0700, UINT32_MAX, UINT32_MAX, &e), &e);
	assert_ok(beneath_mkdirs(root, "a/b/c", 02775, 1234, 5678, &e), &e);
	assert_ok(beneath_stat(root, "a", &st, &e), &e);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_ok(beneath_stat(root, "a/b/c", &st, &e), &e);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 5678);
	assert_int_equal(st.st_mode & 07777, 02775);
}

TEST(beneath_remove_deletes_links_but_not_their_targets)
{
	const char *dir = test_tmpdir();
	ERR(e);
	assert_ok(file_mkdirs(in(dir, "keep"), 0755, &e), &e);
	put(in(dir, "keep/f"), "x");
	assert_ok(file_mkdirs(in(dir, "tree/a/b"), 0755, &e), &e);
	put(in(dir, "tree/a/b/f"), "x");
	assert_int_equal(symlink("../../keep", in(dir, "tree/a/link")), 0);
	assert_ok(file_remove_tree(in(dir, "tree"), &e), &e);
	assert_false(file_exists(in(dir, "tree")));
	assert_true(file_exists(in(dir, "keep/f")));
	assert_ok(file_remove_tree(in(dir, "tree"), &e), &e);
	assert_ok(file_remove_tree(in(dir, "nowhere/tree"), &e), &e);
	assert_int_equal(symlink("keep", in(dir, "link")), 0);
	assert_ok(file_remove_tree(in(dir, "link"), &e), &e);
	assert_true(file_exists(in(dir, "keep/f")));
}

TEST(beneath_remove_leaves_other_mounts_alone_and_says_so)
{
	const char *dir = test_tmpdir();
	ERR(e);
	test_own_mounts();
	assert_ok(file_mkdirs(in(dir, "tree/m"), 0755, &e), &e);
	put(in(dir, "tree/f"), "x");
	assert_int_equal(mount("tmpfs", in(dir, "tree/m"), "tmpfs", 0, NULL), 0);
	put(in(dir, "tree/m/data"), "x");
	assert_int_equal(file_remove_tree(in(dir, "tree"), &e), -1);
	assert_int_equal(e.sys, EBUSY);
	assert_true(file_exists(in(dir, "tree/m/data")));
	assert_false(file_exists(in(dir, "tree/f")));
	assert_int_equal(umount(in(dir, "tree/m")), 0);
	assert_ok(file_remove_tree(in(dir, "tree"), &e), &e);
}

TEST(beneath_chown_of_a_tree_does_not_follow_links)
{
	const char *dir = test_tmpdir();
	struct stat st;
	ERR(e);
	if (geteuid())
		skip();
	put(in(dir, "outside"), "x");
	assert_ok(file_mkdirs(in(dir, "tree/sub"), 0755, &e), &e);
	put(in(dir, "tree/sub/f"), "x");
	assert_int_equal(symlink("../outside", in(dir, "tree/link")), 0);
	FD(root) = root_open(dir, &e);
	assert_ok(beneath_chown(root, "tree", UINT32_MAX, 77, true, &e), &e);
	assert_int_equal(stat(in(dir, "tree/sub/f"), &st), 0);
	assert_int_equal(st.st_gid, 77);
	assert_int_equal(stat(in(dir, "outside"), &st), 0);
	assert_int_equal(st.st_gid, 0);
}

TEST(file_usage_counts_hard_links_once)
{
	const char *dir = test_tmpdir();
	uint64_t bytes, inodes;
	ERR(e);
	put(in(dir, "a"), "x");
	assert_int_equal(link(in(dir, "a"), in(dir, "b")), 0);
	assert_ok(file_usage(dir, 0, &bytes, &inodes, &e), &e);
	assert_int_equal(inodes, 2);
	assert_true(bytes > 0);
}

struct seen { const char *dir; char names[256]; struct dir_watch *w; };
static void on_change(void *arg, const char *name, uint32_t mask)
{
	struct seen *s = arg;
	size_t n = strlen(s->names);
	snprintf(s->names + n, sizeof s->names - n, "%s ", name);
	if (!strcmp(name, "last")) {
		dir_watch_free(s->w);
		s->w = NULL;
	}
}
static void watch_it(void *arg)
{
	struct seen *s = arg;
	ERR(e);
	s->w = dir_watch_new(s->dir, IN_CREATE | IN_MOVED_TO, on_change, s, &e);
	assert_non_null(s->w);
	assert_int_equal(mkdir(in(s->dir, "one"), 0755), 0);
	assert_int_equal(mkdir(in(s->dir, "last"), 0755), 0);
	assert_int_equal(mkdir(in(s->dir, "unseen"), 0755), 0);
	for (int i = 0; i < 1000 && s->w; i++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
}

TEST(dir_watch_tells_names_and_may_be_freed_inside)
{
	struct seen s = {.dir = test_tmpdir()};
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", watch_it, &s), 0);
	rt_free(rt);
	assert_string_equal(s.names, "one last ");
}
