"""What the scenarios are written with.

A scenario is a function that takes a Test: it has a namespace of its own and runs beside others, unless it says `serial`. To add one,
write it in a file of this folder, put @scenario above it, and name the file in run.py if it is new.
"""
import json, pathlib

from lib.cluster import fetch
from kube import condition
from lib.report import need, until

SCENARIOS = {}
SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]


def scenario(f=None, *, serial=False):
    if f is None:
        return lambda g: scenario(g, serial=serial)
    f.serial = serial
    SCENARIOS[f.__name__] = f
    return f


def container(name="c", image="busybox:1.36", command=None, **more):
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", **({"command": command} if command else {}), **more}


def pod(name, *containers, labels=None, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 2, "containers": list(containers) or [container(command=SLEEP)], **spec}}


def nginx(name, **more):
    return pod(name, container("nginx", "nginx", ports=[{"containerPort": 80}], **more))


def deployment(name, replicas, *containers):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 2, "containers": list(containers)}}}}


def service(name, port=80, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": 80}], **spec}}


class Test:
    def __init__(self, cluster, name):
        self.cluster, self.api, self.ns = cluster, cluster.api, name.replace("_", "-")
        self.folder = pathlib.Path(cluster.folder) / name
        self.folder.mkdir(exist_ok=True)

    def begin(self):
        self.api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.ns}})
        until("the namespace has its service account", lambda: self.api.exists(f"/api/v1/namespaces/{self.ns}/serviceaccounts/default"), 10)

    def end(self):
        self.api.delete(f"/api/v1/namespaces/{self.ns}")
        until(f"namespace {self.ns} is gone", lambda: not self.api.exists(f"/api/v1/namespaces/{self.ns}"), 60)

    def kubectl(self, *args, **kw):
        return self.cluster.kubectl(*args, ns=self.ns, **kw)

    def popen(self, *args, **kw):
        return self.cluster.popen(*args, ns=self.ns, **kw)

    def apply(self, *objects):
        for o in objects:
            self.kubectl("apply", "-f", "-", input=json.dumps(o))

    def path(self, resource, name="", group="api/v1"):
        return f"/{group}/namespaces/{self.ns}/{resource}" + (f"/{name}" if name else "")

    def get_pod(self, name):
        return self.api.get(self.path("pods", name))

    def pods(self, app):
        """The Pods of an app that are not being deleted."""
        items = self.api.get(self.path("pods") + f"?labelSelector=app%3D{app}")["items"]
        return [p for p in items if "deletionTimestamp" not in p["metadata"]]

    def wait_phase(self, name, phase, limit=30):
        def there():
            p = self.get_pod(name)
            need(p["status"].get("phase") == phase, f"phase is {p['status'].get('phase')}, {why(p)}")
            return p
        return until(f"Pod {name} is {phase}", there, limit)

    def wait_ready(self, name, limit=30):
        def ready():
            p = self.get_pod(name)
            need(condition(p, "Ready") == "True", f"not ready, {why(p)}")
            return p
        return until(f"Pod {name} is Ready", ready, limit)

    def run_ready(self, manifest, limit=30):
        self.apply(manifest)
        return self.wait_ready(manifest["metadata"]["name"], limit)

    def wait_gone(self, name, limit=30):
        until(f"Pod {name} is gone", lambda: not self.api.exists(self.path("pods", name)), limit)

    def wait_ready_count(self, app, count, limit=60):
        def ready():
            got = [p for p in self.pods(app) if condition(p, "Ready") == "True"]
            need(len(got) == count == len(self.pods(app)), f"{len(got)} ready of {len(self.pods(app))}")
            return got or True
        return until(f"{count} Pods of {app} are ready", ready, limit)

    def exec(self, name, *command, container=None, check=True, **kw):
        return self.kubectl("exec", name, *(["-c", container] if container else []), "--", *command, check=check, **kw)

    def sh(self, name, script, **kw):
        return self.exec(name, "sh", "-c", script, **kw).stdout

    def container_id(self, name, index=0):
        return self.get_pod(name)["status"]["containerStatuses"][index]["containerID"].rpartition("/")[2]

    def page(self, address, port=80, limit=10, path="/"):
        return until(f"{address}:{port} answers", lambda: fetch(f"http://{address}:{port}{path}"), limit)

    def events(self, name):
        return {e["reason"] for e in self.api.get(self.path("events"))["items"] if e["involvedObject"].get("name") == name}


def why(p):
    """What a Pod's status says of its containers, in short."""
    states = [f"{s['name']}: {json.dumps(s.get('state', {}))[:200]}" for s in p["status"].get("containerStatuses", [])]
    return "; ".join(states) or json.dumps(p["status"].get("conditions", []))[:300]
