"""Backup and restore: the whole database in one file, from and to either kind of database, and what must be done after.

A restored head office has forgotten what happened since its backup. It takes a server epoch later than any before, from outside
the database; by that the tills see it, send again what it lacks, and greet it. What must not be forgotten with the database
(who was enrolled or revoked, who got rights, who was erased, which cards and tokens nobody takes) stands in the roster, and is
put right before anybody is served.

A backup is of the tables as they were, so an older one can be restored by a newer program, and the one that an upgrade makes
before it begins can be put back for the program before (`central_server.upkeep.upgrading`).
"""

from __future__ import annotations

import errno
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from sqlalchemy import Connection, MetaData, Table, delete, inspect, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from central_server import schema
from central_server.database import Database, add, keep, put, sqlite_url
from central_server.errors import OfficeError
from central_server.files import alone, flush_names
from central_server.membership import cards, consents, members, passes, tokens
from central_server.office import Now, Office, OfficeFile, read_office_file, schema_of, write_office_file
from central_server.tills import forfeits
from central_server.tills.roster import Event
from central_server.upkeep import witness
from ledger.identifiers import RandomBytes

FORMAT = "pos-central backup 1"
ALEMBICS_OWN = "alembic_version"
ROWS_AT_ONCE = 2000
MAX_LINE_BYTES = 256 * 1024 * 1024
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems without hard links answer, those of memory sticks above all."""

Told = Callable[[int], None]


class Header(msgspec.Struct, frozen=True):
    """The roster goes along, so that the folder's keys and the last backup are enough where a whole machine is lost."""

    format: str
    server: str
    server_epoch: int
    schema: str
    made_at: str
    roster: list[Event]


class Rows(msgspec.Struct, frozen=True, array_like=True, tag="rows"):
    table: str
    rows: list[list[object]]


class End(msgspec.Struct, frozen=True, array_like=True, tag="end"):
    rows: int


def _nobody(rows: int) -> None:
    pass


# -- backup --------------------------------------------------------------------------------------------------------------


def backup(office: Office, file: Path, progress: Told = _nobody) -> int:
    """Writes all that the database holds at one moment to `file`, readable by this user alone; answers how many rows.

    The keys of the folder are not in it. Raises OfficeError where the file exists or cannot be written; nothing is left then.
    """
    new = file.parent / f"{file.name}.{os.getpid()}.new"
    try:
        if file.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as out:
            rows = 0
            squeeze = zlib.compressobj(3)
            # Read before the tables: a line too many does no harm, one too few might.
            roster = office.roster.every()
            with office.database.reading() as connection:
                found = schema_of(connection)
                header = Header(FORMAT, office.server, office.server_epoch, found, office.time(), roster)
                out.write(squeeze.compress(_line(header)))
                for part in _content(connection):
                    out.write(squeeze.compress(_line(part)))
                    rows += len(part.rows)
                    progress(rows)
            out.write(squeeze.compress(_line(End(rows))) + squeeze.flush())
            out.flush()
            os.fsync(out.fileno())
        _give_name(new, file)
        flush_names(file.absolute().parent)
    except FileExistsError as error:
        raise OfficeError(
            f"{file} is there already.", hint="Choose another name; a backup is never overwritten."
        ) from error
    except OSError as error:
        raise OfficeError(
            f"{file} cannot be written: {error.strerror}.",
            hint="Nothing of it was left. Make room, or choose another place.",
            code="BACKUP_UNWRITABLE",
        ) from error
    finally:
        with suppress(OSError):
            new.unlink()
    return rows


def _give_name(new: Path, file: Path) -> None:
    """Raises FileExistsError where somebody made `file` meanwhile."""
    try:
        os.link(new, file)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if file.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        os.replace(new, file)


def _line(part: object) -> bytes:
    data = msgspec.msgpack.encode(part)
    return len(data).to_bytes(4, "big") + data


def tables_of(connection: Connection) -> list[Table]:
    """The tables as this database has them, whatever its version; each after those it refers to."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != ALEMBICS_OWN]


def _content(connection: Connection) -> Iterator[Rows]:
    for table in tables_of(connection):
        result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for part in result.partitions(ROWS_AT_ONCE):
            yield Rows(str(table.name), [list(row) for row in part])


# -- restore -------------------------------------------------------------------------------------------------------------


def restore(
    folder: Path, file: Path, now: Now, random_bytes: RandomBytes, *, url: str = "", progress: Told = _nobody
) -> Office:
    """Puts a backup in the place of the database, as a new server epoch, and answers head office, open.

    Into a new SQLite file beside the keys, or into an empty database at `url`; the database before is left as it is. The
    folder's keys must be those of the head office that made the backup. One of an earlier version is brought up to date on the
    way. It is in force once `office.json` names it, so an interruption at any moment leaves the old one in force, or the new
    one. Raises OfficeError; then nothing has changed.
    """

    def finish(office: Office, connection: Connection, is_older: bool) -> None:
        migrate(connection)
        if is_older:
            _await_everybody(office, connection)
        _put_right(office, connection)

    from central_server.migrations import migrate

    _exchange(folder, file, now, random_bytes, finish, url=url, progress=progress)
    return Office.open(folder, now, random_bytes)


def put_back(
    folder: Path, file: Path, now: Now, random_bytes: RandomBytes, *, url: str = "", progress: Told = _nobody
) -> None:
    """As `restore`, but the tables stay those of the version that made the backup, for that version's program.

    Nothing is put right: only that program knows how, in its own tables. It refuses to serve until it was told `restored`,
    because the folder is of a later server epoch than what was put back.
    """
    _exchange(folder, file, now, random_bytes, lambda *_: None, url=url, progress=progress)


def _exchange(
    folder: Path,
    file: Path,
    now: Now,
    random_bytes: RandomBytes,
    finish: Callable[[Office, Connection, bool], None],
    *,
    url: str,
    progress: Told,
) -> None:
    """`finish` does what is due in the transaction that fills the new database; it hears whether the roster had forgotten."""
    about = read_office_file(folder)
    if not url and about.database:
        raise OfficeError(
            "This head office keeps its data in a database of its own.",
            hint="Name a new, empty one: --database postgresql://USER@HOST/NAME. The one before is left as it is.",
        )
    with alone(folder):
        parts = _parts(file)
        header = _header(file, next(parts, b""))
        if header.server != about.server:
            raise OfficeError(
                f"This backup is of head office {header.server}, the folder belongs to {about.server}.",
                hint="Restore it into the folder with that one's keys.",
            )
        office = Office(folder, now, random_bytes)
        office.server_epoch = _later_epoch(now, about.server_epoch, header.server_epoch)
        office.roll_is_complete = False
        after = OfficeFile(
            about.server, office.server_epoch, url, "central.db" if url else _file_of(office.server_epoch)
        )
        office.database.close()
        try:
            is_older = not set(header.roster) <= set(office.roster.every())
            _remember(office, header.roster)
            if not url:
                _remove(folder / after.file)
            office.database = Database(url or sqlite_url(folder / after.file))
            with _in_words(file), office.database.writing() as connection:
                _fill(connection, header.schema, parts, file, progress)
                finish(office, connection, is_older)
            office.database.close()  # SQLite folds its log into the file
            flush_names(folder)
            write_office_file(folder, after)
        except BaseException:
            office.close()
            if not url:
                _remove(folder / after.file)
            raise


def declare_restored(folder: Path, now: Now, random_bytes: RandomBytes) -> Office:
    """Something else has put the database back to an earlier state (or perhaps has): a new server epoch, and what was
    forgotten is put right. Safe at any time: all it costs where nothing was lost is a round of greetings.

    Answers head office, open. Raises OfficeError while a server runs. Interrupted, it is to be done again, and a server says so.
    """
    about = read_office_file(folder)
    with alone(folder):
        office = Office.open(folder, now, random_bytes)
        try:
            with office.database.writing() as connection:
                kept: dict[str, str] = dict(
                    connection.execute(select(schema.setting.c.name, schema.setting.c.value)).all()
                )
                if kept.get("server", about.server) != about.server:
                    raise OfficeError(
                        "This database belongs to another head office.", hint="See which database office.json names."
                    )
                known = int(kept.get(witness.EPOCH, "1"))
                office.server_epoch = _later_epoch(now, about.server_epoch, known)
                office.roll_is_complete = False
                _put_right(office, connection)
            write_office_file(folder, OfficeFile(about.server, office.server_epoch, about.database, about.file))
        except BaseException:
            office.close()
            raise
        return office


def _later_epoch(now: Now, *known: int) -> int:
    """The number comes from the clock, too, so that a folder that is itself an old copy does no harm."""
    return max(*known, int(now().timestamp())) + 1


def _file_of(server_epoch: int) -> str:
    return f"central-{server_epoch}.db"


def _remove(file: Path) -> None:
    """A database that never was in force."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            file.with_name(file.name + suffix).unlink()


def _remember(office: Office, events: list[Event]) -> None:
    try:
        office.roster.remember(*events)
    except OSError as error:
        raise OfficeError(
            f"The folder {office.folder} cannot be written: {error.strerror}.", hint="Make room. Nothing was changed."
        ) from error


def _header(file: Path, data: bytes) -> Header:
    try:
        header = msgspec.msgpack.decode(data, type=Header)
    except msgspec.DecodeError as error:
        raise OfficeError(
            f"{file} is no backup of a head office.", hint="Nothing was changed.", code="BACKUP_DAMAGED"
        ) from error
    from central_server.migrations import steps

    if header.schema > schema.VERSION:
        raise OfficeError(
            f"{file} was written by a newer version (schema {header.schema}; this program has {schema.VERSION}).",
            hint="Nothing was changed; restore it with the version that wrote it.",
            code="SCHEMA_NEWER",
        )
    if header.format != FORMAT or header.schema not in dict(steps()):
        raise _damaged(file)
    return header


def _parts(file: Path) -> Iterator[bytes]:
    """The lines of a backup, to its very end. Raises OfficeError where it is none, cut off, or its checksum is wrong."""
    expand, buffer = zlib.decompressobj(), bytearray()
    try:
        with file.open("rb") as source:
            while chunk := source.read(1 << 20):
                buffer += expand.decompress(chunk)
                start = 0
                while len(buffer) - start >= 4:
                    size = int.from_bytes(buffer[start : start + 4], "big")
                    if size > MAX_LINE_BYTES:
                        raise _damaged(file)
                    if len(buffer) - start - 4 < size:
                        break
                    yield bytes(buffer[start + 4 : start + 4 + size])
                    start += 4 + size
                del buffer[:start]
    except zlib.error as error:
        raise _damaged(file) from error
    except OSError as error:
        raise OfficeError(f"{file} cannot be read: {error.strerror}.", hint="Nothing was changed.") from error
    if not expand.eof or expand.unused_data or buffer:
        raise _damaged(file)


def _damaged(file: Path) -> OfficeError:
    return OfficeError(
        f"{file} is cut off, damaged, or no backup of a head office.",
        hint="Nothing was changed; take an earlier backup.",
        code="BACKUP_DAMAGED",
    )


@contextmanager
def _in_words(file: Path) -> Iterator[None]:
    """What the database says of rows that do not fit is the backup's fault; that it is away or full is not."""
    try:
        yield
    except OperationalError as error:
        raise OfficeError(
            f"The new database cannot be written ({error.orig}).",
            hint="Nothing was changed. See that it is there, and that its disk has room.",
            code="RESTORE_FAILED",
        ) from error
    except SQLAlchemyError as error:
        raise _damaged(file) from error


def _fill(connection: Connection, version: str, parts: Iterator[bytes], file: Path, progress: Told) -> None:
    from central_server.migrations import migrate

    if inspect(connection).get_table_names():
        raise OfficeError(
            "The database to restore into is not empty.", hint="Create a new, empty one. Nothing was changed."
        )
    migrate(connection, version)
    tables = {str(table.name): table for table in tables_of(connection)}
    for table, rows in _rows(parts, tables, file, progress):
        add(connection, table, rows)


def _rows(
    parts: Iterator[bytes], tables: Mapping[str, Table], file: Path, progress: Told
) -> Iterator[tuple[Table, list[dict[str, object]]]]:
    """What stands in a backup behind its header. Raises OfficeError where it does not fit, or its end is missing."""
    counted = 0
    for data in parts:
        try:
            part = msgspec.msgpack.decode(data, type=Rows | End)
            if isinstance(part, End):
                if part.rows != counted or next(parts, None) is not None:
                    raise _damaged(file)
                return
            table = tables[part.table]
            names = [column.name for column in table.columns]
            rows = [dict(zip(names, row, strict=True)) for row in part.rows]
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            raise _damaged(file) from error
        yield table, rows
        counted += len(rows)
        progress(counted)
    raise _damaged(file)


class Content(msgspec.Struct, frozen=True):
    """What a backup holds: how many rows by table, and how many entries of each terminal."""

    schema: str
    made_at: str
    rows: dict[str, int]
    entries: dict[str, int]


def content_of(file: Path) -> Content:
    """Reads a backup to its end. Raises OfficeError where it is none, or not whole."""
    parts = _parts(file)
    header = _header(file, next(parts, b""))
    rows: Counter[str] = Counter()
    entries: Counter[str] = Counter()
    terminal = list(schema.inbox.c.keys()).index("terminal")
    for data in parts:
        try:
            part = msgspec.msgpack.decode(data, type=Rows | End)
            if isinstance(part, End):
                if part.rows != rows.total() or next(parts, None) is not None:
                    raise _damaged(file)
                return Content(header.schema, header.made_at, dict(rows), dict(entries))
            rows[part.table] += len(part.rows)
            if part.table == schema.inbox.name:
                entries.update(str(row[terminal]) for row in part.rows)
        except (msgspec.DecodeError, IndexError) as error:
            raise _damaged(file) from error
    raise _damaged(file)


# -- what a restored database has forgotten ------------------------------------------------------------------------------


def _await_everybody(office: Office, connection: Connection) -> None:
    """The folder is older than the backup: which tills were granted points for the first time since, nobody knows any more."""
    table = schema.terminal.c
    rows = connection.execute(select(table.terminal, table.epoch).where(table.revoked_at == "")).all()
    _remember(office, [Event("granted", row.terminal, row.epoch) for row in rows])


def _put_right(office: Office, connection: Connection) -> None:
    """What the roster knows and the database has forgotten; and from here on the database is of this server epoch."""
    roster, at = office.roster, office.time()
    table, lost, got = schema.terminal, schema.forfeit, schema.grant.c
    put(connection, schema.setting, [{"name": witness.EPOCH, "value": str(office.server_epoch)}])
    enrolled = roster.events("enrolled")
    keep(connection, schema.shop, [{"shop": shop, "created_at": at} for shop in sorted({one.shop for one in enrolled})])
    keep(
        connection,
        table,
        [
            {
                "terminal": one.terminal,
                "shop": one.shop,
                "epoch": one.epoch,
                "public_key": one.public_key,
                "enrolled_at": one.at,
                "revoked_at": "",
                "heard_at": "",
                "sent_at": "",
            }
            for one in enrolled
        ],
    )
    for one in roster.events("revoked"):
        connection.execute(
            update(table).where(table.c.terminal == one.terminal, table.c.revoked_at == "").values(revoked_at=one.at)
        )
    # Who signed out since, or whose account was closed, would be signed in again.
    connection.execute(delete(schema.people.session))
    # A code that was used since the backup would look unused.
    codes = schema.enroll_code
    connection.execute(update(codes).where(codes.c.used_by == "", codes.c.expires_at > at).values(expires_at=""))
    # The folder may be an older copy than the database: then the database knows of grants that the roster does not.
    granted = connection.execute(select(got.terminal, got.epoch).distinct()).all()
    known = {(one.terminal, one.epoch) for one in roster.events("granted")}
    _remember(office, [Event("granted", row.terminal, row.epoch) for row in granted if tuple(row) not in known])
    of_database = connection.execute(select(lost.c.terminal, lost.c.epoch)).all()
    forfeited = {tuple(row) for row in of_database} | {(one.terminal, one.epoch) for one in roster.events("forfeited")}
    forfeits.give_up(office, connection, sorted(forfeited))
    for put_it_right in (cards.put_right, tokens.put_right, passes.put_right, consents.put_right):
        put_it_right(office, connection)
    for one in roster.events("erased"):
        members.forget(office, connection, one.member)
