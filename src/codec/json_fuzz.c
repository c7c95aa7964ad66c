/* Whatever decodes must encode, and decode again to the same text.  The first byte picks the type. */
#include "base/log.h"
#include "codec/json.h"
#include "gen/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const uint16_t types[] = {T_core_v1_Pod, T_apiextensions_v1_CustomResourceDefinition, T_apps_v1_Deployment, T_core_v1_Secret, T_meta_v1_Table,
	T_autoscaling_v2_HorizontalPodAutoscaler, T_coordination_v1_Lease, T_audit_v1_Event};

static void no_matter(void *arg, struct str what) { (void)arg, (void)what; }

static void typed(struct arena *a, const struct type *t, struct str in)
{
	BUF(first);
	BUF(second);
	ERR(e);
	struct json_opts o = {.flags = JSON_STRICT, .complain = no_matter};
	struct ref x = {t, obj_new(a, t)}, y = {t, obj_new(a, t)};
	if (json_decode(a, t, in, &o, x.p, &e) != 0)
		return;
	json_encode(&first, x);
	if (json_decode(a, t, buf_view(&first), NULL, y.p, &e) != 0)
		bug(err_text(&e));
	json_encode(&second, y);
	if (!str_eq(buf_view(&first), buf_view(&second)))
		bug("text changed");
}

static void dynamic(struct arena *a, struct str in)
{
	BUF(first);
	ERR(e);
	struct value *v, *w;
	struct str version, kind;
	(void)!json_peek_type(in, &version, &kind, a, &e);
	if (json_parse(a, in, NULL, &v, &e) != 0)
		return;
	json_write_pretty(&first, v, 2);
	if (json_parse(a, buf_view(&first), NULL, &w, &e) != 0 || !value_eq(v, w))
		bug("value changed");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 1)
		return 0;
	struct arena *a = arena_new(NULL);
	struct str in = str_n(p + 1, n - 1);
	typed(a, desc_type(types[*p % ARRAY_LEN(types)]), in);
	dynamic(a, in);
	arena_free(a);
	return 0;
}
