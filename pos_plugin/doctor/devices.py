"""The printer, the scanner and the customer's display: are they there, may this user open them, what do they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pos_plugin.doctor.finding import WAIT_S, Finding, Till

if TYPE_CHECKING:
    from drivers.printer import Printer
    from pos_plugin.config import PrinterSettings


def printer(till: Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError

    if till.config is None or till.is_running:
        return
    if not till.config.printer.address:
        yield Finding("Printer", True, "none is set up (address under [printer] in till.toml)")
        return
    try:
        with closing(_open_printer(till.config.printer)) as opened:
            status = opened.status(WAIT_S)
    except DeviceError as error:
        yield Finding("Printer", False, str(error), _with_ports(error, till.config.printer.address))
        return
    is_well = not status.trouble and status.online is not None
    do = "" if is_well else "Put that right; receipts wait, and come out by themselves."
    yield Finding("Printer", is_well, status.sentence, do)


def _open_printer(settings: PrinterSettings) -> Printer:
    from drivers.escpos import profile
    from drivers.printer import Printer
    from drivers.wires import wire_from_url

    return Printer(wire_from_url(settings.address), profile(settings.profile))


def scanner(till: Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError
    from drivers.serial_scanner import SerialScanner

    if till.config is None or till.is_running:
        return
    port = till.config.scanner.port
    if not port:
        yield Finding("Scanner", True, "none is set up (port under [scanner] in till.toml)")
        return
    try:
        with closing(SerialScanner(port, baudrate=till.config.scanner.baudrate)) as opened:
            opened.open()
    except DeviceError as error:
        yield Finding("Scanner", False, str(error), _with_ports(error, port))
    else:
        yield Finding(
            "Scanner", True, f"{port} is there and opens; scan a card on the till's page to see that it reads"
        )


def _with_ports(error: Any, port: str) -> str:
    """What to do about a device, with the command to type, or with the ports that this machine has."""
    from drivers.errors import DeviceAbsent, DeviceDenied

    path = port.removeprefix("serial://").partition("?")[0]
    is_network = port.startswith(("tcp://", "socket://"))
    if isinstance(error, DeviceDenied) and sys.platform == "linux":
        return _permission(path)
    if isinstance(error, DeviceAbsent) and not is_network:
        ports = _serial_ports()
        there = f"Serial ports here: {', '.join(ports)}." if ports else "This machine has no serial port now."
        return f"{error.hint} {there}"
    return str(error.hint)


def _permission(path: str) -> str:
    import getpass

    group = "dialout"
    if sys.platform != "win32":
        with suppress(OSError, KeyError):
            group = Path(path).group()
    if group == "root":
        rule = 'SUBSYSTEM=="tty", GROUP="dialout", MODE="0660"'
        return (
            f"Put the line {rule} into /etc/udev/rules.d/60-till.rules, plug the device in again, "
            f"then sudo usermod -aG dialout {getpass.getuser()} and log in again."
        )
    return f"sudo usermod -aG {group} {getpass.getuser()}, then log in again."


def _serial_ports() -> list[str]:
    from serial.tools import list_ports

    found = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return [
        f"{port.device} ({port.description})" if port.description not in ("", "n/a") else port.device for port in found
    ]


def display(till: Till) -> Iterator[Finding]:
    from drivers.display import LineDisplay
    from drivers.errors import DeviceError
    from drivers.wires import wire_from_url

    if till.config is None or till.is_running:
        return
    set_up = till.config.display
    if not set_up.address:
        yield Finding("Display", True, "none is set up (address under [display] in till.toml)")
        return
    try:
        glass = LineDisplay(
            wire_from_url(set_up.address), set_up.dialect, columns=set_up.columns, code_pages=set_up.code_pages
        )
        with closing(glass):
            glass.show("1234567890" * 4, "pos-plugin doctor")
    except DeviceError as error:
        yield Finding("Display", False, str(error), _with_ports(error, set_up.address))
        return
    told = f"it took two lines of {set_up.columns} columns; a display answers nothing"
    do = 'See that it shows 1234567890... and "pos-plugin doctor"; if it shows signs instead, set another dialect or speed.'
    yield Finding("Display", True, told, do)
