"""A new version of the program, and back: the tables of head office are changed only behind a backup of what they were.

An upgrade is one transaction: killed at any moment, the tables are those of before or those of after, and it can be run again.
What it kept stands in the folder `upgrades`, one file for each time, named by the version of the tables in it.

A downgrade puts such a file back for the program before. What happened since is not in it, as in every backup: tills send
their part again, what head office did by itself or by a person's word is lost, so it is counted and said first.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from central_server import schema
from central_server.errors import OfficeError
from central_server.files import alone, flush_names
from central_server.office import Now, Office, read_office_file, schema_of
from central_server.reports import report
from central_server.upkeep import restoring
from ledger.identifiers import RandomBytes

KEPT = "upgrades"


class Upgraded(msgspec.Struct, frozen=True):
    """`steps` says what came with each version. `problems` are those of `pos-central verify`, found on the new tables."""

    before: str
    after: str
    backup: str
    rows: int
    steps: list[str]
    problems: list[str]


class Lost(msgspec.Struct, frozen=True):
    """What the database has and a backup has not. `entries` of tills, by terminal, are sent again by them; the rest is not.

    `own` counts entries of head office's own journal: points granted, expired, and given by hand. `rows` counts, by table, what
    else would be gone, the tables that only the newer version has among it.
    """

    backup: str
    made_at: str
    entries: dict[str, int]
    own: int
    rows: dict[str, int]


NOT_LOST = (
    "inbox",
    "journal",
    "feed_item",
    "feed_channel",
    "open_day",
    "posting",
    "holding",
    "lot",
    "branch",
    "document",
    "setting",
)
"""Tables that are counted apart, or that follow from what tills send again."""


def upgrade(
    folder: Path, now: Now, random_bytes: RandomBytes, progress: restoring.Told = lambda rows: None
) -> Upgraded | None:
    """Brings the tables up to this version's, a backup first; None where they are that already.

    Raises OfficeError; then nothing has changed, and at most a backup was made.
    """
    from central_server.migrations import migrate, steps

    read_office_file(folder)
    with alone(folder), closing(Office(folder, now, random_bytes)) as office:
        with office.database.reading() as connection:
            before = schema_of(connection)
        if before == schema.VERSION:
            return None
        if not before or before > schema.VERSION:
            Office.open(folder, now, random_bytes)  # says which of the two it is
        kept = _backup(office, before, progress)
        try:
            with office.database.writing() as connection:
                counted = _counted(connection)
                migrate(connection)
                after = _counted(connection)
                gone = [name for name, rows in counted.items() if after.get(name, 0) < rows]
                if gone:
                    raise _failed(kept, f"rows of {', '.join(sorted(gone))} would have been lost")
        except SQLAlchemyError as error:
            raise _failed(kept, type(error).__name__) from error
    with closing(Office.open(folder, now, random_bytes)) as office:
        problems = list(report.problems(office))
    told = [f"{version} {what.splitlines()[0]}" for version, what in steps() if before < version]
    return Upgraded(before, schema.VERSION, str(kept), sum(counted.values()), told, problems)


def _failed(kept: Path, why: str) -> OfficeError:
    return OfficeError(
        f"The tables cannot be brought up to date: {why}.",
        hint=f"Nothing was changed; go on with the version before, and report this. A backup is in {kept}.",
        code="UPGRADE_FAILED",
    )


def _backup(office: Office, version: str, progress: restoring.Told) -> Path:
    """A whole backup, read back to its end before anything is changed."""
    place = office.folder / KEPT
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        flush_names(office.folder)
    except OSError as error:
        raise OfficeError(
            f"The folder {place} cannot be made: {error.strerror}.",
            hint="Nothing was changed.",
            code="BACKUP_UNWRITABLE",
        ) from error
    at = office.time()[:23].translate({ord(sign): None for sign in "-:."})
    file = place / f"{version}-{at}.backup"
    restoring.backup(office, file, progress)
    restoring.content_of(file)
    return file


def _counted(connection: Connection) -> dict[str, int]:
    return {
        str(table.name): connection.scalar(select(func.count()).select_from(table)) or 0
        for table in restoring.tables_of(connection)
    }


# -- and back ------------------------------------------------------------------------------------------------------------


def backup_of(folder: Path, version: str) -> Path:
    """The backup that the newest upgrade from this version of the tables made. Raises OfficeError where there is none."""
    read_office_file(folder)
    found = sorted((folder / KEPT).glob("*.backup"), key=lambda one: one.name.partition("-")[2])
    fitting = [one for one in found if one.name.startswith(f"{version}-")]
    if not fitting:
        there = ", ".join(sorted({one.name.partition("-")[0] for one in found})) or "none"
        raise OfficeError(
            f"No upgrade from schema {version} left a backup in {folder / KEPT}.",
            hint=f"Nothing was changed. There are backups of: {there}.",
            code="BACKUP_ABSENT",
        )
    return fitting[-1]


def lost_by(folder: Path, file: Path, now: Now, random_bytes: RandomBytes) -> Lost:
    """What would be gone with this backup in the place of the database. Raises OfficeError where the backup is not whole."""
    then = restoring.content_of(file)
    inbox = schema.inbox.c
    with closing(Office(folder, now, random_bytes)) as office, office.database.reading() as connection:
        counted = _counted(connection)
        heard: dict[str, int] = dict(
            connection.execute(select(inbox.terminal, func.count()).group_by(inbox.terminal)).all()
        )
    more = {name: rows - then.rows.get(name, 0) for name, rows in counted.items()}
    return Lost(
        backup=str(file),
        made_at=then.made_at,
        entries={name: count - then.entries.get(name, 0) for name, count in heard.items()
                 if count > then.entries.get(name, 0)},
        own=max(0, more.get("journal", 0)),
        rows={name: rows for name, rows in sorted(more.items()) if rows > 0 and name not in NOT_LOST},
    )  # fmt: skip


def downgrade(
    folder: Path,
    file: Path,
    now: Now,
    random_bytes: RandomBytes,
    *,
    forget_since: bool = False,
    url: str = "",
    progress: restoring.Told = lambda rows: None,
) -> Lost:
    """Puts the backup of before an upgrade in the place of the database, for the program of that version.

    The database of now is left as it is. Raises OfficeError where tills were acknowledged since and `forget_since` is not said,
    and as `restoring.restore` does; then nothing has changed.
    """
    lost = lost_by(folder, file, now, random_bytes)
    if lost.entries and not forget_since:
        raise OfficeError(
            f"{sum(lost.entries.values()):,} entries of {len(lost.entries):,} tills were acknowledged since {lost.made_at}.",
            hint="Nothing was changed. With --forget-since head office forgets them, and the tills send them again.",
            code="DOWNGRADE_FORGETS",
        )
    restoring.put_back(folder, file, now, random_bytes, url=url, progress=progress)
    return lost
