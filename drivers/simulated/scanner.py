"""A bar code reader that exists only in software: the far end of a serial line, with a cable that can be pulled.

A pseudo-terminal on Linux and macOS; where there are none, on Windows, a TCP connection on the loopback. Knows what a reader
sends, and nothing of who listens. What nobody takes is lost, as on a real line.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Literal, Protocol


class SimulatedScanner:
    """Plugged in from the start. `port` is what a SerialScanner opens; it stays the same for as long as this lives.

    `folder` holds the pseudo-terminal's link, `scanner`. Every method may be called from any thread, and none waits for a
    reader.
    """

    def __init__(self, folder: Path, *, wire: Literal["pty", "tcp"] | None = None) -> None:
        if wire is None:
            wire = "tcp" if sys.platform == "win32" else "pty"
        self._wire: _Wire = _PseudoTerminal(folder / "scanner") if wire == "pty" else _Loopback()
        self._lock = threading.Lock()
        self.plug()

    @property
    def port(self) -> str:
        return self._wire.port

    @property
    def address(self) -> str:
        """As a setting names it."""
        return self.port.replace("socket://", "tcp://") if "://" in self.port else f"serial://{self.port}"

    def scan(self, label: str, *, aim: str = "", prefix: bytes = b"", suffix: bytes = b"\r") -> None:
        """Reads a code: `aim` is the identifier that goes before the label, such as `]E0`."""
        self.send(prefix + (aim + label).encode() + suffix)

    def send(self, raw: bytes) -> None:
        with self._lock:
            self._wire.send(raw)

    def unplug(self) -> None:
        """The port vanishes, and whoever has it open finds out. Unplugged twice is unplugged."""
        with self._lock:
            self._wire.unplug()

    def plug(self) -> None:
        with self._lock:
            self._wire.plug()

    def close(self) -> None:
        """As unplugged; it may be plugged in again."""
        self.unplug()


class _Wire(Protocol):
    @property
    def port(self) -> str: ...
    def send(self, raw: bytes) -> None: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class _PseudoTerminal:
    def __init__(self, link: Path) -> None:
        self._link = link
        self._ends: tuple[int, int] | None = None

    @property
    def port(self) -> str:
        return str(self._link)

    def send(self, raw: bytes) -> None:
        if self._ends is None:
            return
        with contextlib.suppress(BlockingIOError):  # full: nobody has read for 20 kB
            taken = 1
            while raw and taken:
                taken = os.write(self._ends[0], raw)
                raw = raw[taken:]

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


class _Loopback:
    def __init__(self) -> None:
        self._port = 0  # any free one at first, then always that one
        self._listener: socket.socket | None = None
        self._reader: socket.socket | None = None

    @property
    def port(self) -> str:
        return f"socket://127.0.0.1:{self._port}"

    def send(self, raw: bytes) -> None:
        if self._listener is None:
            return
        with contextlib.suppress(BlockingIOError):
            while True:  # the newest connection is the reader
                reader, _ = self._listener.accept()
                self._hang_up()
                reader.setblocking(False)
                self._reader = reader
        if self._reader is not None:
            try:
                self._reader.send(raw)
            except BlockingIOError:
                pass  # full: nobody reads
            except OSError:
                self._hang_up()

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

    def _hang_up(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
