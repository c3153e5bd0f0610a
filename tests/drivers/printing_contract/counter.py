"""The rows of the contract of printing: every wire, and the counter at whose end a simulated printer stands."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from printing_contract.handed_on import HandedOnWire, through_a_file, through_a_queue
from printing_contract.meddling import Clock, MeddledWire
from printing_contract.paper import PROFILE, printed_by

from drivers.errors import DeviceAbsent, DeviceError
from drivers.printer import Outcome, Printer, Verdict
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.usb import SimulatedUsb
from drivers.wires import (
    FileWire,
    HostWire,
    LinePrinterWire,
    SerialWire,
    TcpWire,
    UsbWire,
    Wire,
    WriteBroken,
    WriteStalled,
)

TIMEOUT_S = 3.0


class AttachedWire:
    """The wire of a host's own object: bytes are handed over by calls, and nothing lies between."""

    name = "attached"
    answers, connects_per_job, resumes, hides_power_cuts = True, False, True, True

    def __init__(self, far: SimulatedPrinter) -> None:
        self._far = far
        self._end: Any = None

    @property
    def is_open(self) -> bool:
        return self._end is not None

    def open(self, timeout_s: float | None = None) -> None:
        if not self._far.state()["plugged"]:
            raise DeviceAbsent("It is not there.", hint="Plug it in.")
        self._end = self._far.attach()

    def write(self, data: bytes, timeout_s: float) -> None:
        taken = self._end.write(data)
        if taken < len(data):
            if not self._end.is_open:
                raise WriteBroken("It is gone.", sent=taken)
            raise WriteStalled("It takes no more.", sent=taken)

    def read(self, timeout_s: float) -> bytes:
        data: bytes = self._end.read()
        if not data and not self._end.is_open:
            raise DeviceAbsent("It is gone.")
        return data

    def trouble(self, timeout_s: float) -> str:
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        end, self._end = self._end, None
        if end is not None:
            end.close()


def on_serial(far: SimulatedPrinter) -> Wire:
    return SerialWire(far.serve_pty())


def on_line_printer(far: SimulatedPrinter) -> Wire:
    """A terminal in place of /dev/usb/lp0: both hand bytes to the system, and break off when they are pulled out.

    What only the kernel's own driver does is tried against that driver, in tests/kernel.
    """
    return LinePrinterWire(far.serve_pty())


def on_tcp(far: SimulatedPrinter) -> Wire:
    return TcpWire("127.0.0.1", far.serve_tcp())


def on_tcp_per_job(far: SimulatedPrinter) -> Wire:
    return TcpWire("127.0.0.1", far.serve_tcp(), connect_per_job=True)


def on_usb(far: SimulatedPrinter) -> Wire:
    bus = SimulatedUsb()
    bus.plug_in(far)
    return UsbWire(0x04B8, 0x0202, backend=bus)


def of_a_host(far: SimulatedPrinter) -> Wire:
    from escpos.printer import Network

    return HostWire(Network("127.0.0.1", far.serve_tcp(), timeout=1))


def on_a_device_that_only_takes(far: SimulatedPrinter) -> Wire:
    """A parallel port, say: whatever comes back, nobody reads it."""
    return FileWire(far.serve_pty())


WIRES: dict[str, Callable[[SimulatedPrinter], Wire]] = {
    "attached": AttachedWire,
    "tcp": on_tcp,
    "tcp per job": on_tcp_per_job,
    "usb": on_usb,
    "object of a host": of_a_host,
}
HANDED_ON: dict[str, Callable[[SimulatedPrinter, Clock, Path], HandedOnWire]] = {
    "queue that stops": lambda far, clock, _: through_a_queue(far, clock, stops=True),
    "queue that gives up": lambda far, clock, _: through_a_queue(far, clock, stops=False),
    "file": lambda far, _, folder: through_a_file(far, folder),
}
if sys.platform != "win32":
    WIRES["serial"] = on_serial
    WIRES["lp"] = on_line_printer
    WIRES["device that only takes"] = on_a_device_that_only_takes

SHOWING = ["usb", "lp"]  # the device goes with the printer's power: no cut is hidden there
ONE_WAY = [*HANDED_ON, *(name for name in WIRES if name == "device that only takes")]
ANSWERING = [name for name in WIRES if name not in ONE_WAY]
QUICK = {"attached"}  # what takes no time is tried more often


class Counter:
    """A printer with its paper, a meddled wire, and the driver."""

    def __init__(self, wire: str, *, echoes: bool = True, **far: Any) -> None:
        self.clock = Clock()
        self.far = SimulatedPrinter(has_process_id=echoes, clock=self.clock, kept_receipts=2000, **far)
        self.echoes = echoes
        self.is_quick = wire in QUICK
        self._folder = tempfile.TemporaryDirectory()
        self.wire: MeddledWire | HandedOnWire
        if wire in WIRES:
            self.wire = MeddledWire(WIRES[wire](self.far), self.clock, self.far)
        else:
            self.wire = HANDED_ON[wire](self.far, self.clock, Path(self._folder.name))
        self.answers = self.wire.answers
        # What this printer on this wire can say of a receipt: without macros no power cut shows but by the wire.
        can_prove = self.answers and (far.get("has_macros", True) or not self.wire.hides_power_cuts)
        self.best = Outcome.PRINTED if can_prove else Outcome.UNKNOWN
        self.printer = self.new_printer()

    def new_printer(self, **profile: Any) -> Printer:
        made = msgspec.structs.replace(PROFILE, **profile)
        self.printer = Printer(self.wire, made, self.clock, reply_timeout_s=0.8, settle_s=0.02, first_process_id=0)
        return self.printer

    def print(self, data: bytes) -> Verdict:
        began_s = self.clock()
        verdict = self.printer.print(data, timeout_s=TIMEOUT_S)
        assert self.clock() - began_s < TIMEOUT_S + 1.5, "no job lasts longer than its time-out"
        if not self.answers:
            self.wire.settle()
        return verdict

    def printed(self, since: int = 0) -> list[Any]:
        """All that is on paper, from the first receipt on, or behind the first `since` pieces; blank feeds left out."""
        return printed_by(self.far, since)

    def put_right(self) -> None:
        far = self.far
        far.load_paper()
        far.close_cover()
        far.clear_error()
        far.release_feed_button()
        far.silence(False)
        far.garbage_replies(False)
        far.half_replies(False)
        far.duplicate_replies(False)
        far.delay_replies(0)
        far.stall(False)
        far.slow_down()
        if not far.state()["plugged"]:
            far.plug()
        self.clock.skip(30)  # answers never overtake each other, so the late ones come first
        far.tick()
        self.wire.put_right()
        if not self.answers:
            self.wire.settle()

    def switch_off_and_on(self) -> None:
        """As the wire shows it: a network printer's connection breaks, a port goes away and comes back."""
        if "tcp" in self.wire.name:
            self.far.power_cycle()
        else:
            self.far.unplug()
            self.far.plug()

    def cut_power_unseen(self) -> None:
        """Once all that was written is with the printer; what is written from here on reaches it as well."""
        if isinstance(self.wire, MeddledWire):
            self.wire.reach()
        self.far.power_cycle(drops_connection=False)

    def look(self) -> list[int]:
        """What an idle spooler does, until nothing new comes of it."""
        proven: list[int] = []
        for _ in range(3 if self.answers else 0):
            try:
                self.printer.status(TIMEOUT_S)
                self.printer.hear()
            except DeviceError:
                pass
            proven += self.printer.proven()
        return proven

    def close(self) -> None:
        self.printer.close()
        self.wire.end()
        self.far.close()
        self._folder.cleanup()


# Which tests run where.

Row = tuple[str, bool]
"""A wire, and whether its printer echoes process ids; on a wire that does not answer that is nothing to ask."""

ANSWERING_ROWS: list[Row] = [(wire, echoes) for wire in ANSWERING for echoes in (True, False)]
ONE_WAY_ROWS: list[Row] = [(wire, True) for wire in ONE_WAY]
ROWS = ANSWERING_ROWS + ONE_WAY_ROWS
BYTES_ALONE = [row for row in ROWS if row[0] in ("attached", "serial")]  # where only what comes in matters, not how


def called(row: Row) -> str:
    wire, echoes = row
    return wire if wire in ONE_WAY else f"{wire}, {'echoes' if echoes else 'no echo'}"


def on(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("counter", rows, indirect=True, ids=called)


def each_on(names: list[str] | dict[str, Any], rows: list[Row], first: int = 0) -> pytest.MarkDecorator:
    """Each name on each wire where it can happen, with or without process ids in turn; where it takes no time, with both.

    In the fast run a wire that takes its time has every ninth of them, and every third in `make check`. Another
    `first` takes other turns.
    """
    cases = []
    for number, name in enumerate(names, first):
        for row in rows:
            wire, echoes = row
            if name.startswith("hidden") and wire in SHOWING:
                continue
            turn = number + [*ANSWERING, *ONE_WAY].index(wire)
            if not (wire in QUICK or wire in ONE_WAY or echoes == (turn % 2 == 0)):
                continue
            has_turn = echoes == (turn % 2 == 0)
            if wire in QUICK or (turn % 9 == 0 and has_turn):
                mark = ()
            else:
                mark = pytest.mark.slow if turn % 3 == 0 and has_turn else pytest.mark.long
            cases.append(pytest.param(row, name, marks=mark, id=f"{name}, {called(row)}"))
    return pytest.mark.parametrize(("counter", "name"), cases, indirect=["counter"])
