"""Receipts and their print jobs: what is to be printed, what became of it, and every earlier receipt as it was.

A receipt is kept as the bytes of its document; this room does not look inside. A job goes waiting → started → printed, not
printed (safe to print again) or unknown (a person looks, or the printer proves it later). Started at boot is unknown: the
power went while it printed.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class PrintJob:
    """One printing of a receipt. `copy`: paper of this receipt may exist already, so this one says COPY."""

    job: int
    number: int
    copy: bool
    state: str
    code: str
    reason: str


def keep(
    db: sqlite3.Connection, number: int, document: bytes, *, to_print: bool = True, rewards: str | None = None
) -> int:
    """Keeps the receipt of an entry and asks for it to be printed, in the entry's transaction; answers the job, 0 for none.

    `rewards` are the lines about points that the host of a sale is given for its own receipt, as JSON.
    """
    db.execute("INSERT INTO receipt (number, document, rewards) VALUES (?, ?, ?)", (number, document, rewards))
    return ask_to_print(db, number, copy=False) if to_print else 0


def ask_to_print(db: sqlite3.Connection, number: int, *, copy: bool) -> int:
    return int(db.execute("INSERT INTO print_job (number, copy) VALUES (?, ?)", (number, copy)).lastrowid or 0)


def document(db: sqlite3.Connection, number: int) -> bytes | None:
    row = db.execute("SELECT document FROM receipt WHERE number = ?", (number,)).fetchone()
    return None if row is None else row[0]


def rewards(db: sqlite3.Connection, number: int) -> str | None:
    """The lines about points of an entry's receipt, as they were given for its keeping."""
    row = db.execute("SELECT rewards FROM receipt WHERE number = ?", (number,)).fetchone()
    return None if row is None else row[0]


def next_job(db: sqlite3.Connection, after: int = 0) -> PrintJob | None:
    """The first job after `after` that is still to be printed; receipts come out in order."""
    row = db.execute(
        "SELECT job, number, copy, state, code, reason FROM print_job "
        "WHERE job > ? AND state IN ('waiting', 'not printed') ORDER BY job LIMIT 1",
        (after,),
    ).fetchone()
    return None if row is None else PrintJob(row[0], row[1], bool(row[2]), *row[3:])


def job(db: sqlite3.Connection, number: int) -> PrintJob | None:
    row = db.execute("SELECT job, number, copy, state, code, reason FROM print_job WHERE job = ?", (number,)).fetchone()
    return None if row is None else PrintJob(row[0], row[1], bool(row[2]), *row[3:])


def state(db: sqlite3.Connection, job: int) -> str:
    row = db.execute("SELECT state FROM print_job WHERE job = ?", (job,)).fetchone()
    return "" if row is None else str(row[0])


def jobs_of(db: sqlite3.Connection, number: int) -> list[PrintJob]:
    rows = db.execute(
        "SELECT job, number, copy, state, code, reason FROM print_job WHERE number = ? ORDER BY job", (number,)
    ).fetchall()
    return [PrintJob(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


def shown_jobs(db: sqlite3.Connection, limit: int = 20) -> list[PrintJob]:
    """The last `limit` jobs and, however old, up to a hundred that are not settled; newest first."""
    rows = db.execute(
        "SELECT job, number, copy, state, code, reason FROM print_job WHERE job > (SELECT max(job) - ? FROM print_job) "
        "UNION SELECT * FROM (SELECT job, number, copy, state, code, reason FROM print_job "
        "WHERE state NOT IN ('printed', 'dropped') ORDER BY job LIMIT 100) ORDER BY job DESC",
        (limit,),
    ).fetchall()
    return [PrintJob(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


def mark(db: sqlite3.Connection, job: int, state: str, code: str = "", reason: str = "") -> None:
    db.execute("UPDATE print_job SET state = ?, code = ?, reason = ? WHERE job = ?", (state, code, reason, job))


def prove(db: sqlite3.Connection, job: int) -> bool:
    """An unknown print has turned out to be on paper; False where a person has settled it meanwhile."""
    return bool(
        db.execute(
            "UPDATE print_job SET state = 'printed', code = '', reason = '' WHERE job = ? AND state = 'unknown'", (job,)
        ).rowcount
    )


def start(db: sqlite3.Connection, job: int) -> bool:
    """Before the first byte; False where a person has settled the job meanwhile, and it must not be printed."""
    return bool(
        db.execute(
            "UPDATE print_job SET state = 'started' WHERE job = ? AND state IN ('waiting', 'not printed')", (job,)
        ).rowcount
    )


def mark_interrupted(db: sqlite3.Connection) -> int:
    """At boot: whatever had been started may or may not be on paper. Answers how many."""
    return db.execute(
        "UPDATE print_job SET state = 'unknown', code = 'interrupted', "
        "reason = 'The till stopped while this receipt was being printed.' WHERE state = 'started'"
    ).rowcount


def drop_unprinted(db: sqlite3.Connection) -> int:
    """At a till without a printer: what waits is kept and can be shown, and nobody waits for its paper. Answers how many."""
    return db.execute(
        "UPDATE print_job SET state = 'dropped', code = 'no_printer', reason = 'This till had no printer.' "
        "WHERE state IN ('waiting', 'not printed')"
    ).rowcount


def counts(db: sqlite3.Connection) -> dict[str, int]:
    return dict(db.execute("SELECT state, count(*) FROM print_job GROUP BY state").fetchall())
