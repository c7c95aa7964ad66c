#include "apiserver/endpoint/gzip.h"
#include "base/log.h"
#include <stdlib.h>
#include <zlib.h>

#define CHUNK (32u << 10)

struct gzip {
	z_stream z;
	void (*out)(void *arg, const void *p, size_t n);
	void *arg;
	uint8_t chunk[CHUNK];
};

static void drain(struct gzip *g, int flush)
{
	do {
		g->z.next_out = g->chunk;
		g->z.avail_out = CHUNK;
		deflate(&g->z, flush);
		if (CHUNK - g->z.avail_out)
			g->out(g->arg, g->chunk, CHUNK - g->z.avail_out);
	} while (g->z.avail_out == 0);
}

static void feed(struct gzip *g, const char *p, size_t n)
{
	while (n) {
		size_t some = n < CHUNK ? n : CHUNK;
		g->z.next_in = (uint8_t *)p;
		g->z.avail_in = (unsigned)some;
		drain(g, Z_NO_FLUSH);
		p += some;
		n -= some;
		(void)!rt_breathe();
	}
}

void gzip_pieces(const struct http_piece *v, size_t n, void (*out)(void *arg, const void *p, size_t n), void *arg)
{
	struct gzip *g = calloc(1, sizeof *g);
	if (!g || deflateInit2(&g->z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		bug("out of memory");
	g->out = out;
	g->arg = arg;
	for (size_t i = 0; i < n; i++)
		feed(g, v[i].p, v[i].n);
	g->z.avail_in = 0;
	drain(g, Z_FINISH);
	deflateEnd(&g->z);
	free(g);
}
