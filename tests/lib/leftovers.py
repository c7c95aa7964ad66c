"""What a Pod may leave behind on a node: a picture of the node's state, and the difference between two of them.

The run has a network of its own (network.py); of the rest of the machine only what belongs to the run's folder counts, as others may
run containers meanwhile."""
import contextlib, json, os, pathlib, re, subprocess, time

from .proc import parents

# cgroup folders that others on the machine make and remove meanwhile.
CGROUP_ROOTS = ("kubepods", "k8s.io", "c8s")
# The kubelet's own, for the classes of service, stay as upstream's do.
STANDING_CGROUP = re.compile(r"/kubepods(/burstable|/besteffort)?$")
PROCESSES = ("containerd-shim", "pause", "runc")


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True, check=False)
    return r.stdout if r.returncode == 0 else ""


def foreign(folder):
    """Processes beneath containerd's shims of others on the machine: of a socket that is not in the folder."""
    table, roots = parents(), set()
    for pid in table:
        with contextlib.suppress(OSError):
            args = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in args[0] and not any(a.startswith(str(folder).encode() + b"/") for a in args):
                roots.add(pid)

    def below(pid):
        while pid and pid not in roots:
            pid = table.get(pid)
        return pid in roots
    return {p for p in table if below(p)}


def foreign_pods(folder):
    """Folders of Pods of other kubelets on the machine; they are called by the Pods' uids."""
    out = set()
    for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            for arg in p.read_bytes().decode(errors="replace").split("\0"):
                if arg.startswith("--root-dir=") and not arg[11:].startswith(f"{folder}/"):
                    out |= set(os.listdir(arg[11:] + "/pods"))
    return out


def processes(folder):
    """Processes of containers and their shims, and of whatever lives in another PID namespace."""
    ours, out = os.readlink("/proc/self/ns/pid"), {}
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (p / "comm").read_text().strip()
            zombie = (p / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and (name.startswith(PROCESSES) or os.readlink(p / "ns/pid") != ours):
                out[int(p.name)] = name
    others = foreign(folder)  # after the look, so that it knows who came meanwhile
    return {f"{pid} {name}" for pid, name in out.items() if pid not in others and os.path.exists(f"/proc/{pid}")}


def mounts(folder):
    """Mounts of the run: the runtime and the kubelet keep theirs in its folder."""
    points = {line.split()[4] for line in open("/proc/self/mountinfo", encoding="utf-8")}
    return {p for p in points if p.startswith(str(folder) + "/")}


def interfaces(*_):
    """Names only: a bridge may stay as it is part of the node's network, so compare with one that has served a Pod."""
    return {i["ifname"] for i in json.loads(run("ip", "-j", "link") or "[]")}


def addresses(*_):
    return {f"{i['ifname']} {a['local']}" for i in json.loads(run("ip", "-j", "addr") or "[]") for a in i.get("addr_info", [])
            if a.get("scope") == "global"}


# Chains that the portmap plug-in makes once and keeps, and the jumps to them.
STANDING = re.compile(r"CNI-HOSTPORT-(MASQ|SETMARK|DNAT): (counter meta mark|meta mark|$)|^(PREROUTING|OUTPUT|POSTROUTING): .*jump CNI-HOSTPORT-")


def rules(*_):
    """nftables' rules, "chain: rule" without counters; a chain that is empty counts as one with an empty rule."""
    out, chain = set(), ""
    for line in map(str.strip, run("nft", "list", "ruleset").splitlines()):
        if m := re.match(r"(chain|set|map|table \S+) (\S+) \{", line):
            chain = m[2]
            if m[1] == "chain" and chain.isupper() and chain.isalpha() or m[1].startswith("table"):
                continue
            out.add(f"{chain}: ")
        elif line not in ("", "}") and not line.startswith(("#", "type ")):
            out.add(f"{chain}: " + re.sub(r"packets \d+ bytes \d+ ?", "", line))
    return {r for r in out if not STANDING.search(r)}


def cgroups(folder):
    """The folders of Pods and containers, without those of other kubelets' Pods."""
    out = set()
    for root, _, _ in os.walk("/sys/fs/cgroup"):
        rel = os.path.relpath(root, "/sys/fs/cgroup")
        if any(part.startswith(CGROUP_ROOTS) for part in rel.split("/")) and not STANDING_CGROUP.search(rel):
            out.add(rel)
    others = foreign_pods(folder)
    return {c for c in out if not any(part.removeprefix("pod") in others for part in c.split("/")) and os.path.exists(f"/sys/fs/cgroup/{c}")}


def namespaces(*_):
    """Names that CNI made; the runtime of a run keeps its own in its folder, and those show as mounts."""
    try:
        return {n for n in os.listdir("/run/netns") if n.startswith("cni-")}
    except OSError:
        return set()


def reserved(folders):
    """Addresses that host-local has given away."""
    return {f"{at}/{n}" for f in folders for at, _, names in os.walk(f) for n in names if n[:1].isdigit() and n.count(".") == 3}


class Picture:
    KINDS = {"process": processes, "mount": mounts, "interface": interfaces, "address": addresses, "rule": rules,
             "cgroup": cgroups, "network namespace": namespaces}

    def __init__(self, folder, ipam=()):
        self.folder, self.ipam = pathlib.Path(folder).resolve(), list(ipam)
        self.seen = {kind: look(self.folder) for kind, look in self.KINDS.items()}
        self.seen["reserved address"] = reserved(self.ipam)

    def since(self):
        """What is there now that was not: ["mount /x", ...]."""
        now = Picture(self.folder, self.ipam)
        return [f"{kind} {x}" for kind in self.seen for x in sorted(now.seen[kind] - self.seen[kind])]

    def settle(self, limit=15):
        """As `since`, after waiting until nothing is left or the time is over."""
        end = time.monotonic() + limit
        while (left := self.since()) and time.monotonic() < end:
            time.sleep(0.2)
        return left
