"""Where jobs come from: the port that the shop's till prints to, a serial port, and the door of this till's own programs.

All of them bring sockets, which the relay reads when it is their turn and not before: what nobody reads, nobody has taken.
A serial port's socket is one end of a pair, whose other end a thread keeps in step with the port.
"""

from __future__ import annotations

import contextlib
import hmac
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from drivers.errors import DeviceError
from drivers.wires import Wire, wire_from_url
from pos_plugin.errors import TillError

PIECE_BYTES = 4096
"""So much of a job is read at once: of text, reading takes longer than passing it on."""
LONGEST_GREETING = 200
_PAIR_BYTES = 4096
_LOOK_S = 0.01
_TRY_AGAIN_S = 1.0


class Client:
    """One who prints: a connection, and when it last said something. `is_ours` is this till's own."""

    def __init__(self, connection: socket.socket, name: str, *, is_ours: bool = False) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.name = name
        self.is_ours = is_ours
        self.since = time.monotonic()
        self.has_ended = False
        """It has sent all that it wants to send, in order."""
        self.was_cut_off = False
        self.wants_turn = False
        """One of ours, who is told when it has the printer."""
        self.greeting = bytearray()

    def take(self) -> bytes:
        """What it has sent; b"" is nothing yet, or the end (`has_ended`)."""
        try:
            data = self.connection.recv(PIECE_BYTES)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            self.has_ended = self.was_cut_off = True
            return b""
        self.has_ended = not data
        return data

    def await_more(self, within_s: float) -> None:
        """Until there is something to take, its end among it, or the time is over."""
        with contextlib.suppress(OSError):
            select.select([self.connection], [], [], max(0.0, within_s))

    @property
    def has_said_something(self) -> bool:
        """What nobody has read yet."""
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def tell(self, data: bytes) -> None:
        """What the printer says. Nobody waits for a client that does not read: a printer's line would not either."""
        with contextlib.suppress(OSError):
            self.connection.send(data)

    def hang_up(self) -> None:
        self.connection.close()

    def reset(self) -> None:
        """As a printer that was switched off: whoever prints gets to know that not all has arrived."""
        with contextlib.suppress(OSError):
            linger_0_s = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0_s)
        self.connection.close()


class Door(Protocol):
    """Opened while the printer can be reached, shut while it cannot: a till is then refused as by a printer that is off."""

    @property
    def name(self) -> str: ...

    @property
    def listener(self) -> socket.socket | None:
        """What becomes readable when somebody is at the door; None while it is shut."""

    def open(self) -> None:
        """Raises TillError or DeviceError."""

    def shut(self) -> None: ...

    def client(self) -> Client | None:
        """Who has come in; None where they have gone again."""


class TcpDoor:
    """A port. `port` 0 takes a free one, which it keeps."""

    def __init__(self, host: str, port: int, *, is_ours: bool = False) -> None:
        self._host = host
        self.port = port
        self._is_ours = is_ours
        self.listener: socket.socket | None = None

    @property
    def name(self) -> str:
        return f"tcp://{self._host}:{self.port}"

    def open(self) -> None:
        if self.listener is not None:
            return
        made = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self._host, self.port))
            made.listen(16)
        except OSError as error:
            made.close()
            raise TillError(
                "PORT_IN_USE",
                f"Port {self.port} of {self._host} cannot be used: {error.strerror or error}.",
                hint="Stop the program that has it, or write another port into listen, under [intercept] in till.toml.",
            ) from error
        made.setblocking(False)
        self.port = made.getsockname()[1]
        self.listener = made

    def shut(self) -> None:
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def client(self) -> Client | None:
        if self.listener is None:
            return None
        try:
            connection, address = self.listener.accept()
        except OSError:
            return None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return Client(connection, f"{address[0]}:{address[1]}", is_ours=self._is_ours)


class SerialDoor:
    """A serial port at whose other end the till believes a printer. Flow control is as its address says."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.name = wire.name
        self.listener: socket.socket | None = None
        self.trouble = ""
        self._thread: threading.Thread | None = None
        self._is_shut = threading.Event()

    def open(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self._wire.open()
        self._is_shut.clear()
        self.listener, theirs = socket.socketpair()
        for end in (self.listener, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PAIR_BYTES)
        self._thread = threading.Thread(target=self._bridge, args=(theirs,), name=self.name, daemon=True)
        self._thread.start()

    def shut(self) -> None:
        """The line drops with it: a till that looks at DSR sees that there is no printer."""
        self._is_shut.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def client(self) -> Client | None:
        """Whoever is at the other end of the cable, once something comes from there."""
        taken, self.listener = self.listener, None
        return None if taken is None else Client(taken, self.name)

    def _bridge(self, theirs: socket.socket) -> None:
        theirs.setblocking(False)
        waiting = b""
        try:
            while not self._is_shut.is_set():
                if not self._wire.is_open and not self._reopened():
                    continue
                try:
                    # While the relay takes nothing the port is not read: its flow control holds the till back.
                    if waiting:
                        self._is_shut.wait(_LOOK_S)
                    else:
                        waiting = self._wire.read(_LOOK_S)
                    with contextlib.suppress(BlockingIOError):
                        waiting = waiting[theirs.send(waiting) :] if waiting else b""
                    with contextlib.suppress(BlockingIOError):
                        back = theirs.recv(_PAIR_BYTES)
                        if not back:
                            return
                        self._wire.write(back, 1.0)
                except DeviceError as error:
                    self.trouble = str(error)
                    self._wire.close()
        except OSError:
            pass  # the relay let go of its end
        finally:
            self._wire.close()
            theirs.close()

    def _reopened(self) -> bool:
        try:
            self._wire.open()
        except DeviceError as error:
            self.trouble = str(error)
            self._is_shut.wait(_TRY_AGAIN_S)
            return False
        self.trouble = ""
        return True


def door_from_url(url: str) -> Door:
    """The door that `[intercept] listen` names. Raises TillError.

    >>> door_from_url("tcp://127.0.0.1:9100").name
    'tcp://127.0.0.1:9100'
    """
    wrong = TillError(
        "INTERCEPT_ADDRESS",
        f'listen = "{url}" is no place where a till could print to.',
        hint="Write tcp://127.0.0.1:9100, or serial:///dev/ttyS1?baud=19200&flow=rtscts.",
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme == "tcp" and parts.hostname and not parts.path.strip("/") and not parts.query:
        return TcpDoor(parts.hostname, 9100 if port is None else port)
    if parts.scheme == "serial":
        try:
            return SerialDoor(wire_from_url(url))
        except DeviceError:
            pass
    raise wrong


def word_of(client: Client, secret: str, hang_up: Callable[[], None]) -> str:
    """What one of ours asks for, once its line is whole; "" until then. A stranger is hung up on."""
    client.greeting += client.take()
    line, ended, rest = bytes(client.greeting).partition(b"\n")
    if client.has_ended or len(client.greeting) > LONGEST_GREETING or rest:
        hang_up()
        return ""
    if not ended:
        return ""
    said, _, word = line.decode("latin-1").partition(" ")
    if not hmac.compare_digest(said.encode(), secret.encode()):
        hang_up()
        return ""
    return word
