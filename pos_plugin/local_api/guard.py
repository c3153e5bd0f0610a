"""Who may talk to the till: this machine, under its own name, with the page's cookie or a program's key.

The till listens on loopback, where every web page that is open in a browser on this machine can send requests too. So Host
must name this machine (a foreign name that resolves to it is refused), Origin must be the page's own, bodies must be JSON (what
a foreign form cannot send), and whoever asks must show a cookie of this start or a key.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pos_plugin.local_api.answers import internal, refusal

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


class Guard:
    """ASGI middleware around the whole local API. `keys` answers the name of the program whose key it is, or None."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        session: str,
        keys: Callable[[str], str | None],
        clock: Callable[[], float] = time.monotonic,
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self._app = app
        self._session = session
        self._keys = keys
        self._clock = clock
        self._body_within_s = body_within_s
        self._failures: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_headers(scope["path"], message.get("headers", []))
            await send(message)

        try:
            await self._guarded(scope, receive, send_guarded)
        except Exception as error:
            response = internal(error)
            if not started:
                await response(scope, receive, send_guarded)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = _foreign(scope, headers) or self._unknown(scope, headers)
        if refused is not None:
            response = refusal(*self._counted(scope, refused))
            await response(scope, receive, send)
            return
        body = b""
        if scope["method"] not in ("GET", "HEAD"):
            try:
                async with asyncio.timeout(self._body_within_s):
                    read = await _body(receive, int(headers.get("content-length", "0") or 0))
            except TimeoutError:
                text = f"The body was not all here within {self._body_within_s:g} s. Nothing was recorded."
                too_slow = refusal(408, "BODY_TOO_SLOW", text, "Send it again, all at once.")
                too_slow.headers["Connection"] = "close"
                await too_slow(scope, receive, send)
                return
            if read is None:
                text = f"The body is larger than {LARGEST_BODY} bytes. Nothing was recorded."
                await refusal(413, "BODY_TOO_LARGE", text, "Send one sale at a time.")(scope, receive, send)
                return
            body = read
            if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
                text = "The body must be sent as application/json. Nothing was recorded."
                await refusal(415, "CONTENT_TYPE", text, "Set the header Content-Type.")(scope, receive, send)
                return
        await self._app(scope, _replayed(body, receive), send)

    def _unknown(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str, str, str] | None:
        """A refusal where the API is asked without a cookie or key. The page itself and /v1/health are open."""
        if not scope["path"].startswith("/v1/") or scope["path"] == "/v1/health":
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() == "bearer" and self._keys(key.strip()) is not None:
                return None
            return 401, "KEY_UNKNOWN", "This key is not known at this till.", "Make one: pos-plugin api-key NAME"
        wanted = session_cookie(scope)
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted and hmac.compare_digest(value.encode(), self._session.encode()):
                return None
        return (
            401,
            "NOT_SIGNED_IN",
            "This request shows neither the page's cookie nor a key.",
            "Open the page anew, or send the header Authorization: Bearer with a key of pos-plugin api-key.",
        )

    def _counted(self, scope: Scope, refused: tuple[int, str, str, str]) -> tuple[int, str, str, str]:
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


def session_cookie(scope: Scope) -> str:
    """Cookies do not know ports, and two tills may run on one machine."""
    return f"pos_session_{scope['server'][1]}"


def new_session() -> str:
    return secrets.token_urlsafe(32)


def _foreign(scope: Scope, headers: dict[str, str]) -> tuple[int, str, str, str] | None:
    port = scope["server"][1]
    own = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    if port == 80:
        own |= {"127.0.0.1", "localhost", "[::1]"}
    host = headers.get("host", "").lower()
    if host not in own:
        return 403, "HOST", "This till answers under its own address only.", f"Use http://127.0.0.1:{port}"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}":
        return 403, "ORIGIN", "Another website may not use this till.", "Programs use a key and send no Origin."
    return None


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


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def once() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _with_headers(path: str, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    headers = dict(HEADERS)
    headers[b"cache-control"] = b"no-store" if path.startswith("/v1/") else b"no-cache"
    own = dict(given).get(b"content-security-policy")
    if own:  # a receipt as a page may load still less than the till's own page
        headers[b"content-security-policy"] = own + b"; frame-ancestors 'none'"
    return [*((name, value) for name, value in given if name.lower() not in headers), *headers.items()]
