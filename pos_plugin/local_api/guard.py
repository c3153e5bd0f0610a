"""Who may talk to the till: this machine, under its own name, with the page's cookie or a program's key.

The till listens on loopback, where every web page that is open in a browser on this machine can send requests too. So Host
must name this machine (a foreign name that resolves to it is refused), Origin must be the page's own or one that the shop has
named (and then a key is needed: a cookie is for the page alone), bodies must be JSON (what a foreign form cannot send), and
whoever asks must show a cookie of this start or a key that may do what it asks.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pos_plugin.api_keys import ApiKey
from pos_plugin.local_api import rights
from pos_plugin.local_api.answers import internal, refusal_at
from pos_plugin.serving.bodies import replayed

LARGEST_BODY = 1024 * 1024
DRAINED_BODY = 4 * LARGEST_BODY
"""A body that is too large is read up to here, so that its sender gets to see the answer."""
BODY_WITHIN_S = 10.0
"""So long a body may take: whoever sends it is on this machine."""
FAILURES = 30
FAILURES_WITHIN_S = 60.0

HEADERS = {
    b"content-security-policy": (
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
_OF_ANSWERS = {**HEADERS, b"cache-control": b"no-store"}
_OF_PAGES = {**HEADERS, b"cache-control": b"no-cache"}
PREFLIGHT = {
    b"access-control-allow-methods": b"GET, POST, DELETE",
    b"access-control-allow-headers": (
        b"authorization, content-type, idempotency-key, last-event-id, "
        b"toast-transaction-type, toast-transaction-guid, toast-restaurant-external-id"
    ),
    b"access-control-max-age": b"600",
}

Refused = tuple[int, str, str, str]
"""Status, code, message and hint of a request that is not let in."""


class _Line:
    """The requests of one key: those in hand, and those that wait for their turn."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.bucket = rights.Bucket(clock)
        self.hands = asyncio.Semaphore(rights.IN_HAND)
        self.waiting = 0


class Guard:
    """ASGI middleware around the whole local API. `keys` answers whose key it is, or None; `origins` may call with a key."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        session: str,
        keys: Callable[[str], ApiKey | None],
        origins: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self._app = app
        self._session = session
        self._keys = keys
        self._origins = frozenset(origin.lower() for origin in origins)
        self._clock = clock
        self._body_within_s = body_within_s
        self._failures: dict[str, deque[float]] = {}
        self._lines: dict[str, _Line] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get("origin", "")
        cors = _cors(origin) if origin.lower() in self._origins else []

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*_with_headers(scope["path"], message.get("headers", [])), *cors]
            await send(message)

        try:
            await self._guarded(scope, headers, receive, send_guarded)
        except Exception as error:
            response = internal(error, scope["path"])
            if not started:
                await response(scope, receive, send_guarded)

    async def _guarded(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        refused = self._foreign(scope, headers)
        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if refused is None and is_preflight and headers.get("origin", "").lower() in self._origins:
            await _allow(send, is_private="access-control-request-private-network" in headers)
            return
        who: ApiKey | None = None
        if refused is None:
            who, refused = self._asker(scope, headers)
        if refused is not None:
            await self._refuse(scope, receive, send, self._counted(scope, refused))
            return
        scope.setdefault("state", {})["key"] = who
        line = self._lines.setdefault(who.name, _Line(self._clock)) if who else None
        if line is not None and (wait_s := line.bucket.take()):
            text = f"The key {who.name if who else ''} asks too often: more than {rights.A_SECOND:g} times a second."
            too_often = (429, "TOO_MANY_REQUESTS", text, "Wait as long as Retry-After says, then send it again.")
            await self._refuse(scope, receive, send, too_often, retry_after_s=wait_s)
            return
        body, refused = await self._read(scope, headers, receive)
        if refused is not None:
            await self._refuse(scope, receive, send, refused)
        elif line is None or scope["path"] == "/v1/events":  # which has a bound of its own, and lasts
            await self._app(scope, replayed(body, receive), send)
        elif line.waiting >= rights.IN_LINE:
            text = f"{rights.IN_LINE} requests of this key wait already. Nothing was done."
            await self._refuse(
                scope, receive, send, (429, "TOO_MANY_REQUESTS", text, "Wait for the answers."), retry_after_s=1.0
            )
        else:
            line.waiting += 1
            try:
                await line.hands.acquire()
            finally:
                line.waiting -= 1
            try:
                await self._app(scope, replayed(body, receive), send)
            finally:
                line.hands.release()

    async def _read(self, scope: Scope, headers: dict[str, str], receive: Receive) -> tuple[bytes, Refused | None]:
        if scope["method"] in ("GET", "HEAD"):
            return b"", None
        if headers.get("content-length") == "0" and "transfer-encoding" not in headers:
            return b"", None
        try:
            async with asyncio.timeout(self._body_within_s):
                body = await _body(receive, int(headers.get("content-length", "0") or 0))
        except TimeoutError:
            text = f"The body was not all here within {self._body_within_s:g} s. Nothing was recorded."
            return b"", (408, "BODY_TOO_SLOW", text, "Send it again, all at once.")
        if body is None:
            text = f"The body is larger than {LARGEST_BODY} bytes. Nothing was recorded."
            return b"", (413, "BODY_TOO_LARGE", text, "Send one sale at a time.")
        if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            text = "The body must be sent as application/json. Nothing was recorded."
            return b"", (415, "CONTENT_TYPE", text, "Set the header Content-Type.")
        return body, None

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, refused: Refused, *, retry_after_s: float = 0.0
    ) -> None:
        response = refusal_at(scope["path"], *refused)
        if retry_after_s:
            response.headers["Retry-After"] = str(math.ceil(retry_after_s))
        if refused[0] == 408:
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _foreign(self, scope: Scope, headers: dict[str, str]) -> Refused | None:
        port = scope["server"][1]
        host = headers.get("host", "").lower()
        if host not in _own_names(port):
            return 403, "HOST", "This till answers under its own address only.", f"Use http://127.0.0.1:{port}"
        origin = headers.get("origin")
        if origin is None or origin.lower() == f"http://{host}" or origin.lower() in self._origins:
            return None
        hint = "Programs use a key and send no Origin. A web till is named under origins of [page] in till.toml."
        return 403, "ORIGIN", "Another website may not use this till.", hint

    def _asker(self, scope: Scope, headers: dict[str, str]) -> tuple[ApiKey | None, Refused | None]:
        """Whose key asks (None for the page), and a refusal where nobody may. The page itself and /v1/health are open."""
        is_guarded = scope["path"].startswith("/v1/") or scope["path"] == "/metrics"
        if not is_guarded or scope["path"] == "/v1/health":
            return None, None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme:
            who = self._keys(key.strip()) if scheme.lower() == "bearer" else None
            return who, _unfit(who, scope["method"], scope["path"])
        wanted = session_cookie(scope)
        is_foreign = headers.get("origin", "").lower() in self._origins
        for part in headers.get("cookie", "").split(";") if not is_foreign else ():
            name, _, value = part.strip().partition("=")
            if name == wanted and hmac.compare_digest(value.encode(), self._session.encode()):
                return None, None
        return None, (
            401,
            "NOT_SIGNED_IN",
            "This request shows neither the page's cookie nor a key.",
            "Open the page anew, or send the header Authorization: Bearer with a key of pos-plugin api-key.",
        )

    def _counted(self, scope: Scope, refused: Refused) -> Refused:
        """The refusal, or a shorter one for a client that has had many. Right keys are never held up by wrong ones: on
        loopback all programs share one address, and one that is set up wrongly must not stop the others."""
        client = scope["client"][0] if scope.get("client") else ""
        now = self._clock()
        failures = self._failures.setdefault(client, deque(maxlen=FAILURES))
        while failures and failures[0] <= now - FAILURES_WITHIN_S:
            failures.popleft()
        if len(failures) == FAILURES:
            return 429, "TOO_MANY_FAILURES", "Too many requests were refused. Wait a minute.", refused[3]
        failures.append(now)
        return refused


@cache
def _own_names(port: int) -> frozenset[str]:
    names = ("127.0.0.1", "localhost", "[::1]")
    return frozenset((*(f"{name}:{port}" for name in names), *(names if port == 80 else ())))


def session_cookie(scope: Scope) -> str:
    """Cookies do not know ports, and two tills may run on one machine."""
    return f"pos_session_{scope['server'][1]}"


def new_session() -> str:
    return secrets.token_urlsafe(32)


def _unfit(who: ApiKey | None, method: str, path: str) -> Refused | None:
    """Why a key is refused; None for one that may do this."""
    if who is None:
        text = "This key is not known at this till; it may have been taken out."
        return 401, "KEY_UNKNOWN", text, "Make one: pos-plugin api-key NAME. It is sent as Authorization: Bearer KEY."
    if who.is_over:
        text = f"The key {who.name} was good until {who.until}."
        return 401, "KEY_EXPIRED", text, f"Take it out (pos-plugin api-key remove {who.name}) and make a new one."
    one_of = rights.needed(method, path)
    if who.may == rights.ANY or who.may & one_of:
        return None
    wanted = " or ".join(sorted(one_of)) or "every right"
    text = f"The key {who.name} may not do this. It may: {', '.join(sorted(who.may))}."
    return 403, "KEY_MAY_NOT", text, f"Make a key that may: pos-plugin api-key NAME --may {wanted}"


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"Origin"),
    ]


async def _allow(send: Send, *, is_private: bool) -> None:
    """Answers a preflight of an origin that may come in. Browsers before Local Network Access ask for their own header."""
    headers = [*PREFLIGHT.items()]
    if is_private:
        headers.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive, announced: int) -> bytes | None:
    """All of a body, or None for one that is too large."""
    body, length = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        chunk = message.get("body", b"")
        length += len(chunk)
        if max(length, announced) <= LARGEST_BODY:
            body += chunk
        more = message.get("more_body", False)
        if not more or max(length, announced) > DRAINED_BODY:
            return bytes(body) if max(length, announced) <= LARGEST_BODY else None


def _with_headers(path: str, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    headers = _OF_ANSWERS if path.startswith("/v1/") else _OF_PAGES
    if not any(name.lower() in headers for name, _ in given):
        return [*given, *headers.items()]
    headers = dict(headers)
    own = dict(given).get(b"content-security-policy")
    if own:  # a receipt as a page may load still less than the till's own page
        headers[b"content-security-policy"] = own + b"; frame-ancestors 'none'"
    return [*((name, value) for name, value in given if name.lower() not in headers), *headers.items()]
