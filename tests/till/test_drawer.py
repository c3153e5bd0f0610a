"""The cash drawer opens whatever loyalty does, and its answer is true."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from drivers.printer import Outcome, Verdict
from drivers.simulated.printer import SimulatedPrinter
from drivers.status import PrinterStatus
from offline_store.errors import StoreError
from pos_plugin import loops
from pos_plugin.papers import till_printer
from tests.waiting import LONG_S, until


@pytest.fixture
def far() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as one:
        yield one


@pytest.fixture
def counter(serve, far):
    with serve(printer={"address": f"tcp://127.0.0.1:{far.serve_tcp()}"}) as served:
        served.terminal.start()
        yield served


class SlowPrinter:
    """A printer that prints one receipt until it is let go on, and counts how often it kicked the drawer between receipts."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.done: list[str] = []

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        self.has_begun.set()
        self.may_end.wait(20)
        self.done.append("receipt")
        return Verdict(Outcome.PRINTED)

    def open_drawer(self, pin: int = 2, *, timeout_s: float = 3.0) -> Verdict:
        self.done.append("drawer")
        return Verdict(Outcome.PRINTED)

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return PrinterStatus()

    hear = status

    def close(self) -> None:
        pass


def test_it_opens_and_says_that_nothing_here_saw_it(counter, far: SimulatedPrinter) -> None:
    said = counter.client.post("/v1/drawer").json()
    assert said["drawer"] == "sent"
    assert far.wait_until(lambda: far.drawer_kicks == 1)


def drawer_at(far: SimulatedPrinter, **drawer: object) -> dict[str, object]:
    return {"printer": {"address": f"tcp://127.0.0.1:{far.serve_tcp()}"}, "drawer": drawer}


@pytest.mark.parametrize("level", ["high", "low"])
def test_with_its_switch_wired_it_says_that_it_is_open(serve, level: str) -> None:
    with SimulatedPrinter(drawer_sensor=f"{level} when open") as far, serve(**drawer_at(far, open_is=level)) as served:
        served.terminal.start()
        said = served.client.post("/v1/drawer").json()
        assert (said["drawer"], said["text"]) == ("opened", "The drawer is open.")


def test_one_that_is_stuck_is_not_called_open(serve, far: SimulatedPrinter) -> None:
    far.lock_drawer()
    with serve(**drawer_at(far, open_is="high")) as served:
        served.terminal.start()
        said = served.refused(
            served.client.post("/v1/drawer"), 409, "DRAWER_NOT_OPENED", "does not say that it is open"
        )
        assert "lock" in said["hint"]


def test_the_second_drawer_hangs_on_pin_5(serve) -> None:
    with SimulatedPrinter(drawer_pin=5) as far, serve(**drawer_at(far, pin=5, open_is="high")) as served:
        served.terminal.start()
        assert served.client.post("/v1/drawer").json()["drawer"] == "opened"


@pytest.mark.parametrize("fault", [SimulatedPrinter.paper_out, SimulatedPrinter.open_cover])
def test_without_paper_it_opens_all_the_same(counter, far: SimulatedPrinter, fault) -> None:
    fault(far)
    counter.sell("1")
    assert counter.client.post("/v1/drawer").json()["drawer"] == "sent"
    assert far.wait_until(lambda: far.drawer_kicks == 1)


def test_without_a_printer_it_says_why_not(served) -> None:
    served.terminal.start()
    said = served.refused(served.client.post("/v1/drawer"), 409, "DRAWER_NOT_OPENED", "this till has none")
    assert "key" in said["hint"]


def test_an_unplugged_printer_opens_nothing_and_says_so(counter, far: SimulatedPrinter) -> None:
    far.unplug()
    said = served_refusal(counter)
    assert "The drawer was not opened." in said["message"]
    assert "Nothing was printed" not in said["message"]


def served_refusal(counter) -> dict[str, str]:
    return counter.refused(counter.client.post("/v1/drawer"), 409, "DRAWER_NOT_OPENED")


def test_it_opens_although_the_ledger_has_stopped(counter, far: SimulatedPrinter, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("the disk is gone")

    for module, pause in ((loops, "AGAIN_AFTER_S"), (till_printer, "FILE_AGAIN_AFTER_S")):
        monkeypatch.setattr(module, pause, 60.0)  # the pause after a failure is no excuse
    monkeypatch.setattr(counter.terminal.store, "read", broken)
    monkeypatch.setattr(counter.terminal.store, "write", broken)
    for kicks in (1, 2, 3):  # the printer's thread keeps failing at its table, and keeps opening drawers
        assert counter.client.post("/v1/drawer").json()["drawer"] == "sent"
        assert far.wait_until(lambda kicks=kicks: far.drawer_kicks == kicks)
    monkeypatch.undo()


def test_it_waits_for_the_receipt_under_way_and_for_no_other(serve) -> None:
    printer = SlowPrinter()
    with serve() as served:
        for ref in ("1", "2", "3"):
            served.sell(ref)
        served.terminal.start(printer)
        assert printer.has_begun.wait(LONG_S)
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(served.terminal.printer.open_drawer().drawer))
        asking.start()
        until(lambda: served.terminal.printer.errands._waiting)
        printer.may_end.set()
        asking.join(LONG_S)
        assert answers == ["sent"]
        assert printer.done[:2] == ["receipt", "drawer"]


def test_one_that_was_given_up_does_not_open_later(serve, monkeypatch) -> None:
    monkeypatch.setattr(till_printer, "DRAWER_WAIT_S", 0.05)
    printer = SlowPrinter()
    with serve() as served:
        served.sell("1")
        served.terminal.start(printer)
        assert printer.has_begun.wait(LONG_S)
        said = served.terminal.printer.open_drawer()
        assert (said.drawer, said.code) == ("not opened", "catching_up")
        printer.may_end.set()
        until(lambda: printer.done == ["receipt"])
        assert served.terminal.printer.open_drawer().drawer == "sent"
        assert printer.done == ["receipt", "drawer"]


def test_a_till_that_closes_opens_nothing_more(serve) -> None:
    printer = SlowPrinter()
    printer.may_end.set()
    with serve() as served:
        served.terminal.start(printer)
        served.terminal.close()
        assert served.terminal.printer.open_drawer().drawer == "not opened"
        assert printer.done == []
