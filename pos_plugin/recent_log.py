"""The last lines of the till's log, in memory, for its page: what a person reads out who asks for help.

As in the log itself, nothing personal is in them.
"""

from __future__ import annotations

import logging
from collections import deque
from datetime import UTC, datetime

import msgspec

KEPT = 60
LONGEST = 400


class LogLine(msgspec.Struct, frozen=True):
    """`at` is UTC; `level` is "info", "warning" or "error"."""

    at: str
    level: str
    text: str


class RecentLog(logging.Handler):
    """Attach it to a logger while a till runs. An error's traceback stays in the log itself."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[LogLine] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = " ".join(record.getMessage().split())[:LONGEST]
        except (TypeError, ValueError):  # a message that does not fit its values must not stop whoever logs it
            text = str(record.msg)[:LONGEST]
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        self._lines.append(LogLine(at, level, text))

    @property
    def lines(self) -> list[LogLine]:
        """Oldest first."""
        return list(self._lines)
