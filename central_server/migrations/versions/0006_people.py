"""Who works at head office: accounts, sessions, and what waits for a second person.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "staff",
        *map(_text, ("login", "name", "role", "shop", "password", "second_factor")),
        sa.Column("factor_step", sa.BigInteger(), nullable=False),
        *map(_text, ("changed_at", "signed_in_at", "closed_at")),
        sa.PrimaryKeyConstraint("login", name=op.f("staff_key")),
    )
    op.create_table(
        "wrong_sign_in",
        _text("who"),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        *map(_text, ("last_at", "locked_until")),
        sa.PrimaryKeyConstraint("who", name=op.f("wrong_sign_in_key")),
    )
    op.create_index(op.f("wrong_sign_in_by_last_at"), "wrong_sign_in", ["last_at"])
    op.create_table(
        "session",
        *map(_text, ("session_hash", "login", "form_key", "began_at", "seen_at")),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("session_key")),
    )
    op.create_table(
        "proposal",
        *map(_text, ("proposal", "kind", "details", "reason", "shop", "proposed_by", "proposed_at")),
        *map(_text, ("decided_by", "decided_at", "outcome", "answer", "sentence")),
        sa.PrimaryKeyConstraint("proposal", name=op.f("proposal_key")),
    )
