"""What can be spent at this till: the lots it holds. A right exists in one place at a time; here is the only place that
gives it up or takes it on, each by a journal entry of its own."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from ledger.entry import Draft, HelloBody, OpenBody, ReleaseBody, Slice, TakeBody
from ledger.lots import spendable
from ledger.wire import GrantItem, RenewItem
from loyalty.program import Program
from offline_store import members, settings
from offline_store.journal import Identity, hash_at, head, number_of, record
from offline_store.moment import Moment

_slices = msgspec.json.Decoder(tuple[Slice, ...])

_EVER = """
WITH RECURSIVE ever(member) AS (
    VALUES (?) UNION SELECT one.member FROM member AS one JOIN ever ON one.merged_into = ever.member
) SELECT member FROM ever
"""
"""A member, and all who have become that member by merges."""

_STANDING = """
SELECT member, points FROM standing
WHERE NOT EXISTS (SELECT 1 FROM member AS one WHERE one.member = standing.member AND one.merged_into <> '')
"""
"""What stands here. Nothing does of one who has become another: it goes back, and comes again under the new name."""


def held(db: sqlite3.Connection, member: str, today: str) -> list[Slice]:
    """The member's lots that can be spent here today, soonest expiry first."""
    rows = db.execute("SELECT lot, held, expires_on FROM lot WHERE member = ? AND held > 0", (member,))
    return spendable((Slice(lot, points, expires_on) for lot, points, expires_on in rows), today)


def held_points(db: sqlite3.Connection, member: str, today: str) -> int:
    (points,) = db.execute(
        "SELECT coalesce(sum(held), 0) FROM lot WHERE member = ? AND expires_on > ?", (member, today)
    ).fetchone()
    return int(points)


@dataclass(frozen=True)
class Spendable:
    """What a member can spend at this till today: `held` here, and `floor` beyond that at the shop's risk.

    Never more than the member has after what a return took back, which `balance` is; `is_barred`: only while online.
    """

    held: int
    floor: int
    balance: int
    is_barred: bool = False

    @property
    def points(self) -> int:
        return 0 if self.is_barred else min(self.held + self.floor, max(0, self.balance))


def spendable_here(
    db: sqlite3.Connection,
    program: Program,
    member: str,
    today: str,
    *,
    is_online: bool,
    known: members.Balance | None = None,
) -> Spendable:
    """What the member can spend here, under the programme's policy. Online nothing is risked: rights can be fetched.

    `known` is the member's balance where the caller has read it already.
    """
    known = known or members.balance(db, member, today)
    balance = known.points - known.granted
    rules = program.offline
    floor = 0
    if rules.policy == "floor_limit" and not is_online:
        (used,) = db.execute(
            f"SELECT coalesce(sum(points), 0) FROM floor_spent WHERE member IN ({_EVER})",  # noqa: S608 (constant text)
            (member,),
        ).fetchone()
        floor = max(0, rules.floor_limit - used)
    is_barred = rules.policy == "online_only" and not is_online
    return Spendable(held_points(db, member, today), floor, balance, is_barred)


def take(db: sqlite3.Connection, at: Moment, grant: GrantItem) -> bool:
    """Takes a grant in the journal; False if it was taken before, or is meant for another terminal or epoch.

    It can be spent once the server has acknowledged the entry: see `count_takes`.
    """
    document = f"take/{grant.grant}"
    if (grant.terminal, grant.epoch) != (at.who.terminal, at.who.epoch):
        return False
    if grant.standing > 0:  # also of a grant that was taken before: a feed read anew tells all of it again, recalls too
        db.execute(
            "INSERT INTO standing (member, points) VALUES (?, ?) "
            "ON CONFLICT (member) DO UPDATE SET points = excluded.points",
            (grant.member, grant.standing),
        )
    if number_of(db, document) is not None:
        return False
    body = TakeBody(grant.grant, tuple(grant.slices), grant.signature)
    esc: dict[str, int] = {}
    for part in grant.slices:
        esc[part.lot] = esc.get(part.lot, 0) + part.points
    draft = Draft(body, document, at.occurred_at, at.today, member=grant.member, esc=esc)
    record(db, at.who, draft, at.recorded_at)
    return True


def recall(db: sqlite3.Connection, member: str) -> None:
    """Another till needs this member's points: none stand here any more; the next exchange releases them."""
    db.execute(f"DELETE FROM standing WHERE member IN ({_EVER})", (member,))  # noqa: S608 (constant text)


def renew(db: sqlite3.Connection, item: RenewItem) -> None:
    """Nothing is owed of what was spent on the floor limit up to the entry named, if it is one of this journal."""
    if hash_at(db, item.number) == item.hash:
        db.execute(
            f"DELETE FROM floor_spent WHERE member IN ({_EVER}) AND number <= ?",  # noqa: S608 (constant text)
            (item.member, item.number),
        )


def count_takes(db: sqlite3.Connection, acknowledged: int) -> None:
    """Grants whose take the server has by now can be spent from here on."""
    rows = db.execute(
        "SELECT number, member, slices FROM pending_take WHERE number <= ? ORDER BY number", (acknowledged,)
    ).fetchall()
    for number, member, slices in rows:
        for part in _slices.decode(slices):
            db.execute(
                "INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, 0) "
                "ON CONFLICT (member, lot) DO UPDATE SET held = held + excluded.held, "
                "expires_on = max(expires_on, excluded.expires_on), "
                "elsewhere = max(0, elsewhere - excluded.held)",
                (member, part.lot, part.expires_on, part.points),
            )
        db.execute("DELETE FROM pending_take WHERE number = ?", (number,))


def release(db: sqlite3.Connection, at: Moment, member: str) -> int:
    """Gives back what is held of a member beyond what is to stand here; answers how many points. Written before it is sent.

    What stands here is what expires last; what has expired goes back in any case.
    """
    rows: list[tuple[str, int, str]] = db.execute(
        "SELECT lot, held, expires_on FROM lot WHERE member = ? AND held > 0 ORDER BY expires_on DESC, lot DESC",
        (member,),
    ).fetchall()
    row = db.execute(
        f"SELECT points FROM ({_STANDING}) WHERE member = ?",  # noqa: S608 (constant text)
        (member,),
    ).fetchone()
    stays = row[0] if row else 0
    esc: dict[str, int] = {}
    for lot, points, expires_on in rows:
        kept = min(stays, points) if at.today < expires_on else 0
        stays -= kept
        if points > kept:
            esc[lot] = kept - points
    if not esc:
        return 0
    number, _ = head(db)
    document = f"release/{at.who.terminal}/{at.who.epoch}/{number + 1}"
    draft = Draft(ReleaseBody(), document, at.occurred_at, at.today, member=member, esc=esc)
    record(db, at.who, draft, at.recorded_at)
    return -sum(esc.values())


def surrender(db: sqlite3.Connection, at: Moment, epoch: str) -> None:
    """Opens a new epoch, whose first entry gives up every right of this one, taken ones not yet acknowledged included.

    For a till that has a twin, whose rights the other may have spent, and for one that was given up for lost.
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
    db.execute("DELETE FROM standing")


def greet(db: sqlite3.Connection, at: Moment, server_epoch: int) -> None:
    """Head office was restored: says hello, so that it knows that it has all of this journal once it has this entry."""
    document = f"hello/{at.who.terminal}/{at.who.epoch}/{server_epoch}"
    if number_of(db, document) is None:
        record(db, at.who, Draft(HelloBody(server_epoch), document, at.occurred_at, at.today), at.recorded_at)


def members_to_release(db: sqlite3.Connection, today: str) -> list[str]:
    """Members of whom more is held than is to stand here, or something that has expired."""
    rows = db.execute(
        f"SELECT member FROM lot LEFT JOIN ({_STANDING}) USING (member) WHERE held > 0 GROUP BY member "  # noqa: S608
        "HAVING sum(held) > coalesce(max(points), 0) OR min(expires_on) <= ?",
        (today,),
    )
    return [member for (member,) in rows]
