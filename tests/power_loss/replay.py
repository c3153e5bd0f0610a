"""Records a till at work and cuts its power after every single operation.

    python tests/power_loss/replay.py [--fault FAULT] [--seeds N] [--stride N]

Every image is opened by the product itself. The exit status is 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from disk import EVERYTHING, NOTHING, Disk, Operation, Survives, recorded, some  # noqa: E402
from promises import Found, Promised, broken, opened  # noqa: E402

SEEDS = 5
"""Cuts at each point that leave some random part."""


@dataclass
class Recording:
    """What the till did, and what its folder had in the end."""

    operations: list[Operation]
    files: dict[str, bytes]


@dataclass
class Cuts:
    """What became of the images. An image is opened and counted once, however many cuts lead to it.

    It is judged by the promises of each of those moments.
    """

    operations: int = 0
    points: int = 0
    by_mode: Counter[str] = field(default_factory=Counter)
    images: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def table(self) -> str:
        rows = [
            ("operations recorded", self.operations),
            ("points at which the power was cut", self.points),
            *((f"cuts where {mode}", count) for mode, count in self.by_mode.items()),
            ("distinct images", self.images),
            ("lost", self.broken["lost"]),
            ("doubled", self.broken["doubled"]),
            ("corrupt", self.broken["corrupt"]),
        ]
        return "\n".join(f"{name:38} {count:8,}" for name, count in rows)


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where the system has one: an image needs no disk, it is one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="power-loss-", dir=memory if os.access(memory, os.W_OK) else None) as made:
        yield Path(made).resolve()


def compiled(folder: Path) -> Path:
    recorder = folder / "recorder.so"
    if shutil.which("gcc") is None:
        raise FileNotFoundError("the recorder needs gcc; on Debian and Ubuntu: apt install gcc libc6-dev")
    command = ["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", recorder, HERE / "recorder.c"]
    subprocess.run([*command, "-ldl"], check=True)
    return recorder


def record(folder: Path, fault: str = "") -> Recording:
    """Runs the workload in `folder`, the till of this version and then of the next, and answers what it did."""
    root = folder / "root"
    root.mkdir(parents=True)
    log, promises = folder / "log", folder / "promises"
    told = {
        "LD_PRELOAD": str(compiled(folder)),
        "POWER_ROOT": str(root),
        "POWER_LOG": str(log),
        "POWER_PROMISES": str(promises),
        "PYTHONPATH": str(HERE.parents[1]),
    }
    for part in ("first", "second"):
        command = [sys.executable, HERE / "workload.py", root / "shop" / "till", part, *([fault] if fault else [])]
        subprocess.run(command, env=os.environ | told, check=True)
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }
    return Recording(recorded(log, root), files)


def replay(recording: Recording, *, seeds: int = SEEDS, stride: int = 1, only: str = "") -> Cuts:
    """Cuts the power after every `stride`th operation, as often as there are modes, and judges each image.

    `only` names the one mode to cut in: "nothing survives", "everything survives" or "some survives".
    """
    started = time.monotonic()
    cuts = Cuts(operations=sum(operation.kind != "p" for operation in recording.operations))
    disk, promised = Disk(), Promised()
    judged = Judged()
    with fast_folder() as folder:
        since = 0
        for place, operation in enumerate(recording.operations):
            if operation.kind == "p":
                promised.hear(operation.data)
            else:
                disk.do(operation)
                since += 1
            if since % stride and operation.kind != "p":
                continue
            cuts.points += operation.kind != "p"
            for mode, survives in _modes(place, seeds):
                if not only or mode == only:
                    _cut(disk.image(survives), promised, folder, judged, cuts, mode, place)
    cuts.seconds = time.monotonic() - started
    return cuts


class Judged:
    """What the product found in the images so far."""

    def __init__(self) -> None:
        self.images: set[bytes] = set()
        self.found: dict[tuple[bytes, str, bool, bool], Found] = {}


def _modes(place: int, seeds: int) -> Iterator[tuple[str, Survives]]:
    yield "nothing survives", NOTHING
    yield "everything survives", EVERYTHING
    for seed in range(seeds):
        yield "some survives", some(random.Random(f"{place} {seed}"))


def _cut(
    image: dict[str, bytes],
    promised: Promised,
    folder: Path,
    judged: Judged,
    cuts: Cuts,
    mode: str,
    place: int,
) -> None:
    cuts.by_mode[mode] += 1
    files = hashlib.blake2b()
    for path in sorted(image):
        files.update(f"{path} {len(image[path])}\n".encode())
        files.update(image[path])
    # What is found also depends on what the host asks for, and on which version of the program starts.
    asked = promised.asked["key"] if promised.asked else ""
    key = (files.digest(), asked, promised.is_next_version, bool(promised.made))
    found = judged.found.get(key)
    if found is None:
        judged.images.add(files.digest())
        cuts.images = len(judged.images)
        place_image(folder, image, random.Random(place) if mode == "some survives" else None)
        found = judged.found[key] = opened(folder / "shop" / "till", promised)
    for violation in broken(promised, found):
        kind = violation.partition(":")[0]
        cuts.broken[kind] += 1
        cuts.examples.setdefault(violation, f"after operation {place}, {mode}")


def place_image(folder: Path, image: dict[str, bytes], chance: random.Random | None) -> None:
    for old in folder.iterdir():
        shutil.rmtree(old)
    for path, content in sorted(image.items()):
        if path.endswith("/"):
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
    till = folder / "shop" / "till"
    if chance is not None and (till / "till.db").exists() and chance.random() < 0.5:
        # Shared memory that reached the disk at some time or other; nobody may trust it after a start.
        (till / "till.db-shm").write_bytes(chance.randbytes(32768))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--fault", default="", choices=["", "normal", "started late", "sent before written"])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="power-loss-") as made:
        recording = record(Path(made).resolve(), asked.fault)
    cuts = replay(recording, seeds=asked.seeds, stride=asked.stride, only=asked.only)
    print(cuts.table())
    print(f"{'seconds':38} {cuts.seconds:8.1f}")
    for violation, where in list(cuts.examples.items())[:30]:
        print(f"{violation}  ({where})", file=sys.stderr)
    sys.exit(1 if cuts.broken else 0)


if __name__ == "__main__":
    main()
