"""Ways to carry bytes to a printer and back: a TCP connection, a serial line. Knows no printer language.

A wire takes all bytes or says how many it took, and never blocks longer than it was told. Taken means that this
computer has accepted them, not that the printer has them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError, DeviceTimeout


class WriteStalled(DeviceTimeout):
    """The far end stopped taking bytes. At most `sent` bytes are under way; the wire must be closed.

    Where that number `is_exact`, the rest may be written later instead.
    """

    def __init__(self, message: str, *, sent: int, hint: str = "", is_exact: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.is_exact = is_exact


class WriteBroken(DeviceAbsent):
    """The far end went away. At most `sent` bytes are under way; the wire must be closed."""

    def __init__(self, message: str, *, sent: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class Wire(Protocol):
    """One connection to one device, used by one thread."""

    @property
    def name(self) -> str:
        """The address, for messages."""

    @property
    def answers(self) -> bool: ...

    @property
    def connects_per_job(self) -> bool: ...

    def trouble(self, timeout_s: float) -> str: ...

    @property
    def is_open(self) -> bool: ...

    def open(self, timeout_s: float | None = None) -> None:
        """Connects. Raises DeviceAbsent, DeviceBusy or DeviceDenied with a hint; what an earlier connection left is gone."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Takes all of `data`, or raises WriteStalled or WriteBroken, which say how many bytes were taken."""

    def read(self, timeout_s: float) -> bytes:
        """What has arrived within `timeout_s`; b'' is silence. Raises DeviceAbsent when the far end has gone."""

    def close(self, drain_s: float = 0.0) -> None:
        """Waits at most `drain_s` for bytes still in this computer, then drops them. Closing twice is allowed."""


_CHECK_PRINTER = "Check that it is switched on, that its network cable is in, and that the address is right."


class TcpWire:
    """A network printer's raw port. Most such printers serve one connection at a time and refuse or ignore a second.

    `host` is best a numeric address: the system's look-up of a name has no time-out of its own.
    """

    answers = True
    connects_per_job = False

    def trouble(self, timeout_s: float) -> str:
        return ""

    def __init__(self, host: str, port: int = 9100, connect_timeout_s: float = 3.0) -> None:
        self._host = host
        self._port = port
        self._connect_timeout_s = connect_timeout_s
        self._socket: socket.socket | None = None
        self._broken = False

    @property
    def name(self) -> str:
        return f"tcp://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        bound_s = self._connect_timeout_s if timeout_s is None else min(timeout_s, self._connect_timeout_s)
        try:
            # create_connection allows that long for every address of a name; the first is enough for a printer.
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            hint = "Check the spelling, or write the printer's numeric address."
            raise DeviceAbsent(f"No such address: {self._host}.", hint=hint) from error
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(bound_s, 0.001))
            connection.connect(address)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(connection)
        except ConnectionRefusedError as error:
            connection.close()
            hint = "Check that it is switched on, and that no other program or till is connected to it."
            raise DeviceAbsent(f"The printer at {self.name} refused the connection.", hint=hint) from error
        except OSError as error:
            connection.close()
            raise DeviceAbsent(f"The printer at {self.name} cannot be reached.", hint=_CHECK_PRINTER) from error
        self._socket = connection
        self._broken = False

    def write(self, data: bytes, timeout_s: float) -> None:
        connection = self._opened()
        try:
            _write_all(connection, connection.send, data, timeout_s, self.name)
        except DeviceError:
            self._broken = True
            raise

    def read(self, timeout_s: float) -> bytes:
        connection = self._opened()
        return _read_some(connection, connection.recv, timeout_s, self.name)

    def close(self, drain_s: float = 0.0) -> None:
        connection, self._socket = self._socket, None
        if connection is None:
            return
        if self._broken:
            # An ordinary close would go on delivering half a receipt, and keep a one-client printer occupied meanwhile.
            with contextlib.suppress(OSError):
                linger_0_s = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0_s)
        connection.close()

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise WriteBroken(f"There is no connection to {self.name}.", sent=0, hint=_CHECK_PRINTER)
        return self._socket


class SerialWire:
    """A serial line, also by USB or Bluetooth, at 8 data bits, no parity, one stop bit."""

    answers = True
    connects_per_job = False

    def trouble(self, timeout_s: float) -> str:
        return ""

    def __init__(self, port: str, baudrate: int = 9600, *, xonxoff: bool = False, rtscts: bool = False) -> None:
        self._path = port
        self._baudrate = baudrate
        self._xonxoff = xonxoff
        self._rtscts = rtscts
        self._port: Any = None  # a serial.Serial; pyserial has no types

    @property
    def name(self) -> str:
        return f"serial://{self._path}?baud={self._baudrate}"

    @property
    def is_open(self) -> bool:
        return self._port is not None

    def open(self, timeout_s: float | None = None) -> None:
        import serial

        self.close()
        try:
            self._port = serial.Serial(
                self._path,
                self._baudrate,
                xonxoff=self._xonxoff,
                rtscts=self._rtscts,
                timeout=0,
                write_timeout=0,
                exclusive=True if os.name == "posix" else None,
            )
            self._ignore_breaks()
        except (OSError, ValueError) as error:
            self.close()
            raise _serial_error(self._path, error) from error

    def write(self, data: bytes, timeout_s: float) -> None:
        port = self._opened()
        if os.name == "posix":
            # pyserial's own write does not say how much it took before its time-out.
            fd = port.fileno()
            _write_all(fd, lambda rest: os.write(fd, rest), data, timeout_s, self.name)
        else:
            self._write_by_pyserial(data, timeout_s)

    def read(self, timeout_s: float) -> bytes:
        port = self._opened()
        if os.name == "posix":
            fd = port.fileno()
            return _read_some(fd, lambda size: os.read(fd, size), timeout_s, self.name)
        try:
            port.timeout = max(timeout_s, 0)
            return bytes(port.read(max(1, port.in_waiting)))
        except OSError as error:
            raise _lost(self.name) from error

    def close(self, drain_s: float = 0.0) -> None:
        port, self._port = self._port, None
        if port is None:
            return
        give_up = time.monotonic() + drain_s
        with contextlib.suppress(Exception):  # an unplugged port refuses these with errors of several kinds
            while port.out_waiting and time.monotonic() < give_up:
                time.sleep(0.01)
            # Closing a port whose line is held up waits for half a minute in the kernel, unless its queue is empty.
            port.reset_output_buffer()
        with contextlib.suppress(OSError):
            port.close()

    def _opened(self) -> Any:
        if self._port is None:
            raise WriteBroken(f"The port {self._path} is not open.", sent=0, hint="Plug the printer in.")
        return self._port

    def _ignore_breaks(self) -> None:
        # A printer that is switched off pulls the line low; read as NUL that would look like an answer to GS r.
        if sys.platform != "win32":
            import termios

            attributes = termios.tcgetattr(self._port.fileno())
            attributes[0] |= termios.IGNBRK
            termios.tcsetattr(self._port.fileno(), termios.TCSANOW, attributes)

    def _write_by_pyserial(self, data: bytes, timeout_s: float) -> None:
        import serial

        give_up = time.monotonic() + timeout_s
        for start in range(0, len(data), 64):
            piece = data[start : start + 64]
            try:
                self._port.write_timeout = max(give_up - time.monotonic(), 0.001)
                self._port.write(piece)
            except serial.SerialTimeoutException as error:
                raise _stalled(self.name, start + len(piece)) from error
            except OSError as error:
                raise _gone(self.name, start + len(piece)) from error


def wire_from_url(url: str) -> Wire:
    """The wire that a setting names, not yet open. Raises DeviceError, whose hint shows the right form.

    >>> wire_from_url("serial:///dev/ttyUSB0?baud=19200&flow=xonxoff").name
    'serial:///dev/ttyUSB0?baud=19200'
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        if parts.scheme == "tcp" and parts.hostname and not parts.path.strip("/") and not options:
            return TcpWire(parts.hostname, 9100 if parts.port is None else parts.port)
        if parts.scheme == "serial" and (parts.netloc or parts.path.strip("/")):
            baudrate = int(options.pop("baud", "9600"))
            flow = options.pop("flow", "none")
            if baudrate > 0 and flow in ("none", "xonxoff", "rtscts") and not options:
                path = parts.netloc or parts.path  # serial://COM3 on Windows
                return SerialWire(path, baudrate, xonxoff=flow == "xonxoff", rtscts=flow == "rtscts")
    except ValueError:
        pass  # a port or a speed that is no number
    hint = "Write tcp://192.168.1.50:9100, or serial:///dev/ttyUSB0?baud=19200&flow=xonxoff (Windows: serial://COM3)."
    raise DeviceError(f"{url!r} is not the address of a printer.", hint=hint)


def _write_all(
    target: socket.socket | int, send: Callable[[bytes], int], data: bytes, timeout_s: float, name: str
) -> None:
    give_up = time.monotonic() + timeout_s
    sent = 0
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(target, selectors.EVENT_WRITE)
            while True:
                with contextlib.suppress(BlockingIOError):
                    sent += send(data[sent : sent + 65536])
                if sent == len(data):
                    return
                remaining_s = give_up - time.monotonic()
                if remaining_s <= 0:
                    raise _stalled(name, sent, is_exact=True)
                selector.select(remaining_s)
        except OSError as error:
            raise _gone(name, sent) from error


def _read_some(target: socket.socket | int, receive: Callable[[int], bytes], timeout_s: float, name: str) -> bytes:
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(target, selectors.EVENT_READ)
            if not selector.select(max(timeout_s, 0)):
                return b""
        data = receive(4096)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise _lost(name) from error
    if not data:
        raise _lost(name)
    return data


def _stalled(name: str, sent: int, *, is_exact: bool = False) -> WriteStalled:
    hint = "Look for an open cover, missing paper or a blinking light."
    return WriteStalled(f"The printer at {name} takes no more data.", sent=sent, hint=hint, is_exact=is_exact)


def _gone(name: str, sent: int) -> WriteBroken:
    return WriteBroken(f"The connection to the printer at {name} broke.", sent=sent, hint=_CHECK_PRINTER)


def _lost(name: str) -> DeviceAbsent:
    return DeviceAbsent(f"The connection to the printer at {name} broke.", hint=_CHECK_PRINTER)


def _keep_alive(connection: socket.socket) -> None:
    """Lets the system find out within half a minute of idling that the printer has vanished without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _serial_error(path: str, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    text = str(error)
    if number in (errno.EBUSY, errno.EAGAIN) or (os.name == "nt" and "PermissionError" in text):
        return DeviceBusy(f"Another program has {path} open.", hint="Close that program, or choose another port.")
    if number in (errno.EACCES, errno.EPERM):
        hint = "Add this user to the group that owns the port (dialout on Debian, uucp on Arch), and log in again."
        return DeviceDenied(f"This user may not open {path}.", hint=hint)
    if isinstance(error, ValueError):
        return DeviceError(f"The port {path} does not take these settings.", hint="Check the speed in the address.")
    hint = "Plug the printer in, switch it on, and check the port's name."
    return DeviceAbsent(f"There is no printer port {path}.", hint=hint)
