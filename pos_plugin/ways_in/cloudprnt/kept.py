"""What must outlast a power cut: the address under which cloud tills know this printer, and the last jobs worked on.

A job is written down as started before its first byte goes to the printer, and what became of it before the cloud till is told.
So after a crash nothing is printed twice by itself: what had been started is unknown, as in the spooler.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Literal

import msgspec

FILE = "cloudprnt.json"
KEPT_JOBS = 200
"""Of each cloud till: hours of receipts."""


class KeptUnreadable(Exception):
    """The file is there and says nothing that can be understood, or cannot be read or written."""


class Job(msgspec.Struct):
    """`token` is the cloud till's name for it, which some have not; `digest` is of its content. `code` is what to tell it."""

    token: str
    digest: str
    state: Literal["started", "printed", "unknown"]
    code: str = ""
    is_told: bool = False
    at_s: int = 0  # when it was started, in seconds of the world's time


class _Queue(msgspec.Struct):
    unique_id: str = ""
    jobs: list[Job] = []


class _File(msgspec.Struct):
    mac: str
    queues: dict[str, _Queue] = {}


class Kept:
    """One file for all queues; each method may be called by any of their threads. Raises KeptUnreadable where it says so."""

    def __init__(self, folder: Path, *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        """Raises KeptUnreadable."""
        self._file = folder / FILE
        self._lock = threading.Lock()
        known = read(folder)
        self._kept = known or _File(_new_mac(random_bytes))
        interrupted = [one for queue in self._kept.queues.values() for one in queue.jobs if one.state == "started"]
        for job in interrupted:
            job.state, job.code = "unknown", "400 The till was switched off while it printed; look at the paper"
        if interrupted or known is None:
            self._write()

    @property
    def mac(self) -> str:
        return self._kept.mac

    def unique_id(self, url: str) -> str:
        with self._lock:
            return self._queue(url).unique_id

    def set_unique_id(self, url: str, unique_id: str) -> None:
        """Raises KeptUnreadable."""
        with self._lock:
            self._queue(url).unique_id = unique_id
            self._write()

    def by_token(self, url: str, token: str) -> Job | None:
        with self._lock:
            return next((one for one in reversed(self._queue(url).jobs) if one.token == token), None)

    def last(self, url: str) -> Job | None:
        with self._lock:
            jobs = self._queue(url).jobs
            return jobs[-1] if jobs else None

    def alike(self, url: str, digest: str, since_s: int) -> int:
        """How many of the last jobs, one after the other, had no token and this content."""
        with self._lock:
            jobs = reversed(self._queue(url).jobs)
            return sum(
                1 for _ in takewhile(lambda one: (one.token, one.digest) == ("", digest) and one.at_s > since_s, jobs)
            )

    def start(self, url: str, token: str, digest: str, at_s: int = 0) -> Job:
        """Before the first byte. Raises KeptUnreadable, and then nothing may be printed."""
        with self._lock:
            job = Job(token, digest, "started", at_s=at_s)
            jobs = self._queue(url).jobs
            jobs.append(job)
            del jobs[:-KEPT_JOBS]
            try:
                self._write()
            except KeptUnreadable:
                jobs.remove(job)
                raise
            return job

    def end(self, job: Job, state: Literal["printed", "unknown"], code: str) -> None:
        """Raises KeptUnreadable; it is known for as long as this till runs all the same."""
        with self._lock:
            job.state, job.code = state, code
            self._write()

    def told(self, job: Job) -> None:
        """Raises KeptUnreadable."""
        with self._lock:
            job.is_told = True
            self._write()

    def forget(self, url: str, job: Job) -> None:
        """Nothing of it was printed. Raises KeptUnreadable."""
        with self._lock:
            self._queue(url).jobs.remove(job)
            self._write()

    def _queue(self, url: str) -> _Queue:
        # The address may hold a password, so that it is not written down here.
        return self._kept.queues.setdefault(hashlib.sha256(url.encode()).hexdigest()[:16], _Queue())

    def _write(self) -> None:
        new = self._file.with_name(f"{FILE}.new")
        try:
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(msgspec.json.encode(self._kept))
                out.flush()
                os.fsync(out.fileno())
            new.replace(self._file)
        except OSError as error:
            raise KeptUnreadable(f"{self._file} cannot be written: {error.strerror}.") from error


def read(folder: Path) -> _File | None:
    """None where there is none yet. Raises KeptUnreadable."""
    file = folder / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeptUnreadable(f"{file} cannot be read: {error.strerror}. No cloud till is polled.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise KeptUnreadable(
            f"{file} is damaged, so that it is not known which jobs were printed. No cloud till is polled. Settle there the jobs "
            "that are open, then take the file away, and enter the printer's new address at the cloud till."
        ) from None


def _new_mac(random_bytes: Callable[[int], bytes]) -> str:
    """A random address of one device (its lowest bit) that no maker has given out (the next)."""
    first, *rest = random_bytes(6)
    return ":".join(f"{byte:02x}" for byte in (first & 0xFC | 0x02, *rest))
