"""What head office remembers beyond its database: durable, shared by several processes, whole after a crash."""

import os

import pytest

from central_server.tills.roster import FILE, Event, Roster


def one(number=1, kind="granted"):
    return Event(kind, terminal=f"T{number}", epoch="e1")


def test_what_was_remembered_is_there_after_a_start_and_stands_once(tmp_path):
    roster = Roster(tmp_path)
    roster.remember(one(), one())
    roster.remember(one())
    size = (tmp_path / FILE).stat().st_size
    assert Roster(tmp_path).every() == [one()]
    Roster(tmp_path).remember(one())
    assert (tmp_path / FILE).stat().st_size == size
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_two_processes_see_each_others_lines(tmp_path):
    here, there = Roster(tmp_path), Roster(tmp_path)
    here.remember(one(1))
    there.remember(one(2))
    assert here.events("granted") == there.events("granted") == [one(1), one(2)]
    assert here.events("revoked") == []


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_line_cut_off_by_a_crash_spoils_no_other(tmp_path, cut):
    Roster(tmp_path).remember(one(1))
    whole = (tmp_path / FILE).read_bytes()
    Roster(tmp_path).remember(one(2))
    part = (tmp_path / FILE).read_bytes()[: len(whole) + cut]
    (tmp_path / FILE).write_bytes(part)
    reader = Roster(tmp_path)
    assert reader.events("granted")[0] == one(1)
    Roster(tmp_path).remember(one(3))
    assert one(3) in reader.events("granted")
    assert one(3) in Roster(tmp_path).events("granted")
    assert set(Roster(tmp_path).every()) <= {one(1), one(2), one(3)}


def test_a_disk_that_takes_half_a_line_is_no_success(tmp_path, monkeypatch):
    roster, write = Roster(tmp_path), os.write
    roster.remember(one(1))
    monkeypatch.setattr(
        os, "write", lambda handle, data: write(handle, data[: len(data) // 2])
    )  # the fault: a full disk
    with pytest.raises(OSError, match="No space"):
        roster.remember(one(2))
    monkeypatch.undo()
    assert roster.events("granted") == [one(1)]
    roster.remember(one(2))
    assert Roster(tmp_path).events("granted") == [one(1), one(2)]


def test_what_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / FILE).write_bytes(b'{"kind": 7}\n\xff\n{}\n{"kind":"granted","terminal":"T1","epoch":"e1"}\n')
    assert Roster(tmp_path).every() == [one()]


@pytest.mark.parametrize(
    ("grant", "is_excused"),
    [("1-abc", True), ("9-abc", True), ("10-abc", False), ("11-abc", False), ("abc", True), ("", True), ("٣-a", True)],
)
def test_an_excuse_covers_what_was_granted_before_the_restore(tmp_path, grant, is_excused):
    roster = Roster(tmp_path)
    roster.remember(Event("excused", terminal="T1", epoch="e1", server_epoch=10))
    assert roster.is_excused("T1", "e1", grant) is is_excused
    assert not roster.is_excused("T1", "e2", grant)
