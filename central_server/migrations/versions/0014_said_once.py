"""What a page says after a form was sent is kept in the session until it was said.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("said", sa.Text(), nullable=False, server_default=sa.text("''")))
