"""What is to be printed, before any printer's bytes: lines, codes, pictures and cuts, in print order.

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
    inverted: bool = False
    underlined: bool = False


class Barcode(msgspec.Struct, frozen=True, tag="barcode", omit_defaults=True):
    """A bar code with its text below it: Code 128 of printable ASCII, or the digits of the others, check digit included."""

    data: str
    symbology: Literal["code128", "ean13", "ean8", "upca", "code39", "itf"] = "code128"


class Qr(msgspec.Struct, frozen=True, tag="qr", omit_defaults=True):
    """A QR code of UTF-8 text, level M."""

    data: str
    module_dots: int = 4


class Pdf417(msgspec.Struct, frozen=True, tag="pdf417", omit_defaults=True):
    """A PDF417 code of UTF-8 text."""

    data: str


class Picture(msgspec.Struct, frozen=True, tag="picture", omit_defaults=True):
    """A picture that is kept beside the document, a PNG named by the first 16 hex digits of its SHA-256; dark dots print.

    A shop's logo stands on every receipt: the document names it, so that a thousand receipts keep one copy of it.
    """

    digest: str
    align: Literal["left", "center", "right"] = "center"


class Feed(msgspec.Struct, frozen=True, tag="feed", omit_defaults=True):
    """Blank lines."""

    lines: int = 1


class Cut(msgspec.Struct, frozen=True, tag="cut", omit_defaults=True):
    """Feeds the last line past the cutter, then cuts; `partial` leaves a bridge where the printer can."""

    partial: bool = False


class OpenDrawer(msgspec.Struct, frozen=True, tag="drawer", omit_defaults=True):
    """Kicks the cash drawer on that pin of the printer's connector."""

    pin: Literal[2, 5] = 2


class Buzz(msgspec.Struct, frozen=True, tag="buzz", omit_defaults=True):
    """Sounds the printer's buzzer, where it has one."""

    times: int = 1


Block = Text | Barcode | Qr | Pdf417 | Picture | Feed | Cut | OpenDrawer | Buzz


class Document(msgspec.Struct, frozen=True):
    """Blocks in print order, laid out for `width_columns` of the printer's standard font (32 on 58 mm, 42 or 48 on 80 mm)."""

    width_columns: int
    blocks: tuple[Block, ...]

    def text(self) -> str:
        """The text lines and what codes hold, one a line: what a person reads, and what a test compares."""
        lines = []
        for block in self.blocks:
            if isinstance(block, Text):
                lines.append(block.text)
            elif isinstance(block, Barcode | Qr | Pdf417):
                lines.append(block.data)
        return "\n".join(lines)

    def pictures(self) -> set[str]:
        """The digests of the pictures that it names."""
        return {block.digest for block in self.blocks if isinstance(block, Picture)}


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
