"""Slips: papers that are no receipt of a sale. Each is made of plain values and knows neither the till nor its file.

They share the receipt's head, foot and language, and end as a receipt does: with a cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from drivers.document import Barcode, Block, Document, Feed, Qr, Text
from ledger.closing import OTHERS, gap_words, share_tenths
from ledger.entry import Gap, Tally
from loyalty.card import ean13_check_digit, masked
from loyalty.program import Program
from loyalty.words import Amount, date_words, text
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import laid_out_slip

MOST_DAYS = 14
"""So many days have a line of their own; the sales of those before are counted together."""


@dataclass(frozen=True)
class DeviceFound:
    """What was found of a device or a setting, as `pos-plugin doctor` tells it; `do` is "" where there is nothing to do."""

    what: str
    is_well: bool
    found: str
    do: str = ""


@dataclass(frozen=True)
class ClosingFigures:
    """What a closing says of a trading day, as `ledger.closing` has counted it.

    `unsent` entries are on this till alone until head office has them: figures of head office may lack them. `names` are those of
    the operators where they are known, `shift_names` say who was in a shift and from when to when; with `only`, the figures are
    this operator's alone. `restored_on`: the day on which this till was put back to an earlier state, where no closing has said
    so yet.
    """

    total: Tally
    operators: Mapping[str, Tally] = field(default_factory=dict)
    shifts: Mapping[str, Tally] = field(default_factory=dict)
    late: Mapping[str, int] = field(default_factory=dict)
    ahead: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[Gap] = ()
    unsent: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    shift_names: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    restored_on: str = ""

    def name(self, operator: str) -> str:
        """As people know them: two of one name have their own beside it."""
        shown = self.names.get(operator, operator)
        others = {self.names.get(one, one) for one in {*self.operators, *self.names} - {operator}}
        return f"{shown} ({operator})" if shown in others and shown != operator else shown


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
        worth = Amount(program.redeem.worth_minor, program.currency, on_paper=True)
        needed = program.unit.counted(program.redeem.points)
        blocks += layout.wrapped(layout.say("{amount} off for {points}", amount=worth, points=needed))
    blocks += layout.wrapped(layout.say("Show your card each time you buy."))
    if agreed:
        version, words = agreed
        blocks += [Feed(), *layout.wrapped(layout.say("You agreed to this (text {version}):", version=version))]
        blocks += layout.wrapped(words)
        blocks += layout.wrapped(layout.say("If you change your mind, tell us here at the till."))
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
    reference: str = "",
) -> Document:
    """A closing: "X" is a look that changes nothing, "Z" ends the day and has a number of its own."""
    say, columns = layout.say, layout.columns
    if kind not in ("X", "Z"):
        raise ValueError(f"a closing is X or Z, not {kind}")
    title = say("X REPORT") if kind == "X" else say("Z REPORT {number}", number=number)
    blocks = _title(layout, title)
    blocks.append(Text(columns(say("Business day"), date_words(business_day, layout.language))))
    blocks.append(Text(columns(say("Till"), terminal)))
    if operator:
        blocks.append(Text(columns(say("Operator"), figures.name(operator))))
    if figures.only:
        blocks += layout.wrapped(say("These figures are {name}'s alone.", name=figures.name(figures.only)), bold=True)
    elif figures.total == Tally():
        blocks += layout.wrapped(say("Nothing was sold, given or taken back."), bold=True)
    if figures.restored_on:
        day = date_words(figures.restored_on, layout.language)
        blocks += layout.wrapped(say("On {day} this till was put back to an earlier state.", day=day), bold=True)
        blocks += layout.wrapped(say("What it closed after that state is not in here, and may have the same numbers."))
    blocks += layout.fixed["rule"]
    blocks += _money_taken(layout, figures.total, currency)
    blocks += layout.fixed["rule"]
    blocks += _points_moved(layout, figures.total)
    by_name = [(figures.name(operator), one) for operator, one in figures.operators.items()]
    blocks += _parts(layout, say("BY CASHIER"), [] if figures.only else by_name)
    by_shift = [
        (figures.shift_names.get(shift, shift or say("without a shift")), one) for shift, one in figures.shifts.items()
    ]
    blocks += _parts(layout, say("BY SHIFT"), by_shift)
    if figures.late or figures.ahead or figures.missing or figures.unsent:
        blocks += layout.fixed["rule"]
    if figures.late:
        blocks += layout.wrapped(say("Of other days, or later than their closing:"))
        blocks += _by_day(layout, figures.late)
    if figures.ahead:
        blocks += layout.wrapped(say("Not in here, for a later closing:"))
        blocks += _by_day(layout, figures.ahead)
    if figures.missing:
        blocks += layout.wrapped(say("No sale has these receipt numbers:"), bold=True)
        for gap in figures.missing:
            blocks += layout.spread(say("Till {till}", till=gap.till), gap_words(gap))
    if figures.unsent:
        blocks += layout.wrapped(
            say("Entries not at head office yet: {count}. They are safe here.", count=figures.unsent)
        )
    if kind == "X":
        blocks += [Feed(), *layout.wrapped(say("A look only: the day goes on."), "center")]
    return laid_out_slip(layout, blocks, at, reference)


def _money_taken(layout: Layout, total: Tally, currency: str) -> list[Block]:
    say, columns, money = layout.say, layout.columns, layout.money
    blocks: list[Block] = [
        Text(columns(say("Sales ({count})", count=total.sales), money(total.sales_minor))),
        Text(columns(say("Returns ({count})", count=total.returns), money(-total.returns_minor))),
    ]
    if total.voids:
        blocks.append(Text(columns(say("Voided"), str(total.voids))))
    net = total.sales_minor - total.returns_minor
    blocks.append(Text(columns(say("TOTAL {currency}", currency=currency), money(net)), bold=True))
    if total.redeemed_minor:
        blocks.append(Text(columns(f"  {say('paid with points')}", money(total.redeemed_minor))))
    return blocks


def _points_moved(layout: Layout, total: Tally) -> list[Block]:
    say, columns, money = layout.say, layout.columns, layout.money
    blocks: list[Block] = [
        Text(
            columns(
                say("Sales with a member"), _share(str(total.member_sales), total.member_sales, total.sales, layout)
            )
        )
    ]
    if total.member_minor:
        share = _share(money(total.member_minor), total.member_minor, total.sales_minor, layout)
        blocks.append(Text(columns(f"  {say('their value')}", share)))
    blocks += [
        Text(columns(say("Points given"), f"{total.issued:+d}")),
        Text(columns(say("Points used"), f"{-total.redeemed:+d}")),
        Text(columns(say("Points taken back"), f"{-total.reversed:+d}")),
    ]
    if total.restored:
        blocks.append(Text(columns(say("Points given back"), f"{total.restored:+d}")))
    return blocks


def _parts(layout: Layout, title: str, tallies: Sequence[tuple[str, Tally]]) -> list[Block]:
    """A cashier or a shift in two lines: what was sold, and how many of the sales had a member."""
    if not tallies:
        return []
    say = layout.say
    blocks: list[Block] = [*layout.fixed["rule"], *layout.wrapped(title, bold=True)]
    for name, one in tallies:
        sold = f"{one.sales}  {layout.money(one.sales_minor - one.returns_minor)}"
        blocks += layout.spread(name or say("nobody named"), sold, indent="")
        share = _share(str(one.member_sales), one.member_sales, one.sales, layout)
        blocks.append(Text(layout.columns(f"  {say('with a member')}", share)))
    return blocks


def _by_day(layout: Layout, sales: Mapping[str, int]) -> list[Block]:
    earlier, days = list(sales.items())[:-MOST_DAYS], list(sales.items())[-MOST_DAYS:]
    named = [(date_words(day, layout.language), count) for day, count in days]
    if earlier:  # a till's first closing may cover years
        named.insert(0, (OTHERS, sum(count for _, count in earlier)))
    return [Text(layout.columns(f"  {day}", layout.say("Sales ({count})", count=count))) for day, count in named]


KINDS = {
    "sale": text("Sale"),
    "return": text("Return"),
    "claim": text("Points added later"),
    "give": text("Points given"),
    "join": text("Joined"),
}
"""What moved a member's points, as customers read it."""


def balance_slip(
    program: Program,
    layout: Layout,
    *,
    at: str,
    card: str,
    points: int,
    as_of: str,
    usable_here: int,
    expiring: tuple[int, str] = (0, ""),
    moves: Sequence[tuple[str, str, int]] = (),
) -> Document:
    """A member's balance without a sale. `as_of` is the shop's time of a figure that is not of now, "" for one that is.

    `moves` are the last at this till, newest first: day, kind, points. `expiring`: so many, and the last day of their use.
    """
    say, columns, unit = layout.say, layout.columns, program.unit
    blocks = _title(layout, say("YOUR POINTS"))
    if card:
        blocks.append(Text(columns(say("Card"), masked(card))))
    blocks.append(Text(columns(say("Balance"), str(points)), bold=True))
    if as_of:
        day = date_words(as_of[:10], layout.language)
        blocks += layout.wrapped(say("As of {day}, {time}, with what happened here since.", day=day, time=as_of[11:16]))
    if usable_here != points:
        blocks += layout.wrapped(say("You can use {points} here today.", points=unit.counted(usable_here)))
    if expiring[0]:
        day = date_words(expiring[1], layout.language)
        blocks += layout.wrapped(say("{points} to use by {day}.", points=unit.counted(expiring[0]), day=day))
    if moves:
        blocks += [*layout.fixed["rule"], *layout.wrapped(say("Last at this till"), bold=True)]
        for day, kind, change in moves:
            words = f"{date_words(day, layout.language)}  {say(KINDS[kind]) if kind in KINDS else kind}"
            blocks += layout.spread(words, f"{change:+d}", indent="")
    return laid_out_slip(layout, blocks, at, "")


def suspended_slip(layout: Layout, *, at: str, token: str, till: str, sale_ref: str, good_until: str) -> Document:
    """For the other till: the code of a sale that waits, with what was to be used of points."""
    blocks = _title(layout, layout.say("SALE ON HOLD"))
    blocks.append(Text(layout.columns(layout.say("Till {till}", till=till), sale_ref)))
    blocks += layout.wrapped(layout.say("Good until {time}", time=good_until[11:16]))
    blocks += [Feed(), Qr(token)]
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


def _share(shown: str, part: int, whole: int, layout: Layout) -> str:
    if not whole:
        return shown
    tenths = share_tenths(part, whole)
    point = layout.money(0)[1]  # the comma of the language
    return f"{shown} ({tenths // 10}{point}{tenths % 10} %)"
