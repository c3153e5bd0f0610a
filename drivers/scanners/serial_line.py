"""A bar code reader on a serial line: an RS-232 or USB virtual COM port, a pseudo-terminal, or `socket://host:port`.

Knows pyserial and how it fails on each system. Sends nothing to the reader. One thread owns a scanner.
"""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.framing import LINE_ENDS, Framer
from drivers.scanners.scan import ScanData, scan_from_bytes

if sys.platform == "win32":
    _WIRE_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    import termios

    # pyserial lets the system's own errors through in places: in_waiting raises a bare OSError, tcflush a termios.error.
    _WIRE_ERRORS = (OSError, termios.error)

_OPEN_ERRORS: tuple[type[Exception], ...] = (*_WIRE_ERRORS, ValueError)  # an unknown scheme, an impossible speed

# The port's own time-out never changes: setting one configures the port again, which some USB adapters answer by losing bytes.
_SLICE_S = 0.05
_READ_BYTES = 4096


class SerialScanner:
    """Turns bytes into scans, and survives being unplugged: `read` in a loop, and wait after a DeviceAbsent.

    Scans are timed when they are read, so a reader should be read at once, by a thread of its own.

    `clock` times scans and idle frames, in seconds that only grow; waiting on the wire itself takes real time.
    """

    def __init__(
        self,
        port: str,
        *,
        baudrate: int = 9600,
        prefix: bytes = b"",
        suffix: bytes | tuple[bytes, ...] = LINE_ENDS,
        max_bytes: int = 8192,
        idle_timeout_s: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
    ) -> None:
        self._address = port
        self._name = name or port
        self._baudrate = baudrate
        self._framer = Framer(prefix, suffix, max_bytes=max_bytes, idle_timeout_s=idle_timeout_s)
        self._clock = clock
        self._port: Any = None  # a serial.Serial while open; pyserial has no types
        self._frames: deque[bytes] = deque()

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return self._port is not None

    @property
    def dropped(self) -> int:
        """Frames lost on the wire since the start, see `Framer.dropped`."""
        return self._framer.dropped

    def open(self) -> None:
        """Claims the port for this program alone. What was scanned before is discarded. An open one stays as it is.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied, or a bare DeviceError where the port's name or speed is wrong.
        """
        if self._port is not None:
            return
        import serial

        try:
            self._port = serial.serial_for_url(self._address, self._baudrate, timeout=_SLICE_S, exclusive=True)
        except _OPEN_ERRORS as error:
            raise _open_error(self._address, error) from error

    def tell(self, *, good: bool) -> None:
        """Nothing: this kind of reader beeps by itself."""

    def close(self) -> None:
        """Lets the port go. Scans already received can still be read; `read` opens the port again after them."""
        port, self._port = self._port, None
        if port is not None:
            self._framer.reset()
            with contextlib.suppress(*_WIRE_ERRORS):  # an unplugged port may refuse even this
                port.close()

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s` (give or take a twentieth of a second).

        Opens the port if it is not open, and raises what `open` raises. An unplugged reader raises DeviceAbsent at once, so
        wait before reading again: it tries to open the port anew, and goes on once the reader is back.
        """
        left_s = timeout_s
        while True:
            while self._frames:
                scan = scan_from_bytes(self._frames.popleft(), self._name, self._clock())
                if scan.label:
                    return scan
            self.open()
            began_at = self._clock()
            data = self._received()
            now = self._clock()
            self._frames += self._framer.feed(data, now) if data else self._framer.expire(now)
            # Silence lasted its slice, whatever the clock says: a clock that stands still must not make this wait for ever.
            left_s -= now - began_at if data else max(now - began_at, _SLICE_S)
            if left_s <= 0 and not self._frames:
                return None

    def _received(self) -> bytes:
        try:
            data = bytes(self._port.read(1))
            if data and (waiting := self._port.in_waiting):
                data += bytes(self._port.read(min(waiting, _READ_BYTES)))
            return data
        except _WIRE_ERRORS as error:
            self.close()
            message = f"The scanner at {self._address} is gone."
            raise DeviceAbsent(message, hint="Plug it in again; it is taken up again by itself.") from error


def _open_error(port: str, error: Exception) -> DeviceError:
    # pyserial carries the errno in the exception, in the one it was handling, or, on Windows, only in its text.
    codes = {_errno(error), _errno(error.__context__)}
    if codes & {errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY} or (codes == {None} and "PermissionError" in str(error)):
        message = f"Another program has the scanner port {port} open."
        return DeviceBusy(message, hint="Close that program, or choose another port.")
    if codes & {errno.EACCES, errno.EPERM}:
        hint = f"Add this user to the group that owns the port ({_group(port)}), and log in again."
        return DeviceDenied(f"This user may not open the scanner port {port}.", hint=hint)
    if isinstance(error, ValueError) or codes & {errno.ENOTTY, errno.EISDIR}:
        hint = "Write a port such as /dev/ttyACM0, COM3 or socket://192.168.1.60:4000, and a usual speed such as 9600."
        return DeviceError(f"{port} is not a serial port that can be opened like this: {error}.", hint=hint)
    hint = "Plug it in, see that it is set to serial (virtual COM port) and not to keyboard, and check the port's name."
    return DeviceAbsent(f"There is no scanner at {port}.", hint=hint)


def _errno(error: BaseException | None) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    # termios.error carries it too, but is no OSError.
    return error.args[0] if error is not None and error.args and isinstance(error.args[0], int) else None


def _group(port: str) -> str:
    if sys.platform != "win32":
        with contextlib.suppress(OSError, KeyError):
            return Path(port).group()
    return "dialout on Debian, uucp on Arch"
