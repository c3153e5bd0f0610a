"""A till's file kept elsewhere, put back, and brought up to date.

A backup is the till's one file, whole and proved, without its key: `terminal.key` is copied once, beside it. What a till does is
at head office within seconds, so a backup is for the till that works alone, and for a disk that dies in an outage.

Put back, it is an earlier state of a journal that went on, as an old image of the disk is. So the till begins a new epoch at
once and gives up every right: what lay here may have been spent since. It is in force once its name is `till.db`, so an
interruption at any moment leaves the old file in force, or the new one.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger.identifiers import RandomBytes, new_reference
from offline_store import closings, journal, rights, schema, settings
from offline_store.errors import StoreAbsent, StoreDamaged, StoreError, StoreExists, StoreNewer
from offline_store.moment import moment
from offline_store.store import FILE, KEY, Store, flush_names, owned
from offline_store.verify import verify

Told = Callable[[int], None]


def _nobody(number: int) -> None:
    pass


@dataclass(frozen=True)
class Kept:
    """What a backup holds; `last` is its newest entry, of which head office had `acknowledged`."""

    terminal: str
    schema: int
    last: int
    acknowledged: int


@dataclass(frozen=True)
class Restored:
    """`before` is where the file of before stands, None where there was none; `given_up` the points that lay at the till, None
    for one without a head office, which has no other history to fear."""

    kept: Kept
    before: Path | None
    given_up: int | None


@dataclass(frozen=True)
class Upgraded:
    """`copy` is the file as it was, None where nothing was due. `problems` are those that `pos-plugin verify` would tell."""

    before: int
    after: int
    copy: Path | None
    problems: list[str]


# -- backup --------------------------------------------------------------------------------------------------------------


def backup(folder: Path, file: Path, progress: Told = _nobody) -> Kept:
    """Writes the till's file as it is at one moment to `file`, also beside a running till, and proves what was written.

    Raises StoreExists where `file` is there, StoreDamaged where the till's own file is not sound; nothing is left then.
    """
    with Store.open_for_reading(folder) as store, _new(file) as new:
        with store.read() as db, closing(sqlite3.connect(new)) as copy:
            try:
                db.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_READONLY")):
                    # Only what is written can be full: not the till's own disk.
                    raise _unwritable(file, error) from error
                raise
        kept = _proved(new, progress)
        _flush(new)
        try:
            os.link(new, file)
        except FileExistsError:
            raise _is_there(file) from None
        except OSError:  # a memory stick without hard links
            os.replace(new, file)
        flush_names(file.absolute().parent)
    return kept


@contextmanager
def _new(file: Path) -> Iterator[Path]:
    """A file of this user's alone that takes the name `file` later; whatever happens, it is gone in the end."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    if file.exists():
        raise _is_there(file)
    try:
        try:
            os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        except OSError as error:
            raise _unwritable(file, error.strerror) from error
        yield new
    except sqlite3.Error as error:
        raise _unwritable(file, error) from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                new.with_name(new.name + suffix).unlink()


def _unwritable(file: Path, why: object) -> StoreError:
    return StoreError(
        f"{file} cannot be written: {why}.", hint="Nothing of it was left. Make room, or choose another place."
    )


def _is_there(file: Path) -> StoreExists:
    return StoreExists(f"{file} is there already.", hint="Choose another name; a backup is never overwritten.")


def _flush(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _proved(file: Path, progress: Told) -> Kept:
    """What is in a till's file. Raises StoreDamaged where it is none, or not whole, StoreNewer where it is of a later version."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
            version = schema.version_of(db)
            if version > schema.newest():
                raise StoreNewer(
                    f"{file} was written by a newer version (schema {version}, this program knows {schema.newest()}).",
                    hint="Nothing was changed; restore it with that version.",
                )
            if not version or db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise _damaged(file)
            problems = verify(db, progress).problems if version == schema.newest() else []
            if problems:
                raise StoreDamaged(
                    f"{file} is not sound: {problems[0]}.",
                    hint="Nothing was changed; take an earlier backup, and keep this one for whoever looks into it.",
                )
            last, _ = journal.head(db)
            acknowledged = int(settings.get(db, "acknowledged", "0"))
            return Kept(journal.identity(db).terminal, version, last, acknowledged)
    except (sqlite3.Error, KeyError) as error:  # the latter for a file whose till has no name
        raise _damaged(file) from error


def _damaged(file: Path) -> StoreDamaged:
    return StoreDamaged(
        f"{file} is cut off, damaged, or no backup of a till.", hint="Nothing was changed; take an earlier backup."
    )


# -- restore -------------------------------------------------------------------------------------------------------------


def restore(folder: Path, file: Path, now: datetime, random_bytes: RandomBytes, progress: Told = _nobody) -> Restored:
    """Puts a backup in the place of the till's file; that one is kept beside it.

    The folder needs the till's key; its file may be damaged or gone. Raises StoreError; then nothing has changed.
    """
    if file.is_dir():
        raise StoreAbsent(f"{file} is a folder.", hint="Name the backup's file in it. Nothing was changed.")
    if not file.is_file():
        raise StoreAbsent(f"There is no file {file}.", hint="Nothing was changed.")
    if not (folder / KEY).exists():
        raise StoreAbsent(
            f"There is no {KEY} in {folder}.",
            hint=f"Put that till's {KEY} there first, and its till.toml; nobody else can speak for it.",
        )
    with owned(folder):
        old = folder / FILE
        new = folder / f"{FILE}.new"
        _remove(new)
        shutil.copyfile(file, new)
        new.chmod(0o600)
        try:
            kept = _proved(new, _nobody)
            there = _terminal_of(old)
            if there not in ("", kept.terminal):
                raise StoreError(
                    f"{file} is of till {kept.terminal}, this folder is that of till {there}.",
                    hint="Nothing was changed. Name the folder with that till's key: --store DIR.",
                )
            given_up = _begun_anew(new, file, now, random_bytes)
            _proved(new, progress)
            _flush(new)
            before = _kept_beside(old, now)
            os.replace(new, old)
            flush_names(folder)
        except StoreDamaged as error:
            raise StoreDamaged(str(error).replace(str(new), str(file)), hint=error.hint) from error
        finally:
            _remove(new)
    return Restored(kept, before, given_up)


def _begun_anew(new: Path, file: Path, now: datetime, random_bytes: RandomBytes) -> int | None:
    """Brings the copy up to date and, where there is a head office, into a new epoch; answers the points it gave up."""
    given_up = None
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        schema.migrate(db, new)
        db.execute("BEGIN IMMEDIATE")
        closings.put_back(db, moment(db, now).today)
        if settings.get(db, "shop"):
            (given_up,) = db.execute("SELECT coalesce(sum(held), 0) FROM lot WHERE held > 0").fetchone()
            settings.put(db, "reopened_because", "restored")
            rights.surrender(db, moment(db, now), new_reference(random_bytes))
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = DELETE")
    return given_up


def _terminal_of(file: Path) -> str:
    """Whose file this is; '' where there is none, or it does not say any more."""
    with (
        suppress(sqlite3.Error, KeyError),
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db,
    ):
        return journal.identity(db).terminal
    return ""


def _kept_beside(old: Path, now: datetime) -> Path | None:
    """The file of before under a name of its own, and nothing of its log left that the new one would take for its own."""
    if not old.exists():
        return None
    kept = old.with_name(f"{old.name}.before-{now:%Y%m%dT%H%M%S}")
    while kept.exists():  # of a restore that was interrupted within this second
        kept = kept.with_name(f"{kept.name}x")
    # Named before SQLite looks at them: of a damaged file it may throw the log away.
    _link(old, kept)
    _link(old.with_name(f"{old.name}-wal"), kept.with_name(f"{kept.name}-wal"))
    with suppress(sqlite3.Error), closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        db.execute("PRAGMA journal_mode = DELETE").fetchall()
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            old.with_name(old.name + suffix).unlink()
    log = kept.with_name(f"{kept.name}-wal")
    if log.exists() and not log.stat().st_size:
        log.unlink()
    return kept


def _link(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except FileNotFoundError:
        return
    except OSError:  # a file system without hard links
        shutil.copyfile(file, name)
        name.chmod(0o600)


def _remove(new: Path) -> None:
    for one in new.parent.glob(f"{new.name}*"):
        with suppress(OSError):
            one.unlink()


# -- upgrade -------------------------------------------------------------------------------------------------------------


def upgrade(folder: Path, progress: Told = _nobody) -> Upgraded:
    """Brings the till's file to this version's schema, a copy of it first, and proves it: what a till does at its start, told."""
    file = folder / FILE
    before = 0
    if file.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as db:
            before = schema.version_of(db)
    with Store.open(folder) as store, store.read() as db:
        problems = verify(db, progress).problems
        after = schema.version_of(db)
    return Upgraded(before or after, after, schema.copy_of(file, before) if 0 < before < after else None, problems)
