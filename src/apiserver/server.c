#include "apiserver/server_impl.h"
#include "apiserver/cache.h"
#include "apiserver/endpoint/watch.h"
#include "base/log.h"
#include "net/tls.h"
#include <stdlib.h>

static const struct server_part *const parts[PARTS] = {
	[PART_AUTHN] = &authn_part,         [PART_AUTHZ] = &authz_part,         [PART_FLOW] = &flow_part,         [PART_ADMISSION] = &admission_part,
	[PART_DISCOVERY] = &discovery_part, [PART_REGISTRY] = &registry_part,   [PART_BOOTSTRAP] = &bootstrap_part,
};
/* Authorization and admission look at the cache, the allocators of registry/ too; bootstrap objects come through all of them. */
static const enum part start_order[PARTS] = {PART_AUTHN, PART_AUTHZ, PART_FLOW, PART_REGISTRY, PART_ADMISSION, PART_DISCOVERY, PART_BOOTSTRAP};

const struct server_opts *server_options(const struct server *s) { return &s->opts; }
struct cache *server_cache(const struct server *s) { return s->cache; }
struct store *server_store(const struct server *s) { return s->opts.store; }
bool server_ready(const struct server *s) { return atomic_load(&s->ready); }
bool server_draining(const struct server *s) { return atomic_load(&s->draining); }
void *server_part(const struct server *s, enum part p) { return s->parts[p]; }

void server_show(struct server *s, void (*fn)(void *arg, struct metric_set *to), void *arg)
{
	s->show = fn;
	s->show_arg = arg;
}

size_t server_loop_number(const struct server *s)
{
	for (size_t i = 0; i < s->opts.nloops; i++)
		if (s->opts.loops[i] == loop_self())
			return i;
	bug("the server is used from a loop that is not its own");
}

struct list *server_watches(struct server *s) { return &s->loops[server_loop_number(s)].watches; }

static void stop_parts(struct server *s)
{
	for (size_t i = PARTS; i-- > 0;) {
		enum part p = start_order[i];
		if (s->parts[p] && parts[p]->stop)
			parts[p]->stop(s, s->parts[p]);
		s->parts[p] = NULL;
	}
}

static int start_parts(struct server *s, struct err *e)
{
	for (size_t i = 0; i < PARTS; i++) {
		enum part p = start_order[i];
		if (parts[p]->start && parts[p]->start(s, &s->parts[p], e))
			return -1;
	}
	return 0;
}

static struct tls *make_tls(const struct server_opts *o, struct err *e)
{
	struct tls_server_opts t = {.cert.file = o->tls_cert_file.p, .key.file = o->tls_key_file.p, .client_ca.file = o->client_ca_file.p, .want_client_cert = true};
	return tls_server_new(&t, e);
}

static void make_loops(struct server *s)
{
	s->loops = calloc(s->opts.nloops, sizeof *s->loops);
	if (!s->loops)
		bug("out of memory");
	for (size_t i = 0; i < s->opts.nloops; i++) {
		s->loops[i].loop = s->opts.loops[i];
		list_init(&s->loops[i].watches);
	}
}

static void defaults(struct server_opts *o)
{
	if (!o->watch_bookmark_s)
		o->watch_bookmark_s = 60;
	if (!o->min_request_timeout)
		o->min_request_timeout = 30 * NS_MIN;
	if (!o->request_timeout)
		o->request_timeout = NS_MIN;
	if (!o->event_ttl)
		o->event_ttl = NS_HOUR;
}

static int load(struct server *s, struct err *e)
{
	struct cache_opts c = {.store = s->opts.store, .loops = s->opts.loops, .nloops = s->opts.nloops};
	if (s->opts.tls_cert_file.n && !(s->tls = make_tls(&s->opts, e)))
		return -1;
	s->cache = cache_new(&c, e);
	return s->cache ? start_parts(s, e) : -1;
}

static void release(struct server *s)
{
	stop_parts(s);
	cache_free(s->cache);
	tls_unref(s->tls);
	free(s->loops);
	free(s);
}

struct server *server_new(const struct server_opts *o, struct err *e)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s)
		return err_nomem(e, sizeof *s), NULL;
	s->opts = *o;
	defaults(&s->opts);
	make_loops(s);
	if (load(s, e) == 0)
		return s;
	release(s);
	return NULL;
}

/* ---- work on every loop, one after another ---- */

struct on_loop {
	struct post post;
	struct server_loop *l;
	void (*fn)(struct on_loop *job);
	struct server *server;
	int fd;
	size_t listener;
	mono_t deadline;
	void (*visit)(struct server *s, struct server_loop *l, void *arg);
	void *arg;
	struct err err;
	int result;
	struct event done;
};

static void run_fiber(void *arg)
{
	struct on_loop *j = arg;
	j->fn(j);
	event_set(&j->done);
}

static void arrived(struct post *p)
{
	struct on_loop *j = container_of(p, struct on_loop, post);
	if (!fiber_spawn(NULL, "server-loop", run_fiber, j)) {
		j->result = err_set(&j->err, ERR_SERVICE_UNAVAILABLE, "no fiber is free");
		event_set(&j->done);
	}
}

static int run_on_each(struct server *s, const struct on_loop *what, struct err *e)
{
	for (size_t i = 0; i < s->opts.nloops; i++) {
		struct on_loop j = *what;
		j.post.fn = arrived;
		j.l = &s->loops[i];
		j.server = s;
		event_init(&j.done);
		loop_post(s->loops[i].loop, &j.post);
		event_wait(&j.done);
		if (j.result) {
			err_move(e, &j.err);
			return -1;
		}
	}
	return 0;
}

static void visit_here(struct on_loop *j) { j->visit(j->server, j->l, j->arg); }

int server_each_loop(struct server *s, void (*fn)(struct server *s, struct server_loop *l, void *arg), void *arg, struct err *e)
{
	return run_on_each(s, &(struct on_loop){.fn = visit_here, .visit = fn, .arg = arg}, e);
}

static void serve_here(struct on_loop *j)
{
	struct listener *l = &j->server->listeners[j->listener];
	struct http_opts o = {.tls = l->as ? NULL : j->server->tls, .one_user = l->as, .uid = l->uid, .handler = pipeline_http, .arg = l};
	struct http_server **http = &j->l->http[j->listener];
	*http = http_serve(j->fd, &o, &j->err);
	j->result = *http ? 0 : -1;
}

int server_serve(struct server *s, int listen_fd, struct err *e) { return server_serve_as(s, listen_fd, NULL, 0, e); }

int server_serve_as(struct server *s, int listen_fd, const struct user *as, uint32_t uid, struct err *e)
{
	if (s->nlisteners == SERVER_LISTENERS_MAX)
		return err_set(e, ERR_BAD_REQUEST, "more than %d listening sockets", SERVER_LISTENERS_MAX);
	s->listeners[s->nlisteners] = (struct listener){.server = s, .as = as, .uid = uid};
	return run_on_each(s, &(struct on_loop){.fn = serve_here, .fd = listen_fd, .listener = s->nlisteners++}, e);
}

int server_post_start(struct server *s, struct err *e)
{
	for (size_t i = 0; i < PARTS; i++) {
		enum part p = start_order[i];
		if (parts[p]->post_start && parts[p]->post_start(s, s->parts[p], e))
			return -1;
	}
	atomic_store(&s->ready, true);
	return 0;
}

static void drain_here(struct on_loop *j)
{
	struct wire_watch *w;
	list_each(w, &j->l->watches, node)
		watch_finish(w);
	/* TLS last: it has the requests that last, and what follows would have no time left. */
	for (size_t i = SERVER_LISTENERS_MAX; i-- > 0;)
		if (j->l->http[i])
			(void)!http_drain(j->l->http[i], j->deadline);
}

void server_drain(struct server *s, mono_t deadline)
{
	atomic_store(&s->draining, true);
	run_on_each(s, &(struct on_loop){.fn = drain_here, .deadline = deadline}, NULL);
}

static void free_here(struct on_loop *j)
{
	for (size_t i = 0; i < SERVER_LISTENERS_MAX; i++)
		http_server_free(j->l->http[i]);
}

void server_free(struct server *s)
{
	if (!s)
		return;
	run_on_each(s, &(struct on_loop){.fn = free_here}, NULL);
	release(s);
}
