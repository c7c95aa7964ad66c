#include "kubelet/auth.h"
#include "gen/authentication_v1.h"
#include "gen/authorization_v1.h"

#define CACHE_MAX 2048 /* answers; then all are forgotten */
#define TOKEN_MAX (16u << 10)

struct answer {
	struct arena *mem;
	bool yes;
	struct authentication_v1_UserInfo user; /* of a token */
	mono_t until;
};
struct auth {
	struct kubelet *k;
	struct map answers;
};
struct caller {
	struct str name, uid;
	str_list_t groups;
};

struct auth *auth_new(struct kubelet *k)
{
	struct auth *x = calloc(1, sizeof *x);
	if (!x)
		bug("out of memory");
	x->k = k;
	return x;
}

static void forget(struct auth *x)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&x->answers, &i));) {
		struct answer *n = en->value;
		arena_free(n->mem);
	}
	map_fini(&x->answers);
}

void auth_free(struct auth *x)
{
	if (!x)
		return;
	forget(x);
	free(x);
}

static struct answer *recall(struct auth *x, struct str key)
{
	struct answer *n = map_get(&x->answers, key);
	return n && n->until > rt_now() ? n : NULL;
}

static struct answer *remember(struct auth *x, struct str key, bool yes, nsec_t span, const struct authentication_v1_UserInfo *user)
{
	if (x->answers.n >= CACHE_MAX)
		forget(x);
	struct arena *mem = arena_new(NULL);
	struct answer *n = arena_make(mem, struct answer);
	*n = (struct answer){.mem = mem, .yes = yes, .until = rt_now() + span};
	if (user)
		obj_copy_into(mem, desc_type(T_authentication_v1_UserInfo), &n->user, user);
	struct answer *old = map_set_dup(&x->answers, key, n);
	if (old)
		arena_free(old->mem);
	return n;
}

/* ---- who */
static struct answer *review_token(struct auth *x, struct arena *a, struct str token)
{
	ERR(e);
	struct str key = str_printf(a, "token %016llx%016llx", (unsigned long long)str_hash(token), (unsigned long long)str_hash(str_printf(a, "2%.*s", STR_F(token))));
	struct answer *n = recall(x, key);
	if (n)
		return n;
	struct authentication_v1_TokenReview *r = arena_make(a, struct authentication_v1_TokenReview);
	r->spec.token = token;
	r = client_create(x->k->t, a, client_resource("authentication.k8s.io", "v1", "tokenreviews"), (struct str){0}, r, &e);
	if (!r)
		return NULL;
	return remember(x, key, r->status.authenticated, r->status.authenticated ? x->k->cfg->authentication.webhook.cacheTTL : 10 * NS_S, &r->status.user);
}

static bool by_token(struct auth *x, struct http_req *q, struct caller *ret)
{
	struct str h = req_header(q, STR("authorization"));
	if (!str_has_prefix(h, STR("Bearer ")) || h.n > TOKEN_MAX || !x->k->t || !x->k->cfg->authentication.webhook.enabled)
		return false;
	struct answer *n = review_token(x, q->arena, str_trim(str_sub(h, 7, h.n)));
	if (!n || !n->yes)
		return false;
	struct authentication_v1_UserInfo *u = arena_make(q->arena, struct authentication_v1_UserInfo);
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

static bool anonymous(struct auth *x, struct http_req *q, struct caller *ret)
{
	if (!x->k->cfg->authentication.anonymous.enabled || req_header(q, STR("authorization")).n)
		return false;
	*ret = (struct caller){.name = STR("system:anonymous")};
	*arena_push(q->arena, &ret->groups) = STR("system:unauthenticated");
	return true;
}

/* ---- whether */
static const char *verb_of(struct str method)
{
	static const struct { const char *method, *verb; } verbs[] = {{"POST", "create"}, {"GET", "get"}, {"HEAD", "get"}, {"PUT", "update"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (str_is(method, verbs[i].method))
			return verbs[i].verb;
	return "";
}

/* Sub-resources that grant a path; the last one grants everything. */
static size_t subresources(struct str path, const char *ret[2])
{
	static const struct { const char *prefix, *sub; bool alone; } rows[] = {{"/stats", "stats", true}, {"/metrics", "metrics", true}, {"/logs", "log", true},
		{"/checkpoint", "checkpoint", true}, {"/pods", "pods"}, {"/runningpods", "pods"}, {"/healthz", "healthz"}, {"/configz", "configz"}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = strlen(rows[i].prefix);
		if (!str_has_prefix(path, str_of(rows[i].prefix)) || (path.n > n && path.p[n] != '/'))
			continue;
		ret[0] = rows[i].sub;
		ret[1] = "proxy";
		return rows[i].alone ? 1 : 2;
	}
	ret[0] = "proxy";
	return 1;
}

/* 1 yes, 0 no, -1 nobody to ask. */
static int allowed(struct auth *x, struct http_req *q, const struct caller *c, const char *sub)
{
	ERR(e);
	struct arena *a = q->arena;
	const char *verb = verb_of(q->method);
	struct str key = str_printf(a, "may %s %s %.*s %.*s", verb, sub, STR_F(c->name), STR_F(str_join(a, c->groups.items, c->groups.len, STR(","))));
	struct answer *n = recall(x, key);
	if (n || !x->k->t)
		return n ? n->yes : -1;
	struct authorization_v1_SubjectAccessReview *r = arena_make(a, struct authorization_v1_SubjectAccessReview);
	r->spec.user = c->name;
	r->spec.uid = c->uid;
	r->spec.groups = c->groups;
	r->spec.resourceAttributes = arena_make(a, struct authorization_v1_ResourceAttributes);
	*r->spec.resourceAttributes = (struct authorization_v1_ResourceAttributes){.verb = str_of(verb), .version = STR("v1"), .resource = STR("nodes"),
		.subresource = str_of(sub), .name = x->k->o.node_name};
	r = client_create(x->k->t, a, client_resource("authorization.k8s.io", "v1", "subjectaccessreviews"), (struct str){0}, r, &e);
	if (!r) {
		log_warn("access review: %s", err_text(&e));
		return -1;
	}
	const struct kubelet_config_v1beta1_KubeletWebhookAuthorization *ttl = &x->k->cfg->authorization.webhook;
	remember(x, key, r->status.allowed, r->status.allowed ? ttl->cacheAuthorizedTTL : ttl->cacheUnauthorizedTTL, NULL);
	return r->status.allowed;
}

int auth_check(struct auth *x, struct http_req *q, struct str *ret_text)
{
	struct caller c = {0};
	const char *subs[2];
	int last = 0;
	*ret_text = STR("Unauthorized");
	if (!by_certificate(q, &c) && !by_token(x, q, &c) && !anonymous(x, q, &c))
		return 401;
	if (str_is(x->k->cfg->authorization.mode, "AlwaysAllow"))
		return 0;
	size_t n = subresources(q->path, subs);
	for (size_t i = 0; i < n; i++)
		if ((last = allowed(x, q, &c, subs[i])) == 1)
			return 0;
	*ret_text = str_printf(q->arena, "%s (user=%.*s, verb=%s, resource=nodes, subresource(s)=[%s%s%s])", last < 0 ? "Authorization error" : "Forbidden",
		STR_F(c.name), verb_of(q->method), subs[0], n > 1 ? " " : "", n > 1 ? subs[1] : "");
	return last < 0 ? 500 : 403;
}
