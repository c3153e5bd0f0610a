"""What is to be printed, before any printer's bytes: lines, codes and cuts, in print order.

A `Document` is plain data, so it can be stored with a sale, printed later, printed again and drawn as a picture, and it stays
the same document. It knows columns but no printer; `drivers.escpos` turns it into bytes for one.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec


class Text(msgspec.Struct, frozen=True, tag="text", omit_defaults=True):
    """One line of text, at most the document's width in columns. `double` is double height and width (half the columns)."""

    text: str
    bold: bool = False
    double: bool = False
    align: Literal["left", "center", "right"] = "left"


class Barcode(msgspec.Struct, frozen=True, tag="barcode", omit_defaults=True):
    """A Code 128 bar code of printable ASCII, with its text below it."""

    data: str


class Qr(msgspec.Struct, frozen=True, tag="qr", omit_defaults=True):
    """A QR code of UTF-8 text, level M."""

    data: str
    module_dots: int = 4


class Feed(msgspec.Struct, frozen=True, tag="feed", omit_defaults=True):
    """Blank lines."""

    lines: int = 1


class Cut(msgspec.Struct, frozen=True, tag="cut", omit_defaults=True):
    """Feeds the last line past the cutter, then cuts."""


class OpenDrawer(msgspec.Struct, frozen=True, tag="drawer", omit_defaults=True):
    """Kicks the cash drawer."""


Block = Text | Barcode | Qr | Feed | Cut | OpenDrawer


class Document(msgspec.Struct, frozen=True):
    """Blocks in print order, laid out for `width_columns` of the printer's standard font (32 on 58 mm, 42 or 48 on 80 mm)."""

    width_columns: int
    blocks: tuple[Block, ...]

    def text(self) -> str:
        """The text lines alone, one a line: what a person reads, and what a test compares."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Text))


def display_columns(text: str) -> int:
    """How many columns a fixed-width font needs: two for East Asian wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    columns = 0
    for character in text:
        if unicodedata.combining(character):
            continue
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def encode_document(document: Document) -> bytes:
    return msgspec.json.encode(document)


_decoder = msgspec.json.Decoder(Document)


def decode_document(data: bytes) -> Document:
    return _decoder.decode(data)
