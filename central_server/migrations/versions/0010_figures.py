"""What sales come to by day, shop, operator and member.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def _table(name: str, keys: str, texts: str, numbers: str, *indexes: str, by_key: bool = False) -> None:
    """Every table here is keyed by texts, but for `is_member`. An index: its name, then its columns. `by_key`: SQLite keeps the
    rows in the order of their keys."""
    key = keys.split()
    op.create_table(
        name,
        *(_number(one) if one == "is_member" else _text(one) for one in key),
        *map(_text, texts.split()),
        *map(_number, numbers.split()),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"{name}_key")),
        sqlite_with_rowid=not by_key,
    )
    for index in indexes:
        called, *columns = index.split()
        op.create_index(op.f(called), name, columns)


def upgrade() -> None:
    _table("counted", "terminal branch", "", "number")
    _table(
        "sale_fact",
        "shop document",
        "hash day operator member reward",
        "value_minor tax_minor discount_minor awarded redeemed redeemed_minor is_void",
        "sale_fact_by_value value_minor day shop is_void member",
    )
    _table("return_fact", "shop document hash", "day operator", "returned_minor tax_minor restored_minor")
    _table(
        "shop_day",
        "shop day operator is_member",
        "",
        "sales value_minor tax_minor discount_minor redeemed_minor "
        "returns returned_minor returned_tax_minor restored_minor",
        "shop_day_by_day day",
    )
    _table(
        "member_day",
        "member day shop",
        "",
        "sales net_minor redeemed_minor",
        "member_day_by_day day shop member sales",
        by_key=True,
    )
    _table("lot_fact", "lot", "member shop day", "issued reversed", "lot_fact_by_shop shop member lot day")
    _table("lot_use", "shop document hash lot", "day period", "points", "lot_use_by_lot lot")
    _table("points_day", "shop day period what", "", "points", "points_day_by_day day")
    _table("period", "period", "closed_at closed_by sums", "")
    _table("period_cut", "terminal branch period", "", "number")
    _table("target", "figure", "wanted set_by set_at", "")
