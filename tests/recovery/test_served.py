"""The same over the wire: a served head office, tills that speak HTTP, and the commands as they are typed."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

import central_server.cli
import pos_plugin.cli
from loyalty.sale import Sale
from pos_plugin.members.joining import join
from pos_plugin.terminal import Terminal

CARD = "2900000000018"


def typed(app, status, *arguments):
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == status, done.output
    return done


def central(status, *arguments):
    return typed(central_server.cli.app, status, *arguments)


def plugin(status, *arguments):
    return typed(pos_plugin.cli.app, status, *arguments)


@contextmanager
def served(folder, port=0):
    command = [sys.executable, "-m", "central_server", "serve", "--dir", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[5]
            server.terminate()
            assert server.wait(20) == 0
        finally:
            server.kill()


def sell(store, number, redeem=0):
    with Terminal.open(store, start=False) as terminal:
        if terminal.checkout.identify(CARD).kind != "member":
            join(terminal.checkout, CARD)
        member = terminal.checkout.identify(CARD).member
        if redeem:
            terminal.head_office.sync.fetch_rights(member, redeem, lambda: False)
        now = datetime.now(UTC)
        sold = Sale("1", number, now.isoformat(timespec="seconds")[:19], now.date().isoformat(), "EUR", 10000)
        done = terminal.checkout.commit(terminal.checkout.quote(sold, member, redeem).quote_id)
        assert done.redeem_points == redeem
        return done


@pytest.mark.slow
def test_backup_accident_restore_over_the_wire(tmp_path):
    office, store = tmp_path / "head-office", tmp_path / "till"
    file = tmp_path / "one.backup"
    central(0, "init", "--dir", office, "--shop", "Mill")
    plugin(0, "init", "--store", store, "--currency", "EUR", "--time-zone", "Europe/Berlin")
    with served(office) as address:
        port = address.rpartition(":")[2]
        code = json.loads(central(0, "enroll-code", "--dir", office, "--shop", "Mill", "--json").stdout)["code"]
        plugin(0, "enroll", address, code, "--store", store)
        sell(store, "1")
        plugin(0, "sync", "--store", store)
        central(0, "backup", file, "--dir", office)
        assert "never overwritten" in central(2, "backup", file, "--dir", office).stderr
        assert "in use" in central(2, "restore", file, "--dir", office).stderr
        assert "in use" in central(2, "restored", "--dir", office).stderr
        last = sell(store, "2", redeem=50)
        plugin(0, "sync", "--store", store)
        before = central(0, "members", "--dir", office, "--csv").stdout
    assert before == f"card,balance,aliases\n{CARD},{100 + 99 - 50},\n"

    # Somebody copies an old file over the database.
    shutil.copytree(office, tmp_path / "as it was")
    central(0, "restore", file, "--dir", tmp_path / "as it was")
    (old,) = (tmp_path / "as it was").glob("central-*.db")
    spoilt = shutil.copytree(office, tmp_path / "spoilt")
    shutil.copy(old, spoilt / "central.db")
    refused = central(1, "serve", "--dir", spoilt, "--port", 0)
    assert "pos-central restored" in refused.stderr

    assert "server epoch" in central(0, "restore", file, "--dir", office).stdout
    assert central(0, "members", "--dir", office, "--csv").stdout == f"card,balance,aliases\n{CARD},100,\n"
    assert central(1, "roll-call", "--dir", office).stdout.startswith("Waiting for")
    with served(office, port):
        assert "awaited" in central(0, "status", "--dir", office).stdout
        plugin(0, "sync", "--store", store)
        plugin(0, "sync", "--store", store)
        assert "Nobody is awaited" in central(0, "roll-call", "--dir", office).stdout
        assert central(0, "members", "--dir", office, "--csv").stdout == before
        found = json.loads(central(0, "find", last.reference, "--dir", office, "--json").stdout)
        assert [(one["kind"], one["points"], one["cards"]) for one in found] == [
            ("sale", {"earned": 99, "used": 50}, [CARD])
        ]
        assert "99 points earned, 50 points used" in central(0, "find", last.reference, "--dir", office).stdout
        assert "mistyped" in central(2, "find", last.reference[:-1] + "?", "--dir", office).stderr
        sell(store, "3", redeem=50)
        plugin(0, "sync", "--store", store)
        central(0, "verify", "--dir", office)
        assert central(0, "notes", "--dir", office).stdout == "Nothing odd was noted.\n"
    plugin(0, "verify", "--store", store)


def test_a_forfeit_is_asked_about_and_a_no_changes_nothing(tmp_path):
    office, store = tmp_path / "head-office", tmp_path / "till"
    central(0, "init", "--dir", office, "--shop", "Mill")
    plugin(0, "init", "--store", store, "--currency", "EUR", "--time-zone", "Europe/Berlin")
    with served(office) as address:
        code = json.loads(central(0, "enroll-code", "--dir", office, "--shop", "Mill", "--json").stdout)["code"]
        plugin(0, "enroll", address, code, "--store", store)
        sell(store, "1")
        plugin(0, "sync", "--store", store)
        sell(store, "2", redeem=50)
        name = json.loads(plugin(0, "status", "--store", store, "--json").stdout)["terminal"]
        command = ["forfeit", name, "--dir", str(office)]
        asked = CliRunner().invoke(central_server.cli.app, command, input="n\n")
        assert (asked.exit_code, "50 points lie at till" in asked.stderr) == (1, True)
        assert not json.loads(central(0, "status", "--dir", office, "--json").stdout)["terminals"][0]["forfeited"]
        assert CliRunner().invoke(central_server.cli.app, command, input="y\n").exit_code == 0
        assert "forfeited" in central(0, "status", "--dir", office).stdout
        plugin(0, "sync", "--store", store)
        told = json.loads(plugin(0, "status", "--store", store, "--json").stdout)
        assert told["reopened"]["because"] == "it had been given up for lost"
        assert "given up for lost" in plugin(0, "status", "--store", store).stdout
        central(0, "verify", "--dir", office)
        owed = central(0, "write-off", CARD, "--dir", office).stdout
        assert "owes nothing" in owed or "written off" in owed
    assert "There is no till ZZZZZZ." in central(2, "forfeit", "ZZZZZZ", "--dir", office, "--yes").stderr
    assert "Nobody waits" in central(2, "roll-call", "--without", name, "--dir", office).stderr


@pytest.mark.parametrize(
    "command", ["backup", "restore", "restored", "roll-call", "forfeit", "write-off", "find", "notes"]
)
def test_where_there_is_no_head_office_nothing_is_made(tmp_path, command):
    what = {"find": ["7K3M2P-17-6"], "restored": [], "roll-call": [], "notes": []}.get(command, ["x"])
    refused = central(2, command, *what, "--dir", tmp_path / "none")
    assert "There is no head office" in refused.stderr
    assert not (tmp_path / "none").exists()
