"""Small facts about this till: its name, where it belongs, how far it has come with the server, its programme."""

from __future__ import annotations

import sqlite3
from functools import lru_cache

from loyalty.program import Program, read_program


def get(db: sqlite3.Connection, name: str, default: str = "") -> str:
    row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return default if row is None else str(row[0])


def put(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def use_program(db: sqlite3.Connection, program: Program, since: str) -> None:
    """Makes `program` the one in force. Earlier ones stay, because returns are computed under the sale's own."""
    db.execute(
        "INSERT INTO program (id, text, since) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (program.id, program.text, since),
    )
    put(db, "program", program.id)


def program_in_force(db: sqlite3.Connection) -> Program:
    return program(db, get(db, "program"))


def program(db: sqlite3.Connection, program_id: str) -> Program:
    """The programme of that id. KeyError if this till never had it."""
    row = db.execute("SELECT text FROM program WHERE id = ?", (program_id,)).fetchone()
    if row is None:
        raise KeyError(program_id)
    return _parsed(row[0], program_id)


@lru_cache(maxsize=16)
def _parsed(text: str, program_id: str) -> Program:
    return read_program(text, program_id)
