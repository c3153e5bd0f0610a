"""What customers wrote about their purchases, behind the figures of how pleased they are."""

from __future__ import annotations

import re

from fastapi import Response

from central_server.care import comments
from central_server.pages.figures import asked_of
from central_server.pages.frame import Visit, page
from central_server.pages.member_access import sees_all, shown_card
from central_server.reports import report


@page("GET", "/figures/comments", "figures")
def what_was_said(visit: Visit) -> Response:
    query = visit.query
    number = int(query["page"]) if re.fullmatch("[0-9]{1,5}", query.get("page", "")) else 0
    has_words, is_low = query.get("words") != "all", query.get("rating") == "low"
    with visit.office.database.reading() as connection:
        asked = asked_of(visit, connection)
        found, has_more = comments.given(connection, asked, has_words=has_words, is_low=is_low, page=number)
        cards = report.cards_of(connection, [one.member for one in found if one.member])
    is_seen = sees_all(visit)
    rows = [
        (
            one,
            one.comment if is_seen else comments.masked(one.comment),
            shown_card(visit, cards[one.member][0]) if one.member in cards else "a member" if one.member else "no card",
        )
        for one in found
    ]
    chosen = {"words": query.get("words", ""), "rating": query.get("rating", "")}
    return visit.show(
        "figures_comments.html",
        asked=asked,
        question={"from": asked.first, "to": asked.last, "shop": asked.shop, "window": str(asked.window_days)},
        chosen=chosen,
        has_words=has_words,
        is_low=is_low,
        rows=rows,
        page=number,
        has_more=has_more,
        is_seen=is_seen,
        may_see_receipt=bool(visit.leave("ledger")),
        may_see_member=is_seen,
    )
