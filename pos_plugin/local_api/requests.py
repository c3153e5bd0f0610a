"""What hosts and the page may send: every field bounded, nothing converted, nothing unknown let through."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import Header, Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from ledger.pins import LONGEST
from loyalty.days import is_month_day
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from pos_plugin.intercept.papers import LONGEST_CODE, MOST_CODES, PrintedSale, Recognised, SoldLine

MOST_LINES = 500
MOST_TAGS = 16
MOST_MINOR = 10**12
MOST_POINTS = 10**9
LONGEST_KEY = 128
LONGEST_TOKEN = 512
NARROWEST, WIDEST = 24, 64
"""Columns of paper, as in the settings."""

_QUANTITY = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,3})?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
"""Unicode's categories Cc, Cs, Zl and Zp."""
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_YEARS = range(2000, 2200)


def reference(text: str) -> str:
    """A name that stands in documents and addresses."""
    if not 0 < len(text) <= 64 or not text.isprintable() or "/" in text or text in (".", ".."):
        raise ValueError('must be 1 to 64 printable characters without "/"')
    return text


def _no_control(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def _no_control_but_gs(text: str) -> str:
    """What was scanned: a GS1 code has GS between its elements."""
    _no_control(text.replace("\x1d", ""))
    return text


def _quantity_milli(value: Any) -> int:
    """Thousandths of a quantity: a whole number, or text with up to 3 decimals.

    >>> _quantity_milli(2), _quantity_milli("1.25")
    (2000, 1250)
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _QUANTITY.fullmatch(text):
        raise ValueError('must be a whole number, or text with up to 3 decimals like "1.250"')
    whole, _, decimals = text.partition(".")
    milli = int(whole.lstrip("-")) * 1000 + int(decimals.ljust(3, "0"))
    return -milli if text.startswith("-") else milli


def _local_time(text: str) -> str:
    problem = "must be the shop's local time without an offset, like 2026-11-21T18:05:00"
    if not _LOCAL_TIME.fullmatch(text):
        raise ValueError(problem)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(problem) from error
    return _plausible(at.isoformat(timespec="seconds"), at.year)


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a day like 2026-11-21") from error
    return _plausible(day.isoformat(), day.year)


def _month_day(text: str) -> str:
    if text and not is_month_day(text):
        raise ValueError("must be a month and a day like 03-31")
    return text


def _plausible(text: str, year: int) -> str:
    if year not in _YEARS:
        raise ValueError(f"must be in a year from {_YEARS.start} to {_YEARS.stop - 1}")
    return text


def _upper_currency(text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        raise ValueError("must be three capital letters, like EUR")
    return text


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.year not in _YEARS:
        raise ValueError("must be a moment like 2026-11-21T17:05:00+00:00")
    return text


def _reference_or_none(text: str) -> str:
    return reference(text) if text else text


def _day_or_none(text: str) -> str:
    return _day(text) if text else text


Ref = Annotated[str, AfterValidator(reference)]
DayOrNone = Annotated[str, Field(max_length=10), AfterValidator(_day_or_none)]
Word = Annotated[str, Field(max_length=64), AfterValidator(_no_control)]
Name = Annotated[str, Field(max_length=120), AfterValidator(_no_control)]
Scan = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_no_control_but_gs)]
Minor = Annotated[int, Field(ge=-MOST_MINOR, le=MOST_MINOR)]
DisplayLine = Annotated[str, Field(max_length=80), AfterValidator(_no_control)]
PrintedText = Annotated[str, Field(max_length=1000), AfterValidator(_no_control)]
Pin = Annotated[SecretStr, Field(max_length=LONGEST)]
Columns = Annotated[int, Field(ge=NARROWEST, le=WIDEST)]
Quantity = Annotated[int, BeforeValidator(_quantity_milli, json_schema_input_type=int | str)]


RefInPath = Annotated[str, Path(max_length=64), AfterValidator(reference)]
KeyInHeader = Annotated[
    str,
    Header(alias="Idempotency-Key", description="Made by the host before it sends; the same again does nothing more."),
]


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Named(Asked):
    """A request that causes an entry: whose doing it is, as a host's program says it."""

    operator: Word = ""
    shift: Word = ""


class IdentifyAsked(Asked):
    scan: Scan
    entry_mode: Literal["scanned", "typed", "phone", "name"] = "scanned"
    is_customer: bool = True


class ScansAsked(Asked):
    into: Word


class SearchAsked(Asked):
    name: Name


class Line(Asked):
    line_id: Ref
    amount_minor: Minor
    quantity: Quantity = 1000
    tax_minor: Annotated[int, Field(ge=0, le=MOST_MINOR)] = 0
    sku: Word = ""
    name: Name = ""
    category: Word = ""
    tags: Annotated[list[Word], Field(max_length=MOST_TAGS)] = []
    discount_minor: Annotated[int, Field(ge=0, le=MOST_MINOR)] = 0


class Redeem(Asked):
    """So many points as money off, or a reward by its name in the programme."""

    kind: Literal["points", "reward"]
    points: Annotated[int, Field(ge=0, le=MOST_POINTS)] = 0
    name: Word = ""

    @model_validator(mode="after")
    def _one_way(self) -> Redeem:
        if (self.kind == "reward") != bool(self.name) or (self.kind == "reward" and self.points):
            raise ValueError("name goes with kind reward, and points with kind points")
        return self


class QuoteAsked(Named):
    """A sale as it stands at the till now. `sold_at` and `business_day` may be left to this till."""

    till: Ref
    sale_ref: Ref
    currency: Annotated[str, AfterValidator(_upper_currency)]
    total_minor: Minor
    lines: Annotated[list[Line], Field(max_length=MOST_LINES)] = []
    member: Word = ""
    redeem: Annotated[list[Redeem], Field(max_length=8)] = []
    sold_at: Annotated[str, AfterValidator(_local_time)] | None = None
    business_day: Annotated[str, AfterValidator(_day)] | None = None
    training: bool = False
    resumes: Annotated[str, Field(max_length=LONGEST_TOKEN), AfterValidator(_no_control)] = ""
    columns: Columns | None = None

    @model_validator(mode="after")
    def _one_reward(self) -> QuoteAsked:
        if sum(part.kind == "reward" for part in self.redeem) > 1:
            raise ValueError("redeem names more than one reward; a sale takes one")
        return self

    @property
    def redeem_points(self) -> int:
        return sum(part.points for part in self.redeem)

    @property
    def reward(self) -> str:
        return next((part.name for part in self.redeem if part.kind == "reward"), "")

    def sale(self, sold_at: str, business_day: str) -> Sale:
        return Sale(
            till=self.till,
            sale_ref=self.sale_ref,
            sold_at=sold_at,
            business_day=business_day,
            currency=self.currency,
            total_minor=self.total_minor,
            lines=tuple(
                LineItem(
                    line_id=line.line_id,
                    amount_minor=line.amount_minor,
                    quantity_milli=line.quantity,
                    tax_minor=line.tax_minor,
                    sku=line.sku,
                    name=line.name,
                    category=line.category,
                    tags=tuple(line.tags),
                    discount_minor=line.discount_minor,
                )
                for line in self.lines
            ),
            operator=self.operator,
            shift=self.shift,
        )


class Overridable(Named):
    """What more than who is at the till may need: somebody else's word, with their PIN, and why.

    The PIN is kept out of everything that is made of a request.
    """

    allowed_by: Word = ""
    pin: Pin = SecretStr("")
    reason: Name = ""


class VoidAsked(Overridable):
    pass


class BackLine(Asked):
    line_id: Ref
    quantity: Quantity | None = None

    @model_validator(mode="after")
    def _something(self) -> BackLine:
        if self.quantity is not None and self.quantity <= 0:
            raise ValueError("quantity must be above 0; leave it out for all that is left")
        return self


class RefundAsked(Overridable):
    """What comes back: some lines, or an amount, or with neither all that is left."""

    return_ref: Ref
    lines: Annotated[list[BackLine], Field(min_length=1, max_length=MOST_LINES)] | None = None
    amount_minor: Annotated[int, Field(ge=1, le=MOST_MINOR)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> RefundAsked:
        if self.lines is not None and self.amount_minor is not None:
            raise ValueError("a refund names lines or amount_minor, not both")
        if self.return_ref == "void":
            raise ValueError('return_ref "void" belongs to voids')
        return self

    def back(self, till: str, sale_ref: str) -> Return:
        lines = tuple(ReturnedLine(line.line_id, line.quantity) for line in self.lines or ())
        return Return(till, sale_ref, self.return_ref, lines=lines, amount_minor=self.amount_minor)


class ClaimAsked(Overridable):
    reference: Word
    member: Word


class JoinAsked(Named):
    card: Word = ""
    name: Name = ""
    phone: Word = ""
    birthday: Annotated[str, AfterValidator(_month_day)] = ""
    charity: Word = ""
    referrer: Word = ""
    consent: Word = ""
    channel: Literal["till", "page", "paper", "web"] = "till"
    print: bool | None = None


class ConsentAsked(Named):
    """Whether a member agrees. `text` is the version of the text that they were shown; taking back needs none."""

    given: bool
    text: Word = ""
    channel: Literal["till", "page", "paper", "web"] = "till"

    @model_validator(mode="after")
    def _to_something(self) -> ConsentAsked:
        if self.given and not self.text:
            raise ValueError("text names the version that the member agrees to")
        return self


class ReplacementAsked(Named):
    """`old` is the card that is lost or worn, in full or masked; it may be left out where the member has one card."""

    new: Word
    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_control)]
    old: Word = ""


class TicketAsked(Named):
    """What a customer asks or complains of. `contact` is how they want to be answered, `receipt` what it is about."""

    topic: Literal["points", "reward", "card", "data", "other"]
    words: Annotated[str, Field(min_length=1, max_length=2000)]
    member: Word = ""
    receipt: Annotated[str, AfterValidator(_reference_or_none)] = ""
    contact: Annotated[str, Field(max_length=200)] = ""
    print: bool = False


class AnswerTold(Named):
    """`answer` is the number that came with the words that the customer was told."""

    answer: Annotated[int, Field(ge=1, le=MOST_MINOR)]


class ActivityAsked(Named):
    """Something that a member did and that is no sale: an activity of the shop's own by its name, or a reload."""

    till: Ref
    ref: Ref
    member: Word
    activity: Word = ""
    reload_minor: Annotated[int, Field(ge=1, le=MOST_MINOR)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ActivityAsked:
        if bool(self.activity) == (self.reload_minor is not None):
            raise ValueError("an activity is named by activity, or is a reload of reload_minor")
        return self


class PrintSettled(Asked):
    came_out: bool


class TestPrintAsked(Asked):
    drawer: bool = False
    buzzer: bool = False


class SignOnAsked(Asked):
    operator: Word
    pin: Pin
    new_shift: bool = False


class LookAsked(Named):
    day: DayOrNone = ""


class ClosingAsked(Overridable):
    day: DayOrNone = ""
    print: bool = True


class SuspendAsked(Asked):
    print: bool = False


class HeadOfficeAsked(Overridable):
    url: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_no_control)]
    code: Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_no_control)]


class SignOffAsked(Asked):
    operator: Word


class TrainingAsked(Asked):
    on: bool
    allowed_by: Word = ""
    pin: Pin = SecretStr("")
    reason: Name = ""


class OperatorAsked(Asked):
    operator: Ref
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_no_control)]
    role: Literal["cashier", "supervisor", "manager"]
    pin: Pin
    member: Word = ""


class SoldLineAsked(Asked):
    name: Name
    amount_minor: Minor
    quantity_milli: Annotated[int, Field(ge=-MOST_MINOR, le=MOST_MINOR)] = 1000
    sku: Word = ""


class SeenAsked(Asked):
    kind: Literal["sale", "return", "void"]
    why: Annotated[str, Field(max_length=500)] = ""
    reference: Annotated[str, AfterValidator(_reference_or_none)] = ""
    of_reference: Annotated[str, AfterValidator(_reference_or_none)] = ""
    total_minor: Annotated[int, Field(ge=0, le=MOST_MINOR)] = 0
    lines: Annotated[list[SoldLineAsked], Field(max_length=MOST_LINES)] = []
    member_code: Annotated[str, Field(max_length=256)] = ""
    sold_at: Annotated[str, Field(max_length=32)] = ""
    operator: Word = ""


class PrintedSaleAsked(Asked):
    """A paper of the shop's till that was recognised as a sale, a return or a void."""

    till: Ref
    seen: SeenAsked
    columns: Annotated[int, Field(ge=1, le=256)] = 42
    printed_at: Annotated[str, Field(max_length=40), AfterValidator(_moment)]
    member: Word = ""
    codes: Annotated[list[Annotated[str, Field(max_length=LONGEST_CODE)]], Field(max_length=MOST_CODES)] = []

    def printed(self) -> PrintedSale:
        seen = self.seen
        return PrintedSale(
            self.till,
            Recognised(
                seen.kind,
                seen.why,
                seen.reference,
                seen.of_reference,
                seen.total_minor,
                tuple(SoldLine(one.name, one.amount_minor, one.quantity_milli, one.sku) for one in seen.lines),
                seen.member_code,
                seen.sold_at,
                seen.operator,
            ),
            self.columns,
            self.printed_at,
            self.member,
            tuple(self.codes),
        )


class DisplayAsked(Asked):
    """Two lines for the customer; what has no room on the display is cut."""

    upper: DisplayLine
    lower: DisplayLine = ""
    seconds: Annotated[int, Field(ge=1, le=300)] = 10


class PrintText(Asked):
    """Text of any length: it is wrapped. `right` stands at the other edge of its last line."""

    kind: Literal["text"]
    text: PrintedText
    right: Word = ""
    bold: bool = False
    double: bool = False
    inverted: bool = False
    underlined: bool = False
    align: Literal["left", "center", "right"] = "left"


class PrintBarcode(Asked):
    kind: Literal["barcode"]
    data: Annotated[str, Field(min_length=1, max_length=48)]
    symbology: Literal["code128", "ean13", "ean8", "upca", "code39", "itf"] = "code128"


class PrintQr(Asked):
    kind: Literal["qr"]
    data: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_no_control)]


class PrintRule(Asked):
    kind: Literal["rule"]


class PrintFeed(Asked):
    kind: Literal["feed"]
    lines: Annotated[int, Field(ge=1, le=20)] = 1


class PrintCut(Asked):
    kind: Literal["cut"]
    partial: bool = False


class PrintAsked(Asked):
    """A paper of the host's own: what is to be printed, from the top."""

    lines: Annotated[
        list[
            Annotated[
                PrintText | PrintBarcode | PrintQr | PrintRule | PrintFeed | PrintCut, Field(discriminator="kind")
            ]
        ],
        Field(min_length=1, max_length=MOST_LINES),
    ]
