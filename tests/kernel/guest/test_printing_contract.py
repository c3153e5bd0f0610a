"""The contract of printing over the kernel's own USB printer driver: every fault at some byte of a receipt.

The rest of that contract, on every wire that needs no kernel of its own, is tests/drivers/test_printing_contract.py.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gadgets import PrinterGadget, wait_for

sys.path.insert(0, str(Path(__file__).parents[2] / "drivers"))

from printing_contract.contract import keep_the_contract
from printing_contract.counter import WIRES, Counter
from printing_contract.faults import FAULTS
from printing_contract.meddling import MeddledWire
from printing_contract.paper import WARM_UP, size_of_job

from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import LinePrinterWire, Wire

LP0 = Path("/dev/usb/lp0")


@pytest.fixture(scope="module")
def gadget() -> Iterator[PrinterGadget]:
    made = PrinterGadget(answers=16)
    wait_for(LP0.exists, "the kernel's printer driver takes it up")
    yield made
    made.close()


@pytest.fixture
def counter(
    request: pytest.FixtureRequest, gadget: PrinterGadget, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Counter]:
    """A printer without power is gone from the bus: `unplug` and `plug` do that as well."""

    def on_lp0(far: SimulatedPrinter) -> Wire:
        unplug, plug = far.unplug, far.plug
        monkeypatch.setattr(far, "unplug", lambda: (unplug(), gadget.withdraw()))
        monkeypatch.setattr(far, "plug", lambda: (gadget.insert(), wait_for(LP0.exists, "it is taken up"), plug()))
        far.serve_gadget(gadget.device)
        return LinePrinterWire(str(LP0))

    monkeypatch.setitem(WIRES, "lp0", on_lp0)
    counter = Counter("lp0", echoes=request.param)
    assert isinstance(counter.wire, MeddledWire)
    counter.wire.drops_when_closed = True
    assert counter.print(WARM_UP).outcome is counter.best
    yield counter
    counter.close()


@pytest.mark.parametrize(
    ("counter", "name"),
    [(number % 2 == 0, name) for number, name in enumerate(FAULTS)],
    indirect=["counter"],
    ids=lambda value: {True: "echoes", False: "no echo"}.get(value, value),
)
def test_a_fault_at_some_byte_of_a_receipt_never_makes_the_verdict_wrong(counter: Counter, name: str) -> None:
    counter.wire.at, counter.wire.act = random.Random(name).randrange(size_of_job()), lambda: FAULTS[name](counter)
    keep_the_contract(counter)
