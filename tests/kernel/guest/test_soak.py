"""Twice a hundred receipts over USB while somebody plays with the cable and the switch, by seeds.

A till does with a verdict what the spooler does: what was not printed is printed again as it is, what is unknown is printed
again and says that it is a copy.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from gadgets import SOON_S, PrinterGadget, UsbPrinter, receipt

from drivers.printer import Outcome, Printer

RECEIPTS = 100
TROUBLES = 8


@pytest.mark.timeout(90)
@pytest.mark.parametrize("seed", [20261121, 20261122])
def test_no_receipt_is_lost_and_none_is_doubled_unless_it_says_so(
    seed: int, plug_in: Callable[[UsbPrinter], UsbPrinter], new_driver: Callable[[str], Printer]
) -> None:
    far = plug_in(UsbPrinter(PrinterGadget()))
    printer = new_driver("usb://04b8:0202?serial=SN0001")
    chance = random.Random(seed)
    troubled = set(chance.sample(range(RECEIPTS), TROUBLES))
    first = min(troubled)
    outcomes: list[tuple[str, Outcome]] = []

    def trouble(after_s: float, keeps_power: bool) -> threading.Timer:
        """Some moment of the job: before, amid or behind it."""
        hand = threading.Timer(after_s, far.pull if keeps_power else far.switch_off)
        hand.start()
        return hand

    for number in range(RECEIPTS):
        text = f"Sale {number:03}."
        copies = 0
        while True:
            keeps_power = chance.random() < 0.5
            hand = trouble(chance.uniform(0, 0.15), keeps_power) if number in troubled else None
            if hand and number == first:
                hand.join()  # this one finds nobody; the others come when they come
            verdict = printer.print(receipt(text), timeout_s=SOON_S)
            outcomes.append((text, verdict.outcome))
            if hand:
                troubled.remove(number)
                hand.join()
                far.plug() if keeps_power else far.switch_on()
            if verdict.outcome is Outcome.PRINTED:
                break
            if verdict.outcome is Outcome.UNKNOWN:
                copies += 1
                text = f"Sale {number:03} COPY {copies}."

    pieces = [*far.simulated.receipts, far.simulated.current]
    paper = Counter(re.findall(r"Sale [^.]*\.", "\n".join(line for piece in pieces for line in piece.lines)))
    assert {text[:8] for text in paper} == {f"Sale {number:03}" for number in range(RECEIPTS)}  # none lost
    assert set(paper.values()) == {1}  # none doubled: what is there twice says COPY
    assert all(paper[text] for text, outcome in outcomes if outcome is Outcome.PRINTED)  # and printed was printed
    unknown = sum(outcome is Outcome.UNKNOWN for _, outcome in outcomes)
    assert unknown <= TROUBLES
    assert len(outcomes) > RECEIPTS  # the hand was felt
