"""Entries: their bytes never change, and bytes that are none are named, never guessed at."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import (
    GENESIS,
    MAX_ENTRY_BYTES,
    ClaimBody,
    Draft,
    Entry,
    EntryUnreadable,
    GrantBody,
    JoinBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    SettleBody,
    Slice,
    TakeBody,
    entry,
    entry_hash,
    read_entry,
    read_envelope,
)
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import Standing

SALE = Sale(
    "1",
    "17",
    "2026-11-21T18:05:00",
    "2026-11-21",
    "EUR",
    2799,
    (LineItem("1", 2799, 2000, 447, "sku-9", "Çay 茶", "drinks"),),
    "anna",
    "2",
)
SOLD = Draft(
    SaleBody(SALE, "points-1-0a0a0a0a", Standing(41), 26, "lot2", "2027-11-21", 100, 100),
    "sale/1/17",
    "2026-11-21T18:05:00",
    "2026-11-21",
    member="m1",
    esc={"lot1": -100, "lot2": 26, "lot3": 0},
)


def placed(draft: Draft, number: int = 7, prev: str = GENESIS) -> Entry:
    return entry(
        draft, terminal="7K3M2P", epoch="e1", number=number, prev=prev, recorded_at="2026-11-21T17:05:01.250+00:00"
    )


# Written down once. Should this test fail, entries that tills hold can no longer be told from changed ones.
WRITTEN = (
    '{"format":1,"terminal":"7K3M2P","epoch":"e1","number":7,"prev":"' + "0" * 64 + '","kind":"sale",'
    '"document":"sale/1/17","member":"m1","occurred_at":"2026-11-21T18:05:00",'
    '"recorded_at":"2026-11-21T17:05:01.250+00:00","business_day":"2026-11-21","esc":{"lot1":-100,"lot2":26},'
    '"body":{"sale":{"till":"1","sale_ref":"17","sold_at":"2026-11-21T18:05:00","business_day":"2026-11-21",'
    '"currency":"EUR","total_minor":2799,"lines":[{"line_id":"1","amount_minor":2799,"quantity_milli":2000,'
    '"tax_minor":447,"sku":"sku-9","name":"Çay 茶","category":"drinks"}],"operator":"anna","shift":"2"},'
    '"program":"points-1-0a0a0a0a","standing":{"feed_position":41},"awarded":26,"lot":"lot2",'
    '"expires_on":"2027-11-21","redeemed":100,"redeemed_minor":100}}'
).encode()


def test_the_bytes_of_an_entry_are_as_they_were_once_written_down() -> None:
    assert placed(SOLD).data == WRITTEN
    assert placed(SOLD).hash == hashlib.sha256(WRITTEN).hexdigest()


@pytest.mark.parametrize(
    "draft",
    [
        SOLD,
        Draft(JoinBody(), "join/m1", "2026-11-21T18:05:00", "2026-11-21", member="m1"),
        Draft(OpenBody("0.1.0", {"lot1": "m1"}), "open/7K3M2P/e1", "t", "d", esc={"lot1": -3}),
        Draft(
            ReturnBody(
                Return("1", "17", "r", (ReturnedLine("1", 500),)), "sale/1/17", "lot2", 7, 25, 25, 700, "anna", "2"
            ),
            "return/1/17/r",
            "t",
            "d",
            member="m1",
            esc={"lot2": -7, "lot1": 25},
        ),
        Draft(ClaimBody("sale/1/17", "p", Standing(), 27, "lot4", "2027-11-21", "anna"), "claim/1/17", "t", "d"),
        Draft(TakeBody("1-g", (Slice("lot9", 40, "2027-01-01"),), "ab"), "take/1-g", "t", "d", "m1", {"lot9": 40}),
        Draft(ReleaseBody(), "release/7K3M2P/e1/9", "t", "d", "m1", {"lot9": -40}),
        Draft(GrantBody("1-g", "7K3M2P", "e1", (Slice("lot9", 40, "2027-01-01"),)), "grant/1-g", "t", "d", "m1"),
        Draft(SettleBody("return/1/17/r", {"available": -3, "owed": 3}), "settle/1", "t", "d", "m1"),
    ],
    ids=lambda draft: type(draft.body).__name__,
)
def test_an_entry_of_every_kind_is_read_back_as_it_was(draft: Draft) -> None:
    written = placed(draft)
    assert read_entry(written.data) == written
    assert read_entry(written.data).body == draft.body
    assert json.loads(written.data)["esc"] == {lot: change for lot, change in draft.esc.items() if change}


def test_every_version_can_read_the_envelope_of_a_kind_it_does_not_know() -> None:
    later = WRITTEN.replace(b'"kind":"sale"', b'"kind":"gift"').replace(b'"format":1', b'"format":2')
    envelope = read_envelope(later)
    assert (envelope.kind, envelope.member, envelope.esc) == ("gift", "m1", {"lot1": -100, "lot2": 26})
    with pytest.raises(EntryUnreadable, match="kind gift, format 2"):
        read_entry(later)


def test_fields_of_a_later_version_are_left_alone() -> None:
    later = WRITTEN.replace(b'"program":', b'"weather":{"rain":true},"program":')
    assert read_entry(later).body == SOLD.body
    assert read_entry(later).hash == entry_hash(later)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        WRITTEN + b"}",
        WRITTEN + WRITTEN,
        WRITTEN.replace(b'"number":7', b'"number":"7"'),
        WRITTEN.replace(b'"number":7', b'"number":7.5'),
        WRITTEN.replace(b'"lot1":-100', b'"lot1":null'),
        WRITTEN.replace(b'"kind":"sale"', b'"kind":"gift"'),
        WRITTEN.replace(b'"kind":"sale"', b'"kind":"take"'),  # another kind's body
        WRITTEN.replace(b'"format":1', b'"format":2'),
        WRITTEN.replace(b'"total_minor":2799', b'"total_minor":27.99'),
        WRITTEN.replace("茶".encode(), b"\xff"),
        WRITTEN.split(b'"body":')[0] + b'"body":' + b"[" * 100_000,  # deeper than any stack
        WRITTEN.split(b'"body":')[0] + b'"body":' + b'{"sale":' * 20_000,
        WRITTEN + b" " * MAX_ENTRY_BYTES,
    ],
    ids=lambda data: data[-24:].decode(errors="replace"),
)
def test_bytes_that_are_no_entry_are_unreadable(data: bytes) -> None:
    with pytest.raises(EntryUnreadable):
        read_entry(data)


def test_an_entry_cut_off_anywhere_is_unreadable() -> None:
    for length in range(len(WRITTEN)):
        with pytest.raises(EntryUnreadable):
            read_entry(WRITTEN[:length])


@given(st.integers(0, len(WRITTEN) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_unreadable_or_has_another_hash(place: int, bit: int) -> None:
    changed = bytearray(WRITTEN)
    changed[place] ^= 1 << bit
    try:
        read = read_entry(bytes(changed))
    except EntryUnreadable:
        return
    assert read.hash != entry_hash(WRITTEN)


@given(st.binary(max_size=400))
def test_any_bytes_at_all_are_an_entry_or_unreadable(data: bytes) -> None:
    with pytest.raises(EntryUnreadable):
        read_entry(data)


def test_an_entry_too_large_to_be_read_again_is_never_written() -> None:
    name = "x" * MAX_ENTRY_BYTES
    with pytest.raises(ValueError, match="at most"):
        placed(Draft(SaleBody(Sale("1", "1", "t", "d", "EUR", 1, (LineItem("1", 1, name=name),)), "p"), "s", "t", "d"))
