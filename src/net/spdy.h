/* SPDY/3.1 frames as bytes; no I/O.  Private to net/: exec, attach and port-forward speak it on upgraded connections.
 * Only what those need: streams with headers, data, resets, pings; no flow control (the other implementations in use have none), no push. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include <sys/types.h>
#include <zlib.h>

#define SPDY_FRAME_MAX (1u << 20)    /* the format allows 16 MiB; peers send 32 KiB at most */
#define SPDY_HEADERS_MAX (64u << 10) /* of an inflated header block: zlib bombs */
#define SPDY_HEADERS_COUNT 64

enum spdy_type { SPDY_DATA = 0, SPDY_SYN_STREAM = 1, SPDY_SYN_REPLY = 2, SPDY_RST_STREAM = 3, SPDY_SETTINGS = 4, SPDY_PING = 6, SPDY_GOAWAY = 7,
	SPDY_HEADERS = 8, SPDY_WINDOW_UPDATE = 9 };
enum { SPDY_FIN = 1 };

struct spdy_header {
	struct str name, value;
};
struct spdy_frame {
	enum spdy_type type;
	uint8_t flags;
	uint32_t stream;         /* also a ping's number */
	uint32_t status;         /* of a reset */
	struct str data;         /* of SPDY_DATA: points into the input */
	struct spdy_header *headers;
	uint32_t nheaders;
};
/* Header compression of one connection, both directions. */
struct spdy {
	z_stream in, out;
	bool in_ready, out_ready;
};
int spdy_init(struct spdy *s) must_check;
void spdy_fini(struct spdy *s);
/* Bytes taken, 0 while incomplete, -1 on a violation.  Headers are copied into a.  Frames of unknown type come out with that type and nothing else. */
ssize_t spdy_parse(struct spdy *s, struct arena *a, const char *p, size_t n, struct spdy_frame *ret);
struct str spdy_header(const struct spdy_frame *f, struct str name);
/* Frames to send; headers: names in lower case. */
int spdy_put_headers(struct spdy *s, struct buf *out, enum spdy_type type, uint8_t flags, uint32_t stream, const struct spdy_header *v, uint32_t n) must_check;
void spdy_put_data_head(struct buf *out, uint32_t stream, uint8_t flags, size_t n);
void spdy_put_reset(struct buf *out, uint32_t stream, uint32_t status);
void spdy_put_ping(struct buf *out, uint32_t number);
void spdy_put_goaway(struct buf *out, uint32_t last_stream);
