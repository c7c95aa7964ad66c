/* Bodies into typed objects, with upstream's words for what is wrong with them. */
#include "apiserver/endpoint/endpoint.h"
#include "base/enc.h"
#include "codec/defaults.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "codec/yaml.h"
#include "gen/ids.h"

#define SUMMARY 30 /* bytes of an unreadable body that the error shows */

static void summarize(struct buf *out, struct str body)
{
	struct str head = str_sub(body, 0, SUMMARY);
	if (!body.n)
		buf_lit(out, "<empty>");
	else if (body.p[0] == '{')
		buf_str(out, head);
	else
		enc_hex(out, head);
	if (body.n > SUMMARY)
		buf_lit(out, " ...");
}

static int unrecognized(const struct type *t, struct str body, struct err *e)
{
	BUF(s);
	summarize(&s, body);
	BUF(why);
	buf_str(&why, e->message);
	return err_set(e, ERR_BAD_REQUEST, "the object provided is unrecognized (must be of type %s): %.*s (%.*s)", desc_z(t->kind), STR_F(buf_view(&why)),
		STR_F(buf_view(&s)));
}

struct gvk {
	struct str api_version, kind;
};

static struct str version_of(struct str api_version)
{
	ptrdiff_t slash = str_rindex(api_version, '/');
	return slash < 0 ? api_version : str_sub(api_version, (size_t)slash + 1, api_version.n);
}

/* "Pod in version "v1" cannot be handled as a ConfigMap: WHY". */
static int cannot_handle(const struct gvk *g, const struct type *t, struct err *e, const char *why)
{
	BUF(text);
	buf_printf(&text, "%s", why);
	BUF(q);
	enc_quote(&q, version_of(g->api_version));
	return err_set(e, ERR_BAD_REQUEST, "%.*s in version %.*s cannot be handled as a %s: %s", STR_F(g->kind), STR_F(buf_view(&q)), desc_z(t->kind), buf_z(&text));
}

static int not_registered(const struct gvk *g, const struct type *t, bool object, struct err *e)
{
	BUF(why);
	buf_printf(&why, "no kind \"%.*s\" is registered for version \"%.*s\" in scheme \"pkg/runtime/scheme.go:111\"", STR_F(g->kind), STR_F(g->api_version));
	if (object)
		return cannot_handle(g, t, e, buf_z(&why));
	return err_set(e, ERR_BAD_REQUEST, "%s", buf_z(&why));
}

/* The name of a group's package of internal types, as conversion errors show it. */
static struct str internal_package(const struct type *t)
{
	struct str g = desc_str(t->group), head;
	if (!g.n || str_is(g, "events.k8s.io"))
		return STR("core");
	str_cut(g, '.', &head, &(struct str){0});
	return head;
}

static int wrong_kind(const struct gvk *g, const struct type *have, const struct type *want, struct err *e)
{
	BUF(why);
	if (have->kind == want->kind)
		return err_set(e, ERR_BAD_REQUEST, "the API version in the data (%.*s) does not match the expected API version (%s)", STR_F(g->api_version),
			desc_z(want->api_version));
	struct str pkg = internal_package(want);
	buf_printf(&why, "converting (%s) to (%.*s.%s): unknown conversion", desc_z(have->go_name), STR_F(pkg), desc_z(want->kind));
	return cannot_handle(g, want, e, buf_z(&why));
}

/* Missing parts are those of the type asked for. */
static int check_type(struct gvk *g, const struct type *t, bool object, struct err *e)
{
	if (!g->kind.n)
		g->kind = desc_str(t->kind);
	if (!g->api_version.n)
		g->api_version = desc_str(t->api_version);
	if ((t->flags & TYPE_ALL_GROUPS) && str_eq(g->kind, desc_str(t->kind)))
		return 0;
	const struct type *have = type_by_api_version(g->api_version, g->kind);
	if (t->index == T_policy_v1_Eviction && have && have->index == T_policy_v1beta1_Eviction)
		return 0; /* the same fields */
	if (!have || (!object && have != t))
		return not_registered(g, t, object, e);
	return have == t ? 0 : wrong_kind(g, have, t, e);
}

void strictness_complain(void *arg, struct str what)
{
	struct strictness *s = arg;
	struct str *item = arena_push(s->r->arena, &s->complaints);
	if (item)
		*item = str_dup(s->r->arena, what);
}

static bool is_strict(const struct request *r) { return str_is(r->call.field_validation, "Strict"); }
static bool is_lax(const struct request *r) { return str_is(r->call.field_validation, "Ignore"); }

/* YAML's parser tells of all keys that are set twice at once: "yaml: unmarshal errors:\n  line 8: ...\n  line 9: ..."; each is a warning. */
static void warn_of(struct request *r, struct str complaint)
{
	struct str line;
	if (str_index(complaint, '\n', 0) >= 0)
		str_next(&complaint, '\n', &line);
	while (str_next(&complaint, '\n', &line))
		request_warn(r, "%.*s", STR_F(str_trim(line)));
}

int strictness_end(struct strictness *s, const struct type *t, struct err *e)
{
	if (!s->complaints.len)
		return 0;
	if (!is_strict(s->r)) {
		for (uint32_t i = 0; i < s->complaints.len; i++)
			warn_of(s->r, s->complaints.items[i]);
		return 0;
	}
	struct str all = str_join(s->r->arena, s->complaints.items, s->complaints.len, STR(", "));
	struct str text = str_printf(s->r->arena, "strict decoding error: %.*s", STR_F(all));
	return t ? cannot_handle(&(struct gvk){desc_str(t->api_version), desc_str(t->kind)}, t, e, str_z(s->r->arena, text))
	         : err_set(e, ERR_BAD_REQUEST, "%.*s", STR_F(text));
}

/* What begins with its type and has no member unknown or twice needs no look ahead: no other type can follow.  -1: to be done the long way. */
static int flawless_body(struct strictness *strict, const struct type *t, struct str body, void *obj)
{
	struct request *r = strict->r;
	struct json_opts o = {.flags = JSON_ALIAS_INPUT | JSON_KEEP_SPACES | JSON_STRICT, .complain = strictness_complain, .arg = strict};
	struct gvk g = {0};
	if (!is_lax(r) && json_peek_head(body, &g.api_version, &g.kind, r->arena) && !check_type(&g, t, true, NULL) &&
		!json_decode(r->arena, t, body, &o, obj, NULL) && !strict->complaints.len)
		return 0;
	memset(obj, 0, t->size);
	strict->complaints.len = 0;
	return -1;
}

static int json_body(struct strictness *strict, const struct type *t, struct str body, bool object, void *obj, struct err *e)
{
	struct request *r = strict->r;
	if (object && !strict->complaints.len && flawless_body(strict, t, body, obj) == 0)
		return 0;
	struct json_opts o = {.flags = JSON_ALIAS_INPUT | JSON_KEEP_SPACES, .complain = strictness_complain, .arg = strict};
	struct gvk g = {0};
	if (json_peek_type(body, &g.api_version, &g.kind, r->arena, e))
		return object ? unrecognized(t, body, e) : -1;
	if (check_type(&g, t, object, e))
		return -1;
	if (object && !is_lax(r))
		o.flags |= JSON_STRICT;
	if (json_decode(r->arena, t, body, &o, obj, e)) {
		struct str why = str_dup(r->arena, e->message);
		return object ? cannot_handle(&g, t, e, str_z(r->arena, why)) : -1;
	}
	return strictness_end(strict, t, e);
}

static int decode_json(struct request *r, const struct type *t, struct str body, bool object, void *obj, struct err *e)
{
	struct strictness strict = {.r = r};
	return json_body(&strict, t, body, object, obj, e);
}

static int decode_yaml(struct request *r, const struct type *t, struct str body, bool object, void *obj, struct err *e)
{
	struct strictness strict = {.r = r};
	struct json_opts o = {.flags = object && !is_lax(r) ? JSON_STRICT : 0, .complain = strictness_complain, .arg = &strict};
	BUF(json);
	if (yaml_to_json(body, &o, &json, e))
		return object ? unrecognized(t, body, e) : -1;
	return json_body(&strict, t, buf_take(&json, r->arena), object, obj, e);
}

static int decode_pb(struct request *r, const struct type *t, struct str body, bool object, void *obj, struct err *e)
{
	struct pb_envelope env;
	if (pb_envelope_open(body, &env, e))
		return object ? unrecognized(t, body, e) : -1;
	struct gvk g = {env.api_version, env.kind};
	if (check_type(&g, t, object, e))
		return -1;
	return pb_decode(r->arena, t, env.raw, PB_ALIAS_INPUT, obj, e);
}

int body_decode(struct request *r, const struct type *t, struct str body, enum media m, bool object, struct ref *ret, struct err *e)
{
	static int (*const decoders[])(struct request *, const struct type *, struct str, bool, void *, struct err *) = {
		[MEDIA_JSON] = decode_json, [MEDIA_YAML] = decode_yaml, [MEDIA_PB] = decode_pb};
	void *obj = obj_new(r->arena, t);
	if (!obj)
		return err_nomem(e, t->size);
	if (decoders[m](r, t, body, object, obj, e))
		return -1;
	*ret = (struct ref){t, obj};
	obj_set_type(*ret);
	return 0;
}

void request_default(struct request *r, struct ref o)
{
	obj_default(r->arena, o);
	if (r->strategy && r->strategy->after_default && r->type == o.type)
		r->strategy->after_default(r, o);
}

int request_body(struct request *r, struct err *e)
{
	if (r->body_read || !r->http)
		return 0;
	r->body_read = true;
	if (req_body(r->http, HTTP_BODY_MAX, &r->body, e))
		return -1;
	return 0;
}

int endpoint_object(struct request *r, const struct type *t, struct ref *ret, struct err *e)
{
	enum media m;
	if (!r->http) {
		if (r->call.body.type != t)
			return err_set(e, ERR_BAD_REQUEST, "a %s is wanted as body", desc_z(t->name));
		*ret = (struct ref){t, obj_copy(r->arena, r->call.body)};
	} else if (content_media(r, &m, e) || request_body(r, e) || body_decode(r, t, r->body, m, true, ret, e)) {
		return -1;
	}
	if (!ret->p)
		return err_nomem(e, t->size);
	obj_set_type(*ret);
	request_default(r, *ret);
	return 0;
}

int endpoint_body(struct request *r, const struct type *t, struct ref *ret, struct err *e)
{
	if (endpoint_object(r, t, ret, e))
		return -1;
	return r->at.verb.n && str_is(r->at.verb, "create") && obj_meta(*ret) ? body_managed(r, *ret, e) : 0;
}
