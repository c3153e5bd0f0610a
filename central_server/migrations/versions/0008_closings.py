"""The closings of the shops' days.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "closing",
        *map(_text, ("shop", "terminal")),
        _number("number"),
        *map(_text, ("hash", "business_day")),
        *map(_number, ("closing", "goes_on_from")),
        sa.PrimaryKeyConstraint("shop", "terminal", "number", "hash", name=op.f("closing_key")),
    )
