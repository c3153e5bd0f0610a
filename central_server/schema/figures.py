"""The tables of figures: what sales come to by day, shop, operator and member. All of it is derived, and can be made anew.

Only `period` with its cuts, and `target`, are what people decided. A number here is a sum: what is heard late is added to it.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from central_server.schema.columns import key, metadata, number, text

counted = Table("counted", metadata, key("terminal"), key("branch"), number("number"))
"""Up to which entry of each branch the figures have counted; head office's own journal has the branch ''."""

sale_fact = Table(
    "sale_fact",
    metadata,
    key("shop"),
    key("document"),
    text("hash"),
    text("day"),
    text("operator"),
    text("member"),
    text("reward"),
    number("value_minor"),
    number("tax_minor"),
    number("discount_minor"),
    number("awarded"),
    number("redeemed"),
    number("redeemed_minor"),
    number("is_void"),
    Index("sale_fact_by_value", "value_minor", "day", "shop", "is_void", "member"),
)
"""A sale as it was before its returns, once, with the member who claimed it. One that was voided counts nowhere."""

return_fact = Table(
    "return_fact",
    metadata,
    key("shop"),
    key("document"),
    key("hash"),
    text("day"),
    text("operator"),
    number("returned_minor"),
    number("tax_minor"),
    number("restored_minor"),
)
"""What each return of a sale took back, by the sale's document and the hash of the return; `day` is the return's."""

SOLD = (
    *("sales", "value_minor", "tax_minor", "discount_minor", "redeemed_minor"),
    *("returns", "returned_minor", "returned_tax_minor", "restored_minor"),
)
"""The sums of what was sold."""

shop_day = Table(
    "shop_day",
    metadata,
    key("shop"),
    key("day"),
    key("operator"),
    number("is_member", is_key=True),
    *map(number, SOLD),
    Index("shop_day_by_day", "day"),
)

sold_everywhere = Table(
    "sold_everywhere",
    metadata,
    key("day"),
    number("is_member", is_key=True),
    *map(number, SOLD),
)
"""`shop_day` of all shops and operators together: a year of a chain is hundreds of rows in place of a hundred thousand."""

basket_band = Table(
    "basket_band",
    metadata,
    key("day"),
    number("band", is_key=True),
    number("is_member", is_key=True),
    number("sales"),
)
"""How many sales of all shops came to about as much (`figures.bands`): where the middle one lies is known without reading all."""

member_day = Table(
    "member_day",
    metadata,
    key("member"),
    key("day"),
    key("shop"),
    number("sales"),
    number("net_minor"),
    number("redeemed_minor"),
    Index("member_day_by_day", "day", "shop", "member", "sales"),
    sqlite_with_rowid=False,
)
"""By the reference in the entries: who has merged is one when it is read. Net is less returns, on their day.

What a member did lies together in the file: whoever may be leaving is found by reading all of it, member by member."""

lot_fact = Table(
    "lot_fact",
    metadata,
    key("lot"),
    text("member"),
    text("shop"),
    text("day"),
    number("issued"),
    number("reversed"),
    Index("lot_fact_by_shop", "shop", "member", "lot", "day"),
    sqlite_with_rowid=False,
)
"""Where and when each lot was issued, and how much of its award was taken back."""

lot_use = Table(
    "lot_use",
    metadata,
    key("shop"),
    key("document"),
    key("hash"),
    key("lot"),
    text("day"),
    text("period"),
    number("points"),
    Index("lot_use_by_lot", "lot"),
)
"""Points of a lot that paid for a sale, or came back to it by a return (below zero), by the entry that says so."""

issued_month = Table(
    "issued_month",
    metadata,
    key("shop"),
    key("month"),
    number("issued"),
    number("reversed"),
    number("used"),
)
"""The lots that a shop issued in a month: `lot_fact` and, of the same lots, `lot_use` added up."""

points_day = Table(
    "points_day",
    metadata,
    key("shop"),
    key("day"),
    key("period"),
    key("what"),
    number("points"),
    Index("points_day_by_day", "day"),
)
"""What the ledger's postings come to. `period` is the month of the day, or a later one where that month was closed by then."""

points_everywhere = Table("points_everywhere", metadata, key("day"), key("period"), key("what"), number("points"))
"""`points_day` of all shops together."""

period = Table(
    "period",
    metadata,
    key("period"),
    text("closed_at"),
    text("closed_by"),
    text("sums"),
)
"""A month that was closed, with what it came to (JSON). What is heard of it later lands in the first open month after it."""

period_cut = Table("period_cut", metadata, key("terminal"), key("branch"), key("period"), number("number"))
"""How far each branch had been counted when the period was closed."""

target = Table(
    "target", metadata, key("figure"), Column("wanted", Text, nullable=False), text("set_by"), text("set_at")
)
"""What a figure is to reach, in the figure's own unit."""
