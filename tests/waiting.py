"""The one way in which a test waits for what another thread or process does: it looks until it is so."""

from __future__ import annotations

import time
from collections.abc import Callable

LONG_S = 20.0
"""Longer than anything takes on a busy machine; who waits so long has failed."""


def until(claim: Callable[[], object], why: str = "waited in vain") -> None:
    give_up = time.monotonic() + LONG_S
    while not claim():
        assert time.monotonic() < give_up, why
        time.sleep(0.002)
