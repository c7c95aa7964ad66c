#include "codec/yaml.h"
#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include <stdio.h>

static void becomes(const char *yaml, const char *json)
{
	ERR(e);
	BUF(b);
	assert_ok(yaml_to_json(str_of(yaml), NULL, &b, &e), &e);
	assert_str(buf_view(&b), json);
}

static void fails(const char *yaml, const char *want)
{
	ERR(e);
	BUF(b);
	assert_int_equal(yaml_to_json(str_of(yaml), NULL, &b, &e), -1);
	assert_string_equal(err_text(&e), want);
}

TEST(scalars_are_typed_as_in_yaml_1_1)
{
	becomes("a: n\nb: yes\nc: ON\nd: ~\ne: null\nf:\n", "{\"a\":false,\"b\":true,\"c\":true,\"d\":null,\"e\":null,\"f\":null}");
	becomes("[010, 0o17, 0x1F, 0b11, 1_000, -5, +7, 1e3, .5, 1.5, 0.0]", "[8,15,31,3,1000,-5,7,1000,0.5,1.5,0]");
	becomes("['1', \"yes\", 12:30, 2001-01-01, 1.2.3, 0x, 08, '', -, e5, 1e]", "[\"1\",\"yes\",\"12:30\",\"2001-01-01\",\"1.2.3\",\"0x\",8,\"\",\"-\",\"e5\",\"1e\"]");
	becomes("!!str 5", "\"5\"");
	becomes("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}");
	becomes("{1: a, true: b, 1.5: c}", "{\"1\":\"a\",\"1.5\":\"c\",\"true\":\"b\"}");
	becomes("", "null");
	becomes("a: 1\n---\nb: 2\n", "{\"a\":1}");
}

TEST(aliases_and_merges_are_expanded)
{
	becomes("x: &a {p: 1, q: 2}\nw: *a\nz: {<<: *a, q: 3}\n", "{\"w\":{\"p\":1,\"q\":2},\"x\":{\"p\":1,\"q\":2},\"z\":{\"p\":1,\"q\":3}}");
	becomes("- &a {p: 1}\n- &b {p: 2, q: 2}\n- {<<: [*a, *b]}\n", "[{\"p\":1},{\"p\":2,\"q\":2},{\"p\":1,\"q\":2}]");
	fails("a: *x\n", "yaml: unknown anchor 'x' referenced");
	fails("a: &x [*x]\n", "yaml: anchor 'x' value contains itself");
	fails("{<<: 5}", "yaml: map merge requires map or sequence of maps as the value");
}

TEST(alias_bombs_are_refused)
{
	BUF(b);
	buf_lit(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_printf(&b, "*a%d,", i - 1);
		buf_lit(&b, "]\n");
	}
	fails(buf_z(&b), "yaml: document contains excessive aliasing");
}

TEST(faults_name_their_line)
{
	fails("a: 1\nb: [\n", "yaml: line 2: did not find expected node content");
	fails("a: [1 0", "yaml: line 1: did not find expected ',' or ']'");
	fails("a:\n\tc: d\n", "yaml: line 2: found character that cannot start any token");
	fails("~: a", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"a\"");
}

static void keep(void *arg, struct str what) { buf_str(arg, what); }

TEST(keys_set_twice_are_told_with_their_line)
{
	ERR(e);
	BUF(b);
	BUF(said);
	struct json_opts o = {.flags = JSON_STRICT, .complain = keep, .arg = &said};
	assert_ok(yaml_to_json(STR("data:\n  k: a\n  k: b\n"), &o, &b, &e), &e);
	assert_str(buf_view(&b), "{\"data\":{\"k\":\"b\"}}");
	assert_str(buf_view(&said), "yaml: unmarshal errors:\n  line 3: key \"k\" already set in map");
}

TEST(documents_are_cut_at_separators)
{
	struct str rest = STR("---\na: 1\n--- # next\nb: |\n  ---x\n---\n---\nc: 3"), doc;
	assert_true(yaml_next_document(&rest, &doc));
	assert_str(doc, "a: 1\n");
	assert_true(yaml_next_document(&rest, &doc));
	assert_str(doc, "b: |\n  ---x\n");
	assert_true(yaml_next_document(&rest, &doc));
	assert_str(doc, "c: 3");
	assert_false(yaml_next_document(&rest, &doc));
}

TEST(strings_that_would_be_read_as_something_else_are_quoted)
{
	static const char *const texts[] = {"y", "no", "~", "", "1", "0x1f", "1.5", "1e3", "2001-01-01", "2008-01-01T01:01:01Z", "12:30", "<<", ".inf",
		"a b", "a: b", "# c", "- x", "@x", "multi\nline", "trailing ", " leading", "null", "010", "1_0", "{}", "*a", "é", "a#b", "'q'", "\"", "%x", "a:"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct arena *a = arena_new(NULL);
		ERR(e);
		BUF(b);
		struct value *v = value_str(a, str_of(texts[i])), *back;
		yaml_write(&b, v);
		assert_ok(yaml_parse(a, buf_view(&b), NULL, &back, &e), &e);
		if (!value_eq(v, back))
			fail_msg("%s was written as %s", texts[i], buf_z(&b));
		arena_free(a);
	}
}

TEST(keys_are_in_natural_order)
{
	struct arena *a = arena_new(NULL);
	BUF(b);
	static const char *const keys[] = {"b", "a10", "a9", "a", "A", "a01", "1", "a.b", "a-b"};
	struct value *o = value_new(a, V_OBJECT);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		value_set(a, o, str_of(keys[i]), value_bool(a, true));
	yaml_write(&b, o);
	assert_str(buf_view(&b), "\"1\": true\nA: true\na: true\na-b: true\na.b: true\na01: true\na9: true\na10: true\nb: true\n");
	arena_free(a);
}

static int read_config(struct arena *a, struct core_v1_ConfigMap *m, const char *yaml, struct err *e)
{
	return yaml_decode_strict(a, str_of(yaml), (struct ref){desc_type(T_core_v1_ConfigMap), m}, e);
}

TEST(a_configuration_is_decoded_over_what_is_there)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_ConfigMap m = {.metadata.name = STR("kept")};
	ERR(e);
	assert_ok(read_config(a, &m, "apiVersion: v1\nkind: ConfigMap\nimmutable: true\n", &e), &e);
	assert_true(m.immutable && str_is(m.metadata.name, "kept"));
	assert_int_equal(read_config(a, &m, "apiVersion: v1\nkind: Secret\n", &e), -1);
	assert_string_equal(err_text(&e), "a Secret of v1, not a ConfigMap of v1");
	assert_int_equal(read_config(a, &m, "apiVersion: v1\nkind: ConfigMap\nimutable: true\n", &e), -1);
	assert_string_equal(err_text(&e), "unknown field \"imutable\"");
}
