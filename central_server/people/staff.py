"""The accounts of those who work at head office. They are made on the command line, by whoever runs the server."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.office import Office
from loyalty.roles import ROLES

SHORTEST_PASSWORD = 10


class Staff(msgspec.Struct, frozen=True):
    """Somebody who is signed in. `shop` is "" for who works for all shops."""

    login: str
    name: str
    role: str
    shop: str


def put_account(office: Office, who: Staff, password: str) -> None:
    """Makes an account, or gives it this name, role, shop and password. Raises OfficeError."""
    if who.role not in ROLES:
        raise OfficeError(f"There is no role {who.role}.", hint=f"One of: {', '.join(ROLES)}.", code="ROLE_UNKNOWN")
    if len(password) < SHORTEST_PASSWORD:
        raise OfficeError(
            f"A password has {SHORTEST_PASSWORD} or more characters.", hint="Several words do.", code="PASSWORD_SHORT"
        )
    row = {**msgspec.structs.asdict(who), "password": hashed(password, office.random_bytes(16)), "second_factor": ""}
    row |= {"changed_at": office.time(), "closed_at": "", "failures": 0, "locked_until": ""}
    office.database.write(lambda connection: put(connection, schema.people.staff, [row]))


def signed_in(office: Office, connection: Connection, login: str, password: str) -> Staff | None:
    """Whose password this is."""
    table = schema.people.staff
    row = connection.execute(select(table).where(table.c.login == login, table.c.closed_at == "")).one_or_none()
    if row is None or not is_password(password, row.password):
        return None
    return Staff(row.login, row.name, row.role, row.shop)


def hashed(password: str, salt: bytes) -> str:
    """Argon2id with what RFC 9106 calls its second choice: 64 MiB, three passes."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return made.derive_phc_encoded(password.encode())


def is_password(password: str, kept: str) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(password.encode(), kept)
    except InvalidKey:
        return False
    return True
