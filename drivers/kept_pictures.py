"""Pictures in a printer's own memory: whose memory it is, which it has, and giving it one more.

Nothing here prints, and nothing deletes: what others have put into the memory stays. The memory wears out, so whoever calls
`define` counts (Epson allows ten writes a day). Every question goes to an idle printer. None, or False, is a printer that did not
answer, or answered what cannot be; DeviceError is a connection that broke.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final, Protocol

from drivers.escpos.pictures import ASK_STORED_PICTURES, NEXT_BLOCK, picture_key, stored_picture_keys
from drivers.status import Block, PrinterStatus

_ASK_SERIAL, _ASK_MODEL = b"\x1dI\x44", b"\x1dI\x43"  # GS I 68, GS I 67
_ASK_ROOM: Final = b"\x1d(L\x02\x0003"  # GS ( L fn 51: how much is free, in digits
_TEXT, _LIST, _ROOM = b"\x5f", b"\x37r", b"\x371"  # how the answers begin
_LONGEST_LIST: Final = 94 * 94  # keys that there can be
# With two others behind it in the list, the list would end as the echo of a process id does.
_NO_KEY: Final = b'7"'


class Idle(Protocol):
    """What is needed of `drivers.printer.Printer`."""

    def ask(self, question: bytes, is_answer: Callable[[Block], bool], *, timeout_s: float) -> Block | None: ...
    def tell(self, data: bytes, *, timeout_s: float) -> bool: ...
    def status(self, timeout_s: float = 2.0) -> PrinterStatus: ...


def identity(printer: Idle, *, timeout_s: float = 1.0) -> str:
    """Model and serial number; '' where it does not say both: a printer that cannot be told from another of its model."""
    serial = _answer(printer, _ASK_SERIAL, _TEXT, timeout_s)
    model = _answer(printer, _ASK_MODEL, _TEXT, timeout_s) if serial else None
    # Twice the same is one answer that came twice.
    return (model + b" " + serial).decode("ascii", "replace") if serial and model and model != serial else ""


def kept_keys(printer: Idle, *, timeout_s: float = 1.0) -> frozenset[bytes] | None:
    """The keys of all pictures that it has."""
    found: set[bytes] = set()
    question = ASK_STORED_PICTURES
    while len(found) < _LONGEST_LIST:
        listed = _answer(printer, question, _LIST, timeout_s)
        if listed is None:
            return None
        try:
            keys, more = stored_picture_keys(_LIST + listed + b"\x00")
        except ValueError:
            return None
        if not more:
            return frozenset(found | keys)
        if keys <= found:
            return None  # it goes round in circles
        found |= keys
        question = NEXT_BLOCK
    return None


def free_bytes(printer: Idle, *, timeout_s: float = 1.0) -> int:
    """How much more it can keep; 0 where it does not say."""
    digits = _answer(printer, _ASK_ROOM, _ROOM, timeout_s) or b""
    return int(digits) if digits.isdigit() else 0


def free_key(digest: str, taken: Collection[bytes]) -> bytes | None:
    """A key that nobody has taken, the same one for the same digest where it can be; None where there is none."""
    first = int(digest, 16)
    keys = (picture_key(f"{(first + step) % _LONGEST_LIST:x}") for step in range(_LONGEST_LIST))
    return next((key for key in keys if key not in taken and key != _NO_KEY), None)


def define(
    printer: Idle,
    definition: bytes,
    key: bytes,
    *,
    timeout_s: float,
    ready_s: float,
    rest_s: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
) -> bool | None:
    """Has the printer keep a picture, `definition` as `escpos.define_picture` makes it, under `key`; whether it has it then.

    It has `rest_s` to write in peace, and then `ready_s` to answer. None is a printer that did not say: it may have no part of
    it, or the whole.
    """
    if not printer.tell(definition, timeout_s=timeout_s):
        return None
    sleep(rest_s)  # while it writes nothing may be sent, and nothing says how long that takes
    keys = kept_keys(printer, timeout_s=ready_s)
    return None if keys is None else key in keys


def _answer(printer: Idle, question: bytes, beginning: bytes, timeout_s: float) -> bytes | None:
    """What follows `beginning` in the answer that begins so."""

    def is_answer(block: Block) -> bool:
        return (bytes([block.header]) + block.data).startswith(beginning)

    block = printer.ask(question, is_answer, timeout_s=timeout_s)
    return None if block is None else (bytes([block.header]) + block.data)[len(beginning) :]
