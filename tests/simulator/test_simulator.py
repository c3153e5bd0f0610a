"""Seeds that must pass, and a seed that must do the same again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench.simulator
from bench.simulator import shoppers
from bench.simulator.hazards import HAZARDS, NAMES, Hazards
from bench.simulator.running import clean_up, run_seed, run_seeds
from bench.simulator.slips import figures
from bench.simulator.steps import ACTIONS, LIFE

SEEDS = 30
STEPS = 8


@pytest.fixture(autouse=True, scope="module")
def _tidy() -> Iterator[None]:
    yield
    clean_up()


def test_thirty_seeds_pass() -> None:
    processes = min(2, os.cpu_count() or 1)
    broken = [
        f"seed {outcome.seed} ({outcome.hazards}): {outcome.violation}"
        for outcome in run_seeds(range(SEEDS), STEPS, processes=processes)
        if outcome.violation
    ]
    assert broken == []


def test_a_lot_with_days_of_grace_is_no_problem_of_the_till() -> None:
    assert run_seed(2057, 60, ("lost answer", "double join", "months")).violation == ""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixty_longer_seeds_pass() -> None:
    processes = min(2, os.cpu_count() or 1)
    outcomes = list(run_seeds(range(900, 960), processes=processes))
    assert [(one.seed, one.violation) for one in outcomes if one.violation] == []
    met = {kind.removeprefix("server: ") for one in outcomes for kind in one.faults}
    assert {
        "cut",
        "doubled",
        "delayed",
        "garbled",
        "image",
        "clone",
        "destroyed",
        "server restored",
        "double join",
        "update",
        "erase",
        "forfeit",
        "revoked",
        "excuse",
    } <= met


def test_a_seed_does_the_same_again_to_the_byte() -> None:
    first = run_seed(7, 20, NAMES, is_traced=True)
    assert len(first.trace) > 60
    assert run_seed(7, 20, NAMES, is_traced=True) == first


@pytest.mark.slow
def test_a_seed_does_the_same_in_another_process() -> None:
    """Whatever else a process has done before, and in whatever order its sets come."""
    hazards = ",".join(NAMES)
    command = [sys.executable, "-m", "bench.simulator", "--trace", "7", "--steps", "20", "--hazards", hazards]

    def traced(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    here = run_seed(7, 20, NAMES, is_traced=True)
    there = traced("1")
    assert there.split("\n", 1)[1].rstrip("\n") == "\n".join(here.trace)
    assert traced("2") == there


def test_other_seeds_do_something_else() -> None:
    assert run_seed(1, 5, (), is_traced=True).trace != run_seed(2, 5, (), is_traced=True).trace


def test_every_accident_that_is_an_action_has_one() -> None:
    assert {name for name, hazard in HAZARDS.items() if hazard.weight} | set(LIFE) == set(ACTIONS)


def test_the_list_of_files_is_whole() -> None:
    named = re.findall(r"^    (\w+\.py) ", bench.simulator.__doc__ or "", re.MULTILINE)
    there = [path.name for path in Path(bench.simulator.__file__).parent.glob("[!_]*.py")]
    assert sorted(named) == sorted(there)


def test_an_unknown_hazard_is_refused() -> None:
    with pytest.raises(ValueError, match="no such hazard: rain"):
        Hazards(["rain"])


def test_a_slip_is_read_figure_by_figure() -> None:
    slip = "\n".join(
        [
            "POINTS                       Card ****0018",
            "Balance 2 Mar 10:15                    340",
            "Earned here since                      +27",
            "This sale                              +10",
            "Used                                  -100",
            "Can use here today                     120",
        ]
    )
    assert figures(slip) == {
        "Balance 2 Mar 10:15": 340,
        "Earned here since": 27,
        "This sale": 10,
        "Used": -100,
        "Can use here today": 120,
    }
    assert figures("New balance 367 (worth 3.67)") == {"New balance": 367}


@pytest.mark.slow
def test_the_shoppers_are_those_of_the_baskets() -> None:
    assert shoppers.derived() == shoppers.SHOPPERS
