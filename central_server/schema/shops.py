"""The tables of a shop's day: its operators, closings, card stock, and what its members agreed to."""

from __future__ import annotations

from sqlalchemy import Table

from central_server.schema.columns import key, metadata, number, text

# -- closings ------------------------------------------------------------------------------------------------------------

closing = Table(
    "closing",
    metadata,
    key("shop"),
    key("terminal"),
    number("number", is_key=True),
    key("hash"),
    text("business_day"),
    number("closing"),
    number("goes_on_from"),
)
"""Where the closings of tills stand in the inbox: `number` and `hash` are the entry's, `closing` is that of the Z."""
