#include "net/tls_impl.h"
#include "base/enc.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { PEM_CERT, PEM_KEY, PEM_CA, PEMS };
struct source {
	char *text, *file;
	size_t n;
	struct timespec mtime;
	ino_t ino;
};
struct tls {
	_Atomic uint32_t refs;
	pthread_mutex_t lock; /* ctx, sources' times, looked */
	SSL_CTX *ctx;
	struct source src[PEMS];
	bool server, want_cert, http1_only, insecure;
	int min_version;
	char *server_name, *ciphers;
	mono_t looked;
};

const struct tls_peer tls_peer_none;

void tls_error_text(char *out, size_t n)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;
	snprintf(out, n, "%s", why ? why : code ? "TLS error" : "connection closed");
	ERR_clear_error();
}

static int fail(struct err *e, const char *what)
{
	char text[160];
	tls_error_text(text, sizeof text);
	return err_set(e, ERR_BAD_REQUEST, "%s: %s", what, text);
}

/* PEM sources */

static BIO *source_open(struct source *s, struct err *e)
{
	BIO *b = s->text ? BIO_new_mem_buf(s->text, (int)s->n) : BIO_new_file(s->file, "r");
	if (!b)
		err_sys(e, errno, "%s", s->text ? "PEM" : s->file);
	return b;
}

static const char *source_name(const struct source *s)
{
	return s->text ? "PEM data" : s->file;
}

static bool source_set(const struct source *s)
{
	return s->text || s->file;
}

/* Notes the file's times; true when they changed. */
static bool source_changed(struct source *s)
{
	struct stat st;
	if (s->text || !s->file || stat(s->file, &st) < 0)
		return false;
	bool same = st.st_ino == s->ino && st.st_mtim.tv_sec == s->mtime.tv_sec && st.st_mtim.tv_nsec == s->mtime.tv_nsec;
	s->ino = st.st_ino;
	s->mtime = st.st_mtim;
	return !same;
}

static void source_copy(struct source *s, const struct tls_pem *p)
{
	if (p->text.p) {
		s->text = malloc(p->text.n + 1);
		memcpy(s->text, p->text.p, p->text.n);
		s->n = p->text.n;
	} else if (p->file) {
		s->file = strdup(p->file);
	}
}

static void source_fini(struct source *s)
{
	if (s->text)
		OPENSSL_cleanse(s->text, s->n);
	free(s->text);
	free(s->file);
}

/* Loading into a context */

static int load_chain(SSL_CTX *ctx, BIO *b)
{
	X509 *leaf = PEM_read_bio_X509(b, NULL, NULL, NULL), *more;
	if (!leaf)
		return -1;
	int r = SSL_CTX_use_certificate(ctx, leaf);
	X509_free(leaf);
	while (r == 1 && (more = PEM_read_bio_X509(b, NULL, NULL, NULL)))
		r = (int)SSL_CTX_add0_chain_cert(ctx, more);
	ERR_clear_error(); /* the end of the file */
	return r == 1 ? 0 : -1;
}

static int load_key(SSL_CTX *ctx, BIO *b)
{
	EVP_PKEY *k = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	if (!k)
		return -1;
	int r = SSL_CTX_use_PrivateKey(ctx, k);
	EVP_PKEY_free(k);
	return r == 1 ? 0 : -1;
}

static int load_ca(SSL_CTX *ctx, BIO *b)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509 *c;
	int n = 0;
	for (; (c = PEM_read_bio_X509_AUX(b, NULL, NULL, NULL)); n++) {
		X509_STORE_add_cert(store, c);
		if (SSL_CTX_get_ex_data(ctx, 0) == ctx)
			SSL_CTX_add_client_CA(ctx, c);
		X509_free(c);
	}
	if (n)
		ERR_clear_error();
	return n ? 0 : -1;
}

static int load(struct tls *t, SSL_CTX *ctx, int which, int (*fn)(SSL_CTX *, BIO *), struct err *e)
{
	struct source *s = &t->src[which];
	if (!source_set(s))
		return 0;
	source_changed(s);
	BIO *b = source_open(s, e);
	if (!b)
		return -1;
	ERR_clear_error();
	int r = fn(ctx, b);
	BIO_free(b);
	return r < 0 ? fail(e, source_name(s)) : 0;
}

static int load_all(struct tls *t, SSL_CTX *ctx, struct err *e)
{
	if (load(t, ctx, PEM_CERT, load_chain, e) < 0 || load(t, ctx, PEM_KEY, load_key, e) < 0 || load(t, ctx, PEM_CA, load_ca, e) < 0)
		return -1;
	if (source_set(&t->src[PEM_CERT]) && SSL_CTX_check_private_key(ctx) != 1)
		return fail(e, "the certificate and the key do not belong together");
	if (!t->server && !t->insecure && !source_set(&t->src[PEM_CA]))
		SSL_CTX_set_default_verify_paths(ctx);
	return 0;
}

/* Protocol choices */

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned nin, void *arg)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	const struct tls *t = arg;
	unsigned skip = t->http1_only ? 3 : 0;
	if (SSL_select_next_proto((unsigned char **)out, n, both + skip, sizeof both - 1 - skip, in, nin) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

/* Client certificates are judged by the authenticators, not by the handshake: an unknown one gets a 401, as upstream.
 * The error stays in the verify result (and so in the session). */
static int accept_any(int ok, X509_STORE_CTX *ctx)
{
	return 1;
}

static void configure_server(struct tls *t, SSL_CTX *ctx)
{
	unsigned char id[16];
	RAND_bytes(id, sizeof id); /* tickets end with the context */
	SSL_CTX_set_session_id_context(ctx, id, sizeof id);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, t);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only: no memory per client */
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	if (t->want_cert || source_set(&t->src[PEM_CA]))
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
}

static void configure_client(struct tls *t, SSL_CTX *ctx)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1";
	unsigned skip = t->http1_only ? 3 : 0;
	SSL_CTX_set_alpn_protos(ctx, both + skip, sizeof both - 1 - skip);
	SSL_CTX_set_verify(ctx, t->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}

static SSL_CTX *ctx_new(struct tls *t, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());
	if (!ctx) {
		fail(e, "TLS");
		return NULL;
	}
	SSL_CTX_set_ex_data(ctx, 0, t->server ? ctx : NULL); /* load_ca announces the CAs of servers */
	SSL_CTX_set_min_proto_version(ctx, t->min_version ? t->min_version : TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(ctx, 1); /* one read(2) for many records */
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
	SSL_CTX_set_cipher_list(ctx, t->ciphers ? t->ciphers : "ECDHE+AESGCM:ECDHE+CHACHA20");
	/* AES-128 is as safe here and a third faster; the server's order wins. */
	SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
	if (t->server)
		configure_server(t, ctx);
	else
		configure_client(t, ctx);
	if (load_all(t, ctx, e) == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static struct tls *tls_new(const struct tls_pem *cert, const struct tls_pem *key, const struct tls_pem *ca)
{
	struct tls *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	source_copy(&t->src[PEM_CERT], cert);
	source_copy(&t->src[PEM_KEY], key);
	source_copy(&t->src[PEM_CA], ca);
	return t;
}

static mono_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_S + ts.tv_nsec;
}

static struct tls *tls_finish(struct tls *t, struct err *e)
{
	t->looked = now();
	t->ctx = ctx_new(t, e);
	if (t->ctx)
		return t;
	tls_unref(t);
	return NULL;
}

struct tls *tls_server_new(const struct tls_server_opts *o, struct err *e)
{
	struct tls *t = tls_new(&o->cert, &o->key, &o->client_ca);
	if (!t) {
		err_nomem(e, sizeof *t);
		return NULL;
	}
	t->server = true;
	t->want_cert = o->want_client_cert;
	t->http1_only = o->http1_only;
	t->min_version = o->min_version;
	t->ciphers = o->ciphers ? strdup(o->ciphers) : NULL;
	return tls_finish(t, e);
}

struct tls *tls_client_new(const struct tls_client_opts *o, struct err *e)
{
	struct tls *t = tls_new(&o->cert, &o->key, &o->ca);
	if (!t) {
		err_nomem(e, sizeof *t);
		return NULL;
	}
	t->insecure = o->insecure;
	t->http1_only = o->http1_only;
	t->server_name = o->server_name ? strdup(o->server_name) : NULL;
	return tls_finish(t, e);
}

struct tls *tls_ref(struct tls *t)
{
	if (t)
		atomic_fetch_add(&t->refs, 1);
	return t;
}

void tls_unref(struct tls *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	SSL_CTX_free(t->ctx);
	for (int i = 0; i < PEMS; i++)
		source_fini(&t->src[i]);
	free(t->server_name);
	free(t->ciphers);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int reload_locked(struct tls *t, struct err *e)
{
	SSL_CTX *ctx = ctx_new(t, e);
	if (!ctx)
		return -1;
	SSL_CTX_free(t->ctx);
	t->ctx = ctx;
	return 0;
}

int tls_reload(struct tls *t, struct err *e)
{
	pthread_mutex_lock(&t->lock);
	int r = reload_locked(t, e);
	pthread_mutex_unlock(&t->lock);
	return r;
}

static void look(struct tls *t)
{
	mono_t at = now();
	if (at - t->looked < TLS_RELOAD_EVERY)
		return;
	t->looked = at;
	bool changed = false;
	for (int i = 0; i < PEMS; i++)
		changed |= source_changed(&t->src[i]);
	if (changed)
		reload_locked(t, NULL);
}

/* Connections */

static void name_server(SSL *ssl, const char *name)
{
	struct in6_addr any;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
		return;
	}
	SSL_set_tlsext_host_name(ssl, name);
	SSL_set1_host(ssl, name);
}

SSL *tls_ssl_new(struct tls *t, const char *host, struct err *e)
{
	ERR_clear_error();
	pthread_mutex_lock(&t->lock);
	look(t);
	SSL *ssl = SSL_new(t->ctx);
	pthread_mutex_unlock(&t->lock);
	if (!ssl) {
		fail(e, "TLS");
		return NULL;
	}
	if (t->server) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	const char *name = t->server_name ? t->server_name : host;
	if (name && *name)
		name_server(ssl, name);
	return ssl;
}

/* Peers */

static struct str entry_text(struct arena *a, X509_NAME_ENTRY *entry)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	struct str s = n >= 0 ? str_dup(a, str_n(utf8, n)) : (struct str){0};
	OPENSSL_free(utf8);
	return s;
}

static bool is_uid(X509_NAME_ENTRY *entry)
{
	char oid[64];
	OBJ_obj2txt(oid, sizeof oid, X509_NAME_ENTRY_get_object(entry), 1);
	return strcmp(oid, "1.3.6.1.4.1.57683.2") == 0;
}

static void parse_subject(struct tls_peer *p, X509 *cert, struct arena *a)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int n = X509_NAME_entry_count(subject);
	struct str *orgs = arena_array(a, struct str, n ? n : 1);
	for (int i = 0; i < n && orgs; i++) {
		X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		if (nid == NID_organizationName)
			orgs[p->norgs++] = entry_text(a, entry);
		else if (nid == NID_commonName)
			p->common_name = entry_text(a, entry);
		else if (is_uid(entry))
			p->uid = entry_text(a, entry);
	}
	p->orgs = orgs;
}

static struct str credential_id(struct arena *a, const unsigned char *der, int n)
{
	uint8_t sha256[32];
	BUF(id);
	EVP_Digest(der, n, sha256, NULL, EVP_sha256(), NULL);
	buf_lit(&id, "X509SHA256=");
	enc_hex(&id, str_n(sha256, sizeof sha256));
	return buf_take(&id, a);
}

static void parse_der(struct tls_peer *p, X509 *cert, struct arena *a)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	if (n > 0) {
		p->der = str_dup(a, str_n(der, n));
		p->credential_id = credential_id(a, der, n);
	}
	OPENSSL_free(der);
	struct tm tm = {0};
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
		p->not_after = timegm(&tm);
}

struct tls_peer *tls_peer_of(SSL *ssl, struct arena *a)
{
	struct tls_peer *p = arena_make(a, struct tls_peer);
	X509 *cert = SSL_get0_peer_certificate(ssl);
	if (!cert)
		return p;
	long why = SSL_get_verify_result(ssl);
	p->present = true;
	p->verified = why == X509_V_OK && (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER);
	if (!p->verified)
		p->error = str_of(X509_verify_cert_error_string(why));
	parse_subject(p, cert, a);
	parse_der(p, cert, a);
	ERR_clear_error();
	return p;
}
