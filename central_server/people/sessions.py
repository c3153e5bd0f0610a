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


class Session(msgspec.Struct, frozen=True):
    """`form_key` stands in each form; a post without it is a foreign page's. Whoever `has_second_factor` has shown it."""

    staff: Staff
    form_key: str
    has_second_factor: bool


def begin(office: Office, login: str) -> str:
    """The secret for the cookie."""
    return office.database.write(lambda connection: begin_in(office, connection, login))


def begin_in(office: Office, connection: Connection, login: str) -> str:
    """As `begin`, in this transaction; sessions that are over are forgotten."""
    secret = office.random_bytes(32).hex()
    at, table = office.time(), schema.people.session
    row = {"session_hash": hash_of(secret), "login": login, "form_key": office.random_bytes(32).hex()}
    row |= {"began_at": at, "seen_at": at}
    is_over = or_(table.c.seen_at <= office.later(-IDLE_S), table.c.began_at <= office.later(-LONGEST_S))
    connection.execute(delete(table).where(is_over))
    put(connection, table, [row])
    return secret


def of(office: Office, secret: str) -> Session | None:
    """The session of this secret, unless it is over."""
    session, staff = schema.people.session, schema.people.staff
    with office.database.reading() as connection:
        row = connection.execute(
            select(session.c.form_key, session.c.seen_at, staff)
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
    return Session(Staff(row.login, row.name, row.role, row.shop), row.form_key, bool(row.second_factor))


def end(office: Office, secret: str) -> None:
    gone = delete(schema.people.session).where(schema.people.session.c.session_hash == hash_of(secret))
    office.database.write(lambda connection: connection.execute(gone))


def end_all(office: Office, login: str) -> None:
    """Every session of an account, wherever it is."""
    gone = delete(schema.people.session).where(schema.people.session.c.login == login)
    office.database.write(lambda connection: connection.execute(gone))


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
