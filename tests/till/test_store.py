"""The till's file: one owner, one writer, and what was answered is on the disk, whatever happens next."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.entry import Draft, JoinBody
from offline_store import journal, settings
from offline_store import store as store_module
from offline_store.errors import (
    CommitUnknown,
    StoreAbsent,
    StoreDamaged,
    StoreError,
    StoreExists,
    StoreFull,
    StoreNewer,
)
from offline_store.schema import migrations
from offline_store.store import FILE, GROUP, KEY, Job, Store
from offline_store.verify import verify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "till"


def joins(document: str) -> Callable[[sqlite3.Connection], int]:
    def work(db: sqlite3.Connection) -> int:
        draft = Draft(JoinBody(), f"join/{document}", "2026-11-21T10:00:00", "2026-11-21", member=document)
        return journal.record(db, journal.identity(db), draft, "2026-11-21T09:00:00+00:00").number

    return work


def documents(folder: Path) -> set[str]:
    with Store.open_for_reading(folder) as store, store.read() as db:
        return {document for (document,) in db.execute("SELECT document FROM document")}


def problems(folder: Path) -> list[str]:
    with Store.open_for_reading(folder) as store, store.read() as db:
        return verify(db).problems


def at_once(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Runs `work` in as many threads at once; answers what they raised."""
    start, raised = threading.Barrier(count), list[BaseException]()

    def run(index: int) -> None:
        start.wait()
        try:
            work(index)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_writes_of_many_threads_are_gapless_and_each_is_durable_when_it_is_answered(folder: Path) -> None:
    store = Store.create(folder)
    answered: dict[int, int] = {}
    not_there: list[int] = []

    def write(index: int) -> None:
        answered[index] = store.write(joins(str(index)))
        with store.read() as db:  # another connection sees what is committed, and nothing else
            if journal.number_of(db, f"join/{index}") != answered[index]:
                not_there.append(index)

    assert at_once(3 * GROUP, write) == []
    assert sorted(answered.values()) == list(range(1, 3 * GROUP + 1))
    assert not_there == []
    store.close()
    assert problems(folder) == []


def test_a_writer_behind_more_than_one_commit_takes_is_answered_too(folder: Path) -> None:
    """So many others wait before it that the first COMMIT, which it makes for them, does not reach its own work."""
    with Store.create(folder) as store:
        store._waiting.extend(Job(joins(str(number))) for number in range(2 * GROUP))
        assert store.write(joins("late")) == 2 * GROUP + 1
        with store.read() as db:
            assert journal.number_of(db, "join/late") == 2 * GROUP + 1


def test_a_function_that_fails_undoes_only_its_own_changes(folder: Path) -> None:
    store = Store.create(folder)

    def write(index: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            joins(str(index))(db)
            if index % 3 == 0:
                raise KeyError(index)

        store.write(work)

    raised = at_once(30, write)
    assert sorted(error.args[0] for error in raised) == list(range(0, 30, 3))
    assert documents(folder) == {f"join/{index}" for index in range(30) if index % 3}
    store.close()
    assert problems(folder) == []


def test_a_document_happens_once(folder: Path) -> None:
    with Store.create(folder) as store:
        store.write(joins("a"))
        with pytest.raises(sqlite3.IntegrityError):
            store.write(joins("a"))
        assert store.write(joins("b")) == 2


def test_a_till_is_made_once_and_its_key_is_for_its_user_alone(folder: Path) -> None:
    Store.create(folder).close()
    key = (folder / KEY).read_text()
    with pytest.raises(StoreExists) as refused:
        Store.create(folder)
    assert refused.value.hint
    assert (folder / KEY).read_text() == key
    assert len(bytes.fromhex(key)) == 32
    for name in (KEY, FILE):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


def test_two_tills_have_different_names_and_keys(tmp_path: Path) -> None:
    found = set()
    for name in ("one", "two"):
        with Store.create(tmp_path / name) as store, store.read() as db:
            found |= {settings.get(db, "terminal"), settings.get(db, "epoch"), store.secret_key().hex()}
    assert len(found) == 6


def test_there_is_no_till_where_none_was_made(folder: Path) -> None:
    for way in (Store.open, Store.open_for_reading):
        with pytest.raises(StoreAbsent) as refused:
            way(folder)
        assert "pos-plugin init" in refused.value.hint


HOLD = "import sys; from pathlib import Path; from offline_store.store import Store\n"


def test_a_second_process_is_told_once_and_clearly_and_reads_beside_the_owner(folder: Path) -> None:
    with Store.create(folder) as store:
        store.write(joins("a"))
        second = f"{HOLD}Store.open(Path({str(folder)!r}))"
        refused = subprocess.run([sys.executable, "-c", second], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert refused.stderr.strip().splitlines()[-1] == (
            f"offline_store.errors.StoreLocked: The till in {folder} is open in another program already."
        )
        reads = (
            f"{HOLD}from offline_store import journal\n"
            f"with Store.open_for_reading(Path({str(folder)!r})) as s, s.read() as db: print(journal.head(db)[0])"
        )
        report = subprocess.run([sys.executable, "-c", reads], capture_output=True, text=True, check=True)
        assert report.stdout == "1\n"
        store.write(joins("b"))
    Store.open(folder).close()  # and once the owner has gone the next can come


def test_the_lock_is_free_again_after_opening_failed(folder: Path) -> None:
    Store.create(folder).close()
    with sqlite3.connect(folder / FILE) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    for _ in range(2):
        with pytest.raises(StoreNewer) as refused:
            Store.open(folder)
        assert "schema 99" in str(refused.value)
        assert refused.value.hint


def test_the_schema_of_a_new_till_is_the_newest(folder: Path) -> None:
    with Store.create(folder) as store, store.read() as db:
        assert db.execute("PRAGMA user_version").fetchone() == (migrations()[-1][0],)


@pytest.mark.parametrize("statement", ["UPDATE {} SET number = number", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["entry", "posting"])
def test_entries_and_postings_are_never_changed_or_deleted(folder: Path, table: str, statement: str) -> None:
    with Store.create(folder) as store:
        store.write(joins("a"))
        store.write(lambda db: db.execute("INSERT INTO posting VALUES ('m', 1, 'points', 'issued', -1)") and None)
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            store.write(lambda db: db.execute(statement.format(table)) and None)


def test_reading_cannot_write_and_a_reader_never_becomes_the_writer(folder: Path) -> None:
    with Store.create(folder) as store, store.read() as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM setting")
    with Store.open_for_reading(folder) as store, pytest.raises(ValueError, match="reading only"):
        store.write(joins("a"))


def test_a_reader_sees_one_moment_however_much_is_written_meanwhile(folder: Path) -> None:
    with Store.create(folder) as store, store.read() as db:
        assert journal.head(db)[0] == 0
        store.write(joins("a"))
        assert journal.head(db)[0] == 0
        with store.read() as later:
            assert journal.head(later)[0] == 1


def test_threads_that_come_and_go_leave_no_connection_behind(folder: Path) -> None:
    with Store.create(folder) as store:

        def look() -> None:
            with store.read() as db:
                journal.head(db)

        for _ in range(3):
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        opened = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        for _ in range(40):
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
        assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) == opened


@pytest.mark.parametrize("damage", ["noise", "not a database", "cut"])
def test_a_damaged_file_is_told_and_left_as_it_is(folder: Path, damage: str) -> None:
    with Store.create(folder) as store:
        for index in range(60):
            store.write(joins(str(index)))
        store.checkpoint()
    file = folder / FILE
    whole = file.read_bytes()
    if damage == "noise":
        file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    elif damage == "cut":
        file.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    else:
        file.write_bytes(b"not a database at all" * 300)
    was = file.read_bytes()

    def use() -> None:
        with Store.open(folder) as store, store.read() as db:
            assert verify(db).problems == []

    with pytest.raises(StoreDamaged) as refused:
        use()
    assert "backup" in refused.value.hint
    assert file.read_bytes() == was


def test_a_key_that_cannot_be_read_is_told(folder: Path) -> None:
    with Store.create(folder) as store:
        (folder / KEY).write_text("no hex")
        with pytest.raises(StoreDamaged, match="key"):
            store.secret_key()


# -- disks


def test_a_full_disk_is_told_and_nothing_is_half_recorded(folder: Path) -> None:
    store = Store.create(folder)
    store.write(joins("before"))

    def fill(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")

    store.write(fill)
    recorded = [1]

    def write_until_full() -> None:
        recorded.extend(store.write(joins(str(index) * 40)) for index in range(1000))

    with pytest.raises(StoreFull) as full:
        write_until_full()
    assert "nothing was recorded" in str(full.value)
    assert "Selling goes on" in full.value.hint
    with store.read() as db:
        assert journal.head(db)[0] == recorded[-1] == len(recorded)
        assert verify(db).problems == []
    store.write(lambda db: db.execute("PRAGMA max_page_count = 100000") and None)
    assert store.write(joins("after")) == len(recorded) + 1  # room again: it goes on
    store.close()


def test_when_a_full_disk_meets_many_at_once_nobody_is_told_what_did_not_happen(folder: Path) -> None:
    store = Store.create(folder)

    def fill(db: sqlite3.Connection) -> None:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 3}")

    store.write(fill)
    recorded: set[int] = set()

    def write(index: int) -> None:
        store.write(joins(f"{index:04}" * 50))
        recorded.add(index)

    raised = at_once(100, write)
    assert raised
    assert all(isinstance(error, StoreFull) for error in raised)
    store.close()
    assert documents(folder) == {"join/" + f"{index:04}" * 50 for index in recorded}
    assert problems(folder) == []


WRITE_UNTIL_FULL = """
import resource, signal, sys
from pathlib import Path
from offline_store.errors import StoreError
from offline_store.store import Store
from ledger.entry import Draft, JoinBody
from offline_store import journal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
for index in range(100_000):
    def work(db):
        draft = Draft(JoinBody(), f"join/{index}", "2026-11-21T10:00:00", "2026-11-21", member=str(index))
        return journal.record(db, journal.identity(db), draft, "2026-11-21T09:00:00+00:00").number
    try:
        store.write(work)
    except StoreError as error:
        print("failed", index, error.code, flush=True)
        break
    print("recorded", index, flush=True)
"""


@pytest.mark.parametrize("room_bytes", [200_000, 201_111, 204_800, 210_001])
def test_a_disk_that_refuses_bytes_loses_nothing_that_was_answered(folder: Path, room_bytes: int) -> None:
    """The limit hits the WAL in the middle of a write, as a full disk does."""
    Store.create(folder).close()
    done = subprocess.run(
        [sys.executable, "-c", WRITE_UNTIL_FULL, str(folder), str(room_bytes)],
        capture_output=True,
        text=True,
        check=True,
    )
    *recorded, failed = done.stdout.splitlines()
    assert failed.split()[2] in (StoreFull.code, CommitUnknown.code, StoreError.code)
    answered = {f"join/{line.split()[1]}" for line in recorded}
    assert len(answered) > 3
    assert documents(folder) - answered <= {f"join/{failed.split()[1]}"}  # a failed COMMIT may have happened
    assert answered <= documents(folder)
    assert problems(folder) == []


class FailingCommit:
    """A connection whose next COMMIT reports an error of the disk, after it happened or without."""

    def __init__(self, real: sqlite3.Connection, *, happens: bool) -> None:
        self._real = real
        self._happens = happens

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if self._happens:
                self._real.execute(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_that_fails_is_looked_up_and_the_file_goes_on(folder: Path, happens: bool) -> None:
    with Store.create(folder) as store:
        store.write(joins("a"))
        real = store._connection
        assert real is not None
        store._connection = FailingCommit(real, happens=happens)  # type: ignore[assignment]
        with pytest.raises(CommitUnknown) as unknown:
            store.write(joins("b"))
        assert unknown.value.hint
        with store.read() as db:
            assert (journal.number_of(db, "join/b") is not None) is happens
        assert store.write(joins("c")) == (3 if happens else 2)


def test_a_checkpoint_that_fails_makes_no_sale_fail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CHECKPOINT_EVERY", 2)
    with Store.create(folder) as store:

        def forbid(action: int, name: str | None, *_: str | None) -> int:
            return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_PRAGMA and name == "wal_checkpoint" else 0

        store.write(lambda db: db.set_authorizer(forbid))
        assert [store.write(joins(str(index))) for index in range(5)] == [1, 2, 3, 4, 5]
        store.checkpoint()


# -- kill -9

WRITE_FOR_EVER = """
import sys, threading
from pathlib import Path
from offline_store.store import Store
from ledger.entry import Draft, JoinBody
from offline_store import journal

store, turn = Store.open(Path(sys.argv[1])), sys.argv[2]
out = threading.Lock()

def run(thread):
    index = 0
    while True:
        name = f"{turn}-{thread}-{index}"
        def work(db):
            draft = Draft(JoinBody(), f"join/{name}", "2026-11-21T10:00:00", "2026-11-21", member=name)
            return journal.record(db, journal.identity(db), draft, "2026-11-21T09:00:00+00:00").number
        number = store.write(work)
        with out:
            print(name, number, flush=True)
        index += 1

for thread in range(4):
    threading.Thread(target=run, args=(thread,)).start()
"""


def test_a_till_killed_under_load_keeps_every_entry_that_it_answered(folder: Path) -> None:
    Store.create(folder).close()
    answered: dict[str, int] = {}
    for turn in range(5):
        till = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(folder), str(turn)], stdout=subprocess.PIPE, text=True
        )
        assert till.stdout is not None
        with till.stdout:
            for _ in range(20 + 37 * turn):  # another moment each time
                line = till.stdout.readline()
                answered[line.split()[0]] = int(line.split()[1])
            till.send_signal(signal.SIGKILL)
            for line in till.stdout:  # what was answered before the signal arrived
                if line.endswith("\n"):
                    answered[line.split()[0]] = int(line.split()[1])
        till.wait()
        assert problems(folder) == []
    with Store.open(folder) as store, store.read() as db:
        assert {name: journal.number_of(db, f"join/{name}") for name in answered} == answered
        assert journal.head(db)[0] >= len(answered)


def test_reports_do_not_wait_for_a_write_that_hangs(folder: Path) -> None:
    with Store.create(folder) as store:
        is_inside, go_on = threading.Event(), threading.Event()

        def hang(db: sqlite3.Connection) -> None:
            is_inside.set()
            go_on.wait(30)

        writer = threading.Thread(target=lambda: store.write(hang))
        writer.start()
        is_inside.wait(30)
        with store.read() as db:
            assert journal.head(db)[0] == 0
        go_on.set()
        writer.join()


def test_a_till_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "till.db").touch()
    with Store.create(tmp_path) as made, made.read() as db:
        assert len(journal.identity(db).terminal) == 6


def test_a_file_of_another_program_is_never_taken_for_an_unfinished_till(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "till.db") as other:
        other.execute("CREATE TABLE precious (thing TEXT)")
    other.close()
    with pytest.raises(StoreExists):
        Store.create(tmp_path)
