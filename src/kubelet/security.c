/* Security contexts: the container's own over the Pod's. */
#include "kubelet/impl.h"

enum { NS_POD, NS_CONTAINER, NS_NODE, NS_TARGET }; /* cri.v1.NamespaceMode */
enum { PROFILE_RUNTIME, PROFILE_UNCONFINED, PROFILE_LOCALHOST };

static const struct core_v1_PodSecurityContext no_pod_context;
static const struct core_v1_SecurityContext no_context;

static const struct core_v1_PodSecurityContext *of_pod(const struct pod *p)
{
	return p->spec->pod->spec.securityContext ? p->spec->pod->spec.securityContext : &no_pod_context;
}
static const struct core_v1_SecurityContext *of_container(const struct core_v1_Container *c) { return c->securityContext ? c->securityContext : &no_context; }

static struct cri_v1_Int64Value *number(struct arena *a, bool has, int64_t v)
{
	if (!has)
		return NULL;
	struct cri_v1_Int64Value *n = arena_make(a, struct cri_v1_Int64Value);
	n->value = v;
	return n;
}

static struct cri_v1_NamespaceOption *namespaces(struct arena *a, const struct core_v1_PodSpec *s)
{
	struct cri_v1_NamespaceOption *o = arena_make(a, struct cri_v1_NamespaceOption);
	o->network = s->hostNetwork ? NS_NODE : NS_POD;
	o->ipc = s->hostIPC ? NS_NODE : NS_POD;
	o->pid = s->hostPID ? NS_NODE : s->has_shareProcessNamespace && s->shareProcessNamespace ? NS_POD : NS_CONTAINER;
	o->userns_options = arena_make(a, struct cri_v1_UserNamespace);
	o->userns_options->mode = NS_NODE;
	return o;
}

static struct cri_v1_SecurityProfile *seccomp(struct arena *a, const struct pod *p, const struct core_v1_SeccompProfile *s, int unset)
{
	struct cri_v1_SecurityProfile *o = arena_make(a, struct cri_v1_SecurityProfile);
	if (!s)
		o->profile_type = unset;
	else if (str_is(s->type, "Localhost"))
		*o = (struct cri_v1_SecurityProfile){str_printf(a, "%.*s/seccomp/%.*s", STR_F(p->k->o.root_dir), STR_F(s->localhostProfile)), PROFILE_LOCALHOST};
	else
		o->profile_type = str_is(s->type, "RuntimeDefault") ? PROFILE_RUNTIME : PROFILE_UNCONFINED;
	return o;
}

static struct cri_v1_SecurityProfile *apparmor(struct arena *a, const struct core_v1_AppArmorProfile *s)
{
	if (!s)
		return NULL;
	struct cri_v1_SecurityProfile *o = arena_make(a, struct cri_v1_SecurityProfile);
	o->profile_type = str_is(s->type, "RuntimeDefault") ? PROFILE_RUNTIME : str_is(s->type, "Localhost") ? PROFILE_LOCALHOST : PROFILE_UNCONFINED;
	o->localhost_ref = s->localhostProfile;
	return o;
}

static struct cri_v1_SELinuxOption *selinux(struct arena *a, const struct core_v1_SELinuxOptions *s)
{
	if (!s)
		return NULL;
	struct cri_v1_SELinuxOption *o = arena_make(a, struct cri_v1_SELinuxOption);
	*o = (struct cri_v1_SELinuxOption){s->user, s->role, s->type, s->level};
	return o;
}

static void groups(struct arena *a, const struct core_v1_PodSecurityContext *sc, int64_list_t *ret)
{
	if (sc->has_fsGroup)
		*arena_push(a, ret) = sc->fsGroup;
	LIST_EACH(g, sc->supplementalGroups)
		*arena_push(a, ret) = *g;
}

static bool any_privileged(const struct core_v1_PodSpec *s)
{
	LIST_EACH(c, s->containers)
		if (of_container(c)->privileged)
			return true;
	LIST_EACH(c, s->initContainers)
		if (of_container(c)->privileged)
			return true;
	return false;
}

void security_sandbox(struct arena *a, const struct pod *p, struct cri_v1_LinuxPodSandboxConfig *l)
{
	const struct core_v1_PodSecurityContext *sc = of_pod(p);
	struct cri_v1_LinuxSandboxSecurityContext *o = l->security_context = arena_make(a, struct cri_v1_LinuxSandboxSecurityContext);
	o->namespace_options = namespaces(a, &p->spec->pod->spec);
	o->seccomp = arena_make(a, struct cri_v1_SecurityProfile);
	o->privileged = any_privileged(&p->spec->pod->spec);
	o->run_as_user = number(a, sc->has_runAsUser, sc->runAsUser);
	o->run_as_group = number(a, sc->has_runAsGroup, sc->runAsGroup);
	o->selinux_options = selinux(a, sc->seLinuxOptions);
	o->supplemental_groups_policy = str_is(sc->supplementalGroupsPolicy, "Strict");
	groups(a, sc, &o->supplemental_groups);
}

static const char *const masked[] = {"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"};
static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

static void paths(struct arena *a, str_list_t *to, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*arena_push(a, to) = str_of(v[i]);
}

static void user(struct arena *a, const struct pod *p, const struct core_v1_SecurityContext *c, const struct cri_v1_Image *image,
	struct cri_v1_LinuxContainerSecurityContext *o)
{
	const struct core_v1_PodSecurityContext *sc = of_pod(p);
	o->run_as_user = c->has_runAsUser ? number(a, true, c->runAsUser) : number(a, sc->has_runAsUser, sc->runAsUser);
	o->run_as_group = c->has_runAsGroup ? number(a, true, c->runAsGroup) : number(a, sc->has_runAsGroup, sc->runAsGroup);
	if (!o->run_as_user && image && image->uid)
		o->run_as_user = number(a, true, image->uid->value);
	else if (!o->run_as_user && image)
		o->run_as_username = image->username;
}

static struct cri_v1_Capability *capabilities(struct arena *a, const struct core_v1_Capabilities *c)
{
	if (!c)
		return NULL;
	struct cri_v1_Capability *o = arena_make(a, struct cri_v1_Capability);
	o->add_capabilities = c->add;
	o->drop_capabilities = c->drop;
	return o;
}

struct cri_v1_LinuxContainerSecurityContext *security_container(struct arena *a, const struct pod *p, const struct core_v1_Container *c,
	const struct cri_v1_Image *image)
{
	const struct core_v1_PodSecurityContext *sc = of_pod(p);
	const struct core_v1_SecurityContext *own = of_container(c);
	struct cri_v1_LinuxContainerSecurityContext *o = arena_make(a, struct cri_v1_LinuxContainerSecurityContext);
	o->capabilities = capabilities(a, own->capabilities);
	o->namespace_options = namespaces(a, &p->spec->pod->spec);
	o->selinux_options = selinux(a, own->seLinuxOptions ? own->seLinuxOptions : sc->seLinuxOptions);
	user(a, p, own, image, o);
	groups(a, sc, &o->supplemental_groups);
	o->supplemental_groups_policy = str_is(sc->supplementalGroupsPolicy, "Strict");
	if (!str_is(own->procMount, "Unmasked")) {
		paths(a, &o->masked_paths, masked, ARRAY_LEN(masked));
		paths(a, &o->readonly_paths, readonly, ARRAY_LEN(readonly));
	}
	o->seccomp = seccomp(a, p, own->seccompProfile ? own->seccompProfile : sc->seccompProfile,
		p->k->cfg->seccompDefault ? PROFILE_RUNTIME : PROFILE_UNCONFINED);
	o->apparmor = apparmor(a, own->appArmorProfile ? own->appArmorProfile : sc->appArmorProfile);
	o->privileged = own->privileged;
	o->readonly_rootfs = own->readOnlyRootFilesystem;
	o->no_new_privs = own->has_allowPrivilegeEscalation && !own->allowPrivilegeEscalation;
	return o;
}

int security_check_nonroot(const struct pod *p, const struct core_v1_Container *c, const struct cri_v1_Image *image, struct err *e)
{
	const struct core_v1_PodSecurityContext *sc = of_pod(p);
	const struct core_v1_SecurityContext *own = of_container(c);
	bool wanted = own->has_runAsNonRoot ? own->runAsNonRoot : sc->runAsNonRoot;
	bool has = own->has_runAsUser || sc->has_runAsUser;
	int64_t uid = own->has_runAsUser ? own->runAsUser : sc->runAsUser;
	if (!wanted || (has && uid != 0))
		return 0;
	if (has)
		return err_set(e, ERR_INVALID, "container's runAsUser breaks non-root policy (pod: \"%.*s\", container: %.*s)", STR_F(p->full), STR_F(c->name));
	if (image && image->uid && image->uid->value != 0)
		return 0;
	if (image && image->username.n)
		return err_set(e, ERR_INVALID, "container has runAsNonRoot and image has non-numeric user (%.*s), cannot verify user is non-root (pod: \"%.*s\", container: %.*s)",
			STR_F(image->username), STR_F(p->full), STR_F(c->name));
	return err_set(e, ERR_INVALID, "container has runAsNonRoot and image will run as root (pod: \"%.*s\", container: %.*s)", STR_F(p->full), STR_F(c->name));
}
