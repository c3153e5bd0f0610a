"""A chain of entries tells what was changed, left out, swapped or put elsewhere, and where."""

from __future__ import annotations

import pytest

from ledger.chain import breaks
from ledger.entry import GENESIS, Draft, JoinBody, entry, entry_hash

Stored = list[tuple[int, str, bytes]]


def journal(length: int = 5) -> Stored:
    stored: Stored = []
    prev = GENESIS
    for number in range(1, length + 1):
        draft = Draft(JoinBody(), f"join/m{number}", "t", "2026-11-21", member=f"m{number}")
        one = entry(draft, terminal="T", epoch="e", number=number, prev=prev, recorded_at="r")
        stored.append((one.number, one.hash, one.data))
        prev = one.hash
    return stored


def named(stored: Stored) -> list[tuple[int, str]]:
    return [(found.number, found.what) for found in breaks(stored)]


CHANGED = journal()[2][2].replace(b'"m3"', b'"m9"')


def with_changed(kept_hash: str) -> Stored:
    stored = journal()
    stored[2] = (3, kept_hash, CHANGED)
    return stored


def without(*numbers: int) -> Stored:
    return [one for one in journal() if one[0] not in numbers]


def swapped() -> Stored:
    """The contents of 2 and 3 in each other's place, each with its own hash."""
    stored = journal()
    stored[1], stored[2] = (2, *stored[2][1:]), (3, *stored[1][1:])
    return stored


def unreadable() -> Stored:
    stored = journal()
    stored[2] = (3, entry_hash(b"{"), b"{")
    return stored


def test_an_honest_journal_has_no_break() -> None:
    assert named(journal()) == []
    assert named([]) == []


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (with_changed(journal()[2][1]), [(3, "entry 3 is not what was recorded: its bytes and its hash differ")]),
        (with_changed(entry_hash(CHANGED)), [(4, "entry 4 does not follow the entry before it")]),  # hash made to fit
        (without(3), [(3, "entry 3 is missing")]),
        (without(2, 3), [(2, "entries 2 to 3 are missing")]),
        (without(1), [(1, "entry 1 is missing")]),
        (without(2, 4), [(2, "entry 2 is missing"), (4, "entry 4 is missing")]),
        (
            swapped(),
            [
                (2, "entry 2 says that it is number 3"),
                (2, "entry 2 does not follow the entry before it"),
                (3, "entry 3 says that it is number 2"),
                (3, "entry 3 does not follow the entry before it"),
                (4, "entry 4 does not follow the entry before it"),
            ],
        ),
    ],
)
def test_a_break_is_named_with_its_entry(stored: Stored, expected: list[tuple[int, str]]) -> None:
    assert named(stored) == expected


def test_an_entry_that_cannot_be_read_is_named_and_the_rest_is_checked() -> None:
    first, second = named(unreadable())
    assert first[0] == 3
    assert first[1].startswith("entry 3 cannot be read: not an entry")
    assert second == (4, "entry 4 does not follow the entry before it")


def test_every_single_bit_of_every_entry_is_guarded() -> None:
    honest = journal(3)
    for index, (number, kept_hash, data) in enumerate(honest):
        for bit in range(len(data) * 8):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            tampered = [*honest[:index], (number, kept_hash, bytes(changed)), *honest[index + 1 :]]
            assert next(breaks(tampered)).number == number
