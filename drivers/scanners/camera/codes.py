"""The kinds of code that a camera can read, how its libraries name them, and what was seen in one picture.

Pure: knows no library. What a code means, and whether it was read right, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

Point = tuple[float, float]


class Kind(NamedTuple):
    """`zxing` is the name of a zxing-cpp BarcodeFormat, `zbar` of a ZBarSymbol ('' for what zbar is not asked to read)."""

    zxing: str
    zbar: str = ""
    is_linear: bool = True
    is_weak: bool = False
    """Bars that are read wrong more easily: no check digit of its own, an end that part of another code can look like, or,
    with UPC-E, a check that one in ten random numbers passes."""
    zbar_quality: int = 2
    """How many lines across the code must agree, where zbar reads it. Of 311 retail codes that zbar read right in
    photographs, 303 had 8 or more; of 8 that it read wrong, 3 had."""


KINDS = {
    "ean13": Kind("EAN13", "EAN13", zbar_quality=8),
    "upca": Kind("UPCA", "EAN13", zbar_quality=8),  # zbar calls it an EAN-13 that begins with 0
    "ean8": Kind("EAN8", "EAN8", zbar_quality=8),
    "upce": Kind("UPCE", "UPCE", is_weak=True, zbar_quality=8),
    "code128": Kind("Code128", "CODE128"),
    "code39": Kind("Code39", "CODE39", is_weak=True),
    "code93": Kind("Code93", "CODE93"),
    "codabar": Kind("Codabar", "CODABAR", is_weak=True),
    "itf": Kind("ITF", "I25", is_weak=True),
    "databar": Kind("DataBar", "DATABAR"),
    # zbar 0.23 takes UTF-8 in a QR code for Shift JIS or Big5 (6 of 14 texts garbled): of its texts only ASCII is used.
    "qr": Kind("QRCode", "QRCODE", is_linear=False, zbar_quality=0),
    "datamatrix": Kind("DataMatrix", is_linear=False),
    "aztec": Kind("Aztec", is_linear=False),
    "pdf417": Kind("PDF417", is_linear=False),  # zbar reads none, and may end the process over one (an assertion)
}
CARDS = ("ean13", "upca", "code128", "qr")
"""What a till is shown, unless its settings say more. Each further kind costs time and may be seen where there is none."""


class Code(msgspec.Struct, frozen=True):
    """One code that a library says it read. `corners` are in pixels of the picture."""

    text: str
    kind: str
    """A key of KINDS."""
    identifier: str = ""
    """As a reader would send it before the text (ISO/IEC 15424), such as `]E0`."""
    corners: tuple[Point, ...] = ()

    @property
    def is_linear(self) -> bool:
        return KINDS[self.kind].is_linear


class Sight(msgspec.Struct, frozen=True):
    """What one picture shows. Where it `is_contradictory`, at least one of its codes is wrong or one card too many is there."""

    codes: tuple[Code, ...] = ()
    is_contradictory: bool = False


class Wanted(msgspec.Struct, frozen=True):
    """Which codes count. `itf_digits` is how long an ITF must be; 0 takes any length, and then parts of one, too."""

    kinds: tuple[str, ...]
    itf_digits: int = 0

    def has(self, code: Code) -> bool:
        fits = code.kind != "itf" or self.itf_digits in (0, len(code.text))
        return bool(code.text) and code.kind in self.kinds and fits


def wanted_codes(names: Sequence[str]) -> Wanted:
    """From a setting. An ITF is named with its number of digits. Raises ValueError with a sentence for a person.

    >>> wanted_codes(["qr", "itf14"])
    Wanted(kinds=('qr', 'itf'), itf_digits=14)
    >>> wanted_codes(["itf"])
    Traceback (most recent call last):
        ...
    ValueError: 'itf' needs its number of digits, such as itf14: a line across part of an ITF reads as a shorter number.
    """
    kinds: list[str] = []
    itf_digits = 0
    for name in names:
        sized = re.fullmatch(r"itf(\d{1,2})", name)
        if sized and int(sized[1]) >= 4 and int(sized[1]) % 2 == 0 and itf_digits in (0, int(sized[1])):
            name, itf_digits = "itf", int(sized[1])
        elif name == "itf":
            raise ValueError(
                "'itf' needs its number of digits, such as itf14: a line across part of an ITF reads as a shorter number."
            )
        if name not in KINDS:
            known = ", ".join(kind for kind in KINDS if kind != "itf")
            raise ValueError(f"{name!r} is no code that a camera reads: {known}, itf14.")
        kinds.append(name)
    return Wanted(tuple(dict.fromkeys(kinds)), itf_digits)


def retail(text: str, kind: str) -> tuple[str, str]:
    """The text and kind of a retail code whichever library read it: a UPC-A has twelve digits, a UPC-E is the one it stands for.

    Both libraries give a UPC-A as an EAN-13 that begins with 0; zxing-cpp gives a UPC-E as that, too.

    >>> retail("0036000291452", "ean13")
    ('036000291452', 'upca')
    """
    if kind in ("ean13", "upca"):
        return (
            (text[1:], "upca") if len(text) == 13 and text[0] == "0" else (text, "ean13" if len(text) == 13 else "upca")
        )
    if kind == "upce" and len(text) == 13:
        return text[1:], kind
    if kind == "upce" and len(text) == 8:
        return _upc_a(text), kind
    return text, kind


def _upc_a(upce: str) -> str:
    """GS1 General Specifications 5.2.2.4.2: which zeros a UPC-E leaves out is said by its last digit before the check digit.

    >>> _upc_a("04963406")
    '049000006346'
    """
    system, d, check = upce[0], upce[1:7], upce[7]
    if d[5] in "012":
        middle = d[:2] + d[5] + "0000" + d[2:5]
    elif d[5] == "3":
        middle = d[:3] + "00000" + d[3:5]
    elif d[5] == "4":
        middle = d[:4] + "00000" + d[4]
    else:
        middle = d[:5] + "0000" + d[5]
    return system + middle + check


def sight(codes: Iterable[Code]) -> Sight:
    """What a picture shows in which one card is expected: a linear code, a matrix code, or one of each.

    Two linear codes with different texts are a card too many, or one card and something read where there is nothing. So are two
    matrix codes, and any two codes on top of one another.
    """
    seen = tuple({(code.text, code.kind): code for code in codes}.values())
    clash = any(
        one.is_linear == other.is_linear or is_same_place(one, other)
        for number, one in enumerate(seen)
        for other in seen[:number]
        if one.text != other.text
    )
    return Sight(seen, clash)


def is_same_place(one: Code, other: Code) -> bool:
    """Whether one stands on the other or just beside it. A linear code's corners may enclose a single line across it."""
    ours, theirs = _bounds(one), _bounds(other)
    return all(ours[axis] <= theirs[axis + 2] and theirs[axis] <= ours[axis + 2] for axis in (0, 1))


def _bounds(code: Code) -> tuple[float, float, float, float]:
    if not code.corners:
        return (float("-inf"), float("-inf"), float("inf"), float("inf"))
    across, down = zip(*code.corners, strict=True)
    margin = 0.1 * max(max(across) - min(across), max(down) - min(down))
    return min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin
