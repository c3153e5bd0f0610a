"""Who may come in where a protocol of another maker knows no keys: this machine, and whom the shop has named.

Every web page that is open in a browser on this machine can send requests to it. So the page must be one of `origins`, and Host
must be an address (what a foreign name that resolves to this machine is not) or one of `names`. Of other machines only `clients`
come in. Each refusal is one sentence of plain text; what the protocol would say is for those who may speak it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pos_plugin.config import DoorSettings
from pos_plugin.serving.bodies import replayed
from pos_plugin.serving.bugs import log_bug

LARGEST_BODY = 8 * 1024 * 1024
"""A receipt as a picture, in base64."""
BODY_WITHIN_S = 20.0
REQUESTS = 600
REQUESTS_WITHIN_S = 60.0
"""So many requests of one address a minute: ten a second, and a till that polls needs one."""
CLIENTS = 64
HEADERS_ALLOWED = b"accept, authorization, content-type, if-modified-since, soapaction, x-debug-mode, x-requested-with"
"""Odoo's own list (odoo/http.py), and what clients of ePOS-Print send."""

log = logging.getLogger("pos_plugin")


class Door:
    """ASGI middleware around one protocol, http and WebSocket alike. `clock` is monotonic, in seconds."""

    def __init__(
        self,
        app: ASGIApp,
        settings: DoorSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        largest_body: int = LARGEST_BODY,
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self._app = app
        self._origins = {origin.lower() for origin in settings.origins}
        self._names = {name.lower() for name in (*settings.names, "localhost")}
        self._clients = [ipaddress.ip_network(one) for one in settings.clients]
        self._clock = clock
        self._largest_body = largest_body
        self._body_within_s = body_within_s
        self._asked: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get("origin", "")
        if refused := self._refusal(scope, headers, origin):
            log.info("a way in: %s", refused[1])
            await _refuse(scope, receive, send, *refused)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and origin:
            await _answer(send, 204, b"", [*_cors(origin), *_PREFLIGHT])
        else:
            await self._let_in(scope, receive, send, headers, origin)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], origin: str) -> None:
        try:
            async with asyncio.timeout(self._body_within_s):
                body = await _body(receive, headers.get("content-length", ""), self._largest_body)
        except TimeoutError:
            text = f"The request was not all here within {self._body_within_s:g} s. Nothing was done with it."
            await _answer(send, 408, text.encode(), [*_cors(origin), (b"connection", b"close")])
            return
        except _Gone:
            return
        if body is None:
            text = f"The request is larger than {self._largest_body:,} bytes. Nothing was done with it."
            await _answer(send, 413, text.encode(), [*_cors(origin), (b"connection", b"close")])
            return

        started = False

        async def send_with_cors(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", []), *_cors(origin)]
            await send(message)

        try:
            await self._app(scope, replayed(body, receive), send_with_cors)
        except Exception as error:
            log_bug(error)
            if not started:
                await _answer(send, 500, b"The till could not do this because of an error in itself.", _cors(origin))

    def _refusal(self, scope: Scope, headers: dict[str, str], origin: str) -> tuple[int, str] | None:
        client = scope["client"][0] if scope.get("client") else "nobody"
        own = scope["server"][0] if scope.get("server") else ""
        # Both ends of a connection under one address: this machine, asked under its address in the shop's network.
        if client != own and not self._may_come_in(client):
            return 403, "This machine is not among the clients of this door. Name it in till.toml."
        if not _is_named(headers.get("host", ""), self._names):
            return 403, "This door answers under its address, or a name that till.toml gives it."
        if origin and origin.lower() not in self._origins:
            return 403, "This web page is not among the origins of this door. Name it in till.toml."
        return None if self._has_time_for(client) else (429, "Too many requests in a minute. Wait a moment.")

    def _may_come_in(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return address.is_loopback or any(address in network for network in self._clients)

    def _has_time_for(self, client: str) -> bool:
        now = self._clock()
        asked = self._asked.pop(client, None) or deque(maxlen=REQUESTS)
        self._asked[client] = asked  # the last in the book asked last
        if len(self._asked) > CLIENTS:
            del self._asked[next(iter(self._asked))]
        while asked and asked[0] <= now - REQUESTS_WITHIN_S:
            asked.popleft()
        if len(asked) == REQUESTS:
            return False
        asked.append(now)
        return True


_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, OPTIONS"),
    (b"access-control-allow-headers", HEADERS_ALLOWED),
    (b"access-control-allow-private-network", b"true"),
    (b"access-control-max-age", b"600"),
]


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    """Of an origin that may come in; a program that is no browser needs none."""
    return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")] if origin else []


def _is_named(host: str, names: set[str]) -> bool:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    if name.lower() in names:
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class _Gone(Exception):
    """Whoever asked left before all was here: half a request is none."""


async def _body(receive: Receive, announced: str, largest: int) -> bytes | None:
    """All of a body, or None for one that is too large. Raises _Gone."""
    if announced.isascii() and announced.isdigit() and int(announced) > largest:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > largest:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # "websocket.connect"; closed before it is accepted, the answer is 403
        await send({"type": "websocket.close", "code": 1008, "reason": text})
        return
    await _answer(send, status, text.encode(), [(b"connection", b"close")])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    given = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if status == 204:
        given = []
    await send({"type": "http.response.start", "status": status, "headers": [*given, *headers]})
    await send({"type": "http.response.body", "body": body})
