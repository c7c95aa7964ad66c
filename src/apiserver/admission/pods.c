/* What Pods are given at their creation: a service account with its token, a priority, tolerations of failing nodes. */
#include "apiserver/admission/plugins.h"

#include "api/meta.h"
#include "api/pod.h"
#include "base/enc.h"
#include "codec/ops.h"
#include "gen/ids.h"
#include "gen/scheduling_v1.h"

/* ---- ServiceAccount ---- */

#define TOKEN_MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_VOLUME "kube-api-access-"
#define TOKEN_SECONDS 3607
#define MODE 0644
#define MIRROR "kubernetes.io/config.mirror"
/* The account of a namespace made a moment ago may still be on its way. */
#define ACCOUNT_WAIT (1 * NS_S)
#define ACCOUNT_POLL (20 * NS_MS)

static struct core_v1_ServiceAccount *find_account(struct admit *a, struct str name)
{
	mono_t end = rt_now() + ACCOUNT_WAIT;
	for (;;) {
		struct core_v1_ServiceAccount *sa = admit_lookup(a, "", "serviceaccounts", a->ns, name);
		if (sa || !str_is(name, "default") || rt_now() > end || fiber_sleep(ACCOUNT_POLL) < 0)
			return sa;
	}
}

static struct core_v1_VolumeProjection *project(struct request *r, struct core_v1_ProjectedVolumeSource *p)
{
	return arena_push(r->arena, &p->sources);
}

static void add_token_volume(struct admit *a, struct core_v1_Pod *p, struct str name)
{
	struct arena *mem = a->request->arena;
	struct core_v1_Volume *v = arena_push(mem, &p->spec.volumes);
	struct core_v1_ProjectedVolumeSource *src = obj_make(mem, core_v1_ProjectedVolumeSource);
	v->name = name;
	v->volumeSource.projected = src;
	src->defaultMode = MODE;
	src->has_defaultMode = true;
	struct core_v1_ServiceAccountTokenProjection *t = obj_make(mem, core_v1_ServiceAccountTokenProjection);
	*t = (struct core_v1_ServiceAccountTokenProjection){.expirationSeconds = TOKEN_SECONDS, .has_expirationSeconds = true, .path = STR("token")};
	project(a->request, src)->serviceAccountToken = t;
	struct core_v1_ConfigMapProjection *ca = obj_make(mem, core_v1_ConfigMapProjection);
	ca->localObjectReference.name = STR("kube-root-ca.crt");
	*(struct core_v1_KeyToPath *)arena_push(mem, &ca->items) = (struct core_v1_KeyToPath){.key = STR("ca.crt"), .path = STR("ca.crt")};
	project(a->request, src)->configMap = ca;
	struct core_v1_DownwardAPIProjection *d = obj_make(mem, core_v1_DownwardAPIProjection);
	struct core_v1_DownwardAPIVolumeFile *f = arena_push(mem, &d->items);
	struct core_v1_ObjectFieldSelector *sel = obj_make(mem, core_v1_ObjectFieldSelector);
	*sel = (struct core_v1_ObjectFieldSelector){.apiVersion = STR("v1"), .fieldPath = STR("metadata.namespace")};
	*f = (struct core_v1_DownwardAPIVolumeFile){.path = STR("namespace"), .fieldRef = sel};
	project(a->request, src)->downwardAPI = d;
}

static bool mounts_token(const struct core_v1_Container *c)
{
	LIST_EACH(m, c->volumeMounts)
		if (str_is(m->mountPath, TOKEN_MOUNT))
			return true;
	return false;
}

static bool mount_token(struct arena *mem, core_v1_Container_list_t *l, struct str volume)
{
	bool any = false;
	LIST_EACH(c, *l)
	{
		if (mounts_token(c))
			continue;
		*(struct core_v1_VolumeMount *)arena_push(mem, &c->volumeMounts) =
			(struct core_v1_VolumeMount){.name = volume, .readOnly = true, .mountPath = STR(TOKEN_MOUNT)};
		any = true;
	}
	return any;
}

static struct str token_volume_name(struct admit *a, const struct core_v1_Pod *p)
{
	LIST_EACH(v, p->spec.volumes)
		if (str_has_prefix(v->name, STR(TOKEN_VOLUME)))
			return v->name;
	uint8_t rnd[5];
	BUF(name);
	rt_random(rnd, sizeof rnd);
	buf_lit(&name, TOKEN_VOLUME);
	enc_safe(&name, str_n(rnd, sizeof rnd));
	return buf_take(&name, a->request->arena);
}

static void give_token(struct admit *a, struct core_v1_Pod *p, const struct core_v1_ServiceAccount *sa)
{
	bool wanted = p->spec.has_automountServiceAccountToken ? p->spec.automountServiceAccountToken
		: sa->has_automountServiceAccountToken	       ? sa->automountServiceAccountToken
							       : true;
	if (!wanted)
		return;
	struct str name = token_volume_name(a, p);
	bool there = false, any = mount_token(a->request->arena, &p->spec.initContainers, name);
	any |= mount_token(a->request->arena, &p->spec.containers, name);
	LIST_EACH(v, p->spec.volumes)
		there |= str_eq(v->name, name);
	if (any && !there)
		add_token_volume(a, p, name);
}

static int check_mirror(struct admit *a, const struct core_v1_Pod *p, struct err *e)
{
	if (p->spec.serviceAccountName.n)
		return admit_forbidden(a, e, "a mirror pod may not reference service accounts");
	LIST_EACH(v, p->spec.volumes)
		if (v->volumeSource.secret)
			return admit_forbidden(a, e, "a mirror pod may not reference secrets");
	return 0;
}

static int admit_account(struct admit *a, struct err *e)
{
	struct core_v1_Pod *p = a->obj;
	if (!admit_is(a, "", "pods", ""))
		return 0;
	if (str_map_has(&p->metadata.annotations, STR(MIRROR)))
		return check_mirror(a, p, e);
	if (!p->spec.serviceAccountName.n)
		p->spec.serviceAccountName = STR("default");
	const struct core_v1_ServiceAccount *sa = find_account(a, p->spec.serviceAccountName);
	if (!sa)
		return admit_forbidden(a, e, "error looking up service account %.*s/%.*s: serviceaccount \"%.*s\" not found", STR_F(a->ns),
			STR_F(p->spec.serviceAccountName), STR_F(p->spec.serviceAccountName));
	p->spec.serviceAccount = p->spec.serviceAccountName;
	give_token(a, p, sa);
	if (!p->spec.imagePullSecrets.len)
		p->spec.imagePullSecrets = sa->imagePullSecrets;
	return 0;
}

const struct admission_plugin plugin_service_account = {.name = "ServiceAccount", .by_default = true, .ops = ADMIT_CREATE, .admit = admit_account};

/* ---- Priority ---- */

bool priority_class_is_default(const void *obj, const void *best)
{
	const struct scheduling_v1_PriorityClass *p = obj, *b = best;
	return p->globalDefault && (!b || p->value < b->value);
}

static int set_priority(struct admit *a, struct core_v1_Pod *p, int32_t value, struct str policy, struct err *e)
{
	if (p->spec.has_priority && p->spec.priority != value)
		return admit_forbidden(a, e,
			"the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name",
			p->spec.priority, value);
	if (p->spec.preemptionPolicy.p && policy.p && !str_eq(p->spec.preemptionPolicy, policy))
		return admit_forbidden(a, e,
			"the string value of PreemptionPolicy (%.*s) must not be provided in pod spec; priority admission controller computed %.*s from the given PriorityClass name",
			STR_F(p->spec.preemptionPolicy), STR_F(policy));
	p->spec.priority = value;
	p->spec.has_priority = true;
	if (policy.p)
		p->spec.preemptionPolicy = policy;
	return 0;
}

static int admit_priority(struct admit *a, struct err *e)
{
	struct core_v1_Pod *p = a->obj;
	if (a->op != ADMIT_CREATE || !admit_is(a, "", "pods", ""))
		return 0;
	const struct scheduling_v1_PriorityClass *c = p->spec.priorityClassName.n
		? admit_lookup(a, "scheduling.k8s.io", "priorityclasses", (struct str){0}, p->spec.priorityClassName)
		: admit_default(a, DEFAULT_PRIORITY_CLASS);
	if (!c && p->spec.priorityClassName.n)
		return admit_forbidden(a, e, "no PriorityClass with name %.*s was found", STR_F(p->spec.priorityClassName));
	if (!c)
		return set_priority(a, p, 0, STR("PreemptLowerPriority"), e);
	p->spec.priorityClassName = c->metadata.name;
	return set_priority(a, p, c->value, c->preemptionPolicy.p ? c->preemptionPolicy : STR("PreemptLowerPriority"), e);
}

static int one_default_class(struct admit *a, struct err *e)
{
	const struct scheduling_v1_PriorityClass *c = a->obj;
	if (!admit_is(a, "scheduling.k8s.io", "priorityclasses", "") || !c->globalDefault)
		return 0;
	const struct scheduling_v1_PriorityClass *d = admit_default(a, DEFAULT_PRIORITY_CLASS);
	if (!d || str_eq(d->metadata.name, c->metadata.name))
		return 0;
	return admit_forbidden(a, e, "PriorityClass %.*s is already marked as default. Only one default can exist", STR_F(d->metadata.name));
}

const struct admission_plugin plugin_priority = {
	.name = "Priority", .by_default = true, .ops = ADMIT_CREATE | ADMIT_UPDATE, .admit = admit_priority, .validate = one_default_class};

/* ---- DefaultTolerationSeconds ---- */

#define FAILING_SECONDS 300

static bool tolerates_key(const struct core_v1_Pod *p, struct str key)
{
	LIST_EACH(t, p->spec.tolerations)
		if ((!t->key.n || str_eq(t->key, key)) && (!t->effect.n || str_is(t->effect, "NoExecute")))
			return true;
	return false;
}

static int admit_tolerations(struct admit *a, struct err *e)
{
	static const struct str keys[] = {STR_INIT("node.kubernetes.io/not-ready"), STR_INIT("node.kubernetes.io/unreachable")};
	struct core_v1_Pod *p = a->obj;
	if (!admit_is(a, "", "pods", ""))
		return 0;
	bool has[] = {tolerates_key(p, keys[0]), tolerates_key(p, keys[1])};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!has[i])
			*(struct core_v1_Toleration *)arena_push(a->request->arena, &p->spec.tolerations) = (struct core_v1_Toleration){.key = keys[i],
				.operator = STR("Exists"), .effect = STR("NoExecute"), .tolerationSeconds = FAILING_SECONDS, .has_tolerationSeconds = true};
	return 0;
}

const struct admission_plugin plugin_default_toleration_seconds = {
	.name = "DefaultTolerationSeconds", .by_default = true, .ops = ADMIT_CREATE | ADMIT_UPDATE, .admit = admit_tolerations};
