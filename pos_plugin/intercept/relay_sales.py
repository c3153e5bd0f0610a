"""What the relay does with a piece of paper: it is recognised, a sale is told to the ledger, and its block answered in time.

Nothing here can hold a receipt up for longer than the ledger's bound, nor keep it from being printed: what fails is told, and
the paper passes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loyalty.words import money
from pos_plugin.intercept.papers import Block, Paper, PrintedSale, Recognised
from pos_plugin.intercept.recognition import recognise
from pos_plugin.intercept.relay_ledger import Ledger
from pos_plugin.intercept.till_receipts import FILE, TillReceipts, TillReceiptsError, read_till_receipts
from pos_plugin.intercept.waiting_sales import NoRoom

TOLD = ("sale", "return", "void")
OVER = Block(recorded=True)
"""For the stream: it is known what this paper is, so that it ends here also where nothing cuts it."""


class Seen:
    """What was seen since the start, for whoever asks how the relay is. Nothing of a person is in it."""

    def __init__(self) -> None:
        self.papers = 0
        self.pictures = 0
        self.sales = 0
        self.recorded = 0
        self.lost = 0
        self.last_at = ""
        self.rules_problem = ""
        self.is_taught = False


class RelaySales:
    """Made for one till. `told` hears of each paper in a sentence; `event` as data."""

    def __init__(
        self,
        folder: Path,
        till: str,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        told: Callable[[str, dict[str, Any]], None] = lambda sentence, data: None,
    ) -> None:
        self._folder = folder
        self._till = till
        self._ledger = ledger
        self._clock = clock
        self._told = told
        self._rules: TillReceipts | None = None
        self._rules_stamp: tuple[int, int] | str | None = "not read yet"
        self.seen = Seen()
        self._read_rules()

    def on_paper(self, paper: Paper) -> Block | None:
        """The block for the end of this paper; None where nobody knows whether it is all of it."""
        self._read_rules()
        now = self._clock()
        local = now.astimezone().replace(tzinfo=None).isoformat(timespec="seconds")
        seen = recognise(paper, self._rules, printed_at=local)
        self.seen.papers += 1
        self.seen.pictures += paper.is_picture
        self.seen.last_at = now.isoformat(timespec="seconds")
        if seen.kind not in TOLD or not (seen.reference or seen.of_reference):
            self._tell(seen, "not a sale" if seen.kind not in TOLD else "no reference was found: not recorded")
            return None if seen.kind == "other" else OVER
        self.seen.sales += 1
        printed_at = now.astimezone(UTC).isoformat(timespec="microseconds")
        try:
            block = self._ledger.record(PrintedSale.of(self._till, seen, paper, printed_at))
        except NoRoom as error:
            self.seen.lost += 1
            self._tell(seen, f"NOT RECORDED: {error} Make room on the disk.")
            return OVER
        if block is None:
            self._tell(seen, "kept; it is recorded once the till answers")
            return OVER
        self.answered(seen, block)
        return block if block.document else OVER

    def answered(self, seen: Recognised, block: Block) -> None:
        self.seen.recorded += block.recorded
        what = "recorded" if block.recorded else "not recorded"
        self._tell(seen, f"{what}. {block.why}" if block.why else what)

    def _read_rules(self) -> None:
        """Anew where the file has changed; what cannot be read leaves the rules as they were."""
        try:
            found = (self._folder / FILE).stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = None
        if stamp == self._rules_stamp:
            return
        self._rules_stamp = stamp
        try:
            self._rules = read_till_receipts(self._folder)
            problem = ""
        except TillReceiptsError as error:
            problem = f"{error.source}: {'; '.join(error.problems)}"
        except OSError as error:
            problem = f"{FILE} cannot be read: {error.strerror}"
        self.seen.is_taught = self._rules is not None
        if problem != self.seen.rules_problem:
            self.seen.rules_problem = problem
            if problem:
                self._told(f"{problem}. What was taught before goes on.", {"rules": problem})

    def _tell(self, seen: Recognised, became: str) -> None:
        name = " ".join(part for part in (seen.kind, seen.reference or seen.of_reference) if part)
        total = f" {money(seen.total_minor, 'en')}" if seen.kind in TOLD else ""
        data = {"kind": seen.kind, "reference": seen.reference, "total_minor": seen.total_minor, "became": became}
        self._told(f"{name}{total}: {became}", data)
