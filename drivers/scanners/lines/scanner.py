"""Readers that send each scan as a piece of text on a line, whatever the line is: what serial and network readers share.

Knows frames, and the few bytes by which the makes want to be answered. Opens no port.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from drivers.errors import DeviceError
from drivers.scanners.lines.framing import Framer
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.scanners.scanner import SLICE_S

NUL = b"\0"
"""What systems put in place of a byte that arrived damaged. No reader sends one in a line; the frame around it is lost."""


class Line(Protocol):
    """Bytes to and from one reader, for this program alone."""

    @property
    def is_open(self) -> bool: ...

    def open(self) -> None:
        """Raises what `Scanner.open` raises; what came before is discarded. An open one stays as it is."""

    def receive(self) -> bytes:
        """What has come; b'' is silence for `SLICE_S`. Where the reader is gone it raises DeviceAbsent, and is closed."""

    def send(self, data: bytes) -> None:
        """Waits for nothing and raises nothing: a reader that does not take it does without."""

    def close(self) -> None: ...


class Answers(msgspec.Struct, frozen=True):
    """What a make of reader is told: when it is opened, for every scan that arrived, and whether that was of use."""

    opened: bytes = b""
    arrived: bytes = b""
    good: bytes = b""
    bad: bytes = b""


ANSWERS = {
    "none": Answers(),
    # ACK at once, since the reader scans no more until it has it; never NAK, which makes it send the same scan again
    # (Honeywell 1202g user's guide, 2-26; Newland and Opticon have the same two bytes). The tones are commands of Host ACK:
    # [ESC]7, for an item on file and [ESC]8,[ESC]8, for one that is not (Xenon/Granit user guide, page 111).
    "honeywell": Answers(arrived=b"\x06", good=b"\x1b7,", bad=b"\x1b8,\x1b8,"),
    # Host commands: E enables, SOH forces the good-read tone, F says not on file (Magellan 9800i reference guide, appendix E).
    # F disables hand-held readers (PowerScan reference guide, appendix E), so E comes after it.
    "datalogic": Answers(opened=b"E", good=b"\x01", bad=b"FE"),
}


class LineScanner:
    """Turns bytes into scans, and survives being unplugged: `read` in a loop, and wait after a DeviceAbsent.

    Scans are timed when they are read, so a reader should be read at once, by a thread of its own.

    `clock` times scans and idle frames, in seconds that only grow; waiting on the wire itself takes real time.
    """

    def __init__(self, line: Line, framer: Framer, answers: Answers, *, clock: Callable[[], float], name: str) -> None:
        self._line = line
        self._framer = framer
        self._answers = answers
        self._clock = clock
        self._name = name
        self._frames: deque[bytes] = deque()
        self._damaged = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return self._line.is_open

    @property
    def dropped(self) -> int:
        """Frames lost on the wire since the start, see `Framer.dropped`, and those with a damaged byte."""
        return self._framer.dropped + self._damaged

    def open(self) -> None:
        """Claims the line for this program alone. What was scanned before is discarded. An open one stays as it is.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied, or a bare DeviceError where the address or speed is wrong.
        """
        if not self._line.is_open:
            self._line.open()
            self._say(self._answers.opened)

    def tell(self, *, good: bool) -> None:
        """By the make's own bytes; nothing where none is set: then the reader beeps by itself, for every scan alike."""
        self._say(self._answers.good if good else self._answers.bad)

    def close(self) -> None:
        """Lets the line go. Scans already received can still be read; `read` opens it again after them."""
        if self._line.is_open:
            self._framer.reset()
            self._line.close()

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s` (give or take a twentieth of a second).

        Opens the line if it is not open, and raises what `open` raises. An unplugged reader raises DeviceAbsent at once, so
        wait before reading again: it tries to open the line anew, and goes on once the reader is back.
        """
        left_s = timeout_s
        while True:
            while self._frames:
                scan = scan_from_bytes(self._frames.popleft(), self._name, self._clock())
                if scan.label:
                    return scan
            self.open()
            began_at = self._clock()
            try:
                data = self._line.receive()
            except DeviceError:
                self._framer.reset()
                raise
            now = self._clock()
            for frame in self._framer.feed(data, now) if data else self._framer.expire(now):
                self._say(self._answers.arrived)
                if NUL in frame:
                    self._damaged += 1
                else:
                    self._frames.append(frame)
            # Silence lasted its slice, whatever the clock says: a clock that stands still must not make this wait for ever.
            left_s -= now - began_at if data else max(now - began_at, SLICE_S)
            if left_s <= 0 and not self._frames:
                return None

    def _say(self, data: bytes) -> None:
        if data and self._line.is_open:
            self._line.send(data)
