"""Cards that are blocked: who is known by them, what tills are told, and what a restore remembers."""

import random

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.errors import OfficeError, Refused
from central_server.membership import cards, desk, members, passes
from central_server.tills import channels, feed
from central_server.upkeep import restoring
from ledger.keys import card_hash
from ledger.wire import BlockItem, FeedRequest, MemberDetails, MemberLookup

CARD, OTHER, THIRD = "2900000000018", "2900000000025", "2900000000032"
WHO = desk.Who("lost", "Ada")


@pytest.fixture
def anna(office, till):
    """A member with a card, and the till that knows her."""
    one = till()
    one.join("anna")
    one.send()
    members.take_details(office, one.row(), MemberDetails("anna", [CARD], "2026-03-02"))
    return one


def told(office, till, after=0):
    page = feed.read(office, till.name, till.shop, FeedRequest({channels.REVOCATIONS: after}))
    return page.channels[channels.REVOCATIONS]


def item(office, card, why):
    return BlockItem(card_hash(office.phone_key, card), office.time(), why)


@pytest.mark.parametrize("why", ["lost", "stolen"])
def test_every_till_of_every_shop_is_told_of_a_blocked_card_without_its_number(office, anna, till, why):
    assert told(office, anna).items == []
    assert cards.block(office, CARD, why) is True
    for one in (anna, till("BBBBBB", "Mill")):
        assert told(office, one).items == [item(office, CARD, why)]
    assert CARD not in repr(told(office, anna))
    assert cards.blocked(office) == [cards.Blocked(CARD, card_hash(office.phone_key, CARD), why, office.time())]


def test_a_card_that_was_found_is_told_at_a_later_place_of_the_channel(office, anna, clock):
    cards.block(office, CARD, "lost")
    first = told(office, anna)
    clock.pass_by(minutes=1)
    cards.unblock(office, CARD)
    assert told(office, anna, first.position).items == [item(office, CARD, "")]
    assert cards.blocked(office) == []
    with pytest.raises(OfficeError, match="is not blocked") as error:
        cards.unblock(office, CARD)
    assert error.value.code == "CARD_NOT_BLOCKED"


def test_head_office_tells_nobody_who_has_a_blocked_card(office, anna, till):
    mill = till("BBBBBB", "Mill")
    cards.block(office, CARD, "stolen")
    with pytest.raises(Refused, match="blocked") as refused:
        members.look_up(office, mill.row(), MemberLookup(card=CARD))
    assert (refused.value.code, refused.value.status) == ("CARD_BLOCKED", 409)
    cards.unblock(office, CARD)
    assert members.look_up(office, mill.row(), MemberLookup(card=CARD)).member == "anna"


def test_who_joins_with_a_stolen_card_does_not_become_the_one_it_was_stolen_from(office, anna, till):
    mill = till("BBBBBB", "Mill")
    cards.block(office, CARD, "stolen")
    found = members.take_details(office, mill.row(), MemberDetails("thief", [CARD], "2026-03-02"))
    assert found.member == "thief"
    assert members.of_card(office, CARD) == "anna"


def test_a_card_that_nobody_has_yet_can_be_blocked_and_a_mistyped_one_cannot(office, anna):
    assert cards.block(office, OTHER, "lost") is False
    with pytest.raises(OfficeError) as refused:
        cards.block(office, "2900000000019", "lost")
    assert refused.value.code == "CARD_DAMAGED"
    with pytest.raises(OfficeError) as refused:
        cards.block(office, CARD, "ugly")
    assert refused.value.code == "WHY_UNFIT"
    assert [one.card for one in cards.blocked(office)] == [OTHER]


def test_a_replaced_card_is_blocked_with_its_pass_and_a_blocked_one_replaces_nothing(office, anna):
    passes.make(office, CARD)
    cards.block(office, THIRD, "lost")
    with pytest.raises(OfficeError) as refused:
        desk.replace_card(office, CARD, THIRD, WHO)
    assert refused.value.code == "CARD_BLOCKED"
    desk.replace_card(office, CARD, OTHER, WHO)
    assert {one.card: one.why for one in cards.blocked(office)} == {CARD: "replaced", THIRD: "lost"}
    with office.database.reading() as connection:
        assert connection.scalars(select(schema.pass_key.c.card)).all() == []


def test_a_stolen_card_stays_stolen_when_it_is_replaced(office, anna):
    cards.block(office, CARD, "stolen")
    desk.replace_card(office, CARD, OTHER, WHO)
    assert [one.why for one in cards.blocked(office)] == ["stolen"]


def test_who_is_forgotten_leaves_no_number_behind_and_the_card_stays_blocked(office, anna):
    cards.block(office, CARD, "stolen")
    members.erase(office, "anna")
    assert [(one.card, one.why) for one in cards.blocked(office)] == [("", "stolen")]
    assert CARD not in (office.folder / "roster.jsonl").read_text()


# -- passes --------------------------------------------------------------------------------------------------------------


def test_a_pass_has_the_key_that_its_members_tills_are_told(office, anna, till, tell):
    made = passes.make(office, CARD)
    assert (len(made.key), made.algorithm, made.period_s) == (40, "sha1", 30)
    assert passes.make(office, CARD) == made
    assert tell.told(office, anna, "anna").passes == [made]
    page = feed.read(office, till("BBBBBB", "Mill").name, "Mill", FeedRequest({"members/Mill": 0}))
    assert page.channels["members/Mill"].items == []


def test_a_new_key_takes_the_place_of_the_one_before(office, anna, tell):
    before = passes.make(office, CARD)
    after = passes.make(office, CARD, anew=True, algorithm="sha256", period_s=60)
    assert after.key != before.key
    assert tell.told(office, anna, "anna").passes == [after]
    with pytest.raises(OfficeError, match="of another kind"):
        passes.make(office, CARD)


@pytest.mark.parametrize("how", [{"algorithm": "md5"}, {"period_s": 0}, {"period_s": 601}])
def test_a_pass_of_no_kind_that_tills_know_is_not_made(office, anna, how):
    with pytest.raises(OfficeError) as refused:
        passes.make(office, CARD, **how)
    assert refused.value.code == "PASS_UNFIT"


def test_a_blocked_card_gets_no_pass(office, anna):
    cards.block(office, CARD, "lost")
    with pytest.raises(OfficeError) as refused:
        passes.make(office, CARD)
    assert refused.value.code == "CARD_BLOCKED"


def test_a_pass_goes_with_its_card_to_the_member_who_stays_and_with_the_person_who_is_forgotten(office, anna, tell):
    made = passes.make(office, CARD)
    anna.join("bert")
    anna.send()
    desk.merge(office, "anna", "bert", desk.Who("one person", "Ada", "Ben"))
    assert tell.told(office, anna, "bert").passes == [made]
    assert tell.told(office, anna, "anna").passes == []
    members.erase(office, "bert")
    assert tell.told(office, anna, "bert").passes == []
    with office.database.reading() as connection:
        assert connection.scalars(select(schema.pass_key.c.card)).all() == []


# -- a restore -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def restored(office, clock, tmp_path, request, tell):
    """Backs up, lets the test do something, and restores."""
    made = []

    def restore(since):
        restoring.backup(office, tmp_path / "one.backup")
        clock.pass_by(minutes=5)
        since()
        office.close()
        url = ""
        if office.database.dialect != "sqlite":
            url = tell.new_database(request.getfixturevalue("postgres"), f"restored_{random.randrange(10**9)}")
        clock.pass_by(minutes=5)
        found = restoring.restore(office.folder, tmp_path / "one.backup", clock, random.Random(3).randbytes, url=url)
        made.append(found)
        return found

    yield restore
    for one in made:
        one.close()


def test_what_was_blocked_and_found_since_the_backup_is_so_after_it(office, anna, clock, restored):
    cards.block(office, THIRD, "lost")

    def since():
        cards.block(office, CARD, "stolen")
        cards.block(office, OTHER, "lost")
        cards.unblock(office, THIRD)

    at = clock.at
    found = restored(since)
    # Of a card that nobody has, the hash alone is known.
    assert {(one.card, one.why) for one in cards.blocked(found)} == {(CARD, "stolen"), ("", "lost")}
    items = {one.card_hash: one for one in told(found, anna).items}
    key = found.phone_key
    assert [items[card_hash(key, card)].why for card in (CARD, OTHER, THIRD)] == ["stolen", "lost", ""]
    assert items[card_hash(key, CARD)].since > at.isoformat()
    with pytest.raises(Refused):
        members.look_up(found, anna.row(), MemberLookup(card=CARD))
    cards.unblock(found, OTHER)


def test_blocks_of_the_backup_are_remembered_where_the_folder_is_older(office, anna, clock, restored):
    cards.block(office, CARD, "stolen")
    found = restored(lambda: (office.folder / "roster.jsonl").write_text(""))
    assert [(one.card, one.why) for one in cards.blocked(found)] == [(CARD, "stolen")]
    assert [event.why for event in found.roster.events("card")] == ["stolen"]


def test_a_key_that_was_replaced_since_the_backup_is_not_trusted_again(office, anna, restored, tell):
    passes.make(office, CARD)
    found = restored(lambda: passes.make(office, CARD, anew=True))
    assert tell.told(found, anna, "anna").passes == []
    made = passes.make(found, CARD)
    assert tell.told(found, anna, "anna").passes == [made]


def test_a_pass_that_was_not_touched_since_the_backup_is_good_after_it(office, anna, restored, tell):
    made = passes.make(office, CARD)
    found = restored(lambda: None)
    assert tell.told(found, anna, "anna").passes == [made]
