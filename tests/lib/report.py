"""Runs named checks and says how they went: a line for each, and at the end "N passed, N failed, N skipped"."""
import concurrent.futures, contextlib, os, signal, sys, threading, time, traceback

from .env import Skip


class Failed(AssertionError):
    """A check that does not hold; the message says what was expected and what came."""


def need(condition, message):
    if not condition:
        raise Failed(message)


def equal(got, want, what):
    need(got == want, f"{what}: wanted {want!r}, got {got!r}")


def until(what, check, limit=30, pause=0.05):
    """Waits until check() gives something true and returns it; AssertionErrors and network errors of the check count as not yet."""
    end, last = time.monotonic() + limit, None
    while True:
        try:
            if value := check():
                return value
        except (AssertionError, OSError, KeyError, IndexError, StopIteration) as e:
            last = e
        if time.monotonic() > end:
            raise Failed(f"not within {limit} s: {what}" + (f" ({last})" if last else ""))
        time.sleep(pause)


class Report:
    def __init__(self, verbose=False):
        self.passed = self.failed = self.skipped = 0
        self.verbose, self.lock = verbose, threading.Lock()

    def say(self, kind, name, text="", seconds=None):
        took = f" ({seconds:.1f} s)" if seconds is not None else ""
        with self.lock:
            print(f"{kind:4} {name}{took}{': ' + text if text else ''}", flush=True)

    def run(self, name, check, *args):
        """Runs one check; only SystemExit and KeyboardInterrupt pass through."""
        began = time.monotonic()
        try:
            check(*args)
        except Skip as e:
            self.skipped += 1
            return self.say("skip", name, str(e))
        except Exception as e:
            self.failed += 1
            text = str(e) if isinstance(e, AssertionError) and str(e) else traceback.format_exc(limit=-3).strip()
            return self.say("FAIL", name, text, time.monotonic() - began)
        self.passed += 1
        return self.say("ok", name, "", time.monotonic() - began)

    def require(self, name, *needs):
        """Ends the run, as skipped or failed, if something it stands on is not there."""
        try:
            for need_ in needs:
                need_()
        except Skip as e:
            self.skipped += 1
            self.say("skip", name, str(e))
            self.finish()
        except AssertionError as e:
            self.failed += 1
            self.say("FAIL", name, str(e))
            self.finish()

    def run_all(self, checks, jobs=1):
        """checks: [(name, function, args...)]."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda c: self.run(*c), checks))

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        sys.exit(1 if self.failed else 0)


@contextlib.contextmanager
def cleanup():
    """An ExitStack that also unwinds on SIGTERM, SIGINT and SIGHUP."""
    def end(sig, _):
        raise SystemExit(128 + sig)
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, end)
    with contextlib.ExitStack() as stack:
        try:
            yield stack
        finally:
            for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(sig, signal.SIG_IGN)


def selected(names, patterns):
    return [n for n in names if not patterns or any(p in n for p in patterns)]


assert os.name == "posix"
