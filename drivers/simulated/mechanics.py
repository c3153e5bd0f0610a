"""The moving parts of a receipt printer: roll, cover, cutter, feed button, drawer, and the time that printing takes.

It knows what stops the printer and how the sensors stand, and reads no clock; `status` turns it into the bytes that a
client sees, and `printer` lets the hands of whoever stands there move it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

MM_PER_INCH: Final = 25.4

PaperState = Literal["ok", "near end", "out"]
ErrorState = Literal["", "recoverable", "automatic", "unrecoverable"]
DrawerSensor = Literal["high when open", "low when open", "none"]


@dataclass
class Drawer:
    """A cash drawer on one pin of the printer's connector, whose sensor stands on pin 3."""

    sensor: DrawerSensor = "high when open"
    pin: Literal[2, 5] = 2
    is_open: bool = False
    is_locked: bool = False

    def pulse(self, m: int) -> None:
        """ESC p m: 0 is pin 2, 1 is pin 5."""
        if (2, 5)[m & 1] == self.pin and not self.is_locked:
            self.is_open = True

    @property
    def pin_3_is_high(self) -> bool:
        # The printer pulls the pin up: with nothing on it, it stands high.
        return self.sensor == "none" or self.is_open == (self.sensor == "high when open")


@dataclass
class Mechanics:
    paper: PaperState = "ok"
    lines_left: int | None = None  # how many lines the roll still holds, where that is set
    cover_is_open: bool = False
    cutter_is_jammed: bool = False
    error: ErrorState = ""
    feed_button_is_held: bool = False
    drawer: Drawer = field(default_factory=Drawer)

    @property
    def is_online(self) -> bool:
        return not (self.causes or self.feed_button_is_held)

    @property
    def causes(self) -> tuple[str, ...]:
        """What makes it go offline, apart from a hand on the feed button."""
        stops = {
            "cover": self.cover_is_open,
            "paper": self.paper == "out",
            "cutter": self.cutter_is_jammed,
            "error": bool(self.error),
        }
        return tuple(cause for cause, stands in stops.items() if stands)

    def use_paper(self, lines: int) -> None:
        if self.lines_left is not None:
            self.lines_left -= lines
            if self.lines_left <= 0:
                self.paper, self.lines_left = "out", None

    def recover(self) -> None:
        """DLE ENQ: what a host's word puts right."""
        self.cutter_is_jammed = False
        if self.error == "recoverable":
            self.error = ""

    def power_on(self) -> None:
        """Errors of the electronics are gone; a jam, an open cover and an empty roll are not."""
        self.error = ""
        self.feed_button_is_held = False


@dataclass
class Pace:
    """How long printing takes: a speed of the paper and of the bytes; None takes no time.

    The printer is busy until `free_at_s`, by whatever clock its owner reads.
    """

    mm_per_s: float | None = None
    bytes_per_s: float | None = None
    dpi: int = 203
    free_at_s: float = 0.0
    _is_resting: bool = True

    @property
    def takes_time(self) -> bool:
        return bool(self.mm_per_s or self.bytes_per_s)

    @property
    def is_at_work(self) -> bool:
        """Whether somebody has to look at `free_at_s`, even if it is over by now: what waits is printed on then."""
        return self.takes_time and not self._is_resting

    def is_busy(self, now_s: float) -> bool:
        return self.is_at_work and now_s < self.free_at_s

    def rest(self) -> None:
        """There is nothing to print, or nothing can be: time that passes now does not count towards the next line."""
        self._is_resting = True

    def spend(self, count: int, dots: int, now_s: float) -> None:
        """`count` bytes and `dots` of paper from the moment that the last ones were done, or from now after a rest."""
        if not self.takes_time:
            return
        start = max(now_s, self.free_at_s) if self._is_resting else self.free_at_s
        self._is_resting = False
        took_s = count / self.bytes_per_s if self.bytes_per_s else 0.0
        if self.mm_per_s:
            took_s += dots * MM_PER_INCH / self.dpi / self.mm_per_s
        self.free_at_s = start + took_s
