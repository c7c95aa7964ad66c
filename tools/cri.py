"""A container runtime's API (CRI v1) from Python alone: gRPC over its unix socket, one call per connection, no generated code.

    cri = Cri("/path/containerd.sock")
    for pod in cri.sandboxes(): cri.remove_sandbox(pod["id"])

Messages are dictionaries of field numbers: {1: "text", 2: 7, 3: {...}, 4: [repeated]}; `decode` gives every field as a list of
raw values, and message fields are decoded again where they are needed. Enough for tests and cleaning up, not a general client.
"""
import socket, struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
ACK, END_STREAM, END_HEADERS, PADDED = 1, 1, 4, 8


class CriError(Exception):
    """A call that the runtime refused, or a runtime that does not answer."""


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def encode(message):
    out = b""
    for field, value in message.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, (int, bool)):
                out += varint(field << 3) + varint(int(v))
                continue
            v = encode(v) if isinstance(v, dict) else v.encode() if isinstance(v, str) else v
            out += varint(field << 3 | 2) + varint(len(v)) + v
    return out


def strings(pairs):
    """A map<string, string> as the entries that the wire has."""
    return [{1: k, 2: v} for k, v in pairs.items()]


def read_varint(data, i):
    n = shift = 0
    while True:
        b = data[i]
        n, shift, i = n | (b & 127) << shift, shift + 7, i + 1
        if b < 128:
            return n, i


def decode(data):
    """field number -> list of int or bytes."""
    out, i = {}, 0
    while i < len(data):
        key, i = read_varint(data, i)
        kind = key & 7
        if kind == 0:
            value, i = read_varint(data, i)
        else:
            size, i = read_varint(data, i) if kind == 2 else ({1: 8, 5: 4}[kind], i)
            value, i = data[i:i + size], i + size
        out.setdefault(key >> 3, []).append(value)
    return out


def text(message, field):
    return message.get(field, [b""])[-1].decode()


def number(message, field):
    return message.get(field, [0])[-1]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field that enters no table and is not compressed (RFC 7541, 6.2.2)."""
    n, v = name.encode(), value.encode()
    return b"\0" + bytes([len(n)]) + n + bytes([len(v)]) + v


class Cri:
    def __init__(self, path, timeout=60):
        self.path, self.timeout = str(path), timeout

    def call(self, method, message=None, service="RuntimeService"):
        """The answer's fields. The status text is in compressed trailers that nobody reads here; the runtime's log has it."""
        body = encode(message or {})
        fields = {":method": "POST", ":scheme": "http", ":path": f"/runtime.v1.{service}/{method}", ":authority": "localhost",
                  "content-type": "application/grpc", "te": "trailers"}
        head = b"".join(literal(k, v) for k, v in fields.items())
        out = PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24)) + frame(WINDOW, 0, 0, struct.pack(">I", 1 << 24))
        out += frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, END_STREAM, 1, b"\0" + struct.pack(">I", len(body)) + body)
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(self.timeout)
                s.connect(self.path)
                s.sendall(out)
                data = self.answer(s, s.makefile("rb"))
        except OSError as e:
            raise CriError(f"{method}: no answer from {self.path}: {e}") from None
        if len(data) < 5:
            raise CriError(f"{method} was refused, see the runtime's log")
        return decode(data[5:])

    @staticmethod
    def answer(s, f):
        data = b""
        while True:
            head = f.read(9)
            if len(head) < 9:
                raise OSError("the connection was closed")
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = f.read(size)
            if kind == SETTINGS and not flags & ACK:
                s.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                s.sendall(frame(PING, ACK, 0, payload))
            elif kind == DATA:
                data += payload[1:len(payload) - payload[0]] if flags & PADDED else payload
            elif kind in (GOAWAY, RST):
                raise OSError("the call was cut off")
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return data

    def sandboxes(self):
        """Every Pod sandbox: id, name, uid, namespace, whether it is ready."""
        out = []
        for raw in self.call("ListPodSandbox").get(1, []):
            p = decode(raw)
            meta = decode(p.get(2, [b""])[0])
            out.append({"id": text(p, 1), "name": text(meta, 1), "uid": text(meta, 2), "namespace": text(meta, 3), "ready": number(p, 3) == 0})
        return out

    def containers(self):
        """Every container: id, sandbox, name, attempt, state (0 created, 1 running, 2 exited)."""
        out = []
        for raw in self.call("ListContainers").get(1, []):
            c = decode(raw)
            meta = decode(c.get(3, [b""])[0])
            out.append({"id": text(c, 1), "sandbox": text(c, 2), "name": text(meta, 1), "attempt": number(meta, 2), "state": number(c, 6)})
        return out

    def images(self):
        return [t.decode() for raw in self.call("ListImages", service="ImageService").get(1, []) for t in decode(raw).get(2, [])]

    def pull(self, image):
        return text(self.call("PullImage", {1: {1: image}}, "ImageService"), 1)

    def ready(self):
        """True if the runtime's condition RuntimeReady holds."""
        status = decode(self.call("Status").get(1, [b""])[0])
        conditions = [decode(c) for c in status.get(1, [])]
        return any(text(c, 1) == "RuntimeReady" and number(c, 2) for c in conditions)

    def run_sandbox(self, config):
        return text(self.call("RunPodSandbox", {1: config}), 1)

    def create(self, sandbox, config, sandbox_config):
        return text(self.call("CreateContainer", {1: sandbox, 2: config, 3: sandbox_config}), 1)

    def start(self, container):
        self.call("StartContainer", {1: container})

    def exec(self, container, command, timeout=10):
        r = self.call("ExecSync", {1: container, 2: list(command), 3: timeout})
        return number(r, 3), r.get(1, [b""])[0], r.get(2, [b""])[0]

    def address(self, sandbox):
        status = decode(self.call("PodSandboxStatus", {1: sandbox}).get(1, [b""])[0])
        return text(decode(status.get(5, [b""])[0]), 1)

    def remove_sandbox(self, sandbox):
        self.call("StopPodSandbox", {1: sandbox})
        self.call("RemovePodSandbox", {1: sandbox})
