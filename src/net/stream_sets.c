#include "net/stream_impl.h"
#include <errno.h>
#include <stdio.h>

/* Exec */

static bool wanted(const struct stream_want *w, enum stream_type t)
{
	switch (t) {
	case STREAM_STDIN: return w->in;
	case STREAM_STDOUT: return w->out;
	case STREAM_STDERR: return w->err && !w->tty;
	case STREAM_RESIZE: return w->tty;
	default: return t == STREAM_ERROR;
	}
}

static bool find_set(struct stream_conn *c, struct stream_set *ret)
{
	struct stream *s;
	*ret = (struct stream_set){0};
	list_each(s, &c->streams, node)
		if (wanted(&c->want, s->type) && !ret->s[s->type] && !s->released)
			ret->s[s->type] = s;
	for (int t = 0; t < STREAM_TYPES; t++)
		if (wanted(&c->want, (enum stream_type)t) && !ret->s[t])
			return false;
	return true;
}

static int broken(int error, const char *what, struct err *e)
{
	err_set(e, error == -ETIME ? ERR_TIMEOUT : ERR_SERVICE_UNAVAILABLE, "%s: %s", what, strerror(-error));
	if (e)
		e->sys = -error;
	return -1;
}

static struct stream *open_one(struct stream_conn *c, enum stream_type t, uint16_t port, uint32_t request, struct err *e)
{
	struct stream *s = stream_new(c, 0, t);
	if (!s) {
		err_nomem(e, sizeof *c);
		return NULL;
	}
	s->port = port;
	int r = c->framing->open(c, s, request);
	if (r == 0)
		return s;
	broken(r, "opening a stream", e);
	s->dead = s->eof = s->ended = true;
	stream_release(s);
	return NULL;
}

/* In upstream's order: servers may act when the last one they need is there. */
static int open_set(struct stream_conn *c, struct stream_set *ret, struct err *e)
{
	static const enum stream_type order[] = {STREAM_ERROR, STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_RESIZE};
	struct stream_set set = {0};
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (wanted(&c->want, order[i]) && !(set.s[order[i]] = open_one(c, order[i], 0, 0, e)))
			return -1;
	*ret = set;
	return 0;
}

int stream_exec_set(struct stream_conn *c, struct stream_set *ret, mono_t deadline, struct err *e)
{
	struct stream_set set;
	if (!c->server && c->framing == &spdy_framing)
		return open_set(c, ret, e);
	while (!find_set(c, &set)) {
		int r = c->over ? -EPIPE : cond_wait(&c->changed, deadline);
		if (r < 0)
			return broken(r, "waiting for the client's streams", e);
	}
	*ret = set;
	return 0;
}

/* Port-forward */

int stream_pair_open(struct stream_conn *c, uint16_t port, struct stream_pair *ret, struct err *e)
{
	uint32_t request = c->next_request++;
	struct stream *error = open_one(c, STREAM_ERROR, port, request, e);
	if (!error)
		return -1;
	int r = stream_half_close(error); /* it is the server's to write */
	struct stream *data = r < 0 ? NULL : open_one(c, STREAM_DATA, port, request, e);
	if (r < 0)
		broken(r, "opening a stream", e);
	if (!data) {
		stream_reset(error);
		return -1;
	}
	*ret = (struct stream_pair){data, error, port};
	return 0;
}

static bool find_pair(struct stream_conn *c, struct stream_pair *ret)
{
	struct stream *a, *b;
	list_each(a, &c->streams, node) {
		if (a->claimed || a->type != STREAM_DATA)
			continue;
		list_each(b, &c->streams, node)
			if (!b->claimed && b->type == STREAM_ERROR && b->request == a->request && b->port == a->port) {
				a->claimed = b->claimed = true;
				*ret = (struct stream_pair){a, b, a->port};
				return true;
			}
	}
	return false;
}

int stream_pair_next(struct stream_conn *c, struct stream_pair *ret, mono_t deadline, struct err *e)
{
	while (!find_pair(c, ret)) {
		int r = c->over ? -EPIPE : cond_wait(&c->changed, deadline);
		if (r < 0)
			return broken(r, "waiting for the client's streams", e);
	}
	return 0;
}

/* Resize */

#define RESIZE_MAX 256

static uint16_t number_after(struct str s, struct str name)
{
	ptrdiff_t at = str_find(s, name);
	unsigned v = 0;
	for (size_t i = at < 0 ? s.n : (size_t)at + name.n; i < s.n && v < 65536; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9')
			v = v * 10 + (unsigned)(s.p[i] - '0');
		else if (v || (s.p[i] != ' ' && s.p[i] != ':'))
			break;
	}
	return v > 65535 ? 65535 : (uint16_t)v;
}

int stream_resize_read(struct stream *s, uint16_t *ret_width, uint16_t *ret_height, mono_t deadline)
{
	char text[RESIZE_MAX];
	size_t n = 0;
	while (n < sizeof text) {
		ssize_t k = stream_read(s, text + n, 1, deadline);
		if (k <= 0)
			return (int)k;
		if (text[n++] != '}')
			continue;
		*ret_width = number_after(str_n(text, n), STR("\"Width\""));
		*ret_height = number_after(str_n(text, n), STR("\"Height\""));
		return 1;
	}
	return -EPROTO;
}

int stream_resize_write(struct stream *s, uint16_t width, uint16_t height)
{
	char text[64];
	int n = snprintf(text, sizeof text, "{\"Width\":%u,\"Height\":%u}\n", width, height);
	ssize_t k = stream_write(s, text, (size_t)n, MONO_NEVER);
	return k < 0 ? (int)k : 0;
}

/* Bridging */

struct bridge;
struct copy {
	struct stream *from, *to;
	struct bridge *b;
	bool output;
};
struct bridge {
	struct stream_conn *client, *backend;
	struct scope scope;
	uint32_t outputs; /* copies from the backend of an exec, or pairs, that still run */
};

static void output_ended(struct bridge *b)
{
	if (--b->outputs == 0)
		scope_cancel(&b->scope);
}

static void copy_run(void *arg)
{
	struct copy *c = arg;
	BUF(b);
	char *p = buf_room(&b, 32768);
	ssize_t n, k = 0;
	while (k >= 0 && (n = stream_read(c->from, p, 32768, MONO_NEVER)) > 0)
		k = stream_write(c->to, p, n, MONO_NEVER);
	if (k >= 0 && n == 0 && !stream_conn_closed(c->from->conn))
		(void)!stream_half_close(c->to);
	if (c->output)
		output_ended(c->b);
}

static void await_end(void *arg)
{
	struct bridge *b = arg;
	if (stream_conn_wait(b->client, MONO_NEVER) == 0)
		scope_cancel(&b->scope);
}

static int bridge_exec(struct bridge *b, struct err *e)
{
	struct stream_set client, backend;
	struct copy copies[STREAM_TYPES];
	mono_t deadline = rt_now() + 30 * NS_S;
	if (stream_exec_set(b->client, &client, deadline, e) < 0 || stream_exec_set(b->backend, &backend, deadline, e) < 0)
		return -1;
	int bad = !fiber_spawn(&b->scope, "bridge", await_end, b);
	for (int t = 0; t < STREAM_TYPES; t++) {
		bool output = t != STREAM_STDIN && t != STREAM_RESIZE;
		if (!client.s[t] || !backend.s[t])
			continue;
		copies[t] = output ? (struct copy){backend.s[t], client.s[t], b, true} : (struct copy){client.s[t], backend.s[t], b, false};
		b->outputs += output;
		bad |= !fiber_spawn(&b->scope, "bridge", copy_run, &copies[t]);
	}
	if (bad)
		scope_cancel(&b->scope);
	(void)!scope_join(&b->scope, MONO_NEVER);
	return bad ? err_set(e, ERR_TOO_MANY_REQUESTS, "out of fibers") : 0;
}

/* A WebSocket's pairs are there from the start, and their client cannot say that it has no more: they end with what the backend says. */
static bool pairs_are_fixed(const struct bridge *b) { return b->client->framing == &ws_framing; }

static void release_pair(struct stream_pair *p)
{
	stream_release(p->data);
	stream_release(p->error);
}

static void join_pair(struct bridge *b, const struct stream_pair *client, const struct stream_pair *backend)
{
	struct scope up, down;
	struct copy data = {backend->data, client->data, b, false}, error = {backend->error, client->error, b, false}, sent = {client->data, backend->data, b, false};
	scope_init(&up, NULL);
	scope_init(&down, NULL);
	fiber_spawn(&up, "bridge", copy_run, &sent);
	fiber_spawn(&down, "bridge", copy_run, &data);
	fiber_spawn(&down, "bridge", copy_run, &error);
	(void)!scope_join(&down, MONO_NEVER);
	if (pairs_are_fixed(b)) {
		scope_cancel(&up);
		(void)!stream_half_close(backend->data);
	}
	(void)!scope_join(&up, MONO_NEVER);
	scope_fini(&down);
	scope_fini(&up);
}

struct pair_bridge {
	struct bridge *b;
	struct stream_pair client;
};

static void pair_run(void *arg)
{
	struct pair_bridge p = *(struct pair_bridge *)arg;
	struct stream_pair backend;
	ERR(e);
	if (stream_pair_open(p.b->backend, p.client.port, &backend, &e) < 0) {
		stream_reset(p.client.data);
		stream_reset(p.client.error);
	} else {
		join_pair(p.b, &p.client, &backend);
		release_pair(&p.client);
		release_pair(&backend);
	}
	if (pairs_are_fixed(p.b))
		output_ended(p.b);
}

static int bridge_ports(struct bridge *b)
{
	ERR(ended);
	struct pair_bridge p = {.b = b};
	uint32_t most = pairs_are_fixed(b) ? b->client->want.nports : UINT32_MAX;
	b->outputs = most;
	for (uint32_t n = 0; n < most && stream_pair_next(b->client, &p.client, MONO_NEVER, &ended) == 0; n++) {
		fiber_spawn(&b->scope, "bridge", pair_run, &p);
		if (fiber_yield() < 0) /* it has copied p then */
			break;
	}
	if (!pairs_are_fixed(b) || !fiber_spawn(&b->scope, "bridge", await_end, b))
		scope_cancel(&b->scope);
	(void)!scope_join(&b->scope, MONO_NEVER);
	return 0;
}

int stream_bridge(struct stream_conn *client, struct stream_conn *backend, struct err *e)
{
	struct bridge b = {.client = client, .backend = backend};
	scope_init(&b.scope, NULL);
	int r = client->want.port_forward ? bridge_ports(&b) : bridge_exec(&b, e);
	scope_fini(&b.scope);
	return r;
}
