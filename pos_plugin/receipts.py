"""Receipts: the sale, and the block that tells the member about points, in words that are true when they are printed.

Where the till has just heard from head office there is one balance line. Where it has not, what is known and what happened
here since stand apart, and no figure merges the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from drivers.document import Block, Cut, Document, Feed, Text, display_columns
from loyalty.card import masked
from loyalty.days import day_before
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.sale import LineItem, Sale
from loyalty.words import Reason, counted, in_language, money
from offline_store.members import Balance
from pos_plugin.pricing import Priced, reward_named
from pos_plugin.quotes import TierShown

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Layout:
    """How a shop's receipts look: columns of the paper, lines above the sale and below everything."""

    width_columns: int = 42
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()


@dataclass(frozen=True)
class PointsShown:
    """The figures of one receipt's points block; all of them are true at the moment of the sale.

    `balance` includes this sale. `is_current`: head office's figure is fresh, and all but this sale is in it.
    `spendable_here` is what this till could redeem now, after the sale; online it could fetch more.
    """

    card: str
    balance: Balance
    earned: int
    used: int
    spendable_here: int
    is_current: bool
    today: str
    is_online: bool = False


def sale_receipt(
    program: Program,
    layout: Layout,
    sale: Sale,
    *,
    reference: str,
    points: PointsShown | None,
    could_have_earned: int,
    priced: Priced,
    tier: TierShown | None = None,
    is_training: bool = False,
) -> Document:
    """The receipt of a sale. Without a member it says what could have been earned, and how to claim it.

    What members' prices take off a line stands below it; what points take off each, where they are a discount that lowers its
    tax, below the sum of it.
    """
    width = layout.width_columns
    blocks = _heading(layout, sale.sold_at, is_training=is_training)
    off = priced.off.lines
    for line in sale.lines:
        name = name_of(line)
        if line.quantity_milli not in (0, 1000):
            name = f"{quantity(line.quantity_milli)} x {name}"
        blocks.append(Text(columns(name, money(line.amount_minor), width)))
        if off and line.line_id in off:
            blocks.append(Text(columns("  member price", money(-off[line.line_id]), width)))
    blocks.append(Text("-" * width))
    reward = reward_named(program, priced.reward)
    if priced.redeemed_minor:
        paid = in_language(reward.title) if reward else "Paid with points"
        blocks.append(Text(columns("Subtotal", money(priced.paid.total_minor), width)))
        blocks.append(Text(columns(paid, money(-priced.redeemed_minor), width)))
        shares = [(name_of(line), priced.taken[line.line_id]) for line in sale.lines if line.line_id in priced.taken]
        if len(sale.lines) > 1:
            blocks += [Text(columns(f"  of it {name}", money(share), width)) for name, share in shares]
    blocks.append(Text(columns(f"TOTAL {sale.currency}", money(priced.due_minor), width), bold=True))
    blocks.append(Feed())
    if points is not None:
        blocks += points_block(program, points, width, explained_if_several(priced.award.reasons))
        if reward and not priced.redeemed_minor:
            blocks += [Text(line) for line in wrapped(f"For your points: {in_language(reward.title)}", width)]
        blocks += _beside_points(program, priced, tier, width)
    elif could_have_earned and program.claim.within_days and not is_training:
        blocks += [
            Text(line)
            for line in wrapped(
                f"You could have earned {counted(could_have_earned)}: scan within {program.claim.within_days} days",
                width,
            )
        ]
    return _ended(blocks, layout, reference)


def return_receipt(
    program: Program,
    layout: Layout,
    *,
    at: str,
    sale_reference: str,
    reference: str,
    returned_minor: int,
    restored_minor: int,
    currency: str,
    is_void: bool,
    points: PointsShown | None,
) -> Document:
    """The slip of a return or void."""
    width = layout.width_columns
    blocks = _heading(layout, at)
    blocks.append(Text("VOID" if is_void else "RETURN", bold=True, align="center"))
    blocks.append(Text(columns("Of receipt", sale_reference, width)))
    blocks.append(Text(columns("Goods returned", money(returned_minor), width)))
    if restored_minor:
        blocks.append(Text(columns("Given back as points", money(-restored_minor), width)))
    blocks.append(Text(columns(f"REFUND {currency}", money(returned_minor - restored_minor), width), bold=True))
    blocks.append(Feed())
    if points is not None:
        blocks += points_block(program, points, width)
    return _ended(blocks, layout, reference)


def claim_receipt(
    program: Program, layout: Layout, *, at: str, sale_reference: str, reference: str, points: PointsShown
) -> Document:
    """The slip of a forgotten card that was attached to an earlier sale."""
    width = layout.width_columns
    blocks = _heading(layout, at)
    blocks.append(Text("POINTS ADDED", bold=True, align="center"))
    blocks.append(Text(columns("For receipt", sale_reference, width)))
    blocks.append(Feed())
    blocks += points_block(program, points, width)
    return _ended(blocks, layout, reference)


def name_of(line: LineItem) -> str:
    return line.name or line.sku or line.line_id


def _beside_points(program: Program, priced: Priced, tier: TierShown | None, width: int) -> list[Block]:
    """What the sale did beside moving points: when they can be used, the tier, what goes to charity."""
    lines: list[str] = []
    if priced.award.points and priced.award.usable_from:
        lines.append(f"This sale's points: use from {date_words(priced.award.usable_from)}")
    if tier is not None:
        until = f" until {date_words(tier.ends)}" if tier.ends else ""
        lines += [f"{tier.title}{until}", *([tier.text] if tier.text else [])]
    if priced.effects.donated_minor:
        charity = program.giving.chosen(priced.effects.charity).title if program.giving else priced.effects.charity
        lines.append(f"{money(priced.effects.donated_minor)} goes to {in_language(charity)}")
    return [Text(line) for text in lines for line in wrapped(text, width)]


def points_block(program: Program, shown: PointsShown, width: int, reasons: Sequence[str] = ()) -> list[Block]:
    """The member's points. Signs always; the date is the last day on which points can be used. `reasons` explain the sale's."""
    balance = shown.balance
    lines = [Text(columns("POINTS", f"Card {masked(shown.card)}" if shown.card else "", width), bold=True)]
    if shown.is_current:
        worth = f"(worth {money(worth_minor(program, balance.points))})" if balance.points > 0 else ""
        lines.append(Text(columns(f"New balance {balance.points}", worth, width)))
    elif balance.as_of:
        told = local(program, balance.as_of)
        lines.append(
            Text(columns(f"Balance {told.day} {MONTHS[told.month - 1]} {told:%H:%M}", str(balance.known), width))
        )
        earlier = balance.since - shown.earned + shown.used
        words = "Earned here since" if earlier >= 0 else "Used here since"
        lines.append(Text(columns(words, f"{earlier:+d}", width)))
    else:
        earlier = balance.since - shown.earned + shown.used
        lines.append(Text(columns("Earned at this till before", f"{earlier:+d}", width)))
    lines.append(Text(columns("This sale" if shown.earned >= 0 else "Taken back", f"{shown.earned:+d}", width)))
    lines += [Text(columns(f"  {text}", points, width)) for text, points in (one.rsplit(": ", 1) for one in reasons)]
    if shown.used:
        lines.append(Text(columns("Used" if shown.used > 0 else "Given back", f"{-shown.used:+d}", width)))
    if balance.points < 0 and (shown.is_current or not balance.as_of):
        lines += [Text(line) for line in wrapped(f"Next {-balance.points} points cover your return", width)]
    elif not shown.is_current and not shown.is_online:
        lines.append(Text(columns("Can use here today", str(shown.spendable_here), width)))
    elif shown.is_current and balance.expiring and _is_soon(program, shown.today, balance):
        lines.append(Text(f"Use {balance.expiring} pts by {date_words(day_before(balance.next_expiry))}"))
    return list(lines)


def explained(reasons: tuple[Reason, ...]) -> list[str]:
    """The award in lines a customer understands."""
    return [f"{reason.text}: {reason.points:+d}" for reason in reasons]


def explained_if_several(reasons: tuple[Reason, ...]) -> list[str]:
    """The rate alone explains itself: it stands where the shop says how its programme goes."""
    return explained(reasons) if len(reasons) > 1 else []


def date_words(day: str) -> str:
    """
    >>> date_words("2026-11-21")
    '21 Nov 2026'
    """
    return f"{int(day[8:])} {MONTHS[int(day[5:7]) - 1]} {day[:4]}"


def quantity(milli: int) -> str:
    """Thousandths as a person writes them.

    >>> quantity(2000), quantity(1250), quantity(1_000_005)
    ('2', '1.25', '1000.005')
    """
    return f"{milli // 1000}.{milli % 1000:03d}".rstrip("0").rstrip(".")


def local(program: Program, utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(program.zone)


def columns(left: str, right: str, width: int) -> str:
    """`left` and `right` at the two edges; where both do not fit, the left side is cut."""
    taken = display_columns(right) + (1 if right else 0)
    while left and display_columns(left) > width - taken:
        left = left[:-1]
    return f"{left}{' ' * (width - display_columns(left) - display_columns(right))}{right}" if right else left


def wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and display_columns(lines[-1]) + 1 + display_columns(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _is_soon(program: Program, today: str, balance: Balance) -> bool:
    days = (date.fromisoformat(balance.next_expiry) - date.fromisoformat(today)).days
    return days <= program.expire.warn_days


def _heading(layout: Layout, at: str, *, is_training: bool = False) -> list[Block]:
    blocks: list[Block] = [Text(line, bold=index == 0, align="center") for index, line in enumerate(layout.header)]
    blocks.append(Text(at.replace("T", " ")[:16], align="center"))
    if is_training:
        blocks.append(Text("TRAINING - NOT A SALE", bold=True, align="center"))
    blocks.append(Feed())
    return blocks


def _ended(blocks: list[Block], layout: Layout, reference: str) -> Document:
    blocks.append(Feed())
    blocks += [Text(line, align="center") for line in layout.footer]
    if reference:
        blocks.append(Text(f"Receipt {reference}", align="center"))
    blocks.append(Cut())
    return Document(layout.width_columns, tuple(blocks))
