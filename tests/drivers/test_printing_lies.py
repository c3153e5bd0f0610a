"""Answers that lie, are cut, come twice or in pieces, on every wire that answers: the verdict is not wrong for it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from printing_contract.contract import keep_the_contract
from printing_contract.counter import ANSWERING_ROWS, Counter, each_on, on
from printing_contract.faults import FAULTS
from printing_contract.lies import LIES, before_each
from printing_contract.paper import size_of_job

# python-escpos leaves the socket of a refused connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

SEED = 7


@each_on(LIES, ANSWERING_ROWS)
def test_whatever_comes_in_the_verdict_is_not_wrong(counter: Counter, name: str) -> None:
    for fault in ("nothing", "paper out", "unplugged") if counter.is_quick else ("paper out",):
        for at in (0, size_of_job() // 2, 10_000) if counter.is_quick else (size_of_job() // 2,):
            meddle = LIES[name](counter)

            def act(meddle: Callable[[bytes], bytes] = meddle, fault: str = fault) -> None:
                counter.wire.meddle = meddle
                FAULTS[fault](counter)

            counter.wire.at, counter.wire.act = at, act
            keep_the_contract(counter)


@on([row for row in ANSWERING_ROWS if row[1]])
def test_noise_of_any_kind_proves_nothing_to_a_printer_with_process_ids(counter: Counter) -> None:
    draw = random.Random(SEED)
    for _ in range(20 if counter.is_quick else 4):
        counter.wire.at = draw.randrange(size_of_job())
        counter.wire.act = lambda: (
            counter.far.paper_out(),
            setattr(counter.wire, "meddle", before_each(draw.randbytes(40))),
        )
        keep_the_contract(counter)
