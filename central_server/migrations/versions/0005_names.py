"""Under which words a member is found by name, from the names that are there.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

from central_server.membership.name_search import SHORTEST, words_of

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "name_word",
        sa.Column("begins", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("begins", "word", "member", name=op.f("name_word_key")),
    )
    op.create_index(op.f("name_word_by_member"), "name_word", ["member"])
    people = op.get_bind().execute(sa.text("SELECT member, name FROM person"))
    rows = [
        {"begins": word[:SHORTEST], "word": word, "member": member}
        for member, name in people
        for word in words_of(name)
    ]
    if rows:
        op.bulk_insert(table, rows)
