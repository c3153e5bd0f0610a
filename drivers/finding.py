"""What printers this machine has, on every wire that can tell: the address to write into till.toml, and what is in the way.

Looking changes nothing: no byte goes to a printer's paper, and no kernel driver or program loses its printer over it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import DeviceError
from drivers.wires.usb import device_id, libusb, open_error, port_path, printer_interface, usb_address

PRINT_SERVER = "localhost:631"
_SYSTEM = Path("/")


@dataclass(frozen=True)
class FoundPrinter:
    """`says` is what it calls itself; `trouble` is '' unless this user cannot use it, and `do` then says what to do.

    `port` is where it is plugged in, where that is known. A USB printer that the kernel's driver has is found twice, by
    usb:// and by lp://; either will do.
    """

    address: str
    says: str
    serial: str = ""
    port: str = ""
    trouble: str = ""
    do: str = ""


@dataclass(frozen=True)
class UsbDescription:
    """A USB printer as its descriptors, its IEEE 1284 id and the system have it; `error` is what opening it raised."""

    vendor: int
    product: int
    port: str
    serial: str = ""
    maker: str = ""
    model: str = ""
    device_id: str = ""
    error: Exception | None = None


def found_printers(
    *,
    usb: Any = None,
    root: Path = _SYSTEM,
    serial_ports: Iterable[Any] | None = None,
    print_server: str = PRINT_SERVER,
) -> list[FoundPrinter]:
    """All of them, in the order of preference: USB, the kernel's devices, queues, and serial ports that may have one.

    `usb` is a backend of pyusb, else libusb; `root` is where /dev and /sys are; `serial_ports` as pyserial lists them.
    A way that this machine does not have finds nothing.
    """
    if serial_ports is None:
        from serial.tools import list_ports

        serial_ports = list_ports.comports()
    return [
        *usb_printers(_usb_descriptions(usb, root)),
        *_line_printers(root),
        *_queues(print_server),
        *(serial_candidate(port) for port in sorted(serial_ports, key=lambda port: str(port.device))),
    ]


# USB.


def usb_printers(descriptions: list[UsbDescription]) -> list[FoundPrinter]:
    """Each by the shortest address that names it alone: vendor and product, else also its serial number, else its port."""
    alike = Counter((one.vendor, one.product) for one in descriptions)
    same = Counter((one.vendor, one.product, one.serial) for one in descriptions)
    found = []
    for one in descriptions:
        serial = port = ""
        if alike[one.vendor, one.product] > 1:
            is_told_apart = one.serial and same[one.vendor, one.product, one.serial] == 1
            serial, port = (one.serial, "") if is_told_apart else ("", one.port)
        address = usb_address(one.vendor, one.product, serial=serial, port=port)
        trouble = usb_trouble(address, one)
        do = trouble.hint if trouble else ""
        says = usb_name(one)
        found.append(FoundPrinter(address, says, one.serial, one.port, str(trouble) if trouble else "", do))
    return found


def usb_name(one: UsbDescription) -> str:
    """What it says it is.

    >>> usb_name(UsbDescription(0x04B8, 0x0202, "1-1", device_id="MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;"))
    'EPSON TM-T20'
    >>> usb_name(UsbDescription(0x0416, 0x5011, "1-1"))
    'a printer that does not say what it is (0416:5011)'
    """
    told = name_in_id(one.device_id) or _joined(one.maker, one.model)
    return told or f"a printer that does not say what it is ({one.vendor:04x}:{one.product:04x})"


def usb_trouble(address: str, one: UsbDescription) -> DeviceError | None:
    """Why this user cannot open it, with what to do: the udev rule for just that printer where it is a matter of rights."""
    if one.error is None:
        return None
    return open_error(address, one.vendor, one.product, one.error)


def name_in_id(text: str) -> str:
    """Maker and model in an IEEE 1284 id; '' where it has neither.

    >>> name_in_id("MANUFACTURER:Star;MODEL:Star TSP143;")
    'Star TSP143'
    """
    fields = dict(field.strip().split(":", 1) for field in text.split(";") if ":" in field)
    maker = fields.get("MFG") or fields.get("MANUFACTURER") or ""
    return _joined(maker, fields.get("MDL") or fields.get("MODEL") or "")


def _joined(maker: str, model: str) -> str:
    maker, model = maker.strip(), model.strip()
    return model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()


def _usb_descriptions(backend: Any, root: Path) -> list[UsbDescription]:
    import usb.core

    try:
        attached = list(usb.core.find(find_all=True, backend=backend or libusb()))
    except (usb.core.USBError, NotImplementedError, DeviceError):
        return []
    return [_described(device, interface, root) for device in attached if (interface := printer_interface(device))]


def _described(device: Any, interface: Any, root: Path) -> UsbDescription:
    import usb.core
    import usb.util

    port = port_path(device)
    told = {"serial": "", "maker": "", "model": "", "device_id": ""}
    error: Exception | None = None
    try:
        device._ctx.managed_open()
    except (usb.core.USBError, NotImplementedError) as refusal:
        error = refusal
        folder = root / "sys/bus/usb/devices" / port  # where Linux lets everybody read what it read itself
        for key, name in (("serial", "serial"), ("maker", "manufacturer"), ("model", "product")):
            told[key] = _first_line(folder / name)
    else:
        for key, ask in (
            ("serial", lambda: device.serial_number),
            ("maker", lambda: device.manufacturer),
            ("model", lambda: device.product),
            ("device_id", lambda: device_id(device, interface)),
        ):
            with contextlib.suppress(usb.core.USBError, NotImplementedError, ValueError):
                told[key] = (ask() or "").strip("\x00 ")
    finally:
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            usb.util.dispose_resources(device)
    return UsbDescription(device.idVendor, device.idProduct, port, error=error, **told)


# The kernel's printer devices.


def _line_printers(root: Path) -> list[FoundPrinter]:
    if sys.platform == "win32":
        return []
    found = []
    for device in sorted((root / "dev/usb").glob("lp*")):
        text = _first_line(root / "sys/class/usbmisc" / device.name / "device/ieee1284_id")
        may = os.access(device, os.R_OK | os.W_OK)
        found.append(line_printer(f"/dev/usb/{device.name}", text, may_open=may))
    return found


def line_printer(path: str, text: str, *, may_open: bool) -> FoundPrinter:
    says = name_in_id(text) or "a USB printer of the kernel's own driver"
    if may_open:
        return FoundPrinter(f"lp://{path}", says)
    do = "Add this user to the group lp, and log in again."
    return FoundPrinter(f"lp://{path}", says, trouble=f"This user may not open {path}.", do=do)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="latin-1").partition("\n")[0].strip()
    except OSError:
        return ""


# Queues.


def _queues(print_server: str) -> list[FoundPrinter]:
    from drivers.wires import ipp
    from drivers.wires.print_queue import asked, client

    told = ("printer-name", "printer-info", "printer-make-and-model", "device-uri", "printer-is-accepting-jobs")
    request = ipp.request(ipp.CUPS_GET_PRINTERS, {"requested-attributes": told})
    with contextlib.closing(client()) as connection, contextlib.suppress(DeviceError):
        answer = asked(connection, f"http://{print_server}/", request, time.monotonic() + 0.5)
        return [queue(print_server, group) for group in answer.groups if group.get("printer-name")]
    return []


def queue(print_server: str, told: dict[str, tuple[Any, ...]]) -> FoundPrinter:
    def first(key: str) -> str:
        return str(told.get(key, ("",))[0] or "")

    name = first("printer-name")
    says = f"the queue {name}: {first('printer-info') or first('printer-make-and-model') or 'without a description'}"
    trouble = do = ""
    if told.get("printer-is-accepting-jobs") == (False,):
        trouble, do = "It takes no jobs.", f"Type cupsaccept {name}."
    return FoundPrinter(f"ipp://{print_server}/printers/{name}", says, port=first("device-uri"), trouble=trouble, do=do)


# Serial ports.


def serial_candidate(port: Any) -> FoundPrinter:
    """A port as pyserial lists it. Whether a printer is on it, and at which speed, only a test print shows."""
    known = port.description if port.description not in (None, "n/a", port.device) else ""
    says = f"a serial port{f' ({known})' if known else ''}; a test print shows whether a printer is on it"
    path = str(port.device)
    trouble = do = ""
    if sys.platform != "win32" and not os.access(path, os.R_OK | os.W_OK) and os.path.exists(path):
        trouble = f"This user may not open {path}."
        do = "Add this user to the group that owns the port (dialout on Debian, uucp on Arch), and log in again."
    address = f"serial://{path}?baud=9600"
    return FoundPrinter(address, says, port.serial_number or "", port.location or "", trouble, do)
