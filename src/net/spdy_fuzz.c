/* A connection's worth of SPDY frames. */
#include "net/spdy.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spdy s;
	struct arena *a = arena_new(NULL);
	if (spdy_init(&s) == 0) {
		ssize_t n;
		struct spdy_frame f;
		for (size_t at = 0; (n = spdy_parse(&s, a, (const char *)data + at, size - at, &f)) > 0; at += n) {
			if (f.data.n && (const uint8_t *)f.data.p + f.data.n > data + size)
				abort();
			arena_reset(a);
		}
	}
	spdy_fini(&s);
	arena_free(a);
	return 0;
}
