"""Spending on the floor limit: what is missing is owed, and only head office renews the limit, once nothing is."""

import pytest

from central_server.applying import apply
from central_server.applying.books import Books, Origin
from central_server.tills import channels, feed, forfeits, inbox
from ledger.entry import SaleBody
from ledger.wire import FeedRequest, RenewItem
from loyalty.sale import Sale


def floor_sale(till, ref, points, member="anna", held=0):
    """A sale paid with `points`, of which `held` were held at the till and the rest is the shop's risk."""
    esc, need = {}, held
    for lot in sorted(till.rights(member)):
        use = min(need, till.rights(member)[lot])
        if use:
            esc[lot], need = -use, need - use
    sold = Sale(till.name, ref, "2026-03-02T10:00:00", "2026-03-02", "EUR", points)
    body = SaleBody(sold, till.program.id, redeemed=points, redeemed_minor=points, floor=points - held)
    return till.write(body, sold.document, member, esc)


def renewals(office, till):
    channel = channels.grants_of(till.name)
    page = feed.read(office, till.name, till.shop, FeedRequest({channel: 0})).channels[channel]
    return [(item.member, item.number, item.hash) for item in page.items if isinstance(item, RenewItem)]


def merge(office, old, into):
    with office.database.writing() as connection:
        books = Books(connection, office)
        books.merge(old, into, Origin(office.server, 0, "", office.time(), books.today), f"{old}-{into}")
        books.flush()


@pytest.mark.parametrize(("has", "spends", "held"), [(100, 40, 0), (40, 40, 0), (100, 90, 60)])
def test_what_the_member_has_covers_it_and_the_limit_is_renewed_at_once(office, till, tell, has, spends, held):
    one = till()
    one.sale("1", has * 100, "anna")
    one.send()
    if held:
        one.fetch("anna", held)
        one.send()
    sold = floor_sale(one, "2", spends, held=held)
    one.send()
    assert sum(tell.figures(office, "anna").values()) == has - spends
    assert renewals(office, one) == [("anna", sold.number, sold.hash)]


def test_the_limit_is_renewed_once_awards_have_repaid_what_was_owed_and_not_before(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    first = floor_sale(one, "1", 30)
    last = floor_sale(one, "2", 10)
    one.send()
    assert (tell.figures(office, "anna"), renewals(office, one)) == ({"debt": 40}, [])
    two.sale("1", 3900, "anna")
    two.send()
    assert (tell.figures(office, "anna"), renewals(office, one)) == ({"debt": 1}, [])
    two.sale("2", 100, "anna")
    two.send()
    assert (tell.figures(office, "anna"), renewals(office, one)) == ({}, [("anna", last.number, last.hash)])
    assert first.number < last.number
    assert renewals(office, two) == []


def test_a_debt_written_off_renews_the_limit(office, till, tell):
    one = till()
    one.join("anna")
    sold = floor_sale(one, "1", 30)
    one.send()
    assert forfeits.write_off(office, "anna") == 30
    assert (tell.figures(office, "anna"), renewals(office, one)) == ({}, [("anna", sold.number, sold.hash)])


def test_each_till_is_renewed_by_an_entry_of_its_own(office, till):
    one, two = till(), till("BBBBBB")
    here, there = floor_sale(one, "1", 30), floor_sale(two, "1", 30)
    one.send()
    two.send()
    one.sale("2", 6000, "anna")
    one.send()
    assert renewals(office, one) == [("anna", here.number, here.hash)]
    assert renewals(office, two) == [("anna", there.number, there.hash)]


def test_what_is_spent_after_a_renewal_is_owed_anew(office, till):
    one = till()
    one.sale("1", 3000, "anna")
    floor_sale(one, "2", 30)
    one.send()
    (first,) = renewals(office, one)
    again = floor_sale(one, "3", 20)
    one.send()
    assert renewals(office, one) == [first]
    one.sale("4", 2000, "anna")
    one.send()
    assert renewals(office, one) == [first, ("anna", again.number, again.hash)]


def test_a_floor_sale_and_the_award_that_repays_it_in_one_upload(office, till, tell):
    one = till()
    sold = floor_sale(one, "1", 30)
    one.sale("2", 5000, "anna")
    inbox.record(office, one.batch())
    apply.apply_pending(office)
    assert (tell.figures(office, "anna"), renewals(office, one)) == (
        {"available": 20},
        [("anna", sold.number, sold.hash)],
    )


@pytest.mark.parametrize("old_first", [True, False])
def test_a_merge_carries_what_is_owed_and_renews_nothing_until_it_is_repaid(office, till, tell, old_first):
    """Both have spent on the limit of the same till; the later entry is the one to name."""
    one = till()
    order = ("anna", "bert") if old_first else ("bert", "anna")
    for number, member in enumerate(order):
        last = floor_sale(one, f"{number}", 30, member)
    one.send()
    merge(office, "anna", "bert")
    assert (tell.figures(office, "bert"), renewals(office, one)) == ({"debt": 60}, [])
    one.sale("9", 6000, "anna")  # the till has not heard of the merge yet
    one.send()
    assert (tell.figures(office, "bert"), renewals(office, one)) == ({}, [("bert", last.number, last.hash)])


@pytest.mark.parametrize(("has", "owed", "renewed"), [(10, 20, False), (30, 0, True), (50, -20, True)])
def test_a_merge_repays_from_what_the_other_has(office, till, tell, has, owed, renewed):
    one, two = till(), till("BBBBBB")
    sold = floor_sale(one, "1", 30, "anna")
    two.sale("1", has * 100, "bert")
    one.send()
    two.send()
    merge(office, "anna", "bert")
    figures = tell.figures(office, "bert")
    assert figures.get("debt", 0) - figures.get("available", 0) == owed
    assert renewals(office, one) == ([("bert", sold.number, sold.hash)] if renewed else [])
