"""What is promised of every receipt on every wire, and a till with its cashier that holds the driver to it."""

from __future__ import annotations

from typing import Any

from printing_contract.counter import Counter
from printing_contract.paper import COPY, ORIGINAL, WHOLE, WHOLE_COPY, times_on_paper

from drivers.printer import Outcome, Verdict

TRIES = 12  # of a spooler, before it counts as lost


def assert_true(verdict: Verdict, paper: list[Any]) -> None:
    """`paper`: what came out since the receipt was asked for."""
    of_it = sum(item in WHOLE for item in paper)
    match verdict.outcome:
        case Outcome.PRINTED:
            assert times_on_paper(paper, WHOLE) == 1
        case Outcome.NOT_PRINTED:
            assert of_it == 0
            assert verdict.reason.endswith("Nothing was printed.")
        case Outcome.UNKNOWN:
            assert "Look at the paper" in verdict.reason
    assert verdict.code or verdict.outcome is Outcome.PRINTED
    assert of_it <= len(WHOLE), "nothing is sent twice"


def keep_the_contract(counter: Counter) -> Verdict:
    """Prints one receipt while whatever was prepared happens, and then sees to it as a till and its cashier would."""
    cut_off = len(counter.far.receipts)
    before = len(counter.printed(cut_off))

    def paper() -> list[Any]:
        return counter.printed(cut_off)[before:]

    verdict = counter.print(ORIGINAL)
    assert_true(verdict, paper())
    assert counter.answers or (verdict.outcome is not Outcome.PRINTED and verdict.doubt == 0), "it cannot know"
    counter.put_right()
    proven = counter.look()
    if verdict.doubt and verdict.doubt in proven:
        verdict = Verdict(Outcome.PRINTED)
    assert_true(verdict, paper())
    if verdict.outcome is Outcome.UNKNOWN:
        counter.printer.drop()  # the cashier prints it again
    wanted, whole = (COPY, WHOLE_COPY) if verdict.outcome is Outcome.UNKNOWN else (ORIGINAL, WHOLE)
    if verdict.outcome is not Outcome.PRINTED:
        for _ in range(TRIES):  # the spooler tries for as long as it takes
            printed_before = times_on_paper(paper(), whole)
            again = counter.print(wanted)
            if again.outcome is counter.best:
                break
            if again.outcome is Outcome.UNKNOWN:
                # answers to others may come late and silence this: once more, as a COPY
                counter.look()
                counter.printer.drop()
                wanted, whole = COPY, WHOLE_COPY
        assert again.outcome is counter.best, again
        assert times_on_paper(paper(), whole) == printed_before + 1, "whole, in its own style, nothing glued to it"
        assert paper()[-len(whole) :] == whole
    first_copy = next((at for at, item in enumerate(paper()) if item == WHOLE_COPY[0]), None)
    originals = paper()[:first_copy]
    assert sum(item in WHOLE for item in originals) <= len(WHOLE), "only a COPY comes out a second time"
    return verdict
