"""What a sale earns, and why, in words a customer understands.

Pure: the same sale, programme and standing give the same award on every machine, so that anyone can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loyalty.accrual import Basket, Earned, combined, earned, given, rate, within
from loyalty.conditions import Goods
from loyalty.days import days_after
from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.standing import Effects, History, Profile, Standing, periods
from loyalty.surprise import Luck, counted_at
from loyalty.words import Money, Reason, Value, said

EVERYTHING = Goods()
NOBODY = Standing()


class Award(msgspec.Struct, frozen=True):
    """Points of one sale or event, and what else it does.

    `expires_on` is the first day on which they can no longer be spent, `usable_from` the first on which they can, '' for at
    once. `extends_to` is the day to which all of the member's points are kept alive, '' where they are not.
    """

    points: int
    expires_on: str
    reasons: tuple[Reason, ...]
    effects: Effects = Effects()
    usable_from: str = ""
    extends_to: str = ""
    rules: frozenset[str] = frozenset()
    """The names of the rules that gave points beside the rate."""


def standing_of(
    program: Program,
    history: History,
    profile: Profile,
    day: str,
    *,
    shop: str = "",
    terminal: str = "",
    feed_position: int = 0,
) -> Standing:
    """What of a member's history matters to a sale on `day`, before it."""
    if program.tier:
        tier, ends, qualified = program.ladder.on(history, day)
    else:
        tier, ends, qualified = "", "", 0
    current = {*periods(day).values(), terminal}
    return Standing(
        feed_position=feed_position,
        shop=shop,
        terminal=terminal,
        tier=tier,
        tier_ends=ends,
        qualified=qualified,
        segments=profile.segments_on(day),
        counts={key: count for key, count in history.counts.items() if key.rpartition("/")[2] in current},
        sales=history.sales,
        birthday=profile.birthday,
        is_referred=profile.is_referred,
        charity=profile.charity,
    )


def award(
    program: Program,
    sale: Sale,
    redeemed_minor: int = 0,
    standing: Standing = NOBODY,
    luck: Luck | None = None,
    *,
    only: frozenset[str] | None = None,
) -> Award:
    """The award of a sale after `redeemed_minor` of it was paid with points; by no other rules than `only`, where it is given."""
    earn, day = program.earn, sale.business_day
    basket = Basket(earn, sale, redeemed_minor)
    amount = basket.amount(EVERYTHING)
    found: list[Earned] = []
    counts: dict[str, int] = {}
    if sale.total_minor >= earn.minimum_minor:
        base = rate(earn, amount)
        if earn.points:
            found.append(Earned("", base, _base_reason(program, base, amount), {}))
        found += _more(program, basket, base, standing, only)
        if luck and program.surprise and amount > 0 and not program.surprise.fails(sale, standing):
            counts[counted_at(standing.terminal)] = 1
            if program.surprise.wins(luck, standing.counts.get(counted_at(standing.terminal), 0) + 1):
                points, title = program.surprise.points, said(program.surprise.title)
                found.append(Earned("surprise", points, Reason(points, "{rule}", {"rule": title}), {}, False))
    for one in found:
        counts.update(one.counts)
    whole = sum(one.points for one in found)
    points, of_limits = within(earn.limits, "earn", whole, day, standing)
    counts.update(of_limits)
    reasons = [one.reason for one in found]
    if points < whole:
        reasons.append(Reason(points - whole, "No more than the programme gives in this time", {}))
    effects = Effects(
        qualifies=_qualifies(program, found, points, amount),
        counts=counts,
        paid=_paid(program, sale),
        donated_minor=program.giving.donated_minor(amount) if program.giving else 0,
        charity=program.giving.chosen(standing.charity).name if program.giving else "",
    )
    rules = frozenset(one.name for one in found if one.name)
    return msgspec.structs.replace(_award(program, points, reasons, effects, day, standing), rules=rules)


def gift(
    program: Program, on: str, day: str, at: str, standing: Standing, *, amount_minor: int = 0, activity: str = ""
) -> Award:
    """What something that is no sale earns: somebody's join, a reload of stored value, an activity by its name."""
    rules = [rule for rule in program.accrual if rule.on == on and rule.activity == activity]
    found = [one for rule in rules if (one := given(rule, day, at, standing, amount_minor))]
    if on == "join" and program.referral and standing.is_referred and program.referral.on == "join":
        found.append(_welcome(program.referral.friend_points))
    used = combined(found, program.combine)
    counts = {key: count for one in used for key, count in one.counts.items()}
    effects = Effects(qualifies=_qualifies(program, used, sum(one.points for one in used), 0), counts=counts)
    return _award(program, sum(one.points for one in used), [one.reason for one in used], effects, day, standing)


def _award(
    program: Program, points: int, reasons: Sequence[Reason], effects: Effects, day: str, standing: Standing
) -> Award:
    tier = program.tier_named(standing.tier)
    expire = tier.expire if tier and tier.expire else program.expire
    return Award(
        points=points,
        expires_on=expire.expires_on(day),
        reasons=tuple(reasons),
        effects=effects,
        usable_from=days_after(day, program.earn.vest_days) if program.earn.vest_days else "",
        extends_to=expire.extends_to(day),
    )


def _more(
    program: Program, basket: Basket, base: int, standing: Standing, only: frozenset[str] | None
) -> Sequence[Earned]:
    """What the tier and the accrual rules add to the rate."""
    found: list[Earned] = []
    tier = program.tier_named(standing.tier)
    if tier and tier.times != 1000 and (extra := base * (tier.times - 1000) // 1000):
        values: dict[str, Value] = {"tier": said(tier.title), "times": f"{tier.times / 1000:g}"}
        found.append(Earned(tier.name, extra, Reason(extra, "{tier}: {times} times", values), {}))
    found += [one for rule in program.accrual if (one := earned(rule, program.earn, basket, standing))]
    referral = program.referral
    if (
        referral
        and standing.is_referred
        and basket.sale.total_minor >= max(1, referral.minimum_minor)
        and (referral.on == "every purchase" or (referral.on == "first purchase" and not standing.sales))
    ):
        found.append(_welcome(referral.friend_points))
    if only is not None:
        found = [one for one in found if one.name in only]
    return combined([one for one in found if one.points > 0], program.combine)


def _welcome(points: int) -> Earned:
    return Earned("referral", points, Reason(points, "Welcome: a friend brought you", {}), {}, False)


def _qualifies(program: Program, found: Sequence[Earned], points: int, amount_minor: int) -> int:
    if not program.tier:
        return 0
    match program.tiers.by:
        case "spend":
            return amount_minor
        case "points":
            return min(points, sum(one.points for one in found if one.for_tier))
        case _:
            return 1 if amount_minor > 0 else 0


def _paid(program: Program, sale: Sale) -> dict[str, int]:
    """Months of memberships that this sale buys: so many for each piece of the article."""
    months: dict[str, int] = {}
    for plan in program.membership:
        pieces = sum(line.quantity_milli for line in sale.lines if line.sku == plan.sku) // 1000
        if pieces:
            months[plan.tier] = months.get(plan.tier, 0) + pieces * plan.months
    return months


def _base_reason(program: Program, points: int, amount_minor: int) -> Reason:
    earn, unit = program.earn, program.unit
    values: dict[str, Value] = {
        "points": unit.counted(earn.points),
        "amount": Money(earn.per_minor),
        "paid": Money(amount_minor),
    }
    return Reason(points, "{points} per {amount} on {paid}", values)
