"""Messages between a terminal and head office. docs/wire-format.md shows each with its bytes.

Entries go up as the bytes they are stored in, in a msgpack batch, compressed with zlib; everything else is JSON. Unknown
fields are ignored, so that an old terminal can talk to a new server and the reverse.
"""

from __future__ import annotations

import zlib
from typing import Literal

import msgspec

from ledger.entry import Slice
from ledger.passes import PassKey
from loyalty.standing import NO_HISTORY, NO_PROFILE, History, Profile

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""The most a batch may have once unpacked; a terminal sends fewer entries rather than more bytes."""
MAX_BATCH_ENTRIES = 1000


class WireError(Exception):
    """A message that cannot be read. Nothing of it was taken over; the sender may send it again."""

    code = "MESSAGE_UNREADABLE"


class Batch(msgspec.Struct, frozen=True):
    """Consecutive entries. `signature` is the terminal's over `ledger.keys.batch_message` of the last one."""

    terminal: str
    epoch: str
    entries: list[bytes]
    signature: str


Outcome = Literal["recorded", "already recorded", "conflict", "parked"]


class Recorded(msgspec.Struct, frozen=True):
    """What became of one entry. Every outcome means that it is durably kept and need not be sent again."""

    number: int
    outcome: Outcome


class BatchReply(msgspec.Struct, frozen=True):
    """`head` and `head_number` name the last entry of this terminal's chain that the server has ('' and 0: none).

    Only an acknowledgement that names the hash of an own entry counts. `send_next` is how many entries to send at most,
    `wait_s` how long to wait before. `is_fork`: another copy of this terminal's disk has gone on from the same entry; the
    till gives up all rights and opens a new epoch. `last_closing` is told to a till that has opened one: the number of the last Z
    of this terminal that is known there, on whichever line, 0 for none.
    """

    server_epoch: int
    server_time: str
    head: str
    head_number: int
    results: list[Recorded]
    send_next: int = MAX_BATCH_ENTRIES
    wait_s: float = 0.0
    is_fork: bool = False
    last_closing: int = 0


class Enrolment(msgspec.Struct, frozen=True):
    """A terminal introduces itself with a one-time code. `proof` is its signature over code, terminal and public key."""

    code: str
    terminal: str
    epoch: str
    public_key: str
    proof: str


def enrolment_message(code: str, terminal: str, public_key: str) -> bytes:
    return msgspec.json.encode(["enrol", code, terminal, public_key])


class Enrolled(msgspec.Struct, frozen=True):
    """The answer: where the terminal belongs, the server's signing key, and the key that seals personal data for it."""

    shop: str
    server: str
    server_epoch: int
    server_time: str
    server_key: str
    sealing_key: str
    phone_key: str


class Nonce(msgspec.Struct, frozen=True):
    nonce: str
    valid_s: int


class FeedRequest(msgspec.Struct, frozen=True):
    """`positions`: for each channel, the last number that this terminal has applied; `limit` items at most.

    `epoch` is the terminal's, so that a balance can say which of its entries it includes; '' is the newest known.
    """

    positions: dict[str, int]
    limit: int = 500
    epoch: str = ""


# A shop's first feed is a million of these two, which refer to nothing that refers back: the collector need not look at them.
class ExpiringPoints(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Points of a member that expire on the same day; those of a `usable_from` cannot be spent before that day."""

    expires_on: str
    points: int
    usable_from: str = ""


class MemberItem(msgspec.Struct, frozen=True, tag="member", omit_defaults=True, gc=False):
    """A member as head office knows them, at `as_of` (UTC).

    `includes` is the number of this terminal's last entry that the figures include; the till adds its later ones.
    `points` are all the member has anywhere, by expiry; `debt` is what is owed. `history` is all that the same entries add up
    to, cut to what the programme in force looks at; `profile` is what rules may ask of a person. `merged_into` names the
    member that this one has become, `merge` that event, and `merge_signature` is the server's on it.
    """

    member: str
    cards: list[str]
    as_of: str
    includes: int
    points: list[ExpiringPoints] = []
    debt: int = 0
    phone_hashes: list[str] = []
    merged_into: str = ""
    initials: str = ""
    merge: str = ""
    merge_signature: str = ""
    history: History = NO_HISTORY
    profile: Profile = NO_PROFILE
    passes: list[PassKey] = []


class ProgramItem(msgspec.Struct, frozen=True, tag="program", omit_defaults=True):
    """The TOML text of a programme, and the key in hex with which this terminal draws for surprises, where it has any.

    `gone` are its rules and rewards whose budget or stock is used up for all members; it is told again when that changes.
    """

    text: str
    surprise_key: str = ""
    gone: list[str] = []


class GrantItem(msgspec.Struct, frozen=True, tag="grant"):
    """Rights given to this terminal; they count once it has taken them in its journal and the server has that entry.

    `standing` points of this member are to stay here when the till is online, until they are recalled; 0: none.
    """

    grant: str
    terminal: str
    epoch: str
    member: str
    slices: list[Slice]
    signature: str
    standing: int = 0


class RecallItem(msgspec.Struct, frozen=True, tag="recall"):
    """Another till needs this member's points: what stands here is released."""

    member: str


class RenewItem(msgspec.Struct, frozen=True, tag="renew"):
    """Nothing is owed of what this till spent on its floor limit up to its entry `number`, whose hash is `hash`."""

    member: str
    number: int
    hash: str


class ForfeitItem(msgspec.Struct, frozen=True, tag="forfeit"):
    """A person gave this till up for lost: the rights of this epoch are the members' again. The till opens a new one."""

    terminal: str
    epoch: str


class BlockItem(msgspec.Struct, frozen=True, tag="block", omit_defaults=True):
    """Nobody is known any more by the card with this hash (`ledger.keys.card_hash`), since `since` (UTC), because it is `why`:
    lost, stolen or replaced. Without a `why` it is as good as before."""

    card_hash: str
    since: str
    why: str = ""


class RevokeItem(msgspec.Struct, frozen=True, tag="revoke"):
    """The member token of this serial is not accepted any more. After `last_day` it would not be anyway."""

    serial: str
    last_day: str


class OperatorItem(msgspec.Struct, frozen=True, tag="operator", omit_defaults=True):
    """Somebody who may sign in at the tills of this shop. `role` is cashier, supervisor or manager; `pin` is Argon2id in
    PHC form, '' for an operator who may not sign in any more. `member` is their own membership, if they have one."""

    operator: str
    name: str
    role: str
    pin: str = ""
    member: str = ""


class CardBatchItem(msgspec.Struct, frozen=True, tag="card_batch", omit_defaults=True):
    """Cards that were sent to this shop and are nobody's yet: from the first batch on, a new member's card must be one of them.

    They are all of the batch, instead of what was said of it before. `state` is sent, or withdrawn: none of it is taken any
    more."""

    batch: str
    cards: list[str] = []
    state: str = "sent"


class TicketItem(msgspec.Struct, frozen=True, tag="ticket", omit_defaults=True):
    """How far a member's ticket is: `status` is open, answered or closed, `reply` the last words for the member, "" once they
    were told them; `answer` is the number of that reply in the ticket's history."""

    ticket: str
    member: str
    topic: str
    status: str
    reply: str = ""
    answer: int = 0


class ConsentTextItem(msgspec.Struct, frozen=True, tag="consent_text", omit_defaults=True):
    """What who joins is asked to agree to, from now on: `texts` is language → text."""

    version: str
    texts: dict[str, str]


FeedItem = (
    MemberItem
    | ProgramItem
    | GrantItem
    | RecallItem
    | RenewItem
    | ForfeitItem
    | BlockItem
    | RevokeItem
    | OperatorItem
    | CardBatchItem
    | TicketItem
    | ConsentTextItem
)


class FeedChannel(msgspec.Struct, frozen=True):
    """`items` are those after the asked-for position, in order; `position` is the last one's. `more` says that there are.

    What a newer server says in a way that this version does not know is left out by `read_feed`; a newer version reads the
    channel again from its start.
    """

    position: int
    items: list[FeedItem]
    more: bool = False


class FeedReply(msgspec.Struct, frozen=True):
    server_epoch: int
    server_time: str
    channels: dict[str, FeedChannel]


class GrantRequest(msgspec.Struct, frozen=True):
    """Asks for up to `points` of a member. `request` names this wish, so that asking twice grants once."""

    request: str
    epoch: str
    member: str
    points: int


class GrantReply(msgspec.Struct, frozen=True):
    """`points` were granted (0: none to be had); the grant itself comes by the feed. `why` says what stands in the way."""

    server_epoch: int
    server_time: str
    points: int
    why: str = ""


class MemberDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands beside the ledger about a member who joined at a till: cards, and personal fields sealed to head office.

    `birthday` is month and day, `charity` the one that they chose; rules ask for both.
    """

    member: str
    cards: list[str]
    joined_at: str
    sealed: str = ""
    birthday: str = ""
    charity: str = ""


class MemberLookup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Asks for a member of another shop, by card, by phone hash, or by the reference that a search answered or a token names.

    The member comes by the feed from then on.
    """

    card: str = ""
    phone_hash: str = ""
    member: str = ""


class MemberFound(msgspec.Struct, frozen=True):
    server_epoch: int
    server_time: str
    member: str


class MemberSearch(msgspec.Struct, frozen=True):
    """Asks for members by the beginnings of the words of their name, at least two letters each."""

    name: str


class NamedMember(msgspec.Struct, frozen=True):
    """Somebody found by name; `card_end` are the last digits of one of their cards."""

    member: str
    name: str
    card_end: str


class MembersFound(msgspec.Struct, frozen=True, omit_defaults=True):
    """A few, in the order of their names; `more` says that there are others, and that more of the name is wanted."""

    server_epoch: int
    server_time: str
    members: list[NamedMember]
    more: bool = False


class TicketOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody asked or complained of at a till. `ticket` names it for ever, and stands on the slip that they were given;
    `receipt` is the reference that it is about, if it is about one. `sealed` to head office are the words themselves."""

    ticket: str
    topic: str
    opened_at: str
    sealed: str
    member: str = ""
    receipt: str = ""
    operator: str = ""


class TicketTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member was told an answer at a till: that of number `answer`, at `told_at` by the till's clock, by `operator`."""

    ticket: str
    answer: int
    told_at: str
    operator: str = ""


class TicketTaken(msgspec.Struct, frozen=True):
    server_epoch: int
    server_time: str
    ticket: str


class CardReplacement(msgspec.Struct, frozen=True, omit_defaults=True):
    """A member's card `old` is lost, stolen or worn, and `new` was given to them: head office is to carry it out.

    `operator` asks for it; whoever may only propose by their `role` (`loyalty.roles`), or is nobody, has made a proposal.
    """

    member: str
    old: str
    new: str
    reason: str
    operator: str = ""
    role: str = ""


class CardReplaced(msgspec.Struct, frozen=True):
    """`outcome` is replaced, or proposed: it waits for somebody at head office."""

    server_epoch: int
    server_time: str
    outcome: Literal["replaced", "proposed"]


class Health(msgspec.Struct, frozen=True):
    """Head office answers; for whoever watches it."""

    status: Literal["open"]
    server_epoch: int
    server_time: str


class Refusal(msgspec.Struct, frozen=True):
    """Any request that was not carried out: `code` for programs, `message` and `hint` for people."""

    code: str
    message: str
    hint: str = ""


class _RawChannel(msgspec.Struct, frozen=True):
    position: int
    items: list[msgspec.Raw]
    more: bool = False


class _RawFeed(msgspec.Struct, frozen=True):
    server_epoch: int
    server_time: str
    channels: dict[str, _RawChannel]


class _Tagged(msgspec.Struct, frozen=True):
    type: str


_feeds = msgspec.json.Decoder(FeedReply)
_items = msgspec.json.Decoder(FeedItem)
_KNOWN_ITEMS = frozenset(
    {
        *("member", "program", "grant", "recall", "renew", "forfeit", "block", "revoke", "operator"),
        *("card_batch", "consent_text", "ticket"),
    }
)


def read_feed(data: bytes) -> FeedReply:
    """A feed's answer, without the kinds of item that this version does not know. Raises WireError."""
    try:
        return _feeds.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # perhaps only for an item of a newer server; read item by item, that is seen
    try:
        raw = msgspec.json.decode(data, type=_RawFeed)
        channels = {
            name: FeedChannel(
                channel.position,
                [
                    _items.decode(item)
                    for item in channel.items
                    if msgspec.json.decode(item, type=_Tagged).type in _KNOWN_ITEMS
                ],
                channel.more,
            )
            for name, channel in raw.channels.items()
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a feed: {error}") from error
    return FeedReply(raw.server_epoch, raw.server_time, channels)


def pack(batch: Batch) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(batch), 3)


def unpack(data: bytes) -> Batch:
    """The batch in `data`. Raises WireError for anything else, and before more than MAX_BATCH_BYTES are unpacked."""
    inflater = zlib.decompressobj()
    try:
        unpacked = inflater.decompress(data, MAX_BATCH_BYTES)
        if inflater.unconsumed_tail:
            raise WireError(f"a batch has at most {MAX_BATCH_BYTES} bytes")
        if not inflater.eof:
            raise WireError("the batch is cut off")
        batch = msgspec.msgpack.decode(unpacked, type=Batch)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"not a batch: {error}") from error
    if not 1 <= len(batch.entries) <= MAX_BATCH_ENTRIES:
        raise WireError(f"a batch has 1 to {MAX_BATCH_ENTRIES} entries, this one has {len(batch.entries)}")
    return batch
