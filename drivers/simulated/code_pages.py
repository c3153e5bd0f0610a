"""Which characters a printer's code pages hold: bytes from 20h up become text.

The tables are those of escpos-printer-db, as python-escpos carries it, by the name of a printer in it; where that names no
codec of Python's and has no table of its own, characters above ASCII are unknown and come out as �. It knows one byte a
character; `text` knows the others.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
from pathlib import Path
from typing import Any, Final

import msgspec

from drivers.errors import DeviceError

UNKNOWN: Final = "\ufffd"
_ASCII: Final = "".join(map(chr, range(0x80)))

# Numbers of which the database says Unknown, and names of which it has neither codec nor table.
_NUMBERS: Final = {21: "cp874", 26: "cp874"}
_FILLED: Final = {"CP857": (0xD5, "€")}  # where IBM's table had a gap, printers have the euro
_NAMES: Final = {"RK1048": "kz1048", "CP928": "iso8859_7"}

# ESC R n: what stands in the places of # $ @ [ \ ] ^ ` { | } ~
_REPLACED: Final = "#$@[\\]^`{|}~"
INTERNATIONAL: Final = (
    _REPLACED,
    "#$à°ç§^`éùè¨",  # France
    "#$§ÄÖÜ^`äöüß",  # Germany
    "£$@[\\]^`{|}~",  # United Kingdom
    "#$@ÆØÅ^`æøå~",  # Denmark
    "#¤ÉÄÖÅÜéäöåü",  # Sweden
    "#$@°\\é^ùàòèì",  # Italy
    "₧$@¡Ñ¿^`¨ñ}~",  # Spain
    "#$@[¥]^`{|}~",  # Japan
    "#¤ÉÆØÅÜéæøåü",  # Norway
    "#$ÉÆØÅÜéæøåü",  # Denmark, second
    "#$á¡Ñ¿é`íñóú",  # Spain, second
    "#$á¡Ñ¿éüíñóú",  # Latin America
    "#$@[₩]^`{|}~",  # Korea
    "#$ŽŠĐĆČžšđćč",  # Slovenia, Croatia
    "#¥@[\\]^`{|}~",  # China
    "#đ@[\\]^`{|}~",  # Vietnam
    _REPLACED,  # Arabia
)


@functools.lru_cache(maxsize=256)
def characters(number: int, printer: str = "default", international: int = 0) -> str:
    """The 256 characters of code page `number` (ESC t n) in the international set (ESC R n)."""
    table = _ASCII + _upper_half(number, printer)
    if 0 < international < len(INTERNATIONAL):
        table = table.translate(str.maketrans(_REPLACED, INTERNATIONAL[international]))
        table = table[:0x80] + _upper_half(number, printer)
    return table


def numbers(printer: str = "default") -> list[int]:
    """The code pages of that printer. Raises DeviceError, with the nearest names as a hint, if the database lacks it."""
    return sorted({*map(int, _pages(printer)), *_NUMBERS})


def _upper_half(number: int, printer: str) -> str:
    name = _pages(printer).get(str(number), "Unknown")
    encoding = _database()["encodings"].get(name, {})
    codec = encoding.get("python_encode") or _NAMES.get(name) or _NUMBERS.get(number)
    if name == "CP932":  # as a page of single bytes this is Katakana with the lines of a table
        encoding, codec = _database()["encodings"]["KATAKANA"], None
    if codec:
        half = "".join(bytes([byte]).decode(codec, "replace") for byte in range(0x80, 0x100))
        if name in _FILLED:
            byte, character = _FILLED[name]
            half = half[: byte - 0x80] + character + half[byte - 0x7F :]
    else:
        half = "".join(row.ljust(16) for row in encoding.get("data", ()))[:0x80].ljust(0x80)
    return "".join(c if (c.isprintable() and c != " ") or c == "\xa0" else UNKNOWN for c in half)


def _pages(printer: str) -> dict[str, str]:
    profiles = _database()["profiles"]
    if printer not in profiles:
        nearest = difflib.get_close_matches(printer, profiles, n=3, cutoff=0.4)
        hint = f"Try {', '.join(nearest) or 'default'}."
        raise DeviceError(f"There is no printer {printer!r} in the printer database.", hint=hint)
    pages: dict[str, str] = profiles[printer]["codePages"]
    return pages


@functools.cache
def _database() -> dict[str, Any]:
    package = importlib.util.find_spec("escpos")  # found, not imported: importing it leaves a log handler behind
    if package is None or not package.submodule_search_locations:
        raise DeviceError("The printer database is missing.", hint="Install python-escpos.")
    path = Path(package.submodule_search_locations[0]) / "capabilities.json"
    database: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return database
