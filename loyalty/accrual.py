"""What a basket earns: the rate on what was paid, and accrual rules on top of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from loyalty.conditions import Condition, Excluded, Goods, Name
from loyalty.sale import LineItem, Sale
from loyalty.standing import Standing, periods
from loyalty.toml_table import Count, Milli, Table
from loyalty.words import Reason, Words, said

EARN, REFERRAL, SURPRISE = "earn", "referral", "surprise"
"""Names under which the product itself counts; no rule is called so."""
Points = Field(default=0, ge=0, le=1_000_000)


class Limit(Table):
    """At most so many points, or so many uses, for each member and period."""

    points: int | None = Field(default=None, ge=1, le=10**12)
    uses: int | None = Field(default=None, ge=1, le=10**12)
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
    """The rate: `points` for each whole `per_minor` of what was paid for these goods; or for each `unit`, or each `visit` (sale).

    Rounded down once a sale. `points = 0` has no rate: only accrual rules give any. What counts: the total with its tax or
    without, after the discounts of its lines or before, less the goods after `except`, which no rule looks at. Of a sale that
    is paid with points in part, what was paid otherwise earns (`part`), or all of it (`all`), or nothing; units likewise. What
    a sale comes to above its lines (a tip, a delivery) counts where all goods do. A till that tells no lines tells no taxes
    and no goods: its total counts as it stands. A sale under `minimum_minor` earns nothing, and its amount still counts
    towards a tier. `limits` hold for all that sales earn together. Points can be spent `vest_days` after they were earned.
    """

    points: int = Field(default=1, ge=0, le=1_000_000)
    per: Literal["amount", "unit", "visit"] = "amount"
    per_minor: Count = 100
    goods: Goods = Goods()
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
    shop's own by its name. With an `exclusive` rule no other rule is used, nor the tier's multiplier; the rate always is, and
    of several exclusive ones that which gives most. Multipliers add up: 2 times and 1.5 times the rate is 2.5 times.
    Points that do not count `for_tier` are spent like any other.

    `budget_points` are all that the rule gives to all members together. A till cannot know that offline: it stops once head
    office has told it that the budget is spent. So the budget is passed by no more than the last award that was within it, and
    what tills gave before they heard; by a till that hears nothing at all, no member gets more than the whole budget. What
    comes back by returns can be given again, and a rule that keeps its name goes on counting in the next version.
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
    budget_points: int = Field(default=0, ge=0, le=10**12)
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

    @cached_property
    def bounds(self) -> list[Limit]:
        """The limits and the budget: whatever all members get is at least what one of them does."""
        return limits_and(self.limits, Limit(points=self.budget_points, per="ever") if self.budget_points else None)


class Share(NamedTuple):
    """So many of so many parts of a sale were paid with money, and not with points."""

    of_money: int
    of_all: int


def paid_share(earn: Earn, total_minor: int, redeemed_minor: int) -> Share:
    """How much of a sale counts of which points paid so much."""
    if earn.paid_with_points == "all" or not redeemed_minor:
        return Share(1, 1)
    if earn.paid_with_points == "nothing" or redeemed_minor >= total_minor:
        return Share(0, 1)
    return Share(total_minor - redeemed_minor, total_minor)


class Basket:
    """A sale as it counts: which lines, at which amounts, and which share of it was paid with money.

    Shares are kept as they are and rounded down once, at the end: rounded on the way, what is left of a sale after a return
    could earn more than the sale did.
    """

    def __init__(self, earn: Earn, sale: Sale, share: Share) -> None:
        self.sale = sale
        self._earn = earn
        self._share = share
        excluded = earn.excluded
        self._lines = [line for line in sale.lines if not excluded.has(line)] if excluded else sale.lines
        self._amounts = [self._counts(line) for line in self._lines]
        self._whole = sum(line.amount_minor for line in sale.lines)

    def amount(self, *goods: Goods) -> int:
        """What was paid for lines that are all of these. What points paid, and what came off the whole sale, falls on all
        lines alike."""
        total, whole, (of_money, of_all) = self.sale.total_minor, self._whole, self._share
        on_top = max(0, total - whole) if all(one.is_everything for one in goods) else 0
        if not whole:
            return on_top * of_money // of_all
        narrow = [one for one in goods if not one.is_everything]
        picked = sum(self._picked(narrow, self._amounts) if narrow else self._amounts)
        return (picked * min(total, whole) + on_top * whole) * of_money // (whole * of_all)

    def units(self, *goods: Goods) -> int:
        milli = sum(self._picked(goods, [line.quantity_milli for line in self._lines]))
        return milli * self._share.of_money // (1000 * self._share.of_all)

    def at_rate(self, goods: Goods) -> int:
        """Points at the rate, for those of these goods that the rate counts."""
        earn = self._earn
        match earn.per:
            case "amount":
                return rate(earn, self.amount(goods, earn.goods))
            case "unit":
                return self.units(goods, earn.goods) * earn.points
            case _:
                return earn.points if self.amount(goods, earn.goods) > 0 else 0

    def _picked(self, goods: Sequence[Goods], amounts: Sequence[int]) -> Iterable[int]:
        pairs = zip(self._lines, amounts, strict=True)
        if len(goods) == 1:
            has = goods[0].has
            return [amount for line, amount in pairs if has(line)]
        return [amount for line, amount in pairs if all(one.has(line) for one in goods)]

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


def earned(rule: Accrual, basket: Basket, standing: Standing) -> Earned | None:
    """What a rule adds to this sale; None where it does not apply, or where its limits leave nothing."""
    if rule.on not in ("sale", "first purchase") or (rule.on == "first purchase" and standing.sales > 0):
        return None
    if rule.fails(basket.sale, standing):
        return None
    if rule.times:
        points = basket.at_rate(rule.goods) * (rule.times - 1000) // 1000
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
    if points <= 0 or rule.name in standing.gone:
        return None
    points, counts = within(rule.bounds, rule.name, points, day, standing)
    if points <= 0:
        return None
    return Earned(
        rule.name, points, Reason(points, "{rule}", {"rule": said(rule.title)}), counts, rule.for_tier, rule.exclusive
    )


def within(limits: Sequence[Limit], name: str, points: int, day: str, standing: Standing) -> tuple[int, dict[str, int]]:
    """What the limits leave of these points, and what is to be counted once they are awarded.

    A count can be below zero: a till that heard of a return and not yet of its sale. It gives nobody more than the limit.
    """
    if not limits:
        return max(0, points), {}
    keys = [limit.key(name, day) for limit in limits]
    for limit, key in zip(limits, keys, strict=True):
        used = max(0, standing.counts.get(key, 0)) if key else 0
        if limit.points is not None:
            points = min(points, limit.points - used)
        elif limit.uses is not None and used >= limit.uses:
            return 0, {}
    if points <= 0:
        return 0, {}
    return points, {
        key: points if limit.points is not None else 1 for limit, key in zip(limits, keys, strict=True) if key
    }


def limits_and(limits: Sequence[Limit], more: Limit | None) -> list[Limit]:
    return [*limits, more] if more else list(limits)


def combined(found: Sequence[Earned], how: Literal["add", "best"]) -> Sequence[Earned]:
    """Which of the rules that apply are used: an exclusive one alone, else all of them, or the one that gives most."""
    alone = [one for one in found if one.is_exclusive]
    if alone or (how == "best" and found):
        return [max(alone or found, key=lambda one: one.points)]
    return found
