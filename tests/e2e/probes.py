"""Probes that fail and recover."""
from kube import condition
from lib.report import equal, need, until
from scenario import SLEEP, container, nginx, pod, scenario


def restarts(t, name):
    return t.get_pod(name)["status"]["containerStatuses"][0]["restartCount"]


def is_ready(t, name):
    return condition(t.get_pod(name), "Ready") == "True"


@scenario
def readiness_exec(t):
    """Readiness follows a file, without a restart."""
    probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    t.apply(pod("p", container(command=SLEEP, readinessProbe=probe)))
    t.wait_phase("p", "Running")
    need(not is_ready(t, "p"), "ready before its probe held")
    for there in (True, False, True):
        t.sh("p", "touch /tmp/ok" if there else "rm /tmp/ok")
        until(f"Ready is {there}", lambda w=there: is_ready(t, "p") == w, 15)
    equal(restarts(t, "p"), 0, "restarts")
    until("event Unhealthy", lambda: "Unhealthy" in t.events("p"), 10)


@scenario
def liveness_http(t):
    """A failing HTTP liveness probe restarts the container, which then lives."""
    t.run_ready(nginx("p", livenessProbe={"httpGet": {"path": "/alive", "port": 80}, "periodSeconds": 1, "failureThreshold": 2, "initialDelaySeconds": 3},
                      command=["sh", "-c", "touch /usr/share/nginx/html/alive; exec nginx -g 'daemon off;'"]))
    t.sh("p", "rm /usr/share/nginx/html/alive")
    until("it was restarted", lambda: restarts(t, "p") == 1, 30)
    t.wait_ready("p")
    until("event Killing", lambda: "Killing" in t.events("p"), 10)
    last = t.get_pod("p")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    need("exitCode" in last and last.get("containerID"), f"last state {last}")


@scenario
def liveness_tcp_and_startup(t):
    """A startup probe holds the others back; TCP probes see an open port."""
    script = "sleep 4; touch /tmp/started; exec nginx -g 'daemon off;'"
    t.apply(nginx("p", command=["sh", "-c", script], startupProbe={"exec": {"command": ["test", "-e", "/tmp/started"]}, "periodSeconds": 1, "failureThreshold": 20},
                  livenessProbe={"tcpSocket": {"port": 80}, "periodSeconds": 1, "failureThreshold": 1, "initialDelaySeconds": 1}))
    p = t.wait_ready("p", 40)
    status = p["status"]["containerStatuses"][0]
    equal((status["started"], status["restartCount"]), (True, 0), "started and restarts")


@scenario
def probe_timeout(t):
    """A probe that takes too long counts as failed."""
    probe = {"exec": {"command": ["sleep", "30"]}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
    t.apply(pod("p", container(command=SLEEP, livenessProbe=probe)))
    until("it was restarted", lambda: restarts(t, "p") >= 1, 30)
