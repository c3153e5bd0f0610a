"""Sales after they have been applied: who claimed them, and what their returns come to, whatever order they are heard in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select, update

from central_server import schema
from central_server.applying.books import Books, Settlement
from central_server.applying.documents import content
from central_server.applying.histories import NOTHING_UNDONE, Undone
from central_server.database import AT_ONCE, add, among, keep
from ledger.entry import ClaimBody, Entry, ReturnBody, SaleBody, read_entry
from loyalty.award import award
from loyalty.returns import left_at_least, reversed_so_far
from loyalty.standing import negative, total

Key = tuple[str, str]
"""A shop and a document in it."""


@dataclass
class SaleDocument:
    """A sale by its document, and the returns and claims that name it, each once. `entry` is None before it was applied."""

    key: Key
    entry: Entry | None = None
    terminal: str = ""
    member: str = ""
    claim: str = ""
    taken: int = 0
    restored: int = 0
    follow_ups: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    is_stored: bool = False
    is_changed: bool = False

    @property
    def is_known(self) -> bool:
        return self.entry is not None

    @property
    def bought_on(self) -> str:
        """The trading day of the sale, whichever till brought it."""
        assert self.entry is not None
        assert isinstance(self.entry.body, SaleBody)
        return self.entry.body.sale.business_day

    @property
    def has_all_come_back(self) -> bool:
        assert self.entry is not None
        assert isinstance(self.entry.body, SaleBody)
        backs = [one.body.back for one in self.following("return") if isinstance(one.body, ReturnBody)]
        return bool(backs) and not left_at_least(self.entry.body.sale, backs).sale.total_minor

    def following(self, kind: str) -> list[Entry]:
        """Returns or claims, in an order that the entries themselves say, so that it is the same whichever till was heard
        first."""
        if not self.follow_ups:
            return []
        entries = [entry for _, entry in self.follow_ups.values() if entry.kind == kind]
        return sorted(entries, key=lambda one: (one.envelope.occurred_at, one.envelope.terminal, one.number, one.hash))


class Sales:
    """The documents that this transaction touches: loaded when first needed, stored by `flush`."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self._sales: dict[Key, SaleDocument] = {}
        self._filed: dict[Key, tuple[str, str]] = {}
        self._new_follow_ups: list[dict[str, object]] = []

    def prefetch(self, shop: str, filed: Iterable[str], sales: Iterable[str]) -> None:
        """Loads the documents `filed` and the sales named in a few queries."""
        connection = self.books.connection
        names = sorted({name for name in filed if (shop, name) not in self._filed})
        table = schema.document.c
        for start in range(0, len(names), AT_ONCE):
            for document, entry_hash, content_hash in connection.execute(
                select(table.document, table.hash, table.content).where(
                    table.shop == shop, among(connection, table.document, names[start : start + AT_ONCE])
                )
            ).all():
                self._filed[shop, document] = entry_hash, content_hash
        wanted = sorted({name for name in sales if (shop, name) not in self._sales})
        for start in range(0, len(wanted), AT_ONCE):
            self._load(shop, wanted[start : start + AT_ONCE])

    def _load(self, shop: str, documents: list[str]) -> None:
        connection, sale, follow, inbox = self.books.connection, schema.sale.c, schema.follow_up.c, schema.inbox.c
        for document in documents:
            self._sales[shop, document] = SaleDocument((shop, document))
        for row in connection.execute(
            select(sale.document, sale.terminal, sale.member, sale.claim, sale.taken, sale.restored, inbox.data)
            .join_from(schema.sale, schema.inbox, (inbox.terminal == sale.terminal) & (inbox.hash == sale.hash))
            .where(inbox.number == sale.number, sale.shop == shop, among(connection, sale.document, documents))
        ).all():
            one = self._sales[shop, row.document]
            one.terminal, one.member, one.claim = row.terminal, row.member, row.claim
            one.taken, one.restored, one.entry, one.is_stored = row.taken, row.restored, read_entry(row.data), True
        for found in connection.execute(
            select(follow.sale, follow.terminal, inbox.data)
            .join_from(
                schema.follow_up, schema.inbox, (inbox.terminal == follow.terminal) & (inbox.hash == follow.hash)
            )
            .where(inbox.number == follow.number, follow.shop == shop, among(connection, follow.sale, documents))
        ).all():
            entry = read_entry(found.data)
            self._sales[shop, found.sale].follow_ups[entry.hash] = found.terminal, entry

    def sale(self, shop: str, document: str) -> SaleDocument:
        if (shop, document) not in self._sales:
            self._load(shop, [document])
        return self._sales[shop, document]

    def is_repeated(self, shop: str, entry: Entry) -> bool:
        """Whether another entry has brought this document already, with the same content."""
        key = shop, entry.envelope.document
        if key not in self._filed:
            self.prefetch(shop, [entry.envelope.document], [])
        entry_hash, content_hash = self._filed[key]
        return entry_hash != entry.hash and content_hash == content(entry)

    def arrive(self, one: SaleDocument, terminal: str, entry: Entry) -> None:
        one.entry, one.terminal, one.member, one.is_changed = entry, terminal, entry.member, True

    def claimed(self, one: SaleDocument, claim: Entry) -> None:
        one.member, one.claim, one.is_changed = claim.member, claim.hash, True

    def follow(self, one: SaleDocument, terminal: str, entry: Entry) -> None:
        """Files a return or a claim with its sale, or to wait for it."""
        if entry.hash in one.follow_ups:
            return
        one.follow_ups[entry.hash] = terminal, entry
        self._new_follow_ups.append(
            {
                "shop": one.key[0],
                "sale": one.key[1],
                "hash": entry.hash,
                "kind": entry.kind,
                "terminal": terminal,
                "number": entry.number,
                "document": entry.envelope.document,
                "content": content(entry),
            }
        )

    def flush(self) -> None:
        connection = self.books.connection
        new, changed = [], []
        for one in self._sales.values():
            if one.entry is None or not one.is_changed:
                continue
            now = {"member": one.member, "claim": one.claim, "taken": one.taken, "restored": one.restored}
            shop, document = one.key
            if one.is_stored:
                changed.append(
                    {
                        "key_shop": shop,
                        "key_document": document,
                        **{f"new_{name}": value for name, value in now.items()},
                    }
                )
            else:
                about = {"terminal": one.terminal, "number": one.entry.number, "hash": one.entry.hash}
                new.append({"shop": shop, "document": document, **about, **now})
            one.is_stored, one.is_changed = True, False
        add(connection, schema.sale, new)
        if changed:
            table = schema.sale.c
            connection.execute(
                update(schema.sale)
                .where(table.shop == bindparam("key_shop"), table.document == bindparam("key_document"))
                .values({name: bindparam(f"new_{name}") for name in ("member", "claim", "taken", "restored")}),
                changed,
            )
        keep(connection, schema.follow_up, self._new_follow_ups)
        self._new_follow_ups.clear()

    # -- what returns and claims come to ------------------------------------------------------------------------------

    def settle_returns(
        self,
        settlement: Settlement,
        one: SaleDocument,
        place: str = "",
        esc: Mapping[str, int] | None = None,
        esc_member: str = "",
        store_bears: int = 0,
    ) -> int:
        """Takes and restores what all returns known by now come to, less what has been; `esc` is posted with it.

        Answers how many points the shop bears, at most `store_bears`.
        """
        books, esc, borne = self.books, esc or {}, 0
        assert one.entry is not None
        own = books.who(one.member) if one.member else ""
        if esc_member and books.who(esc_member) != own:
            borne = settlement.book(esc_member).settle(place, esc, store_bears=store_bears)
            place, esc = "", {}
        if not own:
            return borne
        backs = one.following("return")
        taken, restored, undone = self._totals(one, backs) if backs else (0, 0, NOTHING_UNDONE)
        if backs:
            books.histories.undo(own, *one.key, one.bought_on, undone)
        more_taken, more_restored = taken - one.taken, restored - one.restored
        if not esc and not more_taken and not more_restored:
            return borne
        book = settlement.book(own)
        awarded_lot = self._award(one)[1]
        incoming = self._restored_lots(one, more_restored) if more_restored > 0 else {}
        if more_taken < 0:
            incoming[awarded_lot] = incoming.get(awarded_lot, 0) - more_taken
        outgoing = max(0, more_taken) + max(0, -more_restored)
        books.expect_lots(book, [*incoming, *filter(None, [awarded_lot])], one.entry.envelope.business_day)
        settlement.says(own, issued=more_taken, redeemed=-more_restored)
        named = [awarded_lot] if awarded_lot else []
        borne += book.settle(
            place, esc, restored=incoming, outgoing=outgoing, named=named, store_bears=store_bears if esc else 0
        )
        one.taken, one.restored, one.is_changed = taken, restored, True
        return borne

    def award_claim(
        self, settlement: Settlement, one: SaleDocument, claim: Entry, place: str, esc: Mapping[str, int]
    ) -> None:
        """Gives the sale's award to the member who claimed it."""
        body = claim.body
        assert isinstance(body, ClaimBody)
        self.follow(one, claim.envelope.terminal, claim)
        self.claimed(one, claim)
        book = settlement.book(claim.member)
        if body.awarded:
            book.award(body.lot, body.expires_on, body.usable_from)
        if body.extends_to:
            book.keep_alive(claim.envelope.business_day, body.extends_to)
        self.books.histories.add(self.books.who(claim.member), body.effects, one.bought_on, sales=1)
        settlement.says(claim.member, issued=-body.awarded)
        book.settle(place, esc, awarded={body.lot: body.awarded} if body.awarded else {})

    def _award(self, one: SaleDocument) -> tuple[int, str]:
        assert one.entry is not None
        body: object = one.entry.body
        if one.claim:
            body = one.follow_ups[one.claim][1].body
        assert isinstance(body, SaleBody | ClaimBody)
        return body.awarded, body.lot

    def _totals(self, one: SaleDocument, backs: Iterable[Entry]) -> tuple[int, int, Undone]:
        """What these returns take and restore in all, and what they take out of the member's history."""
        assert one.entry is not None
        body = one.entry.body
        assert isinstance(body, SaleBody)
        was = body.sold
        if one.claim:
            claim = one.follow_ups[one.claim][1].body
            assert isinstance(claim, ClaimBody)
            was = was._replace(awarded=claim.awarded, standing=claim.standing, effects=claim.effects)
        returned = [back.body for back in backs if isinstance(back.body, ReturnBody)]
        program = self.books.office.program(self.books.connection, body.program)
        if program is None:
            # Rules that head office never saw: what the tills found, but no more than there was.
            taken, restored = sum(back.taken for back in returned), sum(back.restored for back in returned)
            is_all = sum(back.returned_minor for back in returned) >= was.sale.total_minor
            effects = negative(was.effects) if is_all else total(back.effects for back in returned)
            return min(was.awarded, taken), min(was.redeemed, restored), Undone(effects, -1 if is_all else 0)
        back = reversed_so_far(program, was, left_at_least(was.sale, [back.back for back in returned]))
        is_all, effects = back.returned_minor >= was.sale.total_minor, back.effects
        if one.claim and was.effects:
            # A claim awards what was left of the sale by then: what has been taken back is less by what it never had.
            whole = award(program, was.sale, was.redeemed_minor, was.standing).effects
            effects = negative(was.effects) if is_all else total([effects, whole, negative(was.effects)])
        return back.taken_points, back.restored_points, Undone(effects, -1 if is_all else 0)

    def _restored_lots(self, one: SaleDocument, more: int) -> dict[str, int]:
        """The lots that the sale spent, in its own order, after those that have come back already."""
        assert one.entry is not None
        assert isinstance(one.entry.body, SaleBody)
        spent = {lot: -change for lot, change in one.entry.envelope.esc.items() if change < 0}
        uncovered = one.entry.body.redeemed - sum(spent.values())
        if uncovered > 0:
            spent[f"back-{one.entry.hash[:16]}"] = uncovered
        skip, incoming = one.restored, {}
        for lot, points in spent.items():
            use = max(0, min(points - skip, more))
            skip, more = max(0, skip - points), more - use
            if use:
                incoming[lot] = use
        return incoming


def sale_named_by(entry: Entry) -> str:
    """The document of the sale that an entry is, claims or takes back; '' for any other entry."""
    match entry.body:
        case SaleBody():
            return entry.envelope.document
        case ReturnBody(sale=sale) | ClaimBody(sale=sale):
            return sale
        case _:
            return ""
