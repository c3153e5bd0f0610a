"""What the doctor says of the way from the shop's till through us to the printer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from relays import RECEIPT, RecordingPrinter, Shop

from pos_plugin.config import read_config
from pos_plugin.doctor.finding import Finding, Till
from pos_plugin.doctor.interception import interception
from tests.waiting import until


@pytest.fixture
def printer() -> Iterator[RecordingPrinter]:
    with RecordingPrinter() as made:
        yield made


def looked_at(folder: Path, *, is_running: bool = False) -> list[Finding]:
    till = Till(folder, lambda: None)  # type: ignore[arg-type,return-value]
    till.config, till.is_running = read_config(folder), is_running
    return list(interception(till))


def written(folder: Path, listen: str, printer: str = "tcp://127.0.0.1:9101") -> Path:
    folder.mkdir()
    settings = f'[printer]\naddress = "{printer}"\n[intercept]\nlisten = "{listen}"\n'
    (folder / "till.toml").write_text(settings, encoding="utf-8")
    return folder


def test_where_it_is_not_wanted_nothing_is_said(tmp_path: Path) -> None:
    assert looked_at(written(tmp_path / "till", "")) == []


def test_a_printer_whose_address_is_our_own_is_a_loop(tmp_path: Path) -> None:
    (one,) = looked_at(written(tmp_path / "till", "tcp://127.0.0.1:9100", "tcp://localhost:9100"))
    assert not one.ok
    assert "for ever" in one.found


def test_the_port_is_free_or_another_program_has_it(tmp_path: Path, printer: RecordingPrinter) -> None:
    (one,) = looked_at(written(tmp_path / "free", "tcp://127.0.0.1:0"))
    assert one.ok
    (one,) = looked_at(written(tmp_path / "taken", f"tcp://127.0.0.1:{printer.port}"))
    assert not one.ok
    assert str(printer.port) in one.found


def test_a_till_that_runs_without_its_relay_is_told_of(tmp_path: Path) -> None:
    (one,) = looked_at(written(tmp_path / "till", "tcp://127.0.0.1:0"), is_running=True)
    assert not one.ok
    assert "does not run" in one.found


def test_what_the_relay_has_seen_and_what_is_to_do_next(tmp_path: Path, printer: RecordingPrinter) -> None:
    with closing(Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}")) as shop:
        shop.until_open()
        runs, taught = looked_at(shop.folder)
        assert runs.ok
        assert "Set the shop's till up to print to 127.0.0.1" in runs.do
        assert taught.ok
        shop.print()
        until(lambda: shop.relay is not None and shop.relay.jobs == 1)
        runs, taught = looked_at(shop.folder)
        assert (runs.ok, runs.found) == (True, "the relay runs; papers seen since it started: 1")
        assert not taught.ok
        assert "pos-plugin learn" in taught.do
        shop.folder.joinpath("till-receipts.toml").write_text("total = 7", encoding="utf-8")
        shop.print()
        until(lambda: printer.received == RECEIPT * 2)
        _, rules = looked_at(shop.folder)
        assert not rules.ok
        assert "till-receipts.toml" in rules.found


def test_a_relay_with_other_settings_and_a_printer_that_is_off_are_told_of(
    tmp_path: Path, printer: RecordingPrinter
) -> None:
    with closing(Shop(tmp_path / "till", f"tcp://127.0.0.1:{printer.port}")) as shop:
        shop.until_open()
        printer.unplug()
        until(lambda: not looked_at(shop.folder)[0].ok)
        file = shop.folder / "till.toml"
        file.write_text(file.read_text(encoding="utf-8") + "keep = false\n", encoding="utf-8")
        assert "other settings" in looked_at(shop.folder)[0].found
