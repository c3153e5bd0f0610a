"""Receipts: the sale, and the block that tells the member about points, in words that are true when they are printed.

Where the till has just heard from head office there is one balance line. Where it has not, what is known and what happened
here since stand apart, and no figure merges the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drivers.document import Block, Cut, Document, Feed, Text, display_columns
from loyalty.card import masked
from loyalty.days import day_before
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.sale import LineItem, Sale
from loyalty.words import Money, Reason, Value, in_language, money, said, say, text, translated
from offline_store.members import Balance
from pos_plugin.pricing import Priced, reward_named
from pos_plugin.quotes import TierShown

MONTHS = (
    text("Jan"),
    text("Feb"),
    text("Mar"),
    text("Apr"),
    text("May"),
    text("Jun"),
    text("Jul"),
    text("Aug"),
    text("Sep"),
    text("Oct"),
    text("Nov"),
    text("Dec"),
)


@dataclass(frozen=True)
class Layout:
    """How a shop's receipts look: columns of the paper, lines above the sale and below everything, their language."""

    width_columns: int = 42
    header: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    language: str = "en"

    def say(self, template: str, **values: Value) -> str:
        return say(template, self.language, **values)

    def money(self, minor: int) -> str:
        return money(minor, self.language)

    def columns(self, left: str, right: str) -> str:
        return columns(left, right, self.width_columns)

    def wrapped(self, sentence: str) -> list[Block]:
        return [Text(line) for line in wrapped(sentence, self.width_columns)]

    def spread(self, words: str, figure: str) -> list[Block]:
        """Words of any length, over several lines where they need it, and a figure at the end of the last."""
        *first, last = wrapped(words, self.width_columns - display_columns(figure) - 3)
        return [*(Text(f"  {line}") for line in first), Text(self.columns(f"  {last}", figure))]


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
    benefits: Sequence[str] = (),
    is_training: bool = False,
) -> Document:
    """The receipt of a sale. Without a member it says what could have been earned, and how to claim it.

    What members' prices take off a line stands below it; what points take off each, where they are a discount that lowers its
    tax, below the sum of it.
    """
    say, columns = layout.say, layout.columns
    blocks = _heading(layout, sale.sold_at, is_training=is_training)
    off = priced.off.lines
    for line in sale.lines:
        name = name_of(line)
        if line.quantity_milli not in (0, 1000):
            name = f"{quantity(line.quantity_milli)} x {name}"
        blocks.append(Text(columns(name, layout.money(line.amount_minor))))
        if off and line.line_id in off:
            blocks.append(Text(columns("  " + say("member price"), layout.money(-off[line.line_id]))))
    blocks.append(Text("-" * layout.width_columns))
    reward = reward_named(program, priced.reward)
    if priced.redeemed_minor:
        paid = in_language(reward.title, layout.language) if reward else say("Paid with points")
        blocks.append(Text(columns(say("Subtotal"), layout.money(priced.paid.total_minor))))
        blocks.append(Text(columns(paid, layout.money(-priced.redeemed_minor))))
        shares = [(name_of(line), priced.taken[line.line_id]) for line in sale.lines if line.line_id in priced.taken]
        if len(sale.lines) > 1:
            blocks += [
                Text(columns("  " + say("of it {name}", name=name), layout.money(share))) for name, share in shares
            ]
    total = say("TOTAL {currency}", currency=sale.currency)
    blocks.append(Text(columns(total, layout.money(priced.due_minor)), bold=True))
    blocks.append(Feed())
    if points is not None:
        blocks += points_block(program, points, layout, worth_saying(priced.award.reasons))
        if reward and not priced.redeemed_minor:
            title = in_language(reward.title, layout.language)
            blocks += layout.wrapped(say("For your points: {reward}", reward=title) if reward.points else title)
        blocks += _beside_points(program, priced, layout)
        blocks += [block for line in (*_tier_lines(tier, layout), *benefits) for block in layout.wrapped(line)]
    elif could_have_earned and program.claim.within_days and not is_training:
        could = program.unit.counted(could_have_earned)
        days = program.claim.within_days
        blocks += layout.wrapped(
            say("You could have earned {points}: scan within {days} days", points=could, days=days)
        )
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
    tier: TierShown | None = None,
) -> Document:
    """The slip of a return or void, with the tier as it is now: what came back may have carried it."""
    say, columns = layout.say, layout.columns
    blocks = _heading(layout, at)
    blocks.append(Text(say("VOID") if is_void else say("RETURN"), bold=True, align="center"))
    blocks.append(Text(columns(say("Of receipt"), sale_reference)))
    blocks.append(Text(columns(say("Goods returned"), layout.money(returned_minor))))
    if restored_minor:
        blocks.append(Text(columns(say("Given back as points"), layout.money(-restored_minor))))
    refund = say("REFUND {currency}", currency=currency)
    blocks.append(Text(columns(refund, layout.money(returned_minor - restored_minor)), bold=True))
    blocks.append(Feed())
    if points is not None:
        blocks += points_block(program, points, layout)
        blocks += [block for line in _tier_lines(tier, layout) for block in layout.wrapped(line)]
    return _ended(blocks, layout, reference)


def claim_receipt(
    program: Program, layout: Layout, *, at: str, sale_reference: str, reference: str, points: PointsShown
) -> Document:
    """The slip of a forgotten card that was attached to an earlier sale."""
    blocks = _heading(layout, at)
    blocks.append(Text(layout.say("POINTS ADDED"), bold=True, align="center"))
    blocks.append(Text(layout.columns(layout.say("For receipt"), sale_reference)))
    blocks.append(Feed())
    blocks += points_block(program, points, layout)
    return _ended(blocks, layout, reference)


def name_of(line: LineItem) -> str:
    return line.name or line.sku or line.line_id


def _tier_lines(tier: TierShown | None, layout: Layout) -> list[str]:
    """Where the member stands now, and what is missing to the next tier."""
    if tier is None:
        return []
    day = date_words(tier.ends, layout.language) if tier.ends else ""
    until = layout.say("{tier} until {day}", tier=tier.title, day=day) if day else tier.title
    return [until, tier.text] if tier.text else [until]


def _beside_points(program: Program, priced: Priced, layout: Layout) -> list[Block]:
    """What the sale did beside moving points: when they can be used, what goes to charity."""
    say, lines = layout.say, list[str]()
    if priced.award.points and priced.award.usable_from:
        day = date_words(priced.award.usable_from, layout.language)
        lines.append(say("This sale's points: use from {day}", day=day))
    if priced.effects.donated_minor:
        charity = (
            said(program.giving.chosen(priced.effects.charity).title) if program.giving else priced.effects.charity
        )
        amount = Money(priced.effects.donated_minor)
        lines.append(say("{amount} goes to {charity}", amount=amount, charity=charity))
    return [block for line in lines for block in layout.wrapped(line)]


def points_block(program: Program, shown: PointsShown, layout: Layout, reasons: Sequence[Reason] = ()) -> list[Block]:
    """The member's points. Signs always; the date is the last day on which points can be used. `reasons` explain the sale's."""
    say, columns, balance = layout.say, layout.columns, shown.balance
    card = say("Card {card}", card=masked(shown.card)) if shown.card else ""
    lines: list[Block] = [Text(columns(program.unit.heading(layout.language), card), bold=True)]
    if shown.is_current:
        worth = worth_minor(program, balance.points)
        value = say("(worth {amount})", amount=Money(worth)) if worth > 0 else ""
        lines.append(Text(columns(say("New balance {points}", points=balance.points), value)))
    elif balance.as_of:
        told = local(program, balance.as_of)
        day = f"{told.day} {say(MONTHS[told.month - 1])} {told:%H:%M}"
        lines.append(Text(columns(say("Balance {moment}", moment=day), str(balance.known))))
        earlier = balance.since - shown.earned + shown.used
        words = say("Earned here since") if earlier >= 0 else say("Used here since")
        lines.append(Text(columns(words, f"{earlier:+d}")))
    else:
        earlier = balance.since - shown.earned + shown.used
        lines.append(Text(columns(say("Earned at this till before"), f"{earlier:+d}")))
    lines.append(Text(columns(say("This sale") if shown.earned >= 0 else say("Taken back"), f"{shown.earned:+d}")))
    for reason in reasons:
        words = reason.in_language(layout.language)
        lines += layout.spread(words, f"{reason.points:+d}" if reason.points else "")
    if shown.used:
        lines.append(Text(columns(say("Used") if shown.used > 0 else say("Given back"), f"{-shown.used:+d}")))
    if balance.points < 0 and (shown.is_current or not balance.as_of):
        lines += layout.wrapped(say("Next {points} cover your return", points=program.unit.counted(-balance.points)))
    elif not shown.is_current and not shown.is_online:
        lines.append(Text(columns(say("Can use here today"), str(shown.spendable_here))))
    elif shown.is_current and balance.expiring and program.expire.warns_on(balance.next_expiry, shown.today):
        last = date_words(day_before(balance.next_expiry), layout.language)
        lines += layout.wrapped(say("Use {points} by {day}", points=program.unit.short(balance.expiring), day=last))
    return lines


def explained(reasons: tuple[Reason, ...], language: str = "en") -> list[str]:
    """The award in lines a customer understands."""
    said_ones = [(reason.in_language(language), reason.points) for reason in reasons]
    return [f"{words}: {points:+d}" if points else words for words, points in said_ones]


def worth_saying(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The rate alone explains itself: it stands where the shop says how its programme goes."""
    return reasons if len(reasons) > 1 else ()


def date_words(day: str, language: str = "en") -> str:
    """
    >>> date_words("2026-11-21"), date_words("2026-03-01", "tr")
    ('21 Nov 2026', '1 Mar 2026')
    """
    return f"{int(day[8:])} {translated(MONTHS[int(day[5:7]) - 1], language)} {day[:4]}"


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


def _heading(layout: Layout, at: str, *, is_training: bool = False) -> list[Block]:
    blocks: list[Block] = [Text(line, bold=index == 0, align="center") for index, line in enumerate(layout.header)]
    blocks.append(Text(at.replace("T", " ")[:16], align="center"))
    if is_training:
        blocks.append(Text(layout.say("TRAINING - NOT A SALE"), bold=True, align="center"))
    blocks.append(Feed())
    return blocks


def _ended(blocks: list[Block], layout: Layout, reference: str) -> Document:
    blocks.append(Feed())
    blocks += [Text(line, align="center") for line in layout.footer]
    if reference:
        blocks.append(Text(layout.say("Receipt {reference}", reference=reference), align="center"))
    blocks.append(Cut())
    return Document(layout.width_columns, tuple(blocks))
