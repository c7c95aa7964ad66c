#include "store/kv_log.h"
#include "base/blob.h"
#include "base/test.h"
#include "store/test_world.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define RING (8 * KVLOG_BLOCK)

struct logged {
	struct kvlog l;
	int dir;
	int first, n; /* of the numbers that replay gave */
	bool in_order;
};

static void log_make(struct logged *t)
{
	*t = (struct logged){.dir = open(world_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	assert_int_equal(kvlog_make(&t->l, t->dir, RING, &(struct kvlog_mark){.id = 1, .seq = 1}), 0);
}

static void log_fini(struct logged *t)
{
	kvlog_close(&t->l);
	close(t->dir);
}

/* One record with number n and n bytes more than a few. */
static void build(struct kvlog *l, int n, size_t bytes)
{
	char value[40000];
	kvlog_begin(l, false);
	kvlog_put(l, 1, true, str_n(&n, sizeof n), value, bytes);
	memset(value, n, sizeof value); /* after the put */
	kvlog_del(l, 2, STR("gone"));
}

static void append(struct kvlog *l, int n, size_t bytes)
{
	build(l, n, bytes);
	assert_true(kvlog_seal(l) && kvlog_fits(l));
	assert_int_equal(kvlog_append(l), 0);
}

static int note(void *arg, struct str ops)
{
	struct logged *t = arg;
	struct kvlog_op op;
	int n;
	assert_int_equal(kvlog_op(&ops, &op), 1);
	assert_true(!op.del && op.append && op.table == 1 && op.key.n == sizeof n);
	memcpy(&n, op.key.p, sizeof n);
	for (size_t i = 0; i < op.value.n; i++)
		assert_int_equal(op.value.p[i], (char)n);
	assert_int_equal(kvlog_op(&ops, &op), 1);
	assert_true(op.del && op.table == 2);
	assert_str(op.key, "gone");
	assert_int_equal(kvlog_op(&ops, &op), 0);
	if (!t->n++)
		t->first = n;
	t->in_order = t->in_order && n == t->first + t->n - 1;
	return 0;
}

static void log_reopen(struct logged *t)
{
	struct kvlog_mark m;
	ERR(e);
	kvlog_close(&t->l);
	assert_ok(kvlog_open(&t->l, t->dir, "here", &m, &e), &e);
	t->n = 0;
	t->in_order = true;
	assert_int_equal(kvlog_replay(&t->l, note, t), 0);
	assert_true(t->in_order);
}

static void checkpoint(struct kvlog *l)
{
	struct kvlog_mark m;
	kvlog_mark(l, &m);
	m.page = 4096;
	assert_int_equal(kvlog_mark_write(l, &m), 0);
	kvlog_mark_done(l, &m);
}

TEST(records_come_back_in_order_round_after_round)
{
	struct logged t;
	log_make(&t);
	for (int i = 1; i < 200; i++) {
		append(&t.l, i, (size_t)i * 37 % 9000);
		if (i % 3 == 0) {
			log_reopen(&t);
			assert_int_equal(t.first, i - 2);
			assert_int_equal(t.n, 3);
			checkpoint(&t.l);
		}
	}
	log_reopen(&t);
	assert_int_equal(t.n, 1);
	log_fini(&t);
}

TEST(a_full_ring_takes_no_record_until_a_mark_frees_it)
{
	struct logged t;
	log_make(&t);
	for (int i = 1; i <= 8; i++)
		append(&t.l, i, 100);
	build(&t.l, 9, 100);
	assert_true(kvlog_seal(&t.l));
	assert_false(kvlog_fits(&t.l));
	assert_int_equal(kvlog_used(&t.l), RING);
	checkpoint(&t.l);
	assert_true(kvlog_fits(&t.l));
	append(&t.l, 9, 100);
	log_reopen(&t);
	assert_int_equal(t.first, 9);
	log_fini(&t);
}

TEST(a_record_of_more_than_half_the_ring_is_not_taken)
{
	struct logged t;
	log_make(&t);
	build(&t.l, 1, RING / 2);
	assert_false(kvlog_seal(&t.l));
	build(&t.l, 1, RING / 2 - 100);
	assert_true(kvlog_seal(&t.l));
	log_fini(&t);
}

/* A value that is itself a record with a later number, in a block of its own. */
TEST(a_value_cannot_pass_for_a_record)
{
	struct logged t, other;
	log_make(&other);
	for (int i = 1; i <= 5; i++)
		append(&other.l, i, 100);
	log_make(&t);
	kvlog_begin(&t.l, false);
	char forged[8192 - 40 - 8 - 4];
	memset(forged, 0, sizeof forged);
	memcpy(forged + 4096 - 40 - 8 - 4, other.l.mem, 160);
	kvlog_put(&t.l, 1, true, STR("key1"), forged, sizeof forged);
	assert_true(kvlog_seal(&t.l));
	assert_memory_equal(t.l.mem + 4096, other.l.mem, 160);
	assert_int_equal(kvlog_append(&t.l), 0);
	struct kvlog_mark m;
	ERR(e);
	kvlog_close(&t.l);
	assert_ok(kvlog_open(&t.l, t.dir, "here", &m, &e), &e);
	log_fini(&t);
	log_fini(&other);
}

TEST(operations_that_are_cut_off_are_an_error)
{
	struct logged t;
	struct kvlog_op op;
	log_make(&t);
	build(&t.l, 1, 100);
	assert_true(kvlog_seal(&t.l));
	for (size_t n = 1; n < 8 + 4 + 100; n++) {
		struct str ops = str_n(t.l.mem + sizeof(struct kvlog_head), n);
		assert_int_equal(kvlog_op(&ops, &op), -EUCLEAN);
	}
	log_fini(&t);
}
