"""A small Kubernetes client over http.client: JSON in, dictionaries out."""
import base64, http.client, json, pathlib, select, socket, ssl, tempfile, threading, urllib.parse

import yaml

class ApiError(AssertionError):
    def __init__(self, status, body, what):
        self.status, self.body = status, body
        super().__init__(f"{what}: {status} {body.get('message', body) if isinstance(body, dict) else body!r}"[:500])


class Api:
    def __init__(self, server, context, headers=None):
        self.url = urllib.parse.urlsplit(server)
        self.tls, self.headers, self.local = context, headers or {}, threading.local()

    @classmethod
    def from_files(cls, server, ca, cert, key):
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(str(cert), str(key))
        return cls(server, context)

    @classmethod
    def from_kubeconfig(cls, path):
        cfg = yaml.safe_load(pathlib.Path(path).read_text())
        if not isinstance(cfg, dict) or "users" not in cfg:
            raise OSError(f"{path} is no kubeconfig yet")
        current = next(c["context"] for c in cfg["contexts"] if c["name"] == cfg["current-context"])
        cluster = next(c["cluster"] for c in cfg["clusters"] if c["name"] == current["cluster"])
        user = next(u["user"] for u in cfg["users"] if u["name"] == current["user"])
        context = ssl.create_default_context(cadata=material(cluster, "certificate-authority").decode())
        if "client-certificate" in user or "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile() as pair:
                pair.write(material(user, "client-certificate") + b"\n" + material(user, "client-key"))
                pair.flush()
                context.load_cert_chain(pair.name)
        return cls(cluster["server"], context, {"Authorization": "Bearer " + user["token"]} if "token" in user else {})

    def connect(self, timeout=30):
        conn = http.client.HTTPSConnection(self.url.hostname, self.url.port or 443, context=self.tls, timeout=timeout)
        conn.connect()
        conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return conn

    def raw(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, bytes). A kept connection that the server closed is opened again; one that it closes now, for reading methods only."""
        self.forget_closed()
        for attempt in (0, 1):
            fresh = getattr(self.local, "conn", None) is None
            try:
                conn = self.local.conn = self.connect(timeout) if fresh else self.local.conn
                conn.request(method, path, body, {**self.headers, **(headers or {})})
                r = conn.getresponse()
                return r.status, r.headers, r.read()
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh or attempt or method not in ("GET", "HEAD"):
                    raise
        raise AssertionError("unreachable")

    def forget_closed(self):
        """Between requests a server has nothing to say but that it closes."""
        conn = getattr(self.local, "conn", None)
        if conn is not None and (conn.sock is None or select.select([conn.sock], [], [], 0)[0]):
            self.close()

    def close(self):
        if getattr(self.local, "conn", None) is not None:
            self.local.conn.close()
            self.local.conn = None

    def call(self, method, path, body=None, ctype="application/json", ok=(200, 201, 202)):
        data = None if body is None else json.dumps(body).encode()
        status, _, out = self.raw(method, path, data, {"Content-Type": ctype, "Accept": "application/json"})
        value = json.loads(out) if out[:1] == b"{" else out.decode(errors="replace")
        if status not in ok:
            raise ApiError(status, value, f"{method} {path}")
        return value

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body, ctype="application/merge-patch+json"):
        return self.call("PATCH", path, body, ctype)

    def delete(self, path, **options):
        return self.call("DELETE", path, options or None, ok=(200, 202, 404))

    def exists(self, path):
        try:
            self.get(path)
            return True
        except ApiError as e:
            if e.status == 404:
                return False
            raise

    def ready(self):
        return self.raw("GET", "/readyz", timeout=3)[0] == 200

    def watch(self, path, timeout=30):
        """Yields events until the server ends the watch; a socket timeout ends it too."""
        conn = self.connect(timeout)
        try:
            conn.request("GET", path, headers={**self.headers, "Accept": "application/json"})
            r = conn.getresponse()
            if r.status != 200:
                raise ApiError(r.status, json.loads(r.read() or b"{}"), f"watch {path}")
            while line := r.readline():
                yield json.loads(line)
        except TimeoutError:
            return
        finally:
            conn.close()


def condition(obj, kind):
    """The status of a condition, None if there is none."""
    return next((c["status"] for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind), None)


def material(obj, key):
    if obj.get(key + "-data"):
        return base64.b64decode(obj[key + "-data"])
    return pathlib.Path(obj[key]).read_bytes()


def write_kubeconfig(path, server, ca, cert, key):
    """A kubeconfig that names the files of a fixture."""
    pathlib.Path(path).write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": str(ca)}}],
        "users": [{"name": "u", "user": {"client-certificate": str(cert), "client-key": str(key)}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
    pathlib.Path(path).chmod(0o600)
