"""What the doctor tells of printers that are there: the line to write, and what is in the way."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

import pytest

from drivers import finding
from drivers.finding import FoundPrinter
from drivers.scanners import finding as scanner_finding
from drivers.scanners.finding import FoundScanner
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.scanners.lines import SimulatedScanner
from pos_plugin.config import Config
from pos_plugin.doctor import scanners as doctor_scanners
from pos_plugin.doctor.candidates import candidates, fonts, told, what_to_do
from pos_plugin.doctor.devices import permission, printer
from pos_plugin.doctor.finding import Finding, Till

EPSON = FoundPrinter("usb://04b8:0202", "EPSON TM-T20II", serial="J4TF1")


def till_with(**config: object) -> Till:
    return Till(Path("till"), clock=None, config=Config.model_validate(config))  # type: ignore[arg-type]


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[FoundPrinter]:
    """What this machine has, instead of what it has."""
    found: list[FoundPrinter] = []
    monkeypatch.setattr(finding, "found_printers", lambda: found)
    return found


def test_a_printer_that_is_there_comes_with_its_exact_line_and_its_profile(attached: list[FoundPrinter]) -> None:
    attached.append(EPSON)
    assert list(candidates(till_with())) == [
        Finding(
            "Found",
            True,
            "EPSON TM-T20II, serial number J4TF1",
            'Write under [printer] in till.toml: address = "usb://04b8:0202", profile = "TM-T20II"',
        )
    ]


def test_without_any_the_way_to_a_network_printer_is_told(attached: list[FoundPrinter]) -> None:
    (one,) = candidates(till_with())
    assert 'address = "tcp://' in one.do


def test_a_printer_that_is_well_needs_no_other(attached: list[FoundPrinter]) -> None:
    attached.append(EPSON)
    with SimulatedPrinter() as simulated:
        till = till_with(printer={"address": f"tcp://127.0.0.1:{simulated.serve_tcp()}"})
        assert [one.ok for one in printer(till)] == [True]
        assert list(candidates(till)) == []
        simulated.unplug()
        till.printer_is_well = False
        assert [one.ok for one in printer(till)] == [False]
        assert len(list(candidates(till))) == 1


def test_ports_that_scanner_and_display_have_are_no_printers(attached: list[FoundPrinter]) -> None:
    attached += [FoundPrinter(f"serial:///dev/ttyUSB{number}?baud=9600", "a serial port") for number in (0, 1, 2)]
    set_up = {
        "scanner": [{"address": "serial:///dev/ttyUSB0"}],
        "display": {"address": "serial:///dev/ttyUSB1?baud=9600"},
    }
    assert ["ttyUSB2" in one.do for one in candidates(till_with(**set_up))] == [True]


def test_what_is_in_the_way_comes_first() -> None:
    rule = 'Put SUBSYSTEM=="usb" into /etc/udev/rules.d/60-till.rules.'
    denied = FoundPrinter("usb://04b8:0202", "EPSON TM-T20II", trouble="This user may not open it.", do=rule)
    assert told(denied) == "EPSON TM-T20II; This user may not open it"
    assert (
        what_to_do(denied, "TM-T20II") == f'{rule} Then write under [printer] in till.toml: address = "usb://04b8:0202"'
    )


@pytest.mark.parametrize("says", ["Star TSP600", "Star SP2000", "Star TSP143"])
def test_a_star_printer_is_to_be_switched_to_esc_pos(says: str) -> None:
    assert "ESC/POS emulation" in what_to_do(FoundPrinter("usb://0519:0001", says), "default")


@pytest.mark.skipif(sys.platform != "linux", reason="the groups of Linux")
@pytest.mark.parametrize(
    ("path", "group", "told"),
    [
        ("/dev/usb/lp0", "lp", ["sudo usermod -aG lp {user}, then log in again."]),
        ("/dev/usb/lp0", "root", ['SUBSYSTEM=="usbmisc", GROUP="lp", MODE="0660"', "usermod -aG lp {user}"]),
        ("/dev/ttyUSB0", "uucp", ["sudo usermod -aG uucp {user}"]),
        ("/dev/ttyUSB0", "root", ['SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"', "usermod -aG dialout {user}"]),
    ],
)
def test_rights_are_told_as_commands(monkeypatch: pytest.MonkeyPatch, path: str, group: str, told: list[str]) -> None:
    monkeypatch.setattr(Path, "group", lambda path: group)
    assert all(words.format(user=getpass.getuser()) in permission(path) for words in told)


def test_scripts_without_a_font_are_named_with_the_package_that_has_one() -> None:
    from drivers.escpos.text import use_fonts

    till = till_with(printer={"address": "tcp://127.0.0.1:9"})
    use_fonts([])
    try:
        (one,) = fonts(till)
    finally:
        use_fonts(None)
    assert one.ok
    assert "Thai" in one.found
    assert "fonts-" in one.do


def test_without_a_printer_nobody_hears_of_fonts() -> None:
    assert list(fonts(till_with())) == []


# Scanners.

VOYAGER = FoundScanner("serial://0c2e:0901", "Honeywell Voyager (serial)", True, path="/dev/ttyACM0")
CAMERA = FoundScanner("camera://046d:0825", "a camera (camera)", False)


@pytest.fixture
def scanners_there(monkeypatch: pytest.MonkeyPatch) -> list[FoundScanner]:
    """What this machine has, instead of what it has."""
    found: list[FoundScanner] = []
    monkeypatch.setattr(scanner_finding, "found_scanners", lambda: found)
    return found


def test_a_scanner_that_is_there_comes_with_its_exact_lines(scanners_there: list[FoundScanner]) -> None:
    scanners_there += [VOYAGER, CAMERA]
    assert [(one.found, one.do) for one in doctor_scanners.candidates(till_with())] == [
        (VOYAGER.says, 'Write [[scanner]] and below it address = "serial://0c2e:0901" in till.toml'),
        (
            CAMERA.says,
            'If that is the scanner, write [[scanner]] and below it address = "camera://046d:0825" in till.toml',
        ),
    ]


def test_without_any_a_network_scanner_is_thought_of(scanners_there: list[FoundScanner]) -> None:
    [one] = doctor_scanners.candidates(till_with())
    assert "One on the network is not looked for" in one.do


def test_scanners_that_are_well_need_no_others(scanners_there: list[FoundScanner], tmp_path: Path) -> None:
    scanners_there += [VOYAGER, CAMERA]
    simulated = SimulatedScanner(tmp_path)
    till = till_with(scanner=[{"address": simulated.address}])
    assert [one.ok for one in doctor_scanners.scanners(till)] == [True]
    assert list(doctor_scanners.candidates(till)) == []
    simulated.close()
    assert [one.ok for one in doctor_scanners.scanners(till)] == [False]
    assert len(list(doctor_scanners.candidates(till))) == 2


def test_a_scanner_that_is_set_up_is_not_offered_again_and_a_printers_port_is_no_scanner(
    scanners_there: list[FoundScanner],
) -> None:
    scanners_there += [VOYAGER, FoundScanner("serial://1a86:7523", "USB Serial", False, path="/dev/ttyUSB0")]
    set_up = {
        "scanner": [{"address": "serial://0c2e:0901?baud=9600"}],
        "printer": {"address": "serial:///dev/ttyUSB0?baud=19200"},
    }
    till = till_with(**set_up)
    till.scanners_are_well = False
    assert list(doctor_scanners.candidates(till)) == []


def test_the_port_of_a_scanner_is_offered_to_no_printer(
    attached: list[FoundPrinter], scanners_there: list[FoundScanner]
) -> None:
    scanners_there.append(VOYAGER)
    attached.append(FoundPrinter("serial:///dev/ttyACM0?baud=9600", "a serial port"))
    [one] = candidates(till_with())
    assert one.found == "no printer on USB, no queue, no serial port"
