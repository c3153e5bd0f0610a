"""The wire to head office: HTTP by httpx, every request signed, every answer checked, nothing endless.

Plain http is for this machine only; to any other host the link insists on TLS.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from ledger.keys import SigningKey, request_message
from ledger.wire import (
    BatchReply,
    CardReplaced,
    CardReplacement,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberLookup,
    MemberSearch,
    MembersFound,
    Nonce,
    Refusal,
    TicketOpened,
    TicketTaken,
    TicketTold,
    WireError,
    read_feed,
)
from offline_store.sync import Nonsense, Refused, SyncError, Unreachable

if TYPE_CHECKING:
    import ssl

    import httpx

T = TypeVar("T")

ANSWER_S = 60.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HttpLink:
    """`offline_store.sync.Link` over HTTP. `timeout_s` bounds each step of a request, `ANSWER_S` the whole of its answer."""

    def __init__(self, url: str, terminal: str, key: Callable[[], SigningKey], *, timeout_s: float = 5.0) -> None:
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            is_address = False
        if not is_address:
            raise SyncError(
                f"{url} is no address of a head office.", hint="Write https://host or http://127.0.0.1:8360."
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise SyncError(
                f"{url} is not encrypted; a till talks to another machine by https only.", hint="Write https://…"
            )
        self._url = url.rstrip("/")
        self._terminal = terminal
        self._key = key
        self._timeout_s = timeout_s
        self._nonce = ""
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def enroll(self, enrolment: Enrolment) -> Enrolled:
        return self._ask("/v1/enroll", msgspec.json.encode(enrolment), Enrolled)

    def send(self, batch: bytes) -> BatchReply:
        return self._ask("/v1/entries", batch, BatchReply, content_type="application/octet-stream")

    def feed(self, request: FeedRequest) -> FeedReply:
        return self._signed("/v1/feed", msgspec.json.encode(request), FeedReply)

    def grant(self, request: GrantRequest) -> GrantReply:
        return self._signed("/v1/grants", msgspec.json.encode(request), GrantReply)

    def details(self, details: MemberDetails) -> None:
        self._signed("/v1/members", msgspec.json.encode(details), dict)

    def lookup(self, lookup: MemberLookup) -> MemberFound:
        return self._signed("/v1/members/lookup", msgspec.json.encode(lookup), MemberFound)

    def search(self, search: MemberSearch) -> MembersFound:
        return self._signed("/v1/members/search", msgspec.json.encode(search), MembersFound)

    def ticket(self, opened: TicketOpened) -> TicketTaken:
        return self._signed("/v1/tickets", msgspec.json.encode(opened), TicketTaken)

    def told(self, told: TicketTold) -> TicketTaken:
        return self._signed("/v1/tickets/told", msgspec.json.encode(told), TicketTaken)

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        return self._signed("/v1/members/replace-card", msgspec.json.encode(replacement), CardReplaced)

    def _signed(self, path: str, body: bytes, answer: type[T]) -> T:
        """Signs a nonce of the server's; one that has run out is replaced once."""
        for attempt in (1, 2):
            if not self._nonce:
                asked = msgspec.json.encode({"terminal": self._terminal})
                self._nonce = self._ask("/v1/nonce", asked, Nonce).nonce
            signature = self._key().sign(request_message(path, self._terminal, self._nonce, body))
            headers = {"X-Terminal": self._terminal, "X-Nonce": self._nonce, "X-Signature": signature}
            try:
                return self._ask(path, body, answer, headers=headers)
            except Refused as refused:
                self._nonce = ""
                if refused.code != "NONCE" or attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def _ask(
        self,
        path: str,
        body: bytes,
        answer: type[T],
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> T:
        import httpx

        deadline = time.monotonic() + ANSWER_S
        try:
            with self._http().stream(
                "POST", self._url + path, content=body, headers={"Content-Type": content_type, **(headers or {})}
            ) as response:
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if time.monotonic() > deadline:
                        raise Unreachable("Head office answers too slowly.", hint="All is kept here and sent later.")
                    if len(data) > MAX_ANSWER_BYTES:
                        raise Nonsense("Head office's answer has no end.", hint="It was not taken over.")
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Unreachable(
                    "Head office's certificate is not trusted on this machine, has ended, or is for another name.",
                    hint="All is kept here and sent later. Let the machine trust who signed it: docs/tls.md.",
                ) from error
            raise Unreachable(
                f"No connection to head office: {_why(error)}.",
                hint="Selling goes on; all is kept here and sent when it answers again.",
            ) from error
        if status >= 500:
            raise Unreachable(f"Head office is in trouble (status {status}).", hint="All is kept here and sent later.")
        try:
            if status != 200:
                refusal = msgspec.json.decode(data, type=Refusal)
                raise Refused(refusal.code, refusal.message, hint=refusal.hint)
            if answer is FeedReply:
                return cast(T, read_feed(bytes(data)))
            return msgspec.json.decode(data, type=answer)
        except (WireError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Nonsense(
                f"What answers at {self._url} is no head office of this programme (status {status}).",
                hint="Nothing was taken over. Check the address in till.toml.",
            ) from error

    def _http(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    timeout=self._timeout_s, follow_redirects=False, trust_env=False, verify=_trusted()
                )
            return self._client


def _trusted() -> ssl.SSLContext:
    """Who vouches for head office: whoever this machine trusts, so that a shop can have an authority of its own, and the public
    ones also where the system knows none."""
    import ssl

    import certifi

    found = ssl.create_default_context()
    found.load_verify_locations(cafile=certifi.where())
    return found


def _why(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    return "nothing answers there" if isinstance(error, httpx.ConnectError) else "it broke"
