"""A bar code reader in HID POS mode (usage page 0x8C of the USB HID Point of Sale Usage Tables), through Linux's hidraw.

Knows where Linux keeps HID devices and how they fail; what their reports mean is the business of reports.py. Elsewhere, where
there is no hidraw, usb_line.py reads them. Nothing is ever written to a reader but the beep that `tell` asks for.

The kernel gives every program that opens a hidraw device a copy of each report. Two of these drivers keep apart by a lock on
it (flock); a program that does not ask for this lock may still read along, and takes nothing away by it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.hid_pos.descriptor import fields
from drivers.scanners.hid_pos.reports import Joiner, beep, is_scanner, layouts, report_bytes
from drivers.scanners.identity import UsbIdentity, candidates
from drivers.scanners.scan import ScanData, scan_from_bytes

_SYSTEM = Path("/")
_SLICE_S = 0.05
# After opening: the pieces of one code follow each other within the reader's polling interval, in practice at most 16 ms. So
# what comes this soon may be the end of a code whose beginning went before.
_SETTLE_S = 0.04
_BEEPS = 2  # how many may be on their way at once
_RING = 63  # how many reports the kernel keeps for us, HIDRAW_BUFFER_SIZE less one; what comes on top is lost


class AttachedScanner(msgspec.Struct, frozen=True):
    """A reader in HID POS mode that is there now. `says` is what it calls itself; `path` is what to open."""

    vendor: int
    product: int
    serial: str
    port: str
    path: str
    says: str
    may_open: bool
    descriptor: bytes


class Line(Protocol):
    """An open reader, by the report. Its OSErrors mean that the reader has gone."""

    def read(self, timeout_s: float) -> bytes:
        """The next report; b'' is silence."""

    @property
    def may_have_lost(self) -> bool:
        """Reports may be missing behind the last one."""

    def write(self, report: bytes) -> None:
        """Waits for nothing, and says nothing of how it went. The report's id comes first, 0 where there is none."""

    def close(self) -> None: ...


class HidPosScanner:
    """The reader that an identity names, or another of the same model in its place: see `identity.candidates`."""

    def __init__(
        self,
        wanted: UsbIdentity,
        *,
        clock: Callable[[], float] = time.monotonic,
        root: Path = _SYSTEM,
        usb: Any = None,
        name: str = "",
    ) -> None:
        self._wanted = wanted
        self._name = name or f"hid-pos://{wanted}"
        self._clock = clock
        self._root = root  # where /dev and /sys are
        self._usb = usb  # a backend of pyusb, to use in place of hidraw
        self._line: Line | None = None
        self._joiner = Joiner(())
        self._beeps: dict[bool, bytes | None] = {}
        self._dropped_before = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return self._line is not None

    @property
    def dropped(self) -> int:
        """Codes that were lost on the way: of which a piece is missing, or that no known form of a report fits."""
        return self._dropped_before + self._joiner.dropped

    def open(self) -> None:
        """Finds and claims the reader, and discards what was read before. An open one stays as it is.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied, or a bare DeviceError where its reports cannot be understood or the
        system keeps it to itself; with a hint.
        """
        if self._line is not None:
            return
        refusal: DeviceError | None = None
        for one in candidates(self._wanted, attached(self._root, self._usb)):
            try:
                self._take(one)
                return
            except DeviceDenied:
                raise
            except DeviceError as error:  # one device may have several interfaces, and one of them the codes
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        if sys.platform == "win32":
            hint = "Set the scanner to serial (USB virtual COM port), and choose it by serial://COM3."
            raise DeviceError(f"Windows keeps scanners in HID POS mode such as {self._name} to itself.", hint=hint)
        hint = (
            "Plug it in; it is found again by itself. A reader in keyboard or serial mode does not show here: scan the code "
            '"USB HID POS" (also called "HID bar code scanner") in its manual.'
        )
        raise DeviceAbsent(f"There is no scanner {self._name} in HID POS mode.", hint=hint)

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s`. Opens the reader if it is not open; a gone one is DeviceAbsent."""
        left_s = timeout_s
        while True:
            self.open()
            began_at = self._clock()
            slice_s = min(max(left_s, 0.0), _SLICE_S)
            report, may_have_lost = self._received(slice_s)
            now = self._clock()
            if report:
                code = self._joiner.feed(report, now)
                if code and (scan := scan_from_bytes(code, self._name, now)).label:
                    return scan
                if may_have_lost and self._joiner.is_inside:
                    self._joiner.lose()
            else:
                self._joiner.expire(now)
            # Silence lasted its slice, whatever the clock says: a clock that stands still must not make this wait for ever.
            left_s -= now - began_at if report else max(now - began_at, slice_s)
            if left_s <= 0 and not (report and self._joiner.is_inside):
                return None

    def tell(self, *, good: bool) -> None:
        """Sounds the reader's beep for a good read, or the one for a code not on file, where its descriptor has one."""
        report = self._beeps.get(good)
        if self._line is not None and report is not None:
            self._line.write(report)

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._joiner.reset()
            line.close()

    def _take(self, one: AttachedScanner) -> None:
        described = fields(one.descriptor)
        forms = layouts(described)
        if not forms:
            message = f"The scanner {self._name} does not say where in its reports the code is."
            raise DeviceError(message, hint="Set it to serial (USB virtual COM port), and choose it by serial://.")
        self._beeps = {good: beep(described, good=good) for good in (True, False)}
        longest = max(report_bytes(described, field.report_id) for field in described)
        has_beep = any(self._beeps.values())
        self._line = self._opened(one, longest, has_beep)
        self._dropped_before += self._joiner.dropped
        self._joiner = Joiner(forms)
        for _ in range(_RING):
            if not self._received(_SETTLE_S)[0]:
                break

    def _opened(self, one: AttachedScanner, longest: int, writes: bool) -> Line:
        if self._usb is not None or not _has_hidraw(self._root):
            from drivers.scanners.hid_pos.usb_line import UsbLine

            return UsbLine(one, longest, self._usb)
        line = _HidrawLine(one, longest, writes=writes)
        if one not in attached(self._root):  # another took its number between looking and opening
            line.close()
            raise _absent(one)
        return line

    def _received(self, timeout_s: float) -> tuple[bytes, bool]:
        assert self._line is not None
        try:
            return self._line.read(timeout_s), self._line.may_have_lost
        except OSError as error:
            self.close()
            message = f"The scanner {self._name} is gone."
            raise DeviceAbsent(message, hint="Plug it in again; it is taken up again by itself.") from error


class _HidrawLine:
    def __init__(self, one: AttachedScanner, longest: int, *, writes: bool) -> None:
        flags = os.O_RDWR if writes else os.O_RDONLY
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
        self._longest = longest
        self._in_a_row = 0
        self._beeps: list[threading.Thread] = []
        self._is_deaf = False
        try:
            self._fd = os.open(one.path, flags)
        except OSError as error:
            raise _open_error(one, error) from error
        try:
            _lock(self._fd)
        except OSError as error:
            os.close(self._fd)
            message = f"Another program reads the scanner at {one.path}."
            raise DeviceBusy(message, hint="Close that program: only one till may have the scanner.") from error
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._fd, selectors.EVENT_READ)

    @property
    def may_have_lost(self) -> bool:
        return self._in_a_row >= _RING

    def read(self, timeout_s: float) -> bytes:
        for _ in range(2):
            with contextlib.suppress(BlockingIOError):
                report = os.read(self._fd, self._longest)  # one whole report, never two
                if not report:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                self._in_a_row += 1
                return report
            self._in_a_row = 0
            if not self._selector.select(timeout_s):
                break
        return b""

    def write(self, report: bytes) -> None:
        # The kernel waits up to five seconds for a reader that does not take its report, O_NONBLOCK or not; opening and
        # closing wait with it. So one that once did not take it is not asked again until it is opened anew.
        self._beeps = [beep for beep in self._beeps if beep.is_alive()]
        if self._is_deaf or len(self._beeps) >= _BEEPS:
            return
        with contextlib.suppress(OSError, RuntimeError):
            fd = os.dup(self._fd)
            self._beeps.append(threading.Thread(target=self._beep, args=(fd, report), name="beep", daemon=True))
            self._beeps[-1].start()

    def _beep(self, fd: int, report: bytes) -> None:
        try:
            os.write(fd, report)
        except OSError:
            self._is_deaf = True
        finally:
            os.close(fd)

    def close(self) -> None:
        self._selector.close()
        with contextlib.suppress(OSError):
            _unlock(self._fd)  # a beep that is still on its way must not keep it
        os.close(self._fd)


def _lock(fd: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(fd: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_UN)


def _open_error(one: AttachedScanner, error: OSError) -> DeviceError:
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = (
            f"Write this line into /etc/udev/rules.d/70-scanner.rules: {udev_rule(one.vendor, one.product)} Then run "
            '"udevadm control --reload", add this user to the group input, log in again, and plug the scanner in anew.'
        )
        return DeviceDenied(f"This user may not open the scanner at {one.path}.", hint=hint)
    return _absent(one)


def _absent(one: AttachedScanner) -> DeviceAbsent:
    message = f"The scanner at {one.path} does not open."
    return DeviceAbsent(message, hint="Pull its cable out and plug it in again; it is found by itself.")


def udev_rule(vendor: int, product: int) -> str:
    """The line that lets the users of the group input, and whoever sits at the machine, open that model in HID POS mode.

    >>> udev_rule(0x0C2E, 0x0B81)
    'SUBSYSTEM=="hidraw", KERNELS=="*:0C2E:0B81.*", MODE="0660", GROUP="input", TAG+="uaccess"'
    """
    return f'SUBSYSTEM=="hidraw", KERNELS=="*:{vendor:04X}:{product:04X}.*", MODE="0660", GROUP="input", TAG+="uaccess"'


# Finding.


def attached(root: Path = _SYSTEM, usb: Any = None) -> list[AttachedScanner]:
    """The readers in HID POS mode that are there now: those whose report descriptor says so. Opens nothing on Linux."""
    if usb is not None or not _has_hidraw(root):
        from drivers.scanners.hid_pos.usb_line import attached_by_usb

        return attached_by_usb(usb)
    nodes = sorted((root / "sys/class/hidraw").glob("hidraw*"), key=lambda node: (len(node.name), node.name))
    found = (_described(node, root) for node in nodes)
    return [one for one in found if one is not None]


def _has_hidraw(root: Path) -> bool:
    return sys.platform.startswith("linux") or (root / "sys/class/hidraw").is_dir()


def _described(node: Path, root: Path) -> AttachedScanner | None:
    try:
        descriptor = (node / "device/report_descriptor").read_bytes()
        event = (node / "device/uevent").read_text(encoding="utf-8", errors="replace")
        place = os.path.realpath(node / "device")
    except OSError:
        return None  # unplugged this moment
    told = dict(line.split("=", 1) for line in event.splitlines() if "=" in line)
    model = re.fullmatch(r"[0-9A-F]{4}:0000([0-9A-F]{4}):0000([0-9A-F]{4})", told.get("HID_ID", ""))
    if model is None or not is_scanner(fields(descriptor)):
        return None
    path = str(root / "dev" / node.name)
    return AttachedScanner(
        vendor=int(model[1], 16),
        product=int(model[2], 16),
        serial=told.get("HID_UNIQ", ""),
        port=_port(place),
        path=path,
        says=told.get("HID_NAME", "").strip() or "a scanner that does not say what it is",
        may_open=os.access(path, os.R_OK | os.W_OK),
        descriptor=descriptor,
    )


def _port(place: str) -> str:
    """Where it is plugged in, out of its folder in /sys; '' for one that is on no USB bus.

    >>> _port("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/0003:0C2E:0B81.0001")
    '1-1.4'
    """
    interfaces = re.findall(r"(?<=/)(\d+-\d+(?:\.\d+)*):\d+\.\d+(?=/)", place)
    return interfaces[-1] if interfaces else ""
