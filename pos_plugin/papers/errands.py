"""What others ask of the thread that owns the printer: the drawer, a test page. Done between two receipts, or not at all.

One thread owns the printer and its wire, so nobody else may touch it, however urgent. An errand never waits behind more than
the receipt that is being printed, and what was given up is not done later: a drawer that opens by itself is worse than one
that does not open.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

T = TypeVar("T")


class TooBusy(Exception):
    """The errand was not begun in time, and is not done any more."""


class Errands:
    """A small letter box. `wake` stirs the thread that empties it."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._is_closed = False

    def ask(self, work: Callable[[], T], *, begins_within_s: float) -> T:
        """Waits for `work` to be done by the other thread; what it raises is raised here.

        Raises TooBusy where it was not begun in time. Once begun its end is waited for: `work` keeps bounds of its own.
        """
        asked: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                raise TooBusy
            self._waiting.append((asked, work))
        self._wake()
        try:
            return asked.result(begins_within_s)
        except FutureTimeout:
            if asked.cancel():
                raise TooBusy from None
            return asked.result()  # it is under way or done, or the time-out was its own
        except CancelledError:
            raise TooBusy from None

    def do_all(self) -> None:
        """By the thread that owns the printer: whatever was asked and not given up, in order."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                asked, work = self._waiting.popleft()
            if not asked.set_running_or_notify_cancel():
                continue
            try:
                asked.set_result(work())
            except BaseException as error:
                asked.set_exception(error)

    def close(self) -> None:
        """Nothing more is taken in, and what waits is given up."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, deque()
        for asked, _ in waiting:
            asked.cancel()
