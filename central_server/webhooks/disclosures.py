"""To which endpoints a member's data went, and when: they have a right to know (GDPR, article 15 (1) c).

Written down before the first byte leaves, so that also what was never answered, or was broken off, stands here; where nobody
could be reached nothing does. One row for each member and endpoint, however often: segments are sent each night.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from central_server import schema
from central_server.database import among, keep


class Disclosure(msgspec.Struct, frozen=True):
    """`sent_to` is scheme and host, as they were then: an endpoint of the same name may be another one today."""

    endpoint: str
    sent_to: str
    first_at: str
    last_at: str


def record(connection: Connection, members: Collection[str], webhook: str, sent_to: str, at: str) -> None:
    table = schema.segments.disclosure
    times = {"first_at": at, "last_at": at}
    keep(connection, table, [{"member": one, "webhook": webhook, "sent_to": sent_to, **times} for one in members])
    mine = (among(connection, table.c.member, members), table.c.webhook == webhook, table.c.sent_to == sent_to)
    connection.execute(update(table).where(*mine).values(last_at=at))


def of(connection: Connection, member: str) -> list[Disclosure]:
    """Also those of who has become this member, the earliest first."""
    table = schema.segments.disclosure.c
    rows = connection.execute(
        select(table.webhook, table.sent_to, func.min(table.first_at).label("first_at"), func.max(table.last_at))
        .where(table.member.in_(_names(connection, member)))
        .group_by(table.webhook, table.sent_to)
        .order_by("first_at", table.webhook, table.sent_to)
    )
    return [Disclosure(*row) for row in rows]


def forget(connection: Connection, member: str) -> None:
    table = schema.segments.disclosure
    connection.execute(delete(table).where(table.c.member.in_(_names(connection, member))))


def _names(connection: Connection, member: str) -> list[str]:
    about = schema.member.c
    return [member, *connection.scalars(select(about.member).where(about.merged_into == member))]
