/* Heads and bodies of HTTP/1.1, requests and answers; the first byte chooses. */
#include "net/http1.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h1_head head;
	struct h1_body body;
	struct str piece;
	size_t from = 0;
	if (size < 1)
		return 0;
	const char *p = (const char *)data + 1;
	size_t n = h1_head_end(p, size - 1, &from);
	struct arena *a = arena_new(NULL);
	bool request = data[0] & 1;
	if (n && h1_head_parse(a, str_n(p, n), request, 64, &head) == 0 && h1_body_init(&body, &head, request, data[0] & 2) == 0) {
		ssize_t k;
		for (size_t at = n, step = 1 + data[0] / 4; at < size - 1; at += k) {
			size_t left = size - 1 - at;
			k = h1_body_feed(&body, p + at, left < step ? left : step, &piece);
			if (k <= 0)
				break;
			if (piece.n && (piece.p < p + at || piece.p + piece.n > p + at + k))
				abort();
		}
	}
	arena_free(a);
	return 0;
}
