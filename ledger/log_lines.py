"""How till and head office write their logs: a line for each record, in words or as JSON, and nothing of what people typed.

It stands in this room because the two meet nowhere above it. The text of an exception may hold a name, a phone number or a
card; so an exception is told by its kind and by the places it came through.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

LONGEST = 2000
FILE_BYTES = 5_000_000
FILES_BEFORE = 5
PLACES = 12

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Lines(logging.Formatter):
    """`2026-11-22 09:00:00,000 WARNING pos_plugin printer is away`, each record on one line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatException(self, ei: ExcInfo) -> str:
        kind, places = _told(ei)
        return f"{kind} at {' < '.join(places)}"

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # what another handler made of it
        return super().format(record).replace("\r", " ").replace("\n", " | ")[:LONGEST]


class JsonLines(Lines):
    """`{"at": "2026-11-22T09:00:00.000+00:00", "level": "warning", "logger": "pos_plugin", "said": "…"}`, with `error` and
    `where` (the innermost place first) where an exception is told."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName or "",
            "said": record.getMessage()[:LONGEST],
        }
        if record.exc_info:
            line["error"], line["where"] = _told(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _told(exc_info: ExcInfo) -> tuple[str, list[str]]:
    kind, error, traceback = exc_info
    places = []
    traceback = traceback or (error.__traceback__ if error else None)
    while traceback is not None:
        places.append(f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return kind.__name__ if kind else "", places[::-1][:PLACES]


def set_up(*, as_json: bool = False, file: Path | None = None) -> None:
    """Warnings and worse to standard error, where a service manager keeps them, or to `file`. Raises OSError."""
    logging.basicConfig(handlers=[handler(as_json=as_json, file=file)])


def handler(*, as_json: bool, file: Path | None) -> logging.Handler:
    """A file that is full becomes `file.1`, and so on: at most six of 5 MB."""
    made: logging.Handler
    if file is None:
        made = logging.StreamHandler(sys.stderr)
    else:
        from logging.handlers import RotatingFileHandler

        made = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_BEFORE, encoding="utf-8")
    made.setLevel(logging.WARNING)
    made.setFormatter(JsonLines() if as_json else Lines())
    return made
