#!/usr/bin/env python3
"""replay.py with one more kind of wording: descriptions of table columns.  Ours are our own words, so they are shown and not compared."""
import re, sys

from lib import env

sys.path.insert(0, str(env.shared() / "vectors"))
import replay

plain = replay.split_wording
column = re.compile(r"\.columnDefinitions\[\d+\]\.description$")


def split_wording(v, words, where=""):
    if column.search(where):
        words.append((where, v))
        return "<description>"
    return plain(v, words, where)


replay.split_wording = split_wording
if __name__ == "__main__":
    replay.main()
