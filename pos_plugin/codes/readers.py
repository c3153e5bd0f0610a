"""The scanners of this till: each is read by a thread of its own, and what they read meets in one place.

Knows how a scanner is found again and when a scan is the one before once more. Knows no member: whoever is told of a scan
says whether it was of use, and the scanner says so to the person who holds it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from drivers.errors import DeviceError
from drivers.scanners import ScanData, Scanner
from drivers.scanners.repeats import Repeats

READ_S = 0.5
TRY_AGAIN_S = 0.25
"""Between two looks for a scanner that is not there: plugged in again, it reads within a second."""


class ReaderState(msgspec.Struct, frozen=True):
    """How a scanner is, for people. `trouble` is '' while it can read; `lost` counts codes that did not arrive whole."""

    name: str
    address: str
    ready: bool
    trouble: str
    lost: int


class Reader:
    """One scanner of the settings. `step` again and again, from one thread; `state` may be read by any."""

    def __init__(
        self,
        scanner: Scanner,
        name: str,
        *,
        repeat_after_s: float,
        scanned: Callable[[ScanData], bool],
        changed: Callable[[], None],
    ) -> None:
        """`scanned` answers whether the scan was of use; `changed` is called when `state` has something new to say."""
        self._scanner = scanner
        self._name = name or scanner.name
        self._repeats = Repeats(repeat_after_s)
        self._scanned = scanned
        self._changed = changed
        self._trouble = ""
        self._is_ready = False

    @property
    def state(self) -> ReaderState:
        return ReaderState(self._name, self._scanner.name, self._is_ready, self._trouble, self._scanner.dropped)

    def step(self) -> float:
        """Waits for a scan for a moment; how long to leave the scanner alone before the next step."""
        scan = None
        try:
            self._scanner.open()
            self._show("")
            scan = self._scanner.read(READ_S)
        except DeviceError as error:
            self._show(f"{error} {error.hint}".strip())
            return TRY_AGAIN_S
        except Exception as error:  # of ours, or of a library: whoever runs this starts it again after a while
            self._show(
                f"Reading stopped ({type(error).__name__}) and starts again by itself. Plug the scanner in anew."
            )
            raise
        if scan is not None and not self._repeats.has(scan):
            self._scanner.tell(good=self._scanned(scan))
        return 0.0

    def close(self) -> None:
        self._scanner.close()

    def _show(self, trouble: str) -> None:
        before = (self._is_ready, self._trouble)
        self._is_ready, self._trouble = not trouble, trouble
        if before != (self._is_ready, self._trouble):
            self._changed()
