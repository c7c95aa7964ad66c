#!/usr/bin/env python3
"""Replays the recorded API vectors against c8s kube-apiserver and holds each area to its share in vectors.json.

    vectors.py [--all] [AREA...]     --all: also areas that nothing is asked of yet, for information

Differences are in build/test/vectors/AREA.log.
"""
import argparse, json, re, subprocess, sys

from lib import env
from lib.report import Report, cleanup, need
from lib.servers import ApiServer, Component

TABLE = json.loads((env.ROOT / "tests/vectors.json").read_text())


def replay(server, area, log, variant=""):
    """(passed, all) of an area."""
    vectors = env.shared() / "vectors"
    suffix = f"-{variant}" if variant else ""
    command = [sys.executable, "-m", "lib.replay_shape", f"{area}/*", "--server", server.url, "--fixture", str(server.fixture),
               "--scenarios", str(vectors / f"scenarios{suffix}"), "--recorded", str(vectors / f"recorded{suffix}"), "--diff", "60"]
    r = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd=env.ROOT / "tests")
    log.write_text(r.stdout + r.stderr)
    m = re.search(r"^(\d+) passed, (\d+) failed$", r.stdout, re.M)
    need(m, f"replay.py ended without a result, see {log}: {(r.stderr.strip().splitlines() or ['nothing said'])[-1][:200]}")
    need(server.process.alive(), f"the server ended: {server.process.tail()}")
    return int(m[1]), int(m[1]) + int(m[2])


def hold(report, server, area, folder, variant=""):
    least = 0 if variant else TABLE["at_least"].get(area, 0)
    name = f"vectors/{area}{' (' + variant + ')' if variant else ''}"

    def check():
        passed, total = replay(server, area, folder / f"{area}{variant}.log", variant)
        share = f"{passed} of {total}" + (f", at least {least:.0%}" if least else "")
        print(f"     {name}: {share}", flush=True)
        need(total and passed >= least * total, f"{share}, see {folder}/{area}{variant}.log")
    report.run(name, check)


def areas(variant=""):
    folder = env.shared() / "vectors" / f"scenarios{'-' + variant if variant else ''}"
    return sorted(p.name for p in folder.iterdir() if p.is_dir())


def plain(report, folder, wanted):
    with ApiServer(folder) as server:
        for area in wanted:
            hold(report, server, area, folder)


def components(report, folder, wanted):
    with ApiServer(folder / "components") as server, Component(server, "kube-controller-manager"), Component(server, "kube-scheduler"):
        for area in wanted:
            hold(report, server, area, folder)


def with_flags(report, folder, variant, flags):
    with ApiServer(folder / variant, extra=flags) as server:
        for area in areas(variant):
            hold(report, server, area, folder, variant)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("areas", nargs="*")
    ap.add_argument("--all", action="store_true")
    a = ap.parse_args()
    report = Report()
    report.require("vectors", env.shared, env.c8s)
    folder = env.busy("vectors")
    wanted = a.areas or (areas() if a.all else [x for x in areas() if x in TABLE["at_least"]])
    grouped = [x for x in wanted if x in TABLE["with_components"]]
    with cleanup():
        report.run("server for the vectors", lambda: plain(report, folder, [x for x in wanted if x not in grouped]))
        if grouped:
            report.run("components for the vectors", lambda: components(report, folder, grouped))
        for variant, flags in TABLE["with_flags"].items() if a.all else ():
            report.run(f"server for {variant}", lambda v=variant, f=flags: with_flags(report, folder, v, f))
    report.finish()


if __name__ == "__main__":
    main()
