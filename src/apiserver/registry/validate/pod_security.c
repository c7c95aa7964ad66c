/* Security contexts. */
#include "apiserver/registry/validate/pod.h"

#define ID_RANGE "must be between 0 and 2147483647, inclusive"
#define SYSCTL_MAX 253 /* of a name, as upstream */
#define PROFILE_MAX 4095 /* of a path, as upstream */

static void check_seccomp(struct check *k, struct str path, const void *value)
{
	const struct core_v1_SeccompProfile *s = value;
	bool local = str_is(s->type, "Localhost");
	if (!s->type.n)
		bad_required(k, at(k, path, "type"), "type is required when seccompProfile is set");
	else
		check_choice(k, at(k, path, "type"), s->type, CHOICES("Localhost", "RuntimeDefault", "Unconfined"));
	if (local && !s->localhostProfile.p)
		bad_required(k, at(k, path, "localhostProfile"), "must be set when seccomp type is Localhost");
	else if (local)
		check_local_path(k, at(k, path, "localhostProfile"), s->localhostProfile);
	else if (s->localhostProfile.p)
		bad_string(k, at(k, path, "localhostProfile"), s->localhostProfile, "can only be set when seccomp type is Localhost");
}

static void check_apparmor(struct check *k, struct str path, const void *value)
{
	const struct core_v1_AppArmorProfile *s = value;
	struct str at_profile = at(k, path, "localhostProfile");
	bool local = str_is(s->type, "Localhost");
	if (!s->type.n)
		bad_required(k, at(k, path, "type"), "type is required when appArmorProfile is set");
	else
		check_choice(k, at(k, path, "type"), s->type, CHOICES("Localhost", "RuntimeDefault", "Unconfined"));
	if (local && str_trim(s->localhostProfile).n != s->localhostProfile.n)
		bad_string(k, at_profile, s->localhostProfile, "must not be padded with whitespace");
	else if (local && !s->localhostProfile.n)
		bad_required(k, at_profile, "must be set when AppArmor type is Localhost");
	if (local && s->localhostProfile.n > PROFILE_MAX)
		bad_long(k, at_profile, PROFILE_MAX);
	else if (one_of(s->type, CHOICES("RuntimeDefault", "Unconfined")) && s->localhostProfile.p)
		bad_string(k, at_profile, s->localhostProfile, "can only be set when AppArmor type is Localhost");
}

static const struct rule ids[] = {RANGE("runAsUser", 0, INT32_MAX, ID_RANGE), RANGE("runAsGroup", 0, INT32_MAX, ID_RANGE), END};

static void check_no_escalation(struct check *k, struct str path, const struct core_v1_SecurityContext *s)
{
	struct str shown = json_text(k, (struct ref){desc_type(T_core_v1_SecurityContext), (void *)s});
	if (s->has_privileged && s->privileged)
		bad_value(k, path, shown, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	if (s->capabilities)
		LIST_EACH(c, s->capabilities->add)
			if (str_is(*c, "CAP_SYS_ADMIN"))
				bad_value(k, path, shown, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}

static const struct rule rest[] = {CALL("seccompProfile", check_seccomp), END}, last[] = {SUB("windowsOptions", windows_rules), CALL("appArmorProfile", check_apparmor), END};

void check_security(struct pod_check *p, struct str path, const struct core_v1_SecurityContext *s)
{
	struct check *k = p->k;
	if (!s)
		return;
	check_rules(k, path, T_core_v1_SecurityContext, s, ids);
	if (s->procMount.p) {
		check_choice(k, at(k, path, "procMount"), s->procMount, CHOICES("Default", "Unmasked"));
		if (str_is(s->procMount, "Unmasked") && !(p->spec->has_hostUsers && !p->spec->hostUsers))
			bad_string(k, at(k, path, "procMount"), s->procMount, "`hostUsers` must be false to use `Unmasked`");
	}
	check_rules(k, path, T_core_v1_SecurityContext, s, rest);
	if (s->has_allowPrivilegeEscalation && !s->allowPrivilegeEscalation)
		check_no_escalation(k, path, s);
	check_rules(k, path, T_core_v1_SecurityContext, s, last);
}

/* ---- of the Pod ---- */

/* Segments of [a-z0-9]([-_a-z0-9]*[a-z0-9])?, separated by '.' or '/'. */
static bool sysctl_name_ok(struct str s)
{
	bool start = true, word = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool separator = c == '.' || c == '/';
		if (!letter && !separator && c != '-' && c != '_')
			return false;
		if ((start && !letter) || (separator && !word))
			return false;
		start = separator;
		word = letter;
	}
	return s.n <= SYSCTL_MAX && word;
}

static void check_sysctls(struct check *k, struct str path, const core_v1_Sysctl_list_t *l, const struct core_v1_PodSpec *s)
{
	for (uint32_t i = 0; i < l->len; i++) {
		struct str name = l->items[i].name, here = at(k, at_index(k, path, i), "name");
		if (!name.n) {
			bad_required(k, here, NULL);
			continue;
		}
		bool fine = sysctl_name_ok(name);
		if (!fine)
			bad_string(k, here, name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
		for (uint32_t j = 0; fine && j < i; j++)
			if (str_eq(name, l->items[j].name)) {
				bad_duplicate(k, here, name);
				break;
			}
		if (s->hostNetwork && str_has_prefix(name, STR("net.")))
			bad_string(k, here, name, "may not be specified when 'hostNetwork' is true");
		if (s->hostIPC && (str_is(name, "kernel.sem") || str_has_prefix(name, STR("kernel.shm")) || str_has_prefix(name, STR("kernel.msg")) || str_has_prefix(name, STR("fs.mqueue."))))
			bad_string(k, here, name, "may not be specified when 'hostIPC' is true");
	}
}

static const struct rule group[] = {RANGE("fsGroup", 0, INT32_MAX, ID_RANGE), END};

static const struct rule more[] = {ENUM("fsGroupChangePolicy", "Always", "OnRootMismatch"), CALL("seccompProfile", check_seccomp),
	SUB("windowsOptions", windows_rules), CALL("appArmorProfile", check_apparmor), ENUM("supplementalGroupsPolicy", "Merge", "Strict"),
	ENUM("seLinuxChangePolicy", "MountOption", "Recursive"), END};

static void check_shared_pids(struct pod_check *p, struct str path)
{
	if (p->spec->hostPID && p->spec->has_shareProcessNamespace && p->spec->shareProcessNamespace)
		bad_value(p->k, at(p->k, path, "shareProcessNamespace"), STR("true"), "ShareProcessNamespace and HostPID cannot both be enabled");
}

void check_pod_security(struct pod_check *p, struct str path, const struct core_v1_PodSecurityContext *s)
{
	struct check *k = p->k;
	if (!s) {
		check_shared_pids(p, path);
		return;
	}
	check_rules(k, path, T_core_v1_PodSecurityContext, s, group);
	check_rules(k, path, T_core_v1_PodSecurityContext, s, ids);
	for (uint32_t i = 0; i < s->supplementalGroups.len; i++)
		if (s->supplementalGroups.items[i] < 0 || s->supplementalGroups.items[i] > INT32_MAX)
			bad_number(k, at_index(k, at(k, path, "supplementalGroups"), i), s->supplementalGroups.items[i], ID_RANGE);
	check_shared_pids(p, path);
	check_sysctls(k, at(k, path, "sysctls"), &s->sysctls, p->spec);
	check_rules(k, path, T_core_v1_PodSecurityContext, s, more);
}
