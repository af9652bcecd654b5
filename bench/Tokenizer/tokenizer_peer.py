"""The peer of this benchmark: CLIP's tokenizer as Python runs it, with regular expressions and a dictionary of known words.

For every line on standard input encodes all captions and prints the CPU seconds; with a second argument it writes the ids
first. It does without ftfy, which the reference also runs and which takes it another third to half of its time.
"""
import functools
import html
import json
import re
import sys
import time

merges_file, captions_file, ids_file = sys.argv[1:4]
PATTERN = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")


def byte_characters():
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


BYTES = byte_characters()
MERGES = [tuple(line.split(" ")) for line in open(merges_file, encoding="utf-8").read().split("\n")[1:] if line]
SYMBOLS = list(BYTES.values())
SYMBOLS += [s + "</w>" for s in SYMBOLS] + [a + b for a, b in MERGES]
IDS = {s: i for i, s in enumerate(SYMBOLS)}
RANKS = {pair: i for i, pair in enumerate(MERGES)}
START, END, CONTEXT = len(IDS), len(IDS) + 1, 77


@functools.cache
def encode_piece(piece):
    word = [BYTES[b] for b in piece.encode("utf-8")]
    word[-1] += "</w>"
    while len(word) > 1:
        rank, pair = min((RANKS.get(p, len(RANKS)), p) for p in zip(word, word[1:]))
        if rank == len(RANKS):
            break
        merged, i = [], 0
        while i < len(word):
            if tuple(word[i:i + 2]) == pair:
                merged.append(word[i] + word[i + 1])
                i += 2
            else:
                merged.append(word[i])
                i += 1
        word = merged
    return [IDS[s] for s in word]


def encode(caption):
    text = re.sub(r"\s+", " ", html.unescape(html.unescape(caption))).strip().lower()
    tokens = [START]
    for piece in PATTERN.findall(text):
        tokens += encode_piece(piece)
    tokens = tokens[:CONTEXT - 1] + [END]
    return tokens + [0] * (CONTEXT - len(tokens))


with open(captions_file, encoding="utf-8") as f:
    captions = json.load(f)
with open(ids_file, "w") as f:
    json.dump([encode(c) for c in captions], f)
for _ in sys.stdin:
    before = time.process_time()
    for caption in captions:
        encode(caption)
    print(time.process_time() - before, flush=True)
