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

/* Grants of two kinds: the older verb "impersonate" lets the caller be somebody in all respects; the newer verbs "impersonate:MODE" do for those requests
 * only that "impersonate-on:MODE:VERB" is granted for (KEP-5284). */
struct mode {
	const char *name;  /* NULL: the older kind */
	const char *group; /* of users, groups, serviceaccounts and nodes */
};
static const struct mode older = {NULL, ""}, as_account = {"serviceaccount", "authentication.k8s.io"}, as_node = {"arbitrary-node", "authentication.k8s.io"},
	as_user = {"user-info", "authentication.k8s.io"};

static bool account_of(const struct user *u, struct str *ns, struct str *name)
{
	return str_has_prefix(u->name, STR(SA_PREFIX)) && str_cut(str_sub(u->name, sizeof SA_PREFIX - 1, u->name.n), ':', ns, name) && ns->n && name->n;
}

static const struct mode *mode_of(const struct user *u)
{
	struct str ns, name;
	return account_of(u, &ns, &name) ? &as_account : str_has_prefix(u->name, STR(NODE_PREFIX)) ? &as_node : &as_user;
}

static bool grants_impersonation(void *arg, const struct rbac_v1_PolicyRule *rule)
{
	LIST_EACH(v, rule->verbs)
		*(bool *)arg |= str_is(*v, "impersonate");
	return !*(bool *)arg;
}

/* Who holds an older grant of any kind gets the older text. */
static bool holds_older_grant(struct request *r)
{
	bool found = false;
	rbac_each_rule_anywhere(authz_rbac(r->server), &r->user, grants_impersonation, &found);
	return found;
}

static int refuse_identity(struct request *r, const struct attrs *at, struct err *e)
{
	struct str group = at->group.n ? str_printf(r->arena, ".%.*s", STR_F(at->group)) : STR("");
	struct str what = at->sub.n ? str_printf(r->arena, "%.*s/%.*s", STR_F(at->resource), STR_F(at->sub)) : at->resource;
	err_set(e, ERR_FORBIDDEN, "%.*s%.*s \"%.*s\" is forbidden: User \"%.*s\" cannot %.*s resource \"%.*s\" in API group \"%.*s\" %s%.*s%s",
		STR_F(at->resource), STR_F(group), STR_F(at->name), STR_F(r->user.name), STR_F(at->verb), STR_F(what), STR_F(at->group),
		at->ns.n ? "in the namespace \"" : "at the cluster scope", STR_F(at->ns), at->ns.n ? "\"" : "");
	err_object(e, at->group, at->resource, at->name);
	return -1;
}

/* May the caller be this user, group, uid or extra? */
static int ask(struct request *r, const struct mode *m, struct attrs at, struct err *e)
{
	at.user = &r->user;
	at.is_resource = true;
	at.version = STR("v1");
	at.verb = m->name ? str_printf(r->arena, "impersonate:%s", m->name) : STR("impersonate");
	return authz_decide(r->server, &at, NULL) == DECISION_ALLOW ? 0 : refuse_identity(r, &at, e);
}

static int ask_name(struct request *r, const struct mode *m, const struct user *u, struct err *e)
{
	struct attrs at = {.group = str_of(m->group), .resource = STR("users"), .name = u->name};
	if (account_of(u, &at.ns, &at.name)) {
		at.resource = STR("serviceaccounts");
	} else {
		at.ns = (struct str){0};
		at.name = u->name;
	}
	if (m == &as_node) {
		at.resource = STR("nodes");
		at.name = str_sub(u->name, sizeof NODE_PREFIX - 1, u->name.n);
	}
	return ask(r, m, at, e);
}

static int ask_all(struct request *r, const struct mode *m, const struct user *u, struct err *e)
{
	const struct str authentication = STR("authentication.k8s.io");
	if (ask_name(r, m, u, e) < 0)
		return -1;
	if (u->uid.n && ask(r, m, (struct attrs){.group = authentication, .resource = STR("uids"), .name = u->uid}, e) < 0)
		return -1;
	for (size_t i = 0; i < u->ngroups; i++)
		if (ask(r, m, (struct attrs){.group = str_of(m->group), .resource = STR("groups"), .name = u->groups[i]}, e) < 0)
			return -1;
	for (size_t i = 0; i < u->nextra; i++)
		for (size_t k = 0; k < u->extra[i].n; k++) {
			struct attrs at = {.group = authentication, .resource = STR("userextras"), .sub = u->extra[i].key, .name = u->extra[i].values[k]};
			if (ask(r, m, at, e) < 0)
				return -1;
		}
	return 0;
}

/* The newer way: the request itself, then the identity.  It never leads to the superusers, and accounts and nodes come as they are. */
static int ask_constrained(struct request *r, const struct user *u, struct err *e)
{
	const struct mode *m = mode_of(u);
	struct str verb = str_printf(r->arena, "impersonate-on:%s:%.*s", m->name, STR_F(r->at.verb));
	if (request_authorize(r, verb, e) < 0)
		return -1;
	bool bare = !u->uid.n && !u->ngroups && !u->nextra;
	if (user_in_group(u, STR("system:masters")) || (m != &as_user && !bare))
		return err_set(e, ERR_FORBIDDEN, "impersonating more than a name needs the verb impersonate");
	return ask_all(r, m, u, e);
}

static int ask_any(struct request *r, const struct user *u, struct err *e)
{
	ERR(first);
	if (ask_all(r, &older, u, &first) == 0 || ask_constrained(r, u, e) == 0)
		return 0;
	if (holds_older_grant(r)) {
		err_fini(e);
		err_move(e, &first);
	}
	return -1;
}

static void implied_groups(struct request *r, struct user *u, bool given)
{
	struct str ns, name;
	if (account_of(u, &ns, &name) && !given) {
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
	if (ask_any(r, &u, e) < 0)
		return -1;
	implied_groups(r, &u, given);
	r->user = u;
	return 0;
}
