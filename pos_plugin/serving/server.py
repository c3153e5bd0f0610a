"""Serves the local API and the page on loopback, and other ways in where the shop wants them; stops when asked.

Knows sockets and signals, and nothing of sales.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from pos_plugin.errors import PortInUse
from pos_plugin.serving.connections import Connection

GRACE_S = 5
"""So long a request that is under way may take once the till is told to stop."""
SOCKETS_GRACE_S = 1
"""Whoever prints over a WebSocket connects again, and hears there how the printer is."""
LARGEST_MESSAGE = 8 * 1024 * 1024
PING_S = 20.0
"""A WebSocket on which nothing is said is asked so often whether anybody is there, and has as long to answer."""
STARTS_WITHIN_S = 10.0
THREADS = 40
"""So many requests are worked on together."""


def stays() -> None:
    """What is there when a till begins to serve stays to the end: Python's collector, which stops every thread, need not look
    through it again in the middle of a sale."""
    gc.collect()
    gc.freeze()


class WebServer:
    """An application on a port of this machine. The port is taken at once: `port` 0 takes a free one, and `.port` says which.

    Raises PortInUse; OSError for a certificate (`tls`: the files of it and of its key) that cannot be read. Use `run()` in the
    calling thread, or `start()` and `stop()` around other work. `let_go` is called when it is told to stop. `sockets`: it speaks
    WebSocket, too.
    """

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        host: str,
        *,
        name: str = "page",
        tls: tuple[str, str] | None = None,
        sockets: bool = False,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._let_go = let_go
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{'[::1]' if host == '::1' else host}:{self.port}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            # Without the library's own packing: what is bounded is then what comes over the wire.
            ws="websockets-sansio" if sockets else "none",
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,
            http=Connection,
            timeout_graceful_shutdown=SOCKETS_GRACE_S if sockets else GRACE_S,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        try:
            config.load()
        except OSError:  # of the certificate
            self._socket.close()
            raise
        self._server = _Uvicorn(config, self._let_go)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serves until `stop()` is called elsewhere or, in the main thread, a signal arrives."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> Self:
        """Serves in a thread of its own; requests are answered once this returns."""
        self._thread = threading.Thread(target=self.run, name=self._name, daemon=True)
        self._thread.start()
        if not self._server.is_up.wait(STARTS_WITHIN_S):
            raise RuntimeError("the server did not start")
        return self

    def stop(self) -> None:
        """Ends what is under way and lets go of the port. Again does nothing."""
        self._let_go()
        self._server.should_exit = True
        if self._thread is None:
            self._socket.close()
        else:
            self._thread.join(GRACE_S + 5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Uvicorn(uvicorn.Server):
    """Ends on a signal and returns: uvicorn would raise the signal again, and the till's file would not be closed."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="request"))
        await super().startup(sockets)
        self.is_up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping()
        super().handle_exit(sig, frame)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns Nagle's algorithm (40 ms an answer) off only where it sees TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform == "win32":
        # There, SO_REUSEADDR would let a second program take the same port.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except (OSError, TypeError) as error:  # the latter for a name that cannot be one
        bound.close()
        raise PortInUse(host, port, getattr(error, "strerror", "") or str(error)) from error
    return bound
