"""In which modes a till has left its printer, as far as a block put in must know them: to print in, and to put back afterwards.

Commands are those of Epson's ESC/POS reference. What no command has set since ESC @ is None where the printer's own switches may
say otherwise (code page, international set); such a mode is never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from drivers.escpos.parser import Command, Item
from drivers.escpos.profile import Profile
from drivers.simulated.modes import AT_LINE_START
from drivers.simulated.text import KANJI_IS_UTF8

INCH_DOTS: Final = 203  # distances here are dots of the commonest print head
LINE_DOTS: Final = 30  # a line as delivered: at least a seventh of an inch everywhere
FINEST_UNITS: Final = 360  # motion units an inch of a TM-T88 until GS P says otherwise; no printer has finer ones
_FIXED: Final = -1  # a distance that GS P has left in units that no longer count: it cannot be set again
_KANJI_AT_ONCE: Final = (
    "gb18030",
    "big5",
    "euc_kr",
)  # printers for China, Taiwan and Korea begin with two-byte characters
_BOLD, _DOUBLE_STRIKE = 0x45, 0x47

# GS ( k: code, function, and its value as delivered.
_SYMBOLS: Final = {
    (49, 65): b"2\x00",  # QR model 2
    (49, 67): b"\x03",
    (49, 69): b"0",  # level L
    (48, 65): b"\x00",  # PDF417: as many columns as fit
    (48, 67): b"\x03",
    (48, 69): b"1\x01",  # one tenth of the data
}


class PrintState(NamedTuple):
    """`font` is ESC M's n, distances are in the motion units in which they were set. Wide characters are those of two bytes.

    `strikes` has ESC E and ESC G (their last bytes) with what they last said, in that order: to some printers they are two modes
    that look alike, to others one.
    """

    kanji: bool = False
    font: int = 0
    strikes: tuple[tuple[int, bool], ...] = ()
    underline: int = 0
    size: tuple[int, int] = (1, 1)
    inverted: bool = False
    rotated: int = 0
    italic: bool = False
    upside_down: bool = False
    align: int = 0
    spacing: int = 0
    line_spacing: int | None = None
    units_y: int | None = None
    wide_size: tuple[int, int] = (1, 1)
    wide_underline: int = 0
    wide_spacing: tuple[int, int] = (0, 0)
    code_page: int | None = None
    international: int | None = None
    kanji_code: int = 0
    is_utf8: bool = False
    own_characters: bool = False
    bar_height: int = 162
    bar_module: int = 3
    bar_text: int = 0
    symbols: tuple[tuple[tuple[int, int], bytes], ...] = ()
    is_deselected: bool = False

    @classmethod
    def of(cls, profile: Profile) -> PrintState:
        """After ESC @, or as switched on."""
        return cls(kanji=profile.ideographs in _KANJI_AT_ONCE)

    def after(self, item: Item, *, line_is_open: bool) -> PrintState:
        """Of ESC @ only the caller knows what comes back, by `of`."""
        if not isinstance(item, Command):
            return self
        change = _CHANGES.get(item.name)
        if change is None or (line_is_open and item.name in AT_LINE_START):
            return self
        return change(self, item.parameters)

    @property
    def takes_utf8_alone(self) -> bool:
        """A clone's UTF-8 (FS C 255). How it is left each maker does otherwise: a block leaves it on, and has only ASCII."""
        return self.kanji_code == KANJI_IS_UTF8

    @property
    def line_dots(self) -> int:
        """How far LF feeds at least."""
        return LINE_DOTS if self.line_spacing is None else min(max(self.line_spacing, 0), LINE_DOTS)

    def dots(self, units: int) -> int:
        """How far ESC J feeds at least."""
        return units * INCH_DOTS // (self.units_y or FINEST_UNITS)

    def to_plain(self) -> bytes:
        """Puts away what would make a block look different: nothing, for most tills."""
        out = b"\x1c." if self.kanji and not self.takes_utf8_alone else b""
        out += b"\x1c(C\x02\x0001" if self.is_utf8 else b""
        out += b"\x1b%\x00" if self.own_characters else b""
        out += b"\x1bR\x00" if self.international else b""
        out += b"\x1ba\x00" if self.align else b""
        out += b"".join(bytes([0x1B, command, 0]) for command, _ in self.strikes) if self._is_bold else b""
        out += b"\x1b-\x00" if self.underline else b""
        out += b"\x1d!\x00" if (self.size, self.wide_size) != ((1, 1), (1, 1)) else b""
        out += b"\x1dB\x00" if self.inverted else b""
        out += b"\x1bV\x00" if self.rotated else b""
        out += b"\x1b5" if self.italic else b""
        out += b"\x1b{\x00" if self.upside_down else b""
        out += b"\x1b \x00" if self.spacing > 0 else b""
        out += b"\x1c-\x00" if self.wide_underline else b""
        return out + (b"\x1cS\x00\x00" if max(self.wide_spacing) > 0 else b"")

    def from_plain(self, *, sizes_changed: bool) -> bytes:
        """The way back. `sizes_changed` says that the block itself has used GS !, which it leaves at 0."""
        out = self._sizes() if sizes_changed or (self.size, self.wide_size) != ((1, 1), (1, 1)) else b""
        out += b"".join(bytes([0x1B, *strike]) for strike in self.strikes) if self._is_bold else b""
        out += bytes([0x1B, 0x2D, self.underline]) if self.underline else b""
        out += b"\x1dB\x01" if self.inverted else b""
        out += bytes([0x1B, 0x56, self.rotated]) if self.rotated else b""
        out += b"\x1b4" if self.italic else b""
        out += b"\x1b{\x01" if self.upside_down else b""
        out += bytes([0x1B, 0x61, self.align]) if self.align else b""
        out += bytes([0x1B, 0x20, self.spacing]) if self.spacing > 0 else b""
        out += bytes([0x1C, 0x2D, self.wide_underline]) if self.wide_underline else b""
        out += bytes([0x1C, 0x53, *self.wide_spacing]) if max(self.wide_spacing) > 0 else b""
        out += bytes([0x1B, 0x52, self.international]) if self.international else b""
        out += b"\x1b%\x01" if self.own_characters else b""
        out += b"\x1c(C\x02\x0002" if self.is_utf8 else b""
        return out + (b"\x1c&" if self.kanji and not self.takes_utf8_alone else b"")

    @property
    def _is_bold(self) -> bool:
        return any(on for _, on in self.strikes)

    def _sizes(self) -> bytes:
        """GS ! sets both kinds of characters; where they differ, ESC ! or FS ! has set the one that is not above two."""
        if self.size == self.wide_size:
            return b"\x1d!" + _size(self.size) if self.size != (1, 1) else b""
        if max(self.wide_size) <= 2:
            n = 4 * (self.wide_size[0] == 2) + 8 * (self.wide_size[1] == 2) + 0x80 * bool(self.wide_underline)
            return b"\x1d!" + _size(self.size) + b"\x1c!" + bytes([n])
        n = 0x20 * (self.size[0] == 2) + 0x10 * (self.size[1] == 2) + (self.font & 1)
        return b"\x1d!" + _size(self.wide_size) + b"\x1b!" + bytes([n, 0x1B, 0x4D, self.font])

    def code_settings(self, code: int | None) -> bytes:
        """Puts back what a bar code (None) or a GS ( k code of a block has set."""
        if code is None:
            return bytes([0x1D, 0x68, self.bar_height, 0x1D, 0x77, self.bar_module, 0x1D, 0x48, self.bar_text])
        values = {**_SYMBOLS, **dict(self.symbols)}
        return b"".join(
            b"\x1d(k" + (len(value) + 2).to_bytes(2, "little") + bytes(key) + value
            for key, value in values.items()
            if key[0] == code and key in _SYMBOLS
        )


def _size(size: tuple[int, int]) -> bytes:
    return bytes([size[0] - 1 << 4 | size[1] - 1])


def _set_all(state: PrintState, p: bytes) -> PrintState:
    n = p[0]
    return state._replace(
        font=n & 1,
        strikes=_strikes(state, _BOLD, on=bool(n & 0x08)),
        size=(2 if n & 0x20 else 1, 2 if n & 0x10 else 1),
        underline=bool(n & 0x80) * max(state.underline, 1),
    )


def _strikes(state: PrintState, command: int, *, on: bool) -> tuple[tuple[int, bool], ...]:
    return (*(strike for strike in state.strikes if strike[0] != command), (command, on))


def _strike(command: int) -> Callable[[PrintState, bytes], PrintState]:
    return lambda state, p: state._replace(strikes=_strikes(state, command, on=bool(p[0] & 1)))


def _set_size(state: PrintState, p: bytes) -> PrintState:
    size = ((p[0] >> 4 & 7) + 1, (p[0] & 7) + 1)
    return state._replace(size=size, wide_size=size)


def _set_wide(state: PrintState, p: bytes) -> PrintState:
    n = p[0]
    size = (2 if n & 0x04 else 1, 2 if n & 0x08 else 1)
    return state._replace(wide_size=size, wide_underline=bool(n & 0x80) * max(state.wide_underline, 1))


def _set_wide_twice(state: PrintState, p: bytes) -> PrintState:
    return state._replace(wide_size=(2, 2) if p[0] & 1 else (1, 1))


def _set_units(state: PrintState, p: bytes) -> PrintState:
    """Distances that are set already stay as they are."""
    return state._replace(
        units_y=p[1] or None,
        spacing=_FIXED if state.spacing else 0,
        wide_spacing=(_FIXED, _FIXED) if any(state.wide_spacing) else (0, 0),
        line_spacing=None if state.line_spacing is None else _FIXED,
    )


def _set_encoding(state: PrintState, p: bytes) -> PrintState:
    return state._replace(is_utf8=p[3] in (2, 0x32)) if p[2:3] == b"0" and len(p) == 4 else state


def _set_kanji_code(state: PrintState, p: bytes) -> PrintState:
    if p[0] == KANJI_IS_UTF8:
        return state._replace(kanji_code=KANJI_IS_UTF8)
    return state._replace(kanji_code=p[0] % 48) if p[0] % 48 <= 2 else state


def _set_symbol(state: PrintState, p: bytes) -> PrintState:
    key = (p[2], p[3]) if len(p) > 4 else (0, 0)
    if key not in _SYMBOLS:
        return state
    return state._replace(symbols=(*(one for one in state.symbols if one[0] != key), (key, p[4:12])))


def _set(field: str, meaning: Callable[[int], object]) -> Callable[[PrintState, bytes], PrintState]:
    def change(state: PrintState, p: bytes) -> PrintState:
        changed: dict[str, Any] = {field: meaning(p[0])}
        return state._replace(**changed)

    return change


def _flag(field: str) -> Callable[[PrintState, bytes], PrintState]:
    return _set(field, lambda n: bool(n & 1))


def _number(field: str) -> Callable[[PrintState, bytes], PrintState]:
    return _set(field, lambda n: n)


def _choice(field: str, most: int) -> Callable[[PrintState, bytes], PrintState]:
    """Numbers from 0, or their digits; what is beyond is ignored."""
    change = _set(field, lambda n: n % 48)
    return lambda state, p: change(state, p) if p[0] % 48 <= most else state


_CHANGES: Final[dict[str, Callable[[PrintState, bytes], PrintState]]] = {
    "ESC !": _set_all,
    "ESC E": _strike(_BOLD),
    "ESC G": _strike(_DOUBLE_STRIKE),
    "ESC -": _choice("underline", 2),
    "GS !": _set_size,
    "GS B": _flag("inverted"),
    "ESC V": _choice("rotated", 2),
    "ESC 4": lambda state, _: state._replace(italic=True),
    "ESC 5": lambda state, _: state._replace(italic=False),
    "ESC M": _choice("font", 4),
    "ESC SP": _number("spacing"),
    "ESC a": _choice("align", 2),
    "ESC {": _flag("upside_down"),
    "ESC 2": lambda state, _: state._replace(line_spacing=None),
    "ESC 3": _number("line_spacing"),
    "GS P": _set_units,
    "ESC t": _number("code_page"),
    "ESC R": _number("international"),
    "ESC %": _flag("own_characters"),
    "ESC =": lambda state, p: state._replace(is_deselected=not p[0] & 1),
    "FS !": _set_wide,
    "FS -": _choice("wide_underline", 2),
    "FS W": _set_wide_twice,
    "FS S": lambda state, p: state._replace(wide_spacing=(p[0], p[1])),
    "FS C": _set_kanji_code,
    "FS &": lambda state, _: state._replace(kanji=True),
    "FS .": lambda state, _: state._replace(kanji=False),
    "FS ( C": _set_encoding,
    "GS h": _number("bar_height"),
    "GS w": _number("bar_module"),
    "GS H": _choice("bar_text", 3),
    "GS ( k": _set_symbol,
}
