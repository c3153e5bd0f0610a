"""What the scanners read, for whoever waits for it with a request that stays open.

There are two kinds, as at an IoT box. A plain poll takes a code away: of several that wait, the last to ask gets it. A listener
names devices and the time of the last event that it has seen, and every listener gets every event. Neither gets what is older
than five seconds: an item that Odoo was not there for must not turn up in the next customer's sale.

Everything here happens on one event loop; a poll costs no thread. `let_go` may be called from any thread, again and again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from pos_plugin.terminal import Scan

LOOK_EVERY_S = 0.05
FRESH_S = 5.0
KEPT = 16
MOST_WAITING = 16
"""Of each kind; beyond it, who has waited longest is answered that there is nothing."""
FOR_THE_HOST = ("item", "coupon")
"""What is sent on. A member's code is used here, and is nobody else's business."""

Event = dict[str, Any]
Gone = Callable[[], Coroutine[Any, Any, None]]
"""Ends when whoever asked has left."""


class Polls:
    """`scans` are the terminal's last ones; `now` is in seconds of the world's time."""

    def __init__(self, scans: Callable[[], list[Scan]], now: Callable[[], float]) -> None:
        self._scans = scans
        self._now = now
        self._seen = 0
        self._codes: deque[tuple[float, str]] = deque(maxlen=KEPT)
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._plain: list[asyncio.Future[str]] = []
        self._listeners: dict[str, tuple[Collection[str], asyncio.Future[Event | None]]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._plain) + len(self._listeners)

    @property
    def has_seen(self) -> int:
        """The number of the last scan that it has taken note of."""
        return self._seen

    def let_go(self) -> None:
        self._is_stopping = True

    async def code(self, within_s: float, gone: Gone) -> str:
        """The next item that a scanner reads; '' where there is none `within_s`, or whoever asked has left."""
        self._watch()
        while self._codes:
            read_at, code = self._codes.popleft()
            if read_at >= self._now() - FRESH_S:
                return code
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._plain.append(asked)
        if len(self._plain) > MOST_WAITING:
            _answer(self._plain[0], "")
        try:
            await self._wait(asked, within_s, gone)
        finally:
            self._plain.remove(asked)
        return asked.result() if asked.done() else ""

    async def event(
        self, session: str, devices: Collection[str], after: float, within_s: float, gone: Gone
    ) -> Event | None:
        """The first event of `devices` later than `after`; None is silence. A session that asks again ends its earlier wait."""
        self._watch()
        if after > self._now() + FRESH_S:
            after = 0.0  # of a time before this machine's clock was set right
        for event in self._events:
            if event["device_identifier"] in devices and event["time"] > max(after, self._now() - FRESH_S):
                return event
        asked: asyncio.Future[Event | None] = asyncio.get_running_loop().create_future()
        if session in self._listeners:
            _answer(self._listeners.pop(session)[1], None)
        self._listeners[session] = (devices, asked)
        if len(self._listeners) > MOST_WAITING:
            _answer(self._listeners.pop(next(iter(self._listeners)))[1], None)
        try:
            await self._wait(asked, within_s, gone)
        finally:
            if self._listeners.get(session, (None, None))[1] is asked:
                del self._listeners[session]
        return asked.result() if asked.done() else None

    def publish(self, device: str, **said: object) -> None:
        last = self._events[-1]["time"] if self._events else 0.0
        # A listener asks for what is later than the last that it has seen, and a clock may stand still for a while.
        at = self._now() if self._now() > last or self._now() < last - FRESH_S else last + 0.001
        event = {**said, "device_identifier": device, "time": at}
        self._events.append(event)
        for devices, asked in self._listeners.values():
            if device in devices:
                _answer(asked, event)

    def _watch(self) -> None:
        """From the first poll on; what was read before it was for nobody here."""
        if self._watching is None or self._watching.done():
            self._seen = max((scan.number for scan in self._scans()), default=0)
            self._watching = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while not self._is_stopping:
            for scan in self._scans():
                if scan.number > self._seen:
                    self._seen = scan.number
                    if scan.result.kind in FOR_THE_HOST:
                        self._read(scan.result.code)
            await asyncio.sleep(LOOK_EVERY_S)
        for asked in self._plain:
            _answer(asked, "")
        for _, listener in self._listeners.values():
            _answer(listener, None)

    def _read(self, code: str) -> None:
        self.publish("scanner", value=code)
        waiting = next((asked for asked in reversed(self._plain) if not asked.done()), None)
        if waiting is None:
            self._codes.append((self._now(), code))
        else:
            waiting.set_result(code)

    async def _wait(self, asked: asyncio.Future[Any], within_s: float, gone: Gone) -> None:
        left = asyncio.create_task(gone())
        try:
            await asyncio.wait({asked, left}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()


def _answer(asked: asyncio.Future[Any], answer: object) -> None:
    if not asked.done():
        asked.set_result(answer)
