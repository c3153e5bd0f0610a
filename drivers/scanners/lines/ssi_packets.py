"""Zebra's Simple Serial Interface: a packet's bytes, and cutting a stream into packets.

Pure. From Zebra's Simple Serial Interface Programmer's Guide (72E-40451): `length opcode source status data… checksum`.
The length counts everything before the checksum, itself too. The checksum is the two's complement, in 16 bits, of the sum of
the same bytes. The source is 0 for the reader and 4 for the host. Bit 0 of the status says that the packet is sent again,
bit 1 that more of the same message follows; cordless readers set others, which mean nothing here.
"""

from __future__ import annotations

import msgspec

READER, HOST = 0x00, 0x04
RESENT, CONTINUED = 0x01, 0x02

ACK, NAK = 0xD0, 0xD1
DECODE_DATA = 0xF3
BEEP, SCAN_ENABLE, SCAN_DISABLE = 0xE6, 0xE9, 0xEA
SEGMENT = 0x73  # of a message longer than a packet, as some cordless readers send it; the guide does not describe it

RESEND, DENIED = 1, 6  # why a packet was refused

_HEAD_BYTES = 4
MAX_DATA_BYTES = 0xFF - _HEAD_BYTES
SILENCE_S = 0.2
"""What ends bytes that are no packet."""


class Packet(msgspec.Struct, frozen=True):
    opcode: int
    source: int
    status: int
    data: bytes = b""

    @property
    def is_resent(self) -> bool:
        return bool(self.status & RESENT)

    @property
    def is_continued(self) -> bool:
        return bool(self.status & CONTINUED)


def built(opcode: int, data: bytes = b"", *, source: int = HOST, status: int = 0) -> bytes:
    """
    >>> built(ACK).hex(" ")
    '04 d0 04 00 ff 28'
    """
    if len(data) > MAX_DATA_BYTES:
        raise ValueError(f"a packet holds {MAX_DATA_BYTES} bytes, not {len(data)}")
    counted = bytes([_HEAD_BYTES + len(data), opcode, source, status]) + data
    return counted + checksum(counted)


def checksum(counted: bytes | bytearray) -> bytes:
    return (-sum(counted) & 0xFFFF).to_bytes(2, "big")


class Damaged(msgspec.Struct, frozen=True):
    """Bytes came that are no packet: one that was cut off or changed on its way, or noise. Ask for it again."""


class PacketCutter:
    """Cuts a stream into packets, never holding more than the longest one.

    A packet begins where the one before has ended, or after a silence, and nowhere else. After bytes that are no packet
    everything up to the next silence is thrown away: in the rest of a damaged packet, which is the text of a code that anybody
    may have printed, something that looks like another packet must not be found. Nothing is lost by it, since the reader
    sends again what was not acknowledged.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._deaf = False
        self._heard_at = 0.0

    @property
    def is_amid(self) -> bool:
        """Whether a packet has begun and not ended."""
        return bool(self._buffer) or self._deaf

    def feed(self, data: bytes, now: float) -> list[Packet]:
        """The packets that these bytes complete, in order; time ends nothing here."""
        if data:
            self._heard_at = now
        packets: list[Packet] = []
        if self._deaf:
            return packets
        self._buffer += data
        while self._buffer and not self._deaf:
            length = self._buffer[0]
            if length < _HEAD_BYTES or (len(self._buffer) > 2 and self._buffer[2] != READER):
                self._go_deaf()
            elif len(self._buffer) < length + 2:
                break
            elif checksum(self._buffer[:length]) != self._buffer[length : length + 2]:
                self._go_deaf()
            else:
                _, opcode, source, status = self._buffer[:_HEAD_BYTES]
                packets.append(Packet(opcode, source, status, bytes(self._buffer[_HEAD_BYTES:length])))
                del self._buffer[: length + 2]
        return packets

    def expire(self, now: float) -> Damaged | None:
        """Call it after listening in vain: after a silence, whether something damaged came before it."""
        if not self.is_amid or now - self._heard_at < SILENCE_S:
            return None
        self.reset()
        return Damaged()

    def reset(self) -> None:
        self._buffer.clear()
        self._deaf = False

    def _go_deaf(self) -> None:
        self._buffer.clear()
        self._deaf = True
