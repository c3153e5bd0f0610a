"""Members as this till knows them: cards, phone hashes, the last figures from the feed, and those who joined here."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from ledger.entry import Draft, Entry, JoinBody, MergeBody, read_entry
from ledger.wire import ExpiringPoints, MemberDetails, MemberItem
from offline_store import codes, histories
from offline_store.journal import number_of, record
from offline_store.moment import Moment

_encoder = msgspec.json.Encoder()
_points = msgspec.json.Decoder(list[ExpiringPoints])

SENT_AGAIN_BEFORE = 500

_OWN_LOTS = """
SELECT coalesce(sum(held + elsewhere), 0),
    coalesce(sum(held + elsewhere) FILTER (WHERE expires_on > ?1), 0),
    coalesce(min(expires_on) FILTER (WHERE expires_on > ?1 AND held + elsewhere > 0), '')
FROM lot WHERE member = ?2
"""
"""What a member's lots have in them, what of it can still be spent today (?1), and the soonest day on which any of that ends."""

_POSTED = """
SELECT coalesce(sum(amount), 0), coalesce(sum(amount) FILTER (WHERE account = 'granted'), 0),
    (SELECT coalesce(sum(points), 0) FROM vesting WHERE member = ?1 AND usable_from > ?2)
FROM posting WHERE member = ?1 AND account IN ('available', 'granted', 'escrow', 'owed')
"""
"""All that moved a member's (?1) balance here, what of it is in `granted`, and what cannot be spent yet today (?2)."""


@dataclass(frozen=True)
class Balance:
    """What is known of a member's points.

    `known` is head office's figure of `as_of` (UTC; '' if it never told), less what has expired since; `since` is what this
    till has recorded afterwards. `next_expiry` and `expiring` are the soonest day and how many points end then, less what was
    redeemed of them here since. `granted`: what head office, which never told of this member, has granted here; no figure
    above has it, and it is negative, as its account is. `vesting`: what of the points cannot be spent yet.
    """

    known: int
    since: int
    as_of: str
    next_expiry: str
    expiring: int
    granted: int = 0
    vesting: int = 0

    @property
    def points(self) -> int:
        return self.known + self.since


def member_of_card(db: sqlite3.Connection, card: str) -> str | None:
    row = db.execute(
        "SELECT card.member, merged_into FROM card LEFT JOIN member INDEXED BY merged_member "
        "ON member.member = card.member AND merged_into <> '' WHERE card = ?",
        (card,),
    ).fetchone()
    if row is None:
        return None
    return current(db, row[1]) if row[1] else str(row[0])


def member_of_phone(db: sqlite3.Connection, phone_hash: str) -> str | None:
    row = db.execute("SELECT member FROM phone WHERE phone_hash = ?", (phone_hash,)).fetchone()
    return None if row is None else current(db, row[0])


def current(db: sqlite3.Connection, member: str) -> str:
    """The member that this one has become, after merges."""
    for _ in range(16):
        row = db.execute("SELECT merged_into FROM member WHERE member = ?", (member,)).fetchone()
        if row is None or not row[0]:
            break
        member = row[0]
    return member


def known_as(db: sqlite3.Connection, member: str) -> str:
    """The member that this one has become, or '' where this till knows neither."""
    member = current(db, member)
    row = db.execute("SELECT member FROM member WHERE member = ?", (member,)).fetchone()
    return "" if row is None else str(row[0])


def meet(db: sqlite3.Connection, member: str) -> str:
    """Somebody of whom only head office knows is known here, too, from now on; the figures come with the feed."""
    db.execute("INSERT INTO member (member) VALUES (?) ON CONFLICT (member) DO NOTHING", (member,))
    return current(db, member)


def cards_of(db: sqlite3.Connection, member: str) -> list[str]:
    return [card for (card,) in db.execute("SELECT card FROM card WHERE member = ? ORDER BY card", (member,))]


def initials_of(db: sqlite3.Connection, member: str) -> str:
    row = db.execute("SELECT initials FROM member WHERE member = ?", (member,)).fetchone()
    return "" if row is None else str(row[0])


def join(
    db: sqlite3.Connection,
    at: Moment,
    details: MemberDetails,
    initials: str,
    day: str = "",
    referrer: str = "",
    operator: str = "",
    shift: str = "",
) -> Entry:
    """A new member: the reference in the journal, cards beside it, the rest in the outbox until head office has it.

    `day` is the day of joining, if not today. sqlite3.IntegrityError where a card is somebody's already.
    """
    joined_on = day or at.today
    occurred_at = f"{day}T00:00:00" if day else at.occurred_at
    body = JoinBody(referrer, operator, shift)
    draft = Draft(body, f"join/{details.member}", occurred_at, joined_on, member=details.member)
    new = record(db, at.who, draft, at.recorded_at)
    db.execute(
        "INSERT INTO member (member, joined_on, initials) VALUES (?, ?, ?)", (details.member, joined_on, initials)
    )
    db.executemany("INSERT INTO card (card, member) VALUES (?, ?)", [(card, details.member) for card in details.cards])
    db.execute(
        "INSERT INTO member_outbox (member, details) VALUES (?, ?)",
        (details.member, msgspec.json.encode(details).decode()),
    )
    return new


def balance(db: sqlite3.Connection, member: str, today: str) -> Balance:
    """What this till knows of a member's points today: head office's last figure and its own entries since."""
    row = db.execute("SELECT as_of, includes, points, debt FROM member WHERE member = ?", (member,)).fetchone()
    if row is None or not row[0]:
        return _own_balance(db, member, today)
    as_of, includes, points, debt = row
    spendable = _told(db, member, today, includes, points)
    (since,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM movement WHERE member = ? AND number > ?",
        (member, includes),
    ).fetchone()
    ending = _expiring(db, member, includes, spendable)
    soonest = min((day for day, left in ending.items() if left > 0 and today < day), default="")
    known = sum(part.points for _, part in spendable) - debt
    vesting = sum(part.points for _, part in spendable if today < part.usable_from)
    vesting += _vesting(db, member, today, includes)
    return Balance(known, since, as_of, soonest, ending[soonest] if soonest else 0, vesting=vesting)


def expiring(db: sqlite3.Connection, member: str, today: str) -> Counter[str]:
    """By day, how many of the points that head office told of end then, less what was redeemed of them here since."""
    row = db.execute("SELECT includes, points FROM member WHERE member = ? AND as_of <> ''", (member,)).fetchone()
    return _expiring(db, member, row[0], _told(db, member, today, *row)) if row else Counter()


def _told(
    db: sqlite3.Connection, member: str, today: str, includes: int, points: str
) -> list[tuple[str, ExpiringPoints]]:
    """What head office told of the member's points that can still be spent, each with the day on which it ends."""
    day, extends_to = histories.kept_alive(db, member, includes)
    parts = [
        (max(part.expires_on, extends_to) if day < part.expires_on else part.expires_on, part)
        for part in _points.decode(points)
    ]
    return [(day, part) for day, part in parts if today < day]


def _expiring(
    db: sqlite3.Connection, member: str, includes: int, told: Sequence[tuple[str, ExpiringPoints]]
) -> Counter[str]:
    ending: Counter[str] = Counter()
    for day, part in told:
        ending[day] += part.points
    for day, change in _used_since(db, member, includes).items():
        ending[day] += change
    return ending


def _vesting(db: sqlite3.Connection, member: str, today: str, after: int) -> int:
    """Points awarded here after entry `after` that cannot be spent yet."""
    (points,) = db.execute(
        "SELECT coalesce(sum(points), 0) FROM vesting WHERE member = ? AND usable_from > ? AND number > ?",
        (member, today, after),
    ).fetchone()
    return int(points)


def _used_since(db: sqlite3.Connection, member: str, number: int) -> Counter[str]:
    """By day of expiry, what the member's redemptions and voids here after entry `number` took and gave back."""
    rows = db.execute(
        "SELECT data FROM posting JOIN entry USING (number) WHERE member = ? AND number > ? AND account = 'redeemed'",
        (member, number),
    ).fetchall()
    used: Counter[str] = Counter()
    for (data,) in rows:
        for lot, change in read_entry(data).envelope.esc.items():
            known = db.execute("SELECT expires_on FROM lot WHERE member = ? AND lot = ?", (member, lot)).fetchone()
            used[known[0] if known else ""] += change
    return used


def _own_balance(db: sqlite3.Connection, member: str, today: str) -> Balance:
    """A till that never heard of this member from head office has its own lots to go by.

    A faithful customer has hundreds of rows here, so each table is gone through once, and nothing is sorted.
    """
    everything, spendable, soonest = db.execute(_OWN_LOTS, (today, member)).fetchone()
    posted, granted, vesting = db.execute(_POSTED, (member, today)).fetchone()
    owed = posted - everything
    expiring = 0
    if soonest:
        (expiring,) = db.execute(
            "SELECT sum(held + elsewhere) FROM lot WHERE member = ? AND expires_on = ?", (member, soonest)
        ).fetchone()
    return Balance(0, spendable + owed, "", soonest, expiring, granted, vesting)


def apply_items(db: sqlite3.Connection, at: Moment, items: Sequence[MemberItem]) -> None:
    """Takes over what head office says of members; what it no longer says is forgotten here, too.

    Of a member who joined here, head office may not have the details yet: those stay until it has. A card or phone that two
    items name is the later one's. A merge is written to the journal, too, once: a restored head office learns it from there.
    """
    start, seen = 0, set[str]()
    for place, item in enumerate(items):
        if item.member in seen:  # the same member twice: the later word undoes the earlier
            _apply_once(db, at, items[start:place])
            start, seen = place, set()
        seen.add(item.member)
    _apply_once(db, at, items[start:])


def _apply_once(db: sqlite3.Connection, at: Moment, items: Sequence[MemberItem]) -> None:
    """Takes over what is said of members, each of whom comes once."""
    names = [item.member for item in items]
    for item in items:
        if item.merge and number_of(db, f"merge/{item.merge}") is None:
            body = MergeBody(item.merge, item.member, item.merged_into, item.merge_signature)
            draft = Draft(body, f"merge/{item.merge}", at.occurred_at, at.today, member=item.member)
            record(db, at.who, draft, at.recorded_at)
    waiting = _those_in(db, "member_outbox", names)
    stale = [(member,) for member in _those_in(db, "member", names) - waiting]
    db.executemany("DELETE FROM card WHERE member = ?", stale)
    db.executemany("DELETE FROM phone WHERE member = ?", stale)
    # In the order of the keys: neighbouring rows are in the same page of the file.
    db.executemany(
        "INSERT INTO member (member, as_of, includes, points, debt, initials, merged_into) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (member) DO UPDATE SET as_of = excluded.as_of, includes = excluded.includes, "
        "points = excluded.points, debt = excluded.debt, merged_into = excluded.merged_into, "
        "initials = iif(?, initials, excluded.initials)",
        (
            (
                item.member,
                item.as_of,
                item.includes,
                _encoder.encode(item.points).decode(),
                item.debt,
                item.initials,
                item.merged_into,
                item.member in waiting,
            )
            for item in sorted(items, key=attrgetter("member"))
        ),
    )
    known = _those_in(db, "history", names)
    told = (histories.Told(one.member, one.includes, one.history, one.profile) for one in items)
    histories.hear(db, [one for one in told if one.member in known or one.says_something], waiting)
    db.executemany(
        "INSERT INTO card (card, member) VALUES (?, ?) ON CONFLICT (card) DO UPDATE SET member = excluded.member",
        sorted({card: item.member for item in items for card in item.cards}.items()),
    )
    db.executemany(
        "INSERT INTO phone (phone_hash, member) VALUES (?, ?) "
        "ON CONFLICT (phone_hash) DO UPDATE SET member = excluded.member",
        sorted({phone_hash: item.member for item in items for phone_hash in item.phone_hashes}.items()),
    )
    codes.put_passes(db, items, _those_in(db, "pass_key", names))


def _those_in(db: sqlite3.Connection, table: str, names: Sequence[str]) -> set[str]:
    """Which of these members have a row in `table`."""
    found: set[str] = set()
    if not is_any(db, table):
        return found
    for start in range(0, len(names), 500):
        some = names[start : start + 500]
        marks = ", ".join("?" * len(some))
        rows = db.execute(f"SELECT member FROM {table} WHERE member IN ({marks})", some)  # noqa: S608 - marks only
        found.update(member for (member,) in rows)
    return found


def is_any(db: sqlite3.Connection, table: str = "member") -> bool:
    """Whether a table has rows; a till that has never been fed knows no members."""
    return db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None  # noqa: S608 - our own names only


def waiting_details(db: sqlite3.Connection) -> list[MemberDetails]:
    """Details of members who joined here, that head office does not have yet."""
    rows = db.execute("SELECT details FROM member_outbox ORDER BY member LIMIT 200").fetchall()
    return [msgspec.json.decode(details, type=MemberDetails) for (details,) in rows]


def details_arrived(db: sqlite3.Connection, member: str) -> None:
    db.execute("DELETE FROM member_outbox WHERE member = ?", (member,))


def send_again(db: sqlite3.Connection, after: int) -> None:
    """Head office has forgotten what came after this entry, and with it the cards of who joined here since: they go once more.

    From a little earlier, too, because details are sent after the entry. Names and phone numbers are not here any more.
    """
    rows = db.execute(
        "SELECT data FROM document JOIN entry USING (number) WHERE document >= 'join/' AND document < 'join0' AND number > ?",
        (after - SENT_AGAIN_BEFORE,),
    ).fetchall()
    for (data,) in rows:
        joined = read_entry(data)
        cards = cards_of(db, current(db, joined.member))
        if cards:
            profile = histories.of(db, joined.member).profile
            details = MemberDetails(
                joined.member,
                cards,
                joined.envelope.recorded_at,
                birthday=profile.birthday,
                charity=profile.charity,
            )
            db.execute(
                "INSERT INTO member_outbox (member, details) VALUES (?, ?) ON CONFLICT (member) DO NOTHING",
                (joined.member, msgspec.json.encode(details).decode()),
            )


def movements(db: sqlite3.Connection, member: str, limit: int = 5) -> list[tuple[Entry, int]]:
    """The member's last entries here and what each did to the balance, newest first."""
    rows = db.execute(
        "SELECT data, sum(amount) FROM movement JOIN entry USING (number) WHERE member = ? "
        "GROUP BY number HAVING sum(amount) <> 0 ORDER BY number DESC LIMIT ?",
        (member, limit),
    ).fetchall()
    return [(read_entry(data), int(amount)) for data, amount in rows]
