#include "apiserver/cache/otree.h"
#include "base/rand.h"
#include "base/test.h"
#include <stdio.h>

#define NAMES 2000

struct made {
	struct object o;
	char name[16];
};

static void release(void *arg, void (*fn)(void *), void *p)
{
	(void)arg;
	fn(p);
}

static struct object *object(struct made *m, unsigned i)
{
	*m = (struct made){.o = {.refs = 1000000, .ns = i % 3 ? STR("a") : STR("a-b")}};
	m->o.name = str_n(m->name, (size_t)snprintf(m->name, sizeof m->name, "n%04u", i));
	return &m->o;
}

/* Objects in order, and as many as the tree says. */
static size_t walk(const struct node *n, const struct object **last)
{
	size_t total = 0;
	for (unsigned i = 0; n && i < n->n; i++) {
		if (!n->leaf) {
			assert_ptr_equal(n->e[i].min, n->e[i].kid->e[0].min);
			total += walk(n->e[i].kid, last);
			continue;
		}
		const struct object *o = n->e[i].min;
		if (*last)
			assert_true((str_is((*last)->ns, "a-b") && str_is(o->ns, "a")) || (str_eq((*last)->ns, o->ns) && str_cmp((*last)->name, o->name) < 0));
		*last = o;
		total++;
	}
	if (n)
		assert_int_equal(n->total, total);
	return total;
}

static void check(const struct otree *t, const struct made *m, const bool *in)
{
	const struct object *last = NULL;
	size_t n = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		n += in[i];
		assert_ptr_equal(otree_get(t->root, m[i].o.ns, m[i].o.name), in[i] ? &m[i].o : NULL);
	}
	assert_int_equal(walk(t->root, &last), n);
}

TEST(random_changes_keep_order_and_counts)
{
	static struct made m[NAMES];
	static bool in[NAMES];
	struct otree t = {.version = 1, .retire = release};
	struct prng g;
	prng_seed(&g, 7);
	memset(in, 0, sizeof in);
	for (unsigned i = 0; i < NAMES; i++)
		object(&m[i], i);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)prng_below(&g, NAMES);
		bool put = step < 8000 ? prng_below(&g, 4) : prng_below(&g, 4) == 0;
		struct object *had = put ? otree_put(&t, &m[i].o) : otree_del(&t, m[i].o.ns, m[i].o.name);
		assert_ptr_equal(had, in[i] ? &m[i].o : NULL);
		in[i] = put;
		if (step % 2500 == 0)
			check(&t, m, in);
	}
	check(&t, m, in);
	for (unsigned i = 0; i < NAMES; i++)
		otree_del(&t, m[i].o.ns, m[i].o.name);
	assert_int_equal(t.root->total, 0);
	free(t.root);
}

static void keep(void *arg, void (*fn)(void *), void *p)
{
	void ***at = arg;
	(void)fn;
	*(*at)++ = p;
}

TEST(a_sealed_version_never_changes)
{
	static struct made m[300];
	static void *retired[4000], **at = retired;
	struct otree t = {.version = 1, .retire = keep, .arg = &at};
	for (unsigned i = 0; i < 200; i++)
		otree_put(&t, object(&m[i], i));
	const struct node *old = otree_seal(&t, 5);
	assert_int_equal(old->rev, 5);
	for (unsigned i = 0; i < 200; i += 2)
		otree_del(&t, m[i].o.ns, m[i].o.name);
	for (unsigned i = 200; i < 300; i++)
		otree_put(&t, object(&m[i], i));
	const struct node *now = otree_seal(&t, 6);
	assert_int_equal(old->rev, 5);
	assert_int_equal(old->total, 200);
	assert_int_equal(now->total, 200);
	for (unsigned i = 0; i < 200; i++)
		assert_ptr_equal(otree_get(old, m[i].o.ns, m[i].o.name), &m[i].o);
	assert_null(otree_get(now, m[0].o.ns, m[0].o.name));
	assert_null(otree_get(old, m[250].o.ns, m[250].o.name));
	while (at > retired)
		free(*--at);
	for (unsigned i = 0; i < 300; i++)
		otree_del(&t, m[i].o.ns, m[i].o.name);
	while (at > retired)
		free(*--at);
	free(t.root);
}

TEST(ranks_count_what_comes_before)
{
	static struct made m[200];
	struct otree t = {.version = 1, .retire = release};
	for (unsigned i = 0; i < 200; i++)
		otree_put(&t, object(&m[i], i));
	size_t in_first = 67; /* every third */
	assert_int_equal(otree_rank(t.root, &(struct otree_key){STR("a-b"), STR(""), BOUND_AT}), 0);
	assert_int_equal(otree_rank(t.root, &(struct otree_key){STR("a-b"), STR(""), BOUND_NS_END}), in_first);
	assert_int_equal(otree_rank(t.root, &(struct otree_key){STR("a"), STR("n0002"), BOUND_AT}), in_first + 1);
	assert_int_equal(otree_rank(t.root, &(struct otree_key){STR("a"), STR("n0002"), BOUND_AFTER}), in_first + 2);
	for (unsigned i = 0; i < 200; i++)
		otree_del(&t, m[i].o.ns, m[i].o.name);
	free(t.root);
}
