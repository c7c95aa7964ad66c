#!/usr/bin/env python3
"""Lists source files by name for the build: sources.py rooms | lib | main | tests ROOM | fuzz | stamp."""
import hashlib, pathlib, sys

root = pathlib.Path(__file__).resolve().parent.parent
files = sorted(p.relative_to(root) for p in (root / "src").rglob("*.[ch]*") if p.suffix in (".c", ".cc"))
is_test = lambda p: p.stem.endswith("_test") or p.stem.startswith("test_")
support = pathlib.Path("src/base/test_support.c")  # a library of its own, for the tests of every room
is_fuzz = lambda p: p.stem.endswith("_fuzz")
is_main = lambda p: p.name == "main.c"
what = sys.argv[1]
if what == "rooms":
    out = sorted({p.parts[1] for p in files})
elif what == "lib":
    out = [p for p in files if not (is_test(p) or is_fuzz(p) or is_main(p))]
elif what == "main":
    out = [p for p in files if is_main(p)]
elif what == "tests":
    out = [p for p in files if is_test(p) and p.parts[1] == sys.argv[2] and p != support]
elif what == "fuzz":
    out = [p for p in files if is_fuzz(p)]
elif what == "stamp":
    out = [hashlib.sha256("\n".join(map(str, files)).encode()).hexdigest()]
else:
    sys.exit(__doc__)
print("\n".join(map(str, out)))
