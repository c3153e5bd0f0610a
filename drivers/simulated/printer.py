"""A receipt printer that exists only in software: the far end of the wire, with faults on command.

It takes ESC/POS over TCP or a pseudo-terminal as a TM-T88 takes it: one client at a time, real-time commands at once, all
else in order. Out of paper, with the cover open or the cutter jammed it goes offline, keeps what it gets, and goes on where
it stopped once that is put right. What it printed is in `receipts`; `png()` draws one when asked. Printing takes no time,
unless `slow_down` says so; then, as for late replies, time is what `clock` reads, and `tick()` says that it has moved on.
With the system's own clock that needs nobody.

Two things are laxer than on most real printers: DLE ENQ is obeyed in every stop, and a jammed cutter is freed by DLE ENQ as
by a hand.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, overload

from drivers.simulated.drawing import png
from drivers.simulated.escpos_parser import Command, Item, Parser, RealTimeScanner
from drivers.simulated.mechanics import Drawer, DrawerSensor, Mechanics, Pace
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import Line, Page, Printed, advance_dots
from drivers.simulated.status import (
    Replies,
    automatic_status,
    identity,
    offline_response,
    port_status,
    real_time_status,
    sensor_status,
    watched_items,
)
from drivers.simulated.text import TwoByte
from drivers.simulated.wires import LONGEST_READ_BYTES, Attachment, End, Wires

BUFFER_BYTES: Final = 64 * 1024  # what it keeps while it cannot print; beyond that it stops reading
KEPT_RECEIPTS: Final = 200
PACKET_BYTES: Final = 64  # of USB at full speed
LONGEST_PIECE: Final = 10_000  # lines; a client that never cuts has its paper torn off here
XOFF_ROOM_BYTES: Final = 128  # with less room than this left it sends XOFF
XON_ROOM_BYTES: Final = 256  # and with so much again XON


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


class SimulatedPrinter:
    """Prints what clients send; `paper_out()` and the like are the hands of whoever stands at it.

    Every method may be called from any thread. `on_change` is called, outside the lock and from any of its threads, after
    anything visible changed: something printed, a cut, a fault, a drawer kick, a client.
    """

    def __init__(
        self,
        *,
        width_dots: int = 576,
        dpi: int = 203,
        code_pages: str = "default",
        two_byte: TwoByte = "",
        has_process_id: bool = True,
        has_asb: bool = True,
        buffer_bytes: int = BUFFER_BYTES,
        xonxoff: bool = False,
        drawer_sensor: DrawerSensor = "high when open",
        drawer_pin: Literal[2, 5] = 2,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._has_process_id = has_process_id
        self._has_asb = has_asb
        self._buffer_bytes = buffer_bytes
        self._two_byte: TwoByte = two_byte
        self._xonxoff = xonxoff
        self._clock = clock
        self._on_change = on_change

        self._lock = threading.Condition()
        self._changed = False

        self._paper = Paper(width_dots, dpi=dpi, printer=code_pages, two_byte=two_byte)
        self._parser = Parser()
        self._real_time = RealTimeScanner()
        self._receipts: deque[PrintedReceipt] = deque(maxlen=KEPT_RECEIPTS)
        self._printed_total = 0
        self._drawer_kicks = 0
        self._buzzes = 0

        self._mechanics = Mechanics(drawer=Drawer(drawer_sensor, drawer_pin))
        self._dpi = dpi
        self._pace = Pace(dpi=dpi)
        self._replies = Replies()
        self._is_stalled = False
        self._is_plugged = True
        self._has_sent_xoff = False

        self._asb_items = 0
        self._asb_sent = b""
        self._offline_response: Literal["", "bare", "with causes"] = ""
        self._waiting_process_id: bytes | None = None
        self._drawer_may_kick_in_real_time = True

        self._wires = Wires(self._lock, self._receive, lambda: self._room, self._next_event_s, self.tick)

    # wires

    def serve_tcp(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listens, and returns the port, which is chosen freely for 0. Raises DeviceBusy when the port is taken."""
        with self._lock:
            return self._wires.listen(host, port)

    def serve_pty(self) -> str:
        """Opens a pseudo-terminal and returns the path a client opens; it stays the same when unplugged and plugged."""
        with self._lock:
            return self._wires.open_terminal()

    def serve_gadget(self, path: str = "/dev/g_printer0") -> None:
        """Is the device at the other end of the kernel's USB printer gadget. Raises DeviceAbsent where there is none."""
        with self._lock:
            self._wires.open_gadget(path)
            self._wires.set_port_status(port_status(self._mechanics))

    @overload
    def attach(self) -> Attachment: ...
    @overload
    def attach(self, end: End) -> None: ...
    def attach(self, end: End | None = None) -> Attachment | None:
        """A wire within this process; or one more that whoever calls keeps, who hands over what comes in by `take`."""
        with self._lock:
            return self._wires.attach(end)

    def take(self, data: bytes, timeout_s: float) -> int:
        """How much of `data` it took from such a wire within that time; a printer that takes no more pushes back."""
        give_up = time.monotonic() + timeout_s
        taken = 0

        def read() -> bytes:
            nonlocal taken
            piece = data[taken : taken + min(self._room, PACKET_BYTES)]
            taken += len(piece)
            return piece

        while taken < len(data) and self._is_plugged:
            with self._lock:
                wait_s = give_up - time.monotonic()
                if not self._lock.wait_for(lambda: self._room > 0 or not self._is_plugged, wait_s):
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

    @property
    def buzzes(self) -> int:
        """How often its buzzer was told to sound."""
        with self._lock:
            return self._buzzes

    @property
    def port_status(self) -> int:
        """The byte of GET_PORT_STATUS in USB's printer class."""
        with self._lock:
            return port_status(self._mechanics)

    def state(self) -> dict[str, Any]:
        """What a control page shows."""
        with self._lock:
            mechanics = self._mechanics
            return {
                "paper": mechanics.paper,
                "cover": "open" if mechanics.cover_is_open else "closed",
                "cutter": "jammed" if mechanics.cutter_is_jammed else "ok",
                "error": mechanics.error,
                "feed_button": "held" if mechanics.feed_button_is_held else "free",
                "drawer": "open" if mechanics.drawer.is_open else "closed",
                "plugged": self._is_plugged,
                "online": mechanics.is_online,
                "silent": self._replies.is_silent,
                "garbage": self._replies.are_garbled,
                "stalled": self._is_stalled,
                "connected": self._wires.has_client,
                "waiting_bytes": len(self._parser),
                "printed_total": self._printed_total,
                "drawer_kicks": self._drawer_kicks,
                "buzzes": self._buzzes,
            }

    def wait_until(self, claim: Callable[[], bool], timeout_s: float = 5) -> bool:
        """Waits until `claim()` is true, asking again after each change; False when that took too long."""
        with self._lock:
            return self._lock.wait_for(claim, timeout_s)

    def tick(self) -> None:
        """Does what is due by the clock: prints on, and sends answers that were held back."""
        with self._change():
            pass

    # faults: the mechanics

    def paper_out(self, after_lines: int = 0) -> None:
        """The roll ends, at once or after so many more lines."""
        with self._change():
            if after_lines > 0:
                self._mechanics.lines_left = after_lines
            else:
                self._set_paper("out")

    def paper_near_end(self) -> None:
        with self._change():
            self._set_paper("near end")

    def load_paper(self) -> None:
        """A new roll; printing goes on by itself."""
        with self._change():
            self._set_paper("ok")

    def open_cover(self) -> None:
        with self._change():
            self._mechanics.cover_is_open = True

    def close_cover(self) -> None:
        """Printing goes on by itself."""
        with self._change():
            self._mechanics.cover_is_open = False

    def cutter_jam(self) -> None:
        """An error that stops printing until `clear_error`, or DLE ENQ 1 or 2."""
        with self._change():
            self._mechanics.cutter_is_jammed = True

    def recoverable_error(self) -> None:
        """Stops printing until `clear_error`, or DLE ENQ 1 or 2."""
        with self._change():
            self._mechanics.error = "recoverable"

    def overheat(self) -> None:
        """The error that goes away by itself; here `clear_error` is when it has."""
        with self._change():
            self._mechanics.error = "automatic"

    def unrecoverable_error(self) -> None:
        """Stops printing until the power is switched off and on, or until `clear_error`: the repair."""
        with self._change():
            self._mechanics.error = "unrecoverable"

    def clear_error(self) -> None:
        """Frees the cutter and ends every error; printing goes on by itself."""
        with self._change():
            self._mechanics.cutter_is_jammed = False
            self._mechanics.error = ""

    def hold_feed_button(self) -> None:
        """Somebody feeds paper by hand: offline for as long as the finger stays."""
        with self._change():
            self._mechanics.feed_button_is_held = True

    def release_feed_button(self) -> None:
        with self._change():
            self._mechanics.feed_button_is_held = False

    def open_drawer(self) -> None:
        """By its key, without a pulse."""
        with self._change():
            self._mechanics.drawer.is_open = True

    def close_drawer(self) -> None:
        with self._change():
            self._mechanics.drawer.is_open = False

    def lock_drawer(self, on: bool = True) -> None:
        """No pulse opens it."""
        with self._change():
            self._mechanics.drawer.is_locked = on

    def slow_down(self, *, mm_per_s: float | None = None, bytes_per_s: float | None = None) -> None:
        """Printing takes time, and the buffer fills: a line of 30 dots is 3.75 mm at 203 dpi. Without arguments: none again."""
        with self._change():
            self._pace = Pace(mm_per_s, bytes_per_s, self._dpi)

    # faults: what the client hears

    def silence(self, on: bool = True) -> None:
        """Takes bytes and prints, and answers nothing."""
        with self._change():
            self._replies.is_silent = on

    def garbage_replies(self, on: bool = True) -> None:
        """Every bit of every answer is wrong."""
        with self._change():
            self._replies.are_garbled = on

    def half_replies(self, on: bool = True) -> None:
        """A block ends before its NUL, an automatic status after two bytes; answers of one byte stay whole."""
        with self._change():
            self._replies.are_halved = on

    def duplicate_replies(self, on: bool = True) -> None:
        """Every answer comes twice."""
        with self._change():
            self._replies.are_doubled = on

    def delay_replies(self, seconds: float = 0.0) -> None:
        """Answers come so much later, in their order."""
        with self._change():
            self._replies.delay_s = seconds

    # faults: wire and power

    def stall(self, on: bool = True) -> None:
        """Stops reading, so that the sender's buffers fill."""
        with self._change():
            self._is_stalled = on

    def reset_connection(self) -> None:
        """The TCP connection breaks (RST); what had arrived is printed. The next one is accepted."""
        with self._change():
            self._wires.reset_client()

    def power_cycle(self, *, drops_connection: bool = True) -> None:
        """Off and on again: what was not printed is lost, and every mode. Behind a print server the connection stays."""
        with self._change():
            if drops_connection:
                self._wires.reset_client()
            self._lose_power()
            self._mechanics.power_on()

    def unplug(self) -> None:
        """The power goes: connections drop, new ones are refused, what was not printed yet is lost."""
        with self._change():
            self._is_plugged = False
            self._wires.drop()
            self._lose_power()

    def plug(self) -> None:
        """The power is back, on the same port and path, in standard modes."""
        with self._change():
            self._wires.restore()
            self._mechanics.power_on()
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
    def _room(self) -> int:
        """How many bytes it takes in now. While it prints the buffer empties as fast as it fills, an image of any size."""
        if self._is_stalled or not self._is_plugged:
            return 0
        if self._is_printing:
            return LONGEST_READ_BYTES
        return min(max(self._buffer_bytes - len(self._parser), 0), LONGEST_READ_BYTES)

    @property
    def _is_printing(self) -> bool:
        return self._mechanics.is_online and self._is_plugged and not self._pace.is_busy(self._clock())

    def _next_event_s(self) -> float | None:
        """How long until something is due; None when nothing is. Called with the lock held."""
        now_s = self._clock()
        due = [self._replies.due_s] if self._replies.due_s is not None else []
        if self._mechanics.is_online and self._pace.is_busy(now_s):
            due.append(self._pace.free_at_s)
        return max(0.0, min(due) - now_s) if due else None

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Around every event: print what can be printed now, report the status where it changed, tell who waits."""
        with self._lock:
            before = self._visible()
            causes, mechanics = self._mechanics.causes, replace(self._mechanics)
            yield
            self._print_what_waits()
            if self._mechanics.causes and not causes and self._offline_response:
                self._answer(offline_response(self._mechanics, with_causes=self._offline_response == "with causes"))
            self._push_status()
            if self._mechanics != mechanics:
                self._wires.set_port_status(port_status(self._mechanics))
            self._send_due()
            self._control_flow()
            self._wires.wake()
            changed = self._changed or self._visible() != before
            self._changed = False
            self._lock.notify_all()
        if changed and self._on_change:
            self._on_change()

    def _visible(self) -> tuple[object, ...]:
        mechanics, replies = self._mechanics, self._replies
        return (
            *(mechanics.paper, mechanics.cover_is_open, mechanics.cutter_is_jammed, mechanics.error),
            *(mechanics.feed_button_is_held, mechanics.drawer.is_open, self._drawer_kicks, self._buzzes),
            *(replies.is_silent, replies.are_garbled, self._is_stalled, self._is_plugged, self._wires.has_client),
        )

    def _print_what_waits(self) -> None:
        if not self._mechanics.is_online or not self._is_plugged:
            self._pace.rest()
            return
        if not self._is_printing:
            return
        waiting = len(self._parser)
        for item in self._parser:
            self._execute(item, waiting - len(self._parser))
            if not self._is_printing:
                return
            waiting = len(self._parser)
        self._pace.rest()

    def _execute(self, item: Item, count: int) -> None:
        printed = len(self._paper.printed)
        lines = self._paper.execute(item)
        for answer in self._paper.answers:
            self._answer(answer)
        self._paper.answers.clear()
        if self._pace.takes_time:
            dots = sum(map(advance_dots, self._paper.printed[printed:])) if self._pace.mm_per_s else 0
            self._pace.spend(count, dots, self._clock())
        if lines:
            self._changed = True
            if len(self._paper.printed) >= LONGEST_PIECE:
                self._tear(was_cut=False)
            self._mechanics.use_paper(lines)
            if self._waiting_process_id and not self._paper.line_is_open:
                self._answer(self._waiting_process_id)
                self._waiting_process_id = None
        if isinstance(item, Command) and (action := _ACTIONS.get(item.name)):
            action(self, item.parameters)

    def _set_paper(self, state: Literal["ok", "near end", "out"]) -> None:
        self._mechanics.paper, self._mechanics.lines_left = state, None

    def _lose_power(self) -> None:
        """All that was received and not printed is gone, what it asked for, and every mode."""
        self._clear_buffers()
        self._real_time.clear()
        self._replies.clear()
        self._paper.reset()
        self._pace.free_at_s = 0.0
        self._pace.rest()
        self._has_sent_xoff = False
        self._asb_items, self._asb_sent = 0, b""
        self._offline_response = ""
        self._drawer_may_kick_in_real_time = True

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
            self._mechanics.drawer.pulse(parameters[0])

    # answers

    def _answer(self, reply: bytes | None) -> None:
        if reply is not None and self._is_plugged:
            self._replies.put(reply, self._clock())

    def _send_due(self) -> None:
        if out := self._replies.due(self._clock()):
            self._wires.send(out)

    def _control_flow(self) -> None:
        """XOFF when the buffer is nearly full, XON when there is room again, where the serial line is set up for that."""
        if not self._xonxoff or not self._is_plugged:
            return
        room = self._buffer_bytes - len(self._parser)
        if self._has_sent_xoff and (room >= XON_ROOM_BYTES or not len(self._parser)):
            self._has_sent_xoff = False
            self._wires.send_flow_control(b"\x11")
        elif not self._has_sent_xoff and room < XOFF_ROOM_BYTES:
            self._has_sent_xoff = True
            self._wires.send_flow_control(b"\x13")

    def _obey_at_once(self, command: Command) -> None:
        function = command.parameters[0]
        if command.name == "DLE EOT":
            self._answer(real_time_status(function, self._mechanics))
        elif command.name == "DLE ENQ":
            if function == 2 and not self._mechanics.is_online:
                self._clear_buffers()
            if function in (1, 2):
                self._mechanics.recover()
        elif function == 1 and self._drawer_may_kick_in_real_time:
            self._kick_drawer(command.parameters[1:])
        elif function == 8 and command.parameters[1:] == b"\x01\x03\x14\x01\x06\x02\x08":
            self._clear_buffers()

    def _clear_buffers(self) -> None:
        self._parser.clear()
        self._paper.abandon_line()
        self._waiting_process_id = None

    def _push_status(self) -> None:
        """GS a: all four bytes, whenever one of the chosen items changed."""
        status = automatic_status(self._mechanics)
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
        self._answer(sensor_status(parameters[0], self._mechanics))

    def _answer_paper_sensor(self, _: bytes) -> None:
        """ESC v, of older printers."""
        self._answer(sensor_status(1, self._mechanics))

    def _answer_drawer(self, _: bytes) -> None:
        """ESC u, of older printers."""
        self._answer(sensor_status(2, self._mechanics))

    def _buzz(self, _: bytes) -> None:
        self._buzzes += 1

    def _answer_identity(self, parameters: bytes) -> None:
        self._answer(identity(parameters[0], self._two_byte))

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
    "ESC v": SimulatedPrinter._answer_paper_sensor,
    "ESC u": SimulatedPrinter._answer_drawer,
    "ESC ( A": SimulatedPrinter._buzz,
    "ESC B": SimulatedPrinter._buzz,
    "BEL": SimulatedPrinter._buzz,
    "GS r": SimulatedPrinter._answer_sensor,
    "GS I": SimulatedPrinter._answer_identity,
    "GS ( H": SimulatedPrinter._response,
    "GS ( D": SimulatedPrinter._set_real_time,
}
