"""Receipts: the sale, and the block that tells the member about points, in words that are true when they are printed.

Where the till has just heard from head office there is one balance line. Where it has not, what is known and what happened
here since stand apart, and no figure merges the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from drivers.document import Block, Cut, Document, Feed, Text, display_columns
from loyalty.card import masked
from loyalty.days import day_before
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.sale import Sale
from loyalty.words import Reason, counted, money
from offline_store.members import Balance

SOON_DAYS = 30
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
    redeemed_minor: int,
    points: PointsShown | None,
    could_have_earned: int,
    is_training: bool = False,
) -> Document:
    """The receipt of a sale. Without a member it says what could have been earned, and how to claim it."""
    width = layout.width_columns
    blocks = _heading(layout, sale.sold_at, is_training=is_training)
    for line in sale.lines:
        name = line.name or line.sku or line.line_id
        if line.quantity_milli not in (0, 1000):
            name = f"{quantity(line.quantity_milli)} x {name}"
        blocks.append(Text(columns(name, money(line.amount_minor), width)))
    blocks.append(Text("-" * width))
    if redeemed_minor:
        blocks.append(Text(columns("Subtotal", money(sale.total_minor), width)))
        blocks.append(Text(columns("Paid with points", money(-redeemed_minor), width)))
    due = money(sale.total_minor - redeemed_minor)
    blocks.append(Text(columns(f"TOTAL {sale.currency}", due, width), bold=True))
    blocks.append(Feed())
    if points is not None:
        blocks += points_block(program, points, width)
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


def points_block(program: Program, shown: PointsShown, width: int) -> list[Block]:
    """The member's points. Signs always; the date is the last day on which points can be used."""
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
    if shown.used:
        lines.append(Text(columns("Used" if shown.used > 0 else "Given back", f"{-shown.used:+d}", width)))
    if balance.points < 0 and (shown.is_current or not balance.as_of):
        lines += [Text(line) for line in wrapped(f"Next {-balance.points} points cover your return", width)]
    elif not shown.is_current and not shown.is_online:
        lines.append(Text(columns("Can use here today", str(shown.spendable_here), width)))
    elif shown.is_current and balance.expiring and _is_soon(shown.today, balance):
        last = datetime.fromisoformat(day_before(balance.next_expiry))
        day = f"{last.day} {MONTHS[last.month - 1]} {last.year}"
        lines.append(Text(f"Use {balance.expiring} pts by {day}"))
    return list(lines)


def explained(reasons: tuple[Reason, ...]) -> list[str]:
    """The award in lines a customer understands."""
    return [f"{reason.text}: {reason.points:+d}" for reason in reasons]


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


def _is_soon(today: str, balance: Balance) -> bool:
    return (date.fromisoformat(balance.next_expiry) - date.fromisoformat(today)).days <= SOON_DAYS


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
