#include "net/stream_impl.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[STREAM_TYPES] = {"stdin", "stdout", "stderr", "error", "resize", "data"};

const char *stream_type_name(enum stream_type t)
{
	return names[t];
}

struct stream_conn *stream_conn_new(const struct framing *f, bool server, const char *protocol, const struct stream_want *w)
{
	struct stream_conn *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->framing = f;
	c->server = server;
	c->want = *w;
	snprintf(c->protocol, sizeof c->protocol, "%s", protocol ? protocol : "");
	c->want.nports = w->nports < PORTS_MAX ? w->nports : PORTS_MAX;
	if (c->want.nports)
		memcpy(c->ports, w->ports, c->want.nports * sizeof *c->ports);
	c->want.ports = c->ports;
	list_init(&c->streams);
	cond_init(&c->changed);
	cond_init(&c->write_cond);
	scope_init(&c->scope, NULL);
	return c;
}

static void run(void *arg)
{
	struct stream_conn *c = arg;
	struct stream *s;
	int e = c->framing->run(c);
	c->error = e;
	c->over = true;
	list_each(s, &c->streams, node)
		cond_wake_all(&s->readable);
	cond_wake_all(&c->changed);
	cond_wake_all(&c->write_cond);
}

int stream_conn_start(struct stream_conn *c)
{
	if (c->framing->start(c) == 0 && fiber_spawn(&c->scope, "streams", run, c)) {
		c->running = true;
		return 0;
	}
	stream_conn_close(c);
	return -1;
}

const char *stream_conn_protocol(const struct stream_conn *c)
{
	return c->protocol;
}

int stream_conn_error(const struct stream_conn *c)
{
	return c->error == -EPIPE ? 0 : c->error;
}

bool stream_conn_closed(const struct stream_conn *c)
{
	return c->over;
}

int stream_conn_wait(struct stream_conn *c, mono_t deadline)
{
	while (!c->over) {
		int e = cond_wait(&c->changed, deadline);
		if (e < 0)
			return e;
	}
	return 0;
}

static void stream_free(struct stream *s)
{
	list_remove(&s->node);
	s->conn->nstreams--;
	buf_fini(&s->in);
	free(s);
}

void stream_conn_close(struct stream_conn *c)
{
	struct stream *s;
	if (!c)
		return;
	c->closing = true;
	fiber_shield_begin();
	scope_cancel(&c->scope);
	(void)!scope_join(&c->scope, MONO_NEVER);
	c->framing->finish(c);
	fiber_shield_end();
	scope_fini(&c->scope);
	list_each(s, &c->streams, node)
		stream_free(s);
	spdy_fini(&c->spdy);
	free(c);
}

/* Pipes */

struct stream *stream_new(struct stream_conn *c, uint32_t id, enum stream_type type)
{
	struct stream *s = c->nstreams < STREAMS_MAX ? calloc(1, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->conn = c;
	s->id = id;
	s->type = type;
	cond_init(&s->readable);
	cond_init(&s->space);
	list_push(&c->streams, &s->node);
	c->nstreams++;
	cond_wake_all(&c->changed);
	return s;
}

struct stream *stream_by_id(struct stream_conn *c, uint32_t id)
{
	struct stream *s;
	list_each(s, &c->streams, node)
		if (s->id == id)
			return s;
	return NULL;
}

static size_t waiting(const struct stream *s)
{
	return s->in.n - s->off;
}

static void maybe_free(struct stream *s)
{
	if (s->released && !s->busy && (s->dead || (s->eof && s->ended) || s->conn->over))
		stream_free(s);
}

int stream_push(struct stream *s, struct str data)
{
	int e = 0;
	s->busy = true;
	while (e == 0 && !s->released && waiting(s) >= STREAM_BUFFER)
		e = cond_wait(&s->space, MONO_NEVER);
	s->busy = false;
	size_t skip = s->skip < (int)data.n ? (size_t)s->skip : data.n;
	s->skip -= (int)skip;
	if (s->released) {
		maybe_free(s);
		return e;
	}
	buf_put(&s->in, data.p + skip, data.n - skip);
	cond_wake_all(&s->readable);
	return e < 0 ? e : s->in.failed ? -ENOMEM : 0;
}

void stream_push_end(struct stream *s, bool dead)
{
	s->eof = true;
	s->dead |= dead;
	cond_wake_all(&s->readable);
	maybe_free(s);
}

ssize_t stream_read(struct stream *s, void *p, size_t n, mono_t deadline)
{
	while (!waiting(s) && !s->eof && !s->conn->over) {
		int e = cond_wait(&s->readable, deadline);
		if (e < 0)
			return e;
	}
	if (!waiting(s))
		return s->eof ? 0 : stream_conn_error(s->conn);
	n = n < waiting(s) ? n : waiting(s);
	memcpy(p, s->in.p + s->off, n);
	s->off += n;
	if (!waiting(s)) {
		buf_clear(&s->in);
		s->off = 0;
		cond_wake_all(&s->space);
	}
	return (ssize_t)n;
}

ssize_t stream_write(struct stream *s, const void *p, size_t n, mono_t deadline)
{
	if (s->ended || s->dead || s->conn->over)
		return -EPIPE;
	int e = n ? s->conn->framing->write(s, p, n, deadline) : 0;
	return e < 0 ? e : (ssize_t)n;
}

int stream_half_close(struct stream *s)
{
	if (s->ended || s->dead || s->conn->over)
		return 0;
	s->ended = true;
	return s->conn->framing->half_close(s);
}

void stream_reset(struct stream *s)
{
	if (!s->dead && !s->conn->over)
		s->conn->framing->reset(s);
	s->dead = s->eof = s->ended = true;
	stream_release(s);
}

void stream_release(struct stream *s)
{
	s->released = true;
	buf_clear(&s->in);
	s->off = 0;
	cond_wake_all(&s->space);
	maybe_free(s);
}

bool stream_eof(const struct stream *s)
{
	return !waiting(s) && (s->eof || s->conn->over);
}
