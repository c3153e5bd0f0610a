"""The keyboards of this machine as Linux's evdev has them (linux/input.h): which are there, and one of them opened.

By the kernel's own files and requests, without a library: none has a wheel for every processor that tills have. Knows what
a key event is made of, and not what it writes.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import struct
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from drivers.scanners.identity import Attached
from drivers.scanners.linux import SYSTEM, first_line, place_of, usb_port

INPUT_EVENT = struct.Struct("@llHHi")  # struct input_event: seconds, microseconds, type, code, value
EV_LED, LED_CAPS_LOCK = 0x11, 1

# _IOW('E', …) and _IOR('E', …), as every processor but a few old ones numbers them.
_EVIOCGRAB = 0x40044590
_EVIOCSCLOCKID = 0x400445A0
_EVIOCSMASK = 0x40104593
_EVIOCGKEY_96 = 0x80604518
_EVIOCGLED_8 = 0x80084519
_CLOCK_MONOTONIC = 1

_READ_EVENTS = 256


class AttachedKeyboard(Attached, frozen=True, kw_only=True):
    """A keyboard that is there now, be it a reader or one that people type on.

    `paths` are the event devices of it that have letters; a reader may have others, of a mouse or for volume keys.
    `plugged` is the kernel's name for this time that it is plugged in, which never comes again.
    """

    paths: tuple[str, ...]
    plugged: str


class EventDevice(Protocol):
    """An open event device. All may raise OSError; `read` raises BlockingIOError where there is nothing."""

    def fileno(self) -> int: ...
    def read(self) -> bytes: ...
    def grab(self) -> None: ...
    def ungrab(self) -> None: ...
    def has_keys_down(self) -> bool: ...
    def has_caps_lock_lit(self) -> bool: ...
    def put_caps_lock_out(self) -> None: ...
    def close(self) -> None: ...


def attached(root: Path = SYSTEM) -> list[AttachedKeyboard]:
    """Every keyboard of this machine, without opening any; none on Windows and macOS. `root` is where /dev and /sys are."""
    whole: dict[str, AttachedKeyboard] = {}
    events = (root / "sys/class/input").glob("event*")
    for event in sorted(events, key=lambda path: int(path.name.removeprefix("event"))):
        device = event / "device"
        if not _has_letters(first_line(device / "capabilities/key")):
            continue
        place = place_of(event)
        if place is None:
            continue
        path = f"/dev/input/{event.name}"
        port = usb_port(place)
        found = AttachedKeyboard(
            vendor=int(first_line(device / "id/vendor") or "0", 16),
            product=int(first_line(device / "id/product") or "0", 16),
            serial=first_line(device / "uniq"),
            port=port,
            says=first_line(device / "name"),
            path=path,
            paths=(path,),
            plugged=place.parent.name,
            may_open=os.access(root / path.lstrip("/"), os.R_OK),
        )
        # The interfaces of one USB device are input devices of their own, at the same port. So are the Bluetooth readers of one
        # USB adapter, but each has a number of its own.
        key = f"{port} {found.vendor} {found.product} {found.serial}" if port else found.plugged
        if before := whole.get(key):
            found = msgspec.structs.replace(
                before, paths=(*before.paths, path), may_open=before.may_open and found.may_open
            )
        whole[key] = found
    return list(whole.values())


class LinuxEventDevice:
    """Opening it claims nothing, and others see what it types until it is grabbed. Raises OSError."""

    _fd: int

    def __init__(self, path: str) -> None:
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, "Windows has no such devices")
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._fd = os.open(path, os.O_RDWR | flags)
        except PermissionError:
            self._fd = os.open(path, os.O_RDONLY | flags)  # enough for all but the light
        try:
            self._ask(_EVIOCSCLOCKID, struct.pack("@i", _CLOCK_MONOTONIC))
        except OSError:
            os.close(self._fd)
            raise
        # The kernel keeps 64 events for who does not read at once. A key makes six, of which these are four.
        kinds = array.array("B", [0b11, *bytes(7)])  # EV_SYN and EV_KEY
        with contextlib.suppress(OSError):  # older than Linux 4.4
            self._ask(_EVIOCSMASK, struct.pack("@IIQ", 0, len(kinds), kinds.buffer_info()[0]))

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes:
        return os.read(self._fd, _READ_EVENTS * INPUT_EVENT.size)

    def grab(self) -> None:
        self._ask(_EVIOCGRAB, 1)

    def ungrab(self) -> None:
        self._ask(_EVIOCGRAB, 0)

    def has_keys_down(self) -> bool:
        return any(self._ask(_EVIOCGKEY_96, bytes(96)))

    def has_caps_lock_lit(self) -> bool:
        lit: bytes = self._ask(_EVIOCGLED_8, bytes(8))
        return bool(lit[0] >> LED_CAPS_LOCK & 1)

    def put_caps_lock_out(self) -> None:
        os.write(self._fd, INPUT_EVENT.pack(0, 0, EV_LED, LED_CAPS_LOCK, 0) + INPUT_EVENT.pack(0, 0, 0, 0, 0))

    def close(self) -> None:
        os.close(self._fd)

    def _ask(self, request: int, argument: int | bytes) -> bytes:
        if sys.platform == "win32":
            return b""
        import fcntl

        answer = fcntl.ioctl(self._fd, request, argument)
        return answer if isinstance(answer, bytes) else b""


def _has_letters(bits: str) -> bool:
    """Of a line of `capabilities/key`: words of the machine's width in hexadecimal, the highest first."""
    keys: int = 0
    for word in bits.split():
        keys = keys << struct.calcsize("@l") * 8 | int(word, 16)
    letters_and_digits: int = sum(1 << key for key in (*range(2, 12), *range(16, 26)))  # 1 to 0, and Q to P
    return not letters_and_digits & ~keys
