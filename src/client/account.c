#include "client/account.h"
#include "client/call.h"
#include "client/impl.h"
#include "gen/authentication_v1.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

#define TOKEN_S 3600  /* asked for, as upstream's components */
#define USE_PERCENT 80 /* of a token's life; then the next one is asked for */

/* Over an HTTPS transport of its own. */
struct account {
	struct transport t;
	struct transport *by, *https;
	struct token_source tokens;
	struct str ns, name;
	struct arena *arena;
};

static int make_account(struct account *x, struct arena *a, struct err *e)
{
	struct core_v1_ServiceAccount *sa = obj_make(a, core_v1_ServiceAccount);
	ERR(why);
	sa->metadata.name = x->name;
	sa->metadata.namespace = x->ns;
	if (client_create(x->by, a, client_resource("", "v1", "serviceaccounts"), x->ns, sa, &why) || err_is(&why, ERR_ALREADY_EXISTS))
		return 0;
	return err_pass(e, &why);
}

static struct authentication_v1_TokenRequest *request(struct account *x, struct arena *a, struct err *e)
{
	struct authentication_v1_TokenRequest *q = obj_make(a, authentication_v1_TokenRequest);
	struct call c = {.verb = VERB_CREATE, .res = client_resource("", "v1", "serviceaccounts"), .sub = STR("token"), .ns = x->ns, .name = x->name,
		.body = {desc_type(T_authentication_v1_TokenRequest), q}};
	q->spec.expirationSeconds = TOKEN_S;
	q->spec.has_expirationSeconds = true;
	return client_call(x->by, a, &c, e);
}

static int token(void *arg, struct arena *a, struct str *ret, nsec_t *ret_use, struct err *e)
{
	struct account *x = arg;
	ERR(why);
	struct authentication_v1_TokenRequest *got = request(x, a, &why);
	if (!got && err_is(&why, ERR_NOT_FOUND)) {
		if (make_account(x, a, e) < 0)
			return err_wrap(e, "service account %.*s", STR_F(x->name));
		err_fini(&why);
		got = request(x, a, &why);
	}
	if (!got) {
		err_pass(e, &why);
		return err_wrap(e, "token of service account %.*s", STR_F(x->name));
	}
	nsec_t life = api_time_wall(got->status.expirationTimestamp) - rt_wall();
	*ret = got->status.token;
	*ret_use = life > 0 ? life / 100 * USE_PERCENT : 0;
	return 0;
}

static int account_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	return transport_call(container_of(t, struct account, t)->https, c, a, ret, e);
}

static struct watch *account_watch(struct transport *t, const struct call *c, struct err *e)
{
	return transport_watch(container_of(t, struct account, t)->https, c, e);
}

static void account_free(struct transport *t)
{
	struct account *x = container_of(t, struct account, t);
	transport_free(x->https);
	arena_free(x->arena);
}

/* Watches come with the operations of the transport beneath. */
static const struct transport_ops account_ops = {.call = account_call, .watch = account_watch, .free = account_free};

struct transport *account_transport_new(struct rt *rt, const struct account_opts *o, struct err *e)
{
	struct arena *mem = arena_new(NULL);
	struct account *x = arena_make(mem, struct account);
	*x = (struct account){.t = {&account_ops}, .by = o->by, .ns = str_dup(mem, o->ns), .name = str_dup(mem, o->name), .arena = mem, .tokens = {token, x}};
	struct rest_config c = {.server = o->c->server, .ca_pem = o->c->ca_pem, .ca_file = o->c->ca_file, .server_name = o->c->server_name, .insecure = o->c->insecure,
		.timeout = o->c->timeout, .user_agent = o->user_agent, .tokens = &x->tokens};
	x->https = https_transport_new(rt, &c, e);
	if (x->https)
		return &x->t;
	arena_free(mem);
	return NULL;
}
