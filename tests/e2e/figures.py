"""What a node shows of itself: the kubelet's and kube-proxy's metrics."""
from lib import metrics
from lib.cluster import NODE, fetch
from lib.report import equal, need, until
from scenario import SLEEP, container, pod, scenario

KUBELET = """kubelet_node_name kubelet_running_pods kubelet_running_containers kubelet_runtime_operations_total kubelet_runtime_operations_duration_seconds
    kubelet_pleg_relist_duration_seconds kubelet_pleg_last_seen_seconds kubelet_pod_start_duration_seconds kubelet_pod_worker_duration_seconds
    kubelet_started_pods_total kubelet_started_containers_total kubelet_cgroup_version rest_client_requests_total rest_client_request_duration_seconds
    process_cpu_seconds_total process_resident_memory_bytes kubernetes_build_info"""
CADVISOR = """container_cpu_usage_seconds_total container_memory_working_set_bytes container_memory_usage_bytes container_memory_rss container_memory_cache
    container_memory_swap container_cpu_cfs_throttled_periods_total container_fs_usage_bytes container_fs_limit_bytes container_network_receive_bytes_total
    container_network_transmit_packets_dropped_total container_start_time_seconds container_oom_events_total machine_cpu_cores machine_memory_bytes"""


def page(t, path):
    return metrics.check(metrics.get(t.api, f"/api/v1/nodes/{NODE}/proxy{path}"), f"kubelet{path}")


@scenario
def kubelet_metrics(t):
    """A Pod that starts is counted, its probes and its groups' figures are there."""
    before = page(t, "/metrics")
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    t.run_ready(pod("p", container(command=["sh", "-c", "while :; do :; done"], readinessProbe=probe,
                                   resources={"requests": {"cpu": "10m"}, "limits": {"cpu": "100m", "memory": "64Mi"}})))
    after = page(t, "/metrics")
    equal(metrics.missing(after, KUBELET), [], "missing")
    for name, labels in (("kubelet_started_pods_total", {}), ("kubelet_started_containers_total", {"container_type": "container"}), ("kubelet_pod_start_duration_seconds_count", {}),
                         ("kubelet_runtime_operations_total", {"operation_type": "run_podsandbox"}), ("kubelet_pod_worker_duration_seconds_count", {"operation_type": "create"})):
        need(after.value(name, **labels) >= (before.value(name, **labels) or 0) + 1, f"{name} did not move")
    mine = {"namespace": t.ns, "pod": "p"}
    until("its probe is counted", lambda: (page(t, "/metrics/probes").value("prober_probe_total", probe_type="Readiness", result="successful", **mine) or 0) >= 1, 10)
    equal(page(t, "/metrics/slis").value("kubernetes_healthcheck", name="ping", type="healthz"), 1, "health")

    def used():
        resource, cadvisor = page(t, "/metrics/resource"), page(t, "/metrics/cadvisor")
        for name in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_start_time_seconds"):
            need(resource.value(name, container="c", **mine), f"{name} of the container")
            need(cadvisor.value(name, container="c", **mine), f"{name} of the container for cAdvisor")
        for name in ("pod_cpu_usage_seconds_total", "pod_memory_working_set_bytes"):
            need(resource.value(name, **mine), name)
        return resource, cadvisor

    resource, cadvisor = until("figures of the container", used, 15)
    equal((resource.value("resource_scrape_error"), resource.value("scrape_error")), (0, 0), "errors")
    need(resource.value("node_cpu_usage_seconds_total") > 0 and resource.value("node_memory_working_set_bytes") > 0, "figures of the node")
    equal(metrics.missing(cadvisor, CADVISOR), [], "missing")
    need(cadvisor.value("container_network_receive_bytes_total", interface="eth0", **mine) is not None, "traffic")
    equal(cadvisor.value("container_spec_memory_limit_bytes", container="c", **mine), 64 << 20, "memory limit")
    until("it was held back", lambda: page(t, "/metrics/cadvisor").value("container_cpu_cfs_throttled_periods_total", container="c", **mine) > 0, 15)
    t.kubectl("delete", "pod", "p")
    equal(page(t, "/metrics/probes").value("prober_probe_total", **mine), None, "probes of a Pod that is gone")


@scenario
def proxy_metrics(t):
    """A Service moves what kube-proxy counts."""
    read = lambda: metrics.check(fetch("http://127.0.0.1:10249/metrics").decode(), "kube-proxy/metrics")
    before = read()
    t.run_ready(pod("web", container(command=SLEEP), labels={"app": "web"}))
    t.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    for name in ("kubeproxy_sync_proxy_rules_service_changes_total", "kubeproxy_sync_proxy_rules_endpoint_changes_total", "kubeproxy_sync_proxy_rules_duration_seconds_count"):
        until(f"{name} moves", lambda n=name: read().value(n) > before.value(n), 15)
    page_now = read()
    need(page_now.value("kubeproxy_sync_proxy_rules_last_timestamp_seconds", ip_family="IPv4") > 1.6e9, "time of the last sync")
    need(page_now.value("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", ip_family="IPv4") > 1.6e9, "time of the last request")
    equal(metrics.missing(page_now, "rest_client_requests_total process_cpu_seconds_total kubernetes_build_info"), [], "missing")
    metrics.check(fetch("http://127.0.0.1:10249/metrics/slis").decode(), "kube-proxy/metrics/slis")
