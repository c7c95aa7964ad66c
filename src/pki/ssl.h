/* What cert.c and jwt.c share of OpenSSL; private to pki/. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <openssl/evp.h>
#include <openssl/x509.h>

struct pki_key {
	EVP_PKEY *k;
};
struct pki_cert {
	X509 *x;
};
/* "what: OpenSSL's reason"; empties the error queue.  Returns -1. */
int ssl_fail(struct err *e, const char *what);
BIO *ssl_bio(struct str s);
void ssl_bio_take(BIO *b, struct buf *out); /* moves the bytes over, frees b */
static inline void evp_key_free(EVP_PKEY *k) { EVP_PKEY_free(k); }
CLEANUP_FN(evp_key_free, EVP_PKEY *)
static inline void bio_free(BIO *b) { BIO_free_all(b); }
CLEANUP_FN(bio_free, BIO *)
