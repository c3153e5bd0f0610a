"""What can be spent at this till: the lots it holds. A right exists in one place at a time; here is the only place that
gives it up or takes it on, each by a journal entry of its own."""

from __future__ import annotations

import sqlite3
from importlib.metadata import version

import msgspec

from ledger.entry import Draft, OpenBody, ReleaseBody, Slice, TakeBody
from ledger.lots import spendable
from ledger.wire import GrantItem
from offline_store import members, settings
from offline_store.journal import Identity, head, number_of, record
from offline_store.moment import Moment

_slices = msgspec.json.Decoder(tuple[Slice, ...])


def held(db: sqlite3.Connection, member: str, today: str) -> list[Slice]:
    """The member's lots that can be spent here today, soonest expiry first."""
    rows = db.execute("SELECT lot, held, expires_on FROM lot WHERE member = ? AND held > 0", (member,))
    return spendable((Slice(lot, points, expires_on) for lot, points, expires_on in rows), today)


def held_points(db: sqlite3.Connection, member: str, today: str) -> int:
    (points,) = db.execute(
        "SELECT coalesce(sum(held), 0) FROM lot WHERE member = ? AND expires_on > ?", (member, today)
    ).fetchone()
    return int(points)


def spendable_points(db: sqlite3.Connection, member: str, today: str) -> int:
    """What the member can spend at this till: what it holds, and no more than they have after what a return took back."""
    known = members.balance(db, member, today)
    points = known.points
    if not known.as_of:
        # Of a member whom head office never told of, this till's own figure leaves out what it was granted.
        (granted,) = db.execute(
            "SELECT coalesce(sum(amount), 0) FROM posting WHERE member = ? AND account = 'granted'", (member,)
        ).fetchone()
        points -= granted
    return min(held_points(db, member, today), max(0, points))


def take(db: sqlite3.Connection, at: Moment, grant: GrantItem) -> bool:
    """Takes a grant in the journal; False if it was taken before, or is meant for another terminal or epoch.

    It can be spent once the server has acknowledged the entry: see `count_takes`.
    """
    document = f"take/{grant.grant}"
    if (grant.terminal, grant.epoch) != (at.who.terminal, at.who.epoch) or number_of(db, document) is not None:
        return False
    body = TakeBody(grant.grant, tuple(grant.slices), grant.signature)
    esc: dict[str, int] = {}
    for part in grant.slices:
        esc[part.lot] = esc.get(part.lot, 0) + part.points
    draft = Draft(body, document, at.occurred_at, at.today, member=grant.member, esc=esc)
    record(db, at.who, draft, at.recorded_at)
    return True


def count_takes(db: sqlite3.Connection, acknowledged: int) -> None:
    """Grants whose take the server has by now can be spent from here on."""
    rows = db.execute(
        "SELECT number, member, slices FROM pending_take WHERE number <= ? ORDER BY number", (acknowledged,)
    ).fetchall()
    for number, member, slices in rows:
        for part in _slices.decode(slices):
            db.execute(
                "INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, 0) "
                "ON CONFLICT (member, lot) DO UPDATE SET held = held + excluded.held, expires_on = excluded.expires_on, "
                "elsewhere = max(0, elsewhere - excluded.held)",
                (member, part.lot, part.expires_on, part.points),
            )
        db.execute("DELETE FROM pending_take WHERE number = ?", (number,))


def release(db: sqlite3.Connection, at: Moment, member: str) -> int:
    """Gives back all that is held of a member, expired or not; answers how many points. Written before it is sent."""
    rows: list[tuple[str, int]] = db.execute(
        "SELECT lot, held FROM lot WHERE member = ? AND held > 0", (member,)
    ).fetchall()
    if not rows:
        return 0
    number, _ = head(db)
    document = f"release/{at.who.terminal}/{at.who.epoch}/{number + 1}"
    esc = {lot: -points for lot, points in rows}
    draft = Draft(ReleaseBody(), document, at.occurred_at, at.today, member=member, esc=esc)
    record(db, at.who, draft, at.recorded_at)
    return sum(points for _, points in rows)


def surrender(db: sqlite3.Connection, at: Moment, epoch: str) -> None:
    """Opens a new epoch, whose first entry gives up every right of this one, taken ones not yet acknowledged included.

    For a till that has a twin: what it holds may have been spent by the other.
    """
    last, _ = head(db)
    count_takes(db, last)
    rows: list[tuple[str, str, int]] = db.execute("SELECT member, lot, held FROM lot WHERE held > 0").fetchall()
    body = OpenBody(version("pos-plugin"), {lot: member for member, lot, _ in rows})
    esc = {lot: -points for _, lot, points in rows}
    document = f"open/{at.who.terminal}/{epoch}"
    draft = Draft(body, document, at.occurred_at, at.today, esc=esc)
    record(db, Identity(at.who.terminal, epoch), draft, at.recorded_at)
    settings.put(db, "epoch", epoch)


def members_with_rights(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT DISTINCT member FROM lot WHERE held > 0")
    return [member for (member,) in rows]
