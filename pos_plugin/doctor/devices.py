"""The printer and the customer's display: are they there, may this user open them, what do they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pos_plugin.doctor.finding import WAIT_S, Finding, Till

if TYPE_CHECKING:
    from drivers.wires import Wire


def printer(till: Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError
    from drivers.printer import Printer
    from pos_plugin.config import printer_profile
    from pos_plugin.intercept.relay_wire import printer_wire

    if till.config is None or till.is_running:
        return
    set_up = till.config.printer
    if not set_up.address:
        yield Finding("Printer", True, "none is set up (address under [printer] in till.toml)")
        return
    try:
        made = printer_profile(set_up)
        wire = printer_wire(till.folder, till.config)
        if not wire.answers or not made.answers:
            yield _one_way(till, wire)
            return
        with closing(Printer(wire, made)) as opened:
            status = opened.status(WAIT_S)
    except DeviceError as error:
        yield Finding("Printer", False, str(error), with_ports(error, set_up.address))
        return
    is_well = not status.trouble and status.online is not None
    till.printer_is_well = is_well
    do = "" if is_well else "Put that right; receipts wait, and come out by themselves."
    if status.online is None and set_up.address.startswith("serial://"):
        do = _at_another_speed(set_up.address)
    yield Finding("Printer", is_well, status.sentence, do)
    if set_up.width_columns > made.width_columns > 0 and made.name != "default":
        told = f"width_columns is {set_up.width_columns}, and a {made.name} has {made.width_columns} columns in its usual font"
        do = f"Write width_columns = {made.width_columns}, or see on the ruler of pos-plugin test-print that the lines fit."
        yield Finding("Width", True, told, do)


def _one_way(till: Till, wire: Wire) -> Finding:
    """A queue, a file: it takes bytes, and whether they are on paper only a person can see."""
    with closing(wire):
        wire.open(WAIT_S)
        trouble = wire.trouble(WAIT_S)
    till.printer_is_well = not trouble
    if trouble:
        return Finding("Printer", False, trouble, "Put that right; receipts wait, and come out by themselves.")
    told = f"{wire.name} takes receipts; nothing comes back from it, so each print stays unknown until a person looks"
    return Finding(
        "Printer", True, told, "Where the printer can be reached by USB, network or serial line, prefer that."
    )


def _at_another_speed(address: str) -> str:
    """What to do about a serial printer that says nothing: most often it is set to another speed."""
    from drivers.errors import DeviceError
    from drivers.serial_speed import SPEEDS, answering_address

    try:
        answering = answering_address(address)
    except DeviceError as error:
        return error.hint
    if answering:
        return f'It answers at another speed than till.toml says. Write: address = "{answering}"'
    speeds = ", ".join(map(str, SPEEDS))
    return (
        f"It answers at none of {speeds} baud either. See that it is on, that its cable is in, and that it is the right port; "
        "a printer prints its own settings when it is switched on with the feed button held."
    )


def with_ports(error: Any, port: str) -> str:
    """What to do about a device, with the command to type, or with the ports that this machine has."""
    from drivers.errors import DeviceAbsent, DeviceDenied

    path = port_of(port)
    if isinstance(error, DeviceDenied) and sys.platform == "linux" and path.startswith("/dev/"):
        return permission(path)
    if isinstance(error, DeviceAbsent) and "://" not in path and not port.startswith("lp://"):
        ports = _serial_ports()
        there = f"Serial ports here: {', '.join(ports)}." if ports else "This machine has no serial port now."
        return f"{error.hint} {there}"
    return str(error.hint)


def port_of(address: str) -> str:
    """The device that a serial or lp address names; other addresses as they are."""
    return address.removeprefix("serial://").removeprefix("lp://").partition("?")[0]


def permission(path: str) -> str:
    """The commands that let this user open a port; where it belongs to nobody but root, the rule that changes that."""
    import getpass

    is_printer = path.startswith("/dev/usb/")
    usual, subsystem = ("lp", "usbmisc") if is_printer else ("dialout", "tty")
    group = usual
    if sys.platform != "win32":
        with suppress(OSError, KeyError):
            group = Path(path).group()
    may = f"sudo usermod -aG {usual if group == 'root' else group} {getpass.getuser()}, then log in again."
    if group != "root":
        return may
    rule = f'SUBSYSTEM=="{subsystem}", GROUP="{usual}", MODE="0660"'
    return f"Put the line {rule} into /etc/udev/rules.d/60-till.rules, plug the device in again, then {may}"


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
        yield Finding("Display", False, str(error), with_ports(error, set_up.address))
        return
    told = f"it took two lines of {set_up.columns} columns; a display answers nothing"
    do = 'See that it shows 1234567890... and "pos-plugin doctor"; if it shows signs instead, set another dialect or speed.'
    yield Finding("Display", True, told, do)
