#!/usr/bin/env python3
"""The private runtime alone, before c8s stands on it: pulls through the registry, a Pod sandbox, nginx in it, nothing left after."""
import json, os, pathlib, subprocess, sys, time, urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import env
from lib.leftovers import Picture, addresses
from lib.network import own_network
from lib.report import Report, cleanup, need
from cri import encode
from runtime import Runtime

HOST_PORT = 18998
BRIDGE = "c8stest0"
NETWORK = {"cniVersion": "0.4.0", "name": "c8s-test", "plugins": [
    {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": False, "hairpinMode": True,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.213.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": ""}},
    {"type": "portmap", "capabilities": {"portMappings": True}}]}


def sandbox_config(name, logs):
    return {1: {1: name, 2: f"uid-{name}", 3: "default", 4: 0}, 2: name, 3: str(logs), 5: {1: 0, 2: 80, 3: HOST_PORT}, 8: {1: f"/c8s-test-{os.getpid()}/pod-{name}"}}


def nginx_pod(runtime, logs):
    """A sandbox with nginx in it; what a kubelet would ask for."""
    cri = runtime.cri
    image = cri.pull("docker.io/library/nginx:latest")
    pod = sandbox_config("web", logs)
    sandbox = cri.run_sandbox(pod)
    container = cri.create(sandbox, {1: {1: "nginx", 2: 0}, 2: {1: image}, 11: "nginx.log"}, pod)
    cri.start(container)
    return sandbox, container


def fetch(url, limit=5):
    end = time.monotonic() + limit
    while True:
        try:
            return urllib.request.urlopen(url, timeout=2).read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def pod(runtime, folder):
    """Pull, sandbox, container, page, host port, exec, log, all as a kubelet would."""
    cri, logs = runtime.cri, folder / "logs"
    logs.mkdir()
    began = time.monotonic()
    sandbox, container = nginx_pod(runtime, logs)
    page = fetch(f"http://{cri.address(sandbox)}/")
    print(f"     pull, sandbox, container and page: {1e3 * (time.monotonic() - began):.0f} ms")
    need("Welcome to nginx!" in page, "the page is another one")
    own = next(a.split()[1] for a in sorted(addresses()) if not a.startswith((BRIDGE, "docker", "cni")) and "." in a)
    need("Welcome to nginx!" in fetch(f"http://{own}:{HOST_PORT}/"), "the host port leads elsewhere")
    code, out, _ = cri.exec(container, ["sh", "-c", "cat /etc/passwd; exit 7"])
    need(code == 7 and b"www-data" in out, f"exec: {code} {out}")
    need("GET / HTTP/1.1" in (logs / "nginx.log").read_text(), "no request in the log")
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    need("/pause" in running, "pause does not run")


def mirror(runtime, _):
    """Images come through the registry, by each of their names."""
    for name in ("docker.io/library/busybox:1.36", "docker.io/library/busybox:latest", "registry.k8s.io/pause:3.10"):
        runtime.cri.pull(name)
        need(name in runtime.cri.images(), f"{name} is not there after its pull")


def published_api(runtime, folder):
    """The same with the published CRI client."""
    r = subprocess.run([env.client("cri"), "-endpoint", runtime.endpoint, "-logs", str(folder)], capture_output=True, text=True, check=False, timeout=120)
    need(r.returncode == 0, r.stdout.strip() + r.stderr.strip())


CHECKS = (pod, mirror, published_api)


def prepare(folder):
    NETWORK["plugins"][0]["ipam"]["dataDir"] = str(folder / "ipam")
    (folder / "cni").mkdir()
    (folder / "cni/10-test.conflist").write_text(json.dumps(NETWORK))


def main():
    assert encode({1: "a", 2: 150}) == b"\x0a\x01a\x10\x96\x01"
    report = Report()
    report.require("runtime", env.root, own_network)
    folder = env.busy("runtime")
    before = Picture(folder)
    prepare(folder)
    with cleanup() as stack:
        runtime = Runtime(folder / "r", folder / "cni")
        stack.callback(runtime.stop, True)
        report.run("runtime/start", runtime.start)
        if not report.failed:
            report.run_all([(f"runtime/{f.__name__}", f, runtime, folder) for f in CHECKS])
    report.run("runtime/leaves_nothing", lambda: need(not (left := before.settle(5)), f"left behind: {', '.join(left)[:800]}"))
    report.finish()


if __name__ == "__main__":
    main()
