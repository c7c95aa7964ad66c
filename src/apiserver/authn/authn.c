/* The authenticators in upstream's order, behind the listening socket's own word: front proxy, client certificate, bearer token, anonymous. */
#include "apiserver/authn/authn_impl.h"

#include "base/enc.h"

bool user_in_group(const struct user *u, struct str group)
{
	for (size_t i = 0; i < u->ngroups; i++)
		if (str_eq(u->groups[i], group))
			return true;
	return false;
}

void user_add_group(struct arena *a, struct user *u, struct str group)
{
	if (user_in_group(u, group))
		return;
	struct str *v = arena_array(a, struct str, u->ngroups + 1);
	if (!v)
		return;
	if (u->ngroups)
		memcpy(v, u->groups, u->ngroups * sizeof *v);
	v[u->ngroups++] = group;
	u->groups = v;
}

static size_t extra_row(struct arena *a, struct user *u, struct str key)
{
	for (size_t i = 0; i < u->nextra; i++)
		if (str_eq(u->extra[i].key, key))
			return i;
	__typeof__(u->extra) v = arena_alloc_array(a, u->nextra + 1, sizeof *v);
	if (u->nextra)
		memcpy(v, u->extra, u->nextra * sizeof *v);
	v[u->nextra].key = key;
	u->extra = v;
	return u->nextra++;
}

void user_add_extra(struct arena *a, struct user *u, struct str key, struct str value)
{
	size_t i = extra_row(a, u, key), n = u->extra[i].n;
	struct str *v = arena_array(a, struct str, n + 1);
	if (n)
		memcpy(v, u->extra[i].values, n * sizeof *v);
	v[n] = value;
	u->extra[i].values = v;
	u->extra[i].n = n + 1;
}

/* ---- Listening socket ---- */

static int listener(struct request *r, struct user *u)
{
	if (!r->listener_user)
		return 1;
	*u = *r->listener_user;
	return 0;
}

/* ---- Front proxy ---- */

static bool listed(const struct str *v, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(v[i], s))
			return true;
	return n == 0;
}

static bool from_front_proxy(struct request *r)
{
	const struct server_opts *o = server_options(r->server);
	struct authn *n = authn_state(r->server);
	const struct tls_peer *p = r->http->peer;
	if (!n->proxy_ca || !p->present || !listed(o->requestheader_allowed_names, o->nrh_allowed, p->common_name))
		return false;
	ERR(e);
	struct pki_cert *leaf = pki_cert_parse_der(p->der, &e);
	bool ok = leaf && pki_cert_verify(leaf, n->proxy_ca, rt_wall() / NS_S, &e) == 0;
	pki_cert_free(leaf);
	return ok;
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_text(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i];
	return str_n(p, s.n);
}

static void take_extras(struct request *r, struct str prefix, struct user *u)
{
	for (uint32_t i = 0; i < r->http->nheaders; i++) {
		const struct http_header *h = &r->http->headers[i];
		if (!str_has_prefix(h->name, prefix) || h->name.n == prefix.n)
			continue;
		BUF(key);
		struct str raw = str_sub(h->name, prefix.n, h->name.n);
		if (dec_percent(&key, raw, false) == 0)
			raw = buf_take(&key, r->arena);
		user_add_extra(r->arena, u, raw, h->value);
	}
}

static struct str first_header(struct request *r, const struct str *names, size_t n)
{
	struct str v = {0};
	for (size_t i = 0; i < n && !v.n; i++)
		v = str_trim(req_header(r->http, lower(r->arena, names[i])));
	return v;
}

/* 0: authenticated, 1: not from the proxy, or without a user. */
static int front_proxy(struct request *r, struct user *u)
{
	const struct server_opts *o = server_options(r->server);
	struct str user = first_header(r, o->requestheader_username_headers, o->nrh_user);
	if (!user.n || !from_front_proxy(r)) /* the header first: verifying a certificate is dear */
		return 1;
	u->name = user;
	u->uid = first_header(r, o->requestheader_uid_headers, o->nrh_uid);
	for (size_t i = 0; i < o->nrh_group; i++) {
		struct str header = lower(r->arena, o->requestheader_group_headers[i]), v;
		for (uint32_t at = 0; req_header_next(r->http, header, &at, &v);)
			user_add_group(r->arena, u, v);
	}
	for (size_t i = 0; i < o->nrh_extra; i++)
		take_extras(r, lower(r->arena, o->requestheader_extra_prefixes[i]), u);
	return 0;
}

/* ---- Client certificate ---- */

static int certificate(struct request *r, struct user *u)
{
	const struct tls_peer *p = r->http->peer;
	if (!p->present || !p->verified || !p->common_name.n)
		return p->present ? -1 : 1;
	u->name = p->common_name;
	u->uid = p->uid;
	for (uint32_t i = 0; i < p->norgs; i++)
		user_add_group(r->arena, u, p->orgs[i]);
	u->credential_id = p->credential_id;
	user_add_extra(r->arena, u, STR(EXTRA_CREDENTIAL_ID), u->credential_id);
	return 0;
}

/* ---- Bearer tokens ---- */

#define WS_BEARER "base64url.bearer.authorization.k8s.io."

/* Browsers cannot send Authorization with a WebSocket: the token travels as a subprotocol. */
static struct str websocket_token(struct request *r)
{
	struct str rest = req_header(r->http, STR("sec-websocket-protocol")), item;
	while (rest.p && str_next(&rest, ',', &item)) {
		item = str_trim(item);
		BUF(out);
		if (str_has_prefix(item, STR(WS_BEARER)) && dec_base64url(&out, str_sub(item, sizeof WS_BEARER - 1, item.n)) == 0)
			return buf_take(&out, r->arena);
	}
	return (struct str){0};
}

static struct str bearer(struct request *r)
{
	struct str h = str_trim(req_header(r->http, STR("authorization"))), scheme, rest, token;
	if (!str_cut(h, ' ', &scheme, &rest) || !str_eq_fold(scheme, STR("bearer")))
		return websocket_token(r);
	if (rest.n && rest.p[0] == ' ') {
		request_warn(r, "the provided Authorization header contains extra space before the bearer token, and is ignored");
		return (struct str){0};
	}
	str_cut(rest, ' ', &token, &rest);
	return token;
}

static int bearer_token(struct request *r, struct user *u)
{
	struct token_question q = {.token = bearer(r)};
	if (!q.token.n)
		return 1;
	return token_authenticate(r->server, r->arena, &q, u);
}

/* ---- The chain ---- */

static int (*const chain[])(struct request *r, struct user *u) = {listener, front_proxy, certificate, bearer_token};

int authn_request(struct request *r, struct err *e)
{
	bool bad = false;
	for (size_t i = 0; i < ARRAY_LEN(chain); i++) {
		struct user u = {0};
		int rc = chain[i](r, &u);
		if (rc == 0) {
			user_add_group(r->arena, &u, STR("system:authenticated"));
			r->user = u;
			return 0;
		}
		bad |= rc < 0;
	}
	if (bad || !server_options(r->server)->anonymous_auth)
		return err_set(e, ERR_UNAUTHORIZED, "Unauthorized");
	r->user = (struct user){.name = STR("system:anonymous")};
	user_add_group(r->arena, &r->user, STR("system:unauthenticated"));
	return 0;
}

int token_authenticate(struct server *s, struct arena *a, struct token_question *q, struct user *ret)
{
	struct authn *n = authn_state(s);
	for (size_t i = 0; i < n->ntokens; i++)
		if (str_eq_secret(n->tokens[i].token, q->token)) {
			*ret = n->tokens[i].user;
			return 0;
		}
	struct str why = {0};
	int rc = account_authenticate(s, a, q, ret, &why);
	if (rc == 0)
		return 0;
	*(struct str *)arena_push(a, &q->complaints) = STR("invalid bearer token");
	if (rc < 0 && why.n)
		*(struct str *)arena_push(a, &q->complaints) = why;
	return -1;
}

/* ---- Start ---- */

static void authn_stop(struct server *s, void *state)
{
	struct authn *n = state;
	for (int i = 0; i < n->nverify; i++)
		jwt_key_free(n->verify[i]);
	jwt_key_free(n->sign);
	pki_cert_free(n->proxy_ca);
	arena_free(n->mem);
}

static int load_keys(struct authn *n, const struct server_opts *o, struct err *e)
{
	for (size_t i = 0; i < o->nsa_key_files; i++) {
		int k = jwt_keys_load(str_z(n->mem, o->sa_key_files[i]), n->verify + n->nverify, SA_KEYS_MAX - n->nverify, e);
		if (k < 0)
			return err_wrap(e, "--service-account-key-file");
		n->nverify += k;
	}
	if (!o->sa_signing_key_file.n)
		return 0;
	if (jwt_keys_load(str_z(n->mem, o->sa_signing_key_file), &n->sign, 1, e) < 0)
		return err_wrap(e, "--service-account-signing-key-file");
	return jwt_key_private(n->sign) ? 0 : err_set(e, ERR_BAD_REQUEST, "--service-account-signing-key-file must hold a private key");
}

static int load_proxy_ca(struct authn *n, const struct server_opts *o, struct err *e)
{
	if (!o->requestheader_client_ca_file.n)
		return 0;
	n->proxy_ca = pki_cert_load(str_z(n->mem, o->requestheader_client_ca_file), e);
	return n->proxy_ca ? 0 : err_wrap(e, "--requestheader-client-ca-file");
}

static int authn_start(struct server *s, void **ret_state, struct err *e)
{
	const struct server_opts *o = server_options(s);
	struct arena *mem = arena_new(NULL);
	struct authn *n = arena_make(mem, struct authn);
	n->mem = mem;
	arena_mark_secret(mem);
	if ((o->token_auth_file.n && tokens_load(n, o->token_auth_file, e) < 0) || load_keys(n, o, e) < 0 || load_proxy_ca(n, o, e) < 0) {
		authn_stop(s, n);
		return -1;
	}
	*ret_state = n;
	return 0;
}

const struct server_part authn_part = {.start = authn_start, .stop = authn_stop};
