/* Every recorded object survives each way from one form to another, byte for byte. */
#include "base/test.h"
#include "codec/json.h"
#include "codec/ops.h"
#include "codec/pb.h"
#include "codec/scan.h"
#include "codec/yaml.h"
#include <dirent.h>
#include <stdio.h>

struct vector {
	struct arena *a;
	char base[512];
	struct str json, pb, yaml; /* json compact */
	const struct type *type;
	struct str api_version, kind;
	unsigned faults;
};

static struct str read_file(struct arena *a, const char *base, const char *suffix)
{
	BUF(b);
	char path[600];
	snprintf(path, sizeof path, "%s%s", base, suffix);
	FILE *f = fopen(path, "rb");
	if (!f)
		return (struct str){0};
	for (size_t n; (n = fread(buf_room(&b, 65536), 1, 65536, f)) > 0;)
		b.n += n;
	fclose(f);
	return buf_take(&b, a);
}

static void same(struct vector *v, const char *way, struct str got, struct str want)
{
	if (str_eq(got, want))
		return;
	size_t i = 0;
	while (i < got.n && i < want.n && got.p[i] == want.p[i])
		i++;
	size_t from = i > 40 ? i - 40 : 0;
	struct str g = str_sub(got, from, from + 100), w = str_sub(want, from, from + 100);
	print_error("%s: %s differs at %zu\n   got %.*s\n  want %.*s\n", strrchr(v->base, '/') + 1, way, i, STR_F(g), STR_F(w));
	v->faults++;
}

static void failed(struct vector *v, const char *what, struct err *e)
{
	print_error("%s: %s: %s\n", strrchr(v->base, '/') + 1, what, err_text(e));
	v->faults++;
}

static void check_json(struct vector *v, const char *way, void *obj)
{
	BUF(b);
	json_encode(&b, (struct ref){v->type, obj});
	same(v, way, buf_view(&b), v->json);
}

static void check_pb(struct vector *v, const char *way, void *obj)
{
	BUF(b);
	struct ref o = {v->type, obj};
	struct str *kind = obj_kind(o), *version = obj_api_version(o);
	if (kind) /* some were recorded without */
		*kind = v->kind, *version = v->api_version;
	pb_envelope_encode(&b, o);
	same(v, way, buf_view(&b), v->pb);
	struct pb_envelope env;
	ERR(e);
	assert_ok(pb_envelope_open(v->pb, &env, &e), &e);
	if (pb_size(o) != env.raw.n)
		failed(v, "pb_size is wrong", &e);
}

static void from_pb(struct vector *v)
{
	ERR(e);
	struct pb_envelope env;
	void *obj = obj_new(v->a, v->type);
	assert_ok(pb_envelope_open(v->pb, &env, &e), &e);
	if (pb_decode(v->a, v->type, env.raw, 0, obj, &e) != 0) {
		failed(v, "pb_decode", &e);
		return;
	}
	struct ref o = {v->type, obj};
	if (obj_kind(o))
		*obj_kind(o) = v->kind, *obj_api_version(o) = v->api_version;
	check_json(v, "pb to JSON", obj);
	check_pb(v, "pb to pb", obj);
}

static void no_complaint(void *arg, struct str what)
{
	struct vector *v = arg;
	print_error("%s: %.*s\n", strrchr(v->base, '/') + 1, STR_F(what));
	v->faults++;
}

static void from_json(struct vector *v, struct str text, bool yaml)
{
	ERR(e);
	void *obj = obj_new(v->a, v->type);
	struct json_opts opts = {.flags = JSON_STRICT, .complain = no_complaint, .arg = v};
	if (json_decode(v->a, v->type, text, &opts, obj, &e) != 0) {
		failed(v, "json_decode", &e);
		return;
	}
	check_json(v, yaml ? "YAML to JSON" : "JSON to JSON", obj);
	check_pb(v, yaml ? "YAML to pb" : "JSON to pb", obj);
}

static void from_yaml(struct vector *v)
{
	BUF(json);
	BUF(yaml);
	ERR(e);
	if (yaml_to_json(v->yaml, NULL, &json, &e) != 0) {
		failed(v, "yaml_to_json", &e);
		return;
	}
	from_json(v, buf_view(&json), true);
	void *obj = obj_new(v->a, v->type);
	assert_ok(json_decode(v->a, v->type, buf_view(&json), NULL, obj, &e), &e);
	yaml_encode(&yaml, (struct ref){v->type, obj});
	same(v, "object to YAML", buf_view(&yaml), v->yaml);
}

static void through_values(struct vector *v)
{
	ERR(e);
	void *obj = obj_new(v->a, v->type), *again = obj_new(v->a, v->type);
	struct ref o = {v->type, obj};
	assert_ok(json_decode(v->a, v->type, v->json, NULL, obj, &e), &e);
	struct value *value = obj_to_value(v->a, o);
	BUF(json);
	json_write(&json, value);
	same(v, "object to value", buf_view(&json), v->json);
	if (obj_from_value(v->a, v->type, value, NULL, again, &e) != 0) {
		failed(v, "obj_from_value", &e);
		return;
	}
	check_json(v, "value to object", again);
	check_pb(v, "value to pb", again);
	void *copy = obj_copy(v->a, o);
	if (!obj_equal(o, (struct ref){v->type, copy}) || !obj_equal(o, (struct ref){v->type, again}))
		failed(v, "the copy is not equal", &e);
	check_json(v, "copy to JSON", copy);
	void *converted = obj_new(v->a, v->type);
	obj_convert(v->a, o, v->type, converted);
	check_pb(v, "converted to pb", converted);
}

static void load_type(struct vector *v)
{
	ERR(e);
	struct pb_envelope env;
	assert_ok(pb_envelope_open(v->pb, &env, &e), &e);
	struct str name = str_of(strrchr(v->base, '/') + 1), kind = env.kind;
	v->api_version = str_dup(v->a, env.api_version);
	v->kind = str_dup(v->a, env.kind);
	if (!kind.n)
		kind = str_sub(name, (size_t)str_rindex(name, '.') + 1, name.n);
	v->type = type_by_api_version(env.api_version, kind);
	if (!v->type)
		failed(v, "no type", &e);
}

static unsigned check_vector(const char *dir, struct str name)
{
	struct vector v = {.a = arena_new(NULL)};
	snprintf(v.base, sizeof v.base, "%s/%.*s", dir, (int)name.n - 3, name.p);
	v.pb = read_file(v.a, v.base, ".pb");
	v.json = json_compact(v.a, read_file(v.a, v.base, ".json"));
	v.yaml = read_file(v.a, v.base, ".yaml");
	load_type(&v);
	if (v.type && v.json.n) {
		from_pb(&v);
		from_json(&v, read_file(v.a, v.base, ".json"), false);
		through_values(&v);
		if (v.yaml.n)
			from_yaml(&v);
	}
	arena_free(v.a);
	return v.faults;
}

static unsigned check_directory(const char *shared, const char *name, unsigned *ret_seen)
{
	char dir[256];
	unsigned faults = 0;
	snprintf(dir, sizeof dir, "%s/vectors/%s", shared, name);
	DIR *d = opendir(dir);
	if (!d)
		return 0;
	for (struct dirent *f; (f = readdir(d));)
		if (str_has_suffix(str_of(f->d_name), STR(".pb"))) {
			faults += check_vector(dir, str_of(f->d_name)) != 0;
			++*ret_seen;
		}
	closedir(d);
	return faults;
}

TEST(recorded_objects_survive_every_way)
{
	static const char *const dirs[] = {"roundtrip", "zero", "hollow", "depth", "full"};
	unsigned seen = 0, faults = 0;
	if (!test_shared())
		skip();
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		faults += check_directory(test_shared(), dirs[i], &seen);
	print_message("%u of %u objects\n", seen - faults, seen);
	assert_true(seen > 1000);
	assert_int_equal(faults, 0);
}

/* Decodes with ever larger budgets until there is enough: each failure on the way must be clean. */
static void decode_starved(struct str json, struct str yaml, struct str pb, const struct type *t)
{
	for (size_t max = 4096, done = 0; done < 5; max += 4096) {
		struct budget budget = {.max = max};
		struct arena *a = arena_new(&budget);
		void *obj = obj_new(a, t);
		struct value *v;
		ERR(e);
		done = 0;
		if (obj)
			done += json_decode(a, t, json, NULL, obj, &e) == 0;
		if (done)
			done += obj_to_value(a, (struct ref){t, obj}) != NULL;
		done += json_parse(a, json, NULL, &v, &e) == 0;
		done += yaml_parse(a, yaml, NULL, &v, &e) == 0;
		obj = obj_new(a, t);
		if (obj)
			done += pb_decode(a, t, pb, 0, obj, &e) == 0;
		arena_free(a);
		assert_int_equal(atomic_load(&budget.used), 0);
	}
}

TEST(decoders_survive_every_lack_of_memory)
{
	struct pb_envelope env;
	char base[300];
	ERR(e);
	if (!test_shared())
		skip();
	struct arena *a = arena_new(NULL);
	snprintf(base, sizeof base, "%s/vectors/roundtrip/core.v1.Pod", test_shared());
	assert_ok(pb_envelope_open(read_file(a, base, ".pb"), &env, &e), &e);
	decode_starved(read_file(a, base, ".json"), read_file(a, base, ".yaml"), env.raw, type_by_name(STR("core/v1.Pod")));
	arena_free(a);
}
