#include "pki/jwt.h"
#include "pki/cert.h"
#include "pki/ssl.h"
#include "base/enc.h"
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

/* Algorithms (RFC 7518): one per key, chosen by its type and curve. */
struct alg {
	const char *name, *curve, *crv; /* curve: OpenSSL's name; NULL: RSA */
	int bytes;                      /* of a coordinate */
	const EVP_MD *(*digest)(void);
};
static const struct alg algs[] = {
	{"RS256", NULL, NULL, 0, EVP_sha256},
	{"ES256", "prime256v1", "P-256", 32, EVP_sha256},
	{"ES384", "secp384r1", "P-384", 48, EVP_sha384},
	{"ES512", "secp521r1", "P-521", 66, EVP_sha512},
};

struct jwt_key {
	EVP_PKEY *k;
	const struct alg *alg;
	bool private;
	struct buf id;
};

static const struct alg *alg_of(EVP_PKEY *k)
{
	char curve[64];
	if (EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA)
		return &algs[0];
	if (EVP_PKEY_get_group_name(k, curve, sizeof curve, NULL) != 1)
		return NULL;
	for (size_t i = 1; i < ARRAY_LEN(algs); i++)
		if (strcmp(curve, algs[i].curve) == 0)
			return &algs[i];
	return NULL;
}

static void set_id(struct jwt_key *key)
{
	unsigned char *der = NULL, sum[32];
	int n = i2d_PUBKEY(key->k, &der);
	if (n > 0) {
		EVP_Digest(der, (size_t)n, sum, NULL, EVP_sha256(), NULL);
		enc_base64url(&key->id, str_n(sum, sizeof sum));
	}
	OPENSSL_free(der);
}

static struct jwt_key *key_new(EVP_PKEY *k, bool private)
{
	const struct alg *alg = k ? alg_of(k) : NULL;
	struct jwt_key *key = alg ? calloc(1, sizeof *key) : NULL;
	if (!key) {
		EVP_PKEY_free(k);
		return NULL;
	}
	*key = (struct jwt_key){.k = k, .alg = alg, .private = private};
	set_id(key);
	return key;
}

/* One PEM block of any of the kinds that hold a key. */
static struct jwt_key *key_of_block(const char *name, const unsigned char *p, long n)
{
	EVP_PKEY *k = NULL;
	if (strstr(name, "PRIVATE KEY"))
		return key_new(d2i_AutoPrivateKey(NULL, &p, n), true);
	if (strcmp(name, "PUBLIC KEY") == 0)
		k = d2i_PUBKEY(NULL, &p, n);
	else if (strcmp(name, "RSA PUBLIC KEY") == 0)
		k = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, n);
	else if (strcmp(name, "CERTIFICATE") == 0) {
		X509 *x = d2i_X509(NULL, &p, n);
		k = x ? X509_get_pubkey(x) : NULL;
		X509_free(x);
	}
	return key_new(k, false);
}

int jwt_keys_parse(struct str pem, struct jwt_key **ret, int max, struct err *e)
{
	CLEANUP(bio_free) BIO *b = ssl_bio(pem);
	char *name = NULL, *header = NULL;
	unsigned char *p = NULL;
	long n;
	int count = 0;
	while (count < max && PEM_read_bio(b, &name, &header, &p, &n) == 1) {
		struct jwt_key *k = key_of_block(name, p, n);
		if (k)
			ret[count++] = k;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(p, (size_t)n);
	}
	ERR_clear_error();
	return count ? count : err_set(e, ERR_BAD_REQUEST, "no RSA or EC key in PEM");
}

int jwt_keys_load(const char *file, struct jwt_key **ret, int max, struct err *e)
{
	struct buf text = {0};
	int n = pki_read_file(file, 1u << 20, &text, e);
	if (n == 0 && (n = jwt_keys_parse(buf_view(&text), ret, max, e)) < 0)
		err_wrap(e, "%s", file);
	buf_fini_secret(&text);
	return n;
}

void jwt_key_free(struct jwt_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->k);
	buf_fini(&k->id);
	free(k);
}

bool jwt_key_private(const struct jwt_key *k)
{
	return k->private;
}

struct str jwt_key_id(const struct jwt_key *k)
{
	return buf_view(&k->id);
}

const char *jwt_key_alg(const struct jwt_key *k)
{
	return k->alg->name;
}

/* ECDSA signatures are r || s in tokens and DER in OpenSSL. */

static int der_to_raw(const unsigned char *der, size_t n, int bytes, unsigned char *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	int ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, bytes) == bytes && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + bytes, bytes) == bytes;
	ECDSA_SIG_free(sig);
	return ok ? 0 : -1;
}

static int raw_to_der(struct str raw, int bytes, unsigned char **ret)
{
	if (raw.n != (size_t)bytes * 2)
		return -1;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	const unsigned char *p = (const unsigned char *)raw.p;
	int n = -1;
	if (sig && ECDSA_SIG_set0(sig, BN_bin2bn(p, bytes, NULL), BN_bin2bn(p + bytes, bytes, NULL)) == 1)
		n = i2d_ECDSA_SIG(sig, ret);
	ECDSA_SIG_free(sig);
	return n;
}

static int sign_bytes(const struct jwt_key *k, struct str in, struct buf *out)
{
	unsigned char der[1024], raw[132];
	size_t n = sizeof der;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx && EVP_DigestSignInit(ctx, NULL, k->alg->digest(), NULL, k->k) == 1 &&
		EVP_DigestSign(ctx, der, &n, (const unsigned char *)in.p, in.n) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok && k->alg->curve)
		ok = der_to_raw(der, n, k->alg->bytes, raw) == 0;
	if (ok)
		enc_base64url(out, k->alg->curve ? str_n(raw, (size_t)k->alg->bytes * 2) : str_n(der, n));
	return ok ? 0 : -1;
}

int jwt_sign(const struct jwt_key *k, struct str payload, struct buf *out, struct err *e)
{
	BUF(header);
	BUF(token);
	if (!k->private)
		return err_set(e, ERR_INTERNAL, "a public key cannot sign");
	ERR_clear_error();
	buf_printf(&header, "{\"alg\":\"%s\",\"kid\":\"%.*s\"}", k->alg->name, STR_F(jwt_key_id(k)));
	enc_base64url(&token, buf_view(&header));
	buf_char(&token, '.');
	enc_base64url(&token, payload);
	size_t n = token.n;
	buf_char(&token, '.');
	if (sign_bytes(k, str_n(token.p, n), &token) < 0)
		return ssl_fail(e, "signing a token");
	buf_str(out, buf_view(&token));
	return 0;
}

/* Reading */

static int decode_part(struct str in, struct arena *a, struct str *ret)
{
	BUF(b);
	if (!in.n || dec_base64url(&b, in) < 0)
		return -1;
	*ret = buf_take(&b, a);
	return 0;
}

/* The string members alg and kid of a header.  Headers are a few members long; anything escaped, nested or doubled in them is no key id of ours. */
static struct str skip_space(struct str s)
{
	while (s.n && strchr(" \t\r\n", s.p[0]))
		s = str_sub(s, 1, s.n);
	return s;
}

static bool take_string(struct str *s, struct str *ret)
{
	*s = skip_space(*s);
	if (!s->n || s->p[0] != '"')
		return false;
	ptrdiff_t end = str_index(*s, '"', 1);
	if (end < 0)
		return false;
	*ret = str_sub(*s, 1, end);
	*s = skip_space(str_sub(*s, end + 1, s->n));
	return str_index(*ret, '\\', 0) < 0;
}

static bool take_char(struct str *s, char c)
{
	*s = skip_space(*s);
	if (!s->n || s->p[0] != c)
		return false;
	*s = str_sub(*s, 1, s->n);
	return true;
}

static int parse_header(struct str s, struct jwt *t)
{
	struct str name, value;
	if (!take_char(&s, '{'))
		return -1;
	do {
		if (!take_string(&s, &name) || !take_char(&s, ':') || !take_string(&s, &value))
			return -1;
		struct str *to = str_is(name, "alg") ? &t->alg : str_is(name, "kid") ? &t->kid : NULL;
		if ((to && to->p) || str_is(name, "crit"))
			return -1;
		if (to)
			*to = value;
	} while (take_char(&s, ','));
	return take_char(&s, '}') && skip_space(s).n == 0 && t->alg.n ? 0 : -1;
}

int jwt_parse(struct str token, struct arena *a, struct jwt *ret, struct err *e)
{
	struct jwt t = {0};
	struct str header, rest, payload, signature;
	if (token.n > JWT_MAX || !str_cut(token, '.', &header, &rest) || !str_cut(rest, '.', &payload, &signature) || str_index(signature, '.', 0) >= 0)
		return err_set(e, ERR_UNAUTHORIZED, "not a JSON web token");
	t.signed_part = str_sub(token, 0, header.n + 1 + payload.n);
	if (decode_part(header, a, &t.header) < 0 || decode_part(payload, a, &t.payload) < 0 || decode_part(signature, a, &t.signature) < 0)
		return err_set(e, ERR_UNAUTHORIZED, "a part of the token is not base64url");
	if (parse_header(t.header, &t) < 0)
		return err_set(e, ERR_UNAUTHORIZED, "the token's header is not understood");
	*ret = t;
	return 0;
}

bool jwt_verify(const struct jwt *t, const struct jwt_key *k)
{
	unsigned char *der = NULL;
	struct str sig = t->signature;
	if (!str_is(t->alg, k->alg->name))
		return false;
	if (k->alg->curve) {
		int n = raw_to_der(sig, k->alg->bytes, &der);
		if (n <= 0)
			return false;
		sig = str_n(der, n);
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, k->alg->digest(), NULL, k->k) == 1 &&
		EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.n, (const unsigned char *)t->signed_part.p, t->signed_part.n) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	ERR_clear_error();
	return ok;
}

int jwt_verify_any(const struct jwt *t, struct jwt_key *const *keys, int n)
{
	for (int i = 0; i < n; i++)
		if ((!t->kid.n || str_eq(t->kid, jwt_key_id(keys[i]))) && jwt_verify(t, keys[i]))
			return i;
	return -1;
}

/* Key sets (RFC 7517) */

static void put_number(struct buf *out, const char *name, EVP_PKEY *k, const char *param, int bytes)
{
	BIGNUM *n = NULL;
	unsigned char p[1024];
	if (EVP_PKEY_get_bn_param(k, param, &n) != 1)
		return;
	int len = bytes ? bytes : BN_num_bytes(n);
	if (len <= (int)sizeof p && BN_bn2binpad(n, p, len) == len) {
		buf_printf(out, ",\"%s\":\"", name);
		enc_base64url(out, str_n(p, len));
		buf_char(out, '"');
	}
	BN_free(n);
}

static void put_key(struct buf *out, const struct jwt_key *k)
{
	bool ec = k->alg->curve;
	buf_printf(out, "{\"use\":\"sig\",\"kty\":\"%s\",\"kid\":\"%.*s\"", ec ? "EC" : "RSA", STR_F(jwt_key_id(k)));
	if (ec)
		buf_printf(out, ",\"crv\":\"%s\"", k->alg->crv);
	buf_printf(out, ",\"alg\":\"%s\"", k->alg->name);
	put_number(out, ec ? "x" : "n", k->k, ec ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_RSA_N, k->alg->bytes);
	put_number(out, ec ? "y" : "e", k->k, ec ? OSSL_PKEY_PARAM_EC_PUB_Y : OSSL_PKEY_PARAM_RSA_E, k->alg->bytes);
	buf_char(out, '}');
}

void jwt_jwks(struct jwt_key *const *keys, int n, struct buf *out)
{
	buf_lit(out, "{\"keys\":[");
	for (int i = 0; i < n; i++) {
		if (i)
			buf_char(out, ',');
		put_key(out, keys[i]);
	}
	buf_lit(out, "]}");
}
