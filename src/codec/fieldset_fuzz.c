/* A set that was read must read back as written, whatever the input. */
#include "codec/fieldset_tree.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(text);
	struct fieldset *s = fieldset_parse(a, str_n(data, n), &e), *again;
	if (!s)
		return 0;
	fieldset_write(&text, s);
	again = fieldset_parse(a, buf_view(&text), &e);
	if (!again || !fieldset_equal(s, again) || !fieldset_empty(fieldset_difference(a, s, again)))
		abort();
	return 0;
}
