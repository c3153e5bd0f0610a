"""Bytes in, ESC/POS commands out.

Knows how long every command is and what it is called; knows nothing of what a command does. Names and lengths are
those of Epson's ESC/POS command reference (`GS v 0`, `GS ( k`); where a clone uses the same bytes for something else
(Bematech's `ESC v n`), Epson's reading stands. Of clones' own commands those are known that hold any bytes, which must not
be taken for commands: `ESC Z` and `GS k 81` are QR codes.

The same stream gives the same items however it was split: nothing is yielded before its last byte is here, and a run
of text ends at a control byte or at `TEXT_RUN_BYTES`. Memory is bounded: a command longer than `COMMAND_BYTES` is
skipped by its length. What begins no command comes out as `Unknown`, so that reading falls into step again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

TEXT_RUN_BYTES: Final = 1024
COMMAND_BYTES: Final = 2 * 1024 * 1024
TERMINATED_BYTES: Final = 256  # the longest GS k data or ESC D list that ends with NUL


class Text(NamedTuple):
    """Characters of the selected code page: bytes from 20h up, at most `TEXT_RUN_BYTES` of them."""

    data: bytes


class Command(NamedTuple):
    """One whole command. `parameters` is all that follows its opcode, lengths and payload included."""

    name: str
    parameters: bytes = b""

    @property
    def raw(self) -> bytes:
        """The command's exact bytes, as received."""
        return OPCODES[self.name] + self.parameters


class Unknown(NamedTuple):
    """Bytes that begin no command known here; a `GS (` family command of unknown letter comes whole."""

    raw: bytes


class Incomplete(NamedTuple):
    """The beginning of a command whose end never came."""

    raw: bytes


class Oversized(NamedTuple):
    """A command longer than `COMMAND_BYTES`, opcode aside: skipped, not kept."""

    name: str
    length: int


Item = Text | Command | Unknown | Incomplete | Oversized

# A rule tells how many parameter bytes a command has, as far as `buffer[at:]` shows: it may ask for more once it sees
# more, and says NO_COMMAND to parameters that cannot be.
Rule = Callable[[bytearray, int], int]
NO_COMMAND: Final = -1


def _length_u16(buffer: bytearray, at: int) -> int:
    if len(buffer) < at + 2:
        return 2
    return 2 + buffer[at] + 256 * buffer[at + 1]


def _length_u32(buffer: bytearray, at: int) -> int:
    if len(buffer) < at + 4:
        return 4
    return 4 + int.from_bytes(buffer[at : at + 4], "little")


def _until_nul(buffer: bytearray, at: int) -> int:
    end = buffer.find(0, at, at + TERMINATED_BYTES)
    if end >= 0:
        return end - at + 1
    held = len(buffer) - at
    return NO_COMMAND if held >= TERMINATED_BYTES else held + 1


_MOST_DIGITS: Final = {0: 12, 1: 12, 2: 13, 3: 8}  # UPC-A, UPC-E, EAN-13, EAN-8
BEMATECH_QR: Final = 81


def _bar_code(buffer: bytearray, at: int) -> int:
    """GS k m d1…dk NUL for m 0–6, GS k m n d1…dn for m 65–79; GS k 81 and four bytes nL nH d1…dn is Bematech's QR code.

    UPC and EAN end with their last possible digit also where a client forgets NUL, as Epson's reference says under GS k.
    """
    if len(buffer) < at + 1:
        return 1
    symbology = buffer[at]
    if most := _MOST_DIGITS.get(symbology):
        nul = buffer.find(0, at + 1, at + most + 2)
        if nul >= 0:
            return nul - at + 1
        held = len(buffer) - at - 1
        return 1 + most if held > most else 1 + held + 1
    if symbology <= 6:
        data = _until_nul(buffer, at + 1)
        return NO_COMMAND if data == NO_COMMAND else 1 + data
    if symbology == BEMATECH_QR:
        return 7 if len(buffer) < at + 7 else 7 + buffer[at + 5] + 256 * buffer[at + 6]
    if not 65 <= symbology <= 79:
        return NO_COMMAND
    return 2 if len(buffer) < at + 2 else 2 + buffer[at + 1]


LONGEST_2D_CODE: Final = 7089  # the digits of the largest QR code


def _clones_2d_code(buffer: bytearray, at: int) -> int:
    """ESC Z m n k dL dH d1…dn: n is the level of a QR code, L, M, Q or H, or of another code, 0 to 8."""
    if len(buffer) < at + 5:
        return 5
    length = buffer[at + 3] + 256 * buffer[at + 4]
    is_level = buffer[at + 1] in b"LMQH" or buffer[at + 1] <= 8
    return 5 + length if is_level and length <= LONGEST_2D_CODE else NO_COMMAND


def _raster(buffer: bytearray, at: int) -> int:
    """GS v 0 m xL xH yL yH: x bytes for each of y rows."""
    if len(buffer) < at + 5:
        return 5
    row_bytes, rows = buffer[at + 1] + 256 * buffer[at + 2], buffer[at + 3] + 256 * buffer[at + 4]
    return 5 + row_bytes * rows


def _columns(buffer: bytearray, at: int) -> int:
    """GS Q 0 m xL xH yL yH: x columns of y bytes."""
    return _raster(buffer, at)


def _bmp(buffer: bytearray, at: int) -> int:
    """GS D m fn a kc1 kc2 b c and a BMP file, which tells its own size."""
    if len(buffer) < at + 13:
        return 13
    size = int.from_bytes(buffer[at + 9 : at + 13], "little")
    return 7 + size if buffer[at + 7 : at + 9] == b"BM" and size >= 14 else NO_COMMAND


def _user_memory(buffer: bytearray, at: int) -> int:
    """FS g 1 m a1–a4 nL nH and n bytes writes; FS g 2 m a1–a4 nL nH reads."""
    if len(buffer) < at + 1:
        return 1
    if buffer[at] not in (0x31, 0x32):
        return NO_COMMAND
    if buffer[at] == 0x32 or len(buffer) < at + 8:
        return 8
    return 8 + buffer[at + 6] + 256 * buffer[at + 7]


def _bit_image(buffer: bytearray, at: int) -> int:
    """ESC * m nL nH: n columns of one byte (8 dots) or of three (24 dots)."""
    if len(buffer) < at + 3:
        return 3
    return 3 + (buffer[at + 1] + 256 * buffer[at + 2]) * (3 if buffer[at] in (32, 33) else 1)


def _downloaded_image(buffer: bytearray, at: int) -> int:
    """GS * x y: x times 8 columns of y bytes."""
    return 2 if len(buffer) < at + 2 else 2 + buffer[at] * buffer[at + 1] * 8


def _user_characters(buffer: bytearray, at: int) -> int:
    """ESC & y c1 c2, then for each character its width x and x columns of y bytes."""
    if len(buffer) < at + 3:
        return 3
    column_bytes, first, last = buffer[at : at + 3]
    if first > last:
        return NO_COMMAND
    need = 3
    for _ in range(first, last + 1):
        if len(buffer) < at + need + 1 or need > COMMAND_BYTES:
            return need + 1
        need += 1 + buffer[at + need] * column_bytes
    return need


def _stored_images(buffer: bytearray, at: int) -> int:
    """FS q n, then n times xL xH yL yH and x times 8 columns of y bytes."""
    if len(buffer) < at + 1:
        return 1
    need = 1
    for _ in range(buffer[at]):
        if len(buffer) < at + need + 4 or need > COMMAND_BYTES:
            return need + 4
        x_low, x_high, y_low, y_high = buffer[at + need : at + need + 4]
        need += 4 + (x_low + 256 * x_high) * (y_low + 256 * y_high) * 8
    return need


def _unknown(buffer: bytearray, at: int) -> int:
    """Commands `prefix ( letter` keep their length in one place, also those of a letter not known here."""
    is_family = bytes(buffer[at - 3 : at - 1]) in _FAMILY_PREFIXES and buffer[at - 1] >= 0x20
    return _length_u16(buffer, at) if is_family else NO_COMMAND


def _by_first(lengths: dict[int, int], otherwise: int) -> Rule:
    """The first parameter tells how many there are, itself included."""

    def rule(buffer: bytearray, at: int) -> int:
        return 1 if len(buffer) < at + 1 else lengths.get(buffer[at], otherwise)

    return rule


# After the opcode: how many parameter bytes, or the rule that tells. Keys are the opcode's last byte.
_ESC: Final[dict[str, int | Rule]] = {
    **dict.fromkeys("245<@LSimv\f", 0),
    **dict.fromkeys(" !%-+/3=?AEGJKMRTUVader{tu9CQ\x06", 1),
    **dict.fromkeys("$B\\cf", 2),
    **dict.fromkeys("p7", 3),
    **dict.fromkeys("W", 8),
    "*": _bit_image,
    "&": _user_characters,
    "D": _until_nul,
    "Z": _clones_2d_code,
}
_FS: Final[dict[str, int | Rule]] = {
    **dict.fromkeys("&.", 0),
    **dict.fromkeys("!-CW", 1),
    **dict.fromkeys("?Sp", 2),
    **dict.fromkeys("2", 74),
    "g": _user_memory,
    "q": _stored_images,
}
_GS: Final[dict[str, int | Rule]] = {
    **dict.fromkeys(":c", 0),
    **dict.fromkeys("!#/BEHITZabfhrwx|", 1),
    **dict.fromkeys("$LPW\\\xf9", 2),
    **dict.fromkeys("^z", 3),
    **dict.fromkeys("g", 4),
    "C": _by_first({0: 3, 0x30: 3, 1: 7, 0x31: 7, 2: 3, 0x32: 3, 0x3B: 11}, 1),
    "V": _by_first(dict.fromkeys((65, 66, 97, 98, 103, 104), 2), 1),
    "*": _downloaded_image,
    "D": _bmp,
    "k": _bar_code,
}
_DLE: Final[dict[str, int | Rule]] = {
    "\x04": _by_first({7: 2, 8: 2, 18: 2}, 1),
    "\x05": 1,
    "\x14": _by_first({1: 3, 2: 3, 3: 6, 7: 2, 8: 8}, 1),
}
_PREFIXES: Final = {"ESC": (b"\x1b", _ESC), "FS": (b"\x1c", _FS), "GS": (b"\x1d", _GS), "DLE": (b"\x10", _DLE)}
_FAMILIES: Final = {"ESC": "AEY", "FS": "ACELe", "GS": "ACDEFGHJKLMNPQVXYZkz"}  # prefix ( letter pL pH …
_CONTROL_NAMES: Final = {
    " ": "SP",
    "\x04": "EOT",
    "\x05": "ENQ",
    "\x06": "ACK",
    "\f": "FF",
    "\x14": "DC4",
    "\xf9": "F9h",
}

_SINGLE: Final = {
    0x00: Command("NUL"),
    0x06: Command("ACK"),
    0x07: Command("BEL"),
    0x09: Command("HT"),
    0x0A: Command("LF"),
    0x0C: Command("FF"),
    0x0D: Command("CR"),
    0x18: Command("CAN"),
}
_COMMANDS: Final[dict[bytes, tuple[str, int | Rule]]] = {
    prefix + last.encode("latin-1"): (f"{name} {_CONTROL_NAMES.get(last, last)}", rule)
    for name, (prefix, rules) in _PREFIXES.items()
    for last, rule in rules.items()
}
_COMMANDS.update(
    (_PREFIXES[name][0] + b"(" + letter.encode(), (f"{name} ( {letter}", _length_u16))
    for name, letters in _FAMILIES.items()
    for letter in letters
)
_COMMANDS.update({b"\x1d8L": ("GS 8 L", _length_u32), b"\x1dv0": ("GS v 0", _raster), b"\x1dQ0": ("GS Q 0", _columns)})

OPCODES: Final[dict[str, bytes]] = {
    **{name: opcode for opcode, (name, _) in _COMMANDS.items()},
    **{command.name: bytes([code]) for code, command in _SINGLE.items()},
}
_THREE_BYTE_PREFIXES: Final = {opcode[:2] for opcode in _COMMANDS if len(opcode) == 3}
_FAMILY_PREFIXES: Final = {b"\x1b(", b"\x1c(", b"\x1d("}
_PREFIX_BYTES: Final = {prefix for prefix, _ in _PREFIXES.values()}

_control_byte = re.compile(rb"[\x00-\x1f]")


class Parser:
    """Feed it bytes, iterate over what is complete; leaving the loop early keeps the rest for the next time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # where the next item begins
        self._need = 1  # how many bytes from there an item takes at least
        self._skip = 0  # how many bytes of an oversized command are still to come

    def __len__(self) -> int:
        """Bytes received and not yet yielded."""
        return len(self._buffer) - self._at

    @property
    def skipping(self) -> int:
        """How many bytes of an oversized command are still to come; they count as neither received nor yielded."""
        return self._skip

    @property
    def begun(self) -> str | None:
        """What waits for more bytes: a command's name, "" where that cannot be told yet; None is text, or nothing, or unknown."""
        beginning = bytes(self._buffer[self._at : self._at + 3])
        if beginning[:1] not in _PREFIX_BYTES:
            return None
        if len(beginning) == 1:
            return ""
        opcode = beginning[:2]
        if opcode in _THREE_BYTE_PREFIXES:
            if len(beginning) == 2:
                return ""
            opcode = beginning
        return _COMMANDS.get(opcode, (None,))[0]

    def feed(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

    def put_back(self, data: bytes) -> None:
        """Comes before all that was fed and not yielded; between two items only."""
        self._buffer[self._at : self._at] = data
        self._need = 1

    def clear(self) -> None:
        """Forgets all that was fed and not yielded, a command half received as well."""
        self._buffer.clear()
        self._at, self._need, self._skip = 0, 1, 0

    def __iter__(self) -> Iterator[Item]:
        while len(self._buffer) - self._at >= self._need:
            item, length = self._next()
            if item is None:
                self._need = length
                continue
            self._need = 1
            if isinstance(item, Oversized):
                held = min(length, len(self._buffer) - self._at)
                self._skip = length - held
                length = held
            self._at += length
            yield item

    def end(self) -> Iterator[Item]:
        """No more bytes will come: what is complete, and then what waited for more."""
        yield from self
        rest = bytes(self._buffer[self._at :])
        self.clear()
        if rest:
            yield Text(rest) if rest[0] >= 0x20 else Incomplete(rest)

    def _next(self) -> tuple[Item | None, int]:
        """The next item and its length in bytes, or None and how many bytes are needed to tell more."""
        buffer, at = self._buffer, self._at
        first = buffer[at]
        if first >= 0x20:
            return self._text(buffer, at)
        if single := _SINGLE.get(first):
            return single, 1
        if first not in b"\x10\x1b\x1c\x1d":
            return Unknown(bytes([first])), 1
        held = len(buffer) - at
        if held < 2:
            return None, 2
        opcode = bytes(buffer[at : at + 2])
        if opcode in _THREE_BYTE_PREFIXES:
            if held < 3:
                return None, 3
            opcode = bytes(buffer[at : at + 3])
        start = at + len(opcode)
        name, rule = _COMMANDS.get(opcode, ("", _unknown))
        count = rule if isinstance(rule, int) else rule(buffer, start)
        if count == NO_COMMAND:
            # A control byte after the prefix may begin a command of its own; a printable one belongs to the unknown.
            length = 1 if opcode[1] < 0x20 else 2
            return Unknown(bytes(buffer[at : at + length])), length
        end = start + count
        if count > COMMAND_BYTES:
            return Oversized(name, count), end - at
        if len(buffer) < end:
            return None, end - at
        if not name:
            return Unknown(bytes(buffer[at:end])), end - at
        return Command(name, bytes(buffer[start:end])), end - at

    def _text(self, buffer: bytearray, at: int) -> tuple[Item | None, int]:
        # To end a run at the last byte received would make the items depend on how the bytes arrive.
        control = _control_byte.search(buffer, at, at + TEXT_RUN_BYTES)
        if control:
            end = control.start()
        elif len(buffer) - at >= TEXT_RUN_BYTES:
            end = at + TEXT_RUN_BYTES
        else:
            return None, len(buffer) - at + 1
        return Text(bytes(buffer[at:end])), end - at


_real_time = re.compile(
    rb"\x10(?:\x04(?:[\x01-\x06]|[\x07\x08\x12][\x00-\xff])|\x05[\x00-\x02]"
    rb"|\x14(?:[\x01\x02][\x00-\xff]{2}|\x03[\x00-\xff]{5}|\x07[\x00-\xff]|\x08[\x00-\xff]{7}))"
)
_real_time_start = re.compile(
    rb"\x10(?:\x04(?:[\x07\x08\x12])?|\x05|\x14(?:[\x01\x02][\x00-\xff]{0,1}|\x03[\x00-\xff]{0,4}|\x07|\x08[\x00-\xff]{0,6})?)?\Z"
)


class RealTimeScanner:
    """Finds DLE EOT, DLE ENQ and DLE DC4 in bytes as they arrive, before and apart from all parsing.

    A printer acts on these at once, whatever waits in its buffer, and also where the bytes only happen to stand inside
    an image: Epson's reference warns of it under each of the three.
    """

    def __init__(self) -> None:
        self._tail = b""  # a real-time command whose end has not come yet

    def split(self, data: bytes) -> Iterator[tuple[bytes, Command | None]]:
        """`data` in pieces, each with the command that ends with it; the last piece may have none."""
        if not self._tail and 0x10 not in data:
            yield data, None
            return
        seen = len(self._tail)  # these were handed out with an earlier piece
        whole = self._tail + data
        rest = 0
        for match in _real_time.finditer(whole):
            raw = match.group()
            yield whole[seen : match.end()], Command("DLE " + _CONTROL_NAMES[chr(raw[1])], raw[2:])
            seen = rest = match.end()
        start = _real_time_start.search(whole, rest)
        self._tail = start.group() if start else b""
        if seen < len(whole):
            yield whole[seen:], None

    def clear(self) -> None:
        self._tail = b""
