"""A whole job of another program's, read as the relay reads a stream: a sale's receipt ends with the rewards.

For programs that print through this till itself (`ways_in`), so that no relay stands before the printer. It fails open: whatever
goes wrong, and whatever lasts too long, the job is printed as it came. What was recorded then stands all the same, and the same
receipt printed again ends with its rewards.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC
from typing import Final

from pos_plugin.config import printer_profile
from pos_plugin.intercept.papers import Block, Paper, PrintedSale
from pos_plugin.intercept.recognition import recognise
from pos_plugin.intercept.stream import Stream
from pos_plugin.intercept.till_receipts import TillReceiptsError, read_till_receipts
from pos_plugin.terminal import Terminal

WITHIN_S: Final = 0.25
"""So long a receipt may wait for the ledger: as the relay has it."""
TOLD: Final = ("sale", "return", "void")

log = logging.getLogger("pos_plugin")


def with_rewards(terminal: Terminal, data: bytes, *, within_s: float = WITHIN_S) -> bytes:
    """The job with the block in each of its receipts that is a sale's; `data` itself where there is none. Never raises."""
    made: list[bytes] = []
    worker = threading.Thread(target=lambda: made.append(_read(terminal, data)), name="rewards", daemon=True)
    worker.start()
    worker.join(within_s)
    if made:
        return made[0]
    log.warning("a job was printed without its rewards: they were not there within %g s", within_s)
    return data


def _read(terminal: Terminal, data: bytes) -> bytes:
    try:
        rules = read_till_receipts(terminal.store.folder)
    except (TillReceiptsError, OSError) as error:
        log.warning("%s", error)
        rules = None

    def on_paper(paper: Paper) -> Block | None:
        now = terminal.clock().astimezone(UTC)
        local = now.astimezone().replace(tzinfo=None).isoformat(timespec="seconds")
        seen = recognise(paper, rules, printed_at=local)
        if seen.kind not in TOLD or not (seen.reference or seen.of_reference):
            return None
        # To the microsecond: a card is held out in the same second as often as not.
        return terminal.printed_sales.record(
            PrintedSale(terminal.config.intercept.till, seen, paper.columns, now.isoformat())
        )

    try:
        stream = Stream(on_paper, printer_profile(terminal.config.printer))
        read = stream.feed(data) + stream.close()
    except Exception:
        log.exception("a job was printed without its rewards")
        return data
    return read
