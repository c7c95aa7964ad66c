#include "client/status.h"
#include "base/arena.h"
#include "base/buf.h"
#include "schema/reflect.h"

#define STATUS_SAID_MAX 256 /* of an answer's text that goes into the message */

/* An error keeps causes' types as constants: those that upstream knows. */
static const char *const cause_types[] = {
	"FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate", "FieldValueNotFound", "FieldValueNotSupported", "FieldValueForbidden",
	"FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid", "InternalError", "UnexpectedServerResponse", "FieldManagerConflict",
	"ResourceVersionTooLarge", "NamespaceTerminating", "DisruptionBudget",
};

static const char *cause_type(struct str reason)
{
	for (size_t i = 0; i < ARRAY_LEN(cause_types); i++)
		if (str_is(reason, cause_types[i]))
			return cause_types[i];
	return "";
}

static void causes_to_err(const struct meta_v1_StatusDetails *d, struct err *e)
{
	LIST_EACH(c, d->causes)
		err_cause(e, cause_type(c->reason), c->field, "%.*s", STR_F(c->message));
}

static void details_to_err(const struct meta_v1_StatusDetails *d, struct err *e)
{
	err_object(e, d->group, d->kind, d->name);
	e->uid = str_dup(e->mem, d->uid);
	e->retry_after_s = d->retryAfterSeconds;
	causes_to_err(d, e);
}

int status_to_err(const struct meta_v1_Status *s, struct err *e)
{
	if (!e)
		return -1;
	err_set(e, err_reason_parse(s->reason), "%.*s", STR_F(s->message));
	if (s->code)
		e->code = s->code;
	if (s->details)
		details_to_err(s->details, e);
	return -1;
}

struct code_text {
	int code;
	enum err_reason reason;
	const char *text;
};
/* Messages of upstream's NewGenericServerResponse. */
static const struct code_text code_texts[] = {
	{400, ERR_BAD_REQUEST, "the server rejected our request for an unknown reason"},
	{401, ERR_UNAUTHORIZED, "the server has asked for the client to provide credentials"},
	{403, ERR_FORBIDDEN, "the server does not allow access to the requested resource"},
	{404, ERR_NOT_FOUND, "the server could not find the requested resource"},
	{405, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource"},
	{406, ERR_NOT_ACCEPTABLE, "the server was unable to respond with a content type that the client supports"},
	{409, ERR_CONFLICT, "the server reported a conflict"},
	{410, ERR_GONE, "the resource you are looking for is gone"},
	{413, ERR_TOO_LARGE, "the request is too large for the server"},
	{415, ERR_UNSUPPORTED_MEDIA_TYPE, "the body of the request was in an unknown format"},
	{422, ERR_INVALID, "the server rejected our request due to an error in our request"},
	{429, ERR_TOO_MANY_REQUESTS, "the server has received too many requests and has asked us to try again later"},
	{500, ERR_INTERNAL, "an error on the server"},
	{503, ERR_SERVICE_UNAVAILABLE, "the server is currently unable to handle the request"},
	{504, ERR_TIMEOUT, "the server was unable to return a response in the time allotted, but may still be processing the request"},
};

static struct code_text text_of_code(int code, const char *verb)
{
	if (code == 409 && strcmp(verb, "POST") == 0)
		return (struct code_text){409, ERR_ALREADY_EXISTS, "the server reported a conflict"};
	for (size_t i = 0; i < ARRAY_LEN(code_texts); i++)
		if (code_texts[i].code == code)
			return code_texts[i];
	if (code >= 500)
		return (struct code_text){code, ERR_INTERNAL, "an error on the server"};
	return (struct code_text){code, ERR_UNKNOWN, NULL};
}

static void text_put(struct buf *out, struct code_text t, struct str said)
{
	if (t.text)
		buf_str(out, str_of(t.text));
	else
		buf_printf(out, "the server responded with the status code %d but did not return more information", t.code);
	if (t.code >= 500 && said.n)
		buf_printf(out, " (\"%.*s\")", STR_F(str_sub(said, 0, STATUS_SAID_MAX)));
}

int status_of_code(int code, const char *verb, struct str group, struct str resource, struct str name, struct str text, int retry_after_s, struct err *e)
{
	struct code_text t = text_of_code(code, verb);
	BUF(m);
	text_put(&m, t, text);
	if (!resource.n)
		err_set(e, t.reason, "%s", buf_z(&m));
	else
		err_set(e, t.reason, "%s (%s %.*s%s%.*s%s%.*s)", buf_z(&m), verb, STR_F(resource), group.n ? "." : "", STR_F(group), name.n ? " " : "", STR_F(name));
	if (!e)
		return -1;
	e->code = code;
	e->retry_after_s = retry_after_s;
	err_object(e, group, resource, name);
	if (text.n)
		err_cause(e, "UnexpectedServerResponse", (struct str){0}, "%.*s", STR_F(str_sub(text, 0, STATUS_SAID_MAX)));
	return -1;
}
