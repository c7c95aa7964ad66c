/* Helpers of this room's tests: a runtime, a server and clients on one loop. */
#pragma once
#include "base/test.h"
#include "net/http_client.h"

/* Runs fn(arg) as a fiber of a fresh real runtime until it returns. */
void net_run(void (*fn)(void *arg), void *arg);
/* Self-signed material for 127.0.0.1 and a client certificate (CN=alice, O=devs, O=ops), PEM, made once. */
struct net_certs {
	struct str ca, cert, key, client_cert, client_key;
};
const struct net_certs *net_certs(void);
struct tls *net_server_tls(void);
struct tls *net_client_tls(bool with_cert);
/* A server on a free loopback port and its URL. */
struct http_server *net_serve(const struct http_opts *o, bool tls, char url[64]);
