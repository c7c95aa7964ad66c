/* What the kubelet has counted: /metrics, /metrics/probes, /metrics/slis. */
#include "client/process.h"
#include "kubelet/server.h"

void send_metrics(struct route *t, struct metric_set *set)
{
	BUF(out);
	metric_write(set, &out);
	metric_set_fini(set);
	resp_text(t->r, 200, METRIC_CONTENT_TYPE, buf_view(&out));
}

static void add(struct metric_set *to, enum metric m, const char *label) { *metric_counter(to, m, LABELS(str_of(label))) += 1; }

static void pods(struct kubelet *k, struct metric_set *to)
{
	static const char *const states[] = {[CS_CREATED] = "created", [CS_RUNNING] = "running", [CS_EXITED] = "exited", [CS_UNKNOWN] = "unknown"};
	struct map_entry *en;
	metric_put(to, M_kubelet_running_pods, NULL, 0);
	for (size_t i = 0; (en = map_next(&k->pods, &i));) {
		const struct pod *p = en->value;
		*metric_counter(to, M_kubelet_running_pods, NULL) += p->sandbox_ready && !p->stopped;
		add(to, M_kubelet_desired_pods, p->is_static ? "true" : "false");
		for (uint32_t c = 0; p->view && c < p->view->containers.len; c++)
			add(to, M_kubelet_running_containers, states[p->view->containers.items[c].state]);
	}
}

void serve_metrics(struct route *t)
{
	struct metric_set all = {0};
	struct kubelet *k = t->k;
	if (k->o.metrics)
		metric_merge(&all, k->o.metrics);
	process_metrics(&all);
	pods(k, &all);
	metric_put(&all, M_kubelet_node_name, LABELS(k->o.node_name), 1);
	metric_put(&all, M_kubelet_mirror_pods, NULL, (double)k->mirrors.n);
	metric_put(&all, M_kubelet_cgroup_version, NULL, k->cgroups->version == CGROUP_V2 ? 2 : 1);
	send_metrics(t, &all);
}

void serve_probe_metrics(struct route *t)
{
	struct metric_set all = {.max = SIZE_MAX};
	struct map_entry *en, *c;
	for (size_t i = 0; (en = map_next(&t->k->pods, &i));) {
		const struct pod *p = en->value;
		for (size_t j = 0; (c = map_next(&p->cmems, &j));)
			probes_metrics(c->value, &all);
	}
	send_metrics(t, &all);
}

void serve_slis(struct route *t)
{
	static const char *const checks[] = {"log", "ping", "syncloop"};
	struct metric_set all = {0};
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		process_health(&all, checks[i], "healthz", true);
	send_metrics(t, &all);
}
