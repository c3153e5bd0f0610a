"""Seeds, one after the other or on several processors, and what came of each."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.simulator.hazards import Hazards, drawn
from bench.simulator.steps import run
from bench.simulator.violation import Violation
from bench.simulator.world import World

log = logging.getLogger("central_server")

STEPS = 30
MEMORY = Path("/dev/shm")


class Outcome(NamedTuple):
    """What one seed showed. `violation` is '' where everything held."""

    seed: int
    steps: int
    hazards: str
    faults: dict[str, int]
    entries: int
    violation: str
    trace: tuple[str, ...]


@cache
def template() -> Path:
    """A folder of this process for what is made once: in memory where there is such a place, so that no disk is waited for."""
    return Path(tempfile.mkdtemp(prefix="simulator-", dir=MEMORY if MEMORY.is_dir() else None))


def run_seed(
    seed: int, steps: int = STEPS, hazards: Iterable[str] | None = None, *, is_traced: bool = False
) -> Outcome:
    """One world from beginning to end. Whatever breaks, also an exception that nobody expected, is a violation."""
    chosen = drawn(Random(f"hazards {seed}")) if hazards is None else Hazards(hazards)
    folder = Path(tempfile.mkdtemp(prefix=f"{seed}-", dir=template()))
    world = None
    violation = ""
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it puts off is in the trace
    try:
        world = World(seed, chosen, folder, template(), is_traced=is_traced)
        run(world, steps)
    except Violation as broken:
        violation = f"step {world.step if world else 0}: {broken}"
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(at.filename).name}:{at.lineno}"
        violation = f"step {world.step if world else 0}: {type(error).__name__}: {error} ({where})"
        if is_traced:
            traceback.print_exc(file=sys.stderr)
    finally:
        log.setLevel(level)
        if world is not None:
            world.close()
        shutil.rmtree(folder, ignore_errors=True)
    if world is None:
        return Outcome(seed, steps, str(chosen), {}, 0, violation, ())
    if violation:
        world.say(f"=> {violation}")
    return Outcome(
        seed, steps, str(chosen), dict(world.faults), len(world.facts.entries), violation, tuple(world.lines)
    )


def run_seeds(
    seeds: range, steps: int = STEPS, hazards: tuple[str, ...] | None = None, processes: int = 1
) -> Iterator[Outcome]:
    """Outcomes as they come, in the order of the seeds."""
    if processes == 1:
        for seed in seeds:
            yield run_seed(seed, steps, hazards)
        return
    with get_context("spawn").Pool(processes, initializer=_clean_up_at_exit) as pool:
        yield from pool.imap(partial(run_seed, steps=steps, hazards=hazards), seeds, chunksize=2)
        pool.close()
        pool.join()


def _clean_up_at_exit() -> None:
    from multiprocessing.util import Finalize

    Finalize(None, clean_up, exitpriority=10)


def clean_up() -> None:
    """Removes what this process made once."""
    if template.cache_info().currsize:
        shutil.rmtree(template(), ignore_errors=True)
        template.cache_clear()
