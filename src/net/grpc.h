/* gRPC over HTTP/2: the client (unix sockets, plain or TLS).  The server has its place here when the CRI runtime and etcd's API come.
 *
 * Messages are objects of the schema; encode and decode are passed in (codec lies on the same floor): {pb_encode, pb_decode}.
 * A broken connection is made again by the next call.  Calls wait; a client belongs to one loop. */
#pragma once
#include "base/buf.h"
#include "net/http_client.h"
#include "schema/reflect.h"

#define GRPC_MESSAGE_MAX (16u << 20) /* what upstream's kubelet takes from a runtime */

struct grpc_codec {
	void (*encode)(struct buf *out, struct ref o);
	int (*decode)(struct arena *a, const struct type *t, struct str in, unsigned flags, void *obj, struct err *e);
};
struct grpc_opts {
	const char *url;          /* "unix:///run/containerd/containerd.sock", "http://", "https://" */
	struct tls *tls;
	struct grpc_codec codec;
	size_t message_max;       /* 0: GRPC_MESSAGE_MAX */
};
struct grpc_client;
struct grpc_client *grpc_client_new(const struct grpc_opts *o, struct err *e);
void grpc_client_free(struct grpc_client *c); /* NULL is fine */
CLEANUP_FN(grpc_client_free, struct grpc_client *)

/* google.golang.org/grpc/codes */
enum grpc_code {
	GRPC_OK, GRPC_CANCELLED, GRPC_UNKNOWN, GRPC_INVALID_ARGUMENT, GRPC_DEADLINE_EXCEEDED, GRPC_NOT_FOUND, GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED, GRPC_RESOURCE_EXHAUSTED, GRPC_FAILED_PRECONDITION, GRPC_ABORTED, GRPC_OUT_OF_RANGE, GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL, GRPC_UNAVAILABLE, GRPC_DATA_LOSS, GRPC_UNAUTHENTICATED
};
/* Unary call.  resp is a fresh object in a.  A status other than OK becomes *e: message "rpc error: code = NotFound desc = ...", reason by the table
 * in grpc.c (NOT_FOUND, ALREADY_EXISTS, TIMEOUT, SERVICE_UNAVAILABLE, ...); *ret_code (may be NULL) has the code.  deadline goes out as grpc-timeout. */
int grpc_call(struct grpc_client *c, const char *method, struct ref req, struct ref resp, struct arena *a, mono_t deadline, enum grpc_code *ret_code,
	struct err *e) must_check;
/* The same with encoded messages; *ret lies in a. */
int grpc_call_raw(struct grpc_client *c, const char *method, struct str req, struct str *ret, struct arena *a, mono_t deadline, enum grpc_code *ret_code,
	struct err *e) must_check;

/* Server streaming (GetContainerEvents). */
struct grpc_stream;
struct grpc_stream *grpc_stream_open(struct grpc_client *c, const char *method, struct ref req, mono_t deadline, struct err *e);
/* The next message, decoded into a.  1 a message, 0 ended with OK, -1 error (as grpc_call). */
int grpc_stream_next(struct grpc_stream *s, struct ref resp, struct arena *a, mono_t deadline, enum grpc_code *ret_code, struct err *e) must_check;
void grpc_stream_close(struct grpc_stream *s); /* NULL is fine */
const char *grpc_code_name(enum grpc_code c);
