"""What can go wrong with a device.

    DeviceError            something about a device; `code` for programs, `hint` says what to do
    ├── DeviceAbsent       not there: unplugged, switched off, no such port, connection refused
    ├── DeviceBusy         there, but another program has it
    ├── DeviceDenied       there, but this user may not open it
    └── DeviceTimeout      there, but it did not take bytes in time

Silence on reading is no error: a reader that heard nothing answers None.
"""

from __future__ import annotations


class DeviceError(Exception):
    """A device did not do what was asked. `str()` is one sentence for a person; `hint` is what that person can do."""

    code = "DEVICE_ERROR"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DeviceAbsent(DeviceError):
    """Not there. Try again once it is plugged in; a driver's owner reconnects by itself."""

    code = "DEVICE_ABSENT"


class DeviceBusy(DeviceError):
    """Another program holds the device. Close that program, or choose another port."""

    code = "DEVICE_BUSY"


class DeviceDenied(DeviceError):
    """This user may not open the device. The hint names the group or the udev rule."""

    code = "DEVICE_DENIED"


class DeviceTimeout(DeviceError):
    """The device took no bytes within the bound. What it already took is unknown."""

    code = "DEVICE_TIMEOUT"
