"""What the page should look at: numbered hints in a bounded ring. Losing one costs nothing, because state is read anew."""

from __future__ import annotations

import threading
from collections import deque

import msgspec

RING = 256


class Event(msgspec.Struct, frozen=True):
    """`about`: "scan", "scanner", "sale", "print", "printer", "display", "sync", "members", "lane" or "customer"."""

    number: int
    about: str


class Events:
    def __init__(self) -> None:
        self._ring: deque[Event] = deque(maxlen=RING)
        self._number = 0
        self._changed = threading.Condition()

    def happened(self, about: str) -> None:
        with self._changed:
            self._number += 1
            self._ring.append(Event(self._number, about))
            self._changed.notify_all()

    @property
    def number(self) -> int:
        return self._number

    def after(self, number: int, timeout_s: float) -> list[Event]:
        """The events after `number`, waiting up to `timeout_s` for one; [] is silence, or a ring that has moved on."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number, timeout_s)
            return [event for event in self._ring if event.number > number]
