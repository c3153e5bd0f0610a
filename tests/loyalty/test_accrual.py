"""What a sale earns, rule by rule: one odd case a line."""

from __future__ import annotations

from typing import Any

import pytest
from any_programme import rules

from loyalty.award import Award, award, gift, recognised, standing_of
from loyalty.program import Program
from loyalty.sale import LineItem, Sale
from loyalty.standing import NO_EFFECTS, Effects, History, Profile, Standing
from loyalty.words import Reason

DAY = "2026-03-10"  # a Tuesday
TEA = LineItem("1", 600, 2000, 96, "tea", "Tea", "drinks", ("hot",))
CAKE = LineItem("2", 450, 1000, 50, "cake", "Cake", "food", discount_minor=50)
CARD = LineItem("3", 2000, 1000, 0, "card", "Gift card", "gift cards")


def sale(*lines: LineItem, total: int | None = None, day: str = DAY, at: str = "10:00") -> Sale:
    whole = sum(line.amount_minor for line in lines) if total is None else total
    return Sale("1", "1", f"{day}T{at}:00", day, "EUR", whole, lines)


def earns(program: Program, one: Sale, redeemed_minor: int = 0, **standing: Any) -> int:
    return award(program, one, redeemed_minor, Standing(**standing)).points


def rule(**keys: Any) -> dict[str, Any]:
    return {"name": "more", "title": "More", **keys}


@pytest.mark.parametrize(
    ("earn", "points"),
    [
        ({}, 30),  # 6.00 + 4.50 + 20.00 = 30.50
        ({"points": 2, "per_minor": 1000}, 6),
        ({"points": 0}, 0),
        ({"tax": "excluded"}, 29),  # less 1.46 of tax
        ({"discounts": "before"}, 31),  # the cake cost 5.00
        ({"tax": "excluded", "discounts": "before", "per_minor": 1}, 2954),
        ({"except": {"categories": ["gift cards"]}}, 10),
        ({"except": {"products": ["tea", "card"]}}, 4),
        ({"except": {"tags": ["hot"]}}, 24),
        ({"except": {"marked_down": True}}, 26),
        ({"goods": {"categories": ["drinks", "food"]}}, 10),
        ({"goods": {"categories": ["drinks"]}, "except": {"tags": ["hot"]}}, 0),
        ({"minimum_minor": 3050}, 30),
        ({"minimum_minor": 3051}, 0),
        ({"per": "unit"}, 4),  # two teas, a cake, a card
        ({"per": "unit", "points": 3, "goods": {"products": ["tea"]}}, 6),
        ({"per": "unit", "except": {"products": ["tea"]}}, 2),
        ({"per": "visit", "points": 7}, 7),
        ({"per": "visit", "goods": {"products": ["beer"]}}, 0),
        ({"limits": [{"points": 12}]}, 12),
    ],
)
def test_the_rate_counts_what_the_programme_says(earn: dict[str, Any], points: int) -> None:
    assert earns(rules(earn=earn), sale(TEA, CAKE, CARD)) == points


@pytest.mark.parametrize(
    ("earn", "redeemed_minor", "points"),
    [
        ({}, 550, 25),
        ({"paid_with_points": "all"}, 550, 30),
        ({"paid_with_points": "nothing"}, 1, 0),
        ({"paid_with_points": "nothing"}, 0, 30),
        ({}, 3050, 0),
        ({}, 9999, 0),
        ({"except": {"categories": ["gift cards"]}}, 1525, 5),  # half of it: 5.25 of tea and cake
        ({"per": "unit"}, 1525, 2),
        ({"per": "unit"}, 1, 3),  # a whole unit is one that was paid for
        ({"per": "visit"}, 3050, 0),
    ],
)
def test_what_points_paid_earns_as_the_programme_says(earn: dict[str, Any], redeemed_minor: int, points: int) -> None:
    assert earns(rules(earn=earn), sale(TEA, CAKE, CARD), redeemed_minor) == points


@pytest.mark.parametrize(
    ("earn", "total", "points"),
    [
        ({}, 1000, 10),
        ({"tax": "excluded"}, 1000, 10),  # no lines: nobody knows of a tax
        ({"goods": {"categories": ["food"]}}, 1000, 0),
        ({"except": {"categories": ["food"]}}, 1000, 10),
    ],
)
def test_a_till_that_tells_no_lines_earns_on_its_total(earn: dict[str, Any], total: int, points: int) -> None:
    assert earns(rules(earn=earn), sale(total=total)) == points


@pytest.mark.parametrize(
    ("total", "goods", "all_together"),
    [(1050, 6, 10), (525, 3, 5), (2100, 6, 21), (0, 0, 0)],  # as it stands, half off, a tip of as much again, free
)
def test_what_comes_off_the_whole_falls_on_all_goods_and_what_comes_on_top_on_none(
    total: int, goods: int, all_together: int
) -> None:
    drinks = rules(earn={"points": 0}, accrual=[rule(points=1, per="amount", per_minor=100, goods={"tags": ["hot"]})])
    assert earns(drinks, sale(TEA, CAKE, total=total)) == goods
    assert earns(rules(), sale(TEA, CAKE, total=total)) == all_together


@pytest.mark.parametrize(
    ("keys", "points"),
    [
        ({"times": 2}, 10),  # as much again
        ({"times": 1.5}, 5),
        ({"times": 1.999}, 9),
        ({"times": 2, "goods": {"categories": ["food"]}}, 4),
        ({"times": 2, "goods": {"except": {"marked_down": True}}}, 6),
        ({"points": 5}, 5),
        ({"points": 5, "goods": {"products": ["tea"], "categories": ["food"]}}, 5),  # either
        ({"points": 5, "goods": {"categories": ["gift cards"]}}, 0),
        ({"points": 5, "per": "unit"}, 15),
        ({"points": 5, "per": "unit", "goods": {"tags": ["hot"]}}, 10),
        ({"points": 5, "per": "amount", "per_minor": 500}, 10),
        ({"points": 5, "minimum_minor": 1050}, 5),
        ({"points": 5, "minimum_minor": 1051}, 0),
        ({"points": 5, "weekdays": ["tue"]}, 5),
        ({"points": 5, "weekdays": ["mon", "wed"]}, 0),
        ({"points": 5, "hours": ["10:00-11:00"]}, 5),
        ({"points": 5, "hours": ["09:00-10:00"]}, 0),  # up to 9:59
        ({"points": 5, "hours": ["22:00-10:01"]}, 5),  # past midnight
        ({"points": 5, "hours": ["22:00-10:00"]}, 0),
        ({"points": 5, "hours": ["06:00-07:00", "10:00-10:01"]}, 5),
        ({"points": 5, "starts": DAY, "ends": DAY}, 5),
        ({"points": 5, "starts": "2026-03-11"}, 0),
        ({"points": 5, "ends": "2026-03-09"}, 0),
        ({"points": 5, "stores": ["s1", "s2"]}, 5),
        ({"points": 5, "stores": ["s2"]}, 0),
        ({"points": 5, "segments": ["coach", "student"]}, 5),
        ({"points": 5, "segments": ["coach"]}, 0),
        ({"points": 5, "tiers": ["gold"]}, 5),
        ({"points": 5, "tiers": ["base"]}, 0),
        ({"points": 5, "birthday": {}}, 0),  # it was the day before
        ({"points": 5, "birthday": {"days_after": 1}}, 5),
        ({"points": 5, "birthday": {"days_before": 30}}, 0),
        ({"points": 5, "on": "first purchase"}, 0),  # it is the second
        ({"points": 5, "on": "join"}, 0),
        ({"points": 5, "on": "activity", "activity": "run"}, 0),
        ({"points": 5, "on": "reload"}, 0),
    ],
)
def test_a_rule_adds_to_the_rate_where_all_that_it_names_holds(keys: dict[str, Any], points: int) -> None:
    program = rules(accrual=[rule(**keys)], tier=[{"name": "gold", "title": "Gold", "from": 1}])
    here = {"shop": "s1", "segments": ("student",), "tier": "gold", "birthday": "03-09", "sales": 1}
    assert earns(program, sale(TEA, CAKE), **here) == 10 + points


def test_the_base_of_the_tiers_is_nobodys_tier() -> None:
    program = rules(accrual=[rule(points=5, tiers=["base"])], tier=[{"name": "gold", "title": "Gold", "from": 1}])
    assert (earns(program, sale(TEA)), earns(program, sale(TEA), tier="gold")) == (11, 6)


def test_windows_around_a_birthday_differ_by_tier() -> None:
    """Coffee stars: 7 days, or 30 in the higher tiers."""
    short, long = {"birthday": {"days_after": 6}}, {"birthday": {"days_after": 29}, "tiers": ["gold"]}
    program = rules(
        accrual=[rule(points=50, **short, tiers=["base"]), rule(points=50, **long) | {"name": "long"}],
        tier=[{"name": "gold", "title": "Gold", "from": 1}],
    )
    for day, base, gold in (("03-01", 56, 56), ("03-07", 56, 56), ("03-08", 6, 56), ("03-30", 6, 56), ("03-31", 6, 6)):
        one = sale(TEA, day=f"2026-{day}")
        found = [earns(program, one, birthday="02-29", tier=tier) for tier in ("", "gold")]
        assert found == [base, gold], day  # born on 29 February: 1 March


@pytest.mark.parametrize(
    ("combine", "exclusive", "points"),
    [
        ("add", (), 10 + 5 + 10 + 3),  # half again by tier, as much again, and three
        ("best", (), 10 + 10),
        ("add", ("three",), 10 + 3),  # alone, though it gives least; the rate stays
        ("best", ("three",), 10 + 3),
        ("add", ("three", "double"), 10 + 10),
    ],
)
def test_rules_add_up_or_the_best_is_used_or_an_exclusive_one_alone(
    combine: str, exclusive: tuple[str, ...], points: int
) -> None:
    two = [rule(times=2) | {"name": "double"}, rule(points=3) | {"name": "three"}]
    program = rules(
        combine=combine,
        accrual=[one | {"exclusive": one["name"] in exclusive} for one in two],
        tier=[{"name": "gold", "title": "Gold", "from": 1, "times": 1.5}],
    )
    found = award(program, sale(TEA, CAKE), 0, Standing(tier="gold"))
    assert found.points == points
    assert sum(reason.points for reason in found.reasons) == points
    assert len(found.rules) == (3 if points == 28 else 1)


@pytest.mark.parametrize(
    ("limit", "counts", "points", "counted"),
    [
        ({"points": 8}, {}, 8, {}),  # a sale is its own period
        ({"points": 8, "per": "day"}, {}, 8, {f"more/points/{DAY}": 8}),
        ({"points": 8, "per": "day"}, {f"more/points/{DAY}": 5}, 3, {f"more/points/{DAY}": 3}),
        ({"points": 8, "per": "day"}, {f"more/points/{DAY}": 8}, 0, {}),
        ({"points": 8, "per": "day"}, {f"more/points/{DAY}": 9}, 0, {}),  # two tills did not know of each other
        ({"points": 8, "per": "day"}, {f"more/points/{DAY}": -4}, 8, {f"more/points/{DAY}": 8}),  # a return came first
        ({"points": 80, "per": "week"}, {"more/points/2026-W11": 75}, 5, {"more/points/2026-W11": 5}),
        ({"points": 80, "per": "month"}, {"more/points/2026-03": 75}, 5, {"more/points/2026-03": 5}),
        ({"points": 80, "per": "year"}, {"more/points/2026": 75}, 5, {"more/points/2026": 5}),
        ({"points": 80, "per": "ever"}, {"more/points/ever": 75}, 5, {"more/points/ever": 5}),
        ({"points": 80, "per": "year"}, {"more/points/2025": 75}, 10, {"more/points/2026": 10}),
        ({"uses": 2, "per": "day"}, {f"more/uses/{DAY}": 1}, 10, {f"more/uses/{DAY}": 1}),
        ({"uses": 2, "per": "day"}, {f"more/uses/{DAY}": 2}, 0, {}),
        ({"uses": 1}, {}, 10, {}),
    ],
)
def test_a_limit_holds_for_a_member_and_its_period(
    limit: dict[str, Any], counts: dict[str, int], points: int, counted: dict[str, int]
) -> None:
    program = rules(accrual=[rule(times=2, limits=[limit])])
    found = award(program, sale(TEA, CAKE), 0, Standing(counts=counts))
    assert (found.points, found.effects.counts) == (10 + points, counted)


def test_of_several_limits_all_hold() -> None:
    limits = [{"points": 8, "per": "day"}, {"points": 20, "per": "month"}, {"uses": 3, "per": "week"}]
    program = rules(accrual=[rule(times=2, limits=limits)])
    counts = {f"more/points/{DAY}": 2, "more/points/2026-03": 16}
    found = award(program, sale(TEA, CAKE), 0, Standing(counts=counts))
    assert found.points == 14
    assert found.effects.counts == {f"more/points/{DAY}": 4, "more/points/2026-03": 4, "more/uses/2026-W11": 1}


def test_the_programmes_own_limit_is_of_all_together_and_says_so() -> None:
    program = rules(earn={"limits": [{"points": 12, "per": "day"}]}, accrual=[rule(times=2)])
    found = award(program, sale(TEA, CAKE), 0, Standing(counts={f"earn/points/{DAY}": 1}))
    assert found.points == 11
    assert found.effects.counts == {f"earn/points/{DAY}": 11}
    last = found.reasons[-1]
    assert (last.points, last.text) == (-9, "No more than the programme gives in this time")


def test_a_budget_is_counted_and_ends_when_head_office_says_that_it_is_spent() -> None:
    program = rules(accrual=[rule(points=5, budget_points=100)])
    found = award(program, sale(TEA))
    assert (found.points, found.effects.counts) == (11, {"more/points/ever": 5})
    assert earns(program, sale(TEA), gone=("more",)) == 6
    assert earns(program, sale(TEA), counts={"more/points/ever": 97}) == 9  # nobody alone can pass it, online or not


@pytest.mark.parametrize(
    ("on", "activity", "amount", "points"),
    [
        ("join", "", 0, 100),
        ("activity", "run", 0, 7),
        ("activity", "swim", 0, 0),
        ("reload", "", 2999, 0),
        ("reload", "", 3000, 10),
        ("reload", "", 5000, 25),  # the better of two exclusive ones
        ("birthday", "", 0, 0),
    ],
)
def test_what_is_no_sale_earns_by_rules_of_its_own(on: str, activity: str, amount: int, points: int) -> None:
    program = rules(
        accrual=[
            rule(points=100, on="join") | {"name": "hello"},
            rule(points=7, on="activity", activity="run", limits=[{"uses": 1, "per": "day"}]) | {"name": "run"},
            rule(points=10, on="reload", minimum_minor=3000, exclusive=True) | {"name": "thirty"},
            rule(points=25, on="reload", minimum_minor=5000, exclusive=True) | {"name": "fifty"},
            rule(points=1) | {"name": "sale"},
        ]
    )
    found = gift(program, on, DAY, f"{DAY}T10:00:00", Standing(), amount_minor=amount, activity=activity)
    assert found.points == points == sum(reason.points for reason in found.reasons)
    assert (found.expires_on, found.rules == frozenset()) == ("2027-03-10", points == 0)
    assert found.effects.counts == ({f"run/uses/{DAY}": 1} if points == 7 else {})
    again = Standing(counts={f"run/uses/{DAY}": 1})
    assert gift(program, "activity", DAY, f"{DAY}T10:00:00", again, activity="run").points == 0


def test_a_reload_can_earn_by_its_amount_and_at_its_hour() -> None:
    program = rules(accrual=[rule(points=2, on="reload", per="amount", per_minor=500, hours=["10:00-12:00"])])
    found = [
        gift(program, "reload", DAY, f"{DAY}T{at}", Standing(), amount_minor=1999).points for at in ("09:59", "10:00")
    ]
    assert found == [0, 6]


@pytest.mark.parametrize(
    ("on", "welcomed", "referred", "total", "points"),
    [
        ("first purchase", 0, True, 1000, 50),
        ("first purchase", 0, True, 999, 0),  # too little; the next one is still the first
        ("first purchase", 1, True, 1000, 0),
        ("first purchase", 0, False, 1000, 0),
        ("every purchase", 5, True, 1000, 50),
        ("join", 0, True, 1000, 0),  # that was given when they joined
    ],
)
def test_a_friend_who_was_brought_is_welcomed(on: str, welcomed: int, referred: bool, total: int, points: int) -> None:
    program = rules(referral={"friend_points": 50, "referrer_points": 70, "on": on, "minimum_minor": 1000})
    before = {"referral/uses/ever": welcomed} if welcomed else {}
    found = award(program, sale(total=total), 0, Standing(sales=7, counts=before, is_referred=referred))
    assert found.points == total // 100 + points
    assert found.effects.counts == ({"referral/uses/ever": 1} if points else {})


def test_a_friend_who_joins_is_welcomed_at_once_where_the_programme_says_so() -> None:
    program = rules(
        referral={"friend_points": 50, "on": "join"},
        tiers={"by": "points"},
        tier=[{"name": "g", "title": "G", "from": 1}],
    )
    for referred, on, points in ((True, "join", 50), (False, "join", 0), (True, "reload", 0)):
        found = gift(program, on, DAY, f"{DAY}T10:00", Standing(is_referred=referred))
        assert (found.points, found.effects.qualifies) == (points, 0)  # a welcome is no merit
    assert (
        gift(rules(referral={"referrer_points": 9, "on": "join"}), "join", DAY, DAY, Standing(is_referred=True)).reasons
        == ()
    )


@pytest.mark.parametrize(
    ("by", "redeemed", "qualifies"),
    [("spend", 0, 1050), ("spend", 50, 1000), ("points", 0, 18), ("visits", 0, 1), ("visits", 1050, 0)],
)
def test_what_qualifies_for_a_tier_is_spend_points_or_visits(by: str, redeemed: int, qualifies: int) -> None:
    accrual = [rule(points=8), rule(points=5, for_tier=False) | {"name": "gift"}]
    program = rules(tiers={"by": by}, tier=[{"name": "gold", "title": "Gold", "from": 1}], accrual=accrual)
    assert award(program, sale(TEA, CAKE), redeemed).effects.qualifies == qualifies
    assert award(rules(accrual=accrual), sale(TEA, CAKE), redeemed).effects.qualifies == 0  # no tiers


def test_points_that_a_limit_cut_do_not_qualify() -> None:
    program = rules(
        tiers={"by": "points"}, tier=[{"name": "g", "title": "G", "from": 1}], earn={"limits": [{"points": 4}]}
    )
    assert award(program, sale(TEA, CAKE)).effects.qualifies == 4


def test_under_the_minimum_nothing_is_earned_and_the_member_hears_why() -> None:
    found = award(rules(earn={"minimum_minor": 2000}), sale(TEA))
    assert [(reason.points, reason.text) for reason in found.reasons] == [(0, "Sales under 20.00 earn nothing")]


@pytest.mark.parametrize(
    ("earn", "text"),
    [
        ({}, "1 point per 1.00 on 10.50"),
        ({"points": 3, "goods": {"products": ["tea"]}}, "3 points per 1.00 on 6.00"),
        ({"per": "unit"}, "1 point for each piece, 3 bought"),
        ({"per": "visit", "points": 2}, "2 points for each visit"),
    ],
)
def test_the_rate_says_what_it_counted(earn: dict[str, Any], text: str) -> None:
    assert award(rules(earn=earn), sale(TEA, CAKE)).reasons[0].text == text


def test_points_can_wait_before_they_are_spent_and_live_as_their_tier_says() -> None:
    gold = {"name": "gold", "title": "Gold", "from": 1, "expire": {"rule": "never"}}
    program = rules(earn={"vest_days": 14}, expire={"rule": "inactivity", "months": 6}, tier=[gold])

    def days(found: Award) -> tuple[str, str, str]:
        return found.usable_from, found.expires_on, found.extends_to

    assert days(award(program, sale(TEA))) == ("2026-03-24", "2026-09-10", "2026-09-10")
    assert days(award(program, sale(TEA), 0, Standing(tier="gold"))) == ("2026-03-24", "9999-12-31", "")
    assert days(award(rules(), sale(TEA))) == ("", "2027-03-10", "")
    assert days(recognised(program, 5, DAY, Standing())) == ("2026-03-24", "2026-09-10", "2026-09-10")


def test_a_share_of_what_was_paid_goes_to_the_charity_that_the_member_chose() -> None:
    charities = [{"name": "dogs", "title": "Dogs"}, {"name": "sea", "title": "The sea"}]
    program = rules(giving={"percent": 1.5, "charities": charities}, earn={"except": {"categories": ["gift cards"]}})
    for chosen, charity in (("sea", "sea"), ("", "dogs"), ("closed", "dogs")):
        found = award(program, sale(TEA, CAKE, CARD), 0, Standing(charity=chosen)).effects
        assert (found.donated_minor, found.charity) == (15, charity)  # 1.5 % of 10.50, down


def test_a_standing_is_what_of_a_history_matters_that_day() -> None:
    program = rules(tier=[{"name": "gold", "title": "Gold", "from": 500}])
    counts = {f"more/points/{DAY}": 1, "more/uses/2026-W11": 2, "a/uses/2026-03": 3, "a/uses/2026": 4, "a/uses/ever": 5}
    other = {"more/points/2026-03-09": 6, "a/uses/2025": 7, "surprise/T2": 8}
    history = History({DAY: 500}, counts | other | {"surprise/T1": 9}, sales=3)
    profile = Profile("03-10", {"coach": DAY, "student": "2026-03-09", "friend": ""}, True, "sea")
    found = standing_of(
        program, history, profile, DAY, member="m", shop="s1", terminal="T1", feed_position=41, gone=("more",)
    )
    assert found == Standing(
        41,
        "s1",
        "T1",
        "gold",
        "2027-03-09",
        500,
        ("coach", "friend"),
        counts | {"surprise/T1": 9},
        3,
        "03-10",
        True,
        "sea",
        ("more",),
    )
    assert standing_of(rules(), history, profile, DAY, member="m").tier == ""


MONTH = {"name": "club-month", "title": "Club", "tier": "club", "sku": "pass", "price_minor": 999, "months": 1}
CLUB = {"name": "club", "title": "Club", "paid": True}


@pytest.mark.parametrize(
    ("lines", "standing", "paid"),
    [
        ((LineItem("1", 999, sku="pass"),), {}, {"club": 1}),
        ((LineItem("1", 2997, 3000, sku="pass"), TEA), {}, {"club": 3}),
        ((LineItem("1", 999, 500, sku="pass"),), {}, {}),  # half a membership is none
        ((LineItem("1", 0, sku="pass"),), {}, {"club/trial": 30}),
        ((LineItem("1", 0, sku="pass"),), {"counts": {"club-month/uses/ever": 1}}, {}),  # once
        ((LineItem("1", 0, sku="pass"), LineItem("2", 999, sku="pass")), {}, {"club/trial": 30, "club": 1}),
        ((LineItem("1", 500, sku="student-pass"),), {}, {}),  # nobody knows of a student
        ((LineItem("1", 500, sku="student-pass"),), {"segments": ("student",)}, {"club": 1}),
        ((LineItem("1", 5900, sku="year-pass"), LineItem("2", 999, sku="pass")), {}, {"club": 13}),
        ((LineItem("1", 0, sku="year-pass"),), {}, {"club": 12}),  # has no trial: given away
    ],
)
def test_a_membership_is_bought_by_the_piece_and_tried_once(
    lines: tuple[LineItem, ...], standing: dict[str, Any], paid: dict[str, int]
) -> None:
    student = MONTH | {"name": "student", "sku": "student-pass", "segments": ["student"]}
    year = MONTH | {"name": "year", "sku": "year-pass", "months": 12}
    program = rules(membership=[MONTH | {"trial_days": 30}, student, year], tier=[CLUB])
    found = award(program, sale(*lines), 0, Standing(**standing))
    assert found.effects.paid == paid
    assert found.effects.counts == ({"club-month/uses/ever": 1} if "club/trial" in paid else {})
    told = [reason.text for reason in found.reasons[1:]]
    is_refused = lines[0].sku == "student-pass" and not standing
    assert told == (["Club is not for everybody: show who you are"] if is_refused else [])


def test_colleagues_recognise_each_other_from_a_monthly_allowance() -> None:
    program = rules(recognition={"allowance": 100, "most_at_once": 40})
    ours = program.recognition
    assert ours
    for given, points, refused in (
        (0, 40, ""),
        (0, 41, "most_at_once"),
        (70, 31, "allowance"),
        (70, 30, ""),
        (0, 0, "nothing"),
    ):
        giver = Standing(counts={"recognition/points/2026-03": given})
        assert ours.left(giver, DAY) == 100 - given
        assert ours.given(points, giver, DAY).refused == refused
    assert ours.given(5, Standing(), DAY).effects == Effects(counts={"recognition/points/2026-03": 5})
    assert ours.left(Standing(counts={"recognition/points/2026-02": 100}), DAY) == 100  # a new month
    assert ours.left(Standing(counts={"recognition/points/2026-03": 100}), DAY) == 0
    found = recognised(program, 30, DAY, Standing())
    assert (found.points, found.reasons[0].text) == (30, "A colleague says thank you")


def test_a_gift_asks_for_the_day_and_the_member_is_combined_and_qualifies() -> None:
    tiers = {"tiers": {"by": "points"}, "tier": [{"name": "gold", "title": "Gold", "from": 1}]}
    run = {"on": "activity", "activity": "run"}
    spring = rule(points=7, **run, starts=DAY, ends=DAY) | {"name": "spring"}
    golden = rule(points=9, **run, tiers=["gold"]) | {"name": "golden"}
    kind = rule(points=2, **run, for_tier=False) | {"name": "kind"}

    def found(combine: str, day: str, tier: str) -> tuple[int, int]:
        program = rules(combine=combine, accrual=[spring, golden, kind], **tiers)
        given = gift(program, "activity", day, f"{day}T10:00:00", Standing(tier=tier), activity="run")
        return given.points, given.effects.qualifies

    assert found("add", DAY, "gold") == (18, 16)
    assert found("add", "2026-03-11", "gold") == (11, 9)
    assert found("add", DAY, "") == (9, 7)
    assert found("best", DAY, "gold") == (9, 9)
    for by in ("spend", "visits"):
        program = rules(accrual=[kind], tiers={"by": by}, tier=tiers["tier"])
        assert gift(program, "activity", DAY, DAY, Standing(), activity="run").effects == NO_EFFECTS


def test_a_reload_of_nothing_earns_nothing_by_its_amount() -> None:
    program = rules(accrual=[rule(points=2, on="reload", per="amount", per_minor=1)])
    assert gift(program, "reload", DAY, f"{DAY}T10:00", Standing()).points == 0


def test_what_a_colleague_gives_is_points_and_nothing_else() -> None:
    found = recognised(rules(), 1, DAY, Standing())
    assert found == Award(1, "2027-03-10", (Reason(1, "A colleague says thank you", {}),))
    ours = rules(recognition={"allowance": 1}).recognition
    assert ours
    assert ours.given(1, Standing(), DAY).refused == ""
