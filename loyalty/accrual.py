"""What a basket earns: the rate on what was paid, and accrual rules on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from loyalty.conditions import Condition, Excluded, Goods, Name
from loyalty.sale import LineItem, Sale
from loyalty.standing import Standing, periods
from loyalty.toml_table import Count, Milli, Table
from loyalty.words import Reason, Words, said

Points = Field(default=0, ge=0, le=1_000_000)


class Limit(Table):
    """At most so many points, or so many uses, for each member and period."""

    points: int | None = Field(default=None, ge=1, le=1_000_000)
    uses: int | None = Field(default=None, ge=1, le=1_000_000)
    per: Literal["sale", "day", "week", "month", "year", "ever"] = "sale"

    @model_validator(mode="after")
    def _one_of_both(self) -> Limit:
        if (self.points is None) == (self.uses is None):
            raise ValueError("a limit names either points or uses")
        return self

    def key(self, rule: str, day: str) -> str:
        """The name under which this is counted, '' where it is not counted beyond the sale."""
        if self.per == "sale":
            return ""
        what = "points" if self.points is not None else "uses"
        return f"{rule}/{what}/{periods(day)[self.per]}"


class Earn(Table):
    """`points` for each whole `per_minor` of what was paid, rounded down once a sale.

    What counts: the total with its tax or without, after the discounts of its lines or before, less the goods after `except`.
    Of a sale that is paid with points in part, what was paid otherwise earns (`part`), or all of it (`all`), or nothing.
    Under `minimum_minor` nothing is earned. Points can be spent `vest_days` after they were earned.
    """

    points: int = Field(default=1, ge=0, le=1_000_000)
    per_minor: Count = 100
    tax: Literal["included", "excluded"] = "included"
    discounts: Literal["after", "before"] = "after"
    paid_with_points: Literal["part", "all", "nothing"] = "part"
    excluded: Excluded | None = Field(default=None, alias="except")
    minimum_minor: int = Field(default=0, ge=0, le=10**9)
    vest_days: int = Field(default=0, ge=0, le=366)
    limits: list[Limit] = []


class Accrual(Condition):
    """More points, when something holds: `times` the rate, or `points` for each sale, unit or `per_minor` of these goods.

    `on` what: each `sale`, the `first purchase`, somebody's `join`, a `reload` of stored value, or an `activity` of the
    shop's own by its name. An `exclusive` rule is used alone; points that do not count `for_tier` are spent like any other.
    """

    name: Name
    title: Words
    on: Literal["sale", "first purchase", "join", "reload", "activity"] = "sale"
    activity: str = ""
    goods: Goods = Goods()
    times: Milli = 0
    points: int = Points
    per: Literal["sale", "unit", "amount"] = "sale"
    per_minor: int = Field(default=0, ge=0, le=10**9)
    limits: list[Limit] = []
    exclusive: bool = False
    for_tier: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Accrual:
        if bool(self.times) == bool(self.points):
            raise ValueError("it names either times or points")
        if self.times and self.times <= 1000:
            raise ValueError("times must be more than 1")
        if self.times and self.on not in ("sale", "first purchase"):
            raise ValueError("times multiplies what a sale earns; write points for what is no sale")
        if (self.per == "amount") != bool(self.per_minor):
            raise ValueError('per_minor goes with per = "amount", and only with it')
        if (self.on == "activity") != bool(self.activity):
            raise ValueError('activity goes with on = "activity", and only with it')
        return self


class Basket:
    """A sale as it counts: which lines, at which amounts, and how much of it was paid with money."""

    def __init__(self, earn: Earn, sale: Sale, redeemed_minor: int) -> None:
        self.sale = sale
        self._earn = earn
        paid = max(0, sale.total_minor - redeemed_minor)
        if earn.paid_with_points == "all":
            paid = sale.total_minor
        elif earn.paid_with_points == "nothing" and redeemed_minor:
            paid = 0
        self.paid_minor = paid
        self._lines = [line for line in sale.lines if not (earn.excluded and earn.excluded.has(line))]
        self._whole = sum(line.amount_minor for line in sale.lines)
        self._is_plain = len(self._lines) == len(sale.lines) and earn.tax == "included" and earn.discounts == "after"

    def amount(self, goods: Goods) -> int:
        """What was paid for these goods. What points paid, and what came off the whole sale, falls on all lines alike."""
        if goods.is_everything and self._is_plain:
            return self.paid_minor
        if not self._whole:
            return 0
        picked = sum(self._counts(line) for line in self._lines if goods.has(line))
        return picked * self.paid_minor // self._whole

    def units(self, goods: Goods) -> int:
        return sum(line.quantity_milli for line in self._lines if goods.has(line)) // 1000

    def _counts(self, line: LineItem) -> int:
        minor = line.amount_minor
        if self._earn.discounts == "before":
            minor += line.discount_minor
        if self._earn.tax == "excluded":
            minor -= line.tax_minor
        return minor


class Earned(NamedTuple):
    """Points by one rule, and under which names its limits count them."""

    name: str
    points: int
    reason: Reason
    counts: dict[str, int]
    for_tier: bool = True
    is_exclusive: bool = False


def rate(earn: Earn, amount_minor: int) -> int:
    """Points for an amount, rounded down.

    A reversal is never computed from a negative amount: `-150 // 100` is -2. Take the award of what is left instead.
    """
    return max(0, amount_minor) // earn.per_minor * earn.points


def earned(rule: Accrual, earn: Earn, basket: Basket, standing: Standing) -> Earned | None:
    """What a rule adds to this sale; None where it does not apply, or where its limits leave nothing."""
    if rule.on not in ("sale", "first purchase") or (rule.on == "first purchase" and standing.sales > 0):
        return None
    if rule.fails(basket.sale, standing):
        return None
    if rule.times:
        points = rate(earn, basket.amount(rule.goods)) * (rule.times - 1000) // 1000
    elif rule.per == "amount":
        points = basket.amount(rule.goods) // rule.per_minor * rule.points
    elif rule.per == "unit":
        points = basket.units(rule.goods) * rule.points
    else:
        points = rule.points if basket.amount(rule.goods) > 0 else 0
    return limited(rule, points, basket.sale.business_day, standing)


def given(rule: Accrual, day: str, at: str, standing: Standing, amount_minor: int = 0) -> Earned | None:
    """What a rule gives for something that is no sale, on trading day `day` at local time `at`."""
    if rule.fails_on(day, at, standing) or amount_minor < rule.minimum_minor:
        return None
    points = amount_minor // rule.per_minor * rule.points if rule.per == "amount" else rule.points
    return limited(rule, points, day, standing)


def limited(rule: Accrual, points: int, day: str, standing: Standing) -> Earned | None:
    points, counts = within(rule.limits, rule.name, points, day, standing)
    if points <= 0:
        return None
    return Earned(
        rule.name, points, Reason(points, "{rule}", {"rule": said(rule.title)}), counts, rule.for_tier, rule.exclusive
    )


def within(limits: Sequence[Limit], name: str, points: int, day: str, standing: Standing) -> tuple[int, dict[str, int]]:
    """What the limits leave of these points, and what is to be counted once they are awarded."""
    for limit in limits:
        key = limit.key(name, day)
        used = standing.counts.get(key, 0) if key else 0
        if limit.points is not None:
            points = min(points, limit.points - used)
        elif limit.uses is not None and used >= limit.uses:
            return 0, {}
    if points <= 0:
        return 0, {}
    keys = ((limit, limit.key(name, day)) for limit in limits)
    return points, {key: points if limit.points is not None else 1 for limit, key in keys if key}


def combined(found: Sequence[Earned], how: Literal["add", "best"]) -> Sequence[Earned]:
    """Which of the rules that apply are used: an exclusive one alone, else all of them, or the one that gives most."""
    alone = [one for one in found if one.is_exclusive]
    if alone or (how == "best" and found):
        return [max(alone or found, key=lambda one: one.points)]
    return found
