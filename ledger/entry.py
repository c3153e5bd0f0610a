"""Journal entries: what happened, in bytes that are hashed, stored, sent and stored again unchanged.

An entry is JSON in one fixed order of keys, so that a person, SQLite and any language can read it. Its hash is SHA-256 over
exactly those bytes; every entry names the hash of the one before it, so nothing can be changed, left out or reordered
unnoticed. Entries are never rewritten: a correction is a new entry that names the old one.

The envelope is what every version can read: who, where in the chain, when, which document and member, and `esc`, the change
to the writer's own right to spend, lot by lot. The body is what its kind needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import cast

import msgspec

from loyalty.returns import Sold
from loyalty.reward import Off, after
from loyalty.sale import Return, Sale
from loyalty.standing import NO_EFFECTS, Effects, Standing

GENESIS = "0" * 64
FORMAT = 1
MAX_ENTRY_BYTES = 256 * 1024


class EntryUnreadable(Exception):
    """Bytes that are no entry of a form this version knows. Keep them; a newer version may read them."""

    code = "ENTRY_UNREADABLE"


class OpenBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first entry of an epoch. It gives up every right of the epoch before; `owners` says whose each lot was."""

    version: str
    owners: dict[str, str] = {}


class JoinBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member joined here, brought by `referrer` if by anybody. Cards and personal fields are beside the ledger, not in it."""

    referrer: str = ""
    operator: str = ""
    shift: str = ""


class SaleBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A completed sale and the exact input and result of its award.

    `lot` names the points awarded; they can be spent from `usable_from` ('' is at once) until they expire on `expires_on`.
    `redeemed` points paid `redeemed_minor` of the total, for the `reward` of that name where it was one; of them `floor` were
    not held here, but allowed by the programme's floor limit. `off` is what members' prices took off, by line; `effects` what
    the sale did beside moving points. All of the member's points are kept alive to `extends_to`. A sale that `is_past` was read
    from a file of former sales: it was paid as it stands there, and nothing was drawn.
    """

    sale: Sale
    program: str
    standing: Standing = Standing()
    awarded: int = 0
    lot: str = ""
    expires_on: str = ""
    redeemed: int = 0
    redeemed_minor: int = 0
    floor: int = 0
    usable_from: str = ""
    extends_to: str = ""
    reward: str = ""
    off: dict[str, int] = {}
    effects: Effects = NO_EFFECTS
    is_past: bool = False

    @property
    def sold(self) -> Sold:
        """As returns need it."""
        paid = after(self.sale, Off(self.off, {}))
        return Sold(paid, self.awarded, self.redeemed, self.redeemed_minor, self.standing, self.effects, self.reward)


class ReturnBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Goods that came back, and the points that went with them. `lot` is the award's, `sale` the sale's document.

    `approved_by` allowed it where the operator could not alone, `reason` says why.
    """

    back: Return
    sale: str
    lot: str = ""
    taken: int = 0
    restored: int = 0
    restored_minor: int = 0
    returned_minor: int = 0
    operator: str = ""
    shift: str = ""
    effects: Effects = NO_EFFECTS
    approved_by: str = ""
    reason: str = ""


class ClaimBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A forgotten card, attached to an earlier sale: the award that sale would have had. Allowed as a return is."""

    sale: str
    program: str
    standing: Standing = Standing()
    awarded: int = 0
    lot: str = ""
    expires_on: str = ""
    operator: str = ""
    usable_from: str = ""
    extends_to: str = ""
    effects: Effects = NO_EFFECTS
    shift: str = ""
    approved_by: str = ""
    reason: str = ""


class GiveBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points given without a sale, or taken where `points` are below zero; written by a till or by head office.

    `why`: join, reload, activity, birthday, referral, feedback, goodwill, adjustment, opening, transfer. `about` names what it
    was for (the activity, the friend, the other member, the receipt), `reason` is what the operator wrote, and `approved_by`
    who allowed it.
    Points given are the `lot`; points taken come from whatever the member has, soonest expiry first, and then are owed.
    """

    why: str
    points: int
    program: str = ""
    about: str = ""
    reason: str = ""
    operator: str = ""
    approved_by: str = ""
    lot: str = ""
    expires_on: str = ""
    usable_from: str = ""
    extends_to: str = ""
    standing: Standing = Standing()
    effects: Effects = NO_EFFECTS
    shift: str = ""


class Slice(msgspec.Struct, frozen=True):
    """So many points of one lot."""

    lot: str
    points: int
    expires_on: str


class TakeBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grant accepted: from the moment the server acknowledges this entry, these points can be spent here.

    `signature` is the server's own on the grant, so that a restored server can believe what it no longer remembers.
    """

    grant: str
    slices: tuple[Slice, ...]
    signature: str = ""


class ReleaseBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rights given back; `esc` of the envelope says which."""


class HelloBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Head office was restored from a backup: with this entry it has all that this till ever did, and the till greets it.

    `server_epoch` is the one that the till has heard; rights granted in earlier ones and not taken by now never will be.
    """

    server_epoch: int


class MergeBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Member `old` has become `into`. Head office's own entry; a till that hears of it writes the same.

    So a restored head office learns again what it no longer remembers: `signature` is its own.
    """

    merge: str
    old: str
    into: str
    signature: str = ""


class GrantBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The server's: points moved from the member's available account to a terminal's, before the terminal is told."""

    grant: str
    terminal: str
    epoch: str
    slices: tuple[Slice, ...]


class SettleBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The server's: what it found different from what an entry said, and postings of its own. `changes`: account → points.

    `cause` is the entry (terminal/number/hash), or what head office did: expired, a forfeit, a debt written off.
    """

    cause: str
    changes: dict[str, int]


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a day, a cashier or a shift came to, as `ledger.closing` counts it. Money as it is paid, tax included, minor units.

    A sale that was voided within the same closing is no sale: both are `voids`. Its points stand, issued and reversed.
    """

    sales: int = 0
    sales_minor: int = 0
    member_sales: int = 0
    member_minor: int = 0
    returns: int = 0
    returns_minor: int = 0
    voids: int = 0
    issued: int = 0
    redeemed: int = 0
    redeemed_minor: int = 0
    reversed: int = 0
    restored: int = 0


class Gap(msgspec.Struct, frozen=True):
    """`count` receipt numbers of a till that no sale bears, from `first` to `last` as the till would write them."""

    till: str
    first: str
    last: str
    count: int


class ClosingBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trading day was ended at this till: its Z. `number` counts the closings of this till, without gaps.

    It covers those of the entries `first` to `last` that are of its day or an earlier one and that no earlier closing covers.
    The next closing looks from `goes_on_from`. `late` are its sales by their day, of other days or of one that was closed before;
    `counted_to` the highest receipt number by till and prefix; `unsent` so many entries head office did not have yet.
    `restored_on`: since the closing before, this till was put back to an earlier state that day, so numbers may have been used.
    """

    number: int
    operator: str = ""
    first: int = 0
    last: int = 0
    goes_on_from: int = 0
    total: Tally = Tally()
    operators: dict[str, Tally] = {}
    shifts: dict[str, Tally] = {}
    late: dict[str, int] = {}
    missing: tuple[Gap, ...] = ()
    counted_to: dict[str, int] = {}
    unsent: int = 0
    shift: str = ""
    approved_by: str = ""
    reason: str = ""
    restored_on: str = ""


class ConsentBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The member agreed to the text of this version, or took it back. `channel`: till, page, paper, web."""

    text: str
    is_given: bool
    channel: str = "till"
    operator: str = ""
    shift: str = ""


Body = (
    OpenBody
    | JoinBody
    | SaleBody
    | ReturnBody
    | ClaimBody
    | GiveBody
    | TakeBody
    | ReleaseBody
    | HelloBody
    | MergeBody
    | GrantBody
    | SettleBody
    | ClosingBody
    | ConsentBody
)

BODIES: Mapping[str, type[msgspec.Struct]] = {
    "open": OpenBody,
    "join": JoinBody,
    "sale": SaleBody,
    "return": ReturnBody,
    "claim": ClaimBody,
    "give": GiveBody,
    "take": TakeBody,
    "release": ReleaseBody,
    "hello": HelloBody,
    "merge": MergeBody,
    "grant": GrantBody,
    "settle": SettleBody,
    "closing": ClosingBody,
    "consent": ConsentBody,
}
KINDS: Mapping[type[msgspec.Struct], str] = {body: kind for kind, body in BODIES.items()}


class Envelope(msgspec.Struct, frozen=True):
    """What every version reads of an entry. `number` counts from 1 without gaps; `prev` is the hash before it, in hex.

    `occurred_at` is shop-local time as the host told it, `recorded_at` the terminal's clock in UTC, both ISO 8601.
    """

    format: int
    terminal: str
    epoch: str
    number: int
    prev: str
    kind: str
    document: str
    member: str
    occurred_at: str
    recorded_at: str
    business_day: str
    esc: dict[str, int]
    body: msgspec.Raw


class Entry(msgspec.Struct, frozen=True):
    """An entry, its body decoded, with the bytes it stands in and their hash."""

    envelope: Envelope
    body: Body
    data: bytes
    hash: str

    @property
    def number(self) -> int:
        return self.envelope.number

    @property
    def kind(self) -> str:
        return self.envelope.kind

    @property
    def member(self) -> str:
        return self.envelope.member


class Draft(msgspec.Struct, frozen=True):
    """What is to be recorded, before it has its place in a journal."""

    body: Body
    document: str
    occurred_at: str
    business_day: str
    member: str = ""
    esc: dict[str, int] = {}


_encoder = msgspec.json.Encoder()
_envelopes = msgspec.json.Decoder(Envelope)
_bodies = {kind: msgspec.json.Decoder(body) for kind, body in BODIES.items()}


def entry_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry(draft: Draft, *, terminal: str, epoch: str, number: int, prev: str, recorded_at: str) -> Entry:
    """The draft in its place in a journal, with its bytes and their hash. ValueError where nobody could read it again."""
    envelope = Envelope(
        format=FORMAT,
        terminal=terminal,
        epoch=epoch,
        number=number,
        prev=prev,
        kind=KINDS[type(draft.body)],
        document=draft.document,
        member=draft.member,
        occurred_at=draft.occurred_at,
        recorded_at=recorded_at,
        business_day=draft.business_day,
        esc={lot: change for lot, change in draft.esc.items() if change},
        body=msgspec.Raw(_encoder.encode(draft.body)),
    )
    data = _encoder.encode(envelope)
    if len(data) > MAX_ENTRY_BYTES:
        raise ValueError(f"an entry has at most {MAX_ENTRY_BYTES} bytes, this one has {len(data)}")
    return Entry(envelope, draft.body, data, entry_hash(data))


def read_envelope(data: bytes) -> Envelope:
    """The envelope alone. Raises EntryUnreadable."""
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryUnreadable(f"an entry has at most {MAX_ENTRY_BYTES} bytes, this one has {len(data)}")
    try:
        return _envelopes.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EntryUnreadable(f"not an entry: {error}") from error


def read_entry(data: bytes) -> Entry:
    """The entry whole. Raises EntryUnreadable, also for a kind or format that this version does not know."""
    envelope = read_envelope(data)
    decoder = _bodies.get(envelope.kind)
    if decoder is None or envelope.format != FORMAT:
        raise EntryUnreadable(
            f"an entry of kind {envelope.kind}, format {envelope.format}, is not known to this version"
        )
    try:
        body = cast(Body, decoder.decode(envelope.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EntryUnreadable(f"entry {envelope.number}, {envelope.kind}: {error}") from error
    return Entry(envelope, body, data, entry_hash(data))
