"""What a reader read: its text, and what kind of code the reader says it was.

Knows the AIM symbology identifiers (ISO/IEC 15424: `]`, a letter, a modifier) that a reader may send in front of the text. Knows
no check digits and no meaning: whether a label is a member card or an item is not a device's business.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

GS = "\x1d"
"""Separates the elements of a GS1 code."""

_IDENTIFIER = re.compile(r"\]([A-Za-z][0-9A-F])")

_SYMBOLOGIES = {
    "C1": "gs1-128",
    "Q3": "gs1-qr",
    "d2": "gs1-datamatrix",
    "e0": "gs1-databar",
    "A": "code39",
    "C": "code128",
    "F": "codabar",
    "G": "code93",
    "I": "itf",
    "L": "pdf417",
    "Q": "qr",
    "d": "datamatrix",
    "z": "aztec",
}
"""By identifier, else by its letter alone. The retail codes (letter E) are told apart by their length."""

_RETAIL = {
    ("E0", 13): "ean13",
    ("E0", 12): "upca",  # a reader set to leave out the leading zero
    ("E0", 8): "upce",
    ("E3", 15): "ean13-addon",
    ("E3", 18): "ean13-addon",
    ("E4", 8): "ean8",
}


class ScanData(msgspec.Struct, frozen=True):
    """One scan. `received_at` is in seconds of the reader's clock, by default a monotonic one: compare it, do not print it."""

    raw: bytes
    """As received, without framing, with the identifier if there was one."""
    label: str
    """The text, without identifier, and without control characters at its ends. Those within are the code's own, as GS is, or
    what has become of a damaged character: left out, they would make another code of it."""
    symbology: str
    """`ean13`, `upca`, `qr`, …; empty when the reader does not say, or says what the text cannot be."""
    device: str
    received_at: float


def scan_from_bytes(raw: bytes, device: str, received_at: float) -> ScanData:
    """The scan in a reader's bytes. Text that is not UTF-8 is taken as Latin-1, so every byte string is a scan.

    An identifier is a claim, and readers make wrong ones: one maker sends UPC-A as `]X0`. An unknown one is taken off, and a
    retail one must fit the text.

    >>> scan_from_bytes(b"]E04006381333931", "till", 0.0).symbology
    'ean13'
    >>> scan_from_bytes(b"]X0036000291452", "till", 0.0).label
    '036000291452'
    >>> scan_from_bytes(b"]E0HELLO", "till", 0.0).symbology
    ''
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    text = _without_ends(text)
    found = _IDENTIFIER.match(text)
    if found is None:
        return ScanData(raw=raw, label=text, symbology="", device=device, received_at=received_at)
    label = _without_ends(text[found.end() :])
    symbology = _symbology(found.group(1), label)
    return ScanData(raw=raw, label=label, symbology=symbology, device=device, received_at=received_at)


def _without_ends(text: str) -> str:
    """Without what frames a code: line ends, STX and ETX."""

    def frames(sign: str) -> bool:
        return sign != GS and unicodedata.category(sign) == "Cc"

    first, last = 0, len(text)
    while first < last and frames(text[first]):
        first += 1
    while first < last and frames(text[last - 1]):
        last -= 1
    return text[first:last]


def _symbology(identifier: str, label: str) -> str:
    if identifier[0] == "E":
        return _RETAIL.get((identifier, len(label)), "") if label.isascii() and label.isdigit() else ""
    return _SYMBOLOGIES.get(identifier) or _SYMBOLOGIES.get(identifier[0], "")
