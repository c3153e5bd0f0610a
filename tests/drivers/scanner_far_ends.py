"""The reader's side of every way of attaching one, in the hands of a test. A new driver is one more row of `FAR_ENDS`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hid_makers import MAKES

from bench.drawn_codes import Damage, draw, jittered
from drivers.scanners import Scanner, scanner_from_url
from drivers.scanners.camera.agreement import AWAY_S
from drivers.scanners.camera.scanner import CameraScanner
from drivers.scanners.hid_pos.scanner import HidPosScanner
from drivers.scanners.identity import UsbIdentity
from drivers.scanners.keyboard.scanner import KeyboardScanner
from drivers.simulated.scanners.camera import SimulatedCamera
from drivers.simulated.scanners.hid_pos import SimulatedHidScanner
from drivers.simulated.scanners.keyboard import SimulatedKeyboard
from drivers.simulated.scanners.lines import SimulatedScanner
from drivers.simulated.scanners.ssi import SimulatedSsiReader
from drivers.simulated.scanners.wires import WireKind

Clock = Callable[[], float]


class FarEnd:
    """One reader, plugged in from the start. `address` stays the same, however often it is unplugged."""

    address: str
    simulated: Any
    claims = True  # a second program that opens it is refused as busy
    names_symbology = True  # a scan with the identifier `]E0` arrives as ean13
    in_pieces = True  # a scan takes time on its way: `begin` and `finish` do something
    is_noisy = True  # the way can carry bytes that no reader sent: `noise` does something

    def scanner(self, clock: Clock) -> Scanner:
        """The driver under test, not yet open. A far end that no address leads to makes its own."""
        return scanner_from_url(self.address, clock=clock)

    def scan(self, label: str, aim: str = "") -> None:
        """Reads a code. `aim` is its identifier, such as `]E0`; waits for nobody who listens."""
        self.begin(label, aim)
        self.finish()

    def begin(self, label: str, aim: str = "") -> None:
        """The first half of a scan is on its way."""
        raise NotImplementedError

    def finish(self) -> None:
        """The other half."""
        raise NotImplementedError

    def noise(self, data: bytes) -> None:
        """These bytes arrive, and belong to no scan. They hold no line end."""
        raise NotImplementedError

    def unplug(self) -> None:
        """Gone, and whoever has it open finds out."""
        self.simulated.unplug()

    def plug(self) -> None:
        self.simulated.plug()

    def close(self) -> None:
        self.simulated.close()


class OfLines(FarEnd):
    """Lines on a wire of `SimulatedScanner`."""

    wire: WireKind

    def __init__(self, folder: Path) -> None:
        self.simulated = SimulatedScanner(folder, wire=self.wire)
        self.address = self.simulated.address

    def begin(self, label: str, aim: str = "") -> None:
        whole = (aim + label + "\r").encode()
        half = len(whole) // 2
        self._rest = whole[half:]
        self.simulated.send(whole[:half])

    def finish(self) -> None:
        self.simulated.send(self._rest)

    def noise(self, data: bytes) -> None:
        self.simulated.send(data)


class OnSerialLine(OfLines):
    wire = "pty"


class OnTcp(OfLines):
    wire = "tcp"
    claims = False  # some readers serve several, and one that serves one alone refuses like one that is off


class Calling(OfLines):
    wire = "calling"


class OfSsi(FarEnd):
    """Zebra's packets; the reader says the kind of code by a byte of its own."""

    wire: WireKind

    def __init__(self, folder: Path) -> None:
        self.simulated = SimulatedSsiReader(folder, wire=self.wire)
        self.address = self.simulated.address

    def scan(self, label: str, aim: str = "") -> None:
        self.simulated.wait_until(
            lambda: self.simulated.enabled, 0.5
        )  # a host that has just opened it enables it in a moment
        self.simulated.scan(label, "ean13" if aim == "]E0" else "qr")

    def begin(self, label: str, aim: str = "") -> None:
        self.simulated.begin(label)

    def finish(self) -> None:
        self.simulated.finish()

    def noise(self, data: bytes) -> None:
        self.simulated.send(data)


class SsiOnSerialLine(OfSsi):
    wire = "pty"


class SsiOnTcp(OfSsi):
    wire = "tcp"
    claims = False


class OnHidPos(FarEnd):
    """Reports through a hidraw device. A code comes in as many reports as the test sees halves."""

    def __init__(self, folder: Path) -> None:
        make = self._make = MAKES["honeywell"]
        self._root = folder
        self.simulated = SimulatedHidScanner(folder, make.vendor, make.product, make.descriptor, serial="17")
        self.address = f"hid-pos://{make.vendor:04x}:{make.product:04x}?serial=17"

    def scanner(self, clock: Clock) -> Scanner:
        return HidPosScanner(UsbIdentity(self._make.vendor, self._make.product, "17"), clock=clock, root=self._root)

    def scan(self, label: str, aim: str = "") -> None:
        for report in self._make.reports(label.encode(), aim.encode()):
            self.simulated.send(report)

    def begin(self, label: str, aim: str = "") -> None:
        data, half = label.encode(), len(label) // 2
        self.simulated.send(self._make.form(data[:half], aim.encode(), True))
        self._rest = self._make.form(data[half:], aim.encode(), False)

    def finish(self) -> None:
        self.simulated.send(self._rest)

    def noise(self, data: bytes) -> None:
        """USB checks each report's bytes itself; what may come is a report of another kind."""
        self.simulated.send(b"\x03" + data.ljust(63, b"\0"))


class OfKeys(FarEnd):
    """A keyboard whose event devices are sockets."""

    def __init__(self, folder: Path) -> None:
        self.simulated = SimulatedKeyboard()

    def scanner(self, clock: Clock) -> Scanner:
        identity = UsbIdentity(0x05E0, 0x1200)
        plug = self.simulated
        return KeyboardScanner(identity, clock=clock, attached=plug.attached, open_device=plug.open)

    def begin(self, label: str, aim: str = "") -> None:
        whole = aim + label + "\r"
        half = len(whole) // 2
        self._rest = whole[half:]
        self.simulated.rest()
        self.simulated.type(whole[:half])

    def finish(self) -> None:
        self.simulated.type(self._rest)

    def noise(self, data: bytes) -> None:
        self.simulated.rest()
        self.simulated.type("".join(chr(byte) if byte < 0x7F else "?" for byte in data))


class BeforeCamera(FarEnd):
    """A card is held before a camera for three frames, and taken away again for longer than a card rests between two scans."""

    in_pieces = False
    is_noisy = False

    def __init__(self, folder: Path) -> None:
        self.simulated = SimulatedCamera(folder)
        self.address = "camera://046d:0825?serial=ABC123"

    def scanner(self, clock: Clock) -> Scanner:
        camera = self.simulated
        return CameraScanner(
            UsbIdentity(camera.vendor, camera.product, camera.serial) if sys.platform == "linux" else 0,
            clock=lambda: camera.now(clock()),
            name=self.address,
            open_capture=camera.open_capture,
            root=camera.root,
        )

    def scan(self, label: str, aim: str = "") -> None:
        card = draw([("ean13", label)], Damage(module=2.0), 1, (480, 320))
        self.simulated.show(*jittered(card, 3, 1))
        self.simulated.show(self.simulated.table(), after_s=AWAY_S * 2)
        self.simulated.show(self.simulated.table())


FAR_ENDS: dict[str, Callable[[Path], FarEnd]] = {
    "tcp": OnTcp,
    "listen": Calling,
    "ssi on tcp": SsiOnTcp,
    "keyboard": OfKeys,
    "camera": BeforeCamera,
}
if sys.platform != "win32":  # which has no pseudo-terminals
    FAR_ENDS |= {"serial": OnSerialLine, "ssi": SsiOnSerialLine, "hid-pos": OnHidPos}
