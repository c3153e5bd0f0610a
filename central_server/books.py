"""Members' books in a transaction: loaded when first touched, settled, and stored with the postings that explain them.

Whatever a till's entry did not say, but head office did, goes into its own journal as a `settle` entry. So for every member
and account, what all terminals posted and what the server posted add up to what the member holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from central_server import channels, schema
from central_server.database import keep, put
from central_server.office import Office
from ledger.entry import Body, Draft, Entry, SettleBody, entry
from ledger.postings import POINTS, Posting, postings
from ledger.settlement import AVAILABLE, MemberBook, Place
from loyalty.days import months_after

MOST_POINTS = 10**12
"""More than any honest entry moves; what is above is a mistake or an attack, and is quarantined."""


class Origin(NamedTuple):
    """The entry that is the reason: whose, where it stands, and the day to which it belongs."""

    terminal: str
    number: int
    hash: str
    occurred_at: str
    business_day: str


@dataclass
class _Before:
    accounts: Mapping[str, int]
    lots: Mapping[tuple[Place, str], int]
    expires_on: Mapping[str, str]


def accounts(book: MemberBook) -> dict[str, int]:
    """A book's totals by ledger account."""
    totals: Counter[str] = Counter()
    for (place, _), box in book.lots.items():
        totals[place] += sum(box.values())
    totals["owed"] -= book.debt
    return dict(totals)


class Settlement:
    """One entry being posted: the books it touches, and `truth`, what it issued and redeemed as head office sees it."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.before: dict[str, _Before] = {}
        self.truth: dict[str, Counter[str]] = {}
        self.said: dict[str, Counter[str]] = {}

    def book(self, member: str) -> MemberBook:
        member = self._books.who(member)
        book = self._books.load(member)
        if member not in self.before:
            self.before[member] = _Before(accounts(book), _lots(book), dict(book.expires_on))
        return book

    def says(self, member: str, **moves: int) -> None:
        self.truth.setdefault(self._books.who(member), Counter()).update(moves)

    def explains(self, own: Entry) -> None:
        """An entry of head office's own that says part of what is being done."""
        for posting in postings(own):
            self.said.setdefault(self._books.who(posting.member), Counter())[posting.account] += posting.amount


def _lots(book: MemberBook) -> dict[tuple[Place, str], int]:
    return {(place, lot): points for place, box in book.lots.items() for lot, points in box.items() if points}


class Books:
    """The ledger, held by this transaction alone until it commits."""

    def __init__(self, connection: Connection, office: Office) -> None:
        self.connection = connection
        self.office = office
        self.today = office.today(connection)
        self._open: dict[str, MemberBook] = {}
        self._who: dict[str, str] = {}
        self._changed: set[str] = set()
        self._read_head()

    def _read_head(self) -> None:
        chain = schema.chain
        row = self.connection.execute(
            select(chain.c.head, chain.c.head_number).where(chain.c.server == self.office.server).with_for_update()
        ).one()
        self._head, self._head_number = row.head, row.head_number

    def forget(self) -> None:
        """Call after a rollback to a savepoint: what was held in memory may not have happened."""
        self._open.clear()
        self._who.clear()
        self._read_head()

    def finish(self) -> None:
        """Call last before COMMIT: tells the shops what has changed."""
        channels.announce_members(self.connection, self._changed)
        self._changed.clear()

    def changed(self, member: str) -> None:
        self._changed.add(member)

    # -- members -------------------------------------------------------------------------------------------------------

    def who(self, member: str) -> str:
        """The member that this reference has become; merges are resolved when posting, never when receiving."""
        if member not in self._who:
            table = schema.member.c
            merged = self.connection.scalar(select(table.merged_into).where(table.member == member))
            self._who[member] = merged or member
        return self._who[member]

    def know(self, member: str, shop: str, joined_at: str = "") -> str:
        """Makes sure that there is such a member, known in this shop; answers who it is."""
        who = self.who(member)
        row = {"member": who, "joined_at": joined_at, "home_shop": shop, "merged_into": "", "debt": 0}
        keep(self.connection, schema.member, [row])
        keep(self.connection, schema.member_shop, [{"member": who, "shop": shop}])
        self.changed(who)
        return who

    def load(self, member: str) -> MemberBook:
        if member not in self._open:
            holding, lot, about = schema.holding.c, schema.lot.c, schema.member.c
            book = MemberBook()
            for place, branch, name, points in self.connection.execute(
                select(holding.place, holding.branch, holding.lot, holding.points).where(holding.member == member)
            ):
                book.at((place, branch))[name] = points
            book.expires_on = dict(
                self.connection.execute(select(lot.lot, lot.expires_on).where(lot.member == member)).all()
            )
            book.debt = self.connection.scalar(select(about.debt).where(about.member == member)) or 0
            self._open[member] = book
        return self._open[member]

    def expect_lots(self, book: MemberBook, lots: Iterable[str], business_day: str) -> None:
        """A lot heard of before its award gets the expiry of one awarded that day, until the award says better."""
        for lot in lots:
            if lot not in book.expires_on:
                program = self.office.program(self.connection)
                book.expires_on[lot] = months_after(business_day, program.expire.months if program else 12)

    # -- posting -------------------------------------------------------------------------------------------------------

    @contextmanager
    def settling(self, origin: Origin, posted: Iterable[Posting]) -> Iterator[Settlement]:
        """Posts an entry as it stands (`posted`), and on leaving what head office found different, in its own journal."""
        settlement = Settlement(self)
        said = settlement.said
        for posting in posted:
            said.setdefault(self.who(posting.member), Counter())[posting.account] += posting.amount
        for member, moves in said.items():
            settlement.book(member)
            if sum(moves.values()):
                raise ValueError("its postings do not add up to zero")
            self._post(origin.terminal, origin.number, origin.hash, member, moves, origin.business_day)
        yield settlement
        for member in sorted(settlement.before):
            before, book = settlement.before[member], self._open[member]
            actual = Counter(accounts(book))
            actual.subtract(before.accounts)
            actual.update(settlement.truth.get(member, Counter()))
            actual.subtract(said.get(member, Counter()))
            differs = {account: amount for account, amount in actual.items() if amount}
            if differs:
                self.record(SettleBody(f"{origin.terminal}/{origin.number}/{origin.hash}", differs), member, origin)
            self._store(member, before, book)
            self.changed(member)

    def record(self, body: Body, member: str, origin: Origin, document: str = "") -> Entry:
        """An entry of head office's own journal, with its postings."""
        number = self._head_number + 1
        own = entry(
            Draft(body, document or f"own/{number}", origin.occurred_at, origin.business_day, member=member),
            terminal=self.office.server,
            epoch=str(self.office.server_epoch),
            number=number,
            prev=self._head,
            recorded_at=self.office.time(),
        )
        self.connection.execute(
            insert(schema.journal).values(server=self.office.server, number=number, hash=own.hash, data=own.data)
        )
        chain = schema.chain
        self.connection.execute(
            update(chain).where(chain.c.server == self.office.server).values(head=own.hash, head_number=number)
        )
        self._head, self._head_number = own.hash, number
        moves: Counter[str] = Counter()
        for posting in postings(own):
            moves[posting.account] += posting.amount
        if sum(moves.values()):
            raise ValueError(f"head office's own postings do not add up to zero: {dict(moves)}")
        self._post(self.office.server, number, own.hash, member, moves, origin.business_day)
        return own

    def _post(
        self, terminal: str, number: int, entry_hash: str, member: str, moves: Mapping[str, int], business_day: str
    ) -> None:
        rows = [
            {
                "member": member,
                "terminal": terminal,
                "number": number,
                "hash": entry_hash,
                "commodity": POINTS,
                "account": account,
                "amount": amount,
                "business_day": business_day,
            }
            for account, amount in moves.items()
            if amount
        ]
        if any(abs(row["amount"]) > MOST_POINTS for row in rows if isinstance(row["amount"], int)):
            raise ValueError(f"it moves more than {MOST_POINTS} points")
        if rows:
            self.connection.execute(insert(schema.posting), rows)

    def _store(self, member: str, before: _Before, book: MemberBook) -> None:
        after = _lots(book)
        table = schema.holding.c
        for (place, branch), lot in before.lots.keys() - after.keys():
            self.connection.execute(
                delete(schema.holding).where(
                    table.member == member, table.place == place, table.branch == branch, table.lot == lot
                )
            )
        put(
            self.connection,
            schema.holding,
            [
                {"member": member, "place": place, "branch": branch, "lot": lot, "points": points}
                for ((place, branch), lot), points in after.items()
                if before.lots.get(((place, branch), lot)) != points
            ],
        )
        put(
            self.connection,
            schema.lot,
            [
                {"member": member, "lot": lot, "expires_on": day}
                for lot, day in book.expires_on.items()
                if before.expires_on.get(lot) != day
            ],
        )
        if book.debt != -before.accounts.get("owed", 0):
            self.connection.execute(
                update(schema.member).where(schema.member.c.member == member).values(debt=book.debt)
            )

    # -- merging -------------------------------------------------------------------------------------------------------

    def merge(self, old: str, into: str, origin: Origin) -> None:
        """`old` becomes `into`: its points, debt, cards and shops. Postings stay where they are and count for `into`."""
        old, into = self.who(old), self.who(into)
        if old == into:
            return
        self.record(SettleBody(f"merged into {into}", {}), old, origin, document=f"merge/{old}")
        source, target = self.load(old), self.load(into)
        before = _Before(accounts(target), _lots(target), dict(target.expires_on))
        for lot, day in source.expires_on.items():
            target.expires_on.setdefault(lot, day)
        for (place, lot), points in _lots(source).items():
            target.put(place, lot, points)
        target.debt += source.debt
        self._store(into, before, target)
        connection, about, seen = self.connection, schema.member, schema.member_shop
        for table in (schema.holding, schema.lot, schema.person):
            connection.execute(delete(table).where(table.c.member == old))
        connection.execute(update(about).where(about.c.merged_into == old).values(merged_into=into))
        connection.execute(update(about).where(about.c.member == old).values(merged_into=into, debt=0))
        connection.execute(update(schema.card).where(schema.card.c.member == old).values(member=into))
        connection.execute(delete(schema.phone).where(schema.phone.c.member == old))
        shops = connection.scalars(select(seen.c.shop).where(seen.c.member == old)).all()
        keep(connection, seen, [{"member": into, "shop": shop} for shop in shops])
        self._open.clear()
        self._who.clear()
        self.changed(old)
        with self.settling(origin, []) as settlement:
            settlement.book(into).repay()

    def expire(self, member: str) -> None:
        """Posts the end of available lots whose day has come; lots at a till stay until they come back."""
        origin = Origin(self.office.server, 0, "", self.office.time(), self.today)
        with self.settling(origin, []) as settlement:
            settlement.book(member).expire(self.today)


def empty(book: MemberBook, branch: str) -> None:
    """Gives back all that is granted to or held at a branch, because its epoch is over."""
    for place in (("escrow", branch), ("granted", branch)):
        for lot, points in list(book.at(place).items()):
            book.put(place, lot, -points)
            book.put(AVAILABLE, lot, points)
    book.repay()
