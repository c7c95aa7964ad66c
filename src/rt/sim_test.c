#include "base/test.h"
#include "rt/impl.h"
#include <errno.h>
#include <stdio.h>
#include <time.h>

static struct sim_opts opts(uint64_t seed)
{
	return (struct sim_opts){.seed = seed, .post_delay_max = 5 * NS_MS, .job_delay_max = 20 * NS_MS};
}

/* A small world: two loops that post to each other, sleep, draw numbers, run jobs. */
struct world;
struct letter {
	struct post post;
	struct world *world;
	int hops;
};
struct world {
	struct rt *rt;
	struct loop *loop[2];
	struct letter letters[8];
	int arrived, jobs;
	uint64_t drawn;
};

static void work(void *arg)
{
	((struct world *)arg)->jobs++;
}

static void walk(void *arg)
{
	struct world *w = arg;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fiber_sleep((nsec_t)rt_random_below(100) * NS_MS), 0);
		assert_int_equal(rt_breathe(), 0);
		w->drawn = w->drawn * 31 + rt_random_below(1000);
		rt_job(work, w);
	}
}

static void bounce(struct post *p)
{
	struct letter *m = container_of(p, struct letter, post);
	struct world *w = m->world;
	w->arrived++;
	assert_non_null(fiber_spawn(NULL, "walk", walk, w));
	if (m->hops--)
		loop_post(w->loop[loop_self() == w->loop[0]], p);
}

static void world_run(struct world *w, uint64_t seed)
{
	struct sim_opts o = opts(seed);
	*w = (struct world){.rt = sim_new(&o)};
	for (int i = 0; i < 2; i++) {
		w->loop[i] = loop_new(w->rt, "world");
		assert_int_equal(loop_start(w->loop[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		w->letters[i] = (struct letter){.post.fn = bounce, .world = w, .hops = 5};
		loop_post(w->loop[i % 2], &w->letters[i].post);
	}
	assert_int_equal(sim_run(w->rt, NS_HOUR, NULL, NULL), NS_HOUR);
	assert_int_equal(w->arrived, 48);
	assert_int_equal(w->jobs, 240);
}

static uint64_t world_end(struct world *w)
{
	uint64_t hash = sim_trace_hash(w->rt);
	loop_free(w->loop[0]);
	loop_free(w->loop[1]);
	rt_free(w->rt);
	return hash;
}

TEST(sim_same_seed_same_trace_other_seed_other_trace)
{
	struct world w;
	uint64_t first[10], drawn[10];
	for (uint64_t seed = 0; seed < 10; seed++) {
		world_run(&w, seed);
		drawn[seed] = w.drawn;
		first[seed] = world_end(&w);
	}
	for (uint64_t seed = 0; seed < 10; seed++) {
		world_run(&w, seed);
		assert_int_equal(w.drawn, drawn[seed]);
		assert_int_equal(world_end(&w), first[seed]);
		for (uint64_t other = 0; other < seed; other++)
			assert_int_not_equal(first[seed], first[other]);
	}
}

static void sleep_hours(void *arg)
{
	assert_true(rt_is_sim(loop_rt(loop_self())));
	for (int i = 0; i < 100; i++)
		assert_int_equal(fiber_sleep(10 * NS_HOUR), 0);
	*(mono_t *)arg = rt_now();
}

TEST(sim_sleeps_hours_in_milliseconds)
{
	struct timespec from, to;
	mono_t end = 0;
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(rt_main(rt, "hours", sleep_hours, &end), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(end, 1000 * NS_HOUR);
	assert_true(to.tv_sec - from.tv_sec < 2);
	rt_free(rt);
}

static void clocks(void *arg)
{
	struct rt *rt = loop_rt(loop_self());
	wall_t start = 1767225600 * NS_S;
	char uuid[37];
	assert_int_equal(rt_wall(), start);
	assert_int_equal(fiber_sleep(NS_MIN), 0);
	assert_int_equal(rt_now_exact(), NS_MIN);
	assert_int_equal(rt_wall(), start + NS_MIN);
	sim_wall_jump(rt, -NS_HOUR);
	assert_int_equal(rt_wall(), start + NS_MIN - NS_HOUR);
	assert_int_equal(rt_now(), NS_MIN);
	rt_uuid(uuid);
	memcpy(arg, uuid, sizeof uuid);
}

TEST(sim_turns_clocks_and_seeds_uuids)
{
	char uuid[3][37];
	for (int i = 0; i < 3; i++) {
		struct rt *rt = sim_new(&(struct sim_opts){.seed = i / 2});
		assert_int_equal(rt_main(rt, "clocks", clocks, uuid[i]), 0);
		rt_free(rt);
	}
	assert_string_equal(uuid[0], uuid[1]);
	assert_string_not_equal(uuid[1], uuid[2]);
}

/* Fibers that are ready at the same time run in another order for another seed. */
struct mark {
	char *log, id;
	bool sleeps;
};

static void leave_mark(void *arg)
{
	struct mark *m = arg;
	if (m->sleeps)
		assert_int_equal(fiber_sleep_until(NS_S), 0);
	m->log[strlen(m->log)] = m->id;
}

static bool shuffled(bool sleeps)
{
	char log[20][9] = {0};
	bool differ = false;
	for (int seed = 0; seed < 20; seed++) {
		struct rt *rt = sim_new(&(struct sim_opts){.seed = (uint64_t)seed});
		struct loop *l = loop_new(rt, "order"), *before = loop_enter(l);
		struct mark marks[8];
		for (int i = 0; i < 8; i++) {
			marks[i] = (struct mark){log[seed], (char)('a' + i), sleeps};
			assert_non_null(fiber_spawn(NULL, "mark", leave_mark, &marks[i]));
		}
		loop_enter(before);
		sim_run(rt, NS_MIN, NULL, NULL);
		assert_int_equal(strlen(log[seed]), 8);
		differ |= strcmp(log[seed], log[0]) != 0;
		loop_free(l);
		rt_free(rt);
	}
	return differ;
}

TEST(sim_order_of_ready_fibers_and_equal_timers_depends_on_the_seed)
{
	assert_true(shuffled(false));
	assert_true(shuffled(true));
}

struct sent {
	struct post post;
	int n, *next;
};

static void in_order(struct post *p)
{
	struct sent *s = container_of(p, struct sent, post);
	assert_int_equal(s->n, (*s->next)++);
}

static struct loop *receiver;

static void send_slowly(void *arg)
{
	struct sent *s = arg;
	for (int i = 0; i < 50; i++) {
		loop_post(receiver, &s[i].post);
		if (i % 3 == 0)
			assert_int_equal(fiber_sleep(NS_MS), 0);
	}
}

TEST(sim_posts_are_delayed_but_not_reordered)
{
	struct sim_opts o = opts(7);
	struct rt *rt = sim_new(&o);
	struct sent sent[50];
	int next = 0;
	for (int i = 0; i < 50; i++)
		sent[i] = (struct sent){{.fn = in_order}, i, &next};
	receiver = loop_new(rt, "receiver");
	assert_int_equal(rt_main(rt, "sender", send_slowly, sent), 0);
	sim_run(rt, NS_MIN, NULL, NULL);
	assert_int_equal(next, 50);
	loop_free(receiver);
	rt_free(rt);
}

static void wait_for_nothing(void *arg)
{
	struct cond c;
	cond_init(&c);
	(void)!cond_wait(&c, MONO_NEVER);
}

TEST(sim_notices_a_deadlock)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	assert_int_equal(rt_main(rt, "deadlock", wait_for_nothing, NULL), -EDEADLK);
	rt_free(rt);
}

static void sleep_for_ever(void *arg)
{
	struct timer *t = arg;
	while (fiber_sleep(NS_S) == 0)
		t->node.seq++;
}

static void begin_sleeping(struct post *p)
{
	static struct timer t;
	assert_non_null(fiber_spawn(NULL, "forever", sleep_for_ever, &t));
}

static bool at_ten(void *arg)
{
	return ++*(int *)arg == 10;
}

TEST(sim_loop_crashes_amid_its_work_and_another_takes_over)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	struct post begin = {.fn = begin_sleeping};
	int turns = 0;
	for (int i = 0; i < 3; i++) {
		struct loop *l = loop_new(rt, "crash");
		loop_post(l, &begin);
		mono_t from = sim_run(rt, 0, NULL, NULL);
		assert_int_equal(sim_run(rt, from + 5 * NS_S, NULL, NULL), from + 5 * NS_S);
		assert_int_equal(loop_fibers(l), 1);
		loop_free(l);
	}
	struct loop *l = loop_new(rt, "counted");
	loop_post(l, &begin);
	assert_true(sim_run(rt, MONO_NEVER, at_ten, &turns) > 15 * NS_S);
	assert_int_equal(turns, 10);
	loop_stop(l);
	loop_join(l);
	assert_int_equal(loop_fibers(l), 0);
	loop_free(l);
	rt_free(rt);
}

static void poll_clock(void *arg)
{
	mono_t until = rt_now() + NS_MS;
	while (rt_now() < until)
		assert_int_equal(fiber_yield(), 0);
}

TEST(sim_time_passes_for_who_polls)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	assert_int_equal(rt_main(rt, "poll", poll_clock, NULL), 0);
	rt_free(rt);
}

static void no_descriptors(void *arg)
{
	struct io io = {.fd = 0};
	struct sockaddr_storage a;
	assert_int_equal(io_add(&io, EPOLLIN), -ENOTSUP);
	assert_int_equal(rt_resolve("localhost", "1", &a, 1, MONO_NEVER), -ENOTSUP);
}

TEST(sim_has_no_descriptors)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 1});
	uint64_t a = sim_random(rt), hash = sim_trace_hash(rt);
	assert_int_not_equal(a, sim_random(rt));
	sim_trace(rt, "observation", 1);
	assert_int_not_equal(hash, sim_trace_hash(rt));
	assert_int_equal(rt_main(rt, "io", no_descriptors, NULL), 0);
	rt_free(rt);
}
