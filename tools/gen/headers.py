"""Writes gen/PACKAGE.h with the C structs, gen/ids.h with type numbers, gen/metrics.h with metrics, and the file of assertions."""
from facts import mangle
from layout import SCALARS, element, list_type, key_type


def packages(types):
    out = {}
    for t in types.values():
        if t.struct:
            out.setdefault(t.package, []).append(t)
    return out


def header_name(package):
    return mangle(package) + ".h"


def ordered(types, ts):
    """Types of one package so that embedded ones and those of lists come first where they can."""
    done, out, mine = set(), [], {t.name for t in ts}

    def visit(t):
        if t.name in done:
            return
        done.add(t.name)
        for f in t.fields:
            if f.kind == "message" and f.of in mine and not f.ptr and f.card == "ONE":
                visit(types[f.of])
        out.append(t)

    for t in ts:
        visit(t)
    return out


def containers(types, ts):
    """Typedefs of the lists and maps of messages of a package, needed before any struct."""
    seen = {}
    for t in ts:
        for f in t.fields:
            name = list_type(types, f) if f.card != "ONE" else None
            if name and name not in ("struct str_map", "str_list_t"):
                seen[name] = f
    return seen


def guard(name, text):
    """A container type may be used by several packages: it is written where first met."""
    return "#ifndef C8S_%s\n#define C8S_%s\n%s#endif\n" % (name, name, text)


def container_text(types, name, f):
    value = "struct " + types[f.of].cname if f.kind == "message" else element(types, f)[0]
    star = " *" if f.elem_ptr else " "
    if f.card == "LIST_OF":
        return guard(name, "typedef LIST(%s%s) %s;\n" % (value, star.rstrip() and " *", name))
    entry = "struct %s_entry" % name[:-2]
    return guard(name, "%s;\ntypedef LIST(%s) %s;\n" % (entry, entry, name))


def entry_text(types, name, f):
    value = "struct " + types[f.of].cname if f.kind == "message" else element(types, f)[0]
    return guard(name + "_ENTRY", "struct %s_entry {\n\t%s key;\n\t%s%svalue;\n};\n" % (
        name[:-2], key_type(f)[0], value, " *" if f.elem_ptr else " "))


def struct_text(t):
    lines = ["struct %s {" % t.cname]
    for c, name, _ in t.members:
        lines.append("\t%s%s%s;" % (c, "" if c.endswith("*") else " ", name))
    return "\n".join(lines + ["};", ""])


def includes(types, ts, package):
    """Headers of what is embedded; list elements too, where that closes no circle (package_order)."""
    need = set()
    for t in ts:
        for f in t.fields:
            if f.kind == "message" and types[f.of].package != package:
                need.add(types[f.of].package)
    return need


def write_headers(types, enums, write):
    pk = packages(types)
    needs = {p: includes(types, ts, p) for p, ts in pk.items()}
    assert acyclic(needs), "packages embed one another"
    for package, ts in pk.items():
        write(header_name(package), header_text(types, enums, package, ts, needs[package]))


def acyclic(needs):
    state = {}

    def visit(p):
        if state.get(p) == 1:
            return False
        if p not in state:
            state[p] = 1
            if not all(visit(q) for q in sorted(needs[p])):
                return False
            state[p] = 2
        return True

    return all(visit(p) for p in needs)


def header_text(types, enums, package, ts, needs):
    ts = ordered(types, ts)
    boxes = containers(types, ts)
    out = ["/* Generated from schema/ by tools/gen: types of %s. */" % package, "#pragma once", '#include "schema/types.h"']
    out += ['#include "gen/%s"' % header_name(p) for p in sorted(needs)]
    out += ["struct %s;" % t.cname for t in ts]
    out += [container_text(types, n, f) for n, f in boxes.items()]
    for name, values in enums.items():
        if name.rsplit(".", 1)[0] == package:
            out.append("enum %s {%s};" % (mangle(name), ", ".join("%s_%s = %d" % (mangle(name), k, v) for k, v in values.items())))
    out += [struct_text(t) for t in ts]
    out += [entry_text(types, n, f) for n, f in boxes.items() if f.card == "MAP_OF"]
    return "\n".join(out) + "\n"


def write_ids(types, write):
    rows = ["\tT_%s = %d," % (t.cname, t.index) for t in types.values()]
    write("ids.h", "/* Generated: numbers of types, for desc_type(). */\n#pragma once\nenum {\n%s\n};\n" % "\n".join(rows))


def write_metrics(metrics, write):
    rows = ["\tM_%s," % m.get("id", m["name"]) for m in metrics]
    write("metrics.h", "/* Generated: numbers of metrics, in the order of schema/metrics.json. */\n#pragma once\nenum metric {\n%s\n\tMETRICS\n};\n" % "\n".join(rows))


def write_checks(types, write):
    """The compiler must lay out every struct as the generator did."""
    out = ["/* Generated: the compiler's layout is the generator's. */", "#include <stddef.h>"]
    out += ['#include "gen/%s"' % header_name(p) for p in packages(types)]
    for t in types.values():
        if t.struct:
            s = "struct " + t.cname
            out.append("_Static_assert(sizeof(%s) == %d, \"%s\");" % (s, t.size, t.name))
            out += ["_Static_assert(offsetof(%s, %s) == %d, \"%s\");" % (s, n, at, t.name) for _, n, at in t.members]
    write("layout_check.c", "\n".join(out) + "\n")
