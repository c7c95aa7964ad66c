"""Deployments and Services."""
import json, shutil, subprocess, threading

from lib.cluster import fetch
from lib.env import ROOT, Skip
from lib.report import equal, need, until
from scenario import SLEEP, container, deployment, pod, scenario, service


def named_nginx(version="1", **more):
    """nginx whose page is the Pod's name and a version."""
    script = f"echo \"$HOSTNAME {version}\" > /usr/share/nginx/html/index.html; exec nginx -g 'daemon off;'"
    return container("nginx", "nginx", command=["sh", "-c", script], ports=[{"containerPort": 80}],
                     readinessProbe={"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1}, lifecycle={"preStop": {"sleep": {"seconds": 1}}}, **more)


def replica_sets(t):
    return t.api.get(t.path("replicasets", group="apis/apps/v1"))["items"]


@scenario
def deployment_scaled_rolled_back(t):
    """Three replicas; scaled up and down; rolled to a new template; rolled back."""
    t.apply(deployment("web", 3, named_nginx("one")))
    t.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    t.wait_ready_count("web", 3)
    t.kubectl("scale", "deployment/web", "--replicas=5")
    t.wait_ready_count("web", 5)
    t.kubectl("scale", "deployment/web", "--replicas=2")
    t.wait_ready_count("web", 2)
    t.apply(deployment("web", 2, named_nginx("two")))
    t.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    pages = {fetch(f"http://{p['status']['podIP']}/").decode().split()[1] for p in t.wait_ready_count("web", 2)}
    equal((pages, len(replica_sets(t))), ({"two"}, 2), "pages and replica sets after rolling")
    t.kubectl("rollout", "undo", "deployment/web")
    t.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    pages = {fetch(f"http://{p['status']['podIP']}/").decode().split()[1] for p in t.wait_ready_count("web", 2)}
    equal((pages, len(replica_sets(t))), ({"one"}, 2), "pages and replica sets after undoing")
    revision = t.api.get(t.path("deployments", "web", "apis/apps/v1"))["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    equal(revision, "3", "revision")


@scenario
def deployment_heals(t):
    """A deleted Pod and a killed container come back."""
    t.apply(deployment("web", 2, named_nginx()))
    old = {p["metadata"]["name"] for p in t.wait_ready_count("web", 2)}
    victim = sorted(old)[0]
    t.kubectl("delete", "pod", victim, "--wait=false")
    until("another Pod took its place", lambda: {p["metadata"]["name"] for p in t.wait_ready_count("web", 2)} - old, 40)
    survivor = sorted(old)[1]
    t.exec(survivor, "sh", "-c", "kill -QUIT 1", check=False)
    until("the container was started again", lambda: t.get_pod(survivor)["status"]["containerStatuses"][0]["restartCount"] == 1, 40)
    t.wait_ready_count("web", 2)
    t.kubectl("delete", "deployment", "web")
    until("its Pods were collected", lambda: not t.pods("web") and not replica_sets(t), 30)


@scenario
def rollout_without_loss(t):
    """While a Deployment is rolled behind a Service, every request is answered."""
    t.apply(deployment("web", 2, named_nginx("one")), service("web"))
    t.wait_ready_count("web", 2)
    address = t.api.get(t.path("services", "web"))["spec"]["clusterIP"]
    t.page(address)
    lost, asked, over = [], [0], threading.Event()

    def ask():
        while not over.is_set():
            try:
                asked[0] += bool(fetch(f"http://{address}/", 3))
            except OSError as e:
                lost.append(str(e))
    client = threading.Thread(target=ask)
    client.start()
    try:
        t.apply(deployment("web", 2, named_nginx("two")))
        t.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        t.wait_ready_count("web", 2)
    finally:
        over.set()
        client.join()
    need(asked[0] > 20 and not lost, f"{len(lost)} of {asked[0] + len(lost)} requests were lost: {lost[:2]}")


def backends(url, count, limit=20):
    """Asks until so many different Pods have answered."""
    seen = set()

    def more():
        seen.add(fetch(url).decode().split()[0])
        return len(seen) >= count
    until(f"{count} different Pods answer at {url}", more, limit, 0)
    return seen


@scenario
def service_answers(t):
    """A Service is reached from the host and from other Pods, by its address and node port, on ready Pods only."""
    t.apply(deployment("web", 3, named_nginx()), service("web", 8080, type="NodePort"), pod("client"))
    ready = {p["metadata"]["name"] for p in t.wait_ready_count("web", 3)}
    s = t.api.get(t.path("services", "web"))["spec"]
    port, node = s["ports"][0]["nodePort"], t.wait_ready("client")["status"]["hostIP"]
    equal(backends(f"http://{s['clusterIP']}:8080/", 3), ready, "backends by cluster address")
    equal(backends(f"http://{node}:{port}/", 3), ready, "backends by node port")
    inside = f"timeout 3 wget -q -O - http://{s['clusterIP']}:8080/"
    until("a Pod reaches the Service", lambda: (t.sh("client", inside, check=False).split() or [""])[0] in ready, 10)
    own = sorted(ready)[0]
    equal({t.sh(own, inside).split()[0] for _ in range(12)} <= ready, True, "a Pod reaches its own Service (hairpin)")
    sick = sorted(ready)[1]
    t.sh(sick, "rm /usr/share/nginx/html/index.html")
    until("the sick Pod left the slice", lambda: sick not in {fetch(f"http://{s['clusterIP']}:8080/").decode().split()[0] for _ in range(12)}, 20)
    t.sh(sick, "echo $HOSTNAME 1 > /usr/share/nginx/html/index.html")
    equal(backends(f"http://{s['clusterIP']}:8080/", 3), ready, "backends after it recovered")
    t.kubectl("scale", "deployment/web", "--replicas=0")
    t.wait_ready_count("web", 0)

    def refused():
        try:
            fetch(f"http://{s['clusterIP']}:8080/", 1)
        except ConnectionRefusedError:
            return True
        except OSError as e:
            return isinstance(getattr(e, "reason", None), ConnectionRefusedError)
        return False
    until("a Service without Pods refuses at once", refused, 15)


@scenario
def slices_and_endpoints(t):
    """Endpoints and EndpointSlices follow the Pods."""
    t.apply(deployment("web", 2, named_nginx()), service("web"))
    addresses = {p["status"]["podIP"] for p in t.wait_ready_count("web", 2)}

    def slices():
        items = t.api.get(t.path("endpointslices", group="apis/discovery.k8s.io/v1") + "?labelSelector=kubernetes.io%2Fservice-name%3Dweb")["items"]
        return {a for s in items for e in s.get("endpoints") or [] if e["conditions"].get("ready") for a in e["addresses"]}

    def endpoints():
        return {a["ip"] for s in t.api.get(t.path("endpoints", "web")).get("subsets") or [] for a in s.get("addresses") or []}
    until("slices have the Pods' addresses", lambda: slices() == addresses, 15)
    until("Endpoints have the Pods' addresses", lambda: endpoints() == addresses, 15)
    t.kubectl("scale", "deployment/web", "--replicas=0")
    until("both are empty", lambda: not slices() and not endpoints(), 30)


@scenario
def pod_reaches_api(t):
    """A Pod's token opens the API at the address of the Service `kubernetes`, with the rights of its account."""
    if not shutil.which("curl"):
        raise Skip("no curl on the host, which this Pod uses by chroot")
    host = container(command=SLEEP, volumeMounts=[{"name": "host", "mountPath": "/host", "readOnly": True}])
    t.run_ready(pod("p", host, volumes=[{"name": "host", "hostPath": {"path": "/"}}]))
    d = "/var/run/secrets/kubernetes.io/serviceaccount"

    def ask(path):
        curl = f'curl -sS -m 5 --cacert /dev/stdin -H "Authorization: Bearer $(cat {d}/token)" https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT{path}'
        return json.loads(t.sh("p", f"cat {d}/ca.crt | chroot /host {curl}"))
    until("the version is readable", lambda: ask("/version")["major"] == "1", 15)
    refused = ask("/api/v1/secrets")
    equal((refused["code"], refused["reason"]), (403, "Forbidden"), "listing secrets")
    need(f"system:serviceaccount:{t.ns}:default" in refused["message"], refused["message"])


@scenario(serial=True)
def forward_policy_drop(t):
    """With a FORWARD policy of drop, as Docker sets it, Pods still reach Services and each other."""
    if not shutil.which("iptables"):
        raise Skip("no iptables to set the policy with")
    policy = subprocess.run(["iptables", "-S", "FORWARD"], capture_output=True, text=True, check=True).stdout.split()[2]
    t.apply(deployment("web", 2, named_nginx()), service("web"), pod("client"))
    t.wait_ready_count("web", 2)
    t.wait_ready("client")
    address = t.api.get(t.path("services", "web"))["spec"]["clusterIP"]
    subprocess.run(["iptables", "-P", "FORWARD", "DROP"], check=True)
    try:
        for _ in range(6):
            need(t.sh("client", f"timeout 3 wget -q -O - http://{address}/").startswith("web-"), "no answer")
    finally:
        subprocess.run(["iptables", "-P", "FORWARD", policy], check=True)


def printed_commands():
    """The kubectl commands of README.md, without the program, the comments and -f of logs, which would not end."""
    lines = [line.split("#")[0].split() for line in (ROOT / "README.md").read_text().splitlines()]
    found = [line[2:] for line in lines if line[:2] == ["build/c8s", "kubectl"]]
    return [[w for w in command if command[0] != "logs" or w != "-f"] for command in found]


@scenario
def examples(t):
    """What examples/ and README.md show works as printed."""
    t.kubectl("apply", "-f", str(ROOT / "examples/nginx-pod.yaml"))
    t.wait_ready("nginx")
    commands = printed_commands()
    need(len(commands) >= 3, "README.md shows no commands")
    for command in commands:
        need(t.kubectl(*command).stdout, f"kubectl {' '.join(command)} said nothing")
    t.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    need(b"nginx" in t.page(t.api.get(t.path("services", "web"))["spec"]["clusterIP"]), "the Service of examples/web.yaml")
