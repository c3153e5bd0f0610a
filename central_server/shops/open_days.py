"""Which days of which tills have sales that no closing covers, kept as entries are applied.

A sale opens its day; a closing ends every sale before the entry from which it goes on. Both are said by numbers alone, so the
order in which branches are heard does not matter. Whoever looks reads a row a day, not what a chain has sold in a month.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection, and_, delete, func, select

from central_server import schema
from central_server.database import add_up, among
from central_server.schema.shops import closing, open_day
from ledger.entry import ClosingBody, Entry, SaleBody, read_entry

READ_AT_ONCE = 1000


def follow(connection: Connection, applied: Sequence[Entry], shops: Mapping[str, str]) -> None:
    """Takes in entries that were applied, the closings among them recorded, before their branches say so. `shops`: of each of
    their terminals."""
    by_terminal = defaultdict[str, list[Entry]](list)
    for one in applied:
        if isinstance(one.body, ClosingBody) or _is_counted(one):
            by_terminal[one.envelope.terminal].append(one)
    closings = {one.hash for one in applied if isinstance(one.body, ClosingBody)}
    ended = _ended(connection, by_terminal, shops, ())
    before = _ended(connection, by_terminal, shops, closings) if closings else ended
    changes = Counter[tuple[str, str]]()
    for terminal, entries in by_terminal.items():
        upto = ended.get(terminal, 1)
        changes.update(
            (terminal, one.envelope.business_day) for one in entries if _is_counted(one) and one.number >= upto
        )
        new = {one.hash for one in entries}
        for one in _applied_sales(connection, terminal, before.get(terminal, 1), upto):
            if one.hash not in new and _is_counted(one):
                changes[terminal, one.envelope.business_day] -= 1
    rows = [
        {"terminal": terminal, "business_day": day, "sales": count}
        for (terminal, day), count in changes.items()
        if count
    ]
    add_up(connection, open_day, rows)
    if closings:
        over = among(connection, open_day.c.terminal, list(by_terminal))
        connection.execute(delete(open_day).where(over, open_day.c.sales == 0))


def _is_counted(entry: Entry) -> bool:
    return isinstance(entry.body, SaleBody) and not entry.body.is_past


def _ended(
    connection: Connection, terminals: Collection[str], shops: Mapping[str, str], apart_from: Collection[str]
) -> dict[str, int]:
    """The first entry of each terminal that no closing covers, apart from the closings with these hashes."""
    table = closing.c
    rows = connection.execute(
        select(table.terminal, func.max(table.goes_on_from))
        .where(among(connection, table.shop, sorted({shops[one] for one in terminals})))
        .where(among(connection, table.terminal, list(terminals)), table.hash.not_in(apart_from))
        .group_by(table.terminal)
    )
    return dict(rows.all())


def _applied_sales(connection: Connection, terminal: str, first: int, end: int) -> Iterator[Entry]:
    """A terminal's sales from `first` up to `end` that have been applied already, on any branch."""
    if first >= end:
        return
    inbox, branch = schema.inbox.c, schema.branch.c
    wanted = (
        select(inbox.data)
        .join_from(schema.inbox, schema.branch, and_(branch.terminal == inbox.terminal, branch.branch == inbox.branch))
        .where(inbox.terminal == terminal, inbox.number >= first, inbox.number < end)
        .where(inbox.number <= branch.applied_number, inbox.kind == "sale", inbox.outcome != "parked")
    )
    # A till that was never closed before may have sold for years.
    yield from map(read_entry, connection.scalars(wanted.execution_options(yield_per=READ_AT_ONCE)))
