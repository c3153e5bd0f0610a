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
from drivers.errors import DeviceAbsent
from drivers.escpos import PULSE, RESET, Profile, encode
from drivers.printer import Outcome, Printer, Verdict
from drivers.simulated.pieces import Feed as Blank
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import WriteBroken, WriteStalled

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


class HidingLine:
    """Brings bytes to the printer and back over every power cut; `cuts` are done at those bytes of the receipt's write."""

    name, answers, resumes, hides_power_cuts = "hiding line", True, True, True

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
        if data.endswith(b"\x1d^\x01\x00\x00"):
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
        # A printer without process ids is never asked whether it has macros: its profile says so.
        profile = msgspec.structs.replace(PROFILE, has_asb=has_asb, has_macros=None if echoes else True)
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


def on_a_healthy_printer(data: bytes) -> list[Any]:
    with SimulatedPrinter() as far:
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


@pytest.mark.parametrize("pace", PACES)
def test_a_hidden_power_cut_at_any_byte_makes_no_verdict_wrong(counter: Counter, pace: str) -> None:
    size = len(sent_as_receipt(counter))
    outcomes = []
    for at in range(0, size + 1, 1 if pace == "slow" else 7):
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
    def break_off() -> None:
        raise WriteBroken("It is gone.", sent=0)

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
    if (
        verdict.outcome is Outcome.PRINTED
    ):  # that it tells of its paper shows as much: a printer that was off tells nothing
        assert not counter.printer.has_process_id
        return
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
        assert counter.line.sent == [sent, b"\x1d^\x01\x00\x00"], "nothing before the first byte"
    asked = b"\x1d(H\x06\x0000...." if echoes else b"\x1dr\x01"
    definition = re.match(MACRO, sent, re.DOTALL)
    assert definition
    told = b"\x1da\x0f"
    assert len(sent) == len(definition[0]) + len(RECEIPT) + len(told) + len(asked)
    assert len(definition[0]) <= 15
    counter.close()


# Which printers have macros.


def first_receipts(far: SimulatedPrinter, profile: Profile = PROFILE) -> tuple[Printer, HidingLine]:
    line = HidingLine(far, connects_per_job=False)
    printer = Printer(line, profile, line.clock, reply_timeout_s=0.8, settle_s=0.02, poll_s=0.3)
    for _ in range(3):
        assert printer.print(RECEIPT, timeout_s=TIMEOUT_S) == Verdict(Outcome.PRINTED)
    items = [item for receipt in far.receipts for item in receipt.printed if not isinstance(item, Blank)]
    assert items == WHOLE * 3
    assert len(far.current.printed) == 0
    return printer, line


def test_a_printer_is_asked_once_whether_it_has_macros() -> None:
    with SimulatedPrinter() as far:
        printer, line = first_receipts(far)
    assert printer.has_macros is True
    assert len([data for data in line.sent if b"\x1d:" in data.replace(PICTURE, b"")]) == 1 + 3


def test_a_printer_that_takes_macros_for_letters_is_found_out_and_prints_none_of_them() -> None:
    with SimulatedPrinter(has_macros=False) as far:
        printer, line = first_receipts(far)
    assert printer.has_macros is False
    assert (
        len([data for data in line.sent if b"\x1d:" in data.replace(PICTURE, b"")]) == 2
    )  # not only once: the power may go meanwhile


def test_a_printer_without_process_ids_is_not_asked() -> None:
    with SimulatedPrinter(has_process_id=False, has_macros=False) as far:
        printer, line = first_receipts(far)
    assert printer.has_macros is None
    assert not [data for data in line.sent if b"\x1d:" in data.replace(PICTURE, b"")]


def test_without_macros_the_verdict_is_the_printers_confirmation() -> None:
    with SimulatedPrinter() as far:
        _, line = first_receipts(far, Profile("t", 42, {}, has_macros=False))
    assert not [data for data in line.sent if b"\x1d^" in data.replace(PICTURE, b"")]


def test_power_that_goes_while_a_printer_is_asked_does_not_make_it_one_without_macros() -> None:
    with SimulatedPrinter() as far:
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


def test_another_printer_on_the_same_connection_that_has_no_macros_is_found_out() -> None:
    with SimulatedPrinter() as far:
        printer, _ = first_receipts(far)
        far._inside._has_macros = False
        assert printer.print(NEXT, timeout_s=TIMEOUT_S).code == "restarted"
        assert printer.print(NEXT, timeout_s=TIMEOUT_S) == Verdict(Outcome.PRINTED)
        assert printer.has_macros is False
