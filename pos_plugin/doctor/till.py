"""The till's folder: its file, its key, its settings, its journal, its receipts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pos_plugin.doctor.finding import Finding, Till

if TYPE_CHECKING:
    from loyalty.program import Program
    from pos_plugin.config import Config

LATEST_ENTRIES = 1000
REOPENED_SHOWN_DAYS = 30


def folder(till: Till, opened: ExitStack) -> Iterator[Finding]:
    from offline_store.errors import StoreError, StoreLocked
    from offline_store.store import Store

    if till.folder.exists() and not till.folder.is_dir():
        yield Finding("Folder", False, f"{till.folder} is a file, not a till's folder", "Name the folder with --store.")
        return
    try:
        try:
            till.store = opened.enter_context(Store.open(till.folder))
        except StoreLocked:
            till.store = opened.enter_context(Store.open_for_reading(till.folder))
            till.is_running = True
        with till.store.read() as db:
            (entries,) = db.execute("SELECT count(*) FROM entry").fetchone()
    except StoreError as error:
        till.store = None
        yield Finding("Folder", False, str(error), error.hint)
        return
    yield Finding("Folder", True, f"{till.folder} opens; {entries:,} entries")
    running = "a till is running here; its printer and scanner are its own, and were not opened"
    do = "To have all looked at, and to see which others there are, stop it first." if till.is_running else ""
    yield Finding("Till", True, running if till.is_running else "no till is running here", do)


def key(till: Till) -> Iterator[Finding]:
    from offline_store.store import KEY

    if till.store is None:
        return
    till.store.secret_key()
    file = till.folder / KEY
    if sys.platform == "win32":
        yield Finding("Key", True, "there; see that only the till's user may open the folder")
        return
    if file.stat().st_mode & 0o077:
        do = f"chmod 600 {file}; whoever may have read it could speak for this till: enrol it anew if in doubt."
        yield Finding("Key", False, f"{file} can be read by other users of this machine", do)
    else:
        yield Finding("Key", True, "there, and readable by its owner only")


def settings(till: Till) -> Iterator[Finding]:
    from pos_plugin.config import FILE, ConfigError, read_config

    if not till.folder.is_dir():
        return
    try:
        till.config = read_config(till.folder)
    except ConfigError as error:
        yield Finding("Settings", False, f"{error.source}: {'; '.join(error.problems)}", error.hint)
    else:
        there = (till.folder / FILE).exists()
        yield Finding("Settings", True, f"{FILE} is valid" if there else f"there is no {FILE}: all is as it comes")
        yield from _receipt_layout(till.folder, till.config.printer.width_columns)


def _receipt_layout(folder: Path, width_columns: int) -> Iterator[Finding]:
    from pos_plugin.papers.receipt_template import FILE, TemplateError, read_template

    if not (folder / FILE).exists():
        return
    try:
        read_template(folder, width_columns)
    except TemplateError as error:
        yield Finding("Receipts", False, f"{error.source}: {'; '.join(error.problems)}", error.hint)
    else:
        yield Finding("Receipts", True, f"{FILE} is valid")


def program(till: Till) -> Iterator[Finding]:
    from offline_store import settings

    if till.store is None:
        return
    with till.store.read() as db:
        try:
            program = settings.program_in_force(db, datetime.now(UTC))
        except KeyError:
            do = f"pos-plugin init was interrupted: make the till anew, in another folder than {till.folder}."
            yield Finding("Programme", False, "this till has no programme", do)
        else:
            found = f"{program.id}, in {program.currency}, days of {program.time_zone}"
            if program.surprise and not settings.surprise_key(db, program):
                found += "; it draws no surprises here: only head office gives a till what to draw with"
            yield Finding("Programme", True, found)
            if till.config is not None:
                yield from _scale_labels(till.config, program)


def _scale_labels(config: Config, program: Program) -> Iterator[Finding]:
    from pos_plugin.codes.scale_labels import beside_cards

    if problems := beside_cards(config.items.scale_patterns, program.cards.rules):
        do = "A label of the scales would be taken for a card: correct till.toml, or the programme's [cards]."
        yield Finding("Scales", False, "; ".join(problems), do)


def journal(till: Till) -> Iterator[Finding]:
    from ledger.chain import breaks
    from offline_store import journal

    if till.store is None:
        return
    with till.store.read() as db:
        last, _ = journal.head(db)
        before = max(0, last - LATEST_ENTRIES - 1)  # the one before the first is read for its hash
        tail = journal.after(db, before, LATEST_ENTRIES + 1)
    starts_late = bool(before) and bool(tail) and tail[0][0] == before + 1
    broken = [found.what for found in breaks(tail) if not (starts_late and found.number == 1)]
    if broken:
        do = "Stop the till, keep its folder as it is, compare it with a backup, and run pos-plugin verify on both."
        yield Finding("Journal", False, "; ".join(broken[:3]), do)
    else:
        yield Finding(
            "Journal", True, f"the last {min(last, LATEST_ENTRIES):,} entries are whole and follow each other"
        )


def receipts(till: Till) -> Iterator[Finding]:
    from offline_store import receipts

    if till.store is None:
        return
    with till.store.read() as db:
        counts = receipts.counts(db)
    unknown = counts.get("unknown", 0) + (0 if till.is_running else counts.get("started", 0))
    waiting = counts.get("waiting", 0) + counts.get("not printed", 0)
    if unknown:
        do = "Look at the paper, then say on the till's page whether they came out; they are printed again as COPY if not."
        yield Finding(
            "Receipts", False, f"of {unknown:,} it is unknown whether they are on paper, {waiting:,} wait", do
        )
    elif waiting and till.config is not None and not till.config.printer.address:
        yield Finding("Receipts", True, f"{waiting:,} are kept and can be shown: this till has no printer")
    elif waiting:
        yield Finding(
            "Receipts", True, f"{waiting:,} wait to be printed", "They come out once till and printer are ready."
        )
    else:
        yield Finding("Receipts", True, "none waits, and none is in doubt")


REOPENED = {
    "copied": "head office had another history of it: its disk was copied, or put back from an image",
    "forfeited": "it had been given up for lost",
    "restored": "it was restored from a backup",
    "": "it gave up every right that it held",
}


def reopened(db: Any) -> tuple[str, str, int] | None:
    """When and why this till began a new epoch after its first (day, reason, points given up), or None if it never did."""
    from offline_store import journal, settings

    who = journal.identity(db)
    opened = journal.find(db, f"open/{who.terminal}/{who.epoch}")
    if opened is None or opened.number == 1:
        return None
    why = REOPENED.get(settings.get(db, "reopened_because"), REOPENED[""])
    return opened.envelope.business_day, why, -sum(opened.envelope.esc.values())


def epoch(till: Till) -> Iterator[Finding]:
    """Told for a month: long enough to be seen, short enough not to be overlooked for ever."""
    from offline_store.moment import moment

    if till.store is None:
        return
    with till.store.read() as db:
        found = reopened(db)
        if found is None:
            return
        day, why, points = found
        is_recent = (
            date.fromisoformat(moment(db, till.clock()).today) - date.fromisoformat(day)
        ).days < REOPENED_SHOWN_DAYS
    told = f"on {day} this till began a new epoch and gave up {points:,} points: {why}"
    do = "If there is a twin of this till's disk, stop it. Then see docs/recovery.md; this is told for a month."
    yield Finding("Epoch", not is_recent, told, do if is_recent else "")
