#include "base/err.h"
#include "base/arena.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Reasons without a name have none in the API either. */
static const struct {
	const char *name;
	int code;
} reasons[ERR_REASONS] = {
	[ERR_NONE] = {"", 0},
	[ERR_UNKNOWN] = {"", 500},
	[ERR_UNAUTHORIZED] = {"Unauthorized", 401},
	[ERR_FORBIDDEN] = {"Forbidden", 403},
	[ERR_NOT_FOUND] = {"NotFound", 404},
	[ERR_ALREADY_EXISTS] = {"AlreadyExists", 409},
	[ERR_CONFLICT] = {"Conflict", 409},
	[ERR_GONE] = {"Gone", 410},
	[ERR_INVALID] = {"Invalid", 422},
	[ERR_SERVER_TIMEOUT] = {"ServerTimeout", 500},
	[ERR_STORE_READ] = {"StorageReadError", 500},
	[ERR_TIMEOUT] = {"Timeout", 504},
	[ERR_TOO_MANY_REQUESTS] = {"TooManyRequests", 429},
	[ERR_BAD_REQUEST] = {"BadRequest", 400},
	[ERR_METHOD_NOT_ALLOWED] = {"MethodNotAllowed", 405},
	[ERR_NOT_ACCEPTABLE] = {"NotAcceptable", 406},
	[ERR_TOO_LARGE] = {"RequestEntityTooLarge", 413},
	[ERR_UNSUPPORTED_MEDIA_TYPE] = {"UnsupportedMediaType", 415},
	[ERR_INTERNAL] = {"InternalError", 500},
	[ERR_EXPIRED] = {"Expired", 410},
	[ERR_SERVICE_UNAVAILABLE] = {"ServiceUnavailable", 503},
	[ERR_SYSTEM] = {"", 500},
};

const char *err_reason_name(enum err_reason r)
{
	return reasons[r].name;
}

int err_reason_code(enum err_reason r)
{
	return reasons[r].code;
}

enum err_reason err_reason_parse(struct str name)
{
	for (int r = 0; name.n && r < ERR_REASONS; r++)
		if (str_is(name, reasons[r].name))
			return (enum err_reason)r;
	return ERR_UNKNOWN;
}

void err_fini(struct err *e)
{
	if (!e)
		return;
	arena_free(e->mem);
	*e = (struct err){0};
}

static struct arena *memory(struct err *e)
{
	if (!e->mem)
		e->mem = arena_new(NULL);
	return e->mem;
}

/* A long text for which there is no memory must not turn into no text. */
static struct str or_nomem(struct str s)
{
	return s.p ? s : STR("out of memory for the message");
}

/* The new text is made before the old error goes, since the arguments may point into it. */
static void replace(struct err *e, enum err_reason r, const char *fmt, va_list ap)
{
	struct err fresh = {.reason = r, .code = err_reason_code(r)};
	fresh.message = or_nomem(str_vprintf(memory(&fresh), fmt, ap));
	err_fini(e);
	*e = fresh;
}

int err_set(struct err *e, enum err_reason r, const char *fmt, ...)
{
	va_list ap;
	if (!e)
		return -1;
	va_start(ap, fmt);
	replace(e, r, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, int error, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	if (!e)
		return -1;
	va_start(ap, fmt);
	replace(e, ERR_SYSTEM, fmt, ap);
	va_end(ap);
	e->sys = error < 0 ? -error : error;
	e->message = or_nomem(str_printf(e->mem, "%.*s: %s", STR_F(e->message), strerror_r(e->sys, text, sizeof text)));
	return -1;
}

int err_nomem(struct err *e, size_t wanted)
{
	err_set(e, ERR_SYSTEM, "out of memory: %zu bytes wanted", wanted);
	if (e)
		e->sys = ENOMEM;
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;
	if (!e)
		return -1;
	va_start(ap, fmt);
	struct str context = str_vprintf(memory(e), fmt, ap);
	va_end(ap);
	e->message = or_nomem(str_printf(e->mem, "%.*s: %.*s", STR_F(context), STR_F(e->message)));
	return -1;
}

int err_cause(struct err *e, const char *type, struct str field, const char *fmt, ...)
{
	va_list ap;
	if (!e)
		return -1;
	va_start(ap, fmt);
	struct str message = or_nomem(str_vprintf(memory(e), fmt, ap));
	va_end(ap);
	struct { struct err_cause *items; uint32_t len, cap; } list = {e->causes, e->ncauses, e->cap_causes};
	struct err_cause *c = arena_push(e->mem, &list);
	if (c)
		*c = (struct err_cause){type, str_dup(e->mem, field), message};
	e->causes = list.items, e->ncauses = list.len, e->cap_causes = list.cap;
	if (e->reason == ERR_NONE) {
		e->reason = ERR_INVALID;
		e->code = err_reason_code(ERR_INVALID);
		e->message = or_nomem(str_printf(e->mem, "%.*s: %.*s", STR_F(field), STR_F(message)));
	}
	return -1;
}

void err_object(struct err *e, struct str group, struct str kind, struct str name)
{
	if (!e)
		return;
	struct arena *a = memory(e);
	struct str g = str_dup(a, group), k = str_dup(a, kind), n = str_dup(a, name);
	e->group = g, e->kind = k, e->name = n;
}

void err_move(struct err *to, struct err *from)
{
	if (to)
		*to = *from;
	else
		arena_free(from->mem);
	*from = (struct err){0};
}

void err_copy(struct err *to, const struct err *from)
{
	if (!to || to == from)
		return;
	struct err copy = *from;
	struct arena *a = copy.mem = arena_new(NULL);
	struct str *texts[] = {&copy.message, &copy.name, &copy.group, &copy.kind, &copy.uid};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = str_dup(a, *texts[i]);
	copy.causes = arena_array(a, struct err_cause, from->ncauses);
	copy.ncauses = copy.cap_causes = copy.causes ? from->ncauses : 0;
	for (uint32_t i = 0; i < copy.ncauses; i++) {
		const struct err_cause *c = &from->causes[i];
		copy.causes[i] = (struct err_cause){c->type, str_dup(a, c->field), str_dup(a, c->message)};
	}
	err_fini(to);
	*to = copy;
}

const char *err_text(const struct err *e)
{
	return e && e->message.p ? e->message.p : "";
}
