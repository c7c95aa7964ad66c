/* What a crash, a failed sync and a full disk leave behind, on the simulated disk. */
#include "store/test_model.h"
#include <errno.h>

/* ---- The recorded sequence, cut at every point ---- */

static size_t disk_steps(struct world *w)
{
	return kv_disk_steps(w->disk);
}

static void cut_at(struct journal *j, size_t cut, uint64_t seed)
{
	struct verdict v = {.j = j, .cut = cut};
	world_init(&v.w, ON_MEM, 1);
	kv_disk_free(v.w.disk);
	v.w.disk = kv_disk_cut(j->w.disk, cut, seed);
	verdict_reach(&v);
}

static void crash_everywhere(uint64_t seed)
{
	struct journal j = {.seed = seed, .steps = disk_steps};
	world_init(&j.w, ON_MEM, seed);
	kv_disk_set(j.w.disk, &(struct kv_disk_faults){.seed = seed, .sync_delay = 5 * NS_MS});
	journal_write(&j);
	for (size_t cut = 0; cut <= kv_disk_steps(j.w.disk); cut++)
		for (uint64_t kept = 0; kept < 3; kept++)
			cut_at(&j, cut, kept ? cut * 7 + kept : 0);
	journal_fini(&j);
}
TEST(a_crash_at_any_point_keeps_what_was_acknowledged_and_nothing_half)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		crash_everywhere(seed);
}

/* ---- No answer before its sync ---- */

static void answers_follow_syncs(struct world *w)
{
	for (int i = 0; i < 20; i++) {
		mono_t before = rt_now();
		uint64_t syncs = kv_disk_syncs(w->disk);
		put(w, "/a", "x");
		assert_int_equal(kv_disk_syncs(w->disk), syncs + 1);
		*(nsec_t *)w->arg += rt_now() - before;
	}
}
TEST(no_commit_returns_before_its_sync)
{
	struct world w;
	nsec_t waited = 0;
	world_init(&w, ON_MEM, 9);
	w.arg = &waited;
	kv_disk_set(w.disk, &(struct kv_disk_faults){.seed = 9, .sync_delay = NS_S});
	world_open(&w);
	world_run(&w, answers_follow_syncs);
	assert_true(waited > 5 * NS_S); /* twenty syncs of half a second each on average */
	world_fini(&w);
}

/* ---- Failed syncs ---- */

static void count_fatal(void *arg, const char *why)
{
	++*(int *)arg;
	assert_non_null(strstr(why, "Input/output error"));
}

static int try_put(struct world *w, const char *key, struct err *e)
{
	struct store_result r;
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("x"));
	struct store_op op = {.type = STORE_PUT, .key = str_of(key), .value = b};
	return commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, e);
}

static void failing(struct world *w)
{
	ERR(e);
	struct store_status st;
	put(w, "/a", "1");
	kv_disk_set(w->disk, &(struct kv_disk_faults){.fail_sync = 3});
	put(w, "/a", "2");
	put(w, "/a", "3");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(try_put(w, "/b", &e), -1);
		assert_int_equal(e.sys, EIO);
	}
	assert_str(list_at(w, "/", 0), "/a=3"); /* reads go on, and show nothing of what failed */
	store_status(w->s, &st);
	assert_true(st.failed);
	assert_int_equal(st.revision, 4);
}

static void after_failing(struct world *w)
{
	assert_str(list_at(w, "/", 0), "/a=3");
	assert_int_equal(put(w, "/a", "4"), 5);
}
TEST(a_failed_sync_is_fatal)
{
	struct world w;
	int fatal = 0;
	world_init(&w, ON_MEM, 0);
	w.opts = (struct store_opts){.on_fatal = count_fatal, .arg = &fatal};
	world_open(&w);
	world_run(&w, failing);
	assert_int_equal(fatal, 1);
	world_close(&w);
	kv_disk_crash(w.disk);
	world_open(&w);
	world_run(&w, after_failing);
	world_fini(&w);
}

/* ---- A full disk ---- */

static void fill(struct world *w)
{
	ERR(e);
	struct store_status st;
	char *key = NULL;
	int n = 0;
	do
		key = str_z(w->a, str_printf(w->a, "/fill/%d", n++));
	while (n < 100000 && try_put(w, key, &e) == 0);
	assert_int_equal(e.sys, ENOSPC);
	store_status(w->s, &st);
	assert_true(st.full && !st.failed);
	assert_str(value_of(w, key), "");
	put(w, "/fill/0", "a little more");                /* a deletion mark fits */
	for (int i = 1; i < n - 1; i++)
		del(w, str_z(w->a, str_printf(w->a, "/fill/%d", i)));
	assert_int_equal(fiber_sleep(2 * NS_MIN), 0);      /* the tick that takes the reserve again */
	store_status(w->s, &st);
	assert_false(st.full);
	put(w, "/new", "fits");
	assert_str(list_at(w, "/", 0), "/fill/0=a little more /new=fits");
}
TEST(deletes_and_compaction_run_on_a_full_disk)
{
	struct world w;
	world_init(&w, ON_MEM, 11);
	w.reserve_bytes = 100000;
	kv_disk_set(w.disk, &(struct kv_disk_faults){.max_bytes = 300000});
	world_open(&w);
	world_run(&w, fill);
	world_fini(&w);
}
