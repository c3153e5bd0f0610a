"""What a simulation found, for a person and for a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from rich.table import Table

from loyalty.simulation import NEAR_PERCENT, Behaviour, Month, Outcome
from loyalty.words import money


def share(part: int, whole: int) -> str:
    """A part of a whole in per cent.

    >>> share(1234, 100000)
    '1.23 %'
    """
    return f"{part * 100 / whole:.2f} %" if whole else "-"


def assumed(behaviour: Behaviour) -> list[str]:
    """The assumptions, each as a sentence: no number of a simulation is worth more than they are."""
    told = [
        "The sales stay as they were: nobody is taken to buy more, or to come more often, for the programme.",
        f"At {behaviour.redeem_percent} of 100 sales at which members can have something worth at least "
        f"{money(behaviour.redeem_from_minor)}, they take what is worth most (seed {behaviour.seed}).",
        "Goods given for points cost what they are sold for; coupons and gift cards count in full when they are given. "
        "Delivery, early access and gifts count as nothing: the programme does not say what they cost.",
        "Birthdays are drawn. Returns, reloads and activities are not in the file, so what they would do is not here.",
    ]
    told += [f"{percent} of 100 members are in segment {name}." for name, percent in behaviour.segments.items()]
    told += [f"{percent} of 100 members pay for membership {name}." for name, percent in behaviour.memberships.items()]
    if behaviour.referred_percent:
        told.append(f"{behaviour.referred_percent} of 100 members were brought by another one.")
    return told


def written(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON has it, with what follows from its sums."""
    found: dict[str, Any] = msgspec.to_builtins(outcome)
    for shown, month in zip([found["whole"], *found["months"]], [outcome.whole, *outcome.months], strict=True):
        shown["cost_minor"] = month.cost_minor
    whole = outcome.whole
    found["cost_percent_of_sales"] = round(whole.cost_minor * 100 / whole.sales_minor, 3) if whole.sales_minor else None
    sales = whole.member_sales_minor
    found["cost_percent_of_member_sales"] = round(whole.cost_minor * 100 / sales, 3) if sales else None
    return found


def lines(outcome: Outcome) -> list[tuple[str, str]]:
    """The sums over all months: what, and how much."""
    whole, currency = outcome.whole, outcome.currency

    def amount(minor: int) -> str:
        return f"{minor / 100:,.2f} {currency}"

    found = [
        ("Sales", f"{whole.sales:,}, {amount(whole.sales_minor)}"),
        (
            "Of members",
            f"{whole.member_sales:,} by {whole.members:,} members, {share(whole.member_sales_minor, whole.sales_minor)}",
        ),
        ("Points issued", f"{whole.issued:,}"),
        ("Redeemed", f"{whole.redeemed:,}, {share(whole.redeemed, whole.issued)}"),
        ("Expired", f"{whole.expired:,}, {share(whole.expired, whole.issued)}"),
        ("Still there at the end", f"{whole.outstanding:,}, of which {whole.pending:,} cannot be spent yet"),
        ("Liability at the end", f"{amount(whole.liability_minor)}, a point being {outcome.point_from}"),
        ("Given for points", amount(whole.redeemed_minor)),
    ]
    found += [("Members' prices", amount(whole.prices_minor))] if whole.prices_minor else []
    found += (
        [("Donated", ", ".join(f"{name} {amount(minor)}" for name, minor in outcome.donated.items()))]
        if outcome.donated
        else []
    )
    found += [("Fees of memberships", amount(whole.fees_minor))] if whole.fees_minor else []
    found += [
        ("Cost", amount(whole.cost_minor)),
        ("Cost of all sales", share(whole.cost_minor, whole.sales_minor)),
        ("Cost of members' sales", share(whole.cost_minor, whole.member_sales_minor)),
    ]
    if outcome.surprises:
        found.append(("Surprises won", f"{outcome.surprises:,}"))
    if outcome.tiers:
        there = (f"{title} {whole.tiers.get(name, 0):,}" for name, title in outcome.tiers.items())
        found.append(("Members by tier", ", ".join(there)))
        near = (f"{outcome.tiers[name]} {count:,}" for name, count in outcome.near.items())
        found.append((f"Lacking at most {NEAR_PERCENT} %", ", ".join(near) or "nobody"))
    had = (f"{name or 'points as money'} {count:,}" for name, count in outcome.rewards.items())
    found.append(("Redeemed how often", ", ".join(had) or "never"))
    found.append(
        ("Points by", ", ".join(f"{name} {points:,}" for name, points in outcome.sources.items()) or "nothing")
    )
    if outcome.never:
        found.append(("Never applied", ", ".join(outcome.never)))
    return found


COLUMNS: tuple[tuple[str, Callable[[Month], int], bool], ...] = (
    ("Issued", lambda month: month.issued, False),
    ("Redeemed", lambda month: month.redeemed, False),
    ("Expired", lambda month: month.expired, False),
    ("Outstanding", lambda month: month.outstanding, False),
    ("Liability", lambda month: month.liability_minor, True),
    ("Cost", lambda month: month.cost_minor, True),
)
"""Of a month: what, how much, and whether it is money."""


def cells(month: Month) -> list[str]:
    shown = [f"{of(month) / 100:,.0f}" if is_money else f"{of(month):,}" for _, of, is_money in COLUMNS]
    return [month.month, *shown, share(month.cost_minor, month.sales_minor)]


HEADINGS = ["Month", *[name for name, _, _ in COLUMNS], "of sales"]


def summary(outcomes: Sequence[Outcome], behaviour: Behaviour) -> Iterator[Table | str]:
    """Tables for the terminal: the sums side by side, and each programme's months."""
    sums = Table(title="What it would have been", title_justify="left", box=None, pad_edge=False)
    for heading in ("", *[outcome.program for outcome in outcomes]):
        sums.add_column(heading, overflow="fold")
    by_name = [dict(lines(outcome)) for outcome in outcomes]
    for name in dict.fromkeys(name for one in by_name for name in one):
        sums.add_row(name, *[one.get(name, "-") for one in by_name])
    yield sums
    for outcome in outcomes:
        months = Table(title=f"{outcome.program} by month", title_justify="left", box=None, pad_edge=False)
        for heading in HEADINGS:
            months.add_column(heading, justify="left" if heading == "Month" else "right")
        for month in outcome.months:
            months.add_row(*cells(month))
        yield months
    yield "\n".join(f"- {sentence}" for sentence in assumed(behaviour))
