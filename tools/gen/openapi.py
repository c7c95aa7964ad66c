#!/usr/bin/env python3
"""Makes the OpenAPI documents from schema/: one C file of compressed JSON and protobuf.

    openapi.py SCHEMA_DIR OUT_FILE

Only what is served by default is in them.  Texts are left out: they would be most of the bytes, and no client needs them to work.
"""
import hashlib, json, pathlib, re, sys, zlib
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
import openapi_pb

VERSION = "v1.36.3"
SCALARS = {"string": ("string", None), "bool": ("boolean", None), "int32": ("integer", "int32"), "int64": ("integer", "int64"), "uint32": ("integer", "int64"),
           "uint64": ("integer", "int64"), "float": ("number", "float"), "double": ("number", "double"), "bytes": ("string", "byte")}
# Kinds that stand for a definition of their own.
NAMED = {"time": "meta/v1.Time", "microtime": "meta/v1.MicroTime", "duration": "meta/v1.Duration", "quantity": "quantity.Quantity",
         "intorstring": "intstr.IntOrString", "raw": "runtime.RawExtension", "fieldsv1": "meta/v1.FieldsV1", "json": "apiextensions/v1.JSON"}
REASONS = {"200": "OK", "201": "Created", "202": "Accepted", "401": "Unauthorized"}
SECURITY = {"BearerToken": {"description": "Bearer Token authentication", "in": "header", "name": "authorization", "type": "apiKey"}}


class Facts:
    def __init__(self, folder):
        self.types = {}
        for line in (folder / "types.jsonl").open():
            t = json.loads(line)
            self.types[t["type"]] = t
        self.definitions = {t["openapi"]: t for t in self.types.values() if "openapi" in t}
        data = json.loads((folder / "operations.json").read_text())
        gates = {g["name"]: g["default"] for g in json.loads((folder / "featuregates.json").read_text())["kubernetes"]}
        resources = json.loads((folder / "resources.json").read_text())
        self.sets = self.by_default(data["sets"], gates)
        off = off_paths(resources)
        self.operations = [o for o in data["operations"] if not any(r.match(o["path"]) for r in off)]

    @staticmethod
    def by_default(sets, gates):
        """Without what only gates bring that are off."""
        cbor = gates.get("CBORServingAndStorage", False)
        shards = gates.get("ShardedListAndWatch", False)
        media = lambda v: [m for m in v if cbor or "cbor" not in m]
        params = lambda v: [p for p in v if shards or p["name"] != "shardSelector"]
        return {"params": {k: params(v) for k, v in sets["params"].items()}, "consumes": {k: media(v) for k, v in sets["consumes"].items()},
                "produces": {k: media(v) for k, v in sets["produces"].items()}}


def off_paths(resources):
    """Patterns of the paths that are not there by default."""
    off = [r"/logs(/|$)"]
    base = lambda g, v: f"/apis/{re.escape(g)}/{v}" if g else f"/api/{v}"
    for v in resources["groupVersions"]:
        if not v.get("onByDefault"):
            off.append(base(v["group"], v["version"]) + "(/|$)")
    on = {v["group"] for v in resources["groupVersions"] if v.get("onByDefault")}
    off += [f"/apis/{re.escape(g)}(/|$)" for g in {v["group"] for v in resources["groupVersions"]} - on if g]
    for r in resources["resources"]:
        path = base(r["group"], r["version"]) + r"(/watch)?(/namespaces/\{namespace\})?/" + r["name"]
        if not r.get("onByDefault"):
            off.append(path + "(/|$)")
        off += [path + r"/\{name\}/" + s["name"] + "(/|$)" for s in r.get("subresources", []) if s.get("onByDefault") is False]
    return [re.compile(p) for p in off]


class Document:
    """One document of either version; remembers which definitions it has met."""

    def __init__(self, facts, v3, group=None):
        self.facts, self.v3, self.group, self.met = facts, v3, group, {}

    # ---- definitions ----

    def ref(self, definition):
        if definition not in self.met:
            self.met[definition] = None
            self.met[definition] = self.definition(self.facts.definitions[definition])
        return {"$ref": ("#/components/schemas/" if self.v3 else "#/definitions/") + definition}

    def definition(self, t):
        d = {}
        if t["shape"] == "struct" and not t.get("openapiAny"):
            d = self.struct(t)
        elif self.v3 and t.get("v3oneOf"):
            d["oneOf"] = t["v3oneOf"]
        elif t.get("openapiType"):
            d["type"] = t["openapiType"]
        if t.get("openapiFormat"):
            d["format"] = t["openapiFormat"]
        d.update(self.type_extensions(t))
        return d

    def struct(self, t):
        properties, required = {}, []
        for f in self.members(t):
            properties[f["name"]] = self.prop(f)
            if f.get("required"):
                required.append(f["name"])
        d = {"type": "object"}
        if properties:
            d["properties"] = properties
        if required:
            d["required"] = required
        return d

    def members(self, t):
        for f in t.get("fields", []):
            if f.get("notInOpenAPI"):
                continue
            if f.get("inline") and not f["name"]:
                yield from self.members(self.facts.types[f["of"]])
            else:
                yield f

    def type_extensions(self, t):
        d = {}
        if t.get("gvk"):
            own = [g for g in t["gvk"] if not (self.v3 and t.get("gvkAllGroups") and self.group is not None) or g["group"] == self.group]
            if own:
                d["x-kubernetes-group-version-kind"] = own
        if t.get("mapType"):
            d["x-kubernetes-map-type"] = t["mapType"]
        if t.get("unions"):
            d["x-kubernetes-unions"] = t["unions"]
        return d

    # ---- properties ----

    def prop(self, f):
        if f.get("list"):
            p = {"type": "array", "items": self.with_default(self.value(f), f, "v3itemDefault", "itemFormat")}
        elif f.get("map"):
            p = {"type": "object", "additionalProperties": self.with_default(self.value(f), f, "v3itemDefault", "itemFormat")}
        else:
            p = self.value(f)
            if f.get("enum") and isinstance(f["enum"], list):
                p["enum"] = f["enum"]
        return self.with_default({**p, **self.prop_extensions(f)}, f, "v3default", "format")

    def value(self, f):
        t = self.facts.types.get(f["of"]) if f["kind"] == "message" else None
        if t is not None and "openapi" not in t:
            return self.unnamed(t, f)
        if t is not None:
            return self.ref(t["openapi"])
        if f["kind"] in NAMED:
            return self.ref(self.facts.types[NAMED[f["kind"]]]["openapi"])
        kind, form = SCALARS[f["kind"]]
        return {"type": kind, "format": form} if form else {"type": kind}

    def unnamed(self, t, f):
        """Named lists and such have no definition: they are written out."""
        inner = t["fields"][0] if t.get("fields") else t
        item = self.with_default(self.value({**inner, "list": False}), f, "v3itemItemDefault", None)
        return {"type": "array", "items": item} if t["shape"] in ("wraplist", "list") else self.ref(self.facts.types[t["of"]]["openapi"])

    def with_default(self, p, f, key, form):
        if form and f.get(form):
            p["format"] = f[form]
        if self.v3 and key in f:
            p = {**p, "default": f[key]}
        if self.v3 and "$ref" in p and len(p) > 1:
            p = {"allOf": [{"$ref": p.pop("$ref")}], **p}
        return p

    @staticmethod
    def prop_extensions(f):
        names = {"patchStrategy": "x-kubernetes-patch-strategy", "patchMergeKey": "x-kubernetes-patch-merge-key", "listType": "x-kubernetes-list-type",
                 "listMapKeys": "x-kubernetes-list-map-keys", "mapType": "x-kubernetes-map-type"}
        return {ext: f[name] for name, ext in names.items() if name in f}

    # ---- paths ----

    def paths(self, operations):
        by_path = {}
        for o in operations:
            by_path.setdefault(o["path"], []).append(o)
        return {path: self.path(ops) for path, ops in sorted(by_path.items())}

    def path(self, ops):
        lists = [self.facts.sets["params"][o["params"]] for o in ops]
        shared = [p for p in lists[0] if p["in"] != "body" and all(p in v for v in lists)]
        item = {o["method"].lower(): self.operation(o, [p for p in v if p not in shared]) for o, v in zip(ops, lists)}
        if shared:
            item["parameters"] = [self.param(p) for p in shared]
        return item

    def operation(self, o, params):
        op = {"tags": o["tags"], "operationId": o["id"]}
        if not self.v3:
            op.update(schemes=o["schemes"], consumes=self.facts.sets["consumes"][o["consumes"]], produces=self.facts.sets["produces"][o["produces"]])
            op = {k: v for k, v in op.items() if v}
        body = [p for p in params if p["in"] == "body"]
        listed = [self.param(p) for p in params if not self.v3 or p["in"] != "body"]
        if listed:
            op["parameters"] = listed
        if self.v3 and body:
            op["requestBody"] = self.body(o, body[0])
        op["responses"] = {code: self.response(o, code, what) for code, what in o["responses"].items()}
        if o.get("action"):
            op["x-kubernetes-action"] = o["action"]
        if o.get("gvk"):
            group, version, kind = o["gvk"].split("/")
            op["x-kubernetes-group-version-kind"] = {"group": group, "kind": kind, "version": version}
        return op

    def param(self, p):
        q = {"name": p["name"], "in": p["in"]}
        if p.get("required"):
            q["required"] = True
        if p["in"] == "body":
            q["schema"] = self.ref(p["schema"])
        elif self.v3:
            q["schema"] = {"type": p["type"], "uniqueItems": True}
        else:
            q.update(type=p["type"], uniqueItems=True)
        return q

    def body(self, o, p):
        types = [m for m in self.facts.sets["consumes"][o["consumes"]]]
        body = {"content": {m: {"schema": self.ref(p["schema"])} for m in types}}
        if p.get("required"):
            body["required"] = True
        return body

    def response(self, o, code, what):
        r = {"description": REASONS[code]}
        if what is None:
            return r
        schema = self.ref(what) if what in self.facts.definitions else {"type": what}
        if not self.v3:
            return {**r, "schema": schema}
        return {**r, "content": {m: {"schema": schema} for m in self.facts.sets["produces"][o["produces"]]}}

    def whole(self, operations):
        info = {"title": "Kubernetes", "version": VERSION}
        paths = self.paths(operations)
        definitions = dict(sorted(self.met.items()))
        if self.v3:
            return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": definitions, "securitySchemes": SECURITY}}
        return {"swagger": "2.0", "info": info, "paths": paths, "definitions": definitions, "securityDefinitions": SECURITY, "security": [{"BearerToken": []}]}


def place(path):
    """The document of version 3 in which a path stands."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        return "/".join(parts[:2])
    if parts[0] == "apis":
        return "/".join(parts[:3])
    return "/".join(parts)


def group_of(where):
    parts = where.split("/")
    return "" if parts[0] == "api" else parts[1] if parts[0] == "apis" and len(parts) > 1 else None


def documents(facts):
    yield "", Document(facts, False).whole(facts.operations), openapi_pb.v2
    by_place = {}
    for o in facts.operations:
        by_place.setdefault(place(o["path"]), []).append(o)
    for where, operations in sorted(by_place.items()):
        yield where, Document(facts, True, group_of(where)).whole(operations), openapi_pb.v3


def c_bytes(data):
    return "\n".join("\t" + "".join(f"{b}," for b in data[i:i + 40]) for i in range(0, len(data), 40))


def squeeze(text):
    c = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return c.compress(text) + c.flush()


def main():
    facts = Facts(pathlib.Path(sys.argv[1]))
    arrays, rows, total = [], [], 0
    for i, (where, doc, to_pb) in enumerate(documents(facts)):
        text = json.dumps(doc, separators=(",", ":")).encode()
        message = to_pb(doc)
        forms = []
        for form, plain in (("json", text), ("pb", message)):
            packed = squeeze(plain)
            arrays.append(f"static const unsigned char {form}_{i}[] = {{\n{c_bytes(packed)}\n}};\n")
            forms.append(f"{{{form}_{i}, {len(packed)}, {len(plain)}, {zlib.crc32(plain)}u}}")
            total += len(packed)
        rows.append(f'\t{{"{where}", "{hashlib.sha512(text).hexdigest().upper()}", {", ".join(forms)}}},\n')
    pathlib.Path(sys.argv[2]).write_text('#include "apiserver/discovery/openapi.h"\n\n' + "\n".join(arrays) +
        "\nconst struct openapi_doc openapi_docs[] = {\n" + "".join(rows) + f"}};\nconst unsigned openapi_docs_len = {len(rows)};\n")
    if len(sys.argv) > 3:
        print(f"{len(rows)} documents, {total} bytes")


main()
