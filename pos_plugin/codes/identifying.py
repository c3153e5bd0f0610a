"""Who or what a code is: a member by card, token or pass, an item, or a code of a member's that is not taken, and why."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from loyalty.card import DamagedMemberCode, MemberCard, masked, member_card
from offline_store import codes, members, tickets
from offline_store.moment import Moment, moment
from offline_store.store import Store
from offline_store.tickets import Ticket
from pos_plugin.codes import passes, tokens
from pos_plugin.codes.item_codes import Item, read_item
from pos_plugin.codes.member_codes import Accepted, Declined, blocked
from pos_plugin.codes.scale_labels import ScalePattern

IDENTIFIED_S = 900
"""For so long after a card was read, its member can redeem at this till."""


class Identified(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a scan or typed code turned out to be.

    `kind`: "member"; "unknown card" (a card that nobody has joined with); "damaged card" (scan it again); "blocked card" (lost,
    stolen or replaced); "refused code" (a token or pass that is not taken: `message` says why); "item" and "coupon" (the host's
    business: `code` is what was read, `item` what it says). `can_redeem`: the card itself was read, so points may be spent.
    `tickets` are what the member has asked and head office has not closed.
    """

    kind: str
    code: str = ""
    member: str = ""
    card: str = ""
    initials: str = ""
    can_redeem: bool = False
    balance: int = 0
    as_of: str = ""
    message: str = ""
    item: Item | None = None
    tickets: list[Ticket] = []

    @property
    def is_of_use(self) -> bool:
        """Whether whoever scanned it can go on; if not, the page says why, and the scanner sounds as for a bad read."""
        return not self.message


class Identifying:
    """Recognises members, and remembers for a while whose card was read: only they may redeem. Safe from several threads."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        look_up_card: Callable[[str], str | None],
        look_up_phone: Callable[[str], str | None],
        look_up_member: Callable[[str], str | None],
        scale_patterns: Sequence[ScalePattern] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._look_up_card = look_up_card
        self._look_up_phone = look_up_phone
        self._look_up_member = look_up_member
        self._scale_patterns = scale_patterns
        self._cards_read: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def identify(self, scan: str, entry_mode: str = "scanned", symbology: str = "") -> Identified:
        """Who or what a code is.

        `entry_mode` is "scanned", "typed" (the card's number by hand), "printed" (by another till, on its receipt), "phone", or
        "name" (`scan` is then the member whom a person chose among those of a name). Printed, or looked up by phone or name, a
        member can earn but not redeem.
        """
        if entry_mode in ("phone", "name"):
            member = self._look_up_phone(scan) if entry_mode == "phone" else self._look_up_member(scan)
            if member is None:
                found_by = "with this phone number" if entry_mode == "phone" else "under this name any more"
                return Identified("unknown card", message=f"Nobody has joined {found_by}.")
            with self._store.read() as db:
                return _identified(db, moment(db, self._clock()), member, "", can_redeem=False)
        proof = self._blocked(scan) or self._token(scan) or self._pass(scan)
        if isinstance(proof, Declined):
            return _declined(proof)
        if proof is not None:
            return self._accepted(proof, entry_mode)
        with self._store.read() as db:
            at = moment(db, self._clock())
            member = members.member_of_card(db, scan) if scan else None
            known = _identified(db, at, member, scan, can_redeem=True) if member else None
        rules = at.program.cards.rules
        reading = member_card(rules, scan, symbology)
        is_out_of_place = not isinstance(reading, MemberCard) and isinstance(member_card(rules, scan), MemberCard)
        if is_out_of_place:  # a number of this programme, in a kind of code that its cards do not have
            member = None
        if isinstance(reading, DamagedMemberCode):
            return Identified("damaged card", code=scan, message="The card was not read whole. Scan it again.")
        if member is None and isinstance(reading, MemberCard):
            member = self._look_up_card(reading.number)
            if member is None and (refused := self._blocked(reading.number)):  # of which head office has just told
                return _declined(refused)
            if member is None:
                text = "Nobody has joined with this card at the shops known here. Join with it, or sell without."
                return Identified("unknown card", code=reading.number, card=masked(reading.number), message=text)
        if member is None:
            read = read_item(scan, symbology, self._scale_patterns)
            return Identified(read.kind, code=scan, message=read.message, item=read.item)
        if entry_mode != "printed":
            self._remember(member, scan)
        if known is None:  # head office has just told of them
            with self._store.read() as db:
                known = _identified(db, moment(db, self._clock()), member, scan, can_redeem=True)
        return known

    def card_read(self, member: str) -> str:
        """The card or token by which the member was identified here just now; "" if none was, or it has been blocked since."""
        with self._lock:
            card, at = self._cards_read.get(member, ("", self._clock()))
        if not card or (self._clock() - at).total_seconds() >= IDENTIFIED_S:
            return ""
        with self._store.read() as db:
            return "" if blocked(db, card) or codes.is_revoked(db, card) else card

    def known_member(self, member: str) -> str | None:
        """The member as they are called now, where they are known here or at head office."""
        with self._store.read() as db:
            current = members.current(db, member)
            if db.execute("SELECT 1 FROM member WHERE member = ?", (current,)).fetchone() is not None:
                return current
        return self._look_up_member(member)

    def vouch_for(self, member: str, card: str) -> None:
        """As if this card of the member had been read here just now."""
        self._remember(member, card)

    def _blocked(self, card: str) -> Declined | None:
        with self._store.read() as db:
            return blocked(db, card)

    def _token(self, scan: str) -> Accepted | Declined | None:
        return tokens.read(self._store, self._clock, self._look_up_member, scan)

    def _pass(self, scan: str) -> Accepted | Declined | None:
        return passes.read(self._store, self._clock, self._look_up_card, scan)

    def _accepted(self, said: Accepted, entry_mode: str) -> Identified:
        if said.can_redeem and entry_mode != "printed":
            self._remember(said.member, said.mark)
        with self._store.read() as db:
            at = moment(db, self._clock())
            return _identified(db, at, said.member, said.mark, can_redeem=said.can_redeem)

    def _remember(self, member: str, card: str) -> None:
        with self._lock:
            self._forget_old()
            self._cards_read.pop(member, None)  # so that the book stays in the order of reading
            self._cards_read[member] = (card, self._clock())

    def _forget_old(self) -> None:
        since = self._clock() - timedelta(seconds=IDENTIFIED_S)
        while self._cards_read and (oldest := next(iter(self._cards_read.items())))[1][1] <= since:
            del self._cards_read[oldest[0]]


def _declined(said: Declined) -> Identified:
    return Identified(said.kind, card=said.card, message=said.message)


def _identified(db: sqlite3.Connection, at: Moment, member: str, card: str, *, can_redeem: bool) -> Identified:
    balance = members.balance(db, member, at.today)
    return Identified(
        "member",
        member=member,
        card=masked(card) if card else "",
        initials=members.initials_of(db, member),
        can_redeem=can_redeem,
        balance=balance.points,
        as_of=balance.as_of,
        tickets=tickets.of_member(db, member),
    )
