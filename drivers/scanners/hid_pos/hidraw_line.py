"""A reader in HID POS mode by Linux's hidraw. Knows where Linux keeps HID devices and how they fail.

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
from pathlib import Path

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.hid_pos.descriptor import fields
from drivers.scanners.hid_pos.line import AttachedScanner
from drivers.scanners.hid_pos.reports import is_scanner
from drivers.scanners.linux import let_in, usb_port

GROUP = "input"
RING = 63
"""How many reports the kernel keeps for us, HIDRAW_BUFFER_SIZE less one; what comes on top is lost."""
_BEEPS = 2  # how many may be on their way at once


def has_hidraw(root: Path) -> bool:
    return sys.platform.startswith("linux") or (root / "sys/class/hidraw").is_dir()


def attached_by_hidraw(root: Path) -> list[AttachedScanner]:
    """Those whose report descriptor says that they are readers. Opens nothing."""
    nodes = sorted((root / "sys/class/hidraw").glob("hidraw*"), key=lambda node: (len(node.name), node.name))
    found = (_described(node, root) for node in nodes)
    return [one for one in found if one is not None]


def _described(node: Path, root: Path) -> AttachedScanner | None:
    try:
        descriptor = (node / "device/report_descriptor").read_bytes()
        event = (node / "device/uevent").read_text(encoding="utf-8", errors="replace")
        place = (node / "device").resolve()
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
        port=usb_port(place),
        path=path,
        says=told.get("HID_NAME", "").strip() or "a scanner that does not say what it is",
        may_open=os.access(path, os.R_OK | os.W_OK),
        descriptor=descriptor,
    )


class HidrawLine:
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
        return self._in_a_row >= RING

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
        hint = let_in(udev_rule(one.vendor, one.product), GROUP)
        return DeviceDenied(f"This user may not open the scanner at {one.path}.", hint=hint)
    return absent(one)


def absent(one: AttachedScanner) -> DeviceAbsent:
    message = f"The scanner at {one.path} does not open."
    return DeviceAbsent(message, hint="Pull its cable out and plug it in again; it is found by itself.")


def udev_rule(vendor: int, product: int) -> str:
    """The line that lets the group, and whoever sits at the machine, open that model in HID POS mode.

    >>> udev_rule(0x0C2E, 0x0B81)
    'SUBSYSTEM=="hidraw", KERNELS=="*:0C2E:0B81.*", MODE="0660", GROUP="input", TAG+="uaccess"'
    """
    return (
        f'SUBSYSTEM=="hidraw", KERNELS=="*:{vendor:04X}:{product:04X}.*", MODE="0660", GROUP="{GROUP}", TAG+="uaccess"'
    )
