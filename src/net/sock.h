/* A connected socket as a state machine on its loop, in clear or under TLS; private to net/.
 *
 *   CONNECT -> HANDSHAKE -> OPEN -> DEAD        (cleartext skips HANDSHAKE)
 *
 * Output is pulled: sock_kick() asks for a flush at the end of the turn; ops->flush then calls sock_put() while sock_room() says so.  What is put is
 * encrypted in full records into a buffer on the loop's stack and leaves by one write(2); only what the kernel does not take is kept (pend), and
 * nothing more is pulled until that has gone.  So an idle connection holds no buffers, and a slow reader holds SOCK_GATHER bytes at most.
 * Input is edge-triggered: ops->readable calls sock_read() until -EAGAIN, or stops early and calls sock_resume() later.
 * A peer that dribbles (a window update for every few kilobytes of a watch) may be held: sock_hold() takes the socket out of epoll's input and looks again
 * within SOCK_HOLD, so that many small records cost one wake-up and one read(2).  What comes meanwhile waits no longer than that; an idle socket
 * is never held.
 * An error is told once, by ops->failed from the loop, never from inside another call. */
#pragma once
#include "base/buf.h"
#include "net/addr.h"
#include "net/tls_impl.h"
#include "rt/loop.h"
#include <sys/types.h>

#define SOCK_RECORD 16384u         /* plaintext of a full TLS record */
#define SOCK_GATHER (256u << 10)   /* gathered before a write(2): large enough to make the call's price small (128 KiB costs LISTs a tenth) */
#define SOCK_TURN (1u << 20)       /* one socket sends this much, then lets the others have their turn */
#define SOCK_HOLD NS_MS           /* at most so long a held socket is not looked at: half of it saves a fifth fewer wake-ups, twice as much no more */

enum sock_state { SOCK_CONNECT, SOCK_HANDSHAKE, SOCK_OPEN, SOCK_DEAD };
struct sock;
struct sock_ops {
	void (*open)(struct sock *s);            /* connected and, under TLS, shaken hands */
	void (*readable)(struct sock *s);
	void (*flush)(struct sock *s);
	void (*failed)(struct sock *s, int error); /* -errno; 0 never.  The owner calls sock_fini, here or later */
};
struct sock {
	struct io io;
	enum sock_state state;
	SSL *ssl;
	const struct sock_ops *ops;
	struct turn turn;
	struct buf pend;          /* for the kernel, when it did not take it */
	size_t pend_off;
	char *out, *stage;        /* during a flush: ciphertext and the record being filled */
	uint32_t nout, nstage;
	int error;
	bool told, in_ready, resume, more, shut, shut_done, eof;
	bool tcp, drained, hup;   /* read_fd */
	bool hold, held;          /* asked for by the present look; in force */
	struct timer look;        /* while held */
	mono_t progress;          /* when bytes last left, or when pend became non-empty */
	uint64_t bytes_in, bytes_out;
	struct tls_peer *peer;    /* after the handshake; NULL in clear */
	struct arena *peer_arena;
	char tls_error[160];      /* why the handshake failed */
};
/* Takes over fd.  tls NULL: clear.  host: the server's name (client side), NULL on the server side.  connecting: connect(2) is in progress. */
int sock_init(struct sock *s, int fd, struct tls *tls, const char *host, bool connecting, const struct sock_ops *ops, struct err *e) must_check;
void sock_fini(struct sock *s); /* closes; fine on a zeroed one */
void sock_kick(struct sock *s);
void sock_resume(struct sock *s);
static inline bool sock_room(const struct sock *s) { return s->nout + s->nstage < SOCK_GATHER && !s->error; }
/* Only inside ops->flush. */
void sock_put(struct sock *s, const void *p, size_t n);
/* Inside ops->flush: there is more than there was room for. */
static inline void sock_more(struct sock *s) { s->more = true; }
/* Bytes read; 0 at the end; -EAGAIN; -errno (then ops->failed is on its way too). */
ssize_t sock_read(struct sock *s, void *p, size_t n);
/* Inside ops->readable, after -EAGAIN: the next look may wait for SOCK_HOLD. */
static inline void sock_hold(struct sock *s) { s->hold = s->tcp && !s->hup; }
static inline bool sock_blocked(const struct sock *s) { return s->pend.n > s->pend_off; }
/* After what was flushed: close_notify and FIN. */
void sock_shutdown(struct sock *s);
void sock_fail(struct sock *s, int error);
/* ALPN's choice is h2. */
bool sock_is_h2(const struct sock *s);
