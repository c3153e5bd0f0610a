"""From the table to paper: in order, once, with a verdict; what is not certain waits for a person.

The printer is the simulated one at the far end of a real socket.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.document import Cut, Document, Text, encode_document
from drivers.escpos import Profile
from drivers.printer import Printer, Verdict
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import TcpWire
from offline_store import receipts
from offline_store.receipts import PrintJob
from pos_plugin.config import Config
from pos_plugin.errors import Unknown
from pos_plugin.papers.spooler import Spooler
from pos_plugin.terminal import Terminal
from tests.waiting import until

PROFILE = Profile("test", 42, {})


class Desk:
    """A till, its spooler, and the printer beside it."""

    def __init__(self, till) -> None:
        self.till = till
        self.far = SimulatedPrinter()
        self.port = self.far.serve_tcp()
        self.told: list[PrintJob] = []
        self.changes: list[str] = []
        self.spooler = self.new_spooler()

    def new_spooler(self) -> Spooler:
        wire = TcpWire("127.0.0.1", self.port)
        printer = Printer(wire, PROFILE, reply_timeout_s=5.0, settle_s=0.02, poll_s=0.02)
        self.spooler = Spooler(
            self.till.store,
            printer,
            PROFILE,
            changed=self.told.append,
            told=lambda change: self.changes.append(change.code),
        )
        return self.spooler

    def work(self) -> None:
        while self.spooler.step():
            pass

    def states(self) -> list[str]:
        with self.till.store.read() as db:
            return [job.state for job in reversed(receipts.shown_jobs(db))]

    def jam_in_mid_receipt(self) -> None:
        """The cutter jams once the first line of the next receipt is printed."""
        self.far.slow_down(bytes_per_s=300)

        def jam() -> None:
            if self.far.current.lines and self.far.state()["cutter"] == "ok":
                self.far._on_change = None
                self.far.cutter_jam()
                self.far.slow_down()

        self.far._on_change = jam

    def job(self, number: int) -> PrintJob:
        with self.till.store.read() as db:
            found = receipts.job(db, number)
        assert found is not None
        return found

    def papers(self) -> list[str]:
        """For each piece of paper the sale whose reference it bears, COPY where it says so."""
        found = []
        for paper in self.far.receipts:
            number = next(line for line in paper.lines if "Receipt" in line).split("-")[1]
            found.append(number + (" COPY" if any("COPY" in line for line in paper.lines) else ""))
        return found


@pytest.fixture
def desk(till) -> Iterator[Desk]:
    one = Desk(till)
    yield one
    one.spooler.close()
    one.far.close()


def test_receipts_come_out_in_order_and_once(desk: Desk) -> None:
    for ref in "abc":
        desk.till.sell(ref)
    desk.work()
    desk.work()
    assert desk.papers() == ["1", "2", "3"]
    assert desk.states() == ["printed"] * 3
    assert [(job.number, job.state) for job in desk.told] == [(1, "printed"), (2, "printed"), (3, "printed")]
    assert desk.spooler.trouble == ""


def test_with_nothing_to_print_a_step_touches_no_printer(desk: Desk) -> None:
    desk.far.unplug()
    assert desk.spooler.step() is False
    assert desk.spooler.trouble == ""


def test_without_paper_receipts_wait_and_come_out_in_order_once_it_is_loaded(desk: Desk) -> None:
    desk.far.paper_out()
    for ref in "ab":
        desk.till.sell(ref)
    desk.work()
    desk.work()  # nothing that was refused is sent
    assert desk.papers() == []
    assert desk.states() == ["not printed", "waiting"]
    assert desk.spooler.trouble_code == "paper_out"
    assert "paper" in desk.spooler.trouble.lower()
    desk.far.load_paper()
    desk.work()
    assert desk.papers() == ["1", "2"]
    assert desk.states() == ["printed", "printed"]
    assert desk.spooler.trouble == desk.spooler.trouble_code == ""


def test_an_unplugged_printer_gets_its_receipts_once_it_is_back(desk: Desk) -> None:
    desk.far.unplug()
    desk.till.sell("a")
    desk.work()
    assert desk.states() == ["not printed"]
    assert desk.spooler.trouble_code == "absent"
    desk.far.plug()
    desk.work()
    assert desk.papers() == ["1"]
    assert desk.states() == ["printed"]


def test_when_the_paper_ends_within_a_receipt_nobody_guesses(desk: Desk) -> None:
    desk.till.sell("a")
    desk.till.sell("b")
    desk.far.paper_out(after_lines=2)
    assert desk.spooler.step()
    assert desk.job(1).state == "unknown"
    assert "Look at the paper" in desk.job(1).reason
    desk.work()
    assert desk.states() == ["unknown", "not printed"]
    assert desk.spooler.can_go_on(1)
    desk.far.load_paper()
    desk.work()
    assert desk.states() == ["printed", "printed"]  # the printer went on by itself, and said so
    assert desk.papers() == ["1", "2"]
    assert [(job.number, job.state) for job in desk.told] == [
        (1, "unknown"),
        (2, "not printed"),
        (1, "printed"),
        (2, "printed"),
    ]
    assert (desk.job(1).code, desk.job(1).reason) == ("", "")


def test_with_a_new_roll_the_rest_is_proven_without_a_question_and_without_anybody(desk: Desk) -> None:
    desk.till.sell("a")
    desk.far.paper_out(after_lines=2)
    desk.work()
    assert desk.states() == ["unknown"]
    desk.spooler.look()
    assert desk.spooler.trouble_code == "paper_out"
    desk.far.load_paper()
    desk.spooler.look()
    assert desk.states() == ["printed"]
    assert desk.papers() == ["1"]


def test_a_change_is_heard_without_asking(desk: Desk) -> None:
    desk.till.sell("a")
    desk.work()
    desk.spooler.look()
    desk.far.paper_near_end()
    until(lambda: desk.spooler.listen() or desk.changes == ["paper_near_end"])
    assert (desk.spooler.trouble, desk.spooler.notice) == ("", "The paper is nearly used up. Have a new roll ready.")
    desk.far.paper_out()
    until(lambda: desk.spooler.listen() or desk.spooler.trouble_code == "paper_out")
    assert desk.spooler.notice == ""
    desk.far.load_paper()
    until(desk.spooler.listen)  # and it says that what waits can be printed
    assert desk.changes == ["paper_near_end", "paper_out", "paper_loaded"]
    assert desk.spooler.trouble == desk.spooler.notice == ""


def test_after_a_jam_the_rest_comes_out_when_a_person_says_so(desk: Desk, terminal: Terminal) -> None:
    desk.till.sell("a")
    desk.till.sell("b")
    desk.jam_in_mid_receipt()
    desk.work()
    assert desk.states() == ["unknown", "not printed"]
    assert desk.spooler.go_on(2) == ""  # of that one the printer has nothing
    assert desk.spooler.go_on(1) == "printed"
    assert desk.spooler.go_on(1) == ""
    desk.work()
    assert desk.states() == ["printed", "printed"]
    assert desk.papers() == ["1", "2"]


def test_going_on_without_paper_leaves_it_unknown(desk: Desk) -> None:
    desk.till.sell("a")
    desk.far.paper_out(after_lines=2)
    desk.work()
    assert desk.spooler.go_on(1) == "unknown"
    assert desk.job(1).code == "paper_out"
    assert desk.spooler.can_go_on(1)


def test_printing_again_drops_the_rest_of_the_first(desk: Desk, terminal: Terminal) -> None:
    desk.till.sell("a")
    desk.far.paper_out(after_lines=2)
    desk.work()
    terminal.printer.settle(1, came_out=False)
    desk.work()
    assert not desk.spooler.can_go_on(1)
    desk.far.load_paper()
    desk.work()
    assert desk.states() == ["dropped", "printed"]
    assert len(desk.far.receipts) == 1  # the first lines of the first hang above it
    assert any("COPY" in line for line in desk.far.receipts[0].lines)


def test_what_a_person_has_settled_is_not_settled_anew_by_the_printer(desk: Desk, terminal: Terminal) -> None:
    desk.till.sell("a")
    desk.far.paper_out(after_lines=2)
    desk.work()
    desk.far.load_paper()
    terminal.printer.settle(1, came_out=True)
    desk.spooler.look()
    assert (desk.job(1).state, desk.job(1).code) == ("printed", "settled")


@pytest.mark.slow
def test_a_day_of_receipts_comes_out_in_order_after_an_outage(desk: Desk) -> None:
    desk.far.unplug()
    numbers = range(1, 1001)

    def keep(db):
        for number in numbers:
            db.execute("INSERT INTO entry VALUES (?, ?, x'')", (number, number.to_bytes(32, "big")))
            receipts.keep(db, number, encode_document(Document(42, (Text(f"Receipt X-{number}-Y"), Cut()))))

    desk.till.store.write(keep)
    desk.work()
    assert desk.spooler.trouble_code == "absent"
    desk.far.plug()
    desk.work()
    with desk.till.store.read() as db:
        assert receipts.counts(db) == {"printed": 1000}
    assert desk.far.printed_total == 1000
    assert desk.papers() == [str(number) for number in numbers[-200:]]  # as many as it keeps
    assert [job.number for job in desk.told if job.state == "printed"] == list(numbers)


def test_what_was_being_printed_when_the_power_went_is_unknown(desk: Desk) -> None:
    desk.till.sell("a")
    desk.till.sell("b")
    desk.till.store.write(lambda db: receipts.start(db, 1))
    desk.till.reopen()
    desk.new_spooler()
    desk.work()
    assert desk.states() == ["unknown", "printed"]
    assert desk.job(1).code == "interrupted"
    assert desk.papers() == ["2"]


class PowerCut(Exception):
    pass


class CutAt:
    """A device at which the power goes, before or after the receipt is on paper."""

    def __init__(self, real: Printer, *, is_printed: bool) -> None:
        self._real, self._is_printed = real, is_printed

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        if self._is_printed:
            self._real.print(data, timeout_s=timeout_s)
        raise PowerCut

    def status(self, timeout_s: float = 2.0):
        return self._real.status(timeout_s)

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("is_printed", [False, True])
def test_a_power_cut_while_printing_never_prints_twice_by_itself(desk: Desk, is_printed: bool) -> None:
    desk.till.sell("a")
    real = Printer(TcpWire("127.0.0.1", desk.port), PROFILE, reply_timeout_s=5.0, settle_s=0.02, poll_s=0.02)
    dying = Spooler(desk.till.store, CutAt(real, is_printed=is_printed), PROFILE)
    with pytest.raises(PowerCut):
        dying.step()
    real.close()
    desk.till.reopen()
    desk.new_spooler()
    desk.work()
    assert desk.states() == ["unknown"]
    assert desk.papers() == (["1"] if is_printed else [])


def test_a_receipt_that_cannot_be_laid_out_does_not_hold_up_the_next(desk: Desk) -> None:
    desk.till.sell("a")
    desk.till.sell("b")
    desk.till.store.write(lambda db: db.execute("UPDATE receipt SET document = x'7b' WHERE number = 1") and None)
    desk.work()
    assert desk.states() == ["dropped", "printed"]
    assert desk.job(1).code == "unreadable"
    assert "The sale stands" in desk.job(1).reason
    assert desk.papers() == ["2"]


def test_nothing_in_a_text_commands_the_printer(desk: Desk) -> None:
    document = Document(42, (Text("Tea\x1dV\x00\x1bp\x00\x19\xfa"), Text("Receipt X-1-Y"), Cut()))

    def keep(db):
        db.execute("INSERT INTO entry VALUES (1, zeroblob(32), x'')")
        receipts.keep(db, 1, encode_document(document))

    desk.till.store.write(keep)
    desk.work()
    assert len(desk.far.receipts) == 1
    assert desk.far.drawer_kicks == 0


def test_an_idle_printer_is_looked_at(desk: Desk) -> None:
    desk.spooler.look()
    assert desk.spooler.trouble == ""
    desk.far.open_cover()
    desk.spooler.look()
    assert desk.spooler.trouble_code == "cover_open"
    desk.far.close_cover()
    desk.spooler.look()
    assert desk.spooler.trouble == desk.spooler.trouble_code == ""
    desk.far.unplug()
    desk.spooler.look()
    assert desk.spooler.trouble_code


# -- what a person asks for


@pytest.fixture
def terminal(desk: Desk) -> Iterator[Terminal]:
    one = Terminal(desk.till.store, Config(), clock=lambda: desk.till.now)
    yield one
    one.head_office.close()


def test_a_reprint_says_copy_and_is_the_receipt_as_it_was(desk: Desk, terminal: Terminal) -> None:
    done = desk.till.sell("a")
    desk.work()
    terminal.printer.reprint(done.reference.lower())
    desk.work()
    assert desk.papers() == ["1", "1 COPY"]
    first, copy = desk.far.receipts
    assert [line for line in copy.lines if line and "COPY" not in line] == [line for line in first.lines if line]


@pytest.mark.parametrize("reference", ["", "7K3M2P-17-6", "no reference"])
def test_what_was_never_printed_here_is_not_reprinted(desk: Desk, terminal: Terminal, reference: str) -> None:
    with pytest.raises(Unknown) as refused:
        terminal.printer.reprint(reference)
    assert refused.value.hint


@pytest.mark.parametrize("came_out", [True, False])
def test_a_person_settles_an_unknown_print_once(desk: Desk, terminal: Terminal, came_out: bool) -> None:
    desk.till.sell("a")
    desk.till.store.write(lambda db: receipts.start(db, 1))
    desk.new_spooler()
    terminal.printer.settle(1, came_out=came_out)
    with pytest.raises(Unknown):
        terminal.printer.settle(1, came_out=came_out)
    desk.work()
    assert desk.papers() == ([] if came_out else ["1 COPY"])
    assert desk.states() == (["printed"] if came_out else ["dropped", "printed"])


def test_a_receipt_that_a_person_settles_while_the_spooler_reaches_for_it_comes_out_once(
    desk: Desk, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is settled, and asked for anew, between the spooler's reading and its start."""
    desk.far.paper_out()
    desk.till.sell("a")
    desk.work()
    desk.far.load_paper()
    read = receipts.document

    def settled_meanwhile(db, number):
        monkeypatch.undo()
        terminal.printer.settle(1, came_out=False)
        return read(db, number)

    monkeypatch.setattr(receipts, "document", settled_meanwhile)
    desk.work()
    assert desk.papers() == ["1"]
    assert desk.states() == ["dropped", "printed"]
