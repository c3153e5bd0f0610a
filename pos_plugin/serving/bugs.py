"""An error of the till's own in a request: told in the log, and nothing of what was sent."""

from __future__ import annotations

import logging

log = logging.getLogger("pos_plugin")


def log_bug(error: Exception) -> None:
    """The kind and the place of it; its words may hold a person's data."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
    log.error("a request failed: %s at %s", type(error).__name__, place)
