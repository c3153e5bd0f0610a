"""What a sale comes to for a member: members' prices first, then what points pay, then the award. Pure but for what is read.

The same computation makes a quote and, from what is known by then, the commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from loyalty.award import Award, award, standing_of
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.returns import Sold
from loyalty.reward import NOTHING_OFF, ON_THE_SALE, Off, Reward, after, effects_of, member_prices, off, shared, why_not
from loyalty.sale import Sale
from loyalty.standing import NO_EFFECTS, Effects, Standing, total
from loyalty.surprise import Luck
from loyalty.tiers import TierStanding
from loyalty.words import Words, counted, in_language, money
from offline_store import histories
from offline_store.histories import Known
from offline_store.moment import Moment
from pos_plugin.quotes import Offer, TierShown

MOST_IN_REACH = 3
_NO_LINES: dict[str, int] = {}


_looking_back: dict[str, bool] = {}
"""By a programme's id, which names exactly one text."""


def looks_back(program: Program) -> bool:
    """Whether any rule asks who the member is or what they did before. Plain points do not, and nothing is read for them."""
    known = _looking_back.get(program.id)
    if known is None:
        known = _looking_back[program.id] = bool(
            program.tier
            or program.membership
            or program.accrual
            or program.reward
            or program.price
            or program.benefit
            or program.referral
            or program.giving
            or program.surprise
            or program.earn.limits
        )
    return known


@dataclass(frozen=True)
class Priced:
    """`paid` is the sale after what members' prices take off, which is `off`; `taken` is what the redemption takes off each line
    of it. `redeem` points pay `redeemed_minor`, for the `reward` of that name where it is one."""

    standing: Standing
    paid: Sale
    off: Off
    redeem: int
    redeemed_minor: int
    reward: str
    taken: dict[str, int]
    award: Award
    effects: Effects

    @property
    def due_minor(self) -> int:
        return self.paid.total_minor - self.redeemed_minor

    @property
    def terms(self) -> tuple[dict[str, int], int]:
        """What decides how much is to pay."""
        return self.off.lines, self.redeemed_minor


def known_of(db: sqlite3.Connection, program: Program, member: str) -> Known:
    return histories.of(db, member) if member and looks_back(program) else Known()


def standing_at(db: sqlite3.Connection, at: Moment, program: Program, member: str, day: str, known: Known) -> Standing:
    """What this till knows of the member, as of trading day `day`; of nobody, only where the sale is."""
    gone = at.gone.get(program.id, ())
    if not member:
        return Standing(shop=at.shop, terminal=at.who.terminal, gone=gone)
    row = db.execute("SELECT position FROM feed_position WHERE channel BETWEEN 'members/' AND 'members0'").fetchone()
    position = int(row[0]) if row else 0
    if not looks_back(program):
        return Standing(position, at.shop, at.who.terminal)
    return standing_of(
        program,
        known.history,
        known.profile,
        day,
        shop=at.shop,
        terminal=at.who.terminal,
        feed_position=position,
        gone=gone,
    )


def luck_of(at: Moment, program: Program, member: str) -> Luck | None:
    """What this till draws with for the member. Only a commit draws: a cashier who saw it in a quote could choose whose it is."""
    return Luck(bytes.fromhex(at.surprise_key), member) if member and program.surprise and at.surprise_key else None


def with_member_prices(program: Program, sale: Sale, member: str, standing: Standing) -> tuple[Sale, Off]:
    taken = member_prices(program.price, sale, standing) if member and program.price else NOTHING_OFF
    return after(sale, taken), taken


def priced(
    program: Program,
    sale: Sale,
    member: str,
    standing: Standing,
    *,
    redeem: int = 0,
    reward: str = "",
    luck: Luck | None = None,
) -> Priced:
    """The sale under this standing. What is redeemed has been found possible before."""
    paid, off_prices = with_member_prices(program, sale, member, standing)
    wanted = reward_named(program, reward)
    beside = Effects(counts=off_prices.counts) if off_prices.counts else NO_EFFECTS
    redeemed_minor, taken = 0, _NO_LINES
    if wanted is not None:
        by_reward = off(wanted, paid, standing)
        redeemed_minor, taken = by_reward.minor, by_reward.lines
        beside = total([beside, effects_of(wanted, standing, by_reward, program.giving)])
    elif redeem:
        redeemed_minor = worth_minor(program, redeem)
        taken = line_shares(program, Sold(paid, 0, redeem, redeemed_minor), "")
    earned = award(program, paid, redeemed_minor, standing, luck)
    effects = (earned.effects if beside is NO_EFFECTS else total([earned.effects, beside])) or NO_EFFECTS
    name = wanted.name if wanted else ""
    return Priced(standing, paid, off_prices, redeem, redeemed_minor, name, taken, earned, effects)


def line_shares(program: Program, sold: Sold, reward: str) -> dict[str, int]:
    """What the redemption of a sale takes off each of its lines; nothing where points are a tender, which lowers no tax."""
    wanted = reward_named(program, reward)
    if wanted is not None:
        return off(wanted, sold.sale, sold.standing).lines
    if not sold.redeemed_minor or program.redeem.as_ == "tender":
        return {}
    shares = shared(sold.redeemed_minor, {line.line_id: line.amount_minor for line in sold.sale.lines})
    return {name: minor for name, minor in shares.items() if minor}


def reward_named(program: Program, name: str) -> Reward | None:
    return next((one for one in program.reward if one.name == name), None) if name else None


_WHY_NOT = {
    "points": "{title} takes {points}.",
    "minimum_minor": "{title} is for sales of {minimum} or more.",
    "starts": "{title} can be had from {starts} on.",
    "ends": "{title} could be had until {ends}.",
    "tiers": "{title} is for {tiers} only.",
    "segments": "{title} is for {segments} only.",
    "stores": "{title} cannot be had in this shop.",
    "weekdays": "{title} can be had on {weekdays} only.",
    "hours": "{title} can be had at {hours} only.",
    "birthday": "{title} is for the days around a birthday.",
    "limits": "{title} has been taken as often as it can be for now.",
    "stock": "{title} is used up.",
    "goods": "{title} is for other goods than those of this sale.",
}


def refusal(program: Program, reward: Reward, word: str) -> str:
    """Why a reward cannot be had, in a sentence for the cashier to read out. `word` is the engine's."""
    tiers = [in_language(tier.title) for tier in program.tier if tier.name in reward.tiers]
    segments = [in_language(program.segments.get(name, name)) for name in reward.segments]
    return _WHY_NOT.get(word, "{title} cannot be had now.").format(
        title=in_language(reward.title),
        points=counted(reward.points),
        minimum=money(reward.minimum_minor),
        starts=reward.starts,
        ends=reward.ends,
        tiers=" and ".join(tiers),
        segments=" and ".join(segments),
        weekdays=", ".join(reward.weekdays),
        hours=", ".join(reward.hours),
    )


def reward_offers(program: Program, paid: Sale, standing: Standing, usable: int) -> list[Offer]:
    """The rewards that can be had with this sale; then those for which only points are missing, and no more than are there."""
    can: list[Offer] = []
    near: list[Offer] = []
    for reward in program.reward:
        if why_not(reward, paid, standing, reward.points):
            continue
        missing = max(0, reward.points - usable)
        worth = off(reward, paid, standing).minor if reward.kind in ON_THE_SALE else reward.value_minor
        title = in_language(reward.title)
        text = f"{title} for {counted(reward.points)}" if reward.points else title
        if not missing:
            can.append(Offer(reward.points, worth, text, reward.name, title))
        elif missing <= usable:
            text = f"{text}: {missing} more"
            near.append(Offer(reward.points, worth, text, reward.name, title, missing))
    return can + sorted(near, key=lambda one: one.missing_points)[:MOST_IN_REACH]


def tier_shown(program: Program, standing: Standing) -> TierShown | None:
    """Where the member stands, and what is missing to the next tier; None in a programme without tiers."""
    if not program.tier:
        return None
    tier = program.tier_named(standing.tier)
    above = program.ladder.next_up(TierStanding(standing.tier, standing.tier_ends, standing.qualified))
    title = in_language(tier.title if tier else program.tiers.base)
    ends = standing.tier_ends if standing.tier and standing.tier_ends < "9999" else ""
    if above is None:
        return TierShown(standing.tier, title, ends)
    up, missing = above
    next_title = in_language(up.title)
    return TierShown(
        standing.tier, title, ends, up.name, next_title, missing, f"{_much(program, missing)} to {next_title}"
    )


def _much(program: Program, amount: int) -> str:
    match program.tiers.by:
        case "spend":
            return money(amount)
        case "points":
            return counted(amount)
        case _:
            return f"{amount} visit{'' if amount == 1 else 's'}"


def benefits(program: Program, sale: Sale, standing: Standing) -> list[str]:
    """What the member has without points: by tier, and by whatever else holds for this sale."""
    return _benefits(program, standing, [one.title for one in program.benefit if not one.fails(sale, standing)])


def benefits_of(program: Program, standing: Standing, day: str, at: str) -> list[str]:
    """As `benefits`, without a sale."""
    holds = [one.title for one in program.benefit if not one.fails_on(day, at, standing)]
    return _benefits(program, standing, holds)


def _benefits(program: Program, standing: Standing, titles: Sequence[Words]) -> list[str]:
    tier = program.tier_named(standing.tier)
    return [in_language(title) for title in ((*tier.benefits, *titles) if tier else titles)]
