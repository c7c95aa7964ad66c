/* Frame heads, and that what is parsed can be written again. */
#include "net/ws_frame.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int masked = 0; masked < 2; masked++) {
		struct ws_frame f, again;
		ssize_t n = ws_frame_parse((const char *)data, size, masked, &f);
		if (n <= 0)
			continue;
		char head[WS_HEAD_MAX];
		size_t k = ws_frame_head(head, &f);
		if ((size_t)n > size || k > (size_t)n || ws_frame_parse(head, k, masked, &again) != (ssize_t)k || again.n != f.n || again.op != f.op)
			abort();
	}
	return 0;
}
