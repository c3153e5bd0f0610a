"""The oracle: it hears every answer that reaches a till, looks at every file after every step, and says what must not be.

It knows what each till was told, and so what its file and its paper must say. It reads the files past the product's code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

import msgspec

from bench.simulator.entries import check_entry
from bench.simulator.facts import Facts
from bench.simulator.hazards import Hazards
from bench.simulator.memory import Heard, Page, effect
from bench.simulator.office import HeadOffice
from bench.simulator.rules import day_of
from bench.simulator.slips import check_slip
from bench.simulator.till import Till
from bench.simulator.violation import require
from drivers.document import decode_document
from ledger.entry import Entry, OpenBody, read_entry
from ledger.wire import BatchReply, FeedReply, FeedRequest, GrantItem, MemberItem, RenewItem, unpack


class Oracle:
    """Every entry that a till commits goes from here into `facts`, once it has been checked."""

    def __init__(self, office: HeadOffice, facts: Facts, hazards: Hazards, say: Callable[[str], None]) -> None:
        self._office = office
        self._facts = facts
        self._hazards = hazards
        self._say = say
        self.renewed: dict[tuple[str, str], int] = {}
        """(terminal, member) → the last entry whose floor limit head office has told to be renewed."""

    # -- what a till is told

    def heard(self, till: Till, request: bytes, answer: object) -> None:
        """An answer has arrived at a till, which has not done anything with it yet."""
        till.heard_at = till.now()
        match answer:
            case BatchReply() if answer.head_number:
                self._acknowledged(till, request, answer)
            case FeedReply():
                self._fed(till, request, answer)
            case _:
                pass

    def _acknowledged(self, till: Till, request: bytes, reply: BatchReply) -> None:
        sent = [hashlib.sha256(data).hexdigest() for data in unpack(request).entries]
        there = self._office.has([*sent, reply.head])
        require(
            reply.head in there,
            f"{till.label}: entry {reply.head_number} is acknowledged, and head office has not recorded it",
        )
        missing = len(set(sent) - there) if reply.head == sent[-1] else 0
        require(not missing, f"{till.label}: {missing} entries are acknowledged that head office has not recorded")

    def _fed(self, till: Till, request: bytes, reply: FeedReply) -> None:
        till.fed_at = till.now()
        asked = msgspec.json.decode(request, type=FeedRequest)
        terminal = till.setting("terminal")
        if self._hazards.keeps("known"):
            for item in (one for page in reply.channels.values() for one in page.items if isinstance(one, GrantItem)):
                self._granted_before_told(till, item)
        for channel in (f"members/{till.shop}", f"grants/{terminal}"):
            page = reply.channels.get(channel)
            if page is None or not page.items:
                continue
            told: tuple[Heard | RenewItem, ...]
            if channel.startswith("members/"):
                there = self._known_there()
                told = tuple(Heard(item, there) for item in page.items if isinstance(item, MemberItem))
            else:
                told = renewals = tuple(item for item in page.items if isinstance(item, RenewItem))
                for renewal in renewals:
                    key = terminal, renewal.member
                    self.renewed[key] = max(self.renewed.get(key, 0), renewal.number)
            till.pages.append(Page(channel, reply.server_epoch, asked.positions[channel], page.position, told))

    def _known_there(self) -> frozenset[str] | None:
        """The entries that head office's answer counts in; None while some of them are recorded and not applied."""
        (waiting,) = self._office.look("SELECT count(*) FROM branch WHERE applied_number < head_number")[0]
        return None if waiting else frozenset(str(row[0]) for row in self._office.look("SELECT hash FROM inbox"))

    def _granted_before_told(self, till: Till, item: GrantItem) -> None:
        """A grant that is told has left the member's available points, unless its take has been recorded already."""
        if self._office.look("SELECT 1 FROM inbox WHERE document = ?", f"take/{item.grant}"):
            return
        if item.epoch != till.setting("epoch"):
            return
        if self._office.look("SELECT 1 FROM forfeit WHERE terminal = ? AND epoch = ?", item.terminal, item.epoch):
            return
        booked = self._office.look(
            "SELECT lot, points FROM holding WHERE place = 'granted' AND branch = ?", f"{item.terminal}/{item.epoch}"
        )
        debited = {str(lot): int(str(points)) for lot, points in booked}
        for part in item.slices:
            require(
                debited.get(part.lot, 0) >= part.points,
                f"{till.label} is told of a grant of {part.points} points that head office has not debited",
            )

    # -- what a till has written

    def audit(self, till: Till) -> None:
        """Looks at the till's file for what it has committed since the last time."""
        memory = till.memory
        positions = dict(till.eyes.execute("SELECT channel, position FROM feed_position").fetchall())
        memory.follow(till.pages, int(till.setting("server_epoch", "0")), positions)
        till.pages.clear()
        acknowledged = int(till.setting("acknowledged", "0"))
        memory.count_takes(memory.journal, acknowledged)
        rows = till.eyes.execute(
            "SELECT data, document FROM entry LEFT JOIN receipt USING (number) WHERE number > ? ORDER BY number",
            (len(memory.journal),),
        ).fetchall()
        for data, receipt in rows:
            entry = read_entry(data)
            check_entry(till, entry, _today(till), self._facts, self._hazards)
            self._happened(till, entry)
            memory.journal.append(entry)
            memory.count_takes([entry], acknowledged)
            if receipt is not None and self._hazards.keeps("receipts"):
                check_slip(
                    memory,
                    entry,
                    decode_document(receipt).text(),
                    today=_today(till),
                    acknowledged=acknowledged,
                    fed_ago=till.now() - till.fed_at if till.fed_at else None,
                    facts=self._facts if self._hazards.keeps("sums") else None,
                    rules=self._facts.programs[till.setting("program")],
                )
            self._say(f"    {till.label} #{entry.number} {entry.kind} {entry.envelope.document} {_moves(entry)}")

    def _happened(self, till: Till, entry: Entry) -> None:
        """It is a fact from now on, and once only, however many copied disks have it."""
        if entry.hash in self._facts.entries:
            return
        self._facts.add(entry, till.shop)
        if self._hazards.keeps("escrow") and "double join" not in self._hazards:
            awarded, redeemed = self._facts.awarded[entry.member], self._facts.redeemed[entry.member]
            require(
                redeemed <= awarded,
                f"{till.label}, entry {entry.number}: {redeemed} points have been redeemed of {awarded} ever awarded",
            )


def _today(till: Till) -> str:
    """The till's day: its clock does not go back behind what head office's said."""
    heard = till.setting("server_time")
    return day_of(max(till.clock(), datetime.fromisoformat(heard)) if heard else till.clock())


def _moves(entry: Entry) -> str:
    changes = " ".join(f"{lot[:4]}{change:+}" for lot, change in entry.envelope.esc.items())
    return f"{effect(entry):+} [{changes}]" + (" opens an epoch" if isinstance(entry.body, OpenBody) else "")
