"""What a printer answers about itself, as bytes: DLE EOT, GS a, GS r, GS I and GS ( H, as Epson's reference has them.

It knows the state of the mechanics and no wire. `Replies` stands between: it is where answers come late, twice, cut
short, garbled or not at all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from drivers.simulated.mechanics import Mechanics
from drivers.simulated.text import TwoByte

MAKER: Final = b"EPSON"
MODEL: Final = b"TM-T88V"

_HAS_TWO_BYTES, _HAS_CUTTER, _FIXED = 0x01, 0x02, 0x40  # bits of the type
_TWO_BYTE_FONTS: Final[dict[TwoByte, bytes]] = {
    "": b"",
    "shift_jis": b"KANJI JAPANESE",
    "gb18030": b"CHINA GB18030",
    "big5": b"TAIWAN BIG-5",
    "euc-kr": b"KOREA C-5601C",
}


def real_time_status(n: int, mechanics: Mechanics) -> bytes | None:
    """The answer to DLE EOT n; None where there is none."""
    out, near = mechanics.paper == "out", mechanics.paper != "ok"
    button = mechanics.feed_button_is_held
    status = {
        1: 0x04 * mechanics.drawer.pin_3_is_high | 0x08 * (not mechanics.is_online) | 0x40 * button,
        2: 0x04 * mechanics.cover_is_open
        | 0x08 * button
        | 0x20 * out
        | 0x40 * bool(mechanics.cutter_is_jammed or mechanics.error),
        3: _errors(mechanics),
        4: 0x0C * near | 0x60 * out,
    }
    return bytes([0x12 | status[n]]) if n in status else None


def automatic_status(mechanics: Mechanics) -> bytes:
    """The four bytes of GS a."""
    out, near = mechanics.paper == "out", mechanics.paper != "ok"
    printer = (
        0x10
        | 0x04 * mechanics.drawer.pin_3_is_high
        | 0x08 * (not mechanics.is_online)
        | 0x20 * mechanics.cover_is_open
        | 0x40 * mechanics.feed_button_is_held
    )
    faults = _errors(mechanics) | 0x02 * mechanics.feed_button_is_held
    return bytes([printer, faults, 0x03 * near | 0x0C * out, 0x0F])


def watched_items(chosen: int, status: bytes) -> bytes:
    """The bits of an automatic status whose change GS a n (`chosen`) reports: 1 drawer, 2 online, 4 error, 8 paper, 40h panel."""
    masks = (
        0x04 * bool(chosen & 0x01) | 0x28 * bool(chosen & 0x02) | 0x40 * bool(chosen & 0x40),
        0x6C * bool(chosen & 0x04) | 0x02 * bool(chosen & 0x40),
        0x0F * bool(chosen & 0x08),
    )
    return bytes(byte & mask for byte, mask in zip(status, masks, strict=False))


def sensor_status(n: int, mechanics: Mechanics) -> bytes | None:
    """The answer to GS r n: 1 the paper sensor, 2 the level on pin 3 of the drawer's connector."""
    if n in (1, 0x31):
        return bytes([{"ok": 0, "near end": 0x03, "out": 0x0F}[mechanics.paper]])
    return bytes([mechanics.drawer.pin_3_is_high]) if n in (2, 0x32) else None


def identity(n: int, two_byte: TwoByte = "", serial: str = "SIMULATED") -> bytes | None:
    """The answer to GS I n: a byte for 1 to 3 (model, type, version), a block for what Epson calls information A and B."""
    kind = _HAS_CUTTER | _HAS_TWO_BYTES * bool(two_byte)
    one_byte = {1: 0x20, 2: kind, 3: 0x01}.get(n - 48 if 49 <= n <= 51 else n)
    if one_byte is not None:
        return bytes([one_byte])
    if n == 33:
        return b"\x3d\x21" + bytes([_FIXED | kind, _FIXED]) + b"\x00"
    texts = {65: b"1.00", 66: MAKER, 67: MODEL, 68: serial.encode(), 69: _TWO_BYTE_FONTS[two_byte]}
    return b"\x5f" + texts[n] + b"\x00" if n in texts else None


def port_status(mechanics: Mechanics) -> int:
    """USB's printer class, GET_PORT_STATUS: 20h paper empty, 10h selected, 08h no error."""
    is_empty, is_well = mechanics.paper == "out", not (mechanics.cutter_is_jammed or mechanics.error)
    return 0x20 * is_empty | 0x10 * mechanics.is_online | 0x08 * (is_well and not is_empty)


def offline_response(mechanics: Mechanics, *, with_causes: bool) -> bytes:
    """GS ( H function 49: that it went offline, and on demand why.

    Epson leaves the causes to the model; here each is one byte: 41h cover, 42h paper, 44h cutter, 48h another error.
    """
    causes = {"cover": 0x41, "paper": 0x42, "cutter": 0x44, "error": 0x48}
    return b"\x37\x23" + bytes(causes[cause] for cause in mechanics.causes if with_causes) + b"\x00"


def _errors(mechanics: Mechanics) -> int:
    kinds = {"": 0, "recoverable": 0x04, "unrecoverable": 0x20, "automatic": 0x40}
    return 0x08 * mechanics.cutter_is_jammed | kinds[mechanics.error]


@dataclass
class Replies:
    """Answers on their way out, in order, and what befalls them."""

    is_silent: bool = False
    are_garbled: bool = False
    are_halved: bool = False
    are_doubled: bool = False
    delay_s: float = 0.0
    _waiting: deque[tuple[float, bytes]] = field(default_factory=deque)

    def put(self, reply: bytes, now_s: float) -> None:
        if self.is_silent:
            return
        if self.are_halved and len(reply) > 1:
            is_block = reply[-1] == 0 and reply[0] in b"\x35\x37\x3b\x3d\x5f"
            reply = reply[:-1] if is_block else reply[: len(reply) // 2]
        if self.are_garbled:
            reply = bytes(byte ^ 0xFF for byte in reply)
        # In a queue: a quick answer does not overtake a late one.
        self._waiting.append((now_s + self.delay_s, reply * (2 if self.are_doubled else 1)))

    @property
    def due_s(self) -> float | None:
        """When the next one goes out."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now_s: float) -> bytes:
        """What goes out by now."""
        out = b""
        while self._waiting and self._waiting[0][0] <= now_s:
            out += self._waiting.popleft()[1]
        return out

    def clear(self) -> None:
        self._waiting.clear()
