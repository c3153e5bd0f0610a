"""Where Linux tells of devices, and how a user is let at one. Works on a copy of its folders, too: tests have one."""

from __future__ import annotations

import re
from pathlib import Path

SYSTEM = Path("/")
"""Where /dev and /sys are."""


def first_line(file: Path) -> str:
    """Of a file in /sys, which says one thing; '' where it is not there, or no longer."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""


def place_of(node: Path) -> Path | None:
    """Where something of /sys/class is among the devices; None where it was unplugged this moment."""
    try:
        return node.resolve(strict=True)
    except OSError:
        return None


def usb_port(place: Path) -> str:
    """Where it is plugged in, out of a device's resolved folder in /sys; '' for one that is on no USB bus.

    >>> usb_port(Path("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/0003:0C2E:0B81.0001"))
    '1-1.4'
    """
    # By an interface in it, such as 1-1.4:1.0: devices of other busses are called 0-0018.
    interfaces = [found[1] for part in place.parts if (found := re.fullmatch(r"(\d+-\d+(?:\.\d+)*):\d+\.\d+", part))]
    return interfaces[-1] if interfaces else ""


def let_in(rule: str, group: str) -> str:
    """What to do where a device may not be opened; `rule` is a line for udev that lets the group in."""
    return (
        f'Write this line into /etc/udev/rules.d/70-scanner.rules: {rule} Then run "udevadm control --reload", add this user '
        f"to the group {group}, log in again, and plug the scanner in anew."
    )
