"""The files beside these tests can be imported by them. A counter is a row of the contract of printing, in working order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from printing_contract.counter import Counter
from printing_contract.paper import WARM_UP
from standing_clock import Clock


@pytest.fixture
def counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    """One receipt further than new. Which wires a test has is said by `on` or `each_on` at that test."""
    wire, echoes = request.param
    counter = Counter(wire, echoes=echoes)
    assert counter.print(WARM_UP).outcome is counter.best
    yield counter
    counter.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()
