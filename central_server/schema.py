"""The tables of head office, for SQLite and PostgreSQL alike. Written by `central_server.migrations`, never at serve.

Laid out so that an existing engine can distribute them: what belongs to a member leads with the member in its key, documents
lead with the shop, what a terminal sent leads with the terminal, and nothing in the hot path takes a number from a sequence.
Cards, phones and names are directories: they lead with what is looked up, and name the member.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "0005"
"""The newest migration: the only version of the tables that this program serves."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s",
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str, *, key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=False, autoincrement=False)


# -- what head office is -------------------------------------------------------------------------------------------------

setting = Table("setting", metadata, _key("name"), _text("value"))
program = Table("program", metadata, _key("program"), _text("text"), _text("kept_at"))
shop = Table("shop", metadata, _key("shop"), _text("created_at"))

# -- what a terminal sent ------------------------------------------------------------------------------------------------

terminal = Table(
    "terminal",
    metadata,
    _key("terminal"),
    Column("shop", Text, ForeignKey("shop.shop"), nullable=False),
    _text("epoch"),
    _text("public_key"),
    _text("enrolled_at"),
    _text("revoked_at"),
    _text("heard_at"),
)

enroll_code = Table(
    "enroll_code",
    metadata,
    _key("code_hash"),
    Column("shop", Text, ForeignKey("shop.shop"), nullable=False),
    _text("expires_at"),
    _text("used_by"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("terminal", Text, ForeignKey("terminal.terminal"), primary_key=True),
    _number("number", key=True),
    _key("hash"),
    _text("branch"),
    _text("opens"),
    _text("prev"),
    _text("kind"),
    _text("document"),
    _text("member"),
    Column("data", LargeBinary, nullable=False),
    _text("received_at"),
    _text("outcome"),
)
"""Every entry a terminal sent, as it was sent. `branch` is the queue in which it is applied, `opens` the one that begins
after it. The database refuses to change or delete what was sent."""

branch = Table(
    "branch",
    metadata,
    Column("terminal", Text, ForeignKey("terminal.terminal"), primary_key=True),
    _key("branch"),
    _text("parent"),
    _number("start"),
    _text("head"),
    _number("head_number"),
    _number("applied_number"),
    Column("is_fork", Boolean, nullable=False),
    Column("is_closed", Boolean, nullable=False),
    _number("hello"),
)
"""A line of entries with an escrow of its own. It begins after entry `start` of `parent`; a closed one has been given up.
`hello` is the server epoch that the till last greeted on it, 0 for none."""

forfeit = Table("forfeit", metadata, _key("terminal"), _key("epoch"), _text("forfeited_at"))
"""Epochs that a person gave up for lost: no rights are granted to them any more."""

grant = Table(
    "granted",
    metadata,
    _key("terminal"),
    _key("grant_id"),
    _text("request"),
    _text("epoch"),
    _text("member"),
    _number("points"),
    _text("slices"),
    _text("signature"),
    _number("standing"),
    UniqueConstraint("terminal", "request"),
)

note = Table(
    "note",
    metadata,
    _key("terminal"),
    _number("number", key=True),
    _key("hash"),
    _key("code"),
    _text("reason"),
    _text("noted_at"),
)
"""What a person should see: `conflict`, `quarantine`, `parked`, `unproved`, `clock`, `loss`. It never stops anything."""

# -- a shop's documents --------------------------------------------------------------------------------------------------

document = Table(
    "document",
    metadata,
    _key("shop"),
    _key("document"),
    _text("terminal"),
    _number("number"),
    _text("hash"),
    _text("content"),
)
"""Which entry brought a document first, and a hash of what it says."""

sale = Table(
    "sale",
    metadata,
    _key("shop"),
    _key("document"),
    _text("terminal"),
    _number("number"),
    _text("hash"),
    _text("member"),
    _text("claim"),
    _number("taken"),
    _number("restored"),
)
"""A sale that has been applied: whose it is, the hash of the claim that made it so, and what its returns took and restored."""

follow_up = Table(
    "follow_up",
    metadata,
    _key("shop"),
    _key("sale"),
    _key("hash"),
    _text("kind"),
    _text("terminal"),
    _number("number"),
    _text("document"),
    _text("content"),
)
"""Returns and claims of a sale, each once. Those whose sale is not known yet wait here."""

# -- members -------------------------------------------------------------------------------------------------------------

member = Table(
    "member",
    metadata,
    _key("member"),
    _text("joined_at"),
    _text("home_shop"),
    _text("merged_into"),
    _text("merge"),
    _text("merge_signature"),
    _text("erased_at"),
    _number("debt"),
    _number("loss"),
)
"""`merge` is the id of the event by which this member became `merged_into`. What is erased takes no personal fields again."""
person = Table("person", metadata, _key("member"), _text("name"), _text("phone"))
member_shop = Table("member_shop", metadata, _key("member"), _key("shop"))
card = Table("card", metadata, _key("card"), _text("member"), Index(None, "member"))
phone = Table("phone", metadata, _key("phone_hash"), _key("member"), Index(None, "member"))
name_word = Table("name_word", metadata, _key("begins"), _key("word"), _key("member"), Index(None, "member"))
"""The words of members' names, by their first letters; goes with `person`."""

blocked_card = Table("blocked_card", metadata, _key("card_hash"), _text("card"), _text("why"), _text("changed_at"))
"""Cards that are or were blocked; `why` is '' since it was lifted. `card` is '' where it was forgotten (erased, restored)."""

token = Table(
    "token",
    metadata,
    _key("serial"),
    _text("member"),
    _text("issued_on"),
    _text("last_day"),
    _text("revoked_at"),
    Index(None, "member"),
)
"""Member tokens that were signed, and those that were only revoked here because a restore has forgotten them (no member)."""

pass_key = Table(
    "pass_key", metadata, _key("card"), _text("key"), _text("algorithm"), _number("period_s"), _text("made_at")
)
"""The secret of each card's pass on a phone."""

posting = Table(
    "posting",
    metadata,
    _key("member"),
    _key("terminal"),
    _number("number", key=True),
    _key("hash"),
    _key("commodity"),
    _key("account"),
    _number("amount"),
    _text("business_day"),
)

lot = Table(
    "lot",
    metadata,
    _key("member"),
    _key("lot"),
    _text("expires_on"),
    Column("is_graced", Boolean, nullable=False),
)

holding = Table(
    "holding",
    metadata,
    _key("member"),
    _key("place"),
    _key("branch"),
    _key("lot"),
    _number("points"),
    CheckConstraint("points > 0", name="points_held"),
    Index(None, "branch", "place"),
)
"""Where each member's points lie: available, expired, and granted to or in escrow at a branch."""

forfeited = Table(
    "forfeited",
    metadata,
    _key("member"),
    _key("branch"),
    _number("points"),
    _number("borne"),
)
"""Points given back to a member although the till given up for lost may have spent them; what the shop has borne of it."""

member_history = Table("member_history", metadata, _key("member"), _text("history"), _text("alive"))
"""What a member did, as sums that know no order (`loyalty.standing.History`, JSON), and the spans of days in which something
kept all their points alive (`MemberBook.alive`, JSON)."""

profile = Table(
    "profile", metadata, _key("member"), _text("birthday"), _text("segments"), _text("charity"), _text("referrer")
)
"""What rules may ask of a person, beside the ledger and erased with them. `segments`: name → last day, JSON."""

vesting = Table("vesting", metadata, _key("member"), _key("lot"), _text("usable_from"))
"""Lots that cannot be spent yet; a row goes when its day has come."""

undone = Table("undone", metadata, _key("shop"), _key("document"), _text("undone"))
"""What the returns of a sale took out of its member's history (`central_server.histories.Undone`, JSON)."""

rule_count = Table("rule_count", metadata, _key("name"), _number("amount"))
"""What all members together have had of a rule, by the name under which it is counted for ever: budgets and stock end by it."""

floor_owed = Table("floor_owed", metadata, _key("member"), _key("terminal"), _number("number"), _text("hash"))
"""The last entry by which a member spent on a till's floor limit, until nothing of it is owed and the limit is renewed."""

# -- head office's own journal, and what it tells ------------------------------------------------------------------------

chain = Table("chain", metadata, _key("server"), _text("head"), _number("head_number"))
"""The head of the own journal. Whoever changes points holds this row until COMMIT, so ledger changes happen one by one."""

journal = Table(
    "journal",
    metadata,
    _key("server"),
    _number("number", key=True),
    _text("hash"),
    Column("data", LargeBinary, nullable=False),
)

feed_channel = Table("feed_channel", metadata, _key("channel"), _number("position"))
feed_item = Table(
    "feed_item",
    metadata,
    Column("channel", Text, ForeignKey("feed_channel.channel"), primary_key=True),
    _key("item"),
    _number("position"),
    UniqueConstraint("channel", "position"),
)
"""What changed last, per channel. A later change of the same item takes its place with a later position."""
