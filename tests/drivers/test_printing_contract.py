"""One contract for printing, on every wire, with and without process ids, under every fault that can be thought of.

The verdict is never wrong: printed means exactly once and whole on paper, not printed means nothing on paper, ever. At most it
is unknown, and on a wire on which nothing comes back it is never printed. No receipt is lost: in the end each is printed, or was
unknown and is printed again as a COPY. Nothing of a job that was cut off is glued to the next one.

A wire is one row of `printing_contract/counter.py`, a fault one line of `printing_contract/faults.py`. The far end is the
simulated printer, and time is a clock that only waiting moves: a silence of ten seconds takes a moment.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import pytest
from printing_contract.contract import keep_the_contract
from printing_contract.counter import ANSWERING_ROWS, QUICK, ROWS, SHOWING, Counter, called, each_on, on
from printing_contract.faults import FAULTS, HIDDEN
from printing_contract.lies import LIES
from printing_contract.paper import ORIGINAL, PROFILE, WARM_UP, WHOLE, size_of_job, times_on_paper

from drivers.document import Cut, Document, Text
from drivers.errors import DeviceAbsent, DeviceBusy, DeviceError
from drivers.escpos import encode
from drivers.printer import Outcome
from drivers.simulated.printer import SimulatedPrinter

# python-escpos leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

SEED = 7


def some_bytes(name: str, count: int) -> list[int]:
    """The first, the last, behind the last, and some between, the same in every run."""
    draw = random.Random(f"{SEED} {name}")
    return sorted({10_000, *(draw.randrange(size_of_job()) for _ in range(count))})


@each_on(FAULTS, ROWS)
def test_a_fault_at_any_byte_of_a_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    for at in [0, 1, size_of_job() - 3, *some_bytes(name, 6)] if counter.is_quick else some_bytes(name, 1):
        counter.wire.at, counter.wire.act = at, lambda: FAULTS[name](counter)
        keep_the_contract(counter)


@each_on(FAULTS, ROWS)
def test_a_fault_before_a_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    counter.clock.skip(10)  # what it said with the receipt before is not believed any more
    FAULTS[name](counter)
    verdict = keep_the_contract(counter)
    if not counter.answers:
        return
    if name in ("unplugged", "paper out", "cover opened", "unrecoverable error", "silent", "garbage", "stalled"):
        assert verdict.outcome is Outcome.NOT_PRINTED
    if name in ("nothing", "paper near end", "paper out, and a new roll", "off and on", "late replies"):
        assert verdict.outcome is Outcome.PRINTED


@each_on(FAULTS, ROWS, first=1)
def test_a_fault_a_moment_after_the_last_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    """The printer is believed to be as it just was, and is not asked again."""
    FAULTS[name](counter)
    keep_the_contract(counter)


HEAD, TAIL = range(12), range(size_of_job() - 30, size_of_job() + 1)
"""The bytes around a receipt, where the printer is set up and asked what became of it."""


@pytest.mark.slow
@pytest.mark.parametrize("stride", [18, pytest.param(6, marks=pytest.mark.long)])
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_every_byte_of_a_receipt(name: str, echoes: bool, stride: int) -> None:
    """Each fault at each byte around the receipt; within it, each byte has its turn with some of the faults."""
    counter = Counter("attached", echoes=echoes)
    counter.print(WARM_UP)
    turn = (2 * list(FAULTS).index(name) + echoes) % stride
    for at in range(size_of_job() + 1):
        if at not in HEAD and at not in TAIL and at % stride != turn:
            continue
        counter.wire.at, counter.wire.act = at, lambda: FAULTS[name](counter)
        keep_the_contract(counter)
    counter.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counter", "seed"),
    [
        pytest.param(row, seed, marks=[pytest.mark.long] if seed else [])
        for row in ROWS
        for seed in range(12 if row[0] in QUICK else 2)
    ],
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


@on(ROWS)
def test_the_paper_may_end_at_any_line(counter: Counter) -> None:
    for lines in range(len(WHOLE) + 2) if counter.is_quick else (0, 4, len(WHOLE)):
        counter.far.paper_out(after_lines=lines)
        counter.clock.skip(10)
        verdict = keep_the_contract(counter)
        # With a new roll the printer prints the rest and says so, or it refused at once.
        assert verdict.outcome is (counter.best if lines or not counter.answers else Outcome.NOT_PRINTED)


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


@on(ROWS)
def test_many_receipts_in_a_row_come_out_in_order(counter: Counter) -> None:
    for number in range(30):
        data = encode(Document(42, (Text(f"Receipt {number}"), Cut())), PROFILE)
        assert counter.print(data).outcome is counter.best
    assert [receipt.lines[0] for receipt in counter.far.receipts[1:]] == [f"Receipt {number}" for number in range(30)]


@pytest.mark.parametrize("wire", [wire for wire, echoes in ROWS if echoes])
def test_a_busy_or_absent_device_says_which(wire: str) -> None:
    counter = Counter(wire)
    for error, code in ((DeviceBusy("Busy.", hint="Wait."), "busy"), (DeviceAbsent("Gone.", hint="Plug."), "absent")):

        def refuse(timeout_s: float | None = None, error: DeviceError = error) -> None:
            raise error

        opened, counter.wire.open = counter.wire.open, refuse  # type: ignore[method-assign]
        verdict = counter.print(ORIGINAL)
        assert (verdict.outcome, verdict.code) == (Outcome.NOT_PRINTED, code)
        counter.wire.open = opened  # type: ignore[method-assign]
    counter.close()


# Printers without macros: nothing but the wire can show that they had power all the time.


@pytest.mark.parametrize(("wire", "echoes"), ANSWERING_ROWS)
def test_without_macros_only_a_wire_that_shows_power_cuts_lets_a_receipt_be_printed(wire: str, echoes: bool) -> None:
    with contextlib.closing(Counter(wire, echoes=echoes, has_macros=False)) as counter:
        expected = (Outcome.PRINTED, "") if wire in SHOWING else (Outcome.UNKNOWN, "unproven")
        for data in (WARM_UP, ORIGINAL, ORIGINAL):
            verdict = counter.print(data)
            assert (verdict.outcome, verdict.code, verdict.doubt) == (*expected, 0)
        assert times_on_paper(counter.printed(), WHOLE) == 2


@pytest.mark.parametrize(
    ("wire", "echoes"),
    [pytest.param(wire, echoes, marks=() if wire in QUICK else pytest.mark.long) for wire, echoes in ANSWERING_ROWS],
)
def test_without_macros_no_fault_makes_the_verdict_wrong(wire: str, echoes: bool) -> None:
    with contextlib.closing(Counter(wire, echoes=echoes, has_macros=False)) as counter:
        counter.print(WARM_UP)
        for name in FAULTS:
            if wire in SHOWING and name in HIDDEN:
                continue
            for at in some_bytes(name, 1)[: 2 if wire in QUICK else 1]:
                counter.wire.at, counter.wire.act = at, lambda name=name: FAULTS[name](counter)  # type: ignore[misc]
                keep_the_contract(counter)
