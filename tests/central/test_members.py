"""What stands beside the ledger about members."""

import msgspec
import pytest

from central_server.errors import Refused
from central_server.membership import members
from central_server.tills import channels, feed
from ledger.keys import phone_hash, seal
from ledger.wire import FeedRequest, MemberDetails, MemberLookup


def told(office, till):
    channel = channels.members_of(till.shop)
    items = feed.read(office, till.name, till.shop, FeedRequest({channel: 0})).channels[channel].items
    return {item.member: item for item in items}


def details(office, member, *cards, **personal):
    sealed = seal(office.sealing_key, msgspec.json.encode(personal)) if personal else ""
    return MemberDetails(member, list(cards), "2026-03-02T10:00:00", sealed)


def test_cards_and_personal_fields_are_kept_beside_the_ledger_and_a_phone_can_be_looked_up(office, till):
    one, mill = till(), till("BBBBBB", "Mill")
    one.join("anna")
    one.send()
    sent = details(office, "anna", "111", "222", name="Anna Maria Berg", phone="+49 30 123")
    for _ in range(2):
        assert members.take_details(office, one.row(), sent).member == "anna"
    item = told(office, one)["anna"]
    hashed = phone_hash(office.phone_key, "4930123")
    assert (item.cards, item.phone_hashes, item.initials) == (["111", "222"], [hashed], "A.M.B.")
    assert members.look_up(office, mill.row(), MemberLookup(phone_hash=hashed)).member == "anna"


def test_a_person_can_be_forgotten_and_the_points_stay(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna")
    one.send()
    members.take_details(office, one.row(), details(office, "anna", "111", name="Anna", phone="123"))
    members.erase(office, "anna")
    item = told(office, one)["anna"]
    assert (item.initials, item.phone_hashes, tell.figures(office, "anna")) == ("", [], {"available": 10})


def test_who_joins_again_with_a_known_card_becomes_the_one_who_is_known(office, till, tell):
    one, mill = till(), till("BBBBBB", "Mill")
    one.sale("1", 10000, "anna", keep=True)
    one.send()
    members.take_details(office, one.row(), details(office, "anna", "111"))
    # Joined at a till that did not know the card, which spent what it had not.
    mill.join("anna2")
    mill.sale("1", 5000, "anna2", keep=True)
    mill.sale("2", 100, "anna2", redeem=30)
    mill.send()
    assert members.take_details(office, mill.row(), details(office, "anna2", "111", "333")).member == "anna"
    assert tell.figures(office, "anna") == {"escrow": 120}
    items = told(office, mill)
    assert (items["anna2"].merged_into, items["anna2"].points, items["anna2"].cards) == ("anna", [], [])
    assert items["anna"].cards == ["111", "333"]
    # Entries that name the old reference are hers from now on, and so are the rights that they give back.
    mill.sale("3", 1000, "anna2")
    mill.release("anna2")
    mill.send()
    assert tell.figures(office, "anna") == {"escrow": 100, "available": 30}
    assert tell.figures(office, "anna2") == {}


def test_a_merge_carries_debt_over_and_repays_it(office, till, tell):
    one = till()
    one.sale("1", 10000, "anna")
    one.sale("2", 100, "late", redeem=40)  # 0.60 are left to pay: no points
    one.send()
    assert tell.figures(office, "late") == {"debt": 40}
    members.take_details(office, one.row(), details(office, "anna", "111"))
    members.take_details(office, one.row(), details(office, "late", "111"))
    assert tell.figures(office, "anna") == {"available": 60}


def test_two_members_who_both_have_cards_are_not_merged_by_a_tills_word(office, till, tell):
    one = till()
    members.take_details(office, one.row(), details(office, "anna", "111"))
    members.take_details(office, one.row(), details(office, "bert", "222"))
    assert members.take_details(office, one.row(), details(office, "bert", "111")).member == "bert"
    assert (told(office, one)["anna"].cards, told(office, one)["bert"].cards) == (["111"], ["222"])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (MemberDetails("anna", ["1"] * 21, ""), "DETAILS_UNFIT"),
        (MemberDetails("", ["1"], ""), "DETAILS_UNFIT"),
        (MemberDetails("anna", ["\x00"], ""), "DETAILS_UNFIT"),
        (MemberDetails("anna", ["1"], "", sealed="00"), "DETAILS_SEALED_WRONG"),
        (MemberDetails("anna", ["1"], "", sealed="no hex"), "DETAILS_SEALED_WRONG"),
    ],
)
def test_details_that_cannot_be_kept_are_refused_whole(office, till, sent, code):
    one = till()
    with pytest.raises(Refused) as refused:
        members.take_details(office, one.row(), sent)
    assert refused.value.code == code
    assert told(office, one) == {}
