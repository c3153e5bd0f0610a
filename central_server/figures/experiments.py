"""Experiments: what members in variant A and in variant B did, and whether the difference may be chance.

In which variant a member is follows from who they are (`loyalty.experiment`), so that nothing about it was recorded. Only the
days count on which a version of the programme with the experiment was in force. The end is fixed beforehand by the programme:
whoever looks every day and stops when the figures please them finds a difference where there is none, sooner or later
(Armitage, McPherson and Rowe 1969, J. R. Stat. Soc. A 132, 235-244). So until the last day is over nothing is said to be better.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, func, or_, select

from central_server import schema
from central_server.figures import facts, scope
from central_server.figures.chance import Interval, Sums, of_ratios, of_shares
from central_server.figures.plots import Plot, Series
from central_server.figures.ratio import mean, ratio
from central_server.figures.scope import Scope, days
from central_server.figures.tiers import histories_with_terms
from central_server.membership import consents
from central_server.office import Office
from loyalty.days import business_day, day_after, day_before
from loyalty.experiment import A, B, Experiment, Variant
from loyalty.experiment_doubts import changes_of
from loyalty.program import Program

State = Literal["to come", "runs", "over"]
Keep = Callable[[object, Callable[[], "Tallies"]], "Tallies"]
"""Answers what was kept under a key, or does the work."""


class Held(NamedTuple):
    """An experiment as members had it: on the days `first` through `last`, by the latest version with it that has begun.

    `rewards` are the names of those that a variant has, in any version; `notes` what was changed on the way.
    """

    experiment: Experiment
    program: Program
    first: str
    last: str
    rewards: dict[Variant, frozenset[str]]
    notes: list[str]


class Side(msgspec.Struct, frozen=True):
    """One variant's `part` of a `whole`; `value` in percent or in minor units, None where there is nothing to divide by."""

    part: int
    whole: int
    value: float | None


class Measure(msgspec.Struct, frozen=True):
    """A figure of both variants; `difference` is B less A with its 95 % interval, None where nothing can be said of it."""

    name: str
    title: str
    of: str
    unit: Literal["percent", "minor"]
    a: Side
    b: Side
    difference: float | None
    low: float | None
    high: float | None
    said: str


class Compared(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """An experiment with its figures. `members` are those who bought on its days, by variant."""

    name: str
    first: str
    last: str
    share_percent: int
    program: str
    state: State
    said: str
    is_provisional: bool
    currency: str
    members: dict[str, int]
    notes: list[str]
    measures: list[Measure]


class Tally(NamedTuple):
    """What one variant comes to. `basket` is value by sales, `points` redeemed by issued, member by member."""

    members: int = 0
    agree: int = 0
    redeemed: int = 0
    had: int = 0
    renewed: int = 0
    due: int = 0
    basket: Sums = Sums()
    points: Sums = Sums()


Tallies = dict[Variant, Tally]


def compared(office: Office, connection: Connection, shop: str, keep: Keep) -> list[Compared]:
    """Every experiment of the version in force, of those before it and those to come; the latest first."""
    today, waits = office.today(connection), bool(facts.waiting(office, connection))
    found = []
    for held in sorted(every(office, connection), key=lambda one: (one.first, one.experiment.name), reverse=True):
        one, state = held.experiment, _state(held, today)
        key = ("experiment", one.name, one.share_percent, held.first, held.last, shop)
        tallies = {A: Tally(), B: Tally()}
        if state != "to come":
            tallies = keep(key, lambda held=held: tally(connection, held, shop, today))  # type: ignore[misc]
        is_provisional = waits or bool(scope.silent_tills(office, connection, Scope(held.first, held.last, shop)))
        found.append(
            Compared(
                one.name,
                held.first,
                held.last,
                one.share_percent,
                held.program.id,
                state,
                _said_of_all(state, held, is_provisional),
                is_provisional,
                held.program.currency,
                {variant: tallies[variant].members for variant in (A, B)},
                held.notes,
                list(measures(held, tallies, state)),
            )
        )
    return found


# -- on which days ---------------------------------------------------------------------------------------------------------


class _Version(NamedTuple):
    program: Program
    day: str
    """The trading day on which it took effect, '' for the first of all."""

    def named(self, name: str) -> Experiment | None:
        return next((one for one in self.program.experiment if one.name == name), None)


def every(office: Office, connection: Connection) -> Iterator[Held]:
    """Each experiment of any version, on the days on which it was, or will be, in force. None that was taken out before."""
    today, versions = office.today(connection), _versions(office, connection)
    for name in dict.fromkeys(one.name for version in versions for one in version.program.experiment):
        having = [at for at, version in enumerate(versions) if version.named(name)]
        begun = [at for at in having if versions[at].day <= today] or having[:1]
        now = versions[begun[-1]]
        one = now.named(name)
        assert one is not None, "it was chosen because it has one"
        first, last = max(one.first, versions[having[0]].day), one.last
        if having[-1] + 1 < len(versions):
            last = min(last, day_before(versions[having[-1] + 1].day))
        if first <= last:
            mine = [versions[at] for at in having]
            notes = list(_notes(name, mine, today))
            if first > one.first:
                notes.append(f"It is written to begin on {one.first}, and was published later")
            if last < one.last:
                notes.append(f"It is written to end on {one.last}, and is taken out before")
            yield Held(one, now.program, first, last, _rewards(name, mine), notes)


def _versions(office: Office, connection: Connection) -> list[_Version]:
    """In the order in which they took effect, or will; of two that did at the same moment the one in force is the later."""
    now = office.program(connection)
    table = schema.program.c
    found = []
    for name, kept_at in connection.execute(
        select(table.program, table.kept_at).order_by(table.kept_at, table.program)
    ):
        program = office.program(connection, name)
        if program is not None:
            at = datetime.fromisoformat(kept_at)
            if program.effective:
                at = max(at, datetime.fromisoformat(program.effective).replace(tzinfo=program.zone))
            local = at.astimezone(program.zone).replace(tzinfo=None)
            found.append((at, business_day(local, program.day_starts_at), program))
    found.sort(key=lambda one: (one[0], one[2] is now))
    return [_Version(program, day if at else "") for at, (_, day, program) in enumerate(found)]


def _rewards(name: str, versions: Sequence[_Version]) -> dict[Variant, frozenset[str]]:
    rewards = [one for version in versions for one in version.program.reward if one.experiment == name]
    return {variant: frozenset(one.name for one in rewards if one.variant == variant) for variant in (A, B)}


def _notes(name: str, versions: Sequence[_Version], today: str) -> Iterator[str]:
    for before, after in pairwise(versions):
        one = before.named(name)
        if one and after.day <= today and any(changes_of(one, before.program, after.program, after.day)):
            yield f"{after.program.id} changed it on {after.day}, after it had begun: what differs may be due to that"


def _state(held: Held, today: str) -> State:
    if today < held.first:
        return "to come"
    return "runs" if today <= held.last else "over"


# -- what members did --------------------------------------------------------------------------------------------------------


def tally(connection: Connection, held: Held, shop: str, today: str) -> Tallies:
    """Both variants, from the sales of the experiment's days until today. Who has merged is who they are now."""
    found, drawn = {A: Tally(), B: Tally()}, held.experiment.drawn
    agree = {str(row[0]) for row in connection.execute(consents.agreeing())}
    for row in connection.execute(_bought(held, min(held.last, today), shop)):
        variant = drawn(row.who)
        one = found[variant]
        found[variant] = one._replace(
            members=one.members + 1,
            agree=one.agree + (row.who in agree),
            redeemed=one.redeemed + row.redeems,
            had=one.had + (row.had_a if variant == A else row.had_b),
            basket=one.basket.plus(int(row.value), int(row.sales)),
            points=one.points.plus(int(row.redeemed), int(row.awarded)),
        )
    for who, renewed in _due(connection, held, shop, today):
        variant = drawn(who)
        one = found[variant]
        found[variant] = one._replace(due=one.due + 1, renewed=one.renewed + renewed)
    return found


def _bought(held: Held, last: str, shop: str) -> Select[*tuple[Any, ...]]:
    """Each member who bought, with the sums of their sales; what was voided was none."""
    fact, about = schema.figures.sale_fact, schema.member.c
    column = fact.c
    who: ColumnElement[str] = func.coalesce(func.nullif(about.merged_into, ""), column.member)

    def had(names: Collection[str]) -> ColumnElement[int]:
        return func.max(case((column.reward.in_(sorted(names)), 1), else_=0))

    return (
        select(
            who.label("who"),
            func.count().label("sales"),
            func.sum(column.value_minor).label("value"),
            func.sum(column.awarded).label("awarded"),
            func.sum(column.redeemed).label("redeemed"),
            func.max(case((or_(column.redeemed > 0, column.reward != ""), 1), else_=0)).label("redeems"),
            had(held.rewards[A]).label("had_a"),
            had(held.rewards[B]).label("had_b"),
        )
        .select_from(fact.outerjoin(schema.member, about.member == column.member))
        .where(*days(fact, held.first, last, shop), column.member != "", column.is_void == 0)
        .group_by(who)
    )


def _due(connection: Connection, held: Held, shop: str, today: str) -> Iterator[tuple[str, bool]]:
    """Members whose paid membership ended in these days, each once, by the first that did, and whether it went on.

    Not only those who bought: a renewal is a purchase. One that can still be renewed today is not counted yet.
    """
    for member, terms in histories_with_terms(connection, held.program, shop):
        for ends, goes_on in sorted(terms):
            if held.first <= ends <= held.last and day_after(ends) < today:
                yield member, goes_on
                break


# -- what that says ----------------------------------------------------------------------------------------------------------


def measures(held: Held, tallies: Tallies, state: State) -> Iterator[Measure]:
    a, b = tallies[A], tallies[B]
    currency = held.program.currency

    def share(name: str, title: str, of: str, parts: tuple[int, int], wholes: tuple[int, int]) -> Measure:
        sides = [Side(part, whole, ratio(part, whole).percent) for part, whole in zip(parts, wholes, strict=True)]
        interval = of_shares((parts[0], wholes[0]), (parts[1], wholes[1]))
        return _measure(name, title, of, "percent", sides, interval, 100, state, "better", currency)

    members = (a.members, b.members)
    yield share("opt_in", "Opt-in", "members agree to be written to", (a.agree, b.agree), members)
    yield share("redemption", "Redemption", "members redeemed", (a.redeemed, b.redeemed), members)
    if held.rewards[A] and held.rewards[B]:
        yield share("had", "Had its reward", "members had the reward that is tried", (a.had, b.had), members)
    sums = (a.points, b.points)
    sides = [Side(one.y, one.x, ratio(one.y, one.x).percent) for one in sums]
    yield _measure(
        "burn",
        "Burn ÷ earn",
        "points redeemed of issued",
        "percent",
        sides,
        of_ratios(*sums),
        100,
        state,
        "higher",
        currency,
    )
    yield share("renewal", "Renewal", "paid memberships due", (a.renewed, b.renewed), (a.due, b.due))
    sums = (a.basket, b.basket)
    sides = [Side(one.y, one.x, mean(one.y, one.x)) for one in sums]
    of = f"{currency} of so many sales"
    yield _measure("basket", "Mean basket", of, "minor", sides, of_ratios(*sums), 1, state, "better", currency)


def _measure(
    name: str,
    title: str,
    of: str,
    unit: Literal["percent", "minor"],
    sides: Sequence[Side],
    interval: Interval | None,
    times: int,
    state: State,
    word: str,
    currency: str,
) -> Measure:
    a, b = sides
    difference, low, high = (round(times * one, 2) for one in interval) if interval else (None, None, None)
    said = _said(state, low, high, "percentage points" if unit == "percent" else currency, unit, word)
    if a.value is None or b.value is None:
        said = "Nothing to compare."
    return Measure(name, title, of, unit, a, b, difference, low, high, said)


def _said(state: State, low: float | None, high: float | None, unit: str, kind: str, word: str) -> str:
    if state == "to come":
        return "Nothing to compare."
    if state == "runs":
        return "Too early to say: until the last day this may be chance."
    if low is None or high is None:
        return "Too few members to say."
    # What is said follows from what is shown: an end that reads as 0 is 0, and an interval has its ends in it.
    places = 1 if kind == "percent" else 0
    low, high = round(low, places), round(high, places)
    if low <= 0 <= high:
        return "This may be chance."
    better, least, most = (B, low, high) if low > 0 else (A, -high, -low)
    span = f"{least:.1f} to {most:.1f}" if kind == "percent" else f"{least / 100:,.2f} to {most / 100:,.2f}"
    return f"{better} is {word}: by {span} {unit}."


def _said_of_all(state: State, held: Held, is_provisional: bool) -> str:
    match state:
        case "to come":
            return f"It begins on {held.first}. Until then everybody has A."
        case "runs":
            return f"It runs until {held.last}. Until the last day this may be chance: do not decide before."
        case _ if is_provisional:
            return f"It ended on {held.last}. Provisional: not all that tills sold in it has been heard and counted."
        case _:
            return f"It ended on {held.last}."


def shown(one: Measure, number: float | None) -> str:
    """A value as it is read."""
    if number is None:
        return "–"
    return f"{number:.1f} %" if one.unit == "percent" else f"{number / 100:,.2f}"


def apart(one: Measure, number: float | None) -> str:
    """A difference as it is read: in percentage points, or in the currency."""
    if number is None:
        return "–"
    return f"{number:+z.1f}" if one.unit == "percent" else f"{number / 100:+z,.2f}"


def span(one: Measure) -> str:
    """The interval of a difference as it is read."""
    return "–" if one.low is None else f"{apart(one, one.low)} to {apart(one, one.high)}"


def basis(one: Measure, side: Side) -> str:
    """The counts behind a value."""
    return f"{side.part / 100:,.2f} of {side.whole:,}" if one.unit == "minor" else f"{side.part:,} of {side.whole:,}"


def lines(one: Compared) -> Iterator[str]:
    """An experiment as it is read in a terminal, a figure a line."""
    for line in one.measures:
        sides = (f"{name} {shown(line, side.value)} ({basis(line, side)})" for name, side in ((A, line.a), (B, line.b)))
        between = f"; B less A {apart(line, line.difference)}, 95 %: {span(line)}" if line.low is not None else ""
        yield f"{line.title}: {', '.join(sides)} {line.of}{between}. {line.said}"


HEADINGS = (
    *("experiment", "from", "to", "state", "figure", "unit", "a_part", "a_whole", "a", "b_part", "b_whole", "b"),
    *("difference", "low", "high", "said"),
)


def rows(found: Sequence[Compared]) -> Iterator[tuple[object, ...]]:
    """The table of all experiments, for a file."""
    for one in found:
        for line in one.measures:
            sides = (line.a.part, line.a.whole, line.a.value, line.b.part, line.b.whole, line.b.value)
            about = (one.name, one.first, one.last, one.state, line.name, line.unit)
            yield (*about, *sides, line.difference, line.low, line.high, line.said)


def plot(one: Compared) -> Plot:
    """The differences of its shares with their intervals."""
    lines = [line for line in one.measures if line.unit == "percent" and line.difference is not None]
    return Plot(
        f"{one.name}: B less A, with 95 % intervals",
        "intervals",
        "percentage points",
        tuple(line.title for line in lines),
        (
            Series("low", tuple(line.low for line in lines)),
            Series("difference", tuple(line.difference for line in lines)),
            Series("high", tuple(line.high for line in lines)),
        ),
    )
