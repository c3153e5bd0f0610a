"""Where sales are worked on: one after the other in the thread of the server's loop, while another thread waits for the disk.

Threads of one interpreter take it from each other at every statement of SQLite's: the same sales take twice the processor there.
So what asks nobody else and takes about a millisecond is done here. Whoever may have to wait for head office, a printer or a
plugin works in a thread of the server, as every other request does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from offline_store.store import Job, Store

T = TypeVar("T")

TURN_S = 0.05
"""After so long the loop sends what is done and hears who else asks, before the line goes on."""
GROUP = 64
"""The most writes that are committed together: the first waits for all of them. Whoever bounds both more tightly makes every
thread take the interpreter more often, and all wait longer."""


class _Awaited(Job[T]):
    """A write that a coroutine waits for."""

    def __init__(self, work: Callable[[sqlite3.Connection], T], answer: asyncio.Future[T]) -> None:
        super().__init__(work)
        self.answer = answer


class Desk:
    """For the coroutines of one loop; `reckon` and `write` are awaited there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reckoning: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._waiting: deque[_Awaited[Any]] = deque()
        self._is_writing = False

    async def reckon(self, work: Callable[[], T]) -> T:
        """What `work` answers, or raises. It may read the store; a write would wait for a thread that waits for this one."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._reckoning.append((work, answer))
        if len(self._reckoning) == 1:
            loop.call_soon(self._reckon, loop)
        return await answer

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """As `Store.write`: answers once it is durable, together with what others write at the same time.

        A coroutine that does not wait for the answer any more has not undone it.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Awaited(work, answer))
        if not self._is_writing:
            self._is_writing = True
            loop.run_in_executor(None, self._write, loop)
        return await answer

    def _reckon(self, loop: asyncio.AbstractEventLoop) -> None:
        until = time.perf_counter() + TURN_S
        while self._reckoning:
            work, answer = self._reckoning[0]
            try:
                _tell(answer, work(), None)
            except Exception as error:
                _tell(answer, None, error)
            self._reckoning.popleft()
            if time.perf_counter() >= until:
                break
        if self._reckoning:
            loop.call_soon(self._reckon, loop)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: waits for its turn at the file, for the loop that does the work and for the disk, while more is asked."""
        is_more = True
        while is_more:
            together: list[_Awaited[Any]] = []
            try:
                self._store.write(partial(self._in_loop, loop, together))
            except BaseException as error:
                while self._waiting and len(together) < GROUP:  # what may have failed before any of them was begun
                    together.append(self._waiting.popleft())
                for one in together:
                    one.error = one.error or error
            is_more = bool(self._waiting)
            loop.call_soon_threadsafe(self._written, loop, together, is_more)

    def _in_loop(self, loop: asyncio.AbstractEventLoop, together: list[_Awaited[Any]], db: sqlite3.Connection) -> None:
        ran: Future[None] = Future()

        def run() -> None:
            try:
                while self._waiting and len(together) < GROUP:
                    together.append(self._waiting.popleft())
                    together[-1].run(db)
            except BaseException as error:
                ran.set_exception(error)
            else:
                ran.set_result(None)

        loop.call_soon_threadsafe(run)
        ran.result()

    def _written(self, loop: asyncio.AbstractEventLoop, together: list[_Awaited[Any]], is_more: bool) -> None:
        for one in together:
            _tell(one.answer, one.result, one.error)
        if is_more:
            return
        if self._waiting:  # that came after the thread had looked
            loop.run_in_executor(None, self._write, loop)
        else:
            self._is_writing = False


def _tell(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    """Unless whoever asked has gone."""
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)
