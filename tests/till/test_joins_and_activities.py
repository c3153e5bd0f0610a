"""What is given without a sale: for joining, for being brought by a friend, for a reload, for activities of the shop's own."""

from __future__ import annotations

import pytest

from ledger.entry import GiveBody, JoinBody
from ledger.keys import card_hash
from ledger.wire import BlockItem, CardBatchItem, MemberItem
from loyalty.standing import Profile
from offline_store import card_stock, codes, histories, members, settings
from offline_store.verify import balances_as_of, verify
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.members import activities
from pos_plugin.members.joining import join

CARD, FRIEND = "2900000000018", "2900000000025"
CLUB = """\
name = "club"
currency = "EUR"
time_zone = "Europe/Berlin"

[[accrual]]
name = "sign-up"
title = "Welcome"
on = "join"
points = 25

[[accrual]]
name = "reload"
title = "Reload"
on = "reload"
points = 2
per = "amount"
per_minor = 1000

[[accrual]]
name = "survey"
title = "Survey"
on = "activity"
activity = "survey"
points = 20
limits = [{ uses = 1, per = "month" }]

[[accrual]]
name = "birthday"
title = "Birthday"
points = 100
birthday = { days_after = 7 }

[referral]
friend_points = 40
on = "join"

[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }, { name = "sea", title = "Sea" }]
"""


@pytest.fixture
def club(till):
    till.use_program(CLUB)
    return till


def problems(till) -> list[str]:
    with till.store.read() as db:
        return verify(db).problems


def profile(till, member: str) -> Profile:
    with till.store.read() as db:
        return histories.of(db, member).profile


def test_joining_gives_what_the_programme_says_in_an_entry_of_its_own(club) -> None:
    joined = join(club.checkout, CARD)
    assert joined.points == 25
    entry = club.entry(2)
    assert (entry.kind, entry.member, entry.body.why, entry.body.points) == ("give", joined.member, "join", 25)
    assert (club.held(joined.member), club.balance(joined.member).points) == (25, 25)
    assert problems(club) == []


def test_points_of_a_join_can_be_spent_and_stand_in_yesterdays_balance(club) -> None:
    member = club.member()
    done = club.sell("1", 1000, member, redeem=25)
    assert (done.redeem_points, done.due_minor) == (25, 975)
    with club.store.read() as db:
        assert balances_as_of(db, "2026-11-21")[member] == 9
    assert problems(club) == []


def test_a_friend_who_was_brought_is_welcomed_and_the_entry_names_who_brought_them(club) -> None:
    friend = join(club.checkout, FRIEND).member
    joined = join(club.checkout, CARD, referrer=FRIEND)
    assert joined.points == 65
    body = club.entry(3).body
    assert isinstance(body, JoinBody)
    assert body.referrer == friend
    assert club.entry(4).body.about == friend
    assert profile(club, joined.member).is_referred


def test_a_referrer_whom_nobody_knows_keeps_the_join_from_being_recorded(club) -> None:
    before = club.head()
    with pytest.raises(Unknown, match="brought"):
        join(club.checkout, CARD, referrer=FRIEND)
    assert club.head() == before


@pytest.mark.parametrize("wrong", [{"birthday": "02-30"}, {"charity": "moon"}])
def test_a_birthday_or_charity_that_is_none_keeps_the_join_from_being_recorded(club, wrong) -> None:
    before = club.head()
    with pytest.raises(BadRequest):
        join(club.checkout, CARD, **wrong)
    assert club.head() == before


def test_birthday_and_charity_count_from_the_first_sale_and_go_to_head_office(club) -> None:
    member = join(club.checkout, CARD, birthday="11-20", charity="sea").member
    club.scan()
    done = club.sell("1", 2000, member)
    assert done.earned_points == 20 + 100
    assert "0.20 EUR goes to Sea" in done.receipt_text
    with club.store.read() as db:
        (details,) = members.waiting_details(db)
    assert (details.birthday, details.charity) == ("11-20", "sea")


def test_head_offices_word_does_not_take_away_what_it_has_not_heard_yet(club) -> None:
    member = join(club.checkout, CARD, birthday="11-20").member
    item = MemberItem(member, [], club.now.isoformat(), 1)
    club.apply_item(item)
    assert profile(club, member).birthday == "11-20"
    club.store.write(lambda db: members.details_arrived(db, member))
    club.apply_item(item)
    assert profile(club, member).birthday == ""


def test_an_activity_gives_once_however_often_it_is_sent(club) -> None:
    member = club.member()
    first = activities.record(club.checkout, "1", "A1", member, activity="survey")
    assert (first.points, first.balance) == (20, 45)
    head = club.head()
    assert activities.record(club.checkout, "1", "A1", member, activity="survey") == first
    assert club.head() == head
    assert activities.record(club.checkout, "1", "A2", member, activity="survey").points == 0, "once a month"
    assert club.balance(member).points == 45
    assert problems(club) == []


def test_an_activity_of_the_same_name_with_other_content_is_a_conflict(club) -> None:
    member = club.member()
    activities.record(club.checkout, "1", "A1", member, activity="survey")
    with pytest.raises(Conflict, match="other content"):
        activities.record(club.checkout, "1", "A1", member, reload_minor=500)


def test_a_reload_gives_by_its_amount(club) -> None:
    member = club.member()
    assert activities.record(club.checkout, "1", "R1", member, reload_minor=5999).points == 10
    body = club.entry(club.head()[0]).body
    assert isinstance(body, GiveBody)
    assert (body.why, body.about) == ("reload", "5999")


def test_an_activity_that_the_programme_does_not_know_says_what_was_meant(club) -> None:
    member = club.member()
    before = club.head()
    with pytest.raises(Unknown) as refused:
        activities.record(club.checkout, "1", "A1", member, activity="servey")
    assert refused.value.hint == "Did you mean survey?"
    assert club.head() == before


def test_an_operator_rewards_themselves_for_nothing(club) -> None:
    member = club.member()
    club.new_checkout(operators={"Kim": CARD})
    with pytest.raises(Conflict, match="own card"):
        activities.record(club.checkout, "1", "A1", member, activity="survey", operator="Kim")
    assert activities.record(club.checkout, "1", "A1", member, activity="survey", operator="Lou").points == 20


def test_a_new_number_is_nobodys_and_no_card_of_the_shops_stock(till, monkeypatch) -> None:
    """The numbers that are drawn: of somebody, of a card that lies in the shop, of one that is blocked; and one that is free."""
    drawn = iter([1, 2, 3, 4])
    monkeypatch.setattr("secrets.randbelow", lambda below: next(drawn) if below == 10**9 else 0)
    somebodys, in_stock, lost = "0000000018", "0000000026", "0000000034"
    join(till.checkout, somebodys)
    till.store.write(lambda db: settings.put(db, "phone_key", "cd" * 32))
    blocked = BlockItem(card_hash("cd" * 32, lost), "2026-11-20T10:00:00.000+00:00", "lost")
    till.store.write(lambda db: codes.apply_items(db, [blocked]))
    till.store.write(lambda db: card_stock.apply_items(db, [CardBatchItem("b", [in_stock])]))
    assert join(till.checkout).card == "0000000042"
    assert join(till.checkout, in_stock).card == in_stock
