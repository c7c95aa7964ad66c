#include "client/process.h"

#include "base/version.h"
#include "os/proc.h"
#include "schema/desc.h"
#include "schema/metric.h"
#include <sys/resource.h>
#include <unistd.h>

static void process(struct metric_set *to)
{
	struct process_facts p;
	struct rlimit files;
	nsec_t cpu;
	if (proc_cpu(getpid(), &cpu, NULL) == 0)
		metric_put(to, M_process_cpu_seconds_total, NULL, (double)cpu / NS_S);
	if (proc_facts(getpid(), &p, NULL) == 0) {
		metric_put(to, M_process_resident_memory_bytes, NULL, (double)p.resident);
		metric_put(to, M_process_virtual_memory_bytes, NULL, (double)p.virtual_);
		metric_put(to, M_process_open_fds, NULL, (double)p.open_fds);
		metric_put(to, M_process_start_time_seconds, NULL, (double)p.started / NS_S);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		metric_put(to, M_process_max_fds, NULL, (double)files.rlim_cur);
}

static void gates(struct metric_set *to)
{
	static const char *const stages[] = {[GATE_ALPHA] = "ALPHA", [GATE_BETA] = "BETA", [GATE_GA] = "", [GATE_DEPRECATED] = "DEPRECATED"};
	const struct gate *g;
	size_t n = desc_gates(&g);
	for (size_t i = 0; i < n; i++)
		metric_put(to, M_kubernetes_feature_enabled, LABELS(desc_str(g[i].name), str_of(stages[g[i].stage])), g[i].on);
}

void process_metrics(struct metric_set *to)
{
	process(to);
	gates(to);
	metric_put(to, M_kubernetes_build_info, LABELS(STR(BUILD_DATE), STR(BUILD_COMPILER), STR(""), STR(BUILD_TREE), STR(C8S_VERSION), STR(BUILD_GO),
		STR(VERSION_MAJOR), STR(VERSION_MINOR), STR(BUILD_PLATFORM)), 1);
}

void process_health(struct metric_set *to, const char *name, const char *type, bool ok)
{
	metric_put(to, M_kubernetes_healthcheck, LABELS(str_of(name), str_of(type)), ok);
	metric_put(to, M_kubernetes_healthchecks_total, LABELS(str_of(name), str_of(ok ? "success" : "error"), str_of(type)), 1);
}
