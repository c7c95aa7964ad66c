/* Figures of the runtime: /stats/summary. */
#include "kubelet/server.h"
#include "base/enc.h"

static struct cri_v1_ListContainerStatsResponse *container_stats(struct route *t)
{
	ERR(e);
	struct cri_v1_ListContainerStatsRequest req = {0};
	struct cri_v1_ListContainerStatsResponse *resp = arena_make(t->q->arena, struct cri_v1_ListContainerStatsResponse);
	if (!cri_call(t->k->cri, t->q->arena, CRI_LIST_STATS, &req, resp, 0, &e))
		return resp;
	route_error(t, 500, "%s", err_text(&e));
	return NULL;
}

static uint64_t num(const struct cri_v1_UInt64Value *v) { return v ? v->value : 0; }
static uint64_t cpu_ns(const struct cri_v1_ContainerStats *s) { return s->cpu ? num(s->cpu->usage_core_nano_seconds) : 0; }
static uint64_t working_set(const struct cri_v1_ContainerStats *s) { return s->memory ? num(s->memory->working_set_bytes) : 0; }

/* ---- /stats/summary */
static struct value *object_with_time(struct arena *a)
{
	BUF(now);
	struct value *v = value_new(a, V_OBJECT);
	time_rfc3339(&now, rt_wall() / NS_S, 0, 0);
	value_set(a, v, STR("time"), value_str(a, str_dup(a, str_of(buf_z(&now)))));
	return v;
}

static void put(struct arena *a, struct value *v, const char *key, uint64_t n) { value_set(a, v, str_of(key), value_int(a, (int64_t)n)); }

static struct value *cpu_value(struct arena *a, uint64_t total, uint64_t rate)
{
	struct value *v = object_with_time(a);
	put(a, v, "usageNanoCores", rate);
	put(a, v, "usageCoreNanoSeconds", total);
	return v;
}

static struct value *container_value(struct arena *a, const struct cri_v1_ContainerStats *s)
{
	struct value *v = value_new(a, V_OBJECT), *mem = object_with_time(a), *fs = object_with_time(a);
	value_set(a, v, STR("name"), value_str(a, str_map_get(&s->attributes->labels, STR("io.kubernetes.container.name"))));
	value_set(a, v, STR("cpu"), cpu_value(a, cpu_ns(s), s->cpu ? num(s->cpu->usage_nano_cores) : 0));
	if (s->memory) {
		put(a, mem, "usageBytes", num(s->memory->usage_bytes));
		put(a, mem, "workingSetBytes", num(s->memory->working_set_bytes));
		put(a, mem, "rssBytes", num(s->memory->rss_bytes));
		put(a, mem, "pageFaults", num(s->memory->page_faults));
		put(a, mem, "majorPageFaults", num(s->memory->major_page_faults));
	}
	value_set(a, v, STR("memory"), mem);
	if (s->writable_layer) {
		put(a, fs, "usedBytes", num(s->writable_layer->used_bytes));
		put(a, fs, "inodesUsed", num(s->writable_layer->inodes_used));
		value_set(a, v, STR("rootfs"), fs);
	}
	return v;
}

static struct value *pod_value(struct arena *a, struct pod *p, const struct cri_v1_ListContainerStatsResponse *l)
{
	struct value *v = value_new(a, V_OBJECT), *ref = value_new(a, V_OBJECT), *list = value_new(a, V_LIST), *mem = object_with_time(a);
	uint64_t cpu = 0, ws = 0;
	value_set(a, ref, STR("name"), value_str(a, p->name));
	value_set(a, ref, STR("namespace"), value_str(a, p->ns));
	value_set(a, ref, STR("uid"), value_str(a, p->uid));
	LIST_EACH(s, l->stats) {
		if (!s->attributes || !str_eq(str_map_get(&s->attributes->labels, STR("io.kubernetes.pod.uid")), p->uid))
			continue;
		value_push(a, list, container_value(a, s));
		cpu += cpu_ns(s);
		ws += working_set(s);
	}
	put(a, mem, "workingSetBytes", ws);
	value_set(a, v, STR("podRef"), ref);
	value_set(a, v, STR("containers"), list);
	value_set(a, v, STR("cpu"), cpu_value(a, cpu, 0));
	value_set(a, v, STR("memory"), mem);
	return v;
}

static struct value *node_value(struct kubelet *k, struct arena *a)
{
	struct value *v = value_new(a, V_OBJECT), *mem = object_with_time(a), *fs = object_with_time(a);
	nsec_t cpu = 0;
	uint64_t total = 0, left = 0;
	struct fs_stats st = {0};
	value_set(a, v, STR("nodeName"), value_str(a, k->o.node_name));
	if (!machine_cpu(&cpu, NULL))
		value_set(a, v, STR("cpu"), cpu_value(a, (uint64_t)cpu, 0));
	if (!machine_memory(&total, &left, NULL)) {
		put(a, mem, "availableBytes", left);
		put(a, mem, "workingSetBytes", total - left);
		value_set(a, v, STR("memory"), mem);
	}
	if (!fs_stats(str_z(a, k->o.root_dir), &st, NULL)) {
		put(a, fs, "availableBytes", st.available);
		put(a, fs, "capacityBytes", st.capacity);
		put(a, fs, "usedBytes", st.used);
		put(a, fs, "inodesFree", st.inodes_free);
		put(a, fs, "inodes", st.inodes);
		value_set(a, v, STR("fs"), fs);
	}
	return v;
}

void serve_summary(struct route *t)
{
	struct arena *a = t->q->arena;
	struct value *root = value_new(a, V_OBJECT), *pods = value_new(a, V_LIST);
	struct map_entry *en;
	BUF(out);
	struct cri_v1_ListContainerStatsResponse *l = container_stats(t);
	if (!l)
		return;
	for (size_t i = 0; (en = map_next(&t->k->pods, &i));)
		value_push(a, pods, pod_value(a, en->value, l));
	value_set(a, root, STR("node"), node_value(t->k, a));
	value_set(a, root, STR("pods"), pods);
	json_write_pretty(&out, root, 2);
	resp_text(t->r, 200, "application/json", buf_view(&out));
}
