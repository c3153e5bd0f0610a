"""The tables of saved segments, of the endpoints that they are sent to, and of what was and will be delivered."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

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
    text("secret"),
    Column("is_private", Boolean, nullable=False),
    text("made_at"),
    text("off_at"),
    text("off_why"),
)
"""An endpoint by its name. `secret` signs what is sent; `is_private` where the operator said that it is in the own network.
Nothing is sent while `off_at` is set."""

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
