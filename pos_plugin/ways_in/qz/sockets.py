"""The sockets of the pages: each is read all the time, its prints are done in order, one at a time.

What was asked before a page went away is printed, as QZ Tray does: a page that prints and moves on has printed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.qz.calls import Call, Calls, NotACall, read_call, refusal, reply

SOCKETS = 16
"""Pages that are connected at the same time; each has a thread while it prints."""
WAITING = 8
"""Calls of one page that wait for the one before."""
MESSAGES, MESSAGES_WITHIN_S = 200, 10.0
LOOK_EVERY_S = 0.5
"""How often a page that listens is told how the printer is, if that has changed."""
GOING_AWAY = 1012
"""The code with which uvicorn ends a socket when the till is closed."""

log = logging.getLogger("pos_plugin")


class Sockets:
    """The application at the door. `clock` is monotonic, in seconds."""

    def __init__(self, terminal: Terminal, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = Calls(terminal)
        self._clock = clock
        self._open = 0
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _no_page(send)
            return
        socket = WebSocket(scope, receive, send)
        if self._open >= SOCKETS:
            log.warning("[qz] more than %d pages are connected; this one is not let in", SOCKETS)
            await socket.close(1013)
            return
        self._open += 1
        try:
            await socket.accept()
            await self._serve(socket)
        except WebSocketDisconnect:
            pass
        finally:
            self._open -= 1

    async def _serve(self, socket: WebSocket) -> None:
        page = _Page(socket, self._calls, self._limiter())
        try:
            code = await self._read(socket, page)
            if code != GOING_AWAY:
                await page.finish()
        finally:
            page.drop()

    async def _read(self, socket: WebSocket, page: _Page) -> int:
        """Takes in what the page says until it goes; the code it went with."""
        said: deque[float] = deque(maxlen=MESSAGES)
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 0)
            now = self._clock()
            if len(said) == MESSAGES and said[0] > now - MESSAGES_WITHIN_S:
                log.warning("[qz] a page sent more than %d messages in %g s", MESSAGES, MESSAGES_WITHIN_S)
                await socket.close(1008, "Too many messages. Wait a moment, then connect again.")
                return 1008
            said.append(now)
            await page.hear(message.get("text") or "")

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(SOCKETS)
        return self._threads


class _Page:
    """One page that is connected."""

    def __init__(self, socket: WebSocket, calls: Calls, threads: anyio.CapacityLimiter) -> None:
        self._socket = socket
        self._calls = calls
        self._threads = threads
        self._waiting: asyncio.Queue[Call | None] = asyncio.Queue(WAITING)
        self._is_gone = False
        self._works = asyncio.create_task(self._work())
        self._watches: asyncio.Task[None] | None = None

    async def hear(self, text: str) -> None:
        if text == "ping":  # keeps the connection alive, and wants no answer
            return
        try:
            call = read_call(text)
        except NotACall as error:
            await self._say(refusal(error.uid, str(error)))
            return
        try:
            self._waiting.put_nowait(call)
        except asyncio.QueueFull:
            await self._say(refusal(call.uid, f"{WAITING} calls wait already. Nothing was done with this one."))

    async def finish(self) -> None:
        """Does what was asked before the page went away."""
        self._is_gone = True
        await self._waiting.put(None)
        await self._works

    def drop(self) -> None:
        for task in (self._works, self._watches):
            if task is not None:
                task.cancel()

    async def _work(self) -> None:
        while (call := await self._waiting.get()) is not None:
            # Abandoned when the till is closed: the printer's thread ends what it has begun, and nothing else.
            told = await anyio.to_thread.run_sync(
                self._calls.answer, call, abandon_on_cancel=True, limiter=self._threads
            )
            if call.call == "printers.startListening" and "error" not in told:
                await self._watch(anew=True)
            elif call.call == "printers.stopListening":
                self._unwatch()
            elif call.call == "printers.getStatus":
                if self._watches is None:
                    told = refusal(call.uid, "No printer listeners started for this client.")
                else:
                    await self._say(self._calls.status_event())
            await self._say(told)

    async def _watch(self, *, anew: bool) -> None:
        if self._watches is None or anew:
            self._unwatch()
            self._watches = asyncio.create_task(self._tell_changes())

    def _unwatch(self) -> None:
        if self._watches is not None:
            self._watches.cancel()
            self._watches = None

    async def _tell_changes(self) -> None:
        # Trouble that stands already is told as well: who listens only now could otherwise wait for ever to hear of it.
        before = None if self._calls.is_in_trouble else self._calls.status_event()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            event = self._calls.status_event()
            if event != before:
                before = event
                await self._say(event)

    async def _say(self, what: dict[str, Any]) -> None:
        if self._is_gone:
            return
        try:
            await self._socket.send_text(reply(what))
        except (WebSocketDisconnect, RuntimeError):  # it went while its call was done
            self._is_gone = True


async def _no_page(send: Send) -> None:
    text = b"This is the till's door for pages that print through QZ Tray. It speaks WebSocket."
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(text)).encode()),
        (b"upgrade", b"websocket"),
    ]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": text})
