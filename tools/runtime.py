#!/usr/bin/env python3
"""A containerd and a registry of our own, beside whatever else runs on the machine.

    runtime.py start DIR [--cni-conf FOLDER]    prints the socket for --container-runtime-endpoint
    runtime.py stop DIR [--remove]              ends every Pod, container and process in DIR; --remove deletes DIR too
    runtime.py status DIR

All sockets, state, images, configuration and logs are under DIR. The registry listens on a free port of 127.0.0.1 and serves
the images of examples/images; containerd asks it first for docker.io and registry.k8s.io. Needs root.
"""
import argparse, contextlib, ctypes, http.client, json, os, pathlib, shutil, signal, socket, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "examples/images")]
import build as images
from cri import Cri, CriError

PAUSE = "registry.k8s.io/pause:3.10"
MIRRORED = {"docker.io": "https://registry-1.docker.io", "registry.k8s.io": "https://registry.k8s.io"}
# The socket's name and containerd's suffix must fit into sun_path (108 bytes).
SOCKET_LIMIT = 95
# Snapshotters and services that a kubelet never asks for.
UNUSED = ["snapshotter.v1.aufs", "snapshotter.v1.btrfs", "snapshotter.v1.devmapper", "snapshotter.v1.zfs", "internal.v1.tracing",
          "tracing.processor.v1.otlp", "internal.v1.opt"]

CONTAINERD = """version = 2
root = "{dir}/containerd"
state = "{dir}/state"
disabled_plugins = [{unused}]

[grpc]
  address = "{dir}/containerd.sock"

[debug]
  level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  # The privilege to lower a process's OOM score is not everywhere, nor is the hugetlb controller.
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_bin}"
    conf_dir = "{cni_conf}"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{dir}/state/runc"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{dir}/registries"
"""

REGISTRY = """version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{dir}/registry"}}, delete: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""

MIRROR = """server = "{server}"

[host."http://127.0.0.1:{port}"]
  capabilities = ["pull", "resolve"]
"""


class RuntimeFailure(Exception):
    """Why the runtime cannot be had, in one sentence."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_time(pid):
    """When a process started, in clock ticks: with its id it names one process for ever. None if it is gone or a zombie."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    except (OSError, IndexError):
        return None


def wait_until(what, limit, check, alive=lambda: True):
    end = time.monotonic() + limit
    while True:
        if check():
            return
        if not alive() or time.monotonic() > end:
            raise RuntimeFailure(what)
        time.sleep(0.02)


def end_process(pid, started=None, grace=10):
    """SIGTERM, then SIGKILL, for this very process."""
    def gone():
        try:
            os.waitpid(pid, os.WNOHANG)
        except OSError:
            pass
        now = start_time(pid)
        return now is None or (started is not None and now != started)
    for sig, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, 5)):
        if gone():
            return
        try:
            os.kill(pid, sig)
            wait_until("", limit, gone)
        except (ProcessLookupError, RuntimeFailure):
            pass


def unmount_below(folder):
    """Takes off every mount at or below a folder, the last one first."""
    folder = os.path.realpath(folder)
    umount2 = ctypes.CDLL(None, use_errno=True).umount2
    points = []
    for line in open("/proc/self/mountinfo", encoding="utf-8"):
        point = line.split()[4].encode().decode("unicode_escape")
        if point == folder or point.startswith(folder + "/"):
            points.append(point)
    for point in reversed(points):
        umount2(point.encode(), 2)  # MNT_DETACH
    return points


def cgroups_named(names):
    """The cgroup folders, in every hierarchy, whose last part is one of `names`; the deepest first."""
    found = []
    for root, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(root, d) for d in dirs if d in names]
    return sorted(found, key=len, reverse=True)


def remove_cgroup(path):
    """Removes a container's cgroup, and the parents that are empty then."""
    for _ in range(50):
        try:
            os.rmdir(path)
            break
        except FileNotFoundError:
            break
        except OSError:
            time.sleep(0.02)
    with contextlib.suppress(OSError):
        while (path := os.path.dirname(path)).count("/") > 4:
            os.rmdir(path)


class Runtime:
    def __init__(self, folder, cni_conf=None):
        self.dir = pathlib.Path(folder).resolve()
        self.cni_conf = pathlib.Path(cni_conf).resolve() if cni_conf else self.dir / "cni"
        self.socket = self.dir / "containerd.sock"
        self.record = self.dir / "runtime.json"
        self.cri = Cri(self.socket)

    @property
    def endpoint(self):
        return f"unix://{self.socket}"

    def state(self):
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError):
            return {}

    def running(self):
        s = self.state()
        return bool(s) and all(start_time(p["pid"]) == p["started"] for p in s["processes"].values())

    # ---- start

    def start(self):
        if self.running():
            return self
        self.check()
        self.stop()
        for d in ("state", "registry", "registries", self.cni_conf):
            (self.dir / d).mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.configure(port)
        self.record.write_text(json.dumps({"port": port, "processes": {}}))
        try:
            self.spawn("registry", ["docker-registry", "serve", str(self.dir / "registry.yml")])
            wait_until("the registry does not answer", 10, lambda: self.registry_answers(port), lambda: self.alive("registry"))
            images.push(HERE.parent / "build/images", f"http://127.0.0.1:{port}")
            self.spawn("containerd", ["containerd", "--config", str(self.dir / "containerd.toml")])
            wait_until("containerd does not become ready", 20, self.runtime_answers, lambda: self.alive("containerd"))
        except (RuntimeFailure, images.BuildError) as e:
            why = f"{e}{self.last_words()}"
            self.stop()
            raise RuntimeFailure(why) from None
        return self

    def check(self):
        if os.geteuid():
            raise RuntimeFailure("starting containers needs root")
        missing = [p for p in ("containerd", "containerd-shim-runc-v2", "runc", "docker-registry") if not shutil.which(p)]
        if missing or not self.cni_bin():
            raise RuntimeFailure(f"{', '.join(missing) or 'CNI plug-ins'} missing; run: sh tools/setup.sh run")
        if len(str(self.socket)) > SOCKET_LIMIT:
            raise RuntimeFailure(f"the folder's name {self.dir} is too long for a socket in it; choose a shorter one")

    @staticmethod
    def cni_bin():
        return next((d for d in ("/usr/lib/cni", "/opt/cni/bin") if os.path.exists(d + "/bridge")), None)

    def configure(self, port):
        unused = ", ".join(f'"io.containerd.{p}"' for p in UNUSED)
        (self.dir / "containerd.toml").write_text(
            CONTAINERD.format(dir=self.dir, unused=unused, pause=PAUSE, cni_bin=self.cni_bin(), cni_conf=self.cni_conf))
        (self.dir / "registry.yml").write_text(REGISTRY.format(dir=self.dir, port=port))
        for name, server in MIRRORED.items():
            (self.dir / "registries" / name).mkdir(exist_ok=True)
            (self.dir / "registries" / name / "hosts.toml").write_text(MIRROR.format(server=server, port=port))

    def spawn(self, name, command):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("CONTAINERD_", "REGISTRY_", "OTEL_", "NOTIFY_SOCKET"))}
        with open(self.dir / f"{name}.log", "ab") as log:
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=env)
        s = self.state()
        s["processes"][name] = {"pid": p.pid, "started": start_time(p.pid)}
        self.record.write_text(json.dumps(s))

    def alive(self, name):
        p = self.state()["processes"][name]
        try:
            os.waitpid(p["pid"], os.WNOHANG)
        except OSError:
            pass
        return start_time(p["pid"]) == p["started"]

    @staticmethod
    def registry_answers(port):
        try:
            conn = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            conn.request("GET", "/v2/")
            return conn.getresponse().status == 200
        except OSError:
            return False

    def runtime_answers(self):
        try:
            return self.cri.ready()
        except CriError:
            return False

    def last_words(self):
        for name in ("containerd", "registry"):
            log = self.dir / f"{name}.log"
            lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
            if lines:
                return f" ({name}: {lines[-1][:300]})"
        return ""

    # ---- stop

    def stop(self, remove=False):
        ids = self.known_ids()
        cgroups = cgroups_named(ids)
        if self.socket.exists() and self.state() and self.alive_now("containerd"):
            self.remove_pods()
        for name in ("containerd", "registry"):
            p = self.state().get("processes", {}).get(name)
            if p:
                end_process(p["pid"], p["started"])
        self.end_shims()
        unmount_below(self.dir)
        for path in cgroups:
            remove_cgroup(path)
        for path in cgroups_named({"k8s.io"}):  # containerd's for Pods that name no parent
            with contextlib.suppress(OSError):
                os.rmdir(path)
        shutil.rmtree(self.dir / "state", ignore_errors=True)
        for f in (self.record, self.socket, pathlib.Path(f"{self.socket}.ttrpc")):
            f.unlink(missing_ok=True)
        if remove:
            remove_network(self.cni_conf)
            shutil.rmtree(self.dir, ignore_errors=True)

    def alive_now(self, name):
        p = self.state().get("processes", {}).get(name)
        return bool(p) and start_time(p["pid"]) == p["started"]

    def known_ids(self):
        tasks = self.dir / "state/io.containerd.runtime.v2.task/k8s.io"
        return set(os.listdir(tasks)) if tasks.exists() else set()

    def remove_pods(self):
        """Asks the runtime to, so that addresses and rules are given back by those who made them."""
        try:
            for pod in self.cri.sandboxes():
                self.cri.remove_sandbox(pod["id"])
                shutil.rmtree(f"/var/log/pods/{pod['namespace']}_{pod['name']}_{pod['uid']}", ignore_errors=True)
        except CriError as e:
            print(f"runtime: {e}", file=sys.stderr)

    def shims(self):
        """Process ids of our shims: they name our socket on their command line."""
        for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                args = p.read_bytes().split(b"\0")
            except OSError:
                continue
            if args[0].endswith(b"containerd-shim-runc-v2") and str(self.socket).encode() in args:
                yield int(p.parent.name)

    def end_shims(self):
        for shim in list(self.shims()):
            for child in children(shim):
                end_process(child, start_time(child), grace=0)
            end_process(shim, start_time(shim), grace=1)


def remove_network(cni_conf):
    """Takes off the bridges that CNI configurations name and the rules for them, which nobody uses once no Pod is left."""
    for conf in pathlib.Path(cni_conf).glob("*.conflist"):
        for plugin in json.loads(conf.read_text()).get("plugins", []):
            if plugin.get("type") == "bridge":
                subprocess.run(["ip", "link", "del", plugin.get("bridge", "cni0")], capture_output=True, check=False)
                for family in ("ip", "ip6"):
                    subprocess.run(["nft", "delete", "table", family, "c8s"], capture_output=True, check=False)


def children(pid):
    out = []
    for p in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(p.read_text().rpartition(")")[2].split()[1]) == pid:
                out.append(int(p.parent.name))
        except (OSError, IndexError, ValueError):
            pass
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("verb", choices=["start", "stop", "status"])
    ap.add_argument("dir", metavar="DIR")
    ap.add_argument("--cni-conf", metavar="FOLDER")
    ap.add_argument("--remove", action="store_true")
    a = ap.parse_args()
    runtime = Runtime(a.dir, a.cni_conf)
    try:
        if a.verb == "start":
            print(runtime.start().endpoint)
        elif a.verb == "stop":
            runtime.stop(a.remove)
        else:
            print("running" if runtime.running() else "not running")
    except (RuntimeFailure, OSError) as e:
        sys.exit(f"runtime: {e}")


if __name__ == "__main__":
    main()
