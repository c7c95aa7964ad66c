/* Whatever is read must be written so that it is read back the same. */
#include "base/log.h"
#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(NULL);
	struct str rest = str_n(p, n), doc;
	while (yaml_next_document(&rest, &doc)) {
		BUF(text);
		ERR(e);
		struct value *v, *back;
		if (yaml_parse(a, doc, NULL, &v, &e) != 0)
			continue;
		yaml_write(&text, v);
		if (!text.failed && (yaml_parse(a, buf_view(&text), NULL, &back, &e) != 0 || !value_eq(v, back)))
			bug(buf_z(&text));
	}
	arena_free(a);
	return 0;
}
