"""CLIP's byte-pair encoding, written straight from its definition: merge list and captions (a JSON list) in, token ids out.

The repair of captions is what CaptionNormalizer documents, done with Python's own codecs, entities and normalisation.
"""
import html
import html.entities
import json
import re
import sys
import unicodedata

QUOTES = dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'") | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
LETTERS = {c: unicodedata.normalize("NFKC", c) for c in "ĲĳǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬆ"} | {"ŉ": "'n", "ﬅ": "ſt", "Ǆ": "DŽ", "ǅ": "Dž", "ǆ": "dž"}
WIDTHS = {chr(c): unicodedata.normalize("NFKC", chr(c)) for c in [0x3000, *range(0xFF01, 0xFF5F), *range(0xFF61, 0xFFA0), *range(0xFFE0, 0xFFE7)]}
CONTROLS = dict.fromkeys(map(chr, [*range(9), 0xB, *range(0xE, 0x20), 0x7F, 0xFEFF, *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFD)]), "")
ESCAPES = re.compile("\x1b\\[((?:\\d|;)*)([a-zA-Z])")
STARTS, ENDS = ("<|startoftext|>", "<start_of_text>"), ("<|endoftext|>", "<end_of_text>")
FIXED_PIECES = re.compile("|".join([*map(re.escape, STARTS + ENDS), "'s|'t|'re|'ve|'m|'ll|'d"]), re.IGNORECASE)
FOLLOWS_WORDS = set("\xa0…‘’“”–—»›™®©°²³¹·†‡•")


def byte_characters():
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def windows_1252(byte):
    try:
        return bytes([byte]).decode("windows-1252")
    except UnicodeDecodeError:
        return chr(byte)


def repair(text):
    before = None
    while before != text:
        before = text
        if "<" not in text:
            text = re.sub("&#?[0-9A-Za-z]{1,24};", unescape_terminated, text)
        text = repair_mojibake(text)
        for table in ({chr(b): windows_1252(b) for b in range(0x80, 0xA0)}, LETTERS, WIDTHS, QUOTES):
            text = "".join(table.get(c, c) for c in text)
        text = ESCAPES.sub("", text)
        text = "".join(CONTROLS.get(c, c) for c in text)
        text = unicodedata.normalize("NFC", text)
    return text


def unescape_terminated(match):
    name = match[0][1:]
    if name.startswith("#"):
        unescaped = html.unescape(match[0])
        return match[0] if ";" in unescaped and len(unescaped) > 1 else unescaped
    if name in html.entities.html5:
        return html.entities.html5[name]
    return html.entities.html5.get(name.lower(), match[0]) if name == name.upper() else match[0]


def misread(text, at):
    """The character that the next ones are the misread bytes of, and how many they are."""
    for length in (2, 3, 4):
        sequence = text[at:at + length]
        if len(sequence) == length and all(c in TO_BYTE for c in sequence) and ord(sequence[0]) <= 0xF0:
            try:
                decoded = bytes(TO_BYTE[c] for c in sequence).decode("utf-8")
            except UnicodeDecodeError:
                continue
            if len(decoded) == 1 and ord(decoded) > 0x7F:
                return decoded, length
    return None


def category(character):
    return unicodedata.category(character or " ")


def is_convincing(before, sequence, after):
    lead, conts = sequence[0], sequence[1:]
    if len(sequence) == 4:
        return True
    if len(sequence) == 3:
        return sequence.startswith("â€") or (conts[0] != "\xa0" and not FOLLOWS_WORDS.issuperset(conts))
    if lead in "ÂÃ":
        return (lead == "Ã" or 0xA0 <= ord(conts) <= 0xBF) and not (category(before) == "Lu" and category(after)[0] != "L")
    return lead not in "×ß" and (category(before) == "Ll" or conts not in FOLLOWS_WORDS)


def repair_mojibake(text):
    result, at = "", 0
    while at < len(text):
        end, decoded, count = at, "", 0
        while found := misread(text, end):
            decoded, end, count = decoded + found[0], end + found[1], count + 1
        before = text[at - 1:at]
        if count > 1 or (count == 1 and is_convincing(before, text[at:end], text[end:end + 1])):
            result += decoded
        elif count == 0 and text[at:at + 2] in ("Â ", "Ã ") and category(before)[0] != "L":
            result += "à" if text[at] == "Ã" else ""
            end = at + 1
        else:
            end = max(end, at + 1)
            result += text[at:end]
        at = end
    return result


def pieces(text):
    i = 0
    while i < len(text):
        if fixed := FIXED_PIECES.match(text, i):
            yield fixed[0]
            i = fixed.end()
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
    text = " ".join(html.unescape(html.unescape(repair(caption))).split()).lower()
    start, end = len(ids), len(ids) + 1
    special = dict.fromkeys(STARTS, start) | dict.fromkeys(ENDS, end)
    tokens = [start]
    for piece in pieces(text):
        tokens += [special[piece]] if piece in special else [ids[s] for s in encode_piece(piece, ranks)]
    tokens = tokens[:context - 1] + [end]
    return tokens + [0] * (context - len(tokens))


BYTES = byte_characters()
TO_BYTE = {windows_1252(b): b for b in range(0x80, 0x100)} | {chr(b): b for b in range(0x80, 0x100)}
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
