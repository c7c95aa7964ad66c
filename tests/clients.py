#!/usr/bin/env python3
"""Published clients against c8s: client-go informers over protobuf, and kubectl. clients.py [informers|kubectl]"""
import json, os, subprocess, sys

from lib import env
from lib.report import Report, cleanup, equal, need, until
from lib.cluster import Cluster


def informers(server):
    r = subprocess.run([env.client("informers"), "-kubeconfig", str(server.kubeconfig)], capture_output=True, text=True, timeout=300, check=False)
    bad = [line for line in r.stdout.splitlines() if line.startswith("FAIL")]
    need(r.returncode == 0 and not bad, "; ".join(bad) or r.stderr.strip()[-400:])


class Kubectl:
    def __init__(self, server):
        self.program, self.env = env.client("kubectl"), {**os.environ, "KUBECONFIG": str(server.kubeconfig)}

    def __call__(self, *args, input=None, check=True):
        r = subprocess.run([self.program, *args], input=input, capture_output=True, text=True, timeout=60, check=False, env=self.env)
        need(not check or r.returncode == 0, f"kubectl {' '.join(args)}: {r.stderr.strip()[-400:]}")
        return r.stdout + ("" if check else r.stderr)


DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
              "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                       "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}}


DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "foos.example.com"},
              "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
                       "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}


def kubectl_objects(server):
    """What kubectl makes of discovery, OpenAPI, tables and patches."""
    k = Kubectl(server)
    need("v1.36" in json.loads(k("version", "-o", "json"))["serverVersion"]["gitVersion"], "server version")
    need("deployments" in k("api-resources"), "api-resources")
    need("FIELDS" in k("explain", "pod.spec"), "explain")
    text = json.dumps(DEPLOYMENT)
    need("created" in k("apply", "-f", "-", input=text), "not created")
    need("unchanged" in k("apply", "-f", "-", input=text), "not unchanged")
    need("deployment.apps/web serverside-applied" in k("apply", "--server-side", "--force-conflicts", "-f", "-", input=text), "server-side apply")
    equal(k("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"), "2", "jsonpath")
    need("web" in k("get", "deployments", "-o", "wide"), "get -o wide")
    k("scale", "deployment/web", "--replicas=3")
    k("set", "image", "deployment/web", "c=nginx:2")
    k("label", "deployment/web", "tier=front")
    equal(k("get", "deploy", "-l", "tier=front", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}"), "nginx:2", "image")
    wrong = json.dumps({**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replicaz": 1}})
    need("replicaz" in k("apply", "-f", "-", input=wrong, check=False), "an unknown field passed")
    need("yes" in k("auth", "can-i", "create", "pods"), "auth can-i")
    k("create", "configmap", "cm", "--from-literal=a=b")
    need("a" in k("describe", "configmap", "cm"), "describe")
    need("etcd-0               Healthy" in k("get", "componentstatuses"), "componentstatuses")
    equal(k("get", "apiservices", "v1.apps", "-o", "jsonpath={.status.conditions[?(@.type=='Available')].status}"), "True", "apiservice")
    need("does not serve custom resources" in k("create", "-f", "-", input=json.dumps(DEFINITION), check=False), "a definition without a warning")
    k("delete", "crd", "foos.example.com")
    need("Name:" in k("describe", "deployment", "web"), "describe a Deployment")
    k("delete", "deployment", "web", "--wait=true", "--cascade=orphan")
    k("delete", "configmap", "cm")


def kubectl_controllers(server):
    """A Deployment gets its replica set and Pods, and loses them."""
    k = Kubectl(server)
    k("create", "namespace", "k")
    until("the default account is there", lambda: "default" in k("get", "sa", "-n", "k", "-o", "name"), 20)
    k("apply", "-n", "k", "-f", "-", input=json.dumps(DEPLOYMENT))
    until("two Pods", lambda: len(k("get", "pods", "-n", "k", "-o", "name").split()) == 2, 20)
    need("web" in k("rollout", "history", "deployment/web", "-n", "k"), "rollout history")
    k("delete", "namespace", "k", "--timeout=60s")


def main():
    what = sys.argv[1:] or ["informers", "kubectl"]
    report = Report()
    report.require("clients", env.c8s, env.go)
    with cleanup() as stack:
        cluster = Cluster(env.busy("clients"), agent=False)
        stack.callback(cluster.stop)
        report.run("control plane for the clients", cluster.start)
        for name, check in (("informers", informers), ("kubectl", kubectl_objects), ("kubectl", kubectl_controllers)):
            if name in what and cluster.api:
                report.run(f"clients/{check.__name__}", check, cluster)
    report.finish()


if __name__ == "__main__":
    main()
