"""Wires on which nothing comes back: a file, and a queue of a print server, which may refuse or give up a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from far_ends import PrintServer
from printing_contract.contract import keep_the_contract
from printing_contract.counter import TIMEOUT_S, Counter
from printing_contract.handed_on import HandedOnWire
from printing_contract.meddling import Clock
from printing_contract.paper import COPY, FIRST_LINE, ORIGINAL, PROFILE, WARM_UP, WHOLE_COPY, printed_by, size_of_job

from drivers.printer import Outcome, Printer
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import FileWire, QueueWire


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


def test_a_reader_of_a_file_that_leaves_out_the_end_of_a_job_glues_nothing_to_the_next() -> None:
    with contextlib.closing(Counter("file")) as counter:
        assert isinstance(counter.wire, HandedOnWire)
        for at in range(0, size_of_job(), 7):
            counter.wire.at, counter.wire.act = at, counter.wire.messenger.break_off
            keep_the_contract(counter)


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
    server, clock = PrintServer(), Clock()
    wire = QueueWire("127.0.0.1", server.server_address[1], server.NAME, clock=clock, sleep=clock.skip)
    printer = Printer(wire, PROFILE, clock)
    if moment != "before it is open":
        assert printer.print(WARM_UP, timeout_s=TIMEOUT_S).outcome is Outcome.UNKNOWN
    server.jobs.clear()
    act(server)
    verdict = printer.print(ORIGINAL, timeout_s=TIMEOUT_S)
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
        assert printed_by(far) == WHOLE_COPY
    printer.close()
    server.close()
