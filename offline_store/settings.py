"""Small facts about this till: its name, where it belongs, how far it has come with the server, its programme."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from loyalty.program import Program, read_program


def get(db: sqlite3.Connection, name: str, default: str = "") -> str:
    row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def put(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def every(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT name, value FROM setting").fetchall())


def put_gone(db: sqlite3.Connection, program_id: str, names: Sequence[str]) -> None:
    """Head office's word on which rules and rewards of a programme are used up: all of them, instead of what it said before."""
    known = get(db, "gone")
    by_program: dict[str, Sequence[str]] = {**(json.loads(known) if known else {}), program_id: names}
    told = {name: listed for name, listed in by_program.items() if listed}
    if told or known:
        put(db, "gone", json.dumps(told) if told else "")


def gone(known: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By programme, which of its rules and rewards are used up, in the settings `known`."""
    text = known.get("gone", "")
    return {name: tuple(listed) for name, listed in json.loads(text).items()} if text else {}


def use_program(db: sqlite3.Connection, program: Program, since: str) -> None:
    """Takes a programme over at `since` (UTC): it is in force at once, or from the shop-local time at which it takes effect.

    Earlier ones stay: what was quoted or sold under them goes on under them.
    """
    db.execute(
        "INSERT INTO program (id, text, since) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (program.id, program.text, since),
    )
    now = datetime.fromisoformat(since)
    known = every(db)
    coming = [one for one in _coming(known) if one[1] != program.id]
    if "program" in known:
        # Whatever has taken effect by now is what this one comes after.
        put(db, "program", in_force(db, known, now).id)
        coming = [one for one in coming if one[0] > _local(one[1], now, db)]
    if not program.is_in_force(_local_of(program, now)) and "program" in known:
        coming.append((program.effective, program.id))
    else:
        put(db, "program", program.id)
    put(db, "programs_to_come", json.dumps(coming))
    db.execute("INSERT INTO setting (name, value) VALUES ('made_at', ?) ON CONFLICT (name) DO NOTHING", (since,))


def in_force(db: sqlite3.Connection, known: dict[str, str], now: datetime) -> Program:
    """The newest programme whose time has come, of the settings `known`."""
    newest = known["program"]
    for effective, name in _coming(known):  # in the order of their times, and of those alike in that of their coming
        if effective <= _local(name, now, db):
            newest = name
    return program(db, newest)


def program_in_force(db: sqlite3.Connection, clock: datetime) -> Program:
    """The programme in force by the till's clock, or by the last server time where that is later. KeyError if there is none."""
    known = every(db)
    seen = known.get("server_time")
    return in_force(db, known, max(clock, datetime.fromisoformat(seen)) if seen else clock)


def _coming(known: dict[str, str]) -> list[tuple[str, str]]:
    """Programmes that take effect later than they came: (shop-local time, id)."""
    text = known.get("programs_to_come", "[]")
    return [] if text == "[]" else sorted(((at, name) for at, name in json.loads(text)), key=lambda one: one[0])


def _local(program_id: str, now: datetime, db: sqlite3.Connection) -> str:
    return _local_of(program(db, program_id), now)


def _local_of(program: Program, now: datetime) -> str:
    """The wall clock of the programme's shops, as programmes write it."""
    return now.astimezone(program.zone).replace(tzinfo=None).isoformat(timespec="minutes")


def program(db: sqlite3.Connection, program_id: str) -> Program:
    """The programme of that id. KeyError if this till never had it."""
    known = _parsed.get(program_id)
    if known is None:
        row = db.execute("SELECT text FROM program WHERE id = ?", (program_id,)).fetchone()
        if row is None:
            raise KeyError(program_id)
        known = _parsed[program_id] = read_program(row[0], program_id)
    return known


def surprise_key(db: sqlite3.Connection, program: Program) -> str:
    """What this till draws with under that programme, in hex; '' where head office gave none."""
    return get(db, f"surprise_key/{program.id}") if program.surprise else ""


def put_surprise_key(db: sqlite3.Connection, program: Program, key: str) -> None:
    put(db, f"surprise_key/{program.id}", key)


_parsed: dict[str, Program] = {}
"""An id names exactly one text, so what was read once need not be read again."""
