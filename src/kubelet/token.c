/* Service account tokens bound to a Pod. */
#include "kubelet/volume.h"
#include "gen/authentication_v1.h"

#define LIFE_MAX (24 * NS_HOUR) /* of a token in use, whatever it says */

struct token {
	struct str text; /* behind it */
	wall_t got, expires;
};

static bool fresh(const struct token *t)
{
	wall_t now = rt_wall();
	nsec_t life = t->expires - t->got;
	return now < t->expires - life / 5 && now - t->got < LIFE_MAX;
}

static void token_free(struct token *t)
{
	explicit_bzero((char *)t->text.p, t->text.n);
	free(t);
}

void tokens_free(struct pod *p)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(&p->tokens, &i));)
		token_free(en->value);
	map_fini(&p->tokens);
}

static struct authentication_v1_TokenRequest *ask(struct pod *p, struct arena *a, const struct core_v1_ServiceAccountTokenProjection *s, struct err *e)
{
	struct authentication_v1_TokenRequest *t = arena_make(a, struct authentication_v1_TokenRequest);
	struct str account = p->spec->pod->spec.serviceAccountName;
	if (s->audience.n)
		*arena_push(a, &t->spec.audiences) = s->audience;
	t->spec.has_expirationSeconds = true;
	t->spec.expirationSeconds = s->has_expirationSeconds ? s->expirationSeconds : 3600;
	t->spec.boundObjectRef = arena_make(a, struct authentication_v1_BoundObjectReference);
	*t->spec.boundObjectRef = (struct authentication_v1_BoundObjectReference){STR("Pod"), STR("v1"), p->name, p->uid};
	struct call c = {.verb = VERB_CREATE, .res = client_resource("", "v1", "serviceaccounts"), .sub = STR("token"), .ns = p->ns,
		.name = account.n ? account : STR("default"), .body = {desc_type(T_authentication_v1_TokenRequest), t}};
	return client_call(p->k->t, a, &c, e);
}

static struct token *keep(struct pod *p, struct str key, const struct authentication_v1_TokenRequest *r)
{
	struct token *t = calloc(1, sizeof *t + r->status.token.n);
	if (!t)
		bug("out of memory");
	memcpy(t + 1, r->status.token.p, r->status.token.n);
	t->text = (struct str){(char *)(t + 1), r->status.token.n};
	t->got = rt_wall();
	t->expires = api_time_wall(r->status.expirationTimestamp);
	struct token *old = map_set_dup(&p->tokens, key, t);
	if (old)
		token_free(old);
	return t;
}

int token_get(struct pod *p, struct arena *a, const struct core_v1_ServiceAccountTokenProjection *s, struct str *ret, struct err *e)
{
	struct str key = str_printf(a, "%lld %.*s", (long long)s->expirationSeconds, STR_F(s->audience));
	struct token *t = map_get(&p->tokens, key);
	if (!p->k->t)
		return err_set(e, ERR_SERVICE_UNAVAILABLE, "no API server to ask for a token");
	if (!t || !fresh(t)) {
		struct authentication_v1_TokenRequest *r = ask(p, a, s, e);
		if (!r && !(t && t->expires > rt_wall()))
			return err_wrap(e, "failed to fetch token");
		if (r)
			t = keep(p, key, r);
	}
	*ret = str_dup(a, t->text);
	return 0;
}
