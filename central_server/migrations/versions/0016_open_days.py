"""Which days of which tills have sales that no closing covers is kept, and of each closing what it says of other days, and
whether head office has the same.

Revision ID: 0016
"""

import json
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("late", "compared"):
        op.add_column("closing", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index(op.f("closing_by_day"), "closing", ["business_day", "shop", "terminal"])
    op.create_table(
        "open_day",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("business_day", sa.Text(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("terminal", "business_day", name=op.f("open_day_key")),
    )
    op.create_index(op.f("open_day_by_day"), "open_day", ["business_day"])
    connection = op.get_bind()
    ended = _closings(connection)
    opened = Counter[tuple[str, str]]()
    sales = connection.execute(
        sa.text(
            "SELECT inbox.terminal, inbox.number, inbox.data FROM inbox JOIN branch "
            "ON branch.terminal = inbox.terminal AND branch.branch = inbox.branch "
            "WHERE inbox.kind = 'sale' AND inbox.outcome <> 'parked' AND inbox.number <= branch.applied_number"
        ).execution_options(yield_per=1000)
    )
    for row in sales:
        if row.number >= ended.get(row.terminal, 1):
            said = json.loads(bytes(row.data))
            if not said["body"].get("is_past"):
                opened[row.terminal, said["business_day"]] += 1
    rows = [{"terminal": till, "business_day": day, "sales": count} for (till, day), count in opened.items()]
    if rows:
        connection.execute(sa.text("INSERT INTO open_day VALUES (:terminal, :business_day, :sales)"), rows)


def _closings(connection: sa.Connection) -> dict[str, int]:
    """Writes what each closing says of other days, and answers the first entry of each terminal that no closing covers."""
    # A till that named entries to come would take them out of sight before they happen.
    connection.execute(sa.text("UPDATE closing SET goes_on_from = number + 1 WHERE goes_on_from > number + 1"))
    rows = connection.execute(
        sa.text(
            "SELECT closing.shop, closing.terminal, closing.number, closing.hash, inbox.data FROM closing JOIN inbox "
            "ON inbox.terminal = closing.terminal AND inbox.number = closing.number AND inbox.hash = closing.hash"
        )
    ).all()
    late = [
        {"shop": row.shop, "terminal": row.terminal, "number": row.number, "hash": row.hash, "late": json.dumps(days)}
        for row in rows
        if (days := json.loads(bytes(row.data))["body"].get("late"))
    ]
    if late:
        change = (
            "UPDATE closing SET late = :late "
            "WHERE shop = :shop AND terminal = :terminal AND number = :number AND hash = :hash"
        )
        connection.execute(sa.text(change), late)
    ended = connection.execute(sa.text("SELECT terminal, MAX(goes_on_from) AS upto FROM closing GROUP BY terminal"))
    return {row.terminal: row.upto for row in ended}
