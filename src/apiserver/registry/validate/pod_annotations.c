/* Annotations of Pods that mean something, and the fields that an operating system does not have. */
#include "apiserver/registry/validate/pod.h"
#include "api/pod.h"

#define MIRROR "kubernetes.io/config.mirror"
#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"
#define SECCOMP_POD "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP "container.seccomp.security.alpha.kubernetes.io/"
#define COST "controller.kubernetes.io/pod-deletion-cost"

/* ---- annotations ---- */

static void check_apparmor(struct check *k, struct str path, const struct str_pair *p, const struct core_v1_PodSpec *s)
{
	struct str name = str_sub(p->key, sizeof APPARMOR - 1, p->key.n);
	if (!pod_has_container(s, name))
		bad_string(k, at_key(k, path, p->key), name, "container not found");
	if (p->value.n && !str_is(p->value, "runtime/default") && !str_is(p->value, "unconfined") && !str_has_prefix(p->value, STR("localhost/")))
		bad_string(k, at_key(k, path, p->key), p->value, str_z(k->a, str_printf(k->a, "invalid AppArmor profile name: \"%.*s\"", STR_F(p->value))));
}

static void check_seccomp(struct check *k, struct str path, struct str v)
{
	if (str_has_prefix(v, STR("localhost/")))
		check_local_path(k, path, str_sub(v, 10, v.n));
	else if (!one_of(v, CHOICES("runtime/default", "docker/default", "unconfined")))
		bad_string(k, path, v, "must be a valid seccomp profile");
}

/* A number as strconv reads it, without a sign of plus or leading zeros. */
static bool is_cost(struct str s)
{
	int64_t n;
	bool odd = s.n && (s.p[0] == '+' || (s.n > 1 && s.p[0] == '0'));
	return !odd && str_i64(s, &n) == 0 && n >= INT32_MIN && n <= INT32_MAX;
}

void check_pod_annotations(struct check *k, struct str path, const struct str_map *m, const struct core_v1_PodSpec *s)
{
	struct str cost = str_map_get(m, STR(COST));
	if (str_map_has(m, STR(MIRROR)) && !s->nodeName.n)
		bad_string(k, at_key(k, path, STR(MIRROR)), str_map_get(m, STR(MIRROR)), "must set spec.nodeName if mirror pod annotation is set");
	if (str_map_has(m, STR(COST)) && !is_cost(cost))
		bad_string(k, at_key(k, path, STR(COST)), cost, "must be a 32bit integer");
	if (str_map_has(m, STR(SECCOMP_POD)))
		check_seccomp(k, at(k, path, SECCOMP_POD), str_map_get(m, STR(SECCOMP_POD)));
	LIST_EACH(p, *m)
		if (str_has_prefix(p->key, STR(SECCOMP)))
			check_seccomp(k, at(k, path, str_z(k->a, p->key)), p->value);
	LIST_EACH(p, *m)
		if (str_has_prefix(p->key, STR(APPARMOR)))
			check_apparmor(k, path, p, s);
}

/* ---- annotations and fields that say the same ---- */

/* type and profile: of the field; words: how the annotation says RuntimeDefault, in two ways. */
static void check_agrees(struct check *k, struct str path, const char *what, struct str type, struct str profile, struct str said, const char *const words[2])
{
	struct str local = STR("localhost/");
	bool same = str_is(type, "Unconfined") ? str_is(said, "unconfined") : str_is(type, "RuntimeDefault") ? one_of(said, CHOICES(words[0], words[1])) :
		!str_is(type, "Localhost") || str_has_prefix(said, local);
	if (!same)
		bad_forbidden(k, at(k, path, "type"), str_z(k->a, str_printf(k->a, "%s type in annotation and field must match", what)));
	else if (str_is(type, "Localhost") && !str_eq(str_sub(said, local.n, said.n), profile))
		bad_forbidden(k, at(k, path, "localhostProfile"), str_z(k->a, str_printf(k->a, "%s profile in annotation and field must match", what)));
}

static const char *const seccomp_words[] = {"runtime/default", "docker/default"}, *const apparmor_words[] = {"runtime/default", "runtime/default"};

static void check_seccomp_agrees(struct check *k, struct str path, const struct core_v1_SecurityContext *c, struct str said)
{
	if (c && c->seccompProfile && said.p)
		check_agrees(k, at(k, path, "securityContext.seccompProfile"), "seccomp", c->seccompProfile->type, c->seccompProfile->localhostProfile, said, seccomp_words);
}

static void check_apparmor_agrees(struct check *k, struct str path, const struct core_v1_AppArmorProfile *f, struct str said)
{
	if (f && said.p)
		check_agrees(k, at(k, path, "securityContext.appArmorProfile"), "apparmor", f->type, f->localhostProfile, said, apparmor_words);
}

static struct str said_of(struct check *k, const struct str_map *m, const char *prefix, struct str name) { return str_map_get(m, str_printf(k->a, "%s%.*s", prefix, STR_F(name))); }

static void check_list_agrees(struct check *k, struct str path, const core_v1_Container_list_t *l, const struct str_map *m, const struct core_v1_PodSpec *s, bool seccomp)
{
	for (uint32_t i = 0; i < l->len; i++) {
		const struct core_v1_SecurityContext *c = l->items[i].securityContext;
		const struct core_v1_AppArmorProfile *of_pod = s->securityContext ? s->securityContext->appArmorProfile : NULL;
		if (seccomp)
			check_seccomp_agrees(k, at_index(k, path, i), c, said_of(k, m, SECCOMP, l->items[i].name));
		else
			check_apparmor_agrees(k, at_index(k, path, i), c && c->appArmorProfile ? c->appArmorProfile : of_pod, said_of(k, m, APPARMOR, l->items[i].name));
	}
}

void check_profiles_agree(struct check *k, struct str path, const struct str_map *m, const struct core_v1_PodSpec *s)
{
	struct str said = str_map_get(m, STR(SECCOMP_POD));
	bool windows = s->os && str_is(s->os->name, "windows");
	if (!m->len)
		return;
	if (s->securityContext && s->securityContext->seccompProfile && said.p)
		check_agrees(k, at(k, path, "securityContext.seccompProfile"), "seccomp", s->securityContext->seccompProfile->type, s->securityContext->seccompProfile->localhostProfile,
			said, seccomp_words);
	for (int i = 0; i < (windows ? 1 : 2); i++) {
		check_list_agrees(k, at(k, path, "initContainers"), &s->initContainers, m, s, i == 0);
		check_list_agrees(k, at(k, path, "containers"), &s->containers, m, s, i == 0);
	}
}

static const char *frozen_kind(struct str key) { return str_has_prefix(key, STR(APPARMOR)) ? "AppArmor annotations" : str_is(key, MIRROR) ? "mirror pod annotation" : NULL; }

static void forbid(struct check *k, struct str path, struct str key, const char *verb)
{
	if (frozen_kind(key))
		bad_forbidden(k, at_key(k, path, key), str_z(k->a, str_printf(k->a, "may not %s %s", verb, frozen_kind(key))));
}

void check_pod_annotations_update(struct check *k, struct str path, const struct core_v1_Pod *now, const struct core_v1_Pod *old)
{
	const struct str_map *m = &now->metadata.annotations, *was = &old->metadata.annotations;
	LIST_EACH(p, *was)
		if (!str_map_has(m, p->key) || !str_eq(str_map_get(m, p->key), p->value))
			forbid(k, path, p->key, "remove or update");
	LIST_EACH(p, *m)
		if (!str_map_has(was, p->key))
			forbid(k, path, p->key, "add");
	check_pod_annotations(k, path, m, &now->spec);
}

/* ---- operating systems ---- */

static const char not_windows[] = "cannot be set for a windows pod";

#define NO(f) FORBID(f, not_windows)
static const struct rule windows_pod[] = {NO("securityContext.appArmorProfile"), NO("securityContext.seLinuxOptions"), NO("hostUsers"), NO("hostPID"), NO("hostIPC"),
	NO("securityContext.seccompProfile"), NO("securityContext.fsGroup"), NO("securityContext.fsGroupChangePolicy"), NO("securityContext.sysctls"),
	NO("shareProcessNamespace"), NO("securityContext.runAsUser"), NO("securityContext.runAsGroup"), NO("securityContext.supplementalGroups"),
	NO("securityContext.supplementalGroupsPolicy"), NO("securityContext.seLinuxChangePolicy"), END};
static const struct rule windows_container[] = {NO("appArmorProfile"), NO("seLinuxOptions"), NO("seccompProfile"), NO("capabilities"), NO("readOnlyRootFilesystem"),
	NO("privileged"), NO("allowPrivilegeEscalation"), NO("procMount"), NO("runAsUser"), NO("runAsGroup"), END};
#undef NO
static const struct rule linux_pod[] = {FORBID("securityContext.windowsOptions", "windows options cannot be set for a linux pod"), END};
static const struct rule linux_container[] = {FORBID("windowsOptions", "windows options cannot be set for a linux pod"), END};

static void check_list(struct check *k, struct str path, const core_v1_Container_list_t *l, const struct rule *rules)
{
	for (uint32_t i = 0; i < l->len; i++)
		if (l->items[i].securityContext)
			check_rules(k, at(k, at_index(k, path, i), "securityContext"), T_core_v1_SecurityContext, l->items[i].securityContext, rules);
}

void check_pod_os(struct check *k, struct str path, const struct core_v1_PodSpec *s)
{
	bool windows = s->os && str_is(s->os->name, "windows");
	const struct rule *rules = windows ? windows_container : linux_container;
	if (!s->os || (!windows && !str_is(s->os->name, "linux")))
		return;
	check_rules(k, path, T_core_v1_PodSpec, s, windows ? windows_pod : linux_pod);
	check_list(k, at(k, path, "initContainers"), &s->initContainers, rules);
	check_list(k, at(k, path, "containers"), &s->containers, rules);
	for (uint32_t i = 0; i < s->ephemeralContainers.len; i++) {
		const struct core_v1_SecurityContext *c = s->ephemeralContainers.items[i].ephemeralContainerCommon.securityContext;
		if (c)
			check_rules(k, at(k, at_index(k, at(k, path, "ephemeralContainers"), i), "securityContext"), T_core_v1_SecurityContext, c, rules);
	}
}
