#include "net/client.h"
#include "rt/io.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#define CALL_TIMEOUT (30 * NS_S)
#define PING_TIMEOUT (15 * NS_S)
#define ADDRESSES 8

/* URLs */

static int parse_authority(struct http_client *c, struct str s, struct err *e)
{
	struct str host, port, rest;
	ptrdiff_t slash = str_index(s, '/', 0);
	rest = slash < 0 ? (struct str){0} : str_sub(s, slash, s.n);
	c->authority = slash < 0 ? s : str_sub(s, 0, slash);
	while (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	c->base = rest;
	struct str a = c->authority;
	bool brackets = a.n > 1 && a.p[0] == '[' && a.p[a.n - 1] == ']';
	if (brackets)
		host = str_sub(a, 1, a.n - 1), port = (struct str){0};
	else if (host_port_split(a, &host, &port) < 0)
		host = a, port = (struct str){0};
	if (!host.n || port.n >= sizeof c->port || str_index(host, '@', 0) >= 0)
		return err_set(e, ERR_BAD_REQUEST, "%s: not a URL of the form https://host:port", c->url);
	snprintf(c->port, sizeof c->port, "%.*s", port.n ? (int)port.n : 3, port.n ? port.p : c->tls ? "443" : "80\0");
	c->host = host;
	return 0;
}

static int parse_url(struct http_client *c, struct err *e)
{
	struct str u = str_of(c->url);
	if (str_has_prefix(u, STR("unix://"))) {
		c->local = true;
		c->host = str_sub(u, 7, u.n);
		c->authority = STR("localhost");
		return c->host.n ? 0 : err_set(e, ERR_BAD_REQUEST, "%s: no path", c->url);
	}
	c->tls = str_has_prefix(u, STR("https://"));
	if (!c->tls && !str_has_prefix(u, STR("http://")))
		return err_set(e, ERR_BAD_REQUEST, "%s: the scheme is none of https, http, unix", c->url);
	return parse_authority(c, str_sub(u, c->tls ? 8 : 7, u.n), e);
}

static void client_unref(struct http_client *c)
{
	if (--c->users)
		return;
	tls_unref(c->opts.tls);
	free(c->url);
	free(c->host_z);
	free(c);
}

struct http_client *http_client_new(const struct http_client_opts *o, struct err *e)
{
	struct http_client *c = calloc(1, sizeof *c);
	if (!c) {
		err_nomem(e, sizeof *c);
		return NULL;
	}
	c->opts = *o;
	c->users = 1;
	tls_ref(c->opts.tls);
	list_init(&c->conns);
	cond_init(&c->changed);
	c->url = strdup(o->url);
	int r = parse_url(c, e);
	if (r == 0 && c->tls && !o->tls)
		r = err_set(e, ERR_BAD_REQUEST, "%s: no TLS settings", c->url);
	c->opts.idle_max = o->idle_max ? o->idle_max : 8;
	c->opts.connect_timeout = o->connect_timeout ? o->connect_timeout : 30 * NS_S;
	c->opts.idle_timeout = o->idle_timeout ? o->idle_timeout : 90 * NS_S;
	c->opts.ping_after = o->ping_after ? o->ping_after : 30 * NS_S;
	c->host_z = strndup(c->host.n ? c->host.p : "", c->host.n);
	if (r == 0)
		return c;
	client_unref(c);
	return NULL;
}

void http_client_free(struct http_client *c)
{
	struct cconn *conn;
	if (!c)
		return;
	c->freed = true;
	c->users++;
	list_each(conn, &c->conns, node)
		if (!conn->up)
			cconn_dead(conn, -ECANCELED);
	cond_wake_all(&c->changed);
	c->users--;
	client_unref(c);
}

/* Connections */

static void cconn_free(struct cconn *c)
{
	struct http_client *cl = c->client;
	timer_cancel(&c->timer);
	sock_fini(&c->sock);
	if (c->proto)
		c->proto->free(c);
	list_remove(&c->node);
	cond_wake_all(&cl->changed);
	free(c);
	client_unref(cl);
}

static void cconn_timer(struct timer *t)
{
	struct cconn *c = container_of(t, struct cconn, timer);
	if (c->dead && !c->nanswers && !c->up)
		cconn_free(c);
}

/* Freed from a timer, since callers up the stack may still look at it. */
static void free_soon(struct cconn *c)
{
	timer_set(&c->timer, 0, cconn_timer);
}

void cconn_dead(struct cconn *c, int error)
{
	struct answer *a;
	if (c->dead)
		return;
	c->dead = c->draining = true;
	c->error = error;
	cond_wake_all(&c->cond);
	c->nanswers++;
	list_each(a, &c->answers, node) {
		if (!a->eof)
			answer_end(a, error);
		cconn_release(c, a);
	}
	c->nanswers--;
	turn_cancel(&c->sock.turn);
	if (!c->sock.error)
		c->sock.error = error;
	c->sock.told = true;
	shutdown(c->sock.io.fd, SHUT_RDWR);
	if (c->up)
		sock_duplex_failed(c->up, error);
	if (!c->nanswers)
		free_soon(c);
}

static void check(struct timer *t);

static void check_later(struct cconn *c)
{
	mono_t at = c->active + (c->nanswers ? c->client->opts.ping_after : c->client->opts.idle_timeout);
	if (c->pinged)
		at = c->pinged + PING_TIMEOUT;
	if (!c->dead)
		timer_set(&c->timer, at, check);
}

static void check(struct timer *t)
{
	struct cconn *c = container_of(t, struct cconn, timer);
	mono_t now = rt_now();
	bool h2 = c->proto == &h2_client;
	if (c->up)
		return;
	if (!c->nanswers && now - c->active >= c->client->opts.idle_timeout) {
		cconn_dead(c, -ETIMEDOUT);
		return;
	}
	if (h2 && c->pinged && now - c->pinged >= PING_TIMEOUT) {
		cconn_dead(c, -ETIMEDOUT);
		return;
	}
	if (h2 && c->nanswers && !c->pinged && now - c->active >= c->client->opts.ping_after) {
		c->pinged = now;
		c->proto->ping(c);
	}
	if (!h2 && c->nanswers)
		c->active = now;
	check_later(c);
}

void cconn_release(struct cconn *c, struct answer *a)
{
	if (a->conn != c)
		return;
	a->conn = NULL;
	list_remove(&a->node);
	c->nanswers--;
	c->active = c->dead ? c->active : rt_now();
	cond_wake_all(&a->cond);
	cond_wake_all(&c->client->changed);
	if (c->nanswers || c->up)
		return;
	if (c->dead)
		free_soon(c);
	else if (c->draining)
		cconn_dead(c, -ECONNRESET);
}

static struct cconn *cconn_of(struct sock *s)
{
	return container_of(s, struct cconn, sock);
}

static void on_open(struct sock *s)
{
	struct cconn *c = cconn_of(s);
	bool h2 = !c->exclusive && (s->ssl ? sock_is_h2(s) : c->client->opts.http2_prior);
	c->proto = h2 ? &h2_client : &h1_client;
	c->active = rt_now();
	int r = c->proto->open(c);
	if (r < 0)
		sock_fail(s, r);
	check_later(c);
	cond_wake_all(&c->cond);
}

static void on_readable(struct sock *s)
{
	struct cconn *c = cconn_of(s);
	if (c->proto && !c->dead)
		c->proto->readable(c);
}

static void on_flush(struct sock *s)
{
	struct cconn *c = cconn_of(s);
	if (c->dead || !c->proto)
		return;
	c->proto->flush(c);
	if (c->up)
		sock_duplex_flush(c->up);
}

static void on_failed(struct sock *s, int error)
{
	cconn_dead(cconn_of(s), error);
}

static const struct sock_ops client_ops = {on_open, on_readable, on_flush, on_failed};

/* Connecting */

static int start_connect(const struct addr *a, mono_t deadline)
{
	for (;;) {
		int fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)&a->ss, a->n) == 0 || errno == EINPROGRESS)
			return fd;
		int error = -errno;
		close(fd);
		if (error != -EAGAIN || rt_now() > deadline) /* a unix socket's backlog is full */
			return error;
		int r = fiber_sleep(NS_MS);
		if (r < 0)
			return r;
	}
}

static int wait_open(struct cconn *c, mono_t deadline)
{
	while (!c->dead && !c->proto) {
		int r = cond_wait(&c->cond, deadline);
		if (r < 0)
			return r;
	}
	return c->dead ? c->error : 0;
}

static int name_failure(struct http_client *cl, struct cconn *c, int error, struct err *e)
{
	if (c && c->sock.tls_error[0])
		err_set(e, ERR_SERVICE_UNAVAILABLE, "%s: tls: %s", cl->url, c->sock.tls_error);
	else if (error == -ETIME || error == -ETIMEDOUT)
		err_set(e, ERR_TIMEOUT, "%s: connection timed out", cl->url);
	else
		err_set(e, ERR_SERVICE_UNAVAILABLE, "%s: %s", cl->url, strerror(-error));
	if (e)
		e->sys = -error;
	return -1;
}

static struct cconn *connect_addr(struct http_client *cl, const struct addr *a, bool exclusive, mono_t deadline, struct err *e)
{
	int fd = start_connect(a, deadline);
	if (fd < 0) {
		name_failure(cl, NULL, fd, e);
		return NULL;
	}
	struct cconn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		err_nomem(e, sizeof *c);
		return NULL;
	}
	c->client = cl;
	c->exclusive = exclusive;
	list_init(&c->answers);
	cond_init(&c->cond);
	cl->users++;
	list_push(&cl->conns, &c->node);
	c->nanswers = 1; /* held by us */
	int r = sock_init(&c->sock, fd, cl->tls ? cl->opts.tls : NULL, cl->host_z, true, &client_ops, e);
	if (r < 0) {
		c->dead = true;
		c->nanswers = 0;
		cconn_free(c);
		return NULL;
	}
	if (c->sock.ssl && (exclusive || cl->opts.http1_only))
		SSL_set_alpn_protos(c->sock.ssl, (const unsigned char *)"\x08http/1.1", 9);
	r = wait_open(c, deadline);
	c->nanswers = 0;
	if (r == 0)
		return c;
	name_failure(cl, c, r, e);
	if (c->dead)
		free_soon(c);
	else
		cconn_dead(c, r);
	return NULL;
}

static int unix_addr(struct http_client *cl, struct addr *ret, struct err *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&ret->ss;
	if (cl->host.n >= sizeof un->sun_path)
		return err_set(e, ERR_BAD_REQUEST, "%s: socket path too long", cl->url);
	*ret = (struct addr){.n = sizeof *un};
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, cl->host.p, cl->host.n);
	return 1;
}

static int resolve(struct http_client *cl, struct addr *ret, mono_t deadline, struct err *e)
{
	struct ipaddr ip;
	uint64_t port = 0;
	struct sockaddr_storage ss[ADDRESSES];
	if (cl->local)
		return unix_addr(cl, ret, e);
	if (ipaddr_parse(cl->host, &ip) == 0 && str_u64(str_of(cl->port), &port) == 0 && port <= 65535) {
		*ret = addr_of_ip(ip, (uint16_t)port);
		return 1;
	}
	int n = rt_resolve(cl->host_z, cl->port, ss, ADDRESSES, deadline);
	if (n <= 0)
		return err_set(e, ERR_SERVICE_UNAVAILABLE, "%s: no address for %s", cl->url, cl->host_z);
	for (int i = 0; i < n; i++)
		ret[i] = (struct addr){ss[i], ss[i].ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)};
	return n;
}

static struct cconn *connect_any(struct http_client *cl, bool exclusive, mono_t deadline, struct err *e)
{
	struct addr v[ADDRESSES];
	struct cconn *c = NULL;
	cl->users++;
	int n = resolve(cl, v, deadline, e);
	for (int i = 0; i < n && !c && !cl->freed; i++)
		c = connect_addr(cl, &v[i], exclusive, deadline, e);
	client_unref(cl);
	return c;
}

/* The pool */

static bool usable(const struct cconn *c)
{
	return c->proto && !c->dead && !c->draining && !c->exclusive && !c->up && !c->sock.error && c->nanswers < c->max_streams;
}

static struct cconn *pooled(struct http_client *cl)
{
	struct cconn *c;
	list_each(c, &cl->conns, node)
		if (usable(c))
			return c;
	return NULL;
}

/* While the first connection is being made others wait for it: it may speak HTTP/2. */
static bool should_wait(const struct http_client *cl)
{
	return cl->connecting && !cl->opts.http1_only && (cl->tls || cl->opts.http2_prior);
}

static struct cconn *get_conn(struct http_client *cl, bool exclusive, mono_t deadline, struct err *e)
{
	struct cconn *c = NULL;
	while (!exclusive && !cl->freed && !(c = pooled(cl)) && should_wait(cl)) {
		int r = cond_wait(&cl->changed, deadline);
		if (r < 0) {
			name_failure(cl, NULL, r, e);
			return NULL;
		}
	}
	if (c || cl->freed)
		return c;
	mono_t limit = rt_now() + cl->opts.connect_timeout;
	cl->connecting++;
	c = connect_any(cl, exclusive, limit < deadline ? limit : deadline, e);
	cl->connecting--;
	cond_wake_all(&cl->changed);
	return c;
}

/* Answers */

static struct answer *of(const struct http_answer *r)
{
	return (struct answer *)container_of(r, struct answer, pub);
}

static void push_header(struct answer *a, struct http_header **v, uint32_t *n, uint32_t *cap, struct http_header h)
{
	if (*n == *cap) {
		uint32_t more = *cap ? *cap * 2 : 8;
		struct http_header *p = arena_grow(a->arena, *v, *cap * sizeof *p, more * sizeof *p);
		if (!p)
			return;
		*v = p;
		*cap = more;
	}
	(*v)[(*n)++] = h;
}

void answer_header(struct answer *a, struct str name, struct str value, bool trailer)
{
	struct http_header h = {str_dup(a->arena, name), str_dup(a->arena, value)};
	if (trailer)
		push_header(a, &a->trailers, &a->ntrailers, &a->cap_trailers, h);
	else
		push_header(a, &a->pub.headers, &a->pub.nheaders, &a->cap_headers, h);
}

static void up_gone(struct sock_duplex *d)
{
	struct cconn *c = cconn_of(d->sock);
	c->up = NULL;
	free(d);
	if (c->dead)
		free_soon(c);
	else
		cconn_dead(c, -ECONNRESET);
}

void answer_head(struct answer *a)
{
	struct cconn *c = a->conn;
	uint64_t n;
	a->head = true;
	if (a->pub.proto == 20)
		a->pub.content_length = str_u64(http_answer_header(&a->pub, STR("content-length")), &n) == 0 ? (int64_t)n : -1;
	if (a->upgrade && a->pub.status == 101 && (c->up = calloc(1, sizeof *c->up)))
		sock_duplex_init(c->up, &c->sock, up_gone);
	cond_wake_all(&a->cond);
}

void answer_data(struct answer *a, struct str data)
{
	buf_put(&a->in, data.p, data.n);
	cond_wake_all(&a->cond);
}

void answer_end(struct answer *a, int error)
{
	a->eof = error == 0;
	a->error = error;
	cond_wake_all(&a->cond);
	cond_wake_all(&a->out_cond);
}

static void send_body(void *arg)
{
	struct answer *a = arg;
	char p[16384];
	ssize_t n = 0;
	while (a->conn && (n = a->body_read(a->body_arg, p, sizeof p)) > 0) {
		while (a->conn && a->out.n - a->out_off > SEND_MAX)
			if (cond_wait(&a->out_cond, MONO_NEVER) < 0)
				return;
		buf_put(&a->out, p, n);
		if (a->conn)
			a->conn->proto->more(a->conn, a);
	}
	if (!a->conn)
		return;
	a->out_end = n == 0;
	if (n == 0)
		a->conn->proto->more(a->conn, a);
	else
		answer_end(a, (int)n);
}

static struct answer *answer_new(const struct http_call *q, struct arena *arena)
{
	struct answer *a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	a->arena = arena;
	a->pub.content_length = -1;
	a->is_head = str_is(q->method, "HEAD");
	a->upgrade = q->upgrade.n > 0;
	a->has_body = q->body.n || q->body_read;
	a->body_read = q->body_read;
	a->body_arg = q->body_arg;
	cond_init(&a->cond);
	cond_init(&a->out_cond);
	scope_init(&a->scope, NULL);
	if (!q->body_read) {
		buf_put(&a->out, q->body.p, q->body.n);
		a->out_end = true;
	}
	return a;
}

static int send_on(struct cconn *c, struct answer *a, const struct http_call *q)
{
	a->conn = c;
	list_push(&c->answers, &a->node);
	c->nanswers++;
	c->active = rt_now();
	int r = c->proto->send(c, a, q);
	if (r < 0) {
		c->draining |= r == -EAGAIN; /* stream numbers are used up */
		a->refused = r == -EAGAIN;
		cconn_release(c, a);
		return r;
	}
	check_later(c);
	if (a->body_read && !fiber_spawn(&a->scope, "http body", send_body, a))
		return -EAGAIN;
	return 0;
}

static int await_head(struct answer *a, mono_t deadline)
{
	while (!a->head && !a->error && !a->eof) {
		int r = cond_wait(&a->cond, deadline);
		if (r < 0)
			return r;
	}
	return a->head ? 0 : a->error ? a->error : -EPROTO;
}

/* May the same call be made again?  Only when the server cannot have acted on it. */
static bool may_retry(const struct answer *a, const struct http_call *q, bool reused, int error)
{
	if (q->no_retry || q->body_read || error == -ETIME || error == -ECANCELED || a->pub.status)
		return false;
	bool safe = !q->method.n || str_is(q->method, "GET") || str_is(q->method, "HEAD");
	return a->refused || (reused && safe);
}

static struct http_answer *try_call(struct http_client *cl, const struct http_call *q, struct arena *arena, mono_t deadline, bool *ret_retry, struct err *e)
{
	struct cconn *c = get_conn(cl, q->upgrade.n > 0, deadline, e);
	*ret_retry = false;
	if (!c)
		return NULL;
	struct answer *a = answer_new(q, arena);
	if (!a) {
		err_nomem(e, sizeof *a);
		return NULL;
	}
	bool reused = c->used;
	c->used = true;
	int r = send_on(c, a, q);
	if (r == 0)
		r = await_head(a, deadline);
	if (r == 0)
		return &a->pub;
	*ret_retry = may_retry(a, q, reused, r);
	name_failure(cl, NULL, r, e);
	http_answer_close(&a->pub);
	return NULL;
}

struct http_answer *http_call(struct http_client *cl, const struct http_call *q, struct arena *arena, struct err *e)
{
	mono_t deadline = q->deadline ? q->deadline : rt_now() + CALL_TIMEOUT;
	bool retry = true;
	struct http_answer *r = NULL;
	cl->users++;
	for (int i = 0; i < 3 && !r && retry; i++)
		r = try_call(cl, q, arena, deadline, &retry, e);
	if (!r && cl->freed)
		name_failure(cl, NULL, -ECANCELED, e);
	client_unref(cl);
	return r;
}

struct str http_answer_header(const struct http_answer *r, struct str name)
{
	for (uint32_t i = 0; i < r->nheaders; i++)
		if (str_eq(r->headers[i].name, name))
			return r->headers[i].value;
	return (struct str){0};
}

struct str http_answer_trailer(const struct http_answer *r, struct str name)
{
	const struct answer *a = of(r);
	for (uint32_t i = 0; i < a->ntrailers; i++)
		if (str_eq(a->trailers[i].name, name))
			return a->trailers[i].value;
	return (struct str){0};
}

ssize_t http_answer_read(struct http_answer *r, void *p, size_t n, mono_t deadline)
{
	struct answer *a = of(r);
	while (a->in.n == a->in_off && !a->eof && !a->error) {
		int e = cond_wait(&a->cond, deadline);
		if (e < 0)
			return e;
	}
	size_t have = a->in.n - a->in_off;
	if (!have)
		return a->eof ? 0 : a->error;
	n = n < have ? n : have;
	memcpy(p, a->in.p + a->in_off, n);
	a->in_off += n;
	if (a->in_off == a->in.n) {
		buf_clear(&a->in);
		a->in_off = 0;
	}
	if (a->conn)
		a->conn->proto->consumed(a->conn, a, n);
	return (ssize_t)n;
}

int http_answer_all(struct http_answer *r, size_t max, struct str *ret, mono_t deadline, struct err *e)
{
	struct answer *a = of(r);
	BUF(b);
	ssize_t n;
	char *p;
	size_t step = r->content_length > 0 && (size_t)r->content_length < max ? (size_t)r->content_length + 1 : 16384;
	while ((p = buf_room(&b, step)) && (n = http_answer_read(r, p, b.cap - b.n, deadline)) > 0) {
		b.n += n;
		if (b.n > max)
			return err_set(e, ERR_TOO_LARGE, "the answer is longer than %zu bytes", max);
		step = b.cap > b.n ? 1 : 16384;
	}
	if (!p)
		return err_nomem(e, step);
	if (n < 0) {
		err_set(e, n == -ETIME ? ERR_TIMEOUT : ERR_SERVICE_UNAVAILABLE, "the answer broke off: %s", strerror((int)-n));
		if (e)
			e->sys = (int)-n;
		return -1;
	}
	*ret = buf_take(&b, a->arena);
	return 0;
}

void http_answer_close(struct http_answer *r)
{
	if (!r)
		return;
	struct answer *a = of(r);
	struct cconn *c = a->conn;
	if (c && !c->up && !c->dead)
		c->proto->drop(c, a);
	if (c)
		cconn_release(c, a);
	scope_cancel(&a->scope);
	scope_fini(&a->scope);
	buf_fini(&a->in);
	buf_fini(&a->out);
	free(a);
}

struct duplex *http_answer_duplex(struct http_answer *r)
{
	struct answer *a = of(r);
	return a->conn && a->conn->up ? &a->conn->up->d : NULL;
}

const struct tls_peer *http_answer_peer(const struct http_answer *r)
{
	struct answer *a = of(r);
	return a->conn && a->conn->sock.peer ? a->conn->sock.peer : &tls_peer_none;
}
