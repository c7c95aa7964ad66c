#!/usr/bin/env python3
"""What a new user gets wrong: each ends at once, not with 0, and says in one clear sentence what is wrong. badinput.py [NAME...]"""
import os, pathlib, re, socket, subprocess, sys

from lib import env
from lib.proc import Process
from lib.report import Report, cleanup, equal, need, selected
from kube import Api
from runtime import free_port

CRASHED = re.compile(r"assert|segmentation|sanitizer|stack trace|core dumped|\(null\)|0x[0-9a-f]{6}", re.I)


class Bench:
    """A folder for each case."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()

    def server_flags(self, data="data", port=None):
        return ["server", "--data-dir", self.folder / data, "--secure-port", port or free_port(), "--disable-agent", "--write-kubeconfig", self.folder / "kubeconfig"]

    def refuses(self, args, *words, limit=10, prefix=()):
        """Runs c8s and holds what it says to one or two short lines with the words in them."""
        try:
            r = subprocess.run([*prefix, env.c8s(), *[str(a) for a in args]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it goes on for {limit} s instead of refusing") from None
        lines = [x for x in r.stderr.splitlines() if x.strip()]
        need(r.returncode > 0, f"it ended with {r.returncode}: {r.stderr[-300:]}")
        need(1 <= len(lines) <= 3 and len(r.stderr) < 700, f"{len(lines)} lines: {r.stderr[:400]}")
        need(not CRASHED.search(r.stderr), f"no sentence for a user: {r.stderr[:400]}")
        missing = [w for w in words if not re.search(w, r.stderr, re.I)]
        need(not missing, f"it does not say {missing}: {r.stderr[:400]}")

    def server(self, data="data", port=None):
        p = Process("c8s server", [env.c8s(), *self.server_flags(data, port)], self.folder / "server.log").start()
        kubeconfig = self.folder / "kubeconfig"
        p.wait_ready(kubeconfig.exists, 15)
        return p.wait_ready(Api.from_kubeconfig(kubeconfig).ready, 15)


def unknown_command(b):
    b.refuses(["frobnicate"], "frobnicate", "help")


def unknown_flag(b):
    b.refuses([*b.server_flags(), "--no-such-flag"], "no-such-flag")


def bad_value(b):
    b.refuses(["server", "--secure-port", "many"], "secure-port", "many")


def bad_component_flag(b):
    b.refuses(["kube-scheduler", "--no-such-flag"], "no-such-flag")


def missing_kubeconfig(b):
    b.refuses(["kube-scheduler", "--kubeconfig", b.folder / "absent"], "absent")


def port_in_use(b):
    with socket.socket() as s:
        s.bind(("0.0.0.0", 0))
        s.listen()
        port = s.getsockname()[1]
        b.refuses(b.server_flags(port=port), str(port), "in use")


def data_is_a_file(b):
    (b.folder / "data").write_text("x")
    b.refuses(b.server_flags(), "data")


def data_unreadable(b):
    env.root()
    (b.folder / "data").mkdir(mode=0o700)
    b.folder.chmod(0o755)
    if not all(p.stat().st_mode & 0o001 for p in pathlib.Path(env.c8s()).parents):
        raise env.Skip("another user cannot reach the program here")
    b.refuses(b.server_flags(), "data", "permission|denied|owner|not readable", prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])


def data_in_use(b):
    server = b.server()
    try:
        b.refuses(b.server_flags(), "data", "use|lock|running")
    finally:
        server.stop()


def data_foreign(b):
    """A folder with somebody else's files is not taken over."""
    (b.folder / "data").mkdir()
    for name in ("thesis.doc", "photos.zip"):
        (b.folder / "data" / name).write_bytes(os.urandom(1000))
    b.refuses(b.server_flags(), "data")
    equal(sorted(os.listdir(b.folder / "data")), ["photos.zip", "thesis.doc"], "files after it")


def data_damaged(b):
    b.server().stop()
    stores = sorted((p for p in (b.folder / "data").rglob("*") if p.is_file() and p.name != "reserve"), key=lambda p: -p.stat().st_size)
    store = stores[0]
    with open(store, "r+b") as f:
        f.write(os.urandom(16384))
    b.refuses(b.server_flags(), store.parent.name)


def data_newer(b):
    """The format's number is a text file named `format`, if there is one."""
    b.server().stop()
    marks = list((b.folder / "data").rglob("format"))
    if not marks:
        raise env.Skip("the data directory has no file `format`")
    marks[0].write_text("999999\n")
    b.refuses(b.server_flags(), "newer|format|version")


def disk_full(b):
    env.root()
    data = b.folder / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(data)], check=True)
    try:
        b.refuses(b.server_flags(), "space|full")
    finally:
        subprocess.run(["umount", str(data)], check=False)


def no_containerd(b):
    env.root()
    flags = [f for f in b.server_flags() if f != "--disable-agent"]
    b.refuses([*flags, "--container-runtime-endpoint", f"unix://{b.folder}/absent.sock"], "absent.sock", limit=30)


def no_root(b):
    env.root()
    flags = [f for f in b.server_flags() if f != "--disable-agent"]
    b.folder.chmod(0o777)
    b.refuses([*flags, "--container-runtime-endpoint", "unix:///run/containerd/containerd.sock"], "root",
              prefix=["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])


def kubectl_no_server(b):
    config = b.folder / "kc"
    config.write_text("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
                      "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n")
    b.refuses(["kubectl", "--kubeconfig", config, "get", "pods"], "127.0.0.1:1", "refused", limit=30)


def kubectl_no_file(b):
    b.refuses(["kubectl", "apply", "-f", b.folder / "absent.yaml"], "absent.yaml")


def manifest(b, text):
    path = b.folder / "pod.yaml"
    path.write_text(text)
    return path


def manifest_no_yaml(b):
    b.refuses(["kubectl", "apply", "-f", manifest(b, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n spec: [\n")], "pod.yaml", "line")


def manifest_typo(b):
    """A field or a kind that does not exist is named, not dropped."""
    server = b.server()
    try:
        kubectl = ["kubectl", "--kubeconfig", b.folder / "kubeconfig", "apply", "-f"]
        pod = {"field": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {contaners: [{name: a, image: b}]}\n", "kind": "apiVersion: v1\nkind: Podd\nmetadata: {name: a}\n",
               "value": "apiVersion: v1\nkind: Pod\nmetadata: {name: A_b}\nspec: {containers: [{name: a, image: b}]}\n"}
        b.refuses([*kubectl, manifest(b, pod["field"])], "spec.contaners")
        b.refuses([*kubectl, manifest(b, pod["kind"])], "Podd")
        b.refuses([*kubectl, manifest(b, pod["value"])], "metadata.name", "A_b")
    finally:
        server.stop()


CASES = {f.__name__: f for f in (unknown_command, unknown_flag, bad_value, bad_component_flag, missing_kubeconfig, port_in_use, data_is_a_file, data_unreadable,
                                 data_in_use, data_foreign, data_damaged, data_newer, disk_full, no_containerd, no_root, kubectl_no_server, kubectl_no_file, manifest_no_yaml, manifest_typo)}


def main():
    report = Report()
    report.require("badinput", env.c8s)
    folder = env.busy("badinput")
    with cleanup():
        for name in selected(CASES, sys.argv[1:]):
            report.run(f"badinput/{name}", CASES[name], Bench(folder, name))
    report.finish()


if __name__ == "__main__":
    main()
