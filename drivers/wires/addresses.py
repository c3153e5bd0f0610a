"""Which wire a setting names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from drivers.errors import DeviceError
from drivers.wires.file import FileWire
from drivers.wires.line_printer import LinePrinterWire
from drivers.wires.print_queue import QueueWire
from drivers.wires.protocol import Wire
from drivers.wires.serial_line import SerialWire
from drivers.wires.tcp import TcpWire
from drivers.wires.usb import UsbWire

_EXAMPLES = (
    "Write tcp://192.168.1.50:9100, usb://04b8:0202, lp:///dev/usb/lp0, serial:///dev/ttyUSB0?baud=19200&flow=xonxoff "
    "(Windows: serial://COM3), ipp://localhost:631/printers/NAME, or file:///path."
)


def wire_from_url(url: str) -> Wire:
    """The wire that a setting names, not yet open. Raises DeviceError, whose hint shows the right form.

    >>> wire_from_url("serial:///dev/ttyUSB0?baud=19200&flow=xonxoff").name
    'serial:///dev/ttyUSB0?baud=19200'
    """
    why = ""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        made = FORMS[parts.scheme](parts, options)
        if made is not None and options:
            why = f" {parts.scheme}:// has no option {', '.join(options)}."
    except _WrongChoice as wrong:
        made, why = None, f" {wrong}"
    except (KeyError, ValueError):  # an unknown scheme, a number that is none
        made = None
    if made is None or options:
        raise DeviceError(f"{url!r} is not the address of a printer.{why}", hint=_EXAMPLES)
    return made


class _WrongChoice(Exception):
    """An option says what it cannot say."""


_POWER = {"hidden": True, "shown": False}  # what the connection does when the printer loses its power

# Each takes the options that it knows out of `options`; those that are left make the address wrong.


def _tcp(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    if not parts.hostname or parts.path.strip("/"):
        return None
    per_job = _choice(options, "connect", {"open": False, "job": True})
    hides = _choice(options, "power", _POWER)
    port = 9100 if parts.port is None else parts.port
    return TcpWire(parts.hostname, port, connect_per_job=per_job, hides_power_cuts=hides)


def _serial(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    path = parts.netloc or parts.path  # serial://COM3 on Windows
    baud = options.pop("baud", "9600")
    if not baud.isdecimal() or not int(baud):
        raise _WrongChoice(f"baud is the speed, a number like 9600, not {baud!r}.")
    baudrate = int(baud)
    flow = _choice(options, "flow", {flow: flow for flow in ("none", "xonxoff", "rtscts", "dtrdsr")})
    parity = _choice(options, "parity", {parity: parity for parity in ("none", "even", "odd")})
    hides = _choice(options, "power", _POWER)
    if not path.strip("/"):
        return None
    return SerialWire(
        path,
        baudrate,
        xonxoff=flow == "xonxoff",
        rtscts=flow == "rtscts",
        dsrdtr=flow == "dtrdsr",
        parity=parity,
        hides_power_cuts=hides,
    )


def _usb(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    serial, port = options.pop("serial", ""), options.pop("port", "")
    if parts.path.strip("/") or (port and not re.fullmatch(r"\d+-\d+(\.\d+)*", port)):
        return None
    if not parts.netloc:
        return UsbWire(serial=serial, port=port)
    named = re.fullmatch(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", parts.netloc)
    return UsbWire(int(named[1], 16), int(named[2], 16), serial=serial, port=port) if named else None


def _line_printer(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    return LinePrinterWire(parts.path) if not parts.netloc and parts.path.strip("/") else None


def _queue(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    is_named = parts.hostname and len(parts.path.strip("/").split("/")) >= 2
    return QueueWire(parts.hostname or "", parts.port or 631, parts.path) if is_named else None


def _file(parts: SplitResult, options: dict[str, str]) -> Wire | None:
    path = parts.netloc + parts.path  # file://C:/receipts.bin on Windows
    if os.name == "nt":
        path = re.sub(r"^/(?=[A-Za-z]:)", "", path)
    return FileWire(path) if path.strip("/") else None


def _choice(options: dict[str, str], key: str, choices: dict[str, Any]) -> Any:
    """What an option says; the first of the choices where it says nothing."""
    said = options.pop(key, next(iter(choices)))
    if said not in choices:
        raise _WrongChoice(f"{key} is {' or '.join(choices)}, not {said!r}.")
    return choices[said]


FORMS: dict[str, Callable[[SplitResult, dict[str, str]], Wire | None]] = {
    "tcp": _tcp,
    "serial": _serial,
    "usb": _usb,
    "lp": _line_printer,
    "ipp": _queue,
    "file": _file,
}
