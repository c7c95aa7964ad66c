#include "controllers/controller.h"

#include "base/log.h"

#include <stdlib.h>

struct expectation {
	int creates;
	struct map deletes;  /* keys of Pods whose end is awaited */
	mono_t since;
};

static struct expectation *ensure(struct expectations *x, struct str key)
{
	struct expectation *e = map_get(&x->by_key, key);
	if (!e) {
		e = calloc(1, sizeof *e);
		if (!e)
			bug("out of memory");
		map_set_dup(&x->by_key, key, e);
	}
	e->since = rt_now();
	return e;
}

void expect_creates(struct expectations *x, struct str key, int n)
{
	ensure(x, key)->creates = n;
}

void expect_deletes_of(struct expectations *x, struct str key, const struct str *pod_keys, size_t n)
{
	struct expectation *e = ensure(x, key);
	for (size_t i = 0; i < n; i++)
		map_set_dup(&e->deletes, pod_keys[i], e);
}

void expect_created(struct expectations *x, struct str key)
{
	struct expectation *e = map_get(&x->by_key, key);
	if (e && e->creates > 0)
		e->creates--;
}

void expect_deleted(struct expectations *x, struct str key, struct str pod_key)
{
	struct expectation *e = map_get(&x->by_key, key);
	if (e)
		map_del(&e->deletes, pod_key);
}

bool expect_met(struct expectations *x, struct str key)
{
	const struct expectation *e = map_get(&x->by_key, key);
	return !e || (e->creates <= 0 && e->deletes.n == 0) || rt_now() - e->since > EXPECTATION_TIMEOUT;
}

static void expectation_free(struct expectation *e)
{
	if (!e)
		return;
	map_fini(&e->deletes);
	free(e);
}

void expect_forget(struct expectations *x, struct str key)
{
	expectation_free(map_del(&x->by_key, key));
}

void expect_fini(struct expectations *x)
{
	size_t i = 0;
	for (struct map_entry *m; (m = map_next(&x->by_key, &i));)
		expectation_free(m->value);
	map_fini(&x->by_key);
}
