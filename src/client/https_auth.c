#include "base/enc.h"
#include "client/https_impl.h"
#include "os/file.h"

#define TOKEN_MAX (1u << 20)

/* ---- TLS */

static struct tls_pem pem_of(struct arena *a, struct str text, struct str file)
{
	return (struct tls_pem){.text = text, .file = file.n ? str_z(a, file) : NULL};
}

struct http_client *https_client_new(struct https *h, struct str cert_pem, struct str key_pem, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	CLEANUP(tls_unref) struct tls *tls = NULL;
	const struct rest_config *c = &h->c;
	struct tls_client_opts o = {.insecure = c->insecure, .server_name = c->server_name.n ? str_z(a, c->server_name) : NULL};
	o.ca = pem_of(a, c->ca_pem, c->ca_file);
	o.cert = pem_of(a, cert_pem, cert_pem.n ? (struct str){0} : c->cert_file);
	o.key = pem_of(a, key_pem, key_pem.n ? (struct str){0} : c->key_file);
	if (str_has_prefix(c->server, STR("https://")) && !(tls = tls_client_new(&o, e)))
		return NULL;
	return http_client_new(&(struct http_client_opts){
		.url = str_z(a, c->server), .tls = tls, .http2_prior = str_has_prefix(c->server, STR("unix://"))}, e);
}

/* ---- tokens */

/* A file that cannot be read now leaves the token that was read before. */
static void token_reread(struct https *h)
{
	struct str text;
	struct arena *a = arena_new(NULL);
	arena_mark_secret(a);
	h->token_read = rt_now();
	if (file_read(a, str_z(a, h->c.token_file), TOKEN_MAX, &text, NULL) < 0 || !str_trim(text).n) {
		arena_free(a);
		return;
	}
	arena_free(h->token_arena);
	h->token_arena = a;
	h->token = str_trim(text);
}

/* Two fibers that find it stale at once both ask: harmless. */
static int token_ask(struct https *h, struct err *e)
{
	struct str text;
	nsec_t use;
	struct arena *a = arena_new(NULL);
	arena_mark_secret(a);
	if (h->c.tokens->get(h->c.tokens->arg, a, &text, &use, e) < 0) {
		arena_free(a);
		return -1;
	}
	arena_free(h->token_arena);
	h->token_arena = a;
	h->token = text;
	h->token_until = rt_now() + use;
	return 0;
}

static int token_get(struct https *h, struct str *ret, struct err *e)
{
	if (h->c.tokens && rt_now() >= h->token_until && token_ask(h, e) < 0)
		return -1;
	if (h->c.token_file.n && (!h->token_read || rt_now() - h->token_read >= HTTPS_TOKEN_AGE))
		token_reread(h);
	*ret = h->token.n ? h->token : h->c.token;
	if (!ret->n && h->c.token_file.n)
		return err_set(e, ERR_UNAUTHORIZED, "failed to read token file \"%.*s\"", STR_F(h->c.token_file));
	return 0;
}

/* A plug-in's certificate goes into a client of its own; calls under way on the old one break off, as upstream's. */
static int certificate_changed(struct https *h, const struct exec_cred *cred, struct err *e)
{
	struct http_client *client = https_client_new(h, cred->cert_pem, cred->key_pem, e);
	if (!client)
		return err_wrap(e, "exec plugin: failed parsing client key/certificate");
	http_client_free(h->client);
	h->client = client;
	return 0;
}

static int exec_get(struct https *h, struct str *ret, struct err *e)
{
	struct exec_cred cred;
	bool changed;
	if (exec_auth_get(h->exec, &cred, &changed, e) < 0)
		return err_wrap(e, "getting credentials");
	*ret = cred.token;
	return changed ? certificate_changed(h, &cred, e) : 0;
}

void https_unauthorized(struct https *h)
{
	h->token_read = h->token_until = 0;
	if (h->exec)
		exec_auth_expire(h->exec);
}

/* ---- headers */

void https_header(struct https_headers *hs, const char *name, struct str value)
{
	if (!value.n)
		return;
	hs->full |= hs->n == HTTPS_HEADERS_MAX;
	if (!hs->full)
		hs->v[hs->n++] = (struct http_header){str_of(name), value};
}

static bool token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$&'*+-.^_`|~", c));
}

/* What a header name cannot hold is percent-encoded, capitals are folded: as client-go. */
static const char *extra_header(struct arena *a, struct str key)
{
	BUF(b);
	buf_lit(&b, "impersonate-extra-");
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i] >= 'A' && key.p[i] <= 'Z' ? (char)(key.p[i] + 32) : key.p[i];
		if (token_char(c))
			buf_char(&b, c);
		else
			buf_printf(&b, "%%%02X", (uint8_t)c);
	}
	return str_z(a, buf_view(&b));
}

static void impersonate(const struct https *h, struct arena *a, struct https_headers *hs)
{
	const struct rest_config *c = &h->c;
	https_header(hs, "impersonate-user", c->as);
	https_header(hs, "impersonate-uid", c->as_uid);
	for (size_t i = 0; i < c->nas_groups; i++)
		https_header(hs, "impersonate-group", c->as_groups[i]);
	for (uint32_t i = 0; c->as_extra && i < c->as_extra->len; i++) {
		const struct c8s_Strings_map_entry *x = &c->as_extra->items[i];
		LIST_EACH(v, x->value.items)
			https_header(hs, extra_header(a, x->key), *v);
	}
}

int https_authorize(struct https *h, struct arena *a, struct https_headers *hs, struct err *e)
{
	struct str token = {0};
	int r = h->exec ? exec_get(h, &token, e) : token_get(h, &token, e);
	if (r < 0)
		return -1;
	https_header(hs, "user-agent", h->c.user_agent);
	if (token.n)
		https_header(hs, "authorization", str_printf(a, "Bearer %.*s", STR_F(token)));
	else
		https_header(hs, "authorization", h->authorization);
	impersonate(h, a, hs);
	return hs->full ? err_set(e, ERR_BAD_REQUEST, "too many groups or extras to impersonate: at most %d headers", HTTPS_HEADERS_MAX) : 0;
}
