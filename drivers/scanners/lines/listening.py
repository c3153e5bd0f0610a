"""Bar code readers that connect to this program by themselves, as fixed-mount ones do: each line that one sends is a scan."""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.lines.framing import LINE_ENDS, Framer
from drivers.scanners.lines.tcp import host_and_port, keep_alive
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.scanners.scanner import SLICE_S

MOST_READERS = 8
FIRST_CALL_S = 10.0
"""How long after opening nobody need have connected: readers try again every few seconds."""

_READ_BYTES = 4096


class ListeningScanner:
    """One address for one reader or several. Who connects is believed: listen on the loopback address, or in the shop's own
    network only.

    It listens from the first `open` to `close`. After the last reader has hung up, and where none connected for the first ten
    seconds, `open` and `read` raise DeviceAbsent until one connects. A connection too many is hung up on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        prefix: bytes = b"",
        suffix: bytes | tuple[bytes, ...] = LINE_ENDS,
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
    ) -> None:
        self._host = host
        self._port = port
        self._name = name or f"listen://{host_and_port(host, port)}"
        self._prefix = prefix
        self._suffix = suffix
        self._clock = clock
        self._listener: socket.socket | None = None
        self._selector: selectors.BaseSelector | None = None
        self._readers: dict[socket.socket, Framer] = {}
        self._scans: deque[ScanData] = deque()
        self._dropped = 0
        self._patient_until = 0.0

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        """Whether it listens, with or without a reader."""
        return self._listener is not None

    @property
    def dropped(self) -> int:
        # A copy: others ask while the thread that reads takes up a call or hangs up.
        return self._dropped + sum(framer.dropped for framer in list(self._readers.values()))

    def open(self) -> None:
        if self._listener is None:
            self._begin()
        if not self._readers and self._clock() >= self._patient_until:
            self._listen(0)
            if not self._readers and not self._scans:
                hint = "Switch the scanner on, and see that it is set to connect to this address and port."
                raise DeviceAbsent(f"No scanner is connected to {self._name}.", hint=hint)

    def _begin(self) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
            listener = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:  # the latter of a name that none can have, such as till..shop
            raise self._refused(error) from error
        try:
            # Elsewhere the option lets a program listen again at once; on Windows another would take away the connections.
            exclusively = sys.platform == "win32"
            option = socket.SO_EXCLUSIVEADDRUSE if exclusively else socket.SO_REUSEADDR  # type: ignore[attr-defined,unused-ignore]
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
            listener.bind(address)
            listener.listen(MOST_READERS)
            listener.setblocking(False)
        except OSError as error:
            listener.close()
            raise self._refused(error) from error
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._patient_until = self._clock() + FIRST_CALL_S

    def tell(self, *, good: bool) -> None:
        """Nothing: several may be connected, and these readers show by themselves what they read."""

    def close(self) -> None:
        """Hangs up and listens no more. Scans already received can still be read."""
        for reader in list(self._readers):
            self._hang_up(reader)
        if self._selector is not None and self._listener is not None:
            self._selector.close()
            self._listener.close()
        self._selector = self._listener = None

    def read(self, timeout_s: float) -> ScanData | None:
        left_s = timeout_s
        while True:
            if self._scans:
                return self._scans.popleft()
            self.open()
            began_at = self._clock()
            had_readers = bool(self._readers)
            heard = self._listen(SLICE_S if left_s > 0 else 0)
            if self._scans:
                continue
            if had_readers and not self._readers:
                self._patient_until = self._clock()
                hint = "See that it is switched on and its network cable is in; it connects again by itself."
                raise DeviceAbsent(f"The scanner that was connected to {self._name} has hung up.", hint=hint)
            # A clock that stands still must not make this wait for ever.
            left_s -= max(self._clock() - began_at, 0 if heard else SLICE_S)
            if left_s <= 0:
                return None

    def _listen(self, timeout_s: float) -> bool:
        """Takes what comes within the time, from whomever; whether anything came."""
        assert self._selector is not None
        ready = self._selector.select(timeout_s)
        for key, _ in ready:
            end = key.fileobj
            if end is self._listener:
                self._take_up()
            elif isinstance(end, socket.socket):
                self._hear(end)
        if not ready:
            now = self._clock()
            for framer in self._readers.values():
                self._keep(framer.expire(now), now)
        return bool(ready)

    def _take_up(self) -> None:
        assert self._selector is not None
        assert self._listener is not None
        try:
            reader, _ = self._listener.accept()
        except OSError:  # it has gone already
            return
        if len(self._readers) >= MOST_READERS:
            reader.close()
            return
        reader.setblocking(False)
        keep_alive(reader)
        self._selector.register(reader, selectors.EVENT_READ)
        self._readers[reader] = Framer(self._prefix, self._suffix)

    def _hear(self, reader: socket.socket) -> None:
        try:
            data = reader.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up(reader)
            return
        now = self._clock()
        self._keep(self._readers[reader].feed(data, now), now)

    def _keep(self, frames: list[bytes], now: float) -> None:
        scans = (scan_from_bytes(frame, self._name, now) for frame in frames)
        self._scans.extend(scan for scan in scans if scan.label)

    def _hang_up(self, reader: socket.socket) -> None:
        assert self._selector is not None
        framer = self._readers.pop(reader)
        framer.reset()
        self._dropped += framer.dropped
        self._selector.unregister(reader)
        reader.close()

    def _refused(self, error: OSError | UnicodeError) -> DeviceError:
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE or (sys.platform == "win32" and number == errno.EACCES):
            hint = "Close that program, or choose another port, here and in the scanner's settings."
            return DeviceBusy(f"Another program listens on {self._name}.", hint=hint)
        if number in (errno.EACCES, errno.EPERM):
            hint = "Choose a port above 1023, here and in the scanner's settings."
            return DeviceDenied(f"This user may not listen on {self._name}.", hint=hint)
        hint = "Write an address that this machine has, such as listen://127.0.0.1:4001."
        why = error.strerror if isinstance(error, OSError) else "there is no such name"
        return DeviceError(f"Nobody can listen on {self._name}: {why}.", hint=hint)
