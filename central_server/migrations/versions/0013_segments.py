"""Segments that are saved, where they are sent, and what has been delivered.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "saved_segment",
        *map(_text, ("name", "conditions", "changed_by", "changed_at")),
        sa.PrimaryKeyConstraint("name", name=op.f("saved_segment_key")),
    )
    op.create_table(
        "segment_nightly",
        *map(_text, ("name", "webhook", "last_day", "asked_by")),
        sa.PrimaryKeyConstraint("name", "webhook", name=op.f("segment_nightly_key")),
    )
    op.create_table(
        "webhook",
        *map(_text, ("webhook", "url", "secret")),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        *map(_text, ("made_at", "off_at", "off_why")),
        sa.PrimaryKeyConstraint("webhook", name=op.f("webhook_key")),
    )
    op.create_table(
        "delivery",
        *map(_text, ("delivery", "webhook", "segment", "sending")),
        *map(_number, ("page", "pages")),
        _text("members"),
        _number("count"),
        *map(_text, ("state", "asked_by", "asked_at", "due_at")),
        _number("attempts"),
        *map(_text, ("tried_at", "reason", "claim", "claimed_until")),
        sa.PrimaryKeyConstraint("delivery", name=op.f("delivery_key")),
    )
    op.create_index(op.f("delivery_by_webhook_state_due_at"), "delivery", ["webhook", "state", "due_at"])
