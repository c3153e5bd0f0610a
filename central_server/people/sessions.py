"""Who is signed in at head office's pages: a secret in a cookie, of which the database has the hash."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import delete, select, update

from central_server import schema
from central_server.database import put
from central_server.office import Office
from central_server.people.staff import Staff

IDLE_S = 30 * 60
LONGEST_S = 12 * 3600


class Session(msgspec.Struct, frozen=True):
    """`form_key` stands in each form; a post without it is a foreign page's."""

    staff: Staff
    form_key: str


def begin(office: Office, login: str) -> str:
    """The secret for the cookie."""
    secret = office.random_bytes(32).hex()
    at = office.time()
    row = {"session_hash": _hash(secret), "login": login, "form_key": office.random_bytes(32).hex()}
    row |= {"began_at": at, "seen_at": at}
    office.database.write(lambda connection: put(connection, schema.people.session, [row]))
    return secret


def of(office: Office, secret: str) -> Session | None:
    """The session of this secret, unless it is over."""
    session, staff = schema.people.session, schema.people.staff
    with office.database.reading() as connection:
        row = connection.execute(
            select(session.c.form_key, session.c.seen_at, staff)
            .join_from(session, staff, session.c.login == staff.c.login)
            .where(
                session.c.session_hash == _hash(secret),
                session.c.seen_at > office.later(-IDLE_S),
                session.c.began_at > office.later(-LONGEST_S),
                staff.c.closed_at == "",
            )
        ).one_or_none()
    if row is None:
        return None
    if row.seen_at < office.later(-60):
        at = office.time()
        change = update(session).where(session.c.session_hash == _hash(secret)).values(seen_at=at)
        office.database.write(lambda connection: connection.execute(change))
    return Session(Staff(row.login, row.name, row.role, row.shop), row.form_key)


def end(office: Office, secret: str) -> None:
    gone = delete(schema.people.session).where(schema.people.session.c.session_hash == _hash(secret))
    office.database.write(lambda connection: connection.execute(gone))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
