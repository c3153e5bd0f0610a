"""The power goes at every write and every flush of a till's day: nothing promised is lost, nothing happens twice.

The day is the product's own code in a process of its own, recorded by recorder.c; the till that starts afterwards is the
product, too. Mistakes planted on purpose show that the test sees what it is there for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk import EVERYTHING, Disk
from replay import SEEDS, Cuts, Recording, record, replay
from workload import NEXT_STEP

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="the recorder is preloaded as Linux does it"),
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("day").resolve())


@pytest.fixture
def show(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[Cuts], None]]:
    def printed(cuts: Cuts) -> None:
        with capfd.disabled():
            print(f"\n{cuts.table()}\n{'seconds':38} {cuts.seconds:8.1f}")

    return printed


def test_the_recording_is_all_that_was_written(recording: Recording) -> None:
    disk = Disk()
    for operation in recording.operations:
        if operation.kind != "p":
            disk.do(operation)
    left = disk.image(EVERYTHING)
    assert {path: content for path, content in left.items() if not path.endswith("/")} == recording.files
    assert {
        "shop/till/till.db",
        "shop/till/terminal.key",
        f"shop/till/till.db.schema-{NEXT_STEP[0] - 1}",
    } <= recording.files.keys()


@pytest.mark.parametrize("seeds", [1, pytest.param(SEEDS, marks=pytest.mark.long)])
def test_a_power_cut_at_any_write_or_flush_breaks_no_promise(
    recording: Recording, show: Callable[[Cuts], None], seeds: int
) -> None:
    """After each, with nothing that was not flushed, with all of it, and with some of it as often as there are seeds."""
    cuts = replay(recording, seeds=seeds)
    show(cuts)
    assert cuts.examples == {}
    assert cuts.points == cuts.operations > 1000
    assert cuts.images >= 1500


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        # A commit that is not flushed: whatever was answered since the last checkpoint goes.
        ("normal", ("lost: entry", "lost: receipt", "lost: the till's terminal")),
        # A job marked as started once its bytes are out: it is printed again after the start.
        ("started late", ("doubled: job",)),
        # A release that head office hears of before it is written: the same points can be spent twice.
        ("sent before written", ("lost: entry", "doubled: what entry")),
    ],
)
def test_a_mistake_planted_on_purpose_is_found(fault: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    cuts = replay(record(tmp_path.resolve(), fault), only="nothing survives")
    for kind in expected:
        assert any(found.startswith(kind) for found in cuts.examples), kind
    # Even so, nothing that is there contradicts itself: these mistakes lose and repeat, they do not corrupt.
    assert not cuts.broken["corrupt"]
