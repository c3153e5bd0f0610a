"""What signs for an endpoint, and who made it when.

A new secret is used at once, and those before it for a day more: Standard Webhooks lets several signatures stand in one header,
so whoever receives changes over in that time and loses nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from central_server import schema
from central_server.database import add
from central_server.errors import OfficeError
from central_server.office import Office

PREFIX = "whsec_"
SECRET_BYTES = 32
BESIDE_S = 24 * 3600
"""So long those before a new one go on signing."""
MOST_AT_ONCE = 4
"""Each is a signature of every message."""


class Made(msgspec.Struct, frozen=True):
    """When somebody made a secret; `made_by` is '' where the endpoint was added on the command line."""

    webhook: str
    made_at: str
    made_by: str


def make(office: Office, connection: Connection, webhook: str, by: str = "") -> str:
    """Raises OfficeError where there have been too many within a day."""
    table, at = schema.segments.webhook_secret, office.time()
    forget_ended(connection, at)
    if len(signing(connection, webhook, at)) >= MOST_AT_ONCE:
        raise OfficeError(
            f"{webhook} has had {MOST_AT_ONCE - 1} new secrets within a day.",
            hint="Nothing was changed. Whoever receives takes the last one; if it is lost, make another tomorrow.",
            code="WEBHOOK_SECRETS",
        )
    before = update(table).where(table.c.webhook == webhook, table.c.ends_at == "")
    connection.execute(before.values(ends_at=office.later(BESIDE_S)))
    last = connection.scalar(select(func.max(table.c.number)).where(table.c.webhook == webhook)) or 0
    secret = PREFIX + b64encode(office.random_bytes(SECRET_BYTES)).decode()
    row = {"webhook": webhook, "number": last + 1, "secret": secret, "made_at": at, "made_by": by, "ends_at": ""}
    add(connection, table, [row])
    return secret


def signing(connection: Connection, webhook: str, at: str) -> list[str]:
    """The secrets that sign at a moment, the newest first."""
    table = schema.segments.webhook_secret
    found = select(table.c.secret).where(table.c.webhook == webhook, _signs(at)).order_by(table.c.number.desc())
    return list(connection.scalars(found))


def beside_until(connection: Connection, at: str) -> dict[str, str]:
    """Until when one before the last signs, too; of the endpoints where one does."""
    table = schema.segments.webhook_secret.c
    rows = select(table.webhook, func.max(table.ends_at)).where(table.ends_at > at, table.secret != "")
    return {str(name): str(ends) for name, ends in connection.execute(rows.group_by(table.webhook))}


def made(connection: Connection, most: int) -> list[Made]:
    """Who made secrets, the latest first; also of endpoints that were removed."""
    table = schema.segments.webhook_secret.c
    order = (table.made_at.desc(), table.webhook, table.number.desc())
    rows = connection.execute(select(table.webhook, table.made_at, table.made_by).order_by(*order).limit(most))
    return [Made(*row) for row in rows]


def end(connection: Connection, webhook: str, at: str) -> None:
    """All of an endpoint's secrets, at once."""
    table = schema.segments.webhook_secret
    connection.execute(update(table).where(table.c.webhook == webhook, _signs(at)).values(ends_at=at))
    forget_ended(connection, at)


def forget_ended(connection: Connection, at: str) -> None:
    table = schema.segments.webhook_secret
    connection.execute(update(table).where(table.c.secret != "", ~_signs(at)).values(secret=""))


def _signs(at: str) -> ColumnElement[bool]:
    table = schema.segments.webhook_secret.c
    return or_(table.ends_at == "", table.ends_at > at)


def signatures(secrets: list[str], delivery: str, timestamp: str, body: bytes) -> str:
    """One header for all of them, with spaces between."""
    said = f"{delivery}.{timestamp}.".encode() + body
    signed = (b64encode(hmac.digest(key_of(one), said, hashlib.sha256)).decode() for one in secrets)
    return " ".join(f"v1,{one}" for one in signed)


def key_of(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))
