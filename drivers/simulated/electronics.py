"""What a receipt printer does with the bytes that it has received, and what it answers: its electronics.

Real-time commands at once, all else in order and as fast as the paper moves; status, process ids and the drawer's pulse. It
knows the state of the mechanics and the time by the clock it is given, and neither wire nor thread: whoever owns it feeds
bytes, calls `go_on` after every event, and sends what `replies` holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal

from drivers.escpos.parser import Command, Item, Parser, RealTimeScanner
from drivers.simulated.drawing import png
from drivers.simulated.macros import Macro
from drivers.simulated.mechanics import Mechanics, Pace
from drivers.simulated.paper import LARGEST_PIECE_BYTES, Paper
from drivers.simulated.pieces import Line, Page, Printed, advance_dots
from drivers.simulated.status import (
    Replies,
    automatic_status,
    identity,
    offline_response,
    real_time_status,
    sensor_status,
    watched_items,
)
from drivers.simulated.text import TwoByte

KEPT_RECEIPTS: Final = 200
LONGEST_PIECE: Final = 10_000  # lines; a client that never cuts has its paper torn off here


@dataclass(frozen=True)
class PrintedReceipt:
    """A piece of paper: everything between two cuts, or the piece still hanging from the printer."""

    width_dots: int
    printed: tuple[Printed, ...]
    was_cut: bool
    printed_at_s: float  # by the printer's clock

    @property
    def lines(self) -> list[str]:
        """The text lines, blank ones included, and those of pages; feeds, pictures and codes leave none."""
        lines: list[str] = []
        for item in self.printed:
            if isinstance(item, Line):
                lines.append(item.text)
            elif isinstance(item, Page):
                lines += item.lines
        return lines

    def png(self) -> bytes:
        """The picture, one pixel a dot; drawn anew at each call."""
        return png(self.printed, self.width_dots, was_cut=self.was_cut)


class Electronics:
    """Not thread-safe. `has_printed` says that there is something new on paper; whoever has seen it sets it back."""

    def __init__(
        self,
        paper: Paper,
        mechanics: Mechanics,
        clock: Callable[[], float],
        *,
        two_byte: TwoByte,
        has_process_id: bool,
        has_asb: bool,
        has_macros: bool,
        lacks: Collection[str],
        prints_unknown: bool,
        kept_receipts: int,
        serial: str,
    ) -> None:
        self.paper = paper
        self.mechanics = mechanics
        self.pace = Pace()
        self.replies = Replies()
        self.receipts: deque[PrintedReceipt] = deque(maxlen=kept_receipts)
        self.printed_total = 0
        self.drawer_kicks = 0
        self.buzzes = 0
        self.has_printed = False
        self.has_power = True

        self._clock = clock
        self._two_byte: TwoByte = two_byte
        self._serial = serial
        self._has_process_id = has_process_id
        self._has_asb = has_asb
        self._lacks = frozenset(lacks) | (frozenset() if has_macros else {"GS :", "GS ^"})
        self._prints_unknown = prints_unknown
        self._macro = Macro()
        self._parser = Parser()
        self._real_time = RealTimeScanner()
        self._asb_items = 0
        self._asb_sent = b""
        self._causes: tuple[str, ...] = ()  # of being offline, when they were last looked at
        self._offline_response: Literal["", "bare", "with causes"] = ""
        self._waiting_process_id: bytes | None = None
        self._drawer_may_kick_in_real_time = True

    @property
    def waiting_bytes(self) -> int:
        """How much was received and not worked off."""
        return len(self._parser)

    @property
    def is_printing(self) -> bool:
        """Whether the next byte would be worked off at once."""
        return self.mechanics.is_online and self.has_power and not self.pace.is_busy(self._clock())

    def receive(self, data: bytes) -> None:
        for piece, command in self._real_time.split(data):
            self._parser.feed(piece)
            if command:
                self._obey_at_once(command)

    def go_on(self) -> None:
        """Prints what can be printed now, and reports the status where it changed."""
        self._print_what_waits()
        if self.mechanics.causes and not self._causes and self._offline_response:
            self._answer(offline_response(self.mechanics, with_causes=self._offline_response == "with causes"))
        self._causes = self.mechanics.causes
        self._push_status()

    def next_event_s(self) -> float | None:
        """How long until something is due; None when nothing is."""
        now_s = self._clock()
        due = [self.replies.due_s] if self.replies.due_s is not None else []
        if self.mechanics.is_online and self.pace.is_at_work:
            due.append(self.pace.free_at_s)
        return max(0.0, min(due) - now_s) if due else None

    def _print_what_waits(self) -> None:
        if not self.mechanics.is_online or not self.has_power:
            self.pace.rest()
            return
        if not self.is_printing:
            return
        waiting = len(self._parser)
        for item in self._parser:
            self._execute(item, waiting - len(self._parser))
            if not self.is_printing:
                return
            waiting = len(self._parser)
        self.pace.rest()

    def _execute(self, item: Item, count: int) -> None:
        if isinstance(item, Command) and item.name in self._lacks:
            if self._prints_unknown:  # clones skip the first byte and read the others as if nothing had been
                self._parser.put_back(item.raw[1:])
            return
        if to_do := self._macro.see(item):
            self._parser.put_back(to_do)
        printed = len(self.paper.printed)
        lines = self.paper.execute(item)
        for answer in self.paper.answers:
            self._answer(answer)
        self.paper.answers.clear()
        if self.pace.takes_time:
            dots = sum(map(advance_dots, self.paper.printed[printed:])) if self.pace.mm_per_s else 0
            self.pace.spend(count, dots, self._clock())
        if lines:
            self.has_printed = True
            if len(self.paper.printed) >= LONGEST_PIECE or self.paper.kept_bytes > LARGEST_PIECE_BYTES:
                self._tear(was_cut=False)
            self.mechanics.use_paper(lines)
            if self._waiting_process_id and not self.paper.line_is_open:
                self._answer(self._waiting_process_id)
                self._waiting_process_id = None
        if isinstance(item, Command) and (action := _ACTIONS.get(item.name)):
            action(self, item.parameters)

    def lose_power(self) -> None:
        """All that was received and not printed is gone, what it asked for, and every mode."""
        self._clear_buffers()
        self._real_time.clear()
        self.replies.clear()
        self.paper.reset()
        self._macro.clear()
        self.pace.free_at_s = 0.0
        self.pace.rest()
        self._asb_items, self._asb_sent = 0, b""
        self._offline_response = ""
        self._drawer_may_kick_in_real_time = True

    def _cut(self, _: bytes) -> None:
        if self.paper.printed:
            self._tear(was_cut=True)
            self.printed_total += 1

    def _tear(self, *, was_cut: bool) -> None:
        self.receipts.append(PrintedReceipt(self.paper.width_dots, self.paper.tear(), was_cut, self._clock()))
        self.has_printed = True

    def _kick_drawer(self, parameters: bytes) -> None:
        if parameters[0] in (0, 1, 0x30, 0x31):
            self.drawer_kicks += 1
            self.mechanics.drawer.pulse(parameters[0])

    # answers

    def _answer(self, reply: bytes | None) -> None:
        if reply is not None and self.has_power:
            self.replies.put(reply, self._clock())

    def _obey_at_once(self, command: Command) -> None:
        function = command.parameters[0]
        if command.name == "DLE EOT":
            self._answer(real_time_status(function, self.mechanics))
        elif command.name == "DLE ENQ":
            if function == 2 and not self.mechanics.is_online:
                self._clear_buffers()
            if function in (1, 2):
                self.mechanics.recover()
        elif function == 1 and self._drawer_may_kick_in_real_time:
            self._kick_drawer(command.parameters[1:])
        elif function == 8 and command.parameters[1:] == b"\x01\x03\x14\x01\x06\x02\x08":
            self._clear_buffers()

    def _clear_buffers(self) -> None:
        self._parser.clear()
        self.paper.abandon_line()
        self._waiting_process_id = None

    def _push_status(self) -> None:
        """GS a: all four bytes, whenever one of the chosen items changed."""
        status = automatic_status(self.mechanics)
        items = watched_items(self._asb_items, status)
        if self._asb_items and items != self._asb_sent:
            self._answer(status)
        self._asb_sent = items

    def _choose_status(self, parameters: bytes) -> None:
        """GS a n answers at once, and from then on at every change."""
        if not self._has_asb:
            return
        self._asb_items = parameters[0]
        self._asb_sent = b""
        self._push_status()

    def _reset(self, _: bytes) -> None:
        """ESC @ ends the automatic status, and with the line being composed goes who waits for it."""
        self._asb_items = 0
        self._waiting_process_id = None

    def _answer_sensor(self, parameters: bytes) -> None:
        self._answer(sensor_status(parameters[0], self.mechanics))

    def _answer_paper_sensor(self, _: bytes) -> None:
        """ESC v, of older printers."""
        self._answer(sensor_status(1, self.mechanics))

    def _answer_drawer(self, _: bytes) -> None:
        """ESC u, of older printers."""
        self._answer(sensor_status(2, self.mechanics))

    def _buzz(self, _: bytes) -> None:
        self.buzzes += 1

    def _answer_identity(self, parameters: bytes) -> None:
        self._answer(identity(parameters[0], self._two_byte, self._serial))

    def _response(self, parameters: bytes) -> None:
        """GS ( H: function 48 is the process id, function 49 the offline response."""
        if parameters[2:4] == b"10" and len(parameters) == 5:
            self._offline_response = {1: "bare", 2: "with causes"}.get(parameters[4] % 48, "")  # type: ignore[assignment]
        else:
            self._answer_process_id(parameters)

    def _answer_process_id(self, parameters: bytes) -> None:
        """GS ( H function 48: answered when all before it is printed; of those that wait the last one is."""
        process_id = parameters[4:]
        is_valid = parameters[:4] == b"\x06\x0000" and all(0x20 <= byte <= 0x7E for byte in process_id)
        if not self._has_process_id or not is_valid:
            return
        reply = b"\x37\x22" + process_id + b"\x00"
        if self.paper.line_is_open:
            self._waiting_process_id = reply
        else:
            self._answer(reply)

    def _set_real_time(self, parameters: bytes) -> None:
        """GS ( D function 20: whether DLE DC4 may open the drawer."""
        pairs = parameters[3:]
        for item, value in zip(pairs[::2], pairs[1::2], strict=False):
            if parameters[2:3] == b"\x14" and item == 1:
                self._drawer_may_kick_in_real_time = bool(value & 1)


_ACTIONS: Final[dict[str, Callable[[Electronics, bytes], None]]] = {
    "ESC @": Electronics._reset,
    "ESC p": Electronics._kick_drawer,
    "ESC i": Electronics._cut,
    "ESC m": Electronics._cut,
    "GS V": Electronics._cut,
    "GS a": Electronics._choose_status,
    "ESC v": Electronics._answer_paper_sensor,
    "ESC u": Electronics._answer_drawer,
    "ESC ( A": Electronics._buzz,
    "ESC B": Electronics._buzz,
    "BEL": Electronics._buzz,
    "GS r": Electronics._answer_sensor,
    "GS I": Electronics._answer_identity,
    "GS ( H": Electronics._response,
    "GS ( D": Electronics._set_real_time,
}
