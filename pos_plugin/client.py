"""A client of the local API, for a till that is written in Python: typed answers, errors as exceptions, and safe retries.

    with Till("http://127.0.0.1:8350", key) as till:
        who = till.identify("2900000000018")
        quote = till.quote({"till": "1", "sale_ref": "17", "currency": "EUR", "total_minor": 1250, "member": who.member})
        done = till.commit(quote.quote_id)

What a request does once, it does once however often it is sent: its Idempotency-Key is made before the first try and sent with
each. A request that would do more the second time (the drawer, the display) is sent once.

    TillError                 `code` for programs, `message` and `hint` for people
    ├── Unreachable           no answer: sell without points; what was committed may be recorded, commit it again to know
    ├── Refused               the till answered, and did not do it
    │   ├── KeyRefused        the key is unknown, over, or may not do this                       (401, 403)
    │   ├── NotKnown          no such member, sale, quote or receipt here                        (404)
    │   │   ├── AccountInvalid, QuoteEnded, SaleUnknown
    │   ├── Conflicting       the same name with other content, or too late                      (409)
    │   │   ├── Differs, CannotBeReversed, PointsNotHere
    │   ├── Misunderstood     what was asked makes no sense; every problem is named              (4xx)
    │   └── AskedTooOften     after `retry_after_s` there is time again                          (429)
    └── OutOfOrder            the till's own fault or a full disk: the sale goes on without points  (5xx)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote as quoted

import httpx
import msgspec

from pos_plugin.codes.identifying import Identified
from pos_plugin.local_api.shapes import HostPrinted, MemberShown, SaleShown, State
from pos_plugin.members.activities import Given
from pos_plugin.members.joining import Joined
from pos_plugin.papers.drawer import Opened
from pos_plugin.sales.claims import Claimed
from pos_plugin.sales.quotes import Completed, Quote
from pos_plugin.sales.returns import Returned

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE_S = 0.2
"""Before the second try; it doubles each time."""
LONGEST_PAUSE_S = 5.0
TIMEOUT_S = 10.0
PRINT_TIMEOUT_S = 90.0


class TillError(Exception):
    def __init__(self, code: str, message: str, hint: str = "", *, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code, self.message, self.hint, self.retry_after_s = code, message, hint, retry_after_s


class Unreachable(TillError): ...


class Refused(TillError): ...


class KeyRefused(Refused): ...


class NotKnown(Refused): ...


class AccountInvalid(NotKnown): ...


class QuoteEnded(NotKnown): ...


class SaleUnknown(NotKnown): ...


class Conflicting(Refused): ...


class Differs(Conflicting): ...


class CannotBeReversed(Conflicting): ...


class PointsNotHere(Conflicting): ...


class Misunderstood(Refused): ...


class AskedTooOften(Refused): ...


class OutOfOrder(TillError): ...


_BY_CODE: dict[str, type[TillError]] = {
    "ACCOUNT_INVALID": AccountInvalid,
    "QUOTE_UNKNOWN": QuoteEnded,
    "TRANSACTION_DOES_NOT_EXIST": SaleUnknown,
    "SALE_DIFFERS": Differs,
    "RETURN_DIFFERS": Differs,
    "ACTIVITY_DIFFERS": Differs,
    "IDEMPOTENCY_KEY_REUSED": Differs,
    "CANNOT_BE_REVERSED": CannotBeReversed,
    "NOT_SPENDABLE_HERE": PointsNotHere,
}
_BY_STATUS: dict[int, type[TillError]] = {
    401: KeyRefused,
    403: KeyRefused,
    404: NotKnown,
    409: Conflicting,
    429: AskedTooOften,
}
_AGAIN = (429, 502, 503, 504)
"""Nothing was done, or it may be known by then: the same again may succeed."""


class Event(NamedTuple):
    """Something has changed: read what you need of it. `number` counts; the first is "hello"."""

    number: int
    about: str


class Till:
    """One till. Not for several threads at once: each has a client of its own.

    `transport` and `pause` are for tests: what answers instead of the network, and what waits between two tries.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} must begin with http://, like http://127.0.0.1:8350")
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout_s,
            trust_env=False,
            transport=transport,
        )
        self._pause = pause

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Till:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- a sale

    def identify(self, scan: str, entry_mode: Literal["scanned", "typed", "phone", "name"] = "scanned") -> Identified:
        return self._post("/v1/identify", Identified, {"scan": scan, "entry_mode": entry_mode})

    def quote(self, sale: Mapping[str, Any]) -> Quote:
        """What the sale would earn and can take; its fields are those of `POST /v1/quotes`."""
        return self._post("/v1/quotes", Quote, sale)

    def commit(self, quote_id: str, key: str = "") -> Completed:
        """Records the quoted sale, once. After Unreachable or OutOfOrder, commit it again with the same `key` to know."""
        return self._post(f"/v1/quotes/{_part(quote_id)}/commit", Completed, None, key or new_key())

    def drop(self, quote_id: str) -> None:
        self._ask("DELETE", f"/v1/quotes/{_part(quote_id)}", again=True)

    def sale(self, till: str, sale_ref: str) -> SaleShown:
        return self._get(f"/v1/sales/{_part(till)}/{_part(sale_ref)}", SaleShown)

    def void(self, till: str, sale_ref: str, *, operator: str = "", key: str = "") -> Returned:
        path = f"/v1/sales/{_part(till)}/{_part(sale_ref)}/void"
        return self._post(path, Returned, {"operator": operator}, key or new_key())

    def refund(
        self,
        till: str,
        sale_ref: str,
        return_ref: str,
        *,
        lines: Sequence[Mapping[str, Any]] | None = None,
        amount_minor: int | None = None,
        operator: str = "",
        key: str = "",
    ) -> Returned:
        """Some lines, an amount, or with neither all that is left."""
        body: dict[str, Any] = {"return_ref": return_ref, "operator": operator}
        if lines is not None:
            body["lines"] = list(lines)
        if amount_minor is not None:
            body["amount_minor"] = amount_minor
        path = f"/v1/sales/{_part(till)}/{_part(sale_ref)}/refund"
        return self._post(path, Returned, body, key or new_key())

    def claim(self, reference: str, member: str, *, operator: str = "", key: str = "") -> Claimed:
        body = {"reference": reference, "member": member, "operator": operator}
        return self._post("/v1/claims", Claimed, body, key or new_key())

    # -- members

    def join(self, card: str = "", *, key: str = "", **details: str) -> Joined:
        """A new member; without a card, with a new number. `details` are those of `POST /v1/members`."""
        return self._post("/v1/members", Joined, {"card": card, **details}, key or new_key())

    def activity(self, till: str, ref: str, member: str, *, key: str = "", **what: Any) -> Given:
        body = {"till": till, "ref": ref, "member": member, **what}
        return self._post("/v1/activities", Given, body, key or new_key())

    def member(self, member: str) -> MemberShown:
        return self._get(f"/v1/members/{_part(member)}", MemberShown)

    # -- devices

    def open_drawer(self) -> Opened:
        """Sent once: a drawer that opens by itself is worse than one that does not open."""
        return _read(self._ask("POST", "/v1/drawer", {}), Opened)

    def show(self, upper: str, lower: str = "", *, seconds: int = 10) -> None:
        self._ask("POST", "/v1/display", {"upper": upper, "lower": lower, "seconds": seconds})

    def print(self, lines: Sequence[Mapping[str, Any]], key: str = "") -> HostPrinted:
        """Prints a paper of the host's own, once. After Unreachable, print it again with the same `key` to know."""
        body = {"lines": list(lines)}
        said = self._ask("POST", "/v1/print", body, key or new_key(), again=True, timeout_s=PRINT_TIMEOUT_S)
        return _read(said, HostPrinted)

    # -- the till

    def state(self) -> State:
        return self._get("/v1/state", State)

    def events(self, after: int | None = None) -> Iterator[Event]:
        """What happens, until the till ends; after `number`, where it is known. Raises Unreachable when the line breaks."""
        headers = {"Last-Event-ID": str(after)} if after is not None else {}
        timeout = httpx.Timeout(TIMEOUT_S, read=60.0)  # the till says that it is there each quarter of a minute
        try:
            with self._client.stream("GET", "/v1/events", headers=headers, timeout=timeout) as stream:
                if stream.status_code != 200:
                    stream.read()
                    raise _refusal(stream)
                for line in stream.iter_lines():
                    if line.startswith("data: "):
                        said = json.loads(line.removeprefix("data: "))
                        yield Event(said["number"], said["about"])
        except httpx.HTTPError as error:
            raise _unreachable(error) from error

    # -- how it is asked

    def _get(self, path: str, kind: type[T]) -> T:
        return _read(self._ask("GET", path, again=True), kind)

    def _post(self, path: str, kind: type[T], body: Mapping[str, Any] | None, key: str = "") -> T:
        return _read(self._ask("POST", path, body, key, again=True), kind)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str = "",
        *,
        again: bool = False,
        timeout_s: float | None = None,
    ) -> bytes:
        """The body of the answer; `again`: the same request does nothing more the second time, so it may be sent again."""
        headers = {"Idempotency-Key": key} if key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = msgspec.json.encode(body) if body is not None else None
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        failed: TillError | None = None
        for number in range(TRIES if again else 1):
            if failed is not None:
                self._pause(min(LONGEST_PAUSE_S, max(failed.retry_after_s, FIRST_PAUSE_S * 2 ** (number - 1))))
            try:
                answer = self._client.request(method, path, content=content, headers=headers, timeout=timeout)
            except httpx.HTTPError as error:
                failed = _unreachable(error)
                continue
            if answer.status_code == 200:
                return answer.content
            failed = _refusal(answer)
            if answer.status_code not in _AGAIN:
                break
        assert failed is not None
        raise failed


def new_key() -> str:
    """An Idempotency-Key. Keep it with the sale before the request is sent, to ask again after a power cut."""
    return str(uuid.uuid4())


def _part(name: str) -> str:
    return quoted(name, safe="")


def _read(content: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(content, type=kind)


def _unreachable(error: httpx.HTTPError) -> Unreachable:
    return Unreachable(
        "UNREACHABLE",
        f"The till's loyalty program does not answer ({type(error).__name__}).",
        "Sell without points; the receipt's reference adds them later.",
    )


def _refusal(answer: httpx.Response) -> TillError:
    try:
        said = answer.json()
        code, message, hint = str(said["code"]), str(said["message"]), str(said.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        code, message, hint = "UNREADABLE", f"The till answered {answer.status_code} and said nothing more.", ""
    otherwise = OutOfOrder if answer.status_code >= 500 else Misunderstood
    kind = _BY_CODE.get(code) or _BY_STATUS.get(answer.status_code, otherwise)
    after = answer.headers.get("retry-after", "")
    return kind(code, message, hint, retry_after_s=float(after) if after.isascii() and after.isdigit() else 0.0)
