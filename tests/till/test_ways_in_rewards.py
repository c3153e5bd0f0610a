"""A sale's receipt that comes through QZ Tray or from a cloud till ends with the rewards, and is in the journal once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_till import CloudJob, CloudTill
from websockets.sync.client import connect

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import journal, settings
from offline_store.store import Store
from pos_plugin.config import CloudQueueSettings, Config, PrinterSettings
from pos_plugin.members.joining import join
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in import qz, whole_jobs
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.doors import open_doors
from tests.waiting import until

CARD = "2900000000018"
RULES = """\
[total]
words = ["Total EUR"]
[reference]
words = ["Receipt no."]
"""
RECEIPT = "\n".join(["Corner shop", "Receipt no. 17", f"Tea {'12.50':>36}", f"Total EUR {'12.50':>30}", "Thank you"])


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


@pytest.fixture
def cloud() -> Iterator[CloudTill]:
    cloud = CloudTill()
    yield cloud
    cloud.close()


@pytest.fixture
def terminal(
    tmp_path: Path, printer: SimulatedPrinter, cloud: CloudTill, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    monkeypatch.setattr(whole_jobs, "WITHIN_S", 10.0)  # however busy this machine is
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    (tmp_path / "till" / "till-receipts.toml").write_text(RULES, encoding="utf-8")
    config = Config(
        printer=PrinterSettings(address=f"tcp://127.0.0.1:{printer.serve_tcp()}"),
        cloudprnt=[CloudQueueSettings(url=cloud.url, every_s=1)],
    )
    with Terminal(store, config) as terminal:
        join(terminal.checkout, CARD)
        terminal.scanned(CARD)
        yield terminal


def sales(terminal: Terminal) -> list[tuple[str, int]]:
    with terminal.store.read() as db:
        entries = [journal.read(db, number) for number in range(1, journal.head(db)[0] + 1)]
    found = [entry.body.sale for entry in entries if entry is not None and entry.kind == "sale"]
    return [(sale.sale_ref, sale.total_minor) for sale in found]


def ends_with_rewards(printer: SimulatedPrinter) -> bool:
    [paper] = [[line for line in receipt.lines if line.strip()] for receipt in printer.receipts]
    end = " ".join(paper[paper.index(next(line for line in paper if "Thank you" in line)) + 1 :])
    return "This sale" in end and "+12" in end


def test_a_receipt_through_qz_tray_ends_with_its_rewards(terminal: Terminal, printer: SimulatedPrinter) -> None:
    terminal.start()
    job = ["\x1b@", RECEIPT, {"type": "raw", "flavor": "hex", "data": "0a0a0a0a1d5600"}]
    asked = {"printer": {"name": "Loyalty till printer"}, "options": {}, "data": job}
    with (
        WebServer(Door(qz.app(terminal), terminal.config.qz), 0, "127.0.0.1", sockets=True) as door,
        connect(door.url.replace("http", "ws"), proxy=None) as page,
    ):
        page.send(json.dumps({"call": "print", "uid": "abc123", "params": asked}))
        assert json.loads(page.recv(20)) == {"uid": "abc123", "result": None}
    assert ends_with_rewards(printer)
    assert sales(terminal) == [("17", 1250)]


def test_a_receipt_of_a_cloud_till_ends_with_its_rewards(
    terminal: Terminal, printer: SimulatedPrinter, cloud: CloudTill
) -> None:
    cloud.add(CloudJob(RECEIPT.encode(), token="1"))
    terminal.start()
    assert open_doors(terminal) == []
    until(lambda: cloud.codes == ["200 OK"])
    assert ends_with_rewards(printer)
    assert sales(terminal) == [("17", 1250)]
