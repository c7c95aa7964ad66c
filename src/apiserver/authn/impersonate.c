/* Impersonation headers: each thing asked for is an authorization question of its own. */
#include "apiserver/authn/authn_impl.h"

#include "apiserver/authz.h"
#include "apiserver/authz/rbac.h"
#include "base/enc.h"

#include <stdlib.h>

#define EXTRA_HEADER "impersonate-extra-"
#define SA_PREFIX "system:serviceaccount:"
#define NODE_PREFIX "system:node:"

static void take_headers(struct request *r, struct user *u)
{
	struct str g;
	u->name = req_header(r->http, STR("impersonate-user"));
	u->uid = req_header(r->http, STR("impersonate-uid"));
	for (uint32_t i = 0; req_header_next(r->http, STR("impersonate-group"), &i, &g);)
		user_add_group(r->arena, u, g);
	for (uint32_t i = 0; i < r->http->nheaders; i++) {
		const struct http_header *h = &r->http->headers[i];
		if (!str_has_prefix(h->name, STR(EXTRA_HEADER)) || h->name.n == sizeof EXTRA_HEADER - 1)
			continue;
		struct str key = str_sub(h->name, sizeof EXTRA_HEADER - 1, h->name.n);
		BUF(out);
		if (dec_percent(&out, key, false) == 0)
			key = buf_take(&out, r->arena);
		user_add_extra(r->arena, u, key, h->value);
	}
}

/* The text of the 400, in the form that upstream prints its struct. */
static void put_strings(struct buf *out, const struct str *v, size_t n)
{
	buf_lit(out, "[]string");
	if (!n)
		buf_lit(out, "(nil)");
	for (size_t i = 0; i < n; i++) {
		buf_str(out, i ? STR(", ") : STR("{"));
		enc_quote(out, v[i]);
	}
	if (n)
		buf_char(out, '}');
}

static int no_user(const struct user *u, struct err *e)
{
	BUF(out);
	buf_lit(&out, "requested &user.DefaultInfo{Name:\"\", UID:");
	enc_quote(&out, u->uid);
	buf_lit(&out, ", Groups:");
	put_strings(&out, u->groups, u->ngroups);
	buf_lit(&out, ", Extra:map[string][]string");
	if (!u->nextra)
		buf_lit(&out, "(nil)");
	for (size_t i = 0; i < u->nextra; i++) {
		buf_str(&out, i ? STR(", ") : STR("{"));
		enc_quote(&out, u->extra[i].key);
		buf_char(&out, ':');
		put_strings(&out, u->extra[i].values, u->extra[i].n);
	}
	if (u->nextra)
		buf_char(&out, '}');
	buf_lit(&out, "} without impersonating a user name");
	return err_set(e, ERR_BAD_REQUEST, "%s", buf_z(&out));
}

/* ---- Questions ---- */

static bool allowed(struct request *r, struct attrs *at)
{
	at->user = &r->user;
	at->verb = STR("impersonate");
	at->is_resource = true;
	return authz_decide(r->server, at, NULL) == DECISION_ALLOW;
}

static bool grants_impersonation(void *arg, const struct rbac_v1_PolicyRule *rule)
{
	LIST_EACH(v, rule->verbs)
		if (str_is(*v, "impersonate"))
			return *(bool *)arg = true;
	return false;
}

/* Who holds an older grant of any kind gets the older text. */
static bool holds_older_grant(struct request *r, struct str ns)
{
	bool found = false;
	rbac_each_rule(authz_rbac(r->server), &r->user, ns, grants_impersonation, &found);
	return found;
}

static int refuse_older(struct request *r, const struct attrs *at, struct err *e)
{
	struct str group = at->group.n ? str_printf(r->arena, ".%.*s", STR_F(at->group)) : STR("");
	struct str what = at->sub.n ? str_printf(r->arena, "%.*s/%.*s", STR_F(at->resource), STR_F(at->sub)) : at->resource;
	err_set(e, ERR_FORBIDDEN, "%.*s%.*s \"%.*s\" is forbidden: User \"%.*s\" cannot impersonate resource \"%.*s\" in API group \"%.*s\" %s%.*s%s",
		STR_F(at->resource), STR_F(group), STR_F(at->name), STR_F(r->user.name), STR_F(what), STR_F(at->group),
		at->ns.n ? "in the namespace \"" : "at the cluster scope", STR_F(at->ns), at->ns.n ? "\"" : "");
	err_object(e, at->group, at->resource, at->name);
	return -1;
}

static int refuse(struct request *r, struct err *e)
{
	const struct attrs *at = &r->at;
	if (at->is_resource)
		return request_forbidden(r, e, "User \"%.*s\" cannot impersonate-on:user-info:%.*s resource \"%.*s\" in API group \"%.*s\" %s%.*s%s", STR_F(r->user.name),
			STR_F(at->verb), STR_F(at->resource), STR_F(at->group), at->ns.n ? "in the namespace \"" : "at the cluster scope", STR_F(at->ns),
			at->ns.n ? "\"" : "");
	err_set(e, ERR_FORBIDDEN, "forbidden: User \"%.*s\" cannot impersonate-on:user-info:%.*s path \"%.*s\"", STR_F(r->user.name), STR_F(at->verb), STR_F(at->path));
	err_object(e, STR(""), STR(""), STR(""));
	return -1;
}

static int ask(struct request *r, const char *group, const char *resource, struct str sub, struct str ns, struct str name, struct err *e)
{
	struct attrs at = {.group = str_of(group), .version = STR("v1"), .resource = str_of(resource), .sub = sub, .ns = ns, .name = name};
	if (allowed(r, &at))
		return 0;
	return holds_older_grant(r, ns) ? refuse_older(r, &at, e) : refuse(r, e);
}

static int ask_user(struct request *r, const struct user *u, struct err *e)
{
	struct str ns, name;
	if (str_has_prefix(u->name, STR(SA_PREFIX)) && str_cut(str_sub(u->name, sizeof SA_PREFIX - 1, u->name.n), ':', &ns, &name) && ns.n && name.n)
		return ask(r, "", "serviceaccounts", (struct str){0}, ns, name, e);
	return ask(r, "", "users", (struct str){0}, (struct str){0}, u->name, e);
}

static int ask_all(struct request *r, const struct user *u, struct err *e)
{
	if (ask_user(r, u, e) < 0)
		return -1;
	if (u->uid.n && ask(r, "authentication.k8s.io", "uids", (struct str){0}, (struct str){0}, u->uid, e) < 0)
		return -1;
	for (size_t i = 0; i < u->ngroups; i++)
		if (ask(r, "", "groups", (struct str){0}, (struct str){0}, u->groups[i], e) < 0)
			return -1;
	for (size_t i = 0; i < u->nextra; i++)
		for (size_t k = 0; k < u->extra[i].n; k++)
			if (ask(r, "authentication.k8s.io", "userextras", u->extra[i].key, (struct str){0}, u->extra[i].values[k], e) < 0)
				return -1;
	return 0;
}

static void implied_groups(struct request *r, struct user *u, bool given)
{
	struct str ns, name;
	bool account = str_has_prefix(u->name, STR(SA_PREFIX)) && str_cut(str_sub(u->name, sizeof SA_PREFIX - 1, u->name.n), ':', &ns, &name) && ns.n && name.n;
	if (account && !given) {
		user_add_group(r->arena, u, STR("system:serviceaccounts"));
		user_add_group(r->arena, u, str_printf(r->arena, "system:serviceaccounts:%.*s", STR_F(ns)));
	}
	if (!str_is(u->name, "system:anonymous") || !user_in_group(u, STR("system:unauthenticated")))
		user_add_group(r->arena, u, str_is(u->name, "system:anonymous") ? STR("system:unauthenticated") : STR("system:authenticated"));
}

int authn_impersonate(struct request *r, struct err *e)
{
	struct user u = {0};
	if (!r->http)
		return 0;
	take_headers(r, &u);
	if (!u.name.n)
		return u.uid.n || u.ngroups || u.nextra ? no_user(&u, e) : 0;
	bool given = u.ngroups > 0;
	if (ask_all(r, &u, e) < 0)
		return -1;
	implied_groups(r, &u, given);
	r->user = u;
	return 0;
}
