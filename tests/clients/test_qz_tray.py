"""npm qz-tray, the library of the pages that print through QZ Tray, prints on this till's printer unchanged."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, PrinterSettings, QzSettings
from pos_plugin.serving.server import WebServer
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


def test_raw_data_comes_out_however_the_page_sends_it(page: Page, printer: SimulatedPrinter) -> None:
    data = [
        {"type": "raw", "format": "command", "flavor": "base64", "data": base64.b64encode(b"\x1b@one\n").decode()},
        {"type": "raw", "format": "command", "flavor": "hex", "data": "74 77 6f 0a"},
        {"type": "raw", "format": "command", "flavor": "plain", "data": "\x1bt\x12\xe7ift \u015feker\n"},
        CUT,
    ]
    options = {"encoding": "Cp852", "copies": 2, "jobName": "Receipt 17", "spool": {"size": 1, "end": "\n"}}
    assert page(["print", OURS, {**options, "encoding": "Cp857"}, data]) == [{"result": None}]
    assert [lines[:2] for lines in text_of(printer)] == [["one", "two"]] * 2


def test_pictures_come_out_as_dots(page: Page, printer: SimulatedPrinter) -> None:
    drawn = Image.new("1", (200, 60), 1)
    drawn.paste(0, (0, 0, 200, 60))
    out = io.BytesIO()
    drawn.save(out, "PNG")
    png = base64.b64encode(out.getvalue()).decode()
    told = page(
        ["print", OURS, {}, [{"type": "pixel", "format": "image", "flavor": "base64", "data": png}]],
        ["print", OURS, {}, [{"type": "pixel", "data": f"data:image/png;base64,{png}"}]],
        ["print", OURS, {}, ["\x1b@", {"type": "raw", "format": "image", "flavor": "base64", "data": png}, CUT]],
    )
    assert told == [{"result": None}] * 3
    for receipt in printer.receipts:
        black = Image.open(io.BytesIO(receipt.png())).convert("L").histogram()[0]
        assert black == pytest.approx(200 * 60, rel=0.05)


def test_the_printers_own_address_is_the_printer_and_no_other_is(
    page: Page, terminal: Terminal, printer: SimulatedPrinter
) -> None:
    port = int(terminal.config.printer.address.rpartition(":")[2])
    ours, other, file = page(
        ["print", {"host": "127.0.0.1", "port": port}, {}, [f"Tea\n{CUT}"]],
        ["print", {"host": "127.0.0.1", "port": 22}, {}, [f"Tea\n{CUT}"]],
        ["print", {"file": "/tmp/receipt.bin"}, {}, [f"Tea\n{CUT}"]],
    )
    assert ours == {"result": None}
    assert "not the one of this till's printer" in other["error"]
    assert "writes no file" in file["error"]
    assert text_of(printer) == [["Tea"]]


def test_what_is_no_printing_is_refused_in_words_that_the_page_can_show(page: Page, printer: SimulatedPrinter) -> None:
    html = [{"type": "pixel", "format": "html", "flavor": "plain", "data": "<b>Tea</b>"}]
    pdf = [{"type": "pixel", "format": "pdf", "flavor": "base64", "data": "JVBERi0="}]
    steps = [["ports"], ["usb"], ["hid"], ["socket", "192.168.1.1", 80], ["read", "/etc/passwd"]]
    told = page(*steps, ["print", OURS, {}, html], ["print", OURS, {}, pdf], ["find", "Zebra"], ["hostname"])
    words = ["no serial port", "no USB", "no USB", "no connection", "no file", "HTML", "PDF", "could not be found"]
    for one, word in zip(told, words, strict=False):
        assert word in one["error"]
    assert told[-1] == {"result": socket.gethostname()}
    assert printer.printed_total == 0


def test_a_page_hears_how_the_printer_is_and_why_nothing_came_out(page: Page, printer: SimulatedPrinter) -> None:
    printer.paper_out()
    started, refused, event, asked, stopped = page(
        ["listen", None],
        ["print", OURS, {}, [f"Tea\n{CUT}"]],
        ["event", "PAPER_OUT"],
        ["status"],
        ["stop"],
    )
    assert (started, asked, stopped) == ({"result": None},) * 3
    assert "Put in a new roll" in refused["error"]
    assert "Nothing was printed" in refused["error"]
    assert event["result"]["printerName"] == OURS
    assert event["result"]["severity"] == "FATAL"


def test_a_page_is_told_that_nobody_knows_whether_it_was_printed(page: Page, printer: SimulatedPrinter) -> None:
    printer.paper_out(after_lines=3)
    [told] = page(["print", OURS, {}, ["Tea\n" * 20 + CUT]])
    assert "Look at the paper: it may be printed in part or in full." in told["error"]
    assert printer.printed_total == 0
