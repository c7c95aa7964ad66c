/* TLS 1.2 and 1.3 by OpenSSL: contexts shared by any number of loops, and who the peer is.
 *
 * Contexts are reference-counted and thread-safe.  Files are looked at again when a handshake starts and TLS_RELOAD_EVERY has passed: a renewed
 * certificate or CA takes effect without a restart; files that no longer parse keep the old ones in use (tls_reload says why).
 * Sessions resume by tickets; a reload forgets tickets, so a removed CA cannot be resumed around. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/clock.h"

#define TLS_RELOAD_EVERY (20 * NS_S) /* stat(2) is cheap, but a handshake storm should not be a stat storm */

struct tls;

/* Each PEM is given as text or as a file; the text wins.  Strings are copied. */
struct tls_pem {
	struct str text;
	const char *file;
};
struct tls_server_opts {
	struct tls_pem cert, key;   /* chain, leaf first */
	struct tls_pem client_ca;   /* absent: no client certificate is asked for */
	bool want_client_cert;      /* ask even without client_ca (the kubelet asks when it only delegates) */
	bool http1_only;            /* no h2 in ALPN */
	int min_version;            /* 0x0303 (default) or 0x0304 */
	const char *ciphers;        /* TLS 1.2 list in OpenSSL names, or NULL */
};
struct tls *tls_server_new(const struct tls_server_opts *o, struct err *e);

struct tls_client_opts {
	struct tls_pem ca;          /* absent: the system's */
	struct tls_pem cert, key;   /* absent: no client certificate */
	const char *server_name;    /* to verify and for SNI; NULL: the host called */
	bool insecure;              /* no verification (--insecure-skip-tls-verify; the API server towards kubelets without CA) */
	bool http1_only;            /* for upgrades */
};
struct tls *tls_client_new(const struct tls_client_opts *o, struct err *e);

struct tls *tls_ref(struct tls *t);
void tls_unref(struct tls *t); /* NULL is fine */
CLEANUP_FN(tls_unref, struct tls *)
/* Reads the files again now; -1 keeps what was in use. */
int tls_reload(struct tls *t, struct err *e);

/* The certificate the peer presented.  Owned by the connection, immutable, parsed once. */
struct tls_peer {
	bool present;
	bool verified;              /* chain to client_ca, dates, usage clientAuth (server side) */
	struct str error;           /* why not verified, for the 401's log line */
	struct str common_name;
	const struct str *orgs;     /* O, in the certificate's order */
	uint32_t norgs;
	struct str uid;             /* RDN 1.3.6.1.4.1.57683.2, absent without */
	struct str der;             /* the leaf */
	struct str credential_id;   /* "X509SHA256=hex" of der */
	int64_t not_after;          /* Unix seconds */
};
