"""What scanners this machine has, by every way that can tell: the address to write into till.toml, and what is in the way.

Looking opens nothing. A keyboard is named only where its maker makes scanners or it says that it is one: whoever wrote an
ordinary keyboard into the settings could not type on it any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from drivers.scanners.identity import Attached, UsbIdentity
from drivers.scanners.linux import SYSTEM, let_in

MAKERS = {
    0x05E0: "Zebra",  # Symbol Technologies
    0x0C2E: "Honeywell",  # Metrologic
    0x0536: "Honeywell",  # Hand Held Products
    0x05F9: "Datalogic",  # PSC
    0x1EAB: "Newland",
    0x065A: "Opticon",
    0x27DD: "Mindeo",
}
"""Who makes scanners and nothing that people type on, by USB vendor."""
_WAYS = {"hid-pos": "HID POS", "serial": "serial", "keyboard": "types like a keyboard", "camera": "camera"}
_SAYS_SO = re.compile(r"scan|bar ?code|reader|imager", re.IGNORECASE)


class FoundScanner(msgspec.Struct, frozen=True):
    """`says` is what it is; `is_sure` whether it is a scanner at all. `trouble` is '' unless this user cannot use it."""

    address: str
    says: str
    is_sure: bool
    serial: str = ""
    port: str = ""
    path: str = ""
    trouble: str = ""
    do: str = ""


def found_scanners(*, root: Path = SYSTEM, serial_ports: Iterable[Any] | None = None) -> list[FoundScanner]:
    """Those that are sure first. `root` is where /dev and /sys are; `serial_ports` as pyserial lists them.

    Scanners on the network are not looked for, and what is not on USB has no name by which it could be found again.
    """
    from drivers.scanners.camera import scanner as camera
    from drivers.scanners.hid_pos import hidraw_line
    from drivers.scanners.hid_pos import scanner as hid_pos
    from drivers.scanners.keyboard import event_devices
    from drivers.scanners.keyboard import scanner as keyboard
    from drivers.scanners.lines import serial_port

    def let_in_hid_pos(one: Attached) -> str:
        return let_in(hidraw_line.udev_rule(one.vendor, one.product), hidraw_line.GROUP)

    def let_in_keyboard(one: Attached) -> str:
        return let_in(keyboard.udev_rule(one.vendor, one.product), keyboard.GROUP)

    # In the order of preference: one that can be all of these says most in the first.
    found = [
        *_named("hid-pos", hid_pos.attached(root), let_in_hid_pos),
        *_named("serial", serial_port.attached(serial_ports), lambda _: _group("dialout")),
        *_named("keyboard", event_devices.attached(root), let_in_keyboard),
        *_named("camera", camera.attached(root), lambda _: _group("video")),
    ]
    wanted = [one for one in found if one.is_sure or not one.address.startswith("keyboard:")]
    return sorted(wanted, key=lambda one: not one.is_sure)


def _named(scheme: str, attached: Iterable[Attached], permit: Callable[[Attached], str]) -> Iterator[FoundScanner]:
    """Each by the shortest address that names it alone: vendor and product, else also its serial number, else its port."""
    there = [one for one in attached if one.vendor]
    alike = Counter((one.vendor, one.product) for one in there)
    same = Counter((one.vendor, one.product, one.serial) for one in there)
    for one in there:
        serial = port = ""
        if alike[one.vendor, one.product] > 1:
            is_told_apart = one.serial and same[one.vendor, one.product, one.serial] == 1
            serial, port = (one.serial, "") if is_told_apart else ("", one.port)
        identity = UsbIdentity(one.vendor, one.product, serial, port)
        maker = MAKERS.get(one.vendor, "")
        name = one.says if maker.lower() in one.says.lower() else f"{maker} {one.says}"
        yield FoundScanner(
            address=f"{scheme}://{identity}",
            says=f"{name.strip() or f'{one.vendor:04x}:{one.product:04x}'} ({_WAYS[scheme]})",
            is_sure=scheme == "hid-pos" or (scheme != "camera" and bool(maker or _SAYS_SO.search(one.says))),
            serial=one.serial,
            port=one.port,
            path=one.path,
            trouble="" if one.may_open else "This user may not open it.",
            do="" if one.may_open else permit(one),
        )


def _group(usual: str) -> str:
    return f"Add this user to the group that owns it ({usual} on most systems), and log in again."
