"""Making a head office: its folder with the secrets, its tables, its first programme; and shops added to one that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from central_server import schema
from central_server.database import Database, keep
from central_server.errors import OfficeError
from central_server.files import flush_names, write_private
from central_server.migrations import migrate
from central_server.office import (
    SECRETS,
    Now,
    Office,
    OfficeFile,
    read_office_file,
    schema_of,
    utc_text,
    write_office_file,
)
from central_server.programs import publishing
from ledger.entry import GENESIS
from ledger.identifiers import RandomBytes, new_terminal
from loyalty.program import preset, read_program

MAX_SHOP_NAME = 40


def init_office(
    folder: Path,
    now: Now,
    random_bytes: RandomBytes,
    *,
    url: str = "",
    program_text: str = "",
    shops: Sequence[str] = (),
) -> Office:
    """A new head office in `folder`, open; or the one that is there, these shops added. `url` is that of a database elsewhere.

    Raises OfficeError, and ProgramError where the programme is not right; nothing is changed then.
    """
    program = read_program(program_text) if program_text else None
    for shop in shops:
        if not shop.strip() or len(shop) > MAX_SHOP_NAME or not shop.isprintable() or "/" in shop:
            raise OfficeError(
                f"A shop cannot be called {shop!r}.",
                hint=f"1 to {MAX_SHOP_NAME} printable characters, without a slash.",
            )
    is_new = not (folder / "office.json").exists()
    if is_new:
        if url:
            Database(url).close()
        _make_folder(folder, OfficeFile(new_terminal(random_bytes), 1, url), random_bytes)
    office = Office(folder, now, random_bytes)
    if not is_new and url and url != read_office_file(folder).database:
        office.close()
        raise OfficeError(
            "This head office uses another database.", hint="Leave --database out, or choose an empty folder."
        )
    try:
        with office.database.writing() as connection:
            if schema_of(connection):
                office.require_schema(connection)  # an upgrade makes a backup first: `central_server.upkeep.upgrading`
            else:
                migrate(connection)
            _claim_database(office, connection)
            at = utc_text(now())
            keep(connection, schema.shop, [{"shop": shop, "created_at": at} for shop in shops])
            if program is None and office.setting(connection, "program") is None:
                program = read_program(preset("points"))
            if program is not None:
                publishing.check(office, connection, program)
                office.put_program(connection, program)
    except BaseException:
        office.close()
        raise
    return office


def _claim_database(office: Office, connection: Connection) -> None:
    keep(connection, schema.setting, [{"name": "server", "value": office.server}])
    if office.setting(connection, "server") != office.server:
        raise OfficeError(
            "This database belongs to another head office.",
            hint="Choose an empty database, or use that one's folder.",
        )
    keep(connection, schema.chain, [{"server": office.server, "head": GENESIS, "head_number": 0}])


def _make_folder(folder: Path, about: OfficeFile, random_bytes: RandomBytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in SECRETS:
            if not (folder / f"{name}.key").exists():
                write_private(folder / f"{name}.key", random_bytes(32).hex().encode())
        # Last, so that a folder with this file is whole.
        write_office_file(folder, about)
        flush_names(folder.absolute().parent)
    except OSError as error:
        raise OfficeError(
            f"The folder {folder} cannot be written: {error.strerror}.", hint="Choose another."
        ) from error
