#!/usr/bin/env python3
"""Builds the example images as OCI images from the distribution's packages, and pushes them to a registry.

    build.py [--out DIR] [--push http://127.0.0.1:PORT] [IMAGE...]

Images: nginx, busybox, pause. DIR (default: build/images) becomes an OCI layout: what did not change is not built again.
Nothing is downloaded but, where a package is not installed, the package. The same inputs give the same digests.

To add an image, write a function that returns an Image and give it a row in IMAGES.
"""
import argparse, dataclasses, gzip, hashlib, http.client, io, json, os, pathlib, platform, re, shutil, subprocess, sys, tarfile, tempfile, urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP = "root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"


class BuildError(Exception):
    """Why an image cannot be built, in one sentence."""


class Layer:
    """A folder tree in memory: paths to contents, links and modes."""

    def __init__(self):
        self.entries = {}

    def dir(self, path, mode=0o755):
        self.entries[path.strip("/")] = (tarfile.DIRTYPE, mode, b"")

    def file(self, path, data, mode=0o644):
        data = data.encode() if isinstance(data, str) else data
        self.entries[path.strip("/")] = (tarfile.REGTYPE, mode, data)

    def copy(self, source, path=None, mode=None):
        source = pathlib.Path(source)
        self.file(path or str(source), source.read_bytes(), mode if mode is not None else source.stat().st_mode & 0o777)

    def link(self, path, target, hard=False):
        self.entries[path.strip("/")] = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE, 0o777, target.encode())

    def tar(self):
        for path in list(self.entries):
            for parent in list(pathlib.PurePosixPath(path).parents)[:-1]:
                self.entries.setdefault(str(parent), (tarfile.DIRTYPE, 0o755, b""))
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            # A hard link must follow what it names.
            for path, (kind, mode, data) in sorted(self.entries.items(), key=lambda e: (e[1][0] == tarfile.LNKTYPE, e[0])):
                info = tarfile.TarInfo(path)
                info.type, info.mode = kind, mode
                if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                    info.linkname, data = data.decode(), b""
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


@dataclasses.dataclass
class Image:
    layers: list
    config: dict


# ---- where files come from ----------------------------------------------------------------------------------------

class Packages:
    """Finds files of distribution packages: on this system, else in the package itself, unpacked under `cache`."""

    def __init__(self, cache):
        self.cache = cache

    def find(self, package, path, good=lambda p: True):
        for root in (pathlib.Path("/"), self.cache / package):
            found = root / path.strip("/")
            if found.exists() and good(found):
                return found
        found = self.unpack(package) / path.strip("/")
        if not (found.exists() and good(found)):
            raise BuildError(f"package {package} has no {path}")
        return found

    def unpack(self, package):
        root = self.cache / package
        with tempfile.TemporaryDirectory() as d:
            os.chmod(d, 0o755)
            for command in (["apt-get", "download", "-q", package], ["sh", "-c", f"dpkg-deb -x ./{package}_*.deb {root}"]):
                r = subprocess.run(command, cwd=d, capture_output=True, text=True, check=False)
                if r.returncode:
                    raise BuildError(f"package {package} is not installed and cannot be fetched; run: sh tools/setup.sh run")
        return root


def libraries(program):
    """The shared libraries a program needs, the loader too, as the loader itself names them."""
    out = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    missing = re.findall(r"(\S+) => not found", out)
    if missing:
        raise BuildError(f"{program} needs libraries that are not installed: {', '.join(missing)}")
    return sorted(set(re.findall(r"(/\S+) \(0x", out)))


def is_static(path):
    return not libraries(path)


# ---- the images ---------------------------------------------------------------------------------------------------

def base_layer(packages):
    """busybox with its applets and the few files every image has."""
    layer = Layer()
    program = packages.find("busybox-static", "/bin/busybox", is_static)
    layer.copy(program, "/bin/busybox", 0o755)
    for applet in subprocess.run([program, "--list-full"], capture_output=True, text=True, check=True).stdout.split():
        if applet not in ("bin/busybox", "linuxrc"):
            layer.link(applet, "/bin/busybox")
    layer.link("bin/sh", "/bin/busybox")
    for d in ("etc", "home", "root", "usr/bin", "var/www", "proc", "sys", "dev", "run"):
        layer.dir(d)
    layer.dir("tmp", 0o1777)
    layer.dir("var/tmp", 0o1777)
    layer.file("etc/passwd", PASSWD)
    layer.file("etc/group", GROUP)
    return layer


def busybox(packages, _):
    return Image([base_layer(packages)], {"Env": [PATH], "Cmd": ["sh"]})


def nginx(packages, _):
    layer = Layer()
    program = packages.find("nginx", "/usr/sbin/nginx")
    layer.copy(program, "/usr/sbin/nginx", 0o755)
    for library in libraries(program):
        layer.copy(library, library, 0o755)
    for name in ("mime.types", "fastcgi_params", "scgi_params", "uwsgi_params"):
        layer.copy(packages.find("nginx-common", f"/etc/nginx/{name}"), f"/etc/nginx/{name}", 0o644)
    layer.copy(HERE / "nginx/nginx.conf", "/etc/nginx/nginx.conf", 0o644)
    layer.copy(HERE / "nginx/index.html", "/usr/share/nginx/html/index.html", 0o644)
    for d in ("etc/nginx/conf.d", "var/lib/nginx", "run"):
        layer.dir(d)
    layer.link("var/log/nginx/access.log", "/dev/stdout")
    layer.link("var/log/nginx/error.log", "/dev/stderr")
    return Image([base_layer(packages), layer], {"Env": [PATH], "Cmd": ["nginx", "-g", "daemon off;"],
                                                 "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"})


def pause(_, work):
    program = work / "pause"
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
    if not compiler:
        raise BuildError("pause needs a C compiler; run: sh tools/setup.sh build")
    flags = "-Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fno-pie -no-pie " \
            "-fcf-protection=none -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-n -s".split()
    if ARCH != "amd64":
        flags.remove("-fcf-protection=none")
    subprocess.run([*compiler.split(), *flags, "-o", program, HERE / "pause.c"], check=True)
    layer = Layer()
    layer.copy(program, "/pause", 0o755)
    return Image([layer], {"Env": [PATH], "User": "65535:65535", "Entrypoint": ["/pause"], "WorkingDir": "/"})


# name -> how it is built, the repository without its registry, the tags
IMAGES = {
    "busybox": (busybox, "library/busybox", ["latest", "1.36"]),
    "nginx": (nginx, "library/nginx", ["latest"]),
    "pause": (pause, "pause", ["3.10"]),
}


# ---- the OCI layout -----------------------------------------------------------------------------------------------

class Layout:
    """An OCI image layout on disk."""

    def __init__(self, root):
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')

    def blob(self, digest):
        return self.root / "blobs" / digest.replace(":", "/")

    def put(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if not self.blob(digest).exists():
            part = self.blob(digest).with_suffix(f".{os.getpid()}")
            part.write_bytes(data)
            part.rename(self.blob(digest))
        return {"digest": digest, "size": len(data)}

    def put_json(self, value):
        return self.put(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())

    def put_image(self, image):
        layers, diffs = [], []
        for layer in image.layers:
            tar = layer.tar()
            diffs.append("sha256:" + hashlib.sha256(tar).hexdigest())
            packed = gzip.compress(tar, 6, mtime=0)
            layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **self.put(packed)})
        config = {"architecture": ARCH, "os": "linux", "created": "1970-01-01T00:00:00Z", "config": image.config,
                  "rootfs": {"type": "layers", "diff_ids": diffs}, "history": [{"created": "1970-01-01T00:00:00Z"} for _ in diffs]}
        return self.put_json({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
                              "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **self.put_json(config)}})

    def put_index(self, built):
        rows = [{"mediaType": MANIFEST, **manifest, "annotations": {"org.opencontainers.image.ref.name": f"{IMAGES[name][1]}:{tag}"}}
                for name, manifest in sorted(built.items()) for tag in IMAGES[name][2]]
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": rows}, indent=1) + "\n")


def inputs():
    """A mark that changes when anything the images are made of may have: files here, programs of the packages."""
    files = sorted(p for p in HERE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    files += [pathlib.Path(p) for p in ("/usr/sbin/nginx", "/bin/busybox", "/var/lib/dpkg/status") if os.path.exists(p)]
    return hashlib.sha256("\n".join(f"{p} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in files).encode()).hexdigest()


def build(out, names=()):
    """Builds the named images (default: all) into the layout `out`; returns name -> {digest, size} of their manifests."""
    out = pathlib.Path(out)
    stamp, mark = out / "stamp.json", inputs()
    if stamp.exists():
        old = json.loads(stamp.read_text())
        if old["mark"] == mark and set(names or IMAGES) <= set(old["built"]):
            return {n: old["built"][n] for n in names or IMAGES}
    layout, built = Layout(out), {}
    with tempfile.TemporaryDirectory() as work:
        packages = Packages(out / "packages")
        for name in names or IMAGES:
            built[name] = layout.put_image(IMAGES[name][0](packages, pathlib.Path(work)))
    layout.put_index(built)
    stamp.write_text(json.dumps({"mark": mark, "built": built}))
    return built


# ---- pushing ------------------------------------------------------------------------------------------------------

class Registry:
    """The part of the distribution API (v2) that a push needs."""

    def __init__(self, url):
        u = urllib.parse.urlsplit(url)
        self.conn = http.client.HTTPConnection(u.hostname, u.port or 80, timeout=30)

    def call(self, method, path, body=None, want=(200,), ctype="application/octet-stream"):
        self.conn.request(method, path, body, {"Content-Type": ctype, "Accept": MANIFEST})
        r = self.conn.getresponse()
        data = r.read()
        if r.status not in want:
            raise BuildError(f"the registry answered {r.status} to {method} {path}: {data[:200].decode(errors='replace')}")
        return r

    def has(self, path, digest=None):
        r = self.call("HEAD", path, want=(200, 404))
        return r.status == 200 and (digest is None or r.getheader("Docker-Content-Digest") == digest)

    def push_blob(self, repo, digest, data):
        if self.has(f"/v2/{repo}/blobs/{digest}"):
            return
        place = urllib.parse.urlsplit(self.call("POST", f"/v2/{repo}/blobs/uploads/", want=(202,)).getheader("Location"))
        query = f"{place.query}&" if place.query else ""
        self.call("PUT", f"{place.path}?{query}digest={urllib.parse.quote(digest)}", data, want=(201,))

    def push(self, layout, repo, tag, digest):
        if self.has(f"/v2/{repo}/manifests/{tag}", digest):
            return
        data = layout.blob(digest).read_bytes()
        manifest = json.loads(data)
        for part in [manifest["config"], *manifest["layers"]]:
            self.push_blob(repo, part["digest"], layout.blob(part["digest"]).read_bytes())
        self.call("PUT", f"/v2/{repo}/manifests/{tag}", data, want=(201,), ctype=MANIFEST)


def push(out, url, names=()):
    """Pushes images of the layout `out`; what the registry has is not sent again."""
    layout, registry = Layout(pathlib.Path(out)), Registry(url)
    for name, manifest in build(out, names).items():
        for tag in IMAGES[name][2]:
            registry.push(layout, IMAGES[name][1], tag, manifest["digest"])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("images", nargs="*", metavar="IMAGE")
    ap.add_argument("--out", default=str(HERE.parent.parent / "build/images"), metavar="DIR")
    ap.add_argument("--push", metavar="URL")
    a = ap.parse_args()
    try:
        unknown = set(a.images) - set(IMAGES)
        if unknown:
            raise BuildError(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(sorted(IMAGES))}")
        for name, manifest in build(a.out, a.images).items():
            print(f"{name:8} {manifest['digest']}")
        if a.push:
            push(a.out, a.push, a.images)
    except (BuildError, OSError, http.client.HTTPException) as e:
        sys.exit(f"images: {e}")


if __name__ == "__main__":
    main()
