"""A network printer's raw port. Knows no printer language."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.wires.polled import read_some, write_all
from drivers.wires.protocol import CHECK_PRINTER, not_open

_FIRST_WAIT_S = 0.05  # between two tries at a printer that another till has
_LONGEST_WAIT_S = 0.5
_FIRST_REST_S = 1.0  # after an address that did not answer at all
_LONGEST_REST_S = 5.0


class TcpWire:
    """Most network printers serve one connection at a time, and refuse or ignore a second.

    `connect_per_job` is for a printer of several tills: its user closes the wire after each job, and `open` waits its turn
    while the printer refuses. Otherwise a refusal is told at once. An address that did not answer at all is not tried again
    for a second, then two, at most five, since each try costs its whole bound.

    `host` is best a numeric address: the system's look-up of a name has no time-out of its own.
    """

    answers = True
    resumes = True

    def __init__(
        self,
        host: str,
        port: int = 9100,
        connect_timeout_s: float = 3.0,
        *,
        connect_per_job: bool = False,
        hides_power_cuts: bool = True,  # a print server does, the printer's own port does not: no telling from here
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host = host
        self._port = port
        self._connect_timeout_s = connect_timeout_s
        self._connects_per_job = connect_per_job
        self.hides_power_cuts = hides_power_cuts
        self._clock = clock
        self._sleep = sleep
        self._socket: socket.socket | None = None
        self._broken = False
        self._rest_s = 0.0
        self._rests_until = 0.0

    @property
    def name(self) -> str:
        return f"tcp://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"

    @property
    def connects_per_job(self) -> bool:
        return self._connects_per_job

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        if self._clock() < self._rests_until:
            raise DeviceAbsent(f"The printer at {self.name} could not be reached a moment ago.", hint=CHECK_PRINTER)
        bound_s = self._connect_timeout_s if timeout_s is None else min(timeout_s, self._connect_timeout_s)
        give_up = self._clock() + bound_s
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                self._socket = self._connected(max(give_up - self._clock(), 0.001))
                break
            except ConnectionRefusedError as error:
                if not self._connects_per_job or self._clock() + wait_s >= give_up:
                    raise self._refused() from error
                self._sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            except OSError as error:
                self._rest_s = min(max(2 * self._rest_s, _FIRST_REST_S), _LONGEST_REST_S)
                self._rests_until = self._clock() + self._rest_s
                raise DeviceAbsent(f"The printer at {self.name} cannot be reached.", hint=CHECK_PRINTER) from error
        self._rest_s = 0.0
        self._broken = False

    def write(self, data: bytes, timeout_s: float) -> None:
        connection = self._opened()
        try:
            write_all(connection, connection.send, data, timeout_s, self.name)
        except DeviceError:
            self._broken = True
            raise
        self._broken = False  # what it had stopped taking was written later: nothing is half under way

    def read(self, timeout_s: float) -> bytes:
        connection = self._opened()
        return read_some(connection, connection.recv, timeout_s, self.name)

    def trouble(self, timeout_s: float) -> str:
        return ""

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

    def _connected(self, bound_s: float) -> socket.socket:
        try:
            # create_connection allows that long for every address of a name; the first is enough for a printer.
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            hint = "Check the spelling, or write the printer's numeric address."
            raise DeviceAbsent(f"No such address: {self._host}.", hint=hint) from error
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(bound_s)
            connection.connect(address)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(connection)
        except OSError:
            connection.close()
            raise
        return connection

    def _refused(self) -> DeviceError:
        if self._connects_per_job:
            hint = "Another till prints, or the printer is off; the receipt waits."
            return DeviceBusy(f"The printer at {self.name} refused every connection.", hint=hint)
        hint = "Check that it is switched on, and that no other program or till is connected to it: most serve one at a time."
        return DeviceAbsent(f"The printer at {self.name} refused the connection.", hint=hint)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise not_open(self.name)
        return self._socket


def _keep_alive(connection: socket.socket) -> None:
    """Lets the system find out within half a minute of idling that the printer has vanished without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
