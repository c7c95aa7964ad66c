"""What the kubelet makes of a runtime that dies, a registry that hangs, hooks that do not end, and other trouble around Pods."""
import json, os, pathlib, signal, socket, time

from kube import condition
from lib.cluster import NODE
from lib.proc import cpu_seconds
from lib.report import equal, need, until
from runtime import wait_until
from scenario import SLEEP, container, nginx, pod, scenario


def runtime_dies(runtime):
    os.kill(runtime.state()["processes"]["containerd"]["pid"], signal.SIGKILL)
    wait_until("containerd lives on", 5, lambda: not runtime.alive("containerd"))


def runtime_comes(runtime):
    runtime.spawn("containerd", ["containerd", "--config", str(runtime.dir / "containerd.toml")])
    wait_until("containerd does not become ready", 20, runtime.runtime_answers)


@scenario(serial=True)
def runtime_restarts(t):
    """containerd dies and comes back: what runs is left alone, the node says so meanwhile and burns no CPU, and what was asked for is done then."""
    t.run_ready(nginx("stays"))
    t.run_ready(pod("goes"))
    kept, gone = t.container_id("stays"), t.container_id("goes")
    runtime_dies(t.cluster.runtime)
    try:
        t.kubectl("delete", "pod", "goes", "--wait=false")
        t.apply(pod("late"))
        node = lambda: condition(t.api.get(f"/api/v1/nodes/{t.get_pod('stays')['spec']['nodeName']}"), "Ready")
        until("the node is not ready", lambda: node() == "False", 15)
        pid = t.cluster.component("node")
        before = cpu_seconds([pid])
        time.sleep(3)
        spent = cpu_seconds([pid]) - before
        need(t.api.exists(t.path("pods", "goes")), "a Pod is gone from the API whose container may run")
    finally:
        runtime_comes(t.cluster.runtime)
    until("the node is ready", lambda: node() == "True", 15)
    t.wait_gone("goes")
    until("the container of the deleted Pod is gone", lambda: gone not in [c["id"] for c in t.cluster.runtime.cri.containers()], 15)
    t.wait_ready("late")
    equal((t.container_id("stays"), t.wait_ready("stays")["status"]["containerStatuses"][0]["restartCount"]), (kept, 0), "container and restarts")
    need(spent < 0.3, f"the node's process took {spent:.1f} s of CPU in 3 s without a runtime")


@scenario
def hanging_registry(t):
    """A Pod whose image is being pulled from a registry that never answers can be deleted."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        t.apply(pod("p", container(image=f"127.0.0.1:{s.getsockname()[1]}/never:1")))
        until("the pull began", lambda: "Pulling" in t.events("p"), 10)
        began = time.monotonic()
        t.kubectl("delete", "pod", "p")
        need(time.monotonic() - began < 8, f"it took {time.monotonic() - began:.1f} s")


@scenario
def hanging_hooks(t):
    """Hooks that do not end hold a Pod no longer than its grace period."""
    forever = {"exec": {"command": ["sleep", "1000"]}}
    t.apply(pod("post", container(command=SLEEP, lifecycle={"postStart": forever})))
    t.run_ready(pod("pre", container(command=SLEEP, lifecycle={"preStop": forever})))
    until("the hook runs", lambda: "Started" in t.events("post"), 20)
    for name in ("post", "pre"):
        began = time.monotonic()
        t.kubectl("delete", "pod", name)
        need(time.monotonic() - began < 12, f"{name} took {time.monotonic() - began:.1f} s, the grace period is 2 s")


@scenario
def readiness_until_the_end(t):
    """Readiness is probed until the container ends, liveness only until the Pod is deleted."""
    script = "touch /tmp/ready; trap 'rm /tmp/ready; sleep 6; exit 0' TERM; while :; do sleep 0.1; done"
    check = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    p = pod("p", container(command=["sh", "-c", script], readinessProbe=check, livenessProbe=check))
    p["spec"]["terminationGracePeriodSeconds"] = 20
    t.run_ready(p)
    t.kubectl("delete", "pod", "p", "--wait=false")

    def draining():
        q = t.get_pod("p")
        return "running" in q["status"]["containerStatuses"][0]["state"] and condition(q, "Ready") == "False"
    until("the Pod that drains is not ready", draining, 6)
    began = time.monotonic()
    t.wait_gone("p", 15)
    need(time.monotonic() - began > 2, "the liveness probe ended it")


@scenario
def probes_end_with_the_container(t):
    """A container that has ended is not probed any more, though others of its Pod run on."""
    check = {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 1}
    t.apply(pod("p", container("ends", command=["sleep", "2"], livenessProbe=check, readinessProbe=check), container("stays", command=SLEEP), restartPolicy="Never"))
    ended = lambda: any("terminated" in s["state"] for s in t.get_pod("p")["status"]["containerStatuses"])
    until("one container has ended", ended, 20)
    time.sleep(4)
    need("Unhealthy" not in t.events("p"), f"events: {t.events('p')}")


@scenario
def sidecar_hooks(t):
    """On deletion a sidecar's preStop hook runs at once, its SIGTERM comes after the main container has ended, and within the grace period."""
    host = t.folder / "d"
    host.mkdir()
    script = lambda what, more: ["sh", "-c", f"trap '{more}echo {what} >> /d/log; exit 0' TERM; while :; do sleep 0.1; done"]
    log = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /d/log"]}}}
    p = pod("p", container("main", command=script("main", "sleep 2; "), **log), volumes=[{"name": "d", "hostPath": {"path": str(host)}}],
            initContainers=[container("side", command=script("side", ""), restartPolicy="Always", lifecycle=hook, **log)])
    p["spec"]["terminationGracePeriodSeconds"] = 20
    t.run_ready(p)
    began = time.monotonic()
    t.kubectl("delete", "pod", "p")
    equal((host / "log").read_text().split(), ["hook", "main", "side"], "order")
    need(time.monotonic() - began < 10, f"it took {time.monotonic() - began:.1f} s")


@scenario
def no_grace(t):
    """Even without a grace period a process is asked to end before it is killed."""
    host = t.folder / "d"
    host.mkdir()
    p = pod("p", container(command=["sh", "-c", "trap 'touch /d/asked; exit 0' TERM; while :; do sleep 0.1; done"], volumeMounts=[{"name": "d", "mountPath": "/d"}]),
            volumes=[{"name": "d", "hostPath": {"path": str(host)}}])
    p["spec"]["terminationGracePeriodSeconds"] = 0
    t.run_ready(p)
    time.sleep(0.5)
    t.kubectl("delete", "pod", "p")
    until("it was asked", (host / "asked").exists, 5)


def create_only(t, uid, name):
    """As a kubelet would that dies before it starts the container."""
    cri = t.cluster.runtime.cri
    sandbox = next(s["id"] for s in cri.sandboxes() if s["uid"] == uid)
    labels = [{1: f"io.kubernetes.{k}", 2: v} for k, v in (("pod.name", "p"), ("pod.namespace", t.ns), ("pod.uid", uid), ("container.name", name))]
    cri.create(sandbox, {1: {1: name, 2: 7}, 2: {1: "busybox:1.36"}, 3: ["true"], 9: labels}, {1: {1: "p", 2: uid, 3: t.ns}, 3: "/tmp"})
    return sandbox


@scenario
def created_only(t):
    """A container that was made but never started holds no Pod back, neither at its end nor, as an init container, at its start."""
    sandbox = create_only(t, t.run_ready(pod("p"))["metadata"]["uid"], "c")
    t.kubectl("delete", "pod", "p")
    need(sandbox not in [s["id"] for s in t.cluster.runtime.cri.sandboxes() if s["ready"]], "its sandbox is still there")
    t.apply(pod("p", initContainers=[container("i", image="registry.k8s.io/no-such-image:1", command=["true"])]))
    until("the image is missed", lambda: "Failed" in t.events("p"), 30)
    create_only(t, t.get_pod("p")["metadata"]["uid"], "i")
    change = {"spec": {"initContainers": [{"name": "i", "image": "busybox:1.36"}]}}
    t.api.patch(t.path("pods", "p"), change, "application/strategic-merge-patch+json")
    t.wait_ready("p", 30)


@scenario(serial=True)
def api_away(t):
    """While the API server does not answer, containers run on and are started again; afterwards it is told all of it."""
    folder = {"volumes": [{"name": "d", "hostPath": {"path": str(t.folder)}}]}
    until_file = lambda name, code: container(command=["sh", "-c", f"while [ ! -e /d/{name} ]; do sleep 0.1; done; rm /d/{name}; exit {code}"],
                                              volumeMounts=[{"name": "d", "mountPath": "/d"}])
    t.run_ready(nginx("stays"))
    t.run_ready(pod("again", until_file("again", 1), **folder))
    t.run_ready(pod("ends", until_file("ends", 3), restartPolicy="Never", **folder))
    kept, first = t.container_id("stays"), t.container_id("again")
    control = t.cluster.component("control-plane")
    os.kill(control, signal.SIGSTOP)
    try:
        (t.folder / "again").write_text("")
        (t.folder / "ends").write_text("")
        running = lambda: [c for c in t.cluster.runtime.cri.containers() if c["name"] == "c" and c["attempt"] == 1 and c["state"] == 1]
        until("the container runs again without an API server", running, 15)
        time.sleep(8)
    finally:
        os.kill(control, signal.SIGCONT)
    p = t.wait_phase("ends", "Failed", 20)
    equal(p["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3, "exit code")
    until("the restart is told", lambda: t.get_pod("again")["status"]["containerStatuses"][0]["restartCount"] == 1, 20)
    need(t.container_id("again") != first and t.container_id("stays") == kept, "containers")
    t.wait_ready("stays")


@scenario(serial=True)
def node_killed_in_grace(t):
    """A kubelet that dies while a Pod ends goes on with that when it is back; the process gets its time."""
    p = pod("p", container(command=["sh", "-c", "trap 'sleep 5; touch /d/end; exit 0' TERM; while :; do sleep 0.1; done"], volumeMounts=[{"name": "d", "mountPath": "/d"}]),
            volumes=[{"name": "d", "hostPath": {"path": str(t.folder)}}])
    p["spec"]["terminationGracePeriodSeconds"] = 25
    t.run_ready(p)
    t.kubectl("delete", "pod", "p", "--wait=false")
    time.sleep(1)
    t.cluster.kill("node")
    t.wait_gone("p", 20)
    need((t.folder / "end").exists(), "the process was killed before its time")


@scenario
def same_name_again(t):
    """A Pod that is deleted at once and made again under the same name is another Pod, and nothing of the first stays."""
    uids = set()
    for _ in range(4):
        t.api.post(t.path("pods"), nginx("p"))
        uids.add(t.wait_ready("p")["metadata"]["uid"])
        t.api.delete(t.path("pods", "p"), gracePeriodSeconds=0)
    t.api.post(t.path("pods"), nginx("p"))
    p = t.wait_ready("p")
    need(len(uids) == 4 and p["metadata"]["uid"] not in uids, f"uids {uids}")
    mine = lambda: [s["uid"] for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns]
    until("only the last one's sandbox is there", lambda: mine() == [p["metadata"]["uid"]], 20)
    need(b"Welcome" in t.page(p["status"]["podIP"]), "no page")


@scenario(serial=True)
def static_pod_changes(t):
    """A changed manifest is another Pod under the same name; one that changed while the node was away too; one that is gone takes its mirror along."""
    t.cluster.manifests.mkdir(exist_ok=True)
    part, file, name = t.cluster.manifests / ".changes.json", t.cluster.manifests / "changes.json", f"changes-{NODE}"

    def write(version):
        p = pod("changes", container(command=SLEEP, env=[{"name": "V", "value": version}]))
        p["metadata"]["namespace"] = t.ns
        part.write_text(json.dumps(p))
        part.rename(file)

    def shows(version):
        p = t.get_pod(name)
        need(condition(p, "Ready") == "True", "not ready")
        return p["spec"]["containers"][0]["env"][0]["value"] == version
    try:
        write("one")
        until("the first is Ready", lambda: shows("one"), 30)
        write("two")
        until("the second is Ready", lambda: shows("two"), 30)
        t.cluster.pause("node")
        write("three")
        t.cluster.kill("node")
        until("the third is Ready", lambda: shows("three"), 30)
        mine = lambda: [s for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns and s["ready"]]
        until("only the third runs", lambda: len(mine()) == 1, 20)
    finally:
        file.unlink(missing_ok=True)
    t.wait_gone(name, 30)
    until("nothing runs", lambda: not mine(), 20)


@scenario
def many_containers(t):
    """A Pod of ten containers and three init containers; it starts in one go and ends in one grace period."""
    inits = [container(f"i{i}", command=["true"]) for i in range(3)]
    t.run_ready(pod("p", *[container(f"c{i}", command=SLEEP) for i in range(10)], initContainers=inits), 60)
    t.kubectl("exec", "p", "-c", "c9", "--", "true")
    began = time.monotonic()
    t.kubectl("delete", "pod", "p")
    need(time.monotonic() - began < 12, f"the end took {time.monotonic() - began:.1f} s")


@scenario
def exec_ends_with_its_container(t):
    """An exec, an attach and a log that is followed end when their container does."""
    t.apply(pod("p", container(command=["sh", "-c", "echo here; sleep 6; exit 4"]), restartPolicy="Never"))
    t.wait_phase("p", "Running")
    running = [t.popen("exec", "p", "--", "sleep", "1000"), t.popen("logs", "-f", "p", stdout=-1)]
    for p in running:
        p.wait(25)
    need(running[0].returncode != 0, "the exec says that all was well")
    equal((running[1].returncode, running[1].stdout.read()), (0, b"here\n"), "the log")
    t.wait_phase("p", "Failed")


@scenario
def logs_rotated(t):
    """Who follows a log gets every line once and in order, while it is rotated."""
    script = "i=0; while [ $i -lt 10 ]; do seq $((i * 60000 + 1)) $((i * 60000 + 60000)); sleep 4; i=$((i + 1)); done; sleep 8"
    t.apply(pod("p", container(command=["sh", "-c", script]), restartPolicy="Never"))
    t.wait_phase("p", "Running")
    r = t.kubectl("logs", "-f", "p", timeout=120)
    files = list(pathlib.Path("/var/log/pods").glob(f"{t.ns}_p_*/c/*"))
    need(len(files) > 2, f"nothing was rotated: {files}")
    got = r.stdout.split()
    wrong = next((i for i, line in enumerate(got) if line != str(i + 1)), len(got))
    equal((len(got), wrong), (600000, 600000), "lines, and the first that is out of order")


@scenario
def image_changed(t):
    """A container whose image is changed starts again with that, without a pause and whatever the restart policy; the others run on."""
    t.run_ready(pod("p", container("a", command=SLEEP), container("b", command=SLEEP), restartPolicy="Never"))
    state = lambda: {s["name"]: (s["containerID"], s["restartCount"]) for s in t.get_pod("p")["status"]["containerStatuses"]}
    before = state()
    change = {"spec": {"containers": [{"name": "a", "image": "docker.io/library/busybox:1.36"}]}}
    t.api.patch(t.path("pods", "p"), change, "application/strategic-merge-patch+json")
    until("a runs again", lambda: state()["a"][1] == 1, 20)
    t.wait_ready("p")
    equal(state()["b"], before["b"], "b")
    t.apply(pod("crashes", container(command=["false"])))
    waits = lambda: "CrashLoopBackOff" in json.dumps(t.get_pod("crashes")["status"])
    until("it is held back", lambda: t.get_pod("crashes")["status"]["containerStatuses"][0]["restartCount"] >= 2 and waits(), 40)
    count = t.get_pod("crashes")["status"]["containerStatuses"][0]["restartCount"]
    t.api.patch(t.path("pods", "crashes"), {"spec": {"containers": [{"name": "c", "image": "docker.io/library/busybox:1.36"}]}}, "application/strategic-merge-patch+json")
    until("the pause is over at once", lambda: t.get_pod("crashes")["status"]["containerStatuses"][0]["restartCount"] > count, 4)


@scenario
def never_started(t):
    """What the last word on a Pod is whose container never ran."""
    t.apply(pod("p", container(image="registry.k8s.io/no-such-image:1")))
    until("the image is missed", lambda: "waiting" in t.get_pod("p")["status"]["containerStatuses"][0]["state"], 20)
    version = t.get_pod("p")["metadata"]["resourceVersion"]
    events = t.api.watch(t.path("pods") + f"?watch=1&resourceVersion={version}")
    t.kubectl("delete", "pod", "p", "--wait=false")
    last = next(e["object"] for e in events if e["type"] == "DELETED")
    ended = last["status"]["containerStatuses"][0]["state"].get("terminated", {})
    equal((last["status"]["phase"], ended.get("reason"), ended.get("exitCode")), ("Failed", "ContainerStatusUnknown", 137), "phase, reason and exit code")


@scenario
def finalizer(t):
    """A Pod that a finalizer holds ends on the node, keeps what it said last, and is written no more; without it it is gone."""
    p = pod("p", container(command=["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"]))
    p["metadata"]["finalizers"] = ["example.com/hold"]
    t.run_ready(p)
    time.sleep(0.5)
    t.kubectl("delete", "pod", "p", "--wait=false")
    t.wait_phase("p", "Failed", 15)
    time.sleep(1)
    version = t.get_pod("p")["metadata"]["resourceVersion"]
    time.sleep(3)
    q = t.get_pod("p")
    equal(q["metadata"]["resourceVersion"], version, "resourceVersion")
    equal(q["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3, "exit code")
    t.api.patch(t.path("pods", "p"), {"metadata": {"labels": {"touched": "yes"}}})
    time.sleep(1)
    equal(t.get_pod("p")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3, "exit code after a change")
    t.api.patch(t.path("pods", "p"), {"metadata": {"finalizers": None}})
    t.wait_gone("p", 10)


def pause_of(uid):
    for p in pathlib.Path("/proc").glob("[0-9]*/comm"):
        if p.read_text().strip() == "pause" and uid in (p.parent / "cgroup").read_text():
            return int(p.parent.name)
    raise AssertionError("no pause process")


@scenario
def sandbox_dies(t):
    """When a Pod's sandbox dies, its containers run again in a new one, at a new address; with restartPolicy Never the Pod has failed."""
    static, file = pod("static"), t.cluster.manifests / "dies.json"
    static["metadata"]["namespace"] = t.ns
    t.cluster.manifests.mkdir(exist_ok=True)
    file.write_text(json.dumps(static))
    try:
        sandboxes_die(t)
    finally:
        file.unlink()


def sandboxes_die(t):
    uids = {n: t.run_ready(pod(n, restartPolicy=policy))["metadata"]["uid"] for n, policy in (("again", "Always"), ("never", "Never"))}
    mirror = t.wait_ready(f"static-{NODE}")
    for uid in [*uids.values(), mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"]]:
        os.kill(pause_of(uid), signal.SIGKILL)
    until("it runs again", lambda: t.get_pod("again")["status"]["containerStatuses"][0]["restartCount"] == 1, 40)
    t.wait_ready("again")
    need("SandboxChanged" in t.events("again"), f"events: {t.events('again')}")
    t.wait_phase("never", "Failed", 40)
    mine = lambda: sorted(s["name"] for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns and s["ready"])
    until("two sandboxes are left", lambda: mine() == ["again", f"static-{NODE}"], 20)
    moved = lambda: t.get_pod(f"static-{NODE}")["status"]["podIP"] != mirror["status"]["podIP"] and t.wait_ready(f"static-{NODE}")
    equal(len(until("the static Pod shows its new address", moved, 20)["status"]["podIPs"]), 1, "addresses")


@scenario
def host_port_taken(t):
    """A Pod that names the node itself is refused if its host port is taken, and says why."""
    port = lambda n: pod(n, container(command=SLEEP, ports=[{"containerPort": 80, "hostPort": 18998}]), nodeName=NODE)
    t.run_ready(port("first"))
    t.apply(port("second"))
    p = t.wait_phase("second", "Failed", 10)
    equal(p["status"].get("reason"), "NodePorts", "reason")
    t.wait_ready("first")


@scenario
def runtime_class(t):
    """A RuntimeClass names the runtime's handler, whatever its own name is; user namespaces, which are not there, are not left out in silence."""
    name = "as-usual"
    t.api.post("/apis/node.k8s.io/v1/runtimeclasses", {"metadata": {"name": name}, "handler": "runc"})
    try:
        t.run_ready(pod("p", runtimeClassName=name))
        t.apply(pod("apart", hostUsers=False))
        until("it is refused", lambda: "FailedCreatePodSandBox" in t.events("apart"), 15)
        need(t.get_pod("apart")["status"]["phase"] == "Pending", "it runs")
    finally:
        t.api.delete(f"/apis/node.k8s.io/v1/runtimeclasses/{name}")
