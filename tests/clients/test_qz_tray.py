"""npm qz-tray, the library of the pages that print through QZ Tray, prints on this till's printer unchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, PrinterSettings, QzSettings
from pos_plugin.serve import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in import qz
from pos_plugin.ways_in.door import Door

pytestmark = pytest.mark.slow

TIMEOUT_S = 20
OURS = "Loyalty till printer"
CUT = "\x1dVB\x00"

Run = Callable[..., dict[str, Any]]
Page = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


@pytest.fixture
def terminal(tmp_path: Path, printer: SimulatedPrinter) -> Iterator[Terminal]:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    config = Config(printer=PrinterSettings(address=f"tcp://127.0.0.1:{printer.serve_tcp()}"))
    with Terminal(store, config) as terminal:
        terminal.start()
        yield terminal


@pytest.fixture
def page(run: Run, terminal: Terminal) -> Iterator[Page]:
    """Runs the steps in one page; what became of each."""
    with WebServer(Door(qz.app(terminal), QzSettings()), 0, "127.0.0.1", sockets=True) as server:

        def page(*steps: list[Any]) -> list[dict[str, Any]]:
            told = run("qz_tray.mjs", server.port, json.dumps(steps))
            assert told["connected"] is False
            return told["became"]

        yield page


def text_of(printer: SimulatedPrinter) -> list[list[str]]:
    return [[" ".join(line.split()) for line in receipt.lines if line.strip()] for receipt in printer.receipts]


def test_a_page_connects_finds_the_printer_and_prints_raw_commands(page: Page, printer: SimulatedPrinter) -> None:
    plain = ["\x1b@", "CORNER SHOP\n", {"type": "raw", "format": "command", "data": f"TOTAL 5.70\n{CUT}"}]
    told = page(["version"], ["find"], ["find", "till"], ["default"], ["print", OURS, {}, plain])
    assert told == [{"result": one} for one in ("2.2.6", [OURS], OURS, OURS, None)]
    assert text_of(printer) == [["CORNER SHOP", "TOTAL 5.70"]]
