#!/usr/bin/env python3
"""Writes a file as a C array: embed.py NAME INPUT OUT.c OUT.h (JSON is made compact first)."""
import json, pathlib, sys

name, src, out_c, out_h = sys.argv[1:]
data = pathlib.Path(src).read_bytes()
if src.endswith(".json"):
    data = json.dumps(json.loads(data), separators=(",", ":")).encode()
rows = "\n".join(",".join(map(str, data[i:i + 32])) + "," for i in range(0, len(data), 32))
pathlib.Path(out_h).write_text(f"#pragma once\n#include <stddef.h>\nextern const char {name}[];\nextern const size_t {name}_len;\n")
pathlib.Path(out_c).write_text(f'#include "gen/{name}.h"\nconst char {name}[] = {{\n{rows}\n0}};\nconst size_t {name}_len = {len(data)};\n')
