"""What can be spent at a till without a network under each policy, and what head office's word changes of it."""

from __future__ import annotations

import pytest

from ledger.entry import OpenBody, SaleBody, Slice
from ledger.wire import GrantItem, MemberItem, RenewItem
from offline_store import journal, rights
from pos_plugin.errors import Conflict
from pos_plugin.sales.explaining import spendable_text

PROGRAM = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
[redeem]
points = 100
worth_minor = 100
[offline]
"""
FLOOR = PROGRAM + 'policy = "floor_limit"\nfloor_limit = 40\n'
ONLINE_ONLY = PROGRAM + 'policy = "online_only"\n'
LATER, SOON = "2027-06-01", "2026-12-01"


def known(till, points, day=LATER, debt=0):
    """A member of whom head office has told."""
    member = till.member()
    till.hear_of(member, *([(day, points)] if points else []), as_of=till.now, includes=till.head()[0], debt=debt)
    return member


def hears_again(till, member, points, debt=0):
    till.hear_of(member, (LATER, points), as_of=till.now, includes=till.head()[0], debt=debt)


def grant(till, member, *slices, standing=0, name="g1"):
    with till.store.read() as db:
        who = journal.identity(db)
    parts = [Slice(lot, points, day) for lot, points, day in slices]
    item = GrantItem(name, who.terminal, who.epoch, member, parts, "", standing=standing)
    taken = till.take(item)
    till.acknowledge(till.head()[0])
    return taken


def renew(till, member, number, entry_hash):
    till.store.write(lambda db: rights.renew(db, RenewItem(member, number, entry_hash)))


def can_spend(till, member, ref="ask"):
    quote = till.quote(ref, 100000, member, 99999)
    till.checkout.drop(quote.quote_id)
    return quote.redeem_points


def to_release(till):
    with till.store.read() as db:
        return rights.members_to_release(db, till.checkout.today(db))


# -- floor limit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "debt", "can"),
    [
        (500, 0, 40),
        (40, 0, 40),
        (39, 0, 39),  # never above what the member is known to have
        (0, 0, 0),
        (500, 470, 30),  # less what is owed
        (10, 30, 0),
    ],
)
def test_the_floor_limit_is_for_what_the_member_is_known_to_have(till, points, debt, can):
    till.use_program(FLOOR)
    assert can_spend(till, known(till, points, debt=debt)) == can


def test_points_known_here_that_expire_today_are_not_spent_on_the_limit(till):
    till.use_program(FLOOR)
    member = known(till, 30, "2026-11-22")
    assert can_spend(till, member) == 30
    till.pass_time(days=1)
    assert can_spend(till, member) == 0


def test_a_sale_on_the_limit_says_so_and_the_limit_is_less_by_it_for_good(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    till.sell("1", 50, member, 30)
    body = till.entry(till.head()[0]).body
    assert isinstance(body, SaleBody)
    assert (body.redeemed, body.floor, till.entry(till.head()[0]).envelope.esc) == (30, 30, {})
    till.reopen()
    till.pass_time(days=40)
    till.scan()
    hears_again(till, member, 470)
    assert can_spend(till, member) == 10


def test_what_is_held_is_spent_first_and_both_together_pay_one_sale(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    grant(till, member, ("a", 25, LATER))
    assert can_spend(till, member) == 65
    till.sell("1", 100, member, 65)
    sold = till.entry(till.head()[0])
    assert (sold.body.floor, sold.envelope.esc) == (40, {"a": -25})
    assert can_spend(till, member, "2") == 0


@pytest.mark.parametrize(
    ("which", "can"),
    [
        ("last", 40),
        ("older", 30),  # the second sale is still owed
        ("foreign hash", 10),  # an entry of another history of this till
        ("not there yet", 10),
        ("before both", 10),
    ],
)
def test_a_renewal_counts_up_to_the_entry_that_it_names_if_that_is_one_of_this_journal(till, which, can):
    till.use_program(FLOOR)
    member = known(till, 500)
    before = till.head()
    till.sell("1", 50, member, 20)
    first = till.head()
    till.sell("2", 50, member, 10)
    last = till.head()
    number, entry_hash = {
        "last": last,
        "older": first,
        "foreign hash": (last[0], "ab" * 32),
        "not there yet": (last[0] + 5, last[1]),
        "before both": before,
    }[which]
    renew(till, member, number, entry_hash)
    hears_again(till, member, 470)
    assert can_spend(till, member) == can


def test_a_renewal_is_for_its_member_and_the_same_again_changes_nothing(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    till.sell("1", 50, member, 30)
    sold = till.head()
    renew(till, "somebody else", *sold)
    assert can_spend(till, member) == 10
    renew(till, member, *sold)
    till.sell("2", 50, member, 5)
    renew(till, member, *sold)
    assert can_spend(till, member) == 35


def test_a_member_who_has_become_another_brings_along_what_they_spent_on_the_limit(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    till.sell("1", 50, member, 30)
    sold = till.head()
    till.apply_item(MemberItem(member, [], till.now.isoformat(), sold[0], merged_into="other"))
    till.hear_of("other", (LATER, 470), as_of=till.now, includes=sold[0])
    till.scan()
    assert can_spend(till, "other") == 10
    renew(till, "other", *sold)
    assert can_spend(till, "other") == 40


def test_an_online_quote_uses_no_limit_neither_then_nor_when_it_is_committed(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    grant(till, member, ("a", 25, LATER))
    till.go_online()
    quote = till.quote("1", 100, member, 65)
    assert quote.redeem_points == 25
    till.store.write(lambda db: rights.surrender(db, till.checkout.moment(db), "second"))  # a clone was heard
    till.go_offline()
    with pytest.raises(Conflict, match="no longer at this till"):
        till.checkout.commit(quote.quote_id)


def test_a_quote_made_offline_stands_when_the_network_comes_back_before_the_commit(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    quote = till.quote("1", 100, member, 30)
    till.go_online()
    assert till.checkout.commit(quote.quote_id).redeem_points == 30


def test_online_the_cashier_hears_of_all_that_can_be_fetched_until_a_wish_was_refused(till):
    member = known(till, 500)
    till.go_online()
    assert till.quote("1", 100, member).spendable_text == "500 of your 500 points can be used here today."
    refused = till.quote("1", 100000, member, 400)  # nobody grants anything
    assert (refused.redeem_points, refused.spendable_text) == (0, "0 of your 500 points can be used here today.")


def test_two_open_quotes_do_not_count_on_the_same_limit(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    assert till.quote("1", 100, member, 30).redeem_points == 30
    second = till.quote("2", 100, member, 30)
    assert second.redeem_points == 10
    assert (
        second.spendable_text
        == "10 of your 500 points can be used here today. Another open sale counts on some of them."
    )


# -- online only ----------------------------------------------------------------------------------------------------------


def test_online_only_refuses_offline_with_its_sentence_also_what_is_held(till):
    till.use_program(ONLINE_ONLY)
    member = known(till, 500)
    grant(till, member, ("a", 25, LATER))
    quote = till.quote("1", 100, member, 10)
    said = "Points can be used only while head office can be reached. They are safe there."
    assert (quote.redeem_points, quote.spendable_here, quote.spendable_text) == (0, 0, said)
    assert [one.text for one in quote.rejected] == [said]
    assert quote.offers == []


def test_online_only_a_quote_made_online_is_kept_when_the_network_goes_before_the_commit(till):
    till.use_program(ONLINE_ONLY)
    member = known(till, 500)
    grant(till, member, ("a", 25, LATER))
    till.go_online()
    quote = till.quote("1", 100, member, 10)
    till.go_offline()
    assert till.checkout.commit(quote.quote_id).redeem_points == 10


@pytest.mark.parametrize(("program", "kept"), [(PROGRAM, 27), (FLOOR, 27), (ONLINE_ONLY, 0)])
def test_an_award_made_offline_is_kept_here_only_where_it_can_be_used(till, program, kept):
    till.use_program(program)
    member = till.member()
    till.sell("1", 2799, member)
    assert (till.held(member), till.balance(member).points) == (kept, 27)


# -- the sentence ---------------------------------------------------------------------------------------------------------

TEXTS = [
    # policy, online, spendable, balance, why, sentence
    ("escrow", True, 100, 100, "", "100 of your 100 points can be used here today."),
    ("escrow", True, 0, 100, "", "0 of your 100 points can be used here today."),
    ("escrow", True, 60, 100, "It waits.", "60 of your 100 points can be used here today. It waits."),
    ("escrow", True, 100, 100, "It waits.", "100 of your 100 points can be used here today."),
    (
        "escrow",
        False,
        60,
        100,
        "",
        "60 of your 100 points can be used here today. "
        "The others are with head office, which cannot be reached just now.",
    ),
    ("escrow", False, 0, -5, "", "The next 5 points cover a return."),
    ("escrow", True, 0, -1, "", "The next 1 point covers a return."),
    ("escrow", False, 0, 0, "", "There are no points to use yet."),
    ("online_only", True, 0, 100, "It waits.", "0 of your 100 points can be used here today. It waits."),
]


@pytest.mark.parametrize(("policy", "online", "spendable", "balance", "why", "sentence"), TEXTS)
def test_the_cashier_is_told(till, policy, online, spendable, balance, why, sentence):
    from loyalty.program import read_program
    from offline_store.members import Balance

    program = read_program(PROGRAM + f'policy = "{policy}"\n')
    told = spendable_text(program, spendable, Balance(balance, 0, "", "", 0), why, is_online=online)
    assert told == sentence


# -- what stands here -----------------------------------------------------------------------------------------------------


def test_what_stands_here_is_not_released_and_everything_beyond_it_is(till):
    member = known(till, 500)
    grant(till, member, ("a", 60, LATER), standing=60)
    assert to_release(till) == []
    assert till.release(member) == 0
    grant(till, member, ("b", 25, LATER), name="g2")
    assert to_release(till) == [member]
    assert (till.release(member), till.held(member), to_release(till)) == (25, 60, [])


def test_what_expires_first_is_released_first(till):
    member = known(till, 500)
    grant(till, member, ("late", 50, LATER), ("soon", 50, SOON), standing=60)
    assert till.release(member) == 40
    assert till.entry(till.head()[0]).envelope.esc == {"soon": -40}


def test_what_has_expired_goes_back_although_it_would_stand_here(till):
    member = known(till, 500)
    grant(till, member, ("late", 10, LATER), ("soon", 50, SOON), standing=60)
    till.pass_time(days=10)
    assert to_release(till) == [member]
    till.release(member)
    assert till.entry(till.head()[0]).envelope.esc == {"soon": -50}


def test_what_is_called_back_is_released(till):
    member = known(till, 500)
    grant(till, member, ("a", 60, LATER), standing=60)
    till.store.write(lambda db: rights.recall(db, member))
    assert to_release(till) == [member]
    assert till.release(member) == 60


@pytest.mark.parametrize("told_again", [False, True])
def test_nothing_stands_of_a_member_who_has_become_another(till, told_again):
    member = known(till, 500)
    grant(till, member, ("a", 60, LATER), standing=60)
    till.apply_item(MemberItem(member, [], till.now.isoformat(), till.head()[0], merged_into="other"))
    if told_again:
        till.hear_of("other", (LATER, 500), as_of=till.now, includes=till.head()[0])
    assert to_release(till) == [member]
    assert till.release(member) == 60


def test_a_call_back_of_a_member_reaches_what_stands_under_an_earlier_name(till):
    member = known(till, 500)
    till.apply_item(MemberItem(member, [], till.now.isoformat(), till.head()[0], merged_into="other"))
    grant(till, member, ("a", 60, LATER), standing=60)
    till.store.write(lambda db: rights.recall(db, "other"))
    with till.store.read() as db:
        assert db.execute("SELECT count(*) FROM standing").fetchone() == (0,)


def test_a_feed_read_anew_tells_again_what_stands_here(till):
    """It tells of grants and of recalls in their order, so what holds in the end is what held before."""
    member = known(till, 500)
    grant(till, member, ("a", 60, LATER), standing=60)
    till.store.write(lambda db: rights.recall(db, member))
    assert grant(till, member, ("a", 60, LATER), standing=60) is False
    assert to_release(till) == []


@pytest.mark.parametrize("whose", ["terminal", "epoch"])
def test_what_is_granted_to_another_neither_counts_nor_stands_here(till, whose):
    member = known(till, 500)
    with till.store.read() as db:
        who = journal.identity(db)
    names = (who.terminal, "elsewhere") if whose == "epoch" else ("ZZZZZZ", who.epoch)
    assert not till.take(GrantItem("g", *names, member, [Slice("a", 60, LATER)], "", standing=60))
    with till.store.read() as db:
        assert db.execute("SELECT count(*) FROM standing").fetchone() == (0,)


# -- giving everything up -------------------------------------------------------------------------------------------------


def test_a_surrender_gives_up_what_is_held_what_stands_and_what_was_taken_and_never_acknowledged(till):
    member = known(till, 500)
    grant(till, member, ("a", 60, LATER), standing=60)
    till.sell("1", 2799, member)
    with till.store.read() as db:
        who = journal.identity(db)
    till.take(GrantItem("g2", who.terminal, who.epoch, member, [Slice("b", 5, LATER)], ""))
    lot = till.entry(till.head()[0] - 1).body.lot
    till.store.write(lambda db: rights.surrender(db, till.checkout.moment(db), "second"))
    opened = till.entry(till.head()[0])
    assert isinstance(opened.body, OpenBody)
    assert opened.envelope.epoch == "second"
    assert opened.envelope.esc == {"a": -60, lot: -27, "b": -5}
    assert set(opened.body.owners.values()) == {member}
    assert (till.held(member), to_release(till)) == (0, [])
    till.acknowledge(till.head()[0])
    assert till.held(member) == 0


def test_a_surrender_does_not_renew_the_floor_limit(till):
    till.use_program(FLOOR)
    member = known(till, 500)
    till.sell("1", 50, member, 30)
    till.store.write(lambda db: rights.surrender(db, till.checkout.moment(db), "second"))
    assert can_spend(till, member) == 10


def test_a_member_that_head_office_never_told_of_can_spend_what_was_granted_and_no_more_on_the_limit(till):
    till.use_program(FLOOR)
    member = till.member()
    grant(till, member, ("a", 25, LATER))
    assert can_spend(till, member) == 25
