"""A till that is killed while it works on a cloud till's job: a real process, a real kill, and what the next start does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cloud_till import CloudJob, CloudTill

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")]

WITHIN_S = 30.0


@pytest.fixture
def cloud() -> Iterator[CloudTill]:
    cloud = CloudTill()
    yield cloud
    cloud.close()


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


@pytest.fixture
def run(tmp_path: Path, cloud: CloudTill, printer: SimulatedPrinter) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts the till of the folder, as often as the test wants."""
    folder = tmp_path / "till"
    with Store.create(folder) as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    (folder / "till.toml").write_text(
        f'[printer]\naddress = "tcp://127.0.0.1:{printer.serve_tcp()}"\n[[cloudprnt]]\nurl = "{cloud.url}"\nevery_s = 1\n'
    )
    started: list[subprocess.Popen[bytes]] = []
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def run() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pos_plugin", "run", "--store", str(folder), "--port", "0"]
        started.append(subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL))
        return started[-1]

    yield run
    for one in started:
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            one.wait(WITHIN_S)


def kill(till: subprocess.Popen[bytes]) -> None:
    till.send_signal(signal.SIGKILL)
    till.wait(WITHIN_S)


def test_a_till_killed_between_print_and_confirmation_prints_once(
    run: Callable[[], subprocess.Popen[bytes]], cloud: CloudTill, printer: SimulatedPrinter
) -> None:
    arrived, may_answer = threading.Event(), threading.Event()

    def hold(method: str) -> None:
        if method == "DELETE" and not arrived.is_set():
            arrived.set()
            may_answer.wait(WITHIN_S)

    cloud.before = hold
    cloud.forgets_nothing = True  # it did not take the confirmation that was cut off
    cloud.add(CloudJob(b"Tea 2.50", token="1"))
    till = run()
    assert arrived.wait(WITHIN_S)
    kill(till)
    may_answer.set()
    until(lambda: len(cloud.told) == 1)
    run()
    until(lambda: len(cloud.told) >= 2)
    cloud.forgets_nothing = False
    until(lambda: not cloud.jobs)
    assert set(cloud.codes) == {"200 OK"}
    assert printer.printed_total == 1


def test_a_till_killed_while_it_prints_leaves_it_to_a_person(
    run: Callable[[], subprocess.Popen[bytes]], cloud: CloudTill, printer: SimulatedPrinter
) -> None:
    printer.slow_down(mm_per_s=2)
    cloud.add(CloudJob(b"Tea 2.50\n" * 40, token="1"), CloudJob(b"Cake 3.00", token="2"))
    till = run()
    until(lambda: any("Tea" in line for line in printer.current.lines))
    kill(till)
    printer.slow_down(mm_per_s=1000)
    run()
    until(lambda: not cloud.jobs)
    assert [(token, code[:3]) for token, code in cloud.told] == [("1", "400"), ("2", "200")]
    assert "look at the paper" in cloud.codes[0]
    printed = [line.strip() for receipt in printer.receipts for line in receipt.lines]
    assert printed.count("Cake 3.00") == 1
    assert printed.count("Tea 2.50") <= 40
