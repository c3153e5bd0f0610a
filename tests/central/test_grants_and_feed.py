"""Rights for tills, and what tills are told."""

import threading

import pytest

from central_server.applying import apply
from central_server.errors import Refused
from central_server.membership import members
from central_server.tills import feed, inbox
from ledger.entry import Slice
from ledger.keys import grant_message, is_signed
from ledger.wire import ExpiringPoints, FeedRequest, GrantItem, MemberItem, MemberLookup, ProgramItem


def page(office, till, channel, after=0, limit=500):
    return feed.read(office, till.name, till.shop, FeedRequest({channel: after}, limit)).channels[channel]


def test_a_grant_is_booked_before_it_is_told_and_counts_once_it_is_taken(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.sale("1", 10000, "anna")
    one.send()
    assert two.ask("anna", 30) == 30
    assert tell.figures(office, "anna") == {"available": 70, "granted": 30}
    (item,) = two.grants()
    assert (item.epoch, item.member, item.slices) == (two.epoch, "anna", [Slice("AAAAAA1", 30, "2027-03-02")])
    assert item.grant.startswith(f"{office.server_epoch}-")
    parts = [[part.lot, part.points, part.expires_on] for part in item.slices]
    assert is_signed(
        office.signing.public, grant_message(item.grant, two.name, two.epoch, "anna", parts), item.signature
    )
    two.take(item)
    inbox.record(office, two.batch(two.sent))
    # Booked when it was recorded, before and apart from applying.
    assert tell.figures(office, "anna") == {"available": 70, "escrow": 30}
    apply.apply_pending(office)
    assert tell.figures(office, "anna") == {"available": 70, "escrow": 30}


def test_the_same_wish_is_granted_once(office, till, tell):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    assert [one.ask("anna", 30), one.ask("anna", 30), one.ask("anna", 500, "another")] == [30, 30, 70]
    assert tell.figures(office, "anna") == {"granted": 100}
    assert one.ask("anna", 1, "a third") == 0
    assert one.ask("nobody", 1, "a fourth") == 0


def test_points_that_have_expired_are_not_granted(office, till, clock):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    clock.pass_by(days=365)
    assert one.ask("anna", 30) == 0


@pytest.mark.parametrize("epoch", ["", "elsewhere", "AAAAAAe1"], ids=["none", "never heard of", "given up"])
def test_no_grant_goes_to_an_epoch_that_is_not_open(office, till, epoch):
    one = till()
    one.sale("1", 10000, "anna")
    one.reopen("second")
    one.send()
    one.epoch = epoch
    with pytest.raises(Refused, match="epoch") as refused:
        one.ask("anna", 30)
    assert refused.value.status == 409


def test_grants_asked_for_at_the_same_time_never_come_to_more_than_there_is(office, till, tell):
    tills = [till(name * 6) for name in "ABCD"]
    tills[0].sale("1", 10000, "anna")
    tills[0].send()
    granted = []
    start = threading.Barrier(len(tills))

    def ask(one):
        start.wait()
        granted.extend(one.ask("anna", 7, f"wish {number}") for number in range(5))

    threads = [threading.Thread(target=ask, args=(one,)) for one in tills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 100
    assert tell.figures(office, "anna") == {"granted": 100}


def test_uploads_grants_and_applying_at_the_same_time_wait_for_each_other_and_never_in_a_circle(office, till, tell):
    tills = [till(name * 6) for name in "ABCD"]
    start = threading.Barrier(len(tills))
    failed = []

    def trade(one):
        try:
            start.wait()
            for number in range(6):
                one.sale(str(number), 1000, "anna", keep=number % 2 == 0)
                one.sale(f"b{number}", 1000, "bert")
                one.fetch("anna", 5, f"wish {number}")
                one.send()
                page(office, one, "members/Harbour")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=trade, args=(one,)) for one in tills]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert tell.figures(office, "bert") == {"available": 240}
    assert sum(tell.figures(office, "anna").values()) == 240


def test_a_take_that_head_office_cannot_place_is_posted_and_shown(office, till, tell):
    one = till()
    one.sale("1", 10000, "anna")
    one.take(GrantItem("made-up", one.name, one.epoch, "anna", [Slice("AAAAAA1", 60, "2027-03-02")], "00"))
    one.send()
    assert tell.figures(office, "anna") == {"escrow": 60, "available": 40}
    assert tell.notes(office) == [("AAAAAA", 3, "unproved")]


def test_a_take_proves_itself_by_head_offices_signature(office, till, tell):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    message = grant_message("1-lost", one.name, one.epoch, "anna", [["AAAAAA1", 60, "2027-03-02"]])
    one.take(
        GrantItem(
            "1-lost", one.name, one.epoch, "anna", [Slice("AAAAAA1", 60, "2027-03-02")], office.signing.sign(message)
        )
    )
    one.send()
    assert tell.figures(office, "anna") == {"escrow": 60, "available": 40}
    assert tell.notes(office) == []


def test_a_member_is_told_with_all_points_anywhere_and_the_last_entry_that_is_in_them(office, till):
    one, two = till(), till("BBBBBB")
    one.sale("1", 10000, "anna")
    one.sale("2", 2000, "anna", keep=True)
    one.send()
    two.fetch("anna", 30)
    two.send()
    (told,) = page(office, one, "members/Harbour").items
    assert isinstance(told, MemberItem)
    assert (told.points, told.debt, told.includes) == ([ExpiringPoints("2027-03-02", 120)], 0, 3)
    (told,) = page(office, two, "members/Harbour").items
    assert told.includes == 2


def test_entries_that_are_recorded_and_not_applied_are_not_included(office, till):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    one.sale("2", 2000, "anna")
    inbox.record(office, one.batch())
    (told,) = page(office, one, "members/Harbour").items
    assert (told.points, told.includes) == ([ExpiringPoints("2027-03-02", 100)], 2)
    one.reopen("second")
    inbox.record(office, one.batch())
    (told,) = page(office, one, "members/Harbour").items
    assert told.includes == 2
    apply.apply_pending(office)
    (told,) = page(office, one, "members/Harbour").items
    assert told.includes == 4


def test_a_later_change_takes_the_place_of_the_earlier_one(office, till):
    one = till()
    for ref, member in (("1", "anna"), ("2", "bert"), ("3", "anna")):
        one.sale(ref, 1000, member)
        one.send()
    first = page(office, one, "members/Harbour")
    assert [item.member for item in first.items] == ["bert", "anna"]
    assert page(office, one, "members/Harbour", first.position).items == []
    parts = page(office, one, "members/Harbour", limit=1)
    assert ([item.member for item in parts.items], parts.more) == (["bert"], True)
    rest = page(office, one, "members/Harbour", parts.position, limit=1)
    assert ([item.member for item in rest.items], rest.more, rest.position) == (["anna"], False, first.position)


def test_a_terminal_reads_its_own_channels_only(office, till):
    one = till()
    reply = feed.read(
        office,
        one.name,
        one.shop,
        FeedRequest({"program": 0, "members/Mill": 0, "grants/BBBBBB": 0, "members/Harbour": 0}),
    )
    assert sorted(reply.channels) == ["members/Harbour", "program"]
    (told,) = reply.channels["program"].items
    assert told == ProgramItem(one.program.text)


def test_a_member_of_another_shop_comes_by_the_feed_once_looked_up(office, till):
    one, mill = till(), till("BBBBBB", "Mill")
    one.sale("1", 1000, "anna")
    one.send()
    from ledger.wire import MemberDetails

    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02"))
    assert page(office, mill, "members/Mill").items == []
    assert members.look_up(office, mill.row(), MemberLookup(card="2900000000018")).member == "anna"
    (told,) = page(office, mill, "members/Mill").items
    assert (told.member, told.cards, told.points) == ("anna", ["2900000000018"], [ExpiringPoints("2027-03-02", 10)])
    assert members.look_up(office, mill.row(), MemberLookup(card="nobody's")).member == ""
