"""Where the tests find things: the program, the shared vectors, the published clients. What is missing makes a test skip."""
import os, pathlib, re, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "tests/clients"
KUBERNETES = "v1.36.3"
sys.path.insert(0, str(ROOT / "tools"))  # runtime, kube, cri


class Skip(Exception):
    """Why a test cannot run here; it is neither passed nor failed."""


def build_dir():
    return pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()


def c8s():
    """The program under test: $C8S or build/c8s."""
    path = pathlib.Path(os.environ.get("C8S", build_dir() / "c8s"))
    if not path.exists():
        raise AssertionError(f"{path} is not there; run make")
    return str(path.resolve())


def shared():
    """The folder with vectors and benchmarks: $C8S_SHARED, else ../shared."""
    path = pathlib.Path(os.environ.get("C8S_SHARED") or ROOT.parent / "shared")
    if not (path / "vectors/replay.py").exists():
        raise Skip(f"no vectors in {path}; set C8S_SHARED to the folder that has them")
    return path.resolve()


def root():
    if os.geteuid():
        raise Skip("this needs root")


def go():
    """Go 1.26 or newer, as the published clients ask for."""
    path = shutil.which("go")
    version = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout if path else ""
    m = re.match(r"go(\d+)\.(\d+)", version)
    if not m or (int(m[1]), int(m[2])) < (1, 26):
        raise Skip(f"no Go 1.26 or newer ({version.strip() or 'none'})")
    return path


def client(name):
    """A program of tests/clients, built when its sources changed."""
    tool, out = go(), CLIENTS / "bin" / name
    sources = [pathlib.Path(__file__), CLIENTS / "go.mod", CLIENTS / "go.sum", *(CLIENTS / name).glob("*.go")]
    if out.exists() and out.stat().st_mtime > max(s.stat().st_mtime for s in sources):
        return str(out)
    version = "-s -w " + " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in
                                  {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": "36"}.items())
    r = subprocess.run([tool, "build", "-trimpath", "-ldflags", version, "-o", str(out), f"./{name}"], cwd=CLIENTS,
                       capture_output=True, text=True, check=False)
    if r.returncode:
        lines = r.stderr.strip().splitlines() or ["go build failed"]
        if re.search(r"dial tcp|no such host|proxy|i/o timeout", r.stderr):
            raise Skip(f"the module of {name} cannot be fetched: {lines[-1][:200]}")
        raise AssertionError(f"{name} does not build: {lines[-1][:300]}")
    return str(out)


def busy(folder):
    """A folder of a test run under build/, empty."""
    path = build_dir() / "test" / folder
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
