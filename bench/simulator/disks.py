"""Disks that fail at a stated statement: under a till's writing connection, and under head office's database.

Only statements that change something are counted, so that what a process happens to have in its caches does not move a fault.
What a cut leaves on the disk is what SQLite had committed; torn pages and lost flushes are shown elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from offline_store.store import Store

STATEMENT_FAULTS = ("power cut", "disk full")
COMMIT_FAULTS = ("cut before commit", "cut after commit", "commit failed", "commit failed, but stands")
CHANGING = ("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE", "COMMIT")


class PowerCut(BaseException):
    """The machine is off. No code of the product may catch it."""


def sqlite_error(name: str) -> sqlite3.OperationalError:
    words = {"SQLITE_FULL": "database or disk is full"}.get(name, "disk I/O error")
    error = sqlite3.OperationalError(words)
    error.sqlite_errorname = name
    return error


class Disk:
    """One machine's disk, and the fault that waits on it. `fired(kind)` is told when it comes."""

    def __init__(self, fired: Callable[[str], None]) -> None:
        self._fired = fired
        self._fault = ""
        self._countdown = 0
        self.is_off = False

    def arm(self, fault: str, countdown: int) -> None:
        """The `countdown`-th statement that changes something from now on (or COMMIT, for faults of a commit) fails."""
        if not self._fault:
            self._fault, self._countdown = fault, countdown

    def disarm(self) -> None:
        self._fault, self.is_off = "", False

    def due(self, statement: str) -> str:
        """The fault that this statement meets, or ''."""
        if not self._fault or not statement.startswith(CHANGING):
            return ""
        if self._fault in COMMIT_FAULTS and not statement.startswith("COMMIT"):
            return ""
        self._countdown -= 1
        if self._countdown > 0:
            return ""
        fault, self._fault = self._fault, ""
        if statement.startswith("COMMIT") and fault == "power cut":
            fault = "cut before commit"
        self._fired(fault)
        if "cut" in fault:
            self.is_off = True
        return fault


class FailingConnection:
    """A till's writing connection on a disk that may fail. Whatever is not about statements is the real one's."""

    def __init__(self, real: sqlite3.Connection, disk: Disk) -> None:
        self._real = real
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self._may_fail(statement)
        return self._real.execute(statement, *parameters)

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        self._may_fail(statement)
        return self._real.executemany(statement, rows)

    def _may_fail(self, statement: str) -> None:
        if self._disk.is_off:
            raise PowerCut("off")
        fault = self._disk.due(statement)
        if not fault:
            return
        if fault in ("cut after commit", "commit failed, but stands"):
            self._real.execute("COMMIT")
        if "cut" in fault:
            raise PowerCut(fault)
        if fault == "disk full":
            if self._real.in_transaction and not statement.startswith("COMMIT"):
                self._real.execute("ROLLBACK")  # as SQLite does by itself where it must
            raise sqlite_error("SQLITE_FULL")
        raise sqlite_error("SQLITE_IOERR_FSYNC")


def store_class(disk: Disk) -> type[Store]:
    """The till's store, its writing connection on `disk`."""

    class FailingStore(Store):
        def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
            real = super()._connect(read_only=read_only)
            return real if read_only else cast(sqlite3.Connection, FailingConnection(real, disk))

    return FailingStore


_compiled: list[Any] = []
"""The dialect and the compiled statements of this process's first engine, for all later ones: a seed opens a dozen of them."""


def fail_with(engine: Any, disk: Disk) -> None:
    """Puts head office's database on `disk`."""
    if not _compiled:
        _compiled.extend((engine.dialect, engine._compiled_cache))
    engine.dialect, engine._compiled_cache = _compiled

    def before_statement(_c: Any, _cursor: Any, statement: str, _p: Any, _x: Any, _many: bool) -> None:
        fault = disk.due(statement)
        if "cut" in fault:
            raise PowerCut(fault)
        if fault:
            raise OperationalError(statement, None, sqlite_error("SQLITE_FULL"))

    def before_commit(connection: Any) -> None:
        if not connection.get_execution_options().get("pos_writes"):
            return
        fault = disk.due("COMMIT")
        if not fault:
            return
        if fault in ("cut after commit", "commit failed, but stands"):
            connection.connection.dbapi_connection.execute("COMMIT")
        if "cut" in fault:
            raise PowerCut(fault)
        raise OperationalError("COMMIT", None, sqlite_error("SQLITE_IOERR_FSYNC"))

    event.listen(engine, "before_cursor_execute", before_statement)
    event.listen(engine, "commit", before_commit)


def copy_database(source: Path, target: Path) -> None:
    """An image of an SQLite file as it stands, with what waits in its WAL; also while it is open."""
    for ending in ("", "-wal"):
        file = source.with_name(source.name + ending)
        copy = target.with_name(target.name + ending)
        if file.exists():
            copy.write_bytes(file.read_bytes())
        else:
            copy.unlink(missing_ok=True)
    target.with_name(target.name + "-shm").unlink(missing_ok=True)
