"""How a USB device is found again: by what it is, its serial number, and the port that it is plugged into.

Pure: whoever knows the devices that are there says which they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import SplitResult, quote

import msgspec


class UsbIdentity(msgspec.Struct, frozen=True):
    """What a setting says of a USB device. `serial` and `port` (as in `1-1.4`) are empty where they do not matter."""

    vendor: int
    product: int
    serial: str = ""
    port: str = ""

    def __str__(self) -> str:
        options = [f"{key}={quote(value)}" for key, value in (("serial", self.serial), ("port", self.port)) if value]
        return f"{self.vendor:04x}:{self.product:04x}" + ("?" + "&".join(options) if options else "")


class Attached(msgspec.Struct, frozen=True):
    """A device that is there now, whatever it is. What is not known of it is 0 or empty."""

    path: str
    """What to open."""
    vendor: int = 0
    product: int = 0
    serial: str = ""
    port: str = ""
    """Where it is plugged in on USB, as in `1-1.4`."""
    says: str = ""
    """What it calls itself."""
    may_open: bool = True
    """Whether this user may."""


Found = TypeVar("Found", bound=Attached)


def identity_from_url(parts: SplitResult, options: dict[str, str]) -> UsbIdentity | None:
    """The device in an address like `hid-pos://0c2e:0b81?serial=17`, whose options are taken out; None where there is none."""
    named = re.fullmatch(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", parts.netloc)
    if named is None or parts.path.strip("/"):
        return None
    serial, port = options.pop("serial", ""), options.pop("port", "")
    if port and not re.fullmatch(r"\d+-\d+(\.\d+)*", port):
        return None
    return UsbIdentity(int(named[1], 16), int(named[2], 16), serial, port)


def candidates(wanted: UsbIdentity, attached: Iterable[Found]) -> Sequence[Found]:
    """The devices to try, best first: the one with the serial number, the one at the port, any other of the same model.

    So a device moved to another port is found by its number, and one swapped for the same model by its port or, where
    neither is left, because it is of that model. Another reader of the same model is held by its own owner, and opening it
    fails as busy.
    """

    def how_unlike(one: Found) -> tuple[bool, bool]:
        return (not wanted.serial or one.serial != wanted.serial, not wanted.port or one.port != wanted.port)

    same = [one for one in attached if (one.vendor, one.product) == (wanted.vendor, wanted.product)]
    return sorted(same, key=how_unlike)
