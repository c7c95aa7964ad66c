/* WebSocket frames (RFC 6455 section 5) as bytes; no I/O.  Private to net/. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WS_CONTINUE = 0, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
struct ws_frame {
	bool fin;
	uint8_t op;
	bool masked;
	uint8_t mask[4];
	uint64_t n;
};
/* Bytes of the frame's head, 0 while incomplete, -1 on a violation.  masked: the peer must (a client's frames) or must not mask. */
ssize_t ws_frame_parse(const char *p, size_t n, bool masked, struct ws_frame *ret);
#define WS_HEAD_MAX 14
size_t ws_frame_head(char out[WS_HEAD_MAX], const struct ws_frame *f);
/* XORs p with the mask; at is the position of p in the payload. */
void ws_mask(char *p, size_t n, const uint8_t mask[4], size_t at);
