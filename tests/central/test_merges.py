"""Two members turn out to be one person: what either had, wherever it lies, is the one's from then on."""

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.applying.books import Books, Origin
from central_server.tills import feed, forfeits, inbox
from ledger.entry import MergeBody, ReleaseBody
from ledger.keys import is_signed, merge_message
from ledger.wire import FeedRequest


def merge(office, old, into, name=""):
    with office.database.writing() as connection:
        books = Books(connection, office)
        for member in (old, into):
            books.know(member, "Harbour")
        origin = Origin(office.server, 0, "", office.time(), books.today)
        books.merge(old, into, origin, name or f"1-{old}-{into}")
        books.flush()


def told(office, till, members):
    channel = f"members/{till.shop}"
    page = feed.read(office, till.name, till.shop, FeedRequest({channel: 0})).channels[channel]
    return {item.member: item for item in page.items if item.member in members}


def journaled(till, item):
    """What a till writes when it hears of a merge."""
    body = MergeBody(item.merge, item.member, item.merged_into, item.merge_signature)
    return till.write(body, f"merge/{item.merge}", item.member)


def merged_into(office, member):
    table = schema.member.c
    with office.database.reading() as connection:
        return connection.scalar(select(table.merged_into).where(table.member == member))


@pytest.mark.parametrize("late", [False, True], ids=["heard before", "heard after"])
def test_points_at_several_tills_are_the_ones_and_can_be_spent_where_they_lie(office, till, tell, late):
    one, two = till(), till("BBBBBB")
    one.sale("1", 10000, "anna", keep=True)
    two.sale("2", 20000, "bert", keep=True)
    one.send()
    two.send()
    if not late:
        merge(office, "anna", "bert")
    one.sale("3", 60, "anna", redeem=60)
    two.sale("4", 150, "bert", redeem=150)
    if late:
        merge(office, "anna", "bert")
    one.release("anna")
    one.send()
    two.send()
    assert tell.figures(office, "anna") == {}
    assert tell.figures(office, "bert") == {"available": 40, "escrow": 50}


@pytest.mark.parametrize(
    ("owes", "has", "left"), [(100, 30, {"debt": 70}), (100, 100, {}), (100, 130, {"available": 30})]
)
@pytest.mark.parametrize("old_owes", [True, False])
def test_the_debt_of_either_is_repaid_from_what_the_other_has(office, till, tell, owes, has, left, old_owes):
    one, two = till(), till("BBBBBB")
    debtor, other = ("anna", "bert") if old_owes else ("bert", "anna")
    sold = one.sale("1", owes * 100, debtor, keep=True)
    one.sale("2", owes, debtor, redeem=owes)
    one.send()
    two.give_back(sold, "r")
    two.sale("3", has * 100, other)
    two.send()
    assert tell.figures(office, debtor) == {"debt": owes}
    merge(office, "anna", "bert")
    assert tell.figures(office, "bert") == left


def test_what_was_forfeited_of_the_one_is_the_most_that_the_shop_bears_of_the_other(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.sale("1", 10000, "anna", keep=True)
    one.send()
    forfeits.forfeit(office, one.name)
    merge(office, "anna", "bert")
    assert two.fetch("bert", 100) == 100
    two.sale("2", 100, "bert", redeem=100)
    two.send()
    one.sale("3", 100, "anna", redeem=100)  # the lost till knows of nothing
    one.send()
    assert tell.figures(office, "bert") == {}
    table = schema.member.c
    with office.database.reading() as connection:
        assert dict(connection.execute(select(table.member, table.loss)).all()) == {"anna": 0, "bert": 100}
    assert ("AAAAAA", 3, "loss") in tell.notes(office)


def test_a_chain_of_merges_ends_at_the_last_and_is_signed_for_it(office, till, tell):
    one = till()
    for ref, member in enumerate(("anna", "bert", "carl")):
        one.sale(str(ref), 1000, member)
    one.send()
    merge(office, "anna", "bert")
    merge(office, "bert", "carl")
    one.sale("9", 1000, "anna")
    one.send()
    assert tell.figures(office, "carl") == {"available": 40}
    items = told(office, one, ("anna", "bert", "carl"))
    assert [items[name].merged_into for name in ("anna", "bert", "carl")] == ["carl", "carl", ""]
    for name in ("anna", "bert"):
        item = items[name]
        message = merge_message(item.merge, item.member, item.merged_into)
        assert is_signed(office.signing.public, message, item.merge_signature)


@pytest.mark.parametrize("order", [("anna", "bert"), ("bert", "anna")])
def test_a_restored_head_office_learns_a_chain_of_merges_from_a_till_that_heard_of_it_late(office, till, tell, order):
    """As if both merges were younger than the backup: the entries say all."""
    one = till()
    for ref, member in enumerate(("anna", "bert", "carl")):
        one.sale(str(ref), 1000, member)
    one.send()
    bodies = {"anna": ("1-x", "anna", "carl"), "bert": ("1-y", "bert", "carl")}
    for name in order:
        body = MergeBody(*bodies[name], office.signing.sign(merge_message(*bodies[name])))
        one.write(body, f"merge/{body.merge}", name)
    one.send()
    assert tell.figures(office, "carl") == {"available": 30}
    assert [merged_into(office, name) for name in ("anna", "bert", "carl")] == ["carl", "carl", ""]
    assert tell.notes(office) == []


def test_a_merge_that_two_tills_remember_is_learned_once(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.sale("1", 1000, "anna")
    one.sale("2", 1000, "bert")
    one.send()
    signature = office.signing.sign(merge_message("1-x", "anna", "bert"))
    for each in (one, two):
        each.write(MergeBody("1-x", "anna", "bert", signature), "merge/1-x", "anna")
        each.send()
    assert tell.figures(office, "bert") == {"available": 20}
    assert [note for note in tell.notes(office) if note[2] == "unproved"] == []


FORGED = {
    "no signature": ("1-x", "anna", "bert", ""),
    "of another merge": ("1-y", "anna", "bert", None),
    "the other way round": ("1-x", "bert", "anna", None),
    "into somebody else": ("1-x", "anna", "mallory", None),
    "no hexadecimal": ("1-x", "anna", "bert", "so!"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_merge_is_shown_and_merges_nobody(office, till, tell, forged):
    one = till()
    one.sale("1", 1000, "anna")
    one.sale("2", 1000, "bert")
    one.send()
    merge_id, old, into, signature = FORGED[forged]
    if signature is None:
        signature = office.signing.sign(merge_message("1-x", "anna", "bert"))
    one.write(MergeBody(merge_id, old, into, signature), f"merge/{merge_id}", old)
    one.sale("3", 1000, "anna")
    one.send()
    assert (tell.figures(office, "anna"), tell.figures(office, "bert")) == ({"available": 20}, {"available": 10})
    assert tell.notes(office) == [("AAAAAA", 4, "unproved")]


def test_members_who_merge_while_entries_of_both_wait_to_be_applied(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna", keep=True)
    one.sale("2", 2000, "bert")
    one.sale("3", 10, "anna", redeem=5)
    inbox.record(office, one.batch())
    merge(office, "anna", "bert")
    apply.apply_pending(office)
    assert tell.figures(office, "anna") == {}
    assert tell.figures(office, "bert") == {"available": 20, "escrow": 5}


def test_a_release_and_a_new_epoch_that_name_the_old_reference_give_the_one_their_points(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna", keep=True)
    one.sale("2", 2000, "anna", keep=True)
    one.send()
    merge(office, "anna", "bert")
    one.write(ReleaseBody(), "", "anna", {"AAAAAA1": -10})
    one.reopen("second")
    one.send()
    assert tell.figures(office, "bert") == {"available": 30}


def test_grants_asked_for_under_the_old_reference_are_of_the_one(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.sale("1", 1000, "anna")
    one.sale("2", 1000, "bert")
    one.send()
    merge(office, "anna", "bert")
    assert two.fetch("anna", 15) == 15
    two.send()
    assert tell.figures(office, "bert") == {"available": 5, "escrow": 15}


def test_a_till_journals_what_the_feed_tells_and_head_office_has_it_already(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna")
    one.sale("2", 1000, "bert")
    one.send()
    merge(office, "anna", "bert")
    journaled(one, told(office, one, ("anna",))["anna"])
    assert tell.outcomes(one.send()) == ["recorded"]
    assert (tell.figures(office, "bert"), tell.notes(office)) == ({"available": 20}, [])
