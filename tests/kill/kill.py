#!/usr/bin/env python3
"""Kills the API server again and again under write load: kill.py [-n TIMES] [--writers N] [--watchers N] [--seed S]

Holds: every acknowledged write is there after the restart, in its last state; a write whose answer never came happened whole or
not at all; revisions never go back; every watch goes on where it was, without gap or repetition.
SIGKILL keeps the page cache: what this shows is that a write is in the file before its answer, not that it is on the disk.
"""
import argparse, http.client, json, pathlib, random, sys, threading, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
from lib import env
from kube import ApiError
from lib.report import Report, cleanup, need, until
from lib.servers import ApiServer

NS = "/api/v1/namespaces/kill"
MAPS = NS + "/configmaps"
LOST = (OSError, http.client.HTTPException, ValueError)


class Writer(threading.Thread):
    """Creates, updates and deletes objects of its own; knows of each what it may be after a crash."""

    def __init__(self, server, number, seed):
        super().__init__(daemon=True)
        self.api, self.random, self.number = server.api(), random.Random(seed * 1000 + number), number
        self.over, self.go, self.idle = threading.Event(), threading.Event(), threading.Event()
        self.known = {}     # name -> the values that may be there (None: absent)
        self.acknowledged = []  # revisions that the server answered with
        self.count, self.errors = 0, []

    def run(self):
        while not self.over.is_set():
            if not self.go.is_set():
                self.idle.set()
                time.sleep(0.002)
                continue
            self.idle.clear()
            try:
                self.step()
            except LOST:
                self.api.close()
                time.sleep(0.005)
            except ApiError as e:
                self.errors.append(str(e))
                self.go.clear()

    def step(self):
        name = f"w{self.number}-{self.random.randrange(40)}"
        may = self.known.get(name, {None})
        if len(may) > 1:
            return self.resolve(name)
        value = next(iter(may))
        if value is None:
            self.write(name, may, self.fresh(), lambda new: self.api.post(MAPS, {"metadata": {"name": name}, "data": {"k": new, "pad": "p" * 500}}))
        elif self.random.random() < 0.2:
            self.write(name, may, None, lambda _: self.api.call("DELETE", f"{MAPS}/{name}"))
        else:
            self.write(name, may, self.fresh(), lambda new: self.api.patch(f"{MAPS}/{name}", {"data": {"k": new}}))

    def fresh(self):
        self.count += 1
        return f"{self.number}.{self.count}"

    def write(self, name, may, new, send):
        self.known[name] = may | {new}  # until the answer is there, either may be true
        answer = send(new)
        self.known[name] = {new}
        if answer.get("kind") == "ConfigMap":
            self.acknowledged.append(int(answer["metadata"]["resourceVersion"]))

    def resolve(self, name):
        """After a lost answer: what is there is what it is from now on."""
        status, _, body = self.api.raw("GET", f"{MAPS}/{name}")
        if status in (200, 404):
            value = json.loads(body)["data"]["k"] if status == 200 else None
            if value not in self.known[name]:
                self.errors.append(f"{name} is {value}, it may be {self.known[name]}")
            self.known[name] = {value}


class Watcher(threading.Thread):
    """Follows all objects from the revision it saw last, over every crash."""

    def __init__(self, server, revision):
        super().__init__(daemon=True)
        self.api, self.revision, self.over = server.api(), revision, threading.Event()
        self.state, self.seen, self.relists, self.resumes, self.errors = {}, set(), 0, 0, []

    def run(self):
        while not self.over.is_set():
            try:
                self.follow()
            except LOST:
                pass
            except ApiError as e:
                if e.status == 410:
                    self.relist_safely()
                elif e.status != 503:
                    self.errors.append(str(e))
            time.sleep(0.01)

    def follow(self):
        for event in self.api.watch(f"{MAPS}?watch=1&resourceVersion={self.revision}&allowWatchBookmarks=true", 5):
            if event["type"] == "ERROR":
                if event["object"].get("code") != 410:
                    self.errors.append(json.dumps(event))
                return self.relist_safely()
            self.take(event["type"], event["object"])
            if self.over.is_set():
                return
        self.resumes += 1

    def take(self, kind, obj):
        revision, name = int(obj["metadata"]["resourceVersion"]), obj["metadata"].get("name")
        if kind == "BOOKMARK":
            self.revision = max(self.revision, revision)
            return
        if revision <= self.revision:
            self.errors.append(f"{kind} {name} at {revision} after {self.revision}")
        if (kind == "ADDED") != (name not in self.state):
            self.errors.append(f"{kind} of {name}, which the watch {'knew' if name in self.state else 'did not know'}")
        self.revision = revision
        self.seen.add(revision)
        if kind == "DELETED":
            self.state.pop(name, None)
        else:
            self.state[name] = obj["data"]["k"]

    def relist_safely(self):
        self.relists += 1
        try:
            items = self.api.get(MAPS)
        except (ApiError, *LOST):
            return
        self.state = {o["metadata"]["name"]: o["data"]["k"] for o in items["items"]}
        self.revision = int(items["metadata"]["resourceVersion"])


class Trial:
    def __init__(self, folder, a):
        self.server, self.random = ApiServer(folder), random.Random(a.seed)
        self.server.start()
        self.api = self.server.api()
        self.api.post("/api/v1/namespaces", {"metadata": {"name": "kill"}})
        self.high = int(self.api.get(MAPS)["metadata"]["resourceVersion"])
        self.writers = [Writer(self.server, i, a.seed) for i in range(a.writers)]
        self.watchers = [Watcher(self.server, self.high) for _ in range(a.watchers)]
        self.starts = []
        for t in self.writers + self.watchers:
            t.start()

    def set_load(self, on):
        for w in self.writers:
            w.go.set() if on else w.go.clear()
        if not on:
            until("writers pause", lambda: all(w.idle.is_set() for w in self.writers), 40, 0.002)

    def crash(self):
        self.set_load(True)
        time.sleep(self.random.uniform(0.02, 0.25))
        self.server.process.kill()
        self.set_load(False)
        self.api.close()
        began = time.monotonic()
        self.server.start()
        self.starts.append(time.monotonic() - began)
        self.compare()

    def compare(self):
        items = self.api.get(MAPS)
        have = {o["metadata"]["name"]: o["data"]["k"] for o in items["items"]}
        now = int(items["metadata"]["resourceVersion"])
        need(now >= self.high, f"the revision went back from {self.high} to {now}")
        self.high = now
        for w in self.writers:
            for name, may in w.known.items():
                need(have.get(name) in may, f"{name} is {have.get(name)}, acknowledged was {may}")
                w.known[name] = {have.get(name)}
            newest = max(w.acknowledged, default=0)
            need(newest <= now, f"revision {newest} was acknowledged, the server is at {now}")
            need(not w.errors, f"a writer was told: {w.errors[:2]}")

    def finish(self):
        items = self.api.get(MAPS)
        want = {o["metadata"]["name"]: o["data"]["k"] for o in items["items"]}
        acknowledged = {r for w in self.writers for r in w.acknowledged}
        for w in self.watchers:
            need(not w.errors, f"a watch saw: {w.errors[:3]}")
            until("a watcher's state is the server's", lambda w=w: w.state == want or w.errors, 20)
            need(not w.errors, f"a watch saw: {w.errors[:3]}")
            missing = acknowledged - w.seen
            need(w.relists or not missing, f"{len(missing)} acknowledged writes never came on a watch, e.g. {sorted(missing)[:3]}")
        return acknowledged

    def end(self):
        for t in self.writers + self.watchers:
            t.over.set()
        self.server.process.kill()


def run(folder, a):
    with cleanup() as stack:
        trial = Trial(folder, a)
        stack.callback(trial.end)
        for i in range(a.n):
            trial.crash()
            if (i + 1) % 50 == 0:
                print(f"     {i + 1} kills", flush=True)
        acknowledged = trial.finish()
        starts = sorted(trial.starts)
        need(len(acknowledged) > a.n, f"only {len(acknowledged)} writes were acknowledged: the load was none")
        need(not any(w.relists for w in trial.watchers), "a watch was told 410 although the history since its last event was there")
        print(f"     {a.n} kills, {len(acknowledged)} acknowledged writes, {sum(w.resumes for w in trial.watchers)} watches ended, "
              f"{sum(w.relists for w in trial.watchers)} told 410; restart to ready: median {1e3 * starts[len(starts) // 2]:.0f} ms, longest {1e3 * starts[-1]:.0f} ms")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-n", type=int, default=200)
    ap.add_argument("--writers", type=int, default=6)
    ap.add_argument("--watchers", type=int, default=3)
    ap.add_argument("--seed", type=int, default=random.randrange(1 << 20))
    a = ap.parse_args()
    report = Report()
    print(f"     seed {a.seed}")
    report.require("kill", env.c8s, env.shared)
    report.run(f"kill/{a.n} times under load", run, env.busy("kill"), a)
    report.finish()


if __name__ == "__main__":
    main()
