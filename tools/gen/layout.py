"""C forms and LP64 offsets of all structs (types.h says which kind has which form)."""
from facts import mangle

SCALARS = {  # kind -> C type, size, alignment
    "bool": ("bool", 1, 1), "int32": ("int32_t", 4, 4), "int64": ("int64_t", 8, 8), "uint32": ("uint32_t", 4, 4), "uint64": ("uint64_t", 8, 8),
    "float": ("float", 4, 4), "double": ("double", 8, 8), "time": ("struct api_time", 16, 8), "microtime": ("struct api_time", 16, 8),
    "duration": ("nsec_t", 8, 8), "goduration": ("nsec_t", 8, 8), "intorstring": ("struct int_or_str", 24, 8)}
STR = ("struct str", 16, 8)
POINTER = 8
LIST_SIZE = 16


def element(types, f):
    """C type, size and alignment of one element."""
    if f.kind != "message":
        return SCALARS.get(f.kind, STR)
    t = types[f.of]
    if f.elem_ptr:
        return ("struct %s *" % t.cname, POINTER, 8)
    place(types, t)
    return ("struct " + t.cname, t.size, t.align)


def member(types, f):
    """C type, size and alignment of the member."""
    if f.card != "ONE":
        return (list_type(types, f), LIST_SIZE, 8)
    if f.kind == "message" and f.ptr:
        return ("struct %s *" % types[f.of].cname, POINTER, 8)
    return element(types, f)


def list_type(types, f):
    """Named, so that lists can be assigned and passed on."""
    base = mangle(f.of) if f.kind == "message" else f.kind
    p = "_ptr" if f.elem_ptr else ""
    if f.kind != "message" and f.kind not in SCALARS:
        return "struct str_map" if f.card == "MAP_OF" and f.key == "string" else "str_list_t"
    if f.card == "LIST_OF":
        return "%s%s_list_t" % (base, p)
    return "%s%s_map_t" % (base, p) if f.key == "string" else "%s_%s_map_t" % (f.key, base)


def key_type(f):
    return STR if f.key == "string" else SCALARS[f.key]


def entry_layout(types, f):
    """Offset of the value and size of a map entry."""
    key, (_, size, align) = key_type(f), element_loose(types, f)
    value = up(key[1], align)
    return value, up(value + size, max(align, key[2]))


def element_loose(types, f):
    return element(types, f)


def up(n, align):
    return (n + align - 1) // align * align


def place(types, t):
    """Sets offsets: members by falling alignment, otherwise in JSON order; presence flags last."""
    if t.size or not t.struct:
        return
    parts = []
    for f in t.fields:
        # Elements of lists may be the type itself; only what is embedded must be placed first.
        c, size, align = member(types, f)
        parts.append((align, size, c, f.cname, f, False))
    parts += [(1, 1, "bool", "has_" + f.cname, f, True) for f in t.fields if f.has]
    parts.sort(key=lambda p: -p[0])
    at = 0
    t.members = []
    for align, size, c, name, f, flag in parts:
        at = up(at, align)
        t.align = max(t.align, align)
        if flag:
            f.has_offset = at
        else:
            f.offset = at
        t.members.append((c, name, at))
        at += size
    names = [m[1] for m in t.members]
    assert len(names) == len(set(names)), (t.name, names)
    if not t.members:
        t.members, at = [("char", "unused_", 0)], 1
    t.size = up(at, t.align)
    assert t.size < 65536


def json_view(types, t):
    """Members in the order of JSON, tagged inline ones replaced by what is in them."""
    out = []
    for f in t.fields:
        if f.inline and f.tag:
            out += [g.copy(f.offset) for g in json_view(types, types[f.of])]
        else:
            out.append(f)
    return out


def place_all(types):
    for t in types.values():
        place(types, t)
    for t in types.values():
        t.view = json_view(types, t)
        t.stored = t.view + [f for f in t.fields if f.inline and f.tag]
