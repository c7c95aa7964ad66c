#include "client/reviews.h"
#include "base/log.h"
#include "base/map.h"
#include "client/call.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "gen/authentication_v1.h"
#include "gen/ids.h"
#include <stdlib.h>

#define ANSWERS_MAX 2048       /* then all are forgotten */
#define TOKEN_MAX (16u << 10)

struct answer {
	struct arena *mem;
	bool yes;
	struct authentication_v1_UserInfo user; /* of a token */
	mono_t until;
};
struct reviews { struct map answers; };

struct reviews *reviews_new(void)
{
	struct reviews *v = calloc(1, sizeof *v);
	if (!v)
		bug("out of memory");
	return v;
}

static void forget(struct reviews *v)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&v->answers, &i));)
		arena_free(((struct answer *)en->value)->mem);
	map_fini(&v->answers);
}

void reviews_free(struct reviews *v)
{
	if (v)
		forget(v);
	free(v);
}

static struct answer *recall(struct reviews *v, struct str key)
{
	struct answer *n = map_get(&v->answers, key);
	return n && n->until > rt_now() ? n : NULL;
}

static struct answer *remember(struct reviews *v, struct str key, bool yes, struct reviews_ttl ttl, const struct authentication_v1_UserInfo *user)
{
	struct arena *mem = arena_new(NULL);
	struct answer *n = arena_make(mem, struct answer);
	if (v->answers.n >= ANSWERS_MAX)
		forget(v);
	*n = (struct answer){.mem = mem, .yes = yes, .until = rt_now() + (yes ? ttl.yes : ttl.no)};
	if (user)
		obj_copy_into(mem, desc_type(T_authentication_v1_UserInfo), &n->user, user);
	struct answer *old = map_set_dup(&v->answers, key, n);
	if (old)
		arena_free(old->mem);
	return n;
}

/* ---- who */

/* The token itself must not stay in memory as a key. */
static struct str token_key(struct arena *a, struct str token)
{
	return str_printf(a, "token %016llx%016llx", (unsigned long long)str_hash(token), (unsigned long long)str_hash(str_printf(a, "2%.*s", STR_F(token))));
}

static struct answer *review_token(struct reviews *v, struct transport *t, struct arena *a, struct str token, struct reviews_ttl ttl)
{
	ERR(e);
	struct str key = token_key(a, token);
	struct answer *n = recall(v, key);
	if (n)
		return n;
	struct authentication_v1_TokenReview *r = obj_make(a, authentication_v1_TokenReview);
	r->spec.token = token;
	r = client_create(t, a, client_resource("authentication.k8s.io", "v1", "tokenreviews"), (struct str){0}, r, &e);
	return r ? remember(v, key, r->status.authenticated, ttl, &r->status.user) : NULL;
}

bool caller_by_token(struct reviews *v, struct transport *t, struct http_req *q, struct reviews_ttl ttl, struct caller *ret)
{
	struct str header = req_header(q, STR("authorization"));
	if (!str_has_prefix(header, STR("Bearer ")) || header.n > TOKEN_MAX)
		return false;
	struct answer *n = review_token(v, t, q->arena, str_trim(str_sub(header, 7, header.n)), ttl);
	if (!n || !n->yes)
		return false;
	struct authentication_v1_UserInfo *u = obj_make(q->arena, authentication_v1_UserInfo);
	obj_copy_into(q->arena, desc_type(T_authentication_v1_UserInfo), u, &n->user);
	*ret = (struct caller){u->username, u->uid, u->groups};
	return true;
}

bool caller_by_certificate(struct http_req *q, struct caller *ret)
{
	if (!q->peer->present || !q->peer->verified)
		return false;
	*ret = (struct caller){.name = q->peer->common_name};
	for (uint32_t i = 0; i < q->peer->norgs; i++)
		*arena_push(q->arena, &ret->groups) = q->peer->orgs[i];
	*arena_push(q->arena, &ret->groups) = STR("system:authenticated");
	return true;
}

void caller_anonymous(struct http_req *q, struct caller *ret)
{
	*ret = (struct caller){.name = STR("system:anonymous")};
	*arena_push(q->arena, &ret->groups) = STR("system:unauthenticated");
}

/* ---- whether */

int caller_may(struct reviews *v, struct transport *t, struct arena *a, const struct caller *c, struct authorization_v1_SubjectAccessReviewSpec what,
	struct reviews_ttl ttl, struct err *e)
{
	BUF(key);
	struct authorization_v1_SubjectAccessReview *r = obj_make(a, authorization_v1_SubjectAccessReview);
	r->spec = what;
	r->spec.user = c->name;
	r->spec.uid = c->uid;
	r->spec.groups = c->groups;
	json_encode(&key, (struct ref){desc_type(T_authorization_v1_SubjectAccessReviewSpec), &r->spec});
	struct answer *n = recall(v, buf_view(&key));
	if (n)
		return n->yes;
	r = client_create(t, a, client_resource("authorization.k8s.io", "v1", "subjectaccessreviews"), (struct str){0}, r, e);
	return r ? remember(v, buf_view(&key), r->status.allowed, ttl, NULL)->yes : -1;
}
