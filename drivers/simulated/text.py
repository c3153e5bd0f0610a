"""Bytes of text become characters: code page, international set, two-byte characters, UTF-8, and those that the host drew.

It remembers the first half of a character until the other half comes, and knows no size, no line and no paper.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from drivers.simulated.code_pages import characters

TwoByte = Literal["", "shift_jis", "gb18030", "big5", "euc-kr"]

_CODECS: Final = {"shift_jis": "cp932", "gb18030": "gb18030", "big5": "cp950", "euc-kr": "cp949"}
_ON_BY_ITSELF: Final = ("gb18030", "big5", "euc-kr")  # as sold in China, Taiwan and Korea
_LARGEST_GLYPH: Final = 24  # columns, and rows
KANJI_IS_UTF8: Final = 0xFF  # FS C's n


class Glyph(NamedTuple):
    """A character that the host defined (ESC &): columns from the top down, `column_bytes` each."""

    width: int
    column_bytes: int
    columns: bytes


class Run(NamedTuple):
    """Characters of one kind; `is_wide` means that each fills the double cell of a two-byte character."""

    text: str
    is_wide: bool = False


class TextDecoder:
    def __init__(self, printer: str = "default", two_byte: TwoByte = "") -> None:
        self._printer = printer
        self._two_byte = two_byte
        self.reset()

    def reset(self) -> None:
        """ESC @. The host's own characters are gone as well."""
        self.code_page = 0
        self._international = 0
        self._is_utf8 = False
        self._kanji_is_utf8 = False
        self._kanji_is_on = self._two_byte in _ON_BY_ITSELF
        self._is_shift_jis = False
        self._glyphs: dict[int, Glyph] = {}
        self._glyphs_are_on = False
        self._choose()

    # the commands

    def choose_code_page(self, parameters: bytes) -> None:
        self.code_page = parameters[0]
        self._choose()

    def choose_international(self, parameters: bytes) -> None:
        self._international = parameters[0]
        self._choose()

    def choose_encoding(self, parameters: bytes) -> None:
        """FS ( C function 48: 1 is the code page, 2 is UTF-8."""
        if parameters[2:3] == b"0" and len(parameters) == 4:
            self._is_utf8 = parameters[3] in (2, 0x32)
            self._choose()

    def kanji_on(self, _: bytes) -> None:
        self._kanji_is_on = True
        self._choose()

    def kanji_off(self, _: bytes) -> None:
        self._kanji_is_on = False
        self._choose()

    def choose_kanji_code(self, parameters: bytes) -> None:
        """FS C: 0 is JIS, in which FS & turns pairs on; 1 is Shift JIS, in which the first byte tells.

        255 is UTF-8 to clones with Android (Sunmi, iMin, ZKC), whose clients send it with FS & before it, FS . or neither.
        """
        self._is_shift_jis = parameters[0] in (1, 0x31)
        self._kanji_is_utf8 = parameters[0] == KANJI_IS_UTF8
        self._choose()

    def define(self, parameters: bytes) -> None:
        """ESC & y c1 c2, then each character's width and columns."""
        column_bytes, first, last = parameters[:3]
        at = 3
        for code in range(first, last + 1):
            width = parameters[at]
            columns = parameters[at + 1 : at + 1 + width * column_bytes]
            at += 1 + width * column_bytes
            if code >= 0x20 and 8 * column_bytes <= _LARGEST_GLYPH and width <= _LARGEST_GLYPH:
                self._glyphs[code] = Glyph(width, column_bytes, columns)

    def cancel(self, parameters: bytes) -> None:
        self._glyphs.pop(parameters[0], None)

    def use_defined(self, parameters: bytes) -> None:
        self._glyphs_are_on = bool(parameters[0] & 1)

    # the text

    def read(self, data: bytes) -> Iterator[Run | Glyph]:
        if not self._glyphs_are_on or not self._glyphs:
            yield from self._runs(data)
            return
        start = 0
        for at, byte in enumerate(data):
            if glyph := self._glyphs.get(byte):
                yield from self._runs(data[start:at])
                yield glyph
                start = at + 1
        yield from self._runs(data[start:])

    def forget_half(self) -> None:
        """A command stands where the other half of a character should: that is lost."""
        if self._decoder:
            self._decoder.reset()

    def _choose(self) -> None:
        codec, self._pair_bit = "", 0
        if self._is_utf8 or self._kanji_is_utf8:
            codec = "utf-8"
        elif self._two_byte == "shift_jis":
            if self._is_shift_jis:
                codec = "cp932"
            elif self._kanji_is_on:
                codec, self._pair_bit = "euc_jp", 0x80  # JIS is EUC without the high bits
        elif self._two_byte and self._kanji_is_on:
            codec = _CODECS[self._two_byte]
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)("replace") if codec else None
        self._table = characters(self.code_page, self._printer, self._international)

    def _runs(self, data: bytes) -> Iterator[Run]:
        if not data:
            return
        if not self._decoder:
            yield Run(codecs.charmap_decode(data, "replace", self._table)[0])
            return
        if self._pair_bit:
            data = bytes(byte | self._pair_bit for byte in data)
        text = self._decoder.decode(data)
        if self._codec == "utf-8":
            yield Run(text)
            return
        start = 0
        for at in range(1, len(text) + 1):
            if at == len(text) or self._fills_two(text[at]) != self._fills_two(text[start]):
                yield Run(text[start:at], self._fills_two(text[start]))
                start = at

    def _fills_two(self, character: str) -> bool:
        if character.isascii():
            return False
        return len(character.encode(self._codec, "ignore")) > 1


COMMANDS: Final[dict[str, Callable[[TextDecoder, bytes], None]]] = {
    "ESC t": TextDecoder.choose_code_page,
    "ESC R": TextDecoder.choose_international,
    "FS ( C": TextDecoder.choose_encoding,
    "FS &": TextDecoder.kanji_on,
    "FS .": TextDecoder.kanji_off,
    "FS C": TextDecoder.choose_kanji_code,
    "ESC &": TextDecoder.define,
    "ESC ?": TextDecoder.cancel,
    "ESC %": TextDecoder.use_defined,
}
