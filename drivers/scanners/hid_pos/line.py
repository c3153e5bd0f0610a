"""What brings a reader's reports, and which reader it would open."""

from __future__ import annotations

from typing import Protocol

from drivers.scanners.identity import Attached


class AttachedScanner(Attached, frozen=True, kw_only=True):
    """A reader in HID POS mode that is there now, with its report descriptor."""

    descriptor: bytes


class Line(Protocol):
    """An open reader, by the report. Its OSErrors mean that the reader has gone."""

    def read(self, timeout_s: float) -> bytes:
        """The next report; b'' is silence."""

    @property
    def may_have_lost(self) -> bool:
        """Reports may be missing behind the last one."""

    def write(self, report: bytes) -> None:
        """Waits for nothing, and says nothing of how it went. The report's id comes first, 0 where there is none."""

    def close(self) -> None: ...
