#!/usr/bin/env python3
"""Writes kubectl's commands and their flags as C tables: kubectl.py INPUT OUT.c"""
import json, pathlib, sys

src, out = sys.argv[1:]
commands = json.loads(pathlib.Path(src).read_text())
TYPES = {"bool": "BOOL", "tristate": "BOOL", "int": "INT", "int32": "INT", "int64": "INT", "duration": "DURATION", "stringSlice": "SLICE",
         "stringArray": "ARRAY", "stringToString": "SLICE", "mapStringString": "SLICE"}


def text(s):
    return "NULL" if s is None else json.dumps(s)


def flag(f):
    short = f"'{f['shorthand']}'" if f.get("shorthand") else "0"
    default = f.get("default", "")
    default = "" if default in ("[]", "<nil>", "[default]") else default
    return (f'\t{{{text(f["name"])}, {text(default)}, {text(f.get("noOptDefault"))}, {text(f["type"])}, OPT_{TYPES.get(f["type"], "STRING")}, {short}, '
            f'{int(bool(f.get("hidden") or f.get("deprecated")))}}},')


rows, flags = [], []
for c in commands:
    own = [*c.get("flags", []), *c.get("persistentFlags", [])]
    rows.append(f'\t{{{text(c["command"])}, {text(",".join(c.get("aliases", [])))}, {len(flags)}, {len(own)}, {int(bool(c.get("hidden")))}}},')
    flags += map(flag, own)
pathlib.Path(out).write_text('#include "kubectl/facts.h"\n\nconst struct flag_fact kubectl_flags[] = {\n' + "\n".join(flags) + "\n};\n"
                             "const struct command_fact kubectl_commands[] = {\n" + "\n".join(rows) + "\n};\n"
                             f"const size_t kubectl_commands_len = {len(rows)};\n")
