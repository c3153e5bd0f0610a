"""What was answered to feedback, one answer at a time: what stands behind NPS and CSAT, in the customers' own words."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from central_server import schema
from central_server.figures.scope import Scope
from ledger.identifiers import receipt_reference

A_PAGE = 50
_ADDRESS = re.compile(r"\S+@\S+")
_NUMBER = re.compile(r"\+?\d(?:[\s().\-/]{0,3}\d){5,}")


class Given(msgspec.Struct, frozen=True):
    """An answer. `rating` 1 to 5, `recommends` 0 to 10 or below zero for no answer; `member` is '' for who had no card."""

    day: str
    shop: str
    receipt: str
    rating: int
    recommends: int
    comment: str
    member: str


def given(
    connection: Connection, asked: Scope, *, has_words: bool = False, is_low: bool = False, page: int = 0
) -> tuple[list[Given], bool]:
    """A page of the answers on purchases of this period, the latest first; and whether there are more.

    `has_words` leaves out those without a comment, `is_low` those that were pleased (4 and 5).
    """
    table = schema.care.feedback
    here: list[ColumnElement[Any]] = [table.c.business_day >= asked.first, table.c.business_day <= asked.last]
    here += [table.c.shop == asked.shop] if asked.shop else []
    here += [table.c.comment != ""] if has_words else []
    here += [table.c.rating <= 3] if is_low else []
    latest_first = (table.c.given_at.desc(), table.c.terminal, table.c.number.desc())
    query = select(table).where(*here).order_by(*latest_first).offset(page * A_PAGE).limit(A_PAGE + 1)
    found = [
        Given(
            row.business_day,
            row.shop,
            receipt_reference(row.terminal, row.number),
            row.rating,
            row.recommends,
            row.comment,
            row.member,
        )
        for row in connection.execute(query)
    ]
    return found[:A_PAGE], len(found) > A_PAGE


def masked(words: str) -> str:
    """A comment for whoever may not see personal data: without what somebody could be reached by, or their card.

    A name cannot be told from other words.

    >>> masked("Call Ada on 030 / 12-34 567, or write to ada@example.org. It was 5 of 10 on 2026.")
    'Call Ada on …, or write to … It was 5 of 10 on 2026.'
    """
    return _NUMBER.sub("…", _ADDRESS.sub("…", words))
