"""What the cashier reads out: what can be had and why not, the tier, how many points can be used here. In the shop's language."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.program import Program
from loyalty.reward import ON_THE_SALE, Reward, off, why_not
from loyalty.sale import Sale
from loyalty.standing import Standing
from loyalty.tiers import TierStanding
from loyalty.words import Amount, Counted, Said, Words, in_language, said, say, text
from offline_store.members import Balance
from pos_plugin.papers.receipts import TierShown
from pos_plugin.sales.quotes import Offer

MOST_IN_REACH = 3
NOT_FOR_THEM = frozenset({"tiers", "segments", "stores", "starts", "ends", "limits", "stock", "birthday", "variant"})
"""Why a reward is out of reach whatever is bought next time; for what else it is refused, another sale may do."""

_WHY_NOT = {
    "points": text("{title} takes {points}."),
    "minimum_minor": text("{title} is for sales of {minimum} or more."),
    "starts": text("{title} can be had from {starts} on."),
    "ends": text("{title} could be had until {ends}."),
    "tiers": text("{title} is for {tiers} only."),
    "segments": text("{title} is for {segments} only."),
    "stores": text("{title} cannot be had in this shop."),
    "weekdays": text("{title} can be had on {weekdays} only."),
    "hours": text("{title} can be had at {hours} only."),
    "birthday": text("{title} is for the days around a birthday."),
    "variant": text("{title} is tried with some members only."),
    "limits": text("{title} has been taken as often as it can be for now."),
    "stock": text("{title} is used up."),
    "goods": text("{title} is for other goods than those of this sale."),
}
_NOT_NOW = text("{title} cannot be had now.")
_WEEKDAYS = {
    "mon": text("Monday"),
    "tue": text("Tuesday"),
    "wed": text("Wednesday"),
    "thu": text("Thursday"),
    "fri": text("Friday"),
    "sat": text("Saturday"),
    "sun": text("Sunday"),
}


def refusal(program: Program, reward: Reward, word: str, language: str = "en") -> str:
    """Why a reward cannot be had, in a sentence. `word` is the engine's."""
    tiers = [in_language(tier.title, language) for tier in program.tier if tier.name in reward.tiers]
    segments = [in_language(program.segments.get(name, name), language) for name in reward.segments]
    return say(
        _WHY_NOT.get(word, _NOT_NOW),
        language,
        title=said(reward.title),
        points=program.unit.counted(reward.points),
        minimum=Amount(reward.minimum_minor, program.currency),
        starts=reward.starts,
        ends=reward.ends,
        tiers=", ".join(tiers),
        segments=", ".join(segments),
        weekdays=", ".join(say(_WEEKDAYS[day], language) for day in reward.weekdays),
        hours=", ".join(reward.hours),
    )


def money_offer(program: Program, points: int, worth_minor: int, language: str = "en") -> Offer:
    """Points as money off this sale."""
    amount = Amount(worth_minor, program.currency)
    words = say("{amount} off for {points}", language, amount=amount, points=program.unit.counted(points))
    return Offer(points, worth_minor, words)


def reward_offers(program: Program, paid: Sale, standing: Standing, usable: int, language: str = "en") -> list[Offer]:
    """The rewards that can be had with this sale; then those for which only points are missing, and no more than are there."""
    can: list[Offer] = []
    near: list[Offer] = []
    for reward in program.reward:
        if why_not(reward, paid, standing, reward.points):
            continue
        missing = max(0, reward.points - usable)
        worth = off(reward, paid, standing).minor if reward.kind in ON_THE_SALE else reward.value_minor
        title, price = in_language(reward.title, language), program.unit.counted(reward.points)
        if not missing:
            words = say("{reward} for {points}", language, reward=title, points=price) if reward.points else title
            can.append(Offer(reward.points, worth, words, reward.name, title))
        elif missing <= usable:
            words = say("{reward} for {points}: {missing} more", language, reward=title, points=price, missing=missing)
            near.append(Offer(reward.points, worth, words, reward.name, title, missing))
    return can + sorted(near, key=lambda one: one.missing_points)[:MOST_IN_REACH]


def next_reward(
    program: Program, paid: Sale, standing: Standing, points: int, language: str = "en"
) -> tuple[int, str] | None:
    """How many points are missing to the next thing that points buy, and what it is, for paper; None where nothing is beyond
    them."""
    found = [
        (reward.points - points, in_language(reward.title, language))
        for reward in program.reward
        if reward.points > points and why_not(reward, paid, standing, reward.points) not in NOT_FOR_THEM
    ]
    least = program.redeem.points
    if least > points:
        amount = Amount(program.redeem.worth_minor, program.currency, on_paper=True)
        found.append((least - points, say("{amount} off", language, amount=amount)))
    return min(found, default=None)


def tier_shown(
    program: Program, standing: Standing, language: str = "en", *, on_paper: bool = False
) -> TierShown | None:
    """Where the member stands, and what is missing to the next tier; None in a programme without tiers."""
    if not program.tier:
        return None
    tier = program.tier_named(standing.tier)
    above = program.ladder.next_up(TierStanding(standing.tier, standing.tier_ends, standing.qualified))
    title = in_language(tier.title if tier else program.tiers.base, language)
    ends = standing.tier_ends if standing.tier and standing.tier_ends < "9999" else ""
    if above is None:
        return TierShown(standing.tier, title, ends)
    up, missing = above
    following = in_language(up.title, language)
    words = say("{much} to {tier}", language, much=_much(program, missing, on_paper), tier=following)
    return TierShown(standing.tier, title, ends, up.name, following, missing, words)


def _much(program: Program, amount: int, on_paper: bool) -> Said:
    match program.tiers.by:
        case "spend":
            return Amount(amount, program.currency, on_paper)
        case "points":
            return program.unit.counted(amount)
        case _:
            return Counted(amount, text("visit"), text("visits"))


def benefits(program: Program, sale: Sale, standing: Standing, language: str = "en") -> list[str]:
    """What the member has without points: by tier, and by whatever else holds for this sale."""
    holds = [one.title for one in program.benefit if not one.fails(sale, standing)]
    return _benefits(program, standing, holds, language)


def benefits_of(program: Program, standing: Standing, day: str, at: str, language: str = "en") -> list[str]:
    """As `benefits`, without a sale."""
    holds = [one.title for one in program.benefit if not one.fails_on(day, at, standing)]
    return _benefits(program, standing, holds, language)


def _benefits(program: Program, standing: Standing, titles: Sequence[Words], language: str) -> list[str]:
    tier = program.tier_named(standing.tier)
    return [in_language(title, language) for title in ((*tier.benefits, *titles) if tier else titles)]


def spendable_text(
    program: Program, spendable: int, balance: Balance, why: str, *, is_online: bool, language: str = "en"
) -> str:
    """How much of a member's points can be used at this till today, and why no more. `why` is in this language already."""
    if program.offline.policy == "online_only" and not is_online:
        return say("Points can be used only while head office can be reached. They are safe there.", language)
    if balance.points < 0:
        next_ones = program.unit.counted(-balance.points)
        if balance.points == -1:
            return say("The next {points} covers a return.", language, points=next_ones)
        return say("The next {points} cover a return.", language, points=next_ones)
    if not spendable and not balance.points:
        return say("There are no points to use yet.", language)
    everything = program.unit.counted(balance.points)
    told = say("{here} of your {points} can be used here today.", language, here=spendable, points=everything)
    if spendable >= balance.points or (is_online and not why):
        return told
    if balance.vesting and spendable >= balance.points - balance.vesting:
        return f"{told} {say('The others can be used later; they are too new.', language)}"
    why = why or say("The others are with head office, which cannot be reached just now.", language)
    return f"{told} {why}"
