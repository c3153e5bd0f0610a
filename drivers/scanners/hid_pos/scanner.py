"""A bar code reader in HID POS mode (usage page 0x8C of the USB HID Point of Sale Usage Tables).

Its reports come through Linux's hidraw (hidraw_line.py), or where there is none by libusb (usb_line.py); what they mean is the
business of reports.py. Nothing is ever written to a reader but the beep that `tell` asks for.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.errors import DeviceAbsent, DeviceDenied, DeviceError
from drivers.scanners.hid_pos.descriptor import fields
from drivers.scanners.hid_pos.hidraw_line import RING, HidrawLine, absent, attached_by_hidraw, has_hidraw
from drivers.scanners.hid_pos.line import AttachedScanner, Line
from drivers.scanners.hid_pos.reports import Joiner, beep, layouts, report_bytes
from drivers.scanners.identity import UsbIdentity, candidates
from drivers.scanners.linux import SYSTEM
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.scanners.scanner import SLICE_S

# After opening: the pieces of one code follow each other within the reader's polling interval, in practice at most 16 ms. So
# what comes this soon may be the end of a code whose beginning went before.
_SETTLE_S = 0.04


class HidPosScanner:
    """The reader that an identity names, or another of the same model in its place: see `identity.candidates`."""

    def __init__(
        self,
        wanted: UsbIdentity,
        *,
        clock: Callable[[], float] = time.monotonic,
        root: Path = SYSTEM,
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
            slice_s = min(max(left_s, 0.0), SLICE_S)
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
        for _ in range(RING):
            if not self._received(_SETTLE_S)[0]:
                break

    def _opened(self, one: AttachedScanner, longest: int, writes: bool) -> Line:
        if self._usb is not None or not has_hidraw(self._root):
            from drivers.scanners.hid_pos.usb_line import UsbLine

            return UsbLine(one, longest, self._usb)
        line = HidrawLine(one, longest, writes=writes)
        if one not in attached(self._root):  # another took its number between looking and opening
            line.close()
            raise absent(one)
        return line

    def _received(self, timeout_s: float) -> tuple[bytes, bool]:
        assert self._line is not None
        try:
            return self._line.read(timeout_s), self._line.may_have_lost
        except OSError as error:
            self.close()
            message = f"The scanner {self._name} is gone."
            raise DeviceAbsent(message, hint="Plug it in again; it is taken up again by itself.") from error


def attached(root: Path = SYSTEM, usb: Any = None) -> list[AttachedScanner]:
    """The readers in HID POS mode that are there now: those whose report descriptor says so. Opens nothing on Linux."""
    if usb is not None or not has_hidraw(root):
        from drivers.scanners.hid_pos.usb_line import attached_by_usb

        return attached_by_usb(usb)
    return attached_by_hidraw(root)
