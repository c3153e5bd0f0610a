"""The relay as a process beside the till: started by it, found again after it was killed, ended by its orderly end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from relays import LONG_S, RECEIPT, RecordingPrinter

from ledger.entry import SaleBody
from loyalty.program import preset, read_program
from offline_store import journal, settings
from offline_store.store import Store
from pos_plugin.intercept import relay_announced
from pos_plugin.running import state
from tests.waiting import until


class Counter:
    """A till whose `pos-plugin run` is a process, behind a relay that is another."""

    def __init__(self, folder: Path) -> None:
        self.printer = RecordingPrinter()
        self.folder = folder
        with Store.create(folder) as store:
            store.write(
                lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00")
            )
        with RecordingPrinter() as free:
            self.port = free.port
        (folder / "till.toml").write_text(
            f'[printer]\naddress = "tcp://127.0.0.1:{self.printer.port}"\n[page]\nport = 0\n'
            f'[intercept]\nlisten = "tcp://127.0.0.1:{self.port}"\n',
            encoding="utf-8",
        )
        self.run: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.run = self.command("run")
        until(lambda: state(self.folder) is not None and self.relay() is not None)

    def command(self, name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "pos_plugin", name, "--store", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end_run(self, how: signal.Signals) -> None:
        assert self.run is not None
        self.run.send_signal(how)
        self.run.wait(LONG_S * 2)

    def relay(self) -> int | None:
        """The relay's process."""
        said = relay_announced.state(self.folder)
        return said["pid"] if said else None

    def print(self, data: bytes = RECEIPT) -> None:
        with socket.create_connection(("127.0.0.1", self.port), LONG_S) as till:
            till.sendall(data)

    def close(self) -> None:
        if self.run is not None and self.run.poll() is None:
            self.end_run(signal.SIGTERM)
        relay_announced.stop(self.folder)
        self.printer.close()


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    made = Counter(tmp_path / "till")
    yield made
    made.close()


@pytest.mark.slow
def test_the_relay_outlives_a_till_that_is_killed_and_ends_with_one_that_is_stopped(counter: Counter) -> None:
    counter.start()
    relay = counter.relay()
    counter.print()
    until(lambda: counter.printer.received.count(RECEIPT) == 1)
    counter.end_run(signal.SIGKILL)
    counter.print()
    until(lambda: counter.printer.received.count(RECEIPT) == 2)
    assert counter.relay() == relay
    counter.start()
    assert counter.relay() == relay
    counter.end_run(signal.SIGTERM)
    assert counter.relay() is None
    assert relay is not None
    until(lambda: not psutil.pid_exists(relay))


RULES = '[total]\nwords = ["Total EUR"]\n[reference]\nwords = ["Receipt no."]\n'
RECEIPTS = 500


def sale(number: int) -> bytes:
    return b"\x1b@Corner shop\nReceipt no. A-%d\nTea    1.00\nTotal EUR    1.00\n\n\n\n\x1dV\x00" % number


@pytest.mark.slow
def test_a_ledger_killed_in_the_middle_of_500_receipts_costs_no_byte_and_no_sale(counter: Counter) -> None:
    (counter.folder / "till-receipts.toml").write_text(RULES, encoding="utf-8")
    counter.start()
    printed = counter.printer.received
    with socket.create_connection(("127.0.0.1", counter.port), LONG_S) as till:

        def prints(first: int, last: int) -> bytes:
            """One behind the other, as fast as they come out."""
            before = len(printed)
            for number in range(first, last):
                till.sendall(sale(number))
                until(lambda number=number: printed.count(b"\x1dV\x00") > number)
            return bytes(printed[before:])

        def killed_later() -> None:
            until(lambda: printed.count(b"\x1dV\x00") > RECEIPTS // 4)
            counter.end_run(signal.SIGKILL)

        killer = threading.Thread(target=killed_later)
        killer.start()
        prints(0, RECEIPTS // 2)
        killer.join()
        without = prints(RECEIPTS // 2, RECEIPTS * 3 // 4)
        counter.start()
        prints(RECEIPTS * 3 // 4, RECEIPTS)
    # Not a byte more or less than the till's own, where nobody was there to answer.
    assert without == b"".join(map(sale, range(RECEIPTS // 2, RECEIPTS * 3 // 4)))
    places = [bytes(printed).find(b"Receipt no. A-%d\n" % number) for number in range(RECEIPTS)]
    assert -1 not in places
    assert places == sorted(places)
    until(lambda: (relay_announced.state(counter.folder) or {}).get("waiting") == 0)
    with Store.open_for_reading(counter.folder) as store, store.read() as db:
        entries = [journal.read(db, number) for number in range(1, journal.head(db)[0] + 1)]
    recorded = [one.body.sale.sale_ref for one in entries if one is not None and isinstance(one.body, SaleBody)]
    assert sorted(recorded) == sorted(f"A-{number}" for number in range(RECEIPTS))


@pytest.mark.slow
def test_a_relay_that_dies_is_started_again(counter: Counter) -> None:
    counter.start()
    relay = counter.relay()
    assert relay is not None
    os.kill(relay, signal.SIGKILL)
    until(lambda: counter.relay() not in (None, relay))
    counter.print()
    until(lambda: counter.printer.received.count(RECEIPT) == 1)


@pytest.mark.slow
def test_a_relay_with_other_settings_is_started_anew(counter: Counter) -> None:
    counter.start()
    relay = counter.relay()
    counter.end_run(signal.SIGKILL)
    file = counter.folder / "till.toml"
    file.write_text(file.read_text(encoding="utf-8") + 'till = "front"\n', encoding="utf-8")
    counter.start()
    until(lambda: counter.relay() not in (None, relay))


@pytest.mark.slow
def test_the_command_tells_of_each_paper_in_lines_or_as_data_and_another_ends_it(counter: Counter) -> None:
    (counter.folder / "till-receipts.toml").write_text(RULES, encoding="utf-8")
    command = [sys.executable, "-m", "pos_plugin", "intercept", "--store", str(counter.folder)]
    for more, wanted in (([], "sale A-7 1.00: kept"), (["--json"], '"reference": "A-7", "total_minor": 100')):
        relay = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)
        until(lambda: (relay_announced.state(counter.folder) or {}).get("is_open", False))
        counter.print(sale(7))
        until(lambda: counter.printer.received.endswith(b"\x1dV\x00"))
        counter.printer.received.clear()
        stopped = subprocess.run([*command, "--stop"], capture_output=True, text=True)
        assert (stopped.returncode, stopped.stdout) == (0, "It has ended.\n")
        said, _ = relay.communicate(timeout=LONG_S)
        assert wanted in said
    assert subprocess.run([*command, "--stop"], capture_output=True).returncode == 1


def test_the_relay_is_small_and_loads_nothing_heavy() -> None:
    heavy = ("fastapi", "uvicorn", "httpx", "escpos", "sqlalchemy", "cv2", "serial", "usb", "cryptography")
    program = (
        "import sys, pos_plugin.intercept.relay_process; "
        f"print(*sorted(set({(*heavy, 'pos_plugin.terminal', 'pos_plugin.sales.checkout')!r}) & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
