"""What a checkout answers, and the quotes that are open: plain data, and what a sale must not say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.standing import Standing
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.papers.receipts import TierShown

MAX_SALE_BYTES = 128 * 1024
"""Half of what an entry may have: the other half is for the lots that pay."""
MAX_SALE_DOCUMENT = 160
"""Characters of a sale's document, so that those of its returns are within what head office stores."""
MOST = 10**12


@dataclass(frozen=True)
class Connection:
    """How the till stands with head office at a moment. `is_current`: it has heard everything less than a minute ago."""

    is_online: bool
    is_current: bool
    since: datetime | None = None


class Offer(msgspec.Struct, frozen=True):
    """What this sale can take: up to `points` points, which take `worth_minor` off the total; or a `reward` for so many.

    Of a reward that is nearly in reach, `missing_points` are missing. One that takes nothing off is handed over.
    """

    points: int
    worth_minor: int
    text: str
    reward: str = ""
    title: str = ""
    missing_points: int = 0


class Explained(msgspec.Struct, frozen=True):
    """So many of the points that a sale earns, and for what."""

    points: int
    text: str


class Rejected(msgspec.Struct, frozen=True):
    """Part of what was asked that cannot be had, and why, in words."""

    code: str
    text: str


class Quote(msgspec.Struct, frozen=True):
    """What committing the sale would do. Nothing is recorded yet; `redeem_points` are reserved until `expires_at` (UTC).

    `spendable_text` says how many of the member's points can be used here now and why no more, for the cashier to read out.
    `off` is what members' prices take off, by line, `taken` what the redemption takes off each line (nothing where points are a
    tender). `usable_from` is the first day on which what is earned can be spent, "" for at once. `notes` are for the cashier
    alone. Surprises are drawn by the commit, and no quote tells of them. `receipt_lines` are the rewards as the shop's own
    receipt would have them now, in lines as wide as was asked for.
    """

    quote_id: str
    till: str
    sale_ref: str
    member: str
    total_minor: int
    redeem_points: int
    redeemed_minor: int
    due_minor: int
    earn_points: int
    earn: list[Explained]
    offers: list[Offer]
    rejected: list[Rejected]
    balance: int
    as_of: str
    online: bool
    spendable_here: int
    spendable_text: str
    receipt_lines: list[str]
    expires_at: str
    training: bool
    reward: str = ""
    off: dict[str, int] = {}
    taken: dict[str, int] = {}
    usable_from: str = ""
    tier: TierShown | None = None
    benefits: list[str] = []
    donated_minor: int = 0
    notes: list[str] = []


class Completed(msgspec.Struct, frozen=True):
    """A sale as it stands in the journal. `reference` is what its receipt prints; "" for training, which records nothing.

    `receipt_lines` are the rewards of its receipt, for a till that prints the receipt itself.
    """

    till: str
    sale_ref: str
    number: int
    reference: str
    member: str
    total_minor: int
    redeem_points: int
    redeemed_minor: int
    due_minor: int
    earned_points: int
    receipt_text: str
    training: bool = False
    reward: str = ""
    off: dict[str, int] = {}
    taken: dict[str, int] = {}
    usable_from: str = ""
    receipt_lines: list[str] = []


@dataclass
class OpenQuote:
    """An open quote with what the commit needs, under the programme that was quoted.

    `reserved` points of the member are not for other quotes; training reserves none. `terms` decided what is to pay. The host
    prints its own receipt on `columns`, 0 for as many as the shop's.
    """

    quote: Quote
    sale: Sale
    program: Program
    member: str
    card: str
    redeem: int
    ends_at: datetime
    reward: str
    terms: tuple[dict[str, int], int]
    standing: Standing
    columns: int = 0

    def is_of(self, sale: Sale) -> bool:
        return (self.sale.till, self.sale.sale_ref) == (sale.till, sale.sale_ref)

    @property
    def reserved(self) -> int:
        return 0 if self.quote.training else self.redeem


def differs(sale: Sale) -> Conflict:
    return Conflict(
        "SALE_DIFFERS",
        f"Sale {sale.sale_ref} of till {sale.till} is recorded already, with other content. It stays as it was.",
        hint="Give this sale a reference of its own, or void the recorded one.",
    )


def quote_ended() -> Unknown:
    return Unknown(
        "QUOTE_UNKNOWN",
        "This quote has ended. Nothing more was recorded.",
        hint="Quote the sale again; if it stands already, committing that answers what is recorded.",
    )


def require_sane(sale: Sale, program: Program, redeem_points: int) -> None:
    if sale.currency != program.currency:
        raise BadRequest(
            "CURRENCY",
            f"This sale is in {sale.currency or 'no currency'}; the programme counts in {program.currency}.",
            hint="Nothing was recorded. Send the sale in the programme's currency, or without loyalty.",
        )
    negative = [line.line_id for line in sale.lines if line.amount_minor < 0 or line.quantity_milli < 0]
    if sale.total_minor < 0 or negative or redeem_points < 0:
        what = f"line {negative[0]}" if negative else "the total" if sale.total_minor < 0 else "redeem"
        raise BadRequest(
            "NEGATIVE",
            f"A sale has no negative amounts, but {what} is below zero.",
            hint="Take a discount off the line that it belongs to; goods that come back are a refund.",
        )
    if len({line.line_id for line in sale.lines}) < len(sale.lines):
        raise BadRequest("LINE_TWICE", "Two lines of this sale have the same line_id.", hint="Number the lines.")
    largest = max(sale.total_minor, *(max(line.amount_minor, line.quantity_milli) for line in sale.lines), 0)
    if largest > MOST or len(msgspec.json.encode(sale)) > MAX_SALE_BYTES:
        raise BadRequest(
            "TOO_LARGE",
            f"This sale is too large: at most {MOST} in a figure, and {MAX_SALE_BYTES} bytes in all.",
            hint="Nothing was recorded. Send fewer lines, or shorter names.",
        )
    if not sale.till or not sale.sale_ref or len(sale.document) > MAX_SALE_DOCUMENT or not sale.document.isprintable():
        raise BadRequest(
            "NAME",
            "A sale is named by its till and its reference; one of them is missing, too long or unprintable.",
            hint="Nothing was recorded. Send both, short and printable.",
        )
    try:
        is_day = date.fromisoformat(sale.business_day).isoformat() == sale.business_day
    except ValueError:
        is_day = False
    if not is_day:
        raise BadRequest(
            "DAY", f"{sale.business_day!r} is no day.", hint="Nothing was recorded. Write it like 2026-11-21."
        )
