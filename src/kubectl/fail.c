/* Errors in upstream's words: scripts look for them. */
#include "kubectl/ctl.h"
#include <errno.h>

/* "127.0.0.1:6443" of "https://127.0.0.1:6443/base". */
static struct str host_of(struct str server)
{
	ptrdiff_t at = str_find(server, STR("://"));
	struct str host = at < 0 ? server : str_sub(server, (size_t)at + 3, server.n), path;
	str_cut(host, '/', &host, &path);
	return host;
}

static bool said(const struct err *e, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(e->causes[j].field, e->causes[i].field) && str_eq(e->causes[j].message, e->causes[i].message))
			return true;
	return false;
}

/* Each once: the server tells some twice. */
static void put_causes(struct buf *out, const struct err *e)
{
	uint32_t different = 0;
	for (uint32_t i = 0; i < e->ncauses; i++)
		different += !said(e, i);
	for (uint32_t i = 0; i < e->ncauses; i++) {
		const struct err_cause *c = &e->causes[i];
		if (!said(e, i))
			buf_printf(out, "%s%.*s: %.*s", different > 1 ? "\n* " : "", STR_F(c->field), STR_F(c->message));
	}
}

static void put_invalid(struct buf *out, const struct err *e)
{
	if (e->kind.n || e->name.n)
		buf_printf(out, "The %.*s \"%.*s\" is invalid", STR_F(e->kind), STR_F(e->name));
	else
		buf_lit(out, "The request is invalid");
	if (e->ncauses) {
		buf_lit(out, ": ");
		put_causes(out, e);
	} else if (!e->kind.n && !e->name.n && e->message.n) {
		buf_printf(out, ": %.*s", STR_F(e->message));
	}
	buf_char(out, '\n');
}

static void put_connection(struct buf *out, const struct err *e, struct str server)
{
	struct str host = host_of(server);
	if (e->sys == ECONNREFUSED)
		buf_printf(out, "The connection to the server %.*s was refused - did you specify the right host or port?\n", STR_F(host));
	else
		buf_printf(out, "Unable to connect to the server: %.*s\n", STR_F(e->message));
}

/* Whether a server said it. */
static bool is_status(const struct err *e) { return e->sys == SYS_STATUS; }

void fail_text(struct buf *out, const struct err *e, struct str server, bool alone)
{
	const char *reason = err_reason_name(e->reason);
	if (e->sys > 0 && e->reason != ERR_SYSTEM)
		put_connection(out, e, server);
	else if (!is_status(e))
		buf_printf(out, "error: %.*s\n", STR_F(e->message));
	else if (e->reason == ERR_INVALID && alone)
		put_invalid(out, e);
	else if (e->reason == ERR_UNAUTHORIZED)
		buf_printf(out, "error: You must be logged in to the server (%.*s)\n", STR_F(e->message));
	else if (*reason)
		buf_printf(out, "Error from server (%s): %.*s\n", reason, STR_F(e->message));
	else
		buf_printf(out, "Error from server: %.*s\n", STR_F(e->message));
}

int fail_source(struct err *e, const char *what, struct str source)
{
	if (source.n && is_status(e))
		err_wrap(e, "error when %s \"%.*s\"", what, STR_F(source));
	return -1;
}
