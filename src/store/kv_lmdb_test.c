/* The LMDB engine against its files: growing, full, foreign, killed. */
#include "store/test_world.h"
#include "store/datadir.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The map grows ---- */

#define BIG 60000

static void read_big(struct world *w)
{
	for (int i = 0; i < 200; i++)
		assert_int_equal(value_of(w, str_z(w->a, str_printf(w->a, "/big/%03d", i))).n, BIG - 1);
}

static void outgrow(struct world *w)
{
	static char value[BIG];
	memset(value, 'v', sizeof value - 1);
	for (int i = 0; i < 200; i++)
		put(w, str_z(w->a, str_printf(w->a, "/big/%03d", i)), value);
	read_big(w);
}

TEST(the_map_grows_with_the_data)
{
	struct world w;
	world_init(&w, ON_LMDB, 0);
	w.lmdb.map_bytes = 1 << 20;
	world_open(&w);
	world_run(&w, outgrow);
	world_close(&w);
	world_open(&w); /* and begins large enough the next time */
	world_fini(&w);
}

/* ---- Mapped pages go back ---- */

/* Resident KB of the map of store.mdb. */
static long mapped_kb(void)
{
	char line[4352];
	long kb = 0;
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	while (f && fgets(line, sizeof line, f)) {
		if (strstr(line, "/store.mdb\n"))
			here = true;
		long n;
		if (here && sscanf(line, "Rss: %ld kB", &n) == 1) {
			kb += n;
			here = false;
		}
	}
	fclose(f);
	return kb;
}

static void fill_and_read(struct world *w)
{
	outgrow(w);
	for (int i = 0; i < 300 && mapped_kb() <= 4000; i++) /* a tick may have come in between */
		read_big(w);
	assert_true(mapped_kb() > 4000);
	for (int i = 0; i < 100 && mapped_kb() > 400; i++)
		assert_int_equal(fiber_sleep(20 * NS_MS), 0);
	assert_true(mapped_kb() <= 400);
}

TEST(pages_that_were_read_are_given_back)
{
	struct world w;
	world_init(&w, ON_LMDB, 0);
	w.opts.history_kept = NS_S; /* ticks ten times as often */
	world_open(&w);
	world_run(&w, fill_and_read);
	world_fini(&w);
}

/* ---- A full file system ---- */

/* Creates keys from this number on until the disk is full; the number reached. */
static int fill_up(struct world *w, int n)
{
	static char value[3000];
	ERR(e);
	struct store_result r;
	memset(value, 'v', sizeof value - 1);
	for (;; n++) {
		CLEANUP(blob_unref) struct blob *b = blob_copy(str_of(value));
		struct store_op op = {.type = STORE_PUT, .key = str_printf(w->a, "/fill/%d", n), .value = b};
		if (commit(w, &(struct store_txn){.ops = &op, .nops = 1}, &r, &e))
			break;
	}
	assert_int_equal(e.sys, ENOSPC);
	return n;
}

static void full(struct world *w)
{
	struct store_status st;
	int n = fill_up(w, 0);
	assert_true(n > 300);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < n; i++)
			del(w, str_z(w->a, str_printf(w->a, "/fill/%d", i)));
		int reached = 0;
		for (int i = 0; i < 200 && reached < 50; i++) { /* the file does not shrink: the room is inside it, and comes back slice by slice */
			assert_int_equal(fiber_sleep(100 * NS_MS), 0);
			reached = fill_up(w, reached);
		}
		assert_true(reached >= 50);
		n = reached;
		store_status(w->s, &st);
		assert_false(st.failed);
	}
	w->arg = w;
}

/* Not _exit: what the address sanitizer does before that trips over marks that fibers left on the stack. */
static void leave(int code)
{
	syscall(SYS_exit_group, code);
}

static void fill_and_die(struct world *w)
{
	leave(fill_up(w, 0) > 300 ? 0 : 1);
}

/* So that the store opens on what a crash left on a full disk. */
static int die_full(struct world *w)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		world_open(w);
		world_run(w, fill_and_die);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* In a child with a mount of its own; 77: not possible here. */
static int full_child(const char *dir)
{
	struct world w;
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failure must not go on with the next test here */
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", dir, "tmpfs", 0, "size=16m"))
		return 77;
	world_init(&w, ON_LMDB, 0);
	w.dir = dir;
	w.opts.history_kept = 2 * NS_S;
	if (die_full(&w))
		return 1;
	world_open(&w);
	world_run(&w, full);
	world_fini(&w);
	return w.arg ? 0 : 1;
}

TEST(lmdb_takes_deletes_on_a_full_file_system)
{
	int status;
	const char *dir = world_dir();
	pid_t pid = fork();
	if (pid == 0)
		leave(full_child(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- Killed while writing ---- */

#define KILL_FIBERS 16

struct victim {
	struct world w;
	int fd; /* acknowledged numbers go here */
	uint32_t next;
};

static void write_for_ever(void *arg)
{
	struct victim *v = arg;
	for (;;) {
		CLEANUP(arena_free) struct arena *a = arena_new(NULL);
		ERR(e);
		struct store_result r;
		uint32_t n = v->next++;
		CLEANUP(blob_unref) struct blob *b = blob_copy(str_printf(a, "%u", n));
		struct store_op ops[] = {{.type = STORE_PUT, .key = str_printf(a, "/k/%u", n), .value = b}, {.type = STORE_PUT, .key = str_printf(a, "/last/%u", n % 50), .value = b}};
		if (store_commit(v->w.s, &(struct store_txn){.ops = ops, .nops = 2}, a, &r, &e) || write(v->fd, &n, sizeof n) != sizeof n)
			_exit(1);
	}
}

static void write_many(struct world *w)
{
	struct scope s;
	scope_init(&s, NULL);
	for (int i = 0; i < KILL_FIBERS; i++)
		assert_non_null(fiber_spawn(&s, "victim", write_for_ever, container_of(w, struct victim, w)));
	assert_int_equal(scope_join(&s, MONO_NEVER), 0);
}

static void victim_main(const char *dir, int fd, uint32_t next)
{
	struct victim v = {.fd = fd, .next = next};
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	world_init(&v.w, ON_LMDB, 0);
	v.w.dir = dir;
	world_open(&v.w);
	world_run(&v.w, write_many);
	_exit(1);
}

struct survey {
	struct world w;
	uint32_t *acked, n, next;
};

static void survey(struct world *w)
{
	struct survey *s = container_of(w, struct survey, w);
	for (uint32_t i = 0; i < s->n; i++) {
		char want[16];
		snprintf(want, sizeof want, "%u", s->acked[i]);
		assert_str(value_of(w, str_z(w->a, str_printf(w->a, "/k/%u", s->acked[i]))), want);
	}
	/* Both keys of a transaction, or none: the last of each pair has its other half. */
	for (uint32_t i = 0; i < 50; i++) {
		struct str last = value_of(w, str_z(w->a, str_printf(w->a, "/last/%u", i)));
		if (last.n)
			assert_true(str_eq(value_of(w, str_z(w->a, str_printf(w->a, "/k/%.*s", STR_F(last)))), last));
	}
}

static uint32_t kill_once(const char *dir, uint32_t next, int after_ms)
{
	int fds[2], status;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) > 0);
	pid_t pid = fork();
	if (pid == 0)
		victim_main(dir, fds[1], next);
	close(fds[1]);
	usleep((useconds_t)after_ms * 1000);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	struct survey s = {.acked = calloc(1 << 18, sizeof(uint32_t))};
	ssize_t got;
	while ((got = read(fds[0], s.acked + s.n, 65536)) > 0)
		s.n += (uint32_t)got / sizeof(uint32_t);
	close(fds[0]);
	world_init(&s.w, ON_LMDB, 0);
	s.w.dir = dir;
	world_open(&s.w);
	world_run(&s.w, survey);
	world_fini(&s.w);
	uint32_t n = s.n;
	free(s.acked);
	return n;
}

TEST(a_killed_process_loses_nothing_acknowledged)
{
	const char *dir = world_dir();
	uint32_t total = 0;
	for (int i = 0; i < 8; i++)
		total += kill_once(dir, (uint32_t)i * 1000000, 40 + i * 17);
	assert_true(total > 100);
}

/* ---- Directories that are not ours ---- */

static void refused(struct world *w, const char *sentence)
{
	ERR(e);
	assert_int_equal(world_try_open(w, &e), -1);
	if (!strstr(err_text(&e), sentence))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&e), sentence);
}

static void make_file(struct world *w, const char *name, const char *text)
{
	int fd = open(str_z(w->a, str_printf(w->a, "%s/%s", w->dir, name)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static struct world *dir_world(struct world *w)
{
	world_init(w, ON_LMDB, 0);
	w->dir = world_dir();
	return w;
}

TEST(a_directory_of_something_else_is_refused)
{
	struct world w;
	make_file(dir_world(&w), "photo.jpg", "");
	refused(&w, "is not empty and holds no c8s store (found \"photo.jpg\")");
	world_fini(&w);
	make_file(dir_world(&w), "format", "ext4\n");
	refused(&w, "its file \"format\" is something else");
	world_fini(&w);
}

TEST(a_newer_format_is_refused)
{
	struct world w;
	make_file(dir_world(&w), "format", "c8s store format 3\n");
	refused(&w, "was written by a newer c8s (store format 3, this one knows 2): use that version");
	world_fini(&w);
}

TEST(a_directory_in_use_is_refused)
{
	struct world w, other;
	char want[64];
	world_open(dir_world(&w));
	dir_world(&other)->dir = w.dir;
	snprintf(want, sizeof want, "is in use by process %d", (int)getpid());
	refused(&other, want);
	world_fini(&other);
	world_fini(&w);
}

TEST(a_damaged_file_is_refused)
{
	struct world w;
	make_file(dir_world(&w), "format", "c8s store format 1\n");
	char garbage[8193];
	memset(garbage, 'g', sizeof garbage - 1);
	garbage[8192] = 0;
	make_file(&w, "store.mdb", garbage);
	refused(&w, "is damaged or not a c8s store");
	world_fini(&w);
}

TEST(a_missing_parent_is_named)
{
	struct world w;
	dir_world(&w)->dir = "/nonexistent/parent/data";
	refused(&w, "cannot make the data directory /nonexistent/parent/data: No such file or directory");
	world_fini(&w);
}

TEST(the_directory_is_private)
{
	struct world w;
	struct stat st;
	dir_world(&w);
	w.dir = str_z(w.a, str_printf(w.a, "%s/data", w.dir));
	world_open(&w);
	assert_int_equal(stat(w.dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(str_z(w.a, str_printf(w.a, "%s/store.mdb", w.dir)), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	world_fini(&w);
}
