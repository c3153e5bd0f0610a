"""Server-sent events: the terminal's numbered hints, for as long as somebody listens and the till runs."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import msgspec

from pos_plugin.events import Events

MOST_LISTENERS = 16
WAIT_S = 0.5
"""For so long a closing till may have to wait for its listeners."""
HEARTBEAT_S = 15.0


class Listeners:
    """Counts who listens; each takes a thread while it waits, so there is a bound."""

    def __init__(self) -> None:
        self.count = 0
        self.stopping = threading.Event()
        self._threads: anyio.CapacityLimiter | None = None

    async def stream(self, events: Events, after: int | None) -> AsyncIterator[bytes]:
        """Events after number `after`, or from now on where it is None or of an earlier start of the till.

        The first is always a "hello": whoever (re)connects reads the state anew.
        """
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(MOST_LISTENERS)
        self.count += 1
        try:
            number = events.number if after is None or after > events.number else after
            yield b"retry: 1000\n" + _event(number, "hello")
            silent_s = 0.0
            while not self.stopping.is_set():
                news = await anyio.to_thread.run_sync(events.after, number, WAIT_S, limiter=self._threads)
                for one in news:
                    number = one.number
                    yield _event(one.number, one.about)
                silent_s = 0.0 if news else silent_s + WAIT_S
                if silent_s >= HEARTBEAT_S:
                    silent_s = 0.0
                    yield b": still here\n\n"
        finally:
            self.count -= 1


def _event(number: int, about: str) -> bytes:
    data = msgspec.json.encode({"number": number, "about": about})
    return b"id: %d\ndata: %b\n\n" % (number, data)
