#include "kubectl/doc.h"
#include "base/test.h"
#include "codec/json.h"
#include "kubectl/make.h"
#include "kubectl/walk.h"

struct fixture {
	struct arena *a;
	struct ctl c;
};

static struct fixture begin(void)
{
	struct arena *a = arena_new(NULL);
	return (struct fixture){a, {.a = a}};
}

static void assert_json(struct ctl *c, const struct value *v, const char *want)
{
	BUF(b);
	json_write(&b, v);
	assert_str(buf_take(&b, c->a), want);
}

TEST(templates_quote_strings_and_leave_out_what_is_absent)
{
	struct fixture f = begin();
	struct value *v = doc(&f.c, "{'a': %s, 'b': %s, 'n': %d, 'l': %v, 'x': %v, 'y': %b}", STR("it's \"so\"\n"), (struct str){0}, (int64_t)-3,
		doc(&f.c, "[%s]", STR("")), NULL, 1);
	assert_json(&f.c, v, "{\"a\":\"it's \\\"so\\\"\\n\",\"n\":-3,\"l\":[\"\"],\"y\":true}");
	arena_free(f.a);
}

TEST(container_names_come_from_the_last_part_of_an_image)
{
	struct fixture f = begin();
	assert_str(make_container_name(&f.c, STR("nginx")), "nginx");
	assert_str(make_container_name(&f.c, STR("reg.example:5000/a/b/Some_App@sha256:00")), "some-app");
	assert_str(make_container_name(&f.c, STR("busybox:1.36")), "busybox");
	arena_free(f.a);
}

TEST(service_ports_are_a_number_and_a_target)
{
	struct fixture f = begin();
	struct value *v;
	ERR(e);
	assert_ok(make_port(&f.c, STR("443:8443"), &v, &e), &e);
	assert_json(&f.c, v, "{\"name\":\"443-8443\",\"port\":443,\"protocol\":\"TCP\",\"targetPort\":8443}");
	assert_ok(make_port(&f.c, STR("80:http"), &v, &e), &e);
	assert_json(&f.c, value_get(v, STR("targetPort")), "\"http\"");
	assert_int_equal(make_port(&f.c, STR("x:1"), &v, &e), -1);
	assert_string_equal(err_text(&e), "strconv.ParseUint: parsing \"x\": invalid syntax");
	arena_free(f.a);
}

TEST(labels_without_a_value_are_refused)
{
	struct fixture f = begin();
	struct value *v;
	ERR(e);
	assert_ok(make_labels(&f.c, STR("b=2,a="), &v, &e), &e);
	assert_json(&f.c, v, "{\"a\":\"\",\"b\":\"2\"}");
	assert_int_equal(make_labels(&f.c, STR("a=1,bad"), &v, &e), -1);
	assert_string_equal(err_text(&e), "unexpected label spec: bad");
	arena_free(f.a);
}
