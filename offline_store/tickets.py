"""Tickets of members who come here: those that wait to be sent, sealed, and how far head office is with each."""

from __future__ import annotations

import sqlite3

import msgspec

from ledger.wire import TicketItem, TicketOpened

AT_ONCE = 50


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """`status`: waiting (head office has not heard of it yet), open, answered or closed; `reply` is for the member."""

    ticket: str
    topic: str
    status: str
    reply: str = ""


def keep(db: sqlite3.Connection, opened: TicketOpened) -> None:
    """Keeps one to be sent."""
    row = (opened.ticket, msgspec.json.encode(opened).decode())
    db.execute("INSERT INTO ticket_outbox (ticket, opened) VALUES (?, ?)", row)
    if opened.member:
        known = (opened.ticket, opened.member, opened.topic)
        db.execute("INSERT INTO ticket (ticket, member, topic, status, reply) VALUES (?, ?, ?, 'waiting', '')", known)


def waiting(db: sqlite3.Connection) -> list[TicketOpened]:
    """Some of those that are to be sent."""
    rows = db.execute("SELECT opened FROM ticket_outbox ORDER BY ticket LIMIT ?", (AT_ONCE,)).fetchall()
    return [msgspec.json.decode(opened, type=TicketOpened) for (opened,) in rows]


def arrived(db: sqlite3.Connection, ticket: str) -> None:
    """Head office has it: the words go from this disk."""
    db.execute("DELETE FROM ticket_outbox WHERE ticket = ?", (ticket,))
    db.execute("UPDATE ticket SET status = 'open' WHERE ticket = ? AND status = 'waiting'", (ticket,))


def apply_item(db: sqlite3.Connection, item: TicketItem) -> None:
    """Takes over what head office says of one; of nobody's, or one that is closed, nothing is kept."""
    if not item.member or item.status == "closed":
        db.execute("DELETE FROM ticket WHERE ticket = ?", (item.ticket,))
        return
    db.execute(
        "INSERT INTO ticket (ticket, member, topic, status, reply) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (ticket) DO UPDATE SET member = excluded.member, status = excluded.status, reply = excluded.reply",
        (item.ticket, item.member, item.topic, item.status, item.reply),
    )


def of_member(db: sqlite3.Connection, member: str) -> list[Ticket]:
    """What is open or answered of a member's, for whoever serves them."""
    rows = db.execute(
        "SELECT ticket, topic, status, reply FROM ticket WHERE member = ? ORDER BY status, ticket LIMIT 5", (member,)
    )
    return [Ticket(*row) for row in rows]
