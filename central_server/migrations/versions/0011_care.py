"""What members say: tickets and their history, and feedback on sales.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "ticket",
        *map(_text, ("ticket", "shop", "member", "receipt", "topic", "status", "priority", "owner", "source")),
        *map(_text, ("opened_at", "changed_at")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("ticket_key")),
    )
    op.create_index(op.f("ticket_by_member"), "ticket", ["member"])
    op.create_table(
        "ticket_word",
        _text("ticket"),
        _number("number"),
        *map(_text, ("at", "by", "kind", "text")),
        sa.PrimaryKeyConstraint("ticket", "number", name=op.f("ticket_word_key")),
    )
    op.create_table(
        "feedback",
        _text("terminal"),
        _number("number"),
        *map(_text, ("shop", "member", "business_day", "given_at")),
        *map(_number, ("rating", "recommends")),
        _text("comment"),
        _number("bonus"),
        sa.PrimaryKeyConstraint("terminal", "number", name=op.f("feedback_key")),
    )
    op.create_index(op.f("feedback_by_member"), "feedback", ["member"])
