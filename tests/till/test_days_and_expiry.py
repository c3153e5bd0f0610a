"""Days and expiry at the till: points end when they are said to, and no clock brings them back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.sale import Return
from offline_store.verify import balances_as_of, verify
from pos_plugin.errors import Conflict
from pos_plugin.sales.claims import claim
from pos_plugin.sales.returns import take_back, void


def as_of(till, day: str) -> dict[str, int]:
    with till.store.read() as db:
        return {member: points for member, points in balances_as_of(db, day).items() if points}


@pytest.mark.parametrize(
    ("now", "spendable"),
    [
        ("2027-11-20T22:59:00+00:00", 50),  # 23:59 in Berlin on the last day
        ("2027-11-20T23:00:00+00:00", 0),  # midnight in Berlin: the anniversary
        ("2027-11-21T12:00:00+00:00", 0),
    ],
)
def test_points_can_be_spent_through_the_day_before_the_anniversary(till, now: str, spendable: int) -> None:
    member = till.member()
    till.sell("1", 5000, member)
    till.now = datetime.fromisoformat(now)
    till.scan()
    assert till.held(member) == spendable
    assert till.balance(member).points == spendable
    assert till.quote("2", 9999, member, redeem=50).redeem_points == spendable


def test_a_trading_day_that_starts_at_four_keeps_points_through_the_night(till) -> None:
    till.use_program('name = "bar"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\nday_starts_at = 4\n')
    member = till.member()
    till.sell("1", 5000, member)
    till.now = datetime(2027, 11, 21, 2, 59, tzinfo=UTC)  # 03:59 in Berlin: still the day before
    assert till.held(member) == 50
    till.now = datetime(2027, 11, 21, 3, 0, tzinfo=UTC)
    assert till.held(member) == 0


def test_points_that_head_office_told_of_stop_counting_at_once_too(till) -> None:
    member = till.member()
    till.hear_of(member, ("2026-11-30", 40), ("2027-06-01", 300), as_of=till.now, includes=till.head()[0])
    assert till.balance(member).points == 340
    assert (till.balance(member).next_expiry, till.balance(member).expiring) == ("2026-11-30", 40)
    till.now = datetime(2026, 11, 29, 23, 0, tzinfo=UTC)
    assert till.balance(member).points == 300
    assert (till.balance(member).next_expiry, till.balance(member).expiring) == ("2027-06-01", 300)


def test_a_clock_set_back_does_not_bring_expired_points_back(till) -> None:
    member = till.member()
    till.sell("1", 5000, member)
    till.hear_time(datetime(2027, 11, 21, 12, 0, tzinfo=UTC))
    till.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # a year back
    assert till.held(member) == 0
    till.scan()
    assert till.quote("2", 9999, member, redeem=50).redeem_points == 0


def test_points_that_expire_between_quote_and_commit_are_not_spent(till) -> None:
    member = till.member()
    till.sell("1", 5000, member)
    till.now = datetime(2027, 11, 20, 22, 55, tzinfo=UTC)
    till.scan()
    quote = till.quote("2", 9999, member, redeem=50)
    assert quote.redeem_points == 50
    till.pass_time(minutes=10)
    with pytest.raises(Conflict, match="no longer at this till"):
        till.checkout.commit(quote.quote_id)


def test_expired_points_that_a_void_gives_back_are_expired_still(till) -> None:
    member = till.member()
    till.sell("1", 5000, member)
    till.sell("2", 2000, member, redeem=50)
    till.now = datetime(2027, 11, 25, 12, 0, tzinfo=UTC)
    assert void(till.checkout, "1", "2").restored_points == 50
    assert (till.held(member), till.balance(member).points) == (0, 0)
    with till.store.read() as db:
        assert verify(db).problems == []


def test_balances_are_as_they_were_at_the_end_of_any_day(till) -> None:
    member, other = till.member(), till.member("2900000000025")
    till.sell("1", 5000, member)  # the 21st: 50
    till.sell("2", 700, other)  # 7
    till.pass_time(days=1)
    till.scan()
    till.sell("3", 3000, member, redeem=20)  # the 22nd: 50 - 20 + 29
    unclaimed = till.sell("4", 1200)
    till.pass_time(days=1)
    void(till.checkout, "1", "3")  # the 23rd: 50
    till.pass_time(days=1)
    claim(till.checkout, unclaimed.reference, other)  # the 24th
    assert as_of(till, "2026-11-20") == {}
    assert as_of(till, "2026-11-21") == {member: 50, other: 7}
    assert as_of(till, "2026-11-22") == {member: 59, other: 7}
    assert as_of(till, "2026-11-23") == {member: 50, other: 7}
    assert as_of(till, "2026-11-24") == {member: 50, other: 19}
    assert as_of(till, "2027-11-20") == {member: 50, other: 19}
    assert as_of(till, "2027-11-21") == {other: 12}  # the first award of each has ended; the claim is of the 22nd
    assert as_of(till, "2027-11-22") == {}


def test_a_sale_of_a_later_trading_day_may_have_paid_for_one_of_an_earlier(till) -> None:
    """Two hosts at one till, one of which still books on yesterday."""
    member = till.member()
    ahead = till.sale("1", 5000, day="2026-11-22")
    till.checkout.commit(till.checkout.quote(ahead, member).quote_id)
    behind = till.sale("2", 1000, day="2026-11-21")
    till.checkout.commit(till.checkout.quote(behind, member, 50).quote_id)
    assert as_of(till, "2026-11-21") == {member: 9 - 50}
    assert as_of(till, "2026-11-22") == {member: 9}


def test_what_is_owed_lasts_longer_than_the_points_that_were_spent(till) -> None:
    member = till.member()
    till.sell("1", 5000, member)
    till.sell("2", 50, member, redeem=50)
    take_back(till.checkout, Return("1", "1", "r"))
    assert till.balance(member).points == -50
    till.pass_time(days=500)
    assert till.balance(member).points == -50


def test_balances_of_today_are_those_of_the_journal(till) -> None:
    member = till.member()
    for number in range(12):
        till.sell(str(number), 777 * (number + 1), member, redeem=number * 3)
        if number % 3 == 0:
            void(till.checkout, "1", str(number))
    assert as_of(till, "2026-11-21") == {member: till.balance(member).points}


KEPT_ALIVE = 'name = "i"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[expire]\nrule = "inactivity"\nmonths = 3\n'


@pytest.mark.parametrize(
    ("days", "told_of"),
    [
        ([12], 120),  # before the 5th
        ([12, 15], 120),  # the second finds what the first has kept
        ([12, 60, 110], 120),
        ([15], 0),  # too late
        ([12, 150], 0),  # the second is too late for what the first has kept
    ],
)
def test_activity_keeps_points_alive_that_earlier_activity_has_kept(till, days: list[int], told_of: int) -> None:
    till.use_program(KEPT_ALIVE)
    member = till.member()
    till.hear_of(member, ("2026-12-05", 120), as_of=till.now, includes=till.head()[0])  # today is 21 November
    begun = till.now
    for number, day in enumerate(days):
        till.now = begun + timedelta(days=day)
        till.scan()
        till.sell(f"s{number}", 100, member)
    assert till.balance(member).known == told_of
