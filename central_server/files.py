"""The folder's small files: written so that a power cut leaves the old or the new, and locked while they are exchanged.

`serving.lock` is shared by whoever works with this head office, servers above all, and taken alone by whoever exchanges its
database. The operating system lets go of it when a process ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from central_server.errors import OfficeError

LOCK = "serving.lock"
PLACES = 64
"""On Windows, which has no shared locks here, each process takes one of so many places, and who wants to be alone takes all."""


def write_private(path: Path, data: bytes) -> None:
    """Puts `data` in the place of a file that this user alone may read. Durable once it returns."""
    new = path.with_name(f"{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    flush_names(path.parent)


def flush_names(folder: Path) -> None:
    """A file that was made, renamed or removed stays so through a power cut only once its folder is flushed, too."""
    if sys.platform == "win32":
        return  # a folder cannot be opened there; the file system's own journal keeps names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Works with this head office beside others. Raises OfficeError while its database is being exchanged."""
    with _locked(folder, _share) as is_ours:
        if not is_ours:
            raise OfficeError(
                "Head office is being restored just now.", hint="Wait until that is done.", code="OFFICE_IN_USE"
            )
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Works with this head office and lets nobody else. Raises OfficeError while a server, or another command, uses it."""
    with _locked(folder, _take) as is_ours:
        if not is_ours:
            raise OfficeError(
                "Head office is in use: a server is running, or another command.",
                hint="Stop every pos-central serve of this folder first. Tills sell on meanwhile. Nothing was changed.",
                code="OFFICE_IN_USE",
            )
        yield


@contextmanager
def _locked(folder: Path, lock: Callable[[int], bool]) -> Iterator[bool]:
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise OfficeError(
            f"The folder {folder} cannot be written: {error.strerror}.", hint="Run as head office's user."
        ) from error
    try:
        yield lock(handle)
    finally:
        os.close(handle)  # lets go of it, too


if sys.platform == "win32":
    import msvcrt

    def _share(handle: int) -> bool:
        return any(_lock_bytes(handle, place, 1) for place in range(PLACES))

    def _take(handle: int) -> bool:
        return _lock_bytes(handle, 0, PLACES)

    def _lock_bytes(handle: int, start: int, count: int) -> bool:
        os.lseek(handle, start, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, count)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _share(handle: int) -> bool:
        return _flock(handle, fcntl.LOCK_SH)

    def _take(handle: int) -> bool:
        return _flock(handle, fcntl.LOCK_EX)

    def _flock(handle: int, how: int) -> bool:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
