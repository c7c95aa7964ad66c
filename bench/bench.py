#!/usr/bin/env python3
"""Measures c8s and prints the figures beside what they should be: bench.py [--build DIR] [--quick] [PART...]

Parts: size, api, start, idle, pods. api needs Go and the shared folder (apibench), pods needs the shared folder (podstart.py); start, idle
and pods need root for containers. Per CPU-second means: of the CPU time that the server's processes took. Let the machine be quiet.
"""
import argparse, json, os, pathlib, re, select, shutil, statistics, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
from lib import env
from lib.cluster import NODE, Cluster
from lib.proc import cpu_seconds, descendants, pss_bytes
from lib.report import Failed, cleanup, until
from lib.servers import ApiServer
from kube import condition

MB = 1e6
# name -> (what, bound, unit, True if at most)
ROWS = {
    "size": ("stripped c8s", 4, "MB", True),
    "pss": ("idle cluster with one Pod, PSS of all c8s processes", 40, "MB", True),
    "idle": ("idle CPU, of a core", 0.2, "%", True),
    "ready": ("control plane start to /readyz", 150, "ms", True),
    "node": ("start to node Ready", 600, "ms", True),
    "get": ("GET per CPU-second", 40000, "", False),
    "list": ("LIST of 1,000 Pods, JSON, per CPU-second", 170, "", False),
    "listw": ("the same with a write between each two, of it", 70, "%", False),
    "create": ("create Pod per CPU-second", 8000, "", False),
    "update": ("merge-patch Pod per CPU-second", 6000, "", False),
    "watch": ("watch events, 200 watchers, per CPU-second", 250000, "", False),
    "running": ("Pod POST to Running and Ready, beyond the runtime", 60, "ms", True),
    "gone": ("process exit to Pod gone", 150, "ms", True),
}


class Figures:
    def __init__(self):
        self.got, self.notes = {}, []

    def set(self, name, value, note=""):
        self.got[name] = value
        if note:
            self.notes.append(note)

    def show(self):
        print(f"\n{'':53}{'measured':>12}{'bound':>14}")
        for name, (what, bound, unit, most) in ROWS.items():
            if name not in self.got:
                continue
            value = self.got[name]
            mark = "" if (value <= bound if most else value >= bound) else "   missed"
            text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
            print(f"{what:53}{text + ' ' + unit:>12}{('<= ' if most else '>= ') + f'{bound:,} {unit}':>14}{mark}")
        for note in self.notes:
            print(note)


def size(figures, _):
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["strip", "-o", f.name, env.c8s()], check=True)
        figures.set("size", os.stat(f.name).st_size / MB)


def apibench():
    source, tool = env.shared() / "bench/apibench", env.go()
    out = env.build_dir() / "apibench"
    copy = env.busy("apibench")
    for f in source.iterdir():
        shutil.copy(f, copy)
    subprocess.run([tool, "build", "-o", str(out), "."], cwd=copy, check=True)
    return str(out)


def workload(server, program, name, seconds):
    """Rows of apibench on a server that runs already."""
    fix = server.fixture
    pids = ",".join(map(str, [server.process.pid, *descendants(server.process.pid)]))
    command = [program, "-server", server.url, "-cert", f"{fix}/admin.crt", "-key", f"{fix}/admin.key", "-pid", pids, "-t", f"{seconds}s", name]
    r = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if r.returncode or not r.stdout.strip():
        raise Failed(f"apibench {name}: {r.stderr.strip()[-300:]}")
    row = json.loads(r.stdout.strip().splitlines()[-1])
    print(f"  {name:7} {row['per_cpu_s']:>12,.0f} per CPU-second  {row['per_s']:>10,.0f} per second  p99 {row['p99_ms']:7.2f} ms  {row['rss_mb']:6.1f} MB RSS  {row['errors']} errors", flush=True)
    return row


def api(figures, a):
    program = apibench()
    with ApiServer(env.busy("bench-api")) as server:
        rows = {n: workload(server, program, n, 2 if a.quick else 5) for n in ("get", "list", "listw", "update", "watch", "create")}
    for name, row in rows.items():
        figures.set(name, row["per_cpu_s"])
        if row["errors"] and name != "watch":
            figures.notes.append(f"{name}: {row['errors']} errors")
    figures.set("listw", 100 * rows["listw"]["per_cpu_s"] / max(rows["list"]["per_cpu_s"], 1e-9))


def forget(cluster):
    """An empty data directory; the folder of CNI files stays itself, for containerd watches it."""
    for p in [p for p in cluster.data.iterdir() if p.name != "cni"] + list((cluster.data / "cni").glob("*")):
        shutil.rmtree(p, ignore_errors=True) if p.is_dir() else p.unlink()
    cluster.kubeconfig.unlink(missing_ok=True)


def start(figures, a):
    """From an empty data directory, keys and all."""
    ready, nodes = [], []
    for _ in range(2 if a.quick else 5):
        cluster = Cluster(env.busy("bench-start"), agent=False)
        began = time.monotonic()
        cluster.start()
        ready.append(1e3 * (time.monotonic() - began))
        cluster.stop()
    cluster = Cluster(env.busy("bench-start"))
    try:
        cluster.data.mkdir(parents=True, exist_ok=True)
        cluster.runtime.start()
        for _ in range(2 if a.quick else 5):
            forget(cluster)
            began = time.monotonic()
            cluster.start()
            nodes.append(1e3 * (time.monotonic() - began))
            cluster.api.close()
            cluster.stop_server()
    finally:
        cluster.stop()
    figures.set("ready", statistics.median(ready))
    figures.set("node", statistics.median(nodes))


def nginx(cluster):
    cluster.kubectl("apply", "-f", env.ROOT / "examples/nginx-pod.yaml")
    until("the Pod is Ready", lambda: condition(cluster.api.get("/api/v1/namespaces/default/pods/nginx"), "Ready") == "True", 60)


def idle(figures, a):
    cluster = Cluster(env.busy("bench-idle"))
    try:
        cluster.start()
        nginx(cluster)
        cluster.api.close()
        time.sleep(5 if a.quick else 30)
        seconds, before = (10 if a.quick else 60), cpu_seconds(cluster.pids())
        time.sleep(seconds)
        pids = cluster.pids()
        figures.set("idle", 100 * (cpu_seconds(pids) - before) / seconds)
        figures.set("pss", pss_bytes(pids) / MB)
        for pid in pids:
            name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            print(f"  {name:20} {pss_bytes([pid]) / MB:6.1f} MB PSS", flush=True)
    finally:
        cluster.stop()


OPERATIONS = ("run_podsandbox", "create_container", "start_container")


def runtime_seconds(cluster):
    """operation -> (seconds, count) since the kubelet started."""
    _, _, body = cluster.api.raw("GET", f"/api/v1/nodes/{NODE}/proxy/metrics")
    out = {}
    for op in OPERATIONS:
        pair = [re.search(rf'^kubelet_runtime_operations_duration_seconds_{k}{{[^}}]*operation_type="{op}"[^}}]*}} (\S+)', body.decode(), re.M) for k in ("sum", "count")]
        if not all(pair):
            raise Failed(f"the kubelet's metrics have no kubelet_runtime_operations_duration_seconds of {op}")
        out[op] = tuple(float(m[1]) for m in pair)
    return out


def pods(figures, a):
    cluster = Cluster(env.busy("bench-pods"))
    try:
        cluster.start()
        nginx(cluster)
        program = [sys.executable, str(env.shared() / "bench/podstart.py"), "--kubeconfig", str(cluster.kubeconfig), "-n", "5" if a.quick else "20", "--burst", "1"]
        before = runtime_seconds(cluster)
        r = subprocess.run(program, capture_output=True, text=True, check=False, timeout=300)
        if r.returncode:
            raise Failed(f"podstart.py: {(r.stderr or r.stdout).strip()[-300:]}")
        after = runtime_seconds(cluster)
        print("  " + r.stdout.strip().replace("\n", "\n  "))
        alone = sum(1e3 * (after[op][0] - before[op][0]) / max(after[op][1] - before[op][1], 1) for op in OPERATIONS)
        running = float(re.search(r"one by one\s+running\s+p50\s+([\d.]+)", r.stdout)[1])
        figures.set("running", running - alone, f"Pod POST to Running and Ready: {running:.0f} ms, of which the runtime {alone:.0f} ms")
        figures.set("gone", statistics.median(exit_to_gone(cluster, i) for i in range(3 if a.quick else 10)))
    finally:
        cluster.stop()


def exit_to_gone(cluster, i):
    """Milliseconds between the end of a container's process and the Pod's DELETED event."""
    name, path, mark = f"gone-{i}", "/api/v1/namespaces/default/pods", str(86400 + i)
    cluster.api.post(path, {"metadata": {"name": name}, "spec": {"terminationGracePeriodSeconds": 5, "containers": [
        {"name": "c", "image": "busybox:1.36", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", f"trap 'exit 0' TERM; sleep {mark} & wait"]}]}})
    until("the Pod is Ready", lambda: condition(cluster.api.get(f"{path}/{name}"), "Ready") == "True", 30)
    handle, ended = os.pidfd_open(find_process(f"sleep {mark} & wait")), []
    waiting = threading.Thread(target=lambda: (wait_exit(handle), ended.append(time.monotonic())))
    waiting.start()
    version = cluster.api.get(f"{path}/{name}")["metadata"]["resourceVersion"]
    events = cluster.api.watch(f"{path}?watch=1&resourceVersion={version}&fieldSelector=metadata.name%3D{name}")
    threading.Thread(target=lambda: cluster.api.delete(f"{path}/{name}")).start()
    next(e for e in events if e["type"] == "DELETED")
    gone = time.monotonic()
    waiting.join()
    os.close(handle)
    return 1e3 * (gone - ended[0])


def wait_exit(handle):
    p = select.poll()
    p.register(handle, select.POLLIN)
    p.poll()


def find_process(words):
    for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words in p.read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                return int(p.parent.name)
        except OSError:
            pass
    raise Failed(f"no process with {words!r}")


PARTS = {"size": size, "api": api, "start": start, "idle": idle, "pods": pods}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    ap.add_argument("--build", default="build-release", metavar="DIR")
    ap.add_argument("--quick", action="store_true", help="fewer repetitions, for a look")
    a = ap.parse_args()
    os.environ["BUILD"] = str((env.ROOT / a.build).resolve())
    figures = Figures()
    with cleanup():
        for name in a.parts or PARTS:
            print(f"{name}:", flush=True)
            try:
                if name in ("start", "idle", "pods"):
                    env.root()
                PARTS[name](figures, a)
            except (env.Skip, Failed, OSError, subprocess.SubprocessError) as e:
                print(f"  not measured: {e}", flush=True)
                figures.notes.append(f"{name}: not measured: {e}")
    figures.show()


if __name__ == "__main__":
    main()
