#!/usr/bin/env python3
"""The private runtime alone, before c8s stands on it: pulls through the registry, a Pod sandbox, nginx in it, nothing left after."""
import json, os, pathlib, sys, tempfile, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
from cri import encode
from runtime import Runtime, RuntimeFailure
from lib.leftovers import Picture, addresses

NETWORK = {"cniVersion": "0.4.0", "name": "c8s-test", "plugins": [
    {"type": "bridge", "bridge": "c8stest0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.213.7.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": ""}},
    {"type": "portmap", "capabilities": {"portMappings": True}}]}


HOST_PORT = 18998


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


def check(runtime, folder):
    """Yields (what, ok)."""
    cri, logs = runtime.cri, folder / "logs"
    logs.mkdir()
    began = time.monotonic()
    sandbox, container = nginx_pod(runtime, logs)
    page = fetch(f"http://{cri.address(sandbox)}/")
    print(f"  pull, sandbox, container and page: {1e3 * (time.monotonic() - began):.0f} ms")
    yield "nginx serves its page from the Pod's address", "Welcome to nginx!" in page
    own = next(a.split()[1] for a in sorted(addresses()) if not a.startswith(("c8stest0", "docker", "cni")) and "." in a)
    yield "its host port leads to it", "Welcome to nginx!" in fetch(f"http://{own}:{HOST_PORT}/")
    code, out, _ = cri.exec(container, ["sh", "-c", "cat /etc/passwd; exit 7"])
    yield "exec gives output and exit code", code == 7 and b"www-data" in out
    yield "the access log is in CRI format", "GET / HTTP/1.1" in (logs / "nginx.log").read_text()
    yield "pause is the sandbox's first process", any("/pause" in p.read_text(errors="replace") for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if readable(p))
    cri.pull("docker.io/library/busybox:1.36")
    yield "images came through the mirror", any(i.endswith("busybox:1.36") for i in cri.images())


def readable(path):
    try:
        path.read_text(errors="replace")
        return True
    except OSError:
        return False


def prepare(folder):
    NETWORK["plugins"][0]["ipam"]["dataDir"] = str(folder / "ipam")
    (folder / "cni").mkdir()
    (folder / "cni/10-test.conflist").write_text(json.dumps(NETWORK))


def main():
    failed = passed = 0
    before = Picture()
    with tempfile.TemporaryDirectory(prefix="c8s-rt-") as d:
        folder = pathlib.Path(d)
        prepare(folder)
        runtime = Runtime(folder)
        try:
            for what, ok in check(runtime.start(), folder):
                print(f"{'ok  ' if ok else 'FAIL'} {what}")
                passed, failed = passed + ok, failed + (not ok)
        except RuntimeFailure as e:
            print(f"FAIL {e}")
            failed += 1
        finally:
            runtime.stop()
            os.system("ip link del c8stest0 2>/dev/null")
            left = before.settle(5)
            print("\n".join(f"FAIL left behind: {x}" for x in left) or "ok   nothing is left behind")
    print(f"{passed + (not left)} passed, {failed + len(left)} failed")
    sys.exit(bool(failed or left))


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("runtime_test: starting containers needs root")
    assert encode({1: "a", 2: 150}) == b"\x0a\x01a\x10\x96\x01"
    main()
