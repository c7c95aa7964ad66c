#!/usr/bin/env python3
"""Generates C structs and descriptor tables from schema/.

    gen.py SCHEMA_DIR --list        names of the files that come out, sources first
    gen.py SCHEMA_DIR OUT_DIR       writes them
"""
import json, pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
import facts, headers, layout, tables

SOURCES = ["desc_tables.c", "layout_check.c"]


def main():
    schema = pathlib.Path(sys.argv[1])
    types, enums, methods = facts.load(schema)
    for i, t in enumerate(types.values()):
        t.index = i + 1
    if sys.argv[2] == "--list":
        print("\n".join(SOURCES + ["ids.h", "metrics.h"] + sorted(headers.header_name(p) for p in headers.packages(types))))
        return
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    write = lambda name, text: (out / name).write_text(text)
    layout.place_all(types)
    headers.write_headers(types, enums, write)
    headers.write_ids(types, write)
    metrics = json.load(open(schema / "metrics.json"))["metrics"]
    headers.write_metrics(metrics, write)
    headers.write_checks(types, write)
    write("desc_tables.c", tables.Tables(types, methods, metrics, schema).text())


main()
