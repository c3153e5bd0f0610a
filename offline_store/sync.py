"""One step of the exchange with head office: entries up, members, programme and grants down. Every step can be repeated.

The network is passed in as a `Link`, so that tests and a simulator run this very code. Nothing here deletes an entry because
of an answer, and an acknowledgement counts only where it names the hash of an entry of this journal.

    SyncError            `code` for programs, `hint` says what to do; nothing was lost
    ├── Unreachable      no answer, or not in time: the till goes on and tries again
    ├── NotEnrolled      this till has not been enrolled with a head office yet
    ├── Refused          head office answered, and will not (a wrong code, a revoked key)
    └── Nonsense         what answered is no head office, or not one of this protocol
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Protocol

from ledger.entry import GENESIS
from ledger.identifiers import RandomBytes, new_reference
from ledger.keys import SigningKey, batch_message
from ledger.passes import LONGEST_PERIOD_S
from ledger.tokens import read_serial
from ledger.wire import (
    Batch,
    BatchReply,
    BlockItem,
    CardBatchItem,
    CardReplaced,
    CardReplacement,
    ConsentTextItem,
    Enrolled,
    Enrolment,
    FeedItem,
    FeedReply,
    FeedRequest,
    ForfeitItem,
    GrantItem,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberItem,
    MemberLookup,
    MemberSearch,
    MembersFound,
    OperatorItem,
    ProgramItem,
    RecallItem,
    RenewItem,
    RevokeItem,
    TicketItem,
    TicketOpened,
    TicketTaken,
    TicketTold,
    enrolment_message,
    pack,
)
from loyalty.days import is_month_day
from loyalty.program import ProgramError, read_program
from offline_store import card_stock, closings, codes, consents, journal, members, operators, rights, settings, tickets
from offline_store.moment import moment
from offline_store.store import Store


class SyncError(Exception):
    """The exchange did not come about. `str()` is one sentence for a person; nothing was lost on either side."""

    code = "SYNC_ERROR"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Unreachable(SyncError):
    code = "UNREACHABLE"


class NotEnrolled(SyncError):
    code = "NOT_ENROLLED"


class Refused(SyncError):
    """`code` is the server's own."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Nonsense(SyncError):
    code = "NONSENSE"


class Link(Protocol):
    """The wire to head office. Every method raises a SyncError; an Unreachable one may or may not have been carried out."""

    def enroll(self, enrolment: Enrolment) -> Enrolled: ...
    def send(self, batch: bytes) -> BatchReply: ...
    def feed(self, request: FeedRequest) -> FeedReply: ...
    def grant(self, request: GrantRequest) -> GrantReply: ...
    def details(self, details: MemberDetails) -> None: ...
    def lookup(self, lookup: MemberLookup) -> MemberFound: ...
    def search(self, search: MemberSearch) -> MembersFound: ...
    def ticket(self, opened: TicketOpened) -> TicketTaken: ...
    def told(self, told: TicketTold) -> TicketTaken: ...

    def replace_card(self, replacement: CardReplacement) -> CardReplaced: ...


@dataclass
class Progress:
    """What this step did, and how far the till is: `unsent` entries are still to go up. `wait_s`: head office asks to wait."""

    uploaded: int = 0
    received: int = 0
    unsent: int = 0
    conflicts: int = 0
    parked: int = 0
    wait_s: float = 0.0
    notes: list[str] = field(default_factory=list)


MAX_BATCHES = 20
"""The most batches one step sends, so that a long backlog does not keep the feed waiting."""
BATCH_BYTES = 2 * 1024 * 1024
MAX_PAGES = 2000
"""The most feed pages one step reads: two million members; a server that always has more is read on at the next step."""
PAGE_ITEMS = 1000
GATHER_ITEMS = 20_000
"""So many items of the feed are taken over in one transaction, while which no sale can be recorded."""
FIRST_ITEMS = 100_000
"""So many in a till that knows no members yet: each transaction falls all over the same pages once more."""
MOST_WAIT_S = 300.0
CLOCK_STEP_S = 60
"""A difference to head office's clock that changed by so much is written down."""
WISH_S = 30.0
"""For so long the same wish for rights, its answer lost, keeps its name; later it is another wish."""


@dataclass
class _Gathered:
    """Pages of one channel that follow each other, from after `start`."""

    start: int
    position: int = 0
    items: list[FeedItem] = field(default_factory=list)


class Sync:
    """The exchange of one till. Safe to call from several threads: one step at a time."""

    def __init__(self, store: Store, link: Link, *, clock: Callable[[], datetime], random_bytes: RandomBytes) -> None:
        self._store = store
        self._link = link
        self._clock = clock
        self._random_bytes = random_bytes
        self._one_at_a_time = threading.Lock()
        self._signing: SigningKey | None = None
        self._is_updated = False
        self._wishes: dict[tuple[str, int], tuple[str, datetime]] = {}
        self.last_contact: datetime | None = None
        """When head office last answered, by this till's clock."""
        self.last_feed: datetime | None = None
        """When all channels were last read to their end, by this till's clock."""
        self.problem: SyncError | None = None
        self.why_not_granted = ""
        """What stood in the way of the last wish for rights, in head office's words."""

    def enroll(self, code: str) -> Enrolled:
        """Joins a head office with a one-time code. Raises Refused where the code is wrong or used, or this till has joined."""
        with self._one_at_a_time:
            with self._store.read() as db:
                who = journal.identity(db)
                if settings.get(db, "server"):
                    raise Refused(
                        "ALREADY_ENROLLED",
                        f"This till belongs to shop {settings.get(db, 'shop')} already.",
                        hint="Nothing needs to be done. A till for another shop gets a folder of its own.",
                    )
            proof = self._key().sign(enrolment_message(code, who.terminal, self._key().public))
            enrolled = self._link.enroll(Enrolment(code, who.terminal, who.epoch, self._key().public, proof))
            _moment(enrolled.server_time)

            def keep(db: sqlite3.Connection) -> None:
                settings.put(db, "shop", enrolled.shop)
                settings.put(db, "server", enrolled.server)
                settings.put(db, "server_epoch", str(enrolled.server_epoch))
                settings.put(db, "server_key", enrolled.server_key)
                settings.put(db, "sealing_key", enrolled.sealing_key)
                settings.put(db, "phone_key", enrolled.phone_key)
                settings.put(db, "server_time", enrolled.server_time)

            self._store.write(keep)
            return enrolled

    def step(self, keeps: Callable[[str], bool] = lambda member: False) -> Progress:
        """Releases what is not kept, sends what is unacknowledged, reads the feed. Raises SyncError; then step again later.

        `keeps(member)`: whether the till still needs its rights for that member (a sale is open).
        """
        with self._one_at_a_time:
            try:
                progress = self._step(keeps)
            except SyncError as error:
                self.problem = error
                raise
            self.problem = None
            return progress

    def fetch_rights(self, member: str, points: int, deadline: Callable[[], bool]) -> None:
        """Asks for `points` more of a member's points and takes what is granted. Raises SyncError.

        `deadline()` turns true when there is no more time: what has been granted by then comes with the next step.
        """
        with self._one_at_a_time:
            if deadline():  # it had to wait its turn for too long
                return
            now = self._clock()
            self._wishes = {wish: one for wish, one in self._wishes.items() if (now - one[1]).total_seconds() < WISH_S}
            request, _ = self._wishes.setdefault((member, points), (new_reference(self._random_bytes), now))
            with self._store.read() as db:
                self._require_enrolled(db)
                who = journal.identity(db)
            self._upload(Progress())
            reply = self._link.grant(GrantRequest(request, who.epoch, member, points))
            self._wishes.pop((member, points), None)
            self._heard(reply.server_epoch, reply.server_time)
            self.why_not_granted = reply.why
            if reply.points and not deadline():
                self._read_feed(Progress())
                if not deadline():
                    self._upload(Progress())

    def look_up(self, lookup: MemberLookup) -> str | None:
        """The member of a card or phone that this till does not know, or None where head office does not either."""
        with self._one_at_a_time:
            with self._store.read() as db:
                self._require_enrolled(db)
            try:
                found = self._link.lookup(lookup)
            except Refused as refused:
                if refused.code == "CARD_BLOCKED":  # of which the feed tells, and what the cashier is told
                    self._read_feed(Progress())
                    return None
                raise
            self._heard(found.server_epoch, found.server_time)
            if found.member or lookup.member:  # of a reference that is nobody's any more, the feed tells why
                self._read_feed(Progress())
            return found.member or None

    def search(self, name: str) -> MembersFound:
        """Members by name, whom only head office knows by name. Raises SyncError."""
        with self._one_at_a_time:
            with self._store.read() as db:
                self._require_enrolled(db)
            found = self._link.search(MemberSearch(name))
            self._heard(found.server_epoch, found.server_time)
            return found

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        """Has head office give a member another card, or propose it there. Raises SyncError; the feed tells of it."""
        with self._one_at_a_time:
            with self._store.read() as db:
                self._require_enrolled(db)
            self._upload(Progress())  # whoever joined here a moment ago must be known there
            self._send_details()
            done = self._link.replace_card(replacement)
            self._heard(done.server_epoch, done.server_time)
            self._read_feed(Progress())
            return done

    def _step(self, keeps: Callable[[str], bool]) -> Progress:
        progress = Progress()
        with self._store.read() as db:
            self._require_enrolled(db)
            today = moment(db, self._clock()).today
            holders = [member for member in rights.members_to_release(db, today) if not keeps(member)]
        # Head office must answer before anything is released: an offline till keeps what it holds.
        self._read_feed(progress)
        for member in holders:
            self._store.write(lambda db, member=member: self._release(db, member, keeps))  # type: ignore[misc]
        self._upload(progress)
        self._send_details()
        self._send_tickets(progress)
        if progress.uploaded or progress.received:
            self._read_feed(progress)
            self._upload(progress)
        return progress

    def _release(self, db: sqlite3.Connection, member: str, keeps: Callable[[str], bool]) -> None:
        if not keeps(member):
            rights.release(db, moment(db, self._clock()), member)

    def _upload(self, progress: Progress) -> None:
        for _ in range(MAX_BATCHES):
            with self._store.read() as db:
                who = journal.identity(db)
                acknowledged = int(settings.get(db, "acknowledged", "0"))
                waiting = journal.after(db, acknowledged, int(settings.get(db, "send_next", "500")))
                last, _ = journal.head(db)
            progress.unsent = last - acknowledged
            if not waiting:
                return
            entries: list[bytes] = []
            size = 0
            for _, _, data in waiting:
                if entries and size + len(data) > BATCH_BYTES:
                    break
                entries.append(data)
                size += len(data)
            number, head, _ = waiting[len(entries) - 1]
            signature = self._key().sign(batch_message(who.terminal, who.epoch, number, head))
            reply = self._link.send(pack(Batch(who.terminal, who.epoch, entries, signature)))
            self._heard(reply.server_epoch, reply.server_time)
            now_acknowledged = self._store.write(lambda db, reply=reply: self._acknowledge(db, reply))  # type: ignore[misc]
            progress.uploaded += max(0, now_acknowledged - acknowledged)
            progress.unsent = last - now_acknowledged
            progress.wait_s = min(max(0.0, reply.wait_s), MOST_WAIT_S)
            progress.conflicts += sum(result.outcome == "conflict" for result in reply.results)
            progress.parked += sum(result.outcome == "parked" for result in reply.results)
            if now_acknowledged == acknowledged:
                raise Nonsense(
                    "Head office answered without taking any of this till's entries.",
                    hint="They are kept here and sent again. If this lasts, tell head office.",
                )

    def _acknowledge(self, db: sqlite3.Connection, reply: BatchReply) -> int:
        """The number of the last entry of this journal that head office says it has, by its hash.

        Where it names an entry that is not of this journal, it has another history of this till, whose disk was copied or
        restored from an old image: everything is sent again, and it says where the histories part.
        """
        number = reply.head_number
        if not number and reply.head not in ("", GENESIS):
            raise Nonsense("Head office acknowledged an entry without a number.", hint="Nothing was marked as sent.")
        if number and journal.hash_at(db, number) != reply.head:
            number = 0
        if number < int(settings.get(db, "acknowledged", "0")):
            members.send_again(db, number)
        settings.put(db, "acknowledged", str(number))
        settings.put(db, "send_next", str(min(max(1, reply.send_next), 1000)))
        if reply.last_closing:
            closings.used(db, reply.last_closing)
        rights.count_takes(db, number)
        if reply.is_fork:
            self._begin_anew(db, "copied")
        return number

    def _begin_anew(self, db: sqlite3.Connection, because: str) -> None:
        settings.put(db, "reopened_because", because)
        if because == "copied":
            closings.put_back(db, moment(db, self._clock()).today)
        rights.surrender(db, moment(db, self._clock()), new_reference(self._random_bytes))

    def _send_details(self) -> None:
        with self._store.read() as db:
            waiting = members.waiting_details(db)
        for details in waiting:
            self._link.details(details)
            self._store.write(lambda db, member=details.member: members.details_arrived(db, member))  # type: ignore[misc]

    def _send_tickets(self, progress: Progress) -> None:
        with self._store.read() as db:
            waiting, told_waiting = tickets.waiting(db), tickets.told_waiting(db)
        sent: list[TicketOpened | TicketTold] = [*waiting, *told_waiting]
        for one in sent:
            try:
                if isinstance(one, TicketOpened):
                    self._link.ticket(one)
                else:
                    self._link.told(one)
            except Refused as refused:  # it stays, and holds up nothing else
                progress.notes.append(
                    f"Head office did not take the ticket {one.ticket}: {refused} {refused.hint}".strip()
                )
                continue
            self._store.write(lambda db, one=one: tickets.arrived(db, one))  # type: ignore[misc]

    def _read_feed(self, progress: Progress) -> None:
        """Reads every channel to its end. Pages are gathered, so that a shop's first feed does not wait for the disk at each."""
        self._read_anew_after_an_update()
        gathered: dict[str, _Gathered] = {}
        with self._store.read() as db:
            most = GATHER_ITEMS if members.is_any(db) else FIRST_ITEMS
        try:
            for _ in range(MAX_PAGES):
                more = self._gather_pages(gathered)
                if not more or sum(len(one.items) for one in gathered.values()) >= most:
                    self._take_over(gathered, progress)
                    most = GATHER_ITEMS
                if not more:
                    self.last_feed = self._clock()
                    return
        except SyncError:
            self._take_over(gathered, progress)
            raise
        self._take_over(gathered, progress)

    def _gather_pages(self, gathered: dict[str, _Gathered]) -> bool:
        """One more page of each channel; whether there are more. Raises Nonsense; what was gathered before stays good."""
        with self._store.read() as db:
            who, shop = journal.identity(db), settings.get(db, "shop")
            channels = ("program", f"members/{shop}", f"grants/{who.terminal}", "revocations", f"shop/{shop}")
            known = dict(db.execute("SELECT channel, position FROM feed_position").fetchall())
        known.update({channel: one.position for channel, one in gathered.items()})
        positions = {channel: known.get(channel, 0) for channel in channels}
        reply = self._link.feed(FeedRequest(positions, limit=PAGE_ITEMS, epoch=who.epoch))
        if self._heard(reply.server_epoch, reply.server_time):
            gathered.clear()  # what it says now is numbered anew
            return True
        more = False
        for channel, page in reply.channels.items():
            if channel not in positions or page.position < positions[channel]:
                raise Nonsense("Head office sent a feed that was not asked for.", hint="It was not taken over.")
            for item in page.items:
                _require_sound(item)
            if page.position > positions[channel]:
                one = gathered.setdefault(channel, _Gathered(positions[channel]))
                one.position = page.position
                one.items += page.items
                more = more or page.more
        return more

    def _take_over(self, gathered: dict[str, _Gathered], progress: Progress) -> None:
        if not gathered:
            return

        def apply(db: sqlite3.Connection) -> None:
            for channel, one in gathered.items():
                self._apply_page(db, channel, one.start, one.position, one.items, progress)

        self._store.write(apply)
        progress.received += sum(len(one.items) for one in gathered.values())
        gathered.clear()

    def _read_anew_after_an_update(self) -> None:
        """What an earlier version left out of the feed because it did not know it, this one may know: it reads all again."""
        if self._is_updated:
            return
        mine = version("pos-plugin")

        def keep(db: sqlite3.Connection) -> None:
            if settings.get(db, "feed_read_by", mine) != mine:
                db.execute("DELETE FROM feed_position")
            settings.put(db, "feed_read_by", mine)

        with self._store.read() as db:
            is_known = settings.get(db, "feed_read_by") == mine
        if not is_known:
            self._store.write(keep)
        self._is_updated = True

    def _apply_page(
        self,
        db: sqlite3.Connection,
        channel: str,
        start: int,
        position: int,
        items: list[FeedItem],
        progress: Progress,
    ) -> None:
        """A page and its position in one transaction; a page that does not start where this till stands is ignored."""
        row = db.execute("SELECT position FROM feed_position WHERE channel = ?", (channel,)).fetchone()
        if (row[0] if row else 0) != start:
            return
        at = moment(db, self._clock())
        told: list[MemberItem] = []
        refused: list[BlockItem | RevokeItem] = []
        for item in items:
            match item:
                case MemberItem():
                    told.append(item)
                case BlockItem() | RevokeItem():
                    refused.append(item)
                case GrantItem():
                    rights.take(db, at, item)
                case OperatorItem():
                    operators.apply_items(db, [item])
                case TicketItem():
                    tickets.apply_item(db, item)
                case CardBatchItem():
                    card_stock.apply_items(db, [item])
                case ConsentTextItem():
                    consents.use_text(db, item)
                case RecallItem():
                    rights.recall(db, item.member)
                case RenewItem():
                    rights.renew(db, item)
                case ForfeitItem():
                    if (item.terminal, item.epoch) == (at.who.terminal, at.who.epoch):
                        self._begin_anew(db, "forfeited")
                        at = moment(db, self._clock())
                case ProgramItem():
                    try:
                        program = read_program(item.text, "programme from head office")
                        settings.put_surprise_key(db, program, item.surprise_key)
                        settings.use_program(db, program, at.recorded_at)
                        settings.put_gone(db, program.id, item.gone)
                        at = moment(db, self._clock())
                    except ProgramError as error:
                        progress.notes.append(f"The programme stays as it was: {error}")
        members.apply_items(db, at, told)
        if refused:
            codes.apply_items(db, refused)
        last, _ = journal.head(db)
        if any(item.includes > last for item in told):
            # Entries under this epoch that are not here: another disk goes on with it, and has spent from the same rights.
            self._begin_anew(db, "copied")
        db.execute(
            "INSERT INTO feed_position (channel, position) VALUES (?, ?) "
            "ON CONFLICT (channel) DO UPDATE SET position = excluded.position",
            (channel, position),
        )

    def _heard(self, server_epoch: int, server_time: str) -> bool:
        """Head office has spoken: its time is the earliest that this till's clock may show from here on.

        True where it was restored from a backup since: its feed is then read from the start, because what this till has
        read of it may have been numbered anew. What it says of an earlier epoch is not listened to.
        """
        time = _moment(server_time)
        ahead_s = round((self._clock() - time).total_seconds())
        with self._store.read() as db:
            known, epoch = settings.get(db, "server_time"), int(settings.get(db, "server_epoch", "0"))
            known_ahead_s = int(settings.get(db, "clock_ahead_s", "0"))
        if server_epoch < epoch:
            raise Nonsense(
                "An earlier state of head office answered than the one this till knows.",
                hint="It was not listened to; all is kept here. Tell head office: two copies of it are running.",
            )
        self.last_contact = self._clock()
        self.problem = None  # it answers: a quote may ask for rights, however long the rest of this step takes
        is_restored = server_epoch > epoch > 0

        is_later = is_restored or not known or _minutes(time) > _minutes(_moment(known))

        def keep(db: sqlite3.Connection) -> None:
            settings.put(db, "clock_ahead_s", str(ahead_s))
            if not is_later:
                return
            # A new life of head office may set an earlier time: its clock may have been wrong in the one before.
            settings.put(db, "server_time", server_time)
            settings.put(db, "server_epoch", str(server_epoch))
            if is_restored:
                db.execute("DELETE FROM feed_position")
                rights.greet(db, moment(db, self._clock()), server_epoch)

        if is_later or abs(ahead_s - known_ahead_s) >= CLOCK_STEP_S:
            self._store.write(keep)
        return is_restored

    def _require_enrolled(self, db: sqlite3.Connection) -> None:
        if not settings.get(db, "server"):
            raise NotEnrolled(
                "This till is not enrolled with a head office.",
                hint="Get a code there (pos-central enroll-code) and run pos-plugin enroll. Until then all is kept here.",
            )

    def _key(self) -> SigningKey:
        if self._signing is None:
            self._signing = SigningKey(self._store.secret_key())
        return self._signing


def _moment(text: str) -> datetime:
    """A time that head office sent. Raises Nonsense, above all where it names no offset and so no moment."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Nonsense("Head office sent a time that is none.", hint="It was not taken over; all is kept here.")


@lru_cache(maxsize=4096)
def _is_day(text: str) -> bool:
    """Remembered: the points of all members end on the same few hundred days."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _minutes(moment: datetime) -> str:
    """A till that writes only when another minute has begun does not wait for the disk at every answer."""
    return moment.isoformat(timespec="minutes")


def _require_sound(item: FeedItem) -> None:
    """Raises Nonsense where an item would stand in a later sale's way."""
    days: list[str] = []
    are_above_0 = True
    if isinstance(item, BlockItem):
        _moment(item.since)
        if re.fullmatch("[0-9a-f]{64}", item.card_hash) is None:
            raise Nonsense("Head office blocked a card that is none.", hint="It was not taken over.")
    elif isinstance(item, RevokeItem):
        days = [item.last_day]
        if read_serial(item.serial) != item.serial:
            raise Nonsense("Head office revoked a token that is none.", hint="It was not taken over.")
    elif isinstance(item, MemberItem):
        _moment(item.as_of)
        days = [part.expires_on for part in item.points]
        days += [part.usable_from for part in item.points if part.usable_from]
        days += [*item.history.qualifying, *(day for of_tier in item.history.paid.values() for day in of_tier)]
        if item.profile.birthday and not is_month_day(item.profile.birthday):
            raise Nonsense("Head office sent a birthday that is none.", hint="It was not taken over.")
        for one in item.passes:
            if not 1 <= one.period_s <= LONGEST_PERIOD_S or re.fullmatch("([0-9a-f]{2})+", one.key) is None:
                raise Nonsense("Head office sent the key of a pass that is none.", hint="It was not taken over.")
    elif isinstance(item, GrantItem):
        days = [part.expires_on for part in item.slices]
        are_above_0 = all(part.points > 0 for part in item.slices)
    elif isinstance(item, ProgramItem) and re.fullmatch("([0-9a-f]{2})*", item.surprise_key) is None:
        raise Nonsense("Head office sent a key that is none.", hint="It was not taken over.")
    if not are_above_0 or not all(map(_is_day, days)):
        raise Nonsense("Head office sent points with a day or a number that is none.", hint="They were not taken over.")
