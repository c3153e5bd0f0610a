"""What the customer reads on the line display: a welcome, their points, what is to pay, the new balance.

It is told what happens and shows it for a while. It shows no name, no phone number and no card: everybody in the queue can read
it. Nothing waits for it, and a display that is not there troubles nobody: it is tried again until it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drivers.document import display_columns
from drivers.errors import DeviceError
from loyalty.program import Program
from loyalty.words import MONTHS
from offline_store.members import Balance
from pos_plugin.codes.identifying import Identified
from pos_plugin.papers.layout import Layout, columns, first_columns
from pos_plugin.papers.receipts import local
from pos_plugin.sales.quotes import Completed, Quote

GREETING_S = 30.0
QUOTE_S = 300.0
"""The sale on screen may take that long between two items; after that the customer has gone."""
THANKS_S = 12.0
REFRESH_S = 20.0
"""The same text is sent again this often: a display that lost its power forgets it, and says nothing."""
AGAIN_AFTER_S = 3.0

_ALONE = "{points}"  # a figure without words has nothing to translate


@dataclass(frozen=True)
class Notice:
    """Two lines of the host's own, for so long."""

    upper: str
    lower: str
    lasts_s: float


Told = Identified | Quote | Completed | Notice
"""Who was identified, what a sale would come to, what was recorded, or what the host has to say."""


def lasts_s(what: Told) -> float:
    """For how long that concerns whoever stands there."""
    match what:
        case Notice():
            return what.lasts_s
        case Quote():
            return QUOTE_S
        case Completed():
            return THANKS_S
        case Identified():
            return GREETING_S


class Glass(Protocol):
    """What is needed of `drivers.display.LineDisplay`."""

    def show(self, upper: str, lower: str) -> None: ...
    def look(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Figures:
    """A member's points under a programme, and whether they are all that there is to know."""

    program: Program
    balance: Balance
    is_current: bool


class CustomerDisplay:
    """One display of one till. `tell` may be called from any thread and waits for nothing; one thread calls `step`.

    `figures` reads a member's points, of "" the programme alone.
    """

    def __init__(
        self,
        glass: Glass,
        layout: Layout,
        figures: Callable[[str], Figures],
        *,
        columns: int = 20,
        idle: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._glass = glass
        self._figures = figures
        self._columns = columns
        self._clock = clock
        self._own_idle = tuple(idle)
        self._lock = threading.Lock()
        self._told: Told | None = None
        self._until = 0.0
        self.use(layout)
        self._lines = self._idle
        self._sent_at = -REFRESH_S
        self._again_at = 0.0
        self.trouble = ""
        """Why nothing can be shown, for whoever set the display up; "" while all is well."""

    def use(self, layout: Layout) -> None:
        """The shop's name or language is this from here on, as on receipts."""
        first = layout.header[0] if layout.header else ""
        with self._lock:
            self._layout = layout
            self._idle = (*(self._own_idle or (first, layout.say("Welcome"))), "", "")[:2]
            self._is_news = True

    def tell(self, what: Told | None) -> None:
        """Something that concerns the customer; None: the sale is over without one."""
        with self._lock:
            self._told, self._until, self._is_news = what, self._clock() + (lasts_s(what) if what else 0.0), True

    def step(self) -> None:
        """Shows what is due, if it is not shown already; never raises because of the display."""
        now = self._clock()
        with self._lock:
            if self._told is not None and now >= self._until:
                self._told, self._is_news = None, True
            told, is_news = self._told, self._is_news
            self._is_news = False
        if is_news:
            self._lines = self._idle if told is None else self._said(told)
        if self.trouble and now < self._again_at:
            return
        try:
            if is_news or self.trouble or now >= self._sent_at + REFRESH_S:
                self._glass.show(*self._lines)
                self._sent_at = now
            else:
                self._glass.look()
            self.trouble = ""
        except DeviceError as error:
            self.trouble = f"{error} {error.hint}".strip()
            self._again_at = now + AGAIN_AFTER_S

    def close(self) -> None:
        """Leaves the idle text: a till that is closed asks nobody to pay."""
        if not self.trouble:
            try:
                self._glass.show(*self._idle)
            except DeviceError as error:
                self.trouble = str(error)
        self._glass.close()

    def _said(self, told: Told) -> tuple[str, str]:
        say = self._layout.say
        match told:
            case Notice():
                return first_columns(told.upper, self._columns), first_columns(told.lower, self._columns)
            case Identified():
                return self._greeting(self._figures(told.member))
            case Quote():
                to_pay = self._row(say("To pay"), self._layout.money(told.due_minor))
                if not (told.member and told.earn_points):
                    return to_pay, ""
                unit = self._figures("").program.unit
                return to_pay, say("{points} to come", points=unit.counted(told.earn_points))
            case Completed():
                if not told.member:
                    return say("Thank you"), ""
                figures = self._figures(told.member)
                if figures.is_current:
                    return say("Thank you"), say("New balance {points}", points=figures.balance.points)
                return say("Thank you"), self._row(say("This sale"), f"{told.earned_points:+d}")

    def _greeting(self, figures: Figures) -> tuple[str, str]:
        say, balance = self._layout.say, figures.balance
        if figures.is_current:
            return say("Welcome"), self._points(figures, balance.points)
        if not balance.as_of:
            return say("Welcome"), ""
        # What head office said and what happened here since stand apart, as on the receipt.
        at: datetime = local(figures.program, balance.as_of)
        moment = f"{at.day} {say(MONTHS[at.month - 1])} {at:%H:%M}"
        since = f"{balance.since:+d}" if balance.since else ""
        return (
            say("Balance {moment}", moment=moment),
            self._row(self._points(figures, balance.known), since),
        )

    def _points(self, figures: Figures, points: int) -> str:
        return self._layout.say(_ALONE, points=figures.program.unit.counted(points))

    def _row(self, left: str, right: str) -> str:
        """Both at their edges; where there is no room for both, the figure on the right stays."""
        if display_columns(right) > self._columns:
            return right
        return columns(left, right, self._columns)
