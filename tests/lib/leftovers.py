"""What a Pod may leave behind on a node: a picture of the node's state, and the difference between two of them."""
import json, os, pathlib, re, subprocess, time

# cgroup folders that others on the machine make and remove meanwhile.
CGROUP_ROOTS = ("kubepods", "k8s.io", "c8s")
PROCESSES = ("containerd-shim", "pause", "runc")


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True, check=False)
    return r.stdout if r.returncode == 0 else ""


def processes():
    """Processes of containers and their shims, and of whatever lives in another PID namespace."""
    ours, out = os.readlink("/proc/self/ns/pid"), set()
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (p / "comm").read_text().strip()
            zombie = (p / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and (name.startswith(PROCESSES) or os.readlink(p / "ns/pid") != ours):
                out.add(f"{p.name} {name}")
        except OSError:
            pass
    return out


def mounts():
    return {line.split()[4] for line in open("/proc/self/mountinfo", encoding="utf-8")}


def interfaces():
    """Names only: a bridge may stay as it is part of the node's network, so compare with one that has served a Pod."""
    return {i["ifname"] for i in json.loads(run("ip", "-j", "link") or "[]")}


def addresses():
    return {f"{i['ifname']} {a['local']}" for i in json.loads(run("ip", "-j", "addr") or "[]") for a in i.get("addr_info", [])
            if a.get("scope") == "global"}


# Chains that the portmap plug-in makes once and keeps, and the jumps to them.
STANDING = re.compile(r"CNI-HOSTPORT-(MASQ|SETMARK|DNAT): (counter meta mark|meta mark|$)|^(PREROUTING|OUTPUT|POSTROUTING): .*jump CNI-HOSTPORT-")


def rules():
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


def cgroups():
    out = set()
    for root, dirs, _ in os.walk("/sys/fs/cgroup"):
        rel = os.path.relpath(root, "/sys/fs/cgroup")
        out |= {os.path.join(rel, d) for d in dirs if any(part.startswith(CGROUP_ROOTS) for part in [*rel.split("/"), d])}
    return out


def namespaces():
    try:
        return set(os.listdir("/run/netns"))
    except OSError:
        return set()


def reserved(folders):
    """Addresses that host-local has given away."""
    return {str(p) for f in folders for p in pathlib.Path(f).rglob("*") if p.name[:1].isdigit() and p.name.count(".") == 3}


class Picture:
    KINDS = {"process": processes, "mount": mounts, "interface": interfaces, "address": addresses, "rule": rules,
             "cgroup": cgroups, "network namespace": namespaces}

    def __init__(self, ipam=()):
        self.ipam = list(ipam)
        self.seen = {kind: look() for kind, look in self.KINDS.items()}
        self.seen["reserved address"] = reserved(self.ipam)

    def since(self):
        """What is there now that was not: ["mount /x", ...]."""
        now = Picture(self.ipam)
        return [f"{kind} {x}" for kind in self.seen for x in sorted(now.seen[kind] - self.seen[kind])]

    def settle(self, limit=15):
        """As `since`, after waiting until nothing is left or the time is over."""
        end = time.monotonic() + limit
        while (left := self.since()) and time.monotonic() < end:
            time.sleep(0.2)
        return left
