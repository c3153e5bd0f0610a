"""Counts what has been applied into the tables of figures: a step that goes on where it was, branch by branch.

A sale is computed anew whenever it, its claim or a return of it is counted, and the difference from before is added to the sums.
So late entries of past days find their place, an entry that is counted again changes nothing, and counting everything from
nothing comes to the same. Which of several entries is the sale of a document, and whose it is, says the table `sale`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, func, select

from central_server import schema
from central_server.applying.sales import sale_named_by
from central_server.database import AT_ONCE, add_up, among, keep, put
from central_server.figures.bands import band
from central_server.figures.cuts import Cuts
from central_server.figures.moves import moves
from central_server.figures.sold import Back, LotUse, SaleFacts, SoldFact, Told, facts_of
from central_server.office import Office
from ledger.entry import Entry, EntryUnreadable, GiveBody, SettleBody, read_entry

CHUNK = 5000
"""Entries in one transaction."""

LOCK = "figures"
"""The setting whose row is held by whoever counts, so that nothing is counted twice at the same time. Its value is the moment at
which all was counted from nothing."""

OWN = ""
"""The branch of head office's own journal, and the shop of what belongs to none."""

DERIVED = (
    *("counted", "sale_fact", "return_fact", "member_day", "lot_fact", "lot_use", "issued_month"),
    *("shop_day", "sold_everywhere", "basket_band", "points_day", "points_everywhere"),
)

ENTRY = tuple(schema.inbox.c[name] for name in ("terminal", "number", "hash", "branch", "kind", "data", "outcome"))
Sums = dict[tuple[Any, ...], Counter[str]]


def count_pending(office: Office) -> int:
    """Counts all that has been applied and not been counted; answers how many entries."""
    counted = 0
    while some := office.database.write(partial(_count_chunk, office)):
        counted += some
    return counted


FEW = 500


def count_few(office: Office) -> None:
    """Counts what waits where it is little: whoever asks need not wait for the upkeep then, nor notice that it was done."""
    with office.database.reading() as connection:
        is_little = 0 < waiting(office, connection) <= FEW
    if is_little:
        count_pending(office)


def recount(office: Office) -> int:
    """Counts everything from nothing, in one transaction for what is forgotten and many for what is counted."""

    def forget(connection: Connection) -> None:
        hold(connection)
        for name in DERIVED:
            connection.execute(delete(schema.metadata.tables[name]))
        put(connection, schema.setting, [{"name": LOCK, "value": office.time()}])

    office.database.write(forget)
    return count_pending(office)


def count_understood(office: Office, connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """After an upgrade: entries that were passed over because nobody could read them are counted by themselves."""
    hold(connection)
    at = {(row.terminal, row.branch): row.number for row in connection.execute(select(schema.figures.counted))}
    counting = _Counting(office, connection)
    counting.count([row for row in rows if row.number <= at.get((row.terminal, row.branch), 0)])
    counting.store()


def state(connection: Connection) -> tuple[str, int, int]:
    """Changes whenever something more was counted, or all of it again."""
    counted, setting = schema.figures.counted, schema.setting.c
    since = connection.scalar(select(setting.value).where(setting.name == LOCK))
    query = select(func.count(), func.coalesce(func.sum(counted.c.number), 0)).select_from(counted)
    branches, entries = connection.execute(query).one()
    return since or "", int(branches), int(entries)


def waiting(office: Office, connection: Connection) -> int:
    """How many entries have been recorded, by tills and by head office itself, and are not in the figures."""
    branch, counted, journal = schema.branch.c, schema.figures.counted, schema.journal.c
    own = connection.scalar(
        select(counted.c.number).where(counted.c.terminal == office.server, counted.c.branch == OWN)
    )
    of_own = select(func.count()).where(journal.server == office.server, journal.number > (own or 0))
    return int(connection.scalar(of_own) or 0) + int(
        connection.scalar(
            select(func.coalesce(func.sum(branch.head_number - func.coalesce(counted.c.number, branch.start)), 0))
            .select_from(schema.branch)
            .outerjoin(counted, and_(counted.c.terminal == branch.terminal, counted.c.branch == branch.branch))
        )
        or 0
    )


def hold(connection: Connection) -> None:
    """Waits until nobody else counts, and keeps others from it until COMMIT."""
    keep(connection, schema.setting, [{"name": LOCK, "value": ""}])
    connection.execute(select(schema.setting.c.value).where(schema.setting.c.name == LOCK).with_for_update())


def _count_chunk(office: Office, connection: Connection) -> int:
    hold(connection)
    counting = _Counting(office, connection)
    entries = counting.of_tills() or counting.of_head_office()
    counting.store()
    return entries


class _Counting:
    """One transaction's worth."""

    def __init__(self, office: Office, connection: Connection) -> None:
        self.office, self.connection = office, connection
        self._cuts = Cuts(connection)
        terminal = schema.terminal.c
        self._shops: dict[str, str] = dict(connection.execute(select(terminal.terminal, terminal.shop)).all())
        self._read: dict[str, Entry] = {}
        self._branches: dict[str, tuple[str, str]] = {}
        """Hash of an entry → its terminal and branch."""
        self._at: list[dict[str, object]] = []
        self._by_shop: Sums = {}
        self._by_band: Sums = {}
        self._by_member: Sums = {}
        self._points: Sums = {}
        self._lots: dict[str, dict[str, Any]] = {}
        self._used: Counter[str] = Counter()
        """Lot → by how much more of it is used than before."""

    # -- what is next ------------------------------------------------------------------------------------------------

    def of_tills(self) -> int:
        inbox, branch, counted = schema.inbox.c, schema.branch.c, schema.figures.counted.c
        since = func.coalesce(counted.number, branch.start)
        rows = self.connection.execute(
            select(*ENTRY)
            .join_from(
                schema.branch, schema.inbox, and_(inbox.terminal == branch.terminal, inbox.branch == branch.branch)
            )
            .outerjoin(
                schema.figures.counted, and_(counted.terminal == branch.terminal, counted.branch == branch.branch)
            )
            .where(since < branch.applied_number, inbox.number > since)
            .where(inbox.number <= branch.applied_number, inbox.number <= since + CHUNK)
            .order_by(inbox.terminal, inbox.number)
            .limit(CHUNK)
        ).all()
        self.count([row for row in rows if row.outcome != "parked"])
        for (terminal, name), number in {(row.terminal, row.branch): row.number for row in rows}.items():
            self._at.append({"terminal": terminal, "branch": name, "number": number})
        return len(rows)

    def count(self, rows: Sequence[Row[Any]]) -> None:
        aside = self._quarantined({row.terminal for row in rows})
        touched: dict[str, dict[str, None]] = {}
        for row in rows:
            entry = None if row.hash in aside else self._readable(row)
            if entry is None:
                continue
            shop = self._shops[row.terminal]
            self._moved(shop, entry, "")
            if document := sale_named_by(entry):
                touched.setdefault(shop, {})[document] = None
        for shop, documents in touched.items():
            names = list(documents)
            for start in range(0, len(names), AT_ONCE):
                self._sales(shop, names[start : start + AT_ONCE])

    def of_head_office(self) -> int:
        journal, server = schema.journal.c, self.office.server
        counted = schema.figures.counted.c
        since = self.connection.scalar(select(counted.number).where(counted.terminal == server, counted.branch == OWN))
        rows = self.connection.execute(
            select(journal.number, journal.data)
            .where(journal.server == server, journal.number > (since or 0))
            .order_by(journal.number)
            .limit(CHUNK)
        ).all()
        own = [read_entry(row.data) for row in rows]
        causes = [entry.body.cause for entry in own if isinstance(entry.body, SettleBody)]
        kinds = self._kinds(causes)
        for entry in own:
            self._branches[entry.hash] = server, OWN
            cause = entry.body.cause if isinstance(entry.body, SettleBody) else ""
            self._moved(self._shops.get(cause.partition("/")[0], OWN), entry, kinds.get(cause, ""))
        if rows:
            self._at.append({"terminal": server, "branch": OWN, "number": rows[-1].number})
        return len(rows)

    def _readable(self, row: Row[Any]) -> Entry | None:
        try:
            entry = read_entry(row.data)
        except EntryUnreadable:
            return None
        self._read[entry.hash] = entry
        self._branches[entry.hash] = row.terminal, row.branch
        return entry

    def _quarantined(self, terminals: Collection[str]) -> set[str]:
        """Hashes of entries of which only what they did to their till's rights was posted."""
        note = schema.note.c
        return set(
            self.connection.scalars(
                select(note.hash).where(note.code == "quarantine", among(self.connection, note.terminal, terminals))
            )
        )

    def _kinds(self, causes: Iterable[str]) -> dict[str, str]:
        """The kinds of the entries that head office settled; `repeated` is one whose document another entry had brought."""
        named = {cause: cause.split("/") for cause in causes if cause.count("/") == 2}
        inbox, document = schema.inbox.c, schema.document.c
        kinds: dict[str, str] = {}
        for cause, (terminal, number, entry_hash) in named.items():
            if not number.isdecimal():
                continue
            row = self.connection.execute(
                select(inbox.kind, document.hash)
                .join_from(schema.inbox, schema.terminal, schema.terminal.c.terminal == inbox.terminal)
                .outerjoin(
                    schema.document,
                    and_(document.shop == schema.terminal.c.shop, document.document == inbox.document),
                )
                .where(inbox.terminal == terminal, inbox.number == int(number), inbox.hash == entry_hash)
            ).one_or_none()
            if row is not None:
                kinds[cause] = row.kind if row.hash in (None, entry_hash) else "repeated"
        return kinds

    # -- points ------------------------------------------------------------------------------------------------------

    def _moved(self, shop: str, entry: Entry, cause: str) -> None:
        day = entry.envelope.business_day
        for what, points in moves(entry, cause):
            sums = self._points.setdefault((shop, day, self._period(entry), what), Counter())
            sums["points"] += points
        body = entry.body
        if isinstance(body, GiveBody) and body.lot:
            # Points that move from one member to another have been issued before; what becomes of them counts here.
            issued = 0 if body.why == "transfer" else body.points
            self._issued(body.lot, entry.member, shop, day, issued, 0)

    def _issued(self, lot: str, member: str, shop: str, day: str, issued: int, taken: int) -> None:
        row = {"lot": lot, "member": member, "shop": shop, "day": day, "issued": issued, "reversed": taken}
        self._lots[lot] = row

    def _period(self, entry: Entry) -> str:
        terminal, branch = self._branches[entry.hash]
        return self._cuts.period(terminal, branch, entry.number, entry.envelope.business_day)

    # -- sales -------------------------------------------------------------------------------------------------------

    def _sales(self, shop: str, documents: list[str]) -> None:
        before = _Stored(self.connection, shop, documents)
        now = {told.entry.envelope.document: facts_of(told, self._period) for told in self._told(shop, documents)}
        for document in documents:
            if (was := before.sales.get(document)) is not None:
                self._add(shop, was, before.backs.get(document, []), -1)
            if (facts := now.get(document)) is not None:
                self._add(shop, facts.sale, facts.backs, 1)
                if facts.lot:
                    sale = facts.sale
                    self._issued(facts.lot, sale.member, shop, sale.day, sale.awarded, facts.reversed)
                for sign, uses in ((-1, before.uses.get(document, [])), (1, facts.uses)):
                    for use in uses:
                        self._used[use.lot] += sign * use.points
        before.replace(now)

    def _told(self, shop: str, documents: list[str]) -> Iterator[Told]:
        """The sales of these documents as head office has them; none for one that has not been applied."""
        sale, follow = schema.sale.c, schema.follow_up.c
        sales = self.connection.execute(
            select(schema.sale).where(sale.shop == shop, among(self.connection, sale.document, documents))
        ).all()
        follows = self.connection.execute(
            select(follow.sale, follow.terminal, follow.number, follow.hash).where(
                follow.shop == shop, among(self.connection, follow.sale, documents)
            )
        ).all()
        self._fetch([(row.terminal, row.number, row.hash) for row in (*sales, *follows)])
        following: dict[str, list[Entry]] = {}
        for row in follows:
            if (entry := self._read.get(row.hash)) is not None:
                following.setdefault(row.sale, []).append(entry)
        for row in sales:
            sold = self._read.get(row.hash)
            if sold is None:
                continue
            others = following.get(row.document, [])
            claim = next((one for one in others if one.hash == row.claim), None)
            returns = [one for one in others if one.kind == "return"]
            yield Told(sold, row.member, claim, returns, row.taken, row.restored)

    def _fetch(self, wanted: Sequence[tuple[str, int, str]]) -> None:
        """Reads the entries that are needed beside those of this step."""
        by_terminal: dict[str, list[str]] = {}
        for terminal, _, entry_hash in wanted:
            if entry_hash not in self._read:
                by_terminal.setdefault(terminal, []).append(entry_hash)
        inbox = schema.inbox.c
        numbers = {entry_hash: number for _, number, entry_hash in wanted}
        for terminal, hashes in by_terminal.items():
            rows = self.connection.execute(
                select(*ENTRY).where(
                    inbox.terminal == terminal,
                    inbox.number.in_(sorted({numbers[one] for one in hashes})),
                    among(self.connection, inbox.hash, hashes),
                )
            )
            for row in rows:
                self._readable(row)

    def _add(self, shop: str, sale: SoldFact, backs: Iterable[Back], sign: int) -> None:
        if sale.is_void:
            return
        is_member = int(bool(sale.member))
        sold = self._by_shop.setdefault((shop, sale.day, sale.operator, is_member), Counter())
        sold["sales"] += sign
        sold["value_minor"] += sign * sale.value_minor
        sold["tax_minor"] += sign * sale.tax_minor
        sold["discount_minor"] += sign * sale.discount_minor
        sold["redeemed_minor"] += sign * sale.redeemed_minor
        self._by_band.setdefault((sale.day, band(sale.value_minor), is_member), Counter())["sales"] += sign
        if sale.member:
            theirs = self._by_member.setdefault((sale.member, sale.day, shop), Counter())
            theirs["sales"] += sign
            theirs["net_minor"] += sign * (sale.value_minor - sale.tax_minor)
            theirs["redeemed_minor"] += sign * sale.redeemed_minor
        for back in backs:
            sums = self._by_shop.setdefault((shop, back.day, back.operator, is_member), Counter())
            sums["returns"] += sign * (back.returned_minor > 0)
            sums["returned_minor"] += sign * back.returned_minor
            sums["returned_tax_minor"] += sign * back.tax_minor
            sums["restored_minor"] += sign * back.restored_minor
            if sale.member:
                theirs = self._by_member.setdefault((sale.member, back.day, shop), Counter())
                theirs["net_minor"] -= sign * (back.returned_minor - back.tax_minor)
                theirs["redeemed_minor"] -= sign * back.restored_minor

    # -- storing -----------------------------------------------------------------------------------------------------

    def store(self) -> None:
        tables = schema.figures
        for table, sums in (
            (tables.shop_day, self._by_shop),
            (tables.sold_everywhere, _together(self._by_shop, itemgetter(1, 3))),
            (tables.basket_band, self._by_band),
            (tables.member_day, self._by_member),
            (tables.points_day, self._points),
            (tables.points_everywhere, _together(self._points, itemgetter(1, 2, 3))),
            (tables.issued_month, self._issued_by_month()),
        ):
            keys = [column.name for column in table.primary_key]
            names = [column.name for column in table.columns if column.name not in keys]
            rows = [
                {**dict(zip(keys, at, strict=True)), **{name: counts[name] for name in names}}
                for at, counts in sorted(sums.items())
                if any(counts.values())
            ]
            add_up(self.connection, table, rows)
        put(self.connection, tables.lot_fact, list(self._lots.values()))
        put(self.connection, tables.counted, self._at)

    def _issued_by_month(self) -> Sums:
        """What these lots come to now, less what they came to before. What paid may be heard before what was issued."""
        fact, use = schema.figures.lot_fact.c, schema.figures.lot_use.c
        lots = list({**self._lots, **self._used})
        before: dict[str, Mapping[str, Any]] = {}
        used: dict[str, int] = {}
        for start in range(0, len(lots), AT_ONCE):
            part = lots[start : start + AT_ONCE]
            rows = self.connection.execute(
                select(schema.figures.lot_fact).where(among(self.connection, fact.lot, part))
            )
            before |= {row["lot"]: row for row in rows.mappings()}
            uses = select(use.lot, func.sum(use.points)).where(among(self.connection, use.lot, part)).group_by(use.lot)
            used |= {lot: int(points) for lot, points in self.connection.execute(uses)}
        sums: Sums = {}
        for lot in lots:
            now_used = used.get(lot, 0)
            was, now = before.get(lot), self._lots.get(lot, before.get(lot))
            for sign, one, points in ((-1, was, now_used - self._used[lot]), (1, now, now_used)):
                if one is not None:
                    month = sums.setdefault((one["shop"], one["day"][:7]), Counter())
                    month["issued"] += sign * one["issued"]
                    month["reversed"] += sign * one["reversed"]
                    month["used"] += sign * points
        return sums


def _together(sums: Sums, key: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Sums:
    """Sums by less than they were by."""
    found: Sums = {}
    for at, counts in sums.items():
        found.setdefault(key(at), Counter()).update(counts)
    return found


class _Stored:
    """What the tables have of some documents of a shop, and its replacement."""

    def __init__(self, connection: Connection, shop: str, documents: Collection[str]) -> None:
        self._connection, self._shop = connection, shop
        self.sales: dict[str, SoldFact] = {}
        self.backs: dict[str, list[Back]] = {}
        self.uses: dict[str, list[LotUse]] = {}
        for row in self._rows(schema.figures.sale_fact, documents):
            self.sales[row.document] = SoldFact(*(getattr(row, name) for name in SoldFact._fields))
        for row in self._rows(schema.figures.return_fact, self.sales):
            back = Back(*(getattr(row, name) for name in Back._fields))
            self.backs.setdefault(row.document, []).append(back)
        for row in self._rows(schema.figures.lot_use, self.sales):
            self.uses.setdefault(row.document, []).append(LotUse(*(getattr(row, name) for name in LotUse._fields)))

    def _rows(self, table: Table, documents: Collection[str]) -> Sequence[Row[Any]]:
        if not documents:
            return []
        column = table.c
        return self._connection.execute(
            select(table).where(column.shop == self._shop, among(self._connection, column.document, documents))
        ).all()

    def replace(self, now: Mapping[str, SaleFacts]) -> None:
        tables, shop = schema.figures, self._shop
        changed = {document: facts for document, facts in now.items() if self.sales.get(document) != facts.sale}
        put(
            self._connection,
            tables.sale_fact,
            [{"shop": shop, "document": document, **facts.sale._asdict()} for document, facts in changed.items()],
        )
        for table, were, are in (
            (tables.return_fact, self.backs, {document: facts.backs for document, facts in now.items()}),
            (tables.lot_use, self.uses, {document: facts.uses for document, facts in now.items()}),
        ):
            other = [document for document in are if sorted(were.get(document, [])) != sorted(are[document])]
            gone = [document for document in other if document in were]
            if gone:
                column = table.c
                self._connection.execute(
                    delete(table).where(column.shop == shop, among(self._connection, column.document, gone))
                )
            put(
                self._connection,
                table,
                [{"shop": shop, "document": name, **one._asdict()} for name in other for one in are[name]],
            )
