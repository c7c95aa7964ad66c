#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	struct rt *rt = rt_new(NULL);
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

/* Threads post at once; the last post stops the loop. */
#define SENDERS 4
#define POSTS 1000
struct numbered {
	struct post post;
	int sender, n;
};
struct inbox {
	int next[SENDERS], total;
	struct loop *loop;
};
static struct inbox inbox;
static struct numbered numbered[SENDERS][POSTS];

static void check_order(struct post *p)
{
	struct numbered *m = container_of(p, struct numbered, post);
	assert_int_equal(m->n, inbox.next[m->sender]++);
	if (++inbox.total == SENDERS * POSTS)
		loop_stop(loop_self());
}

static void *send_all(void *arg)
{
	int sender = (int)(intptr_t)arg;
	for (int i = 0; i < POSTS; i++) {
		numbered[sender][i] = (struct numbered){.post.fn = check_order, .sender = sender, .n = i};
		loop_post(inbox.loop, &numbered[sender][i].post);
		if (i % 100 == 0)
			usleep(100);
	}
	return NULL;
}

TEST(loop_posts_of_a_sender_arrive_in_order)
{
	struct rt *rt = rt_new(NULL);
	pthread_t threads[SENDERS];
	inbox = (struct inbox){.loop = loop_new(rt, "inbox")};
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, (void *)(intptr_t)i), 0);
	loop_run(inbox.loop);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(inbox.total, SENDERS * POSTS);
	loop_free(inbox.loop);
	rt_free(rt);
}

static void say_hello(struct post *p)
{
	assert_string_equal(loop_name(loop_self()), "a-name-longer-than-the-kernel");
	assert_false(rt_is_sim(loop_rt(loop_self())));
}

TEST(loop_runs_on_a_thread_of_its_own)
{
	struct rt *rt = rt_new(NULL);
	struct loop *l = loop_new(rt, "a-name-longer-than-the-kernel");
	struct post hello = {.fn = say_hello};
	assert_null(loop_self());
	assert_int_equal(loop_start(l), 0);
	loop_post(l, &hello);
	loop_stop(l);
	loop_stop(l);
	loop_join(l);
	loop_free(l);
	rt_free(rt);
}

TEST(loop_free_before_it_ran_forgets_its_fibers)
{
	struct rt *rt = rt_new(NULL);
	struct loop *l = loop_new(rt, "never");
	loop_free(l);
	loop_free(NULL);
	rt_free(rt);
}

struct tick {
	struct timer timer;
	char id;
	char *log;
};

static void note(struct timer *t)
{
	struct tick *k = container_of(t, struct tick, timer);
	k->log[strlen(k->log)] = k->id;
	assert_false(timer_active(t));
}

static void set_timers(void *arg)
{
	char log[8] = "";
	struct tick a = {.id = 'a', .log = log}, b = {.id = 'b', .log = log}, c = {.id = 'c', .log = log}, d = {.id = 'd', .log = log};
	mono_t now = rt_now();
	timer_set(&c.timer, now + 2 * NS_MS, note);
	timer_set(&a.timer, now + NS_MS, note);
	timer_set(&b.timer, now + NS_MS, note);
	timer_set(&d.timer, now - NS_S, note);
	timer_set(&c.timer, now + 3 * NS_MS, note);
	timer_cancel(&b.timer);
	assert_int_equal(fiber_sleep(4 * NS_MS), 0);
	assert_string_equal(log, "dac");
	timer_set(&b.timer, MONO_NEVER, note);
	assert_true(timer_active(&b.timer));
	timer_cancel(&b.timer);
	timer_cancel(&b.timer);
}

TEST(timers_run_in_order_and_once)
{
	run(set_timers, NULL);
}

struct again {
	struct timer timer;
	int n;
};

static void set_again(struct timer *t)
{
	struct again *a = container_of(t, struct again, timer);
	a->n++;
	timer_set(t, 0, set_again);
}

static void starve(void *arg)
{
	struct again a = {0};
	char log[2] = "";
	struct tick other = {.id = 'x', .log = log};
	timer_set(&a.timer, 0, set_again);
	timer_set(&other.timer, 0, note);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fiber_yield(), 0);
	assert_string_equal(log, "x");
	assert_true(a.n >= 2 && a.n <= 4);
	timer_cancel(&a.timer);
}

TEST(timer_set_to_the_past_over_and_over_starves_nobody)
{
	run(starve, NULL);
}

static void ignore(struct timer *t)
{
}

/* Only what happens may wake a loop: here its one timer. */
static void be_idle(void *arg)
{
	struct timer far = {0};
	struct poll *p = loop_self()->poll;
	timer_set(&far, rt_now() + NS_HOUR, ignore);
	uint64_t before = p->waits;
	assert_int_equal(fiber_sleep(100 * NS_MS), 0);
	assert_in_range(p->waits - before, 1, 2);
	timer_cancel(&far);
}

TEST(loop_that_is_idle_makes_no_wakeups)
{
	run(be_idle, NULL);
}

static void fall_back(void *arg)
{
	loop_self()->poll->ms_only = true;
	be_idle(arg);
	mono_t from = rt_now_exact();
	assert_int_equal(fiber_sleep(100 * NS_US), 0);
	assert_true(rt_now_exact() - from >= 100 * NS_US);
}

static void relax(void *arg)
{
	loop_relax();
	assert_true(loop_self()->poll->relaxed);
	be_idle(arg);
	assert_false(loop_self()->poll->relaxed);
}

TEST(loop_that_relaxes_waits_as_ever)
{
	run(relax, NULL);
}

TEST(loop_works_with_millisecond_waits)
{
	run(fall_back, NULL);
}

struct ends {
	struct turn turn;
	int runs;
	bool more;
};

static void at_end(struct turn *t)
{
	struct ends *e = container_of(t, struct ends, turn);
	e->runs++;
	if (e->more)
		turn_end(t);
	e->more = false;
}

static void end_turns(void *arg)
{
	struct ends e = {.turn.fn = at_end, .more = true}, cancelled = {.turn.fn = at_end};
	turn_end(&e.turn);
	turn_end(&e.turn);
	turn_end(&cancelled.turn);
	turn_cancel(&cancelled.turn);
	assert_int_equal(e.runs, 0);
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(e.runs, 1);
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(e.runs, 2);
	assert_int_equal(fiber_yield(), 0);
	assert_int_equal(e.runs, 2);
	assert_int_equal(cancelled.runs, 0);
}

TEST(turn_end_runs_once_at_the_end_of_the_turn)
{
	run(end_turns, NULL);
}

struct peer {
	struct io io;
	struct peer *other;
	int events;
};

/* Both have an event in the same batch; the first deletes the second. */
static void delete_other(struct io *io, uint32_t events)
{
	struct peer *p = container_of(io, struct peer, io);
	p->events++;
	io_del(&p->other->io);
}

static void delete_in_batch(void *arg)
{
	int a[2], b[2];
	assert_int_equal(pipe2(a, O_CLOEXEC) + pipe2(b, O_CLOEXEC), 0);
	struct peer pa = {.io = {.fd = a[0], .fn = delete_other}}, pb = {.io = {.fd = b[0], .fn = delete_other}};
	pa.other = &pb;
	pb.other = &pa;
	assert_int_equal(io_add(&pa.io, EPOLLIN), 0);
	assert_int_equal(io_add(&pb.io, EPOLLIN), 0);
	assert_int_equal(io_mod(&pb.io, EPOLLIN | EPOLLRDHUP), 0);
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	assert_int_equal(fiber_sleep(5 * NS_MS), 0);
	assert_int_equal(pa.events + pb.events, 1);
	io_del(pa.events ? &pa.io : &pb.io);
	int fds[] = {a[0], a[1], b[0], b[1]};
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

TEST(io_deleted_within_a_batch_is_not_called)
{
	run(delete_in_batch, NULL);
}

TEST(rt_clocks_work_off_a_loop)
{
	char a[37], b[37];
	assert_true(rt_now() > 0 && rt_now_exact() >= rt_now() - NS_S);
	assert_true(rt_wall() > 1700000000 * NS_S);
	rt_uuid(a);
	rt_uuid(b);
	assert_int_equal(strlen(a), 36);
	assert_string_not_equal(a, b);
	for (int i = 0; i < 100; i++)
		assert_true(rt_random_below(3) < 3);
	assert_int_equal(rt_random_below(1), 0);
}

TEST(rt_new_refuses_nonsense)
{
	assert_null(rt_new(&(struct rt_opts){.workers = -1}));
	rt_free(NULL);
}
