"""Since when an endpoint takes nothing, and who switched it off and on; figures of all shops together.

Revision ID: 0018
"""

from collections import Counter

import sqlalchemy as sa
from alembic import op

from central_server.figures.bands import band

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    _add_switches()
    _add_sums()


def _add_switches() -> None:
    for name in ("failing_since", "failed_at"):
        op.add_column("webhook", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "webhook_switch",
        _text("webhook"),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _text("at"),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        *map(_text, ("by", "why")),
        sa.PrimaryKeyConstraint("webhook", "number", name=op.f("webhook_switch_key")),
    )


def _add_sums() -> None:
    """What was counted before is in them at once, so that nothing is counted again."""
    sold = (
        *("sales", "value_minor", "tax_minor", "discount_minor", "redeemed_minor"),
        *("returns", "returned_minor", "returned_tax_minor", "restored_minor"),
    )
    op.create_table(
        "sold_everywhere",
        _text("day"),
        _number("is_member"),
        *map(_number, sold),
        sa.PrimaryKeyConstraint("day", "is_member", name=op.f("sold_everywhere_key")),
    )
    op.create_table(
        "points_everywhere",
        *map(_text, ("day", "period", "what")),
        _number("points"),
        sa.PrimaryKeyConstraint("day", "period", "what", name=op.f("points_everywhere_key")),
    )
    op.create_table(
        "issued_month",
        *map(_text, ("shop", "month")),
        *map(_number, ("issued", "reversed", "used")),
        sa.PrimaryKeyConstraint("shop", "month", name=op.f("issued_month_key")),
    )
    sums = ", ".join(f"sum({name})" for name in sold)
    op.execute(f"INSERT INTO sold_everywhere SELECT day, is_member, {sums} FROM shop_day GROUP BY day, is_member")  # noqa: S608
    op.execute(
        "INSERT INTO points_everywhere SELECT day, period, what, sum(points) FROM points_day GROUP BY day, period, what"
    )
    op.execute(
        "INSERT INTO issued_month "
        "SELECT shop, substr(day, 1, 7), sum(issued), sum(reversed), sum(coalesce(used, 0)) FROM lot_fact "
        "LEFT JOIN (SELECT lot AS of_lot, sum(points) AS used FROM lot_use GROUP BY lot) AS uses ON of_lot = lot "
        "GROUP BY shop, substr(day, 1, 7)"
    )
    _add_bands()
    if op.get_bind().dialect.name == "sqlite":
        # Every look at what lots became finds each of them by its key.
        with op.batch_alter_table("lot_fact", recreate="always", table_kwargs={"sqlite_with_rowid": False}):
            pass


def _add_bands() -> None:
    bands = op.create_table(
        "basket_band",
        _text("day"),
        *map(_number, ("band", "is_member", "sales")),
        sa.PrimaryKeyConstraint("day", "band", "is_member", name=op.f("basket_band_key")),
    )
    counts: Counter[tuple[str, int, int]] = Counter()
    sales = sa.text("SELECT day, member, value_minor FROM sale_fact WHERE is_void = 0")
    for day, member, minor in op.get_bind().execute(sales.execution_options(yield_per=10_000)):
        counts[day, band(minor), int(member != "")] += 1
    names = ("day", "band", "is_member", "sales")
    op.bulk_insert(bands, [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())])
