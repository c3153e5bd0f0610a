"""What a programme would have cost and done on sales that have been: the same award, history and lots as at a till, in memory.

Sales are told in the order of time. They stay as they were: nobody buys more, or comes more often, because there are points.
What a file of sales does not say is drawn from a seed (who redeems when, birthdays, segments, who brought whom, who pays for
a membership), the same for each programme, so that two programmes are compared on the same people.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from loyalty.award import award, gift, standing_of
from loyalty.conditions import Condition
from loyalty.days import day_before, days_after, month_end_after
from loyalty.program import Program
from loyalty.redeem import most_redeemable, worth_minor
from loyalty.reward import NOTHING_OFF, ON_THE_SALE, Off, Reward, after, member_prices, off, why_not
from loyalty.sale import Sale
from loyalty.standing import NO_HISTORY, Effects, Profile, Standing
from loyalty.surprise import Luck, terminal_key
from loyalty.tiers import paid_until
from loyalty.words import in_language

HANDED_OVER = ("delivery", "early access", "gift")
"""Kinds of reward whose cost the programme does not say."""
NEAR_PERCENT = 10
"""A member is near a tier who lacks at most this share of what it takes."""


class Behaviour(msgspec.Struct, frozen=True):
    """How members are taken to behave. Percents are of a hundred.

    At `redeem_percent` of the sales at which a member could redeem, they do: what is worth most of all they can have, where
    it is worth `redeem_from_minor`. Of all members `referred_percent` were brought by another one, so many are in a segment,
    and so many pay for a membership from their first sale on, again whenever it ends.
    """

    redeem_percent: int = 50
    redeem_from_minor: int = 100
    referred_percent: int = 0
    segments: dict[str, int] = {}
    memberships: dict[str, int] = {}
    seed: int = 1


class Month(msgspec.Struct):
    """A month's sums. `outstanding` are the points that members have at its end, `pending` those that cannot be spent yet.

    Money is in minor units: what points took off sales or bought otherwise, what members' prices took off, donations, and
    fees that members paid for memberships. `tiers` counts the members in each tier at the end, "" is the base.
    """

    month: str
    sales: int = 0
    sales_minor: int = 0
    member_sales: int = 0
    member_sales_minor: int = 0
    members: int = 0
    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    outstanding: int = 0
    pending: int = 0
    redeemed_minor: int = 0
    prices_minor: int = 0
    donated_minor: int = 0
    fees_minor: int = 0
    liability_minor: int = 0
    tiers: dict[str, int] = {}

    @property
    def cost_minor(self) -> int:
        return self.redeemed_minor + self.prices_minor + self.donated_minor - self.fees_minor


class Outcome(msgspec.Struct):
    """What came of it, month by month, and over all.

    `rewards` counts how often each was had, "" being points turned into money; `sources` are points by what gave them; `never`
    the rules that never gave anything; `near` the members who are near a tier at the end; `point_minor` what a point is
    taken to be worth in the liability, in thousandths of a minor unit, and `point_from` where that number is from.
    """

    program: str
    currency: str
    months: list[Month]
    whole: Month
    rewards: dict[str, int]
    sources: dict[str, int]
    surprises: int
    never: list[str]
    near: dict[str, int]
    donated: dict[str, int]
    point_minor_milli: int
    point_from: str
    unit: str
    tiers: dict[str, str]


class _Lot(NamedTuple):
    expires_on: str
    usable_from: str


class _Member:
    """A member in the simulation; `lots` are points by when they end and from when they can be spent."""

    __slots__ = ("history", "lots", "membership", "profile", "referrer")

    def __init__(self, profile: Profile, referrer: str, membership: str) -> None:
        self.history = NO_HISTORY
        self.lots: dict[_Lot, int] = {}
        self.profile = profile
        self.referrer = referrer
        self.membership = membership

    def expire(self, day: str) -> int:
        """Takes away what has ended by `day`; says how many points that were."""
        ended = [lot for lot in self.lots if lot.expires_on <= day]
        return sum(self.lots.pop(lot) for lot in ended)

    def add(self, points: int, expires_on: str, usable_from: str) -> None:
        if points:
            lot = _Lot(expires_on, usable_from)
            self.lots[lot] = self.lots.get(lot, 0) + points

    def extend(self, to: str) -> None:
        """Keeps every lot alive to that day at least."""
        if any(lot.expires_on < to for lot in self.lots):
            lots = self.lots
            self.lots = {}
            for lot, points in lots.items():
                self.add(points, max(lot.expires_on, to), lot.usable_from)

    def spendable(self, day: str) -> int:
        return sum(points for lot, points in self.lots.items() if lot.usable_from <= day)

    def spend(self, points: int, day: str) -> None:
        """Takes points from what ends first."""
        for lot in sorted(lot for lot in self.lots if lot.usable_from <= day):
            taken = min(points, self.lots[lot])
            points -= taken
            if taken == self.lots[lot]:
                del self.lots[lot]
            else:
                self.lots[lot] -= taken
            if not points:
                return
        raise ValueError(f"{points} points more were spent than the member has")


class Simulation:
    """One programme over sales. Tell it each sale with `sell`, in the order of time; then ask for the `outcome`."""

    def __init__(self, program: Program, behaviour: Behaviour) -> None:
        self._program = program
        self._behaviour = behaviour
        self._members: dict[str, _Member] = {}
        self._names: list[str] = []
        self._months: list[Month] = []
        self._now = Month("")
        self._keys: dict[str, bytes] = {}
        self._rewards: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._used: set[str] = set()
        self._surprises = 0
        self._donated: Counter[str] = Counter()
        self._budgets = {
            f"{rule.name}/points/ever": rule.budget_points for rule in program.accrual if rule.budget_points
        }
        self._budgets |= {f"{reward.name}/uses/ever": reward.stock for reward in program.reward if reward.stock}
        self._given: Counter[str] = Counter()
        self._gone: tuple[str, ...] = ()
        self._has_gifts = any(not reward.points for reward in program.reward)
        self._knows_birthdays = any(rule.birthday for _, rule in _conditions(program))

    def sell(self, sale: Sale, card: str) -> None:
        """One sale, of nobody where `card` is empty."""
        month = sale.business_day[:7]
        while self._now.month < month:
            self._close()
            self._now = Month(_next(self._now.month) if self._now.month else month)
        now = self._now
        now.sales += 1
        now.sales_minor += sale.total_minor
        if not card:
            return
        now.member_sales += 1
        now.member_sales_minor += sale.total_minor
        member = self._members.get(card) or self._joined(card, sale)
        if member.lots:
            now.expired += member.expire(sale.business_day)
        self._pay_membership(member, sale)
        self._buy(member, card, sale)

    def outcome(self) -> Outcome:
        """All of it. The last month is closed on its last day."""
        if self._now.month:
            self._close()
        program, whole = self._program, Month("")
        for month in self._months:
            for name in SUMMED:
                setattr(whole, name, getattr(whole, name) + getattr(month, name))
        if self._months:
            last = self._months[-1]
            whole.members, whole.tiers = last.members, last.tiers
            whole.outstanding, whole.pending = last.outstanding, last.pending
        milli, why = self._point(whole)
        for month in (*self._months, whole):
            month.liability_minor = month.outstanding * milli // 1000
        names = {"": in_language(program.tiers.base), **{tier.name: in_language(tier.title) for tier in program.tier}}
        return Outcome(
            program=program.id,
            currency=program.currency,
            months=self._months,
            whole=whole,
            rewards=dict(self._rewards.most_common()),
            sources=dict(self._sources.most_common()),
            surprises=self._surprises,
            never=[f"{kind} {name}" for kind, name in self._never()],
            near=self._near(),
            donated=dict(self._donated.most_common()),
            point_minor_milli=milli,
            point_from=why,
            unit=in_language(program.unit.many),
            tiers=names if program.tier else {},
        )

    # -- one sale

    def _joined(self, card: str, sale: Sale) -> _Member:
        behaviour, program = self._behaviour, self._program
        segments = {name: "" for name, percent in behaviour.segments.items() if self._drawn(percent, card, name)}
        referrer = ""
        if program.referral and self._names and self._drawn(behaviour.referred_percent, card, "referred"):
            referrer = self._names[self._draw(card, "referrer") % len(self._names)]
        birthday = days_after("2023-01-01", self._draw(card, "birthday") % 365)[5:] if self._knows_birthdays else ""
        profile = Profile(birthday=birthday, segments=segments, is_referred=bool(referrer))
        plan = next((name for name, share in behaviour.memberships.items() if self._drawn(share, card, name)), "")
        member = self._members[card] = _Member(profile, referrer, plan)
        self._names.append(card)
        day = sale.business_day
        if program.referral or any(rule.on == "join" for rule in program.accrual):
            standing = standing_of(program, NO_HISTORY, profile, day, member=card, terminal=sale.till)
            given = gift(program, "join", day, sale.sold_at, standing)
            self._count("joining", given.points)
            self._used |= {rule.name for rule in program.accrual if rule.on == "join" and given.points}
            member.add(given.points, given.expires_on, given.usable_from)
            member.history = member.history.plus(given.effects, day)
            if program.referral and program.referral.on == "join":
                self._thank(member, day)
        return member

    def _thank(self, member: _Member, day: str) -> None:
        """Whoever brought this member has their points."""
        referral = self._program.referral
        referrer = self._members.get(member.referrer)
        if referral is None or referrer is None or not referral.referrer_points:
            return
        key = f"friends/uses/{day[:4]}"
        if referral.most_friends_a_year and referrer.history.counts.get(key, 0) >= referral.most_friends_a_year:
            return
        referrer.history = referrer.history.plus(Effects(counts={key: 1}), day, is_activity=False)
        self._count("brought a friend", referral.referrer_points)
        referrer.add(referral.referrer_points, self._program.expire.expires_on(day), "")

    def _pay_membership(self, member: _Member, sale: Sale) -> None:
        plan = next((plan for plan in self._program.membership if plan.name == member.membership), None)
        if plan is None or paid_until(member.history, plan.tier, sale.business_day) >= sale.business_day:
            return
        if plan.segments and not set(plan.segments) & set(member.profile.segments):
            return
        self._now.fees_minor += plan.price_minor
        member.history = member.history.plus(Effects(paid={plan.tier: plan.months}), sale.business_day)

    def _buy(self, member: _Member, card: str, sale: Sale) -> None:
        program, now, day = self._program, self._now, sale.business_day
        standing = standing_of(program, member.history, member.profile, day, member=card, terminal=sale.till)
        if self._gone:
            standing = msgspec.structs.replace(standing, gone=self._gone)
        prices = member_prices(program.price, sale, standing) if program.price else NOTHING_OFF
        if prices.lines:
            sale = after(sale, prices)
            now.prices_minor += prices.minor
            self._used |= {price.name for price in program.price if not price.fails(sale, standing)}
        taken, worth = self._redeem(member, sale, standing)
        earned = award(program, sale, worth, standing, self._luck(card, sale))
        self._count_reasons(earned.reasons)
        self._used |= earned.rules
        self._surprises += "surprise" in earned.rules
        now.issued += earned.points
        now.donated_minor += earned.effects.donated_minor
        if earned.effects.donated_minor:
            self._donated[earned.effects.charity] += earned.effects.donated_minor
        if earned.extends_to:
            member.extend(earned.extends_to)
        member.add(earned.points, earned.expires_on, earned.usable_from)
        effects = earned.effects
        if prices.counts or taken.counts:
            effects = msgspec.structs.replace(effects, counts=effects.counts | prices.counts | taken.counts)
        if self._budgets:
            self._count_budgets(effects.counts)
        is_first = not member.history.sales
        member.history = member.history.plus(effects, day, sales=1)
        referral = program.referral
        if referral and sale.total_minor >= max(1, referral.minimum_minor):
            is_thanked = referral.on == "every purchase" or (referral.on == "first purchase" and is_first)
            if is_thanked and member.referrer:
                self._thank(member, day)

    def _redeem(self, member: _Member, sale: Sale, standing: Standing) -> tuple[Off, int]:
        """What this member has for their points: what comes off and is counted, and how much of the sale it paid."""
        program, behaviour, day = self._program, self._behaviour, sale.business_day
        if not (member.lots or self._has_gifts) or not self._drawn(
            behaviour.redeem_percent, sale.till, sale.sale_ref, "redeem"
        ):
            return NOTHING_OFF, 0
        spendable = member.spendable(day)
        best: tuple[int, int, str, Off] = (0, 0, "", NOTHING_OFF)
        points = most_redeemable(program, sale.total_minor, spendable) if spendable else 0
        if points and (worth := worth_minor(program, points)) >= behaviour.redeem_from_minor:
            best = (worth, points, "", NOTHING_OFF)
        for reward in program.reward:
            if reward.points > spendable or why_not(reward, sale, standing, spendable):
                continue
            comes_off = off(reward, sale, standing)
            worth = _worth(reward, comes_off)
            if worth >= behaviour.redeem_from_minor or (reward.kind in HANDED_OVER and not (best[1] or best[2])):
                best = max(best, (worth, reward.points, reward.name, comes_off), key=lambda one: one[:2])
        worth, points, name, comes_off = best
        if not (points or name):
            return NOTHING_OFF, 0
        if points:
            member.spend(points, day)
        self._now.redeemed += points
        self._now.redeemed_minor += worth
        self._rewards[name] += 1
        if any(reward.name == name and reward.kind == "donation" for reward in program.reward):
            giving = program.giving
            self._donated[giving.chosen(standing.charity).name if giving else standing.charity or "for points"] += worth
        is_on_the_sale = not name or bool(comes_off.lines)
        return comes_off, worth if is_on_the_sale else 0

    def _luck(self, card: str, sale: Sale) -> Luck | None:
        if self._program.surprise is None:
            return None
        key = self._keys.get(sale.till)
        if key is None:
            key = self._keys[sale.till] = terminal_key(str(self._behaviour.seed).encode(), sale.till)
        return Luck(key, card)

    def _count(self, source: str, points: int) -> None:
        if points:
            self._sources[source] += points
            self._now.issued += points

    def _count_budgets(self, counts: Mapping[str, int]) -> None:
        """What all members together had of a budget or a stock; what is used up is gone from the next sale on."""
        for key in counts.keys() & self._budgets.keys():
            self._given[key] += counts[key]
            name = key.split("/")[0]
            if self._given[key] >= self._budgets[key] and name not in self._gone:
                self._gone = (*self._gone, name)

    def _count_reasons(self, reasons: tuple[object, ...]) -> None:
        for reason in reasons:
            points, values = reason.points, reason.values  # type: ignore[attr-defined]
            if points:
                name = values.get("rule") or values.get("tier") or ("the rate" if "paid" in values else "other rules")
                self._sources[name if isinstance(name, str) else in_language(name)] += points

    # -- months and ends

    def _close(self) -> None:
        now = self._now
        if not now.month:
            return
        last = day_before(month_end_after(f"{now.month}-01", 0))
        tiers: Counter[str] = Counter()
        for member in self._members.values():
            if member.lots:
                now.expired += member.expire(last)
                now.outstanding += sum(member.lots.values())
                now.pending += sum(points for lot, points in member.lots.items() if lot.usable_from > last)
            if self._program.tier:
                tiers[self._program.ladder.on(member.history, last).tier] += 1
        now.members = len(self._members)
        now.tiers = {name: tiers[name] for name in ("", *(tier.name for tier in self._program.tier)) if tiers[name]}
        self._months.append(now)

    def _near(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        if self._program.tier and self._months:
            last = day_before(month_end_after(f"{self._months[-1].month}-01", 0))
            for member in self._members.values():
                up = self._program.ladder.next_up(self._program.ladder.on(member.history, last))
                if up and 0 < up[1] * 100 <= up[0].threshold * NEAR_PERCENT:
                    found[up[0].name] += 1
        return dict(found)

    def _never(self) -> Iterator[tuple[str, str]]:
        program = self._program
        for rule in program.accrual:
            if rule.name not in self._used:
                yield "accrual", rule.name
        for reward in program.reward:
            if reward.name not in self._rewards:
                yield "reward", reward.name
        for price in program.price:
            if price.name not in self._used:
                yield "price", price.name

    def _point(self, whole: Month) -> tuple[int, str]:
        """What a point is worth, in thousandths of a minor unit, and where that is from."""
        rules = self._program.redeem
        if rules.points:
            return rules.worth_minor * 1000 // rules.points, "what the programme pays for points"
        if whole.redeemed and whole.redeemed_minor:
            return whole.redeemed_minor * 1000 // whole.redeemed, "what the points redeemed here bought on average"
        bought = [one for one in self._program.reward if one.kind in STATED and one.points]
        stated = [one.value_minor * 1000 // one.points for one in bought]
        return (
            (max(stated), "the best reward")
            if stated
            else (0, "nothing: the programme says of no reward what it is worth")
        )

    # -- chance

    def _draw(self, *what: str) -> int:
        text = "/".join((str(self._behaviour.seed), *what))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def _drawn(self, percent: int, *what: str) -> bool:
        return percent > 0 and (percent >= 100 or self._draw(*what) % 100 < percent)


STATED = ("money", "coupon", "gift card", "donation")
SUMMED = (
    "sales",
    "sales_minor",
    "member_sales",
    "member_sales_minor",
    "issued",
    "redeemed",
    "expired",
    "redeemed_minor",
    "prices_minor",
    "donated_minor",
    "fees_minor",
)


def _worth(reward: Reward, comes_off: Off) -> int:
    if reward.kind in ON_THE_SALE:
        return comes_off.minor
    return reward.value_minor


def _conditions(program: Program) -> Iterator[tuple[str, Condition]]:
    """Everything that has a condition, by what it is."""
    yield from (("accrual", one) for one in program.accrual)
    yield from (("reward", one) for one in program.reward)
    yield from (("price", one) for one in program.price)
    yield from (("benefit", one) for one in program.benefit)
    if program.surprise:
        yield "surprise", program.surprise


def _next(month: str) -> str:
    return month_end_after(f"{month}-01", 0)[:7]
