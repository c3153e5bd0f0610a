"""Bytes in, ESC/POS commands out.

Knows how long every command is and what it is called; knows nothing of what a command does. Names and lengths are those of
Epson's ESC/POS command reference, each command under its own name (`GS v 0`, `GS ( k`); where a clone uses the same bytes for
something else (Bematech's `ESC v n`, Star's `ESC d n`), Epson's reading stands.

The same stream gives the same items however it was split: nothing is yielded before its last byte is here, and a run of text
ends at a control byte or at `TEXT_RUN_BYTES`. Memory is bounded: a command longer than `COMMAND_BYTES` is skipped by its
length. Bytes that are no command come out as `Unknown`, one or two at a time, so that reading falls into step again.
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


class Oversized(NamedTuple):
    """A command longer than `COMMAND_BYTES`, opcode aside: skipped, not kept."""

    name: str
    length: int


Item = Text | Command | Unknown | Oversized

# A rule tells how many parameter bytes a command has, as far as `buffer[at:]` shows: it may ask for more once it sees more.
# NO_COMMAND means that these parameters are impossible.
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


def _bar_code(buffer: bytearray, at: int) -> int:
    """GS k m d1…dk NUL for m 0–6, GS k m n d1…dn for m 65–79."""
    if len(buffer) < at + 2:
        return 2
    symbology = buffer[at]
    if symbology <= 6:
        data = _until_nul(buffer, at + 1)
        return NO_COMMAND if data == NO_COMMAND else 1 + data
    return 2 + buffer[at + 1] if 65 <= symbology <= 79 else NO_COMMAND


def _raster(buffer: bytearray, at: int) -> int:
    """GS v 0: `0 m xL xH yL yH`, then x bytes for each of y rows."""
    if len(buffer) < at + 6:
        return 6
    row_bytes, rows = buffer[at + 2] + 256 * buffer[at + 3], buffer[at + 4] + 256 * buffer[at + 5]
    return 6 + row_bytes * rows if buffer[at] in (0, 0x30) else NO_COMMAND


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


def _by_first(lengths: dict[int, int], otherwise: int) -> Rule:
    """The first parameter tells how many there are, itself included."""

    def rule(buffer: bytearray, at: int) -> int:
        return 1 if len(buffer) < at + 1 else lengths.get(buffer[at], otherwise)

    return rule


_WITH_FEED = dict.fromkeys((65, 66, 97, 98, 103, 104), 2)

# After the opcode: how many parameter bytes, or the rule that tells.
_ESC: Final[dict[str, int | Rule]] = {
    **dict.fromkeys("2 4 5 < @ L S i m v".split(), 0),
    **dict.fromkeys("! % - + / 3 = ? A E G J K M R T U V a d e r t u { 9 C Q".split(), 1),
    **dict.fromkeys("$ B \\ c f".split(), 2),
    **dict.fromkeys("p 7".split(), 3),
    **{" ": 1, "\x06": 1, "\x0c": 0, "W": 8, "*": _bit_image, "&": _user_characters, "D": _until_nul},
}
_GS: Final[dict[str, int | Rule]] = {
    **dict.fromkeys(": c".split(), 0),
    **dict.fromkeys("! # / B E H I T a b f h r w |".split(), 1),
    **dict.fromkeys("$ L P W \\ \xf9".split(), 2),
    **dict.fromkeys("^ z".split(), 3),
    "g": 4,
    "C": _by_first({0: 3, 0x30: 3, 1: 7, 0x31: 7, 2: 3, 0x32: 3, 0x3B: 11}, 1),
    "V": _by_first(_WITH_FEED, 1),
    "*": _downloaded_image,
    "k": _bar_code,
    "v": _raster,
}
_FS: Final[dict[str, int | Rule]] = {
    **dict.fromkeys("& .".split(), 0),
    **dict.fromkeys("! - C W".split(), 1),
    **dict.fromkeys("? S p".split(), 2),
    **{"2": 74, "q": _stored_images},
}
_DLE: Final[dict[str, int | Rule]] = {
    "\x04": _by_first({7: 2, 8: 2, 18: 2}, 1),
    "\x05": 1,
    "\x14": _by_first({1: 3, 2: 3, 3: 6, 7: 2, 8: 8}, 1),
}
_DLE_NAMES: Final = {"\x04": "EOT", "\x05": "ENQ", "\x14": "DC4"}
_OTHER_NAMES: Final = {" ": "SP", "\x06": "ACK", "\x0c": "FF", "\xf9": "F9h"}
# Commands of the form `prefix ( letter pL pH …`, and the one whose length has four bytes.
_FAMILIES: Final = {b"\x1b(": "AEY", b"\x1c(": "ACELe", b"\x1d(": "ACDEFGHJKLMNPQVXYZkz"}

_commands: dict[bytes, tuple[str, int | Rule]] = {
    **{b"\x1b" + c.encode("latin-1"): ("ESC " + _OTHER_NAMES.get(c, c), rule) for c, rule in _ESC.items()},
    **{b"\x1d" + c.encode("latin-1"): ("GS " + _OTHER_NAMES.get(c, c), rule) for c, rule in _GS.items()},
    **{b"\x1c" + c.encode("latin-1"): ("FS " + c, rule) for c, rule in _FS.items()},
    **{b"\x10" + c.encode("latin-1"): ("DLE " + _DLE_NAMES[c], rule) for c, rule in _DLE.items()},
    **{
        prefix + letter.encode(): (
            f"{'GS' if prefix[0] == 0x1D else 'FS' if prefix[0] == 0x1C else 'ESC'} ( {letter}",
            _length_u16,
        )
        for prefix, letters in _FAMILIES.items()
        for letter in letters
    },
    b"\x1d8L": ("GS 8 L", _length_u32),
}
_single = {0x09: Command("HT"), 0x0A: Command("LF"), 0x0C: Command("FF"), 0x0D: Command("CR"), 0x18: Command("CAN")}

OPCODES: Final[dict[str, bytes]] = {
    **{name: opcode for opcode, (name, _) in _commands.items()},
    **{command.name: bytes([code]) for code, command in _single.items()},
}
_fixed_commands = {opcode: (name, rule) for opcode, (name, rule) in _commands.items() if isinstance(rule, int)}
_ruled_commands = {opcode: (name, rule) for opcode, (name, rule) in _commands.items() if not isinstance(rule, int)}
_three_byte_prefixes = {b"\x1b(", b"\x1c(", b"\x1d(", b"\x1d8"}

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

    def feed(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += data

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

    def _next(self) -> tuple[Item | None, int]:
        """The next item and its length in bytes, or None and how many bytes are needed to tell more."""
        buffer, at = self._buffer, self._at
        first = buffer[at]
        if first >= 0x20:
            return self._text(buffer, at)
        if single := _single.get(first):
            return single, 1
        if first not in b"\x10\x1b\x1c\x1d":
            return Unknown(bytes([first])), 1
        held = len(buffer) - at
        if held < 2:
            return None, 2
        opcode = bytes(buffer[at : at + 2])
        if fixed := _fixed_commands.get(opcode):
            name, count = fixed
            end = at + 2 + count
            return (Command(name, bytes(buffer[at + 2 : end])), end - at) if len(buffer) >= end else (None, end - at)
        if opcode in _three_byte_prefixes:
            if held < 3:
                return None, 3
            opcode = bytes(buffer[at : at + 3])
        return self._ruled(opcode, held)

    def _text(self, buffer: bytearray, at: int) -> tuple[Item | None, int]:
        # A run ends at a control byte: to end it at the last byte received would make the items depend on how bytes arrive.
        control = _control_byte.search(buffer, at, at + TEXT_RUN_BYTES)
        if control:
            end = control.start()
        elif len(buffer) - at >= TEXT_RUN_BYTES:
            end = at + TEXT_RUN_BYTES
        else:
            return None, len(buffer) - at + 1
        return Text(bytes(buffer[at:end])), end - at

    def _ruled(self, opcode: bytes, held: int) -> tuple[Item | None, int]:
        buffer, at = self._buffer, self._at
        start = at + len(opcode)
        if ruled := _ruled_commands.get(opcode):
            name, rule = ruled
            count = rule(buffer, start)
        elif opcode[:2] in _FAMILIES:  # a letter not known here: its length is where the family keeps it
            name, count = "", _length_u16(buffer, start)
        else:
            name, count = "", NO_COMMAND
        if count == NO_COMMAND:
            # A control byte after the prefix may begin a command of its own; a printable one belongs to the unknown.
            length = 1 if opcode[1] < 0x20 else len(opcode)
            return Unknown(bytes(buffer[at : at + length])), length
        length = len(opcode) + count
        if count > COMMAND_BYTES:
            return Oversized(name, count), length
        if held < length:
            return None, length
        raw = bytes(buffer[at : at + length])
        return (Command(name, raw[len(opcode) :]) if name else Unknown(raw)), length


_real_time = re.compile(
    rb"\x10(?:\x04(?:[\x01-\x06]|[\x07\x08\x12][\x00-\xff])|\x05[\x00-\x02]"
    rb"|\x14(?:[\x01\x02][\x00-\xff]{2}|\x03[\x00-\xff]{5}|\x07[\x00-\xff]|\x08[\x00-\xff]{7}))"
)
_real_time_start = re.compile(
    rb"\x10(?:\x04(?:[\x07\x08\x12])?|\x05|\x14(?:[\x01\x02][\x00-\xff]{0,1}|\x03[\x00-\xff]{0,4}|\x07|\x08[\x00-\xff]{0,6})?)?\Z"
)


class RealTimeScanner:
    """Finds DLE EOT, DLE ENQ and DLE DC4 in bytes as they arrive, before and apart from all parsing.

    A printer acts on these at once, whatever waits in its buffer, and also when the bytes only happen to stand inside an image:
    Epson's reference warns of it under each of the three.
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
        for match in _real_time.finditer(whole):
            raw = match.group()
            yield whole[seen : match.end()], Command("DLE " + _DLE_NAMES[chr(raw[1])], raw[2:])
            seen = match.end()
        start = _real_time_start.search(whole, seen)
        self._tail = start.group() if start else b""
        if seen < len(whole):
            yield whole[seen:], None

    def clear(self) -> None:
        self._tail = b""
