"""Who may sign on at this till: told by head office, or made here where there is none. Their shifts, and the PINs they tried.

What was made here counts until head office tells of its first operator: from then on its list is the list.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from ledger.wire import OperatorItem

WRONG_PINS = 5
"""So many wrong PINs of one operator lock them out."""
FIRST_LOCK_S, LONGEST_LOCK_S = 60, 900
"""For a minute; each further wrong one doubles it, up to a quarter of an hour."""
WRONG_PINS_OF_ALL = 20
"""So many wrong ones, whosesoever, within OF_ALL_WITHIN_S let nobody sign on for a minute; whoever is on sells on."""
OF_ALL_WITHIN_S = 900
OF_ALL = ""


class Operator(msgspec.Struct, frozen=True):
    """Somebody who works at tills of this shop. `pin` is Argon2id in PHC form, '' once they may not sign on any more."""

    operator: str
    name: str
    role: str
    pin: str
    member: str = ""
    is_of_here: bool = False

    @property
    def is_open(self) -> bool:
        return bool(self.pin)


def apply_items(db: sqlite3.Connection, items: Sequence[OperatorItem]) -> None:
    """Takes over what head office says of operators; those made here are nobody's any more."""
    if items:
        db.execute("DELETE FROM operator WHERE is_of_here")
    for item in items:
        known = find(db, item.operator)
        if known is not None and known.pin != item.pin:
            forget_tries(db, item.operator)
        put(db, Operator(item.operator, item.name, item.role, item.pin, item.member))


def put(db: sqlite3.Connection, one: Operator) -> None:
    db.execute(
        "INSERT INTO operator (operator, name, role, pin, member, is_of_here) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (operator) DO UPDATE SET name = excluded.name, role = excluded.role, pin = excluded.pin, "
        "member = excluded.member, is_of_here = excluded.is_of_here",
        (one.operator, one.name, one.role, one.pin, one.member, int(one.is_of_here)),
    )


def find(db: sqlite3.Connection, operator: str) -> Operator | None:
    row = db.execute(
        "SELECT operator, name, role, pin, member, is_of_here FROM operator WHERE operator = ?", (operator,)
    ).fetchone()
    return _operator(row) if row else None


def every(db: sqlite3.Connection) -> list[Operator]:
    """All of them by name, also those who may not sign on any more."""
    rows = db.execute("SELECT operator, name, role, pin, member, is_of_here FROM operator ORDER BY name, operator")
    return [_operator(row) for row in rows]


def are_kept(db: sqlite3.Connection) -> bool:
    """Whether this till asks who somebody is: whether anybody may sign on at all."""
    return db.execute("SELECT 1 FROM operator WHERE pin <> '' LIMIT 1").fetchone() is not None


def own_card(db: sqlite3.Connection, operator: str) -> str:
    """The card or member reference of an operator who is a member, '' where none is known."""
    row = db.execute("SELECT member FROM operator WHERE operator = ?", (operator,)).fetchone()
    return str(row[0]) if row else ""


def _operator(row: Sequence[object]) -> Operator:
    operator, name, role, pin, member, is_of_here = row
    return Operator(str(operator), str(name), str(role), str(pin), str(member), bool(is_of_here))


# -- PINs that were tried


def begin_try(db: sqlite3.Connection, operator: str, now: datetime) -> datetime | None:
    """Counts a PIN as wrong before it is looked at, so that stopping the till in between gains nothing.

    `was_right` takes that back. Answers until when nobody may try, where that is so; nothing is counted then.
    """
    for who in (operator, OF_ALL):
        if until := _locked_until(db, who, now):
            return until
    tries, _ = _tried(db, operator, now)
    tries += 1
    lock_s = min(FIRST_LOCK_S * 2 ** min(tries - WRONG_PINS, 10), LONGEST_LOCK_S) if tries >= WRONG_PINS else 0
    _count(db, operator, tries, now, _after(now, lock_s))
    tries, since = _tried(db, OF_ALL, now)
    if not 0 <= (now - since).total_seconds() < OF_ALL_WITHIN_S:
        tries, since = 0, now
    tries += 1
    _count(db, OF_ALL, tries, since, _after(now, FIRST_LOCK_S if tries >= WRONG_PINS_OF_ALL else 0))
    return None


def was_right(db: sqlite3.Connection, operator: str) -> None:
    """The PIN just tried was right: nothing stands against its operator, and it is not counted among the wrong ones of all."""
    forget_tries(db, operator)
    db.execute("UPDATE tried_pin SET tries = MAX(tries - 1, 0), locked_until = '' WHERE operator = ?", (OF_ALL,))


def forget_tries(db: sqlite3.Connection, operator: str) -> None:
    """Nothing that was tried stands against this operator: their PIN is another one, or was right."""
    db.execute("DELETE FROM tried_pin WHERE operator = ?", (operator,))


def _locked_until(db: sqlite3.Connection, operator: str, now: datetime) -> datetime | None:
    row = db.execute("SELECT locked_until FROM tried_pin WHERE operator = ?", (operator,)).fetchone()
    if row is None or not row[0]:
        return None
    until = datetime.fromisoformat(row[0])
    # A clock that was set back must not lock anybody out for longer than it could have been meant.
    return until if now < until <= now + timedelta(seconds=LONGEST_LOCK_S) else None


def _tried(db: sqlite3.Connection, operator: str, now: datetime) -> tuple[int, datetime]:
    """How many, since when."""
    row = db.execute("SELECT tries, since FROM tried_pin WHERE operator = ?", (operator,)).fetchone()
    return (int(row[0]), datetime.fromisoformat(row[1])) if row else (0, now)


def _after(now: datetime, lock_s: int) -> str:
    return (now + timedelta(seconds=lock_s)).isoformat(timespec="seconds") if lock_s else ""


def _count(db: sqlite3.Connection, operator: str, tries: int, since: datetime, locked_until: str) -> None:
    db.execute(
        "INSERT INTO tried_pin (operator, tries, since, locked_until) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (operator) DO UPDATE "
        "SET tries = excluded.tries, since = excluded.since, locked_until = excluded.locked_until",
        (operator, tries, since.isoformat(timespec="seconds"), locked_until),
    )


# -- shifts


def shift_of(db: sqlite3.Connection, operator: str, day: str, began_at: str, *, is_new: bool = False) -> str:
    """The operator's shift on this business day: their last one, or a new one where they have none or want one.

    It is named by the day and its number at this till, so that no two are alike: 2026-11-22-1.
    """
    row = db.execute("SELECT MAX(number) FROM shift WHERE day = ? AND operator = ?", (day, operator)).fetchone()
    number = row[0]
    if number is None or is_new:
        number = db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM shift WHERE day = ?", (day,)).fetchone()[0]
        db.execute(
            "INSERT INTO shift (day, number, operator, began_at) VALUES (?, ?, ?, ?)", (day, number, operator, began_at)
        )
    return f"{day}-{number}"


def is_of_till(shift: str) -> bool:
    """Whether it is named as `shift_of` names one, and by no host."""
    return re.fullmatch(r"\d{4}-\d\d-\d\d-\d+", shift) is not None
