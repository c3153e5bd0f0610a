"""One connection: how long it may take to say what it wants, how many there are, and what is answered to what is no HTTP.

uvicorn bounds the size of a request's head and how long a connection may idle after an answer. It waits for ever for a first
request, for the rest of a head that comes byte by byte, for a body that nobody reads, and for a peer that does not read; that
is bounded here.
"""

from __future__ import annotations

import asyncio
import socket

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from ledger.wire import Refusal

REQUEST_WITHIN_S = 10.0
"""So long a connection may take until the head of a request is there, from its first moment or from its last answer."""
ANSWER_WITHIN_S = 60.0
"""So long an answer may wait for a peer that does not read."""
MOST_CONNECTIONS = 512
"""Half of the files that a process may have open where nobody has changed it, so that the database always finds some."""


class Connection(H11Protocol):
    """A peer of head office."""

    request_within_s = REQUEST_WITHIN_S
    answer_within_s = ANSWER_WITHIN_S
    most_connections = MOST_CONNECTIONS
    _until_request: asyncio.TimerHandle | None = None
    _until_read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Head and body of an answer are two writes: with Nagle's algorithm the second waits 40 ms for the peer. asyncio turns
        # it off only for sockets that were made with the protocol's name.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.most_connections:
            hint = "Nothing was taken over. Keep it and send it again in a minute."
            self._refuse(503, Refusal("BUSY", "Head office has too many connections at once.", hint))
        else:
            self._bound_waiting()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._bound_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._until_request, self._until_read):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._until_read = self.loop.call_later(self.answer_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._until_read is not None:
            self._until_read.cancel()

    def send_400_response(self, msg: str) -> None:
        hint = "docs/wire-format.md shows how head office is spoken to."
        self._refuse(400, Refusal("NOT_HTTP", "This is not HTTP.", hint))

    def _bound_waiting(self) -> None:
        """Runs the time while no request is being answered: also while what nobody asked for is read and dropped."""
        is_waiting = self.cycle is None or self.cycle.response_complete
        if not is_waiting and self._until_request is not None:
            self._until_request.cancel()
            self._until_request = None
        elif is_waiting and self._until_request is None:
            self._until_request = self.loop.call_later(self.request_within_s, self._cut_off)

    def _cut_off(self) -> None:
        self._until_request = None
        if self.cycle is not None and not self.cycle.response_complete:
            return
        self._refuse(408, Refusal("TOO_SLOW", f"No request within {self.request_within_s:g} s.", "Send it again."))

    def _refuse(self, status: int, refusal: Refusal) -> None:
        """Answers where it is still head office's turn, and hangs up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = msgspec.json.encode(refusal)
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            parts = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(part) or b"" for part in parts))
        self.transport.close()
