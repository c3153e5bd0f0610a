"""Who is at the till: the member whose card was read last, until a sale is theirs, or for ten minutes.

For sales of which this till hears only when they are printed. One that is told of later than it was printed belongs to whoever
was there then, so the last few are remembered. Nothing of it outlives the process.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

STAYS_S = 600
REMEMBERED = 16


class AtTill(msgspec.Struct, frozen=True):
    """`card` is masked. `since` is when it was read."""

    member: str
    card: str
    since: datetime


class _Stay:
    def __init__(self, who: AtTill) -> None:
        self.who = who
        self.ends = who.since + timedelta(seconds=STAYS_S)


class Lane:
    """Safe from several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stays: deque[_Stay] = deque(maxlen=REMEMBERED)

    def arrived(self, member: str, card: str) -> None:
        """Their card was read: whoever was there before has gone."""
        now = self._clock()
        with self._lock:
            self._end_all(now)
            self._stays.append(_Stay(AtTill(member, card, now)))

    def at(self, moment: datetime) -> AtTill | None:
        """Who was at the till then; None where nobody was, or a sale has been theirs since."""
        with self._lock:
            return next((one.who for one in self._stays if one.who.since <= moment < one.ends), None)

    @property
    def now(self) -> AtTill | None:
        return self.at(self._clock())

    def sold(self, who: AtTill) -> None:
        """A sale was theirs: it has used up their being there, also before now."""
        with self._lock:
            for one in self._stays:
                if one.who == who:
                    one.ends = one.who.since

    def bought(self, member: str) -> None:
        """A sale that was not printed elsewhere is recorded: if it was theirs, the next printed one is not."""
        there = self.now
        if there is not None and there.member == member:
            self.sold(there)

    def clear(self) -> bool:
        """Nobody is there any more; whether somebody was."""
        now = self._clock()
        with self._lock:
            was_there = any(one.who.since <= now < one.ends for one in self._stays)
            self._end_all(now)
            return was_there

    def _end_all(self, now: datetime) -> None:
        for one in self._stays:
            one.ends = min(one.ends, now)
