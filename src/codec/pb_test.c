#include "codec/pb.h"
#include "base/test.h"
#include "gen/core_v1.h"
#include "gen/cri_v1.h"
#include "gen/etcd_v3.h"
#include "gen/ids.h"

static int decode(uint16_t type, struct str in, void *obj, struct arena *a, struct err *e) { return pb_decode(a, desc_type(type), in, 0, obj, e); }

TEST(broken_messages_are_refused)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	void *pod = obj_new(a, desc_type(T_core_v1_Pod));
	assert_int_equal(decode(T_core_v1_Pod, str_n("\x0a\x05x", 3), pod, a, &e), -1);
	assert_string_equal(err_text(&e), "unexpected EOF");
	assert_int_equal(decode(T_core_v1_Pod, str_n("\x08\x01", 2), pod, a, &e), -1);
	assert_string_equal(err_text(&e), "proto: wrong wireType = 0 for field Metadata");
	assert_int_equal(decode(T_core_v1_Pod, str_n("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), pod, a, &e), -1);
	assert_int_equal(decode(T_core_v1_Pod, str_n("\x0b", 1), pod, a, &e), -1);
	assert_ok(decode(T_core_v1_Pod, str_n("\xfa\x07\x02hi", 5), pod, a, &e), &e); /* unknown: passed over */
	struct pb_envelope env;
	assert_int_equal(pb_envelope_open(STR("{}"), &env, &e), -1);
	arena_free(a);
}

TEST(every_prefix_of_a_message_is_survived)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	struct core_v1_Pod *pod = obj_new(a, desc_type(T_core_v1_Pod));
	str_map_set(a, (struct str_map *)&pod->metadata.labels, STR("app"), STR("web"));
	pod->metadata.name = STR("p");
	struct core_v1_Container *c = arena_push(a, &pod->spec.containers);
	c->image = STR("i");
	str_map_set(a, (struct str_map *)&c->resources.limits, STR("cpu"), STR("100m"));
	pb_encode(&b, (struct ref){desc_type(T_core_v1_Pod), pod});
	for (size_t n = 0; n < b.n; n++) {
		char *exact = malloc(n + 1);
		memcpy(exact, b.p, n);
		int r = decode(T_core_v1_Pod, str_n(exact, n), obj_new(a, desc_type(T_core_v1_Pod)), a, &e);
		(void)r;
		free(exact);
	}
	arena_free(a);
}

TEST(proto3_leaves_out_defaults_and_packs)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	const struct type *t = desc_type(T_cri_v1_LinuxContainerSecurityContext);
	struct cri_v1_LinuxContainerSecurityContext *s = obj_new(a, t), *back = obj_new(a, t);
	pb_encode(&b, (struct ref){t, s});
	assert_int_equal(b.n, 0);
	*(int64_t *)arena_push(a, &s->supplemental_groups) = 1;
	*(int64_t *)arena_push(a, &s->supplemental_groups) = 300;
	pb_encode(&b, (struct ref){t, s});
	assert_int_equal(b.n, 5);
	assert_memory_equal(b.p, "\x42\x03\x01\xac\x02", 5);
	assert_ok(pb_decode(a, t, buf_view(&b), 0, back, &e), &e);
	assert_int_equal(back->supplemental_groups.len, 2);
	assert_int_equal(back->supplemental_groups.items[1], 300);
	assert_ok(pb_decode(a, t, str_n("\x40\x07", 2), 0, back, &e), &e); /* unpacked is read too */
	assert_int_equal(back->supplemental_groups.len, 3);
	arena_free(a);
}

TEST(of_a_oneof_the_last_stays)
{
	struct arena *a = arena_new(NULL);
	ERR(e);
	BUF(b);
	const struct type *t = desc_type(T_etcd_v3_Compare);
	struct etcd_v3_Compare *c = obj_new(a, t);
	assert_ok(pb_decode(a, t, str_n("\x20\x05\x30\x00", 4), 0, c, &e), &e);
	assert_false(c->has_version);
	assert_true(c->has_mod_revision);
	pb_encode(&b, (struct ref){t, c});
	assert_int_equal(b.n, 2); /* a zero in a oneof is written */
	arena_free(a);
}
