"""Settling at head office: no point is made or lost, no order of hearing tills matters, no debt stands beside points."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.settlement import AVAILABLE, EXPIRED, MemberBook, Place

DAYS = {"a": "2026-12-01", "b": "2027-01-01", "c": "2027-02-01", "d": "2027-03-01"}


def book(debt: int = 0, **places: dict[str, int]) -> MemberBook:
    lots: dict[Place, Counter[str]] = {}
    for name, held in places.items():
        kind, _, branch = name.partition("_")
        lots[kind, branch] = Counter(held)
    return MemberBook(lots, dict(DAYS), debt)


def all_points(of: MemberBook) -> int:
    return sum(of.balance(place) for place in of.lots)


def held(of: MemberBook, place: Place) -> dict[str, int]:
    return {lot: points for lot, points in of.at(place).items() if points}


boxes = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), max_size=4)


@st.composite
def books(draw: st.DrawFn) -> MemberBook:
    places = {"available": draw(boxes), "expired": draw(boxes), "escrow_T": draw(boxes), "granted_T": draw(boxes)}
    return book(0 if places["available"] else draw(st.integers(0, 80)), **places)


@given(
    books(),
    st.dictionaries(st.sampled_from("abcd"), st.integers(-60, 60), max_size=4),
    boxes,
    st.integers(0, 200),
    st.lists(st.sampled_from("abcd"), max_size=2),
)
def test_settling_any_entry_conserves_points_and_never_leaves_points_beside_debt(
    of: MemberBook, esc: dict[str, int], incoming: dict[str, int], outgoing: int, named: list[str]
) -> None:
    before = all_points(of) - of.debt
    of.settle("T", esc, restored=incoming, outgoing=outgoing, named=named)
    assert all_points(of) - of.debt == before + sum(incoming.values()) - outgoing
    assert of.debt >= 0
    assert not of.debt or not of.balance(AVAILABLE)
    assert all(points > 0 for box in of.lots.values() for points in box.values() if points)


@given(books(), st.integers(0, 300), st.sampled_from(["2026-11-21", "2026-12-01", "2027-01-15"]))
def test_granting_taking_and_expiring_only_move_points(of: MemberBook, points: int, today: str) -> None:
    before = all_points(of)
    fresh = sum(n for lot, n in of.at(AVAILABLE).items() if today < DAYS[lot])
    of.today = today
    granted = of.grant("T", points)
    assert sum(granted.values()) == min(points, fresh)
    assert all(today < DAYS[lot] for lot in granted)
    of.take("T", granted)
    gone = of.expire()
    assert all_points(of) == before
    assert all(today < DAYS[lot] for lot in held(of, AVAILABLE))
    assert gone <= of.balance(EXPIRED)


def test_a_grant_gives_the_soonest_expiry_first_and_nothing_that_has_expired() -> None:
    of = book(available={"a": 10, "b": 10, "c": 10})
    of.today = "2026-12-01"
    assert of.grant("T", 15) == {"b": 10, "c": 5}  # lot a ends today
    assert held(of, AVAILABLE) == {"a": 10, "c": 5}
    assert held(of, ("granted", "T")) == {"b": 10, "c": 5}


def test_debt_is_covered_by_the_named_lot_even_expired_then_the_soonest() -> None:
    of = book(available={"b": 5, "c": 5}, expired={"d": 4})
    of.settle("T", {}, outgoing=11, named=["d"])
    assert held(of, EXPIRED) == {}  # 4 of the named lot, though expired
    assert held(of, AVAILABLE) == {"c": 3}  # then all of b, then 2 of c
    assert of.debt == 0


def test_what_nothing_covers_is_debt_and_the_next_award_repays_it() -> None:
    of = book(available={"b": 5})
    of.settle("T", {}, outgoing=45)
    assert (of.debt, held(of, AVAILABLE)) == (40, {})
    of.settle("T", {}, restored={"c": 27})
    assert (of.debt, held(of, AVAILABLE)) == (13, {})
    of.settle("T", {}, restored={"d": 20})
    assert (of.debt, held(of, AVAILABLE)) == (0, {"d": 7})


def test_a_till_that_spent_what_it_did_not_hold_puts_the_member_in_debt_and_itself_never_below_zero() -> None:
    of = book(escrow_T={"a": 30})
    of.settle("T", {"a": -100}, outgoing=100)
    assert (of.debt, held(of, ("escrow", "T"))) == (70, {})


def test_an_award_made_offline_stays_with_its_till() -> None:
    of = book()
    of.settle("T", {"a": 27}, restored={"a": 27})
    assert held(of, ("escrow", "T")) == {"a": 27}
    assert held(of, AVAILABLE) == {}


def test_a_take_of_a_grant_that_was_forgotten_is_booked_again() -> None:
    of = book(available={"a": 10, "b": 25})
    of.take("T", {"b": 40})  # 25 of the lot itself, then the 10 of a, then debt
    assert held(of, ("escrow", "T")) == {"b": 40}
    assert (held(of, AVAILABLE), of.debt) == ({}, 5)


# What two tills did, each in its own order: (till, changes to its rights, lots that come in, points that go out).
Step = tuple[str, dict[str, int], dict[str, int], int]
AT_T: list[Step] = [("T", {"a": -30}, {}, 30), ("T", {}, {"c": 12}, 0), ("T", {"a": -5}, {"a": 0}, 9)]
AT_U: list[Step] = [("U", {"b": -20}, {}, 50), ("U", {"d": 8}, {"d": 8}, 0), ("U", {"b": 20}, {"b": 20}, 0)]


def interleavings() -> list[list[Step]]:
    slots = set(permutations("TTTUUU"))
    found = []
    for order in sorted(slots):
        queues = {"T": iter(AT_T), "U": iter(AT_U)}
        found.append([next(queues[till]) for till in order])
    return found


def settled(steps: list[Step]) -> MemberBook:
    of = book(available={"a": 5, "b": 7}, escrow_T={"a": 40}, escrow_U={"b": 30})
    for till, esc, incoming, outgoing in steps:
        of.settle(till, esc, restored=incoming, outgoing=outgoing)
    return of


def test_the_order_in_which_two_tills_are_heard_changes_neither_rights_nor_what_the_member_has() -> None:
    orders = interleavings()
    assert len(orders) == 20  # six over three
    outcomes = {
        (
            tuple(sorted(held(of, ("escrow", "T")).items())),
            tuple(sorted(held(of, ("escrow", "U")).items())),
            of.balance(AVAILABLE) - of.debt,
        )
        for of in map(settled, orders)
    }
    # T: 40 - 30 - 5 = 5 of a. U: 30 - 20 + 20 = 30 of b, and its own 8 of d. The member: 12 at hand, 12 and then 5 of the
    # a that T gave up come in, 9 go out there; 50 - 20 go out at U.
    assert outcomes == {((("a", 5),), (("b", 30), ("d", 8)), 12 + 12 + (5 - 9) - 30)}


@given(st.permutations([0, 1, 2, 3]), st.lists(st.tuples(boxes, st.integers(0, 90)), min_size=4, max_size=4))
def test_awards_and_spending_come_to_the_same_in_any_order(
    order: list[int], entries: list[tuple[dict[str, int], int]]
) -> None:
    def total(indices: list[int]) -> int:
        of = book()
        for index in indices:
            of.settle("T", {}, restored=entries[index][0], outgoing=entries[index][1])
        return of.balance(AVAILABLE) - of.debt

    assert total(order) == total([0, 1, 2, 3]) == sum(sum(box.values()) - out for box, out in entries)


def test_no_place_ever_holds_less_than_nothing() -> None:
    of = book(available={"a": 5})
    with pytest.raises(ValueError, match="would hold -1 points of lot a"):
        of.put(AVAILABLE, "a", -6)
