#include "api/hash.h"
#include "base/err.h"
#include "base/test.h"
#include "codec/defaults.h"
#include "codec/json.h"
#include "gen/apps_v1.h"
#include "gen/ids.h"

static const struct core_v1_PodTemplateSpec *template_of(struct arena *a, const char *deployment)
{
	const struct type *t = desc_type(T_apps_v1_Deployment);
	struct apps_v1_Deployment *d = obj_new(a, t);
	ERR(e);
	assert_ok(json_decode(a, t, str_of(deployment), NULL, d, &e), &e);
	obj_default(a, (struct ref){t, d});
	return &d->spec.template;
}

static const char web[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},"
			  "\"spec\":{\"schedulerName\":\"none\",\"containers\":[{\"name\":\"c\",\"image\":\"example.com/app:1\"}]}}}}";

/* Names that upstream's controllers gave. */
TEST(template_hash_is_upstreams)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_PodTemplateSpec *t = template_of(a, web);
	int32_t one = 1;
	assert_str(pod_template_hash(a, t, NULL), "68bc764b8b");
	assert_str(pod_template_hash(a, t, &one), "599dccf5c9");
}

TEST(dump_names_types_and_absent_pointers)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct core_v1_PodTemplateSpec *t = template_of(a, web);
	BUF(out);
	dump_object(&out, (struct ref){desc_type(T_core_v1_PodTemplateSpec), (void *)t});
	assert_true(str_has_prefix(buf_view(&out), STR("(v1.PodTemplateSpec){ObjectMeta:(v1.ObjectMeta){Name:(string) GenerateName:(string) ")));
	assert_true(str_find(buf_view(&out), STR("DeletionTimestamp:(*v1.Time)<nil>")) > 0);
	assert_true(str_find(buf_view(&out), STR("Labels:(map[string]string)map[app:web]")) > 0);
	assert_true(str_find(buf_view(&out), STR("TerminationGracePeriodSeconds:(*int64)30")) > 0);
}

TEST(different_templates_hash_differently)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_PodTemplateSpec t = *template_of(a, web);
	struct str before = pod_template_hash(a, &t, NULL);
	t.spec.hostNetwork = true;
	assert_false(str_eq(before, pod_template_hash(a, &t, NULL)));
}

TEST(revision_hash_counts_collisions)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	int32_t zero = 0;
	struct str x = revision_hash(a, STR("{\"spec\":1}"), NULL);
	assert_true(x.n > 0);
	assert_false(str_eq(x, revision_hash(a, STR("{\"spec\":1}"), &zero)));
}
