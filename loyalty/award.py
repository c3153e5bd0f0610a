"""What a sale earns, and why, in words a customer understands.

Pure: the same sale, programme and standing give the same award on every machine, so that anyone can compute it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from loyalty.accrual import EARN, REFERRAL, SURPRISE, Basket, Earned, Share, combined, earned, given, paid_share, within
from loyalty.conditions import Goods
from loyalty.days import days_after
from loyalty.experiment import variants
from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.standing import Effects, History, Profile, Standing, periods
from loyalty.surprise import Draw, counted_at
from loyalty.tiers import trial_of
from loyalty.words import Money, Reason, Times, Value, said

EVERYTHING = Goods()
WELCOMED = f"{REFERRAL}/uses/ever"
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
    """The names of the rules that gave something beside the rate."""


def standing_of(
    program: Program,
    history: History,
    profile: Profile,
    day: str,
    *,
    member: str,
    shop: str = "",
    terminal: str = "",
    feed_position: int = 0,
    gone: tuple[str, ...] = (),
) -> Standing:
    """What of a member's history matters to a sale on `day`, before it. A household is one member with several cards."""
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
        gone=gone,
        variants=variants(program.experiment, member, day),
    )


def award(
    program: Program, sale: Sale, redeemed_minor: int = 0, standing: Standing = NOBODY, luck: Draw | None = None
) -> Award:
    """The award of a sale after `redeemed_minor` of it was paid with points."""
    return _award_of(program, sale, paid_share(program.earn, sale.total_minor, redeemed_minor), standing, luck)


def award_of_left(program: Program, sale: Sale, redeemed_minor: int, standing: Standing, left: Sale) -> Award:
    """What the sale awards once only `left` of it is kept: never more than the sale itself, less with every return.

    Only rules that the sale itself used count: one that an exclusive rule had kept out would make it rise. The same share as
    of the sale counts as paid with points, and nothing is drawn.
    """
    share = paid_share(program.earn, sale.total_minor, redeemed_minor)
    used = _award_of(program, sale, share, standing)
    return _award_of(program, left, share, standing, only=used.rules)


def _award_of(
    program: Program,
    sale: Sale,
    share: Share,
    standing: Standing,
    luck: Draw | None = None,
    *,
    only: frozenset[str] | None = None,
) -> Award:
    earn, day = program.earn, sale.business_day
    basket = Basket(earn, sale, share)
    amount = basket.amount(EVERYTHING)
    found: list[Earned] = []
    counts: dict[str, int] = {}
    reasons: list[Reason] = []
    if sale.total_minor >= earn.minimum_minor:
        base = basket.at_rate(EVERYTHING)
        if earn.points:
            found.append(Earned("", base, _base_reason(program, base, basket), {}))
        found += _more(program, basket, base, standing, only)
        if luck and program.surprise and amount > 0 and not program.surprise.fails(sale, standing):
            counts[counted_at(standing.terminal)] = 1
            if program.surprise.wins(luck, standing.counts.get(counted_at(standing.terminal), 0) + 1):
                points, title = program.surprise.points, said(program.surprise.title)
                found.append(Earned(SURPRISE, points, Reason(points, "{rule}", {"rule": title}), {}, False))
    elif earn.points or program.accrual:
        reasons.append(Reason(0, "Sales under {amount} earn nothing", {"amount": Money(earn.minimum_minor)}))
    for one in found:
        counts.update(one.counts)
    whole = sum(one.points for one in found)
    points, of_limits = within(earn.limits, EARN, whole, day, standing)
    counts.update(of_limits)
    reasons += [one.reason for one in found]
    if points < whole:
        reasons.append(Reason(points - whole, "No more than the programme gives in this time", {}))
    paid, tried = _paid(program, sale, standing, reasons, only)
    effects = Effects(
        qualifies=_qualifies(program, found, points, amount),
        counts=counts | paid.counts,
        paid=paid.paid,
        donated_minor=program.giving.donated_minor(amount) if program.giving else 0,
        charity=program.giving.chosen(standing.charity).name if program.giving else "",
    )
    rules = frozenset([one.name for one in found if one.name] + tried)
    return _award(program, points, reasons, effects, day, standing, rules)


def gift(
    program: Program, on: str, day: str, at: str, standing: Standing, *, amount_minor: int = 0, activity: str = ""
) -> Award:
    """What something that is no sale earns: somebody's join, a reload of stored value, an activity by its name.

    The limits of `earn` are those of sales; what is given here has those of its own rules.
    """
    rules = [rule for rule in program.accrual if rule.on == on and rule.activity == activity]
    found = [one for rule in rules if (one := given(rule, day, at, standing, amount_minor))]
    referral = program.referral
    if on == "join" and referral and referral.friend_points and standing.is_referred and referral.on == "join":
        found.append(_welcome(referral.friend_points))
    used = combined(found, program.combine)
    counts = {key: count for one in used for key, count in one.counts.items()}
    effects = Effects(qualifies=_qualifies(program, used, sum(one.points for one in used), 0), counts=counts)
    names = frozenset(one.name for one in used)
    return _award(program, sum(one.points for one in used), [one.reason for one in used], effects, day, standing, names)


def recognised(program: Program, points: int, day: str, standing: Standing) -> Award:
    """What somebody gets whom a colleague recognised; `Recognition.given` says whether they can, and what it does to them."""
    reason = Reason(points, "A colleague says thank you", {})
    return _award(program, points, [reason], Effects(), day, standing, frozenset())


def _award(
    program: Program,
    points: int,
    reasons: Sequence[Reason],
    effects: Effects,
    day: str,
    standing: Standing,
    rules: frozenset[str],
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
        rules=rules,
    )


def _more(
    program: Program, basket: Basket, base: int, standing: Standing, only: frozenset[str] | None
) -> Sequence[Earned]:
    """What the tier and the accrual rules add to the rate."""
    found: list[Earned] = []
    tier = program.tier_named(standing.tier)
    if tier and tier.times != 1000 and (extra := base * (tier.times - 1000) // 1000):
        values: dict[str, Value] = {"tier": said(tier.title), "times": Times(tier.times)}
        # A slash is in no rule's name: a tier and a rule can be called the same.
        found.append(Earned(f"tier/{tier.name}", extra, Reason(extra, "{tier}: {times} times", values), {}))
    found += [one for rule in program.accrual if (one := earned(rule, basket, standing))]
    referral = program.referral
    if (
        referral
        and standing.is_referred
        and basket.sale.total_minor >= max(1, referral.minimum_minor)
        and (referral.on == "every purchase" or (referral.on == "first purchase" and not standing.counts.get(WELCOMED)))
    ):
        found.append(_welcome(referral.friend_points))
    if only is not None:
        found = [one for one in found if one.name in only]
    return combined([one for one in found if one.points > 0], program.combine)


def _welcome(points: int) -> Earned:
    # Counted, because the first purchase may have been too small: the first that is not has the welcome.
    return Earned(REFERRAL, points, Reason(points, "Welcome: a friend brought you", {}), {WELCOMED: 1}, False)


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


def _paid(
    program: Program, sale: Sale, standing: Standing, reasons: list[Reason], only: frozenset[str] | None
) -> tuple[Effects, list[str]]:
    """What this sale buys of memberships: so many months for each piece of an article, or its trial, once.

    A return of the article gives the months back; the trial can be had again then. Answers with it which lines were trials:
    less than a cent may be left of a line that was paid for, and that makes it none.
    """
    tried: list[str] = []
    paid: dict[str, int] = {}
    counts: dict[str, int] = {}
    for plan in program.membership:
        sold = [line for line in sale.lines if line.sku == plan.sku]
        if not sold:
            continue
        if not plan.is_for(standing):
            reasons.append(Reason(0, "{plan} is not for everybody: show who you are", {"plan": said(plan.title)}))
            continue
        trials = {f"{trial_of(plan.tier)}/{line.line_id}": line for line in sold if not line.amount_minor}
        trials = {name: line for name, line in trials.items() if plan.trial_days and (only is None or name in only)}
        if trials and plan.may_try(standing):
            paid[trial_of(plan.tier)], counts[plan.trial_key] = plan.trial_days, 1
        tried += trials
        free = list(trials.values())
        pieces = sum(line.quantity_milli for line in sold if line not in free) // 1000
        if pieces:
            paid[plan.tier] = paid.get(plan.tier, 0) + pieces * plan.months
    return Effects(paid=paid, counts=counts), tried


def _base_reason(program: Program, points: int, basket: Basket) -> Reason:
    earn, each = program.earn, program.unit.counted(program.earn.points)
    match earn.per:
        case "amount":
            values: dict[str, Value] = {
                "points": each,
                "amount": Money(earn.per_minor),
                "paid": Money(basket.amount(EVERYTHING, earn.goods)),
            }
            return Reason(points, "{points} per {amount} on {paid}", values)
        case "unit":
            pieces = str(basket.units(EVERYTHING, earn.goods))
            return Reason(points, "{points} for each piece, {pieces} bought", {"points": each, "pieces": pieces})
        case _:
            return Reason(points, "{points} for each visit", {"points": each})
