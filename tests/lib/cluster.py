"""A cluster of one node: c8s server over the private containerd and registry."""
import json, os, pathlib, shutil, signal, subprocess, urllib.request

from . import env
from .proc import Process, descendants
from .report import Failed, need, until
from kube import Api, condition
from runtime import Runtime, RuntimeFailure, free_port, unmount_below

NODE = "node-a"


class Cluster:
    def __init__(self, folder, agent=True):
        self.folder = pathlib.Path(folder)
        self.data, self.kubeconfig = self.folder / "data", self.folder / "admin.kubeconfig"
        self.runtime = Runtime(self.folder / "runtime", self.data / "cni") if agent else None
        self.port, self.server, self.api = free_port(), None, None
        self.kubectl_program = os.environ.get("KUBECTL", "").split() or [env.c8s(), "kubectl"]

    @property
    def manifests(self):
        """The folder of static Pods."""
        return self.data / "manifests"

    def command(self):
        flags = ["--data-dir", self.data, "--secure-port", self.port, "--node-name", NODE, "--write-kubeconfig", self.kubeconfig]
        flags += ["--container-runtime-endpoint", self.runtime.endpoint] if self.runtime else ["--disable-agent"]
        return [env.c8s(), "server", *flags]

    def start(self):
        self.data.mkdir(parents=True, exist_ok=True)
        if self.runtime:
            try:
                self.runtime.start()
            except RuntimeFailure as e:
                raise Failed(str(e)) from None
        return self.start_server()

    def start_server(self):
        self.server = Process("c8s server", self.command(), self.folder / "server.log").start()
        self.server.wait_ready(self.connect, 20)
        if self.runtime:
            self.wait_node()
        return self

    def connect(self):
        """True once the kubeconfig is written and the API is ready."""
        self.api = Api.from_kubeconfig(self.kubeconfig)
        return self.api.ready()

    def wait_node(self):
        def ready():
            need(self.server.alive(), f"c8s server ended: {self.server.tail()}")
            node = self.api.get(f"/api/v1/nodes/{NODE}")
            return condition(node, "Ready") == "True" and not any(t["key"].startswith("node.kubernetes.io/not-ready") for t in node["spec"].get("taints", []))
        until("the node is Ready", ready, 40)

    def stop_server(self):
        return self.server.stop() if self.server else None

    def stop(self):
        """Ends everything; the logs stay."""
        for api in [self.api] if self.api else []:
            api.close()
        self.stop_server()
        if self.runtime:
            self.runtime.stop(remove=True)
            subprocess.run([env.c8s(), "kube-proxy", "--cleanup"], capture_output=True, check=False)
        unmount_below(self.data)
        shutil.rmtree(self.data, ignore_errors=True)

    def pids(self):
        return [self.server.pid, *descendants(self.server.pid)]

    def component(self, name):
        """The process id of a component of the server."""
        for pid in descendants(self.server.pid):
            if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2] == [name.encode()]:
                return pid
        raise Failed(f"c8s server has no {name}")

    def pause(self, name):
        os.kill(self.component(name), signal.SIGSTOP)

    def kill(self, name):
        os.kill(self.component(name), signal.SIGKILL)

    def kubectl(self, *args, ns=None, input=None, check=True, timeout=60, text=True):
        command = [*self.kubectl_program, *(["-n", ns] if ns else []), *[str(a) for a in args]]
        if isinstance(input, (dict, list)):
            input = json.dumps(input)
        r = subprocess.run(command, input=input, capture_output=True, text=text, timeout=timeout, check=False,
                           env={**os.environ, "KUBECONFIG": str(self.kubeconfig)})
        if check and r.returncode:
            raise Failed(f"kubectl {' '.join(command[len(self.kubectl_program):])} ended with {r.returncode}: {str(r.stderr).strip()[-400:]}")
        return r

    def popen(self, *args, ns=None, program=None, **kw):
        command = [*(program or self.kubectl_program), *(["-n", ns] if ns else []), *[str(a) for a in args]]
        return subprocess.Popen(command, env={**os.environ, "KUBECONFIG": str(self.kubeconfig)}, **kw)


def fetch(url, timeout=3):
    with urllib.request.urlopen(url, timeout=timeout) as r:
        return r.read()
