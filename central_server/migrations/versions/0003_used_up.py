"""What all members together have had of each rule, summed from the histories that are there.

Revision ID: 0003
"""

import json
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "rule_count",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("rule_count_key")),
    )
    sums: Counter[str] = Counter()
    for (history,) in op.get_bind().execute(sa.text("SELECT history FROM member_history")):
        for key, count in (json.loads(history).get("counts", {}) if history else {}).items():
            if key.endswith(("/points/ever", "/uses/ever")):
                sums[key] += count
    if sums:
        op.bulk_insert(table, [{"name": key, "amount": amount} for key, amount in sorted(sums.items())])
