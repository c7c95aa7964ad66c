/* WebSocket (RFC 6455) messages over a duplex: no extensions, messages up to a limit, pings answered. */
#pragma once
#include "net/duplex.h"
#include "net/http.h"
#include "net/http_client.h"

#define WS_MESSAGE_MAX (16u << 20) /* one message of a peer in memory */

enum ws_kind { WS_TEXT = 1, WS_BINARY = 2 };
struct ws;
/* Server: answers the upgrade with the first of protocols (NULL-terminated, the server's order of preference) that the client offered; an empty list or a client
 * that offers none gets none.  *ret_protocol may be NULL.  On -1 the caller answers with the error. */
struct ws *ws_accept(struct http_req *q, struct http_resp *r, const char *const *protocols, const char **ret_protocol, struct err *e);
bool ws_requested(const struct http_req *q);
/* Client: upgrades with a GET; protocols in order of preference; *ret_protocol is the one chosen, NULL when none.
 * *ret_status (may be NULL) is the HTTP status when the server refused: 400, 403 and the like let the caller fall back to SPDY. */
struct ws *ws_dial(struct http_client *c, const struct http_call *q, const char *const *protocols, const char **ret_protocol, int *ret_status, struct err *e);
/* Frames an existing duplex, which is taken over. */
struct ws *ws_new(struct duplex *d, bool client);
/* Waits for a message; *ret is valid until the next read.  0; -EPIPE after the peer's close; -EPROTO, -EMSGSIZE, -errno. */
int ws_read(struct ws *w, enum ws_kind *ret_kind, struct str *ret, mono_t deadline) must_check;
/* Waits; head and body form one message (head may be empty).  Many fibers may write. */
int ws_write(struct ws *w, enum ws_kind kind, struct str head, struct str body, mono_t deadline) must_check;
int ws_ping(struct ws *w) must_check;
/* Sends a close frame with the code (1000 in order), then closes. */
void ws_close(struct ws *w, int code); /* NULL is fine */
