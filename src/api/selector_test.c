#include "api/selector.h"
#include "base/test.h"
#include "gen/meta_v1.h"

static struct str_map labels(struct arena *a, const char *text)
{
	struct str_map m = {0};
	struct str rest = str_of(text), pair, key, value;
	while (*text && str_next(&rest, ',', &pair)) {
		str_cut(pair, '=', &key, &value);
		str_map_set(a, &m, key, value);
	}
	return m;
}

static bool matches(struct arena *a, const char *selector, const char *of)
{
	struct selector s;
	struct str_map m = labels(a, of);
	ERR(e);
	assert_ok(selector_parse(a, str_of(selector), &s, &e), &e);
	return selector_matches(&s, &m);
}

TEST(selectors_match)
{
	static const struct {
		const char *selector, *labels;
		bool want;
	} cases[] = {
		{"", "", true}, {"a", "a=1", true}, {"a", "b=1", false}, {"!a", "b=1", true}, {"!a", "a=", false}, {"a=1", "a=1", true}, {"a==1", "a=2", false},
		{"a!=1", "b=1", true}, {"a!=1", "a=1", false}, {"a=", "a=", true}, {"a in (1,2)", "a=2", true}, {"a in (1,2)", "a=3", false}, {"a in (1,)", "a=", true},
		{"a notin (1)", "b=1", true}, {"a notin (1)", "a=1", false}, {"n>5", "n=6", true}, {"n>5", "n=5", false}, {"n<5", "n=x", false}, {"in in (in)", "in=in", true},
		{" a = 1 , b = 2 ", "a=1,b=2", true}, {"a=1,a=2", "a=1", false}, {"x.example/role=r", "x.example/role=r", true},
	};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (matches(a, cases[i].selector, cases[i].labels) != cases[i].want)
			fail_msg("%s on %s", cases[i].selector, cases[i].labels);
}

TEST(selector_errors_are_upstreams)
{
	static const struct {
		const char *selector, *error;
	} cases[] = {
		{"a in b", "unable to parse requirement: found 'b' expected: '('"}, {"a,", "found '', expected: identifier after ','"},
		{"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"}, {"(", "found '(', expected: !, identifier, or 'end of string'"},
		{"a=(", "unable to parse requirement: found '(', expected: identifier"},
		{"a in ()", "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"},
		{"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"},
	};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct selector s;
		ERR(e);
		assert_int_equal(selector_parse(a, str_of(cases[i].selector), &s, &e), -1);
		assert_str(e.message, cases[i].error);
	}
}

TEST(selectors_write_sorted)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct selector s;
	ERR(e);
	BUF(out);
	assert_ok(selector_parse(a, STR("z,!y,b in (2,1),a==1,c!=x,d>3"), &s, &e), &e);
	selector_write(&out, &s);
	assert_str(buf_view(&out), "a=1,b in (1,2),c!=x,d>3,!y,z");
}

TEST(object_selectors)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct meta_v1_LabelSelector from = {0};
	struct str_map none = {0};
	struct selector s;
	ERR(e);
	assert_ok(selector_of(a, NULL, &s, &e), &e);
	assert_false(selector_matches(&s, &none));
	assert_ok(selector_of(a, &from, &s, &e), &e);
	assert_true(selector_everything(&s) && selector_matches(&s, &none));
	struct meta_v1_LabelSelectorRequirement bad = {.key = STR("a"), .operator = STR("Is")};
	from.matchExpressions.items = &bad, from.matchExpressions.len = 1;
	assert_int_equal(selector_of(a, &from, &s, &e), -1);
	assert_str(e.message, "\"Is\" is not a valid label selector operator");
}

TEST(field_selectors)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct field_selector s;
	struct str value;
	ERR(e);
	BUF(out);
	assert_ok(field_selector_parse(a, STR("metadata.name=a\\,b,spec.nodeName!=,x==y"), &s, &e), &e);
	assert_int_equal(s.len, 3);
	assert_str(s.items[0].value, "a,b");
	assert_true(s.items[1].not_equal && s.items[1].value.n == 0);
	assert_true(field_selector_requires(&s, STR("x"), &value) && str_is(value, "y"));
	assert_false(field_selector_requires(&s, STR("spec.nodeName"), &value));
	field_selector_write(&out, &s);
	assert_str(buf_view(&out), "metadata.name=a\\,b,spec.nodeName!=,x=y");
	assert_int_equal(field_selector_parse(a, STR("metadata.name in (a)"), &s, &e), -1);
	assert_str(e.message, "invalid selector: 'metadata.name in (a)'; can't understand 'metadata.name in (a)'");
	assert_int_equal(field_selector_parse(a, STR("metadata.name=a\\b"), &s, &e), -1);
	assert_str(e.message, "invalid field selector: invalid escape sequence: \\b");
}
