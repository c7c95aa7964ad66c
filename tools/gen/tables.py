"""Writes the descriptor tables: integers and one pool of strings, nothing that needs a relocation."""
import json
from facts import FORMS, KINDS
from layout import element, entry_layout

MASK = (1 << 64) - 1
FLAGS = {n: 1 << i for i, n in enumerate(
    "PTR OMITEMPTY OMITZERO REQUIRED INLINE ELEM_PTR JSON_STRING PATCH_MERGE PATCH_REPLACE PATCH_RETAIN_KEYS ATOMIC LIST_SET LIST_MAP "
    "SECRET GATED NOT_IN_OPENAPI PB FLATTENED PACKED ONEOF OPTIONAL GRANULAR".split())}
EMPTY, EMPTY_SHIFT = "never list flag pointer text byte word long float double".split(), 24
EMPTY_KINDS = {"string": "text", "bytes": "text", "any": "pointer", "object": "pointer", "bool": "byte", "int32": "word", "uint32": "word",
               "int64": "long", "uint64": "long", "goduration": "long", "float": "float", "double": "double"}
HELD_BY_POINTER = "message string bytes quantity raw fieldsv1 json any object".split()
VERBS = "get list watch create update patch delete deletecollection".split()
WIRE = {"bool": 0, "int32": 0, "int64": 0, "uint32": 0, "uint64": 0, "double": 1, "float": 5}
# Facts that have a place of their own in struct field, struct type or the facts record; the rest goes along as JSON.
FIELD_KNOWN = set("name tag pname kind of list map key elem elemPtr ptr omitempty omitzero required inline patchStrategy patchMergeKey "
                  "listType listMapKeys default format enum featureGates jsonString notInOpenAPI optional packed oneofGroup secret presence "
                  "deprecated".split())
TYPE_KNOWN = set("type shape fields openapi kind of customJSON".split())
SECRET_BYTES = {("core/v1.Secret", "data"), ("core/v1.Secret", "stringData")}
GO_KIND = {"bytes": "[]uint8", "double": "float64", "float": "float32", "time": "v1.Time", "microtime": "v1.MicroTime", "duration": "v1.Duration",
           "quantity": "resource.Quantity", "intorstring": "intstr.IntOrString", "raw": "runtime.RawExtension", "fieldsv1": "v1.FieldsV1",
           "json": "v1.JSON", "any": "interface {}", "object": "interface {}", "goduration": "time.Duration"}


METRIC_TYPES = "Counter Gauge Histogram".split()


def name_hash(s):
    """As schema/tables.h does it."""
    b = s.encode()
    n = len(b)
    if n >= 8:
        lo, hi = int.from_bytes(b[:8], "little"), int.from_bytes(b[-8:], "little")
    elif n >= 4:
        lo, hi = int.from_bytes(b[:4], "little"), int.from_bytes(b[-4:], "little")
    else:
        lo, hi = (b[0] | b[n // 2] << 8 | b[n - 1] << 16, 0) if n else (0, 0)
    h = (lo * 0x9E3779B97F4A7C15 + hi * 0xC2B2AE3D27D4EB4F + n * 0x165667B19E3779F9) & MASK
    return (h ^ h >> 32) * 0x9E3779B1 >> 12 & 0xFFFFFFFF


class Pool:
    """Strings by offset, each after its 16-bit length and before a NUL."""

    def __init__(self):
        self.at, self.parts, self.n = {"": 2}, [b"\0\0\0"], 3

    def __call__(self, s):
        if s is None:
            return 0
        if s not in self.at:
            b = s.encode()
            assert len(b) < 65536
            self.at[s] = self.n + 2
            self.parts.append(len(b).to_bytes(2, "little") + b + b"\0")
            self.n += len(b) + 3
        return self.at[s]

    def opt(self, s):
        return self(s) if s else 0

    def text(self):
        out = []
        for p in self.parts:
            out.append('"%s"' % "".join(chr(c) if 32 <= c < 127 and c not in b'"\\?' else "\\%03o" % c for c in p))
        return "\n".join(out)


class Words:
    """Runs of 32-bit words, equal ones shared; 0 is the empty run."""

    def __init__(self):
        self.v, self.seen = [0], {}

    def run(self, words):
        key = tuple(words)
        if key not in self.seen:
            self.seen[key] = len(self.v)
            self.v += key
        return self.seen[key]

    def counted(self, words):
        return self.run([len(words)] + words) if words else 0


def dump(o):
    return json.dumps(o, separators=(",", ":"), ensure_ascii=False)


def slots(hashes, minimum=2):
    """Open addressing, linear probing; entries are index + 1."""
    size = minimum
    while size < len(hashes) * 2:
        size *= 2
    table = [0] * size
    for i, h in enumerate(hashes):
        at = h & size - 1
        while table[at]:
            at = at + 1 & size - 1
        table[at] = i + 1
    return table


class Tables:
    def __init__(self, types, methods, metrics, schema):
        self.types, self.methods, self.metrics, self.schema = types, methods, metrics, schema
        self.pool, self.words = Pool(), Words()
        self.facts, self.facts_rows = {}, [[0] * 10]
        self.fields, self.order, self.names = [], [], []
        self.by_gvk, self.gvks = {}, []
        for t in types.values():
            for g in t.facts.get("gvk", []) + t.facts.get("gvkAlso", []):
                self.by_gvk.setdefault((g["group"], g["version"], g["kind"]), t.index)

    def row(self, *words):
        return "{%s}" % ",".join(map(str, words))

    # ---- fields
    def go_type(self, f):
        """Go's name of the member's type, as it stands in decoding errors."""
        if "alias" in f.facts:
            return go_name(f.facts["alias"])
        e = go_name(f.of) if f.of else GO_KIND.get(f.kind, f.kind)
        e = ("*" if f.elem_ptr else "") + e
        if f.card == "LIST_OF":
            return "[]" + e
        return "map[%s]%s" % (go_name(f.facts["keyOf"]) if "keyOf" in f.facts else f.key, e) if f.card == "MAP_OF" else e

    def field_facts(self, f, oneofs):
        x = f.facts
        rest = {k: v for k, v in x.items() if k not in FIELD_KNOWN}
        oneof = rest.pop("oneof", None) if isinstance(x.get("oneof"), str) and f.owner and self.types[f.owner].proto3 else None
        keys = x.get("listMapKeys", [])
        lists = self.words.counted
        row = (self.pool.opt(x.get("patchMergeKey")), self.pool(dump(x["default"])) if "default" in x else 0, self.pool.opt(x.get("format")),
               lists([self.pool(k) for k in keys]), lists([self.pool(e) for e in x["enum"]]) if "enum" in x else 0,
               lists([self.pool(g) for g in x.get("featureGates", [])]),
               self.pool(self.go_type(f)) if f.card != "ONE" or f.of else 0,
               self.pool(dump(rest)) if rest else 0, oneofs.setdefault(oneof, len(oneofs) + 1) if oneof else 0,
               entry_layout(self.types, f)[0] if f.card == "MAP_OF" else 0)
        if not any(row):
            return 0
        if row not in self.facts:
            self.facts[row] = len(self.facts_rows)
            self.facts_rows.append(row)
        return self.facts[row]

    def field_flags(self, f):
        x, patch = f.facts, f.facts.get("patchStrategy", "").split(",")
        on = {"PTR": f.ptr, "OMITEMPTY": x.get("omitempty"), "OMITZERO": x.get("omitzero"), "REQUIRED": x.get("required"), "INLINE": f.inline,
              "ELEM_PTR": f.elem_ptr, "JSON_STRING": x.get("jsonString"), "PATCH_MERGE": "merge" in patch, "PATCH_REPLACE": "replace" in patch,
              "PATCH_RETAIN_KEYS": "retainKeys" in patch, "LIST_SET": x.get("listType") == "set", "LIST_MAP": x.get("listType") == "map",
              "ATOMIC": "atomic" in (x.get("listType"), x.get("mapType"), x.get("structType")),
              "SECRET": x.get("secret") or (f.owner, f.name) in SECRET_BYTES, "GATED": "featureGates" in x,
              "NOT_IN_OPENAPI": x.get("notInOpenAPI"), "PB": f.tag, "FLATTENED": f.inlined, "PACKED": x.get("packed"),
              "ONEOF": isinstance(x.get("oneof"), str) and self.types[f.owner].proto3 if f.owner else False, "OPTIONAL": x.get("optional"),
              "GRANULAR": x.get("structType") == "granular"}
        return sum(FLAGS[k] for k, v in on.items() if v) | self.emptiness(f) << EMPTY_SHIFT

    def emptiness(self, f):
        """How to see that it is empty (enum emptiness)."""
        if f.card != "ONE":
            return EMPTY.index("list")
        if f.ptr:
            return EMPTY.index("flag" if f.has_offset else "pointer" if f.kind in HELD_BY_POINTER else "never")
        return EMPTY.index(EMPTY_KINDS.get(f.kind, "never"))

    def field_row(self, f, oneofs):
        stride = 0
        if f.card == "LIST_OF":
            stride = element(self.types, f)[1]
        elif f.card == "MAP_OF":
            stride = entry_layout(self.types, f)[1]
        key = '"%s":' % f.name
        wire = 2 if f.card == "MAP_OF" or f.facts.get("packed") else WIRE.get(f.kind, 2)
        assert f.key in (None, "string"), "maps are sorted by string keys"
        k = f.tag << 3 | wire
        assert k < 1 << 14 and len(key) < 256
        pb_key = k if k < 128 else (k & 127 | 128) | k >> 7 << 8
        of = self.types[f.of].index if f.of in self.types else 0
        return self.row(self.pool(f.name), self.pool(key), self.field_flags(f), self.field_facts(f, oneofs), f.offset, f.has_offset, f.tag, of,
                        KINDS.index(f.kind), {"ONE": 0, "LIST_OF": 1, "MAP_OF": 2}[f.card], KINDS.index(f.key) if f.key else 0, len(key),
                        stride, pb_key if f.tag else 0)

    # ---- types
    def type_row(self, t):
        first, oneofs = len(self.fields), {}
        stored = t.stored if t.struct else []
        self.fields += [self.field_row(f, oneofs) for f in stored]
        tags = sorted((f.tag, i) for i, f in enumerate(stored) if f.tag)
        by_tag = len(self.order)
        self.order += [i for _, i in tags]
        if t.struct and not t.proto3:
            self.order += sorted(range(len(t.view)), key=lambda i: t.view[i].name)
        by_name = len(self.names)
        table = slots([name_hash(f.name) for f in t.view]) if t.struct else [0]
        assert max(table) < 256
        self.names += table
        gvk = (t.facts.get("gvk") or t.facts.get("gvkAlso") or [None])[0]
        g = [self.pool(gvk[k]) for k in ("group", "version", "kind")] if gvk else [0, 0, 0]
        if t.facts.get("gvkAllGroups"):
            g, gvk = [self.pool(""), self.pool("v1"), self.pool(t.base)], {"group": "", "version": "v1"}
        api_version = "/".join(filter(None, (gvk["group"], gvk["version"]))) if gvk else None
        rest = {k: v for k, v in t.facts.items() if k not in TYPE_KNOWN}
        return self.row(self.pool(t.name), self.pool.opt(t.facts.get("openapi")), first, len(t.view) if t.struct else 0, len(tags), by_tag, by_name,
                        t.size, self.pool(dump(rest)) if rest else 0, t.index, FORMS.index(t.form), self.type_flags(t), *g,
                        self.member(t, "metadata", "meta/v1.ObjectMeta"), self.member(t, "metadata", "meta/v1.ListMeta"),
                        next((i + 1 for i, f in enumerate(t.view) if f.name == "items" and f.card == "LIST_OF"), 0) if t.struct and gvk else 0,
                        len(table) - 1, self.pool(api_version), self.pool(go_name(t.name)))

    def type_flags(self, t):
        view = t.view if t.struct else []
        head = [f.name for f in view[:2]] == ["kind", "apiVersion"] and view[0].facts["kind"] == "string" and view[0].offset == 0
        return (1 if "atomic" in (t.facts.get("mapType"), t.facts.get("structType")) else 0) | (2 if head and view[0].inlined else 0) | (4 if t.proto3 else 0) | (
            8 if t.facts.get("gvkAllGroups") else 0) | (16 if "proto" in t.facts or t.proto3 else 0)

    def member(self, t, name, of):
        return next((f.offset for f in (t.view if t.struct else []) if f.name == name and f.of == of and not f.ptr), 0)

    # ---- resources
    def verbs(self, names):
        return sum(1 << VERBS.index(v) for v in names if v in VERBS)

    def resource_rows(self, data):
        rows, subs = [], []
        p = self.pool
        for r in data["resources"]:
            g, v = r["group"], r["version"]
            first = len(subs)
            for s in r.get("subresources", []):
                subs.append(self.row(p(s["name"]), p(s["group"]), p(s["version"]), p(s["kind"]),
                                     self.by_gvk.get((s["group"], s["version"], s["kind"]), 0), self.verbs(s["verbs"]), int(s.get("onByDefault", True))))
            short, cats = r.get("shortNames", []), r.get("categories", [])
            stored = (r["storageGroup"], r["storageVersion"], r["kind"]) if "storageVersion" in r else None
            rows.append(self.row(
                p(g), p(v), p(r["name"]), p(r["singular"]), p(r["kind"]), p(r.get("listKind")), self.types[r["type"]].index,
                self.by_gvk[(g, v, r["listKind"])] if "listKind" in r else 0, self.by_gvk[stored] if stored else 0, self.verbs(r["verbs"]),
                int(r["namespaced"]), int(r["onByDefault"]), len(short), len(cats), len(r.get("subresources", [])),
                self.words.run([p(s) for s in short]) if short else 0, self.words.run([p(s) for s in cats]) if cats else 0, first,
                p(r.get("storageVersionHash")), p(r.get("responseGroup")), p(r.get("responseVersion"))))
        return rows, subs

    def gvk_rows(self):
        rows = []
        for (g, v, k), i in self.by_gvk.items():
            rows.append((self.row(self.pool(g), self.pool(v), self.pool(k), i), name_hash(k) + 31 * name_hash(v) + 961 * name_hash(g) & 0xFFFFFFFF))
        return rows

    def text(self):
        data = json.load(open(self.schema / "resources.json"))
        types = [self.row(*[0] * 21)] + [self.type_row(t) for t in self.types.values()]
        resources, subs = self.resource_rows(data)
        gvks = self.gvk_rows()
        p = self.pool
        out = ['/* Generated from schema/ by tools/gen. */', '#include "schema/tables.h"']
        tables = [
            ("struct type", "desc_type_table", types), ("struct field", "desc_field_table", self.fields),
            ("struct field_facts", "desc_facts_table", [self.row(*r) for r in self.facts_rows]),
            ("uint16_t", "desc_order_table", self.order), ("uint8_t", "desc_name_slots", self.names),
            ("struct gvk_row", "desc_gvk_table", [r for r, _ in gvks]), ("uint16_t", "desc_gvk_slots", slots([h for _, h in gvks])),
            ("uint16_t", "desc_type_slots", slots([name_hash(t.name) for t in self.types.values()])),
            ("struct resource", "desc_resource_table", resources), ("struct subresource", "desc_sub_table", subs),
            ("uint16_t", "desc_resource_slots", slots([name_hash(r["name"]) + 31 * name_hash(r["version"]) + 961 * name_hash(r["group"]) & 0xFFFFFFFF
                                                       for r in data["resources"]])),
            ("struct group_version", "desc_gv_table", [self.row(p(g["group"]), p(g["version"]), int(g["onByDefault"]), int(g["preferred"]),
                g.get("groupPriorityMinimum", 0), g.get("versionPriority", 0)) for g in data["groupVersions"]])]
        tables += self.column_tables() + self.gate_tables() + self.method_tables() + self.metric_tables()
        tables.append(("uint32_t", "desc_words", self.words.v))
        for c, name, rows in tables:
            out.append("const %s %s[] = {\n%s\n};" % (c, name, ",\n".join(map(str, rows))))
            out.append("const uint32_t %s_len = %d;" % (name, len(rows)))
        out.append("const char desc_pool[] =\n%s;" % p.text())
        return "\n".join(out) + "\n"

    def column_tables(self):
        data, texts = (json.load(open(self.schema / f)) for f in ("columns.json", "column-texts.json"))
        text = lambda kind, name: texts["kinds"].get(kind, {}).get(name) or texts["columns"][name]
        p, kinds, columns = self.pool, [], []
        fallback = [dict(group=k.split("/")[0], kind=k.split("/")[1], columns=data["fallback"]) for k in data["kindsWithFallback"]]
        for k in sorted(data["kinds"] + fallback, key=lambda k: (k["kind"], k["group"])) + [dict(group="", kind="", columns=data["fallback"])]:
            kinds.append(self.row(p(k["group"]), p(k["kind"]), len(columns), len(k["columns"])))
            columns += [self.row(p(c["name"]), p(c["type"]), p(c.get("format", "")), p(text(k["kind"], c["name"])), c["priority"]) for c in k["columns"]]
        return [("struct column_kind", "desc_column_kinds", kinds), ("struct column", "desc_column_table", columns)]

    def gate_tables(self):
        gates = json.load(open(self.schema / "featuregates.json"))["kubernetes"]
        stage = ["ALPHA", "BETA", "GA", "DEPRECATED"]
        return [("struct gate", "desc_gate_table", [self.row(self.pool(g["name"]), int(g["default"]), int(g.get("lockedToDefault", False)),
                 stage.index(g["stage"]) if g["stage"] in stage else 0) for g in sorted(gates, key=lambda g: g["name"])])]

    def method_tables(self):
        rows = sorted(self.methods, key=lambda m: m["path"])
        return [("struct grpc_method", "desc_method_table", [self.row(self.pool(m["path"]), self.pool(m["name"]), self.types[m["request"]].index,
                 self.types[m["response"]].index, int(m.get("clientStream", False)), int(m.get("serverStream", False))) for m in rows])]


    def metric_tables(self):
        """Rows in the order of enum metric; equal lists of bounds are shared."""
        rows, bounds, runs = [], [], {}
        for m in self.metrics:
            b = tuple(m.get("buckets", []))
            if b not in runs:
                runs[b] = len(bounds)
                bounds += b
            text = ("[%s] " % m["stability"] if "stability" in m else "") + m["help"]
            rows.append(self.row(self.pool(m["name"]), self.pool(",".join(m.get("labels", []))), self.pool(text), runs[b], len(b),
                                 METRIC_TYPES.index(m.get("shown", m["type"]))))
        return [("struct metric_desc", "desc_metric_table", rows), ("double", "desc_metric_bounds", [repr(b) for b in bounds])]


def go_name(name):
    return name.rsplit("/", 1)[-1]
