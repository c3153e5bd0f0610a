"""Zebra (Symbol, Motorola) readers set to SSI: each scan is a packet with a check sum, acknowledged, and sent again if it is not.

Knows what Zebra's Simple Serial Interface Programmer's Guide (72E-40451) says of the host's part. Finds no port.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from drivers.errors import DeviceAbsent, DeviceError
from drivers.scanners.lines.scanner import Line
from drivers.scanners.lines.ssi_packets import (
    ACK,
    BEEP,
    DECODE_DATA,
    DENIED,
    NAK,
    RESEND,
    RESENT,
    SCAN_DISABLE,
    SCAN_ENABLE,
    SEGMENT,
    Packet,
    PacketCutter,
    built,
)
from drivers.scanners.scan import ScanData, scan_from_bytes
from drivers.scanners.scanner import SLICE_S

ANSWER_S = 2.0
"""How long either side waits for an answer before it sends again, which it does twice: the guide's own setting."""
RESENDS = 2
_CHAIN_S = ANSWER_S * (RESENDS + 1) + 0.5
"""A packet that is the one before once more, sent again, comes within this time, or is another scan."""

_MAX_LABEL_BYTES = 8192
_PARTING_SLICES = 10

TWO_SHORT_HIGH, TWO_LONG_LOW = 0x01, 0x10  # BEEP's codes (MK1000 reference guide, table 5-8)

SYMBOLOGIES = {
    0x01: "code39",
    0x02: "codabar",
    0x03: "code128",
    0x06: "itf",
    0x07: "code93",
    0x08: "upca",
    0x09: "upce",
    0x0A: "ean8",
    0x0B: "ean13",
    0x0F: "gs1-128",
    0x10: "upce",
    0x11: "pdf417",
    0x13: "code39",  # full ASCII
    0x16: "ean13",  # Bookland
    0x18: "codabar",  # NW-7
    0x19: "code128",  # ISBT-128
    0x1B: "datamatrix",
    0x1C: "qr",
    0x2D: "aztec",
    0x30: "gs1-databar",
    0x31: "gs1-databar",
    0x32: "gs1-databar",
    0x48: "ean13-addon",  # UPC-A with two digits more; with five
    0x88: "ean13-addon",
    0x4B: "ean13-addon",
    0x8B: "ean13-addon",
}
"""DECODE_DATA's first byte, the code type (table of the guide, under that command; the one-dimensional ones also in the CS3000
reference guide, table B-1, which numbers DataBar otherwise)."""

_RETAIL_DIGITS = {"ean13": {13}, "upca": {12}, "upce": {8}, "ean8": {8}, "ean13-addon": {15, 18}}


class SsiScanner:
    """Acknowledges each packet that is whole, asks again for one that is not, and takes one that is sent again only once.

    `clock` times scans, silences and answers, in seconds that only grow; waiting on the wire itself takes real time.
    """

    def __init__(self, line: Line, *, clock: Callable[[], float] = time.monotonic, name: str) -> None:
        self._line = line
        self._clock = clock
        self._name = name
        self._cutter = PacketCutter()
        self._dropped = 0
        self._scans: deque[ScanData] = deque()
        # Of the message that comes in several packets.
        self._parts: list[bytes] = []
        self._lost_a_part = False
        # The last packet with decoded data, to know it when it comes again.
        self._last: Packet | None = None
        self._last_at = 0.0
        self._asked_again = False  # since then, for something damaged
        # What this side has said and waits to have acknowledged; the first is on its way.
        self._commands: deque[tuple[int, bytes]] = deque()
        self._tries = 0
        self._said_at = 0.0
        self._has_answered = False
        self._is_mute = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return self._line.is_open

    @property
    def dropped(self) -> int:
        """What came damaged since the start (and was mostly sent again), and messages of which a part was lost."""
        return self._dropped

    def open(self) -> None:
        """Claims the line, and enables scanning. A reader that did not answer that is absent from then on, until it does."""
        if not self._line.is_open:
            self._line.open()
            self._has_answered = self._is_mute = False
            self._command(SCAN_ENABLE)
        if self._is_mute:
            self._turn()
            if self._is_mute:
                hint = "See that it is set to SSI with the speed in the address; a reader set to plain serial is serial://."
                raise DeviceAbsent(f"The scanner at {self._name} does not answer.", hint=hint)

    def tell(self, *, good: bool) -> None:
        """Two short high tones, or two long low ones."""
        if self._line.is_open:
            # Of tones that wait for their turn only the last means anything.
            waiting = [one for one in list(self._commands)[1:] if one[0] != BEEP]
            self._commands = deque([*list(self._commands)[:1], *waiting])
            self._command(BEEP, bytes([TWO_SHORT_HIGH if good else TWO_LONG_LOW]))

    def close(self) -> None:
        """Disables scanning, so that a code is refused aloud while nobody listens, and lets the line go."""
        if not self._line.is_open:
            return
        to_come = 1 + bool(self._commands)  # acknowledgements, that of the command on its way first
        self._forget()
        self._line.send(built(SCAN_DISABLE))
        try:
            for _ in range(_PARTING_SLICES):
                packets = self._cutter.feed(self._line.receive(), self._clock())
                to_come -= sum(packet.opcode == ACK for packet in packets)
                if to_come <= 0:
                    break
        except DeviceError:
            pass
        self._cutter.reset()
        self._line.close()

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s` (give or take a twentieth of a second).

        Raises what `open` raises, and DeviceAbsent once for a reader that is unplugged, or that does not answer.
        """
        left_s = timeout_s
        while True:
            if self._scans:
                return self._scans.popleft()
            self.open()
            began_at = self._clock()
            heard = self._turn()
            # Silence lasted its slice, whatever the clock says: a clock that stands still must not make this wait for ever.
            left_s -= max(self._clock() - began_at, 0 if heard else SLICE_S)
            if left_s <= 0 and not self._scans:
                return None

    def _turn(self) -> bool:
        """Listens once, and answers; whether anything came."""
        try:
            data = self._line.receive()
        except DeviceError:
            self._forget()
            raise
        now = self._clock()
        for packet in self._cutter.feed(data, now):
            self._hear(packet, now)
        if not data and self._cutter.expire(now):
            self._dropped += 1
            self._asked_again = True
            self._line.send(built(NAK, bytes([RESEND])))
        self._say_again(now)
        return bool(data)

    def _forget(self) -> None:
        """What was under way when the reader went away."""
        self._dropped += bool(self._cutter.is_amid or self._parts)
        self._cutter.reset()
        self._parts = []
        self._lost_a_part = False
        self._commands.clear()

    # What the reader says.

    def _hear(self, packet: Packet, now: float) -> None:
        self._has_answered, self._is_mute = True, False
        if packet.opcode == ACK:
            self._next_command()
        elif packet.opcode == NAK:
            if packet.data[:1] == bytes([RESEND]):
                self._said_at = now - ANSWER_S  # at once
            else:
                self._next_command()  # it does not know the command, or may not
        elif packet.opcode == DECODE_DATA:
            self._take(packet, now)
        elif packet.opcode == SEGMENT:
            self._dropped += 1
            self._line.send(built(NAK, bytes([DENIED])))
        else:
            self._line.send(built(ACK))

    def _take(self, packet: Packet, now: float) -> None:
        since_s = now - self._last_at
        before, self._last, self._last_at = self._last, packet, now
        asked_again, self._asked_again = self._asked_again, False
        is_the_same = (
            packet.is_resent
            and before is not None
            and packet.data == before.data
            and packet.is_continued == before.is_continued
            and since_s <= _CHAIN_S
        )
        if is_the_same and not asked_again:
            self._line.send(built(ACK))  # the one that was sent has not arrived
            return
        # Packets have no numbers. One that comes too late, is of another kind of code, or may be the one before or its twin,
        # is not known to be the next part of the message; and half a label must never be taken for one. So what is left of
        # the message is refused too.
        longest_s = _CHAIN_S if packet.is_resent else ANSWER_S
        self._parts.append(packet.data)
        self._lost_a_part |= (
            not packet.data
            or (is_the_same and len(self._parts) > 1)
            or packet.data[:1] != self._parts[0][:1]
            or (len(self._parts) > 1 and since_s > longest_s)
            or sum(map(len, self._parts)) > _MAX_LABEL_BYTES
        )
        if self._lost_a_part:
            self._parts = self._parts[:1]
            self._line.send(built(NAK, bytes([DENIED])))
        else:
            self._line.send(built(ACK))
        if packet.is_continued:
            return
        parts, self._parts = self._parts, []
        self._dropped += self._lost_a_part
        if not self._lost_a_part:
            self._keep(parts[0][0], b"".join(part[1:] for part in parts), now)
        self._lost_a_part = False

    def _keep(self, code_type: int, text: bytes, now: float) -> None:
        scan = scan_from_bytes(text, self._name, now)
        if not scan.label:
            return
        symbology = scan.symbology or SYMBOLOGIES.get(code_type, "")
        digits = _RETAIL_DIGITS.get(symbology)
        fits = digits is None or (len(scan.label) in digits and scan.label.isascii() and scan.label.isdigit())
        self._scans.append(
            ScanData(scan.raw, scan.label, symbology if fits else "", scan.device, scan.received_at),
        )

    # What this side says.

    def _command(self, opcode: int, data: bytes = b"") -> None:
        self._commands.append((opcode, data))
        if len(self._commands) == 1:
            self._begin_command()

    def _next_command(self) -> None:
        if self._commands:
            self._commands.popleft()
        if self._commands:
            self._begin_command()

    def _begin_command(self) -> None:
        opcode, data = self._commands[0]
        self._tries = 1
        self._said_at = self._clock()
        self._line.send(built(opcode, data))

    def _say_again(self, now: float) -> None:
        if not self._commands or now - self._said_at < ANSWER_S:
            return
        opcode, data = self._commands[0]
        if self._tries <= RESENDS:
            self._tries += 1
            self._said_at = now
            self._line.send(built(opcode, data, status=RESENT))
        elif self._has_answered:
            self._next_command()  # a tone that nobody heard
        else:
            self._is_mute = True
            self._begin_command()
