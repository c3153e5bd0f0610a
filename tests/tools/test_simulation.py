"""What a programme makes of sales that have been, on histories short enough to count by hand."""

from __future__ import annotations

import pytest

from loyalty.program import read_program
from loyalty.sale import LineItem, Sale
from loyalty.simulation import Behaviour, Outcome, Simulation

HEAD = 'name = "p"\ncurrency = "EUR"\n'
ALWAYS = Behaviour(redeem_percent=100, redeem_from_minor=1)
NEVER = Behaviour(redeem_percent=0)


def sale(day: str, amount: int, ref: str = "", **line: object) -> Sale:
    item = LineItem("1", amount, **line)  # type: ignore[arg-type]
    return Sale("t", ref or f"{day}/{amount}", f"{day}T12:00:00", day, "EUR", amount, (item,))


def simulated(text: str, *sales: tuple[str, Sale], behaviour: Behaviour = ALWAYS) -> Outcome:
    simulation = Simulation(read_program(HEAD + text), behaviour)
    for member, one in sales:
        simulation.sell(one, member)
    return simulation.outcome()


def test_points_are_issued_redeemed_and_owed_by_month() -> None:
    outcome = simulated(
        "",
        ("anna", sale("2026-01-10", 50_000)),  # 500 points
        ("", sale("2026-01-11", 10_000)),
        ("anna", sale("2026-02-10", 300)),  # 300 points pay all of it, and nothing is left to earn
    )
    january, february = outcome.months
    assert (january.sales, january.member_sales, january.sales_minor, january.members) == (2, 1, 60_000, 1)
    assert (january.issued, january.redeemed, january.outstanding, january.liability_minor) == (500, 0, 500, 500)
    assert (february.issued, february.redeemed, february.outstanding, february.redeemed_minor) == (0, 300, 200, 300)
    assert (outcome.whole.cost_minor, outcome.whole.outstanding, outcome.rewards) == (300, 200, {"": 1})


def test_a_month_without_sales_stands_there_and_points_expire_in_it() -> None:
    outcome = simulated(
        "[expire]\nmonths = 1\n", ("anna", sale("2026-01-10", 5000)), ("ben", sale("2026-03-20", 100)), behaviour=NEVER
    )
    assert [(month.month, month.expired, month.outstanding) for month in outcome.months] == [
        ("2026-01", 0, 50),
        ("2026-02", 50, 0),
        ("2026-03", 0, 1),
    ]


def test_points_on_their_first_day_of_expiry_cannot_be_redeemed() -> None:
    for day, redeemed in (("2026-02-09", 50), ("2026-02-10", 0)):
        outcome = simulated(
            "[expire]\nmonths = 1\n", ("anna", sale("2026-01-10", 5000)), ("anna", sale(day, 5000)), behaviour=ALWAYS
        )
        assert outcome.whole.redeemed == redeemed


def test_activity_keeps_points_alive() -> None:
    rule = '[expire]\nrule = "inactivity"\nmonths = 1\n'
    days = ("2026-01-10", "2026-02-05", "2026-03-01")
    outcome = simulated(rule, *[("anna", sale(day, 100)) for day in days], behaviour=NEVER)
    assert (outcome.whole.expired, outcome.whole.outstanding) == (0, 3)


def test_points_that_vest_later_are_pending_and_not_redeemed() -> None:
    rule = "[earn]\nvest_days = 14\n"
    early = simulated(rule, ("anna", sale("2026-01-20", 5000)), ("anna", sale("2026-02-02", 5000)))
    assert (early.months[0].pending, early.whole.redeemed) == (50, 0)
    ready = simulated(rule, ("anna", sale("2026-01-20", 5000)), ("anna", sale("2026-02-03", 5000)))
    assert ready.whole.redeemed == 50


REWARDS = """\
[redeem]
points = 0
[[reward]]
name = "small"
title = "Small"
points = 50
kind = "money"
value_minor = 100
[[reward]]
name = "large"
title = "Large"
points = 100
kind = "money"
value_minor = 300
[[reward]]
name = "mug"
title = "Mug"
points = 10
kind = "gift"
"""


def test_the_reward_that_is_worth_most_is_taken() -> None:
    outcome = simulated(REWARDS, ("anna", sale("2026-01-10", 10_000)), ("anna", sale("2026-01-11", 1000)))
    assert outcome.rewards == {"large": 1}
    assert (outcome.whole.redeemed, outcome.whole.redeemed_minor) == (100, 300)
    assert outcome.whole.issued == 100 + 7  # what the reward paid earns nothing
    assert outcome.never == ["reward small", "reward mug"]
    assert (outcome.point_minor_milli, outcome.whole.liability_minor) == (3000, 21)


def test_what_is_worth_too_little_is_not_taken() -> None:
    behaviour = Behaviour(redeem_percent=100, redeem_from_minor=301)
    outcome = simulated(
        REWARDS.replace("points = 10\n", "points = 900\n"),
        ("anna", sale("2026-01-10", 10_000)),
        ("anna", sale("2026-01-11", 1000)),
        behaviour=behaviour,
    )
    assert outcome.whole.redeemed == 0


TIERS = """\
[[tier]]
name = "gold"
title = "Gold"
from = 10000
times = 2
"""


def test_tiers_multiply_and_are_counted_and_members_near_them_too() -> None:
    outcome = simulated(
        TIERS,
        ("anna", sale("2026-01-10", 10_000)),  # 100 points, gold from now on
        ("anna", sale("2026-02-10", 1000)),  # 20 points
        ("ben", sale("2026-02-10", 9000)),  # lacks a tenth
        ("carl", sale("2026-02-10", 8999)),
        behaviour=NEVER,
    )
    assert [month.issued for month in outcome.months] == [100, 20 + 90 + 89]
    assert [month.tiers for month in outcome.months] == [{"gold": 1}, {"": 2, "gold": 1}]
    assert outcome.near == {"gold": 1}
    assert outcome.sources == {"the rate": 289, "Gold": 10}


PAID = """\
[[tier]]
name = "plus"
title = "Plus"
paid = true
[[membership]]
name = "plus-year"
title = "Plus"
tier = "plus"
sku = "plus"
price_minor = 2000
months = 12
[[price]]
name = "tenth"
title = "A tenth off"
percent = 10
tiers = ["plus"]
"""


@pytest.mark.parametrize(("share", "fees", "prices"), [(0, 0, 0), (100, 4000, 300)])
def test_memberships_are_paid_again_when_they_end_and_their_prices_cost(share: int, fees: int, prices: int) -> None:
    behaviour = Behaviour(redeem_percent=0, memberships={"plus-year": share})
    days = ("2026-01-10", "2026-06-01", "2027-01-10")  # the last day of the first year is 9 January
    outcome = simulated(PAID, *[("anna", sale(day, 1000)) for day in days], behaviour=behaviour)
    assert (outcome.whole.fees_minor, outcome.whole.prices_minor) == (fees, prices)
    assert outcome.whole.cost_minor == prices - fees


def test_donations_are_counted_by_charity() -> None:
    giving = '[giving]\npercent = 1\ncharities = [{ name = "sea", title = "Sea" }]\n'
    outcome = simulated(giving, ("anna", sale("2026-01-10", 10_050)), ("", sale("2026-01-10", 10_000)), behaviour=NEVER)
    assert (outcome.donated, outcome.whole.cost_minor) == ({"sea": 100}, 100)


def test_whoever_brought_a_friend_has_their_points_at_the_friends_first_purchase() -> None:
    rule = "[referral]\nfriend_points = 10\nreferrer_points = 20\n"
    behaviour = Behaviour(redeem_percent=0, referred_percent=100)
    sales = [("anna", sale("2026-01-10", 100)), ("ben", sale("2026-01-11", 100)), ("ben", sale("2026-01-12", 100))]
    outcome = simulated(rule, *sales, behaviour=behaviour)
    assert outcome.whole.issued == 3 + 10 + 20  # nobody could have brought the first


def test_joining_gives_its_points_once() -> None:
    rule = '[[accrual]]\nname = "hello"\ntitle = "Hello"\non = "join"\npoints = 50\n'
    sales = [("anna", sale("2026-01-10", 100)), ("anna", sale("2026-01-11", 100))]
    outcome = simulated(rule, *sales, behaviour=NEVER)
    assert (outcome.whole.issued, outcome.never) == (52, [])


def test_points_are_never_created_nor_lost() -> None:
    sales = [(f"m{n % 7}", sale(f"2026-{1 + n // 28:02}-{1 + n % 28:02}", 997 * (1 + n % 13))) for n in range(28 * 11)]
    outcome = simulated(
        "[earn]\nvest_days = 3\n[expire]\nmonths = 2\n",
        *sales,
        behaviour=Behaviour(redeem_percent=40, redeem_from_minor=50),
    )
    left = 0
    for month in outcome.months:
        left += month.issued - month.redeemed - month.expired
        assert month.outstanding == left
    assert outcome.whole.redeemed > 0
    assert outcome.whole.expired > 0
    again = simulated(
        "[earn]\nvest_days = 3\n[expire]\nmonths = 2\n",
        *sales,
        behaviour=Behaviour(redeem_percent=40, redeem_from_minor=50),
    )
    assert again == outcome


def test_a_stock_and_a_budget_end_for_all_members_together() -> None:
    rule = REWARDS.split("[[reward]]")[0] + "[[reward]]" + REWARDS.split("[[reward]]")[2] + "stock = 1\n"
    rule += '[[accrual]]\nname = "hello"\ntitle = "Hello"\npoints = 100\nbudget_points = 300\n'
    sales = [(member, sale(day, 1000)) for day in ("2026-01-10", "2026-01-11") for member in ("anna", "ben", "carl")]
    outcome = simulated(rule, *sales)
    assert outcome.rewards == {"large": 1}
    assert outcome.sources["Hello"] == 300
