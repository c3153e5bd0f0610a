"""Checking a chain of entries: numbers without gaps, each naming the hash of the bytes before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger.entry import GENESIS, EntryUnreadable, entry_hash, read_envelope


@dataclass(frozen=True)
class Break:
    """Where a chain is broken, and how, in a sentence."""

    number: int
    what: str


def breaks(stored: Iterable[tuple[int, str, bytes]]) -> Iterator[Break]:
    """Every break in a journal given as (number, hash, bytes) in order of number. An honest journal has none."""
    expected, prev = 1, GENESIS
    for number, kept_hash, data in stored:
        if number != expected:
            gone = f"entry {expected} is" if number == expected + 1 else f"entries {expected} to {number - 1} are"
            yield Break(expected, f"{gone} missing")
        actual = entry_hash(data)
        if actual != kept_hash:
            yield Break(number, f"entry {number} is not what was recorded: its bytes and its hash differ")
        try:
            envelope = read_envelope(data)
        except EntryUnreadable as error:
            yield Break(number, f"entry {number} cannot be read: {error}")
        else:
            if envelope.number != number:
                yield Break(number, f"entry {number} says that it is number {envelope.number}")
            if number == expected and envelope.prev != prev:
                yield Break(number, f"entry {number} does not follow the entry before it")
        expected, prev = number + 1, kept_hash
