"""What is legal in a programme but surely not meant. Each doubt is a sentence with its line; a file with doubts still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from loyalty.accrual import Accrual, Limit
from loyalty.conditions import BASE, WEEKDAYS, Condition, Goods
from loyalty.days import days_after
from loyalty.expiry import Expire
from loyalty.program import Program
from loyalty.reward import Reward
from loyalty.toml_lines import Path, lines_of
from loyalty.toml_table import line_of, near
from loyalty.words import money

Doubt = tuple[Path, str]
"""Where it is, and what."""

SAMPLE_YEAR = [(date(2027, 6, 1) + timedelta(days=day)).isoformat() for day in range(366)]
"""Days on which points are earned, a leap day among them."""
MOST_TIMES = 10
"""More than so many times the rate is no promotion any more."""
OF_A_SALE = ("sale", "first purchase")
WITH_VALUE = ("money", "coupon", "gift card", "donation")
"""Kinds of reward whose worth is stated."""


def doubts(program: Program, today: str = "") -> list[str]:
    """All of them, by line. Rules whose days are over are only found where `today` is given."""
    lines = lines_of(program.text)
    found = [(line_of(lines, path) or 0, what) for check in CHECKS for path, what in check(program)]
    if today:
        found += [(line_of(lines, path) or 0, what) for path, what in _over(program, today)]
    return [f"line {line}: {what}" if line else what for line, what in sorted(dict.fromkeys(found))]


def _conditions(program: Program) -> Iterator[tuple[Path, Condition, str]]:
    """Whatever has a condition: where it stands, and what it is called."""
    for key in ("accrual", "reward", "price"):
        for number, rule in enumerate(getattr(program, key)):
            yield (key, number), rule, f'{key} "{rule.name}"'
    for number, benefit in enumerate(program.benefit):
        yield ("benefit", number), benefit, f"benefit {number + 1}"
    if program.surprise:
        yield ("surprise",), program.surprise, "surprise"


def _names(program: Program) -> Iterator[Doubt]:
    charities = [one.name for one in program.giving.charities] if program.giving else []
    for number, name in enumerate(charities):
        if name in charities[:number]:
            yield ("giving", "charities", number), f'there are two charities named "{name}"'


def _unknown_words(program: Program) -> Iterator[Doubt]:
    tiers = [BASE, *(tier.name for tier in program.tier)]
    used: set[str] = set()
    for path, rule, called in _conditions(program):
        used |= {*rule.segments}
        for number, tier in enumerate(rule.tiers):
            if tier not in tiers:
                yield (*path, "tiers", number), f'{called}: there is no tier "{tier}"{near(tier, tiers)}'
        for number, segment in enumerate(rule.segments):
            if segment not in program.segments:
                told = near(segment, program.segments)
                yield (*path, "segments", number), f'{called}: [segments] has no "{segment}"{told}'
    for place, plan in enumerate(program.membership):
        used |= {*plan.segments}
        for number, segment in enumerate(plan.segments):
            if segment not in program.segments:
                told = near(segment, program.segments)
                yield (
                    ("membership", place, "segments", number),
                    f'membership "{plan.name}": [segments] has no "{segment}"{told}',
                )
    for segment in program.segments:
        if segment not in used:
            yield ("segments", segment), f'segment "{segment}" is used by no rule'


def _tiers(program: Program) -> Iterator[Doubt]:
    rules, places = program.tiers, [*enumerate(program.tier)]
    earned = [(number, tier) for number, tier in places if not tier.is_paid]
    for (_, lower), (number, tier) in pairwise(places):
        if tier.times < lower.times:
            yield ("tier", number, "times"), f'tier "{tier.name}" earns less than "{lower.name}" below it'
    for number, tier in earned:
        if tier.to_keep > tier.threshold:
            yield (
                ("tier", number, "keep"),
                f'tier "{tier.name}": keeping it takes {tier.to_keep}, reaching it only {tier.threshold}',
            )
        if tier.keep is not None and rules.lasts == "for ever":
            yield ("tier", number, "keep"), f'tier "{tier.name}" lasts for ever: keep is never asked for'
        most = _most_in_a_window(program)
        if most is not None and tier.threshold > most:
            yield (
                ("tier", number, "from"),
                f'nobody can reach tier "{tier.name}": the limits of [earn] let a member have {most} points in the window, '
                f"and it takes {tier.threshold}",
            )
    sold = {plan.tier for plan in program.membership}
    for number, tier in places:
        if tier.is_paid and tier.name not in sold:
            yield (
                ("tier", number, "paid"),
                f'nobody can reach tier "{tier.name}": it is paid, and no membership sells it',
            )
        if tier.is_paid and (tier.threshold or tier.keep is not None):
            yield ("tier", number), f'tier "{tier.name}" is paid: from and keep are never asked for'
    places_of_skus = {plan.sku: number for number, plan in reversed([*enumerate(program.membership)])}
    for number, plan in enumerate(program.membership):
        if places_of_skus[plan.sku] != number:
            yield (
                ("membership", number, "sku"),
                f'membership "{plan.name}": the article {plan.sku} sells another one, too',
            )


def _most_in_a_window(program: Program) -> int | None:
    """How many points the limits of [earn] allow in the window of the tiers; None for no end."""
    if program.tiers.by != "points":
        return None
    months = program.tiers.window_months if program.tiers.window == "months" else 12
    times = {"day": 31 * months, "week": 5 * months, "month": months + 1, "year": months // 12 + 1, "ever": 1}
    found = [limit.points * times[limit.per] for limit in program.earn.limits if limit.points and limit.per in times]
    return min(found, default=None)


def _rules(program: Program) -> Iterator[Doubt]:
    for number, rule in enumerate(program.accrual):
        path, called = ("accrual", number), f'accrual "{rule.name}"'
        if rule.on == "join" and rule.minimum_minor:
            yield (*path, "minimum_minor"), f"{called} can never apply: its occasion ({rule.on}) has no amount"
        if rule.on == "join" and rule.per == "amount":
            yield (*path, "per"), f"{called} can never give anything: its occasion ({rule.on}) has no amount"
        if rule.on not in OF_A_SALE and (not rule.goods.is_everything or rule.per == "unit"):
            yield path, f'{called}: its occasion ({rule.on}) has no goods; goods and per = "unit" do nothing'
        first = [tier.name for tier in program.tier if not tier.threshold or tier.is_paid]
        if rule.on in ("join", "first purchase") and rule.tiers and not {*rule.tiers} & {*first, BASE}:
            yield (*path, "tiers"), f"{called} can never apply: at a {rule.on} nobody has such a tier yet"
        if rule.on in OF_A_SALE and (word := _never_counts(program, rule.goods)):
            yield (*path, "goods"), f'{called} can never apply to "{word}": except under [earn] takes it out'
    yield from _when(program)
    everything: list[tuple[Path, list[Limit], str]] = [(("earn",), program.earn.limits, "earn")]
    everything += [
        (path, rule.limits, called) for path, rule, called in _conditions(program) if isinstance(rule, Accrual | Reward)
    ]
    for place, limits, called in everything:
        for number, limit in enumerate(limits):
            if limit.uses and limit.per == "sale":
                yield (
                    (*place, "limits", number),
                    f"{called}: uses for each sale limit nothing; a rule is used once a sale",
                )


def _when(program: Program) -> Iterator[Doubt]:
    for path, rule, called in _conditions(program):
        if rule.starts and rule.ends and rule.weekdays and not _has_a_day(rule):
            yield (*path, "weekdays"), f"{called} can never apply: none of these weekdays lies between its days"
        for number, span in enumerate(rule.hours):
            start, end = span.split("-")
            if start == end:
                yield (*path, "hours", number), f"{called}: {span} is the whole day"
        goods: Goods | None = getattr(rule, "goods", None)
        if goods and goods.excluded:
            for key in ("products", "categories", "tags"):
                for word in {*getattr(goods, key)} & {*getattr(goods.excluded, key)}:
                    yield (*path, "goods"), f'{called} names "{word}" and takes it out again under except'


def _never_counts(program: Program, goods: Goods) -> str:
    """A product, category or tag of these goods of which nothing earns anything, if there is one."""
    out = program.earn.excluded
    if out is None:
        return ""
    named = ((goods.products, out.products), (goods.categories, out.categories), (goods.tags, out.tags))
    return next((word for words, excluded in named for word in words if word in excluded), "")


def _has_a_day(rule: Condition) -> bool:
    day, last = date.fromisoformat(rule.starts), date.fromisoformat(rule.ends)
    days = ((day + timedelta(days=more)).weekday() for more in range(min(7, (last - day).days + 1)))
    return any(WEEKDAYS[weekday] in rule.weekdays for weekday in days)


def _over(program: Program, today: str) -> Iterator[Doubt]:
    for path, rule, called in _conditions(program):
        if rule.ends and rule.ends < today:
            yield (*path, "ends"), f"{called} ended on {rule.ends} and does nothing any more"


def _giving_back(program: Program) -> Iterator[Doubt]:
    """Points that are worth more than what was spent for them."""
    earn, redeem = program.earn, program.redeem
    base = _milli_points(program)
    if redeem.points and base and (percent := base * redeem.worth_minor // (redeem.points * 10)) > 100:
        spent = money(100 * earn.per_minor)
        worth = money(100 * earn.points * redeem.worth_minor // redeem.points)
        yield ("redeem",), f"this gives back {percent} %: whoever spends {spent} has points worth {worth}"
    for number, reward in enumerate(program.reward):
        path, called = ("reward", number), f'reward "{reward.name}"'
        if reward.kind in WITH_VALUE and base and reward.points:
            spent_minor = reward.points * 1000 // base
            if reward.value_minor > spent_minor:
                yield (
                    (*path, "points"),
                    f"{called} gives {money(reward.value_minor)} for points that take {money(spent_minor)} to earn",
                )
            elif redeem.points and reward.value_minor < reward.points * redeem.worth_minor // redeem.points:
                worth = money(reward.points * redeem.worth_minor // redeem.points)
                yield (*path, "points"), f"{called} gives less than the same points as money, which are worth {worth}"
        if not reward.points and not reward.birthday and all(limit.per == "sale" for limit in reward.limits):
            yield (*path, "points"), f"{called} costs nothing and can be had with every sale: name limits or a birthday"
        if reward.kind == "product" and reward.goods.is_everything and not reward.most_minor:
            yield (
                (*path, "most_minor"),
                f"{called} gives one piece of anything, whatever it costs: name goods or most_minor",
            )
        if (
            reward.kind == "percent"
            and reward.percent == 100_000
            and not reward.most_minor
            and reward.goods.is_everything
        ):
            yield (*path, "percent"), f"{called} gives the whole sale for nothing: name goods or most_minor"
        for place, limit in enumerate(reward.limits):
            if limit.points and limit.points < reward.points:
                yield (
                    (*path, "limits", place),
                    f"nobody can have {called}: it takes {reward.points} points, and its limit allows {limit.points}",
                )
    for number, price in enumerate(program.price):
        if price.percent >= 100_000:
            yield ("price", number, "percent"), f'price "{price.name}" gives the goods for nothing'
    if program.giving and program.giving.percent == 100_000:
        yield ("giving", "percent"), "all that members pay is given away"


def _multiplying(program: Program) -> Iterator[Doubt]:
    """What adds up when everything that can apply to one sale does."""
    free = [rule for rule in program.accrual if rule.on == "sale" and not rule.limits and not rule.exclusive]
    multipliers = [rule for rule in free if rule.times]
    if program.combine == "add" and len(multipliers) > 1:
        together = max((_together(one, multipliers) for one in multipliers), key=_added, default=[])
        highest = max((tier.times for tier in program.tier), default=1000)
        if len(together) > 1 and (times := (highest + _added(together)) / 1000) > MOST_TIMES:
            names = ", ".join(f'"{rule.name}"' for rule in together)
            yield (
                ("accrual", program.accrual.index(together[0])),
                f'on one sale {names} together can give {times:g} times the rate, without a limit; combine = "best" or '
                "limits put an end to it",
            )
    worth = _worth_milli(program)
    for number, rule in enumerate(program.accrual):
        called, path = f'accrual "{rule.name}"', ("accrual", number)
        if rule.limits or not worth:
            continue
        least = max(rule.minimum_minor, program.earn.minimum_minor if rule.on in OF_A_SALE else 0)
        given_minor = rule.points * worth // 1000
        if rule.on == "sale" and rule.points and rule.per == "sale" and given_minor > max(least, 100):
            what = f"of {money(least)}" if least else "of any amount"
            yield (
                path,
                f"{called} gives points worth {money(given_minor)} for a sale {what}, as often as one likes: give it a "
                "minimum_minor or limits",
            )
        if rule.on in (*OF_A_SALE, "reload") and rule.per == "amount" and given_minor > rule.per_minor:
            yield path, f"{called} gives points worth {money(given_minor)} for each {money(rule.per_minor)}"
        if rule.on == "reload" and rule.per != "amount" and given_minor > least:
            yield (
                path,
                f"{called} gives points worth {money(given_minor)} for loading {money(least) if least else 'anything'}",
            )
    referral = program.referral
    if referral and not (referral.friend_points or referral.referrer_points):
        yield ("referral",), "a referral gives nothing: name friend_points or referrer_points"
    if referral and referral.on == "every purchase" and worth:
        given_minor = (referral.friend_points + referral.referrer_points) * worth // 1000
        if given_minor > max(100, referral.minimum_minor):
            yield ("referral", "on"), f"every purchase of a friend gives points worth {money(given_minor)}, without end"


def _together(rule: Accrual, rules: Sequence[Accrual]) -> list[Accrual]:
    """Of these the ones that can apply to the same line as this one."""
    return [one for one in rules if one is rule or _can_meet(one, rule)]


def _can_meet(one: Accrual, other: Accrual) -> bool:
    for key in ("tiers", "stores", "weekdays"):
        ours, theirs = {*getattr(one, key)}, {*getattr(other, key)}
        if ours and theirs and not ours & theirs:
            return False
    if one.starts and other.ends and other.ends < one.starts:
        return False
    return not (other.starts and one.ends and one.ends < other.starts)


def _added(rules: Sequence[Accrual]) -> int:
    return sum(rule.times - 1000 for rule in rules)


def _milli_points(program: Program) -> int:
    """Points that the rate gives for one minor unit, in thousandths; 0 where it does not go by what was paid."""
    if program.earn.per != "amount":
        return 0
    return program.earn.points * 1000 // program.earn.per_minor


def _worth_milli(program: Program) -> int:
    """What a point is worth, in thousandths of a minor unit: as money, or in the best reward with a stated value."""
    redeem = program.redeem
    stated = [one.value_minor * 1000 // one.points for one in program.reward if one.kind in WITH_VALUE and one.points]
    return max([redeem.worth_minor * 1000 // redeem.points if redeem.points else 0, *stated])


def _spending(program: Program) -> Iterator[Doubt]:
    redeem, offline = program.redeem, program.offline
    if not redeem.points:
        return
    if redeem.from_points % redeem.step:
        first = redeem.from_points + redeem.step - redeem.from_points % redeem.step
        yield (
            ("redeem", "from_points"),
            f"from {redeem.from_points} points in steps of {redeem.step}: the first that can be spent are {first}",
        )
    least = max(redeem.from_points, redeem.step)
    if offline.share_percent and offline.share_points < least:
        yield (
            ("offline", "share_points"),
            f"{offline.share_points} points stand at a till, but at least {least} are spent at a time: without a network nobody "
            "can spend any",
        )
    if redeem.step > 1 and not redeem.step * redeem.worth_minor // redeem.points:
        yield ("redeem", "step"), f"a step of {redeem.step} points is worth nothing"


def _ending(program: Program) -> Iterator[Doubt]:
    rules: list[tuple[Path, Expire, str]] = [(("expire",), program.expire, "points")]
    rules += [
        (("tier", number, "expire"), tier.expire, f'points earned in tier "{tier.name}"')
        for number, tier in enumerate(program.tier)
        if tier.expire
    ]
    vest = program.earn.vest_days
    for path, expire, called in rules:
        dead = [day for day in SAMPLE_YEAR if expire.expires_on(day) <= days_after(day, vest)] if vest else []
        if dead:
            yield (
                path,
                f"{called} end before they can be spent: those of {dead[0][5:]} could be used from "
                f"{days_after(dead[0], vest)[5:]}, and are gone by {expire.expires_on(dead[0])[5:]}",
            )
        elif expire.rule != "never" and expire.warn_days:
            longest = max(SAMPLE_YEAR, key=lambda day: _life(expire, day))
            if _life(expire, longest) <= expire.warn_days:
                yield (
                    (*path, "warn_days"),
                    f"{called} live for {_life(expire, longest)} days at most: every receipt warns of them",
                )


def _life(expire: Expire, day: str) -> int:
    return (date.fromisoformat(expire.expires_on(day)) - date.fromisoformat(day)).days


def _surprises(program: Program) -> Iterator[Doubt]:
    surprise = program.surprise
    if surprise is None:
        return
    forced = (1 - surprise.chance / 2**32) ** (surprise.at_least_every - 1)
    if forced > 0.5:
        yield (
            ("surprise", "at_least_every"),
            f"{forced:.0%} of the wins come after exactly {surprise.at_least_every} sales, which is no surprise: make "
            f"at_least_every at least {3 * surprise.mean}",
        )


CHECKS: tuple[Callable[[Program], Iterator[Doubt]], ...] = (
    _names,
    _unknown_words,
    _tiers,
    _rules,
    _giving_back,
    _multiplying,
    _spending,
    _ending,
    _surprises,
)
