"""The modes that ESC @ puts back: how characters look, where lines stand, how far they are apart, how bar codes come out.

Each command of a mode is one method here; none of them prints. Distances are dots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drivers.simulated.pieces import FONT_A, FONT_B, WIDE, Area, Style

LINE_SPACING_DOTS: Final = 30


class Modes:
    def __init__(self, width_dots: int, dpi: int) -> None:
        self.width_dots = width_dots
        self._dpi = dpi
        self.reset()

    def reset(self) -> None:
        self.style = Style()
        self._kanji = Style(WIDE, is_wide=True)
        self.left, self.width, self.align = 0, self.width_dots, 0
        self.upside_down = False
        self._line_spacing = LINE_SPACING_DOTS
        self._unit_x, self._unit_y = self._dpi, self._dpi  # motion units an inch
        self.tabs: tuple[int, ...] = tuple(stop * FONT_A[0] for stop in range(8, 256, 8))
        self.bar_height, self.bar_module, self.bar_text, self.bar_font = 162, 3, 0, FONT_A

    @property
    def wide_style(self) -> Style:
        """Of two-byte characters: what is common to both kinds, and FS ! and its like for what is not."""
        style = self.style
        return self._kanji._replace(
            bold=style.bold, inverted=style.inverted, rotated=style.rotated, italic=style.italic
        )

    @property
    def area(self) -> Area:
        left = min(self.left, self.width_dots - FONT_A[0])
        return Area(left, min(self.width, self.width_dots - left), self.align, self.upside_down)

    @property
    def line_spacing(self) -> int:
        return self._line_spacing

    def across(self, units: int) -> int:
        return units * self._dpi // self._unit_x

    def down(self, units: int) -> int:
        return units * self._dpi // self._unit_y

    def next_tab(self, x: int) -> int:
        return next((stop for stop in self.tabs if stop > x), x)

    # how characters look

    def set_all(self, parameters: bytes) -> None:
        """ESC !"""
        n = parameters[0]
        self.style = self.style._replace(
            cell=FONT_B if n & 0x01 else FONT_A,
            bold=bool(n & 0x08),
            height=2 if n & 0x10 else 1,
            width=2 if n & 0x20 else 1,
            underline=max(self.style.underline, 1) if n & 0x80 else 0,  # as thick as ESC - has said
        )

    def set_bold(self, parameters: bytes) -> None:
        self.style = self.style._replace(bold=bool(parameters[0] & 1))

    def set_underline(self, parameters: bytes) -> None:
        if parameters[0] % 48 <= 2:
            self.style = self.style._replace(underline=parameters[0] % 48)

    def set_inverted(self, parameters: bytes) -> None:
        self.style = self.style._replace(inverted=bool(parameters[0] & 1))

    def set_rotated(self, parameters: bytes) -> None:
        self.style = self.style._replace(rotated=parameters[0] % 48 in (1, 2))

    def set_italic(self, _: bytes) -> None:
        self.style = self.style._replace(italic=True)

    def end_italic(self, _: bytes) -> None:
        self.style = self.style._replace(italic=False)

    def set_font(self, parameters: bytes) -> None:
        self.style = self.style._replace(cell=FONT_B if parameters[0] % 48 in (1, 2) else FONT_A)

    def set_size(self, parameters: bytes) -> None:
        """GS !, of both kinds of characters."""
        n = parameters[0]
        width, height = (n >> 4 & 7) + 1, (n & 7) + 1
        self.style = self.style._replace(width=width, height=height)
        self._kanji = self._kanji._replace(width=width, height=height)

    def set_spacing(self, parameters: bytes) -> None:
        self.style = self.style._replace(spacing=self.across(parameters[0]))

    def set_kanji(self, parameters: bytes) -> None:
        """FS !"""
        n = parameters[0]
        self._kanji = self._kanji._replace(
            width=2 if n & 0x04 else 1,
            height=2 if n & 0x08 else 1,
            underline=max(self._kanji.underline, 1) if n & 0x80 else 0,
        )

    def set_kanji_underline(self, parameters: bytes) -> None:
        if parameters[0] % 48 <= 2:
            self._kanji = self._kanji._replace(underline=parameters[0] % 48)

    def set_kanji_quadruple(self, parameters: bytes) -> None:
        size = 2 if parameters[0] & 1 else 1
        self._kanji = self._kanji._replace(width=size, height=size)

    def set_kanji_spacing(self, parameters: bytes) -> None:
        """FS S left right: here both stand on the right."""
        self._kanji = self._kanji._replace(spacing=self.across(parameters[0] + parameters[1]))

    # where lines stand

    def set_align(self, parameters: bytes) -> None:
        if parameters[0] % 48 <= 2:
            self.align = parameters[0] % 48

    def set_upside_down(self, parameters: bytes) -> None:
        self.upside_down = bool(parameters[0] & 1)

    def set_left(self, parameters: bytes) -> None:
        self.left = self.across(u16(parameters))

    def set_width(self, parameters: bytes) -> None:
        self.width = max(self.across(u16(parameters)), FONT_A[0])

    def set_line_spacing(self, parameters: bytes) -> None:
        self._line_spacing = self.down(parameters[0]) if parameters else LINE_SPACING_DOTS

    def set_units(self, parameters: bytes) -> None:
        """GS P x y: parts of an inch; 0 is the printer's own."""
        self._unit_x, self._unit_y = parameters[0] or self._dpi, parameters[1] or self._dpi

    def set_tabs(self, parameters: bytes) -> None:
        """ESC D: columns of the font as it is now; each stop further right than the one before."""
        stops: list[int] = []
        for column in parameters[:-1]:
            stop = column * self.style.column_dots
            if stops and stop <= stops[-1]:
                break
            stops.append(stop)
        self.tabs = tuple(stops)

    # bar codes

    def set_bar_height(self, parameters: bytes) -> None:
        self.bar_height = parameters[0] or 1

    def set_bar_module(self, parameters: bytes) -> None:
        self.bar_module = min(max(parameters[0], 1), 6)

    def set_bar_text(self, parameters: bytes) -> None:
        if parameters[0] % 48 <= 3:
            self.bar_text = parameters[0] % 48

    def set_bar_font(self, parameters: bytes) -> None:
        self.bar_font = FONT_B if parameters[0] % 48 in (1, 2) else FONT_A


# These take effect at the beginning of a line only.
AT_LINE_START: Final = frozenset(("ESC a", "ESC {", "GS L", "GS W"))

COMMANDS: Final[dict[str, Callable[[Modes, bytes], None]]] = {
    "ESC !": Modes.set_all,
    "ESC E": Modes.set_bold,
    "ESC G": Modes.set_bold,
    "ESC -": Modes.set_underline,
    "GS B": Modes.set_inverted,
    "ESC V": Modes.set_rotated,
    "ESC 4": Modes.set_italic,
    "ESC 5": Modes.end_italic,
    "ESC M": Modes.set_font,
    "GS !": Modes.set_size,
    "ESC SP": Modes.set_spacing,
    "FS !": Modes.set_kanji,
    "FS -": Modes.set_kanji_underline,
    "FS W": Modes.set_kanji_quadruple,
    "FS S": Modes.set_kanji_spacing,
    "ESC a": Modes.set_align,
    "ESC {": Modes.set_upside_down,
    "GS L": Modes.set_left,
    "GS W": Modes.set_width,
    "ESC 2": Modes.set_line_spacing,
    "ESC 3": Modes.set_line_spacing,
    "GS P": Modes.set_units,
    "ESC D": Modes.set_tabs,
    "GS h": Modes.set_bar_height,
    "GS w": Modes.set_bar_module,
    "GS H": Modes.set_bar_text,
    "GS f": Modes.set_bar_font,
}


def u16(two_bytes: bytes) -> int:
    return two_bytes[0] + 256 * two_bytes[1]
