"""A serial port, by its name or by which USB device it is: bytes to and from one reader.

Knows pyserial and how it fails on each system. Knows no scan.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.identity import Attached, UsbIdentity, candidates
from drivers.scanners.scanner import SLICE_S

if sys.platform == "win32":
    _WIRE_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    import termios

    # pyserial lets the system's own errors through in places: in_waiting raises a bare OSError, tcflush a termios.error.
    _WIRE_ERRORS = (OSError, termios.error)

# Of an unknown scheme, or an impossible speed.
_OPEN_ERRORS: tuple[type[Exception], ...] = (*_WIRE_ERRORS, ValueError, OverflowError)

_READ_BYTES = 4096

Parity = Literal["none", "even", "odd"]


def attached(ports: Iterable[Any] | None = None) -> list[Attached]:
    """The serial ports that are there now, in the order of their names; `ports` as pyserial lists them."""
    if ports is None:
        from serial.tools import list_ports

        try:
            ports = list_ports.comports()
        except TypeError:  # what pyserial makes of a device that was pulled out while it looked
            ports = ()
    found = [_described(port) for port in ports]
    return sorted(found, key=lambda one: (len(one.path), one.path))  # ttyACM2 before ttyACM10


def _described(port: Any) -> Attached:
    path = str(port.device)
    known = port.description not in (None, "n/a", port.device)
    return Attached(
        path,
        port.vid or 0,
        port.pid or 0,
        port.serial_number or "",
        (port.location or "").partition(":")[0],  # without the interface, as in 1-1.4:1.0
        port.description if known else "",
        sys.platform == "win32" or os.access(path, os.R_OK | os.W_OK),
    )


class SerialPort:
    """`where` is a port's name (or pyserial's `socket://host:port`), or a USB device, looked for at each opening.

    With `asks_to_send` the line RTS is raised only while something is sent, as Zebra's readers want it; else it stays up.
    """

    def __init__(
        self,
        where: str | UsbIdentity,
        baudrate: int = 9600,
        *,
        parity: Parity = "none",
        bytesize: int = 8,
        asks_to_send: bool = False,
        there: Callable[[], list[Attached]] = attached,
    ) -> None:
        self._where = where
        self._baudrate = baudrate
        self._parity = parity
        self._bytesize = bytesize
        self._asks_to_send = asks_to_send
        self._there = there
        self._path = ""  # of the port that is open, or was
        self._port: Any = None  # a serial.Serial while open; pyserial has no types
        self._has_written = False
        self._closing: threading.Thread | None = None  # of a port that could not be closed at once

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def open(self) -> None:
        if self._port is not None:
            return
        if self._closing is not None and self._closing.is_alive():
            hint = "Unplug it and plug it in again, or wait for half a minute."
            raise DeviceBusy(f"The port {self._path} still holds what the scanner did not take.", hint=hint)
        if isinstance(self._where, str):
            self._port = self._opened(self._where)
            return
        refusal: DeviceError | None = None
        for candidate in candidates(self._where, self._there()):
            try:
                self._port = self._opened(candidate.path)
                return
            except DeviceError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        hint = "Plug it in, and see that it is set to serial (virtual COM port) and not to keyboard."
        raise DeviceAbsent(f"No serial scanner {self._where} is plugged in.", hint=hint)

    def receive(self) -> bytes:
        try:
            data = bytes(self._port.read(1))
            if data and (waiting := self._port.in_waiting):
                data += bytes(self._port.read(min(waiting, _READ_BYTES)))
            elif not data:
                self._has_sent()
            return data
        except _WIRE_ERRORS as error:
            self.close()
            message = f"The scanner at {self._path} is gone."
            raise DeviceAbsent(message, hint="Plug it in again; it is taken up again by itself.") from error

    def send(self, data: bytes) -> None:
        with contextlib.suppress(*_WIRE_ERRORS):
            self._ask_to_send(True)
            self._has_written = True
            if sys.platform == "win32":
                self._port.write(data)
            else:  # pyserial's own write never comes back from a line that takes nothing, for all that it may not wait
                os.write(self._port.fileno(), data)

    def close(self) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        if self._has_written:
            with contextlib.suppress(*_WIRE_ERRORS):  # an unplugged port may refuse even these
                # Closing a port whose reader takes nothing waits for half a minute in the kernel, unless its queue is empty.
                port.reset_output_buffer()
                if getattr(
                    port, "out_waiting", 0
                ):  # Linux's driver of CDC devices (cdc_acm) drops nothing, and would wait
                    name = f"closes {self._path}"
                    self._closing = threading.Thread(target=_close, args=(port,), name=name, daemon=True)
                    self._closing.start()
                    return
        _close(port)

    def _opened(self, path: str) -> Any:
        import serial

        self._path = path
        try:
            port = serial.serial_for_url(
                path,
                self._baudrate,
                bytesize=self._bytesize,
                parity=self._parity[0].upper(),
                # Never changed later: setting it configures the port again, which some USB adapters answer by losing bytes.
                timeout=SLICE_S,
                write_timeout=0,
                exclusive=True,
            )
        except _OPEN_ERRORS as error:
            raise _open_error(path, error) from error
        self._port = port
        self._has_written = False
        self._ask_to_send(False)
        with contextlib.suppress(*_WIRE_ERRORS):  # some lines have no such settings
            _mark_damage(port)
        return port

    def _ask_to_send(self, now: bool) -> None:
        if self._asks_to_send:
            with contextlib.suppress(*_WIRE_ERRORS):
                self._port.rts = now

    def _has_sent(self) -> None:
        if self._asks_to_send and self._port.rts and not self._port.out_waiting:
            self._ask_to_send(False)


def _close(port: Any) -> None:
    with contextlib.suppress(*_WIRE_ERRORS):
        port.close()


def _mark_damage(port: Any) -> None:
    """A byte that came with a wrong parity or framing becomes NUL, and a line that is held down is no byte at all.

    pyserial leaves both to the system's defaults, which hand a damaged byte on as if nothing were wrong with it.
    """
    if sys.platform != "win32":
        attributes = termios.tcgetattr(port.fileno())
        attributes[0] |= termios.IGNBRK | termios.INPCK
        termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)


def _open_error(port: str, error: Exception) -> DeviceError:
    # pyserial carries the errno in the exception, in the one it was handling, or, on Windows, only in its text.
    codes = {_errno(error), _errno(error.__context__)}
    if codes & {errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY} or (codes == {None} and "PermissionError" in str(error)):
        message = f"Another program has the scanner port {port} open."
        return DeviceBusy(message, hint="Close that program, or choose another port.")
    if codes & {errno.EACCES, errno.EPERM}:
        hint = f"Add this user to the group that owns the port ({_group(port)}), and log in again."
        return DeviceDenied(f"This user may not open the scanner port {port}.", hint=hint)
    if isinstance(error, (ValueError, OverflowError)) or codes & {errno.ENOTTY, errno.EISDIR}:
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
