"""What `pos-plugin status` and `doctor` say of a wrong clock, a full disk and a copied disk, before anybody asks."""

import collections
import json
import shutil
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import pos_plugin.cli
from pos_plugin import doctor

CARD = "2900000000018"
Usage = collections.namedtuple("Usage", "total used free")


def status(till):
    """As people read it, and as programs do."""
    told = [
        CliRunner().invoke(pos_plugin.cli.app, ["status", "--store", str(till.folder), *how], env={"COLUMNS": "300"})
        for how in ((), ("--json",))
    ]
    assert [one.exit_code for one in told] == [0, 0]
    return told[0].stdout, json.loads(told[1].stdout)


def findings(till, what):
    return [(one.ok, one.found) for one in doctor.examine(till.folder, clock=till.clock) if one.what == what]


def test_a_till_that_is_well_says_nothing_odd(world):
    one = world.till()
    one.sell(10, CARD)
    world.quiet()
    words, told = status(one)
    assert (told["clock_ahead_s"], told["reopened"]) == (0, None)
    assert "clock" not in words
    assert "Epoch" not in words
    assert findings(one, "Epoch") == []


@pytest.mark.parametrize(
    ("error", "said"),
    [(9, ""), (-9, ""), (11, "11 minutes ahead of"), (-75, "75 minutes behind"), (300, "5 hours ahead of")],
)
def test_a_clock_is_told_beyond_ten_minutes(world, error, said):
    one = world.till()
    one.clock_error = timedelta(minutes=error)
    one.step()
    words, told = status(one)
    assert told["clock_ahead_s"] == error * 60
    assert (said in words) if said else ("clock" not in words)
    (one.folder / "till.toml").write_text('[server]\nurl = "http://127.0.0.1:1"\n')
    assert [said in found for _, found in findings(one, "Clock")] == ([True] if said else [])


def test_a_clock_that_was_set_right_is_forgotten_at_the_next_contact_even_where_head_offices_time_stood_ahead(world):
    one = world.till()
    world.office_clock_error = timedelta(days=1)
    one.step()
    assert status(one)[1]["clock_ahead_s"] == -86400
    world.office_clock_error = timedelta()
    one.step()
    assert status(one)[1]["clock_ahead_s"] == 0
    assert one.setting("server_time").startswith("2026-11-22"), "a till never goes back behind what it was told"


def test_a_disk_that_is_nearly_full_is_told(world, monkeypatch):
    one = world.till()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12 - 10**8, 10**8))  # the fault
    words, told = status(one)
    assert told["disk_free_mb"] == 100
    assert "only 100 MB are free" in words
    assert findings(one, "Disk") == [(False, "only 100 MB are free")]


def test_a_new_epoch_is_told_for_a_month(world):
    one = world.till()
    one.sell(100, CARD)
    world.quiet()
    image = one.image("image")
    one.sell(10)
    world.quiet()
    one.put_back(image)
    one.sell(20)
    world.quiet()
    words, told = status(one)
    assert told["reopened"]["day"] == "2026-11-21"
    assert "its disk was copied, or put back from an image" in words
    ((ok, found),) = findings(one, "Epoch")
    assert not ok
    assert "gave up 0 points" in found
    world.pass_by(days=31)
    ((ok, _),) = findings(one, "Epoch")
    assert ok
