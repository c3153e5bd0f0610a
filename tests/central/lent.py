"""Databases of a PostgreSQL that are lent to one test after the other: to make one takes longer than most tests."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

# Whatever a test could change beside rows; a database in which one did is not lent again.
_SHAPE = """
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT concat_ws(' ', relname, relkind, attname, atttypid, attnotnull, attisdropped) AS line
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' ', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conname, convalidated) FROM pg_constraint
) AS lines
"""
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = "SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences"


class Lender:
    """Copies of one database. Whenever one is lent, it is as it was when it was made."""

    def __init__(self, copy: Callable[[], str]) -> None:
        """`copy` makes a database like the model and answers its address."""
        self._copy = copy
        self._free: list[str] = []
        self._shape = ""
        self._rows: dict[str, bytes] = {}
        self._numbers: list[tuple[Any, ...]] = []

    @contextlib.contextmanager
    def lent(self) -> Iterator[str]:
        url = self._free.pop() if self._free else self._copy()
        if not self._shape:
            self._learn(url)
        yield url
        if self._is_put_right(url):
            self._free.append(url)

    def _learn(self, url: str) -> None:
        with _asking(url) as ask:
            [(self._shape,)] = ask.execute(_SHAPE)
            self._numbers = ask.execute(_SEQUENCES).fetchall()
            for (table,) in ask.execute(_TABLES).fetchall():
                with ask.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:  # type: ignore[call-overload]
                    self._rows[table] = b"".join(map(bytes, copy))

    def _is_put_right(self, url: str) -> bool:
        with _asking(url) as ask:
            ask.execute(_END_OTHERS)
            if ask.execute(_SHAPE).fetchone() != (self._shape,):
                return False
            with ask.transaction():
                # Some tables refuse to lose a row, and all to break a reference.
                emptied = "; ".join(f'DELETE FROM "{table}"' for table in self._rows)
                ask.execute(f"SET session_replication_role = replica; {emptied}")  # type: ignore[call-overload]
                for table, rows in self._rows.items():
                    if rows:
                        with ask.cursor().copy(f'COPY "{table}" FROM STDIN') as copy:  # type: ignore[call-overload]
                            copy.write(rows)
                for number in self._numbers:
                    ask.execute("SELECT setval(%s::regclass, %s, %s)", number)
        return True


def _asking(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True)
