"""Feedback on a sale, by whoever holds its receipt: once, by the code printed on it, and perhaps for points.

What all answers come to is said in `central_server.figures.voices`.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from central_server import kept_settings, schema
from central_server.applying.books import Books
from central_server.care import bonus, tickets
from central_server.database import add_if_new
from central_server.errors import CentralError, OfficeError
from central_server.membership import desk
from central_server.membership.missing_points import has_all_come_back
from central_server.office import Office
from ledger.entry import EntryUnreadable, SaleBody, read_entry
from ledger.identifiers import is_feedback_mark, read_feedback_code, receipt_reference

BONUS = "feedback_points"
"""The setting that says how many points a first answer is worth; 0 for none."""
LONGEST = 1000
NO_ANSWER = -1


class FeedbackRefused(CentralError):
    """`code` says why: mistyped, not heard of yet, no sale, or given already."""


class Asked(msgspec.Struct, frozen=True):
    """The sale that a code is about."""

    terminal: str
    number: int
    shop: str
    member: str
    business_day: str
    document: str

    @property
    def reference(self) -> str:
        return receipt_reference(self.terminal, self.number)


class Answer(msgspec.Struct, frozen=True):
    """`rating` 1 to 5; `recommends` 0 to 10, or NO_ANSWER."""

    rating: int
    recommends: int = NO_ANSWER
    comment: str = ""
    wants_answer: bool = False


class Thanks(msgspec.Struct, frozen=True):
    """`bonus` points were given; `ticket` is the number of the question, where an answer is wanted. Whoever `must_wait` has asked
    so much that waits for an answer that this is no question any more; what they wrote is kept."""

    bonus: int
    ticket: str = ""
    must_wait: bool = False


def asked(office: Office, code: str) -> Asked:
    """What the code is about. Raises FeedbackRefused, with a code and a sentence for whoever holds the receipt."""
    with office.database.reading() as connection:
        found = sale_of(connection, code)
        table = schema.care.feedback.c
        is_given = connection.scalar(
            select(table.given_at).where(table.terminal == found.terminal, table.number == found.number)
        )
    if is_given:
        raise FeedbackRefused("Thank you: you have told us about this purchase already.", code="FEEDBACK_GIVEN")
    return found


def give(office: Office, code: str, answer: Answer) -> Thanks:
    """Keeps an answer, once for each sale. Raises FeedbackRefused, and OfficeError for an answer that is none.

    Who bought without a card is asked whether they want an answer by nobody: there is no way to give them one.
    """
    if not (1 <= answer.rating <= 5 and NO_ANSWER <= answer.recommends <= 10) or len(answer.comment) > LONGEST:
        raise OfficeError(
            "This answer is none.", hint="Nothing was kept. Choose one of the ratings.", code="FEEDBACK_UNFIT"
        )

    def work(connection: Connection) -> tuple[Asked, int]:
        found = sale_of(connection, code)
        points = kept_settings.value(connection, BONUS) if found.member else 0
        books = Books(connection, office) if points else None  # from here on no return is heard of beside us
        if books and has_all_come_back(connection, found.shop, found.document):
            points = 0
        row = {
            "terminal": found.terminal,
            "number": found.number,
            "shop": found.shop,
            "member": found.member,
            "business_day": found.business_day,
            "given_at": office.time(),
            "rating": answer.rating,
            "recommends": answer.recommends,
            "comment": answer.comment,
            "bonus": points,
        }
        if not add_if_new(connection, schema.care.feedback, [row]):
            raise FeedbackRefused("Thank you: you have told us about this purchase already.", code="FEEDBACK_GIVEN")
        if books and points:
            ends = desk.end_of_points(books, found.member)
            bonus.give(books, found.terminal, found.number, found.member, points, ends)
            books.flush()
        return found, points

    found, points = office.database.write(work)
    if not (answer.wants_answer and answer.comment.strip() and found.member):
        return Thanks(points)
    try:
        ticket = tickets.open_ticket(
            office,
            shop=found.shop,
            topic="other",
            words=answer.comment,
            by="feedback",
            source="feedback",
            member=found.member,
            receipt=found.reference,
        )
    except OfficeError:
        return Thanks(points, must_wait=True)
    return Thanks(points, ticket)


def sale_of(connection: Connection, code: str) -> Asked:
    """The sale of a code, whoever asks. Raises FeedbackRefused."""
    read = read_feedback_code(code)
    if read is None:
        raise FeedbackRefused(
            "This code is not whole.", hint="Scan it again, or type it as it stands.", code="FEEDBACK_CODE"
        )
    terminal, number, mark = read
    inbox = schema.inbox.c
    rows = connection.execute(
        select(inbox.hash, inbox.kind, inbox.member, inbox.data, schema.terminal.c.shop)
        .join_from(schema.inbox, schema.terminal, schema.terminal.c.terminal == inbox.terminal)
        .where(inbox.terminal == terminal, inbox.number == number)
    ).all()
    row = next((one for one in rows if is_feedback_mark(mark, one.hash)), None)
    if row is None and not rows:
        raise FeedbackRefused(
            "This purchase has not reached us yet: the shop may be without a network.",
            hint="Please try again tomorrow; the code stays good.",
            code="FEEDBACK_EARLY",
        )
    if row is None or row.kind != "sale":
        raise FeedbackRefused("We know no purchase of this code.", code="FEEDBACK_CODE")
    try:
        entry = read_entry(row.data)
        assert isinstance(entry.body, SaleBody)
        day, document = entry.envelope.business_day, entry.envelope.document
    except EntryUnreadable:
        day = document = ""
    about = schema.member.c
    member = connection.scalar(select(about.merged_into).where(about.member == row.member)) or row.member
    if connection.scalar(select(about.erased_at).where(about.member == member)):
        member = ""
    return Asked(terminal, number, row.shop, member, day, document)
