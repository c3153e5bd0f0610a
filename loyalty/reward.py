"""What points buy, and what members get without points: money off, per cent, goods, coupons, donations.

A reward or a member's price takes an amount off each line, so that each line's tax falls with it. Nothing here awards points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec
from pydantic import Field, model_validator

from loyalty.accrual import Limit, limits_and, within
from loyalty.conditions import Condition, Goods, Name
from loyalty.giving import Giving
from loyalty.sale import LineItem, Sale
from loyalty.standing import Effects, Standing
from loyalty.toml_table import Count, Percent, Table
from loyalty.words import Words

ON_THE_SALE = ("money", "percent", "product", "cheapest", "fixed price")
"""Kinds that take something off the sale at hand; the others are handed over, or are for later."""


class Reward(Condition):
    """So many `points` buy this, once a sale; with `points = 0` it costs nothing (a birthday drink, a free extra a month).

    `money`: `value_minor` off these goods. `percent`: off these goods, `most_minor` at most. `product`: one of these goods
    for nothing, if it costs `most_minor` at most; `cheapest`: the cheapest of them. `fixed price`: one of these goods for
    `value_minor`. `coupon`: `value_minor` off a later sale. `gift card`: `value_minor` of stored value. `donation`:
    `value_minor` for the member's charity. `delivery`, `early access`, `gift`: something that the shop hands over, with no
    effect on the sale. What is for later (a coupon, stored value) is the shop's own paper or card, which the reference on the
    receipt vouches for; the till that takes it is the host's.

    `stock` is what there is for all members together. A till cannot know that offline: it stops once head office has told it
    that all are gone. So no more is handed over beyond the stock than what tills did before they heard; at a till that hears
    nothing at all, no member has more than the whole stock. What comes back by returns is there again.
    """

    name: Name
    title: Words
    points: int = Field(ge=0, le=1_000_000)
    kind: Literal[
        "money",
        "percent",
        "product",
        "cheapest",
        "fixed price",
        "coupon",
        "gift card",
        "donation",
        "delivery",
        "early access",
        "gift",
    ]
    goods: Goods = Goods()
    value_minor: int = Field(default=0, ge=0, le=10**9)
    percent: Percent = 0
    most_minor: int = Field(default=0, ge=0, le=10**9)
    stock: int = Field(default=0, ge=0, le=10**9)
    limits: list[Limit] = []

    @model_validator(mode="after")
    def _whole(self) -> Reward:
        if (self.kind == "percent") != bool(self.percent):
            raise ValueError('percent goes with kind = "percent", and only with it')
        if (self.kind in ("money", "fixed price", "coupon", "gift card", "donation")) != bool(self.value_minor):
            raise ValueError(
                "value_minor goes with money, fixed price, coupon, gift card and donation, and only with those"
            )
        return self

    @cached_property
    def bounds(self) -> list[Limit]:
        """The limits and the stock: what all members take is at least what one of them does."""
        return limits_and(self.limits, Limit(uses=self.stock, per="ever") if self.stock else None)

    def counted(self, day: str, standing: Standing) -> dict[str, int] | None:
        """What its limits count for one of it, None where they leave none: its points, or one for what costs nothing."""
        whole = max(1, self.points)
        left, counts = within(self.bounds, self.name, whole, day, standing)
        return counts if left == whole else None


class Price(Condition):
    """A price for members, without points: `percent` off these goods, for at most `most_minor` of goods in a period."""

    name: Name
    title: Words
    percent: Percent
    goods: Goods = Goods()
    most_minor: int = Field(default=0, ge=0, le=10**12)
    per: Literal["sale", "month", "year"] = "year"


class Benefit(Condition):
    """Something that members have without points and without an effect on the sale: shown to the cashier, and on the receipt."""

    title: Words


class Redeem(Table):
    """`points` points are worth `worth_minor` minor units of money, in any amount.

    At least `from_points` at a time, in steps of `step`; as a `discount`, which lowers each line's tax, or as a `tender`,
    which lowers none. `points = 0` does not turn points into money: only rewards do.
    """

    points: int = Field(default=100, ge=0, le=1_000_000)
    worth_minor: Count = 100
    from_points: int = Field(default=0, ge=0, le=1_000_000)
    step: int = Field(default=1, ge=1, le=1_000_000)
    as_: Literal["discount", "tender"] = Field(default="discount", alias="as")


class Off(NamedTuple):
    """What comes off a sale, by line; `counts` is what limits have to remember."""

    lines: dict[str, int]
    counts: dict[str, int]

    @property
    def minor(self) -> int:
        return sum(self.lines.values())


NOTHING_OFF = Off({}, {})


def why_not(reward: Reward, sale: Sale, standing: Standing, spendable: int) -> str:
    """Why this reward cannot be had with this sale: a word of its conditions, `points`, `stock`, `limits` or `goods`.

    '' where it can be had.
    """
    failed = reward.fails(sale, standing)
    if failed:
        return failed
    if reward.points > spendable:
        return "points"
    if reward.name in standing.gone:
        return "stock"
    if reward.counted(sale.business_day, standing) is None:
        return "limits"
    return "" if reward.kind not in ON_THE_SALE or off(reward, sale, standing).lines else "goods"


def off(reward: Reward, sale: Sale, standing: Standing) -> Off:
    """What the reward takes off this sale, and what its limits count; for those that take nothing off, only that."""
    counts = reward.counted(sale.business_day, standing) or {}
    lines = [line for line in sale.lines if reward.goods.has(line) and line.amount_minor > 0]
    match reward.kind:
        case "money":
            whole = _off_the_whole(sale, lines, reward.value_minor)
            return Off(whole, counts)
        case "percent":
            part = sum(line.amount_minor for line in lines) * reward.percent // 100_000
            return Off(_off_the_whole(sale, lines, min(part, reward.most_minor) if reward.most_minor else part), counts)
        case "product" | "fixed price" | "cheapest":
            return Off(_one_piece(reward, lines, sale.total_minor), counts)
        case _:
            return Off({}, counts)


def effects_of(reward: Reward, standing: Standing, taken: Off, giving: Giving | None) -> Effects:
    """What a reward does beside moving points: what its limits count, and what it gives to the member's charity.

    Of a programme with charities (`giving`) that is the one a share of a sale would go to.
    """
    if reward.kind != "donation":
        return Effects(counts=taken.counts)
    charity = giving.chosen(standing.charity).name if giving else standing.charity
    return Effects(counts=taken.counts, donated_minor=reward.value_minor, charity=charity)


def _one_piece(reward: Reward, lines: Sequence[LineItem], total_minor: int) -> dict[str, int]:
    """The dearest piece that the reward allows, or the cheapest, for nothing or at its price; never more than is to pay."""
    prices = [(_piece(line), line.line_id) for line in lines]
    allowed = [(price, name) for price, name in prices if not reward.most_minor or price <= reward.most_minor]
    allowed = [(price - reward.value_minor, name) for price, name in allowed if price > reward.value_minor]
    if not allowed:
        return {}
    minor, name = min(allowed) if reward.kind == "cheapest" else max(allowed)
    return {name: min(minor, total_minor)} if total_minor else {}


def _piece(line: LineItem) -> int:
    """What one piece of a line costs; goods by weight are one piece."""
    pieces = line.quantity_milli // 1000 if line.quantity_milli % 1000 == 0 else 1
    return line.amount_minor // max(1, pieces)


def _off_the_whole(sale: Sale, lines: Sequence[LineItem], minor: int) -> dict[str, int]:
    """An amount over lines pro rata, never more than they cost or than the sale does; by largest remainder."""
    whole = sum(line.amount_minor for line in lines)
    minor = min(minor, whole, sale.total_minor)
    return {
        name: part for name, part in shared(minor, {line.line_id: line.amount_minor for line in lines}).items() if part
    }


def shared(minor: int, amounts: Mapping[str, int]) -> dict[str, int]:
    """`minor` over `amounts` pro rata, to the cent; on a tie the earlier one has it.

    >>> shared(100, {"a": 100, "b": 100, "c": 100})
    {'a': 34, 'b': 33, 'c': 33}
    """
    whole = sum(amounts.values())
    if not whole:
        return {}
    parts = {name: divmod(amount * minor, whole) for name, amount in amounts.items()}
    missing = minor - sum(share for share, _ in parts.values())
    rounded_up = set(sorted(parts, key=lambda name: -parts[name][1])[:missing])
    return {name: share + (name in rounded_up) for name, (share, _) in parts.items()}


def member_prices(prices: Sequence[Price], sale: Sale, standing: Standing) -> Off:
    """What the members' prices take off: of several that fit a line, the best for the member."""
    best: dict[str, tuple[int, str, int]] = {}
    keys: dict[str, str] = {}
    for price in prices:
        if price.name in standing.gone or price.fails(sale, standing):
            continue
        limit = Limit(points=1, per=price.per)
        key = limit.key(price.name, sale.business_day) if price.most_minor else ""
        left = price.most_minor - max(0, standing.counts.get(key, 0)) if price.most_minor else sale.total_minor
        if key:
            keys[price.name] = key
        for line in sale.lines:
            if not price.goods.has(line):
                continue
            amount = max(0, min(line.amount_minor, left)) if price.most_minor else line.amount_minor
            minor = amount * price.percent // 100_000
            if minor > best.get(line.line_id, (0, "", 0))[0]:
                best[line.line_id] = minor, price.name, amount
                left -= amount
    counts: dict[str, int] = {}
    for _, name, amount in best.values():
        if name in keys:
            counts[keys[name]] = counts.get(keys[name], 0) + amount
    return Off({line: minor for line, (minor, _, _) in best.items()}, counts)


def after(sale: Sale, taken: Off) -> Sale:
    """The sale as it is paid once this came off; each line's tax falls pro rata."""
    if not taken.lines:
        return sale
    lines = tuple(_reduced(line, taken.lines.get(line.line_id, 0)) for line in sale.lines)
    return msgspec.structs.replace(sale, lines=lines, total_minor=max(0, sale.total_minor - taken.minor))


def _reduced(line: LineItem, minor: int) -> LineItem:
    if not minor:
        return line
    left = line.amount_minor - minor
    tax = line.tax_minor * left // line.amount_minor if line.amount_minor else 0
    return msgspec.structs.replace(line, amount_minor=left, tax_minor=tax)
