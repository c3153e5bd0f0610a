"""The simulated printer's ends of its wires: TCP with one client, a pseudo-terminal, a USB gadget, and calls in this process.

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
import struct
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied

LONGEST_READ_BYTES: Final = 64 * 1024
_SHORTEST_WAIT_S: Final = 0.001
_GADGET_S: Final = 0.1  # between attempts to open a gadget again, or to read one that says nothing
_GADGET_READ_BYTES: Final = 8192
_SET_PRINTER_STATUS: Final = 0xC0016722  # _IOWR('g', 0x22, unsigned char) of linux/usb/g_printer.h
_NON_BLOCKING: Final = getattr(os, "O_NONBLOCK", 0)


class End(Protocol):
    """The printer's end of a wire that somebody else keeps, such as a USB bus. Called with the printer's lock held."""

    @property
    def has_client(self) -> bool: ...

    def send(self, reply: bytes) -> None: ...

    def drop(self) -> None:
        """The power went."""

    def restore(self) -> None:
        """It is back."""


class Attachment:
    """A wire within this process: whoever holds it is the client, and pushes and pulls bytes by calls.

    From any thread; no call waits for the other side. `SimulatedPrinter.wait_until` waits.
    """

    def __init__(
        self, lock: threading.Condition, receive: Callable[[Callable[[], bytes]], None], room: Callable[[], int]
    ) -> None:
        self._lock = lock
        self._receive = receive
        self._room = room
        self._replies = bytearray()
        self.is_open = True

    def write(self, data: bytes) -> int:
        """How many bytes the printer took, from the front: none while its buffer is full, or without power."""
        taken = 0

        def take() -> bytes:
            nonlocal taken
            taken = min(self._room(), len(data)) if self.is_open else 0
            return data[:taken]

        self._receive(take)
        return taken

    def read(self, limit: int = LONGEST_READ_BYTES) -> bytes:
        """What the printer has answered and nobody has read yet, at most `limit` bytes; b'' is silence."""
        with self._lock:
            replies = bytes(self._replies[:limit])
            del self._replies[:limit]
            return replies

    @property
    def has_replies(self) -> bool:
        return bool(self._replies)

    @property
    def has_room(self) -> bool:
        """Whether `write` would take something now."""
        return self.is_open and self._room() > 0

    def close(self) -> None:
        with self._lock:
            self.drop()
            self._lock.notify_all()

    # called by the printer, with its lock held

    @property
    def has_client(self) -> bool:
        return self.is_open

    def send(self, reply: bytes) -> None:
        """What nobody reads is dropped in the end: a real buffer is small."""
        if self.is_open:
            self._replies += reply[: LONGEST_READ_BYTES - len(self._replies)]

    def drop(self) -> None:
        self.is_open = False
        self._replies.clear()

    def restore(self) -> None:
        """It stays closed, as a connection does; attach again."""


class Wires:
    """The printer's sockets: a TCP listener with one client, a pseudo-terminal and a USB gadget, read by one thread.

    All methods but `end` and the thread's own are called with the printer's lock held.
    """

    def __init__(
        self,
        lock: threading.Condition,
        receive: Callable[[Callable[[], bytes]], None],
        room: Callable[[], int],
        next_event_s: Callable[[], float | None] = lambda: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._lock = lock
        self._receive = receive
        self._room = room
        self._next_event_s = next_event_s
        self._tick = tick
        self._is_ended = False
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._address: tuple[str, int] | None = None
        self._keeper: socket.socket | None = None  # never listens: nobody is given the port while the power is off
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._terminal: tuple[int, int] | None = None  # the printer's end, and the client's, held open to keep it alive
        self._link: Path | None = None
        self._gadget_path = ""
        self._gadget: int | None = None
        self._gadget_is_wanted = True
        self._others: list[End] = []

    @property
    def has_client(self) -> bool:
        return self._client is not None or any(end.has_client for end in self._others)

    def listen(self, host: str, port: int) -> int:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere this would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            if self._keeper is None:
                self._keeper = _keeper_of(listener.getsockname()[:2])
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

    def attach(self, end: End | None) -> Attachment | None:
        attachment = None if end else Attachment(self._lock, self._receive, self._room)
        self._others = [one for one in self._others if not isinstance(one, Attachment) or one.is_open]
        self._others.append(end or attachment)  # type: ignore[arg-type]
        self._start()
        return attachment

    def open_gadget(self, path: str) -> None:
        # A file would be read to its end at once, and written to.
        self._gadget_path = "" if os.path.isfile(path) else path
        self._reopen_gadget()
        if self._gadget is None:
            hint = "Load the kernel's printer gadget (usb_f_printer), and start this as a user who may open it."
            raise DeviceAbsent(f"There is no printer gadget at {path}, or it is in use.", hint=hint)
        self._start()

    def set_port_status(self, status: int) -> None:
        """What the gadget answers to GET_PORT_STATUS of the printer class."""
        if self._gadget is not None and sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.ioctl(self._gadget, _SET_PRINTER_STATUS, status)

    def restore(self) -> None:
        if self._is_ended:
            return
        if self._address and not self._listener:
            self.listen(*self._address)
        if self._link and not self._terminal:
            self.open_terminal()
        for end in self._others:
            end.restore()
        self._gadget_is_wanted = True

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
        self._gadget_is_wanted = False
        self._close_gadget()
        for other in self._others:
            other.drop()
        self.wake()

    def reset_client(self) -> None:
        """Breaks the TCP connection without a proper end: the client's next call fails with a reset."""
        if self._client:
            with contextlib.suppress(OSError):
                linger_0_s = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0_s)
        self._drop_client()

    def send(self, reply: bytes) -> None:
        """Sends without waiting; what the client's full buffers do not take is lost, as on a line without flow control."""
        with contextlib.suppress(OSError):
            if self._client:
                self._client.send(reply)
        self.send_flow_control(reply)
        with contextlib.suppress(OSError):
            if self._gadget is not None:
                os.write(self._gadget, reply)
        for end in self._others:
            end.send(reply)

    def send_flow_control(self, code: bytes) -> None:
        """To the serial line alone: the other wires have a flow control of their own."""
        with contextlib.suppress(OSError):
            if self._terminal:
                os.write(self._terminal[0], code)

    def wake(self) -> None:
        if self._thread is None:  # nobody sleeps
            return
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
        if self._keeper:
            self._keeper.close()
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

    def _reopen_gadget(self) -> None:
        """The host's reset of the device, and its unplugging, end what was open: it is opened anew until that succeeds."""
        if self._gadget is None and self._gadget_path and self._gadget_is_wanted:
            with contextlib.suppress(OSError):
                self._gadget = os.open(self._gadget_path, os.O_RDWR | _NON_BLOCKING)

    def _close_gadget(self) -> None:
        if self._gadget is not None:
            self._forget(self._gadget)
            os.close(self._gadget)
            self._gadget = None

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
                wants_bytes = self._room() > 0
                self._watch(self._listener, self._client is None)
                self._watch(self._client, wants_bytes)
                self._watch(self._terminal[0] if self._terminal else None, wants_bytes)
                self._reopen_gadget()
                self._watch(self._gadget, wants_bytes)
                wait_s = self._next_event_s()
                if self._gadget_path and (self._gadget is None or wants_bytes):
                    wait_s = min(_GADGET_S, _GADGET_S if wait_s is None else wait_s)
            try:
                # A clock that a test moves may stand still: then the shortest wait keeps this from spinning.
                events = self._selector.select(None if wait_s is None else max(wait_s, _SHORTEST_WAIT_S))
            except OSError:  # a socket was closed while we waited on it
                continue
            if not events:
                self._tick()
                # Reset by the host while it was asked, the gadget waits for no bytes any more, and says so to nobody: its
                # driver (f_printer.c, setup_rx_reqs) takes what the bus refused up again at the next reading alone.
                if self._gadget is not None:
                    self._receive(functools.partial(self._read, self._gadget))
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
            elif not (room := self._room()):
                pass
            elif source is self._client and self._client:
                data = self._client.recv(room)
                if not data:
                    self._drop_client()
                return data
            elif self._terminal and source == self._terminal[0]:
                return os.read(self._terminal[0], room)
            elif source == self._gadget and self._gadget is not None:
                data = os.read(self._gadget, min(room, _GADGET_READ_BYTES))
                if not data:
                    self._close_gadget()
                return data
        except BlockingIOError:
            pass
        except OSError:
            if source == self._gadget:
                self._close_gadget()
            elif source is self._client:
                self._drop_client()
        return b""


def _keeper_of(address: tuple[str, int]) -> socket.socket | None:
    """A second socket at an address where nobody listens yet; None where the system has no such thing."""
    if os.name != "posix":
        return None
    keeper = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        keeper.bind(address)
    except OSError:
        keeper.close()
        return None
    return keeper


def _open_pseudo_terminal() -> tuple[int, int, str]:
    """The printer's end, the client's end and its path, in raw mode."""
    if sys.platform == "win32":
        raise DeviceAbsent("Windows has no pseudo-terminals.", hint="Serve the printer on TCP.")
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    return ours, theirs, os.ttyname(theirs)
