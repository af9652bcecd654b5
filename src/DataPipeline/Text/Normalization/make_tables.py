#!/usr/bin/python3
"""Writes the two tables of this folder from what Python knows of HTML 5 and of the Unicode Character Database (14.0).

html5-entities.txt   name, tab, characters: as Python's html.entities.html5, names with and without a semicolon
unicode-nfc.txt      code point, tab, then "=CLASS" (combining class), "A B" (canonical composition of a pair), or
                     "!A B" / "!A" (a decomposition that is not composed again); one fact a line, in hexadecimal
"""
import html.entities
import os
import sys
import unicodedata

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "html5-entities.txt"), "w", encoding="utf-8", newline="\n") as f:
    for name, characters in sorted(html.entities.html5.items()):
        f.write("%s\t%s\n" % (name, characters.replace("\n", "\\n").replace("\t", "\\t")))

with open(os.path.join(here, "unicode-nfc.txt"), "w", newline="\n") as f:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.combining(character):
            f.write("%X\t=%X\n" % (code, unicodedata.combining(character)))
        parts = unicodedata.decomposition(character)
        if parts and not parts.startswith("<"):
            mark = "" if unicodedata.normalize("NFC", character) == character else "!"
            f.write("%X\t%s%s\n" % (code, mark, " ".join("%X" % int(part, 16) for part in parts.split())))
