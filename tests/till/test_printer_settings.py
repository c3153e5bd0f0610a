"""What a shop knows better than its printer's profile goes before it, wherever the printer is made use of."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from drivers.document import Cut, Document, Text
from drivers.errors import DeviceError
from drivers.escpos import encode, profile
from drivers.printer import Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import TcpWire
from pos_plugin.cli import app
from pos_plugin.config import Config, ConfigError, PrinterSettings, printer_profile, read_config
from pos_plugin.papers.sample_sheet import sample_data
from pos_plugin.terminal import Terminal

FULL_CUT, ANY_CUT = b"\x1dVA\x00", b"\x1dVB\x00"


def cut_of(**settings: object) -> bytes:
    made = printer_profile(PrinterSettings.model_validate(settings))
    return encode(Document(42, (Text("x"), Cut())), made).partition(b"x\n")[2]


def test_without_a_word_of_the_shop_the_profile_is_the_models() -> None:
    for name in ("default", "TM-T88V", "POS-5890", "TM-P80-42col"):
        assert printer_profile(PrinterSettings(profile=name)) == profile(name)


def test_the_cut_is_as_the_shop_wants_it() -> None:
    assert cut_of() == cut_of(cut="partial") == ANY_CUT
    assert cut_of(cut="full") == FULL_CUT
    assert cut_of(cut="none") == b"\n" * 4


def test_a_printer_with_a_cutter_that_its_profile_lacks_cuts() -> None:
    assert cut_of(profile="POS-5890") == b"\n" * 4
    assert cut_of(profile="POS-5890", cut="partial") == ANY_CUT


@pytest.mark.parametrize(
    ("columns", "dots", "column_dots"),
    [(42, 512, 12), (48, 576, 12), (42, 546, 13), (32, 384, 12), (42, 400, 12)],  # no printer's letters are 9 dots wide
)
def test_pictures_are_as_wide_as_the_head_says(columns: int, dots: int, column_dots: int) -> None:
    made = printer_profile(PrinterSettings(width_columns=columns, width_dots=dots))
    assert made.room_dots(columns) == dots
    assert (made.width_columns, made.column_dots) == (columns, column_dots)


def test_letters_of_its_own_can_be_given_and_taken_away() -> None:
    assert printer_profile(PrinterSettings(ideographs="gb18030")).ideographs == "gb18030"
    assert printer_profile(PrinterSettings(ideographs="none")).ideographs == ""
    own = encode(Document(42, (Text("茶"),)), printer_profile(PrinterSettings(ideographs="gb18030")))
    assert "茶".encode("gb18030") in own


def test_of_a_printer_that_never_answers_nothing_is_expected() -> None:
    made = printer_profile(PrinterSettings(answers=False))
    assert not Printer(TcpWire("127.0.0.1", 1), made).answers


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("width_dots = 58", "must be the dots of the print head, 200 to 1000"),
        ('cut = "half"', "cut"),
        ('ideographs = "utf-8"', "ideographs"),
        ('answers = "never"', "answers"),
        ('cuts = "full"', "cut"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "till.toml").write_text(f"[printer]\n{line}\n")
    with pytest.raises(ConfigError) as wrong:
        read_config(tmp_path)
    (problem,) = wrong.value.problems
    assert "2" in problem
    assert words in problem


def test_a_profile_that_does_not_exist_is_told_as_before() -> None:
    with pytest.raises(DeviceError, match="no printer profile"):
        printer_profile(PrinterSettings(profile="TM-T88VV", cut="full"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A till whose printer is of 180 dpi, cuts through, and never answers."""
    assert CliRunner().invoke(app, ["init", "--store", str(tmp_path / "till")]).exit_code == 0
    (tmp_path / "till" / "till.toml").write_text(
        '[printer]\naddress = "tcp://127.0.0.1:1"\nwidth_dots = 512\ncut = "full"\nanswers = false\n'
    )
    return tmp_path / "till"


def test_the_test_page_follows_the_shop(folder: Path) -> None:
    assert FULL_CUT in sample_data(folder, read_config(folder))
    assert FULL_CUT not in sample_data(folder, Config())


def test_the_preview_follows_the_shop(folder: Path) -> None:
    Image.new("L", (500, 250), 0).save(folder / "logo.png")
    (folder / "receipt.toml").write_text('logo = "logo.png"\n')
    heights = []
    for toml in ("", "[printer]\nwidth_dots = 250\n"):
        (folder / "till.toml").write_text(toml)
        done = CliRunner().invoke(app, ["receipt", "preview", "--store", str(folder), "--png", str(folder / "a.png")])
        assert done.exit_code == 0, done.output
        with Image.open(io.BytesIO((folder / "a.png").read_bytes())) as drawn:
            heights.append(drawn.height)
    assert heights[0] - heights[1] == 125


def test_the_till_follows_the_shop(folder: Path) -> None:
    with SimulatedPrinter() as far:
        text = (folder / "till.toml").read_text().replace(":1", f":{far.serve_tcp()}")
        (folder / "till.toml").write_text(text)
        terminal = Terminal.open(folder, start=False)
        try:
            spooler = terminal.printer.open()
            assert spooler._profile == printer_profile(terminal.config.printer)
            assert not spooler._device.answers
            spooler.close()
        finally:
            terminal.close()


def test_the_doctor_follows_the_shop(folder: Path) -> None:
    with SimulatedPrinter() as far:
        text = (folder / "till.toml").read_text().replace(":1", f":{far.serve_tcp()}")
        (folder / "till.toml").write_text(text)
        done = CliRunner().invoke(app, ["doctor", "--store", str(folder)])
    assert "nothing comes back from it" in done.output
