"""A bar code reader in HID POS mode that exists only in software: its place in /sys, and a pseudo-terminal as its hidraw device.

The tree under `root` is as Linux lays it out; the pseudo-terminal carries the bytes of real reports. It knows no packets, so
all reports of one reader must be as long as its longest. Knows what a reader sends, and nothing of who listens.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
from pathlib import Path

_numbers = itertools.count()


class SimulatedHidScanner:
    """Plugged in from the start, each time under another hidraw number. One thread owns it."""

    def __init__(
        self, root: Path, vendor: int, product: int, descriptor: bytes, *, serial: str = "", port: str = "1-1"
    ) -> None:
        self._root = root
        self._model = f"{vendor:04X}:{product:04X}"
        self._descriptor = descriptor
        self.serial = serial
        self.port = port
        self._ends: tuple[int, int] | None = None
        self._places: list[Path] = []
        self._name = ""
        self.plug()

    @property
    def node(self) -> Path:
        """Its /dev/hidraw*; the last one while it is unplugged."""
        return self._root / "dev" / self._name

    def send(self, report: bytes) -> None:
        if self._ends is not None:
            with contextlib.suppress(BlockingIOError):  # full: nobody reads
                os.write(self._ends[0], report)

    def written(self) -> bytes:
        """What has come from the host since the last time."""
        if self._ends is None:
            return b""
        try:
            return os.read(self._ends[0], 4096)
        except BlockingIOError:
            return b""

    def plug(self, port: str = "") -> None:
        if sys.platform == "win32":
            raise ValueError("Windows has no pseudo-terminals")
        import tty

        if self._ends is not None:
            return
        self.port = port or self.port
        number = next(_numbers)
        self._name = f"hidraw{number}"
        bus = self._root / "sys/devices/pci0000:00/0000:00:14.0" / f"usb{self.port.partition('-')[0]}" / self.port
        device = bus / f"{self.port}:1.0" / f"0003:{self._model}.{number:04X}"
        made = device / "hidraw" / self._name
        made.mkdir(parents=True)
        (made / "device").symlink_to("../..")
        (device / "report_descriptor").write_bytes(self._descriptor)
        vendor, product = self._model.split(":")
        (device / "uevent").write_text(
            f"DRIVER=hid-generic\nHID_ID=0003:0000{vendor}:0000{product}\nHID_NAME=Simulated scanner\n"
            f"HID_PHYS=usb-0000:00:14.0-{self.port.partition('-')[2]}/input0\nHID_UNIQ={self.serial}\n"
        )
        near, far = os.openpty()
        tty.setraw(far)  # and open here too, else the line would hang up whenever its reader closes it
        os.set_blocking(near, False)
        self._ends = near, far
        for folder in ("dev", "sys/class/hidraw"):
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        self.node.symlink_to(os.ttyname(far))
        listed = self._root / "sys/class/hidraw" / self._name
        listed.symlink_to(made)
        self._places = [self.node, listed, device]

    def unplug(self) -> None:
        """Gone, and whoever has it open finds out. Unplugged twice is unplugged."""
        if self._ends is None:
            return
        for place in self._places[:2]:
            place.unlink(missing_ok=True)
        shutil.rmtree(self._places[2])
        for end in self._ends:
            os.close(end)
        self._ends = None

    def close(self) -> None:
        self.unplug()
