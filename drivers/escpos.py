"""A document as the bytes of one ESC/POS printer, and what that printer can do.

Pure but for reading the profiles, which are the printer database that python-escpos carries. Its data file is read and
its package is not imported: importing it adds a log handler and leaves a temporary directory behind. Bytes are those of
the ESC/POS command reference, under the commands' names.
"""

from __future__ import annotations

import codecs
import difflib
import importlib.util
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from drivers.document import Barcode, Block, Cut, Document, Feed, OpenDrawer, Qr, Text, display_columns
from drivers.errors import DeviceError

RESET = b"\x1b@"  # ESC @
KANJI_OFF = b"\x1c."  # FS .: else bytes from 0x80 on are taken in pairs
CODE_PAGE = b"\x1bt"  # ESC t n
BOLD = b"\x1bE"  # ESC E n
SIZE = b"\x1d!"  # GS ! n
ALIGN = b"\x1ba"  # ESC a n
CUT = b"\x1dVB\x00"  # GS V 66 0: feeds the last line past the cutter first
PULSE = b"\x1bp\x00\x19\xfa"  # ESC p: pin 2, 50 ms on, 500 ms off
_ALIGNMENTS = {"left": 0, "center": 1, "right": 2}
_DOTS_PER_COLUMN = 12
_TEAR_OFF = b"\n" * 4  # a printer without a cutter: past the edge to tear at
_COPY = Text("COPY", bold=True, double=True, align="center")


class Profile(msgspec.Struct, frozen=True):
    """What one model of printer can do.

    `code_pages` is Python's name of a code page → ESC t's number. `has_process_id` None means: ask the printer once.
    `has_asb`, `has_real_time_status` and `has_real_time_pulse` False: GS a, DLE EOT or DLE DC4 1 upsets it and is never sent.
    `answers` False means a printer, or a cable, that never sends anything back: what becomes of its receipts stays unknown.
    """

    name: str
    width_columns: int
    code_pages: dict[str, int]
    has_cutter: bool = True
    has_qr_code: bool = True
    has_barcode: bool = True
    has_process_id: bool | None = None
    has_asb: bool = True
    has_real_time_status: bool = True
    has_real_time_pulse: bool = True
    answers: bool = True


@cache
def profile(name: str = "default") -> Profile:
    """The printer database's profile of that name. Raises DeviceError, with the nearest names as a hint."""
    database = _printer_database()
    data = database["profiles"].get(name)
    if data is None:
        nearest = difflib.get_close_matches(name, database["profiles"], n=3, cutoff=0.4)
        raise DeviceError(f"There is no printer profile {name!r}.", hint=f"Try {', '.join(nearest) or 'default'}.")
    features = data["features"]
    if features.get("starCommands"):
        hint = "Set the printer to ESC/POS emulation (its manual says how) and use the profile 'default'."
        raise DeviceError(f"{name} speaks Star's commands, not ESC/POS.", hint=hint)
    code_pages: dict[str, int] = {}
    for number, page in sorted(data["codePages"].items(), key=lambda item: int(item[0])):
        codec = database["encodings"].get(page, {}).get("python_encode")
        if codec:
            code_pages.setdefault(codec, int(number))
    return Profile(
        name=name,
        width_columns=data["fonts"]["0"]["columns"],
        code_pages=code_pages,
        has_cutter=bool(features.get("paperFullCut") or features.get("paperPartCut")),
        has_qr_code=bool(features.get("qrCode")),
        has_barcode=bool(features.get("barcodeB")),
    )


def profile_names() -> list[str]:
    """Every name that `profile` knows."""
    return sorted(_printer_database()["profiles"])


@cache
def _printer_database() -> dict[str, Any]:
    package = importlib.util.find_spec("escpos")  # of a top-level package: finds it, does not import it
    if package is None or not package.submodule_search_locations:
        raise DeviceError("The printer profiles are missing.", hint="Install python-escpos.")
    path = Path(package.submodule_search_locations[0]) / "capabilities.json"
    database: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return database


def encode(document: Document, profile: Profile, *, copy: bool = False) -> bytes:
    """The bytes that print `document`; `copy` puts the word COPY above it.

    Starts from a reset printer and leaves it in the plain style. Nothing in a text can command the printer.

    >>> encode(Document(42, (Text("Tea"), Cut())), Profile("any", 42, {}))
    b'\\x1b@\\x1c.Tea\\n\\x1dVB\\x00'
    """
    blocks = (_COPY, *document.blocks) if copy else document.blocks
    blocks = tuple(itertools.chain.from_iterable(_as_printable_by(profile, block) for block in blocks))
    texts = _encode_texts([block.text for block in blocks if isinstance(block, Text)], profile)
    style = _Style()
    out = [RESET, KANJI_OFF]
    for block in blocks:
        match block:
            case Text():
                out.append(style.change(block.bold, block.double, block.align))
                out.append(next(texts))
                out.append(b"\n")
            case Barcode():
                out.append(style.change(align="center"))
                out.append(_code_128(block.data, profile))
            case Qr():
                out.append(style.change(align="center"))
                out.append(_qr_code(block))
            case Feed():
                out.append(b"\n" * block.lines)  # ESC d would cut on printers that follow Star
            case Cut():
                out.append(CUT if profile.has_cutter else _TEAR_OFF)
            case OpenDrawer():
                out.append(PULSE)
    out.append(style.change())
    return b"".join(out)


def _as_printable_by(profile: Profile, block: Block) -> Iterable[Block]:
    """The block, or its content as text where the printer cannot draw that kind of code or has no room for it."""
    match block:
        case Barcode() if not profile.has_barcode or not _module_width(block.data, profile):
            yield Text(block.data, align="center")
        case Qr() if not profile.has_qr_code:
            yield Text(block.data)
        case _:
            yield block


class _Style:
    """The style the printer is in; says only what changes."""

    def __init__(self) -> None:
        self._bold, self._double, self._align = False, False, "left"

    def change(self, bold: bool = False, double: bool = False, align: str = "left") -> bytes:
        if (bold, double, align) == (self._bold, self._double, self._align):
            return b""
        out = b""
        if align != self._align:
            out += ALIGN + bytes([_ALIGNMENTS[align]])
        if bold != self._bold:
            out += BOLD + bytes([bold])
        if double != self._double:
            out += SIZE + (b"\x11" if double else b"\x00")
        self._bold, self._double, self._align = bold, double, align
        return out


# Text: lines of Unicode in the printer's code pages.


class _Page(msgspec.Struct, frozen=True):
    select: bytes
    characters: frozenset[str]
    encoding_map: Any


@cache
def _characters(codec: str) -> dict[str, int]:
    """The characters above ASCII that one byte of the code page prints by itself, and that byte.

    Left out: pages whose lower half is not ASCII, what is written right to left or set on another letter (the printer would put
    it in the wrong place), controls, and the no-break space, which some printers show as a box.
    """
    try:
        if bytes(range(0x20, 0x7F)).decode(codec) != "".join(map(chr, range(0x20, 0x7F))):
            return {}
    except (LookupError, UnicodeDecodeError):
        return {}
    found: dict[str, int] = {}
    for byte in range(0xFF, 0x7F, -1):
        character = bytes([byte]).decode(codec, "ignore")
        if len(character) == 1 and character > "\xa0" and not _is_placed_by_script(character):
            found[character] = byte
    return found


def _is_placed_by_script(character: str) -> bool:
    if unicodedata.bidirectional(character) in ("R", "AL"):
        return True
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cc", "Cf", "Co", "Zs", "Zl", "Zp")


_ASCII_ONLY = _Page(b"", frozenset(), codecs.charmap_build("".join(map(chr, range(0x80))) + "\ufffe" * 0x80))


@lru_cache(maxsize=16)
def _pages(code_pages: tuple[tuple[str, int], ...]) -> tuple[tuple[_Page, ...], frozenset[str]]:
    """The pages in the order of their numbers (the lower ones are the ones most printers really have), and all they can print."""
    pages = []
    for codec, number in sorted(code_pages, key=lambda item: item[1]):
        table = [*map(chr, range(0x80)), *["\ufffe"] * 0x80]
        for character, byte in _characters(codec).items():
            table[byte] = character
        encoding_map = codecs.charmap_build("".join(table))
        pages.append(_Page(CODE_PAGE + bytes([number]), frozenset(_characters(codec)), encoding_map))
    ascii_cells = frozenset(map(chr, range(0x20, 0x7F)))
    return tuple(pages), ascii_cells.union(*(page.characters for page in pages))


def _encode_texts(texts: list[str], profile: Profile) -> Iterator[bytes]:
    """Each text's bytes, switching code pages as rarely as can be: each switch goes to the page that lasts longest."""
    if all(map(str.isascii, texts)):
        yield from (_in_cells(text, frozenset()).encode("ascii") for text in texts)
        return
    pages, cells = _pages(tuple(profile.code_pages.items()))
    texts = [_in_cells(text, cells) for text in texts]
    page = _ASCII_ONLY  # which page ESC @ selects is a setting of the printer: unknown
    for index, rest in enumerate(texts):
        out = b""
        while rest:
            taken, rest = _take(rest, page)
            out += taken
            if rest:
                page = _page_that_lasts(pages, "".join((rest, *texts[index + 1 :])))
                assert rest[0] in page.characters, "every character is in a page, or was replaced"
                out += page.select
        yield out


def _take(text: str, page: _Page) -> tuple[bytes, str]:
    """As much of the text as the page has, as bytes; and the rest."""
    try:
        return codecs.charmap_encode(text, "strict", page.encoding_map)[0], ""
    except UnicodeEncodeError as error:
        return codecs.charmap_encode(text[: error.start], "strict", page.encoding_map)[0], text[error.start :]


def _page_that_lasts(pages: tuple[_Page, ...], text: str) -> _Page:
    for character in dict.fromkeys(_BEYOND_ASCII.findall(text)):
        fitting = tuple(page for page in pages if character in page.characters)
        if not fitting:
            break
        pages = fitting
    return pages[0]


_BEYOND_ASCII = re.compile("[^\x00-\x7f]")


def _in_cells(text: str, cells: frozenset[str]) -> str:
    """The text in characters that the printer has, one cell each. The one place that decides about those it lacks."""
    if text.isprintable() if text.isascii() else cells.issuperset(text):
        return text
    text = unicodedata.normalize("NFC", text)
    return "".join(c if c in cells or " " <= c <= "~" else _nearest_ascii(c) for c in text)


@lru_cache(maxsize=4096)
def _nearest_ascii(character: str) -> str:
    """As many columns of ASCII as the character takes, so that what stands after it stays where it was laid out.

    A control becomes a blank: names of goods come from databases, and may hold anything.
    """
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    if category in ("Mn", "Me", "Cf"):
        return ""  # a mark on the letter before it, or invisible
    near = _LOOKS_LIKE.get(character) or unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    columns = display_columns(character)
    return (near if near.isprintable() else "")[:columns].ljust(columns) if near else "?" * columns


_LOOKS_LIKE = dict(
    zip("‐‑‒–—―−‘’‚‛“”„‹›«»•·×ıłŁøØđĐðÐßæœÆŒþÞ€", "-------''''\"\"\"<><>**xilLoOdDdDsaoAOtTE", strict=True)
)


# Codes.


def _code_128(data: str, profile: Profile) -> bytes:
    """GS h, GS w, GS H and GS k 73 in code set B, in which a brace is written twice."""
    if not data or not (data.isascii() and data.isprintable()):
        raise ValueError(f"a Code 128 bar code holds printable ASCII, not {data!r}")
    payload = b"{B" + data.encode("ascii").replace(b"{", b"{{")
    dots = b"\x1dh\x50\x1dw" + bytes([_module_width(data, profile)]) + b"\x1dH\x02"
    return dots + b"\x1dkI" + bytes([len(payload)]) + payload


def _module_width(data: str, profile: Profile) -> int:
    """3 or 2 dots a module, whichever fits the paper; 0 when none does, because a printer leaves out a code that is too wide."""
    modules = 11 * (len(data) + 2) + 13 + 20  # start, data and check symbols; the stop; the quiet zones
    if len(data) + data.count("{") > 253:
        return 0
    return next((dots for dots in (3, 2) if modules * dots <= profile.width_columns * _DOTS_PER_COLUMN), 0)


def _qr_code(block: Qr) -> bytes:
    """GS ( k fn 165, 167, 169, 180 and 181: model 2, module size, level M, data, print."""
    # DLE would start a real-time command even inside the data (DLE EOT, DLE ENQ, DLE DC4).
    data = block.data.replace("\x10", "").encode()
    if not 0 < len(data) <= 2331:
        raise ValueError(f"a QR code of level M holds 1 to 2331 bytes, not {len(data)}")
    return b"".join(
        (
            b"\x1d(k\x04\x001A2\x00",
            b"\x1d(k\x03\x001C" + bytes([min(max(block.module_dots, 1), 16)]),
            b"\x1d(k\x03\x001E1",
            b"\x1d(k" + (len(data) + 3).to_bytes(2, "little") + b"1P0" + data,
            b"\x1d(k\x03\x001Q0",
        )
    )
