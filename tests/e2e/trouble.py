"""What the kubelet makes of a runtime that dies, a registry that hangs, hooks that do not end, and other trouble around Pods."""
import os, signal, socket, time

from kube import condition
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


@scenario
def created_only(t):
    """A container that was made but never started holds no Pod back."""
    uid = t.run_ready(pod("p"))["metadata"]["uid"]
    cri = t.cluster.runtime.cri
    sandbox = next(s["id"] for s in cri.sandboxes() if s["uid"] == uid)
    labels = [{1: f"io.kubernetes.{k}", 2: v} for k, v in (("pod.name", "p"), ("pod.namespace", t.ns), ("pod.uid", uid), ("container.name", "c"))]
    cri.create(sandbox, {1: {1: "c", 2: 7}, 2: {1: "busybox:1.36"}, 3: ["true"], 9: labels}, {1: {1: "p", 2: uid, 3: t.ns}, 3: "/tmp"})
    t.kubectl("delete", "pod", "p")
    need(sandbox not in [s["id"] for s in cri.sandboxes() if s["ready"]], "its sandbox is still there")
