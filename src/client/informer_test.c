#include "base/test.h"
#include "client/call.h"
#include "client/fake.h"
#include "client/informer_impl.h"
#include "codec/pb.h"
#include "gen/core_v1.h"
#include "gen/ids.h"
#include "rt/sim.h"
#include <errno.h>
#include <stdio.h>

/* A server, an informer on its ConfigMaps, and a picture kept by its handler. */
struct world {
	struct fake *fake;
	struct transport *t;
	struct scope scope;
	struct informer *inf;
	struct informer_handler handler;
	struct map seen;        /* key -> revision */
	int adds, updates, deletes;
	bool backwards;
};

static const struct resource *config_maps(void)
{
	return client_resource("", "v1", "configmaps");
}

static void on_change(void *arg, const struct informer_item *old, const struct informer_item *cur)
{
	struct world *w = arg;
	const struct informer_item *it = cur ? cur : old;
	uintptr_t had = (uintptr_t)map_get(&w->seen, it->key);
	if ((old != NULL) != (had != 0) || (old && old->rev != had) || (old && cur && cur->rev <= old->rev))
		w->backwards = true;
	w->adds += !old;
	w->deletes += !cur;
	w->updates += old && cur;
	if (cur)
		map_set_dup(&w->seen, it->key, (void *)(uintptr_t)cur->rev);
	else
		map_del(&w->seen, it->key);
}

static size_t index_color(struct arena *a, void *obj, struct str *keys, size_t n)
{
	const struct core_v1_ConfigMap *m = obj;
	struct str color = str_map_get(&m->metadata.labels, STR("color"));
	if (!color.n)
		return 0;
	keys[0] = keys[1] = str_printf(a, "color/%.*s", STR_F(color));
	return 2;
}

static void world_init(struct world *w)
{
	*w = (struct world){.fake = fake_new()};
	w->t = fake_transport(w->fake);
	scope_init(&w->scope, NULL);
	w->inf = informer_new(w->t, &(struct informer_opts){.res = config_maps(), .index = index_color});
	w->handler = (struct informer_handler){.fn = on_change, .arg = w};
	informer_add_handler(w->inf, &w->handler);
}

static void world_start(struct world *w)
{
	informer_start(w->inf, &w->scope);
	assert_int_equal(informer_wait_synced(w->inf, rt_now() + NS_HOUR), 0);
}

static void world_fini(struct world *w)
{
	scope_fini(&w->scope);
	informer_free(w->inf);
	map_fini(&w->seen);
	transport_free(w->t);
	fake_free(w->fake);
}

static void put(struct world *w, const char *ns, const char *name, const char *color)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct core_v1_ConfigMap m = {0}, *old = client_get(w->t, a, config_maps(), str_of(ns), str_of(name), NULL);
	struct core_v1_ConfigMap *obj = old ? old : &m;
	obj->metadata.name = str_of(name);
	obj->metadata.namespace = str_of(ns);
	str_map_set(a, &obj->metadata.labels, STR("color"), str_of(color));
	void *r = old ? client_update(w->t, a, config_maps(), obj, &e) : client_create(w->t, a, config_maps(), str_of(ns), obj, &e);
	if (!r)
		fail_msg("%s", err_text(&e));
}

static void take(struct world *w, const char *ns, const char *name)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	assert_ok(client_delete(w->t, a, config_maps(), str_of(ns), str_of(name), (struct str){0}, &e), &e);
}

/* The informer's and the handler's pictures are the server's. */
static void expect_same(struct world *w)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	ERR(e);
	struct core_v1_ConfigMapList *l = client_list(w->t, a, config_maps(), (struct str){0}, (struct str){0}, &e);
	assert_non_null(l);
	assert_int_equal(informer_count(w->inf), l->items.len);
	assert_int_equal(w->seen.n, l->items.len);
	LIST_EACH(m, l->items) {
		struct str key = str_printf(a, "%.*s/%.*s", STR_F(m->metadata.namespace), STR_F(m->metadata.name));
		const struct informer_item *it = informer_get(w->inf, key);
		uint64_t rev;
		assert_non_null(it);
		assert_int_equal(str_u64(m->metadata.resourceVersion, &rev), 0);
		assert_int_equal(it->rev, rev);
		assert_int_equal((uintptr_t)map_get(&w->seen, key), rev);
	}
	assert_false(w->backwards);
}

static size_t count_index(const struct world *w, const char *key)
{
	size_t n = 0, i = 0;
	while (informer_by_index(w->inf, str_of(key), &i))
		n++;
	return n;
}

static size_t count_ns(const struct world *w, const char *ns)
{
	size_t n = 0, i = 0;
	while (informer_next(w->inf, str_of(ns), &i))
		n++;
	return n;
}

static void simulate_seed(uint64_t seed, void (*fn)(void *), void *arg)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = seed});
	assert_int_equal(rt_main(rt, "test", fn, arg), 0);
	rt_free(rt);
}

static void simulate(void (*fn)(void *), void *arg)
{
	simulate_seed(3, fn, arg);
}

static void settle(void)
{
	assert_int_equal(fiber_sleep(NS_MS), 0);
}

static void follows(void *arg)
{
	struct world w;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	world_init(&w);
	put(&w, "x", "one", "red");
	put(&w, "y", "two", "blue");
	world_start(&w);
	assert_int_equal(w.adds, 2);
	put(&w, "x", "three", "red");
	put(&w, "y", "two", "red");
	take(&w, "x", "one");
	settle();
	assert_int_equal(w.adds, 3);
	assert_int_equal(w.updates, 1);
	assert_int_equal(w.deletes, 1);
	expect_same(&w);
	assert_int_equal(fake_calls(w.fake, VERB_WATCH), 1);
	assert_int_equal(fake_calls(w.fake, VERB_LIST), 1); /* expect_same's */
	struct core_v1_ConfigMap *m = informer_object(w.inf, a, STR("y/two"));
	assert_str(m->metadata.name, "two");
	assert_str(m->kind, "ConfigMap");
	assert_null(informer_object(w.inf, a, STR("x/one")));
	assert_int_equal(informer_rev(w.inf), fake_rev(w.fake));
	world_fini(&w);
}

TEST(informer_follows_by_one_watch)
{
	simulate(follows, NULL);
}

static void indexes(void *arg)
{
	struct world w;
	world_init(&w);
	put(&w, "x", "one", "red");
	put(&w, "x", "two", "red");
	put(&w, "y", "three", "red");
	world_start(&w);
	assert_int_equal(count_index(&w, "color/red"), 3);
	assert_int_equal(count_ns(&w, "x"), 2);
	put(&w, "x", "one", "blue");
	take(&w, "x", "two");
	settle();
	assert_int_equal(count_index(&w, "color/red"), 1);
	assert_int_equal(count_index(&w, "color/blue"), 1);
	assert_int_equal(count_index(&w, "color/green"), 0);
	assert_int_equal(count_ns(&w, "x"), 1);
	assert_int_equal(count_ns(&w, ""), 2);
	take(&w, "x", "one");
	settle();
	assert_int_equal(count_index(&w, "color/blue"), 0);
	assert_int_equal(count_ns(&w, "x"), 0);
	world_fini(&w);
}

static void index_moves(void *arg)
{
	struct world w;
	char name[2] = "a";
	world_init(&w);
	for (; name[0] <= 'e'; name[0]++)
		put(&w, "x", name, "red");
	world_start(&w);
	for (const char *gone = "adbec"; *gone; gone++) {
		size_t left = count_index(&w, "color/red"), i = 0;
		name[0] = *gone;
		take(&w, "x", name);
		settle();
		assert_int_equal(count_index(&w, "color/red"), left - 1);
		for (const struct informer_item *it; (it = informer_by_index(w.inf, STR("color/red"), &i));)
			assert_ptr_equal(informer_get(w.inf, it->key), it);
	}
	world_fini(&w);
}

TEST(informer_index_entries_leave_in_any_order)
{
	simulate(index_moves, NULL);
}

TEST(informer_indexes_follow_their_objects)
{
	simulate(indexes, NULL);
}

static void old_server(void *arg)
{
	struct world w;
	world_init(&w);
	fake_set_faults(w.fake, &(struct fake_faults){.no_watch_list = true});
	put(&w, "x", "one", "red");
	world_start(&w);
	assert_int_equal(fake_calls(w.fake, VERB_LIST), 1);
	put(&w, "x", "two", "red");
	settle();
	expect_same(&w);
	world_fini(&w);
}

TEST(informer_lists_where_watch_lists_are_refused)
{
	simulate(old_server, NULL);
}

static void cut(void *arg)
{
	struct world w;
	world_init(&w);
	put(&w, "x", "one", "red");
	world_start(&w);
	settle();
	fake_cut_watches(w.fake);
	put(&w, "x", "two", "red");
	take(&w, "x", "one");
	settle();
	assert_int_equal(informer_count(w.inf), 1); /* nobody told it yet: it waits before it asks again */
	assert_int_equal(fiber_sleep(2 * NS_S), 0);
	expect_same(&w);
	assert_int_equal(fake_calls(w.fake, VERB_WATCH), 2);
	world_fini(&w);
}

TEST(informer_goes_on_after_a_lost_watch)
{
	simulate(cut, NULL);
}

static void expired(void *arg)
{
	struct world w;
	bool lists = *(bool *)arg;
	world_init(&w);
	fake_set_faults(w.fake, &(struct fake_faults){.no_watch_list = lists});
	put(&w, "x", "one", "red");
	put(&w, "x", "same", "red");
	world_start(&w);
	settle();
	fake_cut_watches(w.fake);
	take(&w, "x", "one");
	put(&w, "x", "two", "red");
	fake_compact(w.fake);
	assert_int_equal(fiber_sleep(5 * NS_S), 0);
	expect_same(&w);
	assert_int_equal(w.updates, 0); /* what did not change is not reported */
	assert_int_equal(fake_watches(w.fake), 1);
	world_fini(&w);
}

TEST(informer_makes_its_picture_anew_after_410)
{
	simulate(expired, &(bool){false});
}

TEST(informer_lists_anew_after_410)
{
	simulate(expired, &(bool){true});
}

static void replaced(void *arg)
{
	struct world w;
	world_init(&w);
	put(&w, "x", "one", "red");
	world_start(&w);
	settle();
	fake_cut_watches(w.fake);
	take(&w, "x", "one");
	put(&w, "x", "one", "red");
	fake_compact(w.fake);
	assert_int_equal(fiber_sleep(5 * NS_S), 0);
	assert_int_equal(w.deletes, 1);
	assert_int_equal(w.adds, 2);
	expect_same(&w);
	world_fini(&w);
}

TEST(informer_tells_a_recreated_object_as_deleted_and_added)
{
	simulate(replaced, NULL);
}

static void bookmarks(void *arg)
{
	struct world w;
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	world_init(&w);
	world_start(&w);
	for (int i = 0; i < 3; i++)
		client_create(w.t, a, client_resource("", "v1", "namespaces"), (struct str){0}, &(struct core_v1_Namespace){.metadata.generateName = STR("n-")}, NULL);
	fake_bookmark(w.fake);
	settle();
	assert_int_equal(informer_rev(w.inf), fake_rev(w.fake));
	fake_cut_watches(w.fake);
	fake_compact(w.fake);
	assert_int_equal(fiber_sleep(5 * NS_S), 0);
	assert_int_equal(fake_calls(w.fake, VERB_WATCH), 2); /* the bookmark's revision was still good */
	world_fini(&w);
}

TEST(informer_resumes_from_a_bookmark)
{
	simulate(bookmarks, NULL);
}

static struct blob *version(const char *rev)
{
	BUF(b);
	struct core_v1_ConfigMap m = {.metadata = {.name = STR("one"), .namespace = STR("x"), .uid = STR("u"), .resourceVersion = str_of(rev)}};
	pb_encode(&b, (struct ref){desc_type(T_core_v1_ConfigMap), &m});
	return blob_copy(buf_view(&b));
}

static void old_news(void *arg)
{
	struct world w;
	ERR(e);
	world_init(&w);
	assert_ok(store_put(w.inf, version("7"), &e), &e);
	assert_ok(store_put(w.inf, version("7"), &e), &e);
	assert_ok(store_put(w.inf, version("5"), &e), &e);
	assert_ok(store_delete(w.inf, version("6"), 6, &e), &e);
	assert_ok(store_relist_put(w.inf, version("6"), false, &e), &e);
	assert_int_equal(informer_get(w.inf, STR("x/one"))->rev, 7);
	assert_int_equal(w.adds + w.updates + w.deletes, 1);
	assert_int_equal(store_put(w.inf, blob_copy(STR("rubbish")), &e), -1);
	world_fini(&w);
}

TEST(informer_never_goes_back_to_an_older_version)
{
	simulate(old_news, NULL);
}

/* A server that is exchanged for one restored from a backup. */
struct swap {
	struct transport t;
	struct transport *now;
};

static int swap_call(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	return transport_call(container_of(t, struct swap, t)->now, c, a, ret, e);
}

static struct watch *swap_watch(struct transport *t, const struct call *c, struct err *e)
{
	return transport_watch(container_of(t, struct swap, t)->now, c, e);
}

static void restored(void *arg)
{
	static const struct transport_ops ops = {.call = swap_call, .watch = swap_watch};
	struct world now, backup;
	world_init(&now);
	world_init(&backup);
	fake_set_faults(now.fake, &(struct fake_faults){.no_watch_list = *(bool *)arg});
	fake_set_faults(backup.fake, &(struct fake_faults){.no_watch_list = *(bool *)arg});
	struct swap s = {.t.ops = &ops, .now = now.t};
	now.inf->t = &s.t;
	for (int i = 0; i < 10; i++)
		put(&now, "x", "one", i % 2 ? "red" : "blue");
	put(&now, "x", "two", "red");
	put(&backup, "x", "one", "green");
	world_start(&now);
	settle();
	s.now = backup.t;
	fake_cut_watches(now.fake);
	assert_int_equal(fiber_sleep(NS_MIN), 0);
	assert_int_equal(informer_count(now.inf), 1);
	assert_int_equal(informer_rev(now.inf), fake_rev(backup.fake));
	assert_int_equal(count_index(&now, "color/green"), 1);
	scope_fini(&now.scope);
	world_fini(&backup);
	world_fini(&now);
}

TEST(informer_believes_a_server_that_was_restored)
{
	simulate(restored, &(bool){false});
	simulate(restored, &(bool){true});
}

static void ended(void *arg)
{
	struct world w;
	world_init(&w);
	world_start(&w);
	assert_int_equal(fiber_sleep(NS_HOUR), 0);
	uint64_t watches = fake_calls(w.fake, VERB_WATCH);
	assert_in_range(watches, 6, 13); /* of 5 to 10 minutes each */
	fake_end_watches(w.fake);
	put(&w, "x", "one", "red");
	assert_int_equal(fiber_sleep(NS_MS), 0);
	expect_same(&w); /* no pause after an end in order */
	world_fini(&w);
}

TEST(informer_watches_again_when_a_watch_ends_in_order)
{
	simulate(ended, NULL);
}

static int refuse(void *arg, const struct call *c, struct err *e)
{
	int *left = arg;
	return (*left)-- > 0 ? err_set(e, ERR_SERVICE_UNAVAILABLE, "not now") : 0;
}

static void backoff(void *arg)
{
	struct world w;
	int left = 1 << 20;
	world_init(&w);
	fake_set_faults(w.fake, &(struct fake_faults){.before = refuse, .arg = &left});
	informer_start(w.inf, &w.scope);
	assert_int_equal(informer_wait_synced(w.inf, rt_now() + NS_HOUR), -ETIME);
	assert_in_range(fake_calls(w.fake, VERB_WATCH), 60, 130); /* every 30 to 60 seconds in the end */
	left = 0;
	assert_int_equal(informer_wait_synced(w.inf, rt_now() + NS_MIN), 0);
	world_fini(&w);
}

TEST(informer_backs_off_while_the_server_refuses)
{
	simulate(backoff, NULL);
}

static void late(void *arg)
{
	struct world w, other = {0};
	world_init(&w);
	put(&w, "x", "one", "red");
	world_start(&w);
	other.handler = (struct informer_handler){.fn = on_change, .arg = &other};
	informer_add_handler(w.inf, &other.handler);
	assert_int_equal(other.adds, 1);
	put(&w, "x", "two", "red");
	settle();
	assert_int_equal(other.adds, 2);
	map_fini(&other.seen);
	world_fini(&w);
}

TEST(informer_handler_added_late_gets_what_is_there)
{
	simulate(late, NULL);
}

static void stopped(void *arg)
{
	struct world w;
	int left = 1 << 20;
	world_init(&w);
	fake_set_faults(w.fake, &(struct fake_faults){.before = refuse, .arg = &left});
	informer_start(w.inf, &w.scope);
	scope_cancel(&w.scope);
	assert_int_equal(informer_wait_synced(w.inf, MONO_NEVER), -ECANCELED);
	world_fini(&w);
}

TEST(informer_that_was_stopped_lets_nobody_wait)
{
	simulate(stopped, NULL);
}

static void *extract_color(const struct type *t, void *obj)
{
	const struct core_v1_ConfigMap *m = obj;
	struct str c = str_map_get(&m->metadata.labels, STR("color"));
	return strndup(c.p, c.n);
}

static void extracts(void *arg)
{
	struct world w;
	struct informers *f;
	world_init(&w);
	f = informers_new(w.t, &w.scope);
	struct informer_opts o = {.res = config_maps(), .label_selector = STR("color=red"), .extract = extract_color, .extract_free = free};
	struct informer *red = informers_get(f, &o);
	assert_ptr_equal(informers_get(f, &o), red);
	o.label_selector = STR("color=blue");
	assert_ptr_not_equal(informers_get(f, &o), red);
	put(&w, "x", "one", "red");
	put(&w, "x", "two", "blue");
	assert_int_equal(informers_wait_synced(f, MONO_NEVER), 0);
	settle();
	assert_int_equal(informer_count(red), 1);
	assert_string_equal(informer_get(red, STR("x/one"))->extract, "red");
	put(&w, "x", "one", "blue");
	settle();
	assert_int_equal(informer_count(red), 0);
	scope_fini(&w.scope);
	informers_free(f);
	scope_init(&w.scope, NULL);
	world_fini(&w);
}

TEST(informer_factory_shares_by_resource_and_selector)
{
	simulate(extracts, NULL);
}

/* Writers, compactions, cuts and refused calls at random; when it is quiet again all pictures agree. */
struct storm {
	uint64_t trace;
};

static int stumble(void *arg, const struct call *c, struct err *e)
{
	struct fake *f = arg;
	(void)f;
	if (c->verb != VERB_WATCH && c->verb != VERB_LIST)
		return 0;
	if (fiber_sleep((nsec_t)rt_random_below(NS_S)) < 0)
		return transport_failed(e, ECANCELED, "call");
	return rt_random_below(4) == 0 ? transport_failed(e, ECONNREFUSED, "call") : 0;
}

static void random_write(struct world *w)
{
	char name[16];
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	snprintf(name, sizeof name, "m%d", (int)rt_random_below(20));
	if (rt_random_below(3) == 0)
		(void)!client_delete(w->t, a, config_maps(), STR("x"), str_of(name), (struct str){0}, NULL);
	else
		put(w, "x", name, rt_random_below(2) ? "red" : "blue");
}

static void random_fault(struct world *w)
{
	switch (rt_random_below(8)) {
	case 0:
		fake_cut_watches(w->fake);
		break;
	case 1:
		fake_compact(w->fake);
		break;
	case 2:
		fake_end_watches(w->fake);
		break;
	case 3:
		fake_bookmark(w->fake);
		break;
	}
}

static void storm(void *arg)
{
	struct storm *s = arg;
	struct world w;
	world_init(&w);
	fake_set_faults(w.fake, &(struct fake_faults){.before = stumble, .arg = w.fake, .no_watch_list = rt_random_below(2)});
	world_start(&w);
	for (int i = 0; i < 300; i++) {
		random_write(&w);
		random_fault(&w);
		assert_int_equal(fiber_sleep((nsec_t)rt_random_below(NS_S)), 0);
	}
	fake_set_faults(w.fake, NULL);
	assert_int_equal(fiber_sleep(2 * NS_MIN), 0);
	expect_same(&w);
	s->trace = fake_rev(w.fake) * 1000003 + (uint64_t)w.updates * 1009 + (uint64_t)w.adds;
	world_fini(&w);
}

TEST(informer_agrees_with_the_server_after_any_storm)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct storm a, b;
		simulate_seed(seed, storm, &a);
		simulate_seed(seed, storm, &b);
		assert_int_equal(a.trace, b.trace);
	}
}
