#!/usr/bin/env python3
"""Keeps the rules of the house: includes point down and go through public headers, functions and files stay short. house.py [ROOT]

A room's public headers are those that its room.h names. Tests and fuzzers may be long; everything else may not.
"""
import importlib.util, pathlib, re, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lib.report import Report, need

FUNCTION_LINES, FILE_LINES = 60, 1000
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def scanner():
    spec = importlib.util.spec_from_file_location("scan", HERE.parent / "tools/house.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCAN = scanner()


def is_test(path):
    return path.stem.endswith(("_test", "_fuzz")) or path.stem.startswith("test_") or path.name == "test.h"


class House:
    def __init__(self, root):
        self.src = pathlib.Path(root) / "src"
        self.files = [p for p in sorted(self.src.rglob("*")) if p.suffix in (".c", ".h", ".cc")]
        self.text = {p: p.read_text(errors="replace") for p in self.files}
        rooms = {p.relative_to(self.src).parts[0] for p in self.files}
        self.public = {r: self.doors(r) for r in rooms}

    def doors(self, room):
        header = self.src / room / "room.h"
        return set(re.findall(r"[\w/]+\.h\b", header.read_text())) | {"room.h"} if header.exists() else None

    def room(self, path):
        return path.relative_to(self.src).parts[0]

    def foreign_includes(self):
        """(file, its room, the other room, header) of every include between rooms."""
        for p in self.files:
            for inc in INCLUDE.findall(self.text[p]):
                other, _, header = inc.partition("/")
                if other in SCAN.FLOOR and other != self.room(p) and header:
                    yield p.relative_to(self.src), self.room(p), other, header


def floors(house):
    unknown = sorted({house.room(p) for p in house.files} - set(SCAN.FLOOR))
    need(not unknown, f"rooms on no floor: {', '.join(unknown)}")
    wrong = [f"{p} -> {other}/{h}" for p, room, other, h in house.foreign_includes() if SCAN.FLOOR[other] >= SCAN.FLOOR[room]]
    need(not wrong, "not downward: " + "; ".join(wrong))


def doors(house):
    # What a test includes from another room may be a private part of it.
    wrong = [f"{p} -> {other}/{h}" for p, _, other, h in house.foreign_includes()
             if not is_test(p) and house.public.get(other) is not None and h not in house.public[other]]
    need(not wrong, "not in the other room's room.h: " + "; ".join(wrong))
    closed = sorted(r for r, d in house.public.items() if d is None and r != "cmd")
    need(not closed, f"rooms without room.h: {', '.join(closed)}")


def functions(house):
    long = [(n, f"{p.relative_to(house.src)}:{name} has {n}") for p in house.files if not is_test(p)
            for name, n in SCAN.functions(house.text[p]) if n > FUNCTION_LINES]
    need(not long, f"functions above {FUNCTION_LINES} lines: " + "; ".join(t for _, t in sorted(long, reverse=True)))


def files(house):
    long = [f"{p.relative_to(house.src)} has {house.text[p].count(chr(10))}" for p in house.files if house.text[p].count("\n") > FILE_LINES]
    need(not long, f"files above {FILE_LINES} lines: " + "; ".join(long))


def main():
    report, house = Report(), House(sys.argv[1] if len(sys.argv) > 1 else HERE.parent)
    for check in (floors, doors, functions, files):
        report.run(f"house/{check.__name__}", check, house)
    report.finish()


if __name__ == "__main__":
    main()
