#!/usr/bin/env python3
"""Lets every fuzz target of a build run for a while: fuzz.py [--seconds N] [-j N] [NAME...]

Targets are build-fuzz/*_fuzz (libFuzzer; `make fuzz` builds them). What they find stays in build-fuzz/found, what they learn in
build-fuzz/corpus; the shared round-trip objects are seeds for decoders whose target's name has the encoding in it.
"""
import argparse, os, pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lib import env
from lib.report import Report, cleanup, need, selected

FORMATS = {"json": "json", "yaml": "yaml", "pb": "pb", "proto": "pb"}


def seeds(name):
    try:
        vectors = env.shared() / "vectors"
    except env.Skip:
        return []
    kinds = {ext for word, ext in FORMATS.items() if word in name}
    return [p for kind in kinds for p in sorted((vectors / "roundtrip").rglob(f"*.{kind}"))]


def fuzz(target, folder, seconds):
    name = target.name
    corpus, found = folder / "corpus" / name, folder / "found"
    for d in (corpus, found):
        d.mkdir(parents=True, exist_ok=True)
    for seed in seeds(name):
        link = corpus / f"seed-{seed.name}"
        if not link.exists():
            link.write_bytes(seed.read_bytes())
    command = [str(target), str(corpus), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536", f"-artifact_prefix={found}/{name}-", "-print_final_stats=1"]
    r = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 300,
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"})
    runs = re.search(r"number_of_executed_units:\s*(\d+)", r.stderr)
    need(r.returncode == 0, f"ended with {r.returncode}, inputs in {found}: " + next((x for x in r.stderr.splitlines() if "ERROR" in x or "runtime error" in x), r.stderr[-300:]))
    need(runs and int(runs[1]) > 100, f"only {runs[1] if runs else 0} inputs were tried: the target does not work")
    print(f"     {name}: {int(runs[1])} inputs", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--seconds", type=int, default=20)
    ap.add_argument("-j", type=int, default=os.cpu_count())
    a = ap.parse_args()
    report = Report()
    folder = pathlib.Path(os.environ.get("FUZZ_BUILD", env.ROOT / "build-fuzz"))
    targets = {p.name: p for p in sorted(folder.glob("*_fuzz")) if os.access(p, os.X_OK)}

    def any_target():
        if not targets:
            raise env.Skip(f"no fuzz targets in {folder}; run make fuzz")
    report.require("fuzz", any_target)
    with cleanup():
        report.run_all([(f"fuzz/{n}", fuzz, targets[n], folder, a.seconds) for n in selected(targets, a.names)], a.j)
    report.finish()


if __name__ == "__main__":
    main()
