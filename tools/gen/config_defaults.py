#!/usr/bin/env python3
"""Component configuration with its defaults filled in, from defaults.json, as a C table: config_defaults.py DEFAULTS.json OUT.c"""
import json, sys


def c_text(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


rows = json.load(open(sys.argv[1]))["componentConfig"]
with open(sys.argv[2], "w") as out:
    out.write('#include "codec/defaults_config.h"\nconst struct config_default config_defaults[] = {\n')
    for r in rows:
        text = json.dumps(r["object"], separators=(",", ":"))
        out.write("\t{%s, %s, %s, %s},\n" % (c_text(r["group"]), c_text(r["version"]), c_text(r["kind"]), c_text(text)))
    out.write("};\nconst size_t config_defaults_len = sizeof config_defaults / sizeof *config_defaults;\n")
