"""A shop's day with real tills and a real head office: its end, sales on hold, points that are missing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from central_server.pages import member_story
from central_server.reports import report
from central_server.shops import closings
from ledger.identifiers import read_receipt_reference
from offline_store import journal, settings
from pos_plugin.errors import Conflict
from pos_plugin.sales import claims
from pos_plugin.sales.suspended import Holding
from pos_plugin.shop_day import closing

CARD, OTHER_CARD = "2900000000018", "2900000000025"
RULES = 'policy = "escrow"\n[claim]\nwithin_days = 7'


def earned(till, points, ref="first"):
    """A member with so many points at head office."""
    member = till.join()
    till.scan()
    till.sell(ref, points * 100, member)
    till.settle()
    till.settle()
    return member


def test_fact_2_two_tills_days_are_equal_to_the_servers_once_all_of_it_is_here(open_shop):
    shop = open_shop()
    here, there = shop.till(), shop.till()
    member = earned(here, 300)
    there.scan()
    here.sell("2", 8000, member, 60)
    here.refund("2", 3000)
    there.cut()
    there.sell("3", 5000)
    there.sell("4", 2000, member)
    for one in (here, there):
        with one.store.read() as db:
            unsent = journal.head(db)[0] - int(settings.get(db, "acknowledged", "0"))
        assert closing.close(one.checkout).unsent == unsent > 0
    there.mend()
    for _ in range(2):
        here.settle()
        there.settle()
    found = {one.terminal: one for one in closings.compared(shop.office)}
    assert found[here.terminal].unlike == []
    assert found[there.terminal].unlike == []
    assert all(one.absent == 0 for one in found.values())
    issued = sum(one.issued for one in found.values())
    redeemed = sum(one.redeemed for one in found.values())
    assert issued - redeemed == sum(shop.figures(member).values()), "the day's points are all that the member has"


def suspended(till, member, redeem):
    """A sale on hold that was to use points."""
    return Holding(till.checkout).hold(till.quote("17", 8000, member, redeem).quote_id)[0]


def test_fact_15_what_is_on_hold_is_released_and_moves_to_another_till_that_is_online(open_shop):
    shop = open_shop()
    first, second = shop.till(), shop.till()
    member = earned(first, 100)
    token = suspended(first, member, 60)
    assert first.held(member) == 60, "what was fetched for the sale"
    first.settle()
    assert shop.figures(member) == {"available": 100}, "free again at once: the till's next exchange gives it back"
    second.settle()
    going_on = Holding(second.checkout).go_on(token, "sale/x/17", member="", has_wish=False)
    assert (going_on.member, going_on.points, going_on.notes) == (member, 60, [])
    quote = second.quote("17", 8000, going_on.member, going_on.points)
    assert (quote.redeem_points, quote.due_minor, quote.rejected) == (60, 7940, [])
    second.checkout.commit(quote.quote_id)
    second.settle()
    assert shop.figures(member) == {"available": 40 + 79}


def test_fact_15_it_is_dropped_with_a_word_at_a_till_that_is_offline(open_shop):
    shop = open_shop()
    first, second = shop.till(), shop.till()
    member = earned(first, 100)
    second.settle()
    token = suspended(first, member, 60)
    second.cut()
    going_on = Holding(second.checkout).go_on(token, "sale/x/17", member="", has_wish=False)
    assert (going_on.member, going_on.points) == (member, 0)
    assert going_on.notes == [
        "Head office cannot be reached, so the points of the sale on hold are not used. The member keeps them."
    ]
    assert second.sell("17", 8000, going_on.member).redeem_points == 0


@pytest.mark.slow
def test_a_token_of_another_head_office_is_none_here(open_shop):
    one, other = open_shop(), open_shop()
    here, there = one.till(), other.till()
    there.store.write(lambda db: settings.put(db, "phone_key", "5a" * 32))  # theirs are made of one seed in these tests
    token = suspended(here, earned(here, 100), 60)
    going_on = Holding(there.checkout).go_on(token, "sale/x/17", member="", has_wish=False)
    assert (going_on.member, going_on.points) == ("", 0)
    assert going_on.notes == ["This code is of no sale on hold here. Scan the card to use points."]


def test_fact_4_a_receipt_and_a_card_within_seven_days_award_once_and_later_nothing(open_shop):
    shop = open_shop(RULES)
    till = shop.till()
    member = till.join()
    other = till.join(OTHER_CARD)
    sold, forgotten = till.sell("17", 5000), till.sell("18", 5000)
    till.settle()
    shop.pass_by(days=7)
    done = claims.claim(till.checkout, sold.reference, member)
    assert done.earned_points == 50
    assert claims.claim(till.checkout, sold.reference, member).earned_points == 50, "again is the same claim"
    with pytest.raises(Conflict, match="claimed already") as refused:
        claims.claim(till.checkout, sold.reference, other)
    assert refused.value.code == "CLAIMED"
    till.settle()
    assert shop.figures(member) == {"available": 50}
    assert shop.figures(other) == {}
    shop.pass_by(days=1)
    with pytest.raises(Conflict, match="Points can be added for 7 days; this sale is 8 days old") as refused:
        claims.claim(till.checkout, forgotten.reference, other)
    assert refused.value.code == "CLAIM_TOO_LATE"


def test_fact_4_a_returned_sale_awards_nothing_whoever_is_heard_first(open_shop):
    shop = open_shop(RULES)
    till = shop.till()
    member = till.join()
    gone, half = till.sell("17", 5000), till.sell("18", 5000)
    till.void("17")
    till.refund("18", 2000)
    with pytest.raises(Conflict, match="All of this sale has come back") as refused:
        claims.claim(till.checkout, gone.reference, member)
    assert refused.value.code == "SALE_RETURNED"
    assert claims.claim(till.checkout, half.reference, member).earned_points == 30, "what is left of it"
    till.settle()
    assert shop.figures(member) == {"available": 30}


def test_fact_4_a_support_agent_sees_why(open_shop):
    """On head office's page of a receipt, as it stands with the sale."""
    shop = open_shop(RULES)
    till = shop.till()
    member = till.join()
    gone, half, claimed, late = (till.sell(ref, 5000) for ref in ("17", "18", "19", "20"))
    till.void("17")
    till.refund("18", 2000)
    claims.claim(till.checkout, claimed.reference, member)
    till.settle()

    def said(reference):
        find = report.find(shop.office, *read_receipt_reference(reference))
        return member_story._without_member(SimpleNamespace(office=shop.office), find[0])[0]

    assert said(gone.reference).endswith("and all of it has come back: there are no points to claim.")
    assert said(half.reference).endswith("They can be claimed through 2026-11-28.")
    assert said(claimed.reference) == "It was sold without a card, and its points were claimed since."
    shop.pass_by(days=8)
    assert said(late.reference).endswith("its points could be claimed through 2026-11-28.")
