"""The kernel's own USB printer driver: `/dev/usb/lp0` on Linux (drivers/usb/class/usblp.c). Knows no printer language.

One process may open it. Without blocking, it takes up to 8 KiB at a time on trust, and drops what has not left when it is
closed. A read of no bytes is an empty packet and no end; on a one-way interface a read is an invalid argument.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.wires.polled import read_some, write_all
from drivers.wires.protocol import lost, not_open

_STALE_S = 0.03  # how long answers to an earlier connection may still come in after it was opened
_STALE_BYTES = 64 * 1024
_READ_BYTES = 4096


class LinePrinterWire:
    """`path` is the device; it appears when the printer is plugged in, and is opened anew when it comes back."""

    connects_per_job = False
    hides_power_cuts = False  # the device goes with it
    resumes = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._answers = True

    @property
    def name(self) -> str:
        return f"lp://{self._path}"

    @property
    def answers(self) -> bool:
        return self._answers

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        if sys.platform == "win32":
            raise DeviceError("Windows has no printer devices like this.", hint="Write usb:// or ipp:// instead.")
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise _open_error(self._path, error) from error
        if not stat.S_ISCHR(os.fstat(self._fd).st_mode):
            self.close()
            hint = (
                "Write the one that pos-plugin doctor lists, like lp:///dev/usb/lp0; a file for tests is file:///path."
            )
            raise DeviceError(f"{self._path} is no printer device.", hint=hint)
        self._answers = True
        try:
            forgotten = 0
            while forgotten < _STALE_BYTES and (data := self.read(_STALE_S)):
                forgotten += len(data)
        except DeviceError:
            self.close()
            raise

    def write(self, data: bytes, timeout_s: float) -> None:
        fd = self._opened()
        write_all(fd, lambda rest: os.write(fd, rest), data, timeout_s, self.name)

    def read(self, timeout_s: float) -> bytes:
        fd = self._opened()
        try:
            # First without asking whether there is something: on a one-way interface, and on old kernels after an
            # unplugging, the system never says so.
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            data = b""
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise lost(self.name) from error
            self._answers = False
            data = b""
        if data:
            return data
        return read_some(fd, lambda size: os.read(fd, size), timeout_s, self.name, has_hung_up=self._has_hung_up)

    def trouble(self, timeout_s: float) -> str:
        return ""  # LPGETSTATUS would tell of missing paper, and may take five seconds over it

    def close(self, drain_s: float = 0.0) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with contextlib.suppress(OSError, ValueError):
            select.select([], [fd], [], max(drain_s, 0))  # writable again: the last piece has left
        os.close(fd)

    def _has_hung_up(self) -> bool:
        if sys.platform == "win32":
            return True
        poll = select.poll()
        poll.register(self._opened(), 0)
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))

    def _opened(self) -> int:
        if self._fd is None:
            raise not_open(self.name)
        return self._fd


def _open_error(path: str, error: OSError) -> DeviceError:
    if error.errno == errno.EBUSY:
        return DeviceBusy(f"Another program has {path} open.", hint="Close that program: only one may have it.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DeviceDenied(f"This user may not open {path}.", hint="Add this user to the group lp, and log in again.")
    hint = "Plug the printer in, switch it on, and see that the kernel's printer driver is loaded (modprobe usblp)."
    return DeviceAbsent(f"There is no printer at {path}.", hint=hint)
