"""Voids, refunds and forgotten cards at the counter: cumulative, once each, and never more than there was.

One point for each 1.00 paid; a hundred points are worth 1.00. The till is offline: it holds what it awards.
"""

from __future__ import annotations

import pytest

from ledger.entry import ReturnBody, Slice
from ledger.identifiers import receipt_reference
from ledger.wire import GrantItem
from loyalty.sale import LineItem, Return, ReturnedLine
from offline_store import journal, settings
from offline_store.verify import verify
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.sales.claims import claim
from pos_plugin.sales.returns import Returned, take_back, void

TWO_LINES = (LineItem("1", 1000, 4000, name="Tea"), LineItem("2", 550, name="Cake"))


@pytest.fixture(autouse=True)
def whole_in_the_end(till):
    yield
    with till.store.read() as db:
        assert verify(db).problems == []


def refund(till, ref: str, *lines: str | tuple[str, int], sale: str = "17", amount: int | None = None) -> Returned:
    named = tuple(ReturnedLine(one) if isinstance(one, str) else ReturnedLine(*one) for one in lines)
    return take_back(till.checkout, Return("1", sale, ref, named, amount))


def sell_lines(till, member: str = "", redeem: int = 0):
    quote = till.checkout.quote(till.sale("17", 1550, TWO_LINES), member, redeem)
    return till.checkout.commit(quote.quote_id)


def figures(back: Returned) -> tuple[int, int, int, int]:
    return back.taken_points, back.restored_points, back.returned_minor, back.refund_minor


# -- voids


def test_a_void_takes_the_award_back_and_returns_the_money(till) -> None:
    member = till.member()
    sell_lines(till, member)
    assert figures(void(till.checkout, "1", "17")) == (15, 0, 1550, 1550)
    assert (till.balance(member).points, till.held(member)) == (0, 0)


def test_a_void_gives_back_the_points_that_paid_in_the_lots_they_came_from(till) -> None:
    member = till.member()
    lots = [till.entry(till.sell(ref, 5000, member).number).body.lot for ref in ("a", "b")]
    sold = sell_lines(till, member, redeem=70)
    back = void(till.checkout, "1", "17")
    assert figures(back) == (14, 70, 1550, 1550 - 70)  # 14 points for the 14.80 that were paid
    spent = {lot: change for lot, change in till.entry(sold.number).envelope.esc.items() if change < 0}
    assert sorted(spent.values()) == [-50, -20]
    given = {lot: change for lot, change in till.entry(back.number).envelope.esc.items() if change > 0}
    assert given == {lot: -change for lot, change in spent.items()}
    assert set(given) == set(lots)
    assert till.held(member) == 100
    assert till.quote("18", 9999, member, redeem=100).redeem_points == 100


def test_each_lot_that_paid_gets_back_what_it_paid_and_no_more_over_several_returns(till) -> None:
    member = till.member()
    for ref in ("a", "b"):
        till.sell(ref, 5000, member)
    sold = till.sell("17", 1000, member, redeem=70)
    (first, _), (second, _) = [one for one in till.entry(sold.number).envelope.esc.items() if one[1] < 0]
    given = []
    for ref, amount in (("r1", 500), ("r2", 300), ("r3", 200)):  # 35, 21 and 14 of the 70 points
        esc = till.entry(refund(till, ref, amount=amount).number).envelope.esc
        given.append((esc.get(first, 0), esc.get(second, 0)))
    assert given == [(35, 0), (15, 6), (0, 14)]  # of 50 and 20
    assert till.held(member) == 100


def test_a_void_is_recorded_once_and_answers_the_same_again(till) -> None:
    member = till.member()
    sell_lines(till, member)
    first = void(till.checkout, "1", "17")
    head = till.head()
    assert void(till.checkout, "1", "17") == first
    assert till.head() == head


def test_a_void_after_a_partial_return_takes_what_is_left(till) -> None:
    member = till.member()
    sell_lines(till, member)
    assert figures(refund(till, "r1", "2")) == (5, 0, 550, 550)
    rest = void(till.checkout, "1", "17")
    assert figures(rest) == (10, 0, 1000, 1000)
    assert void(till.checkout, "1", "17") == rest


def test_a_free_sale_can_be_voided(till) -> None:
    till.sell("17", 0)
    assert figures(void(till.checkout, "1", "17")) == (0, 0, 0, 0)
    with pytest.raises(Conflict, match="has come back already"):
        refund(till, "again")


def test_a_sale_without_a_member_is_returned_without_points(till) -> None:
    sell_lines(till)
    back = refund(till, "r1", "1")
    assert figures(back) == (0, 0, 1000, 1000)
    assert "POINTS" not in back.receipt_text


# -- refunds


def test_partial_refunds_add_up_to_the_whole_and_stop_there(till) -> None:
    member = till.member()
    till.sell("0", 50000, member)
    sell_lines(till, member, redeem=310)  # 3.10 of 15.50, a fifth; 12 points for 12.40
    backs = [
        refund(till, "r1", ("1", 1000)),  # 13.00 left: 260 points stay spent; 10.40 earn 10
        refund(till, "r2", "2"),  # 7.50 left: 150; 6.00 earn 6
        refund(till, "r3", amount=700),  # 0.50 left: 10; 0.40 earn nothing
        refund(till, "r4"),
    ]
    assert [figures(back) for back in backs] == [
        (2, 50, 250, 200),
        (4, 110, 550, 440),
        (6, 140, 700, 560),
        (0, 10, 50, 40),
    ]
    assert till.balance(member).points == till.held(member) == 500
    with pytest.raises(Conflict) as refused:
        refund(till, "r5")
    assert refused.value.code == "CANNOT_BE_REVERSED"


def test_a_line_that_cost_nothing_can_come_back_after_all_that_cost_something(till) -> None:
    lines = (LineItem("1", 1000), LineItem("2", 0, name="Free sample"))
    till.checkout.commit(till.checkout.quote(till.sale("17", 1000, lines)).quote_id)
    refund(till, "r1", "1")
    assert figures(refund(till, "r2", "2")) == (0, 0, 0, 0)
    with pytest.raises(Conflict):
        refund(till, "r3", "2")


@pytest.mark.parametrize(
    "back",
    [
        Return("1", "17", "r", (ReturnedLine("3"),)),
        Return("1", "17", "r", (ReturnedLine("1", 4001),)),
        Return("1", "17", "r", (ReturnedLine("1", -1000),)),
        Return("1", "17", "r", amount_minor=1551),
        Return("1", "17", "r", amount_minor=0),
        Return("1", "17", "r", amount_minor=-100),  # would be a sale
        Return("1", "17", "r", (ReturnedLine("1"),), amount_minor=100),
    ],
)
def test_a_return_that_does_not_fit_is_refused_and_nothing_is_recorded(till, back: Return) -> None:
    member = till.member()
    sell_lines(till, member)
    head = till.head()
    with pytest.raises(Conflict, match="Nothing was recorded") as refused:
        take_back(till.checkout, back)
    assert refused.value.code == "CANNOT_BE_REVERSED"
    assert till.head() == head


def test_the_same_return_again_answers_the_first_and_other_content_is_refused(till) -> None:
    member = till.member()
    sell_lines(till, member)
    first = refund(till, "r1", "2")
    head = till.head()
    assert refund(till, "r1", "2") == first
    with pytest.raises(Conflict) as refused:
        refund(till, "r1", "1")
    assert refused.value.code == "RETURN_DIFFERS"
    assert till.head() == head


@pytest.mark.parametrize("ref", ["", "x" * 200, "a\x00b", "a\nb"])
def test_a_return_without_a_usable_name_is_refused(till, ref: str) -> None:
    sell_lines(till)
    with pytest.raises(BadRequest, match="Nothing was recorded"):
        refund(till, ref, "1")


def test_a_sale_that_is_not_known_here_is_not_returned(till) -> None:
    with pytest.raises(Unknown) as refused:
        void(till.checkout, "1", "never sold")
    assert refused.value.code == "TRANSACTION_DOES_NOT_EXIST"
    assert refused.value.hint


def test_a_return_of_one_sale_is_none_of_a_sale_whose_name_begins_alike(till) -> None:
    """Hosts number their sales "2026/17", and another's reference may be "2026"."""
    member = till.member()
    for ref in ("2026", "2026/17"):
        till.sell(ref, 1000, member)
    refund(till, "x", sale="2026/17")
    assert figures(refund(till, "x", sale="2026")) == (10, 0, 1000, 1000)


def test_points_that_are_spent_already_are_owed_and_the_next_ones_cover_them(till) -> None:
    member = till.member()
    sell_lines(till, member)  # 15
    till.sell("18", 1, member, redeem=1)
    till.sell("19", 14, member, redeem=14)
    back = void(till.checkout, "1", "17")
    assert back.taken_points == 15
    assert till.balance(member).points == -15
    assert till.held(member) == 0
    assert "Next 15 points cover your" in back.receipt_text
    till.sell("20", 4000, member)
    assert till.balance(member).points == 25


def test_what_is_owed_is_not_told_where_the_balance_may_have_risen_elsewhere(till) -> None:
    member = till.member()
    sell_lines(till, member)
    till.sell("18", 15, member, redeem=15)
    till.hear_of(member, as_of=till.now, includes=till.head()[0])
    till.pass_time(days=2)
    assert "cover your" not in void(till.checkout, "1", "17").receipt_text


def test_a_return_is_computed_under_the_programme_of_its_sale(till) -> None:
    member = till.member()
    sell_lines(till, member)
    till.use_program('name = "dear"\ncurrency = "EUR"\n[earn]\npoints = 50\n')
    assert refund(till, "r1", "2").taken_points == 5


def test_a_return_takes_from_the_awards_own_lot_and_no_other(till) -> None:
    member = till.member()
    till.sell("0", 5000, member)
    sold = sell_lines(till, member)
    back = void(till.checkout, "1", "17")
    assert till.entry(back.number).envelope.esc == {till.entry(sold.number).body.lot: -15}
    assert till.held(member) == 50


def test_after_a_new_epoch_what_paid_goes_to_the_member_and_not_to_this_till(till) -> None:
    member = till.member()
    till.sell("0", 5000, member)
    sell_lines(till, member, redeem=50)
    till.store.write(lambda db: settings.put(db, "epoch", "another"))
    back = void(till.checkout, "1", "17")
    esc = till.entry(back.number).envelope.esc
    assert back.restored_points == 50
    assert all(change < 0 for change in esc.values())
    assert till.balance(member).points == 50
    assert till.held(member) == 0


def test_points_of_another_till_that_paid_come_back_here_and_not_as_an_award(till) -> None:
    member = till.member()
    with till.store.read() as db:
        who = journal.identity(db)
    till.take(GrantItem("1-g", who.terminal, who.epoch, member, [Slice("far", 60, "2027-01-01")], ""))
    till.acknowledge(till.head()[0])
    sell_lines(till, member, redeem=60)
    back = void(till.checkout, "1", "17")
    body = till.entry(back.number).body
    assert isinstance(body, ReturnBody)
    assert till.entry(back.number).envelope.esc["far"] == 60
    assert till.held(member) == 60


# -- forgotten cards


def test_a_forgotten_card_gets_the_points_of_its_sale_once(till) -> None:
    member = till.member()
    sold = sell_lines(till)
    claimed = claim(till.checkout, sold.reference, member)
    assert (claimed.earned_points, claimed.member, claimed.sale_reference) == (15, member, sold.reference)
    head = till.head()
    assert claim(till.checkout, sold.reference.lower(), member) == claimed  # as a person types it
    assert till.head() == head
    assert till.balance(member).points == 15
    other = till.member("2900000000025")
    with pytest.raises(Conflict) as refused:
        claim(till.checkout, sold.reference, other)
    assert refused.value.code == "CLAIMED"


@pytest.mark.parametrize(("days", "is_open"), [(0, True), (7, True), (8, False), (400, False)])
def test_a_sale_can_be_claimed_within_the_programmes_days(till, days: int, is_open: bool) -> None:
    member = till.member()
    sold = sell_lines(till)
    till.pass_time(days=days)
    if is_open:
        assert claim(till.checkout, sold.reference, member).earned_points == 15
    else:
        with pytest.raises(Conflict) as refused:
            claim(till.checkout, sold.reference, member)
        assert refused.value.code == "CLAIM_TOO_LATE"
        assert till.balance(member).points == 0


def test_where_the_programme_has_no_claims_none_is_promised_and_none_is_taken(till) -> None:
    till.use_program('name = "strict"\ncurrency = "EUR"\n[claim]\nwithin_days = 0\n')
    member = till.member()
    sold = sell_lines(till)
    assert "could have earned" not in sold.receipt_text
    with pytest.raises(Conflict) as refused:
        claim(till.checkout, sold.reference, member)
    assert refused.value.code == "CLAIM_TOO_LATE"


def test_points_of_a_claim_last_from_the_day_of_the_sale(till) -> None:
    member = till.member()
    sold = sell_lines(till)
    till.pass_time(days=7)
    claim(till.checkout, sold.reference, member)
    assert till.entry(till.head()[0]).body.expires_on == "2027-11-21"


def test_a_returned_sale_claims_nothing_and_a_partly_returned_one_what_is_left(till) -> None:
    member = till.member()
    sold = sell_lines(till)
    refund(till, "r1", "2")
    till.sell("18", 500)
    void(till.checkout, "1", "18")
    assert claim(till.checkout, sold.reference, member).earned_points == 10
    whole = till.entry(till.head()[0] - 2)
    assert whole.kind == "sale"
    with pytest.raises(Conflict) as refused:
        claim(till.checkout, reference_of(till, whole.number), member)
    assert refused.value.code == "SALE_RETURNED"
    assert refund(till, "r2").taken_points == 10  # and what was claimed goes with the goods
    assert till.balance(member).points == 0


def reference_of(till, number: int) -> str:
    with till.store.read() as db:
        return receipt_reference(journal.identity(db).terminal, number)


def test_a_sale_that_has_a_member_is_not_claimed(till) -> None:
    member = till.member()
    sold = sell_lines(till, member)
    with pytest.raises(Conflict) as refused:
        claim(till.checkout, sold.reference, member)
    assert refused.value.code == "SALE_HAS_MEMBER"


@pytest.mark.parametrize("what", ["mistyped", "of another till", "of no sale", "too high"])
def test_a_reference_that_is_no_sale_of_this_till_is_refused(till, what: str) -> None:
    member = till.member()
    sold = sell_lines(till)
    reference = {
        "mistyped": sold.reference[:-1] + ("X" if sold.reference[-1] != "X" else "Y"),
        "of another till": receipt_reference("222222", sold.number),
        "of no sale": reference_of(till, 1),  # the joining
        "too high": reference_of(till, 999),
    }[what]
    head = till.head()
    with pytest.raises(Unknown) as refused:
        claim(till.checkout, reference, member)
    assert refused.value.hint
    assert till.head() == head


def test_a_claim_by_a_member_nobody_knows_is_refused(till) -> None:
    sold = sell_lines(till)
    with pytest.raises(Unknown) as refused:
        claim(till.checkout, sold.reference, "nobody")
    assert refused.value.code == "ACCOUNT_INVALID"


def test_points_that_a_return_is_owed_cannot_be_spent_first(till) -> None:
    """100 earned and spent elsewhere, then 40 earned here offline, then the 100 taken back: 60 are owed, nothing is left."""
    member = till.member()
    till.go_online()
    till.sell("earned", 10_000, member)
    till.hear_of(member, as_of=till.now, includes=till.head()[0])  # head office: all of it is spent at another shop
    till.go_offline()
    till.sell("more", 4000, member)
    assert till.held(member) == 40
    take_back(till.checkout, Return("1", "earned", "r1"))
    assert till.balance(member).points == -60
    quote = till.quote("next", 5000, member, redeem=40)
    assert (quote.redeem_points, quote.spendable_here) == (0, 0)
