#include "apiserver/cache/impl.h"
#include "apiserver/test_server.h"
#include "codec/pb.h"
#include <stdio.h>

#define CM(name, data) "{\"metadata\":{\"name\":\"" name "\"},\"data\":{\"k\":\"" data "\"}}"

struct seen {
	struct cursor c;
	struct buf text;
	unsigned pause_after;  /* events, 0: never */
	unsigned n;
	bool lost;
};

static enum cursor_verdict note(struct cursor *c, struct cache_event *ev)
{
	static const char marks[] = {'+', '*', '-'};
	struct seen *s = container_of(c, struct seen, c);
	if (s->pause_after && s->n >= s->pause_after)
		return CURSOR_PAUSE;
	s->n++;
	buf_printf(&s->text, "%c%.*s ", marks[ev->type], STR_F(ev->cur->name));
	return CURSOR_NEXT;
}

static void gone(struct cursor *c)
{
	struct seen *s = container_of(c, struct seen, c);
	s->lost = true;
	cursor_close(c);
}

static const struct cursor_ops noting = {note, gone};

static void open_at(struct test_server *t, struct seen *s, struct bucket b, uint64_t rev)
{
	struct cache_table *table = cache_table(server_cache(t->server), res("", "configmaps"));
	ERR(e);
	*s = (struct seen){0};
	assert_ok(cursor_open(&s->c, &noting, table, &b, rev, &e), &e);
	cursor_resume(&s->c);
}

static void settle(void) { assert_int_equal(fiber_sleep(10 * NS_MS), 0); }

static uint64_t now(struct test_server *t) { return cache_revision(server_cache(t->server)); }

static void changes(struct test_server *t)
{
	const struct resource *cm = res("", "configmaps");
	do_create(t, cm, "default", CM("a", "1"));
	do_create(t, cm, "default", CM("b", "1"));
	do_update(t, cm, "default", "a", CM("a", "2"));
	do_delete(t, cm, "default", "a");
	do_create(t, cm, "kube-public", CM("a", "1"));
	settle();
}

static void buckets(struct test_server *t)
{
	struct seen all, ns, name, other;
	uint64_t rev = now(t);
	open_at(t, &all, (struct bucket){STR(""), STR("")}, rev);
	open_at(t, &ns, (struct bucket){STR("default"), STR("")}, rev);
	open_at(t, &name, (struct bucket){STR("default"), STR("a")}, rev);
	open_at(t, &other, (struct bucket){STR("kube-system"), STR("")}, rev);
	changes(t);
	assert_str(buf_view(&all.text), "+a +b *a -a +a ");
	assert_str(buf_view(&ns.text), "+a +b *a -a ");
	assert_str(buf_view(&name.text), "+a *a -a ");
	assert_str(buf_view(&other.text), "");
	assert_int_equal(cursor_revision(&all.c), now(t));
	struct seen *v[] = {&all, &ns, &name, &other};
	for (unsigned i = 0; i < 4; i++) {
		cursor_close(&v[i]->c);
		buf_fini(&v[i]->text);
	}
}
TEST(a_cursor_gets_the_events_of_its_bucket) { with_server(1, buckets); }

static void replay(struct test_server *t)
{
	struct seen s;
	uint64_t rev = now(t);
	changes(t);
	open_at(t, &s, (struct bucket){STR(""), STR("")}, rev);
	assert_str(buf_view(&s.text), "+a +b *a -a +a ");
	cursor_close(&s.c);
	buf_fini(&s.text);
	open_at(t, &s, (struct bucket){STR("default"), STR("")}, rev + 2);
	assert_str(buf_view(&s.text), "*a -a ");
	cursor_close(&s.c);
	buf_fini(&s.text);
}
TEST(a_cursor_replays_what_happened_since_its_revision) { with_server(2, replay); }

static void pausing(struct test_server *t)
{
	struct seen s, quick;
	uint64_t rev = now(t);
	open_at(t, &s, (struct bucket){STR(""), STR("")}, rev);
	open_at(t, &quick, (struct bucket){STR(""), STR("")}, rev);
	s.pause_after = 2;
	changes(t);
	assert_str(buf_view(&s.text), "+a +b ");
	assert_str(buf_view(&quick.text), "+a +b *a -a +a ");
	assert_true(cursor_revision(&s.c) < now(t));
	s.pause_after = 0;
	cursor_resume(&s.c);
	assert_str(buf_view(&s.text), "+a +b *a -a +a ");
	do_create(t, res("", "configmaps"), "default", CM("c", "1"));
	settle();
	assert_str(buf_view(&s.text), "+a +b *a -a +a +c ");
	cursor_close(&s.c);
	cursor_close(&quick.c);
	buf_fini(&s.text);
	buf_fini(&quick.text);
}
TEST(a_paused_cursor_goes_on_where_it_stopped) { with_server(3, pausing); }

/* Watchers that look at the frame of one event, each after the other. */
struct sharer {
	struct cursor c;
	struct sharer *first;
	struct blob *frame; /* a reference */
	bool own;
};

static enum cursor_verdict take_frame(struct cursor *c, struct cache_event *ev)
{
	struct sharer *s = container_of(c, struct sharer, c);
	struct blob *shared = event_json(ev), *b = cursor_frame(c, FRAME_JSON, shared);
	blob_unref(s->frame);
	s->frame = blob_ref(b);
	s->own = b != shared;
	assert_true(str_eq(blob_str(b), blob_str(shared)));
	assert_true(!s->first->own || s->frame == s->first->frame);
	return CURSOR_NEXT;
}

static void frames(struct test_server *t)
{
	static const struct cursor_ops taking = {take_frame, gone};
	struct sharer v[9] = {0};
	uint64_t rev = now(t);
	do_create(t, res("", "configmaps"), "default", CM("a", "1"));
	for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
		ERR(e);
		v[i].first = &v[0];
		assert_ok(cursor_open(&v[i].c, &taking, cache_table(server_cache(t->server), res("", "configmaps")), &(struct bucket){STR(""), STR("")}, rev, &e), &e);
		cursor_resume(&v[i].c);
		assert_false(v[i].own); /* catching up alone */
	}
	do_update(t, res("", "configmaps"), "default", "a", CM("a", "2"));
	settle();
	for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
		assert_true(v[i].own);
		cursor_close(&v[i].c);
	}
	assert_int_equal(atomic_load(&v[0].frame->refs), ARRAY_LEN(v)); /* the hub has let go */
	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		blob_unref(v[i].frame);
}
TEST(many_watchers_of_a_loop_share_a_copy_of_the_frame) { with_server(4, frames); }

/* A cursor whose events take 300 us each, as if by the clock. */
struct costly {
	struct seen seen;
	struct cache_loop *loop;
};

static enum cursor_verdict note_costly(struct cursor *c, struct cache_event *ev)
{
	struct costly *k = container_of(c, struct costly, seen.c);
	k->loop->began -= 300 * NS_US;
	return note(c, ev);
}

static void rests(struct test_server *t)
{
	static const struct cursor_ops costly = {note_costly, gone};
	const struct resource *cm = res("", "configmaps");
	struct cache *c = server_cache(t->server);
	struct costly k = {.loop = &c->loops[0]};
	ERR(e);
	settle();
	assert_ok(cursor_open(&k.seen.c, &costly, cache_table(c, cm), &(struct bucket){STR(""), STR("")}, now(t), &e), &e);
	cursor_resume(&k.seen.c);
	do_create(t, cm, "default", CM("a", "1"));
	assert_str(buf_view(&k.seen.text), "+a "); /* after quiet: at once */
	assert_int_equal(fiber_sleep(NS_US), 0); /* the turn ends */
	mono_t over = k.loop->rested;
	assert_in_range(over - rt_now(), NS_MS, 8 * 300 * NS_US);
	do_create(t, cm, "default", CM("b", "1"));
	do_create(t, cm, "default", CM("c", "1"));
	assert_str(buf_view(&k.seen.text), "+a ");
	assert_int_equal(cursor_revision(&k.seen.c), now(t) - 2);
	assert_int_equal(cache_wait_revision(c, now(t), rt_now()), 0);
	assert_int_equal(fiber_sleep_until(over), 0);
	assert_int_equal(fiber_sleep(NS_US), 0);
	assert_str(buf_view(&k.seen.text), "+a +b +c "); /* in one round, which cost twice as much, or less than the longest rest */
	assert_int_equal(k.loop->rested - over, 4 * NS_MS);
	cursor_close(&k.seen.c);
	buf_fini(&k.seen.text);
}
TEST(a_loop_rests_between_two_rounds_of_costly_deliveries) { with_server(4, rests); }

static void overtaken(struct test_server *t)
{
	const struct resource *cm = res("", "configmaps");
	struct cache_table *table = cache_table(server_cache(t->server), cm);
	struct seen s;
	table->impl->ring.max_bytes = 16 << 10;
	open_at(t, &s, (struct bucket){STR(""), STR("")}, now(t));
	s.pause_after = 1;
	for (unsigned i = 0; i < 100; i++) {
		char json[100];
		snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"n%u\"}}", i);
		do_create(t, cm, "default", json);
	}
	settle();
	assert_false(s.lost);
	s.pause_after = 0;
	cursor_resume(&s.c);
	assert_true(s.lost);
	buf_fini(&s.text);
	ERR(e);
	struct bucket b = {STR(""), STR("")};
	assert_int_equal(cursor_open(&s.c, &noting, table, &b, 3, &e), -1);
	assert_true(err_is(&e, ERR_EXPIRED));
}
TEST(a_cursor_that_the_ring_overtakes_is_lost) { with_server(4, overtaken); }

static void spliced(struct test_server *t)
{
	struct cache *c = server_cache(t->server);
	const struct resource *cm = res("", "configmaps");
	do_create(t, cm, "default", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"y\",\"l\":\"m\"}},\"data\":{\"k\":\"v\"}}");
	CLEANUP(object_unref) struct object *o = cache_lookup(c, cache_table(c, cm), STR("default"), STR("a"));
	assert_non_null(o);
	assert_int_equal(o->nlabels, 2);
	assert_str(o->labels[0].key, "l");
	BUF(pb);
	BUF(want);
	ERR(e);
	object_pb(o, &pb);
	assert_int_equal(pb.n, object_pb_size(o));
	void *typed = object_decode(o, t->a, &e);
	pb_encode(&want, (struct ref){o->table->type, typed});
	assert_true(str_eq(buf_view(&pb), buf_view(&want)));
	CLEANUP(blob_unref) struct blob *json = object_json(o), *again = object_json(o);
	assert_ptr_equal(json, again);
	assert_true(str_has_prefix(object_json_tail(o, json), STR("\"metadata\":{\"name\":\"a\"")));
	struct str meta = object_json_meta(o, json);
	assert_true(str_has_prefix(meta, STR("\"metadata\":{")) && meta.p[meta.n - 1] == '}');
	assert_true(str_has_suffix(blob_str(json), STR(",\"data\":{\"k\":\"v\"}}")));
}
TEST(stored_bytes_get_their_revision_without_decoding) { with_server(5, spliced); }

static void restart(struct test_server *t)
{
	uint64_t before = now(t);
	changes(t);
	struct cache_opts o = {.store = t->store, .loops = &t->loop, .nloops = 1, .json_lru_bytes = 1};
	ERR(e);
	struct cache *c = cache_new(&o, &e);
	assert_non_null(c);
	assert_int_equal(cache_revision(c), now(t));
	struct cache_table *table = cache_table(c, res("", "configmaps"));
	CLEANUP(object_unref) struct object *b = cache_lookup(c, table, STR("default"), STR("b")), *a = cache_lookup(c, table, STR("default"), STR("a"));
	assert_non_null(b);
	assert_null(a);
	struct blob *j = object_json(b); /* more than the LRU holds: given all the same, and dropped */
	assert_non_null(j);
	assert_null(atomic_load(&b->json));
	blob_unref(j);
	object_unref(STEAL(b));
	struct seen s = {0};
	assert_ok(cursor_open(&s.c, &noting, table, &(struct bucket){STR(""), STR("")}, before, &e), &e);
	cursor_resume(&s.c); /* who watched before goes on */
	assert_str(buf_view(&s.text), "+a +b *a -a +a ");
	cursor_close(&s.c);
	buf_fini(&s.text);
	cache_free(c);
}

static void restart_compacted(struct test_server *t)
{
	struct seen s = {0};
	ERR(e);
	changes(t);
	uint64_t mark = now(t);
	assert_ok(store_compact(t->store, (int64_t)mark, &e), &e);
	do_create(t, res("", "configmaps"), "default", CM("c", "1"));
	struct cache *c = cache_new(&(struct cache_opts){.store = t->store, .loops = &t->loop, .nloops = 1}, &e);
	struct cache_table *table = cache_table(c, res("", "configmaps"));
	struct bucket any = {STR(""), STR("")};
	assert_int_equal(cursor_open(&s.c, &noting, table, &any, mark - 1, &e), -1);
	assert_true(err_is(&e, ERR_EXPIRED));
	assert_ok(cursor_open(&s.c, &noting, table, &any, mark, &e), &e);
	cursor_resume(&s.c);
	assert_str(buf_view(&s.text), "+c ");
	cursor_close(&s.c);
	buf_fini(&s.text);
	cache_free(c);
}
TEST(a_cache_takes_the_history_along_that_is_left) { with_server(6, restart_compacted); }
TEST(a_cache_loads_what_is_stored) { with_server(6, restart); }

static unsigned freed;
static void count_free(void *p)
{
	(void)p;
	freed++;
}

static void pins(struct test_server *t)
{
	struct epoch ep = {0};
	struct cache_pin early, late;
	freed = 0;
	epoch_init(&ep, &t->loop, 1);
	epoch_pin(&ep, &early);
	epoch_retire(&ep, count_free, NULL);
	epoch_pin(&ep, &late);
	epoch_retire(&ep, count_free, NULL);
	epoch_collect(&ep);
	assert_int_equal(freed, 0);
	epoch_unpin(&ep, &early);
	epoch_collect(&ep);
	assert_int_equal(freed, 1);
	epoch_unpin(&ep, &late);
	epoch_collect(&ep);
	assert_int_equal(freed, 2);
	epoch_fini(&ep);
}
TEST(what_is_retired_waits_for_the_pins_before_it) { with_server(8, pins); }

static void hidden(struct test_server *t)
{
	struct cache *c = server_cache(t->server);
	struct cache_table *table = cache_table(c, res("", "configmaps"));
	struct cache_pin pin;
	do_create(t, res("", "configmaps"), "default", CM("a", "1"));
	cache_pin(c, table, &pin);
	struct object *o = cache_get(&pin, STR("default"), STR("a"));
	for (unsigned i = 0; i < 5; i++)
		do_patch(t, res("", "configmaps"), "default", "a", PATCH_MERGE, i % 2 ? "{\"data\":{\"k\":\"2\"}}" : "{\"data\":{\"k\":\"3\"}}");
	assert_ptr_equal(cache_get(&pin, STR("default"), STR("a")), o);
	assert_str(o->name, "a"); /* the sanitizers look at this */
	cache_unpin(&pin);
}
TEST(a_pinned_version_stays_readable_while_others_write) { with_server(9, hidden); }
