"""Who did what, counted from entries, and what somebody else had to allow. The same at the till and at head office."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ledger.entry import Entry, SaleBody

BY_PEOPLE = ("sale", "return", "claim", "give", "join", "closing", "consent")
"""Kinds of entries that somebody causes; the others are the till's own."""


class Allowed(msgspec.Struct, frozen=True):
    """Something that an operator did on another one's word."""

    terminal: str
    number: int
    day: str
    document: str
    operator: str
    shift: str
    approved_by: str
    reason: str

    @property
    def text(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return (
            f"Entry {self.number} of till {self.terminal}, {self.day}: {self.document} by "
            f"{self.operator or 'nobody named'}, allowed by {self.approved_by}{why}"
        )


class Doings:
    """What each operator did at each terminal, by kind of entry, `by`; and what others allowed, in the order of the entries."""

    def __init__(self) -> None:
        self.by: dict[tuple[str, str], Counter[str]] = {}
        self.allowed: list[Allowed] = []

    def seen(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, counted on the way."""
        for entry in entries:
            self.see(entry)
            yield entry

    def see(self, entry: Entry) -> None:
        if entry.kind not in BY_PEOPLE:
            return
        operator, shift = operator_and_shift(entry)
        self.by.setdefault((entry.envelope.terminal, operator), Counter())[entry.kind] += 1
        if approved_by := getattr(entry.body, "approved_by", ""):
            envelope, reason = entry.envelope, getattr(entry.body, "reason", "")
            self.allowed.append(
                Allowed(
                    envelope.terminal,
                    entry.number,
                    envelope.business_day,
                    envelope.document,
                    operator,
                    shift,
                    approved_by,
                    reason,
                )
            )

    def counted(self, name: Callable[[str, str], str]) -> dict[str, dict[str, int]]:
        """So many of each kind, by what `name` makes of terminal and operator."""
        found: dict[str, Counter[str]] = {}
        for (terminal, operator), kinds in self.by.items():
            found.setdefault(name(terminal, operator or "nobody named"), Counter()).update(kinds)
        return {who: dict(sorted(kinds.items())) for who, kinds in sorted(found.items())}


def operator_and_shift(entry: Entry) -> tuple[str, str]:
    """Whose doing an entry is; "" where nobody is named."""
    named = entry.body.sale if isinstance(entry.body, SaleBody) else entry.body
    return getattr(named, "operator", ""), getattr(named, "shift", "")
