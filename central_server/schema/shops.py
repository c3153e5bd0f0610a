"""The tables of a shop's day: its operators, closings, card stock, and what its members agreed to."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Index, Table, Text

from central_server.schema.columns import key, metadata, number, text

# -- operators -----------------------------------------------------------------------------------------------------------

operator = Table(
    "operator",
    metadata,
    key("shop"),
    key("operator"),
    text("name"),
    text("role"),
    text("pin"),
    text("member"),
    text("changed_by"),
    text("changed_at"),
)
"""Who may sign on at a shop's tills; `pin` is Argon2id in PHC form, '' once they may not. `member` is who they are as a member
themselves, '' where they are none."""

# -- card stock ----------------------------------------------------------------------------------------------------------

card_batch = Table(
    "card_batch", metadata, key("batch"), text("shop"), text("made_at"), text("sent_at"), text("withdrawn_at")
)
"""Cards that were printed together. `shop` is '' until they are sent to one."""

stock_card = Table(
    "stock_card",
    metadata,
    key("card"),
    text("batch"),
    text("activated_at"),
    text("shop"),
    text("terminal"),
    Index(None, "batch"),
)
"""A card of a batch; `activated_at` is when a member joined with it or got it in exchange, '' while it is nobody's, then with the
`shop` and the `terminal` ('' at head office). It says nothing of a member, and stays when one is forgotten."""

# -- consent -------------------------------------------------------------------------------------------------------------

consent_text = Table("consent_text", metadata, key("version"), text("texts"), text("published_at"))
"""`texts`: language → text, JSON. The latest is in force."""

consent = Table(
    "consent",
    metadata,
    key("member"),
    key("document"),
    text("text"),
    Column("is_given", Boolean, nullable=False),
    text("channel"),
    text("at"),
    text("terminal"),
    text("operator"),
)
"""Each time that a member agreed to the text of a version, or took it back; rows are added, and go when the member is forgotten.
`at` is UTC, `terminal` '' at head office."""

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
    Column("late", Text, nullable=False, server_default=sa.text("''")),
    Column("compared", Text, nullable=False, server_default=sa.text("''")),
    Index("closing_by_day", "business_day", "shop", "terminal"),
)
"""Where the closings of tills stand in the inbox: `number` and `hash` are the entry's, `closing` is that of the Z. `late` are its
sales of other days (day → how many, JSON), '' where it has none; `compared` is derived: equal, differs, '' not yet known."""

open_day = Table(
    "open_day",
    metadata,
    key("terminal"),
    key("business_day"),
    number("sales"),
    Index("open_day_by_day", "business_day"),
)
"""How many sales of a till's day are in no closing yet; derived, and kept as entries are applied. A day without any has none."""
