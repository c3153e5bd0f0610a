"""A receipt printer that exists only in software: the far end of the wire, with faults on command.

It takes ESC/POS over TCP, a pseudo-terminal or USB as a TM-T88 takes it: one client at a time, real-time commands at once,
all else in order. Out of paper, with the cover open or the cutter jammed it goes offline, keeps what it gets, and goes on where
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
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, Literal, overload

from drivers.simulated.electronics import KEPT_RECEIPTS, LONGEST_PIECE, Electronics, PrintedReceipt
from drivers.simulated.mechanics import Drawer, DrawerSensor, Mechanics, Pace
from drivers.simulated.paper import Paper
from drivers.simulated.status import port_status
from drivers.simulated.text import TwoByte
from drivers.simulated.wires import LONGEST_READ_BYTES, Attachment, End, Wires

__all__ = ["BUFFER_BYTES", "KEPT_RECEIPTS", "LONGEST_PIECE", "PACKET_BYTES", "PrintedReceipt", "SimulatedPrinter"]

BUFFER_BYTES: Final = 64 * 1024  # what it keeps while it cannot print; beyond that it stops reading
PACKET_BYTES: Final = 64  # of USB at full speed
XOFF_ROOM_BYTES: Final = 128  # with less room than this left it sends XOFF
XON_ROOM_BYTES: Final = 256  # and with so much again XON


class SimulatedPrinter:
    """Prints what clients send; `paper_out()` and the like are the hands of whoever stands at it.

    `lacks` are commands that it does not know, by the parser's names; it prints what stands in them, or ignores it.

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
        has_macros: bool = True,
        lacks: Collection[str] = (),
        prints_unknown: bool = True,
        buffer_bytes: int = BUFFER_BYTES,
        xonxoff: bool = False,
        drawer_sensor: DrawerSensor = "high when open",
        drawer_pin: Literal[2, 5] = 2,
        kept_receipts: int = KEPT_RECEIPTS,
        serial: str = "SIMULATED",
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.has_process_id = has_process_id
        self._dpi = dpi
        self._buffer_bytes = buffer_bytes
        self._xonxoff = xonxoff
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Condition()
        self._mechanics = Mechanics(drawer=Drawer(drawer_sensor, drawer_pin))
        self._inside = Electronics(
            Paper(width_dots, dpi=dpi, printer=code_pages, two_byte=two_byte),
            self._mechanics,
            clock,
            two_byte=two_byte,
            has_process_id=has_process_id,
            has_asb=has_asb,
            has_macros=has_macros,
            lacks=lacks,
            prints_unknown=prints_unknown,
            kept_receipts=kept_receipts,
            serial=serial,
        )
        self._is_stalled = False
        self._has_sent_xoff = False
        self._wires = Wires(self._lock, self._receive, lambda: self._room, self._inside.next_event_s, self.tick)

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

        while taken < len(data) and self._inside.has_power:
            with self._lock:
                wait_s = give_up - time.monotonic()
                if not self._lock.wait_for(lambda: self._room > 0 or not self._inside.has_power, wait_s):
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
        """What was cut off, oldest first: the last 200, or as many as `kept_receipts`."""
        with self._lock:
            return list(self._inside.receipts)

    @property
    def current(self) -> PrintedReceipt:
        """What is printed and not cut yet; nothing printed gives no lines."""
        with self._lock:
            return PrintedReceipt(
                self._inside.paper.width_dots, tuple(self._inside.paper.printed), False, self._clock()
            )

    @property
    def printed_total(self) -> int:
        """How many receipts were ever cut."""
        with self._lock:
            return self._inside.printed_total

    @property
    def drawer_kicks(self) -> int:
        with self._lock:
            return self._inside.drawer_kicks

    @property
    def buzzes(self) -> int:
        """How often its buzzer was told to sound."""
        with self._lock:
            return self._inside.buzzes

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
                "plugged": self._inside.has_power,
                "online": mechanics.is_online,
                "silent": self._inside.replies.is_silent,
                "garbage": self._inside.replies.are_garbled,
                "stalled": self._is_stalled,
                "connected": self._wires.has_client,
                "waiting_bytes": self._inside.waiting_bytes,
                "printed_total": self._inside.printed_total,
                "drawer_kicks": self._inside.drawer_kicks,
                "buzzes": self._inside.buzzes,
            }

    def wait_until(self, claim: Callable[[], bool], timeout_s: float = 20) -> bool:
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
            self._inside.pace = Pace(mm_per_s, bytes_per_s, self._dpi)

    # faults: what the client hears

    def silence(self, on: bool = True) -> None:
        """Takes bytes and prints, and answers nothing."""
        with self._change():
            self._inside.replies.is_silent = on

    def garbage_replies(self, on: bool = True) -> None:
        """Every bit of every answer is wrong."""
        with self._change():
            self._inside.replies.are_garbled = on

    def half_replies(self, on: bool = True) -> None:
        """A block ends before its NUL, an automatic status after two bytes; answers of one byte stay whole."""
        with self._change():
            self._inside.replies.are_halved = on

    def duplicate_replies(self, on: bool = True) -> None:
        """Every answer comes twice."""
        with self._change():
            self._inside.replies.are_doubled = on

    def delay_replies(self, seconds: float = 0.0) -> None:
        """Answers come so much later, in their order."""
        with self._change():
            self._inside.replies.delay_s = seconds

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
            self._inside.lose_power()
            self._has_sent_xoff = False
            self._mechanics.power_on()

    def unplug(self) -> None:
        """The power goes: connections drop, new ones are refused, what was not printed yet is lost."""
        with self._change():
            self._inside.has_power = False
            self._wires.drop()
            self._inside.lose_power()
            self._has_sent_xoff = False

    def plug(self) -> None:
        """The power is back, on the same port and path, in standard modes."""
        with self._change():
            self._wires.restore()
            self._mechanics.power_on()
            self._inside.has_power = True

    # what the wires bring

    def _receive(self, read: Callable[[], bytes]) -> None:
        """Reads and obeys under one lock, so that unplugging loses the whole of it or nothing."""
        with self._change():
            self._inside.receive(read())

    @property
    def _room(self) -> int:
        """How many bytes it takes in now. While it prints the buffer empties as fast as it fills, an image of any size."""
        if self._is_stalled or not self._inside.has_power:
            return 0
        if self._inside.is_printing:
            return LONGEST_READ_BYTES
        return min(max(self._buffer_bytes - self._inside.waiting_bytes, 0), LONGEST_READ_BYTES)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """Around every event: print what can be printed now, report the status where it changed, tell who waits."""
        with self._lock:
            before = self._visible()
            port = port_status(self._mechanics)
            yield
            self._inside.go_on()
            if port_status(self._mechanics) != port:
                self._wires.set_port_status(port_status(self._mechanics))
            if out := self._inside.replies.due(self._clock()):
                self._wires.send(out)
            self._control_flow()
            self._wires.wake()
            changed = self._inside.has_printed or self._visible() != before
            self._inside.has_printed = False
            self._lock.notify_all()
        if changed and self._on_change:
            self._on_change()

    def _visible(self) -> tuple[object, ...]:
        mechanics, replies = self._mechanics, self._inside.replies
        return (
            *(mechanics.paper, mechanics.cover_is_open, mechanics.cutter_is_jammed, mechanics.error),
            *(mechanics.feed_button_is_held, mechanics.drawer.is_open, self._inside.drawer_kicks, self._inside.buzzes),
            *(replies.is_silent, replies.are_garbled, self._is_stalled, self._inside.has_power, self._wires.has_client),
        )

    def _set_paper(self, state: Literal["ok", "near end", "out"]) -> None:
        self._mechanics.paper, self._mechanics.lines_left = state, None

    def _control_flow(self) -> None:
        """XOFF when the buffer is nearly full, XON when there is room again, where the serial line is set up for that."""
        if not self._xonxoff or not self._inside.has_power:
            return
        room = self._buffer_bytes - self._inside.waiting_bytes
        if self._has_sent_xoff and (room >= XON_ROOM_BYTES or not self._inside.waiting_bytes):
            self._has_sent_xoff = False
            self._wires.send_flow_control(b"\x11")
        elif not self._has_sent_xoff and room < XOFF_ROOM_BYTES:
            self._has_sent_xoff = True
            self._wires.send_flow_control(b"\x13")
