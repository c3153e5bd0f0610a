"""An upgrade from the tables of an earlier version, and back: rehearsed on what that version's program wrote.

`old/0005.backup` was made by the program of schema 0005: two tills, three sales, a member who paid with points.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from central_server import files, schema
from central_server.errors import OfficeError
from central_server.migrations import migrate
from central_server.office import Office, OfficeFile, read_office_file, schema_of, write_office_file
from central_server.reports import report
from central_server.upkeep import restoring, upgrading, witness

OLD = Path(__file__).parent / "old" / "0005.backup"
SERVER = "TV2S92"
ENTRIES = {"AAAAAA": 4, "BBBBBB": 3}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder as the program of schema 0005 left it, made once."""
    folder = tmp_path_factory.mktemp("old") / "office"
    folder.mkdir()
    for number, name in enumerate(("signing", "sealing", "nonce", "phone")):
        (folder / f"{name}.key").write_text(bytes([number + 1] * 32).hex())
    write_office_file(folder, OfficeFile(SERVER, 1))
    office = Office(folder, lambda: None, random.Random(5).randbytes)
    parts = restoring._parts(OLD)
    next(parts)
    with office.database.writing() as connection:
        restoring._fill(connection, "0005", parts, OLD, lambda rows: None)
    office.close()
    return folder


@pytest.fixture
def old(model, tmp_path):
    return shutil.copytree(model, tmp_path / "office")


def rand():
    return random.Random(6).randbytes


def version(folder):
    office = Office(folder, lambda: None, bytes)
    with office.database.reading() as connection:
        found = schema_of(connection)
    office.close()
    return found


def recorded(folder, clock):
    office = Office.open(folder, clock, rand())
    found = {one.terminal: one.recorded for one in report.status(office).terminals}
    assert list(report.problems(office)) == []
    office.close()
    return found


def test_an_upgrade_makes_a_backup_first_and_keeps_every_row(old, clock):
    with pytest.raises(OfficeError, match="at schema 0005") as refused:
        Office.open(old, clock, rand())
    assert "pos-central upgrade" in refused.value.hint
    done = upgrading.upgrade(old, clock, rand())
    assert (done.before, done.after, done.problems) == ("0005", schema.VERSION, [])
    assert done.steps[0] == "0006 Who works at head office: accounts, sessions, and what waits for a second person."
    assert recorded(old, clock) == ENTRIES
    kept = restoring.content_of(Path(done.backup))
    assert (kept.schema, kept.entries, sum(kept.rows.values())) == ("0005", ENTRIES, done.rows)
    assert kept.rows == restoring.content_of(OLD).rows
    assert Path(done.backup).stat().st_mode & 0o077 == 0
    assert upgrading.upgrade(old, clock, rand()) is None, "nothing is due any more"
    assert len(list((old / "upgrades").iterdir())) == 1


def test_an_older_backup_is_restored_and_brought_up_to_date_on_the_way(old, clock, tmp_path):
    kept = upgrading.upgrade(old, clock, rand()).backup
    restoring.restore(old, Path(kept), clock, rand()).close()
    assert recorded(old, clock) == ENTRIES
    assert version(old) == schema.VERSION


def test_an_upgrade_waits_for_the_servers_to_stop(old, clock):
    with files.in_use(old), pytest.raises(OfficeError, match="in use"):
        upgrading.upgrade(old, clock, rand())
    assert version(old) == "0005"


def test_a_step_that_fails_or_loses_rows_changes_nothing_and_names_the_backup(old, clock, monkeypatch):
    def loses(connection, to="head"):
        migrate(connection, to)
        connection.execute(text("DELETE FROM card"))

    def breaks(connection, to="head"):
        migrate(connection, to)
        connection.execute(text("SELECT nothing"))

    for fault in (loses, breaks):
        monkeypatch.setattr("central_server.migrations.migrate", fault)
        with pytest.raises(OfficeError) as refused:
            upgrading.upgrade(old, clock, rand())
        assert refused.value.code == "UPGRADE_FAILED"
        assert "upgrades" in refused.value.hint
        assert version(old) == "0005"
        clock.pass_by(minutes=1)
    monkeypatch.undo()
    assert upgrading.upgrade(old, clock, rand()).after == schema.VERSION


def test_a_full_disk_stops_an_upgrade_before_it_begins(old, clock):
    (old / "upgrades").write_text("a file stands where the backups go")
    with pytest.raises(OfficeError) as refused:
        upgrading.upgrade(old, clock, rand())
    assert refused.value.code == "BACKUP_UNWRITABLE"
    assert version(old) == "0005"


# -- and back ------------------------------------------------------------------------------------------------------------


def test_a_downgrade_puts_the_tables_of_before_back_and_that_version_has_to_be_told(old, clock):
    upgrading.upgrade(old, clock, rand())
    later = read_office_file(old).file
    lost = upgrading.downgrade(old, upgrading.backup_of(old, "0005"), clock, rand())
    assert (lost.entries, lost.own, lost.rows) == ({}, 0, {})
    about = read_office_file(old)
    assert version(old) == "0005"
    assert (about.file, about.server_epoch > 1, (old / later).exists()) == (
        f"central-{about.server_epoch}.db",
        True,
        True,
    )
    # The program of before refuses to serve until it is told, by the same sign as this one after the next upgrade.
    clock.pass_by(hours=1)
    upgrading.upgrade(old, clock, rand())
    office = Office.open(old, clock, rand())
    with pytest.raises(OfficeError) as refused:
        witness.require_current(office)
    office.close()
    assert refused.value.code == "DATABASE_RESTORED"
    restoring.declare_restored(old, clock, rand()).close()
    assert recorded(old, clock) == ENTRIES


def test_a_downgrade_counts_what_came_since_and_forgets_tills_entries_only_when_told(old, clock, tell):
    upgrading.upgrade(old, clock, rand())
    office = Office.open(old, clock, rand())
    new = tell.Till(office, "CCCCCC", "Mill")
    new.enroll()
    new.sale("1", 900, "anna")
    new.send()
    own_before = report.status(office)
    new.fetch("anna", 5)
    office.close()
    file = upgrading.backup_of(old, "0005")
    lost = upgrading.lost_by(old, file, clock, rand())
    assert lost.entries == {"CCCCCC": 2}
    assert lost.own == 1, "the grant"
    assert lost.rows["terminal"] == 1
    with pytest.raises(OfficeError, match="2 entries of 1 tills") as refused:
        upgrading.downgrade(old, file, clock, rand())
    assert refused.value.code == "DOWNGRADE_FORGETS"
    assert version(old) == schema.VERSION
    upgrading.downgrade(old, file, clock, rand(), forget_since=True)
    assert version(old) == "0005"
    # What that version's `restored` does, done by this one after an upgrade: the till is known, and awaited.
    clock.pass_by(hours=1)
    upgrading.upgrade(old, clock, rand())
    restoring.declare_restored(old, clock, rand()).close()
    again = Office.open(old, clock, rand())
    assert {one.terminal for one in report.awaited(again)} == {"BBBBBB", "CCCCCC"}
    new.office, new.sent = again, 0
    new.send()
    assert {one.terminal: one.recorded for one in report.status(again).terminals} == {
        one.terminal: one.recorded for one in own_before.terminals
    } | {"CCCCCC": 3}
    assert list(report.problems(again)) == []
    again.close()


def test_the_newest_of_several_backups_is_taken_and_one_that_is_not_there_is_said(old):
    (old / "upgrades").mkdir()
    for name in ("0005-20260301T100000000.backup", "0005-20260302T090000000.backup", "0004-20260401T000000000.backup"):
        (old / "upgrades" / name).write_bytes(b"")
    assert upgrading.backup_of(old, "0005").name == "0005-20260302T090000000.backup"
    with pytest.raises(OfficeError, match="schema 0003") as refused:
        upgrading.backup_of(old, "0003")
    assert "0004, 0005" in refused.value.hint


def test_half_a_backup_is_one_clear_answer_and_changes_nothing(old, clock):
    kept = Path(upgrading.upgrade(old, clock, rand()).backup)
    about = read_office_file(old)
    kept.write_bytes(kept.read_bytes()[:-200])
    with pytest.raises(OfficeError, match="cut off") as refused:
        upgrading.downgrade(old, kept, clock, rand())
    assert refused.value.code == "BACKUP_DAMAGED"
    assert (read_office_file(old), version(old)) == (about, schema.VERSION)


@pytest.mark.slow
def test_the_commands_say_what_changed_and_how_to_go_back(old):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "central_server", *arguments, "--dir", str(old)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    done = run("upgrade")
    assert done.returncode == 0, done.stderr
    assert "were at schema 0005 and are at" in done.stdout
    assert f"pos-central downgrade --to 0005 --dir {old}" in done.stdout
    back = run("downgrade", "--to", "0005", "--yes")
    assert back.returncode == 0, back.stderr
    assert f"pos-central restored --dir {old}" in back.stdout
    assert run("downgrade", "--to", "0001", "--yes").returncode == 1


# -- interruptions -------------------------------------------------------------------------------------------------------


def killed_at(statement, folder, clock):
    """Upgrades in a process that is gone before its n-th statement; answers how many there were, where it came to its end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def count(*_):
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), 9)

        event.listen(Engine, "before_cursor_execute", count)
        try:
            upgrading.upgrade(folder, clock, rand())
            os.write(writer, str(seen).encode())
        finally:
            os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with open(reader, "rb") as told:
        said = told.read()
    assert (os.waitstatus_to_exitcode(status) == -9) == (not said)
    return int(said or 0)


def upgraded_in_the_end(folder, clock):
    """Of before or after, never between; and then done again."""
    found = version(folder)
    assert found in ("0005", schema.VERSION)
    for kept in (folder / "upgrades").glob("*.backup"):
        assert restoring.content_of(kept).entries == ENTRIES, "a backup that has its name is whole"
    clock.pass_by(minutes=1)
    upgrading.upgrade(folder, clock, rand())
    assert recorded(folder, clock) == ENTRIES
    return found


def test_an_upgrade_that_is_killed_in_the_middle_of_its_steps_is_done_again(old, clock):
    assert killed_at(170, old, clock) == 0
    upgraded_in_the_end(old, clock)


@pytest.mark.slow
def test_an_upgrade_that_is_killed_at_any_statement_leaves_the_tables_of_before_or_after(model, clock, tmp_path):
    statements = killed_at(0, shutil.copytree(model, tmp_path / "whole"), clock)
    outcomes = []
    for point in [*range(1, statements, max(1, statements // 7)), statements]:
        trial = shutil.copytree(model, tmp_path / f"trial{point}")
        assert killed_at(point, trial, clock) == 0
        outcomes.append(upgraded_in_the_end(trial, clock))
    assert outcomes == sorted(outcomes)
    assert (outcomes[0], outcomes[-1]) == ("0005", schema.VERSION)
