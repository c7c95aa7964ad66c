/* A duplex over a struct sock: what an HTTP/1.1 connection becomes after an upgrade, and plain sockets.  Private to net/.
 * The owner's sock_ops forward to the functions below; gone() is called once, when neither the user nor the socket needs it any more. */
#pragma once
#include "net/duplex.h"
#include "net/sock.h"

struct sock_duplex {
	struct duplex d;
	struct sock *sock;
	struct buf in, out;
	size_t in_off, out_off;
	bool eof, shut, closed;
	int error;
	struct cond in_cond, out_cond;
	struct timer linger;
	void (*gone)(struct sock_duplex *d); /* frees d and the socket's owner */
};
void sock_duplex_init(struct sock_duplex *d, struct sock *sock, void (*gone)(struct sock_duplex *));
void sock_duplex_input(struct sock_duplex *d, const char *p, size_t n); /* bytes that came before */
void sock_duplex_readable(struct sock_duplex *d);
void sock_duplex_flush(struct sock_duplex *d);
void sock_duplex_failed(struct sock_duplex *d, int error);
