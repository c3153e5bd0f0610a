"""What a receipt printer sends back, told apart byte by byte, and what it means in plain words.

Pure: bytes in, events out; no wire, no clock. Which question a real-time status byte answers is not in the byte, so
whoever asks keeps at most one question open. Bits are those of the ESC/POS command reference under DLE EOT, GS a, GS r,
GS I and GS ( H.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class RealTime(msgspec.Struct, frozen=True):
    """The answer to DLE EOT n: one byte, fixed bits 0xx1xx10."""

    value: int


class AutomaticStatus(msgspec.Struct, frozen=True):
    """Four bytes that the printer pushes after a change, where GS a is switched on."""

    data: bytes


class Transmitted(msgspec.Struct, frozen=True):
    """The one-byte answer to GS r or GS I: the printer has worked its buffer off up to that command."""

    value: int


class ProcessId(msgspec.Struct, frozen=True):
    """The echo of GS ( H fn 48: everything sent before that request has been printed."""

    ident: bytes


class Block(msgspec.Struct, frozen=True):
    """Any other answer that a NUL ends (GS I text, GS ( H fn 49), without its header and its NUL."""

    header: int
    data: bytes


class WentOffline(msgspec.Struct, frozen=True):
    """The offline response of GS ( H fn 49; its causes differ from model to model, so whoever hears it asks."""


class FlowControl(msgspec.Struct, frozen=True):
    """XON (`ready`) or XOFF, where the serial line's driver passes them on."""

    ready: bool


Event = RealTime | AutomaticStatus | Transmitted | ProcessId | Block | WentOffline | FlowControl

_XON, _XOFF = 0x11, 0x13
_BLOCK_HEADERS = frozenset(b"\x35\x37\x3b\x3d\x5f")
_PROCESS_ID = b'7"'
_WENT_OFFLINE = b"7#"
_LONGEST_BLOCK = 256  # the longest answer in the reference is GS I's, about 80 bytes


class StatusReader:
    """Cuts the byte stream of one connection into events; start a new one with every connection.

    Bytes may come in any pieces. What fits no answer is dropped, and memory is bounded by the longest answer.

    >>> StatusReader().feed(bytes.fromhex("12 37 22 41 42 43 44 00"))
    [RealTime(value=18), ProcessId(ident=b'ABCD')]
    """

    def __init__(self) -> None:
        self._open = bytearray()  # the beginning of a block or of an automatic status

    def feed(self, data: bytes) -> list[Event]:
        return [event for byte in data if (event := self._take(byte)) is not None]

    def _take(self, byte: int) -> Event | None:
        if byte in (_XON, _XOFF):
            return FlowControl(byte == _XON)  # flow control may stand inside another answer
        if self._open and self._open[0] in _BLOCK_HEADERS:
            if byte == 0:
                return self._end_block()
            if 0x20 <= byte <= 0x7F and len(self._open) < _LONGEST_BLOCK:
                self._open.append(byte)
                return None
            self._open.clear()  # not a block after all: read this byte afresh
        if byte & 0x93 == 0x12:
            return RealTime(byte)
        if self._open:
            if byte & 0x90 == 0:
                self._open.append(byte)
                return self._end_automatic_status() if len(self._open) == 4 else None
            self._open.clear()
        if byte & 0x93 == 0x10 or byte in _BLOCK_HEADERS:
            self._open.append(byte)
            return None
        return Transmitted(byte) if byte & 0x90 == 0 else None

    def _end_block(self) -> Event:
        block = bytes(self._open)
        self._open.clear()
        if block[-6:-4] == _PROCESS_ID:  # at the end: a stray header before it does not hide it
            return ProcessId(block[-4:])
        if block.startswith(_WENT_OFFLINE):
            return WentOffline()
        return Block(block[0], block[1:])

    def _end_automatic_status(self) -> Event:
        data = bytes(self._open)
        self._open.clear()
        return AutomaticStatus(data)


Paper = Literal["ok", "near end", "out", "unknown"]
Fault = Literal["", "cutter", "recoverable", "unrecoverable"]
Level = Literal["high", "low", "unknown"]
Trouble = Literal["", "cover_open", "paper_out", "cutter", "error", "offline"]


class PrinterStatus(msgspec.Struct, frozen=True):
    """A printer's state as it told it; None and 'unknown' mean that it did not say.

    >>> PrinterStatus.from_answers({1: 0x1A, 2: 0x32, 3: 0x12, 4: 0x72}).sentence
    'The paper is out. Put in a new roll.'
    """

    online: bool | None = None
    paper: Paper = "unknown"
    cover_open: bool | None = None
    error: Fault | None = None
    drawer_pin: Level = "unknown"  # pin 3 of the drawer's connector; what it means is a matter of the drawer's wiring

    @classmethod
    def from_answers(cls, answers: Mapping[int, int]) -> PrinterStatus:
        """From the answers to DLE EOT n, by n; any may be missing."""
        online = not answers[1] & 0x08 if 1 in answers else None
        cover_open = bool(answers[2] & 0x04) if 2 in answers else None
        stopped_for_paper = bool(answers.get(2, 0) & 0x20)
        error = _fault(answers[3]) if 3 in answers else None
        paper: Paper = "unknown"
        if stopped_for_paper or answers.get(4, 0) & 0x60:
            paper = "out"
        elif 4 in answers:
            paper = "near end" if answers[4] & 0x0C else "ok"
        return cls(online, paper, cover_open, error, _level(answers[1]) if 1 in answers else "unknown")

    @classmethod
    def from_automatic(cls, data: bytes) -> PrinterStatus:
        """From the four bytes of an automatic status."""
        paper: Paper = "out" if data[2] & 0x0C else "near end" if data[2] & 0x03 else "ok"
        return cls(not data[0] & 0x08, paper, bool(data[0] & 0x20), _fault(data[1]), _level(data[0]))

    @classmethod
    def from_paper_sensor(cls, value: int) -> PrinterStatus:
        """From the answer to GS r 1, for want of better: a printer that gets to answering it is at work."""
        return cls(True, "out" if value & 0x0C else "near end" if value & 0x03 else "ok")

    @property
    def trouble(self) -> Trouble:
        """Why nothing can be printed now; '' when nothing known stands in the way. The cause comes before its effect."""
        if self.cover_open:
            return "cover_open"
        if self.paper == "out":
            return "paper_out"
        if self.error:
            return "cutter" if self.error == "cutter" else "error"
        return "offline" if self.online is False else ""

    @property
    def ready(self) -> bool:
        """Everything was asked, everything was answered, and nothing is wrong."""
        return bool(self.online and self.paper in ("ok", "near end") and self.cover_open is False and self.error == "")

    @property
    def sentence(self) -> str:
        """What a cashier should know and do."""
        if self.cover_open and self.paper == "out":
            return "The printer's cover is open and the paper is out. Put in a new roll and close the cover."
        if self.error == "unrecoverable" and self.trouble == "error":
            return _SENTENCES["failed"]
        if self.trouble:
            return _SENTENCES[self.trouble]
        if self.paper == "near end":
            return _SENTENCES["paper_near_end"]
        if self.online is None:
            return "The printer does not answer. Check that it is switched on, that its cover is closed and its cable is in."
        return "The printer is ready."


_SENTENCES: dict[str, str] = {
    "cover_open": "The printer's cover is open. Close it.",
    "paper_out": "The paper is out. Put in a new roll.",
    "cutter": "The printer's cutter is stuck. Open the cover, take out the jammed paper, and close the cover.",
    "error": "The printer has stopped with an error. Open and close its cover, or switch it off and on.",
    "offline": "The printer is offline. Check its display and its buttons, or switch it off and on.",
    "failed": "The printer has failed. Switch it off and on; if that does not help, have it repaired.",
    "paper_near_end": "The paper is nearly used up. Have a new roll ready.",
    "paper_loaded": "There is paper again. Receipts that wait print by themselves.",
    "cover_closed": "The printer's cover is closed again. Receipts that wait print by themselves.",
    "error_gone": "The printer works again. Receipts that wait print by themselves.",
    "online": "The printer is online again. Receipts that wait print by themselves.",
    "drawer_opened": "The cash drawer is open. Close it after the change is given.",
    "drawer_closed": "The cash drawer is closed.",
}


def _level(byte: int) -> Level:
    # DLE EOT 1 and the first byte of an automatic status use the same bit.
    return "high" if byte & 0x04 else "low"


def _fault(byte: int) -> Fault:
    # DLE EOT 3 and the second byte of an automatic status use the same bits.
    if byte & 0x20:
        return "unrecoverable"
    if byte & 0x08:
        return "cutter"
    return "recoverable" if byte & 0x44 else ""


class StatusChange(msgspec.Struct, frozen=True):
    """Something about the printer that was otherwise a moment ago. `sentence` says what happened and what to do."""

    code: str
    sentence: str


def changes(before: PrinterStatus, after: PrinterStatus, *, drawer_opens: Level = "unknown") -> list[StatusChange]:
    """What a person should hear of. What was not said before, or is not said now, has not changed.

    `drawer_opens` is the level of the open drawer, where its sensor is wired.

    >>> [change.code for change in changes(PrinterStatus(True, "ok"), PrinterStatus(False, "out"))]
    ['paper_out']
    """
    found = []
    if before.paper != after.paper and "unknown" not in (before.paper, after.paper):
        found.append({"ok": "paper_loaded", "near end": "paper_near_end", "out": "paper_out"}[after.paper])
    if before.cover_open != after.cover_open and None not in (before.cover_open, after.cover_open):
        found.append("cover_open" if after.cover_open else "cover_closed")
    if before.error != after.error and None not in (before.error, after.error):
        found.append({"": "error_gone", "unrecoverable": "failed", "cutter": "cutter"}.get(after.error or "", "error"))
    if not found and before.online != after.online and None not in (before.online, after.online):
        found.append("online" if after.online else "offline")
    levels = (before.drawer_pin, after.drawer_pin)
    if levels[0] != levels[1] and "unknown" not in (*levels, drawer_opens):
        found.append("drawer_opened" if after.drawer_pin == drawer_opens else "drawer_closed")
    return [StatusChange(code, _SENTENCES[code]) for code in found]
