"""The code pages of a printer: which characters one byte prints, and which page to switch to."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import msgspec

from drivers.escpos.profile import Profile

CODE_PAGE = b"\x1bt"  # ESC t n


class Page(msgspec.Struct, frozen=True):
    select: bytes
    characters: frozenset[str]
    encoding_map: Any


class PageSet(msgspec.Struct, frozen=True):
    """What a printer prints of itself. `unturned` is all of one byte that stands from left to right."""

    pages: tuple[Page, ...]
    one_byte: frozenset[str]
    unturned: frozenset[str]


@cache
def characters_of(codec: str) -> dict[str, int]:
    """The characters above ASCII that one byte of the code page shows, where bytes stand in the order of reading."""
    return {character: byte for character, byte in _characters(codec).items() if not _is_hebrew(character)}


@cache
def _characters(codec: str) -> dict[str, int]:
    """The characters above ASCII that one byte of the code page prints by itself, and that byte.

    Left out: pages whose lower half is not ASCII, what joins its neighbours or is set on another letter (the printer would put it
    in the wrong place), controls, and the no-break space, which some printers show as a box.
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
        return not _is_hebrew(character)
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cc", "Cf", "Co", "Zs", "Zl", "Zp")


def _is_hebrew(character: str) -> bool:
    """Its letters stand side by side, each by itself, once they are turned round."""
    return "\u05d0" <= character <= "\u05ea"


ASCII_ONLY = Page(b"", frozenset(), codecs.charmap_build("".join(map(chr, range(0x80))) + "\ufffe" * 0x80))
ASCII_CELLS = frozenset(map(chr, range(0x20, 0x7F)))


def set_of(profile: Profile) -> PageSet:
    return set_of_pages(tuple(profile.code_pages.items()))


@lru_cache(maxsize=16)
def set_of_pages(code_pages: tuple[tuple[str, int], ...]) -> PageSet:
    """The pages in the order of their numbers (the lower ones are the ones most printers really have), and all they can print."""
    pages = []
    for codec, number in sorted(code_pages, key=lambda item: item[1]):
        table = [*map(chr, range(0x80)), *["\ufffe"] * 0x80]
        for character, byte in _characters(codec).items():
            table[byte] = character
        encoding_map = codecs.charmap_build("".join(table))
        pages.append(Page(CODE_PAGE + bytes([number]), frozenset(_characters(codec)), encoding_map))
    one_byte = ASCII_CELLS.union(*(page.characters for page in pages))
    return PageSet(tuple(pages), one_byte, frozenset(c for c in one_byte if not _is_hebrew(c)))


def take(text: str, page: Page) -> tuple[bytes, str]:
    """As much of the text as the page has, as bytes; and the rest."""
    try:
        return codecs.charmap_encode(text, "strict", page.encoding_map)[0], ""
    except UnicodeEncodeError as error:
        return codecs.charmap_encode(text[: error.start], "strict", page.encoding_map)[0], text[error.start :]


def page_that_lasts(pages: tuple[Page, ...], texts: Iterable[str]) -> Page:
    for text in texts:
        for character in _BEYOND_ASCII.findall(text):
            fitting = tuple(page for page in pages if character in page.characters)
            if not fitting:
                return pages[0]
            pages = fitting
        if len(pages) == 1:
            break
    return pages[0]


_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
