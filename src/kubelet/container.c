/* CreateContainer's request. */
#include "kubelet/impl.h"
#include "base/enc.h"
#include <fcntl.h>
#include <unistd.h>

#define NAMESPACE_TARGET 3 /* cri.v1.NamespaceMode */

/* The name and image of a container as upstream's hash sees them: the decimal bytes of their JSON. */
struct str container_hash(struct arena *a, const struct core_v1_Container *c)
{
	BUF(json);
	BUF(dump);
	buf_lit(&json, "{\"image\":");
	json_string(&json, c->image);
	buf_lit(&json, ",\"name\":");
	json_string(&json, c->name);
	buf_lit(&json, "}");
	buf_lit(&dump, "([]uint8)[");
	for (size_t i = 0; i < json.n; i++)
		buf_printf(&dump, i ? " %d" : "%d", (unsigned char)json.p[i]);
	buf_lit(&dump, "]");
	return str_printf(a, "%x", hash_fnv32a(buf_view(&dump)));
}

static struct str ports_json(struct arena *a, const struct core_v1_Container *c)
{
	BUF(out);
	LIST_EACH(p, c->ports) {
		buf_char(&out, out.n ? ',' : '[');
		json_encode(&out, (struct ref){desc_type(T_core_v1_ContainerPort), p});
	}
	buf_char(&out, ']');
	return buf_take(&out, a);
}

static void annotate(struct pod *p, struct arena *a, const struct core_v1_Container *c, uint32_t attempt, struct str_map *m)
{
	const struct core_v1_Pod *o = p->spec->pod;
	str_map_set(a, m, STR("io.kubernetes.container.hash"), container_hash(a, c));
	str_map_set(a, m, STR("io.kubernetes.container.restartCount"), str_printf(a, "%u", attempt));
	str_map_set(a, m, STR("io.kubernetes.container.terminationMessagePath"), c->terminationMessagePath);
	str_map_set(a, m, STR("io.kubernetes.container.terminationMessagePolicy"), c->terminationMessagePolicy);
	if (o->metadata.has_deletionGracePeriodSeconds)
		str_map_set(a, m, STR("io.kubernetes.pod.deletionGracePeriod"), str_printf(a, "%lld", (long long)o->metadata.deletionGracePeriodSeconds));
	if (o->spec.has_terminationGracePeriodSeconds)
		str_map_set(a, m, STR("io.kubernetes.pod.terminationGracePeriod"), str_printf(a, "%lld", (long long)o->spec.terminationGracePeriodSeconds));
	if (c->lifecycle && c->lifecycle->preStop) {
		BUF(out);
		json_encode(&out, (struct ref){desc_type(T_core_v1_LifecycleHandler), c->lifecycle->preStop});
		str_map_set(a, m, STR("io.kubernetes.container.preStopHandler"), buf_take(&out, a));
	}
	if (c->ports.len)
		str_map_set(a, m, STR("io.kubernetes.container.ports"), ports_json(a, c));
}

static void label(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct str_map *m)
{
	str_map_set(a, m, STR("io.kubernetes.container.name"), c->name);
	str_map_set(a, m, STR("io.kubernetes.pod.name"), p->name);
	str_map_set(a, m, STR("io.kubernetes.pod.namespace"), p->ns);
	str_map_set(a, m, STR("io.kubernetes.pod.uid"), p->uid);
}

static void expand_all(struct arena *a, str_list_t *to, const str_list_t *from, const struct map *env)
{
	LIST_EACH(s, *from) {
		struct str *slot = arena_push(a, to);
		*slot = env_expand(a, *s, env);
	}
}

static void envs_of(struct arena *a, const struct map *env, struct cri_v1_ContainerConfig *cfg)
{
	struct map_entry *en;
	for (size_t i = 0; (en = map_next(env, &i));) {
		struct cri_v1_KeyValue *kv = arena_push(a, &cfg->envs);
		*kv = (struct cri_v1_KeyValue){en->key, *(struct str *)en->value};
	}
}

static bool mounted_at(const struct core_v1_Container *c, const char *path)
{
	LIST_EACH(m, c->volumeMounts)
		if (str_is(m->mountPath, path))
			return true;
	return false;
}

/* A file of our own for each attempt, writable by whoever the container runs as. */
static int termination_log(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cri_v1_ContainerConfig *cfg, struct err *e)
{
	uint32_t r;
	rt_random(&r, sizeof r);
	char *dir = str_z(a, str_printf(a, "%.*s/containers/%.*s", STR_F(pod_dir(a, p)), STR_F(c->name)));
	struct str path = str_printf(a, "%s/%08x", dir, r);
	if (file_mkdirs(dir, 0750, e))
		return -1;
	int fd = open(str_z(a, path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(e, errno, "%.*s", STR_F(path));
	fchmod(fd, 0666);
	close(fd);
	struct cri_v1_Mount *m = arena_push(a, &cfg->mounts);
	*m = (struct cri_v1_Mount){.container_path = c->terminationMessagePath, .host_path = path};
	return 0;
}

static int own_mounts(struct pod *p, struct arena *a, const struct core_v1_Container *c, struct cri_v1_ContainerConfig *cfg, struct err *e)
{
	if (!mounted_at(c, "/etc/hosts")) {
		if (hosts_write(p, a, e))
			return -1;
		struct cri_v1_Mount *m = arena_push(a, &cfg->mounts);
		*m = (struct cri_v1_Mount){.container_path = STR("/etc/hosts"), .host_path = str_printf(a, "%.*s/etc-hosts", STR_F(pod_dir(a, p)))};
	}
	return c->terminationMessagePath.n ? termination_log(p, a, c, cfg, e) : 0;
}

static void io_of(const struct core_v1_Container *c, struct cri_v1_ContainerConfig *cfg)
{
	cfg->stdin = c->stdin;
	cfg->stdin_once = c->stdinOnce;
	cfg->tty = c->tty;
}

/* An ephemeral container may share the processes of another one. */
static int target_process(const struct pod *p, struct str name, struct cri_v1_NamespaceOption *o, struct err *e)
{
	LIST_EACH(c, p->spec->pod->spec.ephemeralContainers) {
		if (!str_eq(c->ephemeralContainerCommon.name, name) || !c->targetContainerName.n)
			continue;
		const struct cview *v = view_latest(p->view, c->targetContainerName);
		if (!v || v->state != CS_RUNNING)
			return err_set(e, ERR_INVALID, "target container \"%.*s\" is not running", STR_F(c->targetContainerName));
		o->pid = NAMESPACE_TARGET;
		o->target_id = v->id;
	}
	return 0;
}

struct cri_v1_ContainerConfig *container_config(struct pod *p, struct arena *a, const struct core_v1_Container *c, uint32_t attempt, struct str image_ref,
	const struct cri_v1_Image *image, struct err *e)
{
	struct map *env = arena_make(a, struct map);
	struct cri_v1_ContainerConfig *cfg = arena_make(a, struct cri_v1_ContainerConfig);
	arena_defer(a, (void (*)(void *))map_fini, env);
	if (security_check_nonroot(p, c, image, e) || env_make(p, a, c, env, e) || volumes_mounts(p, a, c, env, cfg, e) || own_mounts(p, a, c, cfg, e))
		return NULL;
	cfg->metadata = arena_make(a, struct cri_v1_ContainerMetadata);
	*cfg->metadata = (struct cri_v1_ContainerMetadata){c->name, attempt};
	cfg->image = arena_make(a, struct cri_v1_ImageSpec);
	cfg->image->image = image_ref;
	cfg->image->user_specified_image = c->image;
	expand_all(a, &cfg->command, &c->command, env);
	expand_all(a, &cfg->args, &c->args, env);
	cfg->working_dir = c->workingDir;
	envs_of(a, env, cfg);
	label(p, a, c, &cfg->labels);
	annotate(p, a, c, attempt, &cfg->annotations);
	cfg->log_path = str_printf(a, "%.*s/%u.log", STR_F(c->name), attempt);
	io_of(c, cfg);
	cfg->linux_ = arena_make(a, struct cri_v1_LinuxContainerConfig);
	cfg->linux_->resources = resources_container(a, p, c);
	cfg->linux_->security_context = security_container(a, p, c, image);
	if (target_process(p, c->name, cfg->linux_->security_context->namespace_options, e))
		return NULL;
	return cfg;
}
