"""A serial line, also by USB or Bluetooth. Knows no printer language."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from typing import Any, Literal

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.wires.polled import read_some, write_all
from drivers.wires.protocol import WriteBroken, broken, lost, stalled

Parity = Literal["none", "even", "odd"]

_PIECE_BYTES = 64  # between two looks at DSR, and on Windows between two looks at the clock
_PAUSE_S = 0.01
_LOOK_S = 0.002
_CLOSING_S = 1.0


class SerialWire:
    """A serial line at 8 data bits, one stop bit, and no parity unless told.

    With `dsrdtr` bytes go out only while the printer holds DSR up, as most serial receipt printers do: they drop DTR, our
    DSR, when their buffer fills. Linux has no such flow control, so the line is looked at between small pieces; a piece
    that was under way when it dropped still fits, since printers drop it with some room left.
    """

    answers = True
    connects_per_job = False
    resumes = os.name == "posix"

    def __init__(
        self,
        port: str,
        baudrate: int = 9600,
        *,
        xonxoff: bool = False,
        rtscts: bool = False,
        dsrdtr: bool = False,
        parity: Parity = "none",
        hides_power_cuts: bool = True,
    ) -> None:
        self._path = port
        self._baudrate = baudrate
        self._xonxoff = xonxoff
        self._rtscts = rtscts
        self._dsrdtr = dsrdtr
        self._parity = parity
        self.hides_power_cuts = hides_power_cuts
        self._port: Any = None  # a serial.Serial; pyserial has no types
        self._closing: threading.Thread | None = None  # of a port that could not be closed at once

    @property
    def name(self) -> str:
        return f"serial://{self._path}?baud={self._baudrate}"

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def open(self, timeout_s: float | None = None) -> None:
        import serial

        self.close()
        if self._closing is not None:
            self._closing.join(_CLOSING_S if timeout_s is None else min(timeout_s, _CLOSING_S))
            if self._closing.is_alive():
                hint = "Look for an open cover, missing paper or a blinking light. In half a minute the port is free again."
                raise DeviceBusy(f"The port {self._path} still holds what the printer did not take.", hint=hint)
            self._closing = None
        try:
            self._port = serial.Serial(
                self._path,
                self._baudrate,
                parity=self._parity[0].upper(),
                xonxoff=self._xonxoff,
                rtscts=self._rtscts,
                dsrdtr=self._dsrdtr and os.name == "nt",  # elsewhere it would only leave DTR as it happens to be
                timeout=0,
                write_timeout=0,
                exclusive=True if os.name == "posix" else None,
            )
            self._ignore_breaks()
            self._see_that_it_has_dsr()
        except (OSError, ValueError) as error:
            self.close()
            raise open_error(self._path, error) from error

    def write(self, data: bytes, timeout_s: float) -> None:
        port = self._opened()
        if os.name != "posix":
            self._write_by_pyserial(data, timeout_s)
            return
        # pyserial's own write does not say how much it took before its time-out.
        fd = port.fileno()
        if self._dsrdtr:
            self._write_while_ready(fd, data, timeout_s)
        else:
            write_all(fd, lambda rest: os.write(fd, rest), data, timeout_s, self.name)

    def read(self, timeout_s: float) -> bytes:
        port = self._opened()
        if os.name == "posix":
            fd = port.fileno()
            return read_some(fd, lambda size: os.read(fd, size), timeout_s, self.name)
        try:
            port.timeout = max(timeout_s, 0)
            return bytes(port.read(max(1, port.in_waiting)))
        except OSError as error:
            raise lost(self.name) from error

    def trouble(self, timeout_s: float) -> str:
        if self._port is not None and self._dsrdtr:
            with contextlib.suppress(OSError):
                if not self._port.dsr:
                    return "The printer holds its line down: it is switched off, busy or cannot print."
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        give_up = time.monotonic() + drain_s
        with contextlib.suppress(Exception):  # an unplugged port refuses these with errors of several kinds
            while port.out_waiting and time.monotonic() < give_up:
                time.sleep(_PAUSE_S)
            # Closing a port whose line is held up waits for half a minute in the kernel, unless its queue is empty.
            port.reset_output_buffer()
            if port.out_waiting:  # Linux's driver of CDC devices (cdc_acm) drops nothing, and would wait
                self._closing = threading.Thread(target=_close, args=(port,), name=f"closes {self._path}", daemon=True)
                self._closing.start()
                return
        _close(port)

    def _opened(self) -> Any:
        if self._port is None:
            raise WriteBroken(f"The port {self._path} is not open.", sent=0, hint="Plug the printer in.")
        return self._port

    def _ignore_breaks(self) -> None:
        # A printer that is switched off pulls the line low; read as NUL that would look like an answer to GS r.
        if sys.platform != "win32":
            import termios

            attributes = termios.tcgetattr(self._port.fileno())
            # With INPCK the system looks at each byte; without, some drivers (cdc_acm, ftdi_sio) give a break as NUL anyway.
            attributes[0] |= termios.IGNBRK | termios.INPCK
            termios.tcsetattr(self._port.fileno(), termios.TCSANOW, attributes)

    def _see_that_it_has_dsr(self) -> None:
        if self._dsrdtr:
            try:
                _ = self._port.dsr
            except OSError as error:
                self.close()
                hint = "Write flow=none, flow=xonxoff or flow=rtscts, as the printer is set."
                raise DeviceError(f"The port {self._path} has no DSR line.", hint=hint) from error

    def _write_while_ready(self, fd: int, data: bytes, timeout_s: float) -> None:
        """In small pieces, each only when the one before has left this computer and the printer holds DSR up."""
        give_up = time.monotonic() + timeout_s
        sent = 0
        try:
            while sent < len(data):
                if self._port.dsr and not self._port.out_waiting:
                    with contextlib.suppress(BlockingIOError):
                        sent += os.write(fd, data[sent : sent + _PIECE_BYTES])
                        continue
                if time.monotonic() >= give_up:
                    raise stalled(self.name, sent, self.trouble(0))
                time.sleep(_LOOK_S)
        except OSError as error:
            raise broken(self.name, sent) from error

    def _write_by_pyserial(self, data: bytes, timeout_s: float) -> None:
        import serial

        give_up = time.monotonic() + timeout_s
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            try:
                self._port.write_timeout = max(give_up - time.monotonic(), 0.001)
                self._port.write(piece)
            except serial.SerialTimeoutException as error:
                raise stalled(self.name, start + len(piece)) from error
            except OSError as error:
                raise broken(self.name, start + len(piece)) from error


def open_error(path: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    text = str(error)
    if number in (errno.EBUSY, errno.EAGAIN) or (os.name == "nt" and "PermissionError" in text):
        return DeviceBusy(f"Another program has {path} open.", hint="Close that program, or choose another port.")
    if number in (errno.EACCES, errno.EPERM):
        hint = "Add this user to the group that owns the port (dialout on Debian, uucp on Arch), and log in again."
        return DeviceDenied(f"This user may not open {path}.", hint=hint)
    if isinstance(error, ValueError):
        return DeviceError(f"The port {path} does not take these settings.", hint="Check the speed in the address.")
    if "Inappropriate ioctl" in text:  # pyserial hands on no number here
        return DeviceError(f"{path} is no serial port.", hint="Write the one that pos-plugin doctor lists.")
    hint = "Plug the printer in, switch it on, and check the port's name."
    return DeviceAbsent(f"There is no printer port {path}.", hint=hint)


def _close(port: Any) -> None:
    with contextlib.suppress(OSError):
        port.close()
