"""What is to be printed, before any printer's bytes: lines, codes, pictures and cuts, in print order.

A `Document` is plain data, so it can be stored with a sale, printed later, printed again and drawn as a picture, and it stays
the same document. It knows columns but no printer; `drivers.escpos` turns it into bytes for one.
"""

from __future__ import annotations

import re
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


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """Blocks in print order, laid out for `width_columns` of the printer's standard font (32 on 58 mm, 42 or 48 on 80 mm).

    `copy_word` marks what is printed again, in the document's own language.
    """

    width_columns: int
    blocks: tuple[Block, ...]
    copy_word: str = "COPY"

    def text(self) -> str:
        """The text lines and what codes hold, one a line: what a person reads, and what a test compares."""
        lines = []
        for block in self.blocks:
            if isinstance(block, Text):
                lines.append(block.text)
            elif isinstance(block, Barcode | Qr | Pdf417):
                lines.append(block.data)
        return "\n".join(lines)

    def as_copy(self) -> Document:
        """The same with the word COPY above every paper that it is cut into."""
        mark = Text(self.copy_word, bold=True, double=True, align="center")
        blocks: list[Block] = [mark]
        for place, block in enumerate(self.blocks, 1):
            blocks.append(block)
            if isinstance(block, Cut) and any(isinstance(later, Text) for later in self.blocks[place:]):
                blocks.append(mark)
        return Document(self.width_columns, tuple(blocks), self.copy_word)

    def pictures(self) -> set[str]:
        """The digests of the pictures that it names."""
        return {block.digest for block in self.blocks if isinstance(block, Picture)}


def display_columns(text: str) -> int:
    """How many columns of a fixed-width font the text takes: what `cells` adds up to."""
    if text.isascii() or _ONE_COLUMN_EACH(text):
        return len(text)
    return sum(columns for _, columns in cells(text))


def cells(text: str) -> list[tuple[str, int]]:
    """The text's characters as a reader counts them, each with its columns: none, one or two.

    A letter with its marks, an emoji made of several and the jamo of one syllable are one. East Asian wide characters and emoji
    take two columns. A control character takes one, because a blank is printed for it; what is invisible takes none.

    >>> [columns for _, columns in cells("n\u0303 \u8336")]
    [1, 1, 2]
    """
    if _ONE_COLUMN_EACH(text):
        return [(character, 1) for character in text]
    from wcwidth import iter_graphemes, wcswidth

    found = []
    for cell in iter_graphemes(CONTROLS.sub(" ", text)):
        columns = 0 if cell in _INVISIBLE else min(max(wcswidth(cell), 0), 2)
        found.append((cell, columns))
    return found


# Most text of most shops: Latin, Greek, Cyrillic, letters of Hebrew, punctuation, signs of money, lines. Each is one column, and
# nothing joins what stands beside it. The soft hyphen is not among them.
_ONE_COLUMN_EACH = re.compile(
    "[\x00-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0559\u05d0-\u05ea\u1e00-\u200a\u2010-\u2027\u202f-\u203b\u20a0-\u20bf\u2190-\u22ff\u2500-\u257f]*"
).fullmatch
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What is no character of a line: controls, ends of lines, halves of characters."""
_INVISIBLE = frozenset("\xad\u180e\u200b\u2060\ufeff")


def encode_document(document: Document) -> bytes:
    return msgspec.json.encode(document)


_decoder = msgspec.json.Decoder(Document)


def decode_document(data: bytes) -> Document:
    return _decoder.decode(data)
