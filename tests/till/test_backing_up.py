"""A till's file kept, put back and brought up to date: what is refused, and what an interruption leaves.

`old/till-0004.db.gz` was written by the program of schema 4: one member, two sales, points that paid.
"""

import gzip
import os
import random
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from offline_store import journal, schema, settings
from offline_store.errors import StoreAbsent, StoreDamaged, StoreError, StoreExists, StoreLocked, StoreNewer, StoreOlder
from offline_store.store import FILE, KEY, Store
from offline_store.verify import verify
from pos_plugin import backing_up
from pos_plugin.cli import app

OLD = Path(__file__).parent / "old" / "till-0004.db.gz"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def old(tmp_path):
    """A till's folder as the program of schema 4 left it."""
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / FILE).write_bytes(gzip.decompress(OLD.read_bytes()))
    (folder / KEY).write_text("11" * 32)
    return folder


@pytest.fixture
def now(old):
    """The same till, up to date."""
    backing_up.upgrade(old)
    return old


def entries(folder):
    with Store.open(folder) as store, store.read() as db:
        assert verify(db).problems == []
        return [data for _, _, data in journal.every(db)]


def put_back(folder, file):
    return backing_up.restore(folder, file, NOW, random.Random(1).randbytes)


def typed(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


# -- upgrade -------------------------------------------------------------------------------------------------------------


def test_an_upgrade_keeps_a_copy_of_the_file_as_it_was_and_every_entry(old):
    shutil.copy(old / FILE, old / "was.db")
    with pytest.raises(StoreOlder, match="schema 4") as refused:
        Store.open_for_reading(old)
    assert "pos-plugin upgrade" in refused.value.hint
    done = backing_up.upgrade(old)
    assert (done.before, done.after, done.problems) == (4, schema.newest(), [])
    with closing(sqlite3.connect(done.copy)) as copy, closing(sqlite3.connect(old / "was.db")) as before:
        assert list(copy.iterdump()) == list(before.iterdump())
        assert schema.version_of(copy) == 4
    assert len(entries(old)) == 3
    again = backing_up.upgrade(old)
    assert (again.before, again.after, again.copy) == (schema.newest(), schema.newest(), None)


def test_a_copy_made_after_an_interruption_takes_the_place_of_no_earlier_one(old, monkeypatch):
    steps = schema.migrations()
    first = [step for step in steps if step[0] <= 5]
    with closing(sqlite3.connect(old / FILE, isolation_level=None)) as db:
        monkeypatch.setattr(schema, "migrations", lambda: first)
        schema.migrate(db, old / FILE)  # and here the power went
        monkeypatch.setattr(schema, "migrations", lambda: steps)
        schema.migrate(db, old / FILE)
    for version in (4, 5):
        with closing(sqlite3.connect(old / f"{FILE}.schema-{version}")) as copy:
            assert schema.version_of(copy) == version


def test_a_running_till_is_not_upgraded_or_restored_under_its_feet(now, tmp_path):
    backing_up.backup(now, tmp_path / "one.backup")
    with Store.open(now):
        with pytest.raises(StoreLocked):
            backing_up.upgrade(now)
        with pytest.raises(StoreLocked):
            put_back(now, tmp_path / "one.backup")


# -- backup and restore --------------------------------------------------------------------------------------------------


def test_what_is_restored_is_what_was_there_and_a_till_alone_keeps_its_points(now, tmp_path):
    was = entries(now)
    with Store.open(now):  # beside a running till
        kept = backing_up.backup(now, tmp_path / "one.backup")
    assert (kept.last, kept.schema) == (3, schema.newest())
    assert (tmp_path / "one.backup").stat().st_mode & 0o077 == 0
    with Store.open(now) as store:
        store.write(lambda db: settings.put(db, "since", "the backup"))
    done = put_back(now, tmp_path / "one.backup")
    assert done.given_up is None, "it has no head office that could have another history of it"
    assert entries(now) == was
    with closing(sqlite3.connect(done.before)) as before:
        assert settings.get(before, "since") == "the backup"
    with Store.open(now) as store, store.read() as db:
        assert settings.get(db, "since") == ""
    assert sorted(one.name for one in now.iterdir() if "new" in one.name) == []


def test_a_backup_of_an_older_version_is_brought_up_to_date_on_the_way(now, tmp_path):
    (tmp_path / "old.db").write_bytes(gzip.decompress(OLD.read_bytes()))
    was = entries(now)
    assert put_back(now, tmp_path / "old.db").kept.schema == 4
    assert entries(now) == was


def test_a_lost_disk_is_a_folder_with_the_key_and_the_backup(now, tmp_path):
    was = entries(now)
    backing_up.backup(now, tmp_path / "one.backup")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(StoreAbsent, match=r"no terminal\.key"):
        put_back(other, tmp_path / "one.backup")
    shutil.copy(now / KEY, other)
    assert put_back(other, tmp_path / "one.backup").before is None
    assert entries(other) == was


def test_a_damaged_file_of_before_is_kept_with_its_log(now, tmp_path):
    backing_up.backup(now, tmp_path / "one.backup")
    was = entries(now)
    (now / FILE).write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    (now / f"{FILE}-wal").write_bytes(b"what was written last")
    done = put_back(now, tmp_path / "one.backup")
    assert entries(now) == was
    assert done.before.with_name(f"{done.before.name}-wal").read_bytes() == b"what was written last"


DAMAGE = {
    "nothing": lambda data: b"",
    "half of it": lambda data: data[: len(data) // 2],
    "its last page cut off": lambda data: data[:-4096],
    "no file of SQLite": lambda data: b"PK\x03\x04" + bytes(5000),
    "a page of zeros": lambda data: data[:8192] + bytes(4096) + data[12288:],
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_backup_is_refused_in_one_sentence_and_changes_nothing(now, tmp_path, what):
    file = tmp_path / "one.backup"
    backing_up.backup(now, file)
    file.write_bytes(DAMAGE[what](file.read_bytes()))
    was = {one.name: one.read_bytes() for one in now.iterdir()}
    with pytest.raises(StoreDamaged) as refused:
        put_back(now, file)
    assert str(refused.value).startswith(f"{file} is ")
    assert refused.value.hint.startswith("Nothing was changed")
    assert {one.name: one.read_bytes() for one in now.iterdir()} == was


def test_a_damaged_backup_of_an_older_version_is_refused_before_its_steps_run(now, tmp_path):
    file = tmp_path / "old.db"
    data = gzip.decompress(OLD.read_bytes())
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(StoreDamaged, match="is cut off, damaged, or no backup"):
        put_back(now, file)


def test_nothing_of_the_log_of_before_is_left_for_the_new_file_to_take_up(now, tmp_path, monkeypatch):
    backing_up.backup(now, tmp_path / "one.backup")
    (now / f"{FILE}-wal").write_bytes(b"what was written last")
    connect = sqlite3.connect

    def refuse(database, **named):
        if database == now / FILE:
            raise sqlite3.DatabaseError("the fault: SQLite cannot open the file of before")
        return connect(database, **named)

    monkeypatch.setattr(backing_up.sqlite3, "connect", refuse)
    done = put_back(now, tmp_path / "one.backup")
    assert not (now / f"{FILE}-wal").exists()
    assert done.before.with_name(f"{done.before.name}-wal").exists()


def test_a_changed_entry_is_found_before_anything_is_put_back(now, tmp_path):
    file = tmp_path / "one.backup"
    backing_up.backup(now, file)
    with closing(sqlite3.connect(file)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("UPDATE posting SET amount = amount + 1 WHERE number = (SELECT max(number) FROM posting)")
        db.commit()
    with pytest.raises(StoreDamaged, match="not sound"):
        put_back(now, file)


def test_a_backup_of_another_till_or_of_a_later_version_is_refused(now, tmp_path):
    with Store.create(tmp_path / "other"):
        pass
    backing_up.backup(now, tmp_path / "one.backup")
    with pytest.raises(StoreError, match="this folder is that of till"):
        put_back(tmp_path / "other", tmp_path / "one.backup")
    with closing(sqlite3.connect(tmp_path / "one.backup")) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreNewer):
        put_back(now, tmp_path / "one.backup")
    with pytest.raises(StoreAbsent, match="no file"):
        put_back(now, tmp_path / "none.backup")


def test_a_backup_is_never_overwritten(now, tmp_path):
    backing_up.backup(now, tmp_path / "one.backup")
    was = (tmp_path / "one.backup").read_bytes()
    with pytest.raises(StoreExists):
        backing_up.backup(now, tmp_path / "one.backup")
    assert (tmp_path / "one.backup").read_bytes() == was
    assert [name for name in os.listdir(tmp_path) if "backup" in name] == ["one.backup"]


def test_a_full_disk_is_that_of_the_backup_and_not_the_tills(now, tmp_path, monkeypatch):
    connect = sqlite3.connect

    def small(file, *arguments, **options):
        opened = connect(file, *arguments, **options)
        if str(file).endswith(".new"):
            opened.execute("PRAGMA max_page_count = 2")
        return opened

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StoreError) as full:
        backing_up.backup(now, tmp_path / "one.backup")
    assert str(full.value).startswith(f"{tmp_path / 'one.backup'} cannot be written")
    assert [name for name in os.listdir(tmp_path) if "backup" in name] == []


def test_a_backup_into_a_folder_that_is_not_there_names_the_file_that_was_asked_for(now, tmp_path):
    with pytest.raises(StoreError) as raised:
        backing_up.backup(now, tmp_path / "none" / "one.backup")
    assert str(raised.value) == f"{tmp_path / 'none' / 'one.backup'} cannot be written: No such file or directory."


def test_the_commands_say_what_was_done_and_what_follows(old, tmp_path):
    done = typed("upgrade", "--store", old)
    assert done.exit_code == 0, done.output
    assert "was at schema 4 and is at" in done.output
    done = typed("backup", tmp_path / "one.backup", "--store", old)
    assert "3 entries of till" in done.output
    with Store.open(old) as store:
        store.write(lambda db: settings.put(db, "shop", "Harbour"))
    typed("backup", tmp_path / "two.backup", "--store", old)
    done = typed("restore", tmp_path / "two.backup", "--store", old)
    assert done.exit_code == 0, done.output
    assert "As any copy of a till's disk, it begins a new epoch" in done.output
    with Store.open(old) as store, store.read() as db:
        assert settings.get(db, "reopened_because") == "restored"


# -- interruptions -------------------------------------------------------------------------------------------------------

STEPS = ("open", "os.rename", "os.link", "os.remove", "sqlite3.connect", "os.chmod")


def killed_at(step, folder, work):
    """Does `work` in a process that is gone at its n-th file operation; False where it was done before that."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event, arguments):
            nonlocal seen
            if event in STEPS and str(folder) in str(arguments[0]):
                seen += 1
                if seen == step:
                    os._exit(9)

        sys.addaudithook(watch)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def test_a_restore_that_is_killed_at_any_step_leaves_the_old_file_or_the_new(now, tmp_path):
    file = tmp_path / "one.backup"
    backing_up.backup(now, file)
    with Store.open(now) as store:
        store.write(lambda db: settings.put(db, "since", "the backup"))
    outcomes = []
    for step in range(1, 100):
        trial = shutil.copytree(now, tmp_path / f"trial{step}")
        is_killed = killed_at(step, trial, lambda trial=trial: put_back(trial, file))
        with Store.open(trial) as store, store.read() as db:
            assert verify(db).problems == []
            outcomes.append(settings.get(db, "since") == "the backup")
        if not is_killed:
            break
        put_back(trial, file)  # and it can be done again
        with Store.open(trial) as store, store.read() as db:
            assert settings.get(db, "since") == ""
    assert outcomes == sorted(outcomes, reverse=True)
    assert (outcomes[0], outcomes[-1]) == (True, False)
    assert step > 8


def test_a_backup_that_is_killed_at_any_step_is_whole_or_not_there(now, tmp_path):
    for step in range(1, 100):
        place = tmp_path / f"stick{step}"
        place.mkdir()
        is_killed = killed_at(step, place, lambda place=place: backing_up.backup(now, place / "one.backup"))
        if (place / "one.backup").exists():
            assert backing_up._proved(place / "one.backup", lambda number: None).last == 3
        if not is_killed:
            break
    assert step > 3
