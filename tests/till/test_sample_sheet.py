"""The test page: all that a receipt needs is on it, and what the printer answers is told in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.escpos import profile
from drivers.simulated.pieces import Line
from drivers.simulated.printer import SimulatedPrinter
from offline_store.errors import StoreAbsent
from pos_plugin.cli import app
from pos_plugin.errors import Conflict
from pos_plugin.papers.sample_sheet import Sampled, in_words, print_alone, sample_sheet

DEFAULT = profile()


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as simulated:
        yield simulated


@pytest.fixture
def alone(tmp_path: Path, printer: SimulatedPrinter) -> Path:
    """A till's folder that names the printer, and in which no till runs."""
    made = CliRunner().invoke(app, ["init", "--store", str(tmp_path / "alone")])
    assert made.exit_code == 0
    text = f'[printer]\naddress = "tcp://127.0.0.1:{printer.serve_tcp()}"\n'
    (tmp_path / "alone" / "till.toml").write_text(text, encoding="utf-8")
    return tmp_path / "alone"


def typed(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["test-print", *arguments])
    return done.exit_code, done.output


def test_the_page_shows_what_receipts_need(alone: Path, printer: SimulatedPrinter) -> None:
    code, words = typed("--store", str(alone))
    assert code == 0, words
    (page,) = printer.receipts
    assert page.was_cut
    assert ("1234567890" * 5)[:42] in page.lines
    assert any("Crème brûlée" in line for line in page.lines)
    assert any(line.strip() == "Double" for line in page.lines)
    codes = [item for item in page.printed if not isinstance(item, Line)]
    assert len(codes) >= 4
    assert printer.drawer_kicks == 0
    assert "EPSON TM-T88V" in words
    assert "The printer is ready." in words
    assert "on paper" in words


def test_for_programs_it_says_the_same_as_json(alone: Path) -> None:
    code, text = typed("--store", str(alone), "--json")
    said = json.loads(text)
    assert code == 0
    assert (said["outcome"], said["maker"], said["model"], said["process_id"]) == ("printed", "EPSON", "TM-T88V", True)
    assert said["paper"] == "ok"


def test_a_printer_of_several_tills_says_what_it_is_and_is_let_go(alone: Path, printer: SimulatedPrinter) -> None:
    settings = alone / "till.toml"
    settings.write_text(settings.read_text().replace('"\n', '?connect=job"\n'))
    code, text = typed("--store", str(alone), "--json")
    assert (code, json.loads(text)["model"]) == (0, "TM-T88V")
    assert printer.wait_until(lambda: not printer.state()["connected"])


def test_the_drawer_opens_only_where_it_is_asked_to(alone: Path, printer: SimulatedPrinter) -> None:
    typed("--store", str(alone), "--drawer")
    assert printer.wait_until(lambda: printer.drawer_kicks == 1)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (SimulatedPrinter.paper_out, "The paper is out"),
        (SimulatedPrinter.open_cover, "cover is open"),
        (SimulatedPrinter.unplug, "refused the connection"),
    ],
)
def test_a_printer_in_trouble_is_told_in_words(
    alone: Path, printer: SimulatedPrinter, fault: Callable[[SimulatedPrinter], None], told: str
) -> None:
    fault(printer)
    code, words = typed("--store", str(alone))
    assert code == 1
    assert told in words
    assert words.count("Nothing was printed") == 1


def test_a_running_till_prints_it_on_its_own_printer(serve, printer: SimulatedPrinter) -> None:
    from pos_plugin.running import announced

    with serve(printer={"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"}) as served:
        served.terminal.start()
        with announced(served.terminal.store.folder, served.server.url):
            code, words = typed("--store", str(served.terminal.store.folder), "--drawer")
    assert code == 0, words
    assert "EPSON TM-T88V" in words
    assert printer.printed_total == 1
    assert printer.wait_until(lambda: printer.drawer_kicks == 1)


def test_it_needs_a_till_and_a_printer(served, tmp_path: Path) -> None:
    served.terminal.start()
    served.refused(served.client.post("/v1/test-print", json={}), 409, "NO_PRINTER", "has no printer")
    with pytest.raises(StoreAbsent):
        print_alone(tmp_path / "none")
    CliRunner().invoke(app, ["init", "--store", str(tmp_path / "new")])
    with pytest.raises(Conflict, match="no printer"):
        print_alone(tmp_path / "new")


@pytest.mark.parametrize("width_columns", [24, 32, 48, 64])
def test_the_ruler_of_every_width_is_as_long_as_it_says(width_columns: int) -> None:
    lines = sample_sheet(DEFAULT, width_columns).text().splitlines()
    rulers = {len(line) for line in lines if line.startswith("1234567890")}
    assert rulers == {32, 42, 48, width_columns}
    assert any(line == f"{width_columns} columns, one line? (width_columns)" for line in lines)


def test_what_is_not_known_is_not_claimed() -> None:
    words = " ".join(in_words(Sampled("unknown", "silent", "The printer stopped answering.", 30_000)))
    assert "Printer:" not in words
    assert "unknown whether the page is on paper" in words
    assert "confirms every print" not in words
