"""A till's file after years of selling, built in a minute: real rows multiplied by SQL, in the real schema with its triggers.

Numbers, documents, keys, lots and members differ from row to row as they would; the bytes of an entry and its receipt are those
of one of the real sales, so the file has its real size and its trees their real depth. Its chain does not hold, and no
measurement looks at that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loyalty.card import ean13_check_digit

SALES_A_MEMBER = 50


def ean13(prefix: str, number: int) -> str:
    first = f"{prefix}{number:010d}"
    return first + ean13_check_digit(first)


@contextmanager
def _in_a_hurry(file: Path) -> Iterator[sqlite3.Connection]:
    """Nothing here must survive a power cut: the file is thrown away. The till opens it durably afterwards."""
    db = sqlite3.connect(file, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000", "temp_store = FILE"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        db.create_function("ean13", 2, ean13, deterministic=True)
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def _series(db: sqlite3.Connection, first: int, last: int) -> None:
    db.execute("CREATE TEMP TABLE series (n INTEGER PRIMARY KEY)")
    db.execute(
        "WITH RECURSIVE s(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM s WHERE n < ?) INSERT INTO series SELECT n FROM s",
        (first, last),
    )


def add_members(file: Path, count: int) -> None:
    """So many members, each with a card of its own that begins with 29, and a figure from head office."""
    with _in_a_hurry(file) as db:
        _series(db, 1, count)
        db.execute(
            "CREATE TEMP TABLE person AS SELECT n, lower(hex(randomblob(8))) AS member, "
            "ean13('29', n) AS card FROM series"
        )
        db.execute(
            "INSERT INTO member (member, joined_on, as_of, includes, points, initials) "
            "SELECT member, '2026-01-01', '2026-11-21T10:00:00.000+00:00', 0, "
            "'[{\"expires_on\":\"2027-11-22\",\"points\":' || (n % 900) || '}]', 'A.B.' FROM person ORDER BY member"
        )
        db.execute("INSERT INTO card (card, member) SELECT card, member FROM person ORDER BY card")


def know(file: Path, people: list[tuple[str, str]]) -> None:
    """Makes a file know the members of another: (card, member)."""
    with _in_a_hurry(file) as db:
        db.executemany(
            "INSERT INTO member (member, joined_on) VALUES (?, '2020-01-01')", sorted((m,) for _, m in people)
        )
        db.executemany("INSERT INTO card (card, member) VALUES (?, ?)", sorted(people))


def multiply(file: Path, entries: int, *, pos_till: str = "1") -> None:
    """Repeats the sales of a till's file until it has so many entries, of as many more members as there would be."""
    with _in_a_hurry(file) as db:
        (last,) = db.execute("SELECT max(number) FROM entry").fetchone()
        db.execute(
            "CREATE TEMP TABLE template AS SELECT row_number() OVER (ORDER BY number) - 1 AS k, number "
            "FROM document WHERE document LIKE 'sale/%'"
        )
        (count,) = db.execute("SELECT count(*) FROM template").fetchone()
        db.execute("CREATE UNIQUE INDEX template_k ON template (k)")
        _series(db, last + 1, entries)
        # A member's sales come years apart, so in the order of numbers they are as scattered as this.
        people = max(1, (entries - last) // SALES_A_MEMBER)
        db.execute(
            "CREATE TEMP TABLE person AS SELECT row_number() OVER () - 1 AS p, lower(hex(randomblob(8))) AS member "
            "FROM series LIMIT ?",
            (people,),
        )
        db.execute("CREATE UNIQUE INDEX person_p ON person (p)")
        source = f"series JOIN template ON template.k = series.n % {count}"
        db.execute(f"INSERT INTO entry SELECT n, hash, data FROM {source} JOIN entry USING (number) ORDER BY n")
        db.execute(
            "INSERT INTO receipt (number, document, rewards) "
            f"SELECT n, document, rewards FROM {source} JOIN receipt USING (number) ORDER BY n"
        )
        db.execute("INSERT INTO print_job (number, state) SELECT n, 'printed' FROM series ORDER BY n")
        db.execute(f"INSERT INTO document SELECT 'sale/{pos_till}/' || n, n FROM series ORDER BY 1")
        db.execute("INSERT INTO request SELECT lower(hex(randomblob(11))), n FROM series ORDER BY 1")
        db.execute("INSERT INTO member (member, joined_on) SELECT member, '2020-01-01' FROM person ORDER BY member")
        db.execute("INSERT INTO card (card, member) SELECT ean13('28', p), member FROM person ORDER BY 1")
        whose = f"{source} JOIN person ON person.p = (series.n * 7919) % {people}"
        db.execute(
            "INSERT INTO posting (member, number, commodity, account, amount) "
            f"SELECT person.member, n, commodity, account, amount FROM {whose} "
            "JOIN posting ON posting.number = template.number ORDER BY 1, 2, 3, 4"
        )
        db.execute(
            "INSERT INTO lot (member, lot, expires_on, held, elsewhere) "
            f"SELECT person.member, lower(hex(randomblob(8))), '2027-11-22', 0, 100 FROM {whose} ORDER BY 1, 2"
        )
