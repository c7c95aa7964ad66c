/* Text forms of bytes. */
#pragma once
#include "base/buf.h"

void enc_base64(struct buf *out, struct str in);
void enc_base64url(struct buf *out, struct str in); /* without padding */
/* -1 when in is not base64.  Line breaks are skipped, padding is required (base64) or absent (base64url). */
int dec_base64(struct buf *out, struct str in) must_check;
int dec_base64url(struct buf *out, struct str in) must_check;
/* The same into n / 4 * 3 + 3 bytes at *to, which moves on; -1, or where Go's decoder sees the fault. */
ptrdiff_t dec_base64_fault(char **to, struct str in) must_check;
void enc_hex(struct buf *out, struct str in);
int dec_hex(struct buf *out, struct str in) must_check;
/* %XX; with plus, '+' is a space (query strings).  -1 on a bad escape. */
int dec_percent(struct buf *out, struct str in, bool plus) must_check;
void enc_percent(struct buf *out, struct str in); /* query component */
/* "text" with Go's %q escapes. */
void enc_quote(struct buf *out, struct str in);
/* 36 characters of RFC 4122 from 16 bytes (version and variant are set). */
void enc_uuid(char out[37], const uint8_t bytes[16]);
uint32_t hash_fnv32a(struct str in);
uint32_t hash_fnv32(struct str in);
uint64_t hash_fnv64a(struct str in);
/* Go's rand.SafeEncodeString: digits and letters without vowels. */
void enc_safe(struct buf *out, struct str in);
