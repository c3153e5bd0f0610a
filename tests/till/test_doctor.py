"""The doctor on real folders, with a printer and a scanner that exist only in software."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.scanners.lines import SimulatedScanner
from ledger.entry import Draft, JoinBody
from loyalty.program import preset, read_program
from offline_store import journal, receipts, settings
from offline_store.store import KEY, Store
from pos_plugin import doctor, running
from pos_plugin.config import Config, ScannerSettings
from pos_plugin.doctor import Finding, examine
from pos_plugin.local_api.server import Server
from pos_plugin.terminal import Terminal

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights and pseudo-terminals")


@pytest.fixture
def till(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    with Store.create(folder) as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), NOON.isoformat()))
    return folder


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as simulated:
        yield simulated


def configure(till: Path, text: str) -> None:
    (till / "till.toml").write_text(text, encoding="utf-8")


def with_printer(till: Path, printer: SimulatedPrinter) -> None:
    configure(till, f'[printer]\naddress = "tcp://127.0.0.1:{printer.serve_tcp()}"\n')


def found(till: Path, what: str) -> Finding:
    (one,) = [finding for finding in examine(till, clock=lambda: NOON) if finding.what == what]
    return one


def record(till: Path, count: int) -> None:
    def work(db: sqlite3.Connection) -> None:
        who = journal.identity(db)
        for number in range(count):
            draft = Draft(JoinBody(), f"join/{number}", NOON.isoformat(), "2026-11-21", member=f"m{number}")
            journal.record(db, who, draft, NOON.isoformat())

    with Store.open(till) as store:
        store.write(work)


def meddle(till: Path, sql: str) -> None:
    with sqlite3.connect(till / "till.db") as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(sql)
    db.close()


def test_a_new_till_is_well(till: Path) -> None:
    findings = examine(till)
    assert [one for one in findings if not one.ok] == []
    assert {"Versions", "Packages", "Folder", "Key", "Disk", "Journal", "Printer", "Scanner", "Head office"} <= {
        one.what for one in findings
    }


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    one = found(tmp_path / "none", "Folder")
    assert not one.ok
    assert "pos-plugin init --store" in one.do


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    file = tmp_path / "till"
    file.write_text("")
    assert "is a file" in found(file, "Folder").found


def test_a_file_that_is_no_till_is_said_and_the_rest_is_still_examined(till: Path) -> None:
    (till / "till.db").write_bytes(b"not a database at all" * 400)
    findings = {one.what: one for one in examine(till)}
    assert not findings["Folder"].ok
    assert findings["Settings"].ok
    assert "Disk" in findings


def test_a_half_made_till_is_said(till: Path) -> None:
    meddle(till, "DELETE FROM setting WHERE name = 'program'")
    assert not found(till, "Programme").ok


def test_a_running_till_keeps_its_devices(till: Path, printer: SimulatedPrinter) -> None:
    with_printer(till, printer)
    with Store.open(till):
        findings = {one.what: one for one in examine(till)}
        assert "a till is running" in findings["Till"].found
        assert all(one.ok for one in findings.values())
        assert "Printer" not in findings


def test_a_running_till_says_how_its_scanners_are(till: Path, tmp_path: Path) -> None:
    scanner = SimulatedScanner(tmp_path)
    set_up = [
        ScannerSettings(address=scanner.address, name="hand"),
        ScannerSettings(address="serial:///dev/no-such-port", name="door"),
    ]
    with Terminal(Store.open(till), Config(scanner=set_up)) as terminal, Server(terminal, 0) as server:
        terminal.start()
        with running.announced(till, server.url):
            give_up, seen = time.monotonic() + 20, terminal.events.number
            while not all(reader.state.ready or reader.state.trouble for reader in terminal.readers):
                assert time.monotonic() < give_up, "waited in vain"
                terminal.events.after(seen, 0.05)
                seen = terminal.events.number
            told = {one.found: one.ok for one in examine(till) if one.what == "Scanner"}
    scanner.close()
    hand, door = sorted(told, reverse=True)
    assert (hand, told[hand]) == ("hand is read by the running till", True)
    assert door.startswith("door: There is no scanner at /dev/no-such-port.")
    assert not told[door]


def test_the_folder_is_let_go_again(till: Path) -> None:
    examine(till)
    Store.open(till).close()


@needs_posix
def test_a_key_that_others_can_read_is_a_problem(till: Path) -> None:
    (till / KEY).chmod(0o644)
    one = found(till, "Key")
    assert not one.ok
    assert one.do.startswith("chmod 600")
    (till / KEY).chmod(0o600)
    assert found(till, "Key").ok


def test_a_missing_key_is_a_problem(till: Path) -> None:
    (till / KEY).unlink()
    assert "cannot be read" in found(till, "Key").found


def test_a_disk_with_little_room_is_a_problem(till: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.machine, "LEAST_ROOM_BYTES", 10**18)
    assert not found(till, "Disk").ok


def test_every_wrong_setting_is_named_with_its_line(till: Path) -> None:
    configure(till, '[printer]\nadress = "tcp://1.2.3.4"\nwidth_columns = 9\n')
    one = found(till, "Settings")
    assert not one.ok
    assert "line 2" in one.found
    assert "did you mean address" in one.found
    assert "line 3" in one.found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[printer]\naddress = tcp://1.2.3.4:9100  # mine\n",
            'line 2: a text stands in quotes: address = "tcp://1.2.3.4:9100"',
        ),
        ("[drawer]\npin = 3\n", "line 2: drawer.pin must be 2 or 5, not 3"),
        ("[display]\ncode_pages = { nothing = 3 }\n", "must be a code page by Python's name"),
    ],
)
def test_what_people_write_wrongly_is_answered_with_what_they_meant(till: Path, text: str, told: str) -> None:
    configure(till, text)
    one = found(till, "Settings")
    assert not one.ok
    assert told in one.found


def test_settings_of_a_windows_editor_are_read_and_another_encoding_is_named(till: Path) -> None:
    settings = '[shop]\nheader = ["Bäckerei"]\n'
    (till / "till.toml").write_bytes(settings.encode("utf-8-sig"))
    assert found(till, "Settings").ok
    (till / "till.toml").write_bytes(settings.encode("cp1252"))
    assert "line 2: this is no UTF-8; save it as UTF-8" in found(till, "Settings").found


# Where the journal is broken, among more entries than are looked at.
@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "UPDATE entry SET data = CAST(replace(CAST(data AS TEXT), 'm45', 'mXX') AS BLOB) WHERE number = 46",
            "entry 46",
        ),
        ("DELETE FROM entry WHERE number = 45", "entry 45"),
        ("UPDATE entry SET hash = zeroblob(32) WHERE number = 40", "entry 40"),  # the one before those looked at
        ("UPDATE entry SET hash = zeroblob(32) WHERE number = 60", "entry 60"),
        ("UPDATE entry SET hash = zeroblob(32) WHERE number = 12", ""),  # long ago: verify finds that
    ],
)
def test_a_break_among_the_latest_entries_is_found(
    till: Path, monkeypatch: pytest.MonkeyPatch, sql: str, told: str
) -> None:
    monkeypatch.setattr(doctor.till, "LATEST_ENTRIES", 20)
    record(till, 60)
    assert found(till, "Journal").ok
    meddle(till, sql)
    one = found(till, "Journal")
    assert one.ok == (told == "")
    assert told in one.found


def test_receipts_that_wait_or_are_in_doubt_are_counted(till: Path) -> None:
    record(till, 3)
    with Store.open(till) as store:
        store.write(lambda db: [receipts.keep(db, number, b"{}") for number in (1, 2, 3)])
    assert found(till, "Receipts").found == "3 are kept and can be shown: this till has no printer"
    (till / "till.toml").write_text('[printer]\naddress = "tcp://127.0.0.1:9"\n')
    assert found(till, "Receipts").found == "3 wait to be printed"
    with Store.open(till) as store:
        store.write(lambda db: receipts.mark(db, 1, "unknown"))
        store.write(lambda db: receipts.mark(db, 2, "started"))
    one = found(till, "Receipts")
    assert not one.ok
    assert one.found == "of 2 it is unknown whether they are on paper, 1 wait"


# -- devices


@pytest.mark.parametrize(
    ("fault", "is_well", "told"),
    [
        (lambda printer: None, True, "ready"),
        (SimulatedPrinter.paper_near_end, True, "nearly used up"),
        (SimulatedPrinter.paper_out, False, "paper is out"),
        (SimulatedPrinter.open_cover, False, "cover is open"),
        (SimulatedPrinter.unplug, False, "refused the connection"),
    ],
)
def test_the_printer_says_how_it_is(
    till: Path, printer: SimulatedPrinter, fault: Callable[[SimulatedPrinter], None], is_well: bool, told: str
) -> None:
    with_printer(till, printer)
    fault(printer)
    one = found(till, "Printer")
    assert one.ok == is_well
    assert told in one.found
    assert bool(one.do) == (not is_well)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('address = "tpc://printer"', "is not the address of a printer"),
        ('address = "tcp://127.0.0.1:1"\nprofile = "TM-T89"', "no printer profile"),
        ('address = "serial:///dev/no-such-port"', "no printer port"),
    ],
)
def test_a_printer_that_is_set_up_wrongly_is_said(till: Path, setting: str, told: str) -> None:
    configure(till, f"[printer]\n{setting}\n")
    one = found(till, "Printer")
    assert not one.ok
    assert told in one.found
    assert one.do


@needs_posix
@pytest.mark.slow
def test_a_serial_printer_that_says_nothing_is_asked_at_every_speed(till: Path, printer: SimulatedPrinter) -> None:
    configure(till, f'[printer]\naddress = "serial://{printer.serve_pty()}?baud=9600"\n')
    assert found(till, "Printer").ok
    printer.silence()
    one = found(till, "Printer")
    assert not one.ok
    assert "at none of 9600, 19200, 38400, 57600, 115200 baud" in one.do


def test_a_wire_on_which_nothing_comes_back_is_no_trouble_and_is_told(till: Path, tmp_path: Path) -> None:
    configure(till, f'[printer]\naddress = "file://{tmp_path / "printed.bin"}"\n')
    one = found(till, "Printer")
    assert one.ok, one
    assert "nothing comes back" in one.found


def test_the_display_is_written_to_and_said(till: Path) -> None:
    from drivers.simulated.display import SimulatedDisplay

    with SimulatedDisplay("cd5220") as display:
        configure(till, f'[display]\naddress = "tcp://127.0.0.1:{display.serve_tcp()}"\ndialect = "cd5220"\n')
        assert found(till, "Display").ok
        assert display.wait_for("1234567890" * 2, "pos-plugin doctor")
        display.unplug()
        assert "refused" in found(till, "Display").found


def test_a_scanner_that_is_there_opens(till: Path, tmp_path: Path) -> None:
    scanner = SimulatedScanner(tmp_path)
    configure(till, f'[[scanner]]\naddress = "{scanner.address}"\n')
    assert found(till, "Scanner").ok
    scanner.close()


@needs_posix
def test_a_scanner_that_another_program_has_is_busy(till: Path, tmp_path: Path) -> None:
    import serial

    scanner = SimulatedScanner(tmp_path)
    configure(till, f'[[scanner]]\naddress = "{scanner.address}"\n')
    with serial.Serial(scanner.port, exclusive=True):
        assert "Another program has" in found(till, "Scanner").found
    scanner.close()


def test_a_scanner_that_is_not_there_is_answered_with_the_ports_that_are(
    till: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serial.tools import list_ports
    from serial.tools.list_ports_common import ListPortInfo

    port = ListPortInfo("/dev/ttyACM7")
    port.description = "Honeywell 1450g"
    configure(till, '[[scanner]]\naddress = "serial:///dev/no-such-port"\n')
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    one = found(till, "Scanner")
    assert not one.ok
    assert "/dev/ttyACM7 (Honeywell 1450g)" in one.do
    monkeypatch.setattr(list_ports, "comports", list)
    assert "no serial port" in found(till, "Scanner").do


@pytest.mark.skipif(sys.platform != "linux", reason="the groups of Linux")
@pytest.mark.parametrize(("group", "told"), [("dialout", "sudo usermod -aG dialout"), ("root", "udev")])
def test_a_port_that_this_user_may_not_open_is_answered_with_a_command(
    till: Path, monkeypatch: pytest.MonkeyPatch, group: str, told: str
) -> None:
    import serial

    def denied(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "could not open port")

    configure(till, '[[scanner]]\naddress = "serial:///dev/ttyACM0"\n')
    monkeypatch.setattr(serial, "serial_for_url", denied)
    monkeypatch.setattr(Path, "group", lambda path: group)
    one = found(till, "Scanner")
    assert "may not open" in one.found
    assert told in one.do


# -- head office


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/health" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def health(time: datetime) -> bytes:
    return json.dumps({"status": "open", "server_epoch": "e", "server_time": time.isoformat()}).encode()


def enrol(till: Path) -> None:
    with Store.open(till) as store:
        store.write(lambda db: settings.put(db, "shop", "north"))


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (timedelta(seconds=30), "agrees"),
        (timedelta(minutes=5), "5 minutes ahead"),
        (timedelta(hours=-3), "3 hours behind"),
    ],
)
def test_the_clock_is_held_against_head_offices(till: Path, ahead: timedelta, told: str) -> None:
    enrol(till)
    with answering(health(NOON - ahead)) as url:
        configure(till, f'[server]\nurl = "{url}"\n')
        findings = {one.what: one for one in examine(till, clock=lambda: NOON)}
    assert findings["Head office"].ok
    assert findings["Enrolment"].ok
    assert told in findings["Clock"].found
    assert findings["Clock"].ok == (told == "agrees")


def test_a_till_that_is_not_enrolled_is_told_how(till: Path) -> None:
    with answering(health(NOON)) as url:
        configure(till, f'[server]\nurl = "{url}"\n')
        one = found(till, "Enrolment")
    assert not one.ok
    assert f"pos-plugin enroll {url} CODE" in one.do


def test_an_enrolled_till_without_an_address_is_told(till: Path) -> None:
    enrol(till)
    assert "names no head office" in found(till, "Head office").found


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b"[]", b'{"server_time": 5}', b'{"server_time": "x"}', b"\xff", b" " * 200_000]
)
def test_what_is_no_head_office_is_said(till: Path, body: bytes) -> None:
    with answering(body) as url:
        configure(till, f'[server]\nurl = "{url}"\n')
        one = found(till, "Head office")
    assert not one.ok
    assert "is no head office" in one.found


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("http://example.com", "not encrypted"),
        ("http://[::1", ""),
        ("https://x:port", ""),
    ],
)
def test_a_head_office_that_cannot_be_reached_is_said(till: Path, url: str, told: str) -> None:
    configure(till, f'[server]\nurl = "{url}"\n')
    one = found(till, "Head office")
    assert not one.ok
    assert told in one.found


# -- foreign packages


@pytest.mark.parametrize("name", ["drivers", "loyalty", "ledger", "offline_store"])
def test_a_foreign_package_of_the_same_name_is_named(till: Path, tmp_path: Path, name: str) -> None:
    foreign = tmp_path / "foreign" / name
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("")
    told = subprocess.run(
        [sys.executable, "-m", "pos_plugin", "doctor", "--store", str(till), "--json"],
        env={**os.environ, "PYTHONPATH": str(foreign.parent)},
        cwd=tmp_path,  # -m puts the current folder in front of all others
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert told.stderr == ""
    first = json.loads(told.stdout)[0]
    assert f"a foreign package named {name}" in first["found"]
    assert "environment of its own" in first["do"]


def test_a_check_that_fails_is_a_finding_and_stops_no_other(till: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> Iterator[Finding]:
        raise ZeroDivisionError("what nobody thought of")
        yield

    monkeypatch.setattr(doctor, "CHECKS", [("Odd", fails), *doctor.CHECKS])
    findings = {one.what: one for one in examine(till)}
    assert not findings["Odd"].ok
    assert "what nobody thought of" in findings["Odd"].found
    assert findings["Receipts"].ok


def test_a_till_that_cannot_draw_surprises_is_no_problem_and_is_told(till: Path) -> None:
    program = read_program(preset("surprise"))
    with Store.open(till) as store:
        store.write(lambda db: settings.use_program(db, program, NOON.isoformat()))
    one = found(till, "Programme")
    assert one.ok
    assert "draws no surprises here" in one.found
    with Store.open(till) as store:
        store.write(lambda db: settings.put_surprise_key(db, program, "00" * 32))
    assert "surprises" not in found(till, "Programme").found
