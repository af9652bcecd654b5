"""CLIP's byte-pair encoding, written straight from its definition: merge list and captions (a JSON list) in, token ids out."""
import html
import json
import sys
import unicodedata


def byte_characters():
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def pieces(text):
    i = 0
    while i < len(text):
        special = next((s for s in ("<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d") if text.startswith(s, i)), None)
        if special:
            yield special
            i += len(special)
            continue
        kind = kind_of(text[i])
        end = i + 1
        while kind in "LO" and end < len(text) and kind_of(text[end]) == kind:
            end += 1
        if kind != " ":
            yield text[i:end]
        i = end


def kind_of(character):
    if character.isspace():
        return " "
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "O"


def encode_piece(piece, ranks):
    word = [BYTES[b] for b in piece.encode("utf-8")]
    word[-1] += "</w>"
    while len(word) > 1:
        rank, pair = min((ranks.get(p, len(ranks)), p) for p in zip(word, word[1:]))
        if rank == len(ranks):
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
    return word


def encode(caption, ranks, ids, context):
    text = " ".join(html.unescape(html.unescape(caption)).split()).lower()
    start, end = len(ids), len(ids) + 1
    special = {"<|startoftext|>": start, "<|endoftext|>": end}
    tokens = [start]
    for piece in pieces(text):
        tokens += [special[piece]] if piece in special else [ids[s] for s in encode_piece(piece, ranks)]
    tokens = tokens[:context - 1] + [end]
    return tokens + [0] * (context - len(tokens))


BYTES = byte_characters()
merges_file, captions_file, result_file = sys.argv[1:4]
merges = [tuple(line.split(" ")) for line in open(merges_file, encoding="utf-8").read().split("\n")[1:] if line]
symbols = list(BYTES.values())
symbols += [s + "</w>" for s in symbols] + [a + b for a, b in merges]
ids = {s: i for i, s in enumerate(symbols)}
ranks = {pair: i for i, pair in enumerate(merges)}
with open(captions_file, encoding="utf-8") as f:
    captions = json.load(f)
with open(result_file, "w") as f:
    json.dump([encode(c, ranks, ids, 77) for c in captions], f)
