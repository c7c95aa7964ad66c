#include "kubelet/impl.h"

#define RUNTIME(name) "/runtime.v1.RuntimeService/" name
#define IMAGE(name) "/runtime.v1.ImageService/" name
#define OP(svc, m, label) {svc(#m), label, T_cri_v1_##m##Request, T_cri_v1_##m##Response}

static const struct {
	const char *path, *label;
	uint16_t req, resp;
} ops[CRI_OPS] = {
	[CRI_VERSION] = OP(RUNTIME, Version, "version"),
	[CRI_STATUS] = OP(RUNTIME, Status, "status"),
	[CRI_UPDATE_RUNTIME_CONFIG] = OP(RUNTIME, UpdateRuntimeConfig, "update_runtime_config"),
	[CRI_RUN_SANDBOX] = OP(RUNTIME, RunPodSandbox, "run_podsandbox"),
	[CRI_STOP_SANDBOX] = OP(RUNTIME, StopPodSandbox, "stop_podsandbox"),
	[CRI_REMOVE_SANDBOX] = OP(RUNTIME, RemovePodSandbox, "remove_podsandbox"),
	[CRI_SANDBOX_STATUS] = OP(RUNTIME, PodSandboxStatus, "podsandbox_status"),
	[CRI_LIST_SANDBOX] = OP(RUNTIME, ListPodSandbox, "list_podsandbox"),
	[CRI_CREATE] = OP(RUNTIME, CreateContainer, "create_container"),
	[CRI_START] = OP(RUNTIME, StartContainer, "start_container"),
	[CRI_STOP] = OP(RUNTIME, StopContainer, "stop_container"),
	[CRI_REMOVE] = OP(RUNTIME, RemoveContainer, "remove_container"),
	[CRI_LIST] = OP(RUNTIME, ListContainers, "list_containers"),
	[CRI_CONTAINER_STATUS] = OP(RUNTIME, ContainerStatus, "container_status"),
	[CRI_EXEC_SYNC] = OP(RUNTIME, ExecSync, "exec_sync"),
	[CRI_EXEC] = OP(RUNTIME, Exec, "exec"),
	[CRI_ATTACH] = OP(RUNTIME, Attach, "attach"),
	[CRI_PORT_FORWARD] = OP(RUNTIME, PortForward, "port_forward"),
	[CRI_REOPEN_LOG] = OP(RUNTIME, ReopenContainerLog, "reopen_container_log"),
	[CRI_LIST_STATS] = OP(RUNTIME, ListContainerStats, "list_container_stats"),
	[CRI_PULL] = OP(IMAGE, PullImage, "pull_image"),
	[CRI_IMAGE_STATUS] = OP(IMAGE, ImageStatus, "image_status"),
	[CRI_LIST_IMAGES] = OP(IMAGE, ListImages, "list_images"),
	[CRI_REMOVE_IMAGE] = OP(IMAGE, RemoveImage, "remove_image"),
	[CRI_IMAGE_FS] = OP(IMAGE, ImageFsInfo, "image_fs_info"),
};

struct cri *cri_new(const char *endpoint, nsec_t timeout, struct metric_set *metrics, struct err *e)
{
	struct grpc_opts o = {.url = endpoint, .codec = {pb_encode, pb_decode}};
	struct grpc_client *g = grpc_client_new(&o, e);
	if (!g)
		return NULL;
	struct cri *c = calloc(1, sizeof *c);
	if (!c)
		bug("out of memory");
	c->grpc = g;
	c->timeout = timeout;
	c->metrics = metrics;
	return c;
}

void cri_free(struct cri *c)
{
	if (!c)
		return;
	grpc_client_free(c->grpc);
	free(c);
}

static void count(struct cri *c, enum cri_op op, bool failed, mono_t began)
{
	const struct str *label = LABELS(str_of(ops[op].label));
	if (!c->counts[op].calls) {
		c->counts[op].calls = metric_counter(c->metrics, M_kubelet_runtime_operations_total, label);
		c->counts[op].duration = metric_histogram(c->metrics, M_kubelet_runtime_operations_duration_seconds, label);
	}
	if (failed && !c->counts[op].errors)
		c->counts[op].errors = metric_counter(c->metrics, M_kubelet_runtime_operations_errors_total, label);
	metric_add(c->counts[op].calls, 1);
	metric_observe(c->counts[op].duration, (double)(rt_now_exact() - began) / NS_S);
	if (failed)
		metric_add(c->counts[op].errors, 1);
}

int cri_call(struct cri *c, struct arena *a, enum cri_op op, const void *req, void *resp, nsec_t timeout, struct err *e)
{
	struct ref in = {desc_type(ops[op].req), (void *)req}, out = {desc_type(ops[op].resp), resp};
	mono_t began = rt_now_exact();
	int r = grpc_call(c->grpc, ops[op].path, in, out, a, began + (timeout ? timeout : c->timeout), NULL, e);
	count(c, op, r, began);
	return r;
}

struct str cri_error_text(const struct err *e)
{
	struct str m = e->message, mark = STR("desc = ");
	ptrdiff_t i = str_find(m, mark);
	return str_has_prefix(m, STR("rpc error:")) && i >= 0 ? str_sub(m, i + mark.n, m.n) : m;
}

bool cri_not_found(const struct err *e) { return err_is(e, ERR_NOT_FOUND); }
