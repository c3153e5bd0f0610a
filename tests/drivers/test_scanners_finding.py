"""The scanners of a machine: which there are, by which address each is found again, and what is in the way."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hid_makers import MAKES
from linux_keyboards import put_device

from drivers.scanners import scanner_from_url
from drivers.scanners.finding import FoundScanner, found_scanners
from drivers.simulated.scanners.camera import SimulatedCamera
from drivers.simulated.scanners.hid_pos import SimulatedHidScanner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pseudo-terminals, as Linux has them")

USB = "pci0000:00/0000:00:14.0/usb1"


def port(device: str, vid: int | None, pid: int | None, says: str, serial: str = "", location: str = "") -> Any:
    return SimpleNamespace(
        device=device, vid=vid, pid=pid, description=says, serial_number=serial or None, location=location or None
    )


def found(root: Path, *ports: Any) -> list[FoundScanner]:
    return found_scanners(root=root, serial_ports=ports)


def addresses(root: Path, *ports: Any) -> list[tuple[str, bool]]:
    return [(one.address, one.is_sure) for one in found(root, *ports)]


def test_a_machine_without_any_has_none(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_reader_in_hid_pos_mode_is_sure_to_be_one(tmp_path: Path) -> None:
    make = MAKES["honeywell"]
    with_hid = SimulatedHidScanner(tmp_path, make.vendor, make.product, make.descriptor, serial="17")
    [one] = found(tmp_path)
    assert (one.address, one.is_sure) == (f"hid-pos://{make.vendor:04x}:{make.product:04x}", True)
    assert "Honeywell" in one.says
    assert "HID POS" in one.says
    with_hid.close()


@pytest.mark.parametrize(
    ("name", "model", "is_listed"),
    [
        ("Some Company Barcode Scanner", "1a2b:0001", True),
        ("Some Company USB KeyBoard", "05e0:1200", True),  # its maker makes nothing that people type on
        ("Logitech USB Keyboard", "046d:c31c", False),
        ("AT Translated Set 2 keyboard", "0001:0001", False),
    ],
)
def test_a_keyboard_is_named_only_where_it_is_a_scanner(tmp_path: Path, name: str, model: str, is_listed: bool) -> None:
    put_device(tmp_path, 3, f"{USB}/1-1/1-1:1.0/0003:1", model=model, name=name)
    assert addresses(tmp_path) == [(f"keyboard://{model}", True)] * is_listed


def test_a_serial_port_of_a_usb_device_may_be_one_and_a_bare_one_is_nobodys(tmp_path: Path) -> None:
    ports = [
        port("/dev/ttyS0", None, None, "n/a"),
        port("/dev/ttyUSB0", 0x1A86, 0x7523, "USB Serial"),
        port("/dev/ttyACM0", 0x0C2E, 0x0901, "Voyager 1202"),
    ]
    assert addresses(tmp_path, *ports) == [("serial://0c2e:0901", True), ("serial://1a86:7523", False)]


def test_two_of_one_model_are_told_apart_by_number_and_by_port_where_they_have_none(tmp_path: Path) -> None:
    numbered = [port(f"/dev/ttyACM{n}", 0x0C2E, 0x0901, "Voyager", serial=f"S{n}", location=f"1-{n}") for n in (1, 2)]
    alike = [port(f"/dev/ttyACM{n}", 0x1EAB, 0x0D06, "NLS", serial="0000", location=f"1-{n}:1.0") for n in (3, 4)]
    assert [one.address for one in found(tmp_path, *numbered, *alike)] == [
        "serial://0c2e:0901?serial=S1",
        "serial://0c2e:0901?serial=S2",
        "serial://1eab:0d06?port=1-3",
        "serial://1eab:0d06?port=1-4",
    ]


def test_a_camera_may_be_one(tmp_path: Path) -> None:
    camera = SimulatedCamera(tmp_path)
    assert addresses(tmp_path) == [("camera://046d:0825", False)]
    camera.close()


def test_every_address_that_is_told_can_be_written(tmp_path: Path) -> None:
    camera = SimulatedCamera(tmp_path)
    put_device(tmp_path, 3, f"{USB}/1-1/1-1:1.0/0003:1", name="Scanner")
    odd = [port(f"/dev/ttyACM{n}", 0x0C2E, 0x0901, "Voyager", serial=f"A B&C?{n}") for n in (1, 2)]
    for one in found(tmp_path, *odd):
        assert scanner_from_url(one.address).name == one.address
    camera.close()


def test_a_keyboard_that_may_not_be_opened_comes_with_the_rule_that_opens_just_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_device(tmp_path, 3, f"{USB}/1-1/1-1:1.0/0003:1", name="Scanner")
    monkeypatch.setattr("os.access", lambda path, mode: False)  # the test may run as root, who may everything
    [one] = found(tmp_path)
    assert one.trouble == "This user may not open it."
    assert 'ATTRS{id/vendor}=="05e0", ATTRS{id/product}=="1200"' in one.do
