/* Store throughput: bench_store [-n IN_FLIGHT] [-t SECONDS] [-s VALUE_BYTES] [-k KEYS_PER_FIBER] [-l LOOPS] DIR
 *
 * Fibers on one or several loops each commit one compare-and-put after the other, over their own keys.  Prints what a CPU second of the whole process
 * carries, what the writer's thread alone costs per transaction, and how large the batches were. */
#include "rt/fiber.h"
#include "store/store.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct bench {
	struct store *s;
	int in_flight, loops, keys;
	double seconds;
	size_t value_bytes;
	mono_t until;
	_Atomic uint64_t txns, failed;
	_Atomic int fibers;
	struct store_sub sub;
	double writer_cpu; /* the store's thread, at its last batch */
	struct blob *value;
};

struct worker_loop {
	struct post post;
	struct bench *b;
	struct loop *loop;
	int at, live;
};

static double cpu_seconds(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hear(struct store_sub *sub, const struct store_batch *batch)
{
	container_of(sub, struct bench, sub)->writer_cpu = cpu_seconds(RUSAGE_THREAD);
}

static bool put_one(struct bench *b, struct arena *a, struct str key, int64_t *rev)
{
	struct store_result r;
	ERR(e);
	struct store_compare c = {key, *rev};
	struct store_op op = {.type = STORE_PUT, .key = key, .value = b->value};
	if (store_commit(b->s, &(struct store_txn){&c, &op, 1, 1}, a, &r, &e) || r.conflict) {
		fprintf(stderr, "%s\n", err_text(&e));
		return false;
	}
	*rev = r.revision;
	return true;
}

static void work(void *arg)
{
	struct worker_loop *l = arg;
	struct bench *b = l->b;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int64_t *revs = calloc((size_t)b->keys, sizeof *revs);
	int me = atomic_fetch_add(&b->fibers, 1);
	char key[128];
	for (int i = 0; rt_now() < b->until; i = (i + 1) % b->keys) {
		int n = snprintf(key, sizeof key, "/registry/pods/namespace-%d/some-deployment-5d8f7c6b9-%05d", me, i);
		bool good = put_one(b, a, str_n(key, (size_t)n), &revs[i]);
		atomic_fetch_add_explicit(good ? &b->txns : &b->failed, 1, memory_order_relaxed);
		arena_reset(a);
	}
	free(revs);
	if (--l->live == 0)
		loop_stop(l->loop);
}

static void begin(struct post *p)
{
	struct worker_loop *l = container_of(p, struct worker_loop, post);
	struct bench *b = l->b;
	l->live = b->in_flight / b->loops;
	for (int i = 0; i < l->live; i++)
		if (!fiber_spawn(NULL, "bench", work, l))
			abort();
}

static void subscribe(void *arg)
{
	struct worker_loop *l = arg;
	int64_t from;
	ERR(e);
	if (store_subscribe(l->b->s, &l->b->sub, &from, &e))
		abort();
	loop_stop(l->loop);
}

static void begin_subscribe(struct post *p)
{
	fiber_spawn(NULL, "subscribe", subscribe, container_of(p, struct worker_loop, post));
}

static void run_loop(struct rt *rt, struct worker_loop *l, struct bench *b, void (*fn)(struct post *))
{
	*l = (struct worker_loop){.b = b, .loop = loop_new(rt, "bench"), .post.fn = fn};
	loop_post(l->loop, &l->post);
	if (loop_start(l->loop))
		abort();
}

static void end_loop(struct worker_loop *l)
{
	loop_join(l->loop);
	loop_free(l->loop);
}

static void report(struct bench *b, double wall, double cpu)
{
	struct store_status st;
	store_status(b->s, &st);
	double n = (double)b->txns;
	printf("%d in flight, %zu bytes, %d loops: %.0f txns/s, %.0f per CPU second (%.1f us each), writer %.2f us each, %.1f txns per commit, %.2f ms per commit, "
	       "file %.1f MB, failed %llu\n",
	       b->in_flight, b->value_bytes, b->loops, n / wall, n / cpu, cpu / n * 1e6, b->writer_cpu / n * 1e6, n / (double)st.batches,
	       wall / (double)st.batches * 1e3, (double)st.db_bytes / 1e6, (unsigned long long)b->failed);
}

static void run(struct rt *rt, struct bench *b)
{
	struct worker_loop loops[16];
	run_loop(rt, &loops[0], b, begin_subscribe);
	end_loop(&loops[0]);
	double cpu = cpu_seconds(RUSAGE_SELF), wall = now_seconds();
	b->until = rt_now_exact() + (mono_t)(b->seconds * (double)NS_S);
	for (int i = 0; i < b->loops; i++)
		run_loop(rt, &loops[i], b, begin);
	for (int i = 0; i < b->loops; i++)
		end_loop(&loops[i]);
	report(b, now_seconds() - wall, cpu_seconds(RUSAGE_SELF) - cpu);
}

int main(int argc, char **argv)
{
	struct bench b = {.in_flight = 32, .loops = 1, .keys = 500, .seconds = 3, .value_bytes = 2500, .sub.fn = hear};
	ERR(e);
	for (int c; (c = getopt(argc, argv, "n:t:s:k:l:")) != -1;)
		switch (c) {
		case 'n': b.in_flight = atoi(optarg); break;
		case 't': b.seconds = atof(optarg); break;
		case 's': b.value_bytes = (size_t)atol(optarg); break;
		case 'k': b.keys = atoi(optarg); break;
		case 'l': b.loops = atoi(optarg); break;
		default: return 2;
		}
	if (optind >= argc || b.loops < 1 || b.loops > 16 || b.in_flight < b.loops) {
		fprintf(stderr, "usage: bench_store [-n IN_FLIGHT] [-t SECONDS] [-s VALUE_BYTES] [-k KEYS_PER_FIBER] [-l LOOPS] DIR\n");
		return 2;
	}
	struct rt *rt = rt_new(NULL);
	b.value = blob_new(b.value_bytes);
	for (size_t i = 0; i < b.value_bytes; i++)
		b.value->p[i] = (char)i;
	b.s = store_open(rt, &(struct store_opts){.dir = argv[optind]}, &e);
	if (!b.s) {
		fprintf(stderr, "%s\n", err_text(&e));
		return 1;
	}
	run(rt, &b);
	store_close(b.s);
	blob_unref(b.value);
	rt_free(rt);
	return b.failed != 0;
}
