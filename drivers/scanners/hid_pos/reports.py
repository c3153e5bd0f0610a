"""The reports of a HID POS scanner: where its descriptor says that the code is, codes out of reports, and beeps into them.

Pure: bytes and times come in, codes go out, whole or not at all. Sources: HID Point of Sale Usage Tables 1.02 (usage page 0x8C,
now in the HID Usage Tables), HID Usage Tables (Byte Count, 0x3B of page 1).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from drivers.scanners.hid_pos.descriptor import Field

SCANNER = 0x8C0002  # a usage is its page and its number: Bar Code Scanner
_BYTE_COUNT = 0x01003B
_IDENTIFIER = range(0x8C00FB, 0x8C00FE)  # Symbology Identifier 1, 2 and 3
_DECODED_DATA = 0x8C00FE
_CONTINUED = 0x8C00FF  # Decode Data Continued
_ERROR_BEEP, _GOOD_BEEP, _NOT_ON_FILE_BEEP = 0x8C0085, 0x8C0086, 0x8C0087
# What may stand in one report with a beep, as 0 asks for none of it: Prevent Read of Barcodes, Initiate Barcode Read.
_HARMLESS = {0x8C005F, 0x8C0060, _ERROR_BEEP, _GOOD_BEEP, _NOT_ON_FILE_BEEP}

_SILENCE_S = 1.0  # after which no more of a code comes; its reports follow each other within milliseconds
_AIM = re.compile(rb"\][A-Za-z][0-9A-F]")


class Piece(msgspec.Struct, frozen=True):
    """What one report holds of a code. `shift`: how far behind its described place it stood."""

    identifier: bytes
    data: bytes
    continues: bool
    shift: int


class Layout(msgspec.Struct, frozen=True):
    """Where the parts of a code are in one kind of report. Places of bits are (first bit, how many).

    A guessed one is a maker's usual form, not what the descriptor says: a report must fit it to its last byte.
    """

    report_id: int
    data: int
    room: int
    identifier: int | None = None
    count: tuple[int, int] | None = None
    continued: tuple[int, int] | None = None
    is_guess: bool = False

    def piece(self, report: bytes) -> Piece | None:
        """None where the report is none of these, or where it is not certain that it holds a whole code or piece."""
        values = int.from_bytes(report, "little")
        ends = [(self.data + self.room) * 8, *(sum(place) for place in (self.count, self.continued) if place)]
        if len(report) * 8 < max(ends):
            return None
        continues = bool(_value(values, self.continued)) if self.continued else False
        identifier, shift = self._identified(report)
        data = report[self.data + shift : self.data + shift + self.room]
        if self.count:
            count = _value(values, self.count)
            if count > len(data) or (self.is_guess and not self._fits(report, count, identifier)):
                return None
            data, is_full = data[:count], count == self.room
        else:
            is_full = data[-1:] != b"\x00"
        if self.identifier is not None and not identifier and data[:1] == b"\x00":
            return None  # it may stand a byte behind its place, and would lose its end
        if is_full and not self.continued:
            return None  # nothing says whether there is more of it
        if not self.count and not continues:
            data = data.rstrip(b"\x00")  # a code that ends in NULs loses them: nothing tells them from padding
        return Piece(identifier, data, continues, shift)

    def _identified(self, report: bytes) -> tuple[bytes, int]:
        """The AIM identifier, and by how much it and the data stand behind their place: some readers put a byte before it."""
        if self.identifier is None:
            return b"", 0
        at = self.identifier
        follows = self.data == at + 3 and not self.is_guess
        shift = 1 if follows and report[at : at + 1] != b"]" and report[at + 1 : at + 2] == b"]" else 0
        given = report[at + shift : at + shift + 3]
        return (given if _AIM.fullmatch(given) else b""), shift

    def _fits(self, report: bytes, count: int, identifier: bytes) -> bool:
        # Up to the reader's own symbology number in front of the flag, all behind the code is padding; the code's last byte
        # is not. That keeps the forms apart: in another's form the code would end too early or too late.
        last = self.data + count
        is_padded = (not count or report[last - 1] != 0) and not any(report[last:61])
        return is_padded and (self.identifier is None or identifier != b"")


def _form(report_id: int, identifier: int | None, data: int) -> Layout:
    return Layout(report_id, data, 56, identifier, count=(8, 8), continued=(63 * 8, 1), is_guess=True)


def _known_forms(report_id: int) -> tuple[Layout, ...]:
    """Makers' reports of 64 bytes, as their manuals print them: the id, a count, 56 bytes of data, in the last byte a flag.

    Hand Held Products (Honeywell), USB Interfaces User's Guide for the 2020-5B, "HID POS Interface", and Access-IS LSR118
    manual, appendix B: the identifier at byte 2, data at 5. With a byte before the identifier: seen at Symbol's and
    Datalogic's. Newland NLS-FM420 integration guide and Unitech MS842N manual, "HID-POS": no identifier, data at 2.
    """
    return _form(report_id, 2, 5), _form(report_id, 3, 6), _form(report_id, None, 2)


def _value(values: int, place: tuple[int, int]) -> int:
    return values >> place[0] & (1 << place[1]) - 1


# What the descriptor says.


def is_scanner(fields: Sequence[Field]) -> bool:
    return any(field.application == SCANNER for field in fields)


def layouts(fields: Sequence[Field]) -> tuple[Layout, ...]:
    """Where the codes are. Where the descriptor does not say it, the usual forms: a report counts if exactly one fits."""
    reports: dict[int, list[Field]] = defaultdict(list)
    for field in fields:
        if field.kind == "input" and field.application == SCANNER:
            reports[field.report_id].append(field)
    described = tuple(found for number, report in reports.items() if (found := _layout(number, report)))
    if described:
        return described
    return tuple(
        form for number in reports if number and report_bytes(fields, number) == 64 for form in _known_forms(number)
    )


def report_bytes(fields: Sequence[Field], report_id: int, kind: str = "input") -> int:
    """How long such a report is, with its id."""
    ends = (one.at_bit + one.bits * one.count for one in fields if (one.report_id, one.kind) == (report_id, kind))
    return (max(ends, default=0) + 7) // 8


def _layout(report_id: int, report: list[Field]) -> Layout | None:
    data = _bytes_of(report, range(_DECODED_DATA, _DECODED_DATA + 1))
    if data is None:
        return None
    identifier = _bytes_of(report, _IDENTIFIER)
    return Layout(
        report_id,
        *data,
        identifier[0] if identifier and identifier[1] == 3 else None,
        count=_place_of(report, _BYTE_COUNT),
        continued=_place_of(report, _CONTINUED),
    )


def _bytes_of(report: list[Field], usages: range) -> tuple[int, int] | None:
    """(first byte, number) of whole bytes in one piece; None where there are none, or several pieces."""
    at = end = 0
    for field in report:
        for bit, count in field.runs(usages):
            if field.is_constant or field.bits != 8 or bit % 8 or (end and bit != end):
                return None
            at, end = (at if end else bit), bit + count * 8
    return (at // 8, (end - at) // 8) if end else None


def _place_of(report: list[Field], usage: int) -> tuple[int, int] | None:
    # Of eight bits that are all called Decode Data Continued, as some makers do for one and its padding, the first is meant.
    for field in report:
        for bit, _ in field.runs(range(usage, usage + 1)):
            if not field.is_constant:
                return bit, field.bits
    return None


def beep(fields: Sequence[Field], *, good: bool) -> bytes | None:
    """The output report that sounds a beep and does nothing else, with its id (0 where it has none) in front.

    None where the reader has no such report, or none in which a 0 leaves everything else alone.
    """
    outputs = [field for field in fields if field.kind == "output" and field.application == SCANNER]
    for usage in (_GOOD_BEEP,) if good else (_NOT_ON_FILE_BEEP, _ERROR_BEEP):
        for field in outputs:
            place = None if field.is_array else _place_of([field], usage)
            same = [one for one in fields if (one.kind, one.report_id) == ("output", field.report_id)]
            if place is not None and all(map(_is_harmless, same)):
                length = report_bytes(fields, field.report_id, "output")
                report = (1 << place[0] | field.report_id).to_bytes(length, "little")
                return report if field.report_id else b"\x00" + report
    return None


def _is_harmless(field: Field) -> bool:
    # The number 0 of a page is no usage at all: makers write it for padding.
    named = (usage for usages in field.usages for usage in usages if usage & 0xFFFF)
    return field.is_constant or (bool(field.usages) and all(usage in _HARMLESS for usage in named))


# Reports.


class Joiner:
    """Codes out of reports. `dropped` counts the codes that were lost.

    A long code comes in several reports, all but its last marked as continued. Nothing in them says which is the first, so
    a code of which a piece may be missing is lost, and so is what comes after it up to a report that ends a code, or to
    a silence.
    """

    def __init__(
        self,
        layouts: Sequence[Layout],
        *,
        max_bytes: int = 8192,  # the largest QR code holds 7089 digits
    ) -> None:
        self._layouts = layouts
        self._max_bytes = max_bytes
        self._first: Piece | None = None
        self._data = bytearray()
        self._heard_at = 0.0
        self._is_lost = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    @property
    def is_inside(self) -> bool:
        """More of a code must come."""
        return self._first is not None

    def feed(self, report: bytes, now: float) -> bytes | None:
        """The code that this report completes, its AIM identifier in front; None where it completes none, or is another."""
        fitting = [one for one in self._layouts if not one.report_id or report[:1] == bytes([one.report_id])]
        if not fitting:
            return None
        pieces = {piece for one in fitting if (piece := one.piece(report))}
        is_late = self.is_inside and not 0 <= now - self._heard_at <= _SILENCE_S
        self._heard_at = now
        if len(pieces) != 1:
            self.lose()
            return None
        piece = pieces.pop()
        if not self._is_lost and (is_late or not self._follows(piece)):
            self.lose()
        if self._is_lost:
            self._is_lost = piece.continues
            return None
        self._first = self._first or piece
        self._data += piece.data
        if len(self._data) > self._max_bytes:
            self.lose()
            self._is_lost = piece.continues
        elif not piece.continues:
            return self._completed()
        return None

    def expire(self, now: float) -> None:
        """Call it after listening in vain: drops the code whose rest does not come."""
        if now - self._heard_at >= _SILENCE_S:
            self.reset()

    def lose(self) -> None:
        """A report may be missing here."""
        if not self._is_lost:
            self._dropped += 1
        self._forget()
        self._is_lost = True

    def reset(self) -> None:
        """Forget what came of a code, and count it. For a reader that is opened anew."""
        if self.is_inside:
            self._dropped += 1
        self._forget()

    def _follows(self, piece: Piece) -> bool:
        first = self._first
        if first is None:
            return True
        return piece.shift == first.shift and piece.identifier in (b"", first.identifier)

    def _completed(self) -> bytes | None:
        identifier = self._first.identifier if self._first else b""
        data = bytes(self._data)
        self._forget()
        if not data:
            return None
        # A reader may be set to put the identifier in front of the data as well.
        return data if identifier and data.startswith(identifier) else identifier + data

    def _forget(self) -> None:
        self._first = None
        self._data.clear()
        self._is_lost = False
