/* A static server over net/, to measure it with h2load:
 *     bench_net CERT KEY PORT [LOOPS]                               CERT "-": in clear
 *     h2load -n 200000 -c 4 -m 8 https://127.0.0.1:PORT/5600       a blob of so many bytes
 *     h2load -n 200 -c 4 -m 50 https://127.0.0.1:PORT/watch/1000   1000 events of 1.2 KB on each of 200 streams
 * Prints the CPU time it used when it gets SIGINT or SIGTERM. */
#include "net/http.h"
#include "base/log.h"
#include "rt/fiber.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SIZES 16
#define EVENT 1200

struct bench {
	struct tls *tls;
	int fd;
	struct { size_t n; struct blob *blob; } blobs[SIZES];
	struct blob *event;
	struct list watches;
	struct turn turn;
};
struct watch {
	struct list node;
	struct bench *b;
	struct http_out *out;
	uint64_t left;
};

static void watch_closed(void *arg)
{
	struct watch *w = arg;
	list_remove(&w->node);
	free(w);
}

static const struct http_out_ops watch_ops = {.closed = watch_closed};

static void push(struct watch *w)
{
	if (http_out_queued(w->out) > (256u << 10))
		return;
	http_out_static(w->out, STR("{\"type\":\"MODIFIED\",\"object\":"));
	http_out_blob(w->out, w->b->event, 0, w->b->event->n);
	http_out_static(w->out, STR("}\n"));
	if (--w->left)
		return;
	http_out_end(w->out);
	watch_closed(w);
}

/* As a watch cache publishes: each event goes to every watcher. */
static void tick(struct turn *t)
{
	struct bench *b = container_of(t, struct bench, turn);
	struct watch *w;
	list_each(w, &b->watches, node)
		push(w);
	if (!list_empty(&b->watches))
		turn_end(&b->turn);
}

static void serve_watch(struct bench *b, struct http_resp *r, uint64_t n)
{
	struct watch *w = calloc(1, sizeof *w);
	*w = (struct watch){.b = b, .left = n};
	resp_header(r, STR("content-type"), STR("application/json"));
	w->out = resp_detach(r, &watch_ops, w);
	if (!w->out) {
		free(w);
		return;
	}
	list_push(&b->watches, &w->node);
	b->turn.fn = tick;
	turn_end(&b->turn);
}

static struct blob *blob_sized(struct bench *b, size_t n)
{
	int i = 0;
	while (i < SIZES - 1 && b->blobs[i].blob && b->blobs[i].n != n)
		i++;
	if (!b->blobs[i].blob) {
		b->blobs[i].n = n;
		b->blobs[i].blob = blob_new(n);
		memset(b->blobs[i].blob->p, 'x', n);
	}
	return b->blobs[i].blob;
}

static void handler(void *arg, struct http_req *q, struct http_resp *r)
{
	struct bench *b = arg;
	uint64_t n = 0;
	if (str_has_prefix(q->path, STR("/watch/")) && str_u64(str_sub(q->path, 7, q->path.n), &n) == 0 && n) {
		serve_watch(b, r, n);
		return;
	}
	if (str_u64(str_sub(q->path, 1, q->path.n), &n) < 0 || n > (64u << 20)) {
		resp_text(r, 404, "text/plain", STR("no\n"));
		return;
	}
	struct blob *blob = blob_sized(b, n);
	resp_header(r, STR("content-type"), STR("application/json"));
	resp_write_blob(r, blob, 0, blob->n);
}

static void start(void *arg)
{
	struct bench *b = arg;
	ERR(e);
	list_init(&b->watches);
	b->event = blob_new(EVENT - 30);
	memset(b->event->p, 'e', b->event->n);
	if (!http_serve(b->fd, &(struct http_opts){.tls = b->tls, .handler = handler, .arg = b}, &e))
		log_error("%s", err_text(&e));
	(void)!fiber_sleep_until(MONO_NEVER);
}

struct start {
	struct post post;
	struct bench *b;
};

static void posted(struct post *p)
{
	fiber_spawn(NULL, "bench", start, container_of(p, struct start, post)->b);
}

static int start_loop(struct rt *rt, struct tls *tls, int fd)
{
	struct loop *l = loop_new(rt, "bench");
	struct bench *b = calloc(1, sizeof *b);
	struct start *s = calloc(1, sizeof *s);
	*b = (struct bench){.tls = tls, .fd = fd};
	*s = (struct start){.post.fn = posted, .b = b};
	loop_post(l, &s->post);
	return loop_start(l);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void wait_signal(void)
{
	sigset_t set;
	int sig;
	struct rusage u;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigwait(&set, &sig);
	getrusage(RUSAGE_SELF, &u);
	printf("cpu %.3f s (user %.3f), max rss %ld KB\n", seconds(u.ru_utime) + seconds(u.ru_stime), seconds(u.ru_utime), u.ru_maxrss);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	ERR(e);
	sigset_t set;
	if (argc < 4)
		return fprintf(stderr, "usage: bench_net CERT|- KEY PORT [LOOPS]\n"), 2;
	bool clear = strcmp(argv[1], "-") == 0;
	struct tls *tls = clear ? NULL : tls_server_new(&(struct tls_server_opts){.cert.file = argv[1], .key.file = argv[2], .want_client_cert = true}, &e);
	int fd = listen_tcp((struct ipaddr){.family = 4, .b = {127, 0, 0, 1}}, (uint16_t)atoi(argv[3]), NULL, &e);
	if ((!clear && !tls) || fd < 0)
		return fprintf(stderr, "%s\n", err_text(&e)), 1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	struct rt *rt = rt_new(NULL);
	for (int i = 0, n = argc > 4 ? atoi(argv[4]) : 1; i < n; i++)
		if (start_loop(rt, tls, fd) < 0)
			return 1;
	wait_signal();
}
