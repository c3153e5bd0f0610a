"""The lines that simulated readers hang on: a pseudo-terminal, or TCP on the loopback, with a cable that can be pulled.

Nothing here waits for the other end, and what nobody takes is lost.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Literal, Protocol

WireKind = Literal["pty", "tcp", "calling"]

_CALL_S = 0.2
_ROOM_BYTES = 65536


def wire_of(kind: WireKind | None, folder: Path) -> Wire:
    """Without a kind a pseudo-terminal, whose link stands in the folder; TCP on Windows, which has none."""
    if kind is None:
        kind = "tcp" if sys.platform == "win32" else "pty"
    if kind == "pty":
        return PseudoTerminal(folder / "scanner")
    return Loopback() if kind == "tcp" else Calling()


class Wire(Protocol):
    @property
    def port(self) -> str:
        """What pyserial opens."""

    @property
    def address(self) -> str:
        """What a setting says."""

    def send(self, raw: bytes) -> None: ...
    def receive(self) -> bytes:
        """What has come; b'' is nothing yet."""

    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class PseudoTerminal:
    def __init__(self, link: Path) -> None:
        self._link = link
        self._ends: tuple[int, int] | None = None

    @property
    def port(self) -> str:
        return str(self._link)

    @property
    def address(self) -> str:
        return f"serial://{self._link}"

    def send(self, raw: bytes) -> None:
        if self._ends is None:
            return
        with contextlib.suppress(BlockingIOError):  # full: nobody has read for 20 kB
            taken = 1
            while raw and taken:
                taken = os.write(self._ends[0], raw)
                raw = raw[taken:]

    def receive(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return b"" if self._ends is None else os.read(self._ends[0], _ROOM_BYTES)
        return b""

    def plug(self) -> None:
        if sys.platform == "win32":
            raise ValueError("Windows has no pseudo-terminals")
        import tty

        if self._ends is not None:
            return
        near, far = os.openpty()
        # The far end stays open here too, else the line would hang up whenever its reader closes it.
        tty.setraw(far)
        os.set_blocking(near, False)
        self._ends = near, far
        fresh = self._link.with_name(self._link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(far))
        fresh.replace(self._link)  # also in place of one that a killed process left

    def unplug(self) -> None:
        if self._ends is None:
            return
        self._link.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None


class Loopback:
    def __init__(self) -> None:
        self._port = 0  # any free one at first, then always that one
        self._listener: socket.socket | None = None
        self._reader: socket.socket | None = None

    @property
    def port(self) -> str:
        return f"socket://127.0.0.1:{self._port}"

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    def send(self, raw: bytes) -> None:
        self._take_up()
        if self._reader is not None:
            try:
                self._reader.send(raw)
            except BlockingIOError:
                pass  # full: nobody reads
            except OSError:
                self._hang_up()

    def receive(self) -> bytes:
        self._take_up()
        if self._reader is None:
            return b""
        data = b""
        try:
            if not (data := self._reader.recv(_ROOM_BYTES)):
                self._hang_up()
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
        return data

    def plug(self) -> None:
        if self._listener is not None:
            return
        listener = socket.socket()
        try:
            if sys.platform != "win32":  # there it would let another program share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
            listener.listen()
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._listener = listener

    def unplug(self) -> None:
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _take_up(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(BlockingIOError):
                while True:  # the newest connection is the reader
                    reader, _ = self._listener.accept()
                    self._hang_up()
                    reader.setblocking(False)
                    self._reader = reader

    def _hang_up(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class Calling:
    """The side that connects, as fixed-mount readers do: at each sending, if it is not connected."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._address: tuple[str, int] = free.getsockname()[:2]
        self._is_plugged = False
        self._line: socket.socket | None = None

    @property
    def port(self) -> str:
        raise ValueError("nobody can connect to a reader that connects")

    @property
    def address(self) -> str:
        return f"listen://{self._address[0]}:{self._address[1]}"

    def send(self, raw: bytes) -> None:
        self._call()
        if self._line is not None:
            try:
                self._line.sendall(raw)
            except OSError:
                self._hang_up()

    def receive(self) -> bytes:
        return b""  # nobody answers these readers

    def plug(self) -> None:
        self._is_plugged = True
        self._call()

    def unplug(self) -> None:
        self._is_plugged = False
        self._hang_up()

    def _call(self) -> None:
        if self._line is not None:
            try:
                self._line.setblocking(False)
                if not self._line.recv(_ROOM_BYTES):
                    self._hang_up()
            except BlockingIOError:
                self._line.settimeout(_CALL_S)
            except OSError:
                self._hang_up()
        if self._is_plugged and self._line is None:
            with contextlib.suppress(OSError):
                self._line = socket.create_connection(self._address, _CALL_S)

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
