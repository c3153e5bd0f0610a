"""The accounts of those who work at head office. They are made on the command line, by whoever runs the server.

An account is closed and never deleted: who did something years ago can still be told, and nobody else gets the name.
"""

from __future__ import annotations

import threading
import unicodedata

import msgspec
from sqlalchemy import Connection, Row, Update, delete, select, update

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.office import Office
from loyalty.roles import ROLES

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
LONGEST_NAME = 60
OF_A_SHOP = ("cashier", "supervisor", "manager")

LAPSED = "The account of who proposed it was closed."
"""Nobody is left who could say why they wanted it, or be told what became of it."""

_one_at_a_time = threading.Lock()
"""Each hash takes 64 MiB and a processor: so many sign-ins at once never take more."""


class Staff(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `shop` is "" for who works for all shops."""

    login: str
    name: str
    role: str
    shop: str


class Account(msgspec.Struct, frozen=True):
    """An account as a list shows it; `signed_in_at` and `closed_at` are "" for never."""

    login: str
    name: str
    role: str
    shop: str
    has_second_factor: bool
    changed_at: str
    signed_in_at: str
    closed_at: str


def put_account(office: Office, who: Staff, password: str) -> None:
    """Makes an account, or gives it this name, role, shop and password, which ends its sessions. Raises OfficeError."""
    _require_fit(office, who)
    _require_good(password, who)
    row = {**msgspec.structs.asdict(who), "password": hashed(password, office.random_bytes(16)), "second_factor": ""}
    row |= {"factor_step": 0, "changed_at": office.time(), "signed_in_at": "", "closed_at": ""}

    def work(connection: Connection) -> None:
        _end_sessions(connection, who.login)
        put(connection, schema.people.staff, [row])

    office.database.write(work)


def add_account(office: Office, who: Staff, password: str) -> None:
    """Makes an account. Raises OfficeError, also where the name is taken, by a closed one as well."""
    with office.database.reading() as connection:
        if _row(connection, who.login) is not None:
            raise OfficeError(
                f"There is an account {who.login} already.",
                hint="Take another name: what was done under this one stays its own.",
                code="LOGIN_TAKEN",
            )
    put_account(office, who, password)


def close_account(office: Office, login: str) -> None:
    """Nobody signs in by it again, who is signed in is not any more, and what they proposed lapses. Raises OfficeError."""
    table = schema.people.proposal
    lapsed = update(table).where(table.c.proposed_by == login, table.c.outcome == "")
    why = {"outcome": "withdrawn", "answer": LAPSED, "decided_by": login, "decided_at": office.time()}
    _change(office, login, {"closed_at": office.time()}, lapsed.values(**why))


def set_password(office: Office, login: str, password: str) -> None:
    """Another password; every session ends. Raises OfficeError."""
    _require_good(password, of(office, login))
    _change(office, login, {"password": hashed(password, office.random_bytes(16))})


def set_second_factor(office: Office, login: str, secret: str, step: int = 0) -> None:
    """A TOTP secret in hex, of which a code of the time `step` was good; "" for none. Every session ends. Raises OfficeError."""
    _change(office, login, {"second_factor": secret, "factor_step": step})


def accounts(office: Office) -> list[Account]:
    """All of them, those that are open first."""
    table = schema.people.staff.c
    with office.database.reading() as connection:
        rows = connection.execute(select(schema.people.staff).order_by(table.closed_at, table.login)).all()
    return [
        Account(
            *(row.login, row.name, row.role, row.shop, bool(row.second_factor)),
            *(row.changed_at, row.signed_in_at, row.closed_at),
        )
        for row in rows
    ]


def is_anybody(office: Office) -> bool:
    """Whether there is an open account at all."""
    table = schema.people.staff.c
    with office.database.reading() as connection:
        return connection.scalar(select(table.login).where(table.closed_at == "").limit(1)) is not None


def of(office: Office, login: str) -> Staff:
    """Whose open account this is. Raises OfficeError where there is none."""
    with office.database.reading() as connection:
        row = _row(connection, login)
    if row is None or row.closed_at:
        raise OfficeError(
            f"There is no open account {login}.", hint="pos-central staff list has them.", code="LOGIN_UNKNOWN"
        )
    return Staff(row.login, row.name, row.role, row.shop)


def hashed(password: str, salt: bytes) -> str:
    """Argon2id with what RFC 9106 calls its second choice: 64 MiB, three passes."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    with _one_at_a_time:
        return made.derive_phc_encoded(_bytes(password))


def is_password(password: str, kept: str) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        with _one_at_a_time:
            Argon2id.verify_phc_encoded(_bytes(password), kept)
    except InvalidKey:
        return False
    return True


def _bytes(password: str) -> bytes:
    # Keyboards write an é in two ways; a person has typed the same (RFC 8265, OpaqueString).
    return unicodedata.normalize("NFC", password[: LONGEST_PASSWORD + 1]).encode("utf-8", "replace")


def _row(connection: Connection, login: str) -> Row[tuple[str, ...]] | None:
    return connection.execute(select(schema.people.staff).where(schema.people.staff.c.login == login)).one_or_none()


def _change(office: Office, login: str, values: dict[str, object], *also: Update) -> None:
    """`also` is done in the same transaction."""
    of(office, login)

    def work(connection: Connection) -> None:
        _end_sessions(connection, login)
        for change in also:
            connection.execute(change)
        table = schema.people.staff
        connection.execute(update(table).where(table.c.login == login).values(changed_at=office.time(), **values))

    office.database.write(work)


def _end_sessions(connection: Connection, login: str) -> None:
    # In the same transaction: whoever has stolen one is out together with the old password.
    connection.execute(delete(schema.people.session).where(schema.people.session.c.login == login))


def _require_fit(office: Office, who: Staff) -> None:
    if who.role not in ROLES:
        raise OfficeError(f"There is no role {who.role}.", hint=f"One of: {', '.join(ROLES)}.", code="ROLE_UNKNOWN")
    is_fit = who.login.isascii() and who.login.replace("-", "").replace(".", "").isalnum()
    if not is_fit or who.login != who.login.lower() or len(who.login) > LONGEST_NAME:
        hint = f"1 to {LONGEST_NAME} of: small letters a to z, digits, dots and dashes."
        raise OfficeError(f"An account cannot be called {who.login!r}.", hint=hint, code="LOGIN_UNFIT")
    if not who.name.strip() or len(who.name) > LONGEST_NAME or not who.name.isprintable():
        raise OfficeError(
            "An account has the name of a person.", hint=f"1 to {LONGEST_NAME} letters.", code="LOGIN_UNFIT"
        )
    with office.database.reading() as connection:
        shops = list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
    if who.shop not in shops if who.role in OF_A_SHOP else who.shop:
        hint = f"--shop is one of: {', '.join(shops)}." if who.role in OF_A_SHOP else "Leave --shop out."
        kind = "works in one shop" if who.role in OF_A_SHOP else "works for all shops"
        raise OfficeError(f"A {who.role} {kind}.", hint=hint, code="SHOP_UNFIT")


def _require_good(password: str, who: Staff) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise OfficeError(
            f"A password has {SHORTEST_PASSWORD} or more characters.", hint="Several words do.", code="PASSWORD_SHORT"
        )
    if len(password) > LONGEST_PASSWORD or password.casefold() in (who.login, who.name.casefold()):
        raise OfficeError(
            f"A password has at most {LONGEST_PASSWORD} characters, and is not the name.",
            hint="Several words do.",
            code="PASSWORD_SHORT",
        )
