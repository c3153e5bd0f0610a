"""The audit of every journal that head office has: each award computed again, and what a person may want to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.applying.histories import read_history
from central_server.membership import profiles
from central_server.office import Office
from central_server.programs.surprises import readable
from ledger.audit import Difference, Outlier, differences, outliers
from ledger.doings import Allowed, Doings
from ledger.entry import ClaimBody, Entry, GiveBody, SaleBody
from loyalty.standing import NO_PROFILE, History, Profile

ROWS_AT_ONCE = 500


class Claimed(msgspec.Struct, frozen=True):
    """A till took a member for more than head office knows of them: another tier than the history supports, or a segment."""

    terminal: str
    number: int
    day: str
    operator: str
    member: str
    what: str
    said: str
    known: str

    @property
    def text(self) -> str:
        return (
            f"Entry {self.number} of till {self.terminal}, {self.day}: it was computed for {self.what} {self.said}, "
            f"head office knows {self.known or 'none'}"
        )


class Audited(msgspec.Struct, frozen=True):
    """`by` counts the differences by shop and operator, `done` what each did, by kind of entry."""

    entries: int
    differences: list[Difference]
    by: dict[str, int]
    outliers: list[Outlier]
    claimed: list[Claimed]
    done: dict[str, dict[str, int]]
    allowed: list[Allowed]


def audit(office: Office, told: Callable[[int], None] = lambda done: None) -> Audited:
    """Reads every journal once; `told` hears now and then how many entries have been read."""
    read = 0
    found: list[Difference] = []
    claimed: list[Claimed] = []
    with office.database.reading() as connection:
        terminal = schema.terminal.c
        shops: dict[str, str] = dict(connection.execute(select(terminal.terminal, terminal.shop)).all())
        known = _Known(office, connection)

        def entries() -> Iterator[Entry]:
            nonlocal read
            for entry in every(connection):
                read += 1
                if read % 1000 == 0:
                    told(read)
                claimed.extend(known.claims_of(entry))
                yield entry

        found.extend(
            differences(
                entries(),
                lambda name: office.program(connection, name) if name else None,
                sale_of=lambda entry, document: _sale(connection, shops.get(entry.envelope.terminal, ""), document),
            )
        )
        doings = Doings()
        odd = outliers(doings.seen(_with_own(office, connection)))
    told(read)
    by: dict[str, int] = {}
    for one in found:
        who = f"{shops.get(one.terminal, '')}: {one.operator or 'nobody named'}"
        by[who] = by.get(who, 0) + 1
    done = doings.counted(lambda terminal, operator: f"{shops.get(terminal, 'head office')}: {operator}")
    return Audited(read, found, dict(sorted(by.items(), key=lambda item: -item[1])), odd, claimed, done, doings.allowed)


def every(connection: Connection) -> Iterator[Entry]:
    """All entries of tills that this version can read, journal by journal."""
    inbox = schema.inbox.c
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
        select(inbox.data).where(inbox.outcome != "parked").order_by(inbox.terminal, inbox.number)
    )
    return readable(row.data for row in rows)


def _with_own(office: Office, connection: Connection) -> Iterator[Entry]:
    """Head office's own gives come after the tills' entries: what is adjusted at the desk counts like the rest."""
    yield from every(connection)
    journal = schema.journal.c
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
        select(journal.data).where(journal.server == office.server).order_by(journal.number)
    )
    for entry in readable(row.data for row in rows):
        # A transfer has two sides, and was done once.
        if isinstance(entry.body, GiveBody) and not (entry.body.why == "transfer" and entry.body.points > 0):
            yield entry


def _sale(connection: Connection, shop: str, document: str) -> Entry | None:
    sale, inbox = schema.sale.c, schema.inbox.c
    data = connection.scalar(
        select(inbox.data)
        .join_from(schema.sale, schema.inbox, (inbox.terminal == sale.terminal) & (inbox.hash == sale.hash))
        .where(inbox.number == sale.number, sale.shop == shop, sale.document == document)
    )
    return next(readable([data]), None) if data is not None else None


class _Known:
    """What head office knows of members by now. Tills know less, never more; but goods that came back since lower it, too."""

    def __init__(self, office: Office, connection: Connection) -> None:
        self._office = office
        self._connection = connection
        self._of = lru_cache(maxsize=10_000)(self._read)

    def claims_of(self, entry: Entry) -> Iterator[Claimed]:
        body = entry.body
        if not isinstance(body, SaleBody | ClaimBody) or not (body.standing.tier or body.standing.segments):
            return
        program = self._office.program(self._connection, body.program)
        if program is None:
            return
        standing, day = body.standing, entry.envelope.business_day
        history, profile = self._of(entry.member)
        tier = program.ladder.on(history, day).tier if program.tier else ""
        operator = body.sale.operator if isinstance(body, SaleBody) else body.operator
        about = (entry.envelope.terminal, entry.number, day, operator, entry.member)
        if program.ladder.rank(standing.tier) > program.ladder.rank(tier):
            yield Claimed(*about, "tier", standing.tier, tier)
        ever = set(profile.segments)
        for segment in standing.segments:
            if segment not in ever:
                yield Claimed(*about, "segment", segment, "")

    def _read(self, member: str) -> tuple[History, Profile]:
        table = schema.member.c
        merged = self._connection.scalar(select(table.merged_into).where(table.member == member))
        who = merged or member
        text = self._connection.scalar(
            select(schema.member_history.c.history).where(schema.member_history.c.member == who)
        )
        kept = profiles.of(self._connection, [who]).get(who)
        return read_history(text or ""), kept.profile if kept else NO_PROFILE
