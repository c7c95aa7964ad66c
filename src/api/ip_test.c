#include "api/ip.h"
#include "base/arena.h"
#include "base/test.h"

TEST(addresses_read_and_write_as_go_does)
{
	static const struct {
		const char *in, *out;
	} cases[] = {{"10.0.0.1", "10.0.0.1"}, {"::", "::"}, {"::1", "::1"}, {"fd00:0:0::1", "fd00::1"}, {"1:0:0:2:0:0:0:3", "1:0:0:2::3"}, {"FD00::A", "fd00::a"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"}, {"1::", "1::"}, {"64:ff9b::1.2.3.4", "64:ff9b::102:304"}, {"1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"}};
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "::ffff:1.2.3.4", "1:2", ":::", "1::2::3", "g::", "1.2.3.4/8", "12345::", "1:2:3:4:5:6:7:8:9"};
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct ip ip;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(ip_parse(str_of(cases[i].in), false, &ip), 0);
		assert_str(ip_text(a, ip), cases[i].out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ip_parse(str_of(bad[i]), false, &ip) == 0)
			fail_msg("%s was accepted", bad[i]);
	assert_int_equal(ip_parse(STR("010.0.0.01"), true, &ip), 0);
	assert_str(ip_text(a, ip), "10.0.0.1");
}

TEST(ranges)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct cidr c, d;
	struct ip ip;
	assert_int_equal(cidr_parse(STR("10.96.1.3/16"), false, &c), 0);
	assert_str(cidr_text(a, cidr_network(c)), "10.96.0.0/16");
	assert_int_equal(cidr_size(c), 65536);
	assert_str(ip_text(a, cidr_at(c, 300)), "10.96.1.44");
	assert_int_equal(ip_parse(STR("10.96.1.44"), false, &ip), 0);
	assert_true(cidr_contains(c, ip));
	assert_int_equal(cidr_index(c, ip), 300);
	assert_int_equal(cidr_parse(STR("10.96.255.0/24"), false, &d), 0);
	assert_true(cidr_overlaps(c, d) && cidr_overlaps(d, c));
	assert_int_equal(cidr_parse(STR("fd00::/108"), false, &d), 0);
	assert_false(cidr_overlaps(c, d) || cidr_contains(d, ip));
	assert_int_equal(cidr_size(d), 1 << 20);
	assert_int_equal(cidr_parse(STR("10.0.0.0/33"), false, &d), -1);
	assert_int_equal(cidr_parse(STR("10.0.0.0"), false, &d), -1);
}

TEST(reverse_names)
{
	struct ip ip;
	BUF(out);
	assert_int_equal(ip_parse(STR("10.96.0.1"), false, &ip), 0);
	ip_reverse_name(&out, ip);
	assert_str(buf_view(&out), "1.0.96.10.in-addr.arpa.");
}
