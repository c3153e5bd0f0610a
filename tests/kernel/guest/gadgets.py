"""USB devices that this kernel makes itself (configfs gadgets) and plugs into a bus of its own (dummy_hcd).

Between the two ends is the kernel's whole USB stack: enumeration, class drivers, device files, libusb's devices.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from drivers.document import Cut, Document, Text
from drivers.escpos import encode, profile
from drivers.simulated.printer import SimulatedPrinter

GADGETS = Path("/sys/kernel/config/usb_gadget")
SLOTS = 3  # how many devices can be plugged in at once, each into a bus of its own
VENDOR, PRODUCT = 0x04B8, 0x0202
HEALTHY, PAPER_EMPTY = 0x18, 0x30  # GET_PORT_STATUS
SET_PRINTER_STATUS = 0xC0016722  # _IOWR('g', 0x22, unsigned char) of linux/usb/g_printer.h
SOON_S = 20  # an emulated machine is slow; nothing here is proven by waiting so long

_numbers = itertools.count()
T = TypeVar("T")


def load(module: str, *settings: str) -> None:
    subprocess.run(["modprobe", "-d", os.environ["KERNEL"], module, *settings], check=True, timeout=30)


def wait_for(claim: Callable[[], object], what: str, timeout_s: float = SOON_S) -> None:
    """Until the kernel has done its part. The claim must come true; that it does not is a failure."""
    give_up = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < give_up, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.01)


def receipt(text: str) -> bytes:
    return encode(Document(42, (Text(text), Cut())), profile("default"))


class Gadget:
    """A USB device of one function, plugged in. `slot` chooses the bus, and with it the port's path on the host."""

    def __init__(
        self,
        function: str,
        slot: int,
        serial: str,
        *,
        model: str = "TM-T20",
        settings: dict[str, str | bytes] | None = None,
    ):
        self.slot = slot
        self._folder = GADGETS / f"g{next(_numbers)}"
        self._folder.mkdir()
        kind, _, number = function.partition(".")
        self._function = self._folder / "functions" / f"{kind}.{number or 'usb0'}"
        for path, value in (("idVendor", hex(VENDOR)), ("idProduct", hex(PRODUCT)), ("bcdUSB", "0x0200")):
            (self._folder / path).write_text(value)
        for folder in ("strings/0x409", "configs/c.1"):
            (self._folder / folder).mkdir()
        self._function.mkdir()
        strings = self._folder / "strings" / "0x409"
        for name, value in (("serialnumber", serial), ("manufacturer", "EPSON"), ("product", model)):
            (strings / name).write_text(value)
        for name, value in (settings or {}).items():
            (self._function / name).write_bytes(value if isinstance(value, bytes) else value.encode())
        self._link = self._folder / "configs" / "c.1" / self._function.name
        self._link.symlink_to(self._function)
        self.insert()

    @property
    def port_path(self) -> str:
        """Where it is plugged in, as the drivers write it."""
        bus = next(Path(f"/sys/devices/platform/dummy_hcd.{self.slot}").glob("usb*"))
        return f"{bus.name.removeprefix('usb')}-1"

    @property
    def is_seen(self) -> bool:
        return Path("/sys/bus/usb/devices", f"{self.port_path}:1.0").exists()  # its interface: it is configured as well

    def pull(self) -> None:
        """The cable, out of the socket: the host's end is gone, the device's own stays open."""
        self._switch_port_off("1")
        wait_for(lambda: not self.is_seen, "the kernel notices that the device has gone")

    def plug(self) -> None:
        self._switch_port_off("0")
        wait_for(lambda: self.is_seen, "the kernel finds the device")

    def withdraw(self) -> None:
        """Off the bus altogether; the device's own end must be closed, as the kernel does not survive it otherwise."""
        with contextlib.suppress(OSError):  # it was
            (self._folder / "UDC").write_text("\n")

    def insert(self) -> None:
        (self._folder / "UDC").write_text(f"dummy_udc.{self.slot}")
        wait_for(lambda: self.is_seen, "the kernel finds the device")

    def close(self) -> None:
        self._switch_port_off("0")
        self.withdraw()
        self._link.unlink()
        for folder in ("configs/c.1", f"functions/{self._function.name}", "strings/0x409", ""):
            (self._folder / folder).rmdir()

    def read(self, setting: str) -> str:
        return (self._function / setting).read_text().strip()

    def _switch_port_off(self, off: str) -> None:
        bus = self.port_path.partition("-")[0]
        Path(f"/sys/bus/usb/devices/usb{bus}/{bus}-0:1.0/usb{bus}-port1/disable").write_text(off)


class PrinterGadget(Gadget):
    """A printer of the USB printer class, two-way. Its own end is `device`, to be read by whoever is the printer."""

    def __init__(self, slot: int = 0, serial: str = "SN0001", *, answers: int = 1) -> None:
        # With more `answers` than that not yet read the next is lost. The kernel cuts two characters off the id.
        ident = f"MFG:EPSON;CMD:ESC/POS;MDL:TM-T20;CLS:PRINTER;SN:{serial};  "
        before = set(Path("/dev").glob("g_printer*"))
        super().__init__(f"printer.usb{slot}", slot, serial, settings={"pnp_string": ident, "q_len": str(answers)})
        wait_for(lambda: set(Path("/dev").glob("g_printer*")) - before, "the device end of the printer")
        self.device = str((set(Path("/dev").glob("g_printer*")) - before).pop())


class DeviceEnd:
    """A device's own end of the cable, opened again whenever the host has gone or begins anew."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None

    def fd(self) -> int | None:
        """None while it cannot be opened."""
        if self._fd is None:
            with contextlib.suppress(OSError):
                self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
                if os.isatty(self._fd):
                    tty.setraw(self._fd, termios.TCSANOW)  # by default it would drop what has come already
        return self._fd

    def read(self, limit: int = 8192) -> bytes:
        """What has come; b'' is silence."""
        return self._attempt(lambda fd: os.read(fd, limit), b"")

    def write(self, data: bytes) -> int:
        """How much of it was taken."""
        return self._attempt(lambda fd: os.write(fd, data), 0)

    def _attempt(self, act: Callable[[int], T], nothing: T) -> T:
        fd = self.fd()
        try:
            done = nothing if fd is None else act(fd)
        except BlockingIOError:
            return nothing
        except OSError:
            done = nothing
        if not done:  # hung up
            self.close()
        return done

    def wait(self, timeout_s: float) -> None:
        fd = self.fd()
        if fd is None or not select.select([fd], [], [], timeout_s)[0]:
            time.sleep(0.001 if fd else timeout_s)

    def set_port_status(self, status: int) -> None:
        fd = self.fd()
        assert fd is not None
        fcntl.ioctl(fd, SET_PRINTER_STATUS, status)

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class SerialGadget(Gadget):
    """A device on a serial line by USB (CDC ACM): the host sees /dev/ttyACM*, its own end is `device`."""

    def __init__(self, slot: int = 0, serial: str = "SN0009") -> None:
        super().__init__(f"acm.usb{slot}", slot, serial, model="Serial device")
        self.device = f"/dev/ttyGS{self.read('port_num')}"


class PluggedPrinter:
    """A simulated printer at the other end of a cable that a test can pull."""

    def __init__(self, gadget: Any, **printer: Any) -> None:
        self.gadget = gadget
        self.simulated = SimulatedPrinter(**printer)
        self._connect()

    def pull(self) -> None:
        """The cable; the printer keeps its power, and goes on with what it has received."""
        self.gadget.pull()

    def plug(self) -> None:
        self.gadget.plug()

    def printed(self) -> list[str]:
        """The text of each piece of paper that was cut off."""
        return ["".join(line for line in piece.lines if line) for piece in self.simulated.receipts]

    def close(self) -> None:
        self.simulated.close()
        self.gadget.close()

    def _connect(self) -> None: ...


class UsbPrinter(PluggedPrinter):
    """Behind a USB cable."""

    def switch_off(self) -> None:
        """It is gone from the bus, and what it had received and not printed is lost."""
        self.simulated.unplug()
        self.gadget.withdraw()

    def switch_on(self) -> None:
        self.gadget.insert()
        self.simulated.plug()

    def move(self, slot: int) -> None:
        """Into another socket."""
        self.switch_off()
        self.gadget.slot = slot
        self.switch_on()

    def _connect(self) -> None:
        self.simulated.serve_gadget(self.gadget.device)


class SerialPrinter(PluggedPrinter):
    """Behind a serial line."""

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._end.close()
        super().close()

    def _connect(self) -> None:
        self._attachment = self.simulated.attach()
        self._end = DeviceEnd(self.gadget.device)
        assert self._end.fd() is not None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="printer's end of the line", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        held = b""
        while not self._ended.is_set():
            held = held or self._end.read()
            held = held[self._attachment.write(held) :]
            replies = self._attachment.read()
            while replies and (taken := self._end.write(replies)):  # what nobody takes is lost
                replies = replies[taken:]
            self._end.wait(0.01)
