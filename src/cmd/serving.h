/* The HTTPS port of a component that runs alone: health, metrics and configuration.  Who calls, and whether they may, is reviewed by the API server.
 *
 * To add a path: a row in the table of serving.c. */
#pragma once
#include "base/buf.h"
#include "client/transport.h"
#include "cmd/flags.h"
#include "schema/metric.h"

struct serving_opts {
	const char *name;            /* of the component, in names of files and certificates */
	struct str bind_address, cert, key, cert_dir, client_ca; /* without cert a self-signed one is made; in cert_dir, if named, it is kept */
	struct str client_ca_pem;    /* without client_ca */
	int64_t port;
	const struct flag_list *open_paths; /* for everybody; a trailing '*' matches any end */
	struct transport *reviews;   /* TokenReview and SubjectAccessReview */
	nsec_t token_ttl, allow_ttl, deny_ttl;
	bool plain;                  /* HTTP, for everybody: on loopback addresses */
	void (*show)(void *arg, struct metric_set *to); /* the component's own series; NULL: none */
	void (*show_resources)(void *arg, struct metric_set *to); /* /metrics/resources; NULL: no such path */
	struct str (*config)(void *arg, struct arena *a); /* JSON for /configz; NULL: none */
	void *arg;
};
struct serving;
/* On the current loop; options are copied, lists and transport are not. */
struct serving *serving_start(const struct serving_opts *o, struct err *e);
void serving_stop(struct serving *s); /* waits; NULL is fine */

/* Private to serving*.c. */
struct http_req;
struct reviews;
/* Waits.  0, or the status to answer with and its message. */
int serving_check(const struct serving_opts *o, struct reviews *v, struct http_req *q, struct str *ret_text);
