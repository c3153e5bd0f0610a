"""One connection to the till: read by httptools, with what that library leaves open bounded here.

httptools is a parser in C, which takes a third of the time of h11's Python. But it gathers an address, a header or the lines
after a chunked body for as long as they go on, and uvicorn adds no bound to it, nor one for a head that comes byte by byte. A
body is bounded by who reads it (`local_api.guard`, `ways_in`).
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and its headers."""
MOST_HEADERS = 100
FRAMING = 8
"""A body that comes in chunks may have so many bytes around each of its own."""
LARGEST_DROPPED = 4 * 1024 * 1024
"""A body to which the answer is known is read up to here, so that its sender gets to see the answer."""
HEAD_WITHIN_S = 10.0
"""So long a connection may take until the head of its first request is there, and the head of any other once it has begun."""


class _TooMuch(Exception):
    """A head beyond its bounds."""


class _Together(asyncio.Transport):
    """Sends the head of an answer with what follows at once: one packet, and one time less that another thread goes first."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept = b""
        self._is_head = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_head:
            self._is_head, self._kept = False, bytes(data)
            self._loop.call_soon(self._send)
            return
        kept, self._kept = self._kept, b""
        self._transport.write(kept + data if kept else data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _send(self) -> None:
        kept, self._kept = self._kept, b""
        if kept:
            self._transport.write(kept)


class Connection(HttpToolsProtocol):
    """A peer of the till. What is no HTTP is answered 400, a head too large 431 and one too slow 408; all are hung up on."""

    head_within_s = HEAD_WITHIN_S
    _in_head = True
    _is_too_much = False
    _head = 0
    _body = 0
    _beside_body = 0
    _until_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # What the parser keeps of something unfinished is seen by nobody but whoever counts what it is fed.
        self._beside_body += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._beside_body > LARGEST_HEAD + FRAMING * self._body:
            self._refuse(431, "Too much around the body.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()
        self._head, self._body = 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            raise _TooMuch  # behind a body, where nobody asks for any
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        hosts, version = sum(name == b"host" for name, _ in self.headers), self.parser.get_http_version()
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise ValueError("RFC 9112, 2.3 and 3.2: there is a version, and which host is meant is said once")
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.transport is self.transport:
            self.cycle.transport = _Together(self.transport, self.loop)

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        self._body += len(body)
        if self.cycle.response_complete and self._body > LARGEST_DROPPED:
            self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head, self._beside_body = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self.pipeline and self.cycle.more_body:
            self._wait_for_head()  # answered before all of it was here: the rest is dropped, but not for ever
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """For what the parser, or a method above, has refused."""
        if self._is_too_much:
            self._refuse(431, "The head of this request is too large.")
        else:
            self._refuse(400, msg)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD or len(self.headers) > MOST_HEADERS:
            self._is_too_much = True
            raise _TooMuch

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._until_head = self.loop.call_later(self.head_within_s, self._refuse, 408, "No request came in time.")

    def _stop_waiting(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None

    def _refuse(self, status: int, text: str) -> None:
        """Says why, unless an answer is under way, and hangs up."""
        if self.cycle is None or self.cycle.response_complete:
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head % len(text) + text.encode("ascii"))
        self.transport.close()
