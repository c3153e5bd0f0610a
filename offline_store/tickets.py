"""Tickets of members who come here: those that wait to be sent, sealed; how far each is at head office; which answer was told."""

from __future__ import annotations

import sqlite3

import msgspec

from ledger.wire import TicketItem, TicketOpened, TicketTold

AT_ONCE = 50


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """`status`: waiting (head office has not heard of it yet), open, answered or closed; `reply` is what the member is to be
    told: "" where nothing is, or they were told it. `answer` is the number by which that is said."""

    ticket: str
    topic: str
    status: str
    reply: str = ""
    answer: int = 0


def keep(db: sqlite3.Connection, opened: TicketOpened) -> None:
    """Keeps one to be sent."""
    row = (opened.ticket, msgspec.json.encode(opened).decode())
    db.execute("INSERT INTO ticket_outbox (ticket, opened) VALUES (?, ?)", row)
    if opened.member:
        known = (opened.ticket, opened.member, opened.topic)
        db.execute("INSERT INTO ticket VALUES (?, ?, ?, 'waiting', '', 0, 0)", known)


def waiting(db: sqlite3.Connection) -> list[TicketOpened]:
    """Some of those that are to be sent."""
    rows = db.execute("SELECT opened FROM ticket_outbox ORDER BY ticket LIMIT ?", (AT_ONCE,)).fetchall()
    return [msgspec.json.decode(opened, type=TicketOpened) for (opened,) in rows]


def arrived(db: sqlite3.Connection, sent: TicketOpened | TicketTold) -> None:
    """Head office has it: the words go from this disk."""
    if isinstance(sent, TicketTold):
        db.execute("DELETE FROM ticket_told WHERE ticket = ? AND answer = ?", (sent.ticket, sent.answer))
        return
    db.execute("DELETE FROM ticket_outbox WHERE ticket = ?", (sent.ticket,))
    db.execute("UPDATE ticket SET status = 'open' WHERE ticket = ? AND status = 'waiting'", (sent.ticket,))


def apply_item(db: sqlite3.Connection, item: TicketItem) -> None:
    """Takes over what head office says of one; of nobody's, or one that is closed, nothing is kept."""
    if not item.member or item.status == "closed":
        db.execute("DELETE FROM ticket WHERE ticket = ?", (item.ticket,))
        return
    db.execute(
        "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (ticket) DO UPDATE SET "
        "member = excluded.member, status = excluded.status, reply = excluded.reply, answer = excluded.answer",
        (item.ticket, item.member, item.topic, item.status, item.reply, item.answer),
    )


def of_member(db: sqlite3.Connection, member: str) -> list[Ticket]:
    """What is open or answered of a member's, for whoever serves them."""
    rows = db.execute(
        "SELECT ticket, topic, status, iif(answer > told, reply, ''), iif(answer > told, answer, 0) FROM ticket "
        "WHERE member = ? AND NOT (status = 'answered' AND answer BETWEEN 1 AND told) ORDER BY status, ticket LIMIT 5",
        (member,),
    )
    return [Ticket(*row) for row in rows]


def tell(db: sqlite3.Connection, told: TicketTold) -> bool:
    """The member was told this answer: it is not shown here again, and head office is to hear of it. False where this till has no
    such answer; nothing is kept then."""
    known = db.execute("SELECT answer, told FROM ticket WHERE ticket = ?", (told.ticket,)).fetchone()
    if known is None or not 1 <= told.answer <= known[0]:
        return False
    if told.answer > known[1]:
        row = (told.ticket, told.answer, msgspec.json.encode(told).decode())
        db.execute("INSERT OR IGNORE INTO ticket_told (ticket, answer, told) VALUES (?, ?, ?)", row)
        db.execute("UPDATE ticket SET told = ? WHERE ticket = ?", (told.answer, told.ticket))
    return True


def told_waiting(db: sqlite3.Connection) -> list[TicketTold]:
    """Some of what head office is to hear of, the earlier answers of a ticket first."""
    rows = db.execute("SELECT told FROM ticket_told ORDER BY ticket, answer LIMIT ?", (AT_ONCE,)).fetchall()
    return [msgspec.json.decode(told, type=TicketTold) for (told,) in rows]
