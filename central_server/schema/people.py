"""The tables of who works at head office: accounts, sessions, and what waits for a second person."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, Text

from central_server.schema.columns import key, metadata, number, text

staff = Table(
    "staff",
    metadata,
    key("login"),
    text("name"),
    text("role"),
    text("shop"),
    text("password"),
    text("second_factor"),
    number("factor_step"),
    text("changed_at"),
    text("signed_in_at"),
    text("closed_at"),
)
"""`role` is one of `loyalty.roles.ROLES`; `shop` is '' for who works for all. `password` is Argon2id in PHC form, `second_factor`
a TOTP secret in hex, '' for none, and `factor_step` the time step of the last code that was good: none is good twice."""

wrong_sign_in = Table(
    "wrong_sign_in",
    metadata,
    key("who"),
    number("failures"),
    text("last_at"),
    text("locked_until"),
    Index(None, "last_at"),
)
"""Wrong names, passwords and codes: `who` is the hash of a name, whether or not it is an account's, or of an address."""

session = Table(
    "session",
    metadata,
    key("session_hash"),
    text("login"),
    text("form_key"),
    text("began_at"),
    text("seen_at"),
    Column("said", Text, nullable=False, server_default=sa.text("''")),
)
"""Whoever knows the secret of this hash is `login`; `form_key` stands in each form, which a foreign page cannot know. `said` is
what the next pages have to say once, after a form was sent: JSON, or ''."""

proposal = Table(
    "proposal",
    metadata,
    key("proposal"),
    text("kind"),
    text("details"),
    text("reason"),
    text("shop"),
    text("proposed_by"),
    text("proposed_at"),
    text("decided_by"),
    text("decided_at"),
    text("outcome"),
    text("answer"),
    text("sentence"),
)
"""What one person asks for and another allows: `outcome` is '' while it waits, then `central_server.people.proposals.OUTCOMES`.
`details`: JSON."""
