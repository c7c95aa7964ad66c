"""Reads schema/*.json into Type and Field objects: aliases resolved, inline members flattened, gRPC messages brought to the same form."""
import json, pathlib, re

KINDS = ("bool int32 int64 uint32 uint64 float double string bytes message time microtime duration goduration quantity "
         "intorstring raw fieldsv1 json any object nested").split()
FORMS = ["OBJECT", "WRAPLIST", "SCALAR", "PROPS_OR_ARRAY", "PROPS_OR_BOOL", "PROPS_OR_STRINGS", "UNKNOWN", "OTHER"]
CUSTOM = {"JSONSchemaPropsOrArray": "PROPS_OR_ARRAY", "JSONSchemaPropsOrBool": "PROPS_OR_BOOL",
          "JSONSchemaPropsOrStringArray": "PROPS_OR_STRINGS", "runtime.Unknown": "UNKNOWN"}
KEYWORDS = set("auto break case char const continue default do double else enum extern float for goto if inline int long register "
               "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool asm typeof linux unix".split())
# Types whose JSON is a plain scalar: fields of these types become that scalar.
AS_SCALAR = {"bootstraptoken/v1.BootstrapTokenString": "string", "logs/v1.TimeOrMetaDuration": "duration"}
STRINGS = "c8s.Strings"  # list of strings inside a map: the only nested form there is


def mangle(s):
    return re.sub(r"[^A-Za-z0-9_]", "_", s)


class Field:
    """One member. `facts` keeps the row as it was written."""

    def __init__(self, facts, owner):
        self.facts, self.owner = facts, owner
        self.name = facts["name"]
        c = mangle(facts.get("pname") if facts.get("inline") or not self.name else self.name)
        self.cname = c + "_" if c in KEYWORDS or c[0].isdigit() else c
        self.kind, self.of, self.tag = facts["kind"], facts.get("of"), facts.get("tag", 0)
        self.inline, self.inlined = bool(facts.get("inline")), False
        self.card = "MAP_OF" if facts.get("map") else "LIST_OF" if facts.get("list") else "ONE"
        self.key = facts.get("key", "string") if self.card == "MAP_OF" else None
        self.ptr, self.elem_ptr = bool(facts.get("ptr")), bool(facts.get("elemPtr"))
        self.offset = self.has_offset = 0
        if self.kind == "nested":
            assert self.card == "MAP_OF" and facts["elem"] == {"kind": "string", "list": True}, (owner, facts)
            self.kind, self.of = "message", STRINGS
        if self.of in AS_SCALAR:
            self.kind, self.of = AS_SCALAR[self.of], None

    def copy(self, base):
        """The same member seen from the struct that embeds its own at offset `base`."""
        f = Field(self.facts, self.owner)
        f.offset, f.has_offset, f.tag, f.inlined = self.offset + base, self.has_offset and self.has_offset + base, 0, True
        return f

    @property
    def has(self):
        """Whether presence needs a flag of its own (types.h)."""
        return self.ptr and self.card == "ONE" and self.kind in (
            "bool int32 int64 uint32 uint64 float double time microtime duration goduration intorstring".split())


class Type:
    def __init__(self, name, facts, proto3=False):
        self.name, self.facts, self.proto3 = name, facts, proto3
        self.package, self.base = name.rsplit(".", 1)
        self.cname = mangle(name)
        self.fields = []          # members of the C struct
        self.size, self.align = 0, 1
        shape = facts.get("shape", "struct")
        self.form = "SCALAR" if shape == "scalar" else "WRAPLIST" if shape == "wraplist" else "OBJECT"
        if facts.get("customJSON"):
            self.form = CUSTOM.get(name) or CUSTOM.get(self.base) or "OTHER"

    @property
    def struct(self):
        return self.form != "SCALAR"


def load_types(schema):
    rows = {}
    with open(schema / "types.jsonl") as f:
        for line in f:
            o = json.loads(line)
            rows[o["type"]] = o
    types = {STRINGS: Type(STRINGS, {"shape": "wraplist", "fields": [{"name": "", "pname": "items", "kind": "string", "list": True}]})}
    for name, o in rows.items():
        target = o
        while target["shape"] == "same" or target["shape"] == "alias" and target["kind"] == "message":
            target = rows[target["of"]]
        if target["shape"] == "alias":
            o = dict(o, shape="scalar")
        elif o["shape"] in ("map", "list"):
            continue  # fields carry the expanded facts
        elif target is not o:
            o = dict(target, **{k: v for k, v in o.items() if k not in ("shape", "of")})
        types[name] = Type(name, o)
    for t in types.values():
        if t.struct:
            t.fields = own_fields(t.facts, rows)
    return types


def own_fields(o, rows):
    """Members of the C struct; untagged inline members are flattened, and the outer of two equal names wins as in Go."""
    outer = {f["name"] for f in o["fields"] if not f.get("inline")}
    out = []
    for f in o["fields"]:
        if f.get("inline") and "tag" not in f:
            for g in own_fields(rows[f["of"]], rows):
                if g.name not in outer:
                    g.tag, g.inlined = 0, True
                    out.append(g)
        else:
            out.append(Field(f, o["type"] if "type" in o else ""))
    return out


def load_grpc(schema):
    """gRPC messages as types of flag proto3, enums as lists of constants, services as they are."""
    apis = json.load(open(schema / "grpc.json"))
    packages = {a["package"]: api for api, a in apis.items()}
    types, enums, methods = {}, {}, []

    def full(api, of):
        if of in apis[api]["messages"] or of in apis[api].get("enums", {}):
            return grpc_name(api, of)
        for package, other in sorted(packages.items(), key=lambda x: -len(x[0])):
            if of.startswith(package + "."):
                return grpc_name(other, of[len(package) + 1:])
        raise KeyError(of)

    for api, a in apis.items():
        for message, fields in a["messages"].items():
            t = Type(grpc_name(api, message), {"shape": "struct"}, True)
            t.fields = [grpc_field(f, t.name, lambda of, api=api: full(api, of)) for f in fields]
            types[t.name] = t
        for e, values in a.get("enums", {}).items():
            enums[grpc_name(api, e)] = values
        for service, ms in a.get("services", {}).items():
            methods += [dict(m, service=service, request=full(api, m["request"]), response=full(api, m["response"])) for m in ms]
    return types, enums, methods


def grpc_name(api, message):
    """cri.v1 + Outer.Inner -> cri/v1.Outer_Inner"""
    return api.replace(".", "/") + "." + message.replace(".", "_")


def grpc_field(f, owner, full):
    f = dict(f, omitempty=True)
    if f["kind"] == "enum":
        f["kind"] = "int32"
        f.pop("of")
    elif "of" in f:
        f["of"] = full(f["of"])
    repeated = f.get("list") or f.get("map")
    if not repeated and (f["kind"] == "message" or f.get("presence") or f.get("oneof")):
        f["ptr"] = True
    return Field(f, owner)


def load(schema):
    schema = pathlib.Path(schema)
    types = load_types(schema)
    grpc, enums, methods = load_grpc(schema)
    assert not set(types) & set(grpc)
    types.update(grpc)
    return types, enums, methods
