#!/usr/bin/env python3
"""c8s server without a node: its files, its start and end, its other names. server.py [NAME...]"""
import http.client, json, os, pathlib, signal, ssl, subprocess, sys, time

from lib import env, metrics
from lib.cluster import Cluster
from lib.proc import Process, descendants, parents
from lib.report import Report, cleanup, equal, need, selected, until
from kube import Api
from runtime import end_process, free_port, start_time

PKI = ["ca.crt", "ca.key", "apiserver.crt", "apiserver.key", "apiserver-kubelet-client.crt", "apiserver-kubelet-client.key",
       "front-proxy-ca.crt", "front-proxy-ca.key", "front-proxy-client.crt", "front-proxy-client.key", "sa.key", "sa.pub"]


def openssl(*args):
    return subprocess.run(["openssl", *[str(a) for a in args]], capture_output=True, text=True, check=True).stdout


def files(cluster):
    """Keys and certificates in kubeadm's layout; secrets for the owner alone."""
    found = {p.name: p for p in cluster.data.rglob("pki/*")}
    equal([n for n in PKI if n not in found], [], "missing in pki/")
    wide = [n for n, p in found.items() if n.endswith(".key") and p.stat().st_mode & 0o077]
    equal(wide, [], "keys that others can read")
    equal(oct(cluster.kubeconfig.stat().st_mode & 0o777), "0o600", "mode of the kubeconfig")
    names = openssl("x509", "-in", found["apiserver.crt"], "-noout", "-ext", "subjectAltName")
    for name in ("DNS:kubernetes.default.svc", "IP Address:127.0.0.1", "IP Address:10.96.0.1", "DNS:kubernetes,"):
        need(name in names, f"apiserver.crt lacks {name}: {names}")
    need("prime256v1" in openssl("x509", "-in", found["apiserver.crt"], "-noout", "-text"), "not P-256")
    for cert, ca in (("apiserver", "ca"), ("apiserver-kubelet-client", "ca"), ("front-proxy-client", "front-proxy-ca")):
        need(": OK" in openssl("verify", "-CAfile", found[f"{ca}.crt"], found[f"{cert}.crt"]), f"{cert} is not by {ca}")


def names_in_ps(cluster):
    """The processes can be told apart."""
    names = {pathlib.Path(f"/proc/{p}/comm").read_text().strip() for p in cluster.pids()}
    need(len(names) == len(cluster.pids()) or len(cluster.pids()) == 1, f"processes are named {sorted(names)}")


def kubernetes_service(cluster):
    """The Service `kubernetes` has its address, Endpoints and slice."""
    equal(cluster.api.get("/api/v1/namespaces/default/services/kubernetes")["spec"]["clusterIP"], "10.96.0.1", "address")
    until("its Endpoints", lambda: cluster.api.get("/api/v1/namespaces/default/endpoints/kubernetes")["subsets"][0]["addresses"], 10)
    need({"default", "kube-system", "kube-public", "kube-node-lease"} <= {n["metadata"]["name"] for n in cluster.api.get("/api/v1/namespaces")["items"]}, "namespaces")


def anonymous(cluster):
    """Without a certificate there is health, and nothing else."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    api = Api(f"https://127.0.0.1:{cluster.port}", context)
    equal([api.raw("GET", p)[0] for p in ("/healthz", "/livez", "/readyz", "/version")], [200] * 4, "health")
    closed = ("/", "/api", "/apis", "/api/v1/pods", "/metrics", "/metrics/slis", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/.well-known/openid-configuration",
              "/debug/pprof/", "/statusz", "/flagz", "/logs/", "/nothing", "/api/v1/nodes/x/proxy/", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    equal([p for p in closed if api.raw("GET", p)[0] != 403], [], "paths that are not closed")


def aggregated_roles(cluster):
    """The roles that are given to people hold the rules of their parts; a new part is added."""
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    until("rules of admin", lambda: len(cluster.api.get(f"{roles}/admin")["rules"] or []) > 20, 10)
    cluster.api.post(roles, {"metadata": {"name": "part", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
                             "rules": [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}]})
    until("the new part in view", lambda: any(r["apiGroups"] == ["example.com"] for r in cluster.api.get(f"{roles}/view")["rules"]), 10)


def authentication_settings(cluster):
    """Aggregated servers find the CA and the front proxy's headers in kube-system."""
    data = cluster.api.get("/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")["data"]
    need("BEGIN CERTIFICATE" in data["client-ca-file"] and "BEGIN CERTIFICATE" in data["requestheader-client-ca-file"], "certificates")
    equal(json.loads(data["requestheader-username-headers"]), ["X-Remote-User"], "headers")


def restart(cluster):
    """After SIGTERM, which ends it with 0, the same objects, revision and keys are there."""
    made = cluster.api.post("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "kept"}, "data": {"k": "v"}})
    ca = next(cluster.data.rglob("pki/ca.crt")).read_bytes()
    children = descendants(cluster.server.pid)
    began = time.monotonic()
    equal(cluster.stop_server(), 0, "exit status on SIGTERM")
    need(time.monotonic() - began < 8, f"the end took {time.monotonic() - began:.1f} s")
    left = [p for p in children if start_time(p)]
    need(not left, f"processes left: {left}")
    cluster.start_server()
    kept = cluster.api.get("/api/v1/namespaces/default/configmaps/kept")
    equal((kept["metadata"]["uid"], kept["metadata"]["resourceVersion"], kept["data"]), (made["metadata"]["uid"], made["metadata"]["resourceVersion"], {"k": "v"}), "object")
    equal(next(cluster.data.rglob("pki/ca.crt")).read_bytes(), ca, "CA")


def child_restarted(cluster):
    """A child process that dies is started again, or ends the whole with an error; it is not just missing."""
    children = descendants(cluster.server.pid)
    if not children:
        raise env.Skip("one process only")
    os.kill(children[-1], signal.SIGKILL)
    time.sleep(1)
    if cluster.server.alive():
        until("as many processes as before", lambda: len(descendants(cluster.server.pid)) >= len(children), 10)
        until("it answers", cluster.api.ready, 10)
    else:
        need(cluster.server.child.returncode != 0, "it ended with 0")
        cluster.start_server()


def metric_facts(_):
    """What is said of metrics is what upstream says of them."""
    try:
        reference = {m["name"]: m for m in json.loads((env.shared() / "schema/metrics.json").read_text())["metrics"]}
    except OSError:
        raise env.Skip("no recorded facts") from None
    wrong = []
    for m in metrics.FACTS:
        r = reference.get(m["name"])
        if not r or "id" in m or "stability" not in m:
            continue
        mine = [m.get(k) or [] for k in ("type", "stability", "labels")]
        buckets = [float(b) for b in r.get("buckets", m.get("buckets", []))]
        if mine != [r.get(k) or [] for k in ("type", "stability", "labels")] or buckets != m.get("buckets", []):
            wrong.append(m["name"])
    equal(wrong, [], "metrics that differ")


CONTROL_PLANE = ("kube-apiserver/metrics", "kube-controller-manager/metrics", "kube-scheduler/metrics")
ALERTED = """apiserver_request_total apiserver_request_duration_seconds apiserver_request_sli_duration_seconds apiserver_response_sizes
    apiserver_current_inflight_requests apiserver_storage_objects apiserver_storage_size_bytes apiserver_storage_events_received_total
    apiserver_admission_step_admission_duration_seconds apiserver_admission_controller_admission_duration_seconds apiserver_client_certificate_expiration_seconds
    apiserver_flowcontrol_dispatched_requests_total apiserver_flowcontrol_current_executing_requests etcd_request_duration_seconds
    workqueue_adds_total workqueue_depth workqueue_queue_duration_seconds workqueue_work_duration_seconds running_managed_controllers
    scheduler_pending_pods scheduler_schedule_attempts_total scheduler_scheduling_attempt_duration_seconds scheduler_queue_incoming_pods_total
    scheduler_framework_extension_point_duration_seconds scheduler_pod_scheduling_attempts scheduler_pod_scheduling_sli_duration_seconds
    process_cpu_seconds_total process_resident_memory_bytes process_start_time_seconds process_max_fds kubernetes_build_info kubernetes_feature_enabled"""


def control_plane_metrics(cluster):
    """Every series is as upstream's, what alerts look for is there, and what is done is counted."""
    page = lambda: metrics.check(metrics.get(cluster.api, "/metrics"), *CONTROL_PLANE)
    create = {"resource": "secrets", "verb": "POST", "code": "201"}
    before = page()
    cluster.api.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "counted"}})
    after = page()
    equal((after.value("apiserver_request_total", **create) or 0) - (before.value("apiserver_request_total", **create) or 0), 1, "creates counted")
    equal(after.value("apiserver_storage_events_received_total", resource="secrets") - before.value("apiserver_storage_events_received_total", resource="secrets"), 1, "events")
    equal(after.value("apiserver_current_inflight_requests", request_kind="readOnly"), 1, "this request")
    equal(after.value("apiserver_flowcontrol_current_executing_requests"), 1, "this request for flow control")
    watch = cluster.api.watch("/api/v1/namespaces?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
    next(e for e in watch if e["type"] == "BOOKMARK")
    during = page()
    equal(during.value("apiserver_longrunning_requests", resource="namespaces", verb="WATCH"), 1, "open watches")
    equal(during.value("apiserver_watch_list_duration_seconds_count", resource="namespaces"), 1, "lists that were watches")
    need(during.value("apiserver_watch_events_total", resource="namespaces") >= 4, "events sent")
    watch.close()
    cluster.api.post("/api/v1/nodes", {"metadata": {"name": "counted"}})
    cluster.api.patch("/api/v1/nodes/counted/status", {"status": {"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "10"}, "conditions": [{"type": "Ready", "status": "True"}]}})
    cluster.api.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "counted"}, "spec": {"tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "i"}]}})
    until("the Pod is counted as scheduled", lambda: page().value("scheduler_schedule_attempts_total", result="scheduled") == 1, 15)
    last = page()
    equal(metrics.missing(last, ALERTED), [], "missing")
    equal(last.value("scheduler_pod_scheduling_attempts_count"), 1, "scheduled Pods")
    need(last.value("workqueue_adds_total", name="node_lifecycle_controller") > (before.value("workqueue_adds_total", name="node_lifecycle_controller") or 0), "the node was queued")
    cluster.api.delete("/api/v1/namespaces/default/pods/counted", gracePeriodSeconds=0)
    cluster.api.delete("/api/v1/nodes/counted")
    slis = metrics.check(metrics.get(cluster.api, "/metrics/slis"), "kube-apiserver/metrics/slis")
    equal(slis.value("kubernetes_healthcheck", name="ping", type="livez"), 1, "health")


def standalone_metrics(cluster):
    """Components alone show theirs on their own ports, to those who may."""
    common = "process_cpu_seconds_total kubernetes_build_info rest_client_requests_total rest_client_request_duration_seconds"
    for name, more, extra in (("kube-controller-manager", "workqueue_depth running_managed_controllers", ["--controllers=ttl", "--leader-elect=false"]),
                              ("kube-scheduler", "scheduler_pending_pods scheduler_cache_size leader_election_master_status", [])):
        port = free_port()
        process = Process(f"{name} counted", [env.c8s(), name, f"--kubeconfig={cluster.kubeconfig}", f"--secure-port={port}", "--bind-address=127.0.0.1",
                          *extra], cluster.folder / f"{name}-metrics.log").start()
        try:
            api = metrics.port_api(cluster.kubeconfig, port)
            process.wait_ready(api.ready, 10)
            page = until("its series", lambda a=api, n=name, m=more: (p := metrics.check(metrics.get(a, "/metrics"), f"{n}/metrics")) and not metrics.missing(p, m) and p, 10)
            equal(metrics.missing(page, f"{common} {more}"), [], f"missing of {name}")
            need(page.value("rest_client_requests_total", code="200", method="GET") > 0, "calls were not counted")
            metrics.check(metrics.get(api, "/metrics/slis"), f"{name}/metrics/slis")
        finally:
            process.stop()


def pod_resources(cluster):
    """The scheduler shows what Pods ask for."""
    port = free_port()
    cluster.api.post("/api/v1/namespaces/default/pods", {"metadata": {"name": "asks"}, "spec": {"containers": [
        {"name": "c", "image": "i", "resources": {"requests": {"cpu": "250m", "memory": "1Mi"}, "limits": {"cpu": "1"}}}]}})
    process = Process("kube-scheduler resources", [env.c8s(), "kube-scheduler", f"--kubeconfig={cluster.kubeconfig}", f"--secure-port={port}", "--bind-address=127.0.0.1",
                      "--leader-elect=false"], cluster.folder / "scheduler-resources.log").start()
    try:
        api = metrics.port_api(cluster.kubeconfig, port)
        process.wait_ready(api.ready, 10)
        page = until("the Pod", lambda: (p := metrics.check(metrics.get(api, "/metrics/resources"), "kube-scheduler/metrics/resources")) and p.families and p, 10)
        ask = {"pod": "asks", "namespace": "default", "scheduler": "default-scheduler"}
        equal(page.value("kube_pod_resource_request", resource="cpu", unit="cores", **ask), 0.25, "cpu")
        equal(page.value("kube_pod_resource_request", resource="memory", unit="bytes", **ask), 1 << 20, "memory")
        equal(page.value("kube_pod_resource_limit", resource="cpu", unit="cores", **ask), 1, "limit")
    finally:
        process.stop()
        cluster.api.delete("/api/v1/namespaces/default/pods/asks", gracePeriodSeconds=0)


def standalone_scheduler(cluster):
    """Two schedulers beside the API server: one works, the other takes over; strangers see their health only."""
    ports = [free_port(), free_port()]
    flags = ["--bind-address=127.0.0.1", "--leader-elect-lease-duration=4s", "--leader-elect-renew-deadline=3s", "--leader-elect-retry-period=1s"]
    both = [Process(f"kube-scheduler {i}", [env.c8s(), "kube-scheduler", f"--kubeconfig={cluster.kubeconfig}", f"--secure-port={port}", *flags],
                    cluster.folder / f"scheduler-{i}.log").start() for i, port in enumerate(ports)]

    def get(port, path):
        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl._create_unverified_context())
        c.request("GET", path)
        return c.getresponse().status

    def holder():
        return cluster.api.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler")["spec"]["holderIdentity"]

    try:
        for process, port in zip(both, ports):
            process.wait_ready(lambda p=port: get(p, "/healthz") == 200, 10)
            equal(get(port, "/metrics"), 403, "metrics for a stranger")
        until("a leader", lambda: sum("leading as" in p.tail(50) for p in both) == 1, 10)
        first, leader = holder(), next(p for p in both if "leading as" in p.tail(50))
        equal(leader.stop(), 0, "exit status on SIGTERM")
        until("the other one leads", lambda: holder() not in (first, ""), 10)
    finally:
        for process in both:
            process.stop()


def control_plane_privileges(cluster):
    """As root the control plane runs as another user, without capabilities, behind a system call filter."""
    if os.geteuid():
        raise env.Skip("not root")
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{descendants(cluster.server.pid)[0]}/status").read_text().splitlines() if ":" in line)
    need("0" not in status["Uid"].split(), f"user {status['Uid']}")
    equal((int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"].strip(), status["Seccomp"].strip()), (0, 0, "1", "2"), "privileges")


def detach(_):
    """--detach returns when the API is ready, and the server goes on."""
    folder, port = env.busy("detach"), free_port()
    r = subprocess.run([env.c8s(), "server", "--data-dir", str(folder / "data"), "--secure-port", str(port), "--disable-agent", "--write-kubeconfig", str(folder / "kc"), "--detach"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    mine = [p for p in parents() if str(folder / "data").encode() in command_line(p)]
    try:
        equal(r.returncode, 0, f"exit status ({r.stderr.strip()[-200:]})")
        need(Api.from_kubeconfig(folder / "kc").ready(), "not ready when --detach returned")
        need(mine, "no process has its data directory on the command line")
    finally:
        for p in sorted(mine):
            end_process(p, start_time(p))


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def other_names(cluster):
    """A symlink named kubectl is kubectl; --version and help exist."""
    link = cluster.folder / "kubectl"
    link.symlink_to(env.c8s())
    r = subprocess.run([str(link), "--kubeconfig", str(cluster.kubeconfig), "get", "namespaces", "-o", "json"], capture_output=True, text=True, check=False)
    need(r.returncode == 0 and "kube-system" in json.dumps(json.loads(r.stdout)), r.stderr)
    for words in (["--help"], ["server", "--help"], ["--version"], ["kube-apiserver", "--version"]):
        r = subprocess.run([env.c8s(), *words], capture_output=True, text=True, check=False, timeout=10)
        need(r.returncode == 0 and r.stdout.strip(), f"c8s {' '.join(words)}: {r.returncode} {r.stderr[-200:]}")


def complete(script, words, environment):
    """What bash offers for the last of words once script was sourced."""
    code = f'source <({script}); COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); "$(complete -p "$1" | sed "s/.* -F \\([^ ]*\\) .*/\\1/")"; printf "%s\\n" "${{COMPREPLY[@]}}"'
    r = subprocess.run(["bash", "-c", code, "bash", *words], capture_output=True, text=True, check=False, timeout=20, env=environment)
    need(not r.stderr, r.stderr)
    return r.stdout.split()


def completion(cluster):
    """bash completes the words of c8s and of kubectl, and the names of objects."""
    folder = cluster.folder / "bin"
    folder.mkdir()
    for name in ("c8s", "kubectl"):
        (folder / name).symlink_to(env.c8s())
    environment = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)}
    for script, words, offered in (("c8s completion bash", ["c8s", "kube-s"], "kube-scheduler"), ("kubectl completion bash", ["kubectl", "roll"], "rollout"),
                                   ("kubectl completion bash", ["kubectl", "rollout", "st"], "status"), ("kubectl completion bash", ["kubectl", "get", "--show-l"], "--show-labels"),
                                   ("kubectl completion bash", ["kubectl", "get", "namesp"], "namespaces"), ("kubectl completion bash", ["kubectl", "get", "ns", "kube-p"], "kube-public")):
        found = complete(script, words, environment)
        need(offered in found, f"{words}: {found}")


CASES = {f.__name__: f for f in (files, names_in_ps, kubernetes_service, anonymous, aggregated_roles, authentication_settings, restart,
                                 child_restarted, metric_facts, control_plane_metrics, standalone_metrics, pod_resources, standalone_scheduler, control_plane_privileges, detach, other_names, completion)}


def main():
    report = Report()
    report.require("server", env.c8s)
    with cleanup() as stack:
        cluster = Cluster(env.busy("server"), agent=False)
        stack.callback(cluster.stop)
        report.run("server/start", cluster.start)
        for name in selected(CASES, sys.argv[1:]) if not report.failed else ():
            report.run(f"server/{name}", CASES[name], cluster)
    report.finish()


if __name__ == "__main__":
    main()
