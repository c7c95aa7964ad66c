#!/usr/bin/env python3
"""Real containers on a cluster of one node: run.py [--list] [-j N] [--keep] [NAME...]

NAME selects scenarios that contain it. KUBECTL="program" takes another kubectl than c8s's own. Needs root; the private containerd
and registry are started and removed. Logs stay in build/test/e2e.
"""
import argparse, contextlib, os, pathlib, signal, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import figures, lifecycle, pods, probes, streams, trouble, workloads  # noqa: E401,F401  (they register their scenarios)
from lib import env
from lib.cluster import Cluster
from lib.leftovers import Picture
from lib.network import own_network
from lib.report import Report, cleanup, need, selected
from scenario import SCENARIOS, Test


def one(cluster, name):
    test = Test(cluster, name)
    test.begin()
    try:
        SCENARIOS[name](test)
    except BaseException:
        (test.folder / "pods.txt").write_text(cluster.kubectl("get", "pods,events", "-o", "yaml", ns=test.ns, check=False).stdout)
        raise
    finally:
        test.end()


def run(report, folder, names, jobs, keep):
    with cleanup() as stack:
        before = Picture(folder)
        cluster = Cluster(folder)
        stack.callback(cluster.stop)
        report.run("cluster comes up", cluster.start)
        if report.failed:
            return
        beside = [n for n in names if not SCENARIOS[n].serial]
        report.run_all([(f"e2e/{n}", one, cluster, n) for n in beside], jobs)
        for n in names:
            if SCENARIOS[n].serial:
                report.run(f"e2e/{n}", one, cluster, n)
        if keep:
            hold(cluster)
        report.run("cluster ends and leaves nothing", ends, cluster, before)


def hold(cluster):
    print(f"KUBECONFIG={cluster.kubeconfig} nsenter --net=/proc/{os.getpid()}/ns/net sh    (Ctrl-C ends the cluster)", flush=True)
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        signal.pause()


def ends(cluster, before):
    code = cluster.stop_server()
    cluster.stop()
    left = before.settle()
    need(code == 0, f"c8s server ended with {code} on SIGTERM: {cluster.server.tail()}")
    need(not left, f"left behind: {', '.join(left)[:800]}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--keep", action="store_true", help="leave the cluster running until a signal comes")
    ap.add_argument("-j", type=int, default=4, help="scenarios at once")
    a = ap.parse_args()
    names = selected(SCENARIOS, a.names)
    if a.list:
        for n in names:
            print(f"{n:28} {(SCENARIOS[n].__doc__ or '').strip().splitlines()[0]}")
        return
    report = Report()
    report.require("e2e", env.c8s, env.root, own_network)
    Cluster(env.build_dir() / "test/e2e").stop()  # what a run that was killed left
    run(report, env.busy("e2e"), names, a.j, a.keep)
    report.finish()


if __name__ == "__main__":
    main()
