/* Plug-ins in upstream's order; --enable-admission-plugins and --disable-admission-plugins choose.  To add one: a file, a line in plugins.h, a row here. */
#include "apiserver/admission/plugins.h"
#include "api/name.h"
#include "apiserver/metrics.h"
#include "rt/loop.h"

#include <stdlib.h>

static const struct admission_plugin *const table[] = {
	&plugin_namespace_lifecycle,
	&plugin_limit_ranger,
	&plugin_service_account,
	&plugin_node_restriction,
	&plugin_taint_nodes,
	&plugin_priority,
	&plugin_default_toleration_seconds,
	&plugin_default_storage_class,
	&plugin_storage_protection,
	&plugin_claim_resize,
	&plugin_runtime_class,
};

static const struct {
	const char *group, *plural;
	bool (*is)(const void *obj, const void *best);
} defaults[DEFAULTS] = {
	[DEFAULT_PRIORITY_CLASS] = {"scheduling.k8s.io", "priorityclasses", priority_class_is_default},
	[DEFAULT_STORAGE_CLASS] = {"storage.k8s.io", "storageclasses", storage_class_is_default},
};
/* What was found when the table had last changed at that revision. */
struct found {
	bool valid;
	uint64_t changed;
	size_t n;
	char name[NAME_DNS1123_SUBDOMAIN_MAX];
};
struct admission {
	bool on[ARRAY_LEN(table)];
	struct found (*found)[DEFAULTS]; /* of each loop */
};

const struct admission_plugin *const *admission_plugins(size_t *n)
{
	*n = ARRAY_LEN(table);
	return table;
}

void *admit_lookup(const struct admit *a, const char *group, const char *plural, struct str ns, struct str name)
{
	struct request *r = a->request;
	struct cache *c = server_cache(r->server);
	struct object *o = cache_lookup(c, cache_table_by_name(c, group, plural), ns, name);
	ERR(e);
	if (!o)
		return NULL;
	arena_defer(r->arena, (void (*)(void *))object_unref, o);
	return object_decode(o, r->arena, &e);
}

static void find_default(const struct admit *a, enum admit_default d, const struct cache_pin *pin, struct found *ret)
{
	struct cache_iter it;
	const void *best = NULL;
	*ret = (struct found){.valid = true, .changed = pin->changed};
	cache_seek(&it, pin, (struct str){0}, (struct str){0}, (struct str){0}, false);
	for (struct object *o; (o = cache_next(&it));) {
		ERR(e);
		const void *obj = object_decode(o, a->request->arena, &e);
		if (!obj || o->name.n > sizeof ret->name || !defaults[d].is(obj, best))
			continue;
		best = obj;
		ret->n = o->name.n;
		memcpy(ret->name, o->name.p, o->name.n);
	}
}

void *admit_default(const struct admit *a, enum admit_default d)
{
	struct server *s = a->request->server;
	struct admission *state = server_part(s, PART_ADMISSION);
	struct cache *c = server_cache(s);
	struct found *f = &state->found[server_loop_number(s)][d];
	struct cache_pin pin;
	cache_pin(c, cache_table_by_name(c, defaults[d].group, defaults[d].plural), &pin);
	if (!f->valid || f->changed != pin.changed)
		find_default(a, d, &pin, f);
	cache_unpin(&pin);
	return f->n ? admit_lookup(a, defaults[d].group, defaults[d].plural, (struct str){0}, str_n(f->name, f->n)) : NULL;
}

int admit_forbidden(const struct admit *a, struct err *e, const char *fmt, ...)
{
	va_list ap;
	struct request *r = a->request;
	struct str was = r->at.name;
	va_start(ap, fmt);
	struct str why = str_vprintf(r->arena, fmt, ap);
	va_end(ap);
	r->at.name = a->name;
	request_forbidden(r, e, "%.*s", STR_F(why));
	r->at.name = was;
	return -1;
}

static bool applies(struct admit *a, size_t i)
{
	const struct admission *s = server_part(a->request->server, PART_ADMISSION);
	return s->on[i] && table[i]->ops & a->op;
}

static const char *op_name(enum admit_op op) { return op == ADMIT_CREATE ? "CREATE" : op == ADMIT_UPDATE ? "UPDATE" : op == ADMIT_DELETE ? "DELETE" : "CONNECT"; }

/* One hook of a plug-in, timed; *at is when the one before it ended. */
static int run_hook(struct admit *a, size_t i, int (*hook)(struct admit *a, struct err *e), const char *type, mono_t *at, struct err *e)
{
	if (!hook || !applies(a, i))
		return 0;
	mono_t began = *at;
	int failed = hook(a, e) < 0;
	*at = rt_now_exact();
	metrics_admitted(a->request, table[i]->name, op_name(a->op), type, !failed, *at - began);
	return -failed;
}

/* One hook of all plug-ins. */
static int run_step(struct admit *a, bool validate, struct err *e)
{
	const char *type = validate ? "validate" : "admit";
	mono_t began = rt_now_exact(), at = began;
	int failed = 0;
	for (size_t i = 0; i < ARRAY_LEN(table) && !failed; i++)
		failed = run_hook(a, i, validate ? table[i]->validate : table[i]->admit, type, &at, e);
	metrics_admitted(a->request, NULL, op_name(a->op), type, !failed, at - began);
	return failed;
}

int admission_admit(struct admit *a, struct err *e) { return run_step(a, false, e); }
int admission_validate(struct admit *a, struct err *e) { return run_step(a, true, e); }

/* Upstream's plug-ins that are not built yet are known by name, so that the usual flags are taken. */
static const char *const known[] = {"AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction",
	"ClusterTrustBundleAttest", "DefaultIngressClass", "DenyServiceExternalIPs", "EventRateLimit", "ExtendedResourceToleration", "ImagePolicyWebhook",
	"LimitPodHardAntiAffinityTopology", "MutatingAdmissionPolicy", "MutatingAdmissionWebhook", "NamespaceAutoProvision", "NamespaceExists",
	"OwnerReferencesPermissionEnforcement", "PersistentVolumeClaimResize", "PodNodeSelector", "PodSecurity", "PodTolerationRestriction", "ResourceQuota",
	"RuntimeClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook"};

static bool is_known(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_is(name, known[i]))
			return true;
	return false;
}

static int switch_plugins(struct admission *s, struct str list, bool on, const char *flag, struct err *e)
{
	for (struct str name; list.n && str_next(&list, ',', &name);) {
		bool found = is_known(name);
		for (size_t i = 0; i < ARRAY_LEN(table); i++)
			if (str_is(name, table[i]->name)) {
				s->on[i] = on;
				found = true;
			}
		if (!found)
			return err_set(e, ERR_BAD_REQUEST, "%s: there is no admission plug-in \"%.*s\"", flag, STR_F(name));
	}
	return 0;
}

static void admission_stop(struct server *s, void *state)
{
	struct admission *a = state;
	free(a->found);
	free(a);
}

static int admission_start(struct server *s, void **ret_state, struct err *e)
{
	struct admission *a = calloc(1, sizeof *a);
	const struct server_opts *o = server_options(s);
	if (!a || !(a->found = calloc(o->nloops, sizeof *a->found))) {
		free(a);
		return err_nomem(e, sizeof *a);
	}
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		a->on[i] = table[i]->by_default;
	*ret_state = a;
	if (switch_plugins(a, o->enable_admission, true, "--enable-admission-plugins", e) == 0 &&
		switch_plugins(a, o->disable_admission, false, "--disable-admission-plugins", e) == 0)
		return 0;
	admission_stop(s, a);
	return -1;
}

const struct server_part admission_part = {.start = admission_start, .stop = admission_stop};
