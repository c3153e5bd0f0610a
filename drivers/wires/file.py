"""A file or a device that only takes: bytes are appended, nothing is ever answered. Knows no printer language."""

from __future__ import annotations

import errno
import os
import stat
import time

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.wires.polled import write_all
from drivers.wires.protocol import broken, not_open

_DEVICES = "/dev/"


class FileWire:
    """Appends to `path`, which is made where there is none. A device or a pipe there must be taken up by somebody.

    A device that is not there is never made: a printer that is unplugged takes its `/dev/lp0` with it, and a file in that
    place would swallow the receipts and keep the device from coming back.
    """

    answers = False
    connects_per_job = False
    hides_power_cuts = True
    resumes = False

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._is_regular = True
        self._may_be_made = not path.startswith(_DEVICES)

    @property
    def name(self) -> str:
        return f"file://{self._path}"

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        if self._may_be_made:
            flags |= os.O_CREAT
        try:
            self._fd = os.open(self._path, flags, 0o660)
        except OSError as error:
            raise _open_error(self._path, error) from error
        self._is_regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._may_be_made = self._may_be_made and self._is_regular

    def write(self, data: bytes, timeout_s: float) -> None:
        if self._fd is None:
            raise not_open(self.name)
        fd = self._fd
        if not self._is_regular:
            write_all(fd, lambda rest: os.write(fd, rest), data, timeout_s, self.name)
            return
        sent = 0
        try:
            while sent < len(data):  # the disk decides how long that takes, and it is never long
                sent += os.write(fd, data[sent:])
        except OSError as error:
            raise broken(self.name, sent) from error

    def read(self, timeout_s: float) -> bytes:
        if self._fd is None:
            raise not_open(self.name)
        time.sleep(max(timeout_s, 0))
        return b""

    def trouble(self, timeout_s: float) -> str:
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _open_error(path: str, error: OSError) -> DeviceError:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "Choose a file that this user may write, or add the user to the group that owns the device."
        return DeviceDenied(f"This user may not write {path}.", hint=hint)
    if error.errno == errno.EBUSY:
        return DeviceBusy(f"Another program has {path} open.", hint="Close that program: only one may have it.")
    if error.errno == errno.ENXIO:  # a pipe that nobody reads
        return DeviceAbsent(f"Nothing takes what is written to {path}.", hint="Start the program that reads it.")
    if error.errno == errno.EISDIR:
        return DeviceError(f"{path} is a folder.", hint="Write the name of a file in it.")
    return DeviceAbsent(f"There is no {path}.", hint="Check the folder's name, and that the device is plugged in.")
