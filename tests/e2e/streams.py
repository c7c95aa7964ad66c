"""logs, exec and port-forward through the API server and the kubelet."""
import concurrent.futures, hashlib, os, re, subprocess, time

from lib import env
from lib.cluster import fetch
from lib.report import equal, need, until
from scenario import SLEEP, container, nginx, pod, scenario

MEGABYTE = 1 << 20


@scenario
def logs_follow(t):
    """logs -f gives lines as they come and ends with the container; --tail, --since, --timestamps, -c."""
    script = "for i in 1 2 3 4 5; do echo line $i; sleep 0.4; done; echo oops >&2"
    t.apply(pod("p", container("a", command=["sh", "-c", script]), container("b", command=["sh", "-c", "echo other"]), restartPolicy="Never"))
    until("it runs", lambda: t.get_pod("p")["status"]["phase"] != "Pending", 30)
    began = time.monotonic()
    with t.popen("logs", "-f", "p", "-c", "a", stdout=subprocess.PIPE, text=True) as follow:
        first = follow.stdout.readline()
        early = time.monotonic() - began
        rest = follow.stdout.read()
        equal(follow.wait(10), 0, "exit code of logs -f")
    equal(first + rest, "".join(f"line {i}\n" for i in range(1, 6)) + "oops\n", "log")
    took = time.monotonic() - began
    need(took < 15 and (early < took or not rest), f"first line after {early:.1f} s of {took:.1f} s")
    equal(t.kubectl("logs", "p", "-c", "a", "--tail=2").stdout, "line 5\noops\n", "--tail")
    equal(t.kubectl("logs", "p", "-c", "b").stdout, "other\n", "-c")
    stamped = t.kubectl("logs", "p", "-c", "a", "--timestamps", "--tail=1").stdout
    need(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z oops\n$", stamped), f"--timestamps: {stamped}")
    wrong = t.kubectl("logs", "p", "-c", "nope", check=False)
    need(wrong.returncode and "nope" in wrong.stderr, f"a container that is not there: {wrong.stderr}")


@scenario
def logs_long(t):
    """Long lines and many of them come whole. (The container lives on for a moment: containerd may lose what is written right before the end.)"""
    t.apply(pod("p", container(command=["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo; seq 1 20000; sleep 1"]), restartPolicy="Never"))
    t.wait_phase("p", "Succeeded")
    lines = t.kubectl("logs", "p").stdout.split("\n")
    equal((len(lines[0]), lines[1], lines[20000], len(lines)), (100000, "1", "20000", 20002), "long line, first, last, count")


@scenario
def exec_codes(t):
    """exec keeps exit codes, both outputs apart, and the words of its command."""
    t.run_ready(pod("p", container("one", command=SLEEP), container("two", command=SLEEP)))
    r = t.exec("p", "sh", "-c", "echo out; echo err >&2; exit 42", container="two", check=False)
    equal((r.returncode, r.stdout), (42, "out\n"), "exit code and output")
    need("err" in r.stderr, f"stderr: {r.stderr}")
    equal(t.exec("p", "printf", "%s|", "a b", "c$d", "é", "").stdout, "a b|c$d|é||", "arguments")
    missing = t.exec("p", "no-such-program", check=False)
    need(missing.returncode in (126, 127, 128, 1) and "no-such-program" in missing.stderr, f"{missing.returncode} {missing.stderr}")
    equal(t.exec("p", "true").returncode, 0, "exit code of true")
    gone = t.kubectl("exec", "absent", "--", "true", check=False)
    need(gone.returncode and "absent" in gone.stderr, f"{gone.stderr}")


@scenario
def exec_bulk(t):
    """exec -i takes 50 MB in and gives them back, byte for byte."""
    t.run_ready(pod("p"))
    data = os.urandom(50 * MEGABYTE)
    began = time.monotonic()
    with t.popen("exec", "-i", "p", "--", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        out, _ = p.communicate(data, timeout=120)
        equal(p.returncode, 0, "exit code")
    need(hashlib.sha256(out).digest() == hashlib.sha256(data).digest(), f"{len(out)} bytes came back, of {len(data)}")
    print(f"     exec -i: {100 / (time.monotonic() - began):.0f} MB/s", flush=True)
    with t.popen("exec", "-i", "p", "--", "sha256sum", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False) as p:
        out, _ = p.communicate(data, timeout=120)
    equal(out.split()[0].decode(), hashlib.sha256(data).hexdigest(), "sum on the other side, after the end of input")


@scenario
def exec_many(t):
    """Twenty execs at once keep apart."""
    t.run_ready(pod("p"))
    one = lambda i: t.exec("p", "sh", "-c", f"sleep 0.2; echo {i}; exit {i}", check=False)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        got = [(r.returncode, r.stdout.strip()) for r in pool.map(one, range(20))]
    equal(got, [(i, str(i)) for i in range(20)], "codes and outputs")


@scenario
def attach_and_stdin(t):
    """A container's own stdin and stdout by attach, with the published kubectl."""
    kubectl = env.client("kubectl")
    t.run_ready(pod("p", container(command=["sh", "-c", "while read x; do echo got $x; done; sleep 3600"], stdin=True)))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with t.popen("attach", "-i", "p", program=[kubectl], **pipes) as p:
        p.stdin.write("hello\n")
        p.stdin.flush()
        line = p.stdout.readline()
        p.terminate()
    equal(line, "got hello\n", "what came back")


@scenario
def attach_to_terminal(t):
    """A container with a terminal and a client that has neither that nor input: the attachment ends (the published kubectl)."""
    kubectl = env.client("kubectl")
    t.run_ready(pod("p", container(command=["sh", "-c", "sleep 5; echo out"], stdin=True, stdinOnce=True, tty=True), restartPolicy="Never"))
    with t.popen("attach", "-it", "p", program=[kubectl], stdin=subprocess.DEVNULL) as p:
        try:
            p.wait(20)
        finally:
            p.kill()
    t.kubectl("wait", "pod/p", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=20s")


def forwarding(t, *args, **kw):
    p = t.popen("port-forward", *args, stdout=subprocess.PIPE, text=True, **kw)
    line = p.stdout.readline()
    m = re.search(r"127\.0\.0\.1:(\d+) ->", line)
    if not m:
        p.terminate()
        raise AssertionError(f"port-forward said {line!r}")
    return p, int(m[1])


@scenario
def port_forward(t):
    """Many parallel flows through one port-forward, whole and apart."""
    t.run_ready(nginx("web"))
    t.sh("web", "cd /usr/share/nginx/html; for i in 0 1 2 3 4 5 6 7; do head -c 8388608 /dev/urandom > f$i; done")
    sums = {line.split()[1]: line.split()[0] for line in t.sh("web", "cd /usr/share/nginx/html; sha256sum f*").splitlines()}
    p, port = forwarding(t, "pod/web", ":80")
    try:
        one = lambda i: hashlib.sha256(fetch(f"http://127.0.0.1:{port}/f{i % 8}", 60)).hexdigest()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            got = list(pool.map(one, range(32)))
        equal(got, [sums[f"f{i % 8}"] for i in range(32)], "sums of 32 parallel downloads")
        for _ in range(50):
            need(b"Welcome" in fetch(f"http://127.0.0.1:{port}/", 10), "page")
        need(p.poll() is None, "port-forward ended")
    finally:
        p.terminate()
        p.wait(10)
        p.stdout.close()


@scenario
def port_forward_refused(t):
    """A port where nothing listens fails that flow only."""
    t.run_ready(nginx("web"))
    p, port = forwarding(t, "pod/web", ":81", stderr=subprocess.DEVNULL)
    try:
        try:
            fetch(f"http://127.0.0.1:{port}/", 10)
            raise AssertionError("port 81 answered")
        except OSError:
            pass
    finally:
        p.terminate()
        p.wait(10)
        p.stdout.close()
