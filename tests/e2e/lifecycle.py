"""How Pods end, what they leave, and what a restart of the node's components does to them: nothing."""
import os, pathlib, time

from lib.cluster import NODE
from lib.leftovers import Picture
from lib.proc import descendants, parents
from lib.report import equal, need, until
from scenario import container, nginx, pod, scenario


@scenario
def hooks_and_grace(t):
    """preStop runs, SIGTERM comes, the grace period is kept and not overdrawn; postStart runs before Ready."""
    script = "trap 'echo term >> /d/log; sleep 1; echo end >> /d/log; exit 0' TERM; while :; do sleep 0.1; done"
    host = t.folder / "d"
    host.mkdir()
    hooks = {"postStart": {"exec": {"command": ["sh", "-c", "echo start >> /d/log"]}}, "preStop": {"exec": {"command": ["sh", "-c", "echo stop >> /d/log"]}}}
    p = pod("p", container(command=["sh", "-c", script], lifecycle=hooks, volumeMounts=[{"name": "d", "mountPath": "/d"}]),
            volumes=[{"name": "d", "hostPath": {"path": str(host), "type": "Directory"}}])
    p["spec"]["terminationGracePeriodSeconds"] = 20
    t.run_ready(p)
    began = time.monotonic()
    t.kubectl("delete", "pod", "p")
    took = time.monotonic() - began
    equal((host / "log").read_text().split(), ["start", "stop", "term", "end"], "order")
    need(took < 8, f"deletion took {took:.1f} s, the container 1 s")


@scenario
def stubborn(t):
    """A process that ignores SIGTERM is killed when the grace period is over."""
    t.run_ready(pod("p", container(command=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])))
    began = time.monotonic()
    t.kubectl("delete", "pod", "p")
    need(1.5 < time.monotonic() - began < 8, f"it took {time.monotonic() - began:.1f} s, the grace period is 2 s")


@scenario
def exit_to_gone(t):
    """Once its process has ended, a deleted Pod is gone soon."""
    t.run_ready(pod("p"))
    t.kubectl("delete", "pod", "p", "--wait=false")
    began = time.monotonic()
    t.wait_gone("p", 10)
    need(time.monotonic() - began < 3, f"it took {time.monotonic() - began:.1f} s")


def named(root, word):
    """Folders below root with the word in their names; others may come and go meanwhile."""
    return [f"{at}/{d}" for at, folders, _ in os.walk(root) for d in folders if word in d]


def everything(name):
    """A Pod that uses each thing that has to be cleaned up."""
    mounts = [{"name": n, "mountPath": f"/{n}"} for n in ("ram", "disk", "cm", "all")]
    volumes = [{"name": "ram", "emptyDir": {"medium": "Memory"}}, {"name": "disk", "emptyDir": {}}, {"name": "cm", "configMap": {"name": "kube-root-ca.crt"}},
               {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]
    busy = container("busy", command=["sh", "-c", "(setsid sleep 1000 &) ; sleep 1000 & wait"], volumeMounts=mounts, resources={"limits": {"memory": "32Mi"}})
    web = container("web", "nginx", ports=[{"containerPort": 80, "hostPort": 18999}])
    return pod(name, web, busy, volumes=volumes)


@scenario(serial=True)
def deletion_leaves_nothing(t):
    """No process, mount, interface, rule, address, cgroup or file of a deleted Pod is left."""
    t.run_ready(everything("warm"))
    t.kubectl("delete", "pod", "warm")
    time.sleep(2)
    before = Picture(t.cluster.folder, [t.cluster.data, "/var/lib/cni/networks"])
    p = everything("p")
    address = t.run_ready(p)["status"]["podIP"]
    uid = t.get_pod("p")["metadata"]["uid"]
    t.page(address)
    t.page(t.get_pod("p")["status"]["hostIP"], 18999)
    kinds = {x.split()[0] for x in before.since()}
    need({"process", "mount", "interface", "cgroup", "rule"} <= kinds, f"the picture sees only {sorted(kinds)}: the check would be blind")
    t.kubectl("delete", "pod", "p")
    left = before.settle()
    need(not left, f"left behind: {', '.join(left)[:800]}")
    until("the Pod's folders are gone", lambda: not named(t.cluster.data, uid), 20)


@scenario
def lease(t):
    """The node's Lease is renewed every quarter of its span, and made again when somebody deletes it."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}"
    items = lambda: [x for x in t.api.get(path.rsplit("/", 1)[0])["items"] if x["metadata"]["name"] == NODE]
    first = items()[0]
    until("it is renewed", lambda: items()[0]["spec"]["renewTime"] > first["spec"]["renewTime"], 12)
    equal(items()[0]["metadata"]["uid"], first["metadata"]["uid"], "the same Lease")
    t.api.delete(path)
    until("there is one again", items, 12)
    again = items()[0]
    equal(again["spec"]["holderIdentity"], NODE, "holder")
    equal(again["metadata"]["ownerReferences"], first["metadata"]["ownerReferences"], "owner")
    need(again["metadata"]["uid"] != first["metadata"]["uid"], "it is the old one")


@scenario(serial=True)
def many_come_and_go(t):
    """Thirty Pods at once, deleted at once: all run, nothing is left, addresses are used again."""
    t.run_ready(pod("warm"))
    t.kubectl("delete", "pod", "warm")
    time.sleep(1)
    before = Picture(t.cluster.folder, [t.cluster.data, "/var/lib/cni/networks"])
    for i in range(30):
        t.api.post(t.path("pods"), pod(f"p{i}", labels={"app": "many"}))
    t.wait_ready_count("many", 30, 90)
    addresses = {p["status"]["podIP"] for p in t.pods("many")}
    equal(len(addresses), 30, "different addresses")
    t.api.delete(t.path("pods") + "?labelSelector=app%3Dmany")
    until("all are gone", lambda: not t.api.get(t.path("pods"))["items"], 60)
    left = before.settle()
    need(not left, f"left behind: {', '.join(left)[:800]}")


@scenario(serial=True)
def restart_touches_nothing(t):
    """c8s server ends and starts: containers run on, none is started again, what ended meanwhile is noticed."""
    t.run_ready(nginx("stays"))
    t.run_ready(pod("dies", restartPolicy="Never"))
    ids = {n: t.container_id(n) for n in ("stays", "dies")}
    address, uid = t.get_pod("stays")["status"]["podIP"], t.get_pod("stays")["metadata"]["uid"]
    t.cluster.stop_server()
    need(b"Welcome" in t.page(address), "the container did not outlive the server")
    t.cluster.runtime.cri.call("StopContainer", {1: ids["dies"], 2: 1})
    t.cluster.start_server()
    t.api = t.cluster.api
    t.wait_phase("dies", "Succeeded")
    time.sleep(2)
    p = t.wait_ready("stays")
    equal((t.container_id("stays"), p["status"]["containerStatuses"][0]["restartCount"], p["metadata"]["uid"], p["status"]["podIP"]),
          (ids["stays"], 0, uid, address), "container, restarts, uid, address")
    running = [c for c in t.cluster.runtime.cri.containers() if c["state"] == 1]
    equal(len([c for c in running if c["name"] == "nginx"]), 1, "nginx containers that run")


@scenario(serial=True)
def kill_touches_nothing(t):
    """SIGKILL for every process of c8s server: the same holds, and a Pod deleted right before is cleaned up."""
    t.run_ready(nginx("stays"))
    t.run_ready(pod("goes"))
    container_id = t.container_id("stays")
    t.kubectl("delete", "pod", "goes", "--wait=false")
    t.cluster.server.kill()
    need(not descendants(t.cluster.server.pid), "children outlived the kill")
    t.cluster.start_server()
    t.api = t.cluster.api
    t.wait_gone("goes")
    p = t.wait_ready("stays")
    equal((t.container_id("stays"), p["status"]["containerStatuses"][0]["restartCount"]), (container_id, 0), "container and restarts")
    need(b"Welcome" in t.page(p["status"]["podIP"]), "no page")
    sandboxes = [s for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns]
    until("orphaned sandboxes are removed", lambda: {s["name"] for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns and s["ready"]} == {"stays"}, 30)
    need(sandboxes, "no sandbox at all")


@scenario(serial=True)
def control_plane_killed(t):
    """The node talks to the control plane by its unix sockets alone; when that dies, the node's process goes on and finds the next one there."""
    sockets = t.cluster.data / "run"
    equal([oct(p.stat().st_mode & 0o7777) for p in (sockets, sockets / "kubelet.sock", sockets / "kube-proxy.sock")], ["0o700", "0o600", "0o600"], "modes")
    t.run_ready(nginx("stays"))
    node, kept = t.cluster.component("node"), t.container_id("stays")
    t.cluster.kill("control-plane")
    until("the API server is back", t.api.ready, 10)
    t.run_ready(nginx("new"))
    t.kubectl("delete", "pod", "new")
    equal((t.cluster.component("node"), t.container_id("stays")), (node, kept), "process of the node, container")
    need(t.kubectl("logs", "stays").stdout, "no logs")
    remote = [line.split()[2].split(":")[1] for p in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/{node}/net/{p}").read_text().splitlines()[1:]
              if line.split()[9] in inodes(node)]
    need(f"{t.cluster.port:04X}" not in remote, "the node has a TCP connection to the API server")
    connected = [line.split()[-1] for line in pathlib.Path("/proc/net/unix").read_text().splitlines()]
    equal([connected.count(f"run/{name}.sock") >= 2 for name in ("kubelet", "kube-proxy")], [True, True], "listening and connected")


def inodes(pid):
    """Of the process's sockets."""
    links = [os.readlink(p) for p in pathlib.Path(f"/proc/{pid}/fd").iterdir() if p.is_symlink()]
    return {link[len("socket:["):-1] for link in links if link.startswith("socket:[")}


@scenario(serial=True)
def node_killed(t):
    """The kubelet's process alone dies and comes back: what runs is left alone, what its Pods did meanwhile is noticed, what is no Pod any more goes."""
    t.run_ready(nginx("stays"))
    t.run_ready(pod("ends", container(command=["sh", "-c", "while [ ! -e /d/end ]; do sleep 0.1; done; exit 7"], volumeMounts=[{"name": "d", "mountPath": "/d"}]),
                    restartPolicy="Never", volumes=[{"name": "d", "hostPath": {"path": str(t.folder)}}]))
    uid = t.run_ready(everything("forced"))["metadata"]["uid"]
    ids = {n: t.container_id(n) for n in ("stays", "ends", "forced")}
    t.cluster.pause("node")
    helpers = descendants(t.cluster.component("node"))
    t.api.delete(t.path("pods", "forced"), gracePeriodSeconds=0)
    (t.folder / "end").write_text("")
    time.sleep(1)
    t.cluster.kill("node")
    until("its helper has ended with it", lambda: not set(helpers) & set(parents()), 5)
    p = t.wait_phase("ends", "Failed", 20)
    equal(p["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 7, "exit code of what ended meanwhile")
    containers = t.cluster.runtime.cri.containers
    until("the container of the deleted Pod is gone", lambda: ids["forced"] not in [c["id"] for c in containers()], 30)
    until("its folders are gone", lambda: not named(t.cluster.data, uid), 30)
    until("its cgroups are gone", lambda: not named("/sys/fs/cgroup", uid), 30)
    p = t.wait_ready("stays")
    equal((t.container_id("stays"), p["status"]["containerStatuses"][0]["restartCount"]), (ids["stays"], 0), "container and restarts")
    equal(len([c for c in containers() if c["state"] == 1 and c["id"] == ids["stays"]]), 1, "containers of the Pod that stays")
    equal(len([c for c in containers() if c["name"] == "nginx" and c["state"] == 1]), 1, "nginx containers that run")


@scenario
def forced(t):
    """A Pod deleted with no grace is gone from the API at once, and from the node soon."""
    t.run_ready(pod("p", container(command=["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"])))
    container_id = t.container_id("p")
    t.api.delete(t.path("pods", "p"), gracePeriodSeconds=0)
    need(not t.api.exists(t.path("pods", "p")), "it is still there")
    until("its container is gone", lambda: container_id not in [c["id"] for c in t.cluster.runtime.cri.containers()], 10)


@scenario
def deleted_while_it_starts(t):
    """A Pod that is deleted at any moment of its start goes."""
    for i in range(8):
        t.api.post(t.path("pods"), everything(f"p{i}") if i == 7 else pod(f"p{i}"))
        time.sleep(0.04 * i)
        t.api.delete(t.path("pods", f"p{i}"))
    until("all are gone", lambda: not t.api.get(t.path("pods"))["items"], 30)
    mine = lambda: [s["name"] for s in t.cluster.runtime.cri.sandboxes() if s["namespace"] == t.ns]
    until("their sandboxes are gone", lambda: not mine(), 20)
