"""Segments under their names: kept, found again, and sent by themselves each night to the endpoints somebody chose."""

from __future__ import annotations

import logging
import re

import msgspec
from sqlalchemy import Connection, delete, select, update

from central_server import schema
from central_server.database import add, put
from central_server.errors import OfficeError
from central_server.figures import facts
from central_server.office import Office
from central_server.segments.conditions import Conditions
from central_server.segments.found import found
from central_server.webhooks import deliveries, endpoints

MOST_SEGMENTS = 200
MOST_MEMBERS = 500_000
NAME = re.compile(r"\w[\w ,.+%&()-]{0,59}")

log = logging.getLogger("central_server")

_encoder = msgspec.json.Encoder(order="sorted")
_conditions = msgspec.json.Decoder(Conditions)


class Saved(msgspec.Struct, frozen=True):
    """`nightly`: the endpoints to which it is sent by itself."""

    name: str
    conditions: Conditions
    changed_by: str
    changed_at: str
    nightly: list[str]


class Sending(msgspec.Struct, frozen=True):
    """What was put up to be sent: so many members, in so many messages."""

    segment: str
    webhook: str
    members: int
    messages: int


def keep(office: Office, name: str, wanted: Conditions, by: str) -> bool:
    """Keeps conditions under a name; whether the name is new. Raises OfficeError."""
    name = " ".join(name.split())
    if not NAME.fullmatch(name):
        raise OfficeError(
            "A segment's name has 1 to 60 letters, digits, spaces and , . + % & ( ) -, and begins with a letter or digit.",
            hint="Nothing was kept.",
            code="SEGMENT_UNFIT",
        )
    table = schema.segments.saved_segment
    row = {"name": name, "conditions": _encoder.encode(wanted).decode(), "changed_by": by, "changed_at": office.time()}

    def work(connection: Connection) -> bool:
        names = set(connection.scalars(select(table.c.name)))
        if name not in names and len(names) >= MOST_SEGMENTS:
            raise OfficeError(
                f"There are {MOST_SEGMENTS} segments already.",
                hint="Remove one that nobody needs.",
                code="SEGMENT_UNFIT",
            )
        put(connection, table, [row])
        return name not in names

    return office.database.write(work)


def every(connection: Connection) -> list[Saved]:
    """All of them, by name."""
    table, night = schema.segments.saved_segment, schema.segments.nightly.c
    nightly: dict[str, list[str]] = {}
    for row in connection.execute(select(night.name, night.webhook).order_by(night.webhook)):
        nightly.setdefault(row.name, []).append(row.webhook)
    return [
        Saved(row.name, _conditions.decode(row.conditions), row.changed_by, row.changed_at, nightly.get(row.name, []))
        for row in connection.execute(select(table).order_by(table.c.name)).all()
    ]


def named(connection: Connection, name: str) -> Saved:
    """Raises OfficeError where there is none."""
    for one in every(connection):
        if one.name == name:
            return one
    raise OfficeError(
        f"There is no segment {name[:60]}.", hint="pos-central saved-segment list shows them.", code="SEGMENT_UNKNOWN"
    )


def remove(office: Office, name: str) -> None:
    """What is put up to be sent of it is not sent any more. Raises OfficeError."""

    def work(connection: Connection) -> None:
        named(connection, name)
        for table in (schema.segments.saved_segment, schema.segments.nightly):
            connection.execute(delete(table).where(table.c.name == name))
        deliveries.take_back(connection, segment=name)

    office.database.write(work)


def send(office: Office, name: str, webhook: str, by: str) -> Sending:
    """Puts up a segment as it is now, for the server that runs to send. Raises OfficeError."""
    facts.count_few(office)
    with office.database.reading() as connection:
        endpoints.open_one(connection, webhook)
        members = _members(office, connection, name)

    def work(connection: Connection) -> Sending:
        endpoints.open_one(connection, webhook)
        return _put_up(office, connection, name, webhook, members, by)

    return office.database.write(work)


def set_nightly(office: Office, name: str, webhook: str, *, is_on: bool, by: str) -> None:
    """From the next night on, or no more. Raises OfficeError."""
    table = schema.segments.nightly

    def work(connection: Connection) -> None:
        named(connection, name)
        endpoints.one(connection, webhook)
        connection.execute(delete(table).where(table.c.name == name, table.c.webhook == webhook))
        if is_on:
            row = {"name": name, "webhook": webhook, "last_day": office.today(connection), "asked_by": by}
            add(connection, table, [row])

    office.database.write(work)


def send_nightly(office: Office) -> list[Sending]:
    """Puts up what is due since the trading day began; of several servers one does."""
    table, hook = schema.segments.nightly, schema.segments.webhook.c
    with office.database.reading() as connection:
        today = office.today(connection)
        due = connection.execute(
            select(table.c.name, table.c.webhook, table.c.asked_by)
            .join(schema.segments.webhook, hook.webhook == table.c.webhook)
            .where(table.c.last_day < today, hook.off_at == "")
            .order_by(table.c.name, table.c.webhook)
        ).all()
    return [one for row in due if (one := _send_one(office, today, row.name, row.webhook, row.asked_by))]


def _send_one(office: Office, today: str, name: str, webhook: str, by: str) -> Sending | None:
    """Who is in it is read before anything is written, so that nobody waits for that. What cannot be sent tonight is looked at
    again tomorrow."""
    table = schema.segments.nightly
    members: list[str] | None = None
    try:
        facts.count_few(office)
        with office.database.reading() as connection:
            members = _members(office, connection, name)
    except OfficeError as error:
        log.error("a segment is not sent tonight: %s", error.code)

    def work(connection: Connection) -> Sending | None:
        mine = (table.c.name == name, table.c.webhook == webhook, table.c.last_day < today)
        is_ours = connection.execute(update(table).where(*mine).values(last_day=today)).rowcount
        if not is_ours or members is None:
            return None
        return _put_up(office, connection, name, webhook, members, by)

    return office.database.write(work)


def _members(office: Office, connection: Connection, name: str) -> list[str]:
    """Those of a segment to whom somebody may write."""
    wanted = named(connection, name).conditions
    members = [one.member for one in found(office, connection, wanted) if one.agrees]
    if len(members) > MOST_MEMBERS:
        raise OfficeError(
            f"This segment has more than {MOST_MEMBERS:,} members.", hint="Ask for fewer.", code="SEGMENT_UNFIT"
        )
    return members


def _put_up(office: Office, connection: Connection, name: str, webhook: str, members: list[str], by: str) -> Sending:
    messages = deliveries.put_up(office, connection, webhook, name, members, by)
    return Sending(name, webhook, len(members), messages)
