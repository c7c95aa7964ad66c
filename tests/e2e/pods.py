"""Pods by themselves: how they start, what they see, how they end."""
import json, os

from lib.cluster import NODE, fetch
from kube import condition
from lib.env import ROOT
from lib.report import equal, need, until
from scenario import SLEEP, container, nginx, pod, scenario


@scenario
def nginx_pod(t):
    """The example manifest, unchanged: pulled, started, served."""
    t.kubectl("apply", "-f", ROOT / "examples/nginx-pod.yaml")
    t.kubectl("wait", "--for=condition=Ready", "pod/nginx", "--timeout=30s")
    p = t.get_pod("nginx")
    need("Welcome to nginx!" in t.page(p["status"]["podIP"]).decode(), "the page is another one")
    status = p["status"]["containerStatuses"][0]
    need("sha256:" in status["imageID"] and status["image"] == "docker.io/library/nginx:latest", f"image {status['image']} {status['imageID']}")
    equal(p["spec"]["containers"][0]["imagePullPolicy"], "Always", "pull policy of :latest")
    equal(p["spec"]["nodeName"], NODE, "node")
    until("the events tell the story", lambda: {"Scheduled", "Pulling", "Pulled", "Created", "Started"} <= t.events("nginx"), 10)
    need("GET / HTTP/1.1" in t.kubectl("logs", "nginx").stdout, "the log has no request")
    wide = t.kubectl("get", "pod", "nginx", "-o", "wide").stdout
    need("1/1" in wide and "Running" in wide and p["status"]["podIP"] in wide, f"get -o wide: {wide}")
    need("Container ID" in t.kubectl("describe", "pod", "nginx").stdout, "describe names no container")


@scenario
def apply_twice(t):
    """apply says created, unchanged, configured; delete ends it."""
    text = json.dumps(nginx("web"))
    need("pod/web created" in t.kubectl("apply", "-f", "-", input=text).stdout, "not created")
    need("pod/web unchanged" in t.kubectl("apply", "-f", "-", input=text).stdout, "not unchanged")
    changed = nginx("web")
    changed["metadata"]["labels"]["tier"] = "front"
    need("pod/web configured" in t.kubectl("apply", "-f", "-", input=json.dumps(changed)).stdout, "not configured")
    t.wait_ready("web")
    need('pod "web" deleted' in t.kubectl("delete", "pod", "web").stdout, "delete says nothing")
    need(not t.api.exists(t.path("pods", "web")), "kubectl delete returned before the Pod was gone")


@scenario
def environment(t):
    """Variables, the downward API, service variables and every kind of plain volume."""
    t.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"colour": "green"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hidden"}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "backend"}, "spec": {"ports": [{"port": 8080}], "selector": {"a": "b"}}})
    env = [{"name": "PLAIN", "value": "a$(NODE)b"}, {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
           {"name": "AFTER", "value": "at $(NODE)"}, {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
           {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "colour"}}},
           {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}}]
    mounts = [{"name": n, "mountPath": f"/v/{n}"} for n in ("cm", "s", "empty", "down", "all")]
    volumes = [{"name": "cm", "configMap": {"name": "cm"}}, {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
               {"name": "empty", "emptyDir": {"medium": "Memory"}},
               {"name": "down", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
               {"name": "all", "projected": {"sources": [{"configMap": {"name": "cm"}}, {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}]}}]
    c = container(command=SLEEP, env=env, envFrom=[{"secretRef": {"name": "s"}}], volumeMounts=mounts, resources={"limits": {"memory": "64Mi", "cpu": "200m"}})
    p = t.run_ready(pod("env", c, volumes=volumes))
    got = dict(line.split("=", 1) for line in t.sh("env", "env").splitlines() if "=" in line)
    want = {"PLAIN": "a$(NODE)b", "NODE": NODE, "AFTER": f"at {NODE}", "IP": p["status"]["podIP"], "COLOUR": "green", "LIMIT": str(64 << 20),
            "key": "hidden", "BACKEND_SERVICE_PORT": "8080", "KUBERNETES_SERVICE_PORT": "443", "HOSTNAME": "env"}
    equal({k: got.get(k) for k in want}, want, "environment")
    equal(t.sh("env", "cat /v/cm/colour; stat -L -c %a /v/s/key; cat /v/down/labels; cat /v/all/colour"), 'green400\napp="env"green', "volumes")
    need(t.sh("env", "cat /v/all/token").count(".") == 2, "the projected token is no JWT")
    need("tmpfs" in t.sh("env", "mount | grep /v/empty"), "emptyDir in memory is no tmpfs")
    token = "/var/run/secrets/kubernetes.io/serviceaccount/"
    equal(t.sh("env", f"cat {token}namespace"), t.ns, "namespace file")
    need("BEGIN CERTIFICATE" in t.sh("env", f"cat {token}ca.crt"), "no CA beside the token")
    t.api.patch(t.path("configmaps", "cm"), {"data": {"colour": "blue"}})
    until("the changed ConfigMap reaches the volume", lambda: t.sh("env", "cat /v/cm/colour") == "blue", 90, 1)


@scenario
def init_and_sidecar(t):
    """Init containers run in order, a sidecar before the main one and until after it."""
    say = lambda what: ["sh", "-c", f"echo {what} >> /log/order"]
    log = {"volumeMounts": [{"name": "log", "mountPath": "/log"}]}
    side = container("side", command=["sh", "-c", "echo side >> /log/order; trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"], restartPolicy="Always", **log)
    main = container("main", command=["sh", "-c", "cat /log/order; echo main"], **log)
    t.apply(pod("p", main, initContainers=[container("one", command=say("one"), **log), side, container("two", command=say("two"), **log)],
                volumes=[{"name": "log", "emptyDir": {}}], restartPolicy="Never"))
    t.wait_phase("p", "Succeeded")
    lines = t.kubectl("logs", "p", "-c", "main").stdout.split()
    need(lines[0] == "one" and sorted(lines[1:3]) == ["side", "two"] and lines[-1] == "main", f"order {lines}")
    need("bye" in t.kubectl("logs", "p", "-c", "side").stdout, "the sidecar was not ended by SIGTERM")


@scenario
def init_that_fails(t):
    """A failing init container is run again; with restartPolicy Never the Pod has failed and nothing else runs."""
    count = "n=$(cat /d/n 2>/dev/null || echo 0); echo $((n + 1)) > /d/n; [ $n -ge 1 ]"
    d = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    t.apply(pod("again", container(command=["cat", "/d/n"], **d), restartPolicy="OnFailure", volumes=[{"name": "d", "emptyDir": {}}],
                initContainers=[container("init", command=["sh", "-c", count], **d)]),
            pod("never", container(command=["echo", "main"]), restartPolicy="Never", initContainers=[container("init", command=["sh", "-c", "exit 5"])]))
    p = t.wait_phase("never", "Failed")
    equal(p["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 5, "exit code")
    need("waiting" in p["status"]["containerStatuses"][0]["state"], "the main container ran")
    p = t.wait_phase("again", "Succeeded")
    equal((p["status"]["initContainerStatuses"][0]["restartCount"], t.kubectl("logs", "again").stdout), (1, "2\n"), "restarts and log")


@scenario
def waits_for_objects(t):
    """A Pod whose ConfigMap or Secret is missing waits, says why, and starts as soon as it comes."""
    volume = pod("volume", container(command=SLEEP, volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=[{"name": "v", "secret": {"secretName": "late"}}])
    variable = pod("variable", container(command=SLEEP, env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]))
    t.apply(volume, variable)
    waiting = lambda n: t.get_pod(n)["status"]["containerStatuses"][0]["state"]["waiting"]
    until("the variable is missed", lambda: waiting("variable")["reason"] == "CreateContainerConfigError" and "late" in waiting("variable")["message"], 10)
    until("the volume is missed", lambda: waiting("volume")["reason"] == "ContainerCreating" and "FailedMount" in t.events("volume"), 10)
    t.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"a": "here"}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"k": "here"}})
    t.wait_ready("volume", 8)
    t.wait_ready("variable", 8)
    equal(t.sh("volume", "cat /v/k") + t.sh("variable", "echo -n $A"), "herehere", "values")


@scenario
def sub_paths(t):
    """subPath mounts one file or folder of a volume; links that lead out of it are refused."""
    t.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"a": "one", "b": "two"}})
    mounts = [{"name": "cm", "mountPath": "/etc/file", "subPath": "a"}, {"name": "d", "mountPath": "/d"}, {"name": "d", "mountPath": "/deep", "subPathExpr": "$(NAME)/x"}]
    env = [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    volumes = [{"name": "cm", "configMap": {"name": "cm"}}, {"name": "d", "emptyDir": {}}]
    t.run_ready(pod("p", container(command=SLEEP, env=env, volumeMounts=mounts), volumes=volumes))
    equal(t.sh("p", "cat /etc/file; echo -n 1 > /deep/f; cat /d/p/x/f"), "one1", "contents")
    link = container("link", command=["ln", "-s", "/", "/d/out"], volumeMounts=[mounts[1]])
    t.apply(pod("bad", container(command=SLEEP, volumeMounts=[{"name": "d", "mountPath": "/host", "subPath": "out/etc"}]), volumes=volumes[1:], initContainers=[link]))
    until("the way out is refused", lambda: "subPath" in t.get_pod("bad")["status"]["containerStatuses"][0]["state"]["waiting"].get("message", ""), 15)


@scenario
def restart_never(t):
    """restartPolicy Never keeps the exit code and runs nothing again."""
    t.apply(pod("fails", container(command=["sh", "-c", "echo bad; exit 3"]), restartPolicy="Never"),
            pod("works", container(command=["sh", "-c", "echo good"]), restartPolicy="Never"))
    p = t.wait_phase("fails", "Failed")
    state = p["status"]["containerStatuses"][0]
    equal((state["state"]["terminated"]["exitCode"], state["restartCount"], state["state"]["terminated"]["reason"]), (3, 0, "Error"), "exit")
    p = t.wait_phase("works", "Succeeded")
    equal(p["status"]["containerStatuses"][0]["state"]["terminated"]["reason"], "Completed", "reason")
    equal(t.kubectl("logs", "fails").stdout, "bad\n", "log of a failed Pod")


@scenario
def restart_on_failure(t):
    """restartPolicy OnFailure runs again until the exit code is 0, with back-off."""
    script = "n=$(cat /d/n 2>/dev/null || echo 0); echo $((n + 1)) > /d/n; echo run $n; [ $n -ge 2 ]"
    t.apply(pod("p", container(command=["sh", "-c", script], volumeMounts=[{"name": "d", "mountPath": "/d"}]),
                volumes=[{"name": "d", "emptyDir": {}}], restartPolicy="OnFailure"))
    p = t.wait_phase("p", "Succeeded", 60)
    equal(p["status"]["containerStatuses"][0]["restartCount"], 2, "restarts")
    equal(t.kubectl("logs", "p").stdout, "run 2\n", "log of the last run")
    equal(t.kubectl("logs", "p", "--previous").stdout, "run 1\n", "log of the run before")


@scenario
def deadline_and_message(t):
    """activeDeadlineSeconds ends a Pod; a termination message is kept, or the log's end in its place."""
    t.apply(pod("late", container(command=SLEEP), activeDeadlineSeconds=2, restartPolicy="Never"),
            pod("file", container(command=["sh", "-c", "echo -n why > /dev/termination-log; exit 1"]), restartPolicy="Never"),
            pod("log", container(command=["sh", "-c", "echo because; sleep 0.5; exit 1"], terminationMessagePolicy="FallbackToLogsOnError"), restartPolicy="Never"))
    p = t.wait_phase("late", "Failed", 20)
    equal(p["status"].get("reason"), "DeadlineExceeded", "reason")
    message = lambda n: t.wait_phase(n, "Failed")["status"]["containerStatuses"][0]["state"]["terminated"].get("message")
    equal((message("file"), message("log")), ("why", "because\n"), "messages")


@scenario
def labels_follow(t):
    """Changed labels reach a downwardAPI volume at once."""
    volumes = [{"name": "d", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels['tier']"}}]}}]
    t.run_ready(pod("p", container(command=SLEEP, volumeMounts=[{"name": "d", "mountPath": "/d"}]), volumes=volumes, labels={"tier": "one"}))
    equal(t.sh("p", "cat /d/l"), "one", "label")
    t.api.patch(t.path("pods", "p"), {"metadata": {"labels": {"tier": "two"}}})
    until("the label in the volume is two", lambda: t.sh("p", "cat /d/l") == "two", 8)


@scenario
def ephemeral_container(t):
    """A container that is added to a running Pod runs in it and sees its processes."""
    t.run_ready(pod("p", container("main", command=SLEEP)))
    extra = container("debug", command=["sh", "-c", "ps; sleep 3600"], targetContainerName="main")
    t.api.patch(t.path("pods", "p") + "/ephemeralcontainers", {"spec": {"ephemeralContainers": [extra]}}, "application/strategic-merge-patch+json")
    until("it runs", lambda: "running" in t.get_pod("p")["status"]["ephemeralContainerStatuses"][0]["state"], 15)
    until("it sees the main process", lambda: "sleep 3600 & wait" in t.kubectl("logs", "p", "-c", "debug").stdout, 10)
    equal(t.get_pod("p")["status"]["containerStatuses"][0]["restartCount"], 0, "restarts of the main container")


@scenario
def crash_loop(t):
    """A container that always ends is held back, and says so."""
    t.apply(pod("p", container(command=["sh", "-c", "exit 1"])))

    def held_back():
        s = t.get_pod("p")["status"]["containerStatuses"][0]
        return s["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" and s["lastState"]["terminated"]["exitCode"] == 1
    until("CrashLoopBackOff", held_back, 30)
    need("BackOff" in t.events("p"), "no event BackOff")


@scenario
def missing_image(t):
    """An image that is nowhere ends in a readable state, and the right one heals it."""
    t.apply(pod("p", container(image="registry.k8s.io/no-such-image:1", command=SLEEP)))
    reason = lambda: t.get_pod("p")["status"]["containerStatuses"][0]["state"]["waiting"]
    until("ErrImagePull or ImagePullBackOff", lambda: reason()["reason"] in ("ErrImagePull", "ImagePullBackOff"), 90)
    need("no-such-image" in reason().get("message", ""), f"the message does not name the image: {reason()}")
    t.api.patch(t.path("pods", "p"), {"spec": {"containers": [container(command=SLEEP)]}}, "application/strategic-merge-patch+json")
    t.wait_ready("p", 60)


@scenario
def typo_in_manifest(t):
    """A wrong field is named, nothing is made."""
    wrong = nginx("web")
    wrong["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    r = t.kubectl("apply", "-f", "-", input=json.dumps(wrong), check=False)
    need(r.returncode and "imagePulPolicy" in r.stderr, f"{r.returncode} {r.stderr}")
    wrong = nginx("web")
    wrong["spec"]["containers"][0]["image"] = ""
    r = t.kubectl("apply", "-f", "-", input=json.dumps(wrong), check=False)
    need(r.returncode and "image" in r.stderr, f"{r.returncode} {r.stderr}")
    need(not t.api.exists(t.path("pods", "web")), "something was made")


@scenario
def host_network(t):
    """A Pod of the host's network has the host's address and name, and no network of its own."""
    p = t.run_ready(pod("p", container(command=SLEEP), hostNetwork=True))
    equal(p["status"]["podIP"], p["status"]["hostIP"], "addresses")
    equal(t.sh("p", "readlink /proc/1/ns/net").strip(), os.readlink("/proc/self/ns/net"), "network namespace")


@scenario
def security_and_resources(t):
    """User, group, capabilities, read-only root and limits reach the process."""
    c = container(command=SLEEP, resources={"limits": {"memory": "32Mi", "cpu": "100m"}}, volumeMounts=[{"name": "d", "mountPath": "/d"}],
                  securityContext={"runAsUser": 1000, "runAsGroup": 1001, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})
    p = t.run_ready(pod("p", c, securityContext={"fsGroup": 2000, "runAsNonRoot": True}, volumes=[{"name": "d", "emptyDir": {}}]))
    equal(p["status"]["qosClass"], "Guaranteed", "QoS class")
    equal(t.sh("p", "id -u; id -g; id -G").split()[:2], ["1000", "1001"], "user and group")
    need("2000" in t.sh("p", "id -G").split(), "fsGroup is no supplementary group")
    need(t.exec("p", "touch", "/x", check=False).returncode, "the root file system can be written")
    t.sh("p", "touch /d/x")
    lines = dict(line.split(":", 1) for line in t.sh("p", "cat /proc/self/status").splitlines() if ":" in line)
    equal((lines["CapEff"].strip().strip("0"), lines["NoNewPrivs"].strip()), ("", "1"), "capabilities and no_new_privs")
    limit = t.sh("p", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max").strip()
    equal(limit, str(32 << 20), "memory limit")


@scenario
def out_of_memory(t):
    """A container above its memory limit is killed and its state says why."""
    eat = ["sh", "-c", "x=a; while :; do x=$x$x; done"]
    t.apply(pod("p", container(command=eat, resources={"limits": {"memory": "32Mi"}}), restartPolicy="Never"))
    p = t.wait_phase("p", "Failed")
    equal(p["status"]["containerStatuses"][0]["state"]["terminated"].get("reason"), "OOMKilled", "reason")


@scenario(serial=True)
def static_pod(t):
    """A manifest in the kubelet's folder runs, shows as a mirror Pod, and ends when the file goes."""
    t.cluster.manifests.mkdir(exist_ok=True)
    manifest = nginx("static")
    manifest["metadata"]["namespace"] = t.ns
    part, file = t.cluster.manifests / ".static.json", t.cluster.manifests / "static.json"
    part.write_text(json.dumps(manifest))
    part.rename(file)
    name = f"static-{NODE}"
    try:
        until("the mirror Pod is Ready", lambda: condition(t.get_pod(name), "Ready") == "True", 40)
        p = t.get_pod(name)
        need("kubernetes.io/config.mirror" in p["metadata"]["annotations"], "no mirror annotation")
        equal([(o["kind"], o["name"]) for o in p["metadata"]["ownerReferences"]], [("Node", NODE)], "owner")
        address = p["status"]["podIP"]
        need(b"Welcome" in t.page(address), "no page")
        t.api.delete(t.path("pods", name), gracePeriodSeconds=0)
        until("a deleted mirror Pod comes back", lambda: t.get_pod(name)["metadata"]["uid"] != p["metadata"]["uid"], 30)
        equal(t.get_pod(name)["status"].get("podIP", address), address, "address: the container was not touched")
    finally:
        file.unlink(missing_ok=True)
    t.wait_gone(name, 40)

    def silent():
        try:
            fetch(f"http://{address}/", 1)
            return False
        except OSError:
            return True
    until("the container is gone", silent, 20)
