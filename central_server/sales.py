"""A sale after it has been applied: who claimed it, and what its returns come to, whatever order they are heard in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import insert, select, update

from central_server import schema
from central_server.books import Books, Settlement
from central_server.database import keep
from central_server.documents import content
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody, read_entry
from loyalty.returns import left_at_least, reversed_points


class SaleDocument:
    """A sale by its document: once it has been applied, what its returns have taken and restored so far."""

    def __init__(self, books: Books, shop: str, document: str) -> None:
        self._books = books
        self._connection = books.connection
        self._key = {"shop": shop, "document": document}
        table = schema.sale.c
        row = self._connection.execute(
            select(schema.sale).where(table.shop == shop, table.document == document)
        ).one_or_none()
        self.is_known = row is not None
        self.member: str = row.member if row else ""
        self.claim: str = row.claim if row else ""
        self.taken: int = row.taken if row else 0
        self.restored: int = row.restored if row else 0
        self._entry = read_entry(self._data(row.terminal, row.hash)) if row else None

    def arrive(self, terminal: str, entry: Entry) -> None:
        self.is_known, self.member, self._entry = True, entry.member, entry
        self._connection.execute(
            insert(schema.sale).values(
                **self._key,
                terminal=terminal,
                number=entry.number,
                hash=entry.hash,
                member=entry.member,
                claim="",
                taken=0,
                restored=0,
            )
        )

    def claimed(self, claim: Entry) -> None:
        self.member, self.claim = claim.member, claim.hash
        self._change(member=self.member, claim=self.claim)

    def follow(self, kind: str, terminal: str, entry: Entry) -> None:
        """Files a return or a claim with its sale, or to wait for it."""
        keep(
            self._connection,
            schema.follow_up,
            [
                {
                    "shop": self._key["shop"],
                    "sale": self._key["document"],
                    "hash": entry.hash,
                    "kind": kind,
                    "terminal": terminal,
                    "number": entry.number,
                    "document": entry.envelope.document,
                    "content": content(entry),
                }
            ],
        )

    def follow_ups(self, kind: str) -> list[Entry]:
        """In an order that the entries themselves say, so that it is the same whichever till was heard first."""
        table = schema.follow_up.c
        rows = self._connection.execute(
            select(table.terminal, table.hash).where(
                table.shop == self._key["shop"], table.sale == self._key["document"], table.kind == kind
            )
        ).all()
        entries = [read_entry(self._data(row.terminal, row.hash)) for row in rows]
        return sorted(entries, key=lambda one: (one.envelope.occurred_at, one.envelope.terminal, one.number, one.hash))

    def settle_returns(self, settlement: Settlement, place: str, esc: Mapping[str, int], esc_member: str) -> None:
        """Takes and restores what all returns known by now come to, less what has been; `esc` is posted with it."""
        assert self._entry is not None
        own = self._books.who(self.member) if self.member else ""
        if esc_member and self._books.who(esc_member) != own:
            settlement.book(esc_member).settle(place, esc)
            place, esc = "", {}
        if not own:
            return
        backs = self.follow_ups("return")
        taken, restored = self._totals(backs) if backs else (0, 0)
        more_taken, more_restored = taken - self.taken, restored - self.restored
        if not esc and not more_taken and not more_restored:
            return
        book = settlement.book(own)
        awarded_lot = self._award()[1]
        incoming = self._restored_lots(more_restored) if more_restored > 0 else {}
        if more_taken < 0:
            incoming[awarded_lot] = incoming.get(awarded_lot, 0) - more_taken
        outgoing = max(0, more_taken) + max(0, -more_restored)
        self._books.expect_lots(book, [*incoming, *filter(None, [awarded_lot])], self._entry.envelope.business_day)
        settlement.says(own, issued=more_taken, redeemed=-more_restored)
        book.settle(place, esc, incoming=incoming, outgoing=outgoing, named=[awarded_lot] if awarded_lot else [])
        self.taken, self.restored = taken, restored
        self._change(taken=taken, restored=restored)

    def _award(self) -> tuple[int, str]:
        assert self._entry is not None
        body: object = self._entry.body
        if self.claim:
            body = next(one.body for one in self.follow_ups("claim") if one.hash == self.claim)
        assert isinstance(body, SaleBody | ClaimBody)
        return body.awarded, body.lot

    def _totals(self, backs: Iterable[Entry]) -> tuple[int, int]:
        assert self._entry is not None
        body = self._entry.body
        assert isinstance(body, SaleBody)
        awarded = self._award()[0]
        returned = [back.body for back in backs if isinstance(back.body, ReturnBody)]
        program = self._books.office.program(self._connection, body.program)
        if program is None:
            # Rules that head office never saw: what the tills found, but no more than there was.
            taken, restored = sum(back.taken for back in returned), sum(back.restored for back in returned)
            return min(awarded, taken), min(body.redeemed, restored)
        left = left_at_least(body.sale, [back.back for back in returned])
        return reversed_points(program, body.sale, awarded, body.redeemed, left)

    def _restored_lots(self, more: int) -> dict[str, int]:
        """The lots that the sale spent, in its own order, after those that have come back already."""
        assert self._entry is not None
        assert isinstance(self._entry.body, SaleBody)
        spent = {lot: -change for lot, change in self._entry.envelope.esc.items() if change < 0}
        uncovered = self._entry.body.redeemed - sum(spent.values())
        if uncovered > 0:
            spent[f"back-{self._entry.hash[:16]}"] = uncovered
        skip, incoming = self.restored, {}
        for lot, points in spent.items():
            use = max(0, min(points - skip, more))
            skip, more = max(0, skip - points), more - use
            if use:
                incoming[lot] = use
        return incoming

    def _change(self, **values: object) -> None:
        table = schema.sale.c
        self._connection.execute(
            update(schema.sale)
            .where(table.shop == self._key["shop"], table.document == self._key["document"])
            .values(**values)
        )

    def _data(self, terminal: str, entry_hash: str) -> bytes:
        table = schema.inbox.c
        data: bytes | None = self._connection.scalar(
            select(table.data).where(table.terminal == terminal, table.hash == entry_hash)
        )
        assert data is not None
        return data


def award_claim(
    settlement: Settlement, books: Books, document: SaleDocument, claim: Entry, place: str, esc: Mapping[str, int]
) -> None:
    """Gives the sale's award to the member who claimed it."""
    body = claim.body
    assert isinstance(body, ClaimBody)
    document.follow("claim", claim.envelope.terminal, claim)
    document.claimed(claim)
    book = settlement.book(claim.member)
    book.expires_on[body.lot] = body.expires_on
    settlement.says(claim.member, issued=-body.awarded)
    book.settle(place, esc, incoming={body.lot: body.awarded} if body.awarded else {})
