/* Private to endpoint/: gzip of large answers, as upstream compresses them. */
#pragma once
#include "net/http.h"

#define GZIP_FROM (128u << 10) /* bytes below which compressing costs more than it saves, upstream's threshold */
/* Level 1.  Lets others on the loop run in between. */
void gzip_pieces(const struct http_piece *v, size_t n, void (*out)(void *arg, const void *p, size_t n), void *arg);
