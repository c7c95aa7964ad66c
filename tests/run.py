#!/usr/bin/env python3
"""Runs test suites one after another and adds up what they say: run.py [--build DIR] SUITE...

The last line is "N passed, N failed, N skipped". A suite that ends without such a line of its own counts as one failure.
To add a suite, give it a row in SUITES.
"""
import argparse, json, os, pathlib, re, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)

# name -> (command, most minutes)
SUITES = {
    "house": (["house.py"], 1),
    "unit": ([], 15),
    "runtime": (["runtime_test.py"], 2),
    "vectors": (["vectors.py"], 12),
    "vectors-all": (["vectors.py", "--all"], 40),
    "clients": (["clients.py"], 12),
    "e2e": (["e2e/run.py"], 15),
    "server": (["server.py"], 3),
    "badinput": (["badinput.py"], 3),
    "kill": (["kill/kill.py", "-n", "200"], 8),
    "kill-long": (["kill/kill.py", "-n", "2000", "--writers", "12"], 60),
    "fuzz": (["fuzz.py", "--seconds", "20"], 20),
    "fuzz-long": (["fuzz.py", "--seconds", "600"], 600),
}


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad = []

    def add(self, name, passed, failed, skipped=0):
        self.passed, self.failed, self.skipped = self.passed + passed, self.failed + failed, self.skipped + skipped
        if failed:
            self.bad.append(name)


def run_script(name, command, minutes, totals):
    """Passes a suite's output on and reads its last counts."""
    out = []
    with subprocess.Popen([sys.executable, "-u", str(HERE / command[0]), *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT) as p:
        end = time.monotonic() + 60 * minutes
        for line in p.stdout:
            out.append(line)
            if not COUNTS.match(line):
                print("  " + line, end="", flush=True)
            if time.monotonic() > end:
                print(f"  {name} is ended after {minutes} minutes", flush=True)
                p.terminate()
                break
        code = p.wait()
    counts = COUNTS.findall("".join(out))
    passed, failed, skipped = (int(x or 0) for x in counts[-1]) if counts else (0, 0, 0)
    if code and not failed:
        print(f"  {name} ended with {code}", flush=True)
        failed = 1
    totals.add(name, passed, failed, skipped)


def cmocka_counts(text):
    good = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
    return good, sum(map(int, re.findall(r"\[  FAILED  \] .*?(\d+) test", text)))


def run_unit(build, minutes, totals):
    """The rooms' unit tests, by Meson; single tests are counted."""
    wrapper, began = os.environ.get("TEST_WRAPPER"), time.time()
    command = ["meson", "test", "-C", str(build), "--suite", "unit", "--print-errorlogs", "--no-rebuild", "--timeout-multiplier", "3"]
    r = subprocess.run(command + (["--wrap", wrapper] if wrapper else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60 * minutes)
    logs = sorted((build / "meson-logs").glob("testlog*.json"), key=os.path.getmtime)
    rows = [json.loads(line) for line in logs[-1].read_text().splitlines()] if logs and logs[-1].stat().st_mtime >= began else []
    for row in rows:
        passed, failed = cmocka_counts(row.get("stdout", "") + row.get("stderr", ""))
        good = row["result"] == "OK"
        print(f"  {'ok  ' if good else 'FAIL'} {row['name']}: {passed} passed ({row['duration']:.1f} s)")
        totals.add(f"unit {row['name']}", max(passed, int(good)), failed if not good and failed else int(not good))
    if r.returncode:
        print(r.stdout[-8000:])
    if not rows:
        totals.add("unit", 0, 1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("suites", nargs="+", choices=sorted(SUITES), metavar="SUITE")
    ap.add_argument("--build", default=os.environ.get("BUILD", "build"), metavar="DIR")
    a = ap.parse_args()
    build = (ROOT / a.build).resolve()
    os.environ["BUILD"] = str(build)
    if not os.environ.get("C8S_SHARED") and (ROOT.parent / "shared/vectors").exists():
        os.environ["C8S_SHARED"] = str(ROOT.parent / "shared")
    totals = Totals()
    for name in a.suites:
        print(f"{name}:", flush=True)
        began = time.monotonic()
        if name == "unit":
            run_unit(build, SUITES[name][1], totals)
        else:
            run_script(name, *SUITES[name], totals)
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
    if totals.bad:
        print("failed:", ", ".join(totals.bad))
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    sys.exit(1 if totals.failed else 0)


if __name__ == "__main__":
    main()
