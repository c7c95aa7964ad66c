/* What a crash leaves of the LMDB engine's files: cut anywhere, torn, damaged, of an older format; and writes that fail or wait. */
#include "store/test_tape.h"
#include "store/kv_log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RING (16 * KVLOG_BLOCK) /* soon round; a record of more than half of it is not logged */
#define DIRTY (200 << 10)       /* a checkpoint after a few commits */
#define NEVER (1 << 30)

/* ---- Cut at every point ---- */

static void small_world(struct world *w, const char *dir)
{
	world_init(w, ON_LMDB, 0);
	w->dir = dir;
	w->lmdb.reserve_bytes = 64 << 10;
	w->lmdb.log_bytes = RING;
	w->lmdb.dirty_bytes = DIRTY;
}

/* The store as it is before the journal: made, and closed. */
static struct image first_image(struct world *w)
{
	world_open(w);
	world_close(w);
	return image_of(w->a, w->dir);
}

static void journal_on_tape(struct journal *j, struct image *ret, nsec_t sync_delay)
{
	*j = (struct journal){.seed = 3, .steps = tape_steps};
	small_world(&j->w, world_dir());
	*ret = first_image(&j->w);
	tape_start(&j->w);
	tape.sync_delay = sync_delay;
	journal_write(j);
	tape_stop();
}

static void cut_at(struct journal *j, const struct image *image, const char *dir, size_t cut, uint64_t seed)
{
	struct verdict v = {.j = j, .cut = cut};
	small_world(&v.w, dir);
	image_lay_out(image, dir, cut, seed);
	verdict_reach(&v);
}

static size_t marks_on_tape(void)
{
	size_t n = 0;
	for (size_t i = 0; i < tape.n; i++)
		n += tape.steps[i].file == TAPE_LOG && tape.steps[i].off < 8192;
	return n;
}

/* The pin holds until the next mark is on disk. */
static void check_reuse(void)
{
	static size_t written[4096]; /* number of marks when a page was last written, and one */
	size_t marks = 0;
	memset(written, 0, sizeof written);
	for (size_t i = 0; i < tape.n; i++) {
		const struct tape_step *s = &tape.steps[i];
		marks += s->file == TAPE_LOG && s->off < 8192;
		for (size_t page = (size_t)s->off / 4096; s->file == TAPE_STORE && !s->sync && page > 1 && page < ((size_t)s->off + s->bytes->n) / 4096; page++) {
			assert_true(page < ARRAY_LEN(written) && written[page] != marks + 1);
			written[page] = marks + 1;
		}
	}
}

static void crash_everywhere(nsec_t sync_delay)
{
	struct journal j;
	struct image image;
	const char *dir = world_dir();
	journal_on_tape(&j, &image, sync_delay);
	assert_true(tape.n > 2 * JOURNAL_WRITES && marks_on_tape() > 4 && tape.log_writes > 10); /* the wrappers are in use, and so is the log */
	check_reuse();
	for (size_t cut = 0; cut <= tape.n; cut++)
		for (uint64_t seed = 0; seed < 4; seed++)
			cut_at(&j, &image, dir, cut, seed ? cut * 50 + seed * 10 : 0);
	tape_clear();
	journal_fini(&j);
}
TEST(lmdb_keeps_what_was_acknowledged_through_a_crash_at_any_write) { crash_everywhere(0); }
/* So that commits go on while a checkpoint is under way. */
TEST(a_crash_during_a_slow_checkpoint_loses_nothing) { crash_everywhere(8 * NS_MS); }

/* ---- A crash during recovery ---- */

static struct tape *tape_keep(void)
{
	struct tape *kept = malloc(sizeof *kept);
	memcpy(kept, &tape, sizeof tape);
	memset(&tape, 0, sizeof tape);
	return kept;
}

static void tape_put_back(struct tape *kept)
{
	tape_clear();
	memcpy(&tape, kept, sizeof tape);
	free(kept);
}

static void open_on_tape(const char *dir)
{
	struct world w;
	small_world(&w, dir);
	tape_start(&w);
	world_open(&w);
	tape_stop();
	world_fini(&w);
}

static size_t crash_the_recovery(struct journal *j, const struct image *image, const char *dir, size_t cut)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	image_lay_out(image, dir, cut, cut * 50 + 1);
	struct image after = image_of(a, dir);
	struct tape *kept = tape_keep();
	open_on_tape(dir);
	size_t n = tape.n;
	for (size_t i = 0; i <= n; i++)
		for (uint64_t seed = 0; seed < 3; seed++) {
			struct verdict v = {.j = j, .cut = cut};
			small_world(&v.w, dir);
			image_lay_out(&after, dir, i, seed ? i * 50 + seed : 0);
			verdict_reach(&v);
		}
	tape_put_back(kept);
	return n;
}

TEST(a_crash_during_recovery_loses_nothing)
{
	struct journal j;
	struct image image;
	const char *dir = world_dir();
	size_t most = 0;
	journal_on_tape(&j, &image, 8 * NS_MS);
	for (size_t cut = 0; cut <= tape.n; cut += 1 + tape.n / 20) {
		size_t n = crash_the_recovery(&j, &image, dir, cut);
		most = n > most ? n : most;
	}
	assert_true(most > 20); /* some had records to do again */
	tape_clear();
	journal_fini(&j);
}

/* ---- Killed while a directory is made or taken over ---- */

static void write_a_little(struct world *w)
{
	for (int i = 0; i < 20; i++)
		put(w, str_z(w->a, str_printf(w->a, "/k/%02d", i)), "value");
}

static void read_a_little(struct world *w)
{
	for (int i = 0; i < 20; i++)
		assert_str(value_of(w, str_z(w->a, str_printf(w->a, "/k/%02d", i))), "value");
}

/* False when it got through. */
static bool dies_opening(const char *dir, int at)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct world w;
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		small_world(&w, dir);
		atomic_store(&tape.die, at);
		world_open(&w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	return WEXITSTATUS(status) == 9;
}

static void open_and(const char *dir, void (*fn)(struct world *w))
{
	struct world w;
	small_world(&w, dir);
	world_open(&w);
	world_run(&w, fn);
	assert_str(file_bytes(w.a, dir, "format"), "c8s store format 2\n");
	world_fini(&w);
}

TEST(a_first_start_can_be_cut_off_anywhere)
{
	for (int at = 1;; at++) {
		const char *dir = world_dir();
		bool died = dies_opening(dir, at);
		open_and(dir, write_a_little);
		open_and(dir, read_a_little);
		if (!died) {
			assert_true(at > 10);
			break;
		}
	}
}

/* As a version without a log would have left it. */
static void make_old(struct arena *a, const char *dir)
{
	char path[4096];
	open_and(dir, write_a_little);
	snprintf(path, sizeof path, "%s/store.log", dir);
	assert_int_equal(unlink(path), 0);
	file_write(dir, "format", STR("c8s store format 1\n"));
}

TEST(the_format_before_is_taken_over_and_that_can_be_cut_off_anywhere)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (int at = 1;; at++) {
		const char *dir = world_dir();
		make_old(a, dir);
		bool died = dies_opening(dir, at);
		dies_opening(dir, at); /* and again */
		open_and(dir, read_a_little);
		if (!died) {
			assert_true(at > 10);
			break;
		}
	}
}

/* ---- Writes that fail ---- */

static void note_fatal(void *arg, const char *why)
{
	++*(int *)arg;
}

static int try_delete(struct world *w, struct err *e)
{
	struct store_result r;
	struct store_op op = {.type = STORE_DELETE, .key = STR("/a")};
	return commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, e);
}

static void fail_log(struct world *w)
{
	ERR(e);
	put(w, "/a", "1");
	tape_start(w);
	tape.fail_sync[TAPE_LOG] = 1;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(try_delete(w, &e), -1);
		assert_int_equal(e.sys, EIO);
	}
	assert_str(value_of(w, "/a"), "1");
}

static void fail_checkpoint(struct world *w)
{
	ERR(e);
	int64_t rev = 0;
	tape_start(w);
	tape.fail_sync[TAPE_STORE] = 1;
	for (int i = 0; rev >= 0 && i < 1000; i++) { /* the next commit after the failure notices */
		struct store_result r;
		CLEANUP(blob_unref) struct blob *b = blob_copy(str_printf(w->a, "%d", i));
		struct store_op op = {.type = STORE_PUT, .key = STR("/a"), .value = b};
		rev = commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, &e) ? -1 : r.revision;
		if (rev >= 0)
			*(int *)w->arg = i;
	}
	assert_true(rev < 0);
	assert_int_equal(e.sys, EIO);
}

static void write_on(struct world *w)
{
	put(w, "/a", "2");
}

static struct str fail_with(struct world *w, void (*fn)(struct world *w))
{
	int fatal = 0, last = 0;
	struct str found = {0};
	small_world(w, world_dir());
	w->opts = (struct store_opts){.on_fatal = note_fatal, .arg = &fatal};
	w->arg = &last;
	world_open(w);
	world_run(w, fn);
	assert_int_equal(fatal, 1);
	tape_clear();
	world_close(w);
	w->opts = (struct store_opts){0};
	world_open(w);
	w->arg = &found;
	(void)last;
	return str_printf(w->a, "%d", last);
}

static void read_value(struct world *w)
{
	*(struct str *)w->arg = value_of(w, "/a");
}

TEST(a_failed_write_to_the_log_is_fatal_and_loses_nothing)
{
	struct world w;
	struct str found;
	fail_with(&w, fail_log);
	w.arg = &found;
	world_run(&w, read_value);
	assert_str(found, "1");
	world_run(&w, write_on);
	world_fini(&w);
}

TEST(a_failed_sync_of_a_checkpoint_is_fatal_and_loses_nothing)
{
	struct world w;
	struct str found, want = fail_with(&w, fail_checkpoint);
	w.arg = &found;
	world_run(&w, read_value);
	assert_true(str_eq(found, want));
	world_run(&w, write_on);
	world_fini(&w);
}

/* ---- No answer before the log ---- */

struct order {
	struct world w;
	struct store_sub sub;
	_Atomic int heard, answered;
};

static void hear(struct store_sub *sub, const struct store_batch *b)
{
	struct order *o = container_of(sub, struct order, sub);
	o->heard++;
	assert_true(tape.log_writes >= (size_t)o->heard);
}

static void put_one(void *arg)
{
	struct order *o = arg;
	put(&o->w, "/a", "x");
	o->answered++;
}

static void answers_wait(struct world *w)
{
	struct order *o = container_of(w, struct order, w);
	struct scope s;
	int64_t from;
	ERR(e);
	assert_ok(store_subscribe(w->s, &o->sub, &from, &e), &e);
	tape_start(w);
	for (int i = 0; i < 5; i++) {
		scope_init(&s, NULL);
		atomic_store(&tape.hold, true);
		assert_non_null(fiber_spawn(&s, "put", put_one, o));
		for (int n = 0; n < 1000 && !tape.held; n++)
			assert_int_equal(fiber_sleep(NS_MS), 0);
		assert_int_equal(tape.held, 1);
		assert_int_equal(fiber_sleep(20 * NS_MS), 0);
		assert_int_equal(tape.log_writes, i);
		assert_int_equal(o->heard, i);
		assert_int_equal(o->answered, i);
		atomic_store(&tape.hold, false);
		assert_int_equal(scope_join(&s, MONO_NEVER), 0);
		assert_int_equal(o->answered, i + 1);
		assert_int_equal(tape.log_writes, i + 1); /* one synchronous write, and nothing else */
		assert_int_equal(tape.fail_sync[TAPE_STORE], 0);
	}
	tape_stop();
	store_unsubscribe(w->s, &o->sub);
}

TEST(no_answer_leaves_before_its_log_write_has_returned)
{
	struct order o = {.sub.fn = hear};
	world_init(&o.w, ON_LMDB, 0);
	world_open(&o.w);
	world_run(&o.w, answers_wait);
	for (size_t i = 0; i < tape.n; i++)
		assert_false(tape.steps[i].sync); /* nor a sync */
	tape_clear();
	world_fini(&o.w);
}

static void snap(void *arg)
{
	struct order *o = arg;
	ERR(e);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_ok(store_snapshot(o->w.s, fd, &e), &e);
	close(fd);
	o->answered++;
}

static void snapshot_waits(struct world *w)
{
	struct order *o = container_of(w, struct order, w);
	struct scope s;
	scope_init(&s, NULL);
	tape_start(w);
	atomic_store(&tape.hold, true);
	assert_non_null(fiber_spawn(&s, "put", put_one, o));
	for (int n = 0; n < 1000 && !tape.held; n++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
	assert_non_null(fiber_spawn(&s, "snapshot", snap, o));
	assert_int_equal(fiber_sleep(50 * NS_MS), 0);
	assert_int_equal(o->answered, 0);
	atomic_store(&tape.hold, false);
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
	assert_int_equal(o->answered, 2);
}

TEST(a_snapshot_ends_only_when_all_that_it_holds_is_durable)
{
	struct order o = {0};
	world_init(&o.w, ON_LMDB, 0);
	world_open(&o.w);
	world_run(&o.w, snapshot_waits);
	tape_clear();
	world_fini(&o.w);
}

/* ---- File systems ---- */

static void journal_survives(void)
{
	struct journal j;
	struct image image;
	const char *dir = world_dir();
	journal_on_tape(&j, &image, 0);
	for (size_t cut = 0; cut <= tape.n; cut += 7)
		cut_at(&j, &image, dir, cut, cut * 50);
	tape_clear();
	journal_fini(&j);
}

TEST(a_file_system_without_direct_writes_will_do)
{
	tape.refuse_direct = true;
	journal_survives();
}

TEST(short_writes_are_completed)
{
	tape.short_writes = true;
	journal_survives();
}

/* ---- Damage ---- */

static void refused(struct world *w, const char *sentence)
{
	ERR(e);
	assert_int_equal(world_try_open(w, &e), -1);
	if (!strstr(err_text(&e), sentence))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&e), sentence);
}

/* A directory as a kill after some commits leaves it. */
static struct image killed_image(struct arena *a, const char *dir, uint64_t dirty)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct world w;
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		small_world(&w, dir);
		w.lmdb.log_bytes = 4 * RING; /* it does not come round */
		w.lmdb.dirty_bytes = dirty;
		world_open(&w);
		world_run(&w, write_a_little);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return image_of(a, dir);
}

static void flip(const struct image *image, const char *dir, size_t at, uint8_t bit)
{
	image_lay_out(image, dir, 0, 0);
	char *p = memcpy(malloc(image->log.n), image->log.p, image->log.n);
	p[at] ^= (char)bit;
	file_write(dir, "store.log", str_n(p, image->log.n));
	free(p);
}

static bool has_value(struct world *w, int i)
{
	return str_is(value_of(w, str_z(w->a, str_printf(w->a, "/k/%02d", i))), "value");
}

static void all_but_the_last(struct world *w)
{
	for (int i = 0; i < 19; i++)
		assert_true(has_value(w, i));
}

/* True when it opened. */
static bool opens_whole(const char *dir, void (*fn)(struct world *w))
{
	ERR(e);
	struct world w;
	small_world(&w, dir);
	bool opened = world_try_open(&w, &e) == 0;
	if (opened)
		world_run(&w, fn);
	else if (!strstr(err_text(&e), "store.log is damaged: restore a snapshot"))
		fail_msg("%s", err_text(&e));
	world_fini(&w);
	return opened;
}

/* A flipped bit in what counts is never taken for the end; only the very last record cannot be told from one that was never completed. */
TEST(a_flipped_bit_in_the_log_is_refused_or_harmless)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir = world_dir();
	struct image image = killed_image(a, dir, NEVER);
	int refusals = 0;
	for (size_t at = 0; at < image.log.n && at < 24 * 4096; at += at % 4096 < 300 ? 7 : 4096 - at % 4096) {
		flip(&image, dir, at, (uint8_t)(1 << at % 8));
		refusals += !opens_whole(dir, all_but_the_last);
	}
	assert_true(refusals > 100);
}

static void lose_block(const struct image *image, const char *dir, size_t at)
{
	char *p = memcpy(malloc(image->log.n), image->log.p, image->log.n);
	image_lay_out(image, dir, 0, 0);
	memset(p + at, 0, 4096);
	file_write(dir, "store.log", str_n(p, image->log.n));
	free(p);
}

static uint64_t number_at(const struct image *image, size_t at)
{
	uint64_t n;
	memcpy(&n, image->log.p + at, sizeof n);
	return n;
}

static uint64_t mark_id(const struct image *image, size_t block)
{
	return number_at(image, block * 4096 + 32);
}

/* Whether a record knows of the mark: then LMDB may have used again what the mark before reaches. */
static bool is_named(const struct image *image, size_t block)
{
	struct kvlog_head h;
	for (size_t at = 8192; at < image->log.n; at += 4096) {
		memcpy(&h, image->log.p + at, sizeof h);
		if (h.key == number_at(image, block * 4096 + 16) && h.mark == mark_id(image, block))
			return true;
	}
	return false;
}

/* All records since the mark before are there, but the pages of its roots are not. */
TEST(a_mark_that_is_gone_is_noticed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (int i = 0, named = 0; !named; i++) {
		const char *dir = world_dir();
		struct image image = killed_image(a, dir, 400 << 10);
		size_t newest = mark_id(&image, 1) > mark_id(&image, 0);
		named = is_named(&image, newest) && mark_id(&image, newest) > 3;
		lose_block(&image, dir, newest * 4096);
		assert_int_equal(opens_whole(dir, read_a_little), !is_named(&image, newest));
		lose_block(&image, dir, (1 - newest) * 4096);
		assert_true(opens_whole(dir, read_a_little));
		assert_true(i < 100);
	}
}

TEST(a_block_of_the_log_that_is_gone_is_noticed)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const char *dir = world_dir();
	struct image image = killed_image(a, dir, NEVER);
	for (size_t block = 2; block < 5; block++) {
		lose_block(&image, dir, block * 4096);
		assert_false(opens_whole(dir, read_a_little));
	}
}

TEST(a_directory_that_lacks_a_file_is_refused)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct world w;
	const char *dir = world_dir();
	struct image image = killed_image(a, dir, NEVER);
	small_world(&w, dir);
	assert_int_equal(unlink(str_z(a, str_printf(a, "%s/store.log", dir))), 0);
	refused(&w, "store.log is missing");
	image_lay_out(&image, dir, 0, 0);
	assert_int_equal(unlink(str_z(a, str_printf(a, "%s/store.mdb", dir))), 0);
	refused(&w, "store.mdb is missing");
	file_write(dir, "store.mdb", image.store);
	file_write(dir, "store.log", str_sub(image.log, 0, image.log.n - 4096));
	refused(&w, "store.log is damaged");
	file_write(dir, "store.log", STR("short"));
	refused(&w, "store.log is damaged");
	image_lay_out(&image, dir, 0, 0);
	open_and(dir, read_a_little);
	world_fini(&w);
}

TEST(an_older_store_beside_the_log_is_refused)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct world w;
	const char *dir = world_dir();
	open_and(dir, write_a_little);
	struct str old = file_bytes(a, dir, "store.mdb");
	open_and(dir, write_a_little);
	file_write(dir, "store.mdb", old);
	small_world(&w, dir);
	refused(&w, "store.mdb is older than store.log beside it");
	world_fini(&w);
}
