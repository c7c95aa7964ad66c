#include "store/test_world.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* ---- Commits and reads ---- */

static void revisions(struct world *w)
{
	struct store_status st;
	store_status(w->s, &st);
	assert_int_equal(st.revision, 1);
	assert_int_equal(put(w, "/a", "1"), 2);
	assert_int_equal(put(w, "/b", "1"), 3);
	assert_int_equal(put(w, "/a", "2"), 4);
	assert_int_equal(del(w, "/b"), 5);
	assert_int_equal(del(w, "/b"), 5); /* nothing changed */
	assert_str(list_at(w, "/", 0), "/a=2");
	store_status(w->s, &st);
	assert_int_equal(st.revision, 5);
	assert_true(st.cluster_id != 0);
}
TEST(each_commit_has_the_next_revision) { on_both(revisions); }

static void metadata(struct world *w)
{
	ERR(e);
	struct store_kv kv;
	put(w, "/a", "1");
	put(w, "/a", "2");
	assert_ok(store_get(w->s, STR("/a"), w->a, &kv, &e), &e);
	assert_int_equal(kv.create_rev, 2);
	assert_int_equal(kv.mod_rev, 3);
	assert_int_equal(kv.version, 2);
	del(w, "/a");
	put(w, "/a", "again");
	assert_ok(store_get(w->s, STR("/a"), w->a, &kv, &e), &e);
	assert_int_equal(kv.create_rev, 5);
	assert_int_equal(kv.version, 1);
	assert_ok(store_get(w->s, STR("/none"), w->a, &kv, &e), &e);
	assert_int_equal(kv.mod_rev, 0);
}
TEST(versions_count_from_creation) { on_both(metadata); }

static void history(struct world *w)
{
	put(w, "/a", "1");
	put(w, "/b", "1");
	put(w, "/a", "2");
	del(w, "/b");
	put(w, "/c", "1");
	assert_str(list_at(w, "/", 1), "");
	assert_str(list_at(w, "/", 2), "/a=1");
	assert_str(list_at(w, "/", 3), "/a=1 /b=1");
	assert_str(list_at(w, "/", 4), "/a=2 /b=1");
	assert_str(list_at(w, "/", 5), "/a=2");
	assert_str(list_at(w, "/", 6), "/a=2 /c=1");
	assert_int_equal(list_error(w, "/", 7), ERR_TIMEOUT);
}
TEST(every_kept_revision_can_be_read) { on_both(history); }

static void conflicts(struct world *w)
{
	ERR(e);
	struct store_result r;
	int64_t rev = put_if(w, "/a", 0, "1");
	assert_int_equal(rev, 2);
	assert_int_equal(put_if(w, "/a", 0, "x"), 0);
	assert_int_equal(put_if(w, "/a", rev, "2"), 3);
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("x"));
	struct store_compare c[] = {{STR("/a"), rev}, {STR("/none"), 0}};
	struct store_op op = {.type = STORE_PUT, .key = STR("/b"), .value = b};
	assert_ok(commit(w, &(struct store_txn){c, &op, 2, 1}, &r, &e), &e);
	assert_true(r.conflict);
	assert_str(r.current[0].value, "2");
	assert_int_equal(r.current[0].mod_rev, 3);
	assert_int_equal(r.current[1].mod_rev, 0);
	assert_int_equal(r.revision, 3);
	assert_str(list_at(w, "/", 0), "/a=2");
}
TEST(a_failed_compare_changes_nothing_and_answers_with_what_is_there) { on_both(conflicts); }

static void several_keys(struct world *w)
{
	ERR(e);
	struct store_result r;
	put(w, "/gone", "old");
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("x"));
	struct store_op ops[] = {{.type = STORE_PUT, .key = STR("/a"), .value = b, .want_prev = true},
				 {.type = STORE_DELETE, .key = STR("/gone"), .want_prev = true},
				 {.type = STORE_PUT, .key = STR("/b"), .value = b}};
	assert_ok(commit(w, &(struct store_txn){.ops = ops, .nops = 3}, &r, &e), &e);
	assert_int_equal(r.revision, 3);
	assert_int_equal(r.prev[0].mod_rev, 0);
	assert_str(r.prev[1].value, "old");
	assert_int_equal(r.prev[1].mod_rev, 2);
	assert_str(list_at(w, "/", 3), "/a=x /b=x");
	assert_str(list_at(w, "/", 2), "/gone=old");
	assert_int_equal(put(w, "/c", "y"), 4);
}
TEST(several_keys_share_a_revision) { on_both(several_keys); }

static void bad_txns(struct world *w)
{
	ERR(e);
	struct store_result r;
	CLEANUP(blob_unref) struct blob *b = blob_new(STORE_VALUE_MAX + 1);
	memset(b->p, 0, b->n);
	struct store_op twice[] = {{.type = STORE_DELETE, .key = STR("/a")}, {.type = STORE_DELETE, .key = STR("/a")}};
	assert_int_equal(commit(w, &(struct store_txn){.ops = twice, .nops = 2}, &r, &e), -1);
	assert_int_equal(e.reason, ERR_BAD_REQUEST);
	struct store_op large = {.type = STORE_PUT, .key = STR("/a"), .value = b};
	assert_int_equal(commit(w, &(struct store_txn){.ops = &large, .nops = 1}, &r, &e), -1);
	assert_int_equal(e.reason, ERR_TOO_LARGE);
	struct store_op nameless = {.type = STORE_DELETE};
	assert_int_equal(commit(w, &(struct store_txn){.ops = &nameless, .nops = 1}, &r, &e), -1);
	assert_int_equal(e.reason, ERR_BAD_REQUEST);
	b->n = 1;
	struct store_op leased = {.type = STORE_PUT, .key = STR("/a"), .value = b, .lease = 77};
	assert_int_equal(commit(w, &(struct store_txn){.ops = &leased, .nops = 1}, &r, &e), -1);
	assert_int_equal(e.reason, ERR_NOT_FOUND);
	assert_str(list_at(w, "/", 0), "");
}
TEST(transactions_beyond_the_limits_are_refused) { on_both(bad_txns); }

static void large_values(struct world *w)
{
	ERR(e);
	struct store_result r;
	struct store_kv kv;
	CLEANUP(blob_unref) struct blob *b = blob_new(STORE_VALUE_MAX);
	for (size_t i = 0; i < b->n; i++)
		b->p[i] = (char)(i * 7 + (i >> 12));
	struct store_op op = {.type = STORE_PUT, .key = STR("/a"), .value = b};
	assert_ok(commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, &e), &e);
	assert_ok(store_get(w->s, STR("/a"), w->a, &kv, &e), &e);
	assert_true(str_eq(kv.value, blob_str(b)));
	put(w, "/empty", "");
	assert_ok(store_get(w->s, STR("/empty"), w->a, &kv, &e), &e);
	assert_int_equal(kv.mod_rev, 3);
	assert_int_equal(kv.value.n, 0);
}
TEST(values_may_be_empty_or_large) { on_both(large_values); }

/* ---- Ranges ---- */

static void pages(struct world *w)
{
	ERR(e);
	char key[32];
	for (int i = 0; i < 1500; i++) {
		snprintf(key, sizeof key, "/p/%04d", i);
		put(w, key, key);
	}
	put(w, "/q", "beyond");
	struct store_query q = {.key = STR("/p/"), .end = STR("/p0"), .limit = 700, .count = true};
	struct store_range r;
	int got = 0;
	do {
		assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
		assert_int_equal(r.count, 1500 - got);
		for (uint32_t i = 0; i < r.len; i++, got++) {
			snprintf(key, sizeof key, "/p/%04d", got);
			assert_str(r.items[i].key, key);
			assert_str(r.items[i].value, key);
		}
		if (got == 700)
			del(w, "/p/1499"); /* the pages stay at their revision */
		q.rev = q.rev ? q.rev : r.revision;
		q.key = str_printf(w->a, "%.*s%c", STR_F(r.items[r.len - 1].key), 0);
	} while (r.more);
	assert_int_equal(got, 1500);
	q = (struct store_query){.key = STR("/p/"), .end = STR("/p0"), .count_only = true};
	assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
	assert_int_equal(r.count, 1499);
	assert_int_equal(r.len, 0);
	q = (struct store_query){.key = STR("/p/14"), .end = STORE_END, .keys_only = true};
	assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
	assert_int_equal(r.len, 100);
	assert_null(r.items[0].value.p);
}
TEST(ranges_are_read_page_by_page_at_one_revision) { on_both(pages); }

static char *long_key(struct world *w, size_t n, const char *tail)
{
	char *key = str_z(w->a, str_printf(w->a, "/long/%0*d%s", (int)n, 7, tail));
	return key;
}

static void long_keys(struct world *w)
{
	static const char *const tails[] = {"m", "b", "zz", "a", "q", "bb", "0", ""};
	BUF(sorted);
	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		put(w, long_key(w, 600, tails[i]), tails[i]);
	put(w, long_key(w, 464, ""), "plain");  /* as long as the plain part */
	put(w, long_key(w, 465, "9"), "short"); /* sorts among the long ones */
	put(w, "/long/1", "after");
	struct store_query q = {.key = STR("/long/"), .end = STR("/long0")};
	struct store_range r;
	ERR(e);
	assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
	for (uint32_t i = 0; i < r.len; i++) {
		assert_true(i == 0 || str_cmp(r.items[i - 1].key, r.items[i].key) < 0);
		buf_printf(&sorted, "%.*s ", STR_F(r.items[i].value));
	}
	assert_int_equal(r.len, 11);
	/* from one long key to another */
	q.key = str_of(long_key(w, 600, "b"));
	q.end = str_of(long_key(w, 600, "q"));
	assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
	assert_int_equal(r.len, 3);
	assert_str(r.items[0].value, "b");
	assert_str(r.items[1].value, "bb");
	assert_str(r.items[2].value, "m");
	q.limit = 2;
	assert_ok(store_range(w->s, &q, w->a, &r, &e), &e);
	assert_int_equal(r.len, 2);
	assert_true(r.more);
	del(w, long_key(w, 600, "b"));
	assert_str(value_of(w, long_key(w, 600, "b")), "");
	assert_str(value_of(w, long_key(w, 600, "bb")), "bb");
}
TEST(long_keys_keep_their_order) { on_both(long_keys); }

/* ---- Subscribing and watching ---- */

struct heard {
	struct store_sub sub;
	struct store *s;
	char text[1024];
	int64_t revision;
	bool early; /* a status showed the revision before the subscriber had it */
};

static void hear(struct store_sub *sub, const struct store_batch *b)
{
	struct heard *h = container_of(sub, struct heard, sub);
	struct store_status st;
	store_status(h->s, &st);
	h->early |= st.revision >= b->revision;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct store_event *ev = &b->events[i];
		size_t n = strlen(h->text);
		snprintf(h->text + n, sizeof h->text - n, "%lld%c%.*s=%.*s/%lld ", (long long)ev->mod_rev, ev->type == STORE_PUT ? '+' : '-', STR_F(ev->key),
			 STR_F(blob_str(ev->value)), (long long)ev->prev_rev);
	}
	h->revision = b->revision;
}

static void subscribing(struct world *w)
{
	ERR(e);
	struct heard h = {.sub.fn = hear, .s = w->s};
	int64_t from;
	put(w, "/a", "0");
	assert_ok(store_subscribe(w->s, &h.sub, &from, &e), &e);
	assert_int_equal(from, 2);
	put(w, "/a", "1");
	assert_int_equal(h.revision, 3); /* before the commit came back */
	del(w, "/a");
	put(w, "/a", "2");
	put_if(w, "/a", 1, "conflict");
	store_unsubscribe(w->s, &h.sub);
	put(w, "/a", "3");
	assert_string_equal(h.text, "3+/a=1/2 4-/a=/3 5+/a=2/0 ");
	assert_false(h.early);
}
TEST(subscribers_hear_of_a_commit_before_it_returns) { on_both(subscribing); }

static struct str next(struct world *w, struct store_watch *watch, nsec_t wait, enum err_reason *ret_error)
{
	ERR(e);
	BUF(text);
	struct store_batch b;
	if (store_watch_next(watch, w->a, rt_now() + wait, &b, &e)) {
		*ret_error = e.reason;
		return STR("");
	}
	for (uint32_t i = 0; i < b.n; i++)
		buf_printf(&text, "%lld%c%.*s=%.*s/%lld ", (long long)b.events[i].mod_rev, b.events[i].type == STORE_PUT ? '+' : '-', STR_F(b.events[i].key),
			   STR_F(blob_str(b.events[i].value)), (long long)b.events[i].prev_rev);
	buf_printf(&text, "@%lld", (long long)b.revision);
	return buf_take(&text, w->a);
}

static void watching(struct world *w)
{
	ERR(e);
	enum err_reason bad = ERR_NONE;
	put(w, "/a", "1");
	put(w, "/b", "1");
	del(w, "/a");
	put(w, "/a", "2");
	CLEANUP(store_watch_close) struct store_watch *all = store_watch(w->s, STR("/"), STR("0"), 2, &e);
	assert_str(next(w, all, 0, &bad), "2+/a=1/0 3+/b=1/0 4-/a=/2 5+/a=2/0 @5");
	assert_str(next(w, all, NS_MS, &bad), "@5");
	CLEANUP(store_watch_close) struct store_watch *one = store_watch(w->s, STR("/a"), (struct str){0}, 4, &e);
	assert_str(next(w, one, 0, &bad), "4-/a=/2 5+/a=2/0 @5");
	CLEANUP(store_watch_close) struct store_watch *late = store_watch(w->s, STR("/"), STORE_END, 0, &e);
	CLEANUP(store_watch_close) struct store_watch *future = store_watch(w->s, STR("/"), STORE_END, 7, &e);
	put(w, "/b", "2");
	put(w, "/a", "3");
	assert_str(next(w, late, NS_S, &bad), "6+/b=2/3 7+/a=3/5 @7");
	assert_str(next(w, future, NS_S, &bad), "7+/a=3/5 @7");
	assert_str(next(w, one, NS_S, &bad), "7+/a=3/5 @7");
	assert_int_equal(bad, ERR_NONE);
}
TEST(a_watch_replays_history_and_goes_on) { on_both(watching); }

struct waiter {
	struct world *w;
	struct store_watch *watch;
	int got, rc;
	struct scope scope;
};

static void wait_for_events(void *arg)
{
	struct waiter *x = arg;
	ERR(e);
	struct store_batch b;
	while ((x->rc = store_watch_next(x->watch, x->w->a, MONO_NEVER, &b, &e)) == 0)
		x->got += (int)b.n;
	x->rc = e.sys;
}

static void waking(struct world *w)
{
	ERR(e);
	struct waiter x = {.w = w, .watch = store_watch(w->s, STR("/"), STORE_END, 0, &e)};
	scope_init(&x.scope, NULL);
	assert_non_null(fiber_spawn(&x.scope, "waiter", wait_for_events, &x));
	for (int i = 0; i < 20; i++)
		put(w, "/a", "x");
	while (x.got < 20)
		assert_int_equal(fiber_sleep(NS_MS), 0);
	scope_fini(&x.scope);
	assert_int_equal(x.rc, ECANCELED);
	put(w, "/a", "y");
	store_watch_close(x.watch);
}
TEST(a_waiting_watch_wakes_and_can_be_cancelled) { on_both(waking); }

/* ---- Compaction ---- */

static void compacting(struct world *w)
{
	ERR(e);
	enum err_reason bad = ERR_NONE;
	put(w, "/a", "1");  /* 2 */
	put(w, "/b", "1");  /* 3 */
	put(w, "/a", "2");  /* 4 */
	del(w, "/b");       /* 5 */
	put(w, "/c", "1");  /* 6 */
	struct store_watch *slow = store_watch(w->s, STR("/"), STORE_END, 2, &e);
	assert_ok(store_compact(w->s, 5, &e), &e);
	assert_int_equal(list_error(w, "/", 4), ERR_EXPIRED);
	assert_str(list_at(w, "/", 5), "/a=2");
	assert_str(list_at(w, "/", 0), "/a=2 /c=1");
	next(w, slow, 0, &bad);
	assert_int_equal(bad, ERR_EXPIRED);
	assert_null(store_watch(w->s, STR("/"), STORE_END, 4, &e));
	assert_int_equal(e.code, 410);
	struct store_watch *good = store_watch(w->s, STR("/"), STORE_END, 5, &e);
	assert_str(next(w, good, 0, &bad), "5-/b=/3 6+/c=1/0 @6"); /* etcd keeps a tombstone at the mark */
	store_watch_close(slow);
	store_watch_close(good);
	assert_int_equal(store_compact(w->s, 5, &e), -1);
	assert_int_equal(e.reason, ERR_EXPIRED);
	assert_int_equal(store_compact(w->s, 7, &e), -1);
	assert_int_equal(e.reason, ERR_BAD_REQUEST);
	del(w, "/a");
	del(w, "/c");
	assert_ok(store_compact(w->s, 8, &e), &e);
	assert_str(list_at(w, "/", 0), "");
	world_close(w);
	world_open(w);
	struct store_status st;
	store_status(w->s, &st);
	assert_int_equal(st.revision, 8); /* with nothing alive */
	assert_int_equal(st.compacted, 8);
}
TEST(compaction_ends_old_reads_and_watches) { on_both(compacting); }

static void compacting_gives_room_back(struct world *w)
{
	ERR(e);
	struct store_status before, after;
	char value[2000];
	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = 0;
	for (int i = 0; i < 1200; i++)
		put(w, i % 2 ? "/a" : "/b", value);
	store_status(w->s, &before);
	assert_ok(store_compact(w->s, before.revision, &e), &e);
	for (int i = 0; i < 200; i++)
		put(w, "/c", "tick"); /* the slices ride along */
	store_status(w->s, &after);
	if (w->engine == ON_MEM)
		assert_true(after.used_bytes < 100000);
	for (int i = 0; i < 1000; i++)
		put(w, i % 2 ? "/a" : "/b", value);
	store_status(w->s, &after);
	assert_true(after.used_bytes < before.used_bytes + before.used_bytes / 4); /* LMDB took the free pages again */
	assert_int_equal(value_of(w, "/a").n, sizeof value - 1);
}
TEST(compaction_gives_room_back) { on_both(compacting_gives_room_back); }

static void by_age(struct world *w)
{
	struct store_status st;
	put(w, "/a", "1");
	put(w, "/a", "2");
	assert_int_equal(fiber_sleep(4 * NS_MIN), 0);
	int64_t rev = put(w, "/a", "3");
	assert_str(list_at(w, "/", 2), "/a=1");
	assert_int_equal(fiber_sleep(2 * NS_MIN), 0);
	assert_int_equal(list_error(w, "/", 2), ERR_EXPIRED);
	assert_str(list_at(w, "/", 3), "/a=2");
	assert_int_equal(fiber_sleep(5 * NS_MIN), 0);
	store_status(w->s, &st);
	assert_int_equal(st.compacted, rev);
}
TEST(history_is_kept_five_minutes) { on_sim(1, by_age); }

/* ---- Leases ---- */

static int64_t put_leased(struct world *w, const char *key, int64_t lease, int64_t ttl_s)
{
	ERR(e);
	struct store_result r;
	CLEANUP(blob_unref) struct blob *b = blob_copy(STR("v"));
	struct store_op op = {.type = STORE_PUT, .key = str_of(key), .value = b, .lease = lease, .ttl_s = ttl_s};
	assert_ok(commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, &e), &e);
	return r.revision;
}

static void leases(struct world *w)
{
	ERR(e);
	int64_t id, other;
	assert_ok(store_lease_grant(w->s, 100, &id, &e), &e);
	assert_ok(store_lease_grant(w->s, 1000, &other, &e), &e);
	put_leased(w, "/a", id, 0);
	put_leased(w, "/b", id, 0);
	put_leased(w, "/kept", id, 0);
	put_leased(w, "/moved", id, 0);
	put(w, "/kept", "free");          /* a put without a lease lets go of it */
	put_leased(w, "/moved", other, 0);
	put_leased(w, long_key(w, 600, "k"), id, 0);
	int64_t before = put(w, "/c", "x");
	assert_int_equal(fiber_sleep(99 * NS_S), 0);
	assert_str(value_of(w, "/a"), "v");
	assert_int_equal(fiber_sleep(2 * NS_S), 0);
	assert_str(list_at(w, "/", 0), "/c=x /kept=free /moved=v");
	struct store_status st;
	store_status(w->s, &st);
	assert_int_equal(st.revision, before + 1); /* all in one */
	assert_int_equal(st.leases, 1);
	assert_ok(store_lease_revoke(w->s, other, &e), &e);
	assert_str(list_at(w, "/", 0), "/c=x /kept=free");
	assert_int_equal(store_lease_revoke(w->s, other, &e), -1);
	assert_int_equal(e.reason, ERR_NOT_FOUND);
}
TEST(keys_end_with_their_lease) { on_sim(3, leases); }

static void lease_before(struct world *w)
{
	put_leased(w, "/a", 0, 200);
	assert_int_equal(fiber_sleep(150 * NS_S), 0);
}

static void lease_after(struct world *w)
{
	assert_int_equal(fiber_sleep(40 * NS_S), 0);
	assert_str(value_of(w, "/a"), "v");
	assert_int_equal(fiber_sleep(100 * NS_S), 0); /* 200 + 10 shared + a checkpoint's age at most */
	assert_str(value_of(w, "/a"), "");
}
TEST(what_remains_of_a_lease_survives_a_restart)
{
	struct world w;
	world_init(&w, ON_MEM, 4);
	world_open(&w);
	world_run(&w, lease_before);
	world_close(&w);
	world_open(&w);
	world_run(&w, lease_after);
	world_fini(&w);
}

static void shared_leases(struct world *w)
{
	char key[32];
	struct store_status st;
	for (int i = 0; i < 1100; i++) {
		snprintf(key, sizeof key, "/ev/%d", i);
		put_leased(w, key, 0, 3600);
	}
	store_status(w->s, &st);
	assert_in_range(st.leases, 2, 3);
	put_leased(w, "/other", 0, 60);
	store_status(w->s, &st);
	assert_in_range(st.leases, 3, 4);
	assert_int_equal(fiber_sleep(65 * NS_S), 0);
	assert_str(value_of(w, "/other"), "");
	assert_int_equal(fiber_sleep(3610 * NS_S), 0);
	assert_str(list_at(w, "/", 0), "");
	store_status(w->s, &st);
	assert_int_equal(st.leases, 0);
}
TEST(keys_with_the_same_ttl_share_leases) { on_sim(5, shared_leases); }

/* ---- Files ---- */

static void reopening(struct world *w)
{
	struct store_status before, after;
	put(w, "/a", "1");
	put(w, "/a", "2");
	put(w, "/b", "1");
	del(w, "/b");
	store_status(w->s, &before);
	world_close(w);
	world_open(w);
	store_status(w->s, &after);
	assert_int_equal(after.revision, before.revision);
	assert_true(after.cluster_id == before.cluster_id);
	assert_str(list_at(w, "/", 0), "/a=2");
	assert_str(list_at(w, "/", 4), "/a=2 /b=1");
	assert_int_equal(put(w, "/c", "1"), before.revision + 1);
}
TEST(everything_is_there_after_a_restart) { on_both(reopening); }

static void restore(struct world *w, const char *image)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (w->engine == ON_MEM) {
		assert_int_equal(kv_disk_load(w->disk, fd), 0);
	} else {
		w->dir = test_tmpdir();
		int format = open(str_z(w->a, str_printf(w->a, "%s/format", w->dir)), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(write(format, "c8s store format 1\n", 19), 19); /* which has no log */
		close(format);
		assert_int_equal(rename(image, str_z(w->a, str_printf(w->a, "%s/store.mdb", w->dir))), 0);
	}
	close(fd);
}

static void snapshots(struct world *w)
{
	ERR(e);
	struct world copy;
	for (int i = 0; i < 300; i++)
		put(w, str_z(w->a, str_printf(w->a, "/k/%d", i)), "value");
	char *image = str_z(w->a, str_printf(w->a, "%s/image", test_tmpdir()));
	int fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_ok(store_snapshot(w->s, fd, &e), &e);
	close(fd);
	put(w, "/later", "x");
	world_init(&copy, w->engine, 0);
	restore(&copy, image);
	world_open(&copy);
	assert_str(list_at(&copy, "/k/2", 0), str_z(w->a, list_at(w, "/k/2", 0)));
	assert_str(value_of(&copy, "/later"), "");
	world_fini(&copy);
}
TEST(a_snapshot_is_a_store_of_its_own) { on_both(snapshots); }
