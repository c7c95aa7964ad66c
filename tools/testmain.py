#!/usr/bin/env python3
"""Writes the main() of a room's test program: testmain.py OUT FILE_test.c...

Every TEST(name) in the files is called. Arguments of the program select tests by substring."""
import re, sys

out, files = sys.argv[1], sys.argv[2:]
names = [m for f in files for m in re.findall(r"^TEST\((\w+)\)", open(f).read(), re.M)]
with open(out, "w") as o:
    o.write('#include "base/test.h"\n#include <string.h>\n')
    for n in names:
        o.write(f"void {n}(void **);\n")
    o.write("int main(int argc, char **argv)\n{\n\tconst struct CMUnitTest all[] = {\n")
    for n in names:
        o.write(f"\t\tcmocka_unit_test({n}),\n")
    o.write("\t};\n\tstruct CMUnitTest some[sizeof all / sizeof *all];\n\tsize_t n = 0;\n"
            "\tfor (size_t i = 0; i < sizeof all / sizeof *all; i++) {\n\t\tint take = argc < 2;\n"
            "\t\tfor (int a = 1; a < argc; a++)\n\t\t\ttake |= strstr(all[i].name, argv[a]) != NULL;\n"
            "\t\tif (take)\n\t\t\tsome[n++] = all[i];\n\t}\n"
            '\treturn _cmocka_run_group_tests("tests", some, n, NULL, NULL);\n}\n')
