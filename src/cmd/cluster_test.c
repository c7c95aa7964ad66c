/* The life of a Deployment and its Service in a whole cluster, with nothing going wrong and with everything. */
#include "api/meta.h"
#include "client/call.h"
#include "cmd/test_cluster.h"
#include "gen/apps_v1.h"
#include "gen/core_v1.h"
#include "gen/discovery_v1.h"
#include "scheduler/scheduler.h"
#include <stdio.h>

#define NS STR("demo")
#define NAME STR("web")
#define SEEDS 50
#define RECOVERY (2 * NS_MIN) /* back-offs of up to a minute end in it */
#define REST (10 * NS_MIN)    /* longer than any time-out of a controller */

static const struct resource *deployments(void) { return client_resource("apps", "v1", "deployments"); }
static const struct resource *sets(void) { return client_resource("apps", "v1", "replicasets"); }
static const struct resource *pods(void) { return client_resource("", "v1", "pods"); }
static const struct resource *namespaces(void) { return client_resource("", "v1", "namespaces"); }
static const struct resource *services(void) { return client_resource("", "v1", "services"); }
static const struct resource *endpoints(void) { return client_resource("", "v1", "endpoints"); }
static const struct resource *slices(void) { return client_resource("discovery.k8s.io", "v1", "endpointslices"); }

static struct transport *admin(struct cluster *c) { return &c->admin.base; }

/* ---- What is asked for ---- */

static bool made(void *obj, const struct err *e) { return obj || err_is(e, ERR_ALREADY_EXISTS); }

static bool make_namespace(struct cluster *c, struct arena *a)
{
	ERR(e);
	struct core_v1_Namespace *n = obj_make(a, core_v1_Namespace);
	n->metadata.name = NS;
	return made(client_create(admin(c), a, namespaces(), (struct str){0}, n, &e), &e);
}

static bool make_deployment(struct cluster *c, struct arena *a)
{
	ERR(e);
	struct apps_v1_Deployment *d = obj_make(a, apps_v1_Deployment);
	d->metadata.namespace = NS;
	d->metadata.name = NAME;
	d->spec.replicas = 3;
	d->spec.has_replicas = true;
	d->spec.selector = obj_make(a, meta_v1_LabelSelector);
	str_map_set(a, &d->spec.selector->matchLabels, STR("app"), NAME);
	str_map_set(a, &d->spec.template.metadata.labels, STR("app"), NAME);
	struct core_v1_Container *k = arena_push(a, &d->spec.template.spec.containers);
	k->name = STR("nginx");
	k->image = STR("nginx:1");
	str_map_set(a, &k->resources.requests, STR("cpu"), STR("500m"));
	return made(client_create(admin(c), a, deployments(), NS, d, &e), &e);
}

static bool make_service(struct cluster *c, struct arena *a)
{
	ERR(e);
	struct core_v1_Service *s = obj_make(a, core_v1_Service);
	s->metadata.namespace = NS;
	s->metadata.name = NAME;
	str_map_set(a, &s->spec.selector, STR("app"), NAME);
	arena_push(a, &s->spec.ports)->port = 80;
	return made(client_create(admin(c), a, services(), NS, s, &e), &e);
}

static bool patch(struct cluster *c, struct arena *a, const char *text)
{
	ERR(e); /* the server tells a conflict by it */
	return client_patch(admin(c), a, deployments(), NS, NAME, NULL, PATCH_STRATEGIC, str_of(text), &e);
}

static bool scale_up(struct cluster *c, struct arena *a)
{
	return patch(c, a, "{\"spec\":{\"replicas\":5}}");
}

static bool new_image(struct cluster *c, struct arena *a)
{
	return patch(c, a, "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"nginx\",\"image\":\"nginx:2\"}]}}}}");
}

static bool undo(struct cluster *c, struct arena *a)
{
	return patch(c, a, "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"nginx\",\"image\":\"nginx:1\"}]}}}}");
}

static bool remove_deployment(struct cluster *c, struct arena *a)
{
	ERR(e);
	return client_delete(admin(c), a, deployments(), NS, NAME, (struct str){0}, &e) == 0 || err_is(&e, ERR_NOT_FOUND);
}

static bool remove_namespace(struct cluster *c, struct arena *a)
{
	ERR(e);
	return client_delete(admin(c), a, namespaces(), (struct str){0}, NS, (struct str){0}, &e) == 0 || err_is(&e, ERR_NOT_FOUND) || err_is(&e, ERR_CONFLICT);
}

/* ---- What comes of it ---- */

static int64_t count(struct cluster *c, struct arena *a, const struct resource *r)
{
	struct call q = {.verb = VERB_LIST, .res = r, .ns = NS};
	struct ref list;
	if (transport_call(admin(c), &q, a, &list, NULL))
		return -1;
	return obj_items(list, NULL)->len;
}

static bool settled(struct cluster *c, struct arena *a, int n, const char *image)
{
	struct apps_v1_Deployment *d = client_get(admin(c), a, deployments(), NS, NAME, NULL);
	const struct apps_v1_DeploymentStatus *s = d ? &d->status : NULL;
	return d && s->observedGeneration == d->metadata.generation && s->replicas == n && s->updatedReplicas == n && s->availableReplicas == n &&
		str_is(d->spec.template.spec.containers.items->image, image) && count(c, a, pods()) == n;
}

static bool three_run(struct cluster *c, struct arena *a) { return settled(c, a, 3, "nginx:1"); }
static bool five_run(struct cluster *c, struct arena *a) { return settled(c, a, 5, "nginx:1") && count(c, a, sets()) >= 1; }
static bool five_rolled(struct cluster *c, struct arena *a) { return settled(c, a, 5, "nginx:2") && count(c, a, sets()) == 2; }
static bool five_undone(struct cluster *c, struct arena *a) { return settled(c, a, 5, "nginx:1") && count(c, a, sets()) == 2; }
static bool dependents_gone(struct cluster *c, struct arena *a) { return count(c, a, sets()) == 0 && count(c, a, pods()) == 0; }

static int64_t slice_addresses(struct cluster *c, struct arena *a)
{
	struct discovery_v1_EndpointSliceList *l = client_list(admin(c), a, slices(), NS, STR("kubernetes.io/service-name=web"), NULL);
	int64_t n = 0;
	if (!l)
		return -1;
	LIST_EACH(s, l->items)
		LIST_EACH(ep, s->endpoints)
			n += ep->conditions.ready;
	return n;
}

static int64_t endpoint_addresses(struct cluster *c, struct arena *a)
{
	struct core_v1_Endpoints *ep = client_get(admin(c), a, endpoints(), NS, NAME, NULL);
	int64_t n = 0;
	if (!ep)
		return -1;
	LIST_EACH(s, ep->subsets)
		n += s->addresses.len;
	return n;
}

static bool three_serve(struct cluster *c, struct arena *a) { return endpoint_addresses(c, a) == 3 && slice_addresses(c, a) == 3; }
static bool five_serve(struct cluster *c, struct arena *a) { return endpoint_addresses(c, a) == 5 && slice_addresses(c, a) == 5; }
static bool none_serve(struct cluster *c, struct arena *a) { return endpoint_addresses(c, a) == 0 && slice_addresses(c, a) == 0; }

static bool namespace_gone(struct cluster *c, struct arena *a)
{
	ERR(e);
	if (client_get(admin(c), a, namespaces(), (struct str){0}, NS, &e) || !err_is(&e, ERR_NOT_FOUND))
		return false;
	return count(c, a, services()) == 0 && count(c, a, endpoints()) == 0 && count(c, a, slices()) == 0 &&
		count(c, a, client_resource("", "v1", "configmaps")) == 0 && count(c, a, client_resource("", "v1", "serviceaccounts")) == 0;
}

/* No node has more than its two cores' worth. */
static bool none_is_over_committed(struct cluster *c, struct arena *a)
{
	struct core_v1_PodList *l = client_list(admin(c), a, pods(), NS, (struct str){0}, NULL);
	int on[HOLLOW_NODES] = {0}, node;
	if (!l)
		return false;
	LIST_EACH(p, l->items)
		if (sscanf(str_z(a, p->spec.nodeName), "node-%d", &node) == 1)
			assert_true(++on[node] <= 4);
	return true;
}

/* A step: what is asked for, what comes of it. */
static void step(struct cluster *c, const char *name, bool (*ask)(struct cluster *, struct arena *), bool (*outcome)(struct cluster *, struct arena *))
{
	eventually(c, "asked", ask);
	eventually(c, name, outcome);
	eventually(c, "no node is over-committed", none_is_over_committed);
}

static void life(struct cluster *c)
{
	eventually(c, "a namespace", make_namespace);
	step(c, "three Pods run", make_deployment, three_run);
	step(c, "three Pods serve", make_service, three_serve);
	step(c, "five Pods run", scale_up, five_run);
	step(c, "rolled to the new image", new_image, five_rolled);
	step(c, "rolled back, to the old ReplicaSet", undo, five_undone);
	eventually(c, "five Pods serve", five_serve);
	step(c, "dependents are gone", remove_deployment, dependents_gone);
	eventually(c, "none serve", none_serve);
	step(c, "the namespace is gone", remove_namespace, namespace_gone);
}

static struct str pod_uids(struct cluster *c, struct arena *a)
{
	struct core_v1_PodList *l = client_list(admin(c), a, pods(), NS, (struct str){0}, NULL);
	struct str s = STR("-");
	assert_non_null(l);
	LIST_EACH(p, l->items)
		s = str_printf(a, "%.*s %.*s", STR_F(s), STR_F(p->metadata.uid));
	return s;
}

/* Nothing that broke has left a mark: the cluster does as it did before, soon, and then rests. */
static void afterwards(struct cluster *c)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	cluster_calm(c);
	mono_t began = rt_now();
	eventually(c, "a namespace again", make_namespace);
	step(c, "three Pods run again", make_deployment, three_run);
	step(c, "three Pods serve again", make_service, three_serve);
	assert_true(rt_now() - began < RECOVERY);
	struct str uids = pod_uids(c, a);
	assert_int_equal(fiber_sleep(REST), 0);
	assert_true(three_run(c, a) && three_serve(c, a) && str_eq(uids, pod_uids(c, a)));
}

static void life_and_after(struct cluster *c)
{
	life(c);
	afterwards(c);
}

/* Three, two more, five anew, five anew: when nothing breaks no Pod is made in vain. */
static void thrifty_life(struct cluster *c)
{
	life(c);
	assert_true(*metric_counter(&c->scheduler_metrics, M_scheduler_schedule_attempts_total, LABELS(STR("default-scheduler"), STR("scheduled"))) == 15);
}

TEST(a_deployment_lives_in_a_whole_cluster)
{
	assert_int_equal(cluster_run(1, false, thrifty_life), cluster_run(1, false, thrifty_life));
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* C8S_SEED is the first seed, C8S_SEEDS how many. */
TEST(a_deployment_lives_whatever_breaks)
{
	uint64_t first = setting("C8S_SEED", 1), n = setting("C8S_SEEDS", SEEDS), last = 0;
	for (uint64_t seed = first; seed < first + n; seed++) {
		uint64_t once = cluster_run(seed, true, life_and_after), again = cluster_run(seed, true, life_and_after);
		if (once != again)
			fail_msg("seed %llu does not repeat", (unsigned long long)seed);
		assert_int_not_equal(once, last);
		last = once;
	}
}
