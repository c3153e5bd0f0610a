"""Programmes, sales and members as chance has them: every rule that the engine knows turns up, with odd numbers.

Drawn from a `random.Random`, so that hypothesis can steer it and two processes can draw the same.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from random import Random
from typing import Any

from hypothesis import settings

from loyalty.program import Program, read_program
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import Effects, History, Profile

CATEGORIES = ("drinks", "food", "gift cards")
SKUS = ("tea", "cake", "bread", "card", "pass")
TIERS = ("silver", "gold", "platinum")
SEGMENTS = ("student", "coach")
DAY_ONE = date(2024, 1, 1)


def many(examples: int) -> settings:
    """So many examples of a property; a few where each of thousands of mutants has to be found out."""
    return settings(max_examples=min(examples, 40) if os.environ.get("MUTANT_UNDER_TEST") else examples)


def toml(tables: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in tables.items())


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case list():
            return f"[{', '.join(_value(one) for one in value)}]"
        case dict():
            return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + "}"
        case _:
            return str(value)


def rules(**tables: Any) -> Program:
    """A programme with these tables, all else as it is where nothing is said."""
    return read_program(toml({"name": "t", "currency": "EUR", **tables}))


def _maybe(random: Random, percent: int, **some: Any) -> dict[str, Any]:
    return some if random.randrange(100) < percent else {}


def _goods(random: Random) -> dict[str, Any]:
    goods: dict[str, Any] = {}
    goods |= _maybe(random, 40, categories=[random.choice(CATEGORIES)])
    goods |= _maybe(random, 25, products=[random.choice(SKUS)])
    goods |= _maybe(random, 20, tags=["new"])
    goods |= _maybe(random, 25, **{"except": {"products": [random.choice(SKUS)], "marked_down": random.random() < 0.5}})
    return goods


def _limits(random: Random) -> list[dict[str, Any]]:
    per = random.choice(["sale", "day", "week", "month", "year", "ever"])
    what = {"points": random.choice([1, 5, 30, 200])} if random.random() < 0.7 else {"uses": random.choice([1, 2])}
    return [{**what, "per": per}] if random.random() < 0.4 else []


def _condition(random: Random, tiers: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    found |= _maybe(random, 20, tiers=[random.choice([*tiers, "base"])])
    found |= _maybe(random, 15, segments=[random.choice(SEGMENTS)])
    found |= _maybe(random, 10, stores=["s1"])
    found |= _maybe(random, 15, weekdays=random.choice([["mon", "tue", "wed"], ["sat", "sun"]]))
    found |= _maybe(random, 15, hours=[random.choice(["08:00-14:00", "22:00-02:00"])])
    found |= _maybe(random, 10, starts="2025-01-01")
    found |= _maybe(random, 10, ends="2026-06-30")
    found |= _maybe(random, 25, minimum_minor=random.choice([1, 500, 2000]))
    found |= _maybe(random, 10, birthday={"days_before": 3, "days_after": random.choice([0, 30])})
    return found


def _accrual(random: Random, number: int, tiers: list[str]) -> dict[str, Any]:
    on = random.choice(["sale"] * 5 + ["first purchase"])
    rule: dict[str, Any] = {"name": f"rule-{number}", "title": f"Rule {number}", "on": on, **_condition(random, tiers)}
    if random.random() < 0.5:
        rule["times"] = random.choice([1.2, 1.5, 2, 3.333])
    else:
        rule["points"] = random.choice([1, 2, 25])
        rule["per"] = random.choice(["sale", "unit", "amount"])
        if rule["per"] == "amount":
            rule["per_minor"] = random.choice([1, 30, 500])
    rule |= _maybe(random, 50, goods=_goods(random))
    rule |= {"limits": _limits(random), "exclusive": random.random() < 0.2, "for_tier": random.random() < 0.8}
    return rule | _maybe(random, 15, budget_points=100)


def program_text(random: Random) -> str:
    """A programme's TOML."""
    tiers = list(TIERS[: random.randrange(4)])
    step = random.choice([3, 500, 4000])
    ladder = [
        {
            "name": name,
            "title": name.title(),
            "from": step * (rank + 1),
            "times": random.choice([1, 1.2, 2]),
            **_maybe(random, 30, keep=step),
        }
        for rank, name in enumerate(tiers)
    ]
    tables: dict[str, Any] = {"name": "any", "currency": "EUR", "time_zone": "Europe/Istanbul"}
    tables["combine"] = random.choice(["add", "best"])
    tables["earn"] = {
        "points": random.choice([0, 1, 1, 2, 3]),
        "per": random.choice(["amount"] * 4 + ["unit", "visit"]),
        "per_minor": random.choice([1, 7, 100, 250]),
        "tax": random.choice(["included", "excluded"]),
        "discounts": random.choice(["after", "before"]),
        "paid_with_points": random.choice(["part", "part", "all", "nothing"]),
        "minimum_minor": random.choice([0, 0, 0, 800]),
        "vest_days": random.choice([0, 0, 14]),
        "limits": _limits(random),
        **_maybe(random, 40, **{"except": {"categories": ["gift cards"], "marked_down": random.random() < 0.3}}),
        **_maybe(random, 20, goods=_goods(random)),
    }
    tables["accrual"] = [_accrual(random, number, tiers) for number in range(random.randrange(5))]
    if random.random() < 0.4:
        plan = {"name": "club-month", "title": "Club", "tier": "club", "sku": "pass", "price_minor": 999, "months": 1}
        tables["membership"] = [plan | _maybe(random, 50, trial_days=30) | _maybe(random, 20, segments=["student"])]
        ladder.append({"name": "club", "title": "Club", "paid": True, "times": 1.5})
    tables["tiers"] = {
        "by": random.choice(["spend", "points", "visits"]),
        "window": random.choice(["months", "calendar year"]),
        "window_months": random.choice([1, 12]),
        "lasts": random.choice(["months", "end of year", "end of next year", "for ever"]),
        "lasts_months": random.choice([1, 12]),
        "downgrade": random.choice(["none", "one", "by window"]),
    }
    tables["tier"] = ladder
    tables |= _maybe(
        random, 30, referral={"friend_points": 50, "on": random.choice(["first purchase", "every purchase"])}
    )
    charities = [{"name": "dogs", "title": "Dogs"}, {"name": "sea", "title": "The sea"}]
    tables |= _maybe(random, 30, giving={"percent": random.choice([1, 2.5]), "charities": charities})
    price = {"name": "off", "title": "Members", "percent": random.choice([10, 33.333]), "goods": _goods(random)}
    tables |= _maybe(random, 40, price=[price | _maybe(random, 50, most_minor=3000)])
    tables["redeem"] = {"points": random.choice([1, 3, 100, 400]), "worth_minor": random.choice([1, 100, 250])}
    tables["expire"] = random.choice(
        [
            {"rule": "months", "months": 12},
            {"rule": "month end", "months": 3},
            {"rule": "fixed date", "date": "02-29"},
            {"rule": "inactivity", "months": 6},
            {"rule": "never"},
        ]
    )
    return toml(tables)


def program(random: Random) -> Program:
    return read_program(program_text(random))


def line(random: Random, name: str) -> LineItem:
    amount = random.choice([0, 1, 99, 100, 250, random.randrange(3000)])
    by_weight = random.random() < 0.2
    return LineItem(
        name,
        amount,
        random.randrange(1, 3000) if by_weight else 1000 * random.randrange(1, 5),
        random.randrange(amount + 1) if random.random() < 0.5 else amount * 19 // 119,
        random.choice(SKUS),
        "",
        random.choice(CATEGORIES),
        ("new",) if random.random() < 0.3 else (),
        random.choice([0, 0, 1, random.randrange(300)]),
    )


def sale(random: Random, number: int = 1) -> Sale:
    lines = tuple(line(random, str(one)) for one in range(random.randrange(1, 7)))
    total = sum(one.amount_minor for one in lines) + random.choice([0, 0, -7, -300, 5, 250])
    day = DAY_ONE + timedelta(days=random.randrange(1000))
    at = f"{day}T{random.randrange(24):02}:{random.randrange(60):02}:00"
    return Sale("1", str(number), at, day.isoformat(), "EUR", max(0, total), lines)


def history(random: Random, rules: Program, before: str) -> History:
    """What a member did before a day."""
    found = History()
    names = [one.name for one in (*rules.accrual, *rules.price)] + ["earn"]
    for _ in range(random.randrange(6)):
        day = (date.fromisoformat(before) - timedelta(days=random.randrange(400))).isoformat()
        counts = {
            f"{name}/{random.choice(['points', 'uses'])}/{period}": random.randrange(1, 4)
            for name in names
            for period in (day, day[:7], day[:4], "ever")
            if random.random() < 0.1
        }
        paid = {"club": 1} if random.random() < 0.2 else {}
        effects = Effects(random.choice([0, 1, 2, 300, 5000]), counts, paid)
        found = found.plus(effects, day, sales=1)
    return found


def profile(random: Random) -> Profile:
    segments = {name: random.choice(["", "2025-12-31"]) for name in SEGMENTS if random.random() < 0.4}
    birthday = random.choice(["", "02-29", "12-31", "06-15"])
    return Profile(birthday, segments, random.random() < 0.3, random.choice(["", "sea"]))


def returns(random: Random, sold: Sale) -> list[Return]:
    """Parts of a sale that come back one after the other, never more than was sold."""
    left = {one.line_id: one.quantity_milli for one in sold.lines}
    by_amount = random.random() < 0.4
    kept_minor = sold.total_minor
    found: list[Return] = []
    for number in range(random.randrange(1, 7)):
        if by_amount and random.random() < 0.5:
            minor = random.randrange(1, max(2, kept_minor))
            found.append(Return("1", sold.sale_ref, f"r{number}", amount_minor=minor))
            kept_minor -= minor
            continue
        if not left:
            break
        name = random.choice(sorted(left))
        milli = random.choice([left[name], min(left[name], 1000), random.randrange(1, left[name] + 1)])
        found.append(Return("1", sold.sale_ref, f"r{number}", (ReturnedLine(name, milli),)))
        left[name] -= milli
        if not left[name]:
            del left[name]
    return found
