#include "client/reviews.h"
#include "base/test.h"
#include "gen/authentication_v1.h"
#include "gen/ids.h"
#include "rt/sim.h"
#include <errno.h>

/* Says yes to the token "good" and to whoever wants to get; counts what it is asked. */
struct judge {
	struct transport t;
	int asked;
	bool away;
};

static int judge(struct transport *t, const struct call *c, struct arena *a, struct ref *ret, struct err *e)
{
	struct judge *j = container_of(t, struct judge, t);
	j->asked++;
	if (j->away)
		return transport_failed(e, ECONNREFUSED, "call");
	*ret = c->body;
	if (c->body.type == desc_type(T_authentication_v1_TokenReview)) {
		struct authentication_v1_TokenReview *r = c->body.p;
		r->status.authenticated = str_is(r->spec.token, "good");
		r->status.user.username = STR("jane");
	} else {
		struct authorization_v1_SubjectAccessReview *r = c->body.p;
		r->status.allowed = str_is(r->spec.nonResourceAttributes->verb, "get") && str_is(r->spec.user, "jane");
	}
	return 0;
}

static bool by_token(struct reviews *v, struct judge *j, struct arena *a, const char *header, struct str *ret_name)
{
	struct http_req q = {.headers = &(struct http_header){STR("authorization"), str_of(header)}, .nheaders = 1, .arena = a};
	struct caller c;
	if (!caller_by_token(v, &j->t, &q, (struct reviews_ttl){NS_MIN, NS_S}, &c))
		return false;
	*ret_name = c.name;
	return true;
}

static int may(struct reviews *v, struct judge *j, struct arena *a, const char *who, const char *verb)
{
	ERR(e);
	struct authorization_v1_NonResourceAttributes to = {.verb = str_of(verb), .path = STR("/metrics")};
	return caller_may(v, &j->t, a, &(struct caller){.name = str_of(who)}, (struct authorization_v1_SubjectAccessReviewSpec){.nonResourceAttributes = &to},
		(struct reviews_ttl){NS_MIN, NS_S}, &e);
}

static void ask(void *arg)
{
	static const struct transport_ops ops = {.call = judge};
	struct judge j = {.t.ops = &ops};
	struct reviews *v = reviews_new();
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	struct str name;
	for (int i = 0; i < 2; i++) {
		assert_true(by_token(v, &j, a, "Bearer good", &name));
		assert_str(name, "jane");
		assert_false(by_token(v, &j, a, "Bearer bad", &name));
		assert_false(by_token(v, &j, a, "Basic good", &name));
		assert_int_equal(may(v, &j, a, "jane", "get"), 1);
		assert_int_equal(may(v, &j, a, "jane", "put"), 0);
		assert_int_equal(may(v, &j, a, "john", "get"), 0);
	}
	assert_int_equal(j.asked, 5);
	j.away = true;
	assert_int_equal(fiber_sleep(2 * NS_S), 0); /* refusals are forgotten before */
	assert_int_equal(may(v, &j, a, "jane", "get"), 1);
	assert_int_equal(may(v, &j, a, "jane", "put"), -1);
	assert_false(by_token(v, &j, a, "Bearer bad", &name));
	assert_int_equal(j.asked, 7);
	reviews_free(v);
}

TEST(reviews_are_asked_for_once_in_a_while)
{
	struct rt *rt = sim_new(&(struct sim_opts){.seed = 3});
	assert_int_equal(rt_main(rt, "test", ask, NULL), 0);
	rt_free(rt);
}
