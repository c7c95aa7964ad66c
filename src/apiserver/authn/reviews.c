/* TokenReview and SelfSubjectReview. */
#include "apiserver/authn/authn_impl.h"

#include "apiserver/authn_api.h"
#include "apiserver/endpoint/endpoint.h"
#include "apiserver/strategy.h"
#include "gen/authentication_v1.h"
#include "gen/ids.h"

#include <stdlib.h>

static int by_key(const void *x, const void *y)
{
	return str_cmp(((const struct authentication_v1_ExtraValue_map_entry *)x)->key, ((const struct authentication_v1_ExtraValue_map_entry *)y)->key);
}

void user_info_fill(struct arena *a, const struct user *u, struct authentication_v1_UserInfo *ret)
{
	ret->username = u->name;
	ret->uid = u->uid;
	for (size_t i = 0; i < u->ngroups; i++)
		*(struct str *)arena_push(a, &ret->groups) = u->groups[i];
	for (size_t i = 0; i < u->nextra; i++) {
		struct authentication_v1_ExtraValue_map_entry *x = arena_push(a, &ret->extra);
		x->key = u->extra[i].key;
		for (size_t k = 0; k < u->extra[i].n; k++)
			*(struct str *)arena_push(a, &x->value.items) = u->extra[i].values[k];
	}
	if (ret->extra.len)
		qsort(ret->extra.items, ret->extra.len, sizeof *ret->extra.items, by_key);
}

int selfsubjectreview_create(struct request *r, struct err *e)
{
	struct ref body;
	if (options_write(r, "CreateOptions", e) || endpoint_body(r, r->type, &body, e) < 0)
		return -1;
	struct authentication_v1_SelfSubjectReview *v = obj_make(r->arena, authentication_v1_SelfSubjectReview);
	obj_set_type((struct ref){desc_type(T_authentication_v1_SelfSubjectReview), v});
	v->metadata.creationTimestamp = api_time_sec(r->now);
	user_info_fill(r->arena, &r->user, &v->status.userInfo);
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = {desc_type(T_authentication_v1_SelfSubjectReview), v}, .remaining = -1};
	return 0;
}

static struct str complaints_text(struct arena *a, const struct token_question *q)
{
	if (q->complaints.len == 1)
		return q->complaints.items[0];
	return str_printf(a, "[%.*s]", STR_F(str_join(a, q->complaints.items, q->complaints.len, STR(", "))));
}

static void put_audiences(struct request *r, struct token_question *q, struct authentication_v1_TokenReviewStatus *st)
{
	const struct server_opts *o = server_options(r->server);
	if (q->matched.len) {
		memcpy(&st->audiences, &q->matched, sizeof q->matched);
		return;
	}
	/* Static tokens are good for the server itself. */
	for (size_t i = 0; i < o->napi_audiences; i++)
		*(struct str *)arena_push(r->arena, &st->audiences) = o->api_audiences[i];
	if (!o->napi_audiences)
		*(struct str *)arena_push(r->arena, &st->audiences) = o->service_account_issuer;
}

/* A static token is not good for audiences that are not the server's. */
static bool foreign_audience(struct request *r, const struct token_question *q)
{
	const struct server_opts *o = server_options(r->server);
	for (size_t i = 0; i < q->naudiences; i++) {
		if (!o->napi_audiences && str_eq(q->audiences[i], o->service_account_issuer))
			return false;
		for (size_t k = 0; k < o->napi_audiences; k++)
			if (str_eq(q->audiences[i], o->api_audiences[k]))
				return false;
	}
	return q->naudiences > 0;
}

int tokenreview_create(struct request *r, struct err *e)
{
	struct ref body;
	struct user u = {0};
	if (options_write(r, "CreateOptions", e) || endpoint_body(r, r->type, &body, e) < 0)
		return -1;
	struct authentication_v1_TokenReview *v = body.p;
	if (!v->spec.token.n)
		return err_set(e, ERR_BAD_REQUEST, "token is required for TokenReview in authentication");
	struct token_question q = {.token = v->spec.token, .audiences = v->spec.audiences.items, .naudiences = v->spec.audiences.len};
	/* What the client put into the status stays where nothing is found out. */
	v->status.authenticated = token_authenticate(r->server, r->arena, &q, &u) == 0;
	if (v->status.authenticated && !q.matched.len && foreign_audience(r, &q)) {
		v->status.authenticated = false;
		*(struct str *)arena_push(r->arena, &q.complaints) = STR("invalid bearer token");
	}
	if (!v->status.authenticated) {
		v->status.error = complaints_text(r->arena, &q);
	} else {
		user_add_group(r->arena, &u, STR("system:authenticated"));
		memset(&v->status.user, 0, sizeof v->status.user);
		memset(&v->status.audiences, 0, sizeof v->status.audiences);
		user_info_fill(r->arena, &u, &v->status.user);
		put_audiences(r, &q, &v->status);
	}
	r->answer = (struct answer){.kind = ANSWER_REF, .code = 201, .ref = body, .remaining = -1};
	return 0;
}
