/* Access reviews: the same questions that requests are decided by, asked by clients. */
#include "apiserver/authz/node.h"
#include "apiserver/authz/rbac.h"
#include "apiserver/authz/review_selectors.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/registry/handlers.h"
#include "codec/json.h"
#include "codec/managed.h"
#include "gen/authorization_v1.h"
#include "codec/ops.h"
#include "gen/ids.h"

typedef struct authorization_v1_SubjectAccessReviewSpec spec_t;

/* ---- what is asked ---- */

static struct attrs attrs_of(const struct user *u, const struct authorization_v1_ResourceAttributes *res, const struct authorization_v1_NonResourceAttributes *other)
{
	struct attrs at = {.user = u};
	if (res) {
		at.is_resource = true;
		at.verb = res->verb;
		at.group = res->group;
		at.version = res->version;
		at.resource = res->resource;
		at.sub = res->subresource;
		at.ns = res->namespace;
		at.name = res->name;
	} else if (other) {
		at.verb = other->verb;
		at.path = other->path;
	}
	return at;
}

static void user_of(struct arena *a, const spec_t *s, struct user *u)
{
	*u = (struct user){.name = s->user, .uid = s->uid, .groups = s->groups.items, .ngroups = s->groups.len};
	u->extra = arena_alloc(a, sizeof *u->extra * (s->extra.len + 1));
	LIST_EACH(x, s->extra) {
		u->extra[u->nextra].key = x->key;
		u->extra[u->nextra].values = x->value.items.items;
		u->extra[u->nextra++].n = x->value.items.len;
	}
}

static void decide(struct request *r, const struct user *u, const struct authorization_v1_ResourceAttributes *res,
	const struct authorization_v1_NonResourceAttributes *other, struct authorization_v1_SubjectAccessReviewStatus *st)
{
	BUF(reason);
	BUF(unread);
	struct attrs at = attrs_of(u, res, other);
	review_selectors_read(r, res, &at, &unread);
	enum decision d = authz_decide(r->server, &at, &reason);
	*st = (struct authorization_v1_SubjectAccessReviewStatus){.allowed = d == DECISION_ALLOW, .denied = d == DECISION_DENY,
		.reason = buf_take(&reason, r->arena), .evaluationError = buf_take(&unread, r->arena)};
}

/* ---- checks ---- */

/* Upstream makes these errors without a kind. */
static int invalid(struct err *causes, struct err *e)
{
	if (!causes->ncauses)
		return 0;
	BUF(m);
	buf_lit(&m, ".authorization.k8s.io \"\" is invalid: ");
	if (causes->ncauses > 1)
		buf_char(&m, '[');
	for (uint32_t i = 0; i < causes->ncauses; i++)
		buf_printf(&m, "%s%.*s: %.*s", i ? ", " : "", STR_F(causes->causes[i].field), STR_F(causes->causes[i].message));
	if (causes->ncauses > 1)
		buf_char(&m, ']');
	err_move(e, causes);
	e->message = str_dup(e->mem, buf_view(&m));
	err_object(e, STR("authorization.k8s.io"), (struct str){0}, (struct str){0});
	return -1;
}

static void cause(struct err *e, const char *field, uint16_t type, const void *value, const char *why)
{
	BUF(v);
	if (value)
		json_encode(&v, (struct ref){desc_type(type), (void *)value});
	else
		buf_lit(&v, "null");
	err_cause(e, "FieldValueInvalid", str_of(field), "Invalid value: %.*s: %s", STR_F(buf_view(&v)), why);
}

/* Upstream shows the members by the names they have inside. */
static void bad_path(const struct authorization_v1_NonResourceAttributes *n, const char *why, struct err *e)
{
	BUF(v);
	buf_lit(&v, "{\"Path\":");
	json_string(&v, n->path);
	buf_lit(&v, ",\"Verb\":");
	json_string(&v, n->verb);
	err_cause(e, "FieldValueInvalid", STR("spec.nonResourceAttributes"), "Invalid value: %.*s}: %s", STR_F(buf_view(&v)), why);
}

static void check_question(const struct authorization_v1_ResourceAttributes *res, const struct authorization_v1_NonResourceAttributes *other, struct err *e)
{
	if (res && other)
		bad_path(other, "cannot be specified in combination with resourceAttributes", e);
	if (!res && !other)
		cause(e, "spec.resourceAttributes", 0, NULL, "exactly one of nonResourceAttributes or resourceAttributes must be specified");
}

static void check_subject(const spec_t *s, struct err *e)
{
	if (!s->user.n && !s->groups.len)
		err_cause(e, "FieldValueInvalid", STR("spec.user"), "Invalid value: \"\": at least one of user or group must be specified");
}

/* Nothing may be said about a review itself, but for who sent it. */
static void check_meta(const struct meta_v1_ObjectMeta *m, struct err *e)
{
	struct meta_v1_ObjectMeta rest = *m;
	rest.managedFields.len = 0;
	BUF(v);
	json_encode(&v, (struct ref){desc_type(T_meta_v1_ObjectMeta), &rest});
	if (!str_is(buf_view(&v), "{}") && !str_is(buf_view(&v), "{\"creationTimestamp\":null}"))
		cause(e, "metadata", T_meta_v1_ObjectMeta, m, "must be empty");
}

/* ---- handlers ---- */

static int body_of(struct request *r, struct ref *body, struct err *e)
{
	struct managed_write w = {.manager = request_manager(r), .api_version = desc_str(r->type->api_version), .now = r->now};
	if (options_write(r, "CreateOptions", e) || endpoint_body(r, r->type, body, e) || meta_namespace(r, *body, e))
		return -1;
	if (r->at.ns.n)
		obj_meta(*body)->namespace = r->at.ns;
	return managed_update(r->arena, (struct ref){body->type, NULL}, *body, &w, e);
}

static void answer(struct request *r, struct ref body) { r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = body, .remaining = -1}; }

int subjectaccessreview_create(struct request *r, struct err *e)
{
	struct ref body;
	struct user u;
	ERR(causes);
	if (body_of(r, &body, e))
		return -1;
	struct authorization_v1_SubjectAccessReview *v = body.p;
	check_question(v->spec.resourceAttributes, v->spec.nonResourceAttributes, &causes);
	check_subject(&v->spec, &causes);
	review_selectors_check(r, v->spec.resourceAttributes, &causes);
	check_meta(&v->metadata, &causes);
	if (invalid(&causes, e))
		return -1;
	user_of(r->arena, &v->spec, &u);
	decide(r, &u, v->spec.resourceAttributes, v->spec.nonResourceAttributes, &v->status);
	answer(r, body);
	return 0;
}

int localsubjectaccessreview_create(struct request *r, struct err *e)
{
	struct ref body;
	struct user u;
	ERR(causes);
	if (body_of(r, &body, e))
		return -1;
	struct authorization_v1_LocalSubjectAccessReview *v = body.p;
	const struct authorization_v1_ResourceAttributes *res = v->spec.resourceAttributes;
	check_subject(&v->spec, &causes);
	if (res && !str_eq(res->namespace, r->at.ns))
		err_cause(&causes, "FieldValueInvalid", STR("spec.resourceAttributes.namespace"), "Invalid value: \"%.*s\": must match metadata.namespace",
			STR_F(res->namespace));
	if (v->spec.nonResourceAttributes)
		bad_path(v->spec.nonResourceAttributes, "disallowed on this kind of request", &causes);
	review_selectors_check(r, res, &causes);
	if (invalid(&causes, e))
		return -1;
	user_of(r->arena, &v->spec, &u);
	decide(r, &u, res, NULL, &v->status);
	answer(r, body);
	return 0;
}

int selfsubjectaccessreview_create(struct request *r, struct err *e)
{
	struct ref body;
	ERR(causes);
	if (body_of(r, &body, e))
		return -1;
	struct authorization_v1_SelfSubjectAccessReview *v = body.p;
	check_question(v->spec.resourceAttributes, v->spec.nonResourceAttributes, &causes);
	review_selectors_check(r, v->spec.resourceAttributes, &causes);
	check_meta(&v->metadata, &causes);
	if (invalid(&causes, e))
		return -1;
	decide(r, &r->user, v->spec.resourceAttributes, v->spec.nonResourceAttributes, &v->status);
	answer(r, body);
	return 0;
}

/* ---- all that one may do ---- */

struct rules {
	struct arena *a;
	struct authorization_v1_SubjectRulesReviewStatus *st;
};

static bool add_rule(void *arg, const struct rbac_v1_PolicyRule *rule)
{
	struct rules *l = arg;
	/* The rule belongs to the index, which may be rebuilt. */
	const struct rbac_v1_PolicyRule *p = obj_copy(l->a, (struct ref){desc_type(T_rbac_v1_PolicyRule), (void *)rule});
	struct authorization_v1_ResourceRule *res = p && p->resources.len ? arena_push(l->a, &l->st->resourceRules) : NULL;
	struct authorization_v1_NonResourceRule *other = p && p->nonResourceURLs.len ? arena_push(l->a, &l->st->nonResourceRules) : NULL;
	if (res)
		*res = (struct authorization_v1_ResourceRule){p->verbs, p->apiGroups, p->resources, p->resourceNames};
	if (other)
		*other = (struct authorization_v1_NonResourceRule){p->verbs, p->nonResourceURLs};
	return true;
}

int selfsubjectrulesreview_create(struct request *r, struct err *e)
{
	struct ref body;
	struct str node;
	if (body_of(r, &body, e))
		return -1;
	const struct authorization_v1_SelfSubjectRulesReview *q = body.p;
	if (!q->spec.namespace.n)
		return err_set(e, ERR_BAD_REQUEST, "no namespace on request");
	/* The answer has nothing of the question. */
	struct authorization_v1_SelfSubjectRulesReview *v = obj_make(r->arena, authorization_v1_SelfSubjectRulesReview);
	obj_set_type((struct ref){body.type, v});
	v->status = (struct authorization_v1_SubjectRulesReviewStatus){.resourceRules.items = LIST_EMPTY, .nonResourceRules.items = LIST_EMPTY};
	struct rules l = {r->arena, &v->status};
	rbac_each_rule(authz_rbac(r->server), &r->user, q->spec.namespace, add_rule, &l);
	if (node_of_user(&r->user, &node)) {
		v->status.incomplete = true;
		v->status.evaluationError = STR("node authorizer does not support user rule resolution");
	}
	answer(r, (struct ref){body.type, v});
	return 0;
}
