"""The till's journal: recording an entry with all that follows from it, and finding entries again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from ledger.entry import (
    GENESIS,
    ClaimBody,
    Draft,
    Entry,
    GiveBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    Slice,
    TakeBody,
    entry,
    read_entry,
)
from ledger.postings import postings
from loyalty.sale import document_name
from offline_store import histories


@dataclass(frozen=True)
class Identity:
    """Whose journal this is: the terminal's name and its epoch."""

    terminal: str
    epoch: str


def identity(db: sqlite3.Connection) -> Identity:
    rows = dict(db.execute("SELECT name, value FROM setting WHERE name IN ('terminal', 'epoch')").fetchall())
    return Identity(rows["terminal"], rows["epoch"])


def head(db: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the last entry; 0 and the hash of nothing for an empty journal."""
    row = db.execute("SELECT number, hash FROM entry ORDER BY number DESC LIMIT 1").fetchone()
    return (row[0], row[1].hex()) if row else (0, GENESIS)


def record(db: sqlite3.Connection, who: Identity, draft: Draft, recorded_at: str) -> Entry:
    """Writes the next entry, its document, its postings and what it does to lots and history, in the caller's transaction.

    sqlite3.IntegrityError where the document exists, or a lot would be overspent: nothing of it stays then.
    """
    number, prev = head(db)
    new = entry(draft, terminal=who.terminal, epoch=who.epoch, number=number + 1, prev=prev, recorded_at=recorded_at)
    db.execute(
        "INSERT INTO entry (number, hash, data) VALUES (?, ?, ?)", (new.number, bytes.fromhex(new.hash), new.data)
    )
    db.execute("INSERT INTO document (document, number) VALUES (?, ?)", (draft.document, new.number))
    moves = postings(new)
    if moves:
        db.executemany(
            "INSERT INTO posting (member, number, commodity, account, amount) VALUES (?, ?, ?, ?, ?)",
            [(move.member, new.number, move.commodity, move.account, move.amount) for move in moves],
        )
    _change_lots(db, new)
    histories.add(db, new, is_posted=bool(moves))
    return new


def _change_lots(db: sqlite3.Connection, new: Entry) -> None:
    member, esc = new.member, new.envelope.esc
    match new.body:
        case (
            SaleBody(awarded=awarded, lot=lot, expires_on=expires_on)
            | ClaimBody(awarded=awarded, lot=lot, expires_on=expires_on)
        ):
            for spent, change in esc.items():
                if spent != lot:
                    _change_held(db, member, spent, change)
            if isinstance(new.body, SaleBody) and new.body.floor:
                db.execute(
                    "INSERT INTO floor_spent (member, number, points) VALUES (?, ?, ?)",
                    (member, new.number, new.body.floor),
                )
            _keep_alive(db, new)
            if awarded:
                _add_lot(db, new, Slice(lot, awarded, expires_on), new.body.usable_from)
        case GiveBody(points=points, lot=lot, expires_on=expires_on, usable_from=usable_from):
            _keep_alive(db, new)
            if points > 0:
                _add_lot(db, new, Slice(lot, points, expires_on), usable_from)
        case ReturnBody(taken=taken, lot=lot):
            for changed, change in esc.items():
                _change_held(db, member, changed, change)
            out_of_escrow = -sum(change for change in esc.values() if change < 0)
            db.execute(
                "UPDATE lot SET elsewhere = max(0, elsewhere - ?) WHERE member = ? AND lot = ?",
                (taken - out_of_escrow, member, lot),
            )
            db.execute(
                "UPDATE vesting SET points = max(0, points - ?) WHERE member = ? AND lot = ?", (taken, member, lot)
            )
        case ReleaseBody():
            _release(db, dict.fromkeys(esc, member), esc)
        case OpenBody(owners=owners):
            _release(db, owners, esc)
        case TakeBody(slices=slices):
            db.execute(
                "INSERT INTO pending_take (number, member, slices) VALUES (?, ?, ?)",
                (new.number, member, msgspec.json.encode(slices).decode()),
            )
        case _:
            pass


def _add_lot(db: sqlite3.Connection, new: Entry, whole: Slice, usable_from: str) -> None:
    here = new.envelope.esc.get(whole.lot, 0)
    db.execute(
        "INSERT INTO lot (member, lot, expires_on, held, elsewhere) VALUES (?, ?, ?, ?, ?)",
        (new.member, whole.lot, whole.expires_on, here, whole.points - here),
    )
    if usable_from:
        db.execute(
            "INSERT INTO vesting (member, lot, number, usable_from, points) VALUES (?, ?, ?, ?, ?)",
            (new.member, whole.lot, new.number, usable_from, whole.points),
        )


def _keep_alive(db: sqlite3.Connection, new: Entry) -> None:
    """All of the member's lots that had not expired on the entry's day live at least until the day that it extends them to."""
    extends_to = histories.extension(new)
    if extends_to:
        db.execute(
            "UPDATE lot SET expires_on = ?1 WHERE member = ?2 AND expires_on < ?1 AND expires_on > ?3",
            (extends_to, new.member, new.envelope.business_day),
        )


def _change_held(db: sqlite3.Connection, member: str, lot: str, change: int) -> None:
    changed = db.execute("UPDATE lot SET held = held + ? WHERE member = ? AND lot = ?", (change, member, lot))
    if not changed.rowcount:
        raise sqlite3.IntegrityError(f"lot {lot} of member {member} is not known here")


def _release(db: sqlite3.Connection, owners: dict[str, str], esc: dict[str, int]) -> None:
    db.executemany(
        "UPDATE lot SET held = held + ?, elsewhere = elsewhere - ? WHERE member = ? AND lot = ?",
        [(change, change, owners[lot], lot) for lot, change in esc.items()],
    )


def of_request(db: sqlite3.Connection, key: str) -> Entry | None:
    """The entry that a host's request under this key recorded."""
    row = db.execute("SELECT number FROM request WHERE key = ?", (key,)).fetchone()
    return None if row is None else read(db, row[0])


def number_of(db: sqlite3.Connection, document: str) -> int | None:
    row = db.execute("SELECT number FROM document WHERE document = ?", (document,)).fetchone()
    return None if row is None else int(row[0])


def read(db: sqlite3.Connection, number: int) -> Entry | None:
    row = db.execute("SELECT data FROM entry WHERE number = ?", (number,)).fetchone()
    return None if row is None else read_entry(row[0])


def find(db: sqlite3.Connection, document: str) -> Entry | None:
    """The entry of a document, or None if it has not happened here."""
    row = db.execute("SELECT data FROM document JOIN entry USING (number) WHERE document = ?", (document,)).fetchone()
    return None if row is None else read_entry(row[0])


def returns_of(db: sqlite3.Connection, till: str, sale_ref: str) -> list[Entry]:
    """Every return of a sale, oldest first."""
    prefix = document_name("return", till, sale_ref, "")
    rows = db.execute(
        "SELECT data FROM document JOIN entry USING (number) WHERE document >= ? AND document < ? ORDER BY number",
        (prefix, f"{prefix[:-1]}0"),  # "0" is the character after "/"
    )
    return [read_entry(data) for (data,) in rows]


def after(db: sqlite3.Connection, number: int, limit: int) -> list[tuple[int, str, bytes]]:
    """Up to `limit` entries after `number`: (number, hash, bytes)."""
    rows = db.execute(
        "SELECT number, hash, data FROM entry WHERE number > ? ORDER BY number LIMIT ?", (number, limit)
    ).fetchall()
    return [(row[0], row[1].hex(), row[2]) for row in rows]


def every(db: sqlite3.Connection) -> Iterator[tuple[int, str, bytes]]:
    for number, kept_hash, data in db.execute("SELECT number, hash, data FROM entry ORDER BY number"):
        yield number, kept_hash.hex(), data


def hash_at(db: sqlite3.Connection, number: int) -> str | None:
    row = db.execute("SELECT hash FROM entry WHERE number = ?", (number,)).fetchone()
    return None if row is None else row[0].hex()
