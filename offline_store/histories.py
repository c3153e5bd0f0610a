"""What each member ever did, as sums: what head office last told, and what this till has recorded since.

Derived from feed and journal. A checkout adds nothing to it that its entry does not say: what was recorded after `upto` is
added up when it is asked for, and kept once it has become much. `verify` adds all up again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ledger.entry import ClaimBody, Entry, EntryUnreadable, GiveBody, ReturnBody, SaleBody, read_entry
from loyalty.returns import Left, left_at_least
from loyalty.sale import Sale
from loyalty.standing import NO_HISTORY, NO_PROFILE, History, Profile

_encoder = msgspec.json.Encoder()
_histories = msgspec.json.Decoder(History)
_profiles = msgspec.json.Decoder(Profile)

FOLD_AFTER = 4
"""So many entries are added up anew at each question, before their sum is kept."""

_ENTRIES = """
SELECT number FROM posting WHERE member = ?1 AND number > ?2
UNION SELECT number FROM unposted WHERE member = ?1 AND number > ?2
"""
"""The numbers of a member's (?1) entries after one (?2)."""


class Told(NamedTuple):
    """Head office's word on a member: what their history is up to this till's entry `includes`, and who they are."""

    member: str
    includes: int
    history: History = NO_HISTORY
    profile: Profile = NO_PROFILE

    @property
    def says_something(self) -> bool:
        return self.history != NO_HISTORY or self.profile != NO_PROFILE


class Known(NamedTuple):
    """All that this till knows of a member's history, and of who they are.

    `own` is what this till recorded after what head office's word `includes`, up to its entry `upto`; of it, `unkept` entries
    have been added up for this question alone.
    """

    told: History = NO_HISTORY
    own: History = NO_HISTORY
    profile: Profile = NO_PROFILE
    includes: int = 0
    upto: int = 0
    unkept: int = 0

    @property
    def history(self) -> History:
        return self.told.and_also(self.own) if self.told != NO_HISTORY else self.own


def of(db: sqlite3.Connection, member: str) -> Known:
    row = db.execute(
        "SELECT member.includes, history.includes, told, profile, own, upto "
        "FROM member LEFT JOIN history USING (member) WHERE member = ?",
        (member,),
    ).fetchone()
    if row is None:
        return Known()
    includes, told, profile, own, upto = row[0], row[2] or "", row[3] or "", "", row[0]
    if row[1] == includes:
        own, upto = row[4], row[5]
    later = entries_of(db, member, upto)
    whole = _read(own)
    for one in later:
        whole = whole.and_also(own_of(db, one) or NO_HISTORY)
    return Known(
        _read(told),
        whole,
        _profiles.decode(profile) if profile else NO_PROFILE,
        includes,
        later[-1].number if later else upto,
        len(later),
    )


def add(db: sqlite3.Connection, new: Entry, *, is_posted: bool) -> None:
    """Remembers whose a new entry is, in its transaction. `is_posted`: it moved points, so the postings say so."""
    if not new.member:
        return
    if not is_posted and isinstance(new.body, SaleBody | ClaimBody | ReturnBody | GiveBody):
        db.execute("INSERT INTO unposted (member, number) VALUES (?, ?)", (new.member, new.number))
    extends_to = extension(new)
    if extends_to:
        # The day stays that of the first activity: what it kept alive is what the next one finds, unless that came too late.
        db.execute(
            "INSERT INTO kept_alive (member, number, day, extends_to) VALUES (?, ?, ?, ?) ON CONFLICT (member) DO UPDATE "
            "SET number = excluded.number, day = iif(excluded.day < extends_to, min(day, excluded.day), excluded.day), "
            "extends_to = excluded.extends_to WHERE excluded.extends_to >= extends_to",
            (new.member, new.number, new.envelope.business_day, extends_to),
        )


def keep(db: sqlite3.Connection, member: str, known: Known) -> None:
    """Keeps the sum that was just added up, where it was much."""
    if known.unkept >= FOLD_AFTER:
        db.execute(
            "INSERT INTO history (member, includes, own, upto) VALUES (?, ?, ?, ?) ON CONFLICT (member) DO UPDATE "
            "SET includes = excluded.includes, own = excluded.own, upto = excluded.upto",
            (member, known.includes, _written(known.own), known.upto),
        )


def know(db: sqlite3.Connection, member: str, profile: Profile) -> None:
    """Who somebody is who joined here, until head office tells."""
    if profile != NO_PROFILE:
        db.execute("INSERT INTO history (member, profile) VALUES (?, ?)", (member, _encoder.encode(profile).decode()))


def hear(db: sqlite3.Connection, told: Iterable[Told], waiting: set[str]) -> None:
    """Takes over what head office says. Of the members in `waiting` it does not have the details yet: those stay."""
    db.executemany(
        "INSERT INTO history (member, includes, upto, told, profile) VALUES (?1, ?2, ?2, ?3, ?4) "
        "ON CONFLICT (member) DO UPDATE SET told = excluded.told, profile = iif(?5, profile, excluded.profile), "
        "own = iif(includes = ?2, own, ''), upto = iif(includes = ?2, upto, ?2), includes = ?2",
        (
            (
                one.member,
                one.includes,
                _written(one.history),
                "" if one.profile == NO_PROFILE else _encoder.encode(one.profile).decode(),
                one.member in waiting,
            )
            for one in sorted(told, key=attrgetter("member"))
        ),
    )


def kept_alive(db: sqlite3.Connection, member: str, after: int) -> tuple[str, str]:
    """Since which trading day this till's entries keep the member's points alive, the last of them after `after`, and to which.

    Points that ended on that day or before were gone by then.
    """
    row = db.execute(
        "SELECT day, extends_to FROM kept_alive WHERE member = ? AND number > ?", (member, after)
    ).fetchone()
    return (row[0], row[1]) if row else ("", "")


def entries_of(db: sqlite3.Connection, member: str, after: int = 0) -> list[Entry]:
    """The member's entries after one that moved points or may count for something, oldest first."""
    rows = db.execute(
        f"SELECT data FROM entry WHERE number IN ({_ENTRIES}) ORDER BY number",  # noqa: S608 (constant text)
        (member, after),
    ).fetchall()
    return [one for (data,) in rows if (one := _readable(data))]


def last_sales(db: sqlite3.Connection, member: str, count: int) -> Iterator[SaleBody]:
    """The member's last sales here, at most so many, newest first; each is read when it is asked for."""
    rows = db.execute(
        f"SELECT data FROM entry WHERE number IN ({_ENTRIES} ORDER BY 1 DESC LIMIT ?3) ORDER BY number DESC",  # noqa: S608
        (member, 0, 2 * count),
    )
    entries = (_readable(data) for (data,) in rows)
    return islice((one.body for one in entries if one and isinstance(one.body, SaleBody)), count)


def own_of(db: sqlite3.Connection, one: Entry) -> History | None:
    """What an entry adds to its member's history; None for those that add nothing.

    A claim and a return count on the trading day of their sale. A sale that has come back whole is none.
    """
    if not one.member:
        return None
    day = one.envelope.business_day
    match one.body:
        case SaleBody(effects=effects):
            return NO_HISTORY.plus(effects, day, sales=1)
        case ClaimBody(effects=effects, sale=document):
            return NO_HISTORY.plus(effects, _sold_on(db, document) or day, sales=1)
        case ReturnBody(effects=effects, sale=document):
            sales = -1 if _is_whole(db, one.number, one.body) else 0
            return NO_HISTORY.plus(effects, _sold_on(db, document) or day, sales=sales, is_activity=False)
        case GiveBody(effects=effects, extends_to=extends_to):
            return NO_HISTORY.plus(effects, day, is_activity=bool(extends_to))
        case _:
            return None


def extension(one: Entry) -> str:
    """The day to which an entry keeps all of its member's points alive; '' where it does not."""
    match one.body:
        case SaleBody(extends_to=day) | ClaimBody(extends_to=day) | GiveBody(extends_to=day):
            return day
        case _:
            return ""


def _sold_on(db: sqlite3.Connection, document: str) -> str:
    sold = _of_document(db, document)
    return sold.envelope.business_day if sold else ""


def _is_whole(db: sqlite3.Connection, number: int, back: ReturnBody) -> bool:
    """Whether with this return the last of its sale came back."""
    sold = _of_document(db, back.sale)
    if sold is None or not isinstance(sold.body, SaleBody):
        return False
    prefix = back.sale.replace("sale/", "return/", 1)
    rows = db.execute(
        "SELECT data FROM document JOIN entry USING (number) WHERE document > ? AND document < ? AND number < ?",
        (f"{prefix}/", f"{prefix}0", number),  # "0" is the character after "/"
    ).fetchall()
    entries = (_readable(data) for (data,) in rows)
    before = [one.body.back for one in entries if one and isinstance(one.body, ReturnBody)]
    sale = sold.body.sold.sale
    return _is_nothing(left_at_least(sale, [*before, back.back]), sale) and not _is_nothing(
        left_at_least(sale, before), sale
    )


def _is_nothing(left: Left, sale: Sale) -> bool:
    return left.is_nothing or bool(sale.total_minor and not left.sale.total_minor)


def _of_document(db: sqlite3.Connection, document: str) -> Entry | None:
    row = db.execute("SELECT data FROM document JOIN entry USING (number) WHERE document = ?", (document,)).fetchone()
    return None if row is None else _readable(row[0])


def _readable(data: bytes) -> Entry | None:
    """None where the bytes were damaged, or are a newer version's: `verify` names those, and nothing else stops for them."""
    try:
        return read_entry(data)
    except EntryUnreadable:
        return None


def _read(text: str) -> History:
    return _histories.decode(text) if text else NO_HISTORY


def _written(history: History) -> str:
    return "" if history == NO_HISTORY else _encoder.encode(history).decode()


class Sums:
    """Adds up the histories of a whole journal, in the room of a few numbers a member, to compare the kept ones."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT member, includes, upto, own FROM history").fetchall()
        self._spans = {member: (includes, upto) for member, includes, upto, _ in rows}
        self._kept = {member: _fingerprint(_read(own)) for member, _, _, own in rows}
        self._sums: dict[str, tuple[int, str]] = {}
        self._extensions: dict[str, str] = {}

    def add(self, one: Entry) -> None:
        includes, upto = self._spans.get(one.member, (0, 0))
        if extends_to := extension(one):
            self._extensions[one.member] = max(extends_to, self._extensions.get(one.member, ""))
        if includes < one.number <= upto and (more := own_of(self._db, one)):
            amount, last = self._sums.get(one.member, (0, ""))
            added, day = _fingerprint(more)
            self._sums[one.member] = amount + added, max(last, day)

    def wrong(self) -> Iterator[str]:
        """A sentence for each member whose history here is not what the journal says."""
        for member, kept in sorted(self._kept.items()):
            if kept != self._sums.get(member, (0, "")):
                yield f"member {member}: the history here is not what the journal's entries add up to"
        alive = dict(self._db.execute("SELECT member, extends_to FROM kept_alive").fetchall())
        for member in sorted({*alive, *self._extensions}):
            if alive.get(member) != self._extensions.get(member):
                yield f"member {member}: their points are kept alive to another day than the journal says"


def _fingerprint(history: History) -> tuple[int, str]:
    """A number that tells histories apart and is the sum of those of their parts; and the last day, which is the latest."""
    return (
        sum(hash(("day", day)) * amount for day, amount in history.qualifying.items())
        + sum(hash(("count", key)) * count for key, count in history.counts.items())
        + sum(hash((name, day)) * months for name, days in history.paid.items() for day, months in days.items())
        + hash("sales") * history.sales
    ), history.last_activity
