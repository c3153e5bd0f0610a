"""Tiers: how a member rises, how long it lasts, and what follows."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from any_programme import many, rules
from hypothesis import given
from hypothesis import strategies as st

from loyalty.program import ProgramError
from loyalty.standing import Effects, History
from loyalty.tiers import Ladder, Tier, Tiers, TierStanding, paid_until


def ladder(*froms: int, keep: tuple[int, ...] = (), **tiers: Any) -> Ladder:
    names = ("silver", "gold", "platinum")
    levels = [
        Tier(name=name, title=name, threshold=level, keep=keep[rank] if keep else None)
        for rank, (name, level) in enumerate(zip(names, froms, strict=False))
    ]
    return Ladder(Tiers(**tiers), levels)


def on(ladder: Ladder, qualifying: dict[str, int], day: str) -> tuple[str, str, int]:
    return tuple(ladder.on(History(qualifying), day))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("tiers", "qualifying", "day", "found"),
    [
        ({}, {}, "2026-03-10", ("", "", 0)),
        ({}, {"2026-03-10": 99}, "2026-03-10", ("", "", 99)),
        ({}, {"2026-03-10": 100}, "2026-03-10", ("silver", "2027-03-09", 100)),  # at once
        ({}, {"2026-03-10": 100}, "2026-03-09", ("", "", 0)),  # not before
        ({}, {"2026-01-01": 60, "2026-03-10": 40}, "2026-03-10", ("silver", "2027-03-09", 100)),
        ({}, {"2025-03-10": 60, "2026-03-10": 40}, "2026-03-10", ("", "", 40)),  # a year and a day
        ({}, {"2025-03-11": 60, "2026-03-10": 40}, "2026-03-10", ("silver", "2027-03-09", 100)),
        ({}, {"2026-03-10": 1000}, "2026-03-10", ("platinum", "2027-03-09", 1000)),  # all that it met
        ({}, {"2024-02-29": 100}, "2025-02-28", ("silver", "2025-02-28", 0)),  # the anniversary is 1 March
        ({}, {"2024-02-29": 100}, "2025-03-01", ("", "", 0)),
        ({"window_months": 1}, {"2026-02-28": 50, "2026-03-27": 50}, "2026-03-27", ("silver", "2027-03-26", 100)),
        ({"window_months": 1}, {"2026-02-28": 50, "2026-03-28": 50}, "2026-03-28", ("", "", 50)),
        ({"lasts_months": 1}, {"2026-01-31": 100}, "2026-02-28", ("silver", "2026-02-28", 100)),
        ({"window": "calendar year"}, {"2025-12-31": 60, "2026-01-01": 40}, "2026-01-01", ("", "", 40)),
        ({"lasts": "end of year"}, {"2026-03-10": 100}, "2026-12-31", ("silver", "2026-12-31", 100)),
        ({"lasts": "end of next year"}, {"2026-03-10": 100}, "2027-12-31", ("silver", "2027-12-31", 0)),
        ({"lasts": "for ever"}, {"2006-03-10": 100}, "2026-03-10", ("silver", "9999-12-31", 0)),
    ],
)
def test_a_tier_is_reached_by_what_counts_in_the_window(
    tiers: dict[str, Any], qualifying: dict[str, int], day: str, found: tuple[str, str, int]
) -> None:
    assert on(ladder(100, 500, 1000, **tiers), qualifying, day) == found


@pytest.mark.parametrize(
    ("tiers", "qualifying", "day", "found"),
    [
        # gold from 2025-01-10 to 2026-01-09; what was spent in that time decides
        ({"downgrade": "none"}, {}, "2026-01-10", ("gold", "2027-01-09")),
        ({"downgrade": "one"}, {}, "2026-01-10", ("silver", "2027-01-09")),
        ({"downgrade": "one"}, {}, "2027-01-10", ("", "")),  # and one more
        ({"downgrade": "by window"}, {}, "2026-01-10", ("", "")),
        ({"downgrade": "by window"}, {"2025-06-01": 120}, "2026-01-10", ("silver", "2027-01-09")),
        ({"downgrade": "by window"}, {"2025-06-01": 499}, "2026-01-10", ("silver", "2027-01-09")),
        ({"downgrade": "by window"}, {"2025-12-20": 500}, "2026-01-10", ("gold", "2027-01-09")),  # kept
        ({"downgrade": "by window"}, {"2026-01-09": 500}, "2026-01-10", ("gold", "2027-01-09")),  # on its last day
        (
            {"downgrade": "by window"},
            {"2026-01-10": 500},
            "2026-01-10",
            ("gold", "2027-01-09"),
        ),  # lost, and reached anew
        ({"downgrade": "by window"}, {"2025-06-01": 1000}, "2026-01-10", ("platinum", "2026-05-31")),  # rose in between
    ],
)
def test_when_a_tier_ends_it_is_kept_or_lost_as_the_programme_says(
    tiers: dict[str, Any], qualifying: dict[str, int], day: str, found: tuple[str, str]
) -> None:
    # The purchase of the first day falls out of the window on the last: only what came later keeps the tier.
    rise = {"2025-01-10": 500}
    tier = on(ladder(100, 500, 1000, window_months=11, **tiers), rise | qualifying, day)
    assert tier[:2] == found


def test_keeping_a_tier_can_ask_for_less_than_reaching_it() -> None:
    rules_ = ladder(100, 500, keep=(100, 300), window_months=11)
    assert on(rules_, {"2025-01-10": 500, "2025-06-01": 300}, "2026-01-10")[0] == "gold"
    assert on(rules_, {"2025-01-10": 500, "2025-06-01": 299}, "2026-01-10")[0] == "silver"


def test_whoever_has_enough_to_keep_a_tier_of_a_year_keeps_it_at_once_also_with_less_than_reaching_it_took() -> None:
    kept_for_less = ladder(100, keep=(50,), window="calendar year", lasts="end of next year")
    found = on(kept_for_less, {"2024-03-10": 100, "2025-03-10": 50}, "2025-03-10")
    assert found == ("silver", "2026-12-31", 50)


@pytest.mark.parametrize(
    ("qualifying", "day", "found"),
    [
        ({"2025-06-01": 350}, "2026-12-31", ("silver", "2026-12-31")),
        ({"2025-06-01": 350}, "2027-01-01", ("", "")),
        ({"2025-06-01": 350, "2026-02-01": 350}, "2026-02-01", ("silver", "2027-12-31")),  # requalified at once
        ({"2025-06-01": 350, "2026-02-01": 349}, "2027-01-01", ("", "")),
        (
            {"2025-06-01": 1000, "2026-02-01": 400},
            "2027-01-01",
            ("silver", "2027-12-31"),
        ),  # by what the year before had
        ({"2025-06-01": 1000, "2026-02-01": 400}, "2028-01-01", ("", "")),
    ],
)
def test_beauty_tiers_are_of_a_calendar_year_and_last_to_the_end_of_the_next(
    qualifying: dict[str, int], day: str, found: tuple[str, str]
) -> None:
    beauty = ladder(350, 1000, window="calendar year", lasts="end of next year")
    assert on(beauty, qualifying, day)[:2] == found


def test_a_tier_to_the_end_of_the_year_is_judged_by_the_year_that_begins() -> None:
    assert on(ladder(100, lasts="end of year", window="calendar year"), {"2025-12-31": 100}, "2026-01-01") == (
        "",
        "",
        0,
    )
    rolling = ladder(100, lasts="end of year")
    assert on(rolling, {"2025-12-31": 100}, "2026-01-01") == ("silver", "2026-12-31", 100)


@pytest.mark.parametrize(
    ("paid", "day", "ends"),
    [
        ({}, "2026-03-10", ""),
        ({"club": {"2026-03-10": 1}}, "2026-03-10", "2026-04-09"),
        ({"club": {"2026-03-10": 1}}, "2026-03-09", ""),  # not yet
        ({"club": {"2026-01-31": 1}}, "2026-02-01", "2026-02-28"),
        ({"club": {"2026-03-10": 1, "2026-03-20": 1}}, "2026-03-20", "2026-05-09"),  # early: added at its end
        ({"club": {"2026-03-10": 1, "2026-04-09": 1}}, "2026-04-09", "2026-05-09"),  # on its last day
        ({"club": {"2026-03-10": 1, "2026-04-10": 1}}, "2026-04-10", "2026-05-09"),
        ({"club": {"2026-03-10": 1, "2026-06-01": 1}}, "2026-06-01", "2026-06-30"),  # late: from then
        ({"club": {"2026-03-10": -1, "2026-03-20": 1}}, "2026-03-20", "2026-04-19"),  # a refund heard before its sale
        ({"club/trial": {"2026-03-10": 30}}, "2026-03-10", "2026-04-08"),
        ({"club/trial": {"2026-03-10": 30}, "club": {"2026-03-10": 1}}, "2026-03-10", "2026-05-08"),  # the trial first
    ],
)
def test_a_paid_tier_lasts_as_long_as_it_was_paid(paid: dict[str, dict[str, int]], day: str, ends: str) -> None:
    history = History(paid=paid)
    assert paid_until(history, "club", day) == ends
    rules_ = Ladder(Tiers(), [Tier(name="silver", title="S", threshold=1), Tier(name="club", title="C", is_paid=True)])
    assert rules_.on(history, day)[:2] == (("club", ends) if ends and day <= ends else ("", ""))


def test_the_higher_of_what_was_earned_bought_and_given_counts() -> None:
    club = Tier(name="club", title="Club", is_paid=True)
    silver, gold = (Tier(name=name, title=name, threshold=level) for name, level in (("silver", 100), ("gold", 500)))
    order = Ladder(Tiers(), [silver, club, gold])
    day = "2026-03-10"

    def tier(**known: Any) -> tuple[str, str]:
        return order.on(History(**known), day)[:2]

    paid, given_ = {"club": {day: 1}}, {"gold": day, "brass": "9999-12-31", "silver": "2026-03-09"}
    assert tier(qualifying={day: 100}) == ("silver", "2027-03-09")
    assert tier(qualifying={day: 100}, paid=paid) == ("club", "2026-04-09")
    assert tier(qualifying={day: 500}, paid=paid) == ("gold", "2027-03-09")
    assert tier(paid=paid, given=given_) == ("gold", day)  # a tier that nobody knows is none
    assert tier(given={"silver": "2026-03-09"}) == ("", "")
    assert order.next_up(TierStanding("club", "", 120)) == (gold, 380)


def test_what_is_missing_for_the_next_tier() -> None:
    order = ladder(100, 500)
    assert order.next_up(TierStanding("", "", 40)) == (order.earned[0], 60)
    assert order.next_up(TierStanding("silver", "", 40)) == (order.earned[1], 460)
    assert order.next_up(TierStanding("", "", 700)) == (order.earned[0], 0)
    assert order.next_up(TierStanding("gold", "", 40)) is None
    assert (order.rank("gold"), order.rank(""), order.rank("brass")) == (1, -1, -1)


def by_hand(ladder: Ladder, qualifying: dict[str, int], today: str) -> tuple[str, str]:
    """The same rules, a day at a time, as a person with a calendar would go through them."""
    rules_, tiers = ladder.rules, ladder.earned
    free = [rank for rank, tier in enumerate(tiers) if not tier.threshold]
    level, ends, since = max(free, default=-1), "9999-12-31", date.min

    def a_month_on(day: date, months: int) -> date:
        month = day.month - 1 + months
        year, month = day.year + month // 12, month % 12 + 1
        for length in (day.day, 1):
            try:
                return date(year, month + (length == 1 and day.day != 1), length)
            except ValueError:
                if month == 12 and length == 1:
                    return date(year + 1, 1, 1)
        raise AssertionError

    def counted(day: date, first: date = date.min) -> int:
        total = 0
        for text, amount in qualifying.items():
            then = date.fromisoformat(text)
            if then < first:
                continue
            if rules_.window == "calendar year":
                total += amount if then.year == day.year and then <= day else 0
            else:
                total += amount if then <= day < a_month_on(then, rules_.window_months) else 0
        return total

    def last(day: date) -> str:
        if not tiers[level].to_keep:
            return "9999-12-31"
        if rules_.lasts == "months":
            return (a_month_on(day, rules_.lasts_months) - timedelta(days=1)).isoformat()
        return {"end of year": f"{day.year}-12-31", "end of next year": f"{day.year + 1}-12-31"}.get(
            rules_.lasts, "9999-12-31"
        )

    day = date.fromisoformat(min(qualifying, default=today))
    while day.isoformat() <= today:
        if level >= 0 and day.isoformat() > ends:
            has = counted(
                day if rules_.lasts == "end of year" else day - timedelta(days=1),
                since if rules_.lasts == "months" else date.min,
            )
            since = day
            if has < tiers[level].to_keep and rules_.downgrade != "none":
                fit = [rank for rank, tier in enumerate(tiers) if tier.threshold <= has]
                level = level - 1 if rules_.downgrade == "one" else min(level - 1, max(fit, default=-1))
            if level < 0 or not tiers[level].to_keep or rules_.lasts == "months":
                ends = last(day) if level >= 0 else "9999-12-31"
            else:
                ends = f"{day.year}-12-31"
        has = counted(day)
        met = max((rank for rank, tier in enumerate(tiers) if tier.threshold <= has), default=-1)
        if met > level and day.isoformat() in qualifying:
            level, since = met, day + timedelta(days=1)
            ends = last(day)
        elif (
            day.isoformat() in qualifying
            and level >= 0
            and rules_.window == "calendar year"
            and has >= tiers[level].to_keep
        ):
            ends = max(ends, last(day))
        day += timedelta(days=1)
    return (tiers[level].name, ends) if level >= 0 else ("", "")


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Ladder, dict[str, int], str]:
    tiers = {
        "window": draw(st.sampled_from(["months", "calendar year"])),
        "window_months": draw(st.sampled_from([1, 6, 12])),
        "lasts": draw(st.sampled_from(["months", "end of year", "end of next year", "for ever"])),
        "lasts_months": draw(st.sampled_from([1, 5, 12])),
        "downgrade": draw(st.sampled_from(["none", "one", "by window"])),
    }
    froms = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=3)))
    keep = tuple(draw(st.integers(0, level)) for level in froms) if draw(st.booleans()) else ()
    first = date(2023, 12, 1)
    days = draw(st.dictionaries(st.integers(0, 900), st.integers(1, 30), max_size=8))
    qualifying = {(first + timedelta(days=day)).isoformat(): amount for day, amount in days.items()}
    return (
        ladder(*froms, keep=keep, **tiers),
        qualifying,
        (first + timedelta(days=draw(st.integers(0, 1100)))).isoformat(),
    )


@many(200)
@given(ladders())
def test_a_tier_is_what_a_person_with_a_calendar_finds(case: tuple[Ladder, dict[str, int], str]) -> None:
    rules_, qualifying, today = case
    known = {day: amount for day, amount in qualifying.items() if day <= today}
    assert on(rules_, qualifying, today)[:2] == by_hand(rules_, known, today)


@many(200)
@given(ladders(), st.sets(st.integers(0, 900), min_size=1, max_size=4))
def test_several_days_at_once_are_each_as_by_itself(case: tuple[Ladder, dict[str, int], str], ago: set[int]) -> None:
    rules_, qualifying, today = case
    days = sorted({(date.fromisoformat(today) - timedelta(days=count)).isoformat() for count in ago} | set(qualifying))
    history = History(qualifying)
    assert rules_.on_each(history, days) == [rules_.on(history, day) for day in days]


@many(200)
@given(ladders())
def test_a_tier_never_jumps_over_a_threshold_that_it_did_not_meet(case: tuple[Ladder, dict[str, int], str]) -> None:
    rules_, qualifying, today = case
    tier = on(rules_, qualifying, today)[0]
    if tier:
        needed = rules_.earned[rules_.rank(tier)].threshold
        met = [rules_.on(History(qualifying), day).qualified for day in (*qualifying, today) if day <= today]
        assert max(met) >= needed


@many(100)
@given(ladders(), st.integers(0, 2**32))
def test_a_tier_does_not_depend_on_the_order_in_which_sales_are_heard(
    case: tuple[Ladder, dict[str, int], str], order: int
) -> None:
    rules_, qualifying, today = case
    sales = [(day, part) for day, amount in qualifying.items() for part in (amount, 7, -7)]
    found = History()
    for day, amount in Random(order).sample(sales, len(sales)):
        found = found.plus(Effects(amount), day)
    assert rules_.on(found, today) == rules_.on(History(qualifying), today)


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        (
            {"tier": [{"name": "a", "title": "A", "from": 2}, {"name": "b", "title": "B", "from": 2}]},
            "b is reached from 2",
        ),
        ({"tier": [{"name": "a", "title": "A", "from": 1}, {"name": "a", "title": "A", "from": 2}]}, "a names 2 tiers"),
        ({"tier": [{"name": "base", "title": "A", "from": 1}]}, "base names whoever is in no tier"),
        (
            {"membership": [{"name": "m", "title": "M", "tier": "a", "sku": "x", "price_minor": 1, "months": 1}]},
            "m sells a,",
        ),
        ({"accrual": [{"name": "r", "title": "R", "points": 1, "tiers": ["gold"]}]}, "r: there is no tier gold"),
        ({"accrual": [{"name": "earn", "title": "R", "points": 1}]}, "earn is what the programme itself counts under"),
        (
            {
                "accrual": [{"name": "r", "title": "R", "points": 1}],
                "price": [{"name": "r", "title": "R", "percent": 1}],
            },
            "r names 2 rules",
        ),
        ({"effective": "2026-12-01"}, "no shop-local time"),
    ],
)
def test_a_programme_whose_names_and_steps_do_not_fit_is_refused(tables: dict[str, Any], problem: str) -> None:
    with pytest.raises(ProgramError, match=problem):
        rules(**tables)


def test_a_version_takes_effect_at_its_shop_local_time() -> None:
    later = rules(effective="2026-12-01T04:00")
    assert [later.is_in_force(local) for local in ("2026-12-01T03:59:59", "2026-12-01T04:00:00")] == [False, True]
    assert rules().is_in_force("2026-01-01T00:00:00")


def test_of_tiers_without_a_window_of_money_one_can_have_both() -> None:
    both = rules(
        tier=[{"name": "silver", "title": "S", "from": 100}, {"name": "club", "title": "C", "paid": True}],
        membership=[{"name": "club", "title": "C", "tier": "club", "sku": "x", "price_minor": 1, "months": 1}],
    )
    assert both.ladder.earned == [both.tier[0]]
    assert both.tier_named("club") is both.tier[1]
    assert both.tier_named("") is None
