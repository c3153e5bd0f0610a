"""Receipts: the sale, and the block that tells the member about points, in words that are true when they are printed.

Where the till has just heard from head office there is one balance line. Where it has not, what is known and what happened
here since stand apart, and no figure merges the two. Which parts there are, in which order and in whose words is the shop's
template (`receipt_template`); what a part says is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from drivers.document import Barcode, Block, Cut, Document, Feed, Qr, Text
from loyalty.card import masked
from loyalty.days import day_before
from loyalty.priced import Priced, reward_named
from loyalty.program import Program
from loyalty.redeem import worth_minor
from loyalty.reward import Reward
from loyalty.sale import LineItem, Sale
from loyalty.words import (
    DECIMAL_COMMA,
    MONTHS,
    Amount,
    Money,
    Reason,
    date_words,
    in_language,
    said,
)
from offline_store.members import Balance
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipt_template import OF_MEMBERS, SALE, SPACING, Template, fields_of

Align = Literal["left", "center", "right"]

CLAIM_MODULE_DOTS = 6
"""Of the claim code: customers read it with their own phones."""


class TierShown(msgspec.Struct, frozen=True):
    """A member's tier, "" below the first, with its last day, "" where it has none; and what is missing to the next.

    `missing` counts what the programme's tiers do: minor units, points or visits; `text` says it.
    """

    tier: str
    title: str
    ends: str = ""
    next: str = ""
    next_title: str = ""
    missing: int = 0
    text: str = ""


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
    in_reach: tuple[int, str] | None = None,
    own_lines: Sequence[str] = (),
    feedback: str = "",
    is_training: bool = False,
    rewards: dict[str, list[Block]] | None = None,
) -> Document:
    """The receipt of a sale. Without a member it says what could have been earned, and how to claim it.

    What members' prices take off a line stands below it; what points take off each, where they are a discount that lowers its
    tax, below the sum of it. A document without blocks is not for printing: the shop's own till prints the sale, and there is
    nothing to say about points. `feedback` is the code by which whoever holds it says how it was. `rewards` are the parts
    about points, where the caller has them already; `own_lines` are of the shop's own program.
    """
    reward = reward_named(program, priced.reward)
    parts = {
        "lines": _lines(layout, sale, priced),
        "discounts": _discounts(layout, sale, priced, reward),
        "totals": [_total(layout, "total", sale.currency, priced.due_minor)],
    }
    if own_lines:
        parts["own"] = [block for line in own_lines for block in layout.wrapped(line, "center")]
    if feedback and "feedback" in layout.template.blocks:
        code = Qr(layout.template.feedback_link.format(code=feedback), CLAIM_MODULE_DOTS)
        parts["feedback"] = [*layout.wrapped(layout.word("feedback"), "center"), _BLANK, code, _BLANK]
    if sale.operator and "operator" in layout.template.blocks:
        parts["operator"] = layout.wrapped(layout.word("operator", operator=sale.operator), "center")
    if rewards is None:
        rewards = reward_parts(
            program,
            layout,
            sale,
            reference=reference,
            points=points,
            could_have_earned=could_have_earned,
            priced=priced,
            tier=tier,
            benefits=benefits,
            in_reach=in_reach,
            is_training=is_training,
        )
    return _laid_out(layout, {**parts, **rewards}, sale.sold_at, reference, is_training=is_training)


def reward_parts(
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
    in_reach: tuple[int, str] | None = None,
    is_training: bool = False,
) -> dict[str, list[Block]]:
    """The parts of a sale's receipt that are about points, and the shop's own notes.

    `in_reach`: points that are missing, and for which reward.
    """
    parts = dict[str, list[Block]]()
    reward = reward_named(program, priced.reward)
    if points is not None:
        parts["points"] = points_block(program, points, layout, worth_saying(priced.award.reasons))
        parts["points"] += _with_points(program, priced, reward, layout)
        parts["expiry"] = expiry_lines(program, points, layout)
        parts["charity"] = _charity(program, priced, layout)
        parts["tier"] = _paragraphs(_tier_lines(tier, layout), layout)
        parts["offers"] = _paragraphs(benefits, layout)
        if in_reach and points.is_current:
            missing = program.unit.counted(in_reach[0])
            parts["reach"] = layout.wrapped(layout.word("reach", points=missing, reward=in_reach[1]))
    elif could_have_earned and program.claim.within_days and not is_training:
        could = program.unit.counted(could_have_earned)
        parts["claim"] = layout.wrapped(layout.word("claim", points=could, days=program.claim.within_days))
        if "claim code" in layout.template.blocks:
            parts["claim code"] = [*parts["claim"]]
            if reference:
                link = layout.template.claim_link
                code = Qr(link.format(reference=reference) if link else reference, CLAIM_MODULE_DOTS)
                # Nothing touches a code, or it cannot be read.
                parts["claim code"] += [_BLANK, code, _BLANK]
    if layout.template.note:
        figures = {"total": layout.money(priced.due_minor), "currency": sale.currency, "operator": sale.operator}
        parts |= _notes(layout, sale.sold_at, reference, points, tier, figures)
    return parts


def reward_lines(layout: Layout, parts: Mapping[str, list[Block]]) -> list[str]:
    """The parts about points as lines of text, as they stand on the shop's receipt: another till prints them below its own.

    Wherever the shop's own receipt has its points; what is between two of these parts there is between them here. Codes are
    left out: a line of text cannot hold one.
    """
    of_members = layout.template.of_members
    names = [name for name in layout.template.blocks if name in of_members or name in SPACING]
    blocks = list[Block]()
    _put(blocks, names, {**parts, **{name: layout.fixed[name] for name in SPACING}})
    lines = list[str]()
    for block in blocks:
        if isinstance(block, Text):
            lines.append(block.text)
        elif isinstance(block, Feed):
            lines += [""] * block.lines
    rule = "-" * layout.width_columns  # around the parts; between two of them it stays
    while lines and lines[0] in ("", rule):
        del lines[0]
    while lines and lines[-1] in ("", rule):
        del lines[-1]
    return lines


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
    parts: dict[str, list[Block]] = {
        "lines": [
            Text(say("VOID") if is_void else say("RETURN"), bold=True, align="center"),
            Text(columns(say("Of receipt"), sale_reference)),
            Text(columns(say("Goods returned"), layout.money(returned_minor))),
        ],
        "totals": [
            Text(
                columns(say("REFUND {currency}", currency=currency), layout.money(returned_minor - restored_minor)),
                bold=True,
            )
        ],
    }
    if restored_minor:
        parts["discounts"] = [Text(columns(say("Given back as points"), layout.money(-restored_minor)))]
    if points is not None:
        parts["points"] = points_block(program, points, layout)
        parts["expiry"] = expiry_lines(program, points, layout)
        parts["tier"] = _paragraphs(_tier_lines(tier, layout), layout)
    parts |= _notes(layout, at, reference, points, tier, {})
    return _laid_out(layout, parts, at, reference)


def claim_receipt(
    program: Program, layout: Layout, *, at: str, sale_reference: str, reference: str, points: PointsShown
) -> Document:
    """The slip of a forgotten card that was attached to an earlier sale."""
    title: list[Block] = [
        Text(layout.say("POINTS ADDED"), bold=True, align="center"),
        Text(layout.columns(layout.say("For receipt"), sale_reference)),
        Feed(),
    ]
    parts = {
        "points": title + points_block(program, points, layout),
        "expiry": expiry_lines(program, points, layout),
        **_notes(layout, at, reference, points, None, {}),
    }
    return _laid_out(layout, parts, at, reference)


def _lines(layout: Layout, sale: Sale, priced: Priced) -> list[Block]:
    columns, off, blocks = layout.columns, priced.off.lines, list[Block]()
    wraps = layout.template.long_names == "wrap"
    for line in sale.lines:
        name = name_of(line)
        if line.quantity_milli not in (0, 1000):
            name = f"{quantity(line.quantity_milli, layout.language)} x {name}"
        amount = layout.money(line.amount_minor)
        if wraps:
            blocks += layout.spread(name, amount, "")
        else:
            blocks.append(Text(columns(name, amount)))
        if off and line.line_id in off:
            blocks.append(Text(columns("  " + layout.word("member_price"), layout.money(-off[line.line_id]))))
    return blocks + layout.fixed["rule"]


def _discounts(layout: Layout, sale: Sale, priced: Priced, reward: Reward | None) -> list[Block]:
    if not priced.redeemed_minor:
        return []
    columns, money = layout.columns, layout.money
    paid = in_language(reward.title, layout.language) if reward else layout.word("paid_with_points")
    blocks: list[Block] = [
        Text(columns(layout.word("subtotal"), money(priced.paid.total_minor))),
        Text(columns(paid, money(-priced.redeemed_minor))),
    ]
    if len(sale.lines) > 1:
        shares = [(name_of(line), priced.taken[line.line_id]) for line in sale.lines if line.line_id in priced.taken]
        blocks += [Text(columns("  " + layout.say("of it {name}", name=name), money(share))) for name, share in shares]
    return blocks


def _total(layout: Layout, word: str, currency: str, minor: int) -> Block:
    return Text(layout.columns(layout.word(word, currency=currency), layout.money(minor)), bold=True)


def _with_points(program: Program, priced: Priced, reward: Reward | None, layout: Layout) -> list[Block]:
    """What the sale did with points beside moving them: what was handed over for them, and when they can be used."""
    lines = list[str]()
    if reward and not priced.redeemed_minor:
        title = in_language(reward.title, layout.language)
        lines.append(layout.say("For your points: {reward}", reward=title) if reward.points else title)
    if priced.award.points and priced.award.usable_from:
        day = date_words(priced.award.usable_from, layout.language)
        lines.append(layout.say("This sale's points: use from {day}", day=day))
    return _paragraphs(lines, layout)


def _charity(program: Program, priced: Priced, layout: Layout) -> list[Block]:
    if not priced.effects.donated_minor:
        return []
    amount = Amount(priced.effects.donated_minor, program.currency, on_paper=True)
    charity = said(program.giving.chosen(priced.effects.charity).title) if program.giving else priced.effects.charity
    return layout.wrapped(layout.word("charity", amount=amount, charity=charity))


def _paragraphs(lines: Sequence[str], layout: Layout) -> list[Block]:
    return [block for line in lines for block in layout.wrapped(line)]


def _notes(
    layout: Layout,
    at: str,
    reference: str,
    points: PointsShown | None,
    tier: TierShown | None,
    figures: Mapping[str, str],
) -> dict[str, list[Block]]:
    """The shop's own texts. One that names what is not known now, as the balance offline, is left out as a whole."""
    if not layout.template.note:
        return {}
    known = {
        "shop": layout.shop,
        "reference": reference,
        "day": date_words(at[:10], layout.language),
        "time": at[11:16],
    }
    known |= figures
    if points is not None:
        known |= {"card": masked(points.card) if points.card else "", "earned": f"{points.earned:+d}"}
        known["balance"] = str(points.balance.points) if points.is_current else ""
        known["tier"] = tier.title if tier else ""
    parts = {}
    for note in layout.template.note:
        words = in_language(note.says, layout.language)
        if all(known.get(field) for field in fields_of(words)):
            said_so = words.format_map(known)
            parts[note.name] = layout.wrapped(said_so, note.align, bold=note.bold)
    return parts


def name_of(line: LineItem) -> str:
    return line.name or line.sku or line.line_id


def _tier_lines(tier: TierShown | None, layout: Layout) -> list[str]:
    """Where the member stands now, and what is missing to the next tier."""
    if tier is None:
        return []
    day = date_words(tier.ends, layout.language) if tier.ends else ""
    until = layout.say("{tier} until {day}", tier=tier.title, day=day) if day else tier.title
    return [until, tier.text] if tier.text else [until]


def points_block(program: Program, shown: PointsShown, layout: Layout, reasons: Sequence[Reason] = ()) -> list[Block]:
    """The member's points, in the shop's order of lines. Signs always. `reasons` explain the sale's."""
    say, columns, balance = layout.say, layout.columns, shown.balance
    card = say("Card {card}", card=masked(shown.card)) if shown.card else ""
    earlier = balance.since - shown.earned + shown.used
    told: list[Block]
    since: list[Block] = []
    if shown.is_current:
        worth = worth_minor(program, balance.points)
        stands = say("New balance {points}", points=balance.points)
        value = say("(worth {amount})", amount=Amount(worth, program.currency, on_paper=True)) if worth > 0 else ""
        if not layout.fits(stands, value):  # in which currency, the total says
            value = say("(worth {amount})", amount=Money(worth))
        told = (
            [Text(columns(stands, value))] if layout.fits(stands, value) else [Text(stands), Text(columns("", value))]
        )
    elif balance.as_of:
        moment = local(program, balance.as_of)
        day = f"{moment.day} {say(MONTHS[moment.month - 1])} {moment:%H:%M}"
        told = [Text(columns(say("Balance {moment}", moment=day), str(balance.known)))]
        since = [Text(columns(say("Earned here since") if earlier >= 0 else say("Used here since"), f"{earlier:+d}"))]
    else:
        told = [Text(columns(say("Earned at this till before"), f"{earlier:+d}"))]
    lines: dict[str, list[Block]] = {
        "balance": told,
        "since": since,
        "sale": [Text(columns(say("This sale") if shown.earned >= 0 else say("Taken back"), f"{shown.earned:+d}"))],
    }
    if reasons:
        lines["why"] = [
            block
            for reason in reasons
            for block in layout.spread(
                reason.in_language(layout.language, program.currency, on_paper=True),
                f"{reason.points:+d}" if reason.points else "",
            )
        ]
    if shown.used:
        used = say("Used") if shown.used > 0 else say("Given back")
        lines["used"] = [Text(columns(used, f"{-shown.used:+d}"))]
    if balance.points < 0 and (shown.is_current or not balance.as_of):
        owed = program.unit.counted(-balance.points)
        lines["here"] = layout.wrapped(say("Next {points} cover your return", points=owed))
    elif not shown.is_current and not shown.is_online:
        lines["here"] = [Text(columns(say("Can use here today"), str(shown.spendable_here)))]
    blocks: list[Block] = [Text(columns(program.unit.heading(layout.language), card), bold=True)]
    for name in layout.template.points_lines:
        blocks += lines.get(name, ())
    return blocks


def expiry_lines(program: Program, shown: PointsShown, layout: Layout) -> list[Block]:
    """Points that end soon, with the last day on which they can be used; only while it is known that they are there."""
    balance = shown.balance
    if not shown.is_current or balance.points < 0 or not balance.expiring:
        return []
    if not program.expire.warns_on(balance.next_expiry, shown.today):
        return []
    last = date_words(day_before(balance.next_expiry), layout.language)
    return layout.wrapped(layout.word("expiry", points=program.unit.short(balance.expiring), day=last))


def worth_saying(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The rate alone explains itself: it stands where the shop says how its programme goes."""
    return reasons if len(reasons) > 1 else ()


def quantity(milli: int, language: str) -> str:
    """Thousandths as a person writes them.

    >>> quantity(2000, "en"), quantity(1250, "en"), quantity(1250, "de")
    ('2', '1.25', '1,25')
    """
    written = f"{milli // 1000}.{milli % 1000:03d}".rstrip("0").rstrip(".")
    return written.replace(".", ",") if language in DECIMAL_COMMA else written


def local(program: Program, utc: str) -> datetime:
    return datetime.fromisoformat(utc).astimezone(program.zone)


def _laid_out(
    layout: Layout, parts: dict[str, list[Block]], at: str, reference: str, *, is_training: bool = False
) -> Document:
    """The parts of a receipt where the shop wants them: on one paper, or those about points on a slip of their own."""
    template = layout.template
    parts = {
        **layout.fixed,
        **parts,
        "date": [Text(at.replace("T", " ")[:16], align="center")],
        "reference": [],
    }
    if is_training:
        parts["date"].append(Text(layout.say("TRAINING - NOT A SALE"), bold=True, align="center"))
    if reference:
        parts["reference"] = layout.wrapped(layout.word("reference", reference=reference), "center")
        if "barcode" in template.blocks:
            parts["barcode"] = [_BLANK, Barcode(reference)]
    blocks = list[Block]()
    if layout.is_block:
        return Document(layout.width_columns, _without_paper(template, parts), layout.say("COPY"))
    if template.points == "receipt":
        _put(blocks, template.blocks, parts)
    elif template.points == "none" and "totals" in parts:
        _put(blocks, [name for name in template.blocks if name not in template.of_members], parts)
    elif template.points != "none":
        if template.points == "slip" and "totals" in parts:
            _put(blocks, [name for name in template.blocks if name not in template.of_members], parts)
        if any(parts.get(name) for name in OF_MEMBERS if name in template.blocks):
            names = [name for name in template.blocks if name not in (*SALE, "operator")]
            if blocks:
                blocks[-1] = Cut(partial=True)
                heads = template.of_members.union(("header", "date", "blank", "reference"))
                names = [name for name in names if name in heads]
            _put(blocks, names, parts)
    return Document(layout.width_columns, tuple(blocks), layout.say("COPY"))


def _without_paper(template: Template, parts: Mapping[str, list[Block]]) -> tuple[Block, ...]:
    """What is about points, below a blank line; nothing where there is nothing to say of them.

    The reference stands with what can be claimed: the till's own would not do for that.
    """
    if not any(parts.get(name) for name in OF_MEMBERS if name in template.blocks):
        return ()
    wanted = template.of_members.union(
        SPACING, ["own"], ["reference"] if parts.get("claim") and not parts.get("points") else []
    )
    blocks = list[Block]([_BLANK])
    for name in template.blocks:
        part = parts.get(name) if name in wanted else None
        if not part or (name in SPACING and blocks[-1] in (_BLANK, *parts["rule"])):
            continue
        blocks += part
    while blocks[-1] in (_BLANK, *parts["rule"]):
        blocks.pop()
    return tuple(blocks)


def laid_out_slip(layout: Layout, body: list[Block], at: str, reference: str) -> Document:
    """A slip of its own: the receipt's head and foot around `body`."""
    parts: dict[str, list[Block]] = {
        **layout.fixed,
        "date": [Text(at.replace("T", " ")[:16], align="center")],
        "body": body,
        "reference": layout.wrapped(layout.word("reference", reference=reference), "center") if reference else [],
    }
    blocks = list[Block]()
    _put(blocks, ("logo", "header", "date", "blank", "body", "blank", "footer", "reference"), parts)
    return Document(layout.width_columns, tuple(blocks), layout.say("COPY"))


def _put(blocks: list[Block], names: Sequence[str], parts: Mapping[str, list[Block]]) -> None:
    """Puts a paper's parts one below the other and cuts it. Blank lines do not add up where what they part is not there."""
    start = len(blocks)
    for name in names:
        part = parts.get(name)
        if not part:
            continue
        if isinstance(part[0], Feed) and (len(blocks) == start or isinstance(blocks[-1], Feed)):
            part = part[1:]
        blocks += part
    blocks.append(_CUT)


_BLANK = Feed()
_CUT = Cut()
