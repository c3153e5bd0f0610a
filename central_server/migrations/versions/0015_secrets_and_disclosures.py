"""An endpoint may have several secrets for a while, and it is kept to whom a member's data went.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "webhook_secret",
        _text("webhook"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        *map(_text, ("secret", "made_at", "made_by", "ends_at")),
        sa.PrimaryKeyConstraint("webhook", "number", name=op.f("webhook_secret_key")),
    )
    op.execute(
        "INSERT INTO webhook_secret (webhook, number, secret, made_at, made_by, ends_at) "
        "SELECT webhook, 1, secret, made_at, '', '' FROM webhook"
    )
    op.drop_column("webhook", "secret")
    op.create_table(
        "disclosure",
        *map(_text, ("member", "webhook", "sent_to", "first_at", "last_at")),
        sa.PrimaryKeyConstraint("member", "webhook", "sent_to", name=op.f("disclosure_key")),
    )
