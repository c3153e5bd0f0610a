"""What a printer cannot do, who else is there, and receipts that take their time."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest
from printing_contract.contract import assert_true, keep_the_contract
from printing_contract.counter import ANSWERING, ANSWERING_ROWS, BYTES_ALONE, Counter, on
from printing_contract.faults import FAULTS
from printing_contract.meddling import MeddledWire
from printing_contract.paper import ORIGINAL, PROFILE, WARM_UP, size_of_job

from drivers.document import Cut, Document, Text
from drivers.escpos import encode
from drivers.printer import Outcome
from drivers.wires import SerialWire

# python-escpos leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@on(BYTES_ALONE)
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
    counter = Counter("tcp")
    assert isinstance(counter.wire, MeddledWire)
    with socket.create_connection(("127.0.0.1", int(counter.wire.name.rpartition(":")[2]))):
        assert counter.far.wait_until(lambda: counter.far.state()["connected"])
        counter.wire.is_kept_waiting(True)
        assert counter.print(ORIGINAL).outcome is Outcome.NOT_PRINTED
        assert counter.printed() == []
    counter.wire.is_kept_waiting(False)
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


@on(ANSWERING_ROWS)
@pytest.mark.parametrize("bytes_per_s", [pytest.param(300, marks=pytest.mark.long), 1000])
def test_a_long_receipt_may_drain_slowly_as_long_as_it_drains(counter: Counter, bytes_per_s: int) -> None:
    long = encode(Document(42, (*(Text(f"{n} " + "long " * 6) for n in range(300)), Cut())), PROFILE)
    counter.far.slow_down(bytes_per_s=bytes_per_s)
    verdict = counter.printer.print(long, timeout_s=len(long) / bytes_per_s + 10)
    assert verdict.outcome is Outcome.PRINTED
    assert len(counter.far.receipts[-1].lines) == 300


@pytest.mark.slow
@pytest.mark.parametrize("wire", ANSWERING)
def test_a_small_buffer_that_fills_again_and_again_loses_no_line_and_doubles_none(wire: str) -> None:
    # More than the system keeps for a terminal by itself, so that this is stopped as well.
    lines = [f"{number} " + "long " * 6 for number in range(3000 if wire in ("serial", "lp") else 300)]
    with contextlib.closing(Counter(wire, buffer_bytes=1024)) as counter:
        counter.print(WARM_UP)
        counter.far.slow_down(bytes_per_s=len(lines) * 7)
        long = encode(Document(42, (*map(Text, lines), Cut())), PROFILE)
        assert counter.printer.print(long, timeout_s=60).outcome is Outcome.PRINTED
        assert [line.strip() for line in counter.far.receipts[-1].lines] == [line.strip() for line in lines]


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


@on(ANSWERING_ROWS)
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
