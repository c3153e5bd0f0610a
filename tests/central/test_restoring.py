"""Backup and restore: what is refused, what an interruption leaves, and who is let in meanwhile."""

import os
import random
import resource
import shutil
import subprocess
import sys
import zlib

import msgspec
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from central_server import files, schema
from central_server.applying.books import Books, Origin
from central_server.cli import app
from central_server.errors import OfficeError
from central_server.membership import members
from central_server.office import Office, read_office_file
from central_server.people import sessions, staff
from central_server.people.staff import Staff
from central_server.reports import report
from central_server.tills import forfeits
from central_server.upkeep import restoring, witness
from ledger.keys import seal
from ledger.wire import MemberDetails


@pytest.fixture
def full(office, till, clock):
    """A head office with something of everything."""
    one, two = till(), till("BBBBBB", "Mill")
    one.sale("1", 50000, "anna")
    one.send()
    two.fetch("anna", 100)
    two.send()
    return office


def contents(office):
    with office.database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in schema.metadata.sorted_tables
            if table.name not in ("setting",)
        }


def restored(office, file, clock, folder, url=""):
    office.close()
    return restoring.restore(folder, file, clock, random.Random(3).randbytes, url=url)


def another_database(office, request):
    """Where a restore of this office goes: '' for a new file in the folder, else an empty database on the same server."""
    about = read_office_file(office.folder)
    if not about.database:
        return ""
    return request.getfixturevalue("fresh_database")()


@pytest.fixture
def fresh_database(postgres, tell):
    names = iter(f"restored_{os.getpid()}_{number}_{random.randrange(10**9)}" for number in range(10))
    return lambda: tell.new_database(postgres, next(names))


def test_what_is_restored_is_what_was_there(full, clock, tmp_path, request):
    before = contents(full)
    rows = restoring.backup(full, tmp_path / "one.backup")
    with full.database.reading() as connection:
        settings = len(connection.execute(select(schema.setting)).all())
    assert rows == sum(map(len, before.values())) + settings
    assert (tmp_path / "one.backup").stat().st_mode & 0o077 == 0
    again = restored(full, tmp_path / "one.backup", clock, full.folder, another_database(full, request))
    assert contents(again) == before
    assert again.server_epoch > int(clock().timestamp())
    assert list(report.problems(again)) == []
    again.close()


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_the_database_before_stays_as_it_is(full, clock, tmp_path):
    restoring.backup(full, tmp_path / "one.backup")
    restored(full, tmp_path / "one.backup", clock, full.folder).close()
    about = read_office_file(full.folder)
    assert about.file == f"central-{about.server_epoch}.db"
    assert (full.folder / "central.db").exists()
    assert (full.folder / about.file).exists()


@pytest.mark.postgres
def test_a_backup_of_one_kind_of_database_goes_into_the_other(full, clock, tmp_path, fresh_database):
    before = contents(full)
    restoring.backup(full, tmp_path / "one.backup")
    if full.database.dialect == "sqlite":
        again = restored(full, tmp_path / "one.backup", clock, full.folder, fresh_database())
        assert again.database.dialect == "postgresql"
    else:
        again = restored(full, tmp_path / "one.backup", clock, full.folder, f"sqlite:///{tmp_path}/other.db")
        assert again.database.dialect == "sqlite"
    assert contents(again) == before
    again.close()
    assert not list(full.folder.glob("central-*")), "a database that has an address is no file in the folder"


# -- what is refused -----------------------------------------------------------------------------------------------------


def packed(*parts):
    squeeze = zlib.compressobj()
    return squeeze.compress(b"".join(map(restoring._line, parts))) + squeeze.flush()


def unpacked(file):
    return list(restoring._parts(file))


def again(parts):
    return zlib.compress(b"".join(len(part).to_bytes(4, "big") + part for part in parts))


DAMAGE = {
    "nothing": lambda data, parts: b"",
    "no backup at all": lambda data, parts: b"PK\x03\x04" + bytes(1000),
    "cut off in the middle": lambda data, parts: data[: len(data) // 2],
    "its last byte cut off": lambda data, parts: data[:-1],
    "something behind its end": lambda data, parts: data + b"x",
    "a byte changed": lambda data, parts: data[:1500] + bytes([data[1500] ^ 1]) + data[1501:],
    "a byte of the checksum changed": lambda data, parts: data[:-1] + bytes([data[-1] ^ 1]),
    "no end": lambda data, parts: again(parts[:-1]),
    "an end that is none": lambda data, parts: again([*parts[:-1], b"\xc1"]),
    "an end that counts other rows": lambda data, parts: again([*parts[:-1], msgspec.msgpack.encode(restoring.End(3))]),
    "a part behind the end": lambda data, parts: again([*parts, parts[1]]),
    "a part twice": lambda data, parts: again([parts[0], parts[1], *parts[1:]]),
    "a table that is none": lambda data, parts: again(
        [parts[0], msgspec.msgpack.encode(restoring.Rows("mebmer", [["anna"]])), *parts[1:]]
    ),
    "a row too short": lambda data, parts: again(
        [parts[0], msgspec.msgpack.encode(restoring.Rows("setting", [["anna"]])), *parts[1:]]
    ),
    "a value of another kind": lambda data, parts: again(
        [parts[0], msgspec.msgpack.encode(restoring.Rows("setting", [["anna", ["a list"]]])), *parts[1:]]
    ),
    "a row that belongs to nothing": lambda data, parts: again(
        [
            parts[0],
            msgspec.msgpack.encode(restoring.Rows("terminal", [["X", "no shop", "", "", "", "", ""]])),
            *parts[1:],
        ]
    ),
    "a line without an end": lambda data, parts: zlib.compress((2**31).to_bytes(4, "big") + bytes(100)),
}


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_backup_is_refused_in_one_sentence_and_changes_nothing(full, clock, tmp_path, what):
    file = tmp_path / "one.backup"
    restoring.backup(full, file)
    file.write_bytes(DAMAGE[what](file.read_bytes(), unpacked(file)))
    before, about = sorted(os.listdir(full.folder)), read_office_file(full.folder)
    with pytest.raises(OfficeError) as refused:
        restoring.restore(full.folder, file, clock, random.Random(3).randbytes)
    assert refused.value.code == "BACKUP_DAMAGED"
    assert refused.value.hint.startswith("Nothing was changed")
    assert {*os.listdir(full.folder)} - {*before} <= {files.LOCK}
    assert read_office_file(full.folder) == about


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_backup_of_another_head_office_or_version_is_refused(full, clock, tmp_path):
    file = tmp_path / "one.backup"
    restoring.backup(full, file)
    header = msgspec.msgpack.decode(unpacked(file)[0], type=restoring.Header)
    for changed, code in (
        (msgspec.structs.replace(header, server="XXXXXX"), "OFFICE_UNUSABLE"),
        (msgspec.structs.replace(header, schema="9999"), "SCHEMA_NEWER"),
        (msgspec.structs.replace(header, schema="0000"), "BACKUP_DAMAGED"),
    ):
        (tmp_path / "two.backup").write_bytes(packed(changed))
        with pytest.raises(OfficeError) as refused:
            restoring.restore(full.folder, tmp_path / "two.backup", clock, random.Random(3).randbytes)
        assert refused.value.code == code
    with pytest.raises(OfficeError, match="cannot be read"):
        restoring.restore(full.folder, tmp_path / "none.backup", clock, random.Random(3).randbytes)
    url = f"sqlite:///{full.folder}/central.db"
    with pytest.raises(OfficeError, match="not empty"):
        restoring.restore(full.folder, file, clock, random.Random(3).randbytes, url=url)


@pytest.mark.postgres
@pytest.mark.parametrize("folder", ["postgres"], indirect=True)
def test_a_head_office_with_a_database_of_its_own_is_told_to_name_a_new_one(full, clock, tmp_path):
    restoring.backup(full, tmp_path / "one.backup")
    with pytest.raises(OfficeError) as refused:
        restoring.restore(full.folder, tmp_path / "one.backup", clock, random.Random(3).randbytes)
    assert "--database" in refused.value.hint
    url = read_office_file(full.folder).database
    with pytest.raises(OfficeError, match="not empty"):
        restoring.restore(full.folder, tmp_path / "one.backup", clock, random.Random(3).randbytes, url=url)


# -- interruptions -------------------------------------------------------------------------------------------------------

STEPS = ("open", "os.rename", "os.link", "os.remove", "sqlite3.connect")


def moments(folder, into, work):
    """Copies of the folder as each file operation of `work` finds it, and at the end: what a kill at that moment leaves.

    Does `work` once, in a process of its own, and leaves out a moment at which nothing is other than at the one before.
    """
    into.mkdir()
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event, arguments):
            nonlocal seen
            if seen >= 0 and event in STEPS and str(folder) in str(arguments[0]):
                seen += 1
                copying = os.fork()  # another process, for whoever closes a file gives up the locks that it has there
                if copying == 0:
                    number, seen = seen, -1
                    shutil.copytree(folder, into / f"{number:03}", symlinks=True)
                    os._exit(0)
                assert os.waitpid(copying, 0)[1] == 0

        sys.addaudithook(watch)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    shutil.copytree(folder, into / "end")
    found, before = [], None
    for moment in sorted(into.iterdir()):
        now = {file.relative_to(moment): file.read_bytes() for file in moment.rglob("*") if file.is_file()}
        if now != before:
            found.append(moment)
        before = now
    return found


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_restore_that_is_killed_at_any_step_leaves_the_old_or_the_new(full, clock, tmp_path):
    file = tmp_path / "one.backup"
    restoring.backup(full, file)
    with full.database.writing() as connection:
        connection.execute(schema.shop.insert().values(shop="since the backup", created_at=full.time()))
    witness.remember(full)
    full.close()
    folder, outcomes = full.folder, []
    trials = moments(
        folder, tmp_path / "moments", lambda: restoring.restore(folder, file, clock, random.Random(3).randbytes).close()
    )
    for trial in trials:
        found = Office.open(trial, clock, random.Random(4).randbytes)
        witness.require_current(found)
        with found.database.reading() as connection:
            is_old = connection.scalar(select(func.count()).where(schema.shop.c.shop == "since the backup")) == 1
        assert is_old == (found.server_epoch == 1)
        assert list(report.problems(found)) == []
        found.close()
        outcomes.append(is_old)
        restoring.restore(trial, file, clock, random.Random(3).randbytes).close()  # and it can be done again
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[0]
    assert not outcomes[-1]
    assert len(trials) > 4


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_declaring_a_restore_that_is_killed_at_any_step_is_done_again_before_anybody_is_served(full, clock, tmp_path):
    witness.remember(full)
    full.close()
    folder = full.folder
    *trials, end = moments(
        folder,
        tmp_path / "moments",
        lambda: restoring.declare_restored(folder, clock, random.Random(3).randbytes).close(),
    )
    for trial in (*trials, end):
        found = Office.open(trial, clock, random.Random(4).randbytes)
        assert refused_by_the_witness(found) in (("",) if trial == end else ("", "DATABASE_RESTORED"))
        found.close()
        again = restoring.declare_restored(trial, clock, random.Random(3).randbytes)
        witness.require_current(again)
        assert again.server_epoch > 1
        again.close()
    assert len(trials) > 4


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_full_disk_leaves_nothing_of_a_backup(full, tmp_path):
    place = tmp_path / "stick"
    place.mkdir()
    command = [sys.executable, "-m", "central_server", "backup", str(place / "one.backup"), "--dir", str(full.folder)]
    done = subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_a_backup_is_never_overwritten_and_needs_no_hard_links(full, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)  # the fault: a memory stick's file system
    restoring.backup(full, tmp_path / "one.backup")
    before = (tmp_path / "one.backup").read_bytes()
    with pytest.raises(OfficeError, match="there already"):
        restoring.backup(full, tmp_path / "one.backup")
    monkeypatch.undo()
    with pytest.raises(OfficeError, match="there already"):
        restoring.backup(full, tmp_path / "one.backup")
    assert (tmp_path / "one.backup").read_bytes() == before
    assert [name for name in os.listdir(tmp_path) if "backup" in name] == ["one.backup"]


# -- who is let in -------------------------------------------------------------------------------------------------------


def test_many_may_use_a_head_office_and_one_alone_may_exchange_it(tmp_path):
    with files.in_use(tmp_path), files.in_use(tmp_path), pytest.raises(OfficeError, match="in use"):
        files.alone(tmp_path).__enter__()
    with files.alone(tmp_path):
        for lock in (files.in_use, files.alone):
            with pytest.raises(OfficeError) as refused, lock(tmp_path):
                pass
            assert refused.value.code == "OFFICE_IN_USE"
    with files.in_use(tmp_path):
        pass


@pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
def test_nothing_is_restored_under_a_running_server(full, clock, tmp_path):
    restoring.backup(full, tmp_path / "one.backup")
    full.close()
    command = [sys.executable, "-m", "central_server", "serve", "--dir", str(full.folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert "is open on" in server.stdout.readline()
            for work in (
                lambda: restoring.restore(full.folder, tmp_path / "one.backup", clock, os.urandom),
                lambda: restoring.declare_restored(full.folder, clock, os.urandom),
            ):
                with pytest.raises(OfficeError) as refused:
                    work()
                assert refused.value.code == "OFFICE_IN_USE"
            server.terminate()
            assert server.wait(20) == 0
        finally:
            server.kill()
    assert read_office_file(full.folder).server_epoch == 1
    restoring.restore(full.folder, tmp_path / "one.backup", clock, os.urandom).close()


# -- the witness ---------------------------------------------------------------------------------------------------------


def refused_by_the_witness(office):
    try:
        witness.require_current(office)
    except OfficeError as error:
        return error.code
    return ""


def test_a_database_that_goes_on_is_current(full, till, clock):
    witness.remember(full)
    till("CCCCCC").sale("1", 100, "bert")
    assert refused_by_the_witness(full) == ""
    (full.folder / witness.FILE).unlink()
    assert refused_by_the_witness(full) == ""
    (full.folder / witness.FILE).write_text("{")
    assert refused_by_the_witness(full) == ""


@pytest.mark.parametrize(
    ("what", "value"), [("number", 99), ("hash", "00"), ("told", 99), ("recorded", 99), ("server_epoch", 2)]
)
def test_every_sign_that_the_database_was_put_back_counts(full, what, value):
    witness.remember(full)
    file = full.folder / witness.FILE
    written = msgspec.json.decode(file.read_bytes())
    file.write_bytes(msgspec.json.encode({**written, what: value}))
    assert refused_by_the_witness(full) == "DATABASE_RESTORED"


def test_a_server_that_lags_behind_does_not_take_back_what_another_has_written(full, tmp_path):
    witness.remember(full)
    file = full.folder / witness.FILE
    further = {**msgspec.json.decode(file.read_bytes()), "number": 99, "hash": "ff", "told": 99}
    file.write_bytes(msgspec.json.encode(further))
    witness.remember(full)
    assert msgspec.json.decode(file.read_bytes()) == further


# -- what is put right ---------------------------------------------------------------------------------------------------


def test_a_forfeit_is_done_again_so_that_a_members_points_are_not_stuck(full, till, clock, tmp_path, request, tell):
    restoring.backup(full, tmp_path / "one.backup")
    assert forfeits.forfeit(full, "BBBBBB") == 100
    found = restored(full, tmp_path / "one.backup", clock, full.folder, another_database(full, request))
    assert tell.figures(found, "anna") == {"available": 500}
    assert list(report.problems(found)) == []
    with found.database.reading() as connection:
        items = connection.scalars(select(schema.feed_item.c.item)).all()
    assert any(item.startswith("forfeit/") for item in items), "the till is told once more"
    found.close()


def test_a_code_from_before_a_restore_opens_nothing_any_more(full, till, clock, tmp_path, request, tell):
    from central_server.errors import Refused
    from central_server.tills import enrolment

    code = enrolment.new_code(full, "Mill")
    restoring.backup(full, tmp_path / "one.backup")
    till_with_code = tell.Till(full, "DDDDDD", "Mill")
    till_with_code.enroll(code)
    clock.pass_by(minutes=1)
    found = restored(full, tmp_path / "one.backup", clock, full.folder, another_database(full, request))
    with pytest.raises(Refused, match="The time of this code is over"):
        tell.Till(found, "EEEEEE", "Mill").enroll(code)
    found.close()


def test_who_was_erased_under_a_later_reference_is_erased_under_the_one_that_the_backup_knows(
    full, clock, tmp_path, request
):
    one = next(row for row in every_terminal(full) if row.terminal == "AAAAAA")
    sealed = seal(full.sealing_key, b'{"name": "Anna Bell", "phone": "+49 170 1234567"}')
    members.take_details(full, one, MemberDetails("anna", ["2900000000018"], "2026-03-02", sealed))
    restoring.backup(full, tmp_path / "one.backup")
    with full.database.writing() as connection:
        books = Books(connection, full)
        books.know("bert", "Harbour")
        books.merge("anna", "bert", Origin(full.server, 0, "", full.time(), books.today), "1-merged")
        books.flush()
    members.erase(full, members.of_card(full, "2900000000018"))
    found = restored(full, tmp_path / "one.backup", clock, full.folder, another_database(full, request))
    assert contents(found)["person"] == contents(found)["phone"] == contents(found)["card"] == []
    found.close()


def every_terminal(office):
    with office.database.reading() as connection:
        return connection.execute(select(schema.terminal)).all()


def test_nobody_is_signed_in_after_a_restore_and_the_accounts_that_are_open_again_are_named(
    full, clock, folder, tmp_path, request
):
    for login in ("ada", "gone"):
        staff.put_account(full, Staff(login, login.title(), "support", ""), "a good long password")
    secret = sessions.begin(full, "gone")
    file = tmp_path / "backup"
    restoring.backup(full, file)
    staff.close_account(full, "gone")
    office = restored(full, file, clock, folder, another_database(full, request))
    try:
        assert sessions.of(office, secret) is None
        assert contents(office)["session"] == []
        secret = sessions.begin(office, "ada")
    finally:
        office.close()
    told = CliRunner().invoke(app, ["restored", "--dir", str(folder)])
    assert told.exit_code == 0, told.output
    *_, accounts, look = told.output.splitlines()
    assert accounts.endswith("with their passwords of then: ada, gone.")
    assert "pos-central staff list" in look
    office = Office.open(folder, clock, random.Random(4).randbytes)
    try:
        assert sessions.of(office, secret) is None
    finally:
        office.close()
