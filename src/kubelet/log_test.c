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

static void write_line(const char *path, int i)
{
	FILE *f = fopen(path, "w");
	fprintf(f, "2026-11-21T10:00:01Z stdout F %d\n", i);
	fclose(f);
}

static int take_slowly(void *arg, struct str data)
{
	struct slow *s = arg;
	buf_str(&s->out, data);
	for (int i = 0; s->step == 0 && i < 3; i++) {
		assert_int_equal(rename(s->path, str_z(s->a, str_printf(s->a, "%s.20261121-12000%d", s->path, i))), 0);
		write_line(s->path, i + 2);
	}
	s->step++;
	return 0;
}

static bool soon_over(void *arg) { return ((struct slow *)arg)->step >= 4; }

static void follows(void *arg)
{
	struct arena *a = arena_new(NULL);
	struct slow s = {.a = a, .path = str_z(a, str_printf(a, "%s/0.log", test_tmpdir()))};
	struct cond news;
	struct log_sink sink = {take_slowly, soon_over, &news, &s};
	struct err e = {0};
	cond_init(&news);
	write_line(s.path, 1);
	assert_ok(log_copy(s.path, &(struct log_want){.follow = true}, &sink, &e), &e);
	assert_str(buf_view(&s.out), "1\n2\n3\n4\n");
	buf_fini(&s.out);
	arena_free(a);
}

TEST(a_slow_follower_misses_no_rotation)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", follows, NULL), 0);
	rt_free(rt);
}

/* The container of a log ends without another word. */
struct quiet {
	struct cond news;
	bool over;
	struct buf out;
};

static bool is_over(void *arg) { return ((struct quiet *)arg)->over; }
static int take(void *arg, struct str data) { return buf_str(&((struct quiet *)arg)->out, data), 0; }

static void end_quietly(void *arg)
{
	struct quiet *q = arg;
	(void)!fiber_sleep(20 * NS_MS);
	q->over = true;
	cond_wake_all(&q->news);
}

static void quiet_end(void *arg)
{
	struct quiet q = {0};
	struct log_sink sink = {take, is_over, &q.news, &q};
	struct arena *a = arena_new(NULL);
	struct err e = {0};
	char *path = str_z(a, str_printf(a, "%s/0.log", test_tmpdir()));
	cond_init(&q.news);
	write_line(path, 1);
	assert_non_null(fiber_spawn(NULL, "end", end_quietly, &q));
	mono_t began = rt_now();
	assert_ok(log_copy(path, &(struct log_want){.follow = true}, &sink, &e), &e);
	assert_true(rt_now() - began < 2 * NS_S);
	assert_str(buf_view(&q.out), "1\n");
	buf_fini(&q.out);
	arena_free(a);
}

TEST(a_follower_ends_with_its_container)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", quiet_end, NULL), 0);
	rt_free(rt);
}
