"""What head office keeps of members beside their points: what they did, what keeps their points alive, what cannot be spent yet.

A part of `Books`: loaded with a member's book, stored with it, and only for members that a transaction touches. What an entry
did is added up and folded in at the end; sums know no order, so it does not matter in which order the tills are heard.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import msgspec
from sqlalchemy import Connection, delete, select

from central_server import schema
from central_server.applying import used_up
from central_server.database import among, put
from ledger.settlement import MemberBook
from loyalty.days import day_before, months_before
from loyalty.program import Program
from loyalty.standing import NO_EFFECTS, NO_HISTORY, Effects, History, negative, periods, total

MOST_COUNTED = 10**15
MOST_KEYS = 100
"""What an honest entry stays far below."""

_encoder = msgspec.json.Encoder(order="deterministic")
_histories = msgspec.json.Decoder(History)
_spans = msgspec.json.Decoder(dict[str, str])


class Undone(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the returns of a sale have taken out of its member's history so far; below zero. `sales` is -1 once all is back."""

    effects: Effects = NO_EFFECTS
    sales: int = 0


NOTHING_UNDONE = Undone()
_undone = msgspec.json.Decoder(Undone)


class Histories:
    """Histories, spans and days of the members whose books are open in this transaction."""

    def __init__(self, connection: Connection, today: str) -> None:
        self._connection = connection
        self._today = today
        self._stored: dict[str, tuple[str, str]] = {}
        self._added: dict[str, History] = {}
        self._of_rules: dict[str, int] = {}
        self._vesting: dict[str, dict[str, str]] = {}
        self._is_vesting = connection.execute(select(schema.vesting.c.member).limit(1)).first() is not None

    def prefetch(self, members: Collection[str], books: Mapping[str, MemberBook]) -> None:
        table, later = schema.member_history.c, schema.vesting.c
        for member, history, alive in self._connection.execute(
            select(table.member, table.history, table.alive).where(among(self._connection, table.member, members))
        ).all():
            self._stored[member] = history, alive
            if alive:
                books[member].alive = _spans.decode(alive)
        if not self._is_vesting:
            return
        for member, lot, day in self._connection.execute(
            select(later.member, later.lot, later.usable_from).where(among(self._connection, later.member, members))
        ).all():
            books[member].usable_from[lot] = day
            self._vesting.setdefault(member, {})[lot] = day

    def of(self, member: str) -> History:
        """All that is known by now of a member whose book is open."""
        stored = self._stored.get(member, ("", ""))[0]
        history = _histories.decode(stored) if stored else NO_HISTORY
        return history.and_also(self._added[member]) if member in self._added else history

    def add(self, member: str, effects: Effects, day: str, *, sales: int = 0, is_activity: bool = True) -> None:
        """Something that happened on trading day `day`. ValueError where nobody could count it."""
        if date.fromisoformat(day).isoformat() != day:
            raise ValueError("it writes a day otherwise than year, month and day")
        _check(effects)
        self._added[member] = self._added.get(member, NO_HISTORY).plus(
            effects, day, sales=sales, is_activity=is_activity
        )
        for key, count in effects.counts.items():
            if used_up.is_summed(key):
                self._of_rules[key] = self._of_rules.get(key, 0) + count

    def sums_of_rules(self) -> dict[str, int]:
        """What has been counted for ever since this was last asked, of all members together."""
        sums, self._of_rules = self._of_rules, {}
        return sums

    def add_history(self, member: str, more: History) -> None:
        self._added[member] = self._added.get(member, NO_HISTORY).and_also(more)

    def replace(self, member: str, history: History) -> None:
        """The history of a member whose book is open is this from now on: what a person has set."""
        self._added.pop(member, None)
        alive = self._stored.get(member, ("", ""))[1]
        text = _encoder.encode(history).decode()
        put(self._connection, schema.member_history, [{"member": member, "history": text, "alive": alive}])
        self._stored[member] = text, alive

    def store(self, books: Mapping[str, MemberBook]) -> None:
        changed, later = [], []
        for member, book in books.items():
            _, alive = self._stored.get(member, ("", ""))
            now_alive = _encoder.encode(book.alive).decode() if book.alive else ""
            if member in self._added or now_alive != alive:
                now = _encoder.encode(self.of(member)).decode()
                self._stored[member] = now, now_alive
                changed.append({"member": member, "history": now, "alive": now_alive})
            if book.usable_from:
                known = self._vesting.setdefault(member, {})
                for lot, day in book.usable_from.items():
                    if day > self._today and known.get(lot) != day:
                        known[lot] = day
                        later.append({"member": member, "lot": lot, "usable_from": day})
        self._added.clear()
        put(self._connection, schema.member_history, changed)
        put(self._connection, schema.vesting, later)

    def merge(self, old: str, into: str) -> None:
        """`old` has become `into`; both books are open and stored, and the spans and days are `into`'s already."""
        history = self.of(old)
        if history != NO_HISTORY:
            self.add_history(into, history)
        for table in (schema.member_history, schema.vesting):
            self._connection.execute(delete(table).where(table.c.member == old))
        self._stored.pop(old, None)
        self._vesting.pop(old, None)

    # -- what returns take out --------------------------------------------------------------------------------------------

    def undo(self, member: str, shop: str, document: str, day: str, now: Undone) -> None:
        """All that the returns of this sale of `day` take out of the member's history is `now`."""
        table = schema.undone
        text = self._connection.scalar(select(table.c.undone).where(table.c.shop == shop, table.c.document == document))
        was = _undone.decode(text) if text else NOTHING_UNDONE
        if now == was:
            return
        self.add(
            member, total([now.effects, negative(was.effects)]), day, sales=now.sales - was.sales, is_activity=False
        )
        row = {"shop": shop, "document": document, "undone": _encoder.encode(now).decode()}
        put(self._connection, table, [row])


def forget_vested(connection: Connection, today: str) -> None:
    """What can be spent by now need not be remembered."""
    table = schema.vesting
    connection.execute(delete(table).where(table.c.usable_from <= today))


def read_history(text: str) -> History:
    return _histories.decode(text) if text else NO_HISTORY


def for_a_till(history: History, program: Program, today: str, terminal: str) -> History:
    """What of a history a till needs today, so that what it computes is what the whole would give.

    Counts of periods that are over, and of other tills' surprises, are left out, and so is what no tier can be computed from
    any more: all before the window and one more span of a tier. Where that would change the tier (a tier that was kept by less
    than it took to reach it), nothing is left out.
    """
    current = {*periods(today).values(), *periods(day_before(today)).values(), terminal}
    return msgspec.structs.replace(
        history,
        qualifying=_qualifying(history, program, today),
        counts={key: count for key, count in history.counts.items() if key.rpartition("/")[2] in current},
        given={name: last for name, last in history.given.items() if today <= last},
    )


def _qualifying(history: History, program: Program, today: str) -> dict[str, int]:
    if not program.tier or not history.qualifying:
        return {}
    rules, ladder = program.tiers, program.ladder
    span = {"months": rules.lasts_months, "end of year": 12, "end of next year": 24}.get(rules.lasts, 0)
    first = months_before(rules.window_start(today), span) if span else ""
    cut = {day: amount for day, amount in history.qualifying.items() if day >= first}
    if len(cut) == len(history.qualifying):
        return cut
    earned = ladder.on(History(qualifying=history.qualifying), today)
    return cut if ladder.on(History(qualifying=cut), today) == earned else history.qualifying


def _check(effects: Effects) -> None:
    if not effects:
        return
    numbers = [effects.qualifies, effects.donated_minor, *effects.counts.values(), *effects.paid.values()]
    names = [*effects.counts, *effects.paid, effects.charity]
    if max(map(abs, numbers)) > MOST_COUNTED or len(names) > MOST_KEYS or max(map(len, names)) > 200:
        raise ValueError("it counts more than there can be")
