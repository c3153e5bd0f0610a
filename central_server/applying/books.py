"""Members' books in a transaction: loaded when first touched, settled in memory, and stored together with the postings that
explain them.

Whatever a till's entry did not say, but head office did, goes into its own journal as a `settle` entry. So for every member
and account, what all terminals posted and what the server posted add up to what the member holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from central_server import schema
from central_server.applying import used_up
from central_server.applying.histories import Histories
from central_server.care import tickets
from central_server.database import AT_ONCE, add, among, keep, put
from central_server.membership import profiles
from central_server.office import Office
from central_server.tills import channels
from ledger.entry import Body, Draft, Entry, MergeBody, SettleBody, entry
from ledger.keys import merge_message
from ledger.postings import POINTS, Posting, postings
from ledger.settlement import MemberBook, Place
from loyalty.days import months_after
from loyalty.program import Program

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
class _About:
    """A member's row. `is_stored` is false for one who is met here for the first time."""

    joined_at: str
    home_shop: str
    merged_into: str = ""
    is_stored: bool = False


@dataclass
class _Stored:
    """What the tables say of a member's book, to write only what differs."""

    lots: dict[tuple[Place, str], int] = field(default_factory=dict)
    expires_on: dict[str, tuple[str, bool]] = field(default_factory=dict)
    debt: int = 0
    loss: int = 0


@dataclass
class _AtRisk:
    """Of a member's points at a till given up for lost: what the shop would bear, and what it has borne."""

    points: int = 0
    borne: int = 0


_NO_RISK = _AtRisk()

Amounts = dict[str, int]
"""Account → points. Not a Counter: these are made and added several times for every entry, and a dict does that in a third of
the time."""


def accounts(book: MemberBook) -> Amounts:
    """A book's totals by ledger account."""
    totals = {"owed": -book.debt, "loss": -book.loss}
    for (place, _), box in book.lots.items():
        if box:
            totals[place] = totals.get(place, 0) + sum(box.values())
    return totals


def _add(totals: Amounts, more: Mapping[str, int], times: int = 1) -> None:
    for account, amount in more.items():
        totals[account] = totals.get(account, 0) + times * amount


class Settlement:
    """One entry being posted: the books it touches, and `truth`, what it issued and redeemed as head office sees it."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.before: dict[str, Amounts] = {}
        self.truth: dict[str, Amounts] = {}
        self.said: dict[str, Amounts] = {}

    def book(self, member: str) -> MemberBook:
        member = self._books.who(member)
        book = self._books.load(member)
        if member not in self.before:
            self.before[member] = accounts(book)
        return book

    def says(self, member: str, **moves: int) -> None:
        _add(self.truth.setdefault(self._books.who(member), {}), moves)

    def explains(self, own: Entry) -> None:
        """An entry of head office's own that says part of what is being done."""
        self.posted(postings(own))

    def posted(self, moves: Iterable[Posting]) -> None:
        for move in moves:
            _add(self.said.setdefault(self._books.who(move.member), {}), {move.account: move.amount})


class Books:
    """The ledger, held by this transaction alone until it commits. Nothing is stored before `flush`."""

    def __init__(self, connection: Connection, office: Office) -> None:
        self.connection = connection
        self.office = office
        chain, owed = schema.chain, schema.floor_owed
        row = connection.execute(
            select(chain.c.head, chain.c.head_number).where(chain.c.server == office.server).with_for_update()
        ).one()
        self._head, self._head_number = row.head, row.head_number
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        self.program: Program = program
        self.today = office.today(connection)
        self._grace_until = (date.fromisoformat(self.today) + timedelta(days=program.expire.grace_days)).isoformat()
        self._about: dict[str, _About] = {}
        self._strangers: set[str] = set()
        """Who was looked for and is in no table yet."""
        self._open: dict[str, MemberBook] = {}
        self._stored: dict[str, _Stored] = {}
        self._shops: set[tuple[str, str]] = set()
        self._postings: list[dict[str, object]] = []
        self._own: list[Entry] = []
        self._changed: set[str] = set()
        self._forfeited: dict[tuple[str, str], _AtRisk] = {}
        self._is_forfeited = connection.execute(select(schema.forfeited.c.member).limit(1)).first() is not None
        self._risks_changed: set[tuple[str, str]] = set()
        self._floor: dict[tuple[str, str], tuple[int, str]] = {}
        self._is_floor_owed = connection.execute(select(owed.c.member).limit(1)).first() is not None
        self.histories = Histories(connection, self.today)

    def flush(self) -> None:
        """Stores all that was done; call last before COMMIT. The shops hear of whoever has changed."""
        self._store_members()
        self._store_journal()
        self._store_holdings()
        self.histories.store(self._open)
        self._store_limits()
        channels.announce_members(self.connection, self._changed)
        self._changed.clear()
        if sums := self.histories.sums_of_rules():
            programs = [self.program, *self.office.programs_to_come(self.connection)]
            used_up.add(self.connection, programs, sums)

    def changed(self, member: str) -> None:
        self._changed.add(member)

    # -- members -------------------------------------------------------------------------------------------------------

    def prefetch(self, members: Iterable[str]) -> None:
        """Loads the books of these members in a few queries."""
        self._fetch_about(members)
        wanted = sorted({self.who(member) for member in members if member and self.who(member) not in self._open})
        holding, lot, about = schema.holding.c, schema.lot.c, schema.member.c
        for part in _parts(wanted):
            for member in part:
                self._open[member] = MemberBook(today=self.today, grace_until=self._grace_until)
                self._stored[member] = _Stored()
            for member, place, branch, name, points in self.connection.execute(
                select(holding.member, holding.place, holding.branch, holding.lot, holding.points).where(
                    among(self.connection, holding.member, part)
                )
            ).all():
                self._open[member].at((place, branch))[name] = points
                self._stored[member].lots[(place, branch), name] = points
            for member, name, day, is_graced in self.connection.execute(
                select(lot.member, lot.lot, lot.expires_on, lot.is_graced).where(
                    among(self.connection, lot.member, part)
                )
            ).all():
                book = self._open[member]
                book.expires_on[name] = day
                if is_graced:
                    book.graced.add(name)
                self._stored[member].expires_on[name] = day, is_graced
            for member, debt, loss in self.connection.execute(
                select(about.member, about.debt, about.loss).where(among(self.connection, about.member, part))
            ).all():
                book, stored = self._open[member], self._stored[member]
                book.debt, book.loss = stored.debt, stored.loss = int(debt), int(loss)
            self.histories.prefetch(part, self._open)
            if self._is_forfeited:
                table = schema.forfeited
                for row in self.connection.execute(select(table).where(among(self.connection, table.c.member, part))):
                    self._forfeited[row.member, row.branch] = _AtRisk(int(row.points), int(row.borne))

    def _fetch_about(self, members: Iterable[str]) -> None:
        table = schema.member.c
        wanted = {member for member in members if member} - self._about.keys() - self._strangers
        while wanted:
            for part in _parts(sorted(wanted)):
                for row in self.connection.execute(
                    select(table.member, table.joined_at, table.home_shop, table.merged_into).where(
                        among(self.connection, table.member, part)
                    )
                ):
                    self._about[row.member] = _About(row.joined_at, row.home_shop, row.merged_into, is_stored=True)
            self._strangers |= wanted - self._about.keys()
            found = {self._about[member].merged_into for member in wanted if member in self._about}
            wanted = found - {""} - self._about.keys() - self._strangers

    def who(self, member: str) -> str:
        """The member that this reference has become; merges are resolved when posting, never when receiving."""
        about = self._about.get(member)
        if about is None and member not in self._strangers:
            self._fetch_about([member])
            about = self._about.get(member)
        return about.merged_into or member if about else member

    def know(self, member: str, shop: str, joined_at: str = "") -> str:
        """Makes sure that there is such a member, known in this shop; answers who it is."""
        who = self.who(member)
        if who not in self._about:
            self._about[who] = _About(joined_at, shop)
        # Also under a reference of before, which a token may name: the shop is told who they are now.
        for reference in {who, member}:
            self._shops.add((reference, shop))
            self.changed(reference)
        return who

    def is_known(self, member: str) -> bool:
        """Whether there is such a member by now."""
        return self.who(member) in self._about

    def load(self, member: str) -> MemberBook:
        if member not in self._open:
            self.prefetch([member])
        return self._open[member]

    def touched_at(self, branch: str) -> list[str]:
        """The members in memory whose points lie at this branch: the tables may not show it yet."""
        places = (("escrow", branch), ("granted", branch))
        return [member for member, book in self._open.items() if any(book.lots.get(place) for place in places)]

    def expect_lots(self, book: MemberBook, lots: Iterable[str], business_day: str) -> None:
        """A lot heard of before its award gets the expiry of one awarded that day, until the award says better."""
        for lot in lots:
            if lot not in book.expires_on:
                book.expect(lot, months_after(business_day, self.program.expire.months))

    # -- rights given up for lost, and spent without cover --------------------------------------------------------------

    def forfeited(self, member: str, branch: str) -> int:
        """Points of this member that were given back although this till may have spent them: so much the shop bears."""
        return self._at_risk(member, branch).points

    def borne(self, member: str, branch: str) -> int:
        """What the shop has borne of this member at a till's branch, and what would be made good to it."""
        return self._at_risk(member, branch).borne

    def forfeit(self, member: str, branch: str, points: int) -> None:
        """These points have been given back; from here on the shop bears it if the till has spent them."""
        self._risk(member, branch).points += points

    def bear(self, member: str, branch: str, points: int) -> None:
        """The shop bears so much; below zero, it turned out to be no loss."""
        risk = self._risk(member, branch)
        risk.points = max(0, risk.points - points)
        risk.borne += points

    def forget_forfeited(self, branch: str) -> None:
        """The till has given these rights up itself: nothing more can be lost."""
        if not self._is_forfeited:
            return
        table = schema.forfeited.c
        self.connection.execute(update(schema.forfeited).where(table.branch == branch).values(points=0))
        for (_, place), risk in self._forfeited.items():
            if place == branch:
                risk.points = 0

    def _at_risk(self, member: str, branch: str) -> _AtRisk:
        if not self._is_forfeited:
            return _NO_RISK
        self.load(self.who(member))
        return self._forfeited.get((self.who(member), branch), _NO_RISK)

    def _risk(self, member: str, branch: str) -> _AtRisk:
        key = self.who(member), branch
        self.load(key[0])
        self._is_forfeited = True
        self._risks_changed.add(key)
        return self._forfeited.setdefault(key, _AtRisk())

    def floor_spent(self, member: str, terminal: str, number: int, entry_hash: str) -> None:
        """A sale on the floor limit; it is renewed once the member owes nothing."""
        self._floor[self.who(member), terminal] = number, entry_hash

    # -- posting -------------------------------------------------------------------------------------------------------

    @contextmanager
    def settling(self, origin: Origin, posted: Iterable[Posting], cause: str = "") -> Iterator[Settlement]:
        """Posts an entry as it stands (`posted`), and on leaving what head office found different, in its own journal."""
        settlement = Settlement(self)
        settlement.posted(posted)
        said = settlement.said
        for member, moves in said.items():
            settlement.book(member)
            if sum(moves.values()):
                raise ValueError("its postings do not add up to zero")
            self._post(origin.terminal, origin.number, origin.hash, member, moves, origin.business_day)
        yield settlement
        for member in sorted(settlement.before):
            actual = accounts(self._open[member])
            _add(actual, settlement.before[member], -1)
            _add(actual, settlement.truth.get(member, {}))
            _add(actual, said.get(member, {}), -1)
            differs = {account: amount for account, amount in sorted(actual.items()) if amount}
            if differs:
                why = cause or f"{origin.terminal}/{origin.number}/{origin.hash}"
                self.record(SettleBody(why, differs), member, origin)
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
        moves: Amounts = {}
        for posting in postings(own):
            _add(moves, {posting.account: posting.amount})
        if sum(moves.values()):
            raise ValueError(f"head office's own postings do not add up to zero: {dict(moves)}")
        self._own.append(own)
        self._head, self._head_number = own.hash, number
        self._post(self.office.server, number, own.hash, member, moves, origin.business_day)
        return own

    def _post(
        self, terminal: str, number: int, entry_hash: str, member: str, moves: Mapping[str, int], business_day: str
    ) -> None:
        for account, amount in moves.items():
            if abs(amount) > MOST_POINTS:
                raise ValueError(f"it moves more than {MOST_POINTS} points")
            if amount:
                self._postings.append(
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
                )

    # -- storing -------------------------------------------------------------------------------------------------------

    def _store_members(self) -> None:
        new = [
            {
                "member": member,
                "joined_at": about.joined_at,
                "home_shop": about.home_shop,
                "merged_into": "",
                "merge": "",
                "merge_signature": "",
                "erased_at": "",
                "debt": 0,
                "loss": 0,
            }
            for member, about in self._about.items()
            if not about.is_stored
        ]
        keep(self.connection, schema.member, new)
        for row in new:
            self._about[str(row["member"])].is_stored = True
        keep(
            self.connection,
            schema.member_shop,
            [{"member": member, "shop": shop} for member, shop in sorted(self._shops)],
        )
        self._shops.clear()

    def _store_journal(self) -> None:
        if self._own:
            server, chain = self.office.server, schema.chain
            rows = [
                {"server": server, "number": own.number, "hash": own.hash, "data": own.data, "member": own.member}
                for own in self._own
            ]
            add(self.connection, schema.journal, rows)
            self.connection.execute(
                update(chain).where(chain.c.server == server).values(head=self._head, head_number=self._head_number)
            )
            self._own.clear()
        add(self.connection, schema.posting, self._postings)
        self._postings.clear()

    def _store_holdings(self) -> None:
        gone: list[dict[str, object]] = []
        held: list[dict[str, object]] = []
        newly_held: list[dict[str, object]] = []
        lots: list[dict[str, object]] = []
        new_lots: list[dict[str, object]] = []
        owing: list[dict[str, object]] = []
        for member, book in self._open.items():
            stored = self._stored[member]
            now = {(place, lot): points for place, box in book.lots.items() for lot, points in box.items() if points}
            if now != stored.lots:
                for (place, branch), lot in stored.lots.keys() - now.keys():
                    gone.append({"key_member": member, "key_place": place, "key_branch": branch, "key_lot": lot})
                for held_at, points in now.items():
                    if (was := stored.lots.get(held_at)) != points:
                        (place, branch), lot = held_at
                        row = {"member": member, "place": place, "branch": branch, "lot": lot, "points": points}
                        (newly_held if was is None else held).append(row)
                stored.lots = now
            for lot, day in book.expires_on.items():
                about = day, lot in book.graced
                known = stored.expires_on.get(lot)
                if known != about:
                    stored.expires_on[lot] = about
                    row = {"member": member, "lot": lot, "expires_on": day, "is_graced": about[1]}
                    (new_lots if known is None else lots).append(row)
            if (book.debt, book.loss) != (stored.debt, stored.loss):
                stored.debt, stored.loss = book.debt, book.loss
                owing.append({"key_member": member, "new_debt": book.debt, "new_loss": book.loss})
        table, about_table = schema.holding, schema.member
        if gone:
            key = [table.c[name] == bindparam(f"key_{name}") for name in ("member", "place", "branch", "lot")]
            self.connection.execute(delete(table).where(*key), gone)
        put(self.connection, table, held)
        add(self.connection, table, newly_held)
        put(self.connection, schema.lot, lots)
        add(self.connection, schema.lot, new_lots)
        if owing:
            self.connection.execute(
                update(about_table)
                .where(about_table.c.member == bindparam("key_member"))
                .values(debt=bindparam("new_debt"), loss=bindparam("new_loss")),
                owing,
            )

    def _store_limits(self) -> None:
        rows = [
            {"member": member, "branch": branch, "points": risk.points, "borne": risk.borne}
            for (member, branch), risk in sorted(self._forfeited.items())
            if (member, branch) in self._risks_changed
        ]
        put(self.connection, schema.forfeited, rows)
        self._risks_changed.clear()
        owed = schema.floor_owed
        put(
            self.connection,
            owed,
            [
                {"member": member, "terminal": terminal, "number": number, "hash": entry_hash}
                for (member, terminal), (number, entry_hash) in sorted(self._floor.items())
            ],
        )
        self._is_floor_owed = self._is_floor_owed or bool(self._floor)
        self._floor.clear()
        if not self._is_floor_owed:
            return
        for part in _parts(sorted(self._changed)):
            for row in self.connection.execute(select(owed).where(owed.c.member.in_(part))).all():
                if not self.load(row.member).debt:
                    channels.announce(
                        self.connection,
                        channels.grants_of(row.terminal),
                        [f"{channels.RENEW}{row.member}/{row.number}/{row.hash}"],
                    )
                    self.connection.execute(
                        delete(owed).where(owed.c.member == row.member, owed.c.terminal == row.terminal)
                    )

    # -- merging -------------------------------------------------------------------------------------------------------

    def merge(self, old: str, into: str, origin: Origin, merge_id: str) -> None:
        """`old` becomes `into`: its points, debt, cards and shops. Postings stay where they are and count for `into`."""
        old, into = self.who(old), self.who(into)
        if old == into:
            return
        signature = self.office.signing.sign(merge_message(merge_id, old, into))
        self.record(MergeBody(merge_id, old, into, signature), old, origin, document=f"merge/{merge_id}")
        self.prefetch([old, into])
        source, target = self.load(old), self.load(into)
        for lot, day in source.expires_on.items():
            target.expires_on.setdefault(lot, day)
        target.graced |= source.graced
        target.usable_from |= source.usable_from
        for place, box in source.lots.items():
            for lot, points in list(box.items()):
                source.put(place, lot, -points)
                target.put(place, lot, points)
        target.debt, source.debt = target.debt + source.debt, 0
        target.loss, source.loss = target.loss + source.loss, 0
        for member, branch in [key for key in self._forfeited if key[0] == old]:
            was, now = self._risk(member, branch), self._risk(into, branch)
            now.points, now.borne = now.points + was.points, now.borne + was.borne
            was.points = was.borne = 0
        connection, about, seen, owed = self.connection, schema.member, schema.member_shop, schema.floor_owed
        # Before anything is stored: what was spent on a floor limit is owed by `into` from here on, and not yet renewed.
        spent = connection.execute(select(owed).where(owed.c.member.in_([old, into]))).all()
        for row in sorted(spent, key=lambda row: row.number):
            self.floor_spent(into, row.terminal, row.number, row.hash)
        connection.execute(delete(owed).where(owed.c.member == old))
        self.changed(old)
        self.changed(into)
        self.flush()
        for table in (schema.lot, schema.person, schema.name_word):
            connection.execute(delete(table).where(table.c.member == old))
        for row in connection.execute(select(about.c.member, about.c.merge).where(about.c.merged_into == old)).all():
            # Who had become `old` has become `into`, and so it must be signed: a till may hear of it only now.
            signed = self.office.signing.sign(merge_message(row.merge, row.member, into))
            connection.execute(
                update(about).where(about.c.member == row.member).values(merged_into=into, merge_signature=signed)
            )
        connection.execute(
            update(about)
            .where(about.c.member == old)
            .values(merged_into=into, merge=merge_id, merge_signature=signature)
        )
        operator = schema.shops.operator
        # An operator's own card is refused on sales that they ring, at tills that need know neither of the two members.
        for shop, name in connection.execute(
            select(operator.c.shop, operator.c.operator).where(operator.c.member == old)
        ).all():
            channels.announce(connection, channels.shop_of(shop), [channels.OPERATOR + name])
        for table in (schema.card, schema.token, schema.shops.consent, operator):
            connection.execute(update(table).where(table.c.member == old).values(member=into))
        connection.execute(delete(schema.phone).where(schema.phone.c.member == old))
        shops = connection.scalars(select(seen.c.shop).where(seen.c.member == old)).all()
        self._shops.update((into, shop) for shop in shops)
        for about_old in self._about.values():
            if about_old.merged_into == old:
                about_old.merged_into = into
        self._about[old].merged_into = into
        profiles.merge(connection, old, into)
        tickets.merge(connection, old, into)
        self.histories.merge(old, into)
        spans = [*source.alive.items(), *target.alive.items()]
        del self._open[old], self._stored[old]
        with self.settling(origin, []) as settlement:
            book = settlement.book(into)
            for day, to in spans:
                book.keep_alive(day, to)
            book.repay()


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]
