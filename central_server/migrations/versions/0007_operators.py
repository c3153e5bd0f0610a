"""The operators of the shops' tills.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "operator",
        *map(_text, ("shop", "operator", "name", "role", "pin", "member", "changed_by", "changed_at")),
        sa.PrimaryKeyConstraint("shop", "operator", name=op.f("operator_key")),
    )
