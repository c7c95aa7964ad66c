/* Inside of net/tls: what connections need of a context. */
#pragma once
#include "net/tls.h"
#include <openssl/ssl.h>

/* A connection's SSL, without BIO yet; looks at the files first.  host: client side. */
SSL *tls_ssl_new(struct tls *t, const char *host, struct err *e);
/* Who the peer is, parsed into a; never NULL. */
struct tls_peer *tls_peer_of(SSL *ssl, struct arena *a);
extern const struct tls_peer tls_peer_none;
/* The oldest entry of OpenSSL's error queue as text; empties the queue. */
void tls_error_text(char *out, size_t n);
