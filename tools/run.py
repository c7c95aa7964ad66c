#!/usr/bin/env python3
"""A cluster of one node in build/run, with a Pod on it: run.py start | stop

start (`make run`) installs what is missing, starts a registry, a containerd and c8s, applies examples/nginx-pod.yaml, waits, and
fetches its page. stop (`make stop`) ends all of it and removes the cluster with its data. What else runs on the machine is left alone.
"""
import json, os, pathlib, shutil, socket, subprocess, sys, time, urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
RUN = BUILD / "run"
PATIENCE = 60
sys.path.insert(0, str(HERE))


class Trouble(Exception):
    """Why there is no cluster, in one sentence."""


def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("", port))
            return True
        except OSError:
            return False


class Timeline:
    def __init__(self):
        self.began = time.monotonic()

    def mark(self, what):
        print(f"{1e3 * (time.monotonic() - self.began):8.0f} ms  {what}", flush=True)


class Cluster:
    def __init__(self):
        from runtime import Runtime
        self.data, self.kubeconfig, self.record = RUN / "data", RUN / "admin.kubeconfig", RUN / "cluster.json"
        self.log = RUN / "server.log"
        self.runtime = Runtime(RUN / "runtime", self.data / "cni")
        self.child = self.api = None

    def recorded(self):
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None

    def running(self):
        from runtime import start_time
        r = self.recorded()
        return bool(r) and start_time(r["pid"]) == r["started"]

    def launch(self):
        from runtime import free_port, start_time
        self.data.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.unlink(missing_ok=True)
        port = 6443 if free(6443) else free_port()
        command = [BUILD / "c8s", "server", "--data-dir", self.data, "--secure-port", port, "--node-name", socket.gethostname().lower(),
                   "--container-runtime-endpoint", self.runtime.endpoint, "--write-kubeconfig", self.kubeconfig]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.record.write_text(json.dumps({"pid": self.child.pid, "started": start_time(self.child.pid)}))

    def wait(self, what, check):
        """Polls until check() is true; gives the server's own last words if it ends."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if value := check():
                    return value
            except (OSError, AssertionError, KeyError):
                pass
            if self.child and self.child.poll() is not None:
                raise Trouble(f"c8s server ended: {last_line(self.log)}")
            if time.monotonic() > end:
                raise Trouble(f"{what} did not come within {PATIENCE} s; see {self.log}")
            time.sleep(0.005)

    def connect(self):
        from kube import Api
        if self.kubeconfig.exists():
            self.api = Api.from_kubeconfig(self.kubeconfig)
        return self.api is not None and self.api.ready()

    def node_ready(self):
        from kube import condition
        return any(condition(n, "Ready") == "True" for n in self.api.get("/api/v1/nodes")["items"])

    def pod(self):
        return self.api.get("/api/v1/namespaces/default/pods/nginx")

    def apply(self):
        r = subprocess.run([str(BUILD / "c8s"), "kubectl", "--kubeconfig", str(self.kubeconfig), "apply", "-f", str(ROOT / "examples/nginx-pod.yaml")],
                           capture_output=True, text=True, check=False)
        if r.returncode:
            raise Trouble(f"kubectl apply failed: {(r.stderr.strip() or 'it said nothing').splitlines()[-1]}")
        return r.stdout.strip()


def last_line(path):
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return f"{lines[-1]} (all of it: {path})" if lines else f"it said nothing ({path})"


def page_title(text):
    return text.split("<title>", 1)[1].split("</title>", 1)[0] if "<title>" in text else text[:60]


def bring_up(cluster):
    from runtime import RuntimeFailure
    if cluster.running():
        print("The cluster is running already.")
        cluster.wait("the API", cluster.connect)
        return Timeline()
    print("starting registry and containerd", flush=True)
    try:
        cluster.runtime.start()
    except RuntimeFailure as e:
        raise Trouble(str(e)) from None
    line = Timeline()
    cluster.launch()
    line.mark("process started")
    cluster.wait("the API", cluster.connect)
    line.mark("API ready")
    cluster.wait("a Ready node", cluster.node_ready)
    line.mark("node Ready")
    return line


def start():
    if subprocess.run(["sh", str(HERE / "setup.sh"), "run"], check=False).returncode:
        sys.exit(1)
    if os.geteuid():
        raise Trouble("a node starts containers, which needs root: sudo make run")
    RUN.mkdir(parents=True, exist_ok=True)
    cluster = Cluster()
    line = bring_up(cluster)
    line.mark(cluster.apply())
    cluster.wait("the running Pod", lambda: cluster.pod()["status"].get("phase") == "Running")
    line.mark("Pod Running")
    address = cluster.pod()["status"]["podIP"]
    page = cluster.wait("the page", lambda: urllib.request.urlopen(f"http://{address}/", timeout=2).read().decode())
    line.mark(f"page from http://{address}/: {page_title(page)}")
    print(f"""
Go on with:
    export KUBECONFIG={cluster.kubeconfig}
    {os.path.relpath(BUILD / 'c8s')} kubectl get pods --all-namespaces
    {os.path.relpath(BUILD / 'c8s')} kubectl logs nginx
    make stop""")


def stop():
    if not RUN.exists():
        print("There is no cluster.")
        return
    if os.geteuid():
        raise Trouble("ending the cluster needs root: sudo make stop")
    from runtime import end_process, unmount_below
    cluster = Cluster()
    recorded = cluster.recorded()
    if cluster.running():
        end_process(recorded["pid"], recorded["started"], grace=30)
    cluster.runtime.stop(remove=True)
    subprocess.run([str(BUILD / "c8s"), "kube-proxy", "--cleanup"], capture_output=True, check=False)
    unmount_below(RUN)
    shutil.rmtree(RUN, ignore_errors=True)
    print("The cluster is gone.")


def main():
    verbs = {"start": start, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    try:
        verbs[sys.argv[1]]()
    except (Trouble, OSError) as e:
        sys.exit(f"run: {e}")


if __name__ == "__main__":
    main()
