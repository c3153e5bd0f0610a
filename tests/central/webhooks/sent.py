"""What the tests of webhooks share: endpoints, one look of the server's thread, and what became of each message."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import pytest
import standardwebhooks.webhooks
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook

from central_server import schema
from central_server.database import add
from central_server.webhooks import deliveries, endpoints
from central_server.webhooks.sending import Sender

one_database = pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
"""For what no database decides."""


def put_members(office, names, *, agree=True):
    at = office.time()
    blank = {"merged_into": "", "merge": "", "merge_signature": "", "erased_at": "", "debt": 0, "loss": 0}
    said = {"document": "d", "text": "1", "is_given": True, "channel": "till", "at": at, "terminal": "", "operator": ""}

    def work(connection):
        rows = [{"member": name, "joined_at": at, "home_shop": "Mill", **blank} for name in names]
        add(connection, schema.member, rows)
        add(connection, schema.card, [{"card": f"card-{name}", "member": name} for name in names])
        if agree:
            add(connection, schema.shops.consent, [{"member": name, **said} for name in names])

    office.database.write(work)


def hook(office, there, name="crm"):
    return endpoints.add(office, name, there.url, is_private=True)


def send(office, within_s=15.0, **world):
    """One look of the server's thread, until all of it is done."""

    async def go():
        sender = Sender(office, within_s=within_s, **world)
        await sender.begin()
        await sender.settle()

    asyncio.run(go())


def states(office, webhook="crm"):
    with office.database.reading() as connection:
        return [(one.state, one.reason, one.attempts) for one in deliveries.latest(connection, webhook, 100)]


def due_in_s(office):
    with office.database.reading() as connection:
        due_at = connection.scalars(select(schema.segments.delivery.c.due_at)).one()
    return (datetime.fromisoformat(due_at) - office.now()).total_seconds()


def names_in(received):
    return [one["member"] for one in json.loads(received.body)["data"]["members"]]


def verified(secret, received, clock, monkeypatch):
    """What a receiver reads that uses the specification's own library, at the test's time."""

    class Then(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock().astimezone(tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)
    return Webhook(secret).verify(received.body, received.headers)
