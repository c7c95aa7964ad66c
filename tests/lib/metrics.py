"""Pages of metrics (Prometheus' text format 0.0.4): read strictly, and compared with the facts in schema/metrics.json."""
import json, re, ssl

from . import env
from .report import equal, need
from kube import Api

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LINE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)$", re.S)
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
FACTS = json.loads((env.ROOT / "schema/metrics.json").read_text())["metrics"]


def labels_of(text):
    at, found = 0, []
    while at < len(text or ""):
        m = LABEL.match(text, at)
        need(m, f"labels {text!r}")
        found.append((m[1], m[2]))
        at = m.end()
    equal(len({n for n, _ in found}), len(found), f"labels that come once in {text}")
    return tuple(found)


class Page:
    """families: name -> type; samples: name -> {labels: value}, with the suffixes of histograms."""

    def __init__(self, text):
        self.families, self.samples, family = {}, {}, None
        need(not text or text.endswith("\n"), "the page ends within a line")
        for line in text.split("\n")[:-1]:
            if line.startswith("# TYPE "):
                family, kind = line.split(" ")[2:]
                need(family not in self.families, f"{family} stands there twice")
                self.families[family] = kind
            elif not line.startswith("# HELP "):
                m = LINE.match(line)
                need(m and family and m[1].startswith(family), f"line {line!r} in family {family}")
                series = self.samples.setdefault(m[1], {})
                labels = labels_of(m[2])
                need(labels not in series, f"{line} stands there twice")
                series[labels] = float(m[3])

    def value(self, name, /, **labels):
        """The sum of the series that have these labels; None if there is none."""
        found = [v for have, v in self.samples.get(name, {}).items() if labels.items() <= dict(have).items()]
        return sum(found) if found else None


def fact_of(name, endpoints):
    return next((f for f in FACTS if f["name"] == name and any(e in f["endpoints"] for e in endpoints)), None)


def check_histogram(page, fact):
    """Per series: the facts' bounds in order, counts that grow, as many in the last as in _count."""
    name, series = fact["name"], {}
    for labels, value in page.samples[name + "_bucket"].items():
        equal(labels[-1][0], "le", f"last label of {name}")
        series.setdefault(labels[:-1], []).append((float(labels[-1][1]), value))
    bounds = [*fact["buckets"], float("inf")]
    for labels, buckets in series.items():
        equal([b for b, _ in buckets], bounds, f"bounds of {name}")
        counts = [c for _, c in buckets]
        equal(counts, sorted(counts), f"counts of {name}{labels}")
        equal(page.samples[name + "_count"][labels], counts[-1], f"count of {name}{labels}")
    equal(page.samples[name + "_sum"].keys(), series.keys(), f"sums of {name}")


def check(text, *endpoints):
    """Every series of a page of these endpoints is as the facts say. Returns the page."""
    page = Page(text)
    for name, kind in page.families.items():
        fact = fact_of(name, endpoints)
        need(fact, f"{name} is no metric of {endpoints}")
        equal(kind, fact.get("shown", fact["type"]).lower(), f"type of {name}")
        suffixes = ("_sum", "_count") if kind == "histogram" else ("",)
        for suffix in suffixes:
            need(page.samples.get(name + suffix), f"{name} has no series")
            wrong = [s for s in page.samples[name + suffix] if [n for n, _ in s] != fact.get("labels", [])]
            need(not wrong, f"{name} has labels {wrong[:1]}, not {fact.get('labels')}")
        if kind == "histogram":
            check_histogram(page, fact)
    return page


def get(api, path):
    status, headers, body = api.raw("GET", path)
    equal(status, 200, path)
    need(headers["Content-Type"].startswith("text/plain; version=0.0.4"), f"{path} is {headers['Content-Type']}")
    return body.decode()


def port_api(kubeconfig, port):
    """A component's own port, by the kubeconfig's certificate; its own is self-signed."""
    api = Api.from_kubeconfig(kubeconfig)
    api.tls.check_hostname, api.tls.verify_mode = False, ssl.CERT_NONE
    return Api(f"https://127.0.0.1:{port}", api.tls)


def missing(page, names):
    return [n for n in names.split() if n not in page.families]
