"""A bar code reader on the network, or behind a serial device server, that lets this program connect to it."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from drivers.errors import DeviceAbsent
from drivers.scanners.lines.framing import LINE_ENDS, Framer
from drivers.scanners.lines.scanner import ANSWERS, Answers, LineScanner
from drivers.scanners.scanner import SLICE_S

CONNECT_S = 2.0
_READ_BYTES = 4096


class TcpLine:
    """Connecting takes two seconds at most, unless the look-up of a name takes longer: a numeric address needs none."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None

    @property
    def name(self) -> str:
        return f"tcp://{host_and_port(self._host, self._port)}"

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        if self._socket is not None:
            return
        try:
            # create_connection would allow that long for every address of a name.
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
        except (OSError, UnicodeError) as error:  # the latter of a name that none can have, such as scanner..shop
            hint = "Check the spelling, or write the scanner's numeric address."
            raise DeviceAbsent(f"No such address: {self._host}.", hint=hint) from error
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_S)
            connection.connect(address)
            connection.settimeout(SLICE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(connection)
        except ConnectionRefusedError as error:
            connection.close()
            hint = "Check the port, and that no other program or till is connected to it: most serve one at a time."
            raise DeviceAbsent(f"The scanner at {self.name} refused the connection.", hint=hint) from error
        except OSError as error:
            connection.close()
            hint = "See that it is switched on and in the same network, and check its address."
            raise DeviceAbsent(f"The scanner at {self.name} cannot be reached.", hint=hint) from error
        self._socket = connection

    def receive(self) -> bytes:
        assert self._socket is not None, "it is not open"
        gone: OSError | None = None
        try:
            if data := self._socket.recv(_READ_BYTES):
                return data
        except TimeoutError:
            return b""
        except OSError as error:
            gone = error
        self.close()
        hint = "See that it is switched on and its network cable is in; it is taken up again by itself."
        raise DeviceAbsent(f"The scanner at {self.name} has hung up.", hint=hint) from gone

    def send(self, data: bytes) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(data)

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()


class TcpScanner(LineScanner):
    """Who answers at the address is believed, so it should be one of the shop's own network."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        prefix: bytes = b"",
        suffix: bytes | tuple[bytes, ...] = LINE_ENDS,
        answers: Answers = ANSWERS["none"],
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
    ) -> None:
        line = TcpLine(host, port)
        super().__init__(line, Framer(prefix, suffix), answers, clock=clock, name=name or line.name)


def host_and_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def keep_alive(connection: socket.socket) -> None:
    """Lets the system find out within half a minute of idling that the reader has vanished without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
