#include "base/test.h"
#include "os/spawn.h"
#include "os/supervise.h"
#include "os/signals.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int sh(const char *script, struct str input, size_t limit, mono_t deadline, struct spawn_output *ret, struct err *e)
{
	const char *argv[] = {"sh", "-c", script, NULL}, *env[] = {"PATH=/usr/bin:/bin", "X=1", NULL};
	struct spawn_opts o = {.path = "sh", .argv = argv, .env = env};
	return spawn_capture(&o, input, limit, deadline, ret, e);
}

TEST(spawn_capture_gives_output_status_and_environment)
{
	struct spawn_output o;
	ERR(e);
	assert_ok(sh("cat; echo $X-$HOME; echo bad >&2; exit 3", STR("in "), 1000, MONO_NEVER, &o, &e), &e);
	assert_str(buf_view(&o.out), "in 1-\n");
	assert_str(buf_view(&o.err), "bad\n");
	assert_int_equal(WEXITSTATUS(o.status), 3);
	assert_false(o.truncated);
	spawn_output_fini(&o);
}

TEST(spawn_capture_bounds_the_output)
{
	struct spawn_output o;
	ERR(e);
	assert_ok(sh("head -c 300000 /dev/zero", STR(""), 1000, MONO_NEVER, &o, &e), &e);
	assert_int_equal(o.out.n, 1000);
	assert_true(o.truncated);
	assert_int_equal(o.status, 0);
	spawn_output_fini(&o);
}

TEST(spawn_capture_kills_at_the_deadline)
{
	struct spawn_output o;
	ERR(e);
	mono_t began = rt_now_exact();
	assert_int_equal(sh("sleep 100 & sleep 100", STR(""), 1000, began + 50 * NS_MS, &o, &e), -1);
	assert_int_equal(e.sys, ETIME);
	assert_true(rt_now_exact() - began < 5 * NS_S);
}

TEST(spawn_capture_does_not_wait_for_grandchildren)
{
	struct spawn_output o;
	ERR(e);
	mono_t began = rt_now_exact();
	assert_ok(sh("echo x; sleep 3 &", STR(""), 1000, began + 10 * NS_S, &o, &e), &e);
	assert_str(buf_view(&o.out), "x\n");
	assert_true(rt_now_exact() - began < 2 * NS_S);
	spawn_output_fini(&o);
}

TEST(spawn_says_why_a_program_cannot_start)
{
	const char *argv[] = {"x", NULL};
	struct spawn_opts o = {.path = "/nonexistent/x", .argv = argv};
	struct proc p;
	ERR(e);
	assert_int_equal(spawn(&o, &p, &e), -1);
	assert_int_equal(e.sys, ENOENT);
	o.path = "c8s-no-such-program";
	assert_int_equal(spawn(&o, &p, &e), -1);
	assert_int_equal(e.sys, ENOENT);
	o.path = "/bin/true", o.pass = &(int){-1}, o.npass = 1;
	assert_int_equal(spawn(&o, &p, &e), -1);
	assert_non_null(strstr(err_text(&e), "descriptor"));
}

TEST(spawn_passes_named_descriptors_and_no_other)
{
	int named[2], other[2], status;
	char buf[8] = "";
	ERR(e);
	assert_int_equal(pipe(named), 0);
	assert_int_equal(pipe(other), 0);
	char script[64];
	snprintf(script, sizeof script, "echo hi >&3; ls /proc/self/fd/%d", other[1]);
	const char *argv[] = {"sh", "-c", script, NULL};
	struct spawn_opts o = {.path = "/bin/sh", .argv = argv, .pass = &named[1], .npass = 1};
	struct proc p;
	assert_ok(spawn(&o, &p, &e), &e);
	assert_int_equal(proc_wait(&p, MONO_NEVER, &status), 0);
	assert_int_not_equal(WEXITSTATUS(status), 0);
	assert_int_equal(read(named[0], buf, sizeof buf), 3);
	for (int i = 0; i < 2; i++)
		close(named[i]), close(other[i]);
}

static int child_fn(void *arg)
{
	sigset_t set;
	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, SIGTERM) ? 1 : *(int *)arg;
}

TEST(spawn_runs_a_function_with_a_clean_signal_mask)
{
	int value = 42, status;
	sigset_t term, old;
	struct spawn_opts o = {.fn = child_fn, .arg = &value, .err = SPAWN_INHERIT};
	struct proc p;
	ERR(e);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, &old);
	assert_ok(spawn(&o, &p, &e), &e);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(proc_wait(&p, MONO_NEVER, &status), 0);
	assert_int_equal(WEXITSTATUS(status), 42);
	assert_int_equal(proc_wait(&p, MONO_NEVER, &status), -ECHILD);
}

static void *idle(void *arg)
{
	char c;
	(void)!read(*(int *)arg, &c, 1);
	return NULL;
}

/* With other threads around, a library call in the child could wait for them for ever. */
TEST(spawn_changes_the_user_beside_other_threads)
{
	const char *argv[] = {"id", "-u", NULL};
	struct spawn_opts o = {.path = "id", .argv = argv, .uid = 65534, .gid = 65534};
	struct spawn_output out;
	pthread_t t;
	int hold[2];
	ERR(e);
	if (geteuid())
		skip();
	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pthread_create(&t, NULL, idle, &hold[0]), 0);
	assert_ok(spawn_capture(&o, STR(""), 100, rt_now_exact() + 10 * NS_S, &out, &e), &e);
	assert_str(buf_view(&out.out), "65534\n");
	spawn_output_fini(&out);
	close(hold[1]);
	pthread_join(t, NULL);
	close(hold[0]);
}

TEST(proc_stop_kills_who_does_not_listen)
{
	const char *argv[] = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 0.05; done", NULL};
	int ready[2], status;
	char c;
	assert_int_equal(pipe(ready), 0);
	struct spawn_opts o = {.path = "/bin/sh", .argv = argv, .out = ready[1], .session = true};
	struct proc p;
	ERR(e);
	assert_ok(spawn(&o, &p, &e), &e);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(proc_wait(&p, rt_now_exact() + 10 * NS_MS, &status), -ETIME);
	assert_int_equal(proc_stop(&p, 50 * NS_MS, &status), 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(ready[0]), close(ready[1]);
}

TEST(proc_status_reads_as_in_go)
{
	BUF(b);
	proc_status_put(&b, 3 << 8);
	buf_char(&b, '|');
	proc_status_put(&b, SIGKILL);
	assert_str(buf_view(&b), "exit status 3|signal: killed");
}

struct lives { int started, ended; nsec_t last_delay; struct fiber *f; };
static void on_start(void *arg, const struct proc *p)
{
	struct lives *l = arg;
	if (++l->started == 3)
		fiber_cancel(l->f);
}
static void on_end(void *arg, int status, nsec_t delay)
{
	struct lives *l = arg;
	l->ended++;
	l->last_delay = delay;
}
static void supervised(void *arg)
{
	struct lives *l = arg;
	const char *argv[] = {"sh", "-c", "exit 1", NULL};
	struct supervise_opts o = {.name = "x", .spawn = {.path = "/bin/sh", .argv = argv}, .started = on_start, .ended = on_end, .arg = l};
	l->f = fiber_self();
	assert_int_equal(supervise(&o), -ECANCELED);
}

TEST(supervise_restarts_with_growing_delay_until_cancelled)
{
	struct lives l = {0};
	struct rt *rt = rt_new(NULL);
	mono_t began = rt_now_exact();
	assert_int_equal(rt_main(rt, "test", supervised, &l), 0);
	rt_free(rt);
	assert_int_equal(l.started, 3);
	assert_int_equal(l.ended, 3);
	assert_int_equal(l.last_delay, -1);
	assert_true(rt_now_exact() - began >= 3 * SUPERVISE_BACKOFF_MIN);
}

static void captured_on_fiber(void *arg)
{
	struct spawn_output o;
	ERR(e);
	assert_ok(sh("cat", STR("hello"), 1000, rt_now() + 10 * NS_S, &o, &e), &e);
	assert_str(buf_view(&o.out), "hello");
	spawn_output_fini(&o);
	assert_int_equal(sh("sleep 100", STR(""), 1000, rt_now() + 20 * NS_MS, &o, &e), -1);
	assert_int_equal(e.sys, ETIME);
}

TEST(spawn_capture_waits_on_a_fiber)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", captured_on_fiber, NULL), 0);
	rt_free(rt);
}

struct heard { int sig; struct signals *s; };
static void on_signal(void *arg, int sig)
{
	struct heard *h = arg;
	h->sig = sig;
	signals_free(h->s);
}
static void hear(void *arg)
{
	struct heard *h = arg;
	ERR(e);
	h->s = signals_watch((const int[]){SIGUSR1, SIGUSR2, 0}, on_signal, h, &e);
	assert_non_null(h->s);
	kill(getpid(), SIGUSR2);
	for (int i = 0; i < 1000 && !h->sig; i++)
		assert_int_equal(fiber_sleep(NS_MS), 0);
}

TEST(signals_are_events_on_the_loop)
{
	struct heard h = {0};
	sigset_t old;
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	signals_block();
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", hear, &h), 0);
	rt_free(rt);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(h.sig, SIGUSR2);
}
