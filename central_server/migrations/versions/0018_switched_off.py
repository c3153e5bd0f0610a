"""Since when an endpoint takes nothing, and who switched it off and on.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    for name in ("failing_since", "failed_at"):
        op.add_column("webhook", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "webhook_switch",
        _text("webhook"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _text("at"),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        *map(_text, ("by", "why")),
        sa.PrimaryKeyConstraint("webhook", "number", name=op.f("webhook_switch_key")),
    )
