"""The till's file: who owns it, how it is written, how it is read.

One connection writes. Callers hand it functions; those that wait together are run in one transaction, a savepoint each, and
answered after its COMMIT (group commit): whoever finds the connection free commits for all who wait, so a lone sale pays for
no hand-over between threads. Reports read on connections of their own, which never checkpoint.

WAL with `synchronous=FULL`, always: a power cut loses nothing that was committed. SQLite before 3.51.3 can lose a WAL reset
when two connections of different processes checkpoint at once; here only the owner of the lock checkpoints.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from ledger.identifiers import RandomBytes, new_reference, new_terminal
from loyalty.typed import typed
from offline_store.errors import (
    CommitUnknown,
    StoreAbsent,
    StoreDamaged,
    StoreDenied,
    StoreError,
    StoreExists,
    StoreFull,
    StoreLocked,
)
from offline_store.schema import migrate, require_current

T = TypeVar("T")

FILE = "till.db"
LOCK = "till.lock"
KEY = "terminal.key"

GROUP = 64
"""The most functions that share one COMMIT."""
CHECKPOINT_EVERY = 400
"""Transactions after which the WAL is checkpointed even if the till is never idle."""
CACHE_KIB = 32 * 1024
"""The most memory for pages of the file. A transaction that changes more of them writes some several times."""


class Job(Generic[T]):
    """Work that shares a transaction with other work. What it raises undoes its own changes alone, and is its `error`."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.is_done = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self, db: sqlite3.Connection) -> None:
        """Within a transaction. Raises sqlite3.OperationalError (a full disk), which is everybody's."""
        db.execute("SAVEPOINT work")
        try:
            self.result = self.work(db)
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            db.execute("ROLLBACK TO work")
            self.error = error
        db.execute("RELEASE work")


class Store:
    """One till's folder, open. `write` and `read` may be called from any thread."""

    def __init__(self, folder: Path, *, lock: int | None) -> None:
        self.folder = folder
        self.file = folder / FILE
        self._lock_handle = lock
        self._turn = threading.Condition(threading.Lock())
        self._is_writing = False
        self._turns_ended = 0
        self._waiting: deque[Job[Any]] = deque()
        self._idle_readers: list[sqlite3.Connection] = []
        self._since_checkpoint = 0
        self._connection: sqlite3.Connection | None = None
        if lock is not None:
            try:
                self._connection = self._connect()
                migrate(self._connection, self.file)
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        random_bytes: RandomBytes = os.urandom,
        first: Callable[[sqlite3.Connection], object] = lambda db: None,
    ) -> Store:
        """Makes a till in `folder`: its file, its name, its secret key (readable by this user alone), and opens it.

        `first` is done in the transaction that names the till: where it fails there is none yet, and it can be made again.
        Raises StoreExists where there is one already; it is left as it is.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreDenied(f"{folder} cannot be made: {error.strerror}.", hint="Choose another folder.") from error
        if _is_made(folder):
            raise StoreExists(f"There is a till in {folder} already.", hint="Use it, or choose another folder.")
        lock = _lock(folder)
        key = folder / KEY
        if not key.exists():
            with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as secret:
                secret.write(random_bytes(32).hex())
                secret.flush()
                os.fsync(secret.fileno())
        os.close(os.open(folder / FILE, os.O_WRONLY | os.O_CREAT, 0o600))
        flush_names(folder)
        store = cls(folder, lock=lock)
        named = {"terminal": new_terminal(random_bytes), "epoch": new_reference(random_bytes)}

        def begin(db: sqlite3.Connection) -> None:
            db.executemany("INSERT INTO setting (name, value) VALUES (?, ?)", list(named.items()))
            first(db)

        try:
            store.write(begin)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Opens the till in `folder` as its owner. Raises StoreAbsent, or StoreLocked while another process owns it."""
        _require(folder)
        return cls(folder, lock=_lock(folder))

    @classmethod
    def open_for_reading(cls, folder: Path) -> Store:
        """Opens the till in `folder` for reports, also while another process runs it. `write` raises ValueError.

        Raises StoreOlder for a file that has not been brought up to date yet: reports read tables that it has not.
        """
        _require(folder)
        store = cls(folder, lock=None)
        try:
            with store.read() as db:
                require_current(db, store.file)
        except BaseException:
            store.close()
            raise
        return store

    def secret_key(self) -> bytes:
        """The terminal's 32 secret bytes."""
        try:
            return bytes.fromhex((self.folder / KEY).read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise StoreDamaged(
                f"The terminal's key {self.folder / KEY} cannot be read.",
                hint="Restore it from a backup, or enrol a new till; what this one did not send stays readable here.",
            ) from error

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` on the writing connection and answers once it is durable.

        Whatever `work` raises undoes only its own changes, and is raised here. StoreFull: nothing happened.
        CommitUnknown: look up whether it did.
        """
        job = Job(work)
        self._waiting.append(job)
        while self._begin_turn(job):  # where more than GROUP wait, the first turn may not reach this one
            try:
                self._commit_waiting()
            finally:
                self._end_turn()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection that sees one moment for as long as the block lasts."""
        try:
            connection = self._idle_readers.pop()  # as many as ever read at once, however many threads come and go
        except IndexError:
            connection = self._connect(read_only=True)
        try:
            with _store_errors(self.file):
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._idle_readers.append(connection)

    def settle(self) -> None:
        """Returns once every write that had begun has ended, so that what is read next shows what it did."""
        with self._turn:
            ended = self._turns_ended
            self._turn.wait_for(lambda: not self._is_writing or self._turns_ended > ended)

    def checkpoint(self) -> None:
        """Moves the WAL into the file. For idle moments; a checkout never does it."""
        self._begin_turn()
        try:
            self._checkpoint()
        finally:
            self._end_turn()

    def close(self) -> None:
        self._begin_turn()
        try:
            while self._idle_readers:
                self._idle_readers.pop().close()
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._lock_handle is not None:
                os.close(self._lock_handle)
                self._lock_handle = None
        finally:
            self._end_turn()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin_turn(self, job: Job[Any] | None = None) -> bool:
        """Waits for the writing connection; False where somebody else's turn has done `job` meanwhile.

        Whoever is answered goes at once. A plain lock would have them all pass through it first, each behind another flush.
        """
        with self._turn:
            while not (job and job.is_done):
                if not self._is_writing:
                    self._is_writing = True
                    return True
                self._turn.wait()
        return False

    def _end_turn(self) -> None:
        with self._turn:
            self._is_writing = False
            self._turns_ended += 1
            self._turn.notify_all()

    def _commit_waiting(self) -> None:
        jobs: list[Job[Any]] = []
        while self._waiting and len(jobs) < GROUP:
            jobs.append(self._waiting.popleft())
        try:
            self._run(jobs)
        except BaseException as error:
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            job.is_done = True

    def _run(self, jobs: list[Job[Any]]) -> None:
        if self._lock_handle is None:
            raise ValueError("this till is open for reading only, or closed")
        connection = self._connection = self._connection or self._connect()
        with _store_errors(self.file):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if len(jobs) == 1:
                    jobs[0].result = jobs[0].work(connection)
                else:
                    for job in jobs:
                        job.run(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        if not connection.in_transaction:
            raise StoreError("The transaction was undone by SQLite.", hint="Try again.")
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.close()
            self._connection = None  # opened anew by the next write
            raise CommitUnknown(
                f"Writing {self.file} failed at the last moment: {error}.",
                hint="Whether it was kept is looked up; see that the disk has room and is sound.",
            ) from error
        self._since_checkpoint += 1
        if self._since_checkpoint >= CHECKPOINT_EVERY:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """One that fails (a full disk) costs nothing: what was committed is in the WAL, and is moved another time."""
        self._since_checkpoint = 0
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        with _store_errors(self.file):
            connection = sqlite3.connect(
                f"{self.file.resolve().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
                timeout=5.0,
            )
            try:
                if not read_only:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = FULL")
                    connection.execute("PRAGMA wal_autocheckpoint = 0")
                    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                    connection.execute(
                        "PRAGMA foreign_keys = OFF"
                    )  # numbers are made in the same transaction; verify checks
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except BaseException:
                connection.close()
                raise
        return connection


def _is_made(folder: Path) -> bool:
    """Whether there is a till: one whose making was cut off before it had a name is none, and is made anew."""
    file = folder / FILE
    if not file.exists():
        return False
    if file.with_name(f"{FILE}-journal").exists():
        # The making was cut off before the file had its write-ahead log. Only who may write can undo that beginning.
        with _store_errors(file), closing(sqlite3.connect(file)) as db:
            db.execute("SELECT 1 FROM sqlite_schema").fetchone()
    with Store(folder, lock=None) as looked_at, looked_at.read() as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'setting'").fetchone():
            return bool(db.execute("SELECT 1 FROM sqlite_schema").fetchone())
        return bool(db.execute("SELECT 1 FROM setting WHERE name = 'terminal'").fetchone())


def _require(folder: Path) -> None:
    if not (folder / FILE).exists():
        raise StoreAbsent(f"There is no till in {folder}.", hint=f"Make one: pos-plugin init --store {typed(folder)}")


def flush_names(folder: Path) -> None:
    """A new file or folder outlives a power cut for certain only once the folder that names it is flushed, too.

    SQLite does so for its own files; nobody does for the key and for the folders above, which may be new as well.
    """
    if sys.platform == "win32":
        return  # a folder cannot be opened there, and names are kept by the file system's own journal
    for named_in in (folder, *folder.resolve().parents):
        with suppress(OSError):  # one that this user may not read was there before
            handle = os.open(named_in, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """The folder as its owner, its file unopened: for who exchanges that file. Raises StoreLocked while a till runs there."""
    handle = _lock(folder)
    try:
        yield
    finally:
        os.close(handle)


def _lock(folder: Path) -> int:
    """Marks this process as the owner until the handle is closed, also by a crash."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreDenied(f"{folder} cannot be written: {error.strerror}.", hint="Run as the till's user.") from error
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreLocked(
            f"The till in {folder} is open in another program already.",
            hint="Most likely pos-plugin run, in another window or as a service: use its page, or stop it and do this again. "
            "status, members and verify work beside it.",
        ) from error
    return handle


@contextmanager
def _store_errors(file: Path) -> Iterator[None]:
    """SQLite's errors in the words of this package. What was begun is undone by whoever began it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith("SQLITE_FULL"):
            raise StoreFull(
                f"The disk that holds {file} is full; nothing was recorded.",
                hint="Free some space. Selling goes on; send these sales again then, each is recorded once.",
            ) from error
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StoreDamaged(
                f"{file} is damaged or no till's file: {error}.",
                hint="Keep the folder as it is, restore the last backup elsewhere, and run pos-plugin verify on both.",
            ) from error
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            raise StoreDenied(f"{file} cannot be opened: {error}.", hint="Run as the till's user.") from error
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreLocked(
                f"{file} is locked by another program.", hint="Close whatever has it open (a database browser?)."
            ) from error
        if code.startswith("SQLITE_IOERR"):
            raise StoreError(
                f"The disk that holds {file} reported an error: {error}.", hint="See that the disk is sound."
            ) from error
        raise
