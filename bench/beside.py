"""What every measurement shares: a folder on a real disk, a stopwatch, and the line that is printed."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder in `BENCH_DIR`, which must be on a real disk; without it, wherever temporary files go."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as name:
        yield Path(name)


def at_most(what: str, ours: float, peer: float, target: float, unit: str, **more: Any) -> dict[str, Any]:
    """Ours costs at most `target` times what the peer costs."""
    return {
        "what": what,
        "ours": ours,
        "peer": peer,
        "unit": unit,
        "ratio": ours / peer,
        "target": target,
        "met": ours <= target * peer,
        **more,
    }


def at_least(what: str, ours: float, peer: float, target: float, unit: str, **more: Any) -> dict[str, Any]:
    """Ours does at least `target` times as much in the same time as the peer."""
    return {**at_most(what, ours, peer, target, unit), "met": ours >= target * peer, "at_least": True, **more}


def timed(act: Callable[..., object], *arguments: Any) -> float:
    """Microseconds."""
    start = time.perf_counter_ns()
    act(*arguments)
    return (time.perf_counter_ns() - start) / 1000


def percentile(times: Sequence[float], percent: int) -> float:
    return statistics.quantiles(times, n=100)[percent - 1]
