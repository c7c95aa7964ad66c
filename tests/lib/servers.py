"""Starts single components of c8s with the fixture's certificates, as the recorded vectors' reference was started."""
import pathlib, subprocess

from . import env
from kube import Api, write_kubeconfig
from runtime import free_port
from .proc import Process
from .report import Failed

SERVICE_ADDRESSES = "10.96.0.0/16"
IDENTITIES = {"kube-scheduler": "scheduler", "kube-controller-manager": "controller-manager", "kube-proxy": "kube-proxy"}


def fixture():
    """The fixture's certificates, made once, in a folder of ours."""
    folder = env.build_dir() / "test/fixture"
    folder.mkdir(parents=True, exist_ok=True)
    r = subprocess.run(["sh", str(env.shared() / "vectors/fixture/make.sh"), str(folder)], capture_output=True, text=True, check=False)
    if r.returncode:
        raise Failed(f"fixture/make.sh failed: {r.stderr.strip()[-300:]}")
    return folder


def reference_flags(fix):
    """What the reference was started with (vectors/README.md)."""
    return [f"--tls-cert-file={fix}/apiserver.crt", f"--tls-private-key-file={fix}/apiserver.key", f"--client-ca-file={fix}/ca.crt",
            "--authorization-mode=Node,RBAC", f"--token-auth-file={fix}/tokens.csv", "--allow-privileged=true",
            f"--service-account-key-file={fix}/sa.pub", f"--service-account-signing-key-file={fix}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local", f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            "--enable-admission-plugins=NodeRestriction", f"--requestheader-client-ca-file={fix}/front-proxy-ca.crt",
            "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-"]


class ApiServer:
    """kube-apiserver on the embedded store."""

    def __init__(self, folder, extra=(), port=None):
        self.folder, self.fixture, self.port = pathlib.Path(folder), fixture(), port or free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        replaced = {e.partition("=")[0] for e in extra}
        flags = [f for f in reference_flags(self.fixture) if f.partition("=")[0] not in replaced]
        command = [env.c8s(), "kube-apiserver", f"--secure-port={self.port}", "--bind-address=127.0.0.1",
                   f"--data-dir={self.folder}/data", *flags, *extra]
        self.process = Process("kube-apiserver", command, self.folder / "apiserver.log")
        self.kubeconfig = self.folder / "admin.kubeconfig"

    def api(self, who="admin"):
        return Api.from_files(self.url, self.fixture / "ca.crt", self.fixture / f"{who}.crt", self.fixture / f"{who}.key")

    def start(self, limit=20):
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.process.start()
        probe = self.api()
        self.process.wait_ready(probe.ready, limit)
        probe.close()
        self.write_kubeconfig(self.kubeconfig, "admin")
        return self

    def write_kubeconfig(self, path, who):
        write_kubeconfig(path, self.url, self.fixture / "ca.crt", self.fixture / f"{who}.crt", self.fixture / f"{who}.key")

    def stop(self):
        return self.process.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Component:
    """A scheduler or controller manager beside an ApiServer."""

    FLAGS = {"kube-scheduler": [], "kube-proxy": [],
             "kube-controller-manager": ["--use-service-account-credentials", "--root-ca-file={f}/ca.crt", "--service-account-private-key-file={f}/sa.key",
                                         "--cluster-signing-cert-file={f}/ca.crt", "--cluster-signing-key-file={f}/ca.key", "--allocate-node-cidrs",
                                         "--cluster-cidr=10.244.0.0/16", "--controllers=*,bootstrapsigner,tokencleaner"]}

    def __init__(self, server, name):
        config = server.folder / f"{name}.kubeconfig"
        server.write_kubeconfig(config, IDENTITIES[name])
        flags = [f.format(f=server.fixture) for f in self.FLAGS[name]]
        self.process = Process(name, [env.c8s(), name, f"--kubeconfig={config}", "--leader-elect=false", f"--secure-port={free_port()}",
                                      "--bind-address=127.0.0.1", *flags], server.folder / f"{name}.log")

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.process.stop()

