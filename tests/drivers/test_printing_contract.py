"""One contract for printing, on every wire, with and without process ids, under every fault that can be thought of.

The verdict is never wrong: printed means exactly once and whole on paper, not printed means nothing on paper, ever. At most it
is unknown. No receipt is lost: in the end each is printed, or was unknown and is printed again as a COPY. Nothing of a job
that was cut off is glued to the next one. A wire is one row of `WIRES`, a fault one row of `FAULTS` or `LIES`.

The far end is the simulated printer, and time is a clock that only waiting moves: a silence of ten seconds takes a moment.
"""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from far_ends import PrintServer

from drivers.document import Barcode, Cut, Document, Feed, Qr, Text
from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.escpos import Profile, encode
from drivers.printer import Outcome, Printer, Verdict
from drivers.simulated.pieces import Feed as Blank
from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.usb import SimulatedUsb
from drivers.wires import FileWire, HostWire, SerialWire, TcpWire, UsbWire, Wire, WriteBroken, WriteStalled

# python-escpos leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

PROFILE = Profile("test", 42, {})
FIRST_LINE = "The shop in the high street"
RECEIPT = Document(
    42,
    (
        Text(FIRST_LINE, bold=True, double=False, align="center"),
        *(Text(f"Line {number} of the receipt") for number in range(1, 7)),
        Qr("https://shop.example/26GHGT-17-6"),
        Text("TOTAL EUR 27.99", bold=True),
        Barcode("26GHGT-17-6"),
        Feed(1),
        Cut(),
    ),
)
ORIGINAL, COPY = encode(RECEIPT, PROFILE), encode(RECEIPT, PROFILE, copy=True)
WARM_UP = encode(Document(42, (Text("Something before"), Cut())), PROFILE)
TIMEOUT_S = 3.0
SEED = 7


class Clock:
    """Moves when somebody waits in vain, and never by itself: how busy the computer is decides nothing."""

    def __init__(self) -> None:
        self._now_s = 1000.0

    def __call__(self) -> float:
        return self._now_s

    def skip(self, seconds: float) -> None:
        self._now_s += seconds


class AttachedWire:
    """The wire of a host's own object: bytes are handed over by calls, and nothing lies between."""

    name = "attached"
    answers, connects_per_job, resumes = True, False, True

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


WIRES: dict[str, Callable[[SimulatedPrinter], Wire]] = {
    "attached": AttachedWire,
    "tcp": on_tcp,
    "tcp per job": on_tcp_per_job,
    "usb": on_usb,
    "object of a host": of_a_host,
}
if sys.platform != "win32":
    WIRES["serial"] = on_serial
TOLD = b"\x1da\x0f"  # goes into each job behind its ESC @
BYTES_ALONE = [name for name in ("attached", "serial") if name in WIRES]  # where only what comes in matters, not how
QUICK = {"attached"}  # what takes no time is tried more often


class Traffic:
    """What is on its way between the two ends, so that waiting for what will never come takes no time.

    It is counted, byte by byte, and what a broken connection lost is given up after a while in which nothing moved. So what
    is still under way is never taken for silence, however busy the computer is.
    """

    GIVE_UP_S = 0.5

    def __init__(self, far: SimulatedPrinter) -> None:
        self._far = far
        self._written = self._taken = self._said = self._heard = 0
        wires: Any = far._wires
        receive, send, drop, restore = wires._receive, wires.send, wires.drop, wires.restore

        def counted(read: Callable[[], bytes]) -> None:
            def take() -> bytes:
                data = read()
                self._taken += len(data)
                return data

            receive(take)

        def said(reply: bytes) -> None:
            self._said += len(reply)
            send(reply)

        def after(act: Callable[[], None]) -> Callable[[], None]:
            return lambda: (act(), self.forget())[1]  # no power: what was under way is nowhere

        wires._receive, wires.send, wires.drop, wires.restore = counted, said, after(drop), after(restore)
        far._receive = counted  # type: ignore[method-assign]

    @property
    def takes_none(self) -> bool:
        state = self._far.state()
        return state["stalled"] or not state["plugged"]

    def is_over(self) -> bool:
        with self._far._lock:
            return (self._taken >= self._written or self.takes_none) and self._heard >= self._said

    def write(self, count: int) -> None:
        with self._far._lock:
            self._written += count

    def hear(self, count: int) -> None:
        with self._far._lock:
            self._heard += count

    def arrive(self) -> None:
        """Waits until all that was written is taken, before the connection ends: a port may keep what was still under way.

        A network printer reads a connection to its end before it drops it. A port that was flushed shows nothing of that.
        """
        wires: Any = self._far._wires
        if not self.takes_none:
            self._far.wait_until(
                lambda: self._taken >= self._written or (wires._address is not None and not wires.has_client),
                self.GIVE_UP_S,
            )
            self.forget()

    def begin(self) -> None:
        self.arrive()
        self._heard = self._said

    def forget(self) -> None:
        with self._far._lock:
            self._written, self._heard = self._taken, self._said


class MeddledWire:
    """A real wire on which something happens at one byte of the receipt, and whose answers somebody meddles with."""

    def __init__(self, real: Wire, clock: Clock, far: SimulatedPrinter) -> None:
        self._real, self._clock, self._far = real, clock, far
        self._traffic = Traffic(far)
        self.name = real.name
        self.answers, self.connects_per_job, self.resumes = real.answers, real.connects_per_job, real.resumes
        self.at = -1  # of the receipt's bytes; behind its end: once it is out
        self.act: Callable[[], object] = lambda: None
        self.meddle: Callable[[bytes], bytes] = lambda data: data
        self.receipts_sent = 0

    @property
    def is_open(self) -> bool:
        return self._real.is_open

    def open(self, timeout_s: float | None = None) -> None:
        self._traffic.begin()
        if self._far.state()["plugged"]:
            self._real.open(timeout_s)
            return
        try:
            self._real.open(0.01)  # there is nobody to wait for
        except DeviceError:
            self._clock.skip(timeout_s or 0.0)
            raise

    def _write(self, data: bytes, timeout_s: float) -> None:
        """A printer that takes its time gets it at once, and one that takes nothing does not keep us waiting either."""
        self._traffic.write(len(data))
        is_done = threading.Event()

        def let_time_pass() -> None:
            while not is_done.wait(0.01):
                self._clock.skip(0.1)
                self._far.tick()

        passing = threading.Thread(target=let_time_pass)
        if not self._far._inside.is_printing and not self._traffic.takes_none:
            passing.start()
        try:
            self._real.write(data, min(timeout_s, 0.05) if self._traffic.takes_none else timeout_s)
        except (WriteBroken, WriteStalled) as error:
            self._traffic.write(error.sent - len(data))
            if isinstance(error, WriteStalled):
                self._clock.skip(timeout_s)
                self._far.tick()
            raise
        finally:
            is_done.set()
            if passing.ident is not None:
                passing.join()

    def write(self, data: bytes, timeout_s: float) -> None:
        if FIRST_LINE.encode() not in data:
            self._write(data, timeout_s)
            return
        self.receipts_sent += 1
        at, self.at = self.at, -1
        if at < 0:
            self._write(data, timeout_s)
            return
        self._write(data[:at], timeout_s)
        self.act()
        try:
            if data[at:]:
                self._write(data[at:], timeout_s)
        except (WriteBroken, WriteStalled) as error:
            error.sent += min(at, len(data))
            raise

    def read(self, timeout_s: float) -> bytes:
        data = self.meddle(self._heard(waits=timeout_s > 0))
        waited_s = 0.0
        while not data and waited_s < timeout_s:
            step_s = min(0.2, timeout_s - waited_s)
            self._clock.skip(step_s)
            waited_s += step_s
            self._far.tick()
            data = self.meddle(self._heard(waits=True))
        return data

    def _heard(self, *, waits: bool) -> bytes:
        """What the real wire brings, as soon as it does or nothing more is on its way."""
        give_up = time.monotonic() + Traffic.GIVE_UP_S
        while True:
            is_over = self._traffic.is_over() or not waits
            data = self._real.read(0.0 if is_over else 0.005)
            self._traffic.hear(len(data))
            if data or is_over:
                return data
            if time.monotonic() >= give_up:
                self._traffic.forget()

    def trouble(self, timeout_s: float) -> str:
        return self._real.trouble(timeout_s)

    def close(self, drain_s: float = 0.0) -> None:
        if self._real.is_open:
            self._traffic.arrive()
        self._real.close()


class Counter:
    """A printer with its paper, a meddled wire, and the driver, one receipt further than new."""

    def __init__(self, wire: str, *, echoes: bool, **far: Any) -> None:
        self.clock = Clock()
        self.far = SimulatedPrinter(has_process_id=echoes, clock=self.clock, kept_receipts=2000, **far)
        self.echoes = echoes
        self.is_quick = wire in QUICK
        self.wire = MeddledWire(WIRES[wire](self.far), self.clock, self.far)
        self.printer = self.new_printer()

    def new_printer(self, **profile: Any) -> Printer:
        made = msgspec.structs.replace(PROFILE, **profile)
        self.printer = Printer(self.wire, made, self.clock, reply_timeout_s=0.8, settle_s=0.02, first_process_id=0)
        return self.printer

    def print(self, data: bytes) -> Verdict:
        began_s = self.clock()
        verdict = self.printer.print(data, timeout_s=TIMEOUT_S)
        assert self.clock() - began_s < TIMEOUT_S + 1.5, "no job lasts longer than its time-out"
        return verdict

    def printed(self) -> list[Any]:
        """All that is on paper, from the first receipt on; blank feeds left out."""
        pieces = [*self.far.receipts, self.far.current]
        return [item for piece in pieces for item in piece.printed if not isinstance(item, Blank)]

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
        self.wire.act, self.wire.meddle = (lambda: None), (lambda data: data)
        self.wire.at = -1

    def switch_off_and_on(self) -> None:
        """As the wire shows it: a network printer's connection breaks, a port goes away and comes back."""
        if "tcp" in self.wire.name:
            self.far.power_cycle()
        else:
            self.far.unplug()
            self.far.plug()

    def look(self) -> list[int]:
        """What an idle spooler does, until nothing new comes of it."""
        proven: list[int] = []
        for _ in range(3):
            try:
                self.printer.status(TIMEOUT_S)
                self.printer.hear()
            except DeviceError:
                pass
            proven += self.printer.proven()
        return proven

    def close(self) -> None:
        self.printer.close()
        self.far.close()


def on_a_healthy_printer(data: bytes) -> list[Any]:
    counter = Counter("attached", echoes=True)
    assert counter.print(data).outcome is Outcome.PRINTED
    items = counter.printed()
    counter.close()
    return items


WHOLE, WHOLE_COPY = on_a_healthy_printer(ORIGINAL), on_a_healthy_printer(COPY)


def times_on_paper(paper: list[Any], whole: list[Any]) -> int:
    return sum(paper[start : start + len(whole)] == whole for start in range(len(paper)))


def assert_true(verdict: Verdict, paper: list[Any]) -> None:
    """`paper`: what came out since the receipt was asked for."""
    of_it = sum(item in WHOLE for item in paper)
    match verdict.outcome:
        case Outcome.PRINTED:
            assert times_on_paper(paper, WHOLE) == 1
        case Outcome.NOT_PRINTED:
            assert of_it == 0
            assert verdict.reason.endswith("Nothing was printed.")
        case Outcome.UNKNOWN:
            assert "Look at the paper" in verdict.reason
    assert verdict.code or verdict.outcome is Outcome.PRINTED
    assert of_it <= len(WHOLE), "nothing is sent twice"


def keep_the_contract(counter: Counter) -> Verdict:
    """Prints one receipt while whatever was prepared happens, and then sees to it as a till and its cashier would."""
    before = len(counter.printed())

    def paper() -> list[Any]:
        return counter.printed()[before:]

    verdict = counter.print(ORIGINAL)
    assert_true(verdict, paper())
    counter.put_right()
    proven = counter.look()
    if verdict.doubt and verdict.doubt in proven:
        verdict = Verdict(Outcome.PRINTED)
    assert_true(verdict, paper())
    if verdict.outcome is Outcome.UNKNOWN:
        counter.printer.drop()  # the cashier prints it again
    wanted, whole = (COPY, WHOLE_COPY) if verdict.outcome is Outcome.UNKNOWN else (ORIGINAL, WHOLE)
    if verdict.outcome is not Outcome.PRINTED:
        for _ in range(12):  # the spooler tries for as long as it takes
            printed_before = times_on_paper(paper(), whole)
            again = counter.print(wanted)
            if again.outcome is Outcome.PRINTED:
                break
            if (
                again.outcome is Outcome.UNKNOWN
            ):  # answers to others may come late and silence this: once more, as a COPY
                counter.look()
                counter.printer.drop()
                wanted, whole = COPY, WHOLE_COPY
        assert again.outcome is Outcome.PRINTED, again
        assert times_on_paper(paper(), whole) == printed_before + 1, "whole, in its own style, nothing glued to it"
        assert paper()[-len(whole) :] == whole
    first_copy = next((at for at, item in enumerate(paper()) if item == WHOLE_COPY[0]), None)
    originals = paper()[:first_copy]
    assert sum(item in WHOLE for item in originals) <= len(WHOLE), "only a COPY comes out a second time"
    return verdict


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


PRINTERS = [(wire, echoes) for wire in WIRES for echoes in (True, False)]


def called(printer: tuple[str, bool]) -> str:
    wire, echoes = printer
    return f"{wire}, {'echoes' if echoes else 'no echo'}"


def on_bytes_alone() -> pytest.MarkDecorator:
    printers = [one for one in PRINTERS if one[0] in BYTES_ALONE]
    return pytest.mark.parametrize("counter", printers, indirect=True, ids=called)


@pytest.fixture(params=PRINTERS, ids=called)
def counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    wire, echoes = request.param
    counter = Counter(wire, echoes=echoes)
    assert counter.print(WARM_UP).outcome is Outcome.PRINTED
    yield counter
    counter.close()


# What happens to the printer. None of these lies.

Fault = Callable[[Counter], object]
FAULTS: dict[str, Fault] = {
    "nothing": lambda c: None,
    "unplugged": lambda c: c.far.unplug(),
    "unplugged and plugged in": lambda c: (c.far.unplug(), c.far.plug()),
    "connection reset": lambda c: c.far.reset_connection(),
    "off and on": lambda c: c.switch_off_and_on(),
    "paper out": lambda c: c.far.paper_out(),
    "paper near end": lambda c: c.far.paper_near_end(),
    "cover opened": lambda c: c.far.open_cover(),
    "cover opened and closed": lambda c: (c.far.open_cover(), c.far.close_cover()),
    "cutter jammed": lambda c: c.far.cutter_jam(),
    "recoverable error": lambda c: c.far.recoverable_error(),
    "hot head": lambda c: c.far.overheat(),
    "unrecoverable error": lambda c: c.far.unrecoverable_error(),
    "feed button held": lambda c: c.far.hold_feed_button(),
    "silent": lambda c: c.far.silence(),
    "garbage": lambda c: c.far.garbage_replies(),
    "half replies": lambda c: c.far.half_replies(),
    "double replies": lambda c: c.far.duplicate_replies(),
    "late replies": lambda c: c.far.delay_replies(0.1),
    "very late replies": lambda c: c.far.delay_replies(20),
    "stalled": lambda c: c.far.stall(),
    "slow": lambda c: c.far.slow_down(bytes_per_s=400),
    "too slow": lambda c: c.far.slow_down(bytes_per_s=20),
    "paper out, and a new roll": lambda c: (c.far.paper_out(), c.far.load_paper()),
    "no paper and power gone": lambda c: (c.far.paper_out(), c.switch_off_and_on()),
}


def every_fault_on_every_wire() -> pytest.MarkDecorator:
    """In the fast run a wire that takes its time has each fault with or without process ids, and not both."""
    cases = []
    for number, name in enumerate(FAULTS):
        for printer in PRINTERS:
            wire, echoes = printer
            is_fast = wire in QUICK or echoes == ((number + list(WIRES).index(wire)) % 2 == 0)
            marks = () if is_fast else pytest.mark.slow
            cases.append(pytest.param(printer, name, marks=marks, id=f"{name}, {called(printer)}"))
    return pytest.mark.parametrize(("counter", "name"), cases, indirect=["counter"])


def size_of_job() -> int:
    return len(ORIGINAL) + 16


def some_bytes(name: str, count: int) -> list[int]:
    """The first, the last, behind the last, and some between, the same in every run."""
    draw = random.Random(f"{SEED} {name}")
    return sorted({10_000, *(draw.randrange(size_of_job()) for _ in range(count))})


@every_fault_on_every_wire()
def test_a_fault_at_any_byte_of_a_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    for at in [0, 1, size_of_job() - 3, *some_bytes(name, 6)] if counter.is_quick else some_bytes(name, 1):
        counter.wire.at, counter.wire.act = at, lambda: FAULTS[name](counter)
        keep_the_contract(counter)


@every_fault_on_every_wire()
def test_a_fault_before_a_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    counter.clock.skip(10)  # what it said with the receipt before is not believed any more
    FAULTS[name](counter)
    verdict = keep_the_contract(counter)
    if name in ("unplugged", "paper out", "cover opened", "unrecoverable error", "silent", "garbage", "stalled"):
        assert verdict.outcome is Outcome.NOT_PRINTED
    if name in ("nothing", "paper near end", "paper out, and a new roll", "off and on", "late replies"):
        assert verdict.outcome is Outcome.PRINTED


@every_fault_on_every_wire()
def test_a_fault_a_moment_after_the_last_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    """The printer is believed to be as it just was, and is not asked again."""
    FAULTS[name](counter)
    keep_the_contract(counter)


@pytest.mark.slow
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_every_byte_of_a_receipt(name: str, echoes: bool) -> None:
    counter = Counter("attached", echoes=echoes)
    counter.print(WARM_UP)
    for at in range(size_of_job() + 1):
        counter.wire.at, counter.wire.act = at, lambda: FAULTS[name](counter)
        keep_the_contract(counter)
    counter.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counter", "seed"),
    [(one, seed) for one in PRINTERS for seed in range(40 if one[0] in QUICK else 4)],
    indirect=["counter"],
    ids=lambda value: str(value) if isinstance(value, int) else called(value),
)
def test_a_day_of_faults_in_any_order(counter: Counter, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(25):
        names = draw.sample(sorted(FAULTS), draw.choice((1, 1, 2)))
        counter.wire.at = draw.randrange(-1, size_of_job() + 10)
        counter.wire.act = lambda names=names: [FAULTS[name](counter) for name in names]  # type: ignore[misc]
        if draw.random() < 0.3:
            lie = LIES[draw.choice(sorted(LIES))](counter)
            counter.wire.meddle = lie if counter.echoes else counter.wire.meddle
        keep_the_contract(counter)


def test_the_paper_may_end_at_any_line(counter: Counter) -> None:
    for lines in range(len(WHOLE) + 2) if counter.is_quick else (0, 4, len(WHOLE)):
        counter.far.paper_out(after_lines=lines)
        counter.clock.skip(10)
        verdict = keep_the_contract(counter)
        # With a new roll the printer prints the rest and says so, or it refused at once.
        assert verdict.outcome is (Outcome.PRINTED if lines else Outcome.NOT_PRINTED)


@pytest.mark.parametrize("lines", range(1, len(WHOLE) + 1, 2))
@pytest.mark.parametrize(
    "stop", [SimulatedPrinter.open_cover, SimulatedPrinter.cutter_jam, SimulatedPrinter.recoverable_error]
)
@pytest.mark.parametrize("echoes", [True, False])
def test_it_may_stop_at_any_line(stop: Callable[[SimulatedPrinter], None], lines: int, echoes: bool) -> None:
    counter = Counter("attached", echoes=echoes)
    counter.print(WARM_UP)
    counter.far.slow_down(bytes_per_s=1000)

    def watch() -> None:
        if len(counter.far.current.lines) >= lines:
            counter.far._on_change = None
            stop(counter.far)
            counter.far.slow_down()

    counter.far._on_change = watch
    assert keep_the_contract(counter).outcome is Outcome.PRINTED  # later, by itself
    counter.close()


# What comes in on the wire is not what the printer said, or not when it said it.


def cut_after(count: int) -> Callable[[bytes], bytes]:
    left = [count]

    def meddle(data: bytes) -> bytes:
        data = data[: left[0]]
        left[0] -= len(data)
        return data

    return meddle


def before_each(noise: bytes) -> Callable[[bytes], bytes]:
    return lambda data: noise + data if data else b""


def once(noise: bytes) -> Callable[[bytes], bytes]:
    left = [noise]
    return lambda data: left.pop() + data if left else data


Lie = Callable[[Counter], Callable[[bytes], bytes]]
LIES: dict[str, Lie] = {
    "another id": lambda c: lambda data: data.replace(b'7"', b'7"zz'),
    "an id that begins alike": lambda c: lambda data: data[:-2] + b"~\x00" if data.endswith(b"\x00") else data,
    "the id of the job before": lambda c: once(
        b'7"' + bytes([0x20 + c.printer._talk._process_number, 32, 32, 32]) + b"\x00"
    ),
    "an id cut before its NUL": lambda c: lambda data: data.replace(b"\x00", b"") if b'7"' in data else data,
    "an automatic status cut after two bytes": lambda c: before_each(b"\x10\x08"),
    "automatic statuses by the hundred": lambda c: before_each(bytes.fromhex("1000000f 1000030f") * 100),
    "automatic statuses of an empty roll": lambda c: before_each(bytes.fromhex("18000c0f")),
    "a paper sensor's answer nobody asked for": lambda c: before_each(b"\x00") if c.echoes else once(b""),
    "XOFF, and never XON": lambda c: once(b"\x13"),
    "XOFF and XON": lambda c: before_each(b"\x13\x11"),
    "bytes that mean nothing": lambda c: before_each(bytes(range(0x80, 0x90))),
    "texts of GS I": lambda c: before_each(b"_EPSON\x00_TM-T88V\x00"),
    "an endless block": lambda c: once(b"_" + b"a" * 5000),
    "went offline, said GS ( H fn 49": lambda c: before_each(b"7#@\x00"),
    **{f"silent after {count} bytes": (lambda c, count=count: cut_after(count)) for count in range(24)},  # type: ignore[misc]
}


@on_bytes_alone()
@pytest.mark.parametrize("name", LIES)
def test_whatever_comes_in_the_verdict_is_not_wrong(counter: Counter, name: str) -> None:
    if not counter.is_quick and name.startswith("silent") and name != "silent after 5 bytes":
        return  # the quick wire has said all there is to say about these
    for fault in ("nothing", "paper out", "unplugged") if counter.is_quick else ("paper out",):
        for at in (0, size_of_job() // 2, 10_000) if counter.is_quick else (size_of_job() // 2,):
            meddle = LIES[name](counter)

            def act(meddle: Callable[[bytes], bytes] = meddle, fault: str = fault) -> None:
                counter.wire.meddle = meddle
                FAULTS[fault](counter)

            counter.wire.at, counter.wire.act = at, act
            keep_the_contract(counter)


def test_noise_of_any_kind_proves_nothing_to_a_printer_with_process_ids(wire: str) -> None:
    counter = Counter(wire, echoes=True)
    counter.print(WARM_UP)
    draw = random.Random(SEED)
    for _ in range(20 if wire in QUICK else 4):
        counter.wire.at = draw.randrange(size_of_job())
        counter.wire.act = lambda: (
            counter.far.paper_out(),
            setattr(counter.wire, "meddle", before_each(draw.randbytes(40))),
        )
        keep_the_contract(counter)
    counter.close()


# A command that was cut off before its length is whole.

BLIND = {"has_asb": False, "has_real_time_status": False}
SIZED = {
    "GS ( k": bytes.fromhex("1d286b 0400 31413200"),
    "GS ( L": bytes.fromhex("1d284c 0b00 3070300101310800010055"),
    "GS 8 L": bytes.fromhex("1d384c 0b000000 3070300101310800010055"),
    "GS v 0": bytes.fromhex("1d7630 00 02000100 5555"),
    "GS k, with its length": bytes.fromhex("1d6b49 04 7b423132"),
    "GS k, up to a NUL": bytes.fromhex("1d6b04 3132 00"),
    "ESC *": bytes.fromhex("1b2a21 0100 555555"),
    "GS *": bytes.fromhex("1d2a 0101 5555555555555555"),
    "ESC D": bytes.fromhex("1b44 0810 00"),
    "FS q, several": bytes.fromhex("1c71 02 01000100 5555555555555555 01000100 5555555555555555"),
    "no command at all": bytes.fromhex("1d28 6e 0300 000000"),
}


@pytest.mark.parametrize("echoes", [True, False], ids=["echoes", "no-echo"])
@pytest.mark.parametrize(
    "lacks",
    [{}, {"has_asb": False}, {"has_real_time_status": False}, BLIND],
    ids=["all", "no ASB", "no DLE EOT", "neither"],
)
@pytest.mark.parametrize("command", SIZED)
def test_no_question_becomes_the_length_of_a_command_that_was_cut_off(
    command: str, lacks: dict[str, bool], echoes: bool
) -> None:
    start = encode(Document(42, (Text(FIRST_LINE),)), PROFILE)
    data = start + SIZED[command]
    for at in range(len(start), len(data) + 1):
        counter = Counter("attached", echoes=echoes)
        counter.new_printer(has_process_id=echoes, **lacks)
        counter.print(WARM_UP)
        counter.wire.at, counter.wire.act = at + len(TOLD) * lacks.get("has_asb", True), counter.far.stall
        assert counter.print(data).outcome is not Outcome.PRINTED
        counter.put_right()
        counter.look()
        verdict = counter.print(COPY)
        assert counter.printed()[-len(WHOLE_COPY) :] == WHOLE_COPY, f"cut off after {at - len(start)} bytes"
        expected = (Outcome.PRINTED, "") if echoes or lacks != BLIND else (Outcome.UNKNOWN, "unconfirmed")
        assert (verdict.outcome, verdict.code) == expected, f"cut off after {at - len(start)} bytes"
        counter.close()


def test_to_drop_the_rest_of_a_receipt_puts_nothing_into_the_length_where_it_was_cut_off() -> None:
    """On a printer that obeys neither DLE ENQ 2 nor DLE DC4 8 while its cover is open."""
    counter = Counter("attached", echoes=True, buffer_bytes=8192)
    counter.print(WARM_UP)
    counter.far._inside._clear_buffers = lambda: None  # type: ignore[method-assign]
    start = encode(Document(42, (Text(FIRST_LINE),)), PROFILE)
    filling = b"x\n" * 4096
    data = (start + filling)[: 4096 - len(TOLD) - 3] + SIZED["GS 8 L"] + filling
    counter.far.paper_out(after_lines=3)
    verdict = counter.print(data)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "paper_out")
    counter.printer.drop()
    counter.put_right()
    assert counter.print(COPY) == Verdict(Outcome.PRINTED)
    assert counter.printed()[-len(WHOLE_COPY) :] == WHOLE_COPY
    counter.close()


# What a printer cannot do, and who else is there.


@on_bytes_alone()
@pytest.mark.parametrize("name", ["nothing", "paper out", "cover opened", "unplugged", "silent", "cutter jammed"])
@pytest.mark.parametrize(
    "lacks",
    [{"has_asb": False}, {"has_real_time_status": False}, {"has_asb": False, "has_real_time_status": False}],
    ids=["no ASB", "no DLE EOT", "neither"],
)
def test_a_printer_that_some_question_upsets_never_gets_it(
    counter: Counter, lacks: dict[str, bool], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.new_printer(has_process_id=counter.echoes, **lacks)
    sent: list[bytes] = []
    write = counter.wire.write
    monkeypatch.setattr(counter.wire, "write", lambda data, timeout_s: (sent.append(data), write(data, timeout_s)))
    if counter.echoes or lacks != {"has_asb": False, "has_real_time_status": False}:
        counter.print(WARM_UP)
    for at in (0, size_of_job() // 2, 10_000) if counter.is_quick else (size_of_job() // 2,):
        counter.wire.at, counter.wire.act = at, lambda: FAULTS[name](counter)
        before = len(counter.printed())
        verdict = counter.print(ORIGINAL)
        assert_true(verdict, counter.printed()[before:])
        counter.put_right()
        counter.look()
    assert lacks.get("has_asb", True) or b"\x1da" not in b"".join(sent).replace(ORIGINAL, b"")
    assert lacks.get("has_real_time_status", True) or b"\x10\x04" not in b"".join(sent).replace(ORIGINAL, b"")


def test_a_second_program_at_the_network_printer_gets_in_the_way_and_no_verdict_is_wrong() -> None:
    counter = Counter("tcp", echoes=True)
    with socket.create_connection(("127.0.0.1", int(counter.wire.name.rpartition(":")[2]))):
        assert counter.far.wait_until(lambda: counter.far.state()["connected"])
        verdict = counter.printer.print(ORIGINAL, timeout_s=0.5)
        assert verdict.outcome is Outcome.NOT_PRINTED
        assert counter.printed() == []
    assert keep_the_contract(counter).outcome is Outcome.PRINTED
    counter.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_second_program_at_the_serial_port_gets_in_the_way_and_no_verdict_is_wrong() -> None:
    counter = Counter("serial", echoes=True)
    other = SerialWire(counter.wire._real._path)  # type: ignore[attr-defined]
    other.open()
    verdict = counter.print(ORIGINAL)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "busy")
    other.close()
    assert keep_the_contract(counter).outcome is Outcome.PRINTED
    counter.close()


@pytest.mark.parametrize("bytes_per_s", [300, 1000])
def test_a_long_receipt_may_drain_slowly_as_long_as_it_drains(counter: Counter, bytes_per_s: int) -> None:
    long = encode(Document(42, (*(Text(f"{n} " + "long " * 6) for n in range(300)), Cut())), PROFILE)
    counter.far.slow_down(bytes_per_s=bytes_per_s)
    verdict = counter.printer.print(long, timeout_s=len(long) / bytes_per_s + 10)
    assert verdict.outcome is Outcome.PRINTED
    assert len(counter.far.receipts[-1].lines) == 300


def test_no_paper_in_a_long_receipt_is_told_while_it_drains_and_the_rest_goes_out_later() -> None:
    counter = Counter("attached", echoes=True, buffer_bytes=1024)
    counter.print(WARM_UP)
    long = encode(Document(42, (*(Text(f"{n} " + "long " * 6) for n in range(300)), Cut())), PROFILE)
    counter.far.paper_out(after_lines=100)
    began_s = counter.clock()
    verdict = counter.printer.print(long, timeout_s=60)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "paper_out")
    assert counter.clock() - began_s < 5
    assert counter.printer.keeps(verdict.doubt)
    assert counter.print(ORIGINAL).code == "paper_out"
    counter.far.load_paper()
    assert counter.look() == [verdict.doubt]
    assert len(counter.far.receipts[-1].lines) == 300
    counter.close()


def test_many_receipts_in_a_row_come_out_in_order(counter: Counter) -> None:
    for number in range(30):
        data = encode(Document(42, (Text(f"Receipt {number}"), Cut())), PROFILE)
        assert counter.print(data) == Verdict(Outcome.PRINTED)
    assert [receipt.lines[0] for receipt in counter.far.receipts[1:]] == [f"Receipt {number}" for number in range(30)]


def test_a_power_cut_that_a_print_server_hides_proves_nothing_once_the_printer_had_stopped(counter: Counter) -> None:
    """The connection stays, and the end of the job, which the server had kept, reaches a printer that has forgotten the rest."""
    counter.far.paper_out(after_lines=3)
    verdict = counter.print(ORIGINAL)
    assert verdict.outcome is Outcome.UNKNOWN
    counter.far.power_cycle(drops_connection=False)
    counter.far.load_paper()
    if counter.wire.is_open:
        tail = (
            ORIGINAL[-30:]
            + b"\x1d(H\x06\x0000"
            + bytes([0x20 + counter.printer._talk._process_number, 32, 32, 32])
            + b"\x1dr\x01"
        )
        counter.wire.write(tail, 1)
    assert counter.look() == []


def test_a_busy_or_absent_device_says_which(wire: str) -> None:
    counter = Counter(wire, echoes=True)
    for error, code in ((DeviceBusy("Busy.", hint="Wait."), "busy"), (DeviceAbsent("Gone.", hint="Plug."), "absent")):

        def refuse(timeout_s: float | None = None, error: DeviceError = error) -> None:
            raise error

        opened, counter.wire.open = counter.wire.open, refuse  # type: ignore[method-assign]
        verdict = counter.print(ORIGINAL)
        assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, code)
        counter.wire.open = opened  # type: ignore[method-assign]
    counter.close()


def test_a_wire_that_never_answers_takes_each_receipt_once_and_says_that_nobody_knows(tmp_path: Path) -> None:
    taken = tmp_path / "printer"
    printer = Printer(FileWire(str(taken)), PROFILE)
    for times in (1, 2):
        verdict = printer.print(ORIGINAL, timeout_s=TIMEOUT_S)
        assert (verdict.outcome, verdict.code, verdict.doubt) == (Outcome.UNKNOWN, "silent", 0)
        assert taken.read_bytes().count(ORIGINAL) == times
    printer.close()
    with SimulatedPrinter() as far:
        far.attach().write(taken.read_bytes())
        assert [len([line for line in one.lines if FIRST_LINE in line]) for one in far.receipts] == [1, 1]
    missing = Printer(FileWire(str(tmp_path / "none" / "printer")), PROFILE)
    assert missing.print(ORIGINAL, timeout_s=TIMEOUT_S).outcome is Outcome.NOT_PRINTED


# A queue of a print server. What it hands on is on paper; it never says so, and may refuse.


def queue_does(**ways: object) -> Callable[[PrintServer], None]:
    def act(server: PrintServer) -> None:
        for name, value in ways.items():
            setattr(server, name, value)

    return act


QUEUE_FAULTS: dict[str, tuple[Callable[[PrintServer], object], Outcome]] = {
    "nothing": (queue_does(), Outcome.UNKNOWN),
    "it takes no jobs": (queue_does(is_accepting=False), Outcome.NOT_PRINTED),
    "it is stopped": (queue_does(printer_state=5), Outcome.NOT_PRINTED),
    "it refuses the job": (queue_does(job_status=0x0402), Outcome.NOT_PRINTED),
    "it gives the job up before it began": (queue_does(job_states=[3, 8], began=False), Outcome.NOT_PRINTED),
    "it gives the job up in the middle": (queue_does(job_states=[5, 8]), Outcome.UNKNOWN),
    "somebody cancels the job": (queue_does(job_states=[5, 7]), Outcome.UNKNOWN),
    "it never comes to the job": (queue_does(job_states=[3], began=False), Outcome.NOT_PRINTED),
    "it is never done with the job": (queue_does(job_states=[5]), Outcome.UNKNOWN),
    "it says the cover is open": (queue_does(reasons=["cover-open-report"]), Outcome.UNKNOWN),
    "an error of the server": (queue_does(http_status=500), Outcome.NOT_PRINTED),
    "no IPP comes back": (queue_does(raw_answer=b"<html>"), Outcome.NOT_PRINTED),
    "it is gone": (PrintServer.close, Outcome.NOT_PRINTED),
}


@pytest.mark.parametrize("name", QUEUE_FAULTS)
@pytest.mark.parametrize("moment", ["before it is open", "between two receipts"])
def test_a_queue_is_believed_only_when_it_says_that_nothing_was_printed(moment: str, name: str) -> None:
    act, expected = QUEUE_FAULTS[name]
    server = PrintServer()
    printer = Printer(server.wire(), PROFILE)
    if moment != "before it is open":
        assert printer.print(WARM_UP, timeout_s=TIMEOUT_S).outcome is Outcome.UNKNOWN
    server.jobs.clear()
    act(server)
    verdict = printer.print(ORIGINAL, timeout_s=0.6 if "never" in name else 10 * TIMEOUT_S)
    # A job that a queue gave up before it had begun with it is none that was handed on.
    handed_on = [] if not server.began else server.jobs
    if verdict.outcome is Outcome.NOT_PRINTED:
        assert handed_on == []
        assert verdict.reason.endswith("Nothing was printed.")
    else:
        assert len(handed_on) <= 1, "nothing is sent twice"
        assert "Look at the paper" in verdict.reason
    assert verdict.outcome in (expected, Outcome.UNKNOWN)
    # Between receipts the connection stands: what the queue is like is seen only by what becomes of the job.
    assert verdict.outcome is expected or moment == "between two receipts" or "never" in name, verdict
    assert verdict.doubt == 0, "a queue proves nothing later"
    printer.close()
    if name == "it is gone":
        return
    server.is_accepting, server.printer_state, server.job_status, server.http_status = True, 3, 0, 200
    server.job_states, server.began, server.raw_answer, server.reasons = [9], True, None, ["none"]
    server.jobs.clear()
    assert printer.print(COPY, timeout_s=TIMEOUT_S).outcome is Outcome.UNKNOWN
    with SimulatedPrinter() as far:
        far.attach().write(b"".join(server.jobs))
        (receipt,) = far.receipts
        assert [item for item in receipt.printed if not isinstance(item, Blank)] == WHOLE_COPY
    printer.close()
    server.close()
