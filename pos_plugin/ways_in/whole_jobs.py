"""A whole job of another program's, read as the relay reads a stream: a sale's receipt ends with the rewards.

For programs that print through this till itself (`ways_in`), so that no relay stands before the printer. It fails open: whatever
goes wrong, and whatever lasts too long, the job is printed as it came. What was recorded then stands all the same, and the same
receipt printed again ends with its rewards.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import Future
from datetime import UTC
from typing import Final

from pos_plugin.config import printer_profile
from pos_plugin.intercept.kept_jobs import KeptJobs
from pos_plugin.intercept.papers import Block, Paper, PrintedSale
from pos_plugin.intercept.recognition import recognise
from pos_plugin.intercept.relay_announced import folder_of
from pos_plugin.intercept.stream import Stream
from pos_plugin.intercept.till_receipts import TillReceipts, TillReceiptsError, read_till_receipts
from pos_plugin.terminal import Terminal

WITHIN_S = 0.25
"""So long a receipt may wait for the ledger: as the relay has it."""
TOLD: Final = ("sale", "return", "void")

log = logging.getLogger("pos_plugin")


def with_rewards(terminal: Terminal, data: bytes) -> bytes:
    """The job with the block in each of its receipts that is a sale's; `data` itself where there is none. Never raises.

    One with words on it is kept for "pos-plugin learn", as the relay keeps the jobs of its till.
    """
    read: Future[bytes] = Future()
    threading.Thread(target=_read, args=(terminal, data, read), name="rewards", daemon=True).start()
    try:
        return read.result(WITHIN_S)
    except TimeoutError:
        log.warning("a job was printed without its rewards: they were not there within %g s", WITHIN_S)
    except Exception:  # whatever it is, the receipt is worth more
        log.exception("a job was printed without its rewards")
    return data


def _read(terminal: Terminal, data: bytes, read: Future[bytes]) -> None:
    has_words = False
    try:
        rules = _rules(terminal)

        def on_paper(paper: Paper) -> Block | None:
            nonlocal has_words
            has_words |= bool(paper.rows) and not paper.is_picture
            return _block(terminal, rules, paper)

        stream = Stream(on_paper, printer_profile(terminal.config.printer))
        out = stream.feed(data)
        if stream.fault:
            log.warning("a job was printed without its rewards: %s", stream.fault)
        read.set_result(out + stream.close())
    except Exception as error:
        read.set_exception(error)
    if has_words and terminal.config.intercept.keep:
        with contextlib.suppress(OSError):
            KeptJobs(folder_of(terminal.store.folder)).keep(data)


def _rules(terminal: Terminal) -> TillReceipts | None:
    try:
        return read_till_receipts(terminal.store.folder)
    except (TillReceiptsError, OSError) as error:
        log.warning("%s", error)
        return None


def _block(terminal: Terminal, rules: TillReceipts | None, paper: Paper) -> Block | None:
    now = terminal.clock().astimezone(UTC)
    local = now.astimezone().replace(tzinfo=None).isoformat(timespec="seconds")
    seen = recognise(paper, rules, printed_at=local)
    if seen.kind not in TOLD or not (seen.reference or seen.of_reference):
        return None
    # To the microsecond: a card is held out in the same second as often as not.
    printed = PrintedSale.of(terminal.config.intercept.till, seen, paper, now.isoformat())
    return terminal.printed_sales.record(printed)
