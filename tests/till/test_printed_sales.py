"""What the shop's own till has printed, as the ledger records it: once, for whoever was there, with the block that is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from drivers.document import Cut
from ledger.entry import ReturnBody
from loyalty.sale import document_name
from offline_store import journal, receipts
from pos_plugin.intercept.papers import Block, PrintedSale, Recognised, SoldLine
from pos_plugin.lane import Lane
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipt_template import Template
from pos_plugin.sales.printed_sales import PrintedSales

CARD, OTHER_CARD = "2900000000018", "2900000000025"


class Counter:
    """A till, who is at it, and the papers that the shop's own till prints."""

    def __init__(self, till: Any, **how: Any) -> None:
        self.till = till
        self.lane = Lane(lambda: till.now)
        till.new_checkout(**how)
        self.sales = PrintedSales(till.checkout, self.lane)

    def holds_out(self, card: str = CARD) -> str:
        member: str = self.till.member(card)
        self.lane.arrived(member, card)
        self.till.pass_time(seconds=5)
        return member

    def printed(
        self,
        kind: str = "sale",
        reference: str = "A-17",
        total: int = 1250,
        columns: int = 42,
        codes: tuple[str, ...] = (),
        **seen: Any,
    ) -> Block:
        recognised = Recognised(kind, "a test", reference, total_minor=total, **seen)  # type: ignore[arg-type]
        return self.sales.record(PrintedSale("front", recognised, columns, self.till.now.isoformat(), codes=codes))

    def entry(self, reference: str = "A-17", kind: str = "sale", *more: str) -> Any:
        with self.till.store.read() as db:
            return journal.find(db, document_name(kind, "front", reference, *more))

    def jobs(self) -> int:
        with self.till.store.read() as db:
            return sum(receipts.counts(db).values())


@pytest.fixture
def counter(till: Any) -> Counter:
    return Counter(till)


def text(block: Block) -> str:
    assert block.document is not None
    return block.document.text()


# Whose sale it is.


def test_a_sale_of_whoever_held_out_a_card_is_theirs_and_its_block_says_so(counter: Counter) -> None:
    member = counter.holds_out()
    block = counter.printed()
    entry = counter.entry()
    assert block.recorded
    assert entry.member == member
    assert (entry.body.sale.total_minor, entry.body.awarded) == (1250, 12)
    assert text(block) == "\n".join(
        [
            "POINTS             Card ****0018",
            "Earned at this till before    +0",
            "This sale                    +12",
            "Can use here today            12",
        ]
    )


def test_the_next_sale_is_not_theirs_any_more(counter: Counter) -> None:
    counter.holds_out()
    counter.printed()
    block = counter.printed(reference="A-18")
    assert block.recorded
    assert counter.entry("A-18").member == ""


def test_a_sale_of_nobody_says_what_could_have_been_earned_and_how_to_claim_it(counter: Counter) -> None:
    block = counter.printed()
    assert block.recorded
    assert "You could have earned 12 points" in text(block).replace("\n", " ")
    assert block.reference in text(block)


def test_a_card_that_the_till_has_printed_comes_first(counter: Counter) -> None:
    counter.holds_out()
    other = counter.till.member(OTHER_CARD)
    block = counter.printed(member_code=OTHER_CARD)
    assert counter.entry().member == other
    assert "****0025" in text(block)


@pytest.mark.parametrize(
    ("codes", "whose"),
    [
        (("4012345000382", OTHER_CARD), OTHER_CARD),  # one among others
        ((OTHER_CARD, OTHER_CARD), OTHER_CARD),
        (("4012345000382", "V0;not a card"), CARD),  # none: whoever is at the till
        ((CARD, OTHER_CARD), CARD),  # two: nobody can tell, so whoever is at the till
    ],
)
def test_a_members_code_among_the_codes_of_a_receipt_says_whose_it_is(
    counter: Counter, codes: tuple[str, ...], whose: str
) -> None:
    other = counter.till.member(OTHER_CARD)
    first = counter.holds_out()
    counter.printed(codes=codes)
    assert counter.entry().member == {CARD: first, OTHER_CARD: other}[whose]


def test_a_printed_code_that_is_no_members_gives_nobody_points_and_no_block(counter: Counter) -> None:
    counter.holds_out()
    block = counter.printed(member_code="4012345000382")
    assert (block.recorded, block.document) == (True, None)
    assert counter.entry().member == ""
    assert "gets no points" in block.why
    assert [note.reference for note in counter.sales.notes] == ["A-17"]


def test_an_operators_own_card_does_not_count_and_the_sale_stands_without_it(till: Any) -> None:
    counter = Counter(till, operators={"Kim": CARD})
    counter.holds_out()
    block = counter.printed(operator="Kim")
    assert (block.recorded, block.document) == (True, None)
    assert counter.entry().member == ""
    assert "own card" in block.why


def test_a_sale_that_is_told_of_late_is_of_whoever_was_there_when_it_was_printed(counter: Counter) -> None:
    member = counter.holds_out()
    printed_at = counter.till.now
    counter.till.pass_time(seconds=30)
    counter.holds_out(OTHER_CARD)
    seen = Recognised("sale", "a test", "A-17", total_minor=1250)
    counter.sales.record(PrintedSale("front", seen, 42, printed_at.isoformat()))
    assert counter.entry().member == member


def test_a_card_that_the_till_has_printed_uses_up_the_one_that_was_held_out(counter: Counter) -> None:
    """The cashier reads it at both: else the next customer's sale would be theirs."""
    counter.holds_out()
    counter.printed(member_code=CARD)
    counter.printed(reference="A-18")
    assert counter.entry("A-18").member == ""
    counter.holds_out(OTHER_CARD)
    counter.printed(reference="A-19", member_code="4012345000382")
    counter.printed(reference="A-20")
    assert counter.entry("A-20").member == ""


def test_a_card_that_is_only_printed_lets_nobody_spend_its_points(till: Any) -> None:
    counter = Counter(till)
    member = counter.till.member()
    till.pass_time(seconds=1000)
    assert counter.printed(member_code=CARD).recorded
    assert counter.entry().member == member
    assert till.checkout.card_read(member) == ""


def test_a_void_that_is_told_of_late_sends_nobody_away_who_came_after_it(counter: Counter) -> None:
    counter.printed()
    printed_at = counter.till.now
    counter.till.pass_time(seconds=30)
    member = counter.holds_out()
    void = Recognised("void", "a test", "A-18", of_reference="A-17")
    assert counter.sales.record(PrintedSale("front", void, 42, printed_at.isoformat())).recorded
    assert counter.lane.now is not None
    assert counter.lane.now.member == member


# Once.


def test_the_same_paper_again_is_recorded_once_and_answered_as_then(counter: Counter) -> None:
    member = counter.holds_out()
    first = counter.printed()
    counter.holds_out(OTHER_CARD)
    head = counter.till.head()
    counter.till.pass_time(hours=3)
    assert counter.printed() == first
    assert counter.till.head() == head
    assert counter.till.balance(member).points == 12


def test_the_same_reference_with_another_total_stays_as_it_was_and_is_told_of(counter: Counter) -> None:
    counter.holds_out()
    counter.printed()
    head = counter.till.head()
    block = counter.printed(total=9900)
    assert (block.recorded, block.document, block.ask_again) == (False, None, False)
    assert "recorded already with 12.50, not 99.00" in block.why
    assert counter.till.head() == head
    assert counter.sales.notes[-1].text == block.why


def test_a_number_of_another_day_is_no_reprint_and_shows_nobody_anothers_points(counter: Counter) -> None:
    """A till that counts from 1 again each morning, of which nobody has taught that."""
    counter.holds_out()
    counter.printed(sold_at="2026-11-21T18:00:00")
    counter.till.pass_time(hours=24)
    head = counter.till.head()
    block = counter.printed(sold_at="2026-11-22T18:00:00")
    assert (block.recorded, block.document, block.ask_again) == (False, None, False)
    assert "2026-11-21" in block.why
    assert counter.till.head() == head
    # The same paper once more, days later, is a reprint; so is one of a till whose clock was never set.
    counter.till.pass_time(hours=48)
    assert counter.printed(sold_at="2026-11-21T18:00:00").document is not None
    counter.printed(reference="A-18", sold_at="2018-01-01T00:00:00")
    assert counter.printed(reference="A-18", sold_at="2018-01-01T00:00:00").document is not None


def test_a_paper_without_a_reference_is_not_recorded(counter: Counter) -> None:
    head = counter.till.head()
    block = counter.printed(reference="")
    assert (block.recorded, block.ask_again) == (False, False)
    assert "No reference" in block.why
    assert counter.till.head() == head


# What is recorded.


def test_the_goods_are_recorded_where_they_add_up(counter: Counter) -> None:
    counter.printed(lines=(SoldLine("Milk", 450, 3000), SoldLine("Bread", 800, sku="4012345000382")))
    lines = counter.entry().body.sale.lines
    assert [(one.name, one.amount_minor, one.quantity_milli, one.sku) for one in lines] == [
        ("Milk", 450, 3000, ""),
        ("Bread", 800, 1000, "4012345000382"),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (SoldLine("Milk", 450),),  # the rest is not there
        (SoldLine("Milk", 1500), SoldLine("Coupon", -250)),  # a sale has no line below zero
        (SoldLine("Milk", 1250, -1000),),
    ],
)
def test_goods_that_do_not_add_up_are_one_line_of_the_total(lines: tuple[SoldLine, ...], counter: Counter) -> None:
    assert counter.printed(lines=lines).recorded
    (line,) = counter.entry().body.sale.lines
    assert (line.name, line.amount_minor) == ("", 1250)


@pytest.mark.parametrize(
    ("said", "sold_at", "day"),
    [
        ("2026-11-21T17:58:00", "2026-11-21T17:58:00", "2026-11-21"),
        ("2026-11-20T23:30:00", "2026-11-20T23:30:00", "2026-11-20"),  # printed past midnight
        ("", "2026-11-21T18:05:00", "2026-11-21"),
        ("2018-01-01T00:00:00", "2026-11-21T18:05:00", "2026-11-21"),  # a till whose clock was never set
        ("2026-11-22T18:05:00", "2026-11-21T18:05:00", "2026-11-21"),
        ("yesterday", "2026-11-21T18:05:00", "2026-11-21"),
        ("2026-11-21T17:58:00+00:00", "2026-11-21T18:05:00", "2026-11-21"),
    ],
)
def test_the_papers_own_time_counts_where_it_can_be(said: str, sold_at: str, day: str, counter: Counter) -> None:
    counter.printed(sold_at=said)
    sale = counter.entry().body.sale
    assert (sale.sold_at, sale.business_day) == (sold_at, day)


# How it is printed.


@pytest.mark.parametrize(("columns", "width"), [(20, 32), (40, 40), (42, 42), (64, 48)])
def test_the_block_is_as_wide_as_the_tills_own_rows(columns: int, width: int, till: Any) -> None:
    counter = Counter(till, layout=Layout(48))
    counter.holds_out()
    block = counter.printed(columns=columns)
    assert block.document is not None
    assert block.document.width_columns == width
    assert len(text(block).splitlines()[0]) == width


def test_a_block_is_no_paper_of_its_own_and_is_not_printed_by_this_till(till: Any) -> None:
    counter = Counter(till, layout=Layout(32, ("Shop",), ("Thank you",)))
    jobs = counter.jobs()
    counter.holds_out()
    block = counter.printed()
    assert block.document is not None
    assert not any(isinstance(one, Cut) for one in block.document.blocks)
    assert "Shop" not in text(block)
    assert "Thank you" not in text(block)
    assert counter.jobs() == jobs


def test_where_points_go_to_a_slip_this_till_prints_it_and_the_receipt_has_no_block(till: Any) -> None:
    counter = Counter(till, layout=Layout(32, template=Template(points="slip")))
    counter.holds_out()
    jobs = counter.jobs()
    block = counter.printed()
    assert (block.recorded, block.document) == (True, None)
    assert counter.jobs() == jobs + 1
    assert counter.printed().document is None


def test_where_receipts_have_no_points_nothing_is_printed(till: Any) -> None:
    counter = Counter(till, layout=Layout(32, template=Template(points="none")))
    counter.holds_out()
    jobs = counter.jobs()
    block = counter.printed()
    assert (block.recorded, block.document) == (True, None)
    assert counter.jobs() == jobs


# What comes back.


def test_a_void_takes_the_sale_back_and_sends_away_whoever_is_there(counter: Counter) -> None:
    member = counter.holds_out()
    counter.printed()
    counter.holds_out(OTHER_CARD)
    block = counter.printed("void", "A-18", of_reference="A-17")
    assert block.recorded
    assert "-12" in text(block)
    assert counter.till.balance(member).points == 0
    assert counter.lane.now is None
    assert counter.printed("void", "A-18", of_reference="A-17").document == block.document


def test_a_return_takes_back_its_part_once(counter: Counter) -> None:
    member = counter.holds_out()
    counter.printed(total=2000)
    block = counter.printed("return", "R-3", total=500, of_reference="A-17")
    assert block.recorded
    assert counter.till.balance(member).points == 15
    assert counter.printed("return", "R-3", total=500, of_reference="A-17").recorded
    assert counter.till.balance(member).points == 15
    entry = counter.entry("A-17", "return", "R-3")
    assert isinstance(entry.body, ReturnBody)


@pytest.mark.parametrize(
    ("kind", "reference", "of_reference", "says"),
    [
        ("return", "R-3", "A-99", "not known here"),
        ("void", "", "A-99", "not known here"),
        ("return", "", "A-17", "no reference of its own"),
        ("return", "R-3", "", "which sale came back"),
    ],
)
def test_what_cannot_be_taken_back_is_told_of(
    kind: str, reference: str, of_reference: str, says: str, counter: Counter
) -> None:
    counter.printed()
    head = counter.till.head()
    block = counter.printed(kind, reference, total=500, of_reference=of_reference)
    assert (block.recorded, block.ask_again) == (False, False)
    assert says in block.why
    assert counter.till.head() == head


# By HTTP, as the relay asks.


@pytest.fixture
def front(serve: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    with serve() as made:
        yield made


PRINTED = {
    "till": "front",
    "seen": {"kind": "sale", "why": "taught", "reference": "A-17", "total_minor": 1250},
    "columns": 40,
    "printed_at": "2026-11-21T17:05:30.120+00:00",
}


def test_the_running_till_answers_the_block_of_the_member_at_the_till(front: Any) -> None:
    member = front.member(CARD)
    answer = front.client.post("/v1/printed-sales", json=PRINTED)
    assert answer.status_code == 200
    block = answer.json()
    assert block["recorded"]
    assert block["document"]["width_columns"] == 40
    assert front.client.get("/v1/sales/front/A-17").json()["member"] == member
    assert front.client.get("/v1/state").json()["lane"] is None
    assert front.client.post("/v1/printed-sales", json=PRINTED).json() == block
    other = {**PRINTED, "seen": {**PRINTED["seen"], "total_minor": 1}}  # type: ignore[dict-item]
    assert not front.client.post("/v1/printed-sales", json=other).json()["recorded"]
    assert [note["reference"] for note in front.client.get("/v1/state").json()["printed"]] == ["A-17"]


def test_a_card_that_the_till_has_printed_is_at_the_till_for_that_sale_alone(front: Any) -> None:
    member = front.member(CARD)
    front.client.delete("/v1/lane")
    with_card = {**PRINTED, "till": "1", "seen": {**PRINTED["seen"], "member_code": CARD}}  # type: ignore[dict-item]
    assert front.client.post("/v1/printed-sales", json=with_card).json()["recorded"]
    assert front.client.get("/v1/sales/1/A-17").json()["member"] == member
    assert front.client.get("/v1/state").json()["lane"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seen": {"kind": "closing"}}, "kind must be"),
        ({"seen": {"kind": "sale", "total_minor": -1}}, "total_minor must be 0 or more"),
        ({"seen": {"kind": "sale", "reference": "a/b"}}, "reference must be"),
        ({"printed_at": "today"}, "printed_at must be a moment"),
        ({"columns": 0}, "columns must be 1 or more"),
    ],
)
def test_what_no_paper_can_say_is_refused(change: dict[str, Any], words: str, front: Any) -> None:
    front.refused(front.client.post("/v1/printed-sales", json={**PRINTED, **change}), 422, "INVALID", words)


def test_a_stranger_may_not_record_what_was_printed(front: Any) -> None:
    front.refused(front.stranger.post("/v1/printed-sales", json=PRINTED), 401, "NOT_SIGNED_IN")
