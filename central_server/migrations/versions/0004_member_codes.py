"""Blocked cards, member tokens, and the keys of passes.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blocked_card",
        sa.Column("card_hash", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card_hash", name=op.f("blocked_card_key")),
    )
    op.create_table(
        "token",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("issued_on", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("token_key")),
    )
    op.create_index(op.f("token_by_member"), "token", ["member"], unique=False)
    op.create_table(
        "pass_key",
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("period_s", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card", name=op.f("pass_key_key")),
    )
