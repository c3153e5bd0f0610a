"""Papers of a host's own, laid out here and printed on this till's printer: once for each Idempotency-Key, with a verdict.

The key is written down before the first byte is sent. What was being printed when the till stopped is answered as unknown, and
never printed again by itself.
"""

from __future__ import annotations

import threading

import msgspec

from drivers.document import Barcode, Block, Cut, Document, Feed, Qr, Text, display_columns
from drivers.errors import DeviceError
from drivers.escpos import Profile, encode, profile
from drivers.verdict import Outcome, Verdict, unknown
from pos_plugin.config import printer_profile
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.local_api import requests
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.shapes import HostPrinted
from pos_plugin.papers.layout import columns, wrapped
from pos_plugin.terminal import Terminal

MOST_WAITING = 4
"""Papers that wait for the printer together; each holds a thread that the page may need."""

_TO_DO = {
    Outcome.PRINTED: "",
    Outcome.NOT_PRINTED: "Put the printer right, then send the same again.",
    Outcome.UNKNOWN: "Look at the paper. If it did not come out, send it under a new key.",
}


class HostPapers:
    """The papers that hosts print at one till. Safe from several threads."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = threading.Lock()
        self._under_way = set[str]()

    def print(self, asked: Asked, body: requests.PrintAsked) -> HostPrinted:
        """Prints a paper, or answers what became of it. Raises BadRequest for what cannot be printed, Conflict where this very
        request is under way, or too many are."""
        width, made = self._terminal.config.printer.width_columns, profile_of(self._terminal)
        try:
            data = encode(laid_out(body, width), made)
        except ValueError as error:
            raise BadRequest(
                "INVALID", f"{error}".capitalize() + ".", hint="Nothing was printed. Correct it."
            ) from None
        with self._under_way_with(asked.key):
            before = asked.begin()
            if before is None:
                return self._ended(asked, self._terminal.printer.print_for_host(data))
            if before.reply is not None:
                return msgspec.json.decode(before.reply, type=HostPrinted)
            return self._ended(asked, unknown("restarted", "The till stopped while it printed this."))

    def _ended(self, asked: Asked, verdict: Verdict) -> HostPrinted:
        said = HostPrinted(verdict.outcome.value, verdict.code, verdict.reason, _TO_DO[verdict.outcome])
        if verdict.outcome is Outcome.NOT_PRINTED:
            asked.forget()
        else:
            asked.keep(said)
        return said

    def _under_way_with(self, key: str) -> _UnderWay:
        with self._lock:
            if key in self._under_way:
                raise Conflict(
                    "PRINT_UNDER_WAY",
                    "This paper is being printed just now.",
                    hint="Ask again in a moment, under the same key.",
                )
            if len(self._under_way) >= MOST_WAITING:
                raise Conflict(
                    "PRINTER_BUSY",
                    "Too many papers wait for the printer. This one was not printed.",
                    hint="Try again in a moment.",
                )
            self._under_way.add(key)
        return _UnderWay(self._lock, self._under_way, key)


class _UnderWay:
    def __init__(self, lock: threading.Lock, keys: set[str], key: str) -> None:
        self._lock, self._keys, self._key = lock, keys, key

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._keys.discard(self._key)


def laid_out(asked: requests.PrintAsked, width_columns: int) -> Document:
    """The paper as blocks of so many columns."""
    blocks = list[Block]()
    for line in asked.lines:
        match line:
            case requests.PrintText():
                blocks += _lines(line, width_columns // 2 if line.double else width_columns)
            case requests.PrintBarcode():
                blocks.append(Barcode(line.data, line.symbology))
            case requests.PrintQr():
                blocks.append(Qr(line.data))
            case requests.PrintRule():
                blocks.append(Text("-" * width_columns))
            case requests.PrintFeed():
                blocks.append(Feed(line.lines))
            case requests.PrintCut():
                blocks.append(Cut(line.partial))
    return Document(width_columns, tuple(blocks))


def _lines(line: requests.PrintText, width: int) -> list[Block]:
    # Blanks at a line's start and between words are the host's own layout, and stay where the line has room.
    fits = display_columns(line.text) + (display_columns(line.right) + 1 if line.right else 0) <= width
    room = max(1, width - display_columns(line.right) - 1) if line.right else width
    *first, last = [line.text] if fits else wrapped(line.text, room)
    if line.right:
        last = columns(last, line.right, width)
    return [Text(text, line.bold, line.double, line.align, line.inverted, line.underlined) for text in (*first, last)]


def profile_of(terminal: Terminal) -> Profile:
    """The printer of the settings; any printer where they name one that is not known."""
    try:
        return printer_profile(terminal.config.printer)
    except DeviceError:
        return profile()
