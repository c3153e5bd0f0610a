"""A bar code reader that types (a keyboard wedge: a USB or Bluetooth keyboard), claimed so that it types for this program alone.

Nothing else on the machine sees what it reads, and no cursor has to stand in the right field. Only a device that the setting
names is claimed; one on which a person types is let go again. Which text the keys are is the business of keystrokes.py.
"""

from __future__ import annotations

import contextlib
import errno
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.identity import UsbIdentity, candidates
from drivers.scanners.keyboard.event_devices import (
    INPUT_EVENT,
    AttachedKeyboard,
    EventDevice,
    LinuxEventDevice,
    attached,
)
from drivers.scanners.keyboard.keystrokes import KeyEvent, Keystrokes, Suffix
from drivers.scanners.keyboard.layouts import LAYOUTS, Layout
from drivers.scanners.linux import let_in
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.scanners.scanner import SLICE_S

GROUP = "plugdev"
"""The group input would do as well, but whoever is in it may read every keyboard."""
_READS = 16  # at a time; a device that says more than that is read again after a look at the clock


class KeyboardScanner:
    """Turns keys into scans, and survives being unplugged: `read` in a loop, and wait after a DeviceAbsent.

    `clock` is the monotonic one of the system, by which the kernel times the keys. `attached` and `open_device` are what a
    test replaces.
    """

    def __init__(
        self,
        identity: UsbIdentity,
        *,
        layout: Layout = LAYOUTS["us"],
        suffix: Suffix = "enter",
        pause_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
        attached: Callable[[], Sequence[AttachedKeyboard]] | None = None,
        open_device: Callable[[str], EventDevice] | None = None,
    ) -> None:
        self._identity = identity
        self._layout = layout
        self._suffix = suffix
        self._pause_s = pause_s
        self._clock = clock
        self._name = name or f"keyboard://{identity}"
        self._attached = attached or _attached_where_it_can_be_claimed
        self._open_device = open_device or LinuxEventDevice
        self._open: list[_Claimed] = []
        self._plugged = ""
        self._typed_by_hand: set[str] = set()
        self._dropped = 0
        self._texts: deque[str] = deque()

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return bool(self._open)

    @property
    def dropped(self) -> int:
        """Codes lost since the start, see `Keystrokes.dropped`."""
        return self._dropped + sum(one.keystrokes.dropped for one in self._open)

    def open(self) -> None:
        """Claims the reader for this program alone. What it types meanwhile is discarded. An open one stays as it is.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied; a bare DeviceError where it cannot be claimed now (a key is down), or
        not at all (a person types on it, the system has no such thing).
        """
        if self._open:
            return
        there = candidates(self._identity, self._attached())
        if not there:
            hint = "Plug it in, and see that it is set to keyboard (HID) and not to serial; it is taken up by itself."
            raise DeviceAbsent(f"There is no scanner {self._identity} that types.", hint=hint)
        refused: list[DeviceError] = []
        for one in there:
            if one.plugged in self._typed_by_hand:
                refused.append(self._by_hand())
                continue
            try:
                self._claim(one)
                return
            except DeviceBusy as error:
                refused.append(error)
        raise refused[0]

    def tell(self, *, good: bool) -> None:
        """Nothing: this kind of reader beeps by itself."""

    def close(self) -> None:
        """Lets the reader go, which then types for everybody again. Scans already received can still be read."""
        claimed, self._open = self._open, []
        for one in claimed:
            one.keystrokes.reset(self._clock())
            self._dropped += one.keystrokes.dropped
            one.let_go()

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s` (give or take a twentieth of a second).

        Opens the reader if it is not open, and raises what `open` raises. An unplugged one raises DeviceAbsent at once: wait
        before reading again, it goes on once it is back.
        """
        left_s = timeout_s
        while True:
            while self._texts:
                scan = scan_from_bytes(self._texts.popleft().encode(), self._name, self._clock())
                if scan.label:
                    return scan
            self.open()
            began_at = self._clock()
            slice_s = min(max(left_s, 0.0), SLICE_S)
            is_silent = not select.select([one.device for one in self._open], [], [], slice_s)[0]
            self._take_up(began_at)
            # Silence lasted its slice, whatever the clock says: a clock that stands still must not make this wait for ever.
            left_s -= max(self._clock() - began_at, slice_s if is_silent else 0.0)
            if left_s <= 0 and not self._texts:
                return None

    def _take_up(self, now: float) -> None:
        """What was typed until now, and what silence until now ends."""
        try:
            codes = [code for one in self._open for code in one.typed(now)]
        except OSError as error:
            self.close()
            hint = "Plug it in again; it is taken up again by itself."
            raise DeviceAbsent(f"The scanner {self._name} is gone.", hint=hint) from error
        if any(one.keystrokes.is_typed_by_hand for one in self._open):
            self._typed_by_hand.add(self._plugged)
            self.close()
            raise self._by_hand()
        self._texts += codes

    def _claim(self, found: AttachedKeyboard) -> None:
        claimed: list[_Claimed] = []
        try:
            for path in found.paths:
                keystrokes = Keystrokes(self._layout, self._suffix, now=self._clock(), pause_s=self._pause_s)
                claimed.append(_Claimed(self._open_device(path), keystrokes))
                claimed[-1].claim()
                keystrokes.reset(self._clock())
        except (OSError, _KeyIsDown) as error:
            for one in claimed:
                one.let_go()
            raise self._refusal(found, error) from error
        self._open, self._plugged = claimed, found.plugged

    def _refusal(self, found: AttachedKeyboard, error: Exception) -> DeviceError:
        number = getattr(error, "errno", None)
        if isinstance(error, _KeyIsDown):
            hint = "Let go of the key or the trigger; it is taken up by itself as soon as no key is down."
            return DeviceError(f"A key is held down on the scanner {self._name}.", hint=hint)
        if number == errno.EBUSY:
            message = f"Another program has the scanner {self._name} to itself."
            return DeviceBusy(message, hint="Close that program: only one may have a scanner that types.")
        if number in (errno.EACCES, errno.EPERM):
            hint = let_in(udev_rule(found.vendor, found.product), GROUP)
            return DeviceDenied(f"This user may not open the scanner {self._name}.", hint=hint)
        return DeviceAbsent(f"The scanner {self._name} went while it was opened: {error}.", hint="Plug it in again.")

    def _by_hand(self) -> DeviceError:
        hint = (
            "If it is a keyboard, write the address of the scanner into the setting instead: pos-plugin doctor lists both. "
            "If it is the scanner, set its delay between characters to none, unplug it, and plug it in again."
        )
        message = f"{self._name} looks like a keyboard that a person types on, so it was let go and types as before."
        return DeviceError(message, hint=hint)


def udev_rule(vendor: int, product: int) -> str:
    """The line that lets the group, and whoever sits at the machine, open that reader and no other keyboard."""
    device = f'ATTRS{{id/vendor}}=="{vendor:04x}", ATTRS{{id/product}}=="{product:04x}"'
    return f'SUBSYSTEM=="input", KERNEL=="event*", {device}, MODE="0660", GROUP="{GROUP}", TAG+="uaccess"'


class _KeyIsDown(Exception):
    pass


class _Claimed:
    """One event device of the reader, and what came of its keys."""

    def __init__(self, device: EventDevice, keystrokes: Keystrokes) -> None:
        self.device = device
        self.keystrokes = keystrokes
        self._is_grabbed = False

    def claim(self) -> None:
        """Raises OSError, or _KeyIsDown: who saw a key go down would never see it come up, and would repeat it for ever."""
        self._see_that_no_key_is_down()
        self.device.grab()
        self._is_grabbed = True
        self._see_that_no_key_is_down()  # one may have gone down just before
        with contextlib.suppress(OSError):  # readers that heed the light type the other case while it is lit
            if self.device.has_caps_lock_lit():
                self.device.put_caps_lock_out()  # the kernel lights it again for whoever has it next
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READS):
                self.device.read()  # of before

    def typed(self, now: float) -> list[str]:
        codes: list[str] = []
        for _ in range(_READS):
            try:
                data = self.device.read()
            except BlockingIOError:
                return codes + self.keystrokes.expire(now)  # all that was typed before `now` has been read
            codes += self.keystrokes.feed(
                KeyEvent(seconds + microseconds / 1e6, *event)
                for seconds, microseconds, *event in INPUT_EVENT.iter_unpack(data)
            )
        return codes

    def let_go(self) -> None:
        with contextlib.suppress(OSError):  # an unplugged device may refuse even this
            if self._is_grabbed:  # closing alone would not do where a child process has the file too
                self.device.ungrab()
        with contextlib.suppress(OSError):
            self.device.close()

    def _see_that_no_key_is_down(self) -> None:
        if self.device.has_keys_down():
            raise _KeyIsDown


def _attached_where_it_can_be_claimed() -> list[AttachedKeyboard]:
    if not sys.platform.startswith("linux"):
        hint = (
            "Set the scanner to serial (virtual COM port) or to HID POS with the bar codes in its manual, and write serial:// "
            "or hid-pos://. Or leave it out of the settings and let it type into the till's page: that works everywhere."
        )
        raise DeviceError("Only on Linux can a program have a scanner that types to itself.", hint=hint)
    return attached()
