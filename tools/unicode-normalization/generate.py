#!/usr/bin/env python3
"""Writes src/Palmyra/Evaluation/Text/nfkc.bin from this Python's unicodedata, whose Unicode version it prints.

The file is raw deflate of a stream of unsigned LEB128 numbers, three tables one after the other. Code points rise within a table and are
written as differences to the one before.

  runs of combining classes:   how many; then for each: first code point, how many code points, their class (never 0)
  compatibility decompositions, complete, Hangul left out:
                               how many; all code points; all lengths; then all letters, each as the zigzag of its difference to the first
                               letter of the decomposition before (the first letter) or to the letter before it (the others)
  primary composites, Hangul left out:
                               how many; all composites; all first letters; all second letters, each as the zigzag of its difference to the
                               one before
"""

import pathlib
import sys
import unicodedata
import zlib

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c < 0xD7A4]


def combining_runs():
    runs = []
    for c in SCALARS:
        kind = unicodedata.combining(chr(c))
        if kind and runs and runs[-1][0] + runs[-1][1] == c and runs[-1][2] == kind:
            runs[-1][1] += 1
        elif kind:
            runs.append([c, 1, kind])
    return runs


def decompositions():
    full = {c: [ord(letter) for letter in unicodedata.normalize("NFKD", chr(c))] for c in SCALARS}
    return {c: letters for c, letters in full.items() if letters != [c]}


def composites():
    pairs = {}
    for c in SCALARS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(c):
                pairs[c] = (first, second)
    return pairs


class Numbers:
    def __init__(self):
        self.bytes = bytearray()

    def add(self, number):
        while number >= 0x80:
            self.bytes.append(number & 0x7F | 0x80)
            number >>= 7
        self.bytes.append(number)

    def add_rising(self, numbers):
        before = 0
        for number in numbers:
            self.add(number - before)
            before = number

    def add_change(self, number, before):
        difference = number - before
        self.add(difference * 2 if difference >= 0 else -difference * 2 - 1)


def main():
    numbers = Numbers()
    runs = combining_runs()
    numbers.add(len(runs))
    before = 0
    for first, count, kind in runs:
        numbers.add(first - before)
        numbers.add(count)
        numbers.add(kind)
        before = first

    table = decompositions()
    numbers.add(len(table))
    numbers.add_rising(table)
    for letters in table.values():
        numbers.add(len(letters))
    start = 0
    for letters in table.values():
        before = start
        for letter in letters:
            numbers.add_change(letter, before)
            before = letter
        start = letters[0]

    pairs = composites()
    numbers.add(len(pairs))
    numbers.add_rising(pairs)
    for place in (0, 1):
        before = 0
        for pair in pairs.values():
            numbers.add_change(pair[place], before)
            before = pair[place]

    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(bytes(numbers.bytes)) + deflate.flush()
    root = pathlib.Path(__file__).resolve().parents[2]
    (root / "src/Palmyra/Evaluation/Text/nfkc.bin").write_bytes(packed)
    print(f"Unicode {unicodedata.unidata_version}: {len(runs)} runs of classes, {len(table)} decompositions, {len(pairs)} composites, {len(packed)} bytes")


if __name__ == "__main__":
    sys.exit(main())
