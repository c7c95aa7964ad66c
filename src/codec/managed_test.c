#include "base/test.h"
#include "codec/json.h"
#include "codec/managed.h"
#include "gen/core_v1.h"
#include "gen/ids.h"

/* A ConfigMap on its way through writes; every write takes one second. */
struct life {
	struct arena *a;
	struct ref o;
	wall_t now;
};

static struct ref config_map(struct arena *a, const char *json)
{
	struct ref o = {desc_type(T_core_v1_ConfigMap), obj_new(a, desc_type(T_core_v1_ConfigMap))};
	ERR(e);
	assert_ok(json_decode(a, o.type, str_of(json), NULL, o.p, &e), &e);
	obj_set_type(o);
	return o;
}

static struct managed_write as(struct life *l, const char *manager)
{
	l->now += NS_S;
	return (struct managed_write){.manager = str_of(manager), .api_version = STR("v1"), .now = l->now};
}

static void update(struct life *l, const char *manager, const char *json)
{
	struct ref next = config_map(l->a, json);
	struct managed_write w = as(l, manager);
	ERR(e);
	assert_ok(managed_update(l->a, l->o, next, &w, &e), &e);
	obj_meta(next)->uid = STR("u");
	l->o = next;
}

/* The error's text, absent on success. */
static struct str apply(struct life *l, const char *manager, const char *json, bool force)
{
	struct managed_write w = as(l, manager);
	struct value *config;
	ERR(e);
	assert_ok(json_parse(l->a, str_of(json), NULL, &config, &e), &e);
	struct ref next;
	if (managed_apply(l->a, l->o, config, desc_type(T_core_v1_ConfigMap), force, &w, &next, &e))
		return str_dup(l->a, e.message);
	obj_meta(next)->uid = STR("u");
	l->o = next;
	return (struct str){0};
}

/* "alpha A {...}; beta U {...}" */
static struct str owners(struct life *l)
{
	BUF(out);
	const struct meta_v1_ObjectMeta *m = obj_meta(l->o);
	LIST_EACH(x, m->managedFields)
		buf_printf(&out, "%s%.*s %c %.*s", x == m->managedFields.items ? "" : "; ", STR_F(x->manager), x->operation.p[0], STR_F(x->fieldsV1));
	return buf_take(&out, l->a);
}

#define CM(rest) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}" rest "}"
#define DATA(x) CM(",\"data\":{" x "}")

TEST(updaters_own_what_they_change)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	update(&l, "one", DATA("\"k\":\"v\",\"l\":\"v\""));
	assert_str(owners(&l), "one U {\"f:data\":{\".\":{},\"f:k\":{},\"f:l\":{}}}");
	update(&l, "two", DATA("\"k\":\"w\",\"l\":\"v\",\"m\":\"v\""));
	assert_str(owners(&l), "one U {\"f:data\":{\".\":{},\"f:l\":{}}}; two U {\"f:data\":{\"f:k\":{},\"f:m\":{}}}");
	update(&l, "three", DATA("\"k\":\"w\",\"m\":\"v\""));
	assert_str(owners(&l), "one U {\"f:data\":{}}; two U {\"f:data\":{\"f:k\":{},\"f:m\":{}}}");
	update(&l, "three", DATA("\"k\":\"w\",\"m\":\"v\""));
	assert_int_equal(obj_meta(l.o)->managedFields.len, 2);
}

static struct str owned(struct arena *a, struct ref was, const char *json)
{
	struct ref pod = {desc_type(T_core_v1_Pod), obj_new(a, desc_type(T_core_v1_Pod))};
	struct managed_write w = {.manager = STR("m"), .api_version = STR("v1"), .now = NS_S};
	ERR(e);
	was.type = pod.type;
	assert_ok(json_decode(a, pod.type, str_of(json), NULL, pod.p, &e), &e);
	assert_ok(managed_update(a, was, pod, &w, &e), &e);
	return obj_meta(pod)->managedFields.items[0].fieldsV1;
}

TEST(elements_with_one_key_are_owned_as_one)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str set = owned(a, (struct ref){0}, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"1\"},{\"name\":\"A\",\"value\":\"2\"}]}]}}");
	assert_true(str_find(set, STR("\"f:env\":{\".\":{},\"k:{\\\"name\\\":\\\"A\\\"}\":{},\"k:{\\\"name\\\":\\\"B\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}}")) > 0);
}

TEST(an_update_without_change_keeps_the_time)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	update(&l, "one", DATA("\"k\":\"v\""));
	update(&l, "one", DATA("\"k\":\"v\""));
	assert_int_equal(obj_meta(l.o)->managedFields.items[0].time.sec, 1);
	update(&l, "one", DATA("\"k\":\"w\""));
	assert_int_equal(obj_meta(l.o)->managedFields.items[0].time.sec, 3);
}

TEST(owners_can_be_reset_and_are_then_forgotten)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	update(&l, "one", DATA("\"k\":\"v\""));
	update(&l, "one", "{\"metadata\":{\"name\":\"a\",\"managedFields\":[{}]},\"data\":{\"k\":\"v\"}}");
	assert_int_equal(obj_meta(l.o)->managedFields.len, 0);
	update(&l, "one", DATA("\"k\":\"w\""));
	assert_int_equal(obj_meta(l.o)->managedFields.len, 0);
	assert_null(apply(&l, "two", DATA("\"x\":\"1\""), false).p);
	assert_str(owners(&l), "two A {\"f:data\":{\"f:x\":{}}}; before-first-apply U {\"f:data\":{\".\":{},\"f:k\":{}}}");
}

TEST(updaters_are_capped)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	BUF(data);
	for (int i = 0; i < 12; i++) {
		buf_printf(&data, "%s\"k%d\":\"v\"", i ? "," : "", i);
		update(&l, str_z(a, str_printf(a, "m%02d", i)), str_z(a, str_printf(a, DATA("%s"), buf_z(&data))));
	}
	const struct meta_v1_ObjectMeta *m = obj_meta(l.o);
	assert_int_equal(m->managedFields.len, MANAGED_UPDATERS_MAX);
	assert_str(m->managedFields.items[0].manager, "ancient-changes");
	assert_str(m->managedFields.items[0].fieldsV1, "{\"f:data\":{\".\":{},\"f:k0\":{},\"f:k1\":{},\"f:k2\":{}}}");
}

TEST(apply_owns_its_configuration_and_drops_what_it_leaves_out)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	assert_null(apply(&l, "alpha", DATA("\"k\":\"v\",\"l\":\"w\""), false).p);
	assert_null(apply(&l, "beta", DATA("\"k\":\"v\""), false).p);
	assert_str(owners(&l), "beta A {\"f:data\":{\"f:k\":{}}}; alpha A {\"f:data\":{\"f:k\":{},\"f:l\":{}}}");
	assert_false(obj_meta(l.o)->managedFields.items[0].has_time);
	assert_null(apply(&l, "alpha", CM(""), false).p);
	assert_str(owners(&l), "beta A {\"f:data\":{\"f:k\":{}}}");
	const struct core_v1_ConfigMap *m = l.o.p;
	assert_int_equal(m->data.len, 1);
	assert_null(apply(&l, "beta", CM(""), false).p);
	m = l.o.p;
	assert_int_equal(m->data.len, 0);
}

TEST(apply_conflicts)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	update(&l, "updater", DATA("\"u\":\"1\""));
	assert_null(apply(&l, "alpha", DATA("\"a\":\"1\""), false).p);
	assert_str(apply(&l, "beta", DATA("\"a\":\"2\""), false), "Apply failed with 1 conflict: conflict with \"alpha\": .data.a");
	assert_str(apply(&l, "beta", DATA("\"a\":\"2\",\"u\":\"2\""), false),
		"Apply failed with 2 conflicts: conflicts with \"alpha\":\n- .data.a\nconflicts with \"updater\" using v1:\n- .data.u");
	assert_null(apply(&l, "beta", DATA("\"a\":\"2\""), true).p);
	assert_str(owners(&l), "beta A {\"f:data\":{\"f:a\":{}}}; updater U {\"f:data\":{\".\":{},\"f:u\":{}}}");
}

TEST(apply_refuses_what_does_not_fit)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct life l = {.a = a};
	assert_str(apply(&l, "m", DATA("\"k\":5"), false),
		"failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.k: expected string, got &value.valueUnstructured{Value:5}");
	assert_str(apply(&l, "m", CM(",\"datum\":{}"), false), "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .datum: field not declared in schema");
	assert_str(apply(&l, "m", "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"}", false), "invalid object type: /v1, Kind=Secret");
	assert_str(apply(&l, "m", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"managedFields\":[{}]}}", false), "metadata.managedFields must be nil");
}

TEST(apply_merges_keyed_lists_in_the_order_of_the_configuration)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct type *t = desc_type(T_apps_v1_Deployment);
	struct managed_write w = {.manager = STR("m"), .api_version = STR("apps/v1"), .now = NS_S};
	static const char *const names[] = {"\"z1\",\"z2\",\"z3\",\"a1\",\"a2\"", "\"a2\",\"z2\",\"a1\""};
	struct ref o = {0};
	BUF(order);
	for (int i = 0; i < 2; i++) {
		BUF(json);
		struct str rest = str_of(names[i]), name;
		struct value *config;
		ERR(e);
		buf_lit(&json, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[");
		for (char sep = ' '; str_next(&rest, ',', &name); sep = ',')
			buf_printf(&json, "%c{\"name\":%.*s}", sep, STR_F(name));
		buf_lit(&json, "]}}}}");
		assert_ok(json_parse(a, buf_view(&json), NULL, &config, &e), &e);
		w.manager = i ? STR("n") : STR("m");
		assert_ok(managed_apply(a, o, config, t, true, &w, &o, &e), &e);
	}
	struct value *v = value_path(obj_to_value(a, o), "spec.template.spec.containers");
	for (uint32_t i = 0; i < v->list.len; i++)
		buf_printf(&order, "%.*s ", STR_F(value_path_str(v->list.items[i], "name")));
	assert_str(buf_view(&order), "z1 z3 a2 z2 a1 ");
}

TEST(scale_moves_the_ownership_of_replicas)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct meta_v1_ManagedFieldsEntry alpha = {.manager = STR("alpha"), .operation = STR("Apply"), .apiVersion = STR("apps/v1"), .fieldsType = STR("FieldsV1"),
		.fieldsV1 = STR("{\"f:spec\":{\"f:paused\":{},\"f:replicas\":{}}}"), .time = {.sec = 1, .set = true}, .has_time = true};
	struct meta_v1_ManagedFieldsEntry hpa = {.manager = STR("hpa"), .operation = STR("Apply"), .apiVersion = STR("autoscaling/v1"), .fieldsType = STR("FieldsV1"),
		.fieldsV1 = STR("{\"f:spec\":{\"f:replicas\":{}}}"), .subresource = STR("scale")};
	struct meta_v1_ObjectMeta parent = {.managedFields = {&alpha, 1, 0}}, scale = {0};
	managed_scale_view(a, &parent, "spec.replicas", &scale);
	assert_int_equal(scale.managedFields.len, 1);
	assert_str(scale.managedFields.items[0].apiVersion, "autoscaling/v1");
	assert_str(scale.managedFields.items[0].fieldsV1, "{\"f:spec\":{\"f:replicas\":{}}}");
	scale.managedFields.items[0] = hpa; /* took it over by force */
	managed_scale_merge(a, &parent, STR("apps/v1"), "spec.replicas", &scale);
	assert_int_equal(parent.managedFields.len, 2);
	assert_str(parent.managedFields.items[0].manager, "hpa");
	assert_str(parent.managedFields.items[0].apiVersion, "apps/v1");
	assert_false(parent.managedFields.items[0].has_time);
	assert_str(parent.managedFields.items[1].fieldsV1, "{\"f:spec\":{\"f:paused\":{}}}");
}
