"""The till's schema: numbered SQL files, each run with its number in one transaction, the file copied beforehand."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.resources import files
from pathlib import Path

from offline_store.errors import StoreNewer, StoreOlder


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) in order; the file's number stands first in its name."""
    folder = files("offline_store").joinpath("migrations")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(int(name.split("_")[0]), folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def version_of(connection: sqlite3.Connection) -> int:
    """The schema that a file is at; 0 for one that has none yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


@cache
def newest() -> int:
    """The schema of this version of the program."""
    return migrations()[-1][0]


def require_current(connection: sqlite3.Connection, file: Path) -> None:
    version = version_of(connection)
    if 0 < version < newest():
        raise StoreOlder(
            f"{file} is at schema {version}, this program needs {newest()}.",
            hint="Run pos-plugin upgrade; a running till has done it when it started.",
        )


def copy_of(file: Path, version: int) -> Path:
    """Where a file of this version is copied to before it is changed."""
    return file.with_name(f"{file.name}.schema-{version}")


def migrate(connection: sqlite3.Connection, file: Path) -> None:
    """Brings the file to this version's schema. A file of a newer version raises StoreNewer and is not touched.

    The copy is named by the version that is in it, so that one made after an interruption takes the place of no earlier one.
    """
    steps = migrations()
    version = version_of(connection)
    if version > steps[-1][0]:
        raise StoreNewer(
            f"{file} was written by a newer version of this program (schema {version}, this one knows {steps[-1][0]}).",
            hint="Install that version again, or restore the copy that it made before it changed the file.",
        )
    due = [step for step in steps if step[0] > version]
    if due and version:
        backup = copy_of(file, version)
        with sqlite3.connect(backup) as copy:
            copy.execute("PRAGMA synchronous = EXTRA")  # or a power cut could bring its journal back, and undo it
            connection.backup(copy)
        copy.close()
    for number, sql in due:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
