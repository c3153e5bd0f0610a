"""The threads of a terminal: each does its work again and again until all are stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from offline_store.errors import StoreError

log = logging.getLogger("pos_plugin")

AGAIN_AFTER_S = 5.0
STOPS_WITHIN_S = 40.0


class Stepped(Protocol):
    """A device, or a queue elsewhere, that is looked after a step at a time."""

    def step(self) -> float:
        """How many seconds until the next one."""
        ...

    def close(self) -> None: ...


class Loops:
    """`stopping` is set once they are to end: a loop ends after the step that it is in."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        """Begins a loop, which is given `stopping`."""
        thread = threading.Thread(target=self._guarded, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def step(self, name: str, one: Stepped) -> None:
        """Begins a loop of its steps; it is closed at the end."""

        def steps(stopping: threading.Event) -> None:
            try:
                while not stopping.is_set():
                    stopping.wait(one.step())
            finally:
                one.close()

        self.run(name, steps)

    def join(self) -> None:
        """Waits for all of them, `stopping` being set."""
        for thread in self._threads:
            thread.join(timeout=STOPS_WITHIN_S)

    def _guarded(self, name: str, loop: Callable[[threading.Event], None]) -> None:
        """A loop that fails starts again after a while: a till sells for days without anybody looking at it."""
        while not self.stopping.is_set():
            try:
                loop(self.stopping)
            except StoreError as error:
                log.error("%s: %s", name, error)
            except Exception:
                log.exception("%s stopped; it starts again", name)
            self.stopping.wait(AGAIN_AFTER_S)
