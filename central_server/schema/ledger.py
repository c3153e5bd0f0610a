"""The tables of the ledger at head office, and of what stands beside it: members, cards, the feed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from central_server.schema.columns import key, metadata, number, text

# -- what head office is -------------------------------------------------------------------------------------------------

setting = Table("setting", metadata, key("name"), text("value"))
program = Table("program", metadata, key("program"), text("text"), text("kept_at"))
shop = Table("shop", metadata, key("shop"), text("created_at"))

# -- what a terminal sent ------------------------------------------------------------------------------------------------

terminal = Table(
    "terminal",
    metadata,
    key("terminal"),
    Column("shop", Text, ForeignKey("shop.shop"), nullable=False),
    text("epoch"),
    text("public_key"),
    text("enrolled_at"),
    text("revoked_at"),
    text("heard_at"),
    Column("sent_at", Text, nullable=False, server_default=sa.text("''")),
)
"""`heard_at` is when a till last asked anything, to a minute; `sent_at` when it last sent entries. Both are '' for never."""

enroll_code = Table(
    "enroll_code",
    metadata,
    key("code_hash"),
    Column("shop", Text, ForeignKey("shop.shop"), nullable=False),
    text("expires_at"),
    text("used_by"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("terminal", Text, ForeignKey("terminal.terminal"), primary_key=True),
    number("number", is_key=True),
    key("hash"),
    text("branch"),
    text("opens"),
    text("prev"),
    text("kind"),
    text("document"),
    text("member"),
    Column("data", LargeBinary, nullable=False),
    text("received_at"),
    text("outcome"),
    Index(None, "member"),
)
"""Every entry a terminal sent, as it was sent. `branch` is the queue in which it is applied, `opens` the one that begins
after it. The database refuses to change or delete what was sent."""

branch = Table(
    "branch",
    metadata,
    Column("terminal", Text, ForeignKey("terminal.terminal"), primary_key=True),
    key("branch"),
    text("parent"),
    number("start"),
    text("head"),
    number("head_number"),
    number("applied_number"),
    Column("is_fork", Boolean, nullable=False),
    Column("is_closed", Boolean, nullable=False),
    number("hello"),
)
"""A line of entries with an escrow of its own. It begins after entry `start` of `parent`; a closed one has been given up.
`hello` is the server epoch that the till last greeted on it, 0 for none."""

forfeit = Table("forfeit", metadata, key("terminal"), key("epoch"), text("forfeited_at"))
"""Epochs that a person gave up for lost: no rights are granted to them any more."""

grant = Table(
    "granted",
    metadata,
    key("terminal"),
    key("grant_id"),
    text("request"),
    text("epoch"),
    text("member"),
    number("points"),
    text("slices"),
    text("signature"),
    number("standing"),
    UniqueConstraint("terminal", "request"),
)

note = Table(
    "note",
    metadata,
    key("terminal"),
    number("number", is_key=True),
    key("hash"),
    key("code"),
    text("reason"),
    text("noted_at"),
)
"""What a person should see: `conflict`, `quarantine`, `parked`, `unproved`, `clock`, `loss`. It never stops anything."""

# -- a shop's documents --------------------------------------------------------------------------------------------------

document = Table(
    "document",
    metadata,
    key("shop"),
    key("document"),
    text("terminal"),
    number("number"),
    text("hash"),
    text("content"),
)
"""Which entry brought a document first, and a hash of what it says."""

sale = Table(
    "sale",
    metadata,
    key("shop"),
    key("document"),
    text("terminal"),
    number("number"),
    text("hash"),
    text("member"),
    text("claim"),
    number("taken"),
    number("restored"),
)
"""A sale that has been applied: whose it is, the hash of the claim that made it so, and what its returns took and restored."""

follow_up = Table(
    "follow_up",
    metadata,
    key("shop"),
    key("sale"),
    key("hash"),
    text("kind"),
    text("terminal"),
    number("number"),
    text("document"),
    text("content"),
)
"""Returns and claims of a sale, each once. Those whose sale is not known yet wait here."""

# -- members -------------------------------------------------------------------------------------------------------------

member = Table(
    "member",
    metadata,
    key("member"),
    text("joined_at"),
    text("home_shop"),
    text("merged_into"),
    text("merge"),
    text("merge_signature"),
    text("erased_at"),
    number("debt"),
    number("loss"),
    Index(None, "merged_into"),
)
"""`merge` is the id of the event by which this member became `merged_into`. What is erased takes no personal fields again."""
person = Table("person", metadata, key("member"), text("name"), text("phone"))
member_shop = Table("member_shop", metadata, key("member"), key("shop"))
card = Table("card", metadata, key("card"), text("member"), Index(None, "member"))
phone = Table("phone", metadata, key("phone_hash"), key("member"), Index(None, "member"))
name_word = Table("name_word", metadata, key("begins"), key("word"), key("member"), Index(None, "member"))
"""The words of members' names, by their first letters; goes with `person`."""

blocked_card = Table("blocked_card", metadata, key("card_hash"), text("card"), text("why"), text("changed_at"))
"""Cards that are or were blocked; `why` is '' since it was lifted. `card` is '' where it was forgotten (erased, restored)."""

token = Table(
    "token",
    metadata,
    key("serial"),
    text("member"),
    text("issued_on"),
    text("last_day"),
    text("revoked_at"),
    Index(None, "member"),
)
"""Member tokens that were signed, and those that were only revoked here because a restore has forgotten them (no member)."""

pass_key = Table("pass_key", metadata, key("card"), text("key"), text("algorithm"), number("period_s"), text("made_at"))
"""The secret of each card's pass on a phone."""

posting = Table(
    "posting",
    metadata,
    key("member"),
    key("terminal"),
    number("number", is_key=True),
    key("hash"),
    key("commodity"),
    key("account"),
    number("amount"),
    text("business_day"),
)

lot = Table(
    "lot",
    metadata,
    key("member"),
    key("lot"),
    text("expires_on"),
    Column("is_graced", Boolean, nullable=False),
)

holding = Table(
    "holding",
    metadata,
    key("member"),
    key("place"),
    key("branch"),
    key("lot"),
    number("points"),
    CheckConstraint("points > 0", name="points_held"),
    Index(None, "branch", "place"),
)
"""Where each member's points lie: available, expired, and granted to or in escrow at a branch."""

forfeited = Table(
    "forfeited",
    metadata,
    key("member"),
    key("branch"),
    number("points"),
    number("borne"),
)
"""Points given back to a member although the till given up for lost may have spent them; what the shop has borne of it."""

member_history = Table("member_history", metadata, key("member"), text("history"), text("alive"))
"""What a member did, as sums that know no order (`loyalty.standing.History`, JSON), and the spans of days in which something
kept all their points alive (`MemberBook.alive`, JSON)."""

profile = Table(
    "profile", metadata, key("member"), text("birthday"), text("segments"), text("charity"), text("referrer")
)
"""What rules may ask of a person, beside the ledger and erased with them. `segments`: name → last day, JSON."""

vesting = Table("vesting", metadata, key("member"), key("lot"), text("usable_from"))
"""Lots that cannot be spent yet; a row goes when its day has come."""

undone = Table("undone", metadata, key("shop"), key("document"), text("undone"))
"""What the returns of a sale took out of its member's history (`central_server.applying.histories.Undone`, JSON)."""

rule_count = Table("rule_count", metadata, key("name"), number("amount"))
"""What all members together have had of a rule, by the name under which it is counted for ever: budgets and stock end by it."""

floor_owed = Table("floor_owed", metadata, key("member"), key("terminal"), number("number"), text("hash"))
"""The last entry by which a member spent on a till's floor limit, until nothing of it is owed and the limit is renewed."""

# -- head office's own journal, and what it tells ------------------------------------------------------------------------

chain = Table("chain", metadata, key("server"), text("head"), number("head_number"))
"""The head of the own journal. Whoever changes points holds this row until COMMIT, so ledger changes happen one by one."""

journal = Table(
    "journal",
    metadata,
    key("server"),
    number("number", is_key=True),
    text("hash"),
    Column("data", LargeBinary, nullable=False),
    Column("member", Text, nullable=False, server_default=sa.text("''")),
    Index(None, "member"),
)
"""What head office wrote itself. `member` is the entry's, so that all that was done for one can be found."""

feed_channel = Table("feed_channel", metadata, key("channel"), number("position"))
feed_item = Table(
    "feed_item",
    metadata,
    Column("channel", Text, ForeignKey("feed_channel.channel"), primary_key=True),
    key("item"),
    number("position"),
    UniqueConstraint("channel", "position"),
)
"""What changed last, per channel. A later change of the same item takes its place with a later position."""
