"""Who is signed in at head office's pages: a secret in a cookie, of which the database has the hash."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import Connection, delete, or_, select, update

from central_server import schema
from central_server.database import put
from central_server.office import Office
from central_server.people.staff import Staff

IDLE_S = 30 * 60
LONGEST_S = 12 * 3600

SAID_FOR_S = 5 * 60
"""What a page has not said by then, because nobody came to it, would only puzzle whoever comes later."""
MOST_SAID = 5
LONGEST_SAID = 2000


class Session(msgspec.Struct, frozen=True):
    """`form_key` stands in each form; a post without it is a foreign page's. Whoever `has_second_factor` has shown it."""

    staff: Staff
    form_key: str
    has_second_factor: bool
    has_to_say: bool
    """Whether some page has something to say that it has not said yet: `heard`."""


class _Said(msgspec.Struct, frozen=True):
    """What the page at this address says once, to whoever has sent the form in this session."""

    page: str
    text: str
    until: str


def begin(office: Office, login: str) -> str:
    """The secret for the cookie."""
    return office.database.write(lambda connection: begin_in(office, connection, login))


def begin_in(office: Office, connection: Connection, login: str) -> str:
    """As `begin`, in this transaction; sessions that are over are forgotten."""
    secret = office.random_bytes(32).hex()
    at, table = office.time(), schema.people.session
    row = {"session_hash": hash_of(secret), "login": login, "form_key": office.random_bytes(32).hex()}
    row |= {"began_at": at, "seen_at": at, "said": ""}
    is_over = or_(table.c.seen_at <= office.later(-IDLE_S), table.c.began_at <= office.later(-LONGEST_S))
    connection.execute(delete(table).where(is_over))
    put(connection, table, [row])
    return secret


def of(office: Office, secret: str) -> Session | None:
    """The session of this secret, unless it is over."""
    session, staff = schema.people.session, schema.people.staff
    with office.database.reading() as connection:
        row = connection.execute(
            select(session.c.form_key, session.c.seen_at, session.c.said, staff)
            .join_from(session, staff, session.c.login == staff.c.login)
            .where(
                session.c.session_hash == hash_of(secret),
                session.c.seen_at > office.later(-IDLE_S),
                session.c.began_at > office.later(-LONGEST_S),
                staff.c.closed_at == "",
            )
        ).one_or_none()
    if row is None:
        return None
    if row.seen_at < office.later(-60):
        at = office.time()
        change = update(session).where(session.c.session_hash == hash_of(secret)).values(seen_at=at)
        office.database.write(lambda connection: connection.execute(change))
    return Session(
        Staff(row.login, row.name, row.role, row.shop), row.form_key, bool(row.second_factor), bool(row.said)
    )


def say(office: Office, secret: str, page: str, text: str) -> None:
    """The page at this address says it, the next time that it is opened in this session, and then no more.

    It stands in no address: those are kept in histories and logs, and anybody can write one.
    """
    new = _Said(page, text[:LONGEST_SAID], office.later(SAID_FOR_S))

    def work(connection: Connection) -> None:
        _keep_said(connection, secret, [*_still_to_say(office, connection, secret), new][-MOST_SAID:])

    office.database.write(work)


def heard(office: Office, secret: str, page: str) -> list[str]:
    """What the page at this address has to say now. Another window's page keeps what is its own."""

    def work(connection: Connection) -> list[str]:
        waiting = _still_to_say(office, connection, secret)
        _keep_said(connection, secret, [one for one in waiting if one.page != page])
        return [one.text for one in waiting if one.page == page]

    return office.database.write(work)


def _still_to_say(office: Office, connection: Connection, secret: str) -> list[_Said]:
    table = schema.people.session
    query = select(table.c.said).where(table.c.session_hash == hash_of(secret)).with_for_update()
    kept = connection.scalar(query)
    found = msgspec.json.decode(kept, type=list[_Said]) if kept else []
    return [one for one in found if one.until > office.time()]


def _keep_said(connection: Connection, secret: str, said: list[_Said]) -> None:
    table = schema.people.session
    text = msgspec.json.encode(said).decode() if said else ""
    connection.execute(update(table).where(table.c.session_hash == hash_of(secret)).values(said=text))


def end(office: Office, secret: str) -> None:
    gone = delete(schema.people.session).where(schema.people.session.c.session_hash == hash_of(secret))
    office.database.write(lambda connection: connection.execute(gone))


def end_all(office: Office, login: str) -> None:
    """Every session of an account, wherever it is."""
    gone = delete(schema.people.session).where(schema.people.session.c.login == login)
    office.database.write(lambda connection: connection.execute(gone))


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
