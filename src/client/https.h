/* The transport over HTTPS (or a unix socket), protobuf by default; and raw requests for kubectl and proxies. */
#pragma once
#include "client/kubeconfig.h"
#include "net/stream.h"

struct transport *https_transport_new(struct rt *rt, const struct rest_config *c, struct err *e); /* on the calling loop */
/* A raw request on the same connection pool: the body is read whole, up to max bytes. */
struct raw_response {
	int code;
	struct str content_type, body, warning; /* in the arena */
};
/* 0 with any status code: answers above 399 are in *ret (https_raw_check makes an error of them). */
int https_raw(struct transport *t, struct arena *a, const char *method, struct str path_and_query, const char *accept, const char *content_type,
	struct str body, size_t max, struct raw_response *ret, struct err *e) must_check;
int https_raw_check(const struct raw_response *r, struct err *e) must_check; /* -1 with the Status of the body, or one made of the code */
/* A raw GET whose body is read as it comes (logs -f, watches in other forms): waits; 0 at the end.  NULL and the server's Status when the code is not 2xx. */
struct raw_stream;
struct raw_stream *https_stream(struct transport *t, struct str path_and_query, const char *accept, struct err *e);
ssize_t raw_stream_read(struct raw_stream *s, void *p, size_t n, mono_t deadline);
void raw_stream_close(struct raw_stream *s); /* NULL is fine */
/* Upgrades to exec/attach/port-forward streams (WebSocket v5, falling back to SPDY); see net/stream.h. */
struct stream_conn *https_upgrade(struct transport *t, struct str path_and_query, enum stream_framing f, const struct stream_want *w, struct err *e);
