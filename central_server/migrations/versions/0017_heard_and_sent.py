"""When a till last sent entries, apart from when it was last heard.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("terminal", sa.Column("sent_at", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute("UPDATE terminal SET sent_at = heard_at")
