"""A customer's line display: two lines of text on a pole, told what to show.

Two command languages cover what shops have. ESC/POS is that of Epson's DM-D displays; CD5220 that of Partner Tech's, which most
others can be switched to. Bytes are those of their manuals, under the commands' names. A display answers nothing: that it
shows what it was sent cannot be known, only that the wire took it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Literal, get_args

from drivers.document import display_columns
from drivers.errors import DeviceError
from drivers.escpos.code_pages import CODE_PAGE, characters_of
from drivers.escpos.stand_ins import nearest_ascii
from drivers.wires import Wire

Dialect = Literal["escpos", "cd5220"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

CLEAR = b"\x0c"  # CLR: both languages; the only way out of CD5220's string mode, beside CAN
INITIALISE = b"\x1b@"  # ESC @
SELECT_DISPLAY = b"\x1b=\x02"  # ESC = 2: not the printer behind it, should another program have chosen that
OVERWRITE = b"\x1f\x01"  # US MD1: a full line does not scroll the other away
CURSOR_OFF = b"\x1fC\x00"  # US C 0
MOVE = b"\x1f$"  # US $ column row, from 1
STRING_CURSOR_OFF = b"\x1b_\x00"  # ESC _ 0, in CD5220
UPPER, LOWER = b"\x1bQA", b"\x1bQB"  # ESC Q A, ESC Q B: text up to CR

CODE_PAGES: dict[Dialect, dict[str, int]] = {
    "escpos": {"cp437": 0, "cp850": 2, "cp860": 3, "cp863": 4, "cp865": 5},
    "cd5220": {},
}
"""What every display of a language has, as ESC t numbers it; a shop names what its own has beside them."""

WRITE_TIMEOUT_S = 1.0


class LineDisplay:
    """Two lines of `columns` characters. Not thread-safe: one thread owns it, and its wire.

    The wire is opened when first needed; a broken one is closed, and opened again by the next call.
    """

    def __init__(
        self,
        wire: Wire,
        dialect: Dialect = "escpos",
        *,
        columns: int = 20,
        code_pages: Mapping[str, int] | None = None,
    ) -> None:
        self._wire = wire
        self._dialect = dialect
        self._columns = columns
        self._code_pages = {**CODE_PAGES[dialect], **(code_pages or {})}
        self._shown: tuple[str, str] | None = None

    def show(self, upper: str, lower: str) -> None:
        """Shows both lines, cut or padded to the display's width. Raises DeviceError.

        The same lines again are written over themselves without a flicker, for a display that lost its power meanwhile.
        """
        try:
            if not self._wire.is_open:
                self._wire.open(WRITE_TIMEOUT_S)
                self._shown = None
            is_new = self._shown != (upper, lower)
            self._wire.write(self._bytes(upper, lower, is_new=is_new), WRITE_TIMEOUT_S)
        except DeviceError:
            self.close()
            raise
        self._shown = (upper, lower)

    def look(self) -> None:
        """Whether it is still there, as far as the wire knows. Raises DeviceError where it has gone."""
        if self._wire.is_open:
            try:
                self._wire.read(0)
            except DeviceError:
                self.close()
                raise

    def close(self) -> None:
        self._shown = None
        self._wire.close(drain_s=WRITE_TIMEOUT_S / 2)

    def _bytes(self, upper: str, lower: str, *, is_new: bool) -> bytes:
        page, lines = in_one_page([fitted(upper, self._columns), fitted(lower, self._columns)], self._code_pages)
        select = b"" if page is None else CODE_PAGE + bytes([page])
        if self._dialect == "cd5220":
            # Once a string was written, CD5220 hears nothing but strings until CLR.
            begin = CLEAR + SELECT_DISPLAY + INITIALISE + STRING_CURSOR_OFF + select if is_new else b""
            return begin + UPPER + lines[0] + b"\r" + LOWER + lines[1] + b"\r"
        begin = (INITIALISE if self._shown is None else b"") + SELECT_DISPLAY + OVERWRITE + CURSOR_OFF + select
        return begin + MOVE + b"\x01\x01" + lines[0] + MOVE + b"\x01\x02" + lines[1]


def fitted(text: str, columns: int) -> str:
    """The text as exactly so many columns.

    >>> fitted("Crème brûlée", 5), fitted("Tea", 5), fitted("お茶", 3)
    ('Crème', 'Tea  ', 'お ')
    """
    while display_columns(text) > columns:
        text = text[:-1]
    return text + " " * (columns - display_columns(text))


def in_one_page(lines: list[str], code_pages: Mapping[str, int]) -> tuple[int | None, list[bytes]]:
    """The lines in the code page that has most of their characters, and that page's number; None where ASCII does.

    One page for both: not every display can switch within a string. What the page lacks comes as near as ASCII does.
    """
    lines = [unicodedata.normalize("NFC", line) for line in lines]
    beyond = [character for line in lines for character in line if not character.isascii()]
    best = max(code_pages, key=lambda codec: sum(one in characters_of(codec) for one in beyond), default="")
    page = characters_of(best) if best and beyond else {}
    number = code_pages[best] if page else None
    return number, [b"".join(_byte(character, page) for character in line) for line in lines]


def _byte(character: str, page: Mapping[str, int]) -> bytes:
    if character in page:
        return bytes([page[character]])
    return (character if " " <= character <= "~" else nearest_ascii(character)).encode("ascii")
