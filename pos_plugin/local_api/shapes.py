"""Answers as the description of the interface shows them; the others are structs of the rooms that make them."""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.document import Document
from drivers.verdict import Verdict
from ledger.wire import NamedMember
from loyalty.sale import LineItem, Sale
from pos_plugin.codes.identifying import Identified
from pos_plugin.codes.readers import ReaderState
from pos_plugin.papers.receipts import TierShown
from pos_plugin.sales.authority import SignedOn
from pos_plugin.sales.printed_sales import Note
from pos_plugin.shop_day.closing import Closing


class Refusal(msgspec.Struct, frozen=True):
    """Any request that was not carried out: `code` for programs, `message` and `hint` for people."""

    code: str
    message: str
    hint: str


class Dropped(msgspec.Struct, frozen=True):
    quote_id: str
    open: bool = False


class NowOn(msgspec.Struct, frozen=True):
    """Who is on now, and how many open sales of whoever was before were ended."""

    on: SignedOn
    ended: int


class OperatorShown(msgspec.Struct, frozen=True):
    operator: str
    name: str
    role: str


class OperatorClosed(msgspec.Struct, frozen=True):
    """Whether they could sign on until now."""

    operator: str
    was_open: bool


class OperatorsState(msgspec.Struct, frozen=True):
    """Who may sign on, who is on, and whether the page is in training. Where none are `kept`, nobody is asked.

    `word` is what whoever is at the page should know of the last change.
    """

    kept: bool
    known: list[OperatorShown]
    on: SignedOn | None
    training: bool
    word: str


class TrainingShown(msgspec.Struct, frozen=True):
    on: bool


class SignedOff(msgspec.Struct, frozen=True):
    """How many open quotes of the operator were ended."""

    ended: int


class ReturnShown(msgspec.Struct, frozen=True):
    return_ref: str
    reference: str
    is_void: bool
    returned_minor: int
    refund_minor: int
    taken_points: int
    restored_points: int


class Left(msgspec.Struct, frozen=True):
    """What has not come back of a sale."""

    total_minor: int
    lines: list[LineItem]


class SaleShown(msgspec.Struct, frozen=True):
    """A sale as it stands in this till's journal, what came back of it, and what is left."""

    reference: str
    sale: Sale
    member: str
    was_claimed: bool
    earned_points: int
    redeem_points: int
    redeemed_minor: int
    reward: str
    off: dict[str, int]
    taken: dict[str, int]
    due_minor: int
    returns: list[ReturnShown]
    left: Left


class Movement(msgspec.Struct, frozen=True):
    day: str
    kind: str
    points: int


class MemberShown(msgspec.Struct, frozen=True):
    """A member's points as this till knows them: head office's figure of `as_of`, and what happened here since."""

    member: str
    initials: str
    cards: list[str]
    balance: int
    as_of: str
    expiring: int
    next_expiry: str
    spendable_here: int
    vesting: int
    tier: TierShown | None
    benefits: list[str]
    movements: list[Movement]


class MembersShown(msgspec.Struct, frozen=True):
    members: list[NamedMember]
    more: bool


class JobShown(msgspec.Struct, frozen=True):
    """One printing of a receipt: waiting, started, printed, not printed, unknown or dropped."""

    job: int
    copy: bool
    state: str
    code: str
    reason: str


class ReceiptShown(msgspec.Struct, frozen=True):
    reference: str
    kind: str
    till: str
    sale_ref: str
    text: str
    jobs: list[JobShown]


class Reprinted(msgspec.Struct, frozen=True):
    job: int
    copy: bool = True


class Settled(msgspec.Struct, frozen=True):
    job: int
    came_out: bool


class GoneOn(msgspec.Struct, frozen=True):
    job: int
    state: str


class Sampled(msgspec.Struct, frozen=True):
    """What became of the test page, and all that the printer said; null is what it did not say."""

    outcome: str
    code: str
    reason: str
    took_ms: int
    maker: str
    model: str
    status: str
    online: bool | None
    paper: str
    cover_open: bool | None
    error: str | None
    process_id: bool | None
    profile: str
    better_profile: str
    text: list[str]


class HostPrinted(msgspec.Struct, frozen=True):
    """What became of a paper: printed; not printed (nothing came out: the same request may be sent again); unknown."""

    outcome: Literal["printed", "not printed", "unknown"]
    code: str
    reason: str
    hint: str


class SlipPrinted(msgspec.Struct, frozen=True):
    """What became of a slip that is printed now or not at all: printed, not printed, or unknown (look at the paper)."""

    outcome: Literal["printed", "not printed", "unknown"]
    code: str
    reason: str
    text: str

    @classmethod
    def of(cls, verdict: Verdict, slip: Document) -> SlipPrinted:
        return cls(verdict.outcome.value, verdict.code, verdict.reason, slip.text())


class ClosingsShown(msgspec.Struct, frozen=True):
    closings: list[Closing]


class Suspended(msgspec.Struct, frozen=True):
    """A sale on hold: what it had reserved is free. `token` is for the quote that goes on with it, at any till of the shop,
    until `good_until` (UTC); `printed` what became of its slip, null where none was asked for."""

    token: str
    good_until: str
    printed: SlipPrinted | None = None


class ScansInto(msgspec.Struct, frozen=True):
    """Which form takes the scans, "" for none, and for how long that counts unless it is said again."""

    into: str
    counts_s: float


class Connected(msgspec.Struct, frozen=True):
    """Which till of which shop this is now, and where its head office is."""

    terminal: str
    shop: str
    url: str


class Displayed(msgspec.Struct, frozen=True):
    """The lines as they were handed over; the display shows as much of them as it has columns."""

    upper: str
    lower: str
    seconds: int


class Health(msgspec.Struct, frozen=True):
    status: str


class TillState(msgspec.Struct, frozen=True):
    terminal: str
    shop: str
    enrolled: bool


class CharityShown(msgspec.Struct, frozen=True):
    name: str
    title: str


class ProgramState(msgspec.Struct, frozen=True):
    id: str
    currency: str
    time_zone: str
    points: int
    worth_minor: int
    claim_days: int
    charities: list[CharityShown]


class NetworkState(msgspec.Struct, frozen=True):
    configured: bool
    online: bool
    since: str
    unsent: int
    text: str


class JobState(msgspec.Struct, frozen=True):
    job: int
    reference: str
    copy: bool
    state: str
    reason: str
    can_go_on: bool


class PrinterState(msgspec.Struct, frozen=True):
    """`asked`: it was asked how it is since the till started; only then does silence mean that it cannot say."""

    configured: bool
    trouble: str
    code: str
    notice: str
    asked: bool
    answers: bool
    waiting: int
    jobs: list[JobState]


class DisplayState(msgspec.Struct, frozen=True):
    configured: bool
    trouble: str


class ScanShown(msgspec.Struct, frozen=True):
    number: int
    device: str
    result: Identified


class LaneShown(msgspec.Struct, frozen=True):
    """Whose card was read last, masked, and since when they are at the till."""

    card: str
    since: str


class LaneCleared(msgspec.Struct, frozen=True):
    """Whether somebody was at the till."""

    cleared: bool


class CardsState(msgspec.Struct, frozen=True):
    """`kept`: the shop was sent cards, and takes no others for new members; so many are `left` as far as this till knows."""

    kept: bool
    left: int
    low: bool


class ConsentState(msgspec.Struct, frozen=True):
    """The text that who joins is asked to agree to: in the shop's language, and all of them. `version` is '' where there is
    none."""

    version: str
    text: str
    texts: dict[str, str]


class State(msgspec.Struct, frozen=True):
    """Everything about the till that is not the sale. `event` is the number of the last event that is in it.

    `prints_for_others`: another till may print through this one; `lane` is then whose the next sale that it prints is.
    """

    event: int
    till: TillState
    program: ProgramState
    network: NetworkState
    printer: PrinterState
    display: DisplayState
    cards: CardsState
    consent: ConsentState
    prints_for_others: bool
    lane: LaneShown | None
    printed: list[Note]
    operators: OperatorsState
    scanners: list[ReaderState]
    scans: list[ScanShown]
