"""The tables of what members say: tickets and their history, and feedback on sales."""

from __future__ import annotations

from sqlalchemy import Index, Table

from central_server.schema.columns import key, metadata, number, text

ticket = Table(
    "ticket",
    metadata,
    key("ticket"),
    text("shop"),
    text("member"),
    text("receipt"),
    text("topic"),
    text("status"),
    text("priority"),
    text("owner"),
    text("source"),
    text("opened_at"),
    text("changed_at"),
    Index(None, "member"),
)
"""`receipt` is its reference, `source` where it was opened: till, office, feedback or member; `owner` somebody's login."""

ticket_word = Table(
    "ticket_word",
    metadata,
    key("ticket"),
    number("number", is_key=True),
    text("at"),
    text("by"),
    text("kind"),
    text("text"),
)
"""What was said and done, in order. `kind`: said (by the member), reply (for the member), note (for us), change."""

feedback = Table(
    "feedback",
    metadata,
    key("terminal"),
    number("number", is_key=True),
    text("shop"),
    text("member"),
    text("business_day"),
    text("given_at"),
    number("rating"),
    number("recommends"),
    text("comment"),
    number("bonus"),
    Index(None, "member"),
)
"""Once for each sale: `rating` 1 to 5, `recommends` 0 to 10 or -1 for no answer, `bonus` the points given for it."""
