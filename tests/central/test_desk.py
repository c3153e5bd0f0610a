"""What a person does at head office: corrections with a second person, transfers, segments, tiers, thanks."""

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.errors import OfficeError
from central_server.membership import desk, members
from ledger.entry import GiveBody, read_entry
from ledger.wire import ExpiringPoints, MemberDetails
from loyalty.program import preset

WHO = desk.Who("a jar was broken", "Ada", "Ben")
TIERED = (
    preset("points")
    + """
[segments]
student = "Students"
staff = "Staff"

[[tier]]
name = "silver"
title = "Silver"
from = 50000
expire = { rule = "never" }

[recognition]
allowance = 100
most_at_once = 60
"""
)


@pytest.fixture
def one(office, till, tell):
    """A till that has sold 100 points to anna and 50 to bert."""
    new = till()
    new.program = tell.use(office, TIERED)
    new.sale("1", 10000, "anna")
    new.sale("2", 5000, "bert")
    new.send()
    return new


def own(office):
    """Head office's own gives, as its journal has them."""
    with office.database.reading() as connection:
        entries = [
            read_entry(data)
            for data in connection.scalars(select(schema.journal.c.data).order_by(schema.journal.c.number))
        ]
    return [(entry.member, entry.body) for entry in entries if isinstance(entry.body, GiveBody)]


def test_points_by_hand_stand_in_the_journal_with_reason_and_second_person(office, one, tell):
    assert desk.adjust(office, "anna", 40, WHO) == desk.Adjusted(40, True, 100, 140, 0)
    assert tell.figures(office, "anna") == {"available": 140}
    ((member, body),) = own(office)
    assert (member, body.why, body.points) == ("anna", "adjustment", 40)
    assert (body.reason, body.operator, body.approved_by) == ("a jar was broken", "Ada", "Ben")
    assert tell.told(office, one, "anna").points == [ExpiringPoints("2027-03-02", 140)]


def test_what_is_taken_by_hand_and_is_not_there_is_owed(office, one, tell):
    assert desk.adjust(office, "anna", -130, WHO) == desk.Adjusted(-130, True, 100, -30, 30)
    assert tell.figures(office, "anna") == {"debt": 30}


def test_a_case_is_dealt_with_once(office, one, tell):
    assert desk.adjust(office, "anna", 40, WHO, document="ticket 17", is_goodwill=True).is_new
    again = desk.adjust(office, "anna", 40, WHO, document="ticket 17", is_goodwill=True)
    assert again == desk.Adjusted(40, False, 140, 140, 0)
    assert tell.figures(office, "anna") == {"available": 140}
    assert [body.why for _, body in own(office)] == ["goodwill"]


@pytest.mark.parametrize(
    ("member", "points", "is_goodwill"),
    [("anna", -40, True), ("anna", 4, True), ("bert", 40, True), ("anna", 40, False)],
)
def test_a_case_with_other_content_is_refused_and_says_what_is_recorded(office, one, tell, member, points, is_goodwill):
    desk.adjust(office, "anna", 40, WHO, document="T17", is_goodwill=True)
    before = tell.figures(office, "anna"), tell.figures(office, "bert"), own(office)
    with pytest.raises(OfficeError) as error:
        desk.adjust(office, member, points, WHO, document="T17", is_goodwill=is_goodwill)
    assert error.value.code == "CASE_DIFFERS"
    assert "+40 points (goodwill) for" in str(error.value)
    assert "on 2026-03-02 by Ada. Nothing was changed." in str(error.value)
    assert (tell.figures(office, "anna"), tell.figures(office, "bert"), own(office)) == before


def test_a_case_is_the_same_after_its_member_turned_out_to_be_another(office, one, tell):
    desk.adjust(office, "anna", 40, WHO, document="T17")
    members.take_details(office, one.row(), MemberDetails("bert", ["2900000000018"], "2026-03-02"))
    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02"))
    assert desk.adjust(office, "bert", 40, WHO, document="T17") == desk.Adjusted(40, False, 190, 190, 0)


@pytest.mark.parametrize("points", [0, 10**9 + 1, -(10**9) - 1])
def test_a_refused_amount_names_the_bound(office, one, points):
    with pytest.raises(
        OfficeError, match="1,000,000,000 points either way" if points else "1 or more points, or of -1"
    ):
        desk.adjust(office, "anna", points, WHO)


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (desk.Who("why", "Ada"), "APPROVAL_MISSING"),
        (desk.Who("why", "Ada", " ada "), "APPROVAL_MISSING"),
        (desk.Who("", "Ada", "Ben"), "REASON_MISSING"),
        (desk.Who("why", " ", "Ben"), "REASON_MISSING"),
        (desk.Who("x" * 201, "Ada", "Ben"), "REASON_LONG"),
    ],
)
def test_nobody_moves_points_alone_or_for_no_reason(office, one, tell, who, code):
    for move in (
        lambda: desk.adjust(office, "anna", 5, who),
        lambda: desk.transfer(office, "anna", "bert", 5, who),
    ):
        with pytest.raises(OfficeError) as error:
            move()
        assert error.value.code == code
    assert (tell.figures(office, "anna"), own(office)) == ({"available": 100}, [])


def test_a_transfer_keeps_each_points_expiry(office, one, tell):
    one.day = "2026-01-01"
    one.sale("0", 3000, "anna")
    one.send()
    desk.transfer(office, "anna", "bert", 60, WHO)
    assert tell.figures(office, "anna") == {"available": 70}
    assert tell.told(office, one, "anna").points == [ExpiringPoints("2027-03-02", 70)]
    assert tell.told(office, one, "bert").points == [
        ExpiringPoints("2027-01-01", 30),
        ExpiringPoints("2027-03-02", 80),
    ]


def test_what_lies_at_a_till_cannot_be_transferred(office, one, tell):
    one.fetch("anna", 80)
    one.send()
    with pytest.raises(OfficeError, match="20 points can be transferred"):
        desk.transfer(office, "anna", "bert", 21, WHO)
    desk.transfer(office, "anna", "bert", 20, WHO)
    assert tell.figures(office, "bert") == {"available": 70}
    with pytest.raises(OfficeError, match="one member's"):
        desk.transfer(office, "bert", "bert", 1, WHO)


def test_a_verified_segment_is_told_with_its_last_day_and_taken_away_again(office, one, tell):
    desk.set_segment(office, "anna", "student", "2026-09-30", WHO)
    desk.set_segment(office, "anna", "staff", "", WHO)
    assert tell.told(office, one, "anna").profile.segments == {"student": "2026-09-30", "staff": ""}
    desk.set_segment(office, "anna", "student", None, WHO)
    assert tell.told(office, one, "anna").profile.segments == {"staff": ""}
    with pytest.raises(OfficeError) as error:
        desk.set_segment(office, "anna", "studnt", "", WHO)
    assert (error.value.code, error.value.hint) == ("SEGMENT_UNKNOWN", "Did you mean student?")
    assert [(body.why, body.about, body.operator, body.reason) for _, body in own(office)] == [
        ("segment", about, "Ada", "a jar was broken")
        for about in ("student until 2026-09-30", "staff", "student taken away")
    ]


def test_a_tier_that_a_person_gave_is_told_until_it_ends(office, one, tell):
    desk.set_tier(office, "anna", "silver", "2026-12-31", WHO)
    assert tell.told(office, one, "anna").history.given == {"silver": "2026-12-31"}
    # Points given by hand expire as those of the tier do.
    desk.adjust(office, "anna", 5, WHO)
    assert ExpiringPoints("9999-12-31", 5) in tell.told(office, one, "anna").points
    # A shorter time counts as well: the latest word is the one that holds.
    desk.set_tier(office, "anna", "silver", "2026-03-02", WHO)
    assert tell.told(office, one, "anna").history.given == {"silver": "2026-03-02"}


def test_a_given_tier_is_taken_away_from_today_and_an_earned_one_is_not(office, one, tell):
    desk.set_tier(office, "anna", "silver", "2026-12-31", WHO)
    desk.set_tier(office, "anna", "silver", None, WHO)
    told = tell.told(office, one, "anna").history
    assert (told.given, told.sales) == ({}, 1)
    assert desk.adjust(office, "anna", 5, WHO).is_new
    assert tell.told(office, one, "anna").points == [ExpiringPoints("2027-03-02", 105)]
    assert [(body.about, body.approved_by) for _, body in own(office)][:2] == [
        ("silver until 2026-12-31", "Ben"),
        ("silver taken away", "Ben"),
    ]
    for member in ("anna", "bert"):
        with pytest.raises(OfficeError) as error:
            desk.set_tier(office, member, "silver", None, WHO)
        assert error.value.code == "TIER_NOT_GIVEN"
    desk.set_tier(office, "anna", "silver", "2026-12-31", WHO)
    assert tell.told(office, one, "anna").history.given == {"silver": "2026-12-31"}


def test_a_day_that_is_over_and_a_person_alone_are_refused(office, one, tell):
    alone = desk.Who("why", "Ada")
    for code, refused in (
        ("DAY_OVER", lambda: desk.set_tier(office, "anna", "silver", "2026-03-01", WHO)),
        ("DAY_OVER", lambda: desk.set_segment(office, "anna", "student", "2026-03-01", WHO)),
        ("APPROVAL_MISSING", lambda: desk.set_tier(office, "anna", "silver", "2026-12-31", alone)),
        ("REASON_MISSING", lambda: desk.set_segment(office, "anna", "student", "", desk.Who("", "Ada"))),
        ("REASON_MISSING", lambda: desk.set_segment(office, "anna", "student", "", desk.Who("why", ""))),
    ):
        with pytest.raises(OfficeError) as error:
            refused()
        assert error.value.code == code
    assert own(office) == []


def test_colleagues_thank_each_other_from_an_allowance_of_the_month(office, one, tell, clock):
    assert desk.recognise(office, "anna", "bert", 60, "the inventory") == 40
    assert tell.figures(office, "anna") == {"available": 100}
    assert tell.figures(office, "bert") == {"available": 110}
    with pytest.raises(OfficeError, match="40 are left"):
        desk.recognise(office, "anna", "bert", 41, "again")
    with pytest.raises(OfficeError, match="60 at a time"):
        desk.recognise(office, "bert", "anna", 61, "too much at once")
    clock.pass_by(days=31)
    assert desk.recognise(office, "anna", "bert", 60, "the spring") == 40
    with pytest.raises(OfficeError, match="themselves"):
        desk.recognise(office, "anna", "anna", 1, "me")
    with pytest.raises(OfficeError, match="what for"):
        desk.recognise(office, "anna", "bert", 1, " ")


def test_without_an_allowance_nobody_is_thanked(office, till, tell):
    till().send()
    with pytest.raises(OfficeError, match=r"no \[recognition\]"):
        desk.recognise(office, "anna", "bert", 1, "why")


def test_what_was_set_by_hand_goes_with_the_member_when_two_are_one(office, one, tell):
    desk.set_tier(office, "anna", "silver", "2026-12-31", WHO)
    desk.set_segment(office, "anna", "student", "2026-09-30", WHO)
    members.take_details(office, one.row(), MemberDetails("bert", ["2900000000018"], "2026-03-02"))
    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02"))
    told = tell.told(office, one, "bert")
    assert (told.history.given, told.profile.segments) == ({"silver": "2026-12-31"}, {"student": "2026-09-30"})


REINSTATING = TIERED.replace("[expire]", "[expire]\nreinstate_days = 30")


@pytest.fixture
def expired(office, till, tell, clock):
    """100 points of anna's that ended on 2027-03-02, and 20 that end a month later."""
    new = till()
    new.program = tell.use(office, REINSTATING)
    new.sale("1", 10000, "anna")
    new.day = "2026-04-02"
    new.sale("2", 2000, "anna")
    new.send()
    clock.pass_by(days=365)  # to 2027-03-02
    return new


def test_points_that_expired_come_back_once_and_end_as_those_given_today(office, expired, tell, clock):
    clock.pass_by(days=29)
    assert desk.reinstate(office, "anna", WHO) == desk.Reinstated(100, "2028-03-30", 20, 120, 0)
    assert tell.figures(office, "anna") == {"available": 120}
    assert tell.told(office, expired, "anna").points == [
        ExpiringPoints("2027-04-02", 20),
        ExpiringPoints("2028-03-31", 100),
    ]
    ((_, body),) = own(office)
    assert (body.why, body.points, body.about, body.operator, body.approved_by) == (
        "reinstate",
        0,
        "100 points until 2028-03-30",
        "Ada",
        "Ben",
    )
    with pytest.raises(OfficeError) as error:
        desk.reinstate(office, "anna", WHO)
    assert error.value.code == "NOTHING_TO_REINSTATE"
    assert tell.figures(office, "anna") == {"available": 120}


def test_points_that_were_posted_as_expired_come_back_and_repay_what_is_owed(office, expired, tell):
    apply.expire_due(office)
    assert tell.figures(office, "anna") == {"available": 20, "expired": 100}
    desk.adjust(office, "anna", -50, WHO)
    assert tell.figures(office, "anna") == {"expired": 100, "debt": 30}
    assert desk.reinstate(office, "anna", WHO) == desk.Reinstated(100, "2028-03-01", -30, 70, 0)
    assert tell.figures(office, "anna") == {"available": 70}


def test_after_the_last_day_and_without_a_second_person_nothing_comes_back(office, expired, tell, clock):
    with pytest.raises(OfficeError, match="Somebody else"):
        desk.reinstate(office, "anna", desk.Who("why", "Ada"))
    clock.pass_by(days=30)
    with pytest.raises(OfficeError, match="Nothing expired within the last 30 days"):
        desk.reinstate(office, "anna", WHO)
    tell.use(office, TIERED.replace("version = 1", "version = 2"))
    with pytest.raises(OfficeError, match="lets no points come back"):
        desk.reinstate(office, "anna", WHO)


def test_two_members_who_are_one_person_become_one_and_it_is_told_why(office, one, tell):
    desk.merge(office, "bert", "anna", WHO)
    assert tell.figures(office, "anna") == {"available": 150}
    assert tell.told(office, one, "bert").merged_into == "anna"
    ((member, body),) = own(office)
    assert (member, body.why, body.about, body.points) == ("anna", "merge", "bert", 0)
    assert (body.reason, body.operator, body.approved_by) == ("a jar was broken", "Ada", "Ben")
    with pytest.raises(OfficeError) as refused:
        desk.merge(office, "anna", "bert", WHO)
    assert refused.value.code == "MERGED_ALREADY"


def test_a_merge_by_one_person_alone_is_refused(office, one, tell):
    with pytest.raises(OfficeError):
        desk.merge(office, "bert", "anna", desk.Who("two cards", "Ada", "Ada"))
    assert tell.figures(office, "bert") == {"available": 50}


def test_a_card_that_was_replaced_is_nobodys(office, one, tell):
    old, new, other = "2900000000018", "2900000000025", "2900000000032"
    members.take_details(office, one.row(), MemberDetails("anna", [old], "2026-03-02"))
    members.take_details(office, one.row(), MemberDetails("bert", [other], "2026-03-02"))
    desk.replace_card(office, old, new, WHO)
    assert tell.told(office, one, "anna").cards == [new]
    assert members.of_card(office, new) == "anna"
    for card, becomes, code in [
        (old, "2900000000049", "CARD_UNKNOWN"),
        (new, other, "CARD_IN_USE"),
        (new, "2900000000019", "CARD_DAMAGED"),
        (new, "my library card", "NO_MEMBER_CARD"),  # which no till would take for a card
    ]:
        with pytest.raises(OfficeError) as refused:
            desk.replace_card(office, card, becomes, WHO)
        assert refused.value.code == code
    assert tell.told(office, one, "anna").cards == [new]
    assert [(body.why, body.about) for _, body in own(office)] == [("card", "****0018")]
