"""What a simulation found, in words and columns for a person: on the command line, in plots, and on head office's page."""

from __future__ import annotations

from collections.abc import Callable

from loyalty.simulation import NEAR_PERCENT, Behaviour, Month, Outcome
from loyalty.words import priced


def share(part: int, whole: int) -> str:
    """A part of a whole in per cent.

    >>> share(1234, 100000)
    '1.23 %'
    """
    return f"{part * 100 / whole:.2f} %" if whole else "-"


def people(members: int) -> str:
    return "1 member" if members == 1 else f"{members:,} members"


def assumed(behaviour: Behaviour, currency: str) -> list[str]:
    """The assumptions, each as a sentence: no number of a simulation is worth more than they are."""
    told = [
        "The sales stay as they were: nobody is taken to buy more, or to come more often, for the programme.",
        f"At {behaviour.redeem_percent} of 100 sales at which members can have something worth at least "
        f"{priced(behaviour.redeem_from_minor, currency)}, they take what is worth most (seed {behaviour.seed}).",
        "Goods given for points cost what they are sold for; coupons and gift cards count in full when they are given. "
        "Delivery, early access and gifts count as nothing: the programme does not say what they cost.",
        "Birthdays are drawn. Returns, reloads and activities are not in the file, so what they would do is not here.",
    ]
    told += [f"{percent} of 100 members are in segment {name}." for name, percent in behaviour.segments.items()]
    told += [f"{percent} of 100 members pay for membership {name}." for name, percent in behaviour.memberships.items()]
    if behaviour.referred_percent:
        told.append(f"{behaviour.referred_percent} of 100 members were brought by another one.")
    return told


def lines(outcome: Outcome) -> list[tuple[str, str]]:
    """The sums over all months: what, and how much."""
    whole, currency = outcome.whole, outcome.currency

    def amount(minor: int) -> str:
        return f"{minor / 100:,.2f} {currency}"

    of_value = share(whole.member_sales_minor, whole.sales_minor)
    found = [
        ("Sales", f"{whole.sales:,}, worth {amount(whole.sales_minor)}"),
        (
            "Sales with a member",
            f"{whole.member_sales:,} by {people(whole.members)}, {of_value} of the value",
        ),
        ("Points issued", f"{whole.issued:,}"),
        ("Points redeemed", f"{whole.redeemed:,}, {share(whole.redeemed, whole.issued)} of those issued"),
        ("Points expired", f"{whole.expired:,}, {share(whole.expired, whole.issued)} of those issued"),
        ("Points open at the end", f"{whole.outstanding:,}, of which {whole.pending:,} cannot be spent yet"),
        ("Liability at the end", f"{amount(whole.liability_minor)}; a point counts as {outcome.point_from}"),
        ("Value given for points", amount(whole.redeemed_minor)),
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
        ("Cost, of the value of all sales", share(whole.cost_minor, whole.sales_minor)),
        ("Cost, of members' sales alone", share(whole.cost_minor, whole.member_sales_minor)),
    ]
    if outcome.surprises:
        found.append(("Surprises won", f"{outcome.surprises:,}"))
    if outcome.tiers:
        there = (f"{title} {whole.tiers.get(name, 0):,}" for name, title in outcome.tiers.items())
        found.append(("Members by tier", ", ".join(there)))
        near = (f"{outcome.tiers[name]} {count:,}" for name, count in outcome.near.items())
        found.append((f"Lacking at most {NEAR_PERCENT} %", ", ".join(near) or "nobody"))
    had = (f"{name or 'points as money'}: {count:,}" for name, count in outcome.rewards.items())
    found.append(("How often what was redeemed", ", ".join(had) or "never"))
    gave = (f"{name}: {points:,}" for name, points in outcome.sources.items())
    found.append(("Points issued by", ", ".join(gave) or "nothing"))
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
