"""A shop starts with its history: sales from CSV or Parquet become entries, each member awarded as if they had been there.

The points go to the members' available accounts, not to this till's own rights: what is told late gives no right to spend here.
Reading the same file again changes nothing, because a sale's reference is recorded once. No receipts are printed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice

import msgspec

from ledger.entry import MAX_ENTRY_BYTES, Draft, Entry, SaleBody
from ledger.identifiers import RandomBytes, new_reference
from ledger.wire import MemberDetails
from loyalty.award import NOBODY, award
from loyalty.sale import Sale
from loyalty.standing import NO_EFFECTS, Standing
from offline_store import histories, journal, members
from offline_store.histories import Known
from offline_store.moment import Moment, moment
from offline_store.store import Store
from pos_plugin.errors import BadRequest
from pos_plugin.past_sales.sales_file import MOST_LINES, Row, RowRefused, sale_of
from pos_plugin.sales import pricing

SALES_A_COMMIT = 500
CHECKPOINT_EVERY = 8
"""Commits after which the WAL is emptied: these are large ones."""
MOST_PROBLEMS = 1000
"""How many problems are kept word for word; all are counted."""
NOT_ALL = "What was recorded before that place stays recorded; read the file again afterwards."
MOST_POINTS = 10**15
ENVELOPE_BYTES = 2048
"""Room in an entry for what stands around its body."""


@dataclass
class Backfilled:
    """What became of a file. `problems` are sentences that begin with the line; `left_out` counts the sales not recorded."""

    rows: int = 0
    sales: int = 0
    recorded: int = 0
    already: int = 0
    points: int = 0
    joined: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)

    def problem(self, line: int, what: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"line {line}: {what}")


def backfill(
    store: Store, rows: Iterable[Row], *, clock: Callable[[], datetime], random_bytes: RandomBytes
) -> Backfilled:
    """Records every sale in `rows`, some hundred to a transaction. Answers what was done and what was left out, and why."""
    report = Backfilled()
    sales = groupby(rows, key=lambda row: (row.till, row.sale_ref))
    with store.read() as db:
        began_after, _ = journal.head(db)
    some, commits = True, 0
    while some:

        def work(db: sqlite3.Connection) -> bool:
            batch = _Batch(db, moment(db, clock()), report, random_bytes, began_after)
            count = 0
            for _, group in islice(sales, SALES_A_COMMIT):
                count += 1
                batch.sale(list(islice(group, MOST_LINES + 1)))
            return count == SALES_A_COMMIT

        try:
            some = store.write(work)
        except BadRequest as error:
            if error.code != "FILE_UNREADABLE":
                raise
            raise BadRequest(error.code, str(error), hint=f"{error.hint} {NOT_ALL}") from error
        commits += 1
        if not some or commits % CHECKPOINT_EVERY == 0:
            store.checkpoint()
    return report


class _Batch:
    """The sales of one transaction."""

    def __init__(
        self,
        db: sqlite3.Connection,
        at: Moment,
        report: Backfilled,
        random_bytes: RandomBytes,
        began_after: int,
    ) -> None:
        self._db = db
        self._at = at
        self._program = at.program
        self._report = report
        self._random_bytes = random_bytes
        self._began_after = began_after

    def sale(self, rows: list[Row]) -> None:
        report = self._report
        report.rows += len(rows)
        report.sales += 1
        try:
            sale = sale_of(rows, self._program)
            who, standing = self._before(rows[0].member, sale.business_day)
            earned = award(self._program, sale, 0, standing)
            if earned.points > MOST_POINTS or len(msgspec.json.encode(sale)) > MAX_ENTRY_BYTES - ENVELOPE_BYTES:
                raise RowRefused(rows[0].line, "the sale is larger than a journal entry can be.")
        except RowRefused as refused:
            report.left_out += 1
            report.problem(refused.line, f"{refused} Sale {rows[0].sale_ref} of till {rows[0].till} is left out.")
            return
        known = journal.find(self._db, sale.document)
        if known is not None:
            self._known(known, sale, rows[0].line)
            return
        member = self._member(rows[0].member, sale.business_day) if rows[0].member else ""
        lot = new_reference(self._random_bytes) if member and earned.points else ""
        body = SaleBody(sale, self._program.id, is_past=True)
        if member:
            body = SaleBody(
                sale,
                self._program.id,
                standing=standing,
                awarded=earned.points,
                lot=lot,
                expires_on=earned.expires_on if lot else "",
                usable_from=earned.usable_from if lot else "",
                extends_to=earned.extends_to,
                effects=earned.effects or NO_EFFECTS,
                is_past=True,
            )
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=member)
        journal.record(self._db, self._at.who, draft, self._at.recorded_at)
        if member:
            histories.keep(self._db, member, who)
        report.recorded += 1
        report.points += body.awarded

    def _known(self, known: Entry, sale: Sale, line: int) -> None:
        report = self._report
        name = f"sale {sale.sale_ref} of till {sale.till}"
        if known.number > self._began_after:
            report.left_out += 1
            report.problem(
                line, f"{name} stands in this file already; a sale's rows must stand together. This one is left out."
            )
        elif isinstance(known.body, SaleBody) and known.body.sale == sale:
            report.already += 1
        else:
            report.left_out += 1
            report.problem(line, f"{name} is recorded already, with other content; it stays as it was.")

    def _before(self, card: str, day: str) -> tuple[Known, Standing]:
        """What is known by now of whoever has this card, if the programme asks; also of who joins with this very sale."""
        if not card or not pricing.looks_back(self._program):
            return Known(), NOBODY
        member = members.member_of_card(self._db, card) or ""
        known = pricing.known_of(self._db, self._program, member)
        return known, pricing.standing_at(self._db, self._at, self._program, member, day, known)

    def _member(self, card: str, day: str) -> str:
        member = members.member_of_card(self._db, card)
        if member is None:
            member = new_reference(self._random_bytes)
            details = MemberDetails(member, [card], self._at.recorded_at)
            members.join(self._db, self._at, details, "", day)
            self._report.joined += 1
        return member
