"""Every entry of one member can be found: by the tills' entries, by head office's own, and by who has become them.

Revision ID: 0012
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journal", sa.Column("member", sa.Text(), nullable=False, server_default=sa.text("''")))
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT server, number, data FROM journal")).all()
    about = [
        {"server": row.server, "number": row.number, "member": json.loads(bytes(row.data)).get("member", "")}
        for row in rows
    ]
    if about:
        change = "UPDATE journal SET member = :member WHERE server = :server AND number = :number"
        connection.execute(sa.text(change), about)
    op.create_index(op.f("journal_by_member"), "journal", ["member"])
    op.create_index(op.f("inbox_by_member"), "inbox", ["member"])
    op.create_index(op.f("member_by_merged_into"), "member", ["merged_into"])
