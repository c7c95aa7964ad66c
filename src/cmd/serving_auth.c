/* Who calls: client certificates and TokenReviews; whether they may: SubjectAccessReviews of paths.  Answers are remembered for a while. */
#include "base/log.h"
#include "base/map.h"
#include "client/call.h"
#include "cmd/serving.h"
#include "codec/ops.h"
#include "gen/authentication_v1.h"
#include "gen/authorization_v1.h"
#include "gen/ids.h"
#include "net/http.h"
#include <stdlib.h>

#define ANSWERS_MAX 1024       /* then all are forgotten */
#define TOKEN_MAX (16u << 10)
#define MASTERS "system:masters"

struct answer {
	struct arena *mem;
	bool yes;
	struct authentication_v1_UserInfo user; /* of a token */
	mono_t until;
};
struct reviews {
	struct serving_opts o;
	struct map answers;
};
struct caller {
	struct str name, uid;
	str_list_t groups;
};

struct reviews *reviews_new(const struct serving_opts *o)
{
	struct reviews *v = calloc(1, sizeof *v);
	if (!v)
		bug("out of memory");
	v->o = *o;
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

static struct answer *remember(struct reviews *v, struct str key, bool yes, nsec_t span, const struct authentication_v1_UserInfo *user)
{
	struct arena *mem = arena_new(NULL);
	struct answer *n = arena_make(mem, struct answer);
	if (v->answers.n >= ANSWERS_MAX)
		forget(v);
	*n = (struct answer){.mem = mem, .yes = yes, .until = rt_now() + span};
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

static struct answer *review_token(struct reviews *v, struct arena *a, struct str token)
{
	ERR(e);
	struct str key = token_key(a, token);
	struct answer *n = recall(v, key);
	if (n)
		return n;
	struct authentication_v1_TokenReview *r = obj_make(a, authentication_v1_TokenReview);
	r->spec.token = token;
	r = client_create(v->o.reviews, a, client_resource("authentication.k8s.io", "v1", "tokenreviews"), (struct str){0}, r, &e);
	return r ? remember(v, key, r->status.authenticated, v->o.token_ttl, &r->status.user) : NULL;
}

static bool by_token(struct reviews *v, struct http_req *q, struct str header, struct caller *ret)
{
	if (!str_has_prefix(header, STR("Bearer ")) || header.n > TOKEN_MAX)
		return false;
	struct answer *n = review_token(v, q->arena, str_trim(str_sub(header, 7, header.n)));
	if (!n || !n->yes)
		return false;
	struct authentication_v1_UserInfo *u = obj_make(q->arena, authentication_v1_UserInfo);
	obj_copy_into(q->arena, desc_type(T_authentication_v1_UserInfo), u, &n->user);
	*ret = (struct caller){u->username, u->uid, u->groups};
	return true;
}

static bool by_certificate(struct http_req *q, struct caller *ret)
{
	if (!q->peer->present || !q->peer->verified)
		return false;
	*ret = (struct caller){.name = q->peer->common_name};
	for (uint32_t i = 0; i < q->peer->norgs; i++)
		*arena_push(q->arena, &ret->groups) = q->peer->orgs[i];
	*arena_push(q->arena, &ret->groups) = STR("system:authenticated");
	return true;
}

static bool identify(struct reviews *v, struct http_req *q, struct caller *ret)
{
	struct str header = req_header(q, STR("authorization"));
	if (by_certificate(q, ret))
		return true;
	if (header.n)
		return by_token(v, q, header, ret);
	*ret = (struct caller){.name = STR("system:anonymous")};
	*arena_push(q->arena, &ret->groups) = STR("system:unauthenticated");
	return true;
}

/* ---- whether */

static bool open_path(const struct flag_list *l, struct str path)
{
	for (uint32_t i = 0; l && i < l->len; i++) {
		struct str p = l->items[i];
		bool any = p.n && p.p[p.n - 1] == '*';
		if (any ? str_has_prefix(path, str_sub(p, 0, p.n - 1)) : str_eq(path, p))
			return true;
	}
	return false;
}

static struct str verb_of(struct arena *a, struct str method)
{
	char *v = str_z(a, method);
	for (char *c = v; *c; c++)
		*c |= 0x20;
	return str_of(v);
}

/* 1 yes, 0 no, -1 nobody to ask. */
static int allowed(struct reviews *v, struct http_req *q, const struct caller *c, struct str verb)
{
	ERR(e);
	struct arena *a = q->arena;
	struct str key = str_printf(a, "may %.*s %.*s %.*s %.*s", STR_F(verb), STR_F(q->path), STR_F(c->name), STR_F(str_join(a, c->groups.items, c->groups.len, STR(","))));
	struct answer *n = recall(v, key);
	if (n)
		return n->yes;
	struct authorization_v1_SubjectAccessReview *r = obj_make(a, authorization_v1_SubjectAccessReview);
	r->spec.user = c->name;
	r->spec.uid = c->uid;
	r->spec.groups = c->groups;
	r->spec.nonResourceAttributes = obj_make(a, authorization_v1_NonResourceAttributes);
	*r->spec.nonResourceAttributes = (struct authorization_v1_NonResourceAttributes){.verb = verb, .path = q->path};
	r = client_create(v->o.reviews, a, client_resource("authorization.k8s.io", "v1", "subjectaccessreviews"), (struct str){0}, r, &e);
	if (!r)
		return -1;
	remember(v, key, r->status.allowed, r->status.allowed ? v->o.allow_ttl : v->o.deny_ttl, NULL);
	return r->status.allowed;
}

int reviews_check(struct reviews *v, struct http_req *q, struct str *ret_text)
{
	struct caller c = {0};
	if (open_path(v->o.open_paths, q->path))
		return 0;
	*ret_text = STR("Unauthorized");
	if (!identify(v, q, &c))
		return 401;
	LIST_EACH(g, c.groups)
		if (str_is(*g, MASTERS))
			return 0;
	struct str verb = verb_of(q->arena, q->method);
	int may = allowed(v, q, &c, verb);
	if (may > 0)
		return 0;
	*ret_text = str_printf(q->arena, "%sUser \"%.*s\" cannot %.*s path \"%.*s\"%s", may < 0 ? "" : "forbidden: ", STR_F(c.name), STR_F(verb), STR_F(q->path),
		may < 0 ? ": the API server could not be asked" : "");
	return may < 0 ? 500 : 403;
}
