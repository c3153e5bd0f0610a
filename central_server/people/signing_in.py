"""Whether somebody is who they say: name, password, and the code of the second factor where the account has one.

The answer to what is wrong is one, and takes as long, whatever of it was wrong, so that it tells nobody which names there are.
Wrong ones are counted for the name, also where it is nobody's, and for the address.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, delete, select, update

from central_server import schema
from central_server.database import put
from central_server.errors import Refused
from central_server.local_time import shown
from central_server.office import Office
from central_server.people import sessions
from central_server.people.staff import LONGEST_NAME, is_password

MOST_WRONG = {"name": 5, "address": 20}
"""After so many the name, or the address, is locked: for a minute, then for twice as long each time."""
FIRST_LOCK_S = 60
LONGEST_LOCK_S = 3600
FORGOTTEN_AFTER_S = 24 * 3600

STEP_S = 30
DIGITS = 6

NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$dcxAkzsQhAu/F9eoHKi9mw$7TWBwmwhhF0Zs99CfDMG7LokRSKlgrQ+R9AhMcoqBYI"
"""The hash of no password that anybody knows, so that a name which is nobody's takes as long as another."""


class Typed(msgspec.Struct, frozen=True):
    """What stands in the form, and the address that it came from, "" where that does not count."""

    login: str
    password: str
    code: str = ""
    address: str = ""


def sign_in(office: Office, typed: Typed, *, before: str = "") -> str:
    """The secret of a new session; the one of the secret `before` is over. Raises Refused."""

    def begin(connection: Connection) -> str:
        sessions_of = schema.people.session
        connection.execute(delete(sessions_of).where(sessions_of.c.session_hash == sessions.hash_of(before)))
        table = schema.people.staff
        connection.execute(update(table).where(table.c.login == login_of(typed)).values(signed_in_at=office.time()))
        return sessions.begin_in(office, connection, login_of(typed))

    return _proved(office, typed, begin)


def require_self(office: Office, typed: Typed) -> None:
    """For somebody who is signed in, before what only they may do. Raises Refused."""
    _proved(office, typed, lambda connection: "")


def login_of(typed: Typed) -> str:
    """The account's name that was meant; "" for what cannot be one."""
    login = typed.login.strip().lower()
    return login if login.isascii() and login.isprintable() and len(login) <= LONGEST_NAME else ""


def good_step(secret: str, code: str, at_s: float, after: int = 0) -> int:
    """The time step of which this is the code, one early or late (RFC 6238, 5.2); 0 for none. Steps up to `after` are used."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    totp = TOTP(bytes.fromhex(secret), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what every authenticator has
    now, typed = int(at_s) // STEP_S, "".join(code.split()).encode("utf-8", "replace")
    for step in (now - 1, now, now + 1):
        if step > after and hmac.compare_digest(totp.generate(step * STEP_S), typed):
            return step
    return 0


def _proved(office: Office, typed: Typed, done: Callable[[Connection], str]) -> str:
    login = login_of(typed)
    counted = {"name": _who("name", login), **({"address": _who("address", typed.address)} if typed.address else {})}
    _require_open(office, list(counted.values()))
    table = schema.people.staff
    with office.database.reading() as connection:
        row = connection.execute(select(table).where(table.c.login == login, table.c.closed_at == "")).one_or_none()
    is_theirs = is_password(typed.password, row.password if row is not None else NOBODYS) and row is not None

    def settle(connection: Connection) -> str | None:
        # Asked again: meanwhile the password may have been changed, or the code may have been used.
        still = connection.execute(select(table).where(table.c.login == login, table.c.closed_at == "")).one_or_none()
        if not is_theirs or still is None or row is None or still.password != row.password:
            _count(office, connection, counted)
            return None
        if still.second_factor:
            step = good_step(still.second_factor, typed.code, office.now().timestamp(), still.factor_step)
            if not step:
                _count(office, connection, counted)
                return None
            connection.execute(update(table).where(table.c.login == login).values(factor_step=step))
        wrong = schema.people.wrong_sign_in
        connection.execute(delete(wrong).where(wrong.c.who == counted["name"]))
        return done(connection)

    answer = office.database.write(settle)
    if answer is None:
        hint = "A code is good once, and for a minute. After five wrong ones nobody is let in by this name for a while."
        raise Refused("SIGN_IN_WRONG", "Name, password and code do not belong together.", hint=hint, status=403)
    return answer


def _require_open(office: Office, who: list[str]) -> None:
    table = schema.people.wrong_sign_in.c
    with office.database.reading() as connection:
        until = connection.scalars(
            select(table.locked_until).where(table.who.in_(who), table.locked_until > office.time())
        ).all()
    if until:
        raise Refused(
            "SIGN_IN_LOCKED",
            f"Too many wrong names, passwords or codes: nobody is let in this way until {_by_clock(office, max(until))}.",
            hint="Wait until then. Whoever runs the server can give a new password: pos-central staff password NAME",
            status=429,
        )


def _by_clock(office: Office, at: str) -> str:
    with office.database.reading() as connection:
        program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    return f"{shown(at, program.zone)[11:]} ({program.time_zone})"


def _count(office: Office, connection: Connection, counted: dict[str, str]) -> None:
    table = schema.people.wrong_sign_in
    connection.execute(delete(table).where(table.c.last_at <= office.later(-FORGOTTEN_AFTER_S)))
    known = {
        row.who: row.failures for row in connection.execute(select(table).where(table.c.who.in_(counted.values())))
    }
    for kind, who in counted.items():
        failures = known.get(who, 0) + 1
        over = failures - MOST_WRONG[kind]
        lock_s = min(LONGEST_LOCK_S, FIRST_LOCK_S * 2 ** min(over, 10)) if over >= 0 else 0
        row = {"who": who, "failures": failures, "last_at": office.time()}
        put(connection, table, [{**row, "locked_until": office.later(lock_s) if lock_s else ""}])


def unlock(connection: Connection, login: str) -> None:
    """For somebody who got a new password."""
    table = schema.people.wrong_sign_in
    connection.execute(delete(table).where(table.c.who == _who("name", login)))


def _who(kind: str, what: str) -> str:
    return hashlib.sha256(f"{kind} {what}".encode("utf-8", "replace")).hexdigest()
