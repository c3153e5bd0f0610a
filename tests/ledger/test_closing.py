"""What a closing covers and comes to, of entries that are made by hand."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.closing import MOST_COUNTERS, MOST_NAMES, OTHERS, Covered, covered, differences
from ledger.entry import (
    GENESIS,
    Body,
    ClaimBody,
    ClosingBody,
    Draft,
    Entry,
    Gap,
    GiveBody,
    JoinBody,
    ReturnBody,
    SaleBody,
    Tally,
    entry,
    read_entry,
)
from loyalty.sale import Return, Sale

DAY, NEXT = "2026-11-21", "2026-11-22"


class Journal:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def write(self, body: Body, document: str, day: str = DAY, member: str = "") -> Entry:
        number = len(self.entries) + 1
        new = entry(
            Draft(body, document, f"{day}T10:00:00", day, member=member),
            terminal="T",
            epoch="e",
            number=number,
            prev=GENESIS,
            recorded_at="2026-11-21T10:00:00.000+00:00",
        )
        self.entries.append(new)
        return new

    def sale(
        self, ref: str, total: int = 1000, *, member: str = "", day: str = DAY, till: str = "1", **more: str
    ) -> Entry:
        sale = Sale(till, ref, f"{day}T10:00:00", day, "EUR", total, (), **more)
        body = SaleBody(sale, "p", awarded=total // 100 if member else 0, lot=f"l{ref}" if member else "")
        return self.write(body, sale.document, day, member)

    def back(
        self, ref: str, minor: int, *, void: bool = False, day: str = DAY, operator: str = "", taken: int = 0
    ) -> Entry:
        back = Return("1", ref, f"R{len(self.entries)}", amount_minor=None if void else minor, is_void=void)
        body = ReturnBody(back, f"sale/1/{ref}", taken=taken, returned_minor=minor, operator=operator)
        return self.write(body, back.document, day)

    def look(self, day: str = DAY, before: Entry | None = None) -> Covered:
        was = before.body if before else None
        assert was is None or isinstance(was, ClosingBody)
        here = self.entries[was.goes_on_from - 1 if was else 0 :]
        closed = before.envelope.business_day if before else ""
        return covered(here, day, was, closed, len(self.entries) + 2, f"{day}T10:00:00")

    def close(self, day: str = DAY, before: Entry | None = None) -> tuple[Entry, Covered]:
        found = self.look(day, before)
        number = before.body.number + 1 if before and isinstance(before.body, ClosingBody) else 1
        body = ClosingBody(
            number,
            last=len(self.entries),
            goes_on_from=found.goes_on_from,
            total=found.total,
            operators=found.operators,
            missing=found.missing,
            counted_to=found.counted_to,
        )
        return self.write(body, f"closing/T/{number}", day), found


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_a_void_and_its_sale_are_no_sale_in_the_same_closing_and_their_points_stand(journal: Journal) -> None:
    journal.sale("1", member="m")
    journal.sale("2", 500)
    journal.back("1", 300, taken=3)
    journal.back("1", 700, void=True, taken=7)
    assert journal.look().total == Tally(sales=1, sales_minor=500, voids=1, issued=10, reversed=10)


def test_a_void_of_a_sale_of_an_earlier_closing_is_a_return(journal: Journal) -> None:
    journal.sale("1")
    z, _ = journal.close()
    journal.back("1", 1000, void=True)
    assert journal.look(before=z).total == Tally(returns=1, returns_minor=1000)


def test_what_is_given_and_taken_by_hand_counts_and_who_joins_does_not(journal: Journal) -> None:
    journal.write(JoinBody(), "join/m", member="m")
    journal.write(GiveBody("activity", 50, operator="kim"), "give/1", member="m")
    journal.write(GiveBody("goodwill", -20, operator="lee"), "give/2", member="m")
    journal.write(ClaimBody("sale/1/9", "p", awarded=7, operator="kim"), "claim/1/9", member="m")
    found = journal.look()
    assert found.total == Tally(issued=57, reversed=20)
    assert found.operators == {"kim": Tally(issued=57), "lee": Tally(reversed=20)}
    assert len(found.entries) == 3


def test_former_sales_of_a_file_are_in_no_closing(journal: Journal) -> None:
    sale = Sale("1", "1", f"{DAY}T10:00:00", DAY, "EUR", 1000)
    journal.write(SaleBody(sale, "p", is_past=True), sale.document)
    assert journal.look().entries == ()


@pytest.mark.parametrize(
    ("refs", "missing"),
    [
        (["17", "18", "20"], [Gap("1", "19", "19", 1)]),
        (["20", "17", "18"], [Gap("1", "19", "19", 1)]),  # the order does not matter
        (["0017", "0021"], [Gap("1", "0018", "0020", 3)]),  # as the till writes them
        (["99", "101"], [Gap("1", "100", "100", 1)]),
        (["A7", "B9"], []),  # each counts for itself
        (["2026-11-21-7", "2026-11-21-9"], [Gap("1", "2026-11-21-8", "2026-11-21-8", 1)]),
        (["17", "9000000"], []),  # no count of sales
        (["x", "y-z"], []),
        (["17", "17a", "18"], []),
        (["9" * 15, "9" * 40], []),
    ],
)
def test_a_gap_in_the_tills_own_numbers_is_found(journal: Journal, refs: list[str], missing: list[Gap]) -> None:
    for ref in refs:
        journal.sale(ref)
    assert list(journal.look().missing) == missing


def test_each_till_counts_for_itself(journal: Journal) -> None:
    journal.sale("17", till="1")
    journal.sale("19", till="2")
    journal.sale("20", till="2")
    assert journal.look().missing == ()


def test_a_gap_across_two_closings_is_in_the_second_and_what_fills_one_late_is_none(journal: Journal) -> None:
    journal.sale("17")
    first, _ = journal.close()
    journal.sale("20", day=NEXT)
    second, found = journal.close(NEXT, first)
    assert found.missing == (Gap("1", "18", "19", 2),)
    journal.sale("18", day=DAY)
    journal.sale("21", day=NEXT)
    assert journal.look(NEXT, second).missing == ()


def test_a_till_whose_references_are_no_count_keeps_few_counters_and_those_that_count_most(journal: Journal) -> None:
    for number in range(80):
        journal.sale(f"P{number}x{number}-7")
    journal.sale("17")
    journal.sale("18")
    counted_to = journal.look().counted_to
    assert len(counted_to) == MOST_COUNTERS
    assert counted_to["1/"] == 18


def test_a_closing_tells_apart_so_many_cashiers_and_puts_the_others_together(journal: Journal) -> None:
    for number in range(MOST_NAMES + 20):
        journal.sale(str(number), operator=f"cashier {number}")
    operators = journal.look().operators
    assert len(operators) == MOST_NAMES
    assert operators[OTHERS].sales == 21
    assert sum(one.sales for one in operators.values()) == MOST_NAMES + 20


def test_a_closing_with_the_most_that_it_can_have_is_an_entry(journal: Journal) -> None:
    for number in range(300):
        journal.sale(
            str(number * 2),
            10**12,
            till=f"{number % 40}{'ü' * 60}",
            operator=f"{'ü' * 60}{number}",
            shift=f"{number}{'ü' * 60}",
        )
    z, _ = journal.close()
    assert read_entry(z.data) == z


def test_a_journal_where_nobody_is_named_lists_no_cashiers(journal: Journal) -> None:
    journal.sale("1")
    assert journal.look().operators == {}
    journal.sale("2", operator="kim")
    assert journal.look().operators == {"": Tally(sales=1, sales_minor=1000), "kim": Tally(sales=1, sales_minor=1000)}


def test_what_differs_is_named_by_its_field(journal: Journal) -> None:
    journal.sale("1", operator="kim")
    z, found = journal.close()
    assert isinstance(z.body, ClosingBody)
    assert differences(z.body, found) == {}
    lying = msgspec.structs.replace(z.body, total=Tally(sales=2, sales_minor=1000), operators={})
    assert differences(lying, found) == {
        "sales": (2, 1),
        "cashier kim": ("nothing", "sales 1, the value of sales in cents 1000"),
    }


def test_a_sale_of_a_day_years_ahead_is_in_this_closing_and_no_later_one_looks_at_it(journal: Journal) -> None:
    journal.sale("1")
    journal.sale("2", day="2099-01-01")
    journal.sale("3", day=NEXT)
    z, found = journal.close()
    assert (found.total.sales, found.late, found.ahead) == (2, {"2099-01-01": 1}, {NEXT: 1})
    assert found.goes_on_from == 3
    _, found = journal.close(NEXT, z)
    assert (found.total.sales, found.late, found.goes_on_from) == (1, {}, len(journal.entries) + 1)


def test_what_is_sold_after_a_closing_of_a_day_years_ahead_is_of_its_day(journal: Journal) -> None:
    journal.sale("1", day="2099-01-01")
    ahead, _ = journal.close("2099-01-01")
    journal.sale("2")
    _, found = journal.close(DAY, ahead)
    assert (found.total.sales, found.late, found.ahead) == (1, {}, {})


@pytest.mark.parametrize("made_at", ["", "9999-12-31T10:00:00", "yesterday"])
def test_a_closing_of_a_time_that_is_none_covers_every_sale_or_leaves_it(journal: Journal, made_at: str) -> None:
    journal.sale("1")
    journal.sale("2", day="9999-12-31")
    found = covered(journal.entries, DAY, None, "", 3, made_at)
    assert found.total.sales + sum(found.ahead.values()) == 2


DAYS = ["2026-11-20", "2026-11-21", "2026-11-22"]
AHEAD = "2099-01-01"


@given(st.lists(st.tuples(st.sampled_from(["sale", "close"]), st.sampled_from([*DAYS, AHEAD])), max_size=30))
def test_every_sale_is_in_exactly_one_closing_whatever_order_days_come_in(steps: list[tuple[str, str]]) -> None:
    """And a closing that reads only from where the one before says counts as one that reads everything."""
    journal, before, closed = Journal(), None, 0
    day = DAYS[0]
    for number, (what, of) in enumerate(steps):
        if what == "sale":
            journal.sale(str(number), day=of)
            continue
        day = max(day, of if of != AHEAD else day)
        whole = covered(journal.entries, day, None, "", 0, f"{day}T10:00:00")
        before, found = journal.close(day, before)
        assert found.total == whole.total
        closed += found.total.sales
    _, found = journal.close(DAYS[-1], before)
    assert closed + found.total.sales == sum(what == "sale" for what, _ in steps)
