#include "base/test.h"
#include "kubelet/log.h"
#include "rt/fiber.h"
#include <stdio.h>

TEST(records_are_taken_apart)
{
	struct log_line_view v;
	assert_int_equal(log_line_parse(STR("2026-11-21T10:00:00.5Z stdout F hello world"), &v), 0);
	assert_str(v.time, "2026-11-21T10:00:00.5Z");
	assert_str(v.stream, "stdout");
	assert_str(v.text, "hello world");
	assert_false(v.partial);
	assert_int_equal(log_line_parse(STR("2026-11-21T10:00:00.5Z stderr P:x half"), &v), 0);
	assert_true(v.partial);
	assert_int_equal(log_line_parse(STR("2026-11-21T10:00:00.5Z stdout F "), &v), 0);
	assert_int_equal(v.text.n, 0);
}

TEST(what_is_no_record_is_refused)
{
	struct log_line_view v;
	const char *bad[] = {"", "x", "time stdin F text", "time stdout Q text", "time stdout"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(log_line_parse(str_of(bad[i]), &v), -1);
}

static const char *file(struct arena *a)
{
	char *path = str_z(a, str_printf(a, "%s/0.log", test_tmpdir()));
	FILE *f = fopen(path, "w");
	fputs("2026-11-21T10:00:01Z stdout F one\n2026-11-21T10:00:02Z stderr F two\n2026-11-21T10:00:03Z stdout P thr\n"
		"2026-11-21T10:00:03Z stdout F ee\n2026-11-21T10:00:04Z stdout F four\n", f);
	fclose(f);
	return path;
}

static int collect(void *arg, struct str data)
{
	buf_str(arg, data);
	return 0;
}

static void copies(const struct log_want *w, const char *want)
{
	struct arena *a = arena_new(NULL);
	struct err e = {0};
	struct buf out = {0};
	struct log_sink s = {.write = collect, .arg = &out};
	assert_ok(log_copy(file(a), w, &s, &e), &e);
	assert_str(buf_view(&out), want);
	buf_fini(&out);
	arena_free(a);
}

TEST(a_log_is_its_texts) { copies(&(struct log_want){0}, "one\ntwo\nthree\nfour\n"); }
TEST(tail_gives_the_last_records) { copies(&(struct log_want){.has_tail = true, .tail = 1}, "four\n"); }
TEST(tail_zero_gives_nothing) { copies(&(struct log_want){.has_tail = true}, ""); }
TEST(a_stream_can_be_chosen) { copies(&(struct log_want){.stream = STR("stderr")}, "two\n"); }
TEST(the_limit_cuts_within_a_line) { copies(&(struct log_want){.has_limit = true, .limit_bytes = 6}, "one\ntw"); }
TEST(time_stamps_stand_before_whole_lines)
{
	copies(&(struct log_want){.timestamps = true, .has_tail = true, .tail = 3}, "2026-11-21T10:00:03Z three\n2026-11-21T10:00:04Z four\n");
}
TEST(since_leaves_out_what_is_older) { copies(&(struct log_want){.has_since = true, .since_s = 1795255204}, "four\n"); }

TEST(the_last_lines_are_cut_to_the_newest_bytes)
{
	struct arena *a = arena_new(NULL);
	assert_str(log_last_lines(a, file(a), 2, 100), "ee\nfour\n");
	assert_str(log_last_lines(a, file(a), 80, 6), "\nfour\n");
	arena_free(a);
}

/* A reader so slow that two rotations happen while it takes the first piece. */
struct slow {
	struct arena *a;
	const char *path;
	struct buf out;
	int step;
};

static void write_line(const char *path, int i, const char *mode)
{
	FILE *f = fopen(path, mode);
	fprintf(f, "2026-11-21T10:00:01Z stdout F %d\n", i);
	fclose(f);
}

static int take_slowly(void *arg, struct str data)
{
	struct slow *s = arg;
	buf_str(&s->out, data);
	for (int i = 0; s->step == 0 && i < 3; i++) {
		assert_int_equal(rename(s->path, str_z(s->a, str_printf(s->a, "%s.20261121-12000%d", s->path, i))), 0);
		write_line(s->path, i + 2, "w");
	}
	s->step++;
	return 0;
}

static bool soon_over(void *arg) { return ((struct slow *)arg)->step >= 4; }

static void follow_with(int (*take)(void *arg, struct str data), const char *want)
{
	struct arena *a = arena_new(NULL);
	struct slow s = {.a = a, .path = str_z(a, str_printf(a, "%s/0.log", test_tmpdir()))};
	struct cond news;
	struct log_sink sink = {take, soon_over, &news, &s};
	ERR(e);
	cond_init(&news);
	write_line(s.path, 1, "w");
	assert_ok(log_copy(s.path, &(struct log_want){.follow = true}, &sink, &e), &e);
	assert_str(buf_view(&s.out), want);
	buf_fini(&s.out);
	arena_free(a);
}

static void on_loop(void (*fn)(void *arg))
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, NULL), 0);
	rt_free(rt);
}

static void follow_slowly(void *arg) { follow_with(take_slowly, "1\n2\n3\n4\n"); }
TEST(a_slow_follower_misses_no_rotation) { on_loop(follow_slowly); }

/* A runtime that opens the new file, and only then writes out what it still had for the old one. */
static void write_late(void *arg)
{
	struct slow *s = arg;
	assert_int_equal(fiber_sleep(100 * NS_MS), 0);
	write_line(str_z(s->a, str_printf(s->a, "%s.20261121-120000", s->path)), 2, "a");
	s->step = 4;
}

static int take_rotated(void *arg, struct str data)
{
	struct slow *s = arg;
	buf_str(&s->out, data);
	if (s->step++)
		return 0;
	assert_int_equal(rename(s->path, str_z(s->a, str_printf(s->a, "%s.20261121-120000", s->path))), 0);
	write_line(s->path, 3, "w");
	assert_non_null(fiber_spawn(NULL, "late", write_late, s));
	return 0;
}

static void follow_late(void *arg) { follow_with(take_rotated, "1\n2\n3\n"); }
TEST(a_follower_waits_for_the_end_of_the_old_file) { on_loop(follow_late); }
