"""Head office opened: its folder with the secrets, its database, its clock, and the programme in force.

The folder holds what must not be lost with the database, and must not be restored with it: the keys, and the server epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, inspect, select, text

from central_server import schema
from central_server.database import Database, keep, put, sqlite_url
from central_server.errors import OfficeError
from central_server.files import write_private
from central_server.tills import channels
from central_server.tills.roster import Roster
from ledger.identifiers import RandomBytes
from ledger.keys import SigningKey, new_sealing_key
from loyalty.days import business_day
from loyalty.program import Program, read_program
from loyalty.typed import typed

Now = Callable[[], datetime]

SECRETS = ("signing", "sealing", "nonce", "phone")
COMING = "programs_to_come"


class OfficeFile(msgspec.Struct, frozen=True):
    """`office.json`. An empty `database` is the SQLite file beside it, `file`; `server_epoch` grows with each restore.

    A restore makes another file and names it here together with its epoch, so that both change at once or not at all.
    """

    server: str
    server_epoch: int
    database: str = ""
    file: str = "central.db"


def utc_text(at: datetime) -> str:
    """A moment as it is stored and sent; sorts as it counts."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


class Office:
    """Head office, open, to serve or report. `central_server.founding` makes one."""

    def __init__(self, folder: Path, now: Now, random_bytes: RandomBytes) -> None:
        self.folder = folder
        self.now = now
        self.random_bytes = random_bytes
        about = read_office_file(folder)
        self.server = about.server
        self.server_epoch = about.server_epoch
        self.signing = SigningKey(self._secret("signing"))
        self.sealing_secret = self._secret("sealing")
        self.nonce_secret = self._secret("nonce")
        self.phone_key = self._secret("phone").hex()
        self.sealing_key = new_sealing_key(self.sealing_secret)
        self.database = Database(about.database or sqlite_url(folder / about.file))
        self.roster = Roster(folder)
        self.roll_is_complete = self.server_epoch == 1
        """Whether grants may go on after a restore: see `central_server.tills.roll_call`."""
        self._programs: dict[str, Program] = {}

    @classmethod
    def open(cls, folder: Path, now: Now, random_bytes: RandomBytes) -> Office:
        """Raises OfficeError where there is none, or its tables are not those of this version."""
        office = cls(folder, now, random_bytes)
        try:
            with office.database.reading() as connection:
                office.require_schema(connection)
        except BaseException:
            office.close()
            raise
        return office

    def close(self) -> None:
        self.database.close()

    def time(self) -> str:
        return utc_text(self.now())

    def later(self, seconds: float) -> str:
        return utc_text(self.now() + timedelta(seconds=seconds))

    def put_program(self, connection: Connection, program: Program) -> None:
        """Takes a programme over and tells every till: in force at once, or from the shop-local time at which it takes effect.

        Whatever has taken effect by now is what this one comes after.
        """
        keep(
            connection,
            schema.program,
            [{"program": program.id, "text": program.text, "kept_at": self.time()}],
        )
        now, waiting = self._in_force(connection)
        coming = [name for name in waiting if name != program.id]
        if now and not self._is_in_effect(program):
            coming.append(program.id)
        else:
            now = program.id
        put(connection, schema.setting, [{"name": "program", "value": now}])
        if coming or self.setting(connection, COMING):
            put(connection, schema.setting, [{"name": COMING, "value": " ".join(coming)}])
        channels.announce(connection, channels.PROGRAM, [program.id])

    def program(self, connection: Connection, program_id: str = "") -> Program | None:
        """The programme of that id, or the one in force; None for an id that head office never saw."""
        wanted = program_id or self._in_force(connection)[0]
        if wanted not in self._programs:
            found = connection.scalar(select(schema.program.c.text).where(schema.program.c.program == wanted))
            if found is None:
                return None
            self._programs[wanted] = read_program(found)
        return self._programs[wanted]

    def programs_to_come(self, connection: Connection) -> list[Program]:
        """Those that have been published and are not in force yet, the next one first."""
        found = [self.program(connection, name) for name in self._in_force(connection)[1]]
        return [one for one in found if one is not None]

    def _in_force(self, connection: Connection) -> tuple[str, list[str]]:
        """The id of the programme in force, '' for none, and those of the programmes to come, in the order of their times."""
        table = schema.setting.c
        rows = connection.execute(select(table.name, table.value).where(table.name.in_(["program", COMING])))
        known: dict[str, str] = dict(rows.all())
        now, waiting = known.get("program", ""), known.get(COMING, "").split()
        if not waiting:
            return now, []
        programs = [one for name in waiting if (one := self.program(connection, name)) is not None]
        # Of those alike in their time, the one published last is the later one.
        programs.sort(key=lambda one: one.effective)
        due = [one.id for one in programs if self._is_in_effect(one)]
        return (due[-1] if due else now), [one.id for one in programs if one.id not in due]

    def _is_in_effect(self, program: Program) -> bool:
        local = self.now().astimezone(program.zone).replace(tzinfo=None)
        return program.is_in_force(local.isoformat(timespec="seconds"))

    def today(self, connection: Connection) -> str:
        """The programme's day at this moment."""
        program = self.program(connection)
        assert program is not None, "init puts a programme in force"
        return business_day(self.now().astimezone(program.zone).replace(tzinfo=None), program.day_starts_at)

    def setting(self, connection: Connection, name: str) -> str | None:
        return connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == name))

    def _secret(self, name: str) -> bytes:
        path = self.folder / f"{name}.key"
        try:
            secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise OfficeError(
                f"The key {path} cannot be read.", hint="Put back the folder's files; the tills trust these keys only."
            ) from error
        if len(secret) != 32:
            raise OfficeError(f"The key {path} is not whole.", hint="Put back the folder's files.")
        return secret

    def require_schema(self, connection: Connection) -> None:
        """Raises OfficeError where the tables are not those of this version."""
        found = schema_of(connection)
        if not found:
            raise OfficeError(
                "The database has no tables yet.",
                hint=f"Run: pos-central init --dir {typed(self.folder)}",
                code="SCHEMA_OLDER",
            )
        if found < schema.VERSION:
            raise OfficeError(
                f"The database is at schema {found}; this program needs {schema.VERSION}.",
                hint=f"Run: pos-central upgrade --dir {typed(self.folder)}",
                code="SCHEMA_OLDER",
            )
        if found > schema.VERSION:
            raise OfficeError(
                f"The database is at schema {found}, newer than this program's {schema.VERSION}.",
                hint="Install the version of pos-plugin that wrote it.",
                code="SCHEMA_NEWER",
            )


def schema_of(connection: Connection) -> str:
    """The version of the tables that are there; '' for none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def read_office_file(folder: Path) -> OfficeFile:
    """Raises OfficeError where there is no head office in `folder`."""
    try:
        return msgspec.json.decode((folder / "office.json").read_bytes(), type=OfficeFile)
    except (OSError, msgspec.DecodeError) as error:
        raise OfficeError(
            f"There is no head office in {folder}.",
            hint=f"Run: pos-central init --dir {typed(folder)} --shop NAME",
            code="OFFICE_ABSENT",
        ) from error


def write_office_file(folder: Path, about: OfficeFile) -> None:
    write_private(folder / "office.json", msgspec.json.encode(about))
