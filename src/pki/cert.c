#include "pki/cert.h"
#include "pki/ssl.h"
#include "base/enc.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#define FILE_MAX (1u << 20) /* of a PEM file */

struct pki_csr {
	X509_REQ *r;
};

int ssl_fail(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return err_set(e, ERR_BAD_REQUEST, why ? "%s: %s" : "%s", what, why);
}

BIO *ssl_bio(struct str s)
{
	ERR_clear_error();
	return BIO_new_mem_buf(s.n ? s.p : "", (int)s.n);
}

void ssl_bio_take(BIO *b, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);
	buf_put(out, p, n > 0 ? (size_t)n : 0);
	BIO_free(b);
}

/* Keys */

static struct pki_key *key_wrap(EVP_PKEY *k, const char *what, struct err *e)
{
	struct pki_key *key = k ? calloc(1, sizeof *key) : NULL;
	if (!key) {
		ssl_fail(e, what);
		EVP_PKEY_free(k);
		return NULL;
	}
	key->k = k;
	return key;
}

struct pki_key *pki_key_new(struct err *e)
{
	ERR_clear_error();
	return key_wrap(EVP_EC_gen("P-256"), "making a key", e);
}

/* No pass phrase is ever asked for. */
static int no_phrase(char *buf, int n, int rw, void *arg)
{
	return -1;
}

struct pki_key *pki_key_parse(struct str pem, struct err *e)
{
	CLEANUP(bio_free) BIO *b = ssl_bio(pem);
	return key_wrap(PEM_read_bio_PrivateKey(b, NULL, no_phrase, NULL), "no private key in PEM", e);
}

struct pki_key *pki_key_load(const char *file, struct err *e)
{
	struct buf text = {0};
	struct pki_key *k = NULL;
	if (pki_read_file(file, FILE_MAX, &text, e) == 0 && !(k = pki_key_parse(buf_view(&text), e)))
		err_wrap(e, "%s", file);
	buf_fini_secret(&text);
	return k;
}

void pki_key_pem(const struct pki_key *k, struct buf *out)
{
	BIO *b = BIO_new(BIO_s_secmem());
	PEM_write_bio_PrivateKey_traditional(b, k->k, NULL, NULL, 0, NULL, NULL);
	ssl_bio_take(b, out);
}

int pki_key_public_pem(const struct pki_key *k, struct buf *out, struct err *e)
{
	BIO *b = BIO_new(BIO_s_mem());
	int ok = PEM_write_bio_PUBKEY(b, k->k);
	ssl_bio_take(b, out);
	return ok == 1 ? 0 : ssl_fail(e, "public key");
}

void pki_key_free(struct pki_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->k);
	free(k);
}

/* Making certificates */

static int add_names(X509_NAME *n, const struct pki_spec *s)
{
	int ok = 1;
	for (uint32_t i = 0; i < s->norgs; i++)
		ok &= X509_NAME_add_entry_by_NID(n, NID_organizationName, MBSTRING_UTF8, (const unsigned char *)s->orgs[i].p, (int)s->orgs[i].n, -1, 0);
	if (s->common_name.n)
		ok &= X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8, (const unsigned char *)s->common_name.p, (int)s->common_name.n, -1, 0);
	return ok == 1 ? 0 : -1;
}

static void push_name(GENERAL_NAMES *v, int type, const void *p, size_t n)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	ASN1_STRING_set(text, p, (int)n);
	GENERAL_NAME_set0_value(g, type, text);
	sk_GENERAL_NAME_push(v, g);
}

static GENERAL_NAMES *alt_names(const struct pki_spec *s)
{
	GENERAL_NAMES *v = sk_GENERAL_NAME_new_null();
	for (uint32_t i = 0; i < s->ndns; i++)
		push_name(v, GEN_DNS, s->dns[i].p, s->dns[i].n);
	for (uint32_t i = 0; i < s->nips; i++)
		push_name(v, GEN_IPADD, s->ips[i].b, s->ips[i].family == 4 ? 4 : 16);
	return v;
}

static int add_alt_names(X509 *x, const struct pki_spec *s)
{
	if (!s->ndns && !s->nips)
		return 0;
	GENERAL_NAMES *v = alt_names(s);
	int ok = X509_add1_ext_i2d(x, NID_subject_alt_name, v, 0, 0);
	GENERAL_NAMES_free(v);
	return ok == 1 ? 0 : -1;
}

static int add_conf(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	int ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok ? 0 : -1;
}

static int add_usages(X509 *x, unsigned usages)
{
	const char *text = usages == (PKI_CLIENT | PKI_SERVER) ? "serverAuth,clientAuth" : usages == PKI_SERVER ? "serverAuth" : "clientAuth";
	return usages ? add_conf(x, x, NID_ext_key_usage, text) : 0;
}

static int set_serial(X509 *x)
{
	unsigned char p[8];
	RAND_bytes(p, sizeof p);
	p[0] &= 0x7f;
	p[0] |= 0x40; /* positive, and always eight bytes */
	BIGNUM *n = BN_bin2bn(p, sizeof p, NULL);
	int ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok ? 0 : -1;
}

static int64_t asn1_time(const ASN1_TIME *t)
{
	struct tm tm;
	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

static int set_times(X509 *x, const struct pki_spec *s, X509 *ca)
{
	int64_t end = s->now + s->valid_s, limit = ca ? asn1_time(X509_get0_notAfter(ca)) : end;
	int64_t start = s->now - PKI_BACKDATE_S;
	if (ca && start < asn1_time(X509_get0_notBefore(ca)))
		start = asn1_time(X509_get0_notBefore(ca));
	return ASN1_TIME_set(X509_getm_notBefore(x), start) && ASN1_TIME_set(X509_getm_notAfter(x), end < limit ? end : limit) ? 0 : -1;
}

static const EVP_MD *digest_for(EVP_PKEY *k)
{
	return EVP_PKEY_get_id(k) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static X509 *cert_begin(EVP_PKEY *subject, const struct pki_spec *s, X509 *ca)
{
	X509 *x = X509_new();
	if (x && X509_set_version(x, 2) && set_serial(x) == 0 && set_times(x, s, ca) == 0 && X509_set_pubkey(x, subject))
		return x;
	X509_free(x);
	return NULL;
}

static struct pki_cert *cert_wrap(X509 *x, int bad, const char *what, struct err *e)
{
	struct pki_cert *c = x && !bad ? calloc(1, sizeof *c) : NULL;
	if (!c) {
		ssl_fail(e, what);
		X509_free(x);
		return NULL;
	}
	c->x = x;
	return c;
}

struct pki_cert *pki_ca_new(const struct pki_key *key, const struct pki_spec *s, struct err *e)
{
	ERR_clear_error();
	X509 *x = cert_begin(key->k, s, NULL);
	struct pki_spec names = {.dns = &s->common_name, .ndns = 1};
	int bad = !x || add_names(X509_get_subject_name(x), s) < 0 || X509_set_issuer_name(x, X509_get_subject_name(x)) != 1 ||
		add_conf(x, x, NID_key_usage, "critical,digitalSignature,keyEncipherment,keyCertSign") < 0 ||
		add_conf(x, x, NID_basic_constraints, "critical,CA:TRUE") < 0 || add_conf(x, x, NID_subject_key_identifier, "hash") < 0 ||
		add_alt_names(x, &names) < 0 || !X509_sign(x, key->k, digest_for(key->k));
	return cert_wrap(x, bad, "making the CA certificate", e);
}

static int sign_leaf(X509 *x, unsigned usages, X509 *ca, EVP_PKEY *ca_key)
{
	if (X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1 || add_conf(x, ca, NID_key_usage, "critical,digitalSignature,keyEncipherment") < 0 ||
	    add_usages(x, usages) < 0 || add_conf(x, ca, NID_basic_constraints, "critical,CA:FALSE") < 0)
		return -1;
	if (X509_get0_subject_key_id(ca) && add_conf(x, ca, NID_authority_key_identifier, "keyid") < 0)
		return -1;
	return X509_sign(x, ca_key, digest_for(ca_key)) ? 0 : -1;
}

struct pki_cert *pki_cert_new(const struct pki_key *subject, const struct pki_spec *s, const struct pki_cert *ca, const struct pki_key *ca_key, struct err *e)
{
	ERR_clear_error();
	X509 *x = cert_begin(subject->k, s, ca->x);
	int bad = !x || add_names(X509_get_subject_name(x), s) < 0 || add_alt_names(x, s) < 0 || sign_leaf(x, s->usages, ca->x, ca_key->k) < 0;
	return cert_wrap(x, bad, "making a certificate", e);
}

struct pki_cert *pki_cert_parse(struct str pem, struct err *e)
{
	CLEANUP(bio_free) BIO *b = ssl_bio(pem);
	return cert_wrap(PEM_read_bio_X509(b, NULL, no_phrase, NULL), 0, "no certificate in PEM", e);
}

struct pki_cert *pki_cert_parse_der(struct str der, struct err *e)
{
	const unsigned char *p = (const unsigned char *)der.p;
	return cert_wrap(d2i_X509(NULL, &p, (long)der.n), 0, "no certificate in DER", e);
}

struct pki_cert *pki_cert_load(const char *file, struct err *e)
{
	BUF(text);
	struct pki_cert *c = NULL;
	if (pki_read_file(file, FILE_MAX, &text, e) == 0 && !(c = pki_cert_parse(buf_view(&text), e)))
		err_wrap(e, "%s", file);
	return c;
}

void pki_cert_pem(const struct pki_cert *c, struct buf *out)
{
	BIO *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, c->x);
	ssl_bio_take(b, out);
}

void pki_cert_free(struct pki_cert *c)
{
	if (!c)
		return;
	X509_free(c->x);
	free(c);
}

bool pki_cert_matches(const struct pki_cert *c, const struct pki_key *k)
{
	bool yes = X509_check_private_key(c->x, k->k) == 1;
	ERR_clear_error();
	return yes;
}

int pki_cert_verify(const struct pki_cert *c, const struct pki_cert *ca, int64_t now, struct err *e)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, ca->x);
	int r = -1;
	if (ctx && X509_STORE_CTX_init(ctx, store, c->x, NULL) == 1) {
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), now);
		r = X509_verify_cert(ctx) == 1 ? 0 : err_set(e, ERR_BAD_REQUEST, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}

/* Reading */

static struct str text_of(struct arena *a, const ASN1_STRING *s)
{
	unsigned char *p = NULL;
	int n = ASN1_STRING_to_UTF8(&p, s);
	struct str text = n >= 0 ? str_dup(a, str_n(p, n)) : (struct str){0};
	OPENSSL_free(p);
	return text;
}

static void read_subject(X509_NAME *n, struct arena *a, struct pki_info *ret)
{
	int count = X509_NAME_entry_count(n);
	ret->orgs = arena_array(a, struct str, count ? count : 1);
	for (int i = 0; i < count && ret->orgs; i++) {
		X509_NAME_ENTRY *entry = X509_NAME_get_entry(n, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		if (nid == NID_organizationName)
			ret->orgs[ret->norgs++] = text_of(a, X509_NAME_ENTRY_get_data(entry));
		else if (nid == NID_commonName)
			ret->common_name = text_of(a, X509_NAME_ENTRY_get_data(entry));
	}
}

static void read_alt_name(const GENERAL_NAME *g, struct arena *a, struct pki_info *ret)
{
	int type;
	ASN1_STRING *s = GENERAL_NAME_get0_value(g, &type);
	if (type == GEN_DNS)
		ret->dns[ret->ndns++] = text_of(a, s);
	else if (type == GEN_EMAIL)
		ret->emails[ret->nemails++] = text_of(a, s);
	else if (type == GEN_URI)
		ret->uris[ret->nuris++] = text_of(a, s);
	else if (type == GEN_IPADD && (ASN1_STRING_length(s) == 4 || ASN1_STRING_length(s) == 16)) {
		struct ipaddr *ip = &ret->ips[ret->nips++];
		ip->family = ASN1_STRING_length(s) == 4 ? 4 : 6;
		memcpy(ip->b, ASN1_STRING_get0_data(s), ASN1_STRING_length(s));
	}
}

static void read_alt_names(GENERAL_NAMES *v, struct arena *a, struct pki_info *ret)
{
	int n = v ? sk_GENERAL_NAME_num(v) : 0;
	if (n <= 0)
		return;
	ret->dns = arena_array(a, struct str, n);
	ret->emails = arena_array(a, struct str, n);
	ret->uris = arena_array(a, struct str, n);
	ret->ips = arena_array(a, struct ipaddr, n);
	for (int i = 0; i < n && ret->dns && ret->emails && ret->uris && ret->ips; i++)
		read_alt_name(sk_GENERAL_NAME_value(v, i), a, ret);
}

static void read_serial(X509 *x, struct arena *a, struct pki_info *ret)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;
	ret->serial = str_dup(a, str_of(hex));
	OPENSSL_free(hex);
	BN_free(n);
}

int pki_cert_info(const struct pki_cert *c, struct arena *a, struct pki_info *ret, struct err *e)
{
	struct pki_info info = {0};
	read_subject(X509_get_subject_name(c->x), a, &info);
	GENERAL_NAMES *v = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);
	read_alt_names(v, a, &info);
	GENERAL_NAMES_free(v);
	read_serial(c->x, a, &info);
	info.not_before = asn1_time(X509_get0_notBefore(c->x));
	info.not_after = asn1_time(X509_get0_notAfter(c->x));
	uint32_t flags = X509_get_extension_flags(c->x), usage = flags & EXFLAG_XKUSAGE ? X509_get_extended_key_usage(c->x) : 0;
	info.is_ca = flags & EXFLAG_CA;
	info.usages = (usage & XKU_SSL_CLIENT ? PKI_CLIENT : 0) | (usage & XKU_SSL_SERVER ? PKI_SERVER : 0);
	info.key_usage = flags & EXFLAG_KUSAGE ? X509_get_key_usage(c->x) : 0;
	ERR_clear_error();
	*ret = info;
	return 0;
}

/* Requests */

struct pki_csr *pki_csr_parse(struct str pem, struct err *e)
{
	CLEANUP(bio_free) BIO *b = ssl_bio(pem);
	X509_REQ *r = PEM_read_bio_X509_REQ(b, NULL, no_phrase, NULL);
	EVP_PKEY *k = r ? X509_REQ_get0_pubkey(r) : NULL;
	if (!k || X509_REQ_verify(r, k) != 1) {
		ssl_fail(e, r ? "the request's signature is wrong" : "no certificate request in PEM");
		X509_REQ_free(r);
		return NULL;
	}
	struct pki_csr *c = calloc(1, sizeof *c);
	c->r = r;
	return c;
}

static int add_csr_names(X509_REQ *r, const struct pki_spec *s)
{
	if (!s->ndns && !s->nips)
		return 0;
	STACK_OF(X509_EXTENSION) *v = NULL;
	GENERAL_NAMES *names = alt_names(s);
	int ok = X509V3_add1_i2d(&v, NID_subject_alt_name, names, 0, 0) == 1 && X509_REQ_add_extensions(r, v) == 1;
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(v, X509_EXTENSION_free);
	return ok ? 0 : -1;
}

int pki_csr_pem(const struct pki_key *key, const struct pki_spec *s, struct buf *out, struct err *e)
{
	ERR_clear_error();
	X509_REQ *r = X509_REQ_new();
	BIO *b = BIO_new(BIO_s_mem());
	int ok = r && X509_REQ_set_version(r, 0) && add_names(X509_REQ_get_subject_name(r), s) == 0 && X509_REQ_set_pubkey(r, key->k) &&
		add_csr_names(r, s) == 0 && X509_REQ_sign(r, key->k, digest_for(key->k)) && PEM_write_bio_X509_REQ(b, r);
	ssl_bio_take(b, out);
	X509_REQ_free(r);
	return ok ? 0 : ssl_fail(e, "making a certificate request");
}

static GENERAL_NAMES *csr_names(X509_REQ *r)
{
	STACK_OF(X509_EXTENSION) *v = X509_REQ_get_extensions(r);
	GENERAL_NAMES *names = X509V3_get_d2i(v, NID_subject_alt_name, NULL, NULL);
	sk_X509_EXTENSION_pop_free(v, X509_EXTENSION_free);
	return names;
}

int pki_csr_info(const struct pki_csr *r, struct arena *a, struct pki_info *ret, struct err *e)
{
	struct pki_info info = {0};
	read_subject(X509_REQ_get_subject_name(r->r), a, &info);
	GENERAL_NAMES *v = csr_names(r->r);
	read_alt_names(v, a, &info);
	GENERAL_NAMES_free(v);
	ERR_clear_error();
	*ret = info;
	return 0;
}

struct pki_cert *pki_csr_sign(const struct pki_csr *r, const struct pki_spec *s, const struct pki_cert *ca, const struct pki_key *ca_key, struct err *e)
{
	ERR_clear_error();
	X509 *x = cert_begin(X509_REQ_get0_pubkey(r->r), s, ca->x);
	GENERAL_NAMES *v = csr_names(r->r);
	int bad = !x || X509_set_subject_name(x, X509_REQ_get_subject_name(r->r)) != 1 ||
		(v && X509_add1_ext_i2d(x, NID_subject_alt_name, v, 0, 0) != 1) || sign_leaf(x, s->usages, ca->x, ca_key->k) < 0;
	GENERAL_NAMES_free(v);
	return cert_wrap(x, bad, "signing the request", e);
}

void pki_csr_free(struct pki_csr *r)
{
	if (!r)
		return;
	X509_REQ_free(r->r);
	free(r);
}
