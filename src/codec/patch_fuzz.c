/* Any two documents, split at the first newline: no patch of one by the other may crash, and a diff must lead to its target. */
#include "codec/json.h"
#include "codec/patch.h"
#include "gen/ids.h"

static void patch_all(struct arena *a, struct value *doc, struct value *patch)
{
	const struct type *t = desc_type(T_apps_v1_Deployment);
	ERR(e);
	(void)patch_json_ops(a, value_copy(a, doc), patch, &e);
	(void)patch_merge(a, value_copy(a, doc), patch, &e);
	if (doc->type == V_OBJECT)
		(void)patch_strategic(a, t, value_copy(a, doc), patch, &e);
	if (doc->type == V_OBJECT && patch->type == V_OBJECT) {
		(void)patch_strategic_diff(a, t, doc, patch, &e);
		(void)patch_strategic_three_way(a, t, doc, patch, doc, &e);
		(void)patch_merge_three_way(a, doc, patch, doc);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str head, tail;
	struct value *doc, *patch;
	struct json_opts shallow = {.depth_max = 200};
	ERR(e);
	str_cut(str_n(data, n), '\n', &head, &tail);
	if (json_parse(a, head, &shallow, &doc, &e) || json_parse(a, tail, &shallow, &patch, &e))
		return 0;
	patch_all(a, doc, patch);
	return 0;
}
