"""The wire between a till and head office: it loses, doubles, delays and garbles, and is cut for hours or days.

Messages travel as their bytes. Head office is a function from (address, terminal, body) to the bytes of its answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

import msgspec

from bench.simulator.hazards import Hazards
from central_server.tills.auth import VALID_S
from ledger.wire import (
    BatchReply,
    CardReplaced,
    CardReplacement,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberLookup,
    MemberSearch,
    MembersFound,
    TicketOpened,
    TicketTaken,
    TicketTold,
    pack,
    read_feed,
    unpack,
)
from offline_store.sync import SyncError, Unreachable

T = TypeVar("T")

Answer = Callable[[str, str, bytes], bytes]
"""Raises Unreachable or Refused, as `pos_plugin.head_office.server_link` would after the answer's status."""


class Sent(NamedTuple):
    """A request that is still on the way, or is there for the second time."""

    address: str
    terminal: str
    body: bytes
    at: datetime


class Wire:
    """`offline_store.sync.Link` of one till. `heard` is told of every answer that arrives, `fault` of all that goes wrong."""

    def __init__(
        self,
        answer: Answer,
        terminal: Callable[[], str],
        hazards: Hazards,
        now: Callable[[], datetime],
        fault: Callable[[str], None],
        heard: Callable[[bytes, object], None],
    ) -> None:
        self._answer = answer
        self._terminal = terminal
        self._hazards = hazards
        self._now = now
        self._fault = fault
        self._heard = heard
        self.draw = random.Random(0)
        self.cut_until: datetime | None = None
        self.is_mended = False
        self._late: list[Sent] = []

    def mend(self) -> None:
        self.is_mended, self.cut_until = True, None

    @property
    def is_cut(self) -> bool:
        return self.cut_until is not None and self._now() < self.cut_until

    def enroll(self, enrolment: Enrolment) -> Enrolled:
        return self._ask("enroll", msgspec.json.encode(enrolment), Enrolled)

    def send(self, batch: bytes) -> BatchReply:
        return self._ask("entries", batch, BatchReply)

    def feed(self, request: FeedRequest) -> FeedReply:
        return self._ask("feed", msgspec.json.encode(request), FeedReply, read_feed)

    def grant(self, request: GrantRequest) -> GrantReply:
        return self._ask("grants", msgspec.json.encode(request), GrantReply)

    def details(self, details: MemberDetails) -> None:
        self._ask("members", msgspec.json.encode(details), dict)

    def lookup(self, lookup: MemberLookup) -> MemberFound:
        return self._ask("members/lookup", msgspec.json.encode(lookup), MemberFound)

    def search(self, search: MemberSearch) -> MembersFound:
        return self._ask("members/search", msgspec.json.encode(search), MembersFound)

    def ticket(self, opened: TicketOpened) -> TicketTaken:
        return self._ask("tickets", msgspec.json.encode(opened), TicketTaken)

    def told(self, told: TicketTold) -> TicketTaken:
        return self._ask("tickets/told", msgspec.json.encode(told), TicketTaken)

    def replace_card(self, replacement: CardReplacement) -> CardReplaced:
        return self._ask("members/replace-card", msgspec.json.encode(replacement), CardReplaced)

    def deliver_late(self) -> None:
        """What was delayed arrives now; nobody waits for the answer. A signed request is only good as long as its nonce."""
        late, self._late = self._late, []
        for one in late:
            if one.address == "entries" or self._now() - one.at <= timedelta(seconds=VALID_S):
                self._fault("delayed")
                self._unheard(one.address, one.terminal, one.body)

    def _ask(self, address: str, body: bytes, kind: type[T], read: Callable[[bytes], T] | None = None) -> T:
        if self.is_cut:
            raise Unreachable("No connection to head office (the network is cut).")
        if self._late and self._happens("delayed", 0.5):
            self.deliver_late()
        terminal = self._terminal()
        if self._happens("lost request", 0.15):
            self._fault("lost request")
            if self._happens("delayed", 0.5):
                self._late.append(Sent(address, terminal, body, self._now()))
            raise Unreachable("No connection to head office (the request was lost).")
        if self._happens("delayed", 0.1):
            self._late.append(Sent(address, terminal, body, self._now()))
        if address == "entries" and self._happens("garbled", 0.3):
            body = self._garbled(body)
        if self._happens("doubled", 0.2):
            self._fault("doubled")
            self._unheard(address, terminal, body)
        data = self._answer(address, terminal, body)
        answer = read(data) if read else msgspec.json.decode(data, type=kind)
        if self._happens("lost answer", 0.15):
            self._fault("lost answer")
            raise Unreachable("No connection to head office (the answer was lost).")
        self._heard(body, answer)
        return answer

    def _unheard(self, address: str, terminal: str, body: bytes) -> None:
        with suppress(SyncError):
            self._answer(address, terminal, body)

    def _garbled(self, body: bytes) -> bytes:
        """Entries in another order, or one left out: what no sender does, and a broken box between may."""
        batch = unpack(body)
        if len(batch.entries) < 3:
            return body
        self._fault("garbled")
        entries = list(batch.entries)
        at = self.draw.randrange(len(entries) - 2)
        if self.draw.random() < 0.5:
            entries[at], entries[at + 1] = entries[at + 1], entries[at]
        else:
            del entries[at + 1]
        return pack(msgspec.structs.replace(batch, entries=entries))

    def _happens(self, hazard: str, chance: float) -> bool:
        return not self.is_mended and hazard in self._hazards and self.draw.random() < chance
