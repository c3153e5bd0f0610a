"""The tables of saved segments, of the endpoints that they are sent to, and of what was and will be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Index, Table, Text

from central_server.schema.columns import key, metadata, number, text

saved_segment = Table(
    "saved_segment", metadata, key("name"), text("conditions"), text("changed_by"), text("changed_at")
)
"""`conditions` are `central_server.segments.conditions.Conditions`, JSON."""

nightly = Table("segment_nightly", metadata, key("name"), key("webhook"), text("last_day"), text("asked_by"))
"""A saved segment that is sent by itself; `last_day` is the trading day on which it was queued last."""

webhook = Table(
    "webhook",
    metadata,
    key("webhook"),
    text("url"),
    Column("is_private", Boolean, nullable=False),
    text("made_at"),
    text("off_at"),
    text("off_why"),
    Column("failing_since", Text, nullable=False, server_default=sa.text("''")),
    Column("failed_at", Text, nullable=False, server_default=sa.text("''")),
)
"""An endpoint by its name. `is_private` where the operator said that it is in the own network. Nothing is sent while `off_at` is
set. `failing_since` is the first of the tries without a success between, `failed_at` the last; both are empty where the last try
was taken."""

webhook_switch = Table(
    "webhook_switch",
    metadata,
    key("webhook"),
    number("number", is_key=True),
    text("at"),
    Column("is_on", Boolean, nullable=False),
    text("by"),
    text("why"),
)
"""When an endpoint was switched off, with `why`, and on again, `by` whom. `by` is empty where head office did it by itself."""

webhook_secret = Table(
    "webhook_secret",
    metadata,
    key("webhook"),
    number("number", is_key=True),
    text("secret"),
    text("made_at"),
    text("made_by"),
    text("ends_at"),
)
"""What signs for an endpoint: the last one without an end, those before it until `ends_at`. Then, and when the endpoint is
removed, `secret` is emptied, and the row stays to say who made it and when. `made_by` is empty where the endpoint was added."""

disclosure = Table(
    "disclosure", metadata, key("member"), key("webhook"), key("sent_to"), text("first_at"), text("last_at")
)
"""To whom a member's data went: the endpoint's name, the scheme and host that it had, the first and the last time."""

delivery = Table(
    "delivery",
    metadata,
    key("delivery"),
    text("webhook"),
    text("segment"),
    text("sending"),
    number("page"),
    number("pages"),
    text("members"),
    number("count"),
    text("state"),
    text("asked_by"),
    text("asked_at"),
    text("due_at"),
    number("attempts"),
    text("tried_at"),
    text("reason"),
    text("claim"),
    text("claimed_until"),
    Index(None, "webhook", "state", "due_at"),
)
"""One message: a page of a sending, or a test, which has no `segment`. `delivery` is its id for the receiver, for ever. `members`
are references (JSON), until it is sent. `state`: waiting, sent, failed, replaced. Whoever sends it now has written `claim`."""
