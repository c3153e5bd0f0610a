"""Readers in HID POS mode of several makers: their descriptors, put together item by item, and the reports that they send.

The layouts are those of the manuals named below. Where a manual shows the report but not the descriptor, the descriptor here
is one that says the same; `vague` ones say nothing but a number of bytes, which leaves the manual's form to be known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# The items of HID 1.11, 6.2.2: tag and type in the upper six bits.
PAGE, USAGE, USAGE_MIN, USAGE_MAX = 0x04, 0x08, 0x18, 0x28
LOGICAL_MIN, LOGICAL_MAX, SIZE, COUNT, ID, PUSH, POP = 0x14, 0x24, 0x74, 0x94, 0x84, 0xA4, 0xB4
INPUT, OUTPUT, FEATURE, COLLECTION, END = 0x80, 0x90, 0xB0, 0xA0, 0xC0
DATA, CONSTANT, ARRAY, BUFFERED, RELATIVE = 0x02, 0x03, 0x00, 0x102, 0x06
APPLICATION, LOGICAL = 1, 2
# Usage pages and usages: HID Usage Tables, HID Point of Sale Usage Tables 1.02.
DESKTOP, SCANNERS, MAKERS_OWN = 0x01, 0x8C, 0xFF66
BYTE_COUNT = 0x3B
SCANNER, SCANNED_DATA, TRIGGER = 0x02, 0x12, 0x14
AIM_1, AIM_2, AIM_3, DECODED, CONTINUED = 0xFB, 0xFC, 0xFD, 0xFE, 0xFF
PREVENT_READ, INITIATE_READ, GOOD_VOLUME = 0x5F, 0x60, 0x80
ERROR_BEEP, GOOD_BEEP, NOT_ON_FILE_BEEP = 0x85, 0x86, 0x87


def item(tag: int, value: int | None = None, size: int | None = None) -> bytes:
    """One short item, its value in as few bytes as hold it, or in `size`."""
    if value is None:
        return bytes([tag])
    if size is None:
        size = 1 if value < 0x100 else 2 if value < 0x10000 else 4
    return bytes([tag | {0: 0, 1: 1, 2: 2, 4: 3}[size]]) + value.to_bytes(size, "little")


def items(*each: tuple[int, int] | tuple[int] | bytes) -> bytes:
    return b"".join(one if isinstance(one, bytes) else item(*one) for one in each)


def application(*inside: tuple[int, int] | tuple[int] | bytes, usage: int = SCANNER, page: int = SCANNERS) -> bytes:
    return items((PAGE, page), (USAGE, usage), (COLLECTION, APPLICATION), *inside, (END,))


def bytes_of(usage: int, count: int, flags: int = DATA) -> bytes:
    return items((SIZE, 8), (COUNT, count), (USAGE, usage), (INPUT, flags))


def padding(bits: int) -> bytes:
    return items((SIZE, 1), (COUNT, bits), (INPUT, CONSTANT))


COUNT_BYTE = items((PAGE, DESKTOP), bytes_of(BYTE_COUNT, 1), (PAGE, SCANNERS))
IDENTIFIER = items((SIZE, 8), (COUNT, 3), (USAGE, AIM_1), (USAGE, AIM_2), (USAGE, AIM_3), (INPUT, DATA))
CONTINUED_BIT = items((SIZE, 1), (COUNT, 1), (USAGE, CONTINUED), (INPUT, DATA)) + padding(7)
VALUES = items((LOGICAL_MIN, 0), (LOGICAL_MAX, 255))


def report(number: int, *inside: tuple[int, int] | tuple[int] | bytes, usage: int = SCANNED_DATA) -> bytes:
    return items((USAGE, usage), (COLLECTION, LOGICAL), (ID, number), VALUES, *inside, (END,))


TRIGGER_REPORT = report(
    4,
    *((SIZE, 1), (COUNT, 8), (USAGE, 0), (USAGE, PREVENT_READ), (USAGE, INITIATE_READ), (USAGE, 0), (USAGE, 0)),
    *((USAGE, ERROR_BEEP), (USAGE, GOOD_BEEP), (OUTPUT, RELATIVE | 0x80)),
    usage=TRIGGER,
)

# Hand Held Products / Honeywell: USB Interfaces User's Guide (2020-5B), "HID POS Interface"; the same in Access-IS LSR118,
# appendix B. Id 2, count, "]" and two more, 56 bytes, the maker's symbology and a reserved byte, bit 0 of the last: continued.
# All eight bits of the last byte are named Decode Data Continued.
HONEYWELL = application(
    report(
        2,
        COUNT_BYTE,
        IDENTIFIER,
        bytes_of(DECODED, 56, BUFFERED),
        *((PAGE, MAKERS_OWN), (COUNT, 2), (USAGE, 4), (USAGE, 0), (INPUT, DATA), (PAGE, SCANNERS)),
        *((LOGICAL_MAX, 1), (SIZE, 1), (COUNT, 8), (USAGE, CONTINUED), (INPUT, DATA)),
    ),
    TRIGGER_REPORT,
)
# Newland NLS-FM420 integration guide, "HID-POS" (the same: Unitech MS842N, ID TECH FX100): id 2, length, 56 bytes, four
# reserved, the maker's symbology, the flag.
NEWLAND = application(
    report(2, COUNT_BYTE, bytes_of(DECODED, 56, BUFFERED), padding(32), padding(8), CONTINUED_BIT),
)
# As the tables themselves would have it: no count, and fields of their own.
GENERIC = application(
    *((ID, 1), VALUES, (SIZE, 8), (COUNT, 1)),
    *((USAGE, AIM_1), (INPUT, DATA), (USAGE, AIM_2), (INPUT, DATA), (USAGE, AIM_3), (INPUT, DATA)),
    bytes_of(DECODED, 59, BUFFERED),
    CONTINUED_BIT,
)
# No report ids, the flag in front, and the identifier behind the data.
NO_ID = application(VALUES, CONTINUED_BIT, bytes_of(DECODED, 60), IDENTIFIER)
# Symbol (now Zebra) and Datalogic as readers of both send them: the form of Honeywell's, "]" at byte 2 or one byte later.
SHIFTED = application(
    report(2, COUNT_BYTE, IDENTIFIER, bytes_of(DECODED, 56, BUFFERED), padding(8), padding(8), CONTINUED_BIT)
)
VAGUE = application(report(2, *((PAGE, MAKERS_OWN), (SIZE, 8), (COUNT, 63), (USAGE, 1), (INPUT, DATA))))

KEYBOARD = items(  # HID 1.11, appendix E.6
    *((PAGE, DESKTOP), (USAGE, 6), (COLLECTION, APPLICATION), (PAGE, 7), (USAGE_MIN, 224), (USAGE_MAX, 231)),
    *((LOGICAL_MIN, 0), (LOGICAL_MAX, 1), (SIZE, 1), (COUNT, 8), (INPUT, DATA), (COUNT, 1), (SIZE, 8)),
    *((INPUT, 1), (COUNT, 6), (SIZE, 8), (LOGICAL_MAX, 101), (USAGE_MIN, 0), (USAGE_MAX, 101), (INPUT, ARRAY), (END,)),
)

Form = Callable[[bytes, bytes, bool], bytes]
"""One report: a piece of the data, the identifier or nothing, whether more of the code follows."""


def honeywell(data: bytes, aim: bytes, more: bool) -> bytes:
    return b"\x02" + bytes([len(data)]) + aim.ljust(3, b"\0") + data.ljust(56, b"\0") + b"j\0" + bytes([more])


def shifted(data: bytes, aim: bytes, more: bool) -> bytes:
    return b"\x02" + bytes([len(data)]) + b"\0" + aim.ljust(3, b"\0") + data.ljust(56, b"\0") + b"\0" + bytes([more])


def newland(data: bytes, aim: bytes, more: bool) -> bytes:
    return b"\x02" + bytes([len(data)]) + data.ljust(56, b"\0") + bytes(4) + b"\x16" + bytes([more])


def generic(data: bytes, aim: bytes, more: bool) -> bytes:
    return b"\x01" + aim.ljust(3, b"\0") + data.ljust(59, b"\0") + bytes([more])


def no_id(data: bytes, aim: bytes, more: bool) -> bytes:
    return bytes([more]) + data.ljust(60, b"\0") + aim.ljust(3, b"\0")


@dataclass(frozen=True)
class Make:
    """A model, and how it sends a code."""

    vendor: int
    product: int
    descriptor: bytes
    form: Form
    room: int = 56
    has_identifier: bool = True

    def reports(self, data: bytes, aim: bytes = b"") -> list[bytes]:
        pieces = [data[at : at + self.room] for at in range(0, len(data), self.room)] or [b""]
        return [self.form(piece, aim, index + 1 < len(pieces)) for index, piece in enumerate(pieces)]


MAKES = {
    "honeywell": Make(0x0C2E, 0x0B81, HONEYWELL, honeywell),
    "symbol": Make(0x05E0, 0x1900, SHIFTED, honeywell),
    "datalogic": Make(0x05F9, 0x2206, SHIFTED, shifted),
    "newland": Make(0x1EAB, 0x0D10, NEWLAND, newland, has_identifier=False),
    "generic": Make(0x0001, 0x0001, GENERIC, generic, room=59),
    "no id": Make(0x0001, 0x0002, NO_ID, no_id, room=60),
    "vague honeywell": Make(0x0C2E, 0x0B82, VAGUE, honeywell),
    "vague shifted": Make(0x05E0, 0x1901, VAGUE, shifted),
    "vague newland": Make(0x1EAB, 0x0D11, VAGUE, newland, has_identifier=False),
}
