"""A printer that is off and on again within a receipt, on a wire that hides it: no verdict is wrong.

A print server or a serial line of three wires keeps the connection, and brings the rest of the bytes to a printer that has
forgotten what it got before. The far end is the simulated printer, and time is a clock that only waiting moves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from drivers.document import Cut, Document, Feed, Text
from drivers.errors import DeviceAbsent, DeviceError
from drivers.escpos import PULSE, RESET, Profile, encode
from drivers.printer import Outcome, Printer, Verdict
from drivers.simulated.pieces import Feed as Blank
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import WriteBroken, WriteStalled, wire_from_url

PROFILE = Profile("test", 42, {})
LINES = (Text("The shop in the high street", bold=True), *(Text(f"Line {number}") for number in range(5)))
HEAD = encode(Document(42, LINES), PROFILE)
# Rows that hold GS :, GS ^, ESC @ and process ids, which mean nothing as long as they are a picture.
ROWS = bytes.fromhex("1d3a 1d5e010000 1b40 1d28480600303041424344 1d610f 0a") + bytes(range(0x20, 0x60))
assert len(ROWS) % 8 == 0
PICTURE = b"\x1dv0\x00" + bytes([8, 0, len(ROWS) // 8, 0]) + ROWS
TAIL = encode(Document(42, (Text("TOTAL EUR 27.99"), Feed(1), Cut())), PROFILE).removeprefix(RESET)
RECEIPT = HEAD + PICTURE + TAIL
WARM_UP = encode(Document(42, (Text("Something before"), Cut())), PROFILE)
NEXT = encode(Document(42, (Text("The next receipt"), Cut())), PROFILE)
TIMEOUT_S = 5.0
MACRO = rb"\x1d:.*?\x1d:"
RUN = b"\x1d^\x01\x00\x00"


class HidingLine:
    """Brings bytes to the printer and back over every power cut; `cuts` are done at those bytes of the receipt's write."""

    name, answers, resumes = "hiding line", True, True
    hides_power_cuts = True

    def __init__(self, far: SimulatedPrinter, *, connects_per_job: bool) -> None:
        self._far = far
        self.connects_per_job = connects_per_job
        self.now_s = 100.0
        self.sent: list[bytes] = []
        self.cuts: dict[int, Callable[[], object]] = {}
        self.loses = 0  # of the bytes that are on a serial line while the printer is off
        self.when_run: Callable[[], object] = lambda: None
        self.when_broken: Callable[[], object] = lambda: None
        self.breaks_at = -1
        self.breaks_with: type[WriteBroken] | type[WriteStalled] = WriteBroken
        self._end: Any = None

    def clock(self) -> float:
        return self.now_s

    @property
    def is_open(self) -> bool:
        return self._end is not None

    def open(self, timeout_s: float | None = None) -> None:
        self._end = self._far.attach()

    def close(self, drain_s: float = 0.0) -> None:
        end, self._end = self._end, None
        if end is not None:
            end.close()

    def trouble(self, timeout_s: float) -> str:
        return ""

    def write(self, data: bytes, timeout_s: float) -> None:
        self.sent.append(data)
        if RUN in data and TAIL not in data:
            self.when_run()
        if TAIL not in data:
            self._end.write(data)
            return
        if self.breaks_at >= 0:
            at, self.breaks_at = self.breaks_at, -1
            self._end.write(data[:at])
            self.when_broken()
            raise self.breaks_with("It takes no more.", sent=at)
        done = 0
        for at in sorted(self.cuts):
            self._end.write(data[done:at])
            self.cuts[at]()
            done = max(done, at + self.loses)
        self._end.write(data[done:])
        self.cuts = {}

    def read(self, timeout_s: float) -> bytes:
        waited_s = 0.0
        while True:
            self._far.tick()
            data: bytes = self._end.read()
            if not data and not self._end.is_open:
                raise DeviceAbsent("It is gone.")
            if data or waited_s >= timeout_s:
                return data
            self.now_s += min(0.05, timeout_s - waited_s)
            waited_s += 0.05


class Counter:
    """A printer with its paper behind a line that hides power cuts, and the driver, one receipt further than new."""

    def __init__(self, *, echoes: bool, connects_per_job: bool = False, has_asb: bool = True) -> None:
        self.far = SimulatedPrinter(
            has_process_id=echoes, clock=lambda: self.line.now_s if self.line else 0.0, kept_receipts=5000
        )
        self.line = HidingLine(self.far, connects_per_job=connects_per_job)
        profile = msgspec.structs.replace(PROFILE, has_asb=has_asb)
        self.printer = Printer(
            self.line, profile, self.line.clock, reply_timeout_s=0.8, settle_s=0.02, poll_s=0.3, first_process_id=0
        )
        assert self.print(WARM_UP) == Verdict(Outcome.PRINTED)
        self.begin()

    line: HidingLine | None = None  # type: ignore[assignment]

    def begin(self) -> None:
        """From here on the paper counts."""
        self.before = len(self.printed(all_of_it=True))
        self.line.sent.clear()

    def print(self, data: bytes) -> Verdict:
        return self.printer.print(data, timeout_s=TIMEOUT_S)

    def blink(self) -> None:
        self.far.power_cycle(drops_connection=False)

    def printed(self, *, all_of_it: bool = False) -> list[Any]:
        pieces = [*self.far.receipts, self.far.current]
        items = [item for piece in pieces for item in piece.printed if not isinstance(item, Blank)]
        return items if all_of_it else items[self.before :]

    def look(self) -> list[int]:
        """What an idle spooler does."""
        proven: list[int] = []
        for _ in range(3):
            self.printer.status(TIMEOUT_S)
            self.printer.hear()
            proven += self.printer.proven()
        return proven

    def close(self) -> None:
        self.printer.close()
        self.far.close()


def on_a_healthy_printer(data: bytes, **kind: Any) -> list[Any]:
    with SimulatedPrinter(**kind) as far:
        far.attach().write(data)
        return [item for receipt in far.receipts for item in receipt.printed if not isinstance(item, Blank)]


WHOLE, WHOLE_NEXT = on_a_healthy_printer(RECEIPT), on_a_healthy_printer(NEXT)


def assert_true(verdict: Verdict, counter: Counter) -> None:
    paper = counter.printed()
    if verdict.outcome is Outcome.PRINTED:
        assert paper == WHOLE
    elif verdict.outcome is Outcome.NOT_PRINTED:
        assert paper == []
    else:
        assert "Look at the paper" in verdict.reason


@pytest.fixture(params=[True, False], ids=["echoes", "no echo"])
def echoes(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False, True], ids=["stays", "per job"])
def counter(echoes: bool, request: pytest.FixtureRequest) -> Iterator[Counter]:
    counter = Counter(echoes=echoes, connects_per_job=request.param)
    yield counter
    counter.close()


def sent_as_receipt(counter: Counter) -> bytes:
    """What goes out for the receipt: what stands before it and behind it as well."""
    assert counter.print(RECEIPT) == Verdict(Outcome.PRINTED)
    assert counter.printed() == WHOLE
    sent = next(data for data in counter.line.sent if TAIL in data)
    counter.begin()
    return sent


def test_a_printer_that_keeps_its_power_prints_every_receipt(counter: Counter) -> None:
    for _ in range(3):
        sent_as_receipt(counter)


def see_to_the_next(counter: Counter) -> None:
    """After whatever has happened the next receipt is whole, in its own style, and known to be."""
    counter.line.cuts = {}
    counter.line.loses = 0
    counter.line.when_run = lambda: None
    counter.far.load_paper()
    counter.far.slow_down()
    counter.line.now_s += 10
    counter.printer.drop()
    verdicts = []
    while not verdicts or (verdicts[-1].outcome is not Outcome.PRINTED and len(verdicts) < 3):
        verdicts.append(counter.print(NEXT))
    assert verdicts[-1] == Verdict(Outcome.PRINTED)
    assert counter.printed()[-len(WHOLE_NEXT) :] == WHOLE_NEXT
    assert all(one.outcome is Outcome.NOT_PRINTED for one in verdicts[:-1])


PACES = {"at once": {}, "slow": {"bytes_per_s": 1000.0}, "slower": {"bytes_per_s": 300.0}}


@pytest.mark.parametrize(
    ("pace", "step"), [*((pace, 5) for pace in PACES), pytest.param("slow", 1, marks=pytest.mark.slow)]
)
def test_a_hidden_power_cut_at_any_byte_makes_no_verdict_wrong(counter: Counter, pace: str, step: int) -> None:
    size = len(sent_as_receipt(counter))
    outcomes = []
    for at in range(0, size + 1, step):
        counter.far.slow_down(**PACES[pace])
        counter.line.cuts = {at: counter.blink}
        verdict = counter.print(RECEIPT)
        assert_true(verdict, counter)
        outcomes.append(verdict)
        see_to_the_next(counter)
        counter.begin()
    # Before the first byte it is no power cut within the receipt; in the middle of it the printer has forgotten.
    assert outcomes[0].outcome is Outcome.PRINTED
    assert outcomes[len(outcomes) // 2].outcome is Outcome.UNKNOWN
    assert {verdict.code for verdict in outcomes} <= {"", "restarted", "unconfirmed"}


@pytest.mark.parametrize("loses", [1, 10, 60])
def test_a_serial_line_also_loses_what_comes_while_the_printer_is_off(counter: Counter, loses: int) -> None:
    size = len(sent_as_receipt(counter))
    for at in range(0, size, 5):
        counter.line.loses = loses
        counter.line.cuts = {at: counter.blink}
        assert_true(counter.print(RECEIPT), counter)
        see_to_the_next(counter)
        counter.begin()


def test_the_power_goes_twice_within_one_receipt(counter: Counter) -> None:
    size = len(sent_as_receipt(counter))
    for first in range(0, size, 20):
        for second in range(first + 1, size, 31):
            counter.far.slow_down(bytes_per_s=1000)
            counter.line.cuts = {first: counter.blink, second: counter.blink}
            assert_true(counter.print(RECEIPT), counter)
            see_to_the_next(counter)
            counter.begin()


def test_the_power_goes_after_the_printer_has_confirmed_and_before_it_is_asked_what_it_remembers(
    counter: Counter,
) -> None:
    counter.line.when_run = counter.blink
    verdict = counter.print(RECEIPT)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "restarted")
    assert counter.printed() == WHOLE  # which nobody can know
    see_to_the_next(counter)


def test_the_power_goes_while_the_printer_has_no_paper(counter: Counter) -> None:
    size = len(sent_as_receipt(counter))
    for lines in range(1, len(WHOLE)):
        for at in range(0, size, 40):
            counter.far.paper_out(after_lines=lines)
            counter.line.cuts = {at: counter.blink}
            verdict = counter.print(RECEIPT)
            assert_true(verdict, counter)
            for happens in (counter.blink, counter.far.load_paper):
                happens()
                proven = counter.look() if counter.line.is_open else []
                assert_true(Verdict(Outcome.PRINTED) if verdict.doubt in proven else verdict, counter)
            see_to_the_next(counter)
            counter.begin()


@pytest.mark.parametrize("has_asb", [True, False])
def test_the_power_goes_without_paper_and_the_rest_comes_behind_the_new_roll(has_asb: bool) -> None:
    """The line keeps the end of the receipt and the id behind it until the printer takes them."""
    counter = Counter(echoes=True, has_asb=has_asb)
    counter.far.paper_out(after_lines=3)
    verdict = counter.print(RECEIPT)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "paper_out")
    (sent,) = [data for data in counter.line.sent if TAIL in data]
    counter.blink()
    counter.far.load_paper()
    counter.line._end.write(sent[sent.index(TAIL) :])
    assert counter.look() == []
    assert counter.printed() != WHOLE
    see_to_the_next(counter)
    assert counter.printer.proven() == []  # nor by what the printer remembers of the next one
    counter.close()


def test_a_connection_that_breaks_before_the_printer_is_asked_what_it_remembers_proves_nothing(
    counter: Counter,
) -> None:
    counter.far.slow_down(bytes_per_s=1000)
    counter.line.cuts = {len(sent_as_receipt(counter)) // 2: counter.blink}
    counter.line.when_run = break_off
    verdict = counter.print(RECEIPT)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "absent")
    see_to_the_next(counter)


def test_a_line_that_brings_every_answer_twice_proves_no_more(counter: Counter) -> None:
    size = len(sent_as_receipt(counter))
    counter.far.duplicate_replies()
    for at in range(0, size, 9):
        counter.far.slow_down(bytes_per_s=1000)
        counter.line.cuts = {at: counter.blink}
        assert_true(counter.print(RECEIPT), counter)
        see_to_the_next(counter)
        counter.begin()


def test_a_receipt_that_goes_on_with_a_new_roll_is_proven_by_itself(counter: Counter) -> None:
    for lines in range(1, len(WHOLE)):
        counter.far.paper_out(after_lines=lines)
        verdict = counter.print(RECEIPT)
        assert verdict.outcome is Outcome.UNKNOWN
        counter.far.load_paper()
        assert counter.look() == [verdict.doubt]
        assert counter.printed() == WHOLE
        counter.begin()


def test_a_receipt_whose_paper_ends_before_it_is_asked_what_it_remembers_is_proven_by_the_new_roll(
    counter: Counter,
) -> None:
    counter.line.when_run = counter.far.paper_out
    verdict = counter.print(RECEIPT)
    counter.line.when_run = lambda: None
    assert_true(verdict, counter)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "paper_out")
    behind = counter.print(NEXT)
    assert (behind.outcome, behind.code) == (Outcome.NOT_PRINTED, "paper_out")
    counter.far.load_paper()
    assert counter.printer.go_on(timeout_s=TIMEOUT_S).outcome is Outcome.PRINTED
    assert counter.print(NEXT) == Verdict(Outcome.PRINTED)


def test_it_may_be_off_and_on_between_two_receipts(counter: Counter) -> None:
    for _ in range(2):
        counter.blink()
        counter.line.now_s += 100  # what it said of itself is not believed any more
        sent_as_receipt(counter)


def test_the_drawer_that_opened_is_told_open_only_by_a_printer_that_had_power(echoes: bool) -> None:
    counter = Counter(echoes=echoes)
    assert counter.printer.open_drawer(timeout_s=TIMEOUT_S).outcome is Outcome.PRINTED
    assert counter.far.drawer_kicks == 1
    pulse = next(data for data in counter.line.sent if PULSE in data)
    write, lost = counter.line.write, []

    def cut_in_the_pulse(data: bytes, timeout_s: float) -> None:
        if PULSE not in data:
            write(data, timeout_s)
            return
        at = data.index(PULSE) + 2
        write(data[:at], timeout_s)
        counter.blink()
        lost.append(data[:at])
        write(data[at:], timeout_s)

    counter.line.write = cut_in_the_pulse  # type: ignore[method-assign]
    assert counter.printer.open_drawer(timeout_s=TIMEOUT_S).outcome is Outcome.UNKNOWN
    assert (len(lost), counter.far.drawer_kicks) == (1, 1)
    assert re.match(MACRO, pulse, re.DOTALL)
    counter.close()


# The definition itself.


def test_a_definition_that_is_cut_off_does_not_swallow_the_next_receipt(counter: Counter) -> None:
    size = len(sent_as_receipt(counter))
    for at in range(size):
        counter.line.breaks_at = at
        verdict = counter.print(RECEIPT)
        assert verdict.outcome is not Outcome.PRINTED
        assert_true(verdict, counter)
        see_to_the_next(counter)
        counter.begin()


def test_a_definition_that_stops_half_way_because_the_paper_ends_is_made_good() -> None:
    counter = Counter(echoes=True)
    definition = re.match(MACRO, sent_as_receipt(counter), re.DOTALL)
    assert definition
    for at in range(len(definition[0]) + 1):
        counter.line.breaks_with, counter.line.breaks_at = WriteStalled, at
        counter.line.when_broken = counter.far.paper_out
        verdict = counter.print(RECEIPT)
        assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, "paper_out")
        counter.far.load_paper()
        counter.printer.hear()
        assert sent_as_receipt(counter)
    counter.close()


def test_another_tills_open_definition_costs_nothing(counter: Counter) -> None:
    """It went away in the middle of its own; our first bytes on a new connection end that."""
    counter.printer.close()
    other = counter.far.attach()
    other.write(b"\x1d:\x1d(H\x06\x0000zzzz")
    other.close()
    assert counter.print(NEXT) == Verdict(Outcome.PRINTED)


def test_a_receipt_costs_a_handful_of_bytes_and_one_question_more(echoes: bool) -> None:
    counter = Counter(echoes=echoes)
    assert counter.print(RECEIPT) == Verdict(Outcome.PRINTED)
    sent = next(data for data in counter.line.sent if TAIL in data)
    if echoes:
        assert counter.line.sent == [sent, RUN], "nothing before the first byte"
    asked = b"\x1d(H\x06\x0000...." if echoes else RESET + b"\x1dr\x01"
    definition = re.match(MACRO, sent, re.DOTALL)
    assert definition
    told = b"\x1da\x0f"
    assert len(sent) == len(definition[0]) + len(RECEIPT) + len(told) + len(asked)
    assert len(definition[0]) <= 15
    counter.close()


# Which printers have macros.

LACKING: dict[str, dict[str, Any]] = {
    "all that it needs": {},
    "no macros": {"lacks": ("GS :", "GS ^")},
    "half of them": {"lacks": ("GS :",)},
    "the other half": {"lacks": ("GS ^",)},
    "no automatic status": {"lacks": ("GS a",)},
    "none of them": {"lacks": ("GS :", "GS ^", "GS a", "GS ( H")},
    "nor any answer in its turn": {"lacks": ("GS :", "GS ^", "GS a", "GS ( H", "GS r")},
}
each_printer = pytest.mark.parametrize(
    "far",
    [
        pytest.param(
            {"has_process_id": echoes, "prints_unknown": prints, **lacking},
            id=f"{name}, {kind}",
            marks=() if name in ("no macros", "none of them") and prints and not echoes else pytest.mark.slow,
        )
        for name, lacking in LACKING.items()
        for echoes, prints, kind in (
            (True, True, "echoes, prints unknown"),
            (False, True, "no echo, prints unknown"),
            (False, False, "no echo, ignores unknown"),
        )
    ],
)


def first_receipts(
    far: SimulatedPrinter, profile: Profile = PROFILE, *, hides: bool = True
) -> tuple[Printer, HidingLine, set[tuple[Outcome, str]]]:
    line = HidingLine(far, connects_per_job=False)
    line.hides_power_cuts = hides
    printer = Printer(line, profile, line.clock, reply_timeout_s=0.8, settle_s=0.02, poll_s=0.3)
    verdicts = [printer.print(RECEIPT, timeout_s=TIMEOUT_S) for _ in range(3)]
    assert items_of(far) == WHOLE * 3
    assert len(far.current.printed) == 0
    return printer, line, {(verdict.outcome, verdict.code) for verdict in verdicts}


def items_of(far: SimulatedPrinter) -> list[Any]:
    return [item for one in (*far.receipts, far.current) for item in one.printed if not isinstance(item, Blank)]


def writes_of_macros(line: HidingLine) -> int:
    return len([data for data in line.sent if b"\x1d:" in data.replace(PICTURE, b"")])


PROVEN, UNPROVEN = {(Outcome.PRINTED, "")}, {(Outcome.UNKNOWN, "unproven")}


def test_a_printer_is_asked_once_whether_it_has_macros(echoes: bool) -> None:
    with SimulatedPrinter(has_process_id=echoes) as far:
        printer, line, verdicts = first_receipts(far)
    assert (printer.has_macros, verdicts) == (True, PROVEN)
    assert writes_of_macros(line) == 1 + 3


@pytest.mark.parametrize("prints", [True, False], ids=["prints unknown", "ignores unknown"])
@pytest.mark.parametrize("hides", [True, False], ids=["hides", "shows"])
def test_without_macros_a_receipt_is_printed_only_where_the_wire_shows_a_power_cut(
    echoes: bool, hides: bool, prints: bool
) -> None:
    with SimulatedPrinter(has_process_id=echoes, has_macros=False, prints_unknown=prints) as far:
        printer, line, verdicts = first_receipts(far, hides=hides)
    assert (printer.has_macros, verdicts) == (False, UNPROVEN if hides else PROVEN)
    assert writes_of_macros(line) == 2  # not only once: the power may go meanwhile


def test_a_profile_that_says_so_spares_a_printer_the_question(echoes: bool) -> None:
    with SimulatedPrinter(has_process_id=echoes) as far:
        _, line, verdicts = first_receipts(far, Profile("t", 42, {}, has_macros=False))
    assert (verdicts, writes_of_macros(line)) == (UNPROVEN, 0)


@pytest.mark.parametrize("lacks", [{"has_asb": False}, {"has_real_time_status": False}])
def test_a_printer_whose_answer_could_be_another_is_not_asked(lacks: dict[str, bool]) -> None:
    """Without process ids its keepsake is answered as GS a is; and that is never sent, or behind each job as well."""
    with SimulatedPrinter(has_process_id=False) as far:
        printer, line, verdicts = first_receipts(far, Profile("t", 42, {}, **lacks))
    assert (printer.has_macros, writes_of_macros(line), verdicts) == (None, 0, UNPROVEN)


def test_that_it_has_none_is_known_as_soon_as_the_question_behind_is_answered(echoes: bool) -> None:
    with SimulatedPrinter(has_process_id=echoes, has_macros=False) as far:
        line = HidingLine(far, connects_per_job=False)
        printer = Printer(line, PROFILE, line.clock)
        printer.has_process_id = echoes
        printer.print(NEXT, timeout_s=TIMEOUT_S)
    assert printer.has_macros is False
    assert line.now_s - 100 <= 2 * 0.25 + 0.25 * (not echoes)


def break_off() -> None:
    raise WriteBroken("It is gone.", sent=0)


def unseen_cut_of(far: SimulatedPrinter) -> Callable[[], None]:
    return lambda: far.power_cycle(drops_connection=False)


class ProbedLine(HidingLine):
    """Something happens after so many bytes of what the driver asks a new printer in its turn, ahead of the first receipt."""

    at, act = -1, staticmethod(lambda: None)
    asked, is_over = 0, False

    def write(self, data: bytes, timeout_s: float) -> None:
        self.is_over = self.is_over or NEXT.removeprefix(RESET) in data
        if self.is_over or data.startswith(b"\x10\x04"):
            super().write(data, timeout_s)
            return
        at, before, self.asked = self.at, self.asked, self.asked + len(data)
        if not before <= at < self.asked:
            super().write(data, timeout_s)
            return
        super().write(data[: at - before], timeout_s)
        try:
            self.act()
        except WriteBroken as error:
            error.sent = at - before
            raise
        super().write(data[at - before :], timeout_s)


@each_printer
@pytest.mark.parametrize("happens", ["power", "connection"])
def test_nothing_of_the_question_ever_comes_on_paper(far: dict[str, Any], happens: str) -> None:
    """Whatever the printer makes of the bytes, and whichever of them is the last that it gets."""
    # A printer that does not know GS a prints an a for it with each receipt: its profile is to say so.
    whole = on_a_healthy_printer(RESET + b"\x1da\x0f" + NEXT.removeprefix(RESET), **far)
    at, asked = 0, 1
    while at < asked:
        with SimulatedPrinter(**far, kept_receipts=100) as paper:
            line = ProbedLine(paper, connects_per_job=False)

            line.at = at
            line.act = unseen_cut_of(paper) if happens == "power" else break_off  # type: ignore[method-assign]
            printer = Printer(line, PROFILE, line.clock, reply_timeout_s=0.8, settle_s=0.02, poll_s=0.3)
            verdicts = [printer.print(NEXT, timeout_s=2.0) for _ in range(3)]
            told = [verdict for verdict in verdicts if verdict.outcome is not Outcome.NOT_PRINTED]
            assert items_of(paper) == whole * len(told), at
            assert len(told) >= 2
            if not far.get("lacks"):
                assert verdicts[-1] == Verdict(Outcome.PRINTED)
            at, asked = at + (1 if at < 120 else 7), line.asked


def test_power_that_goes_while_a_printer_is_asked_does_not_make_it_one_without_macros(echoes: bool) -> None:
    with SimulatedPrinter(has_process_id=echoes) as far:
        line = HidingLine(far, connects_per_job=False)
        left = [far]
        line.when_run = lambda: left.pop().power_cycle(drops_connection=False) if left else None
        printer = Printer(line, PROFILE, line.clock, reply_timeout_s=0.8, settle_s=0.02)
        assert printer.print(NEXT, timeout_s=TIMEOUT_S) == Verdict(Outcome.PRINTED)
        assert printer.has_macros is True


def test_while_it_cannot_be_found_out_whether_there_are_macros_an_echo_alone_proves_nothing() -> None:
    with SimulatedPrinter() as far:
        line = HidingLine(far, connects_per_job=False)
        profile = Profile("t", 42, {}, has_process_id=True)
        printer = Printer(line, profile, line.clock, reply_timeout_s=0.8, settle_s=0.02, poll_s=0.3)
        printer._keepsake.learn = lambda deadline: None  # type: ignore[method-assign]
        assert printer.print(NEXT, timeout_s=TIMEOUT_S).outcome is Outcome.UNKNOWN
        del printer._keepsake.learn
        printer.drop()
        assert printer.print(NEXT, timeout_s=TIMEOUT_S).outcome is Outcome.PRINTED


def test_another_printer_on_the_same_connection_that_has_no_macros_is_found_out(echoes: bool) -> None:
    with SimulatedPrinter(has_process_id=echoes) as far:
        printer, _, _ = first_receipts(far)
        far._inside._lacks |= {"GS :", "GS ^"}
        assert printer.print(NEXT, timeout_s=TIMEOUT_S).code == "restarted"
        assert printer.print(NEXT, timeout_s=TIMEOUT_S).code == "unproven"
        assert printer.has_macros is False


# What could be taken for the answer.

SET_BY_PIXELS = b"\x1dv0\x00\x08\x00\x02\x00" + b"\x1d:\x1da\x0f\x1d:" + b"\x00" * 9


def test_pixels_that_would_define_a_macro_themselves_prove_nothing_without_process_ids(echoes: bool) -> None:
    """A printer that loses its power within the picture reads the rest of it as commands."""
    counter = Counter(echoes=echoes)
    receipt = HEAD + SET_BY_PIXELS + TAIL
    whole = on_a_healthy_printer(receipt)
    for at in range(len(HEAD) + 5, len(HEAD) + 45):
        counter.line.cuts = {at: counter.blink}
        verdict = counter.print(receipt)
        assert verdict.outcome is Outcome.UNKNOWN or counter.printed() == whole
        see_to_the_next(counter)
        counter.begin()
    assert counter.print(receipt).outcome is (Outcome.PRINTED if echoes else Outcome.UNKNOWN)
    counter.line.hides_power_cuts = False
    assert counter.print(receipt) == Verdict(Outcome.PRINTED)
    counter.close()


@pytest.mark.parametrize(
    "happens", [SimulatedPrinter.paper_near_end, SimulatedPrinter.open_drawer, SimulatedPrinter.paper_out]
)
def test_what_a_printer_tells_by_itself_is_not_taken_for_what_it_remembers(
    counter: Counter, happens: Callable[[SimulatedPrinter], None]
) -> None:
    """After a cut it is told once more to tell of changes: by pixels that happen to say so."""
    receipt = HEAD + b"\x1dv0\x00\x08\x00\x01\x00\x1da\x0f" + b"\x00" * 5 + TAIL
    counter.line.when_run = lambda: happens(counter.far)
    for at in range(len(HEAD) + 15, len(HEAD) + 40, 3):
        counter.line.cuts = {at: counter.blink}
        verdict = counter.print(receipt)
        assert verdict.outcome is not Outcome.PRINTED
        counter.far.close_drawer()
        see_to_the_next(counter)
        counter.line.when_run = lambda: happens(counter.far)
        counter.begin()


@pytest.mark.parametrize(
    ("address", "hides"),
    [
        ("tcp://127.0.0.1:9100", True),
        ("tcp://127.0.0.1:9100?connect=job&power=shown", False),
        ("tcp://127.0.0.1:9100?power=hidden", True),
        ("serial:///dev/ttyUSB0", True),
        ("serial:///dev/ttyUSB0?flow=dtrdsr&power=shown", False),
        ("lp:///dev/usb/lp0", False),
        ("usb://04b8:0202", False),
    ],
)
def test_the_address_says_whether_the_connection_outlives_the_printers_power(address: str, hides: bool) -> None:
    assert wire_from_url(address).hides_power_cuts is hides


def test_an_address_that_says_something_else_about_power_is_told_what_there_is() -> None:
    with pytest.raises(DeviceError, match="power is hidden or shown, not 'maybe'"):
        wire_from_url("tcp://127.0.0.1:9100?power=maybe")
