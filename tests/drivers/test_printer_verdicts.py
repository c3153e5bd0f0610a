"""The verdict on a print job is never wrong; at most it is unknown.

First against the simulated printer, over real sockets and pseudo-terminals, with a table of faults. Then against a wire
that answers what the test says, for what no simulated printer does: lost, late and contradictory answers.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from drivers.document import Cut, Document, Feed, Text
from drivers.errors import DeviceAbsent
from drivers.escpos import Profile, encode
from drivers.printer import Outcome, Printer, Verdict
from drivers.simulated.printer import SimulatedPrinter
from drivers.status import PrinterStatus
from drivers.wires import SerialWire, TcpWire, Wire, WriteBroken, WriteStalled

LINES = [f"Line {number} of the receipt" for number in range(1, 11)]
PROFILE = Profile("test", 42, {})
RECEIPT = encode(Document(42, (*map(Text, LINES), Feed(2), Cut())), PROFILE)
NEXT_RECEIPT = encode(Document(42, (Text("The next receipt"), Cut())), PROFILE)
PATIENT_S, SHORT_S = 10.0, 0.05  # where an answer is expected; where none is


class MeddledWire:
    """A real wire at which something happens just before, or just after, the receipt goes out."""

    answers = True
    connects_per_job = hides_power_cuts = False
    resumes = True

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.before_receipt: Callable[[], None] = lambda: None
        self.after_receipt: Callable[[], None] = lambda: None
        self.receipts_sent = 0
        self.opened = 0

    @property
    def name(self) -> str:
        return self._wire.name

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    def open(self, timeout_s: float | None = None) -> None:
        self._wire.open(timeout_s)
        self.opened += 1

    def write(self, data: bytes, timeout_s: float) -> None:
        is_receipt = RECEIPT[2:] in data  # behind its ESC @ the driver asks to be told of changes
        if is_receipt:
            self.receipts_sent += 1
            self.before_receipt()
        self._wire.write(data, timeout_s)
        if is_receipt:
            self.after_receipt()

    def read(self, timeout_s: float) -> bytes:
        return self._wire.read(timeout_s)

    def trouble(self, timeout_s: float) -> str:
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        self._wire.close(drain_s)


class Bench:
    """A simulated printer, a wire to it, and the driver."""

    def __init__(self, transport: str, *, echoes: bool, believes: bool | None = None) -> None:
        self.far = SimulatedPrinter(has_process_id=echoes)
        if transport == "tcp":
            real: Wire = TcpWire("127.0.0.1", self.far.serve_tcp())
        else:
            real = SerialWire(self.far.serve_pty())
        self.wire = MeddledWire(real)
        self._skipped_s = 0.0
        profile = Profile("test", 42, {}, has_process_id=believes, has_macros=None if believes is None else False)
        self.printer = Printer(
            self.wire, profile, self.clock, reply_timeout_s=PATIENT_S, settle_s=0.02, poll_s=0.02, first_process_id=0
        )

    def clock(self) -> float:
        return time.monotonic() + self._skipped_s

    def skip_the_wait(self) -> None:
        """Leaves a job that has PATIENT_S only SHORT_S."""
        self._skipped_s += PATIENT_S - SHORT_S

    def be_impatient(self) -> None:
        self.printer._talk.reply_timeout_s = SHORT_S

    def copies_on_paper(self) -> tuple[int, int]:
        """How many whole receipts are on paper, and how many of its lines in all."""
        pieces = [*self.far.receipts, self.far.current]
        whole = sum(1 for piece in pieces if [line for line in piece.lines if line] == LINES)
        return whole, sum(line in LINES for piece in pieces for line in piece.lines)

    def put_right(self) -> None:
        """Whatever was done to the printer is undone, and what it still holds comes out."""
        self.far.load_paper()
        self.far.close_cover()
        self.far.clear_error()
        self.far.silence(False)
        self.far.garbage_replies(False)
        self.far.stall(False)
        if not self.far.state()["plugged"]:
            self.far.plug()

    def close(self) -> None:
        self.printer.close()
        self.far.close()


TRANSPORTS = ["tcp", pytest.param("serial", marks=pytest.mark.skipif(sys.platform == "win32", reason="no terminals"))]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["echoes", "no-echo"])
def bench(transport: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(transport, echoes=request.param)
    yield bench
    bench.close()


def assert_true(verdict: Verdict, bench: Bench) -> None:
    whole, lines = bench.copies_on_paper()
    if verdict.outcome is Outcome.PRINTED:
        assert (whole, lines) == (1, len(LINES))
    if verdict.outcome is Outcome.NOT_PRINTED:
        assert (whole, lines) == (0, 0)
    assert whole <= 1
    assert lines <= len(LINES)  # nothing is ever sent twice


def test_a_healthy_printer_prints_every_receipt_on_one_connection(bench: Bench) -> None:
    for number in (1, 2, 3):
        assert bench.printer.print(RECEIPT, timeout_s=PATIENT_S) == Verdict(Outcome.PRINTED)
        assert bench.copies_on_paper() == (number, number * len(LINES))
    assert bench.wire.opened == 1


def test_the_first_job_finds_out_whether_the_printer_echoes_and_prints_nothing_for_it(bench: Bench) -> None:
    assert bench.printer.has_process_id is None
    bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)
    assert bench.printer.has_process_id == bench.far.has_process_id
    assert [line for receipt in bench.far.receipts for line in receipt.lines] == ["The next receipt"]


def test_the_status_says_what_is_the_matter(bench: Bench) -> None:
    assert bench.printer.status(PATIENT_S) == PrinterStatus(True, "ok", False, "", "low")
    bench.far.paper_near_end()
    assert bench.printer.status(PATIENT_S).paper == "near end"
    bench.far.paper_out()
    bench.far.open_cover()
    assert bench.printer.status(PATIENT_S) == PrinterStatus(False, "out", True, "", "low")
    bench.far.silence()
    assert bench.printer.status(SHORT_S) == PrinterStatus()
    bench.far.unplug()
    with pytest.raises(DeviceAbsent) as raised:
        bench.printer.status(PATIENT_S)
    assert raised.value.hint


Fault = Callable[[SimulatedPrinter], None]
BEFORE: list[tuple[str, Fault, str]] = [
    ("no paper", SimulatedPrinter.paper_out, "paper_out"),
    ("cover open", SimulatedPrinter.open_cover, "cover_open"),
    ("unplugged", SimulatedPrinter.unplug, "absent"),
    ("silent", SimulatedPrinter.silence, "silent"),
    ("garbage", SimulatedPrinter.garbage_replies, "silent"),
    ("stalled", SimulatedPrinter.stall, "silent"),
]


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "new"])
@pytest.mark.parametrize(("fault", "code"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE])
def test_a_printer_that_cannot_print_gets_nothing(bench: Bench, fault: Fault, code: str, is_connected: bool) -> None:
    if is_connected:
        bench.printer.status(PATIENT_S)
    fault(bench.far)
    if code == "silent":
        bench.be_impatient()
    verdict = bench.printer.print(RECEIPT, timeout_s=PATIENT_S)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, code)
    assert verdict.reason.endswith("Nothing was printed.")
    assert bench.wire.receipts_sent == 0
    bench.put_right()
    bench.printer._talk.reply_timeout_s = PATIENT_S
    assert bench.printer.print(RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.copies_on_paper() == (1, len(LINES))


DURING: list[tuple[str, Fault, str]] = [
    ("no paper from the start", SimulatedPrinter.paper_out, "paper_out"),
    ("paper out within", lambda far: far.paper_out(after_lines=4), "paper_out"),
    ("paper out after the last line", lambda far: far.paper_out(after_lines=len(LINES)), "paper_out"),
    ("paper nearly out", SimulatedPrinter.paper_near_end, "printed"),
    ("cover open", SimulatedPrinter.open_cover, "cover_open"),
    ("cutter jammed", SimulatedPrinter.cutter_jam, "cutter"),
    ("unplugged", SimulatedPrinter.unplug, "absent"),
    ("unplugged and plugged in", lambda far: (far.unplug(), far.plug(), None)[-1], "absent"),
    ("silent", SimulatedPrinter.silence, "silent"),
    ("garbage", SimulatedPrinter.garbage_replies, "silent"),
    ("stalled", SimulatedPrinter.stall, "silent"),
]


@pytest.mark.parametrize(("fault", "code"), [row[1:] for row in DURING], ids=[row[0] for row in DURING])
def test_a_fault_as_the_job_goes_out_is_never_taken_for_success_or_for_nothing(
    bench: Bench, fault: Fault, code: str
) -> None:
    bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)  # so that what the printer can do is known
    bench.wire.before_receipt = lambda: fault(bench.far)
    if code == "silent":
        bench.wire.after_receipt = bench.skip_the_wait
    verdict = bench.printer.print(RECEIPT, timeout_s=PATIENT_S)
    assert_true(verdict, bench)
    if code == "absent":  # gone before the first byte is proof; the same a moment later is not
        assert verdict.outcome in (Outcome.NOT_PRINTED, Outcome.UNKNOWN)
    elif verdict.outcome is not Outcome.PRINTED:
        assert verdict.outcome is Outcome.UNKNOWN
        assert "Look at the paper" in verdict.reason
    codes = {"printed": {""}, "silent": {"silent", "unconfirmed"}}  # the last where it was asked nothing in the end
    assert verdict.code in codes.get(code, {code})

    bench.wire.before_receipt = bench.wire.after_receipt = lambda: None
    bench.put_right()
    assert_true(verdict, bench)  # nor is it made wrong by what comes out afterwards
    printed_before = bench.far.printed_total
    following = bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)
    if following.outcome is Outcome.PRINTED:
        assert bench.far.printed_total > printed_before
        assert bench.far.receipts[-1].lines[-1] == "The next receipt"
    assert_true(verdict, bench)
    assert bench.wire.receipts_sent == 1


AFTER = [row for row in DURING if row[0] not in ("paper out within", "paper out after the last line")]


@pytest.mark.parametrize("fault", [row[1] for row in AFTER], ids=[row[0] for row in AFTER])
def test_a_fault_right_after_the_job_went_out_gives_no_wrong_verdict(bench: Bench, fault: Fault) -> None:
    bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)
    bench.wire.after_receipt = lambda: (fault(bench.far), bench.skip_the_wait(), None)[-1]
    verdict = bench.printer.print(RECEIPT, timeout_s=PATIENT_S)
    assert verdict.outcome is not Outcome.NOT_PRINTED
    assert_true(verdict, bench)
    bench.put_right()
    assert_true(verdict, bench)


def test_a_jammed_cutter_is_cleared_once_before_a_job_and_the_job_then_prints(bench: Bench) -> None:
    bench.far.cutter_jam()
    assert bench.printer.print(RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.copies_on_paper() == (1, len(LINES))


# What a person can do about a job that stopped half-way.

STOPS: list[tuple[str, Fault, Fault]] = [
    ("no paper", lambda far: far.paper_out(after_lines=4), SimulatedPrinter.load_paper),
    ("cover open", SimulatedPrinter.open_cover, SimulatedPrinter.close_cover),
    ("cutter jammed", SimulatedPrinter.cutter_jam, SimulatedPrinter.clear_error),
]


def stop(bench: Bench, fault: Fault) -> Verdict:
    bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)
    bench.wire.before_receipt = lambda: fault(bench.far)
    verdict = bench.printer.print(RECEIPT, timeout_s=PATIENT_S)
    bench.wire.before_receipt = lambda: None
    assert verdict.outcome is Outcome.UNKNOWN
    assert bench.printer.keeps(verdict.doubt)
    return verdict


@pytest.mark.parametrize(("fault", "cure"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_a_job_that_goes_on_by_itself_is_proven_without_anybody(bench: Bench, fault: Fault, cure: Fault) -> None:
    verdict = stop(bench, fault)
    bench.printer.status(PATIENT_S)
    assert bench.printer.proven() == []
    cure(bench.far)
    bench.printer.status(PATIENT_S)
    assert bench.printer.proven() == [verdict.doubt]
    assert bench.printer.proven() == []
    assert bench.copies_on_paper() == (1, len(LINES))
    assert bench.wire.receipts_sent == 1


@pytest.mark.parametrize(("fault", "cure"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_nothing_is_sent_behind_a_job_that_stopped(bench: Bench, fault: Fault, cure: Fault) -> None:
    verdict = stop(bench, fault)
    behind = bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S)
    assert (behind.outcome, behind.code) == (Outcome.NOT_PRINTED, verdict.code)
    cure(bench.far)
    assert bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.printer.proven() == [verdict.doubt]
    assert bench.far.receipts[-1].lines[-1] == "The next receipt"
    assert bench.copies_on_paper() == (1, len(LINES))


def test_after_a_jam_a_person_lets_the_rest_come_out(bench: Bench) -> None:
    stop(bench, SimulatedPrinter.cutter_jam)
    assert bench.printer.go_on(timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.copies_on_paper() == (1, len(LINES))
    assert bench.wire.receipts_sent == 1


def test_going_on_without_paper_changes_nothing(bench: Bench) -> None:
    verdict = stop(bench, lambda far: far.paper_out(after_lines=4))
    assert bench.printer.go_on(timeout_s=PATIENT_S) == verdict
    assert bench.printer.keeps(verdict.doubt)
    bench.far.load_paper()
    assert bench.printer.go_on(timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert not bench.printer.keeps(verdict.doubt)
    assert bench.printer.go_on(timeout_s=PATIENT_S).outcome is Outcome.UNKNOWN  # there is nothing to go on with


@pytest.mark.parametrize(("fault", "cure"), [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_what_a_person_drops_does_not_come_out_and_the_next_receipt_is_whole(
    bench: Bench, fault: Fault, cure: Fault
) -> None:
    stop(bench, fault)
    _, lines = bench.copies_on_paper()
    bench.printer.drop()
    assert bench.far.wait_until(lambda: not bench.far.state()["waiting_bytes"])
    cure(bench.far)
    assert bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.far.receipts[-1].lines[-1] == "The next receipt"
    assert bench.copies_on_paper() == (0, lines)


# The drawer.


def test_the_drawer_opens_through_its_printer(bench: Bench) -> None:
    assert bench.printer.open_drawer(timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.printer.open_drawer(5, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.far.drawer_kicks == 2


@pytest.mark.parametrize("fault", [row[1] for row in STOPS[1:]] + [SimulatedPrinter.paper_out])
def test_the_drawer_opens_whatever_the_paper(bench: Bench, fault: Fault) -> None:
    """Change must be given. The pulse goes past the paper, and none is left behind to open the drawer later."""
    fault(bench.far)
    verdict = bench.printer.open_drawer(timeout_s=PATIENT_S)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "unconfirmed")  # no sensor is wired
    assert bench.far.wait_until(lambda: bench.far.drawer_kicks == 1)
    bench.put_right()
    assert bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    assert bench.far.drawer_kicks == 1


def test_the_drawer_opens_while_half_a_receipt_waits_for_paper(bench: Bench) -> None:
    verdict = stop(bench, lambda far: far.paper_out(after_lines=4))
    bench.printer.open_drawer(timeout_s=PATIENT_S)
    assert bench.far.wait_until(lambda: bench.far.drawer_kicks == 1)
    bench.far.load_paper()
    bench.printer.status(PATIENT_S)
    assert bench.printer.proven() == [verdict.doubt]


def test_a_printer_that_is_gone_opens_no_drawer_later(bench: Bench) -> None:
    bench.far.unplug()
    assert bench.printer.open_drawer(timeout_s=PATIENT_S).outcome is Outcome.NOT_PRINTED
    bench.far.plug()
    bench.printer.status(PATIENT_S)
    assert bench.far.drawer_kicks == 0


def test_a_connection_that_died_between_two_jobs_is_made_anew(bench: Bench) -> None:
    assert bench.printer.print(NEXT_RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED
    bench.far.unplug()
    bench.far.plug()
    assert bench.printer.print(RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.PRINTED


def test_a_printer_believed_to_echo_that_does_not_is_never_confirmed(transport: str) -> None:
    bench = Bench(transport, echoes=False, believes=True)
    try:
        bench.wire.after_receipt = bench.skip_the_wait
        assert bench.printer.print(RECEIPT, timeout_s=PATIENT_S).outcome is Outcome.UNKNOWN
    finally:
        bench.close()


# A wire that answers what the test says, and a clock that only waiting moves.


class ScriptedWire:
    """Answers as a healthy printer would, unless told otherwise; remembers what it was sent."""

    answers = True
    connects_per_job = hides_power_cuts = False
    resumes = True

    def __init__(self, *, echoes: bool = True) -> None:
        self.now_s = 100.0
        self.is_open = False
        self.name = "script"
        self.opened = 0
        self.sent: list[bytes] = []
        self.incoming: list[bytes] = []
        self.status = {1: 0x12, 2: 0x12, 3: 0x12, 4: 0x12}
        self.echoes = echoes
        self.answers_paper = True
        self.on_write: Callable[[bytes], None] = lambda data: None

    def clock(self) -> float:
        return self.now_s

    def open(self, timeout_s: float | None = None) -> None:
        self.is_open = True
        self.opened += 1
        self.incoming.clear()

    def close(self, drain_s: float = 0.0) -> None:
        self.is_open = False

    def trouble(self, timeout_s: float) -> str:
        return ""

    def write(self, data: bytes, timeout_s: float) -> None:
        self.on_write(data)
        self.sent.append(data)
        if question := re.fullmatch(rb"\x00*\x10\x04(.)", data, re.DOTALL):
            if (answer := self.status.get(question[1][0])) is not None:
                self.incoming.append(bytes([answer]))
            return
        if self.echoes and (request := re.search(rb"\x1d\(H\x06\x0000(.{4})", data, re.DOTALL)):
            self.incoming.append(b'7"' + request[1] + b"\x00")
        if self.answers_paper:
            self.incoming += [b"\x00"] * data.count(b"\x1dr\x01")

    def read(self, timeout_s: float) -> bytes:
        if self.incoming:
            return self.incoming.pop(0)
        self.now_s += timeout_s
        return b""

    def printer(self, *, has_process_id: bool | None = True, **profile: bool) -> Printer:
        made = Profile(
            "test", 42, {}, has_process_id=has_process_id, **{"has_asb": False, "has_macros": False, **profile}
        )
        return Printer(self, made, self.clock, first_process_id=0)

    @property
    def jobs(self) -> list[bytes]:
        return [data for data in self.sent if b"Tea" in data]


JOB = b"\x1b@Tea\n"
OK = Verdict(Outcome.PRINTED)


def test_a_job_is_sent_once_behind_a_reset_and_ahead_of_its_process_id() -> None:
    wire = ScriptedWire()
    printer = wire.printer()
    assert printer.print(JOB, timeout_s=5) == OK
    assert printer.print(JOB, timeout_s=5) == OK
    status = [b"\x10\x04\x01", b"\x10\x04\x02", b"\x10\x04\x03", b"\x10\x04\x04"]
    first = b"\x1b@" + JOB + b"\x1d(H\x06\x0000!   "
    assert wire.sent == [*status, first, *status, JOB + b"\x1d(H\x06\x0000\x22   "]


@pytest.mark.parametrize("ident", [b"zzzz", b"!  ~", b"! ~ ", b"!~  ", b"~   "])  # ours is b"!   "
def test_the_echo_of_another_id_proves_nothing(ident: bytes) -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer()
    wire.on_write = lambda data: wire.incoming.append(b'7"' + ident + b"\x00") if b"Tea" in data else None
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "unconfirmed")


def test_the_late_echo_of_an_earlier_job_does_not_confirm_the_next() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer()
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN
    wire.on_write = lambda data: wire.incoming.append(b'7"!   \x00') if b"Tea" in data else None
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN


def test_the_late_answer_from_behind_an_earlier_job_does_not_confirm_the_next() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(has_process_id=False)
    wire.answers_paper = False
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN

    # Now the earlier answer arrives, and the next job's never does: it waits behind a stuck line.
    def late(data: bytes) -> None:
        if data == b"\x1dr\x01":
            wire.incoming += [b"\x00", b"\x00"]

    wire.on_write = late
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "unconfirmed")
    assert wire.jobs == [b"\x1b@" + JOB + b"\x1dr\x01", JOB + b"\x1dr\x01"]


def test_an_answer_that_was_missing_is_left_behind_with_its_connection() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(has_process_id=False)
    wire.answers_paper = False
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN

    def one_at_once_and_one_late(data: bytes) -> None:
        if data == b"\x1dr\x01" or (b"Tea" in data and wire.opened == 1):
            wire.incoming.append(b"\x00")

    wire.on_write = one_at_once_and_one_late
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN


def test_a_printer_still_busy_with_an_earlier_job_gets_no_other() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(has_process_id=False)
    assert printer.print(JOB, timeout_s=5) == OK
    wire.answers_paper = False
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "catching_up")
    wire.answers_paper = True
    assert printer.print(JOB, timeout_s=5) == OK  # the printer was switched off and on, and forgot the others
    assert len(wire.jobs) == 3


AFTERWARDS = [
    ({4: 0x72, 2: 0x32, 1: 0x1A}, Outcome.UNKNOWN, "paper_out"),
    ({1: 0x1A, 2: 0x16}, Outcome.UNKNOWN, "cover_open"),
    ({1: 0x1A, 3: 0x32}, Outcome.UNKNOWN, "error"),
    ({1: 0x1A}, Outcome.UNKNOWN, "offline"),  # offline, and it does not say why
    ({4: 0x1E}, Outcome.PRINTED, ""),  # nearly out is not out
    ({4: None}, Outcome.UNKNOWN, "silent"),  # whether there is paper was not said
    ({1: None}, Outcome.UNKNOWN, "silent"),
]


@pytest.mark.parametrize(("changes", "outcome", "code"), AFTERWARDS)
def test_without_an_echo_only_a_clean_status_after_the_job_confirms_it(
    changes: dict[int, int], outcome: Outcome, code: str
) -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(has_process_id=False)
    wire.on_write = lambda data: wire.status.update(changes) if b"Tea" in data else None
    began_s = wire.now_s
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (outcome, code)
    assert wire.now_s - began_s <= 5


def test_with_an_echo_the_paper_may_run_out_after_the_last_line() -> None:
    wire = ScriptedWire()
    wire.on_write = lambda data: wire.status.update({1: 0x1A, 4: 0x72}) if b"Tea" in data else None
    assert wire.printer().print(JOB, timeout_s=5) == OK


def test_an_echo_that_came_before_the_connection_broke_still_counts() -> None:
    wire = ScriptedWire()

    def one_answer_and_gone(timeout_s: float) -> bytes:
        if wire.incoming:
            return wire.incoming.pop(0)
        raise DeviceAbsent("gone")

    def from_now_on(data: bytes) -> None:
        if b"Tea" in data:
            wire.read = one_answer_and_gone  # type: ignore[method-assign]

    wire.on_write = from_now_on
    assert wire.printer().print(JOB, timeout_s=5) == OK


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (0, Outcome.NOT_PRINTED),
        (2, Outcome.NOT_PRINTED),  # ESC @, which the driver puts before the job
        (3, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize(("error", "code"), [(WriteStalled, "stalled"), (WriteBroken, "absent")])
def test_a_write_that_breaks_off_proves_something_only_at_its_first_byte(
    error: type[WriteStalled] | type[WriteBroken], code: str, sent: int, outcome: Outcome
) -> None:
    wire = ScriptedWire()

    def break_off(data: bytes) -> None:
        if b"Tea" in data:
            wire.on_write = nothing_more
            raise error("It broke off.", sent=sent)

    def nothing_more(data: bytes) -> None:
        raise error("It took nothing more.", sent=0)

    wire.on_write = break_off
    verdict = wire.printer().print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (outcome, code)
    assert not wire.is_open


def test_a_question_that_finds_the_wire_broken_after_the_job_is_not_taken_for_an_unsent_job() -> None:
    wire = ScriptedWire(echoes=False)

    def break_afterwards(data: bytes) -> None:
        if wire.jobs:
            raise WriteBroken("gone", sent=0)

    wire.on_write = break_afterwards
    assert wire.printer().print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN


def test_after_a_job_was_cut_off_the_next_begins_with_as_many_nuls_as_the_printer_may_wait_for() -> None:
    wire = ScriptedWire()
    printer = wire.printer()

    def cut_off(data: bytes) -> None:
        if b"Tea" in data:
            raise WriteBroken("gone", sent=5)

    wire.on_write = cut_off
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN
    wire.on_write = lambda data: None
    assert printer.print(JOB, timeout_s=5) == OK
    assert printer.print(JOB, timeout_s=5) == OK
    request = len(b"\x1d(H\x06\x0000....")
    assert wire.jobs[0].startswith(b"\x00" * (len(JOB) + request) + b"\x1b@" + JOB)
    assert wire.jobs[1].startswith(JOB)
    first_question = next(sent for sent in wire.sent[4:] if sent.endswith(b"\x10\x04\x01"))
    assert first_question.startswith(b"\x00" * 8), "the longest that any command's length and what is before it take"


def test_a_job_of_which_no_byte_was_taken_leaves_the_next_without_nuls() -> None:
    wire = ScriptedWire()
    printer = wire.printer()
    assert printer.print(JOB, timeout_s=5) == OK

    def refuse(data: bytes) -> None:
        if b"Tea" in data:
            raise WriteBroken("gone", sent=0)

    wire.on_write = refuse
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.NOT_PRINTED
    wire.on_write = lambda data: None
    assert printer.print(JOB, timeout_s=5) == OK
    assert wire.jobs[-1].startswith(b"\x1b@" + JOB)


def test_after_an_error_the_printer_keeps_the_rest_until_a_person_decides() -> None:
    wire = ScriptedWire(echoes=False)
    wire.on_write = lambda data: wire.status.update({1: 0x1A, 3: 0x1A}) if b"Tea" in data else None
    printer = wire.printer()
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "cutter")
    assert printer.print(JOB, timeout_s=5).code == "cutter"
    assert not [sent for sent in wire.sent if sent.startswith(b"\x10\x05")]
    printer.go_on(timeout_s=5)
    assert [sent for sent in wire.sent if sent.startswith(b"\x10\x05")] == [b"\x10\x05\x01"]
    printer.drop()
    assert wire.sent[-1] == bytes.fromhex("100502 10140801031401060208")
    assert len(wire.jobs) == 1


def test_an_error_that_clearing_does_not_clear_stops_the_job() -> None:
    wire = ScriptedWire()
    wire.status |= {1: 0x1A, 3: 0x1A}
    verdict = wire.printer().print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "cutter")
    assert wire.sent.count(b"\x10\x05\x02") == 1
    assert not wire.jobs


def test_a_late_status_byte_is_read_as_the_answer_to_its_own_question() -> None:
    wire = ScriptedWire()
    printer = wire.printer()
    wire.status = {1: 0x12, 2: 0x12, 3: 0x12}
    assert printer.status(5).paper == "unknown"  # n=4 is not answered
    wire.incoming.append(b"\x72")  # now it is: read as n=1 it would say "online", as n=2 "paper stop and error"
    wire.status[4] = 0x12
    assert printer.status(5) == PrinterStatus(True, "ok", False, "", "low")
    assert wire.opened == 1


def test_an_unanswered_question_is_left_behind_with_its_connection() -> None:
    wire = ScriptedWire()
    printer = wire.printer()
    wire.status = {1: 0x12, 2: 0x12, 3: 0x12}
    printer.status(5)
    wire.status[4] = 0x12

    def late(data: bytes) -> None:
        if wire.opened == 1:
            wire.incoming.append(b"\x7e")  # as an answer to n=1 it would say "offline"

    wire.on_write = late
    assert printer.status(5) == PrinterStatus(True, "ok", False, "", "low")
    assert wire.opened == 2


def test_a_printer_that_never_answers_from_behind_a_job_still_prints_and_is_never_confirmed() -> None:
    wire = ScriptedWire(echoes=False)
    wire.answers_paper = False
    printer = wire.printer(has_process_id=None)
    for _ in range(2):
        verdict = printer.print(JOB, timeout_s=5)
        assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "unconfirmed")
    assert printer.has_process_id is None  # silence taught nothing
    assert len(wire.jobs) == 2


def test_a_printer_that_echoes_but_has_no_paper_command_is_found_out_and_confirmed() -> None:
    wire = ScriptedWire()
    wire.answers_paper = False
    printer = wire.printer(has_process_id=None)
    assert printer.print(JOB, timeout_s=5) == OK
    assert printer.has_process_id is True
    assert wire.opened == 1


def test_a_one_way_printer_gets_its_job_and_the_verdict_is_unknown() -> None:
    wire = ScriptedWire(echoes=False)
    wire.status, wire.answers_paper = {}, False
    verdict = wire.printer(answers=False).print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "silent")
    assert wire.sent == [b"\x1b@" + JOB]


def test_a_one_way_printer_that_hung_up_since_the_last_job_is_called_again() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(answers=False)
    printer.print(JOB, timeout_s=5)

    def hung_up(timeout_s: float) -> bytes:
        raise DeviceAbsent("gone")

    wire.read = hung_up  # type: ignore[method-assign]
    printer.print(JOB, timeout_s=5)
    assert wire.opened == 2
    assert len(wire.jobs) == 2


@pytest.mark.parametrize("timeout_s", [0, 0.3, 2, 30])
@pytest.mark.parametrize("has_process_id", [True, False, None])
def test_no_job_lasts_longer_than_its_time_out(has_process_id: bool | None, timeout_s: float) -> None:
    for silent_from in range(8):  # how many answers come before the silence
        wire = ScriptedWire(echoes=False)
        wire.answers_paper = False

        def fall_silent(data: bytes, wire: ScriptedWire = wire, silent_from: int = silent_from) -> None:
            if len(wire.sent) >= silent_from:
                wire.status = {}

        wire.on_write = fall_silent
        printer = wire.printer(has_process_id=has_process_id)
        began_s = wire.now_s
        verdict = printer.print(JOB, timeout_s=timeout_s)
        assert verdict.outcome is (Outcome.UNKNOWN if wire.jobs else Outcome.NOT_PRINTED)
        assert wire.now_s - began_s <= timeout_s


def test_an_automatic_status_wakes_the_driver_before_its_next_question_is_due() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer()

    def push(data: bytes) -> None:
        if b"Tea" in data:
            wire.status.update({1: 0x1A, 4: 0x72})
            wire.incoming.append(bytes.fromhex("18000c00"))

    wire.on_write = push
    began_s = wire.now_s
    assert printer.print(JOB, timeout_s=5).code == "paper_out"
    assert wire.now_s == began_s


def test_nothing_to_print_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError):
        ScriptedWire().printer().print(b"", timeout_s=1)


def test_a_printer_that_told_the_till_to_wait_gets_nothing_before_it_takes_that_back() -> None:
    wire = ScriptedWire()
    printer = wire.printer()
    printer.status(5)
    wire.incoming.append(b"\x13")
    verdict = printer.print(JOB, timeout_s=5)
    assert (verdict.outcome, verdict.code, wire.jobs) == (Outcome.NOT_PRINTED, "stalled", [])
    printer.status(5)
    wire.incoming += [b"\x13", b"\x11"]
    assert printer.print(JOB, timeout_s=5) == OK


def test_an_answer_that_the_line_doubles_does_not_confirm_the_next_job() -> None:
    wire = ScriptedWire(echoes=False)
    printer = wire.printer(has_process_id=False)
    assert printer.print(JOB, timeout_s=5) == OK
    doubled_at_s, read = [wire.now_s + 0.2], wire.read

    def with_the_double(timeout_s: float) -> bytes:
        if not wire.incoming and doubled_at_s and wire.now_s + timeout_s >= doubled_at_s[0]:
            wire.now_s = doubled_at_s.pop()
            return b"\x00"
        return read(timeout_s)

    wire.read = with_the_double  # type: ignore[method-assign]
    wire.answers_paper = False  # the next job is stuck
    assert printer.print(JOB, timeout_s=5).outcome is Outcome.UNKNOWN
