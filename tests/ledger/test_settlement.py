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


# -- points that come back late, and what the shop bears -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "grace_until", "graced", "available", "expired"),
    [
        ("2026-11-30", "2026-12-14", set(), {"a": 10}, {}),  # in time: no grace needed, none used
        ("2026-12-01", "2026-12-15", set(), {"a": 10}, {}),  # late: its grace
        ("2026-12-01", "2026-12-15", {"a"}, {}, {"a": 10}),  # it had its grace
        ("2026-12-01", "2026-12-01", set(), {}, {"a": 10}),  # a programme without grace
    ],
)
def test_a_lot_that_comes_back_late_has_its_grace_once(
    today: str, grace_until: str, graced: set[str], available: dict[str, int], expired: dict[str, int]
) -> None:
    of = book(escrow_T={"a": 10})
    of.today, of.grace_until, of.graced = today, grace_until, set(graced)
    of.settle("T", {"a": -10})
    assert (held(of, AVAILABLE), held(of, EXPIRED)) == (available, expired)
    if available and today >= DAYS["a"]:
        assert (of.graced, of.expires_on["a"]) == ({"a"}, grace_until)


def test_the_grace_of_a_lot_ends_for_good_although_more_of_it_comes_back_later() -> None:
    of = book(escrow_T={"a": 10}, escrow_U={"a": 5})
    of.today, of.grace_until = "2026-12-05", "2026-12-19"
    of.settle("T", {"a": -10})
    of.today, of.grace_until = "2026-12-10", "2026-12-24"
    of.settle("U", {"a": -2})  # within the grace that the lot has
    assert (held(of, AVAILABLE), of.expires_on["a"]) == ({"a": 12}, "2026-12-19")
    of.today, of.grace_until = "2026-12-19", "2027-01-02"
    assert of.expire() == 12
    of.settle("U", {"a": -3})
    assert (held(of, AVAILABLE), held(of, EXPIRED)) == ({}, {"a": 15})


def test_a_lot_in_escrow_is_never_expired_here_and_is_spent_there_although_its_day_has_come() -> None:
    of = book(escrow_T={"a": 10})
    of.today = "2027-06-01"
    assert of.expire() == 0
    of.settle("T", {"a": -10}, outgoing=10)
    assert (all_points(of), of.debt) == (0, 0)


def test_an_award_heard_of_after_its_day_has_no_grace_of_its_own_and_expires_by_its_posting() -> None:
    of = book()
    of.today, of.grace_until = "2026-12-05", "2026-12-19"
    of.settle("T", {}, awarded={"a": 10})
    assert (held(of, AVAILABLE), of.graced) == ({"a": 10}, set())
    assert of.expire() == 10


@pytest.mark.parametrize(
    ("spent", "bears", "debt", "loss"),
    [
        (40, 100, 0, 40),
        (100, 100, 0, 100),
        (130, 100, 30, 100),  # no more than was forfeited; the rest is the member's
        (40, 0, 40, 0),
    ],
)
def test_what_a_forfeited_till_spent_without_cover_is_the_shops_up_to_what_was_forfeited(
    spent: int, bears: int, debt: int, loss: int
) -> None:
    of = book()
    assert of.settle("T", {"a": -spent}, outgoing=spent, store_bears=bears) == loss
    assert (of.debt, of.loss, all_points(of)) == (debt, loss, 0)


def test_what_the_member_still_has_covers_it_before_the_shop_bears_anything() -> None:
    of = book(available={"b": 30})
    assert of.settle("T", {"a": -40}, outgoing=40, store_bears=100) == 10
    assert (of.debt, of.loss, held(of, AVAILABLE)) == (0, 10, {})


@pytest.mark.parametrize(
    ("borne", "back", "loss", "available"),
    [
        (100, 100, 0, {}),  # nothing of it was spent
        (100, 60, 40, {}),
        (30, 60, 70, {"b": 30}),  # the other 70 were lost at another till
        (0, 60, 100, {"b": 60}),
    ],
)
def test_points_that_come_back_unspent_make_good_what_the_shop_bore_for_that_till(
    borne: int, back: int, loss: int, available: dict[str, int]
) -> None:
    of = book(escrow_T={"b": 60, "c": 40})
    of.loss = 100
    esc = {"b": -60, "c": -40} if back == 100 else {"b": -back}
    good = of.settle("T", esc, borne=borne)
    assert (of.loss, held(of, AVAILABLE), good) == (loss, available, loss - 100)


@given(books(), boxes, boxes, st.integers(0, 200), st.integers(0, 100), st.integers(0, 50))
def test_points_less_debt_and_loss_are_conserved_whatever_the_shop_bears(
    of: MemberBook, spent: dict[str, int], awarded: dict[str, int], outgoing: int, bears: int, borne: int
) -> None:
    of.loss = borne
    before = all_points(of) - of.debt - of.loss
    esc = {lot: -points for lot, points in spent.items()}
    answer = of.settle("T", esc, awarded=awarded, outgoing=outgoing, store_bears=bears, borne=borne)
    assert all_points(of) - of.debt - of.loss == before + sum(awarded.values()) - outgoing
    assert of.loss == borne + answer
    assert -borne <= answer <= bears
    assert of.debt >= 0


def test_a_branch_that_gives_up_has_nothing_and_the_member_has_it_all() -> None:
    of = book(debt=25, escrow_T={"a": 10, "b": 5}, granted_T={"c": 20}, escrow_U={"d": 7}, granted_U={"d": 3})
    assert of.give_up("T") == 35
    assert not held(of, ("escrow", "T"))
    assert not held(of, ("granted", "T"))
    assert (held(of, ("escrow", "U")), held(of, ("granted", "U"))) == ({"d": 7}, {"d": 3})
    assert (of.debt, of.balance(AVAILABLE)) == (0, 10)  # the debt is repaid from what came back
    assert of.give_up("T") == 0


def test_a_grant_that_this_book_has_forgotten_is_found_in_each_place_once() -> None:
    of = book(granted_T={"a": 3}, available={"a": 4, "c": 10}, expired={"b": 2})
    assert of.take("T", {"a": 5, "b": 6, "d": 20}) == 0
    assert held(of, ("escrow", "T")) == {"a": 5, "b": 6, "d": 20}
    assert of.balance(AVAILABLE) == 0
    assert of.debt == 31 - 19  # three granted, fourteen available, two expired


def test_what_expires_and_what_is_granted_is_counted_over_all_lots() -> None:
    of = book(available={"a": 1, "b": 2, "c": 4})
    of.today = "2027-01-01"
    assert of.expire() == 3
    assert of.grant("T", 9) == {"c": 4}
    one = book(available={"a": 1, "b": 1})
    assert one.grant("T", 2) == {"a": 1, "b": 1}
    assert one.grant("T", 2) == {}
