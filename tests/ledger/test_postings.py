"""Points are moved, never made: the postings of every entry add up to zero, member by member."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entry import (
    GENESIS,
    Body,
    ClaimBody,
    Draft,
    Entry,
    GiveBody,
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
)
from ledger.postings import ACCOUNTS, MEMBER_ACCOUNTS, postings
from loyalty.sale import Return, Sale

SALE = Sale("1", "17", "t", "2026-11-21", "EUR", 2799)
BACK = Return("1", "17", "r")

points = st.integers(0, 10**6)
changes = st.dictionaries(st.sampled_from(["own", "a", "b", "c"]), st.integers(-(10**6), 10**6))
slices = st.lists(st.builds(Slice, st.sampled_from("abc"), points, st.just("2027-01-01")), max_size=4).map(tuple)

bodies = st.one_of(
    st.just(JoinBody()),
    st.builds(SaleBody, st.just(SALE), st.just("p"), awarded=points, lot=st.just("own"), redeemed=points),
    st.builds(ClaimBody, st.just("sale/1/17"), st.just("p"), awarded=points, lot=st.just("own")),
    st.builds(ReturnBody, st.just(BACK), st.just("sale/1/17"), lot=st.just("own"), taken=points, restored=points),
    st.builds(TakeBody, st.just("g"), slices),
    st.builds(GiveBody, st.just("goodwill"), st.integers(-(10**6), 10**6), lot=st.just("own")),
    st.just(ReleaseBody()),
    st.builds(OpenBody, st.just("1"), st.dictionaries(st.sampled_from(["own", "a", "b"]), st.sampled_from("xy"))),
    st.builds(GrantBody, st.just("g"), st.just("T"), st.just("e"), slices),
)


def written(body: Body, esc: dict[str, int]) -> Entry:
    draft = Draft(body, "document", "t", "2026-11-21", member="m", esc=esc)
    return entry(draft, terminal="T", epoch="e", number=1, prev=GENESIS, recorded_at="r")


@given(bodies, changes)
def test_whatever_an_entry_says_its_postings_add_up_to_zero_for_each_member(body: Body, esc: dict[str, int]) -> None:
    """Also where the entry is nonsense, as that of a hostile till may be."""
    found = postings(written(body, esc))
    sums: Counter[str] = Counter()
    for posting in found:
        sums[posting.member] += posting.amount
        assert posting.amount
        assert posting.account in ACCOUNTS
    assert not any(sums.values())
    assert len({(one.member, one.account) for one in found}) == len(found)


def moves(body: Body, **esc: int) -> dict[str, int]:
    return {one.account: one.amount for one in postings(written(body, esc))}


@pytest.mark.parametrize(
    ("body", "esc", "expected"),
    [
        (SaleBody(SALE, "p", awarded=27, lot="own"), {}, {"issued": -27, "available": 27}),
        (SaleBody(SALE, "p", awarded=27, lot="own"), {"own": 27}, {"issued": -27, "escrow": 27}),  # offline
        (
            SaleBody(SALE, "p", awarded=26, lot="own", redeemed=100),
            {"a": -60, "b": -40},
            {"issued": -26, "available": 26, "escrow": -100, "redeemed": 100},
        ),
        (SaleBody(SALE, "p"), {}, {}),  # nobody's sale
        (
            SaleBody(SALE, "p", redeemed=100, floor=30),  # 30 on the floor limit: not held here
            {"a": -70},
            {"escrow": -70, "owed": -30, "redeemed": 100},
        ),
        (
            SaleBody(SALE, "p", awarded=26, lot="own", redeemed=100, floor=30),  # offline, all at once
            {"own": 20, "a": -70},
            {"issued": -26, "available": 6, "escrow": -50, "owed": -30, "redeemed": 100},
        ),
        (
            ClaimBody("sale/1/17", "p", awarded=27, lot="own"),
            {"own": 20},
            {"issued": -27, "available": 7, "escrow": 20},
        ),
        (GiveBody("join", 50, lot="own"), {}, {"issued": -50, "available": 50}),
        (GiveBody("join", 50, lot="own"), {"own": 50}, {"issued": -50, "escrow": 50}),
        (GiveBody("join", 50, lot="own"), {"own": 20}, {"issued": -50, "available": 30, "escrow": 20}),
        (GiveBody("adjustment", -50), {}, {"issued": 50, "owed": -50}),
        (GiveBody("birthday", 0), {}, {}),
        (
            ReturnBody(BACK, "sale/1/17", "own", taken=27, restored=100),  # a part of what paid comes back here
            {"a": 60},
            {"issued": 27, "redeemed": -100, "escrow": 60, "available": 40, "owed": -27},
        ),
        (TakeBody("g", ()), {"a": 40, "b": 2}, {"granted": -42, "escrow": 42}),
        (ReleaseBody(), {"a": -40, "b": -2}, {"escrow": -42, "available": 42}),
        (ClaimBody("sale/1/17", "p", awarded=27, lot="own"), {}, {"issued": -27, "available": 27}),
        (
            ReturnBody(BACK, "sale/1/17", "own", taken=27, restored=100),
            {"own": -20, "a": 60, "b": 40},  # 20 of the award were still here, 7 are owed
            {"issued": 27, "redeemed": -100, "escrow": 80, "owed": -7},
        ),
        (
            ReturnBody(BACK, "sale/1/17", "own", restored=100),  # not the till that sold it
            {},
            {"redeemed": -100, "available": 100},
        ),
        (TakeBody("g", (Slice("a", 40, "d"),)), {"a": 40}, {"granted": -40, "escrow": 40}),
        (ReleaseBody(), {"a": -40}, {"escrow": -40, "available": 40}),
        (OpenBody("1", {"a": "m"}), {"a": -40}, {"escrow": -40, "available": 40}),
        (GrantBody("g", "T", "e", (Slice("a", 30, "d"), Slice("b", 10, "d"))), {}, {"available": -40, "granted": 40}),
        (SettleBody("x", {"available": -3, "owed": 3}), {}, {"available": -3, "owed": 3}),
        (JoinBody(), {}, {}),
    ],
)
def test_an_entry_moves_points_between_accounts(body: Body, esc: dict[str, int], expected: dict[str, int]) -> None:
    assert moves(body, **esc) == expected


def test_taking_and_releasing_never_change_a_members_balance() -> None:
    for body, esc in ((TakeBody("g", ()), {"a": 40}), (ReleaseBody(), {"a": -40}), (OpenBody("1"), {"a": -40})):
        assert sum(one.amount for one in postings(written(body, esc)) if one.account in MEMBER_ACCOUNTS) == 0


def test_postings_are_of_points_of_the_entrys_member_and_an_opening_of_whom_it_does_not_name() -> None:
    (issued, available) = postings(written(SaleBody(SALE, "p", awarded=27, lot="own"), {}))
    assert (issued.member, issued.commodity, available.member, available.commodity) == ("m", "points", "m", "points")
    assert {one.member for one in postings(written(OpenBody("1", {"b": "anna"}), {"a": -40}))} == {"m"}
    two = postings(written(OpenBody("1", {"a": "anna", "b": "anna"}), {"a": -40, "b": -2}))
    assert {(one.member, one.account, one.amount) for one in two} == {
        ("anna", "escrow", -42),
        ("anna", "available", 42),
    }


def test_an_opening_gives_each_lot_back_to_whoever_owns_it() -> None:
    found = postings(written(OpenBody("1", {"a": "anna", "b": "ben"}), {"a": -40, "b": -2}))
    assert {(one.member, one.account, one.amount) for one in found} == {
        ("anna", "escrow", -40),
        ("anna", "available", 40),
        ("ben", "escrow", -2),
        ("ben", "available", 2),
    }
