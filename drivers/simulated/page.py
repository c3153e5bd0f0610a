"""Page mode (ESC L): text, pictures and codes put anywhere in an area of the paper, in four directions, printed at once.

It places what `paper` gives it and remembers it until the page is printed. Its coordinates are those of the direction of
print (ESC T): x along the line, y from line to line; a position is that of the base of a character, or of the lower edge of
a picture or a code, as Epson's reference says under GS $.
"""

from __future__ import annotations

from typing import Final

from drivers.simulated.pieces import Characters, Code, Dots, Page, Placed

PAGE_HEIGHT_DOTS: Final = 1662  # as far down as an area may reach
_FIRST_LINE: Final = 24  # the base of the first line: one row of font A
_MOST_PLACED: Final = 10_000


class PageMode:
    """An area as ESC W sets it: `x`, `y` of its upper left corner and its size, on paper so many dots wide."""

    def __init__(self, paper_dots: int) -> None:
        self._paper_dots = paper_dots
        self._placed: list[Placed] = []
        self._bottom = 0
        self._direction = 0
        self._left, self._top, self._width, self._height = 0, 0, paper_dots, PAGE_HEIGHT_DOTS // 2
        self._home()

    @property
    def is_empty(self) -> bool:
        return not self._placed

    @property
    def line_dots(self) -> int:
        """How long a line is."""
        return self._height if self._direction & 1 else self._width

    def set_area(self, parameters: bytes) -> None:
        """ESC W xL xH yL yH dxL dxH dyL dyH."""
        x, y, width, height = (int.from_bytes(parameters[at : at + 2], "little") for at in (0, 2, 4, 6))
        if x < self._paper_dots and y < PAGE_HEIGHT_DOTS and width and height:
            self._left, self._top = x, y
            self._width = min(width, self._paper_dots - x)
            self._height = min(height, PAGE_HEIGHT_DOTS - y)
            self._home()

    def set_direction(self, parameters: bytes) -> None:
        """ESC T n: 0 to the right, 1 upwards, 2 to the left and upside down, 3 downwards."""
        if parameters[0] % 48 <= 3:
            self._direction = parameters[0] % 48
            self._home()

    def move_to_y(self, dots: int) -> None:
        self.y = max(0, dots)

    def move_by_y(self, dots: int) -> None:
        self.y = max(0, self.y + dots)

    def feed(self, dots: int) -> None:
        self.x = 0
        self.y += dots

    def place(self, part: Characters | Dots | Code, size: tuple[int, int]) -> None:
        """With its lower left corner where the next thing stands, and moves on behind it."""
        width, height = size
        x, y = self.x, self.y - height
        left, top, right, bottom = self._left, self._top, self._left + self._width, self._top + self._height
        corner = {
            0: (left + x, top + y),
            1: (left + y, bottom - x - width),
            2: (right - x - width, bottom - y - height),
            3: (right - y - height, top + x),
        }[self._direction]
        # Direction 1 is a quarter to the left, 2 is two of them, 3 is three.
        if self.y <= (self._width if self._direction & 1 else self._height) and len(self._placed) < _MOST_PLACED:
            self._placed.append(Placed(*corner, self._direction, part))  # type: ignore[arg-type]
            self._bottom = max(self._bottom, bottom)
        self.x += width

    def clear(self) -> None:
        """CAN."""
        self._placed.clear()
        self._bottom = 0
        self._home()

    def printed(self) -> Page | None:
        """The page as it stands; nothing placed is no page."""
        return Page(self._bottom, tuple(self._placed)) if self._placed else None

    def _home(self) -> None:
        self.x, self.y = 0, _FIRST_LINE
