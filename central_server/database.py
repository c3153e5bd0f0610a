"""The one module that knows which database it is: SQLite in a file, or PostgreSQL.

Both give the same: a writing transaction that is durable at COMMIT and done again where the database undid it for another's
sake, a reading one that sees a single moment, an insert that leaves or replaces what is there, and triggers that refuse to
change what was written.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Table,
    Text,
    any_,
    bindparam,
    create_engine,
    event,
    insert,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError

from central_server.errors import OfficeError

_KNOWN = ("sqlite", "postgresql")

T = TypeVar("T")

BUSY_TIMEOUT_S = 30
ATTEMPTS_WITHIN_S = 45.0
"""No attempt begins later than this after the first: a till that waits asks again by itself. Their number is not bounded: where
many write at once and the machine is busy, one may lose against the others a dozen times within two seconds."""


def sqlite_url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


class Database:
    """A database by its URL. Raises OfficeError where the URL is none that this program can use."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise OfficeError("The database address cannot be read.", hint=_URL_HINT) from error
        name = parsed.get_backend_name()
        if name not in _KNOWN:
            raise OfficeError(f"A database of type {name} cannot be used.", hint=_URL_HINT)
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        try:
            self._engine: Engine = create_engine(parsed, pool_pre_ping=name == "postgresql", hide_parameters=True)
        except (NoSuchModuleError, ImportError) as error:
            raise OfficeError(
                "PostgreSQL needs a driver that is not installed.", hint="pip install 'pos-plugin[server]'"
            ) from error
        self.dialect = name
        # SQLite lets one write at a time and makes the others poll; a lock of our own wakes them in turn.
        self._turn = threading.Lock() if name == "sqlite" else None
        if name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write; durable once left, undone by an exception."""
        options = {"pos_writes": True}
        connecting = self._engine.connect().execution_options
        with self._turn or nullcontext(), connecting(**options) as connection, connection.begin():
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` answers, in a transaction that is durable by then.

        Where the database undid the transaction only because of others that ran beside it, `work` is called once more, and so
        on for `ATTEMPTS_WITHIN_S`: it keeps nothing of an earlier attempt. Every other error is raised at once, above all
        a connection that broke at COMMIT, of which nobody knows whether it was durable.
        """
        began = time.monotonic()
        for attempt in itertools.count(1):
            try:
                with self.writing() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not was_undone(error) or time.monotonic() - began > ATTEMPTS_WITHIN_S:
                    raise
            # Those that met must not meet again in step.
            time.sleep(min(0.5, 0.005 * 2 ** min(attempt, 7)) * random.random())  # noqa: S311
        raise AssertionError("attempts end by an answer or an error")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        options: dict[str, Any] = {}
        if self.dialect == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self._engine.dispose()


_URL_HINT = "Write sqlite:///FILE or postgresql://USER@HOST/NAME; without --database a file in the folder is used."


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late, and not at all before a SELECT
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_S * 1000}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("pos_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


Rows = Sequence[Mapping[str, Any]]


def add(connection: Connection, table: Table, rows: Rows) -> None:
    """Inserts rows; one that is there under the same key is an IntegrityError."""
    if rows and connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    elif rows:
        connection.execute(insert(table), [dict(row) for row in rows])


def add_if_new(connection: Connection, table: Table, rows: Rows) -> bool:
    """Inserts rows, and answers True; or, where a key of them is there already or comes twice, none of them."""
    try:
        with connection.begin_nested():
            add(connection, table, rows)
    except IntegrityError:
        return False
    return True


def keep(connection: Connection, table: Table, rows: Rows) -> None:
    """Inserts rows; what is there under the same key stays as it is."""
    if rows and connection.dialect.name == "postgresql":
        _insert_arrays(connection, table, rows, "ON CONFLICT DO NOTHING")
    elif rows:
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def put(connection: Connection, table: Table, rows: Rows) -> None:
    """Inserts rows; what is there under the same key gets these values, those of the last row where a key comes twice."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    values = [name for name in rows[0] if name not in key]
    if connection.dialect.name == "postgresql":
        last = {tuple(row[name] for name in key): row for row in rows}
        changes = ", ".join(f"{name} = excluded.{name}" for name in values)
        _insert_arrays(
            connection, table, list(last.values()), f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
        )
        return
    statement = sqlite.insert(table)
    changed = {name: statement.excluded[name] for name in values}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), [dict(row) for row in rows])


def add_up(connection: Connection, table: Table, rows: Rows) -> None:
    """Inserts rows; what is there under the same key has these numbers added to its own. No key comes twice."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    sums = [name for name in rows[0] if name not in key]
    if connection.dialect.name == "postgresql":
        changes = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in sums)
        _insert_arrays(connection, table, rows, f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}")
        return
    statement = sqlite.insert(table)
    changed = {name: table.c[name] + statement.excluded[name] for name in sums}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), [dict(row) for row in rows])


AT_ONCE = 2000
"""The most values that one query looks for."""


def among(connection: Connection, column: Column[Any], values: Collection[str]) -> ColumnElement[bool]:
    """Whether a text column is one of many values. PostgreSQL gets them as one: a thousand parameters cost it and us more
    than the rows they find."""
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(values), type_=postgresql.ARRAY(Text)))
    return column.in_(values)


def _copy(connection: Connection, table: Table, rows: Rows) -> None:
    """Rows in PostgreSQL's binary form, without a statement that would be planned for them."""
    import psycopg

    names = tuple(rows[0])
    cells = itemgetter(*names)
    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT binary)"
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types([table.c[name].type.compile(_POSTGRESQL).lower() for name in names])
            for row in rows:
                copy.write_row(cells(row))
    except psycopg.Error as error:
        # As every other statement raises it: who calls knows SQLAlchemy's errors only.
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


def _insert_arrays(connection: Connection, table: Table, rows: Rows, on_conflict: str) -> None:
    """One statement and one array a column, in PostgreSQL's binary form: a fraction of what a statement a row costs."""
    names = tuple(rows[0])
    statement = _array_insert(table, names, on_conflict)
    connection.exec_driver_sql(statement, tuple([row[name] for row in rows] for name in names))


@cache
def _array_insert(table: Table, names: tuple[str, ...], on_conflict: str) -> str:
    # %b: psycopg would send lists as text, which takes longer than everything else together.
    arrays = ", ".join(f"%b::{table.c[name].type.compile(_POSTGRESQL)}[]" for name in names)
    columns = ", ".join(names)
    return f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({arrays}) {on_conflict}"  # noqa: S608 - no value is in it


_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


def is_entrys_fault(error: Exception) -> bool:
    """Whether an error comes from what an entry says, and not from the database being away, full or broken."""
    return not isinstance(error, DBAPIError) or isinstance(error, DataError | IntegrityError)


def was_undone(error: DBAPIError) -> bool:
    """Whether nothing of the transaction happened, and the same again may well succeed.

    40001 is a serialization failure (CockroachDB answers it as a matter of course, PostgreSQL where an operator has raised its
    isolation), 40P01 a deadlock; SQLite was locked by another process for longer than its timeout.
    """
    if isinstance(error.orig, sqlite3.OperationalError):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", None) in ("40001", "40P01")


def size_bytes(connection: Connection) -> int:
    """What the database takes on its disk, without what is still in its log."""
    if connection.dialect.name == "sqlite":
        pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("page_count", "page_size"))
        return int(pages or 0) * int(size or 0)
    return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0)


def append_only(dialect: str, table: str, columns: Sequence[str]) -> list[str]:
    """The statements that make a database refuse DELETE, and UPDATE of these columns."""
    told = f"{table} is append-only: a correction is a new entry"
    if dialect == "sqlite":
        raises = f"BEGIN SELECT RAISE(ABORT, '{told}'); END"
        return [
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {raises}",
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {', '.join(columns)} ON {table} {raises}",
        ]
    return [
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{told}' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()",
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_append_only()",
    ]
