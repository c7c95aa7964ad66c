#include "kubelet/node.h"
#include "schema/quantity.h"

static const char *arch(const struct kubelet *k) { return k->machine.architecture.p ? k->machine.architecture.p : "amd64"; }

void node_labels(struct kubelet *k, struct arena *a, struct str_map *ret)
{
	struct str cpu = str_dup(a, k->machine.architecture.n ? k->machine.architecture : str_of(arch(k)));
	str_map_set(a, ret, STR("beta.kubernetes.io/arch"), cpu);
	str_map_set(a, ret, STR("kubernetes.io/arch"), cpu);
	str_map_set(a, ret, STR("beta.kubernetes.io/os"), STR("linux"));
	str_map_set(a, ret, STR("kubernetes.io/os"), STR("linux"));
	str_map_set(a, ret, STR("kubernetes.io/hostname"), k->o.node_name);
	LIST_EACH(l, k->o.node_labels)
		str_map_set(a, ret, l->key, l->value);
}

/* ---- amounts */
static struct str bytes(struct arena *a, int64_t n)
{
	struct quantity q = quantity_int(n, QUANTITY_BINARY_SI);
	return quantity_str(a, &q);
}

static int64_t reserved(struct arena *a, const struct kubelet *k, struct str name)
{
	struct amounts s = amounts_of(a, &k->cfg->systemReserved), kube = amounts_of(a, &k->cfg->kubeReserved);
	return amounts_get(&s, name) + amounts_get(&kube, name);
}

/* A threshold such as "100Mi" or "10%". */
static int64_t threshold(const struct kubelet *k, const char *signal, int64_t capacity)
{
	struct str t = str_map_get(&k->cfg->evictionHard, str_of(signal));
	int64_t percent;
	if (str_has_suffix(t, STR("%")))
		return str_i64(str_sub(t, 0, t.n - 1), &percent) ? 0 : (int64_t)((double)capacity * (double)percent / 100);
	return t.n ? amount_parse(STR("memory"), t) : 0;
}

static void memory_and_disk(struct kubelet *k, struct arena *a, struct core_v1_NodeStatus *st)
{
	ERR(e);
	struct fs_stats fs = {0};
	int64_t mem = (int64_t)k->machine.memory_total, disk;
	if (fs_stats(str_z(a, k->o.root_dir), &fs, &e))
		fs.capacity = 0;
	disk = (int64_t)fs.capacity;
	str_map_set(a, &st->capacity, STR("memory"), bytes(a, mem));
	str_map_set(a, &st->capacity, STR("ephemeral-storage"), bytes(a, disk));
	mem -= reserved(a, k, STR("memory")) + threshold(k, "memory.available", mem);
	disk -= reserved(a, k, STR("ephemeral-storage")) + threshold(k, "nodefs.available", disk);
	struct quantity d = quantity_int(disk, QUANTITY_DECIMAL_SI);
	str_map_set(a, &st->allocatable, STR("memory"), bytes(a, mem > 0 ? mem : 0));
	str_map_set(a, &st->allocatable, STR("ephemeral-storage"), quantity_str(a, &d));
}

static void amounts(struct kubelet *k, struct arena *a, struct core_v1_NodeStatus *st)
{
	struct quantity all = quantity_int(k->machine.cpus, QUANTITY_DECIMAL_SI);
	struct quantity left = quantity_milli((int64_t)k->machine.cpus * 1000 - reserved(a, k, STR("cpu")), QUANTITY_DECIMAL_SI);
	str_map_set(a, &st->capacity, STR("cpu"), quantity_str(a, &all));
	str_map_set(a, &st->allocatable, STR("cpu"), quantity_str(a, &left));
	struct str_map *both[] = {&st->capacity, &st->allocatable};
	for (size_t i = 0; i < 2; i++) {
		str_map_set(a, both[i], STR("hugepages-1Gi"), bytes(a, (int64_t)k->machine.huge_1gi));
		str_map_set(a, both[i], STR("hugepages-2Mi"), bytes(a, (int64_t)k->machine.huge_2mi));
		str_map_set(a, both[i], STR("pods"), str_printf(a, "%d", k->cfg->maxPods));
	}
	memory_and_disk(k, a, st);
}

/* ---- conditions */
static void condition(struct arena *a, struct core_v1_NodeStatus *st, const struct core_v1_NodeStatus *old, const char *type, bool on, const char *reason, struct str message)
{
	struct core_v1_NodeCondition *c = arena_push(a, &st->conditions);
	struct api_time now = api_time_sec(rt_wall());
	*c = (struct core_v1_NodeCondition){.type = str_of(type), .status = on ? STR("True") : STR("False"), .reason = str_of(reason), .message = message,
		.lastHeartbeatTime = now, .lastTransitionTime = now};
	if (old)
		LIST_EACH(o, old->conditions)
			if (str_eq(o->type, c->type) && str_eq(o->status, c->status))
				c->lastTransitionTime = o->lastTransitionTime;
}

static void conditions(struct kubelet *k, struct arena *a, struct core_v1_NodeStatus *st, const struct core_v1_NodeStatus *old)
{
	bool ready = k->runtime_ready && k->network_ready;
	condition(a, st, old, "MemoryPressure", false, "KubeletHasSufficientMemory", STR("kubelet has sufficient memory available"));
	condition(a, st, old, "DiskPressure", false, "KubeletHasNoDiskPressure", STR("kubelet has no disk pressure"));
	condition(a, st, old, "PIDPressure", false, "KubeletHasSufficientPID", STR("kubelet has sufficient PID available"));
	struct str why = ready ? STR("kubelet is posting ready status") : str_dup(a, buf_view(&k->not_ready_why));
	condition(a, st, old, "Ready", ready, ready ? "KubeletReady" : "KubeletNotReady", why);
}

/* ---- the rest */
static void info(struct kubelet *k, struct arena *a, struct core_v1_NodeSystemInfo *i)
{
	const struct machine *m = &k->machine;
	*i = (struct core_v1_NodeSystemInfo){.machineID = m->machine_id, .systemUUID = m->system_uuid, .bootID = m->boot_id, .kernelVersion = m->kernel_version,
		.osImage = m->os_image, .containerRuntimeVersion = str_printf(a, "%.*s://%.*s", STR_F(k->runtime_name), STR_F(k->runtime_version)),
		.kubeletVersion = k->o.version, .operatingSystem = STR("linux"), .architecture = str_of(arch(k))};
}

struct core_v1_NodeStatus *node_status(struct kubelet *k, struct arena *a, const struct core_v1_NodeStatus *old)
{
	struct core_v1_NodeStatus *st = arena_make(a, struct core_v1_NodeStatus);
	struct core_v1_NodeAddress *ip = k->node_ip.n ? arena_push(a, &st->addresses) : NULL;
	if (ip)
		*ip = (struct core_v1_NodeAddress){STR("InternalIP"), k->node_ip};
	*arena_push(a, &st->addresses) = (struct core_v1_NodeAddress){STR("Hostname"), k->o.node_name};
	amounts(k, a, st);
	conditions(k, a, st, old);
	info(k, a, &st->nodeInfo);
	st->daemonEndpoints.kubeletEndpoint.Port = k->cfg->port;
	st->images = k->images;
	return st;
}

/* ---- images */
static int larger_first(const void *x, const void *y)
{
	const struct core_v1_ContainerImage *a = x, *b = y;
	return (b->sizeBytes > a->sizeBytes) - (b->sizeBytes < a->sizeBytes);
}

static void image(struct arena *a, core_v1_ContainerImage_list_t *l, const struct cri_v1_Image *i)
{
	struct core_v1_ContainerImage *o = arena_push(a, l);
	LIST_EACH(d, i->repo_digests)
		*arena_push(a, &o->names) = str_dup(a, *d);
	LIST_EACH(t, i->repo_tags)
		*arena_push(a, &o->names) = str_dup(a, *t);
	o->sizeBytes = (int64_t)i->size;
}

void node_images(struct kubelet *k)
{
	struct arena *a = arena_new(NULL), *mem = arena_new(NULL);
	ERR(e);
	struct cri_v1_ListImagesRequest req = {0};
	struct cri_v1_ListImagesResponse resp = {0};
	core_v1_ContainerImage_list_t l = {0};
	if (k->images_stale && cri_call(k->cri, a, CRI_LIST_IMAGES, &req, &resp, 0, &e) == 0) {
		LIST_EACH(i, resp.images)
			image(mem, &l, i);
		if (l.len)
			qsort(l.items, l.len, sizeof *l.items, larger_first);
		l.len = l.len > IMAGES_IN_STATUS ? IMAGES_IN_STATUS : l.len;
		struct arena *old = k->images_mem;
		k->images = l;
		k->images_mem = STEAL(mem);
		k->images_stale = false;
		arena_free(old);
	}
	arena_free(mem);
	arena_free(a);
}
