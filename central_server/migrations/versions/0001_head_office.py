"""The first tables of head office, and the triggers that keep what was written.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from central_server.database import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "inbox": ("terminal", "number", "hash", "prev", "data"),
    "journal": ("server", "number", "hash", "data"),
    "posting": ("member", "terminal", "number", "hash", "commodity", "account", "amount"),
}


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("card", name=op.f("card_key")),
    )
    op.create_index(op.f("card_by_member"), "card", ["member"], unique=False)
    op.create_table(
        "chain",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("head_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("server", name=op.f("chain_key")),
    )
    op.create_table(
        "document",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "document", name=op.f("document_key")),
    )
    op.create_table(
        "feed_channel",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("feed_channel_key")),
    )
    op.create_table(
        "floor_owed",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", "terminal", name=op.f("floor_owed_key")),
    )
    op.create_table(
        "forfeit",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("forfeited_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("terminal", "epoch", name=op.f("forfeit_key")),
    )
    op.create_table(
        "forfeited",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("borne", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("member", "branch", name=op.f("forfeited_key")),
    )
    op.create_table(
        "follow_up",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("sale", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "sale", "hash", name=op.f("follow_up_key")),
    )
    op.create_table(
        "granted",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slices", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("standing", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("terminal", "grant_id", name=op.f("granted_key")),
        sa.UniqueConstraint("terminal", "request", name=op.f("granted_terminal_request")),
    )
    op.create_table(
        "holding",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("holding_points_held")),
        sa.PrimaryKeyConstraint("member", "place", "branch", "lot", name=op.f("holding_key")),
    )
    op.create_index(op.f("holding_by_branch_place"), "holding", ["branch", "place"], unique=False)
    op.create_table(
        "journal",
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("server", "number", name=op.f("journal_key")),
    )
    op.create_table(
        "lot",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Text(), nullable=False),
        sa.Column("is_graced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("member", "lot", name=op.f("lot_key")),
    )
    op.create_table(
        "member",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("joined_at", sa.Text(), nullable=False),
        sa.Column("home_shop", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=False),
        sa.Column("merge", sa.Text(), nullable=False),
        sa.Column("merge_signature", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.Text(), nullable=False),
        sa.Column("debt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("loss", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("member", name=op.f("member_key")),
    )
    op.create_table(
        "member_shop",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", "shop", name=op.f("member_shop_key")),
    )
    op.create_table(
        "note",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("terminal", "number", "hash", "code", name=op.f("note_key")),
    )
    op.create_table(
        "person",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("member", name=op.f("person_key")),
    )
    op.create_table(
        "phone",
        sa.Column("phone_hash", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("phone_hash", "member", name=op.f("phone_key")),
    )
    op.create_index(op.f("phone_by_member"), "phone", ["member"], unique=False)
    op.create_table(
        "posting",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("commodity", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("business_day", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "member", "terminal", "number", "hash", "commodity", "account", name=op.f("posting_key")
        ),
    )
    op.create_table(
        "program",
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("program", name=op.f("program_key")),
    )
    op.create_table(
        "sale",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("taken", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("restored", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("shop", "document", name=op.f("sale_key")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("setting_key")),
    )
    op.create_table(
        "shop",
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shop", name=op.f("shop_key")),
    )
    op.create_table(
        "enroll_code",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shop"], ["shop.shop"], name=op.f("enroll_code_shop")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("enroll_code_key")),
    )
    op.create_table(
        "feed_item",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["feed_channel.channel"], name=op.f("feed_item_channel")),
        sa.PrimaryKeyConstraint("channel", "item", name=op.f("feed_item_key")),
        sa.UniqueConstraint("channel", "position", name=op.f("feed_item_channel_position")),
    )
    op.create_table(
        "terminal",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("shop", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("enrolled_at", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["shop"], ["shop.shop"], name=op.f("terminal_shop")),
        sa.PrimaryKeyConstraint("terminal", name=op.f("terminal_key")),
    )
    op.create_table(
        "branch",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("head_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("applied_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_fork", sa.Boolean(), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("hello", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["terminal"], ["terminal.terminal"], name=op.f("branch_terminal")),
        sa.PrimaryKeyConstraint("terminal", "branch", name=op.f("branch_key")),
    )
    op.create_table(
        "inbox",
        sa.Column("terminal", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("opens", sa.Text(), nullable=False),
        sa.Column("prev", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["terminal"], ["terminal.terminal"], name=op.f("inbox_terminal")),
        sa.PrimaryKeyConstraint("terminal", "number", "hash", name=op.f("inbox_key")),
    )

    for table, columns in APPEND_ONLY.items():
        for statement in append_only(op.get_bind().dialect.name, table, columns):
            op.execute(statement)
