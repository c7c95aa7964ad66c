/* The one error type.
 *
 * The caller owns a struct err (zeroed, `struct err e = {0}` or ERR(e)) and passes it as the last parameter; a function that fails
 * fills it and returns -1 (or NULL), otherwise it leaves it alone.  code and reason are the HTTP code and the API reason of the
 * metav1.Status that it becomes without translation.  Context is added once per layer with err_wrap.  NULL may be passed where
 * nobody wants to know.  A struct err belongs to one thread. */
#pragma once
#include "base/scope.h"
#include "base/str.h"

/* Reasons as in metav1.Status.reason; the default HTTP code stands beside each in err.c (source: errors-reasons facts). */
enum err_reason {
	ERR_NONE, ERR_UNKNOWN, ERR_UNAUTHORIZED, ERR_FORBIDDEN, ERR_NOT_FOUND, ERR_ALREADY_EXISTS, ERR_CONFLICT, ERR_GONE, ERR_INVALID,
	ERR_SERVER_TIMEOUT, ERR_STORE_READ, ERR_TIMEOUT, ERR_TOO_MANY_REQUESTS, ERR_BAD_REQUEST, ERR_METHOD_NOT_ALLOWED, ERR_NOT_ACCEPTABLE,
	ERR_TOO_LARGE, ERR_UNSUPPORTED_MEDIA_TYPE, ERR_INTERNAL, ERR_EXPIRED, ERR_SERVICE_UNAVAILABLE,
	ERR_SYSTEM, /* errno in .sys; 500 without reason on the wire */
	ERR_REASONS
};

/* One cause of a 422.  type is the API's cause type, such as "FieldValueInvalid". */
struct err_cause {
	const char *type;
	struct str field, message;
};

struct err {
	enum err_reason reason;
	int code;                      /* HTTP code; 0 while there is no error */
	int sys;                       /* errno of the failed system call, or 0 */
	int retry_after_s;             /* details.retryAfterSeconds */
	struct str message;            /* in mem */
	struct str name, group, kind, uid; /* details of the object concerned, in mem */
	struct err_cause *causes;
	uint32_t ncauses, cap_causes;
	struct arena *mem;
};

void err_fini(struct err *e);
static inline void err_cleanup(struct err *e) { err_fini(e); }
/* A local error that frees itself. */
#define ERR(name) __attribute__((cleanup(err_cleanup))) struct err name = {0}

static inline bool err_is(const struct err *e, enum err_reason r) { return e->reason == r; }
/* Sets the error and returns -1, so that `return err_set(...)` reads well.  An earlier error is replaced. */
int err_set(struct err *e, enum err_reason r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* ERR_SYSTEM from an errno (either sign): "what: No such file or directory". */
int err_sys(struct err *e, int error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_nomem(struct err *e, size_t wanted);
/* "context: message"; keeps code, reason and causes.  Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends a cause (and makes the error ERR_INVALID if there is none yet). Returns -1. */
int err_cause(struct err *e, const char *type, struct str field, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void err_object(struct err *e, struct str group, struct str kind, struct str name);
/* Moves: *to must be empty or finished; *from is empty afterwards. */
void err_move(struct err *to, struct err *from);
void err_copy(struct err *to, const struct err *from);
/* "" for ERR_UNKNOWN and ERR_SYSTEM. */
const char *err_reason_name(enum err_reason r);
enum err_reason err_reason_parse(struct str name);
int err_reason_code(enum err_reason r);
/* The message, NUL-terminated; "" without error. */
const char *err_text(const struct err *e);
