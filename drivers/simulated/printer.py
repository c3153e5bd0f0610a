"""A receipt printer that exists only in software: the far end of the wire, with faults on command.

It takes ESC/POS over TCP or a pseudo-terminal as a TM-T88 takes it: one client at a time, real-time commands at once, all
else in order. Out of paper, with the cover open or the cutter jammed it goes offline, keeps what it gets, and goes on where
it stopped once that is put right. What it printed is in `receipts`; `png()` draws one when asked. Printing takes no time.

Replies are those of Epson's command reference for DLE EOT, GS a, GS r, GS I and GS ( H. Two things are laxer than most real
printers: DLE ENQ is obeyed in every one of the three stops, and a jammed cutter is freed by DLE ENQ as by a hand.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from drivers.simulated.drawing import png
from drivers.simulated.escpos_parser import Command, Item, Parser, RealTimeScanner
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import Line, Printed
from drivers.simulated.wires import End, Wires

BUFFER_BYTES: Final = 64 * 1024  # what it keeps while it cannot print; beyond that it stops reading
PACKET_BYTES: Final = 64
KEPT_RECEIPTS: Final = 200
LONGEST_PIECE: Final = 10_000  # lines; a client that never cuts has its paper torn off here

MAKER: Final = b"EPSON"
MODEL: Final = b"TM-T88V"


@dataclass(frozen=True)
class PrintedReceipt:
    """A piece of paper: everything between two cuts, or the piece still hanging from the printer."""

    width_dots: int
    printed: tuple[Printed, ...]
    was_cut: bool
    printed_at_s: float  # by the printer's clock

    @property
    def lines(self) -> list[str]:
        """The text lines, blank ones included; feeds, pictures and codes leave none."""
        return [item.text for item in self.printed if isinstance(item, Line)]

    def png(self) -> bytes:
        """The picture, one pixel a dot; drawn anew at each call."""
        return png(self.printed, self.width_dots, was_cut=self.was_cut)


class SimulatedPrinter:
    """Prints what clients send; `paper_out()` and the like are the hands of whoever stands at it.

    Every method may be called from any thread. `on_change` is called, outside the lock and from any of its threads, after
    anything visible changed: something printed, a cut, a fault, a drawer kick, a client.
    """

    def __init__(
        self,
        *,
        width_dots: int = 576,
        has_process_id: bool = True,
        has_asb: bool = True,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._has_process_id = has_process_id
        self._has_asb = has_asb
        self._clock = clock
        self._on_change = on_change

        self._lock = threading.Condition()
        self._changed = False

        self._paper = Paper(width_dots)
        self._parser = Parser()
        self._real_time = RealTimeScanner()
        self._receipts: deque[PrintedReceipt] = deque(maxlen=KEPT_RECEIPTS)
        self._printed_total = 0
        self._drawer_kicks = 0

        self._paper_state: Literal["ok", "near end", "out"] = "ok"
        self._lines_left: int | None = None  # how many lines the roll still holds, where that is set
        self._cover_is_open = False
        self._cutter_is_jammed = False
        self._is_silent = False
        self._answers_garbage = False
        self._is_stalled = False
        self._is_plugged = True

        self._asb_items = 0
        self._asb_sent = b""
        self._waiting_process_id: bytes | None = None
        self._drawer_may_kick_in_real_time = True

        self._wires = Wires(self._lock, self._receive, lambda: self._wants_bytes)

    # wires

    def serve_tcp(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens, and returns the port, which is chosen freely for 0. Raises DeviceBusy when the port is taken."""
        with self._lock:
            return self._wires.listen(host, port)

    def serve_pty(self) -> str:
        """Opens a pseudo-terminal and returns the path a client opens; it stays the same when unplugged and plugged."""
        with self._lock:
            return self._wires.open_terminal()

    def attach(self, end: End) -> None:
        """One more wire, kept by whoever calls; what comes in on it is handed to `take`."""
        with self._lock:
            self._wires.attach(end)

    def take(self, data: bytes, timeout_s: float) -> int:
        """How much of `data` it took from such a wire within that time; a printer that takes no more pushes back."""
        give_up = time.monotonic() + timeout_s
        taken = 0

        def read() -> bytes:
            nonlocal taken
            piece = data[taken : taken + PACKET_BYTES] if self._wants_bytes and self._is_plugged else b""
            taken += len(piece)
            return piece

        while taken < len(data) and self._is_plugged:
            with self._lock:
                if not self._lock.wait_for(
                    lambda: self._wants_bytes or not self._is_plugged, give_up - time.monotonic()
                ):
                    break
            self._receive(read)
        return taken

    def hands(self) -> contextlib.AbstractContextManager[None]:
        """Within it nobody else does anything to the printer; whoever waits for it looks again afterwards."""
        return self._change()

    def close(self) -> None:
        """Drops every connection and ends the thread; the receipts stay readable."""
        self._wires.end()

    def __enter__(self) -> SimulatedPrinter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # results

    @property
    def receipts(self) -> list[PrintedReceipt]:
        """What was cut off, oldest first: the last 200."""
        with self._lock:
            return list(self._receipts)

    @property
    def current(self) -> PrintedReceipt:
        """What is printed and not cut yet; nothing printed gives no lines."""
        with self._lock:
            return PrintedReceipt(self._paper.width_dots, tuple(self._paper.printed), False, self._clock())

    @property
    def printed_total(self) -> int:
        """How many receipts were ever cut."""
        with self._lock:
            return self._printed_total

    @property
    def drawer_kicks(self) -> int:
        with self._lock:
            return self._drawer_kicks

    def state(self) -> dict[str, Any]:
        """What a control page shows."""
        with self._lock:
            return {
                "paper": self._paper_state,
                "cover": "open" if self._cover_is_open else "closed",
                "cutter": "jammed" if self._cutter_is_jammed else "ok",
                "plugged": self._is_plugged,
                "online": self._is_online,
                "silent": self._is_silent,
                "garbage": self._answers_garbage,
                "stalled": self._is_stalled,
                "connected": self._wires.has_client,
                "waiting_bytes": len(self._parser),
                "printed_total": self._printed_total,
                "drawer_kicks": self._drawer_kicks,
            }

    def wait_until(self, claim: Callable[[], bool], timeout_s: float = 5) -> bool:
        """Waits until `claim()` is true, asking again after each change; False when that took too long."""
        with self._lock:
            return self._lock.wait_for(claim, timeout_s)

    # faults

    def paper_out(self, after_lines: int = 0) -> None:
        """The roll ends, at once or after so many more lines."""
        with self._change():
            if after_lines > 0:
                self._lines_left = after_lines
            else:
                self._paper_state, self._lines_left = "out", None

    def paper_near_end(self) -> None:
        with self._change():
            self._paper_state, self._lines_left = "near end", None

    def load_paper(self) -> None:
        """A new roll; printing goes on by itself."""
        with self._change():
            self._paper_state, self._lines_left = "ok", None

    def open_cover(self) -> None:
        with self._change():
            self._cover_is_open = True

    def close_cover(self) -> None:
        """Printing goes on by itself."""
        with self._change():
            self._cover_is_open = False

    def cutter_jam(self) -> None:
        """An error that stops printing until `clear_error`, or DLE ENQ 1 or 2."""
        with self._change():
            self._cutter_is_jammed = True

    def clear_error(self) -> None:
        """Frees the cutter; printing goes on by itself."""
        with self._change():
            self._cutter_is_jammed = False

    def silence(self, on: bool = True) -> None:
        """Takes bytes and prints, and answers nothing."""
        with self._change():
            self._is_silent = on

    def garbage_replies(self, on: bool = True) -> None:
        """Every bit of every answer is wrong."""
        with self._change():
            self._answers_garbage = on

    def stall(self, on: bool = True) -> None:
        """Stops reading, so that the sender's buffers fill."""
        with self._change():
            self._is_stalled = on

    def unplug(self) -> None:
        """The power goes: connections drop, new ones are refused, what was not printed yet is lost."""
        with self._change():
            self._is_plugged = False
            self._wires.drop()
            self._forget()
            self._paper.reset()

    def plug(self) -> None:
        """The power is back, on the same port and path, in standard modes."""
        with self._change():
            self._wires.restore()
            self._is_plugged = True

    # what the wires bring

    def _receive(self, read: Callable[[], bytes]) -> None:
        """Reads and obeys under one lock, so that unplugging loses the whole of it or nothing."""
        with self._change():
            for piece, command in self._real_time.split(read()):
                self._parser.feed(piece)
                if command:
                    self._obey_at_once(command)

    @property
    def _wants_bytes(self) -> bool:
        return not self._is_stalled and (self._is_online or len(self._parser) < BUFFER_BYTES)

    @property
    def _is_online(self) -> bool:
        return not (self._paper_state == "out" or self._cover_is_open or self._cutter_is_jammed)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Around every event: print what can be printed now, report the status where it changed, tell who waits."""
        with self._lock:
            before = self._visible()
            yield
            if self._is_online and self._is_plugged:
                self._print_what_waits()
            self._push_status()
            self._wires.wake()
            changed = self._changed or self._visible() != before
            self._changed = False
            self._lock.notify_all()
        if changed and self._on_change:
            self._on_change()

    def _visible(self) -> tuple[object, ...]:
        faults = (self._is_silent, self._answers_garbage, self._is_stalled, self._is_plugged, self._wires.has_client)
        return (self._paper_state, self._cover_is_open, self._cutter_is_jammed, self._drawer_kicks, *faults)

    def _print_what_waits(self) -> None:
        for item in self._parser:
            self._execute(item)
            if not self._is_online:
                return

    def _execute(self, item: Item) -> None:
        lines = self._paper.execute(item)
        if lines:
            self._changed = True
            if len(self._paper.printed) >= LONGEST_PIECE:
                self._tear(was_cut=False)
            if self._lines_left is not None:
                self._lines_left -= lines
                if self._lines_left <= 0:
                    self._paper_state, self._lines_left = "out", None
            if self._waiting_process_id and not self._paper.line_is_open:
                self._answer(self._waiting_process_id)
                self._waiting_process_id = None
        if isinstance(item, Command) and (action := _ACTIONS.get(item.name)):
            action(self, item.parameters)

    def _cut(self, _: bytes) -> None:
        if self._paper.printed:
            self._tear(was_cut=True)
            self._printed_total += 1

    def _tear(self, *, was_cut: bool) -> None:
        self._receipts.append(PrintedReceipt(self._paper.width_dots, self._paper.tear(), was_cut, self._clock()))
        self._changed = True

    def _kick_drawer(self, parameters: bytes) -> None:
        if parameters[0] in (0, 1, 0x30, 0x31):
            self._drawer_kicks += 1

    def _forget(self) -> None:
        """All that was received and not printed, and what it asked for."""
        self._parser.clear()
        self._real_time.clear()
        self._waiting_process_id = None
        self._asb_items, self._asb_sent = 0, b""
        self._drawer_may_kick_in_real_time = True

    # answers

    def _answer(self, reply: bytes) -> None:
        if self._is_silent or not self._is_plugged:
            return
        self._wires.send(bytes(byte ^ 0xFF for byte in reply) if self._answers_garbage else reply)

    def _obey_at_once(self, command: Command) -> None:
        function = command.parameters[0]
        if command.name == "DLE EOT":
            if function in (1, 2, 3, 4):
                self._answer(bytes([self._real_time_status(function)]))
        elif command.name == "DLE ENQ":
            if function == 2 and not self._is_online:
                self._clear_buffers()
            if function in (1, 2):
                self._cutter_is_jammed = False
        elif function == 1 and self._drawer_may_kick_in_real_time:
            self._kick_drawer(command.parameters[1:])
        elif function == 8 and command.parameters[1:] == b"\x01\x03\x14\x01\x06\x02\x08":
            self._clear_buffers()

    def _clear_buffers(self) -> None:
        self._parser.clear()
        self._paper.abandon_line()
        self._waiting_process_id = None

    def _real_time_status(self, n: int) -> int:
        out, near = self._paper_state == "out", self._paper_state != "ok"
        jammed, cover = self._cutter_is_jammed, self._cover_is_open
        status = {
            1: 0x08 * (not self._is_online),
            2: 0x04 * cover | 0x20 * out | 0x40 * jammed,
            3: 0x08 * jammed,
            4: 0x0C * near | 0x60 * out,
        }
        return 0x12 | status[n]

    def _status_bytes(self) -> bytes:
        out, near = self._paper_state == "out", self._paper_state != "ok"
        printer = 0x10 | 0x08 * (not self._is_online) | 0x20 * self._cover_is_open
        return bytes([printer, 0x08 * self._cutter_is_jammed, 0x03 * near | 0x0C * out, 0x0F])

    def _push_status(self) -> None:
        """GS a: all four bytes, whenever one of the chosen items changed."""
        status = self._status_bytes()
        chosen = (
            0x28 * bool(self._asb_items & 0x02),
            0x08 * bool(self._asb_items & 0x04),
            0x0F * bool(self._asb_items & 0x08),
        )
        items = bytes(byte & mask for byte, mask in zip(status, chosen, strict=False))
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
        """GS r: 1 paper, 2 drawer."""
        if parameters[0] in (1, 0x31):
            self._answer(bytes([0x03 * (self._paper_state == "near end")]))
        elif parameters[0] in (2, 0x32):
            self._answer(b"\x00")

    def _answer_identity(self, parameters: bytes) -> None:
        """GS I: one byte of model or type, or a text as `_text NUL`."""
        replies = {1: b"\x20", 2: b"\x02", 3: b"\x01", 65: b"1.00", 66: MAKER, 67: MODEL, 68: b"SIMULATED"}
        n = parameters[0]
        reply = replies.get(n - 48 if 49 <= n <= 51 else n)
        if reply is not None:
            self._answer(reply if len(reply) == 1 else b"_" + reply + b"\x00")

    def _answer_process_id(self, parameters: bytes) -> None:
        """GS ( H function 48: answered when all before it is printed; of those that wait the last one is."""
        process_id = parameters[4:]
        is_valid = parameters[:4] == b"\x06\x0000" and all(0x20 <= byte <= 0x7E for byte in process_id)
        if not self._has_process_id or not is_valid:
            return
        reply = b"\x37\x22" + process_id + b"\x00"
        if self._paper.line_is_open:
            self._waiting_process_id = reply
        else:
            self._answer(reply)

    def _set_real_time(self, parameters: bytes) -> None:
        """GS ( D function 20: whether DLE DC4 may open the drawer."""
        pairs = parameters[3:]
        for item, value in zip(pairs[::2], pairs[1::2], strict=False):
            if parameters[2:3] == b"\x14" and item == 1:
                self._drawer_may_kick_in_real_time = bool(value & 1)


_ACTIONS: Final[dict[str, Callable[[SimulatedPrinter, bytes], None]]] = {
    "ESC @": SimulatedPrinter._reset,
    "ESC p": SimulatedPrinter._kick_drawer,
    "ESC i": SimulatedPrinter._cut,
    "ESC m": SimulatedPrinter._cut,
    "GS V": SimulatedPrinter._cut,
    "GS a": SimulatedPrinter._choose_status,
    "GS r": SimulatedPrinter._answer_sensor,
    "GS I": SimulatedPrinter._answer_identity,
    "GS ( H": SimulatedPrinter._answer_process_id,
    "GS ( D": SimulatedPrinter._set_real_time,
}
