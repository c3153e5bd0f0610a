"""Small facts about this till: its name, where it belongs, how far it has come with the server, its programme."""

from __future__ import annotations

import sqlite3

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


def use_program(db: sqlite3.Connection, program: Program, since: str) -> None:
    """Makes `program` the one in force from `since` (UTC). Earlier ones stay: returns are computed under the sale's own."""
    db.execute(
        "INSERT INTO program (id, text, since) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (program.id, program.text, since),
    )
    put(db, "program", program.id)
    db.execute("INSERT INTO setting (name, value) VALUES ('made_at', ?) ON CONFLICT (name) DO NOTHING", (since,))


def program_in_force(db: sqlite3.Connection) -> Program:
    return program(db, get(db, "program"))


def program(db: sqlite3.Connection, program_id: str) -> Program:
    """The programme of that id. KeyError if this till never had it."""
    known = _parsed.get(program_id)
    if known is None:
        row = db.execute("SELECT text FROM program WHERE id = ?", (program_id,)).fetchone()
        if row is None:
            raise KeyError(program_id)
        known = _parsed[program_id] = read_program(row[0], program_id)
    return known


_parsed: dict[str, Program] = {}
"""An id names exactly one text, so what was read once need not be read again."""
