#include "base/buf.h"
#include "base/test.h"
#include "client/transport.h"
#include "codec/pb.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include <errno.h>

static struct str encoded(struct arena *a, struct core_v1_Pod *p)
{
	BUF(b);
	pb_encode(&b, (struct ref){desc_type(T_core_v1_Pod), p});
	return buf_take(&b, a);
}

TEST(transport_pb_meta_reads_what_a_watcher_needs)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod p = {.metadata = {.name = STR("p"), .namespace = STR("ns"), .uid = STR("u"), .resourceVersion = STR("18446744073709551615"),
		.generation = 300, .generateName = STR("g")}, .spec.nodeName = STR("n")};
	struct pb_meta m;
	assert_int_equal(pb_meta_read(encoded(a, &p), &m), 0);
	assert_str(m.name, "p");
	assert_str(m.ns, "ns");
	assert_str(m.uid, "u");
	assert_true(m.rev == UINT64_MAX);
}

TEST(transport_pb_meta_refuses_what_is_cut_or_has_no_revision)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct core_v1_Pod p = {.metadata = {.name = STR("p"), .resourceVersion = STR("12")}};
	struct str whole = encoded(a, &p);
	struct pb_meta m;
	assert_int_equal(pb_meta_read(whole, &m), 0);
	for (size_t n = 0; n < 10; n++) {
		char *copy = malloc(n + 1);
		memcpy(copy, whole.p, n);
		assert_int_equal(pb_meta_read(str_n(copy, n), &m), -1);
		free(copy);
	}
	p.metadata.resourceVersion = STR("abc");
	assert_int_equal(pb_meta_read(encoded(a, &p), &m), -1);
	assert_int_equal(pb_meta_read(STR("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &m), -1);
	assert_int_equal(pb_meta_read(STR("\x0f"), &m), -1);
}

TEST(transport_failures_keep_their_errno)
{
	ERR(e);
	assert_int_equal(transport_failed(&e, -ECONNREFUSED, "watch"), -1);
	assert_true(err_is(&e, ERR_SERVICE_UNAVAILABLE) && e.sys == ECONNREFUSED);
	assert_string_equal(err_text(&e), "watch: Connection refused");
	transport_failed(&e, ETIME, "watch");
	assert_true(err_is(&e, ERR_TIMEOUT) && e.sys == ETIME);
}
