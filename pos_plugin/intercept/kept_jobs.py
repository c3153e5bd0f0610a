"""The last jobs of the shop's till, as it sent them: `printed/000.bin` and so on, for the till's user alone.

`pos-plugin learn` reads them, so that nobody has to record anything. They hold what receipts say.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST_JOBS = 50
LARGEST_JOB = 256 * 1024
"""A larger one is not kept: half a job teaches nothing."""


class KeptJobs:
    """Files in a ring: the oldest is written over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        written = sorted(kept_jobs(folder), key=lambda file: file.stat().st_mtime_ns)
        self._next = (int(written[-1].stem) + 1) % MOST_JOBS if written else 0

    def keep(self, job: bytes) -> None:
        """A disk that is full, or may not be written, keeps no jobs; they are printed all the same."""
        if not job or len(job) > LARGEST_JOB:
            return
        file, new = self._folder / f"{self._next:03}.bin", self._folder / "new.bin.part"
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(job)
            new.replace(file)
            self._next = (self._next + 1) % MOST_JOBS


def kept_jobs(folder: Path) -> list[Path]:
    """The kept jobs of a folder, in no order of time."""
    return [file for file in folder.glob("[0-9][0-9][0-9].bin") if file.is_file()]
