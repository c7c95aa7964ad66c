/* Service-account tokens of the old kind: they never expire, and are good for as long as the Secret that they name holds them. */
#include "apiserver/authn/authn_impl.h"

#include "api/meta.h"
#include "base/log.h"
#include "schema/value.h"
#include "gen/core_v1.h"

#include <time.h>

#define CLAIM "kubernetes.io/serviceaccount/"
#define LAST_USED "kubernetes.io/legacy-token-last-used"
#define INVALID_SINCE "kubernetes.io/legacy-token-invalid-since"
#define SA_PREFIX "system:serviceaccount:"
#define DATE_MAX 11

static int refuse(struct str *why, struct str text)
{
	*why = text;
	return -1;
}

static struct str claim(const struct value *all, const char *name)
{
	const struct value *v = value_get(all, str_of(name));
	return v && v->type == V_STRING ? v->s : (struct str){0};
}

static int read_claims(const struct value *all, struct arena *a, struct legacy_claims *ret, struct str *why)
{
	const struct {
		struct str *to;
		const char *claim, *name;
	} rows[] = {
		{&ret->sub, "sub", "sub"},
		{&ret->ns, CLAIM "namespace", "namespace"},
		{&ret->secret, CLAIM "secret.name", "secretName"},
		{&ret->account, CLAIM "service-account.name", "serviceAccountName"},
		{&ret->account_uid, CLAIM "service-account.uid", "serviceAccountUID"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		*rows[i].to = claim(all, rows[i].claim);
		if (!rows[i].to->n)
			return refuse(why, str_printf(a, "%s claim is missing", rows[i].name));
	}
	if (!str_eq(ret->sub, str_printf(a, SA_PREFIX "%.*s:%.*s", STR_F(ret->ns), STR_F(ret->account))))
		return refuse(why, STR("sub claim is invalid"));
	return 0;
}

static const void *look_up(struct server *s, struct arena *a, const char *plural, struct str ns, struct str name)
{
	struct cache *c = server_cache(s);
	struct object *o = cache_lookup(c, cache_table_by_name(c, "", plural), ns, name);
	ERR(e);
	if (!o)
		return NULL;
	arena_defer(a, (void (*)(void *))object_unref, o);
	return object_decode(o, a, &e);
}

static bool holds(const struct core_v1_Secret *s, struct str token)
{
	LIST_EACH(d, s->data)
		if (str_is(d->key, "token"))
			return str_eq_secret(d->value, token);
	return false;
}

static int check_secret(const struct core_v1_Secret *secret, struct str token, struct str *why)
{
	if (!secret || secret->metadata.has_deletionTimestamp)
		return refuse(why, STR("Token has been invalidated"));
	if (!holds(secret, token))
		return refuse(why, STR("Token does not match server's copy"));
	return 0;
}

static int check_account(struct server *s, struct arena *a, const struct legacy_claims *c, struct str *why)
{
	const struct core_v1_ServiceAccount *sa = look_up(s, a, "serviceaccounts", c->ns, c->account);
	if (!sa)
		return refuse(why, str_printf(a, "serviceaccounts \"%.*s\" not found", STR_F(c->account)));
	if (sa->metadata.has_deletionTimestamp)
		return refuse(why, str_printf(a, "ServiceAccount %.*s/%.*s has been deleted", STR_F(c->ns), STR_F(c->account)));
	if (!str_eq(sa->metadata.uid, c->account_uid))
		return refuse(why, str_printf(a, "ServiceAccount UID (%.*s) does not match claim (%.*s)", STR_F(sa->metadata.uid), STR_F(c->account_uid)));
	return 0;
}

static void date_of(int64_t sec, char out[DATE_MAX])
{
	struct tm tm;
	time_t t = (time_t)sec;
	gmtime_r(&t, &tm);
	strftime(out, DATE_MAX, "%Y-%m-%d", &tm);
}

/* The Secret carries the day of its last use, so that unused ones can be found. */
static void mark_used(struct server *s, struct arena *a, const struct core_v1_Secret *secret)
{
	static struct str masters = STR_INIT("system:masters");
	struct user self = {.name = STR("system:apiserver"), .groups = &masters, .ngroups = 1};
	struct str last = meta_label(&secret->metadata, LAST_USED);
	char today[DATE_MAX], tomorrow[DATE_MAX];
	struct ref answer;
	ERR(e);
	date_of(rt_wall() / NS_S, today);
	date_of(rt_wall() / NS_S + 86400, tomorrow);
	if (str_is(last, today) || str_is(last, tomorrow))
		return;
	struct call c = {.verb = VERB_PATCH, .res = resource_by_name(STR(""), STR("v1"), STR("secrets")), .ns = secret->metadata.namespace,
		.name = secret->metadata.name, .patch_type = PATCH_MERGE,
		.patch = str_printf(a, "{\"metadata\":{\"uid\":\"%.*s\",\"labels\":{\"" LAST_USED "\":\"%s\"}}}", STR_F(secret->metadata.uid), today)};
	if (pipeline_run(s, &self, &c, a, &answer, &e))
		log_warn("secret %.*s/%.*s keeps no date of its use: %s", STR_F(c.ns), STR_F(c.name), err_text(&e));
}

int legacy_check(struct server *s, struct arena *a, struct str token, const struct value *all, struct legacy_claims *ret, struct str *why)
{
	if (read_claims(all, a, ret, why))
		return -1;
	const struct core_v1_Secret *secret = look_up(s, a, "secrets", ret->ns, ret->secret);
	if (check_secret(secret, token, why) || check_account(s, a, ret, why))
		return -1;
	if (meta_label(&secret->metadata, INVALID_SINCE).n)
		return refuse(why, str_printf(a,
			"the token in secret %.*s/%.*s for service account %.*s/%.*s has been marked invalid. Use tokens from the TokenRequest API or manually created "
			"secret-based tokens, or remove the '" INVALID_SINCE "' label from the secret to temporarily allow use of this token",
			STR_F(ret->ns), STR_F(ret->secret), STR_F(ret->ns), STR_F(ret->account)));
	mark_used(s, a, secret);
	return 0;
}
