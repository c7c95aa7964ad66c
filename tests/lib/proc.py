"""Child processes that do not outlive a test."""
import ctypes, os, pathlib, signal, subprocess, time

from .report import Failed

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """A server: own session (so that its children end with it), output in a log file. Start it from a thread that stays."""

    def __init__(self, name, command, log, env=None, cwd=None):
        self.name, self.command, self.log = name, [str(c) for c in command], pathlib.Path(log)
        self.env, self.cwd, self.child = env, cwd, None

    def start(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                          preexec_fn=die_with_parent, env={**os.environ, **(self.env or {})}, cwd=self.cwd)
        return self

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def tail(self, n=5):
        try:
            return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-n:])
        except OSError:
            return ""

    def wait_ready(self, check, limit=30):
        """Waits until check() is true; fails at once if the process ends."""
        end = time.monotonic() + limit
        while True:
            try:
                if check():
                    return self
            except OSError:
                pass
            if not self.alive():
                raise Failed(f"{self.name} ended with {self.child.returncode}: {self.tail()}")
            if time.monotonic() > end:
                raise Failed(f"{self.name} is not ready after {limit} s: {self.tail()}")
            time.sleep(0.005)

    def kill(self):
        """SIGKILL for it and all of its children, as when power fails them."""
        if self.child is None:
            return
        pids = [self.pid, *descendants(self.pid)]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()

    def stop(self, grace=15):
        """SIGTERM, then SIGKILL for it and its group; returns the exit status."""
        if self.child is None:
            return None
        if self.alive():
            self.child.terminate()
            try:
                self.child.wait(grace)
            except subprocess.TimeoutExpired:
                self.kill()
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        return self.child.returncode


def parents():
    """pid -> parent's pid, of every process."""
    out = {}
    for p in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            out[int(p.parent.name)] = int(p.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            pass
    return out


def descendants(pid):
    table, found = parents(), []
    todo = [pid]
    while todo:
        todo_now = [p for p, parent in table.items() if parent in todo]
        found += todo_now
        todo = todo_now
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            f = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(f[11]) + int(f[12])
        except (OSError, IndexError):
            pass
    return total / os.sysconf("SC_CLK_TCK")


def pss_bytes(pids):
    """The proportional share of memory, from smaps_rollup."""
    total = 0
    for pid in pids:
        try:
            for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total
