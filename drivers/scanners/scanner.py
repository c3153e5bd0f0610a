"""What every reader does, whatever it is attached by."""

from __future__ import annotations

from typing import Protocol

from drivers.scanners.scan import ScanData

SLICE_S = 0.05
"""How long a driver waits for its device at once; what a timeout is exact to."""


class Scanner(Protocol):
    """One reader, used by one thread, which reads it in a loop: what nobody reads in time is lost.

    Found again by itself: `open` and `read` look for the device anew each time that it is not open, wherever it is plugged
    in by then. Whether the same code read twice is one scan is not decided here, but by whoever reads.
    """

    @property
    def name(self) -> str:
        """The address, for messages; it stands in `ScanData.device`, too."""

    @property
    def is_open(self) -> bool: ...

    @property
    def dropped(self) -> int:
        """What was lost on the way since the start: frames too long, broken off, or with a wrong check sum."""

    def open(self) -> None:
        """Claims the device for this program alone, and discards what was read before. An open one stays as it is.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied, or a bare DeviceError where the setting is wrong; with a hint.
        """

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s` (give or take a slice).

        Opens the device if it is not open, and raises what `open` raises. An unplugged one raises DeviceAbsent at once: wait
        a little, then read again.
        """

    def tell(self, *, good: bool) -> None:
        """Beeps or shows a light for the last scan, where the device can: of use, or not. Raises nothing, waits for nothing."""

    def close(self) -> None:
        """Lets the device go, as it was before; `read` opens it again."""
