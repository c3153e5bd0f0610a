"""Card stock, and what members agreed to.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "card_batch",
        *map(_text, ("batch", "shop", "made_at", "sent_at", "withdrawn_at")),
        sa.PrimaryKeyConstraint("batch", name=op.f("card_batch_key")),
    )
    op.create_table(
        "stock_card",
        *map(_text, ("card", "batch", "activated_at", "shop", "terminal")),
        sa.PrimaryKeyConstraint("card", name=op.f("stock_card_key")),
    )
    op.create_index(op.f("stock_card_by_batch"), "stock_card", ["batch"])
    op.create_table(
        "consent_text",
        *map(_text, ("version", "texts", "published_at")),
        sa.PrimaryKeyConstraint("version", name=op.f("consent_text_key")),
    )
    op.create_table(
        "consent",
        *map(_text, ("member", "document", "text")),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        *map(_text, ("channel", "at", "terminal", "operator")),
        sa.PrimaryKeyConstraint("member", "document", name=op.f("consent_key")),
    )
