"""Backup and restore: the whole database in one file, from and to either kind of database, and what must be done after.

A restored head office has forgotten what happened since its backup. It takes a server epoch later than any before, from outside
the database; by that the tills see it, send again what it lacks, and greet it. What must not be forgotten with the database
(who was enrolled or revoked, who got rights, who was erased) stands in the roster, and is put right at once.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, select, update

from central_server import members, schema
from central_server.database import Database, add, keep, sqlite_url
from central_server.errors import OfficeError
from central_server.office import Now, Office, OfficeFile, read_office_file, write_office_file
from ledger.identifiers import RandomBytes

FORMAT = "pos-central backup 1"
ROWS_AT_ONCE = 2000
MAX_LINE_BYTES = 256 * 1024 * 1024


class Header(msgspec.Struct, frozen=True):
    format: str
    server: str
    server_epoch: int
    schema: str
    made_at: str


class Rows(msgspec.Struct, frozen=True, array_like=True):
    table: str
    rows: list[list[object]]


class End(msgspec.Struct, frozen=True):
    rows: int


def backup(office: Office, file: Path, progress: Callable[[int], None] = lambda rows: None) -> int:
    """Writes all that the database holds at one moment to `file`, readable by this user alone; answers how many rows.

    The keys of the folder are not in it. Raises OfficeError where the file exists or cannot be written; nothing is left then.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        if file.exists():
            raise OfficeError(f"{file} is there already.", hint="Choose another name; a backup is never overwritten.")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as out:
            rows = 0
            squeeze = zlib.compressobj(3)
            with office.database.reading() as connection:
                header = Header(FORMAT, office.server, office.server_epoch, schema.VERSION, office.time())
                out.write(squeeze.compress(_line(header)))
                for part in _content(connection):
                    out.write(squeeze.compress(_line(part)))
                    rows += len(part.rows)
                    progress(rows)
            out.write(squeeze.compress(_line(End(rows))) + squeeze.flush())
            out.flush()
            os.fsync(out.fileno())
        os.link(new, file)  # fails where somebody made it meanwhile
    except OSError as error:
        raise OfficeError(f"{file} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    finally:
        with suppress(OSError):
            new.unlink()
    return rows


def _line(part: object) -> bytes:
    data = msgspec.msgpack.encode(part)
    return len(data).to_bytes(4, "big") + data


def _content(connection: Connection) -> Iterator[Rows]:
    for table in schema.metadata.sorted_tables:
        result = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
        for part in result.partitions(ROWS_AT_ONCE):
            yield Rows(table.name, [list(row) for row in part])


def _parts(file: Path) -> Iterator[bytes]:
    """The lines of a backup. Raises OfficeError where it is none, or cut off."""
    expand, buffer = zlib.decompressobj(), bytearray()
    try:
        with file.open("rb") as source:
            while chunk := source.read(1 << 20):
                buffer += expand.decompress(chunk)
                start = 0
                while len(buffer) - start >= 4:
                    size = int.from_bytes(buffer[start : start + 4], "big")
                    if size > MAX_LINE_BYTES:
                        raise OfficeError(f"{file} is no backup of a head office.")
                    if len(buffer) - start - 4 < size:
                        break
                    yield bytes(buffer[start + 4 : start + 4 + size])
                    start += 4 + size
                del buffer[:start]
    except (OSError, zlib.error) as error:
        raise OfficeError(f"{file} cannot be read ({type(error).__name__}).", hint="Nothing was changed.") from error


def restore(
    folder: Path,
    file: Path,
    now: Now,
    random_bytes: RandomBytes,
    *,
    url: str = "",
    progress: Callable[[int], None] = lambda rows: None,
) -> Office:
    """Puts a backup in the place of the database, as a new server epoch, and answers head office, open.

    Into the SQLite file beside the keys (the one that is there is set aside, not deleted), or into an empty database at
    `url`. The folder's keys must be those of the head office that made the backup. Raises OfficeError; where the backup turns
    out to be damaged, the old database stays in force.
    """
    about = read_office_file(folder)
    parts = _parts(file)
    try:
        header = msgspec.msgpack.decode(next(parts, b""), type=Header)
    except msgspec.DecodeError as error:
        raise OfficeError(f"{file} is no backup of a head office.", hint="Nothing was changed.") from error
    if header.format != FORMAT or header.schema != schema.VERSION:
        raise OfficeError(
            f"{file} was written by another version (schema {header.schema}; this program has {schema.VERSION}).",
            hint="Restore it with the version that wrote it, then update.",
            code="SCHEMA_NEWER" if header.schema > schema.VERSION else "SCHEMA_OLDER",
        )
    if header.server != about.server:
        raise OfficeError(
            f"This backup is of head office {header.server}, the folder belongs to {about.server}.",
            hint="Restore it into the folder with that one's keys.",
        )
    target = folder / "central.db.restoring"
    to_file = not url
    for name in (target.name, f"{target.name}-wal", f"{target.name}-shm"):
        (folder / name).unlink(missing_ok=True)
    database = Database(url or sqlite_url(target))
    try:
        with database.writing() as connection:
            _fill(connection, parts, file, progress)
    finally:
        database.close()
    if to_file:
        _set_aside(folder, now)
        os.replace(target, folder / "central.db")
    declare_restored(folder, now, least_epoch=header.server_epoch, url=url)
    office = Office.open(folder, now, random_bytes)
    put_right(office)
    return office


def _fill(connection: Connection, parts: Iterator[bytes], file: Path, progress: Callable[[int], None]) -> None:
    from central_server.migrations import migrate

    migrate(connection)
    tables, counted = schema.metadata.tables, 0
    if connection.scalar(select(func.count()).select_from(schema.setting)):
        raise OfficeError("The database to restore into is not empty.", hint="Create a new, empty one.")
    for data in parts:
        try:
            part = msgspec.msgpack.decode(data, type=Rows)
        except msgspec.DecodeError:
            end = msgspec.msgpack.decode(data, type=End)
            if end.rows != counted:
                break
            return
        table = tables[part.table]
        names = [column.name for column in table.columns]
        add(connection, table, [dict(zip(names, row, strict=True)) for row in part.rows])
        counted += len(part.rows)
        progress(counted)
    raise OfficeError(f"{file} is cut off or damaged.", hint="Nothing was changed; take an earlier backup.")


def _set_aside(folder: Path, now: Now) -> None:
    """The database that is replaced is kept under another name, its last transactions folded in."""
    old = folder / "central.db"
    if not old.exists():
        return
    kept = folder / f"central.db.replaced-{now():%Y%m%d-%H%M%S}"
    for suffix in ("-wal", "-shm"):
        if (part := old.with_name(old.name + suffix)).exists():
            os.replace(part, kept.with_name(kept.name + suffix))
    os.replace(old, kept)


def declare_restored(folder: Path, now: Now, *, least_epoch: int = 0, url: str = "") -> int:
    """Gives head office a server epoch later than any before; answers it. For a database that something else restored.

    The number comes from the folder and from the clock, so that a folder that is itself an old copy does no harm.
    """
    about = read_office_file(folder)
    epoch = max(about.server_epoch, least_epoch, int(now().timestamp())) + 1
    write_office_file(folder, OfficeFile(about.server, epoch, url or about.database))
    return epoch


def put_right(office: Office) -> None:
    """After a restore: what the roster knows and the database has forgotten. The same again changes nothing."""
    roster = office.roster
    with office.database.writing() as connection:
        table, lost = schema.terminal, schema.forfeit
        shops = {one.shop for one in roster.events("enrolled")}
        keep(connection, schema.shop, [{"shop": shop, "created_at": office.time()} for shop in sorted(shops)])
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
                }
                for one in roster.events("enrolled")
            ],
        )
        for one in roster.events("revoked"):
            connection.execute(
                update(table)
                .where(table.c.terminal == one.terminal, table.c.revoked_at == "")
                .values(revoked_at=one.at)
            )
        keep(
            connection,
            lost,
            [
                {"terminal": one.terminal, "epoch": one.epoch, "forfeited_at": office.time()}
                for one in roster.events("forfeited")
            ],
        )
        for one in roster.events("erased"):
            members.forget(office, connection, one.member)
