/* The table of volume plug-ins, and volumes set up, kept fresh, mounted into containers and removed. */
#include "kubelet/volume.h"
#include <fcntl.h>
#include <unistd.h>

#define REFRESH (60 * NS_S)
#define SETUP_RETRY (500 * NS_MS)
#define SETUP_RETRY_MAX (122 * NS_S)

static bool is_emptydir(const struct core_v1_VolumeSource *s) { return s->emptyDir; }
static bool is_hostpath(const struct core_v1_VolumeSource *s) { return s->hostPath; }
static bool is_configmap(const struct core_v1_VolumeSource *s) { return s->configMap; }
static bool is_secret(const struct core_v1_VolumeSource *s) { return s->secret; }
static bool is_projected(const struct core_v1_VolumeSource *s) { return s->projected; }
static bool is_downward(const struct core_v1_VolumeSource *s) { return s->downwardAPI; }
static struct str host_place(struct arena *a, const struct pod *p, const struct core_v1_Volume *v) { return v->volumeSource.hostPath->path; }

static const struct volume_plugin plugins[] = {
	{"kubernetes.io~empty-dir", is_emptydir, volume_emptydir},
	{NULL, is_hostpath, volume_hostpath, host_place},
	{"kubernetes.io~configmap", is_configmap, volume_configmap, .refresh = true, .readonly = true},
	{"kubernetes.io~secret", is_secret, volume_secret, .refresh = true, .readonly = true},
	{"kubernetes.io~projected", is_projected, volume_projected, .refresh = true, .readonly = true},
	{"kubernetes.io~downward-api", is_downward, volume_downward, .refresh = true, .readonly = true},
};

static const struct volume_plugin *plugin_of(const struct core_v1_Volume *v)
{
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		if (plugins[i].fits(&v->volumeSource))
			return &plugins[i];
	return NULL;
}

static struct str place_of(struct arena *a, const struct pod *p, const struct volume_plugin *pl, const struct core_v1_Volume *v)
{
	if (pl->place)
		return pl->place(a, p, v);
	return str_printf(a, "%.*s/volumes/%s/%.*s", STR_F(pod_dir(a, p)), pl->dir, STR_F(v->name));
}

gid_t volume_gid(const struct volume_job *j)
{
	const struct core_v1_PodSecurityContext *sc = j->spec->pod->spec.securityContext;
	return sc && sc->has_fsGroup ? (gid_t)sc->fsGroup : UINT32_MAX;
}

int volume_folder(struct volume_job *j, bool memory, uint64_t size, uint32_t mode, struct err *e)
{
	CLEANUP(plan_free) struct plan *plan = plan_new();
	gid_t gid = volume_gid(j);
	char *root = str_z(j->a, pod_dir(j->a, j->p));
	if (file_exists(j->dir) && (!memory || mount_is_point(j->dir)))
		return 0;
	plan_mkdir(plan, root, j->rel, 0755, PLAN_KEEP, PLAN_KEEP);
	if (memory)
		plan_tmpfs(plan, root, j->rel, size, mode);
	if (gid != UINT32_MAX)
		plan_chown(plan, root, j->rel, PLAN_KEEP, gid, false);
	plan_chmod(plan, root, j->rel, gid != UINT32_MAX ? mode | 02770 : mode);
	return helper_run(j->p->k->helper, plan, NULL, e);
}

/* ---- setup */
static int setup_one(struct pod *p, struct spec *s, const struct core_v1_Volume *v, bool again, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	const struct volume_plugin *pl = plugin_of(v);
	if (!pl)
		return err_set(e, ERR_INVALID, "no volume plugin matched name: %.*s", STR_F(v->name));
	if (again && !pl->refresh)
		return 0;
	struct volume_job j = {p, s, v, a};
	if (pl->dir) {
		j.dir = str_z(a, place_of(a, p, pl, v));
		j.rel = str_z(a, str_printf(a, "volumes/%s/%.*s", pl->dir, STR_F(v->name)));
	}
	return pl->setup(&j, e);
}

/* True: all are there. */
static bool setup_all(struct pod *p, struct spec *s, bool again)
{
	bool good = true;
	LIST_EACH(v, s->pod->spec.volumes) {
		ERR(e);
		if (setup_one(p, s, v, again, &e) == 0)
			continue;
		good = false;
		if (!fiber_cancelled())
			pod_event(p, STR(""), "Warning", "FailedMount", "MountVolume.SetUp failed for volume \"%.*s\" : %s", STR_F(v->name), err_text(&e));
	}
	return good;
}

static bool any_refresh(const struct spec *s)
{
	LIST_EACH(v, s->pod->spec.volumes) {
		const struct volume_plugin *pl = plugin_of(v);
		if (pl && pl->refresh)
			return true;
	}
	return false;
}

static nsec_t jittered(nsec_t span) { return span + (nsec_t)rt_random_below((uint64_t)span / 2); }

/* Until something changed, or for so long.  False: the Pod ends. */
static bool wait_news(struct pod *p, nsec_t span)
{
	mono_t until = rt_now() + span;
	while (!p->volumes_stale && !fiber_cancelled())
		if (cond_wait(&p->volumes_wake, until) == -ETIME)
			break;
	p->volumes_stale = false;
	return !fiber_cancelled();
}

static void volumes_fiber(void *arg)
{
	struct pod *p = arg;
	nsec_t pause = SETUP_RETRY;
	struct spec *s = spec_ref(p->spec);
	while (!setup_all(p, s, false) && wait_news(p, pause))
		pause = pause * 2 < SETUP_RETRY_MAX ? pause * 2 : SETUP_RETRY_MAX;
	p->volumes_ready = !fiber_cancelled();
	pod_wake(p);
	while (any_refresh(s) && wait_news(p, jittered(REFRESH))) {
		spec_unref(s); /* labels may have changed */
		s = spec_ref(p->spec);
		setup_all(p, s, true);
	}
	spec_unref(s);
	p->volumes_busy = p->volumes_ready && !fiber_cancelled();
}

void volumes_begin(struct pod *p)
{
	p->volumes_busy = true;
	if (!p->spec->pod->spec.volumes.len) {
		p->volumes_ready = true;
		return;
	}
	scope_init(&p->volume_scope, &p->scope);
	p->volume_scope_live = true;
	if (!fiber_spawn(&p->volume_scope, "volumes", volumes_fiber, p)) {
		p->volumes_busy = false;
		p->retry_at = rt_now() + NS_S;
	}
}

/* A container that waits for a missing object is tried again too. */
void volumes_news(struct pod *p)
{
	struct map_entry *en;
	p->volumes_stale = true;
	cond_wake_all(&p->volumes_wake);
	for (size_t i = 0; (en = map_next(&p->cmems, &i));) {
		struct cmem *m = en->value;
		if (m->wait_reason && !strcmp(m->wait_reason, "CreateContainerConfigError")) {
			m->retry_at = 0;
			pod_wake(p);
		}
	}
}

/* ---- removal */
static int unmount_beneath(struct pod *p, struct arena *a, const char *root, struct err *e)
{
	CLEANUP(plan_free) struct plan *plan = plan_new();
	struct mount_list l = {0};
	size_t n = strlen(root);
	if (mount_table(a, root, &l, e))
		return -1;
	for (uint32_t i = l.len; i-- > 0;)
		if (l.items[i].path.n > n + 1)
			plan_umount(plan, root, str_z(a, str_sub(l.items[i].path, n + 1, l.items[i].path.n)));
	return plan_len(plan) ? helper_run(p->k->helper, plan, NULL, e) : 0;
}

int volumes_remove(struct pod *p, struct err *e)
{
	CLEANUP(arena_free) struct arena *a = arena_new(NULL);
	if (p->volume_scope_live)
		scope_fini(&p->volume_scope);
	p->volume_scope_live = p->volumes_busy = false;
	tokens_free(p);
	char *root = str_z(a, pod_dir(a, p));
	if (!file_exists(root))
		return 0;
	if (unmount_beneath(p, a, root, e) || file_remove_tree(str_z(a, str_printf(a, "%s/volumes", root)), e))
		return -1;
	return file_remove_tree(str_z(a, str_printf(a, "%s/volume-subpaths", root)), e);
}

/* ---- mounts of a container */
static const struct core_v1_Volume *volume_of(const struct pod *p, struct str name)
{
	LIST_EACH(v, p->spec->pod->spec.volumes)
		if (str_eq(v->name, name))
			return v;
	return NULL;
}

/* "$(NAME)" must be known in a subPathExpr. */
static int sub_path(struct arena *a, const struct core_v1_VolumeMount *m, const struct map *env, struct str *ret, struct err *e)
{
	*ret = m->subPath;
	if (!m->subPathExpr.n)
		return 0;
	*ret = env_expand(a, m->subPathExpr, env);
	ptrdiff_t i = str_find(*ret, STR("$(")), end = i >= 0 ? str_index(*ret, ')', (size_t)i) : -1;
	if (end >= 0)
		return err_set(e, ERR_INVALID, "missing value for %.*s", STR_F(str_sub(*ret, (size_t)i + 2, (size_t)end)));
	return 0;
}

static int touch(const char *path, struct err *e)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	close(fd);
	return 0;
}

/* What lies at sub beneath the volume: links are followed, as long as they stay there.  What is absent becomes a folder. */
static int sub_stat(const char *volume, const char *sub, struct stat *ret, struct err *e)
{
	ERR(absent);
	int root = path_is_clean(str_of(sub)) ? root_open(volume, e) : err_set(e, ERR_INVALID, "%s", sub);
	if (root < 0)
		return -1;
	int fd = beneath_open(root, sub, O_PATH, 0, &absent);
	if (fd < 0 && absent.sys == ENOENT && beneath_mkdirs(root, sub, 0777, UINT32_MAX, UINT32_MAX, e) == 0)
		fd = beneath_open(root, sub, O_PATH, 0, e);
	int r = fd < 0 || fstat(fd, ret) ? -1 : 0;
	close(root);
	if (fd >= 0)
		close(fd);
	return r;
}

/* Binds it to a place of ours, so that nothing can be exchanged between here and the runtime's mount. */
static int bind_sub(struct pod *p, struct arena *a, struct str volume, struct str sub, const char *target, struct err *e)
{
	CLEANUP(plan_free) struct plan *plan = plan_new();
	char *root = str_z(a, pod_dir(a, p)), *full = str_z(a, str_printf(a, "%s/%s", root, target)), *parent = str_z(a, str_of(full)), *rel = str_z(a, sub);
	struct stat st;
	if (sub_stat(str_z(a, volume), rel, &st, e))
		return err_set(e, ERR_INVALID, "failed to prepare subPath for volumeMount");
	*strrchr(parent, '/') = 0;
	if (mount_is_point(full))
		return 0;
	if (S_ISDIR(st.st_mode) ? file_mkdirs(full, 0750, e) : file_mkdirs(parent, 0750, e) || touch(full, e))
		return -1;
	plan_bind(plan, str_z(a, volume), rel, root, target, PLAN_BIND_REC);
	return helper_run(p->k->helper, plan, NULL, e);
}

static int32_t propagation(struct str s) { return str_is(s, "Bidirectional") ? 2 : str_is(s, "HostToContainer") ? 1 : 0; }

static int mount_add(struct pod *p, struct arena *a, const struct core_v1_Container *c, uint32_t i, const struct map *env, struct cri_v1_ContainerConfig *cfg,
	struct err *e)
{
	const struct core_v1_VolumeMount *m = &c->volumeMounts.items[i];
	const struct core_v1_Volume *v = volume_of(p, m->name);
	const struct volume_plugin *pl = v ? plugin_of(v) : NULL;
	struct str sub;
	if (!pl)
		return err_set(e, ERR_INVALID, "cannot find volume \"%.*s\" to mount into container \"%.*s\"", STR_F(m->name), STR_F(c->name));
	struct str at = place_of(a, p, pl, v);
	if (sub_path(a, m, env, &sub, e))
		return -1;
	if (sub.n) {
		char *target = str_z(a, str_printf(a, "volume-subpaths/%.*s/%.*s/%u", STR_F(v->name), STR_F(c->name), i));
		if (bind_sub(p, a, at, sub, target, e))
			return -1;
		at = str_printf(a, "%.*s/%s", STR_F(pod_dir(a, p)), target);
	}
	struct cri_v1_Mount *o = arena_push(a, &cfg->mounts);
	*o = (struct cri_v1_Mount){.container_path = m->mountPath, .host_path = at, .readonly = m->readOnly || pl->readonly, .propagation = propagation(m->mountPropagation)};
	if (m->mountPath.n && m->mountPath.p[0] != '/')
		o->container_path = str_printf(a, "/%.*s", STR_F(m->mountPath));
	return 0;
}

int volumes_mounts(struct pod *p, struct arena *a, const struct core_v1_Container *c, const struct map *env, struct cri_v1_ContainerConfig *cfg, struct err *e)
{
	for (uint32_t i = 0; i < c->volumeMounts.len; i++)
		if (mount_add(p, a, c, i, env, cfg, e))
			return -1;
	return 0;
}
