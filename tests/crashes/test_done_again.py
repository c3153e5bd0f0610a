"""A transaction that the database undid for another's sake is done again, within a bounded time; nothing else is."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from central_server import database
from central_server.database import ATTEMPTS_WITHIN_S, Database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

ADD = text("UPDATE setting SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = :name")
READ = text("SELECT value FROM setting WHERE name = :name")


def figures(one: Database) -> dict[str, str]:
    with one.reading() as connection:
        return dict(connection.execute(text("SELECT name, value FROM setting")).all())


def prepare(one: Database) -> Database:
    with one.writing() as connection:
        connection.execute(text("CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)"))
        connection.execute(text("INSERT INTO setting VALUES ('a', '0'), ('b', '0')"))
    return one


@pytest.fixture
def on_postgres(postgres):
    one = prepare(Database(postgres.url("office")))
    yield one
    one.close()


@pytest.mark.postgres
def test_a_serialization_failure_is_done_again(on_postgres, postgres):
    postgres.ask("ALTER DATABASE office SET default_transaction_isolation = 'serializable'")
    one, other = Database(postgres.url("office")), on_postgres
    attempts = []

    def work(connection):
        seen = connection.execute(READ, {"name": "a"}).scalar()
        attempts.append(seen)
        if len(attempts) == 1:
            other.write(lambda beside: beside.execute(ADD, {"name": "a"}))
        connection.execute(ADD, {"name": "a"})
        return seen

    assert one.write(work) == "1"
    assert attempts == ["0", "1"], "the first attempt was undone with what it had seen"
    assert figures(one) == {"a": "2", "b": "0"}
    one.close()


@pytest.mark.postgres
def test_of_two_that_wait_in_a_circle_both_come_through(on_postgres):
    met = threading.Barrier(2)
    attempts = []

    def crossing(first, second):
        def work(connection):
            attempts.append(first)
            connection.execute(ADD, {"name": first})
            if attempts.count(first) == 1:
                met.wait(timeout=20)
            connection.execute(ADD, {"name": second})

        on_postgres.write(work)

    threads = [threading.Thread(target=crossing, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(attempts) == 3, "one of them was undone and came again"
    assert figures(on_postgres) == {"a": "2", "b": "2"}


@pytest.mark.postgres
def test_a_connection_that_breaks_is_not_done_again_because_nobody_knows_what_became_of_it(on_postgres):
    attempts = []

    def work(connection):
        attempts.append(connection.execute(ADD, {"name": "a"}).rowcount)
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        connection.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})

    with pytest.raises(OperationalError):
        on_postgres.write(work)
    assert attempts == [1]
    assert figures(on_postgres) == {"a": "0", "b": "0"}


class Clock:
    """Time that only pauses move."""

    def __init__(self):
        self.pauses = []

    def sleep(self, seconds):
        self.pauses.append(seconds)

    def monotonic(self):
        return sum(self.pauses)


AGAIN = text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")


@pytest.mark.postgres
def test_what_is_undone_every_time_is_given_up_in_time(on_postgres, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(database, "time", clock)
    with pytest.raises(OperationalError):
        on_postgres.write(lambda connection: connection.execute(AGAIN))
    assert ATTEMPTS_WITHIN_S < sum(clock.pauses) <= ATTEMPTS_WITHIN_S + 0.5
    assert max(clock.pauses) <= 0.5


@pytest.mark.postgres
def test_who_loses_against_others_again_and_again_comes_through(on_postgres, monkeypatch):
    """Fifty times within a few seconds, as where many write at once on a busy machine."""
    monkeypatch.setattr(database, "time", Clock())
    attempts = []

    def work(connection):
        attempts.append(1)
        if len(attempts) <= 50:
            connection.execute(AGAIN)
        connection.execute(ADD, {"name": "a"})

    on_postgres.write(work)
    assert figures(on_postgres) == {"a": "1", "b": "0"}


def test_a_sqlite_file_that_another_process_has_locked_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0)
    one = prepare(Database(f"sqlite:///{tmp_path / 'central.db'}"))
    holder = sqlite3.connect(tmp_path / "central.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            holder.execute("ROLLBACK")

    monkeypatch.setattr(database.time, "sleep", pause)
    one.write(lambda connection: connection.execute(ADD, {"name": "a"}))
    assert len(pauses) == 2
    assert figures(one) == {"a": "1", "b": "0"}
    holder.close()
    one.close()


def test_an_error_of_the_work_itself_is_raised_at_once_and_undoes_it(tmp_path):
    one = prepare(Database(f"sqlite:///{tmp_path / 'central.db'}"))
    attempts = []

    def work(connection):
        attempts.append(connection.execute(ADD, {"name": "a"}).rowcount)
        connection.execute(text("INSERT INTO setting VALUES ('a', '9')"))

    with pytest.raises(IntegrityError):
        one.write(work)
    assert attempts == [1]
    assert figures(one) == {"a": "0", "b": "0"}
    one.close()
