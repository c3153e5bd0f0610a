"""What each request asks of a key, and how much one key may ask: a list, and buckets.

The page of the till has every right and no bucket. What is not in the list is for keys that may do everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from pos_plugin.api_keys import RIGHTS

ANY = frozenset(RIGHTS)
_NO_ONE_RIGHT = frozenset[str]()
"""For keys that may do everything, and for those alone."""
_READ = frozenset(("read", "sell"))
_SELL = frozenset(("sell",))
_MEMBERS = frozenset(("members",))

ENDPOINTS: dict[str, frozenset[str]] = {
    "POST /v1/identify": frozenset(("read", "sell", "members")),
    "POST /v1/scans": _SELL,
    "POST /v1/quotes": _SELL,
    "POST /v1/quotes/{quote_id}/commit": _SELL,
    "DELETE /v1/quotes/{quote_id}": _SELL,
    "POST /v1/sign-on": _SELL,
    "POST /v1/quotes/{quote_id}/suspend": _SELL,
    "POST /v1/sign-off": _SELL,
    "POST /v1/training": _NO_ONE_RIGHT,
    "POST /v1/operators": _NO_ONE_RIGHT,
    "POST /v1/operators/{operator}/close": _NO_ONE_RIGHT,
    "POST /v1/claims": _SELL,
    "POST /v1/printed-sales": _SELL,
    "DELETE /v1/lane": _SELL,
    "POST /v1/toast": _SELL,
    "GET /v1/sales/{till}/{sale_ref}": frozenset(("read", "sell", "refund")),
    "POST /v1/sales/{till}/{sale_ref}/void": frozenset(("refund",)),
    "POST /v1/sales/{till}/{sale_ref}/refund": frozenset(("refund",)),
    "POST /v1/members": _MEMBERS,
    "POST /v1/members/{member}/consent": _MEMBERS,
    "POST /v1/members/{member}/replace-card": _MEMBERS,
    "POST /v1/members/search": frozenset(("read", "members")),
    "POST /v1/activities": _MEMBERS,
    "POST /v1/tickets": _MEMBERS,
    "POST /v1/tickets/{ticket}/told": _MEMBERS,
    "GET /v1/members/{member}": frozenset(("read", "sell", "members")),
    "POST /v1/members/{member}/enquiry": frozenset(("print",)),
    "GET /v1/closing": _READ,
    "POST /v1/closing": _SELL,
    "POST /v1/closing/look": frozenset(("print",)),
    "GET /v1/closings": _READ,
    "GET /v1/receipts/{reference}": _READ,
    "GET /v1/receipts/{reference}.png": _READ,
    "GET /v1/receipts/{reference}.pdf": _READ,
    "GET /v1/receipts/{reference}.html": _READ,
    "GET /v1/receipts/{reference}.txt": _READ,
    "POST /v1/receipts/{reference}/reprint": frozenset(("print",)),
    "POST /v1/print-jobs/{job}": frozenset(("print",)),
    "POST /v1/print-jobs/{job}/go-on": frozenset(("print",)),
    "POST /v1/print": frozenset(("print",)),
    "POST /v1/test-print": frozenset(("print",)),
    "POST /v1/display": frozenset(("sell", "print")),
    "GET /v1/customer": ANY,
    "GET /v1/devices": ANY,
    "POST /v1/devices/look": frozenset(("print",)),
    "POST /v1/drawer": frozenset(("drawer",)),
    "GET /metrics": frozenset(("read",)),
    "POST /v1/sync": ANY,
    "POST /v1/head-office": _NO_ONE_RIGHT,
    "GET /v1/state": ANY,
    "GET /v1/events": ANY,
    "GET /v1/openapi.json": ANY,
}
"""Any one of these rights is enough."""

A_SECOND = 200.0
AT_ONCE = 2000
"""A key may ask so often a second, and after a rest so much in one go: more than fifty cashiers need."""
IN_HAND = 24
"""So many requests of one key are worked on together: the rest of the till's threads are for its page and other keys."""
IN_LINE = 256
"""So many more of them wait for their turn; after that they are refused."""


@cache
def _patterns() -> list[tuple[re.Pattern[str], frozenset[str]]]:
    return [
        (re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", endpoint)))), rights)
        for endpoint, rights in ENDPOINTS.items()
    ]


def needed(method: str, path: str) -> frozenset[str]:
    """The rights of which a key needs one for this request; none where no such request is listed.

    >>> sorted(needed("POST", "/v1/sales/1/17/void")), needed("POST", "/v1/new")
    (['refund'], frozenset())
    """
    asked = f"{'GET' if method == 'HEAD' else method} {path}"
    listed = ENDPOINTS.get(asked)
    if listed is not None:
        return listed
    return next((rights for pattern, rights in _patterns() if pattern.fullmatch(asked)), frozenset())


class Bucket:
    """How much one key may still ask. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(AT_ONCE)
        self._at = clock()

    def take(self) -> float:
        """Takes one; 0, or the seconds after which there is one again."""
        now = self._clock()
        self._left = min(float(AT_ONCE), self._left + (now - self._at) * A_SECOND)
        self._at = now
        if self._left < 1.0:
            return (1.0 - self._left) / A_SECOND
        self._left -= 1.0
        return 0.0
