/* Inside of net/tls: what connections need of a context. */
#pragma once
#include "net/tls.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

/* A connection's SSL, without BIO yet; looks at the files first.  host: client side. */
SSL *tls_ssl_new(struct tls *t, const char *host, struct err *e);
/* Who the peer is, parsed into a; never NULL. */
struct tls_peer *tls_peer_of(SSL *ssl, struct arena *a);
extern const struct tls_peer tls_peer_none;
/* Before calls whose errors are looked at: emptying the queue costs more than a look at it. */
static inline void tls_errors_clear(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}
/* The oldest entry of OpenSSL's error queue as text; empties the queue. */
void tls_error_text(char *out, size_t n);
