/* A selector that was read and written is written the same again (`a in (,)` is written as upstream does, which does not read back). */
#include "api/selector.h"
#include <stdlib.h>

static void fields(struct arena *a, struct str text)
{
	struct field_selector s;
	ERR(e);
	(void)!field_selector_parse(a, text, &s, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct selector s, again;
	ERR(e);
	BUF(first);
	BUF(second);
	fields(a, str_n(data, n));
	if (selector_parse(a, str_n(data, n), &s, &e))
		return 0;
	selector_write(&first, &s);
	if (selector_parse(a, buf_view(&first), &again, &e))
		return 0;
	selector_write(&second, &again);
	if (!str_eq(buf_view(&first), buf_view(&second)))
		abort();
	return 0;
}
