#include "api/name.h"
#include "base/arena.h"
#include "base/test.h"

static void check(struct wrong (*fn)(struct str), const char *good, const char *bad)
{
	struct str rest = str_of(good), piece;
	while (str_next(&rest, ' ', &piece))
		if (fn(piece).n)
			fail_msg("\"%.*s\" was refused: %s", STR_F(piece), fn(piece).v[0]);
	rest = str_of(bad);
	while (str_next(&rest, ' ', &piece))
		if (!fn(piece).n)
			fail_msg("\"%.*s\" was accepted", STR_F(piece));
}

TEST(names_that_are_right_and_wrong)
{
	check(name_dns1123_label, "a a-b 0 a0", "A -a a- a.b a_b");
	check(name_dns1123_subdomain, "a a.b a-b.c0", ".a a. a..b A a_b a/b .");
	check(name_dns1035_label, "a a-b a0", "0a A -a a.b");
	check(name_qualified, "a a/b A_b.c x.example/Name", "a/ /a -a a- a/b/c A_/b a/-b");
	check(name_label_value, "a A_b.c 0", "-a a- a/b");
	check(name_config_map_key, "a .a a..b A_b-c", "a/b .. . ..a");
	check(name_c_identifier, "a _a A9", "9a a-b");
	check(name_port, "http a-1", "1 a--b -a a- abcdefghijklmnop A");
	check(name_wildcard_dns1123_subdomain, "*.a.b", "a.b *a *.");
	check(name_path_segment, "a a.b", ". .. a/b a%b");
}

TEST(messages_are_upstreams)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	assert_str(str_of(name_dns1123_subdomain(STR("Bad_Name")).v[0]),
		"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
		"character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
	assert_str(wrong_join(a, name_qualified(STR(""))),
		"name part must be non-empty; name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
		"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')");
}

TEST(generated_names_keep_within_a_label)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	static const uint8_t rnd[NAME_SUFFIX] = {0, 1, 2, 3, 255};
	char base[100];
	memset(base, 'a', sizeof base);
	assert_str(name_generate(a, STR("web-"), rnd), "web-bcdfq");
	assert_int_equal(name_generate(a, str_n(base, sizeof base), rnd).n, NAME_DNS1123_LABEL_MAX);
}
