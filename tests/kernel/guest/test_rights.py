"""What a person without rights to a device is told: which, and what gives them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gadgets import PrinterGadget, SerialGadget, SerialPrinter, UsbPrinter, wait_for

from drivers.errors import DeviceError
from drivers.wires import wire_from_url
from drivers.wires.usb import libusb

NOBODY = 65534


def as_nobody(act: Callable[[], Any]) -> Any:
    """What `act` gives in a process without any rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said)


def refusal(url: str) -> list[str]:
    try:
        wire_from_url(url).open()
    except DeviceError as error:
        return [error.code, str(error), error.hint]
    return ["opened", "", ""]


@pytest.fixture(autouse=True)
def devices(plug_in: Callable[..., Any]) -> None:
    libusb()  # loaded here, as nobody may not
    plug_in(UsbPrinter(PrinterGadget(0, "SN0001")))
    plug_in(SerialPrinter(SerialGadget(1)))
    for path in ("/dev/usb/lp0", "/dev/ttyACM0"):
        wait_for(Path(path).exists, f"{path} is there")
        os.chmod(path, 0o660)  # as every system has it


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        (
            "usb://04b8:0202",
            'SUBSYSTEM=="usb", ATTR{idVendor}=="04b8", ATTR{idProduct}=="0202", MODE="0660", GROUP="lp"',
        ),
        ("usb://04b8:0202?serial=SN0001", 'ATTR{idVendor}=="04b8"'),
        ("lp:///dev/usb/lp0", "group lp"),
        ("serial:///dev/ttyACM0", "group"),
    ],
)
def test_who_may_not_open_a_device_is_told_what_gives_the_right(url: str, way_out: str) -> None:
    code, sentence, hint = as_nobody(lambda: refusal(url))
    assert code == "DEVICE_DENIED", sentence
    assert "may not open" in sentence
    assert way_out in hint


def test_a_printer_that_is_not_there_is_absent_and_not_denied() -> None:
    assert as_nobody(lambda: refusal("usb://04b8:9999"))[0] == "DEVICE_ABSENT"
