#include "base/test.h"
#include "kubelet/payload.h"
#include "os/file.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1795263000000000001ll

struct world {
	struct arena *a;
	char *dir;
	struct payload p;
};
static struct world *world_new(const char *name)
{
	struct arena *a = arena_new(NULL);
	struct world *w = arena_make(a, struct world);
	w->a = a;
	w->dir = str_z(a, str_printf(a, "%s/%s", test_tmpdir(), name));
	mkdir(w->dir, 0755);
	return w;
}
static void add(struct world *w, const char *path, const char *data, uint32_t mode)
{
	struct err e = {0};
	assert_ok(payload_add(w->a, &w->p, str_of(path), str_of(data), mode, &e), &e);
}
static void put(struct world *w, int64_t now)
{
	struct err e = {0};
	assert_ok(payload_write(w->a, w->dir, &w->p, UINT32_MAX, now, &e), &e);
}
static struct str look(struct world *w, const char *path)
{
	struct str s = {0};
	struct err e = {0};
	if (file_read(w->a, str_z(w->a, str_printf(w->a, "%s/%s", w->dir, path)), 4096, &s, &e))
		s = STR("(absent)");
	err_fini(&e);
	return s;
}
static struct str target(struct world *w, const char *name)
{
	char *t = arena_alloc(w->a, 512);
	ssize_t n = readlink(str_z(w->a, str_printf(w->a, "%s/%s", w->dir, name)), t, 511);
	return n < 0 ? STR("") : str_n(t, (size_t)n);
}

TEST(files_stand_behind_links_into_data)
{
	struct world *w = world_new("links");
	add(w, "a", "1", 0644);
	add(w, "d/e", "2", 0400);
	put(w, NOW);
	assert_str(look(w, "a"), "1");
	assert_str(look(w, "d/e"), "2");
	assert_str(target(w, "a"), "..data/a");
	assert_str(target(w, "d"), "..data/d");
	struct stat st;
	assert_int_equal(stat(str_z(w->a, str_printf(w->a, "%s/d/e", w->dir)), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	arena_free(w->a);
}

TEST(equal_content_changes_nothing)
{
	struct world *w = world_new("same");
	add(w, "a", "1", 0644);
	put(w, NOW);
	struct str before = target(w, "..data");
	put(w, NOW + 5);
	assert_true(str_eq(before, target(w, "..data")));
	arena_free(w->a);
}

TEST(new_content_replaces_all_and_removes_what_is_gone)
{
	struct world *w = world_new("new");
	add(w, "a", "1", 0644);
	add(w, "b", "1", 0644);
	put(w, NOW);
	struct str before = target(w, "..data");
	w->p.len = 0;
	add(w, "a", "2", 0644);
	put(w, NOW + 5);
	assert_str(look(w, "a"), "2");
	assert_str(look(w, "b"), "(absent)");
	assert_false(str_eq(before, target(w, "..data")));
	assert_str(look(w, str_z(w->a, before)), "(absent)");
	arena_free(w->a);
}

TEST(paths_that_lead_out_are_refused)
{
	struct world *w = world_new("out");
	struct err e = {0};
	const char *bad[] = {"/a", "../a", "a/../../b", "..x", ""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(payload_add(w->a, &w->p, str_of(bad[i]), STR(""), 0644, &e), -1);
		err_fini(&e);
	}
	arena_free(w->a);
}
