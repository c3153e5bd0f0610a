"""What members did beside moving points, what rules may ask of them, and points that cannot be spent yet.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "member_history",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.Column("alive", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", name=op.f("member_history_key")),
    )
    op.create_table(
        "profile",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("birthday", sa.Text(), nullable=False),
        sa.Column("segments", sa.Text(), nullable=False),
        sa.Column("charity", sa.Text(), nullable=False),
        sa.Column("referrer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", name=op.f("profile_key")),
    )
    op.create_table(
        "undone",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("undone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "document", name=op.f("undone_key")),
    )
    op.create_table(
        "vesting",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("usable_from", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", "lot", name=op.f("vesting_key")),
    )
