"""Slips: papers that are no receipt of a sale. Each is made of plain values and knows neither the till nor its file.

They share the receipt's head, foot and language, and end as a receipt does: with a cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.document import Barcode, Block, Document, Feed, Text
from loyalty.card import ean13_check_digit, masked
from loyalty.program import Program
from loyalty.words import Money
from pos_plugin.receipts import Layout, date_words, laid_out_slip


@dataclass(frozen=True)
class DeviceFound:
    """What was found of a device or a setting, as `pos-plugin doctor` tells it; `do` is "" where there is nothing to do."""

    what: str
    is_well: bool
    found: str
    do: str = ""


@dataclass(frozen=True)
class ClosingFigures:
    """What a closing says of a business day or a shift, as it is given. Money in minor units, by tender as the shop calls it.

    `unsent` entries are on this till alone until head office has them: figures of head office may lack them.
    """

    sales: int
    sales_minor: int
    returns: int
    returns_minor: int
    tenders: tuple[tuple[str, int], ...] = ()
    sales_with_member: int = 0
    points_issued: int = 0
    points_redeemed: int = 0
    points_reversed: int = 0
    unsent: int = 0


def enrolment_slip(
    program: Program,
    layout: Layout,
    *,
    at: str,
    card: str,
    is_new_number: bool,
    points: int = 0,
    reference: str = "",
    agreed: tuple[str, str] | None = None,
) -> Document:
    """For whoever has joined. A number that was made here is printed in full and as a bar code: it is their card.

    A card that they brought is masked, as on a receipt. What they `agreed` to, its version and its words, is theirs to keep.
    """
    blocks = _title(layout, layout.say("WELCOME"))
    if is_new_number:
        blocks += layout.wrapped(layout.say("This is your card. Keep it, or take a picture of it:"), "center")
        blocks += [Feed(), _card_code(card)]
    else:
        blocks.append(Text(layout.columns(layout.say("Card"), masked(card))))
    blocks.append(Feed())
    if points:
        given = program.unit.counted(points)
        blocks += layout.wrapped(layout.say("Waiting for you: {points}", points=given))
    if program.redeem.points:
        worth, needed = Money(program.redeem.worth_minor), program.unit.counted(program.redeem.points)
        blocks += layout.wrapped(layout.say("{amount} off for {points}", amount=worth, points=needed))
    blocks += layout.wrapped(layout.say("Show your card each time you buy."))
    if agreed:
        version, words = agreed
        blocks += [Feed(), *layout.wrapped(layout.say("You agreed to this (text {version}):", version=version))]
        blocks += layout.wrapped(words)
        blocks += layout.wrapped(layout.say("You can take this back at any time, here at the till."))
    return laid_out_slip(layout, blocks, at, reference)


def ticket_slip(
    layout: Layout, *, at: str, ticket: str, about: str, said: str, answer_by: str = "", receipt_reference: str = ""
) -> Document:
    """For whoever has complained or asked: what was written down, and the number by which to ask again."""
    blocks = _title(layout, layout.say("YOUR REQUEST"))
    blocks.append(Text(layout.columns(layout.say("Number"), ticket), bold=True))
    if receipt_reference:
        blocks.append(Text(layout.columns(layout.say("For receipt"), receipt_reference)))
    blocks += [Feed(), *layout.wrapped(about, bold=True), *layout.wrapped(said), Feed()]
    if answer_by:
        day = date_words(answer_by, layout.language)
        blocks += layout.wrapped(layout.say("You will have an answer by {day}.", day=day))
    blocks += layout.wrapped(layout.say("Name this number when you ask about it."))
    blocks += [Feed(), _code(ticket)]
    return laid_out_slip(layout, blocks, at, "")


def gift_card_slip(
    layout: Layout, *, at: str, card: str, balance_minor: int, currency: str, expires_on: str = "", reference: str = ""
) -> Document:
    """The gift card itself: whoever holds this paper can pay with it, and it says so."""
    blocks = _title(layout, layout.say("GIFT CARD"))
    amount = f"{layout.money(balance_minor)} {currency}"
    blocks += [Text(amount, bold=True, double=True, align="center"), Feed(), _card_code(card), Feed()]
    if expires_on:
        blocks += layout.wrapped(
            layout.say("Valid through {day}", day=date_words(expires_on, layout.language)), "center"
        )
    blocks += layout.wrapped(layout.say("Keep it like cash: whoever holds this paper can pay with it."), "center")
    return laid_out_slip(layout, blocks, at, reference)


def closing_slip(
    layout: Layout,
    *,
    at: str,
    kind: str,
    number: int,
    business_day: str,
    terminal: str,
    currency: str,
    figures: ClosingFigures,
    operator: str = "",
) -> Document:
    """A closing: "X" is a look that changes nothing, "Z" ends the day and has a number of its own."""
    say, columns, money = layout.say, layout.columns, layout.money
    if kind not in ("X", "Z"):
        raise ValueError(f"a closing is X or Z, not {kind}")
    title = say("X REPORT") if kind == "X" else say("Z REPORT {number}", number=number)
    blocks = _title(layout, title)
    blocks.append(Text(columns(say("Business day"), date_words(business_day, layout.language))))
    blocks.append(Text(columns(say("Till"), terminal)))
    if operator:
        blocks.append(Text(columns(say("Operator"), operator)))
    blocks += layout.fixed["rule"]
    net = figures.sales_minor - figures.returns_minor
    blocks += [
        Text(columns(say("Sales ({count})", count=figures.sales), money(figures.sales_minor))),
        Text(columns(say("Returns ({count})", count=figures.returns), money(-figures.returns_minor))),
        Text(columns(say("TOTAL {currency}", currency=currency), money(net)), bold=True),
    ]
    blocks += [Text(columns(f"  {tender}", money(minor))) for tender, minor in figures.tenders]
    blocks += layout.fixed["rule"]
    blocks += [
        Text(columns(say("Sales with a member"), _share(figures.sales_with_member, figures.sales, layout))),
        Text(columns(say("Points given"), f"{figures.points_issued:+d}")),
        Text(columns(say("Points used"), f"{-figures.points_redeemed:+d}")),
        Text(columns(say("Points taken back"), f"{-figures.points_reversed:+d}")),
    ]
    if figures.unsent:
        blocks += layout.wrapped(
            say("Entries not at head office yet: {count}. They are safe here.", count=figures.unsent)
        )
    if kind == "X":
        blocks += [Feed(), *layout.wrapped(say("A look only: the day goes on."), "center")]
    return laid_out_slip(layout, blocks, at, "")


def device_status_slip(layout: Layout, *, at: str, terminal: str, found: Sequence[DeviceFound]) -> Document:
    """How the till and its devices are, what is wrong first."""
    blocks = _title(layout, layout.say("DEVICE STATUS"))
    blocks.append(Text(layout.columns(layout.say("Till"), terminal)))
    wrong = sum(not one.is_well for one in found)
    blocks += layout.wrapped(
        layout.say("All is well.") if not wrong else layout.say("To put right: {count}", count=wrong), bold=True
    )
    blocks += layout.fixed["rule"]
    for one in sorted(found, key=lambda one: one.is_well):
        word = layout.say("ok") if one.is_well else layout.say("PROBLEM")
        blocks.append(Text(layout.columns(one.what, word), bold=not one.is_well))
        blocks += _indented(layout, [one.found, one.do])
    return laid_out_slip(layout, blocks, at, "")


def _title(layout: Layout, title: str) -> list[Block]:
    return [*layout.wrapped(title, "center", bold=True), Feed()]


def _card_code(card: str) -> Block:
    if len(card) == 13 and card.isascii() and card.isdigit() and ean13_check_digit(card[:12]) == card[12]:
        return Barcode(card, "ean13")
    return _code(card)


def _code(data: str) -> Block:
    """A bar code; the data alone where no bar code holds it."""
    fits = data and data.isascii() and data.isprintable()
    return Barcode(data) if fits else Text(data, align="center")


def _indented(layout: Layout, sentences: Iterable[str]) -> list[Block]:
    narrow = Layout(layout.width_columns - 2)
    lines = [block for sentence in sentences if sentence for block in narrow.wrapped(sentence)]
    return [Text(f"  {line.text}") for line in lines if isinstance(line, Text)]


def _share(part: int, whole: int, layout: Layout) -> str:
    if not whole:
        return str(part)
    tenths = (part * 1000 + whole // 2) // whole
    point = layout.money(0)[1]  # the comma of the language
    return f"{part} ({tenths // 10}{point}{tenths % 10} %)"
