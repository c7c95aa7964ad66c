/* Service-account tokens: checking those that are sent, and issuing bound ones. */
#include "apiserver/authn/authn_impl.h"

#include "api/meta.h"
#include "apiserver/authn_api.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/strategy.h"
#include "codec/json.h"
#include "gen/authentication_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

#define MIN_SECONDS 600             /* what a client may ask for */
#define MAX_SECONDS (1ll << 32)
#define EXTENDED_SECONDS 31536000   /* Pods' tokens live a year in truth, so that clients that never reread them go on */
#define EXTENDED_FROM 3607          /* the odd number that the kubelet's projected volumes ask for */

/* ---- Checking ---- */

struct claims {
	const struct value *all;
	struct str ns, account, account_uid;
};

static int64_t claim_int(const struct value *v, const char *name, int64_t fallback)
{
	const struct value *x = value_path(v, name);
	return !x ? fallback : x->type == V_INT ? x->i : x->type == V_DOUBLE ? (int64_t)x->d : fallback;
}

static struct str claim(const struct value *all, const char *object, const char *member)
{
	const struct value *k = value_get(all, STR("kubernetes.io")), *o = k ? (object ? value_get(k, str_of(object)) : k) : NULL;
	const struct value *v = o ? value_get(o, str_of(member)) : NULL;
	return v && v->type == V_STRING ? v->s : (struct str){0};
}

static bool audience_wanted(const struct token_question *q, const struct server_opts *o, struct str aud)
{
	for (size_t i = 0; i < q->naudiences; i++)
		if (str_eq(q->audiences[i], aud))
			return true;
	for (size_t i = 0; !q->naudiences && i < o->napi_audiences; i++)
		if (str_eq(o->api_audiences[i], aud))
			return true;
	return !q->naudiences && !o->napi_audiences && str_eq(aud, o->service_account_issuer);
}

static void put_list(struct buf *out, const struct str *v, size_t n)
{
	buf_char(out, '[');
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s\"%.*s\"", i ? " " : "", STR_F(v[i]));
	buf_char(out, ']');
}

static void take_audiences(struct arena *a, const struct value *all, str_list_t *ret)
{
	const struct value *v = value_get(all, STR("aud"));
	if (v && v->type == V_STRING)
		*(struct str *)arena_push(a, ret) = v->s;
	for (uint32_t i = 0; v && v->type == V_LIST && i < v->list.len; i++)
		if (v->list.items[i]->type == V_STRING)
			*(struct str *)arena_push(a, ret) = v->list.items[i]->s;
}

static void own_audiences(const struct server_opts *o, struct arena *a, str_list_t *ret)
{
	for (size_t i = 0; i < o->napi_audiences; i++)
		*(struct str *)arena_push(a, ret) = o->api_audiences[i];
	if (!o->napi_audiences)
		*(struct str *)arena_push(a, ret) = o->service_account_issuer;
}

static int check_audiences(struct server *s, struct arena *a, const struct value *all, struct token_question *q, struct str *why)
{
	const struct server_opts *o = server_options(s);
	str_list_t have = {0};
	take_audiences(a, all, &have);
	if (!have.len) /* tokens for no one in particular are for the server */
		own_audiences(o, a, &have);
	LIST_EACH(x, have)
		if (audience_wanted(q, o, *x))
			*(struct str *)arena_push(a, &q->matched) = *x;
	if (q->matched.len)
		return 0;
	BUF(text);
	buf_lit(&text, "token audiences ");
	put_list(&text, have.items, have.len);
	buf_lit(&text, " is invalid for the target audiences ");
	if (q->naudiences)
		put_list(&text, q->audiences, q->naudiences);
	else
		put_list(&text, o->napi_audiences ? o->api_audiences : &o->service_account_issuer, o->napi_audiences ? o->napi_audiences : 1);
	*why = buf_take(&text, a);
	return -1;
}

static int refuse(struct str *why, struct str text)
{
	*why = text;
	return -1;
}

static int check_times(const struct value *all, struct str *why)
{
	int64_t now = rt_wall() / NS_S;
	if (claim_int(all, "exp", INT64_MAX) < now)
		return refuse(why, STR("service account token has expired"));
	if (claim_int(all, "nbf", 0) > now)
		return refuse(why, STR("service account token is not valid yet"));
	return 0;
}

/* The object that the token is bound to is still the same one. */
static bool bound_alive(struct server *s, struct arena *a, const char *plural, bool namespaced, const struct value *all, const char *member)
{
	struct str name = claim(all, member, "name"), uid = claim(all, member, "uid");
	if (!name.n)
		return true;
	CLEANUP(object_unref) struct object *o =
		cache_lookup(server_cache(s), cache_table_by_name(server_cache(s), "", plural), namespaced ? claim(all, NULL, "namespace") : (struct str){0}, name);
	return o && str_eq(o->uid, uid);
}

static int check_account(struct server *s, struct arena *a, const struct claims *c, struct str *why)
{
	CLEANUP(object_unref) struct object *o = cache_lookup(server_cache(s), cache_table_by_name(server_cache(s), "", "serviceaccounts"), c->ns, c->account);
	if (!o)
		return refuse(why, str_printf(a, "serviceaccounts \"%.*s\" not found", STR_F(c->account)));
	if (!str_eq(o->uid, c->account_uid))
		return refuse(why, str_printf(a, "service account UID (%.*s) does not match claim (%.*s)", STR_F(o->uid), STR_F(c->account_uid)));
	if (!bound_alive(s, a, "pods", true, c->all, "pod") || !bound_alive(s, a, "secrets", true, c->all, "secret") || !bound_alive(s, a, "nodes", false, c->all, "node"))
		return refuse(why, STR("service account token has been invalidated"));
	return 0;
}

static void add_extra(struct arena *a, struct user *u, const char *key, struct str v)
{
	if (v.n)
		user_add_extra(a, u, str_of(key), str_dup(a, v));
}

static void fill_user(struct arena *a, const struct claims *c, struct user *u)
{
	struct str jti = value_path_str(c->all, "jti");
	u->name = str_printf(a, "system:serviceaccount:%.*s:%.*s", STR_F(c->ns), STR_F(c->account));
	u->uid = c->account_uid;
	user_add_group(a, u, STR("system:serviceaccounts"));
	user_add_group(a, u, str_printf(a, "system:serviceaccounts:%.*s", STR_F(c->ns)));
	if (jti.n) {
		u->credential_id = str_printf(a, "JTI=%.*s", STR_F(jti));
		user_add_extra(a, u, STR(EXTRA_CREDENTIAL_ID), u->credential_id);
	}
	add_extra(a, u, "authentication.kubernetes.io/pod-name", claim(c->all, "pod", "name"));
	add_extra(a, u, "authentication.kubernetes.io/pod-uid", claim(c->all, "pod", "uid"));
	add_extra(a, u, "authentication.kubernetes.io/node-name", claim(c->all, "node", "name"));
	add_extra(a, u, "authentication.kubernetes.io/node-uid", claim(c->all, "node", "uid"));
}

static int legacy_authenticate(struct server *s, struct arena *a, const struct value *all, struct token_question *q, struct user *ret, struct str *ret_why)
{
	struct legacy_claims l = {0};
	if (check_audiences(s, a, all, q, ret_why) < 0 || legacy_check(s, a, q->token, all, &l, ret_why) < 0)
		return -1;
	fill_user(a, &(struct claims){all, l.ns, l.account, l.account_uid}, ret);
	return 0;
}

int account_authenticate(struct server *s, struct arena *a, struct token_question *q, struct user *ret, struct str *ret_why)
{
	struct authn *n = authn_state(s);
	struct jwt t;
	struct value *all;
	ERR(e);
	if (jwt_parse(q->token, a, &t, &e) < 0 || json_parse(a, t.payload, NULL, &all, &e) < 0)
		return 1;
	struct str issuer = value_path_str(all, "iss");
	bool legacy = str_is(issuer, LEGACY_ISSUER);
	if ((!legacy && !str_eq(issuer, server_options(s)->service_account_issuer)) || jwt_verify_any(&t, n->verify, n->nverify) < 0)
		return 1;
	if (legacy)
		return legacy_authenticate(s, a, all, q, ret, ret_why);
	struct claims c = {all, claim(all, NULL, "namespace"), claim(all, "serviceaccount", "name"), claim(all, "serviceaccount", "uid")};
	if (check_audiences(s, a, all, q, ret_why) < 0 || check_times(all, ret_why) < 0 || check_account(s, a, &c, ret_why) < 0)
		return -1;
	fill_user(a, &c, ret);
	return 0;
}

/* ---- Issuing ---- */

struct bound {
	struct str kind, name, uid;     /* kind in lower case as the claim has it; "" when unbound */
	struct str node, node_uid;      /* of a bound Pod */
};

static int find_bound(struct request *r, const char *plural, bool namespaced, const struct authentication_v1_BoundObjectReference *b, struct object **ret, struct err *e)
{
	struct cache *c = server_cache(r->server);
	*ret = cache_lookup(c, cache_table_by_name(c, "", plural), namespaced ? r->at.ns : (struct str){0}, b->name);
	if (!*ret) {
		err_set(e, ERR_NOT_FOUND, "%s \"%.*s\" not found", plural, STR_F(b->name));
		err_object(e, STR(""), str_of(plural), b->name);
		return -1;
	}
	if (!b->uid.n || str_eq(b->uid, (*ret)->uid))
		return 0;
	err_set(e, ERR_CONFLICT,
		"Operation cannot be fulfilled on %.*s \"%.*s\": the UID in the bound object reference (%.*s) does not match the UID in record. "
		"The object might have been deleted and then recreated",
		STR_F(b->kind), STR_F(b->name), STR_F(b->uid));
	err_object(e, STR(""), b->kind, b->name);
	return -1;
}

static int bind_pod(struct request *r, struct object *o, struct bound *ret, struct err *e)
{
	const struct core_v1_Pod *p = object_decode(o, r->arena, e);
	if (!p)
		return -1;
	object_ref(o);
	arena_defer(r->arena, (void (*)(void *))object_unref, o);
	if (!str_eq(p->spec.serviceAccountName, r->at.name))
		return err_set(e, ERR_BAD_REQUEST, "cannot bind token for serviceaccount \"%.*s\" to pod running with different serviceaccount name.", STR_F(r->at.name));
	if (!p->spec.nodeName.n)
		return 0;
	struct cache *c = server_cache(r->server);
	CLEANUP(object_unref) struct object *node = cache_lookup(c, cache_table_by_name(c, "", "nodes"), (struct str){0}, p->spec.nodeName);
	ret->node = p->spec.nodeName;
	ret->node_uid = node ? str_dup(r->arena, node->uid) : (struct str){0};
	return 0;
}

static const struct {
	const char *kind, *plural, *claim;
	bool namespaced;
} bindable[] = {{"Pod", "pods", "pod", true}, {"Secret", "secrets", "secret", true}, {"Node", "nodes", "node", false}};

static int resolve_bound(struct request *r, const struct authentication_v1_BoundObjectReference *b, struct bound *ret, struct err *e)
{
	struct str group = STR(""), version = STR("");
	if (!b)
		return 0;
	if (api_version_split(b->apiVersion, &group, &version) < 0)
		group = version = STR("");
	for (size_t i = 0; i < ARRAY_LEN(bindable); i++) {
		if (group.n || !str_is(b->kind, bindable[i].kind)) /* any version will do */
			continue;
		CLEANUP(object_unref) struct object *o = NULL;
		if (find_bound(r, bindable[i].plural, bindable[i].namespaced, b, &o, e) < 0)
			return -1;
		*ret = (struct bound){.kind = str_of(bindable[i].claim), .name = str_dup(r->arena, o->name), .uid = str_dup(r->arena, o->uid)};
		return i == 0 ? bind_pod(r, o, ret, e) : 0;
	}
	return err_set(e, ERR_BAD_REQUEST, "cannot bind token to object of type %.*s/%.*s, Kind=%.*s", STR_F(group), STR_F(version), STR_F(b->kind));
}

static void put_member(struct buf *out, const char *name, struct str v)
{
	buf_printf(out, "\"%s\":", name);
	json_string(out, v);
}

static void put_named(struct buf *out, struct str kind, struct str name, struct str uid)
{
	json_string(out, kind);
	buf_lit(out, ":{");
	put_member(out, "name", name);
	if (uid.n) {
		buf_char(out, ',');
		put_member(out, "uid", uid);
	}
	buf_char(out, '}');
}

/* Members sorted, as upstream's encoder writes the map. */
static void put_private(struct buf *out, struct request *r, const struct object *sa, const struct bound *b, int64_t warn_after)
{
	buf_lit(out, "\"kubernetes.io\":{");
	put_member(out, "namespace", r->at.ns);
	buf_char(out, ',');
	if (b->node.n) {
		put_named(out, STR("node"), b->node, b->node_uid);
		buf_char(out, ',');
	}
	if (b->kind.n) {
		put_named(out, b->kind, b->name, b->uid);
		buf_char(out, ',');
	}
	put_named(out, STR("serviceaccount"), sa->name, sa->uid);
	if (warn_after)
		buf_printf(out, ",\"warnafter\":%lld", (long long)warn_after);
	buf_char(out, '}');
}

static void put_claims(struct buf *out, struct request *r, const struct object *sa, const struct authentication_v1_TokenRequest *t, const struct bound *b, int64_t now,
	int64_t exp, int64_t warn_after)
{
	char jti[37];
	rt_uuid(jti);
	buf_lit(out, "{\"aud\":[");
	for (uint32_t i = 0; i < t->spec.audiences.len; i++) {
		buf_str(out, i ? STR(",") : STR(""));
		json_string(out, t->spec.audiences.items[i]);
	}
	buf_printf(out, "],\"exp\":%lld,\"iat\":%lld,", (long long)exp, (long long)now);
	put_member(out, "iss", server_options(r->server)->service_account_issuer);
	buf_char(out, ',');
	put_member(out, "jti", str_of(jti));
	buf_char(out, ',');
	put_private(out, r, sa, b, warn_after);
	buf_printf(out, ",\"nbf\":%lld,", (long long)now);
	put_member(out, "sub", str_printf(r->arena, "system:serviceaccount:%.*s:%.*s", STR_F(r->at.ns), STR_F(r->at.name)));
	buf_char(out, '}');
}

static int validate(struct request *r, struct authentication_v1_TokenRequest *t, struct err *e)
{
	if (t->metadata.name.n && !str_eq(t->metadata.name, r->at.name))
		err_cause(e, "FieldValueInvalid", STR("metadata.name"), "Invalid value: \"%.*s\": must match the service account name if specified", STR_F(t->metadata.name));
	if (e->ncauses)
		return invalid_end(r, desc_type(T_authentication_v1_TokenRequest), r->at.name, e);
	if (t->spec.expirationSeconds < MIN_SECONDS)
		err_cause(e, "FieldValueInvalid", STR("spec.expirationSeconds"), "Invalid value: %lld: may not specify a duration less than 10 minutes",
			(long long)t->spec.expirationSeconds);
	if (t->spec.expirationSeconds > MAX_SECONDS)
		err_cause(e, "FieldValueInvalid", STR("spec.expirationSeconds"), "Invalid value: %lld: may not specify a duration larger than 2^32 seconds",
			(long long)t->spec.expirationSeconds);
	if (e->ncauses)
		return invalid_end(r, desc_type(T_authentication_v1_TokenRequest), STR(""), e);
	if (t->metadata.namespace.n && !str_eq(t->metadata.namespace, r->at.ns))
		return err_set(e, ERR_BAD_REQUEST, "the namespace of the provided object does not match the namespace sent on the request");
	return 0;
}

static bool own_audience(struct request *r, const struct authentication_v1_TokenRequest *t)
{
	struct token_question q = {0};
	return t->spec.audiences.len == 1 && audience_wanted(&q, server_options(r->server), t->spec.audiences.items[0]);
}

static int issue(struct request *r, const struct object *sa, struct authentication_v1_TokenRequest *t, const struct bound *b, struct err *e)
{
	int64_t now = r->now / NS_S, exp = now + t->spec.expirationSeconds, warn_after = 0;
	BUF(claims);
	BUF(token);
	if (str_is(b->kind, "pod") && t->spec.expirationSeconds == EXTENDED_FROM && own_audience(r, t)) {
		warn_after = exp;
		exp = now + EXTENDED_SECONDS;
	}
	put_claims(&claims, r, sa, t, b, now, exp, warn_after);
	if (jwt_sign(authn_state(r->server)->sign, buf_view(&claims), &token, e) < 0)
		return -1;
	t->status.token = buf_take(&token, r->arena);
	t->status.expirationTimestamp = (struct api_time){.sec = warn_after ? warn_after : exp, .set = true};
	buf_fini_secret(&token);
	return 0;
}

int serviceaccount_token_create(struct request *r, struct err *e)
{
	struct ref body;
	struct bound b = {0};
	struct cache *c = server_cache(r->server);
	if ((r->http && options_write(r, "CreateOptions", e)) || endpoint_body(r, desc_type(T_authentication_v1_TokenRequest), &body, e) || endpoint_admit(r, body, e))
		return -1;
	struct authentication_v1_TokenRequest *t = body.p;
	CLEANUP(object_unref) struct object *sa = cache_lookup(c, cache_table_by_name(c, "", "serviceaccounts"), r->at.ns, r->at.name);
	if (!sa)
		return request_not_found(r, r->at.name, e);
	if (!authn_state(r->server)->sign)
		return err_set(e, ERR_INTERNAL, "tokens cannot be issued: start the server with --service-account-signing-key-file");
	if (!t->spec.audiences.len)
		own_audiences(server_options(r->server), r->arena, &t->spec.audiences);
	if (validate(r, t, e) < 0 || resolve_bound(r, t->spec.boundObjectRef, &b, e) < 0 || issue(r, sa, t, &b, e) < 0)
		return -1;
	t->metadata.name = r->at.name;
	t->metadata.namespace = r->at.ns;
	t->metadata.uid = str_dup(r->arena, sa->uid);
	t->metadata.creationTimestamp = api_time_sec(r->now);
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = body, .remaining = -1};
	return 0;
}

/* ---- Discovery of the keys ---- */

int openid_keys(struct request *r, struct err *e)
{
	struct authn *n = authn_state(r->server);
	BUF(out);
	jwt_jwks(n->verify, n->nverify, &out);
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(&out, r->arena), .content_type = STR("application/jwk-set+json")};
	return 0;
}

int openid_configuration(struct request *r, struct err *e)
{
	const struct server_opts *o = server_options(r->server);
	BUF(out);
	buf_lit(&out, "{\"issuer\":");
	json_string(&out, o->service_account_issuer);
	buf_lit(&out, ",\"jwks_uri\":");
	json_string(&out, str_printf(r->arena, "https://%.*s:%d/openid/v1/jwks", STR_F(o->advertise_address), o->secure_port));
	buf_printf(&out, ",\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":[\"%s\"]}",
		authn_state(r->server)->nverify ? jwt_key_alg(authn_state(r->server)->verify[0]) : "RS256");
	r->answer = (struct answer){.kind = ANSWER_TEXT, .text = buf_take(&out, r->arena), .content_type = STR("application/json")};
	return 0;
}
