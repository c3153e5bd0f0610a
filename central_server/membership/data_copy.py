"""All that head office has of one member, for that member: their right to a copy (GDPR, articles 15 and 20).

Plain names and values, made of the same story that a support agent reads. Other people do not appear: other members are "another
member", and who served, decided or noted something is left out. What staff wrote as a reason stands as they wrote it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.care import feedback, tickets
from central_server.membership import consents
from central_server.membership import story as member_story
from central_server.membership.entry_words import reference
from central_server.membership.story import Line, Part, Summary
from central_server.office import Office
from central_server.webhooks import disclosures
from ledger.entry import ClaimBody, EntryUnreadable, SaleBody, read_entry
from loyalty.sale import Sale

FORMAT = 1
ANOTHER = "another member"


def of(office: Office, member: str) -> dict[str, Any]:
    """The copy, for JSON. Raises OfficeError where there never was such a member."""
    with office.database.reading() as connection:
        whom = member_story.who_is(connection, member)
        known = member_story.summary(office, connection, whom)
        bought = _bought(connection, whom)
        return {
            "format": FORMAT,
            "made_at": office.time(),
            "member": {
                "reference": whom,
                "joined_at": known.joined_at,
                "home_shop": known.home_shop,
                "shops": known.shops,
            },
            "person": {"name": known.name, "phone": known.phone},
            "cards": [{"card": one.card, "blocked_because": one.why} for one in known.cards],
            "profile": {
                "birthday": known.profile.birthday,
                "charity": known.profile.charity,
                "segments": known.profile.segments,
                "brought_by": ANOTHER if known.profile.referrer else "",
            },
            "tier": {"now": known.tier, "next": known.progress},
            "points": _points(known),
            "consents": [_consent(one) for one in consents.of(connection, whom)],
            "sent_to": msgspec.to_builtins(disclosures.of(connection, whom)),
            "tickets": _tickets(connection, whom),
            "feedback": _feedback(connection, whom),
            "entries": [_entry(line, bought) for line in _lines(office, connection, whom)],
        }


def _points(known: Summary) -> dict[str, Any]:
    def parts(found: list[Part]) -> list[dict[str, Any]]:
        return [{"points": one.points, "when_or_where": one.what, "till": one.terminal} for one in found]

    return {
        "unit": known.unit,
        "balance": known.balance,
        "owed": known.owed,
        "can_be_used": parts(known.ends),
        "not_yet": parts(known.later),
        "where_they_lie": parts(known.places),
    }


def _consent(one: consents.Consent) -> dict[str, Any]:
    said = msgspec.structs.asdict(one)
    del said["operator"]
    return said


def _tickets(connection: Connection, member: str) -> list[dict[str, Any]]:
    """What they asked, and what they were answered; what staff noted for themselves about the work is left out."""
    words = schema.care.ticket_word
    found = []
    for line in tickets.of_member(connection, [member]):
        said = select(words.c.at, words.c.kind, words.c.text).where(
            words.c.ticket == line.ticket, words.c.kind.in_(["said", "reply"])
        )
        rows = connection.execute(said.order_by(words.c.number)).all()
        about = {"ticket": line.ticket, "opened_at": line.opened_at, "shop": line.shop, "about": line.topic}
        about |= {"receipt": line.receipt, "status": line.status}
        texts = [{"at": row.at, "from": "member" if row.kind == "said" else "shop", "text": row.text} for row in rows]
        found.append({**about, "said": texts})
    return found


def _feedback(connection: Connection, member: str) -> list[dict[str, Any]]:
    given = schema.care.feedback
    rows = connection.execute(select(given).where(given.c.member == member).order_by(given.c.given_at)).all()
    return [
        {
            "at": row.given_at,
            "receipt": reference(row.terminal, row.number),
            "rating": row.rating,
            "recommends": None if row.recommends == feedback.NO_ANSWER else row.recommends,
            "comment": row.comment,
            "points": row.bonus,
        }
        for row in rows
    ]


def _lines(office: Office, connection: Connection, member: str) -> list[Line]:
    """All of the story, the first entry first."""
    story = member_story.story(office, connection, member)
    lines = list(story.lines)
    for page in range(2, story.pages + 1):
        lines += member_story.story(office, connection, member, page).lines
    return lines[::-1]


def _entry(line: Line, bought: dict[str, Sale]) -> dict[str, Any]:
    sale = bought.get(line.reference)
    return {
        "at": line.at,
        "day": line.day,
        "receipt": line.reference,
        "shop": line.shop,
        "kind": line.kind,
        "what": line.told.what,
        "why": line.told.why,
        "reason": line.told.reason,
        "points": line.change,
        "balance_before": line.before,
        "balance_after": line.after,
        **({"bought": _goods(sale), "total_minor": sale.total_minor, "currency": sale.currency} if sale else {}),
    }


def _goods(sale: Sale) -> list[dict[str, Any]]:
    return [
        {"name": one.name or one.sku, "quantity_milli": one.quantity_milli, "amount_minor": one.amount_minor}
        for one in sale.lines
    ]


def _bought(connection: Connection, member: str) -> dict[str, Sale]:
    """The member's sales by receipt; one that they claimed stands under its claim, too."""
    about, inbox, terminal = schema.member.c, schema.inbox.c, schema.terminal.c
    names = [member, *connection.scalars(select(about.member).where(about.merged_into == member))]
    rows = connection.execute(
        select(inbox.terminal, inbox.number, inbox.data, terminal.shop)
        .join_from(schema.inbox, schema.terminal, terminal.terminal == inbox.terminal)
        .where(inbox.member.in_(names), inbox.kind.in_(["sale", "claim"]))
    ).all()
    found: dict[str, Sale] = {}
    for row in rows:
        try:
            body = read_entry(row.data).body
        except EntryUnreadable:
            continue
        if isinstance(body, ClaimBody):
            sold = member_story.sale_of(connection, row.shop, body.sale)
            body = sold.body if sold is not None and sold.member in ("", *names) else body
        if isinstance(body, SaleBody):
            found[reference(row.terminal, row.number)] = body.sale
    return found
