"""The simulated printer's ends of its wires: a TCP listener with one client, and a pseudo-terminal.

It knows sockets, selectors and the one thread that reads them, and brings them back on the same port and path after they
were dropped. It does not know what the bytes mean: they go to whoever made it, who also says when more of them are wanted.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import selectors
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied

LONGEST_READ_BYTES: Final = 64 * 1024


class End(Protocol):
    """The printer's end of a wire that somebody else keeps, such as a USB bus. Called with the printer's lock held."""

    @property
    def has_client(self) -> bool: ...

    def send(self, reply: bytes) -> None: ...

    def drop(self) -> None:
        """The power went."""

    def restore(self) -> None:
        """It is back."""


class Wires:
    """The printer's sockets: a TCP listener with one client, and a pseudo-terminal, read by one thread.

    All methods but `end` and the thread's own are called with the printer's lock held.
    """

    def __init__(
        self, lock: threading.Condition, receive: Callable[[Callable[[], bytes]], None], wants_bytes: Callable[[], bool]
    ) -> None:
        self._lock = lock
        self._receive = receive
        self._wants_bytes = wants_bytes
        self._is_ended = False
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._address: tuple[str, int] | None = None
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._terminal: tuple[int, int] | None = None  # the printer's end, and the client's, held open to keep it alive
        self._link: Path | None = None
        self._others: list[End] = []

    @property
    def has_client(self) -> bool:
        return self._client is not None or any(end.has_client for end in self._others)

    def attach(self, end: End) -> None:
        self._others.append(end)

    def listen(self, host: str, port: int) -> int:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere this would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(8)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                message = f"Another program already listens on port {port}."
                raise DeviceBusy(message, hint="Close that program, or choose another port.") from error
            if error.errno == errno.EACCES:
                message = f"This user may not listen on port {port}."
                raise DeviceDenied(message, hint="Choose a port from 1024 up.") from error
            raise DeviceAbsent(f"Cannot listen on {host}: {error.strerror}.", hint="Check the address.") from error
        listener.setblocking(False)
        self._listener = listener
        self._address = (host, listener.getsockname()[1])
        self._start()
        return self._address[1]

    def open_terminal(self) -> str:
        ours, theirs, name = _open_pseudo_terminal()
        self._terminal = (ours, theirs)
        if self._link is None:
            self._link = Path(tempfile.mkdtemp(prefix="simulated-printer-")) / "tty"
        self._link.symlink_to(name)
        self._start()
        return str(self._link)

    def restore(self) -> None:
        if self._is_ended:
            return
        if self._address and not self._listener:
            self.listen(*self._address)
        if self._link and not self._terminal:
            self.open_terminal()
        for end in self._others:
            end.restore()

    def drop(self) -> None:
        """Closes everything a client can see."""
        self._drop_client()
        if self._listener:
            self._forget(self._listener)
            self._listener.close()
            self._listener = None
        if self._terminal:
            self._forget(self._terminal[0])
            for end in self._terminal:
                os.close(end)
            self._terminal = None
        if self._link:
            self._link.unlink(missing_ok=True)
        for other in self._others:
            other.drop()
        self.wake()

    def send(self, reply: bytes) -> None:
        """Sends without waiting; what the client's full buffers do not take is lost, as on a line without flow control."""
        with contextlib.suppress(OSError):
            if self._client:
                self._client.send(reply)
        with contextlib.suppress(OSError):
            if self._terminal:
                os.write(self._terminal[0], reply)
        for end in self._others:
            end.send(reply)

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"\x00")

    def end(self) -> None:
        """Closes everything and waits for the thread. Called without the lock, which the thread needs to finish."""
        with self._lock:
            self._is_ended = True
            self.drop()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        if self._link:
            with contextlib.suppress(OSError):
                self._link.parent.rmdir()
            self._link = None
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="simulated printer", daemon=True)
            self._thread.start()
        self.wake()

    def _drop_client(self) -> None:
        if self._client:
            self._forget(self._client)
            self._client.close()
            self._client = None

    def _forget(self, source: socket.socket | int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(source)

    def _watch(self, source: socket.socket | int | None, wanted: bool) -> None:
        if source is None:
            return
        is_watched = source in self._selector.get_map()
        if wanted and not is_watched:
            self._selector.register(source, selectors.EVENT_READ)
        elif is_watched and not wanted:
            self._selector.unregister(source)

    # the thread

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._is_ended:
                    return
                wants_bytes = self._wants_bytes()
                self._watch(self._listener, self._client is None)
                self._watch(self._client, wants_bytes)
                self._watch(self._terminal[0] if self._terminal else None, wants_bytes)
            try:
                events = self._selector.select()
            except OSError:  # a socket was closed while we waited on it
                continue
            for key, _ in events:
                if key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._receive(functools.partial(self._read, key.fileobj))

    def _read(self, source: object) -> bytes:
        """What `source` has, if it is still open and still wanted: all may have changed since it was reported."""
        try:
            if source is self._listener and self._listener and not self._client:
                client, _ = self._listener.accept()
                client.setblocking(False)
                self._client = client
            elif not self._wants_bytes():
                pass
            elif source is self._client and self._client:
                data = self._client.recv(LONGEST_READ_BYTES)
                if not data:
                    self._drop_client()
                return data
            elif self._terminal and source == self._terminal[0]:
                return os.read(self._terminal[0], LONGEST_READ_BYTES)
        except BlockingIOError:
            pass
        except OSError:
            self._drop_client()
        return b""


def _open_pseudo_terminal() -> tuple[int, int, str]:
    """The printer's end, the client's end and its path, in raw mode."""
    if sys.platform == "win32":
        raise DeviceAbsent("Windows has no pseudo-terminals.", hint="Serve the printer on TCP.")
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    return ours, theirs, os.ttyname(theirs)
