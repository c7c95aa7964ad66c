/* Query parameters, and DeleteOptions in bodies, as the options of a call; with upstream's checks and messages. */
#include "apiserver/endpoint/endpoint.h"
#include "base/enc.h"
#include "codec/json.h"
#include "gen/meta_v1.h"
#include <errno.h>

#define FIELD_MANAGER_MAX 128 /* bytes, as upstream */

bool query_get(struct request *r, struct str name, struct str *ret)
{
	struct str rest = r->http ? r->http->query : (struct str){0}, n, v;
	while (rest.n && query_next(r->arena, &rest, &n, &v))
		if (str_eq(n, name))
			return *ret = v, true;
	return false;
}

bool bool_of_query(struct str v) { return !str_eq_fold(v, STR("false")) && !str_is(v, "0"); }

static struct str query_str(struct request *r, struct str name)
{
	struct str v;
	return query_get(r, name, &v) ? v : (struct str){0};
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* Go's strconv.ParseInt(s, 10, 64) with its errors. */
static int parse_int(struct str s, int64_t *ret, struct err *e)
{
	struct str digits = s.n && (s.p[0] == '+' || s.p[0] == '-') ? str_sub(s, 1, s.n) : s;
	BUF(q);
	enc_quote(&q, s);
	if (!all_digits(digits))
		return err_set(e, ERR_BAD_REQUEST, "strconv.ParseInt: parsing %.*s: invalid syntax", STR_F(buf_view(&q)));
	if (str_i64(s.p[0] == '+' ? digits : s, ret))
		return err_set(e, ERR_BAD_REQUEST, "strconv.ParseInt: parsing %.*s: value out of range", STR_F(buf_view(&q)));
	return 0;
}

static int query_int(struct request *r, struct str name, bool *ret_has, int64_t *ret, struct err *e)
{
	struct str v;
	*ret_has = query_get(r, name, &v);
	return *ret_has ? parse_int(v, ret, e) : 0;
}

/* ---- causes ---- */

int invalid_options(const char *kind, struct err *e)
{
	if (!e->ncauses)
		return 0;
	BUF(m);
	buf_printf(&m, "%s.meta.k8s.io \"\" is invalid: ", kind);
	if (e->ncauses > 1)
		buf_char(&m, '[');
	for (uint32_t i = 0; i < e->ncauses; i++)
		buf_printf(&m, "%s%.*s: %.*s", i ? ", " : "", STR_F(e->causes[i].field), STR_F(e->causes[i].message));
	if (e->ncauses > 1)
		buf_char(&m, ']');
	e->message = buf_take(&m, e->mem);
	err_object(e, STR("meta.k8s.io"), str_of(kind), (struct str){0});
	return -1;
}

static void forbidden(struct err *e, const char *field, const char *why) { err_cause(e, "FieldValueForbidden", str_of(field), "Forbidden: %s", why); }

#define MATCH "resourceVersionMatch"

static void unsupported_match(struct err *e, struct str match, const char *supported)
{
	BUF(q);
	enc_quote(&q, match);
	err_cause(e, "FieldValueNotSupported", STR(MATCH), "Unsupported value: %.*s: supported values: %s", STR_F(buf_view(&q)), supported);
}

static bool is_exact(const struct call *c) { return str_is(c->rv_match, "Exact"); }
static bool is_not_older(const struct call *c) { return str_is(c->rv_match, "NotOlderThan"); }

static void check_watch(struct request *r, struct err *e)
{
	const struct call *c = &r->call;
	if (r->has_send_initial && !is_not_older(c))
		forbidden(e, MATCH, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	if (c->rv_match.n && !r->has_send_initial)
		forbidden(e, MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
	if (c->rv_match.n && !is_not_older(c))
		unsupported_match(e, c->rv_match, "\"NotOlderThan\"");
	if (c->continue_.n)
		forbidden(e, MATCH, "resourceVersionMatch is forbidden when continue is provided");
}

static void check_list(struct request *r, struct err *e)
{
	const struct call *c = &r->call;
	if (c->rv_match.n) {
		if (!c->resource_version.n)
			forbidden(e, MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided");
		if (c->continue_.n)
			forbidden(e, MATCH, "resourceVersionMatch is forbidden when continue is provided");
		if (!is_exact(c) && !is_not_older(c))
			unsupported_match(e, c->rv_match, "\"Exact\", \"NotOlderThan\", \"\"");
		if (is_exact(c) && str_is(c->resource_version, "0"))
			forbidden(e, MATCH, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
	}
	if (r->has_send_initial)
		forbidden(e, "sendInitialEvents", "sendInitialEvents is forbidden for list");
}

static int read_list(struct request *r, struct err *e)
{
	struct call *c = &r->call;
	struct str v;
	bool has;
	c->label_selector = query_str(r, STR("labelSelector"));
	c->field_selector = query_str(r, STR("fieldSelector"));
	c->resource_version = query_str(r, STR("resourceVersion"));
	c->rv_match = query_str(r, STR(MATCH));
	c->continue_ = query_str(r, STR("continue"));
	c->bookmarks = query_get(r, STR("allowWatchBookmarks"), &v) && bool_of_query(v);
	r->has_send_initial = query_get(r, STR("sendInitialEvents"), &v);
	c->send_initial_events = r->has_send_initial && bool_of_query(v);
	if (query_int(r, STR("limit"), &has, &c->limit, e))
		return -1;
	return query_int(r, STR("timeoutSeconds"), &has, &c->timeout_s, e);
}

int options_list(struct request *r, struct err *e)
{
	if (r->http && read_list(r, e))
		return -1;
	if (!r->http)
		r->has_send_initial = r->call.send_initial_events;
	ERR(causes);
	if (r->watch)
		check_watch(r, &causes);
	else
		check_list(r, &causes);
	if (invalid_options("ListOptions", &causes)) {
		err_move(e, &causes);
		return -1;
	}
	return 0;
}

/* ---- writes ---- */

struct words {
	struct str items[8];
	unsigned n;
};

static bool dry_run_ok(const struct words *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!str_is(w->items[i], "All"))
			return false;
	return true;
}

static void check_dry_run(struct request *r, const struct words *w, struct err *e)
{
	BUF(list);
	r->call.dry_run = w->n > 0;
	if (dry_run_ok(w))
		return;
	buf_char(&list, '[');
	for (unsigned i = 0; i < w->n; i++) {
		if (i)
			buf_char(&list, ',');
		json_string(&list, w->items[i]);
	}
	err_cause(e, "FieldValueNotSupported", STR("dryRun"), "Unsupported value: %.*s]: supported values: \"All\"", STR_F(buf_view(&list)));
}

static void query_dry_run(struct request *r, struct words *w)
{
	struct str rest = r->http->query, n, v;
	w->n = 0;
	while (rest.n && w->n < ARRAY_LEN(w->items) && query_next(r->arena, &rest, &n, &v))
		if (str_is(n, "dryRun"))
			w->items[w->n++] = v;
}

/* The first character at or after *i that Go does not print; -1: none.  Control characters and Latin-1's blanks are what occurs. */
static int unprintable(struct str s, size_t *i)
{
	for (; *i < s.n; ++*i) {
		unsigned char c = (unsigned char)s.p[*i], next = *i + 1 < s.n ? (unsigned char)s.p[*i + 1] : 0;
		if (c < ' ' || c == 0x7f)
			return c;
		if (c == 0xc2 && ((next >= 0x80 && next <= 0xa0) || next == 0xad))
			return next;
	}
	return -1;
}

static void check_manager(struct request *r, struct err *e)
{
	struct str m = r->call.field_manager;
	size_t at = 0;
	if (m.n > FIELD_MANAGER_MAX)
		err_cause(e, "FieldValueTooLong", STR("fieldManager"), "Too long: may not be more than %d bytes", FIELD_MANAGER_MAX);
	int c = unprintable(m, &at);
	if (c < 0)
		return;
	BUF(q);
	enc_quote(&q, m);
	err_cause(e, "FieldValueInvalid", STR("fieldManager"), "Invalid value: %.*s: invalid character U+%04X (at position %zu)", STR_F(buf_view(&q)), (unsigned)c, at);
}

static void check_field_validation(struct request *r, struct err *e)
{
	struct str v = r->call.field_validation;
	if (!v.n || str_is(v, "Ignore") || str_is(v, "Warn") || str_is(v, "Strict"))
		return;
	BUF(q);
	enc_quote(&q, v);
	err_cause(e, "FieldValueNotSupported", STR("fieldValidation"),
		"Unsupported value: %.*s: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"", STR_F(buf_view(&q)));
}

static void check_patch(struct request *r, bool has_force, struct err *e)
{
	if (r->call.patch_type == PATCH_APPLY) {
		if (!r->call.field_manager.n)
			err_cause(e, "FieldValueRequired", STR("fieldManager"), "Required value: is required for apply patch");
	} else if (has_force) {
		forbidden(e, "force", "may not be specified for non-apply patch");
	}
}

int options_write(struct request *r, const char *kind, struct err *e)
{
	struct words dry = {0};
	struct str v;
	bool has_force = r->call.force;
	ERR(causes);
	if (r->http) {
		r->call.field_manager = query_str(r, STR("fieldManager"));
		r->call.field_validation = query_str(r, STR("fieldValidation"));
		has_force = query_get(r, STR("force"), &v);
		r->call.force = has_force && bool_of_query(v);
		query_dry_run(r, &dry);
	}
	bool patch = str_is(str_of(kind), "PatchOptions");
	if (patch)
		check_patch(r, has_force, &causes);
	check_manager(r, &causes);
	if (r->http)
		check_dry_run(r, &dry, &causes);
	check_field_validation(r, &causes);
	if (invalid_options(kind, &causes)) {
		err_move(e, &causes);
		return -1;
	}
	return 0;
}

/* ---- deletes ---- */

static const struct {
	const char *name;
	enum propagation p;
} propagations[] = {{"Foreground", PROPAGATE_FOREGROUND}, {"Background", PROPAGATE_BACKGROUND}, {"Orphan", PROPAGATE_ORPHAN}};

static void check_propagation(struct request *r, struct str policy, bool has_policy, struct err *e)
{
	BUF(q);
	enc_quote(&q, policy);
	if (has_policy && r->has_orphan) {
		err_cause(e, "FieldValueInvalid", STR("propagationPolicy"),
			"Invalid value: %.*s: orphanDependents and deletionPropagation cannot be both set", STR_F(buf_view(&q)));
		return;
	}
	for (size_t i = 0; has_policy && i < ARRAY_LEN(propagations); i++)
		if (str_is(policy, propagations[i].name)) {
			r->call.propagation = propagations[i].p;
			return;
		}
	if (has_policy)
		err_cause(e, "FieldValueNotSupported", STR("propagationPolicy"),
			"Unsupported value: %.*s: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", STR_F(buf_view(&q)));
}

static int finish_delete(struct request *r, struct err *causes, struct err *e)
{
	if (!invalid_options("DeleteOptions", causes))
		return 0;
	err_move(e, causes);
	return -1;
}

int options_delete(struct request *r, struct err *e)
{
	struct words dry = {0};
	struct str v = {0}, policy = STR("");
	ERR(causes);
	if (query_int(r, STR("gracePeriodSeconds"), &r->call.has_grace, &r->call.grace_s, e))
		return -1;
	r->has_orphan = query_get(r, STR("orphanDependents"), &v);
	r->call.orphan_dependents = r->has_orphan && bool_of_query(v);
	bool has_policy = query_get(r, STR("propagationPolicy"), &policy);
	check_propagation(r, policy, has_policy, &causes);
	query_dry_run(r, &dry);
	check_dry_run(r, &dry, &causes);
	return finish_delete(r, &causes, e);
}

static int take_delete_options(struct request *r, const struct meta_v1_DeleteOptions *o, struct err *e)
{
	struct call *c = &r->call;
	struct words dry = {0};
	ERR(causes);
	c->has_grace = o->has_gracePeriodSeconds;
	c->grace_s = o->gracePeriodSeconds;
	r->has_orphan = o->has_orphanDependents;
	c->orphan_dependents = o->orphanDependents;
	if (o->preconditions) {
		c->pre_uid = o->preconditions->uid;
		c->pre_rv = o->preconditions->resourceVersion;
	}
	check_propagation(r, o->propagationPolicy, o->propagationPolicy.p != NULL, &causes);
	LIST_EACH(d, o->dryRun)
		if (dry.n < ARRAY_LEN(dry.items))
			dry.items[dry.n++] = *d;
	check_dry_run(r, &dry, &causes);
	return finish_delete(r, &causes, e);
}

int options_delete_body(struct request *r, struct str body, enum media m, struct err *e)
{
	const struct type *t = type_by_name(STR("meta/v1.DeleteOptions"));
	struct ref o;
	if (body_decode(r, t, body, m, false, &o, e))
		return -1;
	return take_delete_options(r, o.p, e);
}
