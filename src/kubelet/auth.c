#include "kubelet/auth.h"

#define REFUSED_TTL (10 * NS_S) /* of tokens */

static bool by_token(struct kubelet *k, struct http_req *q, struct caller *ret)
{
	const struct kubelet_config_v1beta1_KubeletWebhookAuthentication *hook = &k->cfg->authentication.webhook;
	return k->t && hook->enabled && caller_by_token(k->reviews, k->t, q, (struct reviews_ttl){hook->cacheTTL, REFUSED_TTL}, ret);
}

static bool anonymous(struct kubelet *k, struct http_req *q, struct caller *ret)
{
	if (!k->cfg->authentication.anonymous.enabled || req_header(q, STR("authorization")).n)
		return false;
	caller_anonymous(q, ret);
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
static int allowed(struct kubelet *k, struct http_req *q, const struct caller *c, const char *sub)
{
	ERR(e);
	const struct kubelet_config_v1beta1_KubeletWebhookAuthorization *ttl = &k->cfg->authorization.webhook;
	struct authorization_v1_ResourceAttributes to = {.verb = str_of(verb_of(q->method)), .version = STR("v1"), .resource = STR("nodes"), .subresource = str_of(sub),
		.name = k->o.node_name};
	if (!k->t)
		return -1;
	int may = caller_may(k->reviews, k->t, q->arena, c, (struct authorization_v1_SubjectAccessReviewSpec){.resourceAttributes = &to},
		(struct reviews_ttl){ttl->cacheAuthorizedTTL, ttl->cacheUnauthorizedTTL}, &e);
	if (may < 0)
		log_warn("access review: %s", err_text(&e));
	return may;
}

int auth_check(struct kubelet *k, struct http_req *q, struct str *ret_text)
{
	struct caller c;
	const char *subs[2];
	int last = 0;
	*ret_text = STR("Unauthorized");
	if (!caller_by_certificate(q, &c) && !by_token(k, q, &c) && !anonymous(k, q, &c))
		return 401;
	if (str_is(k->cfg->authorization.mode, "AlwaysAllow"))
		return 0;
	size_t n = subresources(q->path, subs);
	for (size_t i = 0; i < n; i++)
		if ((last = allowed(k, q, &c, subs[i])) == 1)
			return 0;
	*ret_text = str_printf(q->arena, "%s (user=%.*s, verb=%s, resource=nodes, subresource(s)=[%s%s%s])", last < 0 ? "Authorization error" : "Forbidden",
		STR_F(c.name), verb_of(q->method), subs[0], n > 1 ? " " : "", n > 1 ? subs[1] : "");
	return last < 0 ? 500 : 403;
}
