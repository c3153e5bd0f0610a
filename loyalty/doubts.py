"""What is legal in a programme but surely not meant. Each doubt is a sentence with its line; a file with doubts still works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from loyalty import experiment_doubts
from loyalty.accrual import Accrual, Limit
from loyalty.conditions import BASE, WEEKDAYS, Condition, Goods
from loyalty.days import days_after
from loyalty.expiry import Expire
from loyalty.program import Program
from loyalty.reward import Reward
from loyalty.toml_lines import Path
from loyalty.toml_sentences import near
from loyalty.toml_table import Problem as Doubt
from loyalty.toml_table import Sound, placed
from loyalty.words import in_language, priced

SAMPLE_YEAR = [(date(2027, 6, 1) + timedelta(days=day)).isoformat() for day in range(366)]
"""Days on which points are earned, a leap day among them."""
MOST_TIMES = 10
"""More than so many times the rate is no promotion any more."""
MOST_A_YEAR = 100_000
"""Nobody spends more than so many times the amount that earns, in a year."""
MOST_VISITS_A_DAY = 10
MOST_A_SALE = 10_000
"""And so many times that amount in a sale."""
OF_A_SALE = ("sale", "first purchase")
WITH_VALUE = ("money", "coupon", "gift card", "donation")
"""Kinds of reward whose worth is stated."""


def doubts(program: Program, today: str = "", sound: Sound | None = None) -> list[str]:
    """All of them, by line. Rules whose days are over are only found where `today` is given.

    Of a programme that could be read in part (`loyalty.program.readable_part`), those that would stay if the rest were right.
    """
    unsound = sound.unsound if sound else frozenset[str]()
    found = [one for check, needed in CHECKS if unsound.isdisjoint(needed) for one in check(program)]
    if today:
        found += _over(program, today)
    return placed(((_as_written(path, sound), what) for path, what in found), program.text)


def _as_written(path: Path, sound: Sound | None) -> Path:
    """Where the n-th table that could be read stands among all of them."""
    if sound is None or len(path) < 2 or path[0] not in sound.places:
        return path
    key, number, *rest = path
    return (key, sound.places[str(key)][int(number)], *rest)


def _conditions(program: Program) -> Iterator[tuple[Path, Condition, str]]:
    """Whatever has a condition: where it stands, and what it is called."""
    for key in ("accrual", "reward", "price"):
        for number, rule in enumerate(getattr(program, key)):
            yield (key, number), rule, f'{key} "{rule.name}"'
    for number, benefit in enumerate(program.benefit):
        yield ("benefit", number), benefit, f'benefit "{in_language(benefit.title)}"'
    if program.surprise:
        yield ("surprise",), program.surprise, "surprise"


def _names(program: Program) -> Iterator[Doubt]:
    charities = [one.name for one in program.giving.charities] if program.giving else []
    for number, name in enumerate(charities):
        if name in charities[:number]:
            yield ("giving", "charities", number), f'there are two charities named "{name}"'


def _unknown_tiers(program: Program) -> Iterator[Doubt]:
    """Of what has no name to refuse it by: rules, rewards and prices that name one are no programme."""
    tiers = [BASE, *(tier.name for tier in program.tier)]
    for path, rule, called in _conditions(program):
        for number, tier in enumerate(rule.tiers):
            if tier not in tiers:
                yield (*path, "tiers", number), f'{called}: there is no tier "{tier}"{near(tier, tiers)}'


def _segments(program: Program) -> Iterator[tuple[Path, str, str]]:
    """Each that is named: where, by what, and which."""
    for path, rule, called in _conditions(program):
        yield from (((*path, "segments", number), called, name) for number, name in enumerate(rule.segments))
    for place, plan in enumerate(program.membership):
        called = f'membership "{plan.name}"'
        for number, name in enumerate(plan.segments):
            yield ("membership", place, "segments", number), called, name


def _unknown_segments(program: Program) -> Iterator[Doubt]:
    for path, called, name in _segments(program):
        if name not in program.segments:
            yield path, f'{called}: [segments] has no "{name}"{near(name, program.segments)}'


def _unused_segments(program: Program) -> Iterator[Doubt]:
    used = {name for _, _, name in _segments(program)}
    for name in program.segments:
        if name not in used:
            yield ("segments", name), f'segment "{name}" is used by no rule'


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
        if why := _out_of_reach(program, rules.by, tier.threshold, _months_of_the_window(program)):
            yield ("tier", number, "from"), f'nobody can reach tier "{tier.name}": {why}'
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


def _months_of_the_window(program: Program) -> int:
    return program.tiers.window_months if program.tiers.window == "months" else 12


def _out_of_reach(program: Program, by: str, much: int, months: int) -> str:
    """Why nobody has so much within so many months, if so: of what was spent, of visits, or of points.

    What [earn] limits; and otherwise what nobody does: 100,000 times the amount that earns, each year, or ten visits a day.
    """
    if by == "visits":
        is_too_often = much > MOST_VISITS_A_DAY * 31 * months
        return f"it takes {much} visits, more than {MOST_VISITS_A_DAY} a day" if is_too_often else ""
    years = Fraction(max(months, 12), 12)
    most_minor = int(MOST_A_YEAR * _amount_that_earns(program) * years)
    if by == "spend":
        asked, most_spent = _sum(program, much), _sum(program, most_minor)
        told = f"it takes {asked}, and more than {most_spent} is more than anybody spends in the time"
        return told if much > most_minor else ""
    times = {"day": 31 * months, "week": 5 * months, "month": months + 1, "year": months // 12 + 1, "ever": 1}
    limits = [limit.points * times[limit.per] for limit in program.earn.limits if limit.points and limit.per in times]
    most = min(limits, default=much)
    if most < much:
        return f"the limits of [earn] let a member have {most} points in the time, and it takes {much}"
    rate = _rate(program) * max([Fraction(tier.times, 1000) for tier in program.tier], default=Fraction(1))
    if rate and much > rate * most_minor:
        spent = _sum(program, int(much / rate))
        return f"it takes {much} points, and {spent} to earn them, which is more than anybody spends in the time"
    return ""


def _sum(program: Program, minor: int) -> str:
    return priced(minor, program.currency)


def _amount_that_earns(program: Program) -> int:
    """The scale of amounts that a programme thinks in: what earns once, and at least 1.00."""
    return max(100, program.earn.per_minor)


def _minimums(program: Program) -> Iterator[Doubt]:
    most = MOST_A_SALE * _amount_that_earns(program)
    found: list[tuple[Path, int, str]] = [(("earn",), program.earn.minimum_minor, "earn")]
    found += [(path, rule.minimum_minor, called) for path, rule, called in _conditions(program)]
    if program.referral:
        found.append((("referral",), program.referral.minimum_minor, "referral"))
    for path, minor, called in found:
        if minor > most:
            yield (
                (*path, "minimum_minor"),
                f"{called} hardly ever applies: it asks for a sale of {_sum(program, minor)}",
            )


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


def _tried(program: Program) -> Iterator[Doubt]:
    return experiment_doubts.doubts(program, [*_conditions(program)])


def _over(program: Program, today: str) -> Iterator[Doubt]:
    yield from experiment_doubts.over(program, today)
    for path, rule, called in _conditions(program):
        if rule.ends and rule.ends < today:
            yield (*path, "ends"), f"{called} ended on {rule.ends} and does nothing any more"


def _giving_back(program: Program) -> Iterator[Doubt]:
    """Points that are worth more than what was spent for them."""
    redeem, rate = program.redeem, _rate(program)
    if redeem.points and rate and (back := rate * redeem.worth_minor / redeem.points) > 1:
        spent, worth = _sum(program, 10_000), _sum(program, int(10_000 * back))
        yield ("redeem",), f"this gives back {int(100 * back)} %: whoever spends {spent} has points worth {worth}"
    for number, reward in enumerate(program.reward):
        path, called = ("reward", number), f'reward "{reward.name}"'
        spent_minor = int(reward.points / rate) if rate else None
        gives_minor = _most_it_gives(reward)
        if reward.points and spent_minor is not None and gives_minor > spent_minor:
            goods = "" if reward.kind in WITH_VALUE else "goods of up to "
            yield (
                (*path, "points"),
                f"{called} gives {goods}{_sum(program, gives_minor)} for points that take {_sum(program, spent_minor)} to earn",
            )
        elif reward.kind in WITH_VALUE and redeem.points:
            as_money = reward.points * redeem.worth_minor // redeem.points
            if reward.value_minor < as_money:
                yield (
                    (*path, "points"),
                    f"{called} gives less than the same points as money, which are worth {_sum(program, as_money)}",
                )
        if not reward.points and not reward.birthday and all(limit.per == "sale" for limit in reward.limits):
            yield (*path, "points"), f"{called} costs nothing and can be had with every sale: name limits or a birthday"
        yield from _without_a_bound(program, reward, path, called)
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


def _most_it_gives(reward: Reward) -> int:
    """What it is worth at most, in minor units; 0 where the programme does not say."""
    if reward.kind in WITH_VALUE:
        return reward.value_minor
    return max(0, reward.most_minor - reward.value_minor) if reward.kind in ("product", "fixed price") else 0


def _without_a_bound(program: Program, reward: Reward, path: Path, called: str) -> Iterator[Doubt]:
    goods = reward.goods
    if reward.most_minor or goods.products or goods.categories or goods.tags:
        return
    if reward.kind in ("product", "fixed price"):
        price = "whatever it costs" if reward.kind == "product" else f"for {_sum(program, reward.value_minor)}"
        yield (*path, "most_minor"), f"{called} gives one piece of anything, {price}: name goods or most_minor"
    if reward.kind == "percent" and reward.percent == 100_000:
        yield (*path, "percent"), f"{called} gives the whole sale for nothing: name goods or most_minor"


def _too_dear(program: Program) -> Iterator[Doubt]:
    """What takes more points than anybody has before they end."""
    rules = [program.expire, *(tier.expire for tier in program.tier if tier.expire)]
    if any(one.rule in ("never", "inactivity") for one in rules):
        return
    longest = max(_life(one, day) for one in rules for day in SAMPLE_YEAR)
    months = max(1, -(-longest // 30))
    asked: list[tuple[Path, int, str]] = [
        (("reward", number, "points"), reward.points, f'reward "{reward.name}"')
        for number, reward in enumerate(program.reward)
    ]
    if program.redeem.points:
        asked.append((("redeem", "from_points"), program.redeem.from_points, "the least number of points"))
    for path, points, called in asked:
        if why := _out_of_reach(program, "points", points, months):
            yield path, f"nobody can have {called} before points end: {why}"


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
            what = f"of {_sum(program, least)}" if least else "of any amount"
            yield (
                path,
                f"{called} gives points worth {_sum(program, given_minor)} for a sale {what}, as often as one likes: give it a "
                "minimum_minor or limits",
            )
        if rule.on in (*OF_A_SALE, "reload") and rule.per == "amount" and given_minor > rule.per_minor:
            yield (
                path,
                f"{called} gives points worth {_sum(program, given_minor)} for each {_sum(program, rule.per_minor)}",
            )
        loaded = _sum(program, least) if least else "anything"
        if rule.on == "reload" and rule.per != "amount" and given_minor > least:
            yield (
                path,
                f"{called} gives points worth {_sum(program, given_minor)} for loading {loaded}",
            )
    referral = program.referral
    if referral and not (referral.friend_points or referral.referrer_points):
        yield ("referral",), "a referral gives nothing: name friend_points or referrer_points"
    if referral and referral.on == "every purchase" and worth:
        given_minor = (referral.friend_points + referral.referrer_points) * worth // 1000
        if given_minor > max(100, referral.minimum_minor):
            yield (
                ("referral", "on"),
                f"every purchase of a friend gives points worth {_sum(program, given_minor)}, without end",
            )


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


def _rate(program: Program) -> Fraction:
    """Points for one minor unit: by the rate, else by the best rule that gives some for what was paid; 0 where none does."""
    earn = program.earn
    if earn.points:
        return Fraction(earn.points, earn.per_minor) if earn.per == "amount" else Fraction(0)
    rules = [rule for rule in program.accrual if rule.on == "sale" and rule.points]
    if any(rule.per != "amount" for rule in rules):
        return Fraction(0)
    return max([Fraction(rule.points, rule.per_minor) for rule in rules], default=Fraction(0))


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


CHECKS: tuple[tuple[Callable[[Program], Iterator[Doubt]], frozenset[str]], ...] = (
    (_names, frozenset()),
    (_unknown_tiers, frozenset({"tier"})),
    (_unknown_segments, frozenset({"segments"})),
    (_unused_segments, frozenset({"accrual", "reward", "price", "benefit", "surprise", "membership"})),
    (_tiers, frozenset({"earn", "tiers", "tier", "membership", "accrual"})),
    (_minimums, frozenset({"earn"})),
    (_rules, frozenset({"earn", "tier"})),
    (_giving_back, frozenset({"earn", "redeem", "accrual"})),
    (_too_dear, frozenset({"earn", "expire", "tier", "accrual"})),
    (_multiplying, frozenset({"earn", "redeem", "tier"})),
    (_spending, frozenset({"redeem", "offline"})),
    (_ending, frozenset()),
    (_surprises, frozenset()),
    (_tried, frozenset({"accrual", "reward", "price", "benefit", "surprise"})),
)
"""Each with the keys without which it would doubt what may be right."""
