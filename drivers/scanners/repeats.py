"""Whether a scan is the one before once more: a reader that is held over a code reads it again and again."""

from __future__ import annotations

from drivers.scanners.scan import ScanData


class Repeats:
    """The same label again from the same reader within `within_s` of the scan that counted is that scan.

    Another label in between changes nothing. Counted from the scan that counted, not from the last one seen: a code left under
    the reader must not go silent for ever.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._counted_at: dict[tuple[str, str], float] = {}

    def has(self, scan: ScanData) -> bool:
        """Whether this is a repetition; if not, it counts."""
        now = scan.received_at
        self._counted_at = {key: at for key, at in self._counted_at.items() if 0 <= now - at < self._within_s}
        key = (scan.device, scan.label)
        if key in self._counted_at:
            return True
        self._counted_at[key] = now
        return False
