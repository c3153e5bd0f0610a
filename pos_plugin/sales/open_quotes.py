"""The quotes that are open at this till, in memory: what they reserve, which are being committed, and what became of them.

A quote ends with its commit, with a newer quote of the same sale, when it is dropped, or after `QUOTE_LIFE_S`; and with the till.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from pos_plugin.sales.quotes import OpenQuote, quote_ended

QUOTE_LIFE_S = 900
"""After so many seconds without a commit a quote ends, and what it had reserved is free again."""


class OpenQuotes:
    """Called from any thread. Who counts what is free and reserves it does both under `lock`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.lock = threading.RLock()
        self._open: dict[str, OpenQuote] = {}
        self._recorded: dict[str, tuple[int, datetime]] = {}
        self._committing: Counter[str] = Counter()
        self._fetching: Counter[str] = Counter()

    def put(self, one: OpenQuote) -> None:
        """In place of an earlier quote of the same sale."""
        with self.lock:
            for quote_id in [known for known, other in self._open.items() if other.is_of(one.sale)]:
                del self._open[quote_id]
            self._open[one.quote.quote_id] = one

    def get(self, quote_id: str) -> OpenQuote | None:
        with self.lock:
            return self._open.get(quote_id)

    def is_for_record(self, quote_id: str) -> bool:
        """Whether a commit of this quote would record a sale: not in training, nor once it has ended."""
        one = self.get(quote_id)
        return one is not None and not one.quote.training

    def drop(self, quote_id: str) -> bool:
        """Ends a quote; whether it was open."""
        with self.lock:
            return self._open.pop(quote_id, None) is not None

    def drop_those_of(self, operator: str) -> int:
        """Ends every quote of an operator; answers how many."""
        with self.lock:
            theirs = [quote_id for quote_id, one in self._open.items() if one.sale.operator == operator]
            return sum(self.drop(quote_id) for quote_id in theirs)

    def let_go(self, quote_id: str) -> OpenQuote:
        """Ends a quote and answers what it was.

        Raises Unknown where it has ended, and while it is being committed: another till would sell it again.
        """
        with self.lock:
            self._forget_ended()
            one = None if self._committing[quote_id] else self._open.pop(quote_id, None)
        if one is None:
            raise quote_ended()
        return one

    # -- points of a member

    def reserved(self, document: str, member: str) -> int:
        """What other quotes than this sale's count on."""
        with self.lock:
            self._forget_ended()
            others = (one for one in self._open.values() if one.member == member and one.sale.document != document)
            return sum(one.reserved for one in others)

    def needs_rights(self, member: str) -> bool:
        """Whether a quote that is open or under way counts on this till's rights for the member."""
        with self.lock:
            self._forget_ended()
            return self._fetching[member] > 0 or any(one.member == member for one in self._open.values())

    @contextmanager
    def fetching_for(self, member: str) -> Iterator[None]:
        """While it lasts the member's rights are needed here: no exchange gives back what a quote is about to reserve."""
        with self.lock:
            self._fetching[member] += 1
        try:
            yield
        finally:
            with self.lock:
                self._fetching[member] -= 1
                self._fetching += Counter()  # forgets those at nought

    # -- commits

    @contextmanager
    def committing(self, quote_id: str) -> Iterator[tuple[OpenQuote | None, int | None]]:
        """The quote, which nobody lets go meanwhile; None where it has ended, with the entry's number where it was recorded."""
        with self.lock:
            self._forget_ended()
            one = self._open.get(quote_id)
            number = self._recorded[quote_id][0] if quote_id in self._recorded else None
            self._committing[quote_id] += 1
        try:
            yield one, number
        finally:
            with self.lock:
                self._committing -= Counter((quote_id,))  # forgets those at nought

    def recorded(self, quote_id: str, number: int) -> None:
        """Ends a quote that is now an entry; a commit that comes again hears its number for as long as a quote lives."""
        with self.lock:
            self._open.pop(quote_id, None)
            self._recorded[quote_id] = (number, self._clock() + timedelta(seconds=QUOTE_LIFE_S))

    def _forget_ended(self) -> None:
        """Both are in the order in which they end."""
        now = self._clock()
        while self._open and (first := next(iter(self._open.values()))).ends_at <= now:
            del self._open[first.quote.quote_id]
        while self._recorded and (oldest := next(iter(self._recorded.items())))[1][1] <= now:
            del self._recorded[oldest[0]]
