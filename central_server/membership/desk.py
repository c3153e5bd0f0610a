"""What a person does at head office for a member: correct, transfer, verify, raise, recognise. In head office's own journal.

Whoever moves points by hand needs a second person, and a reason that stands in the journal.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, delete, select, update

from central_server import schema
from central_server.applying import gives
from central_server.applying.books import Books, Origin
from central_server.errors import OfficeError
from central_server.membership import cards, members, profiles
from central_server.office import Office
from central_server.reports import report
from central_server.shops import card_stock
from ledger.entry import GiveBody
from ledger.identifiers import new_reference
from ledger.settlement import AVAILABLE, EXPIRED
from loyalty.award import recognised, standing_of
from loyalty.card import DamagedMemberCode, MemberCard, masked, member_card
from loyalty.days import day_before
from loyalty.expiry import NEVER, Expire
from loyalty.standing import Standing
from loyalty.tiers import FOR_EVER

MOST_POINTS = 10**9
MAX_REASON = 200

T = TypeVar("T")


class Who(msgspec.Struct, frozen=True):
    """Why something is done by hand, by whom, and who allowed it."""

    reason: str
    by: str
    approved_by: str = ""


class Adjusted(msgspec.Struct, frozen=True):
    """What a member had and has: a balance is what can still be spent less what is `owed`. `is_new` is False where the case
    had been booked before, and nothing was changed now."""

    points: int
    is_new: bool
    before: int
    after: int
    owed: int


def adjust(
    office: Office, member: str, points: int, who: Who, *, is_goodwill: bool = False, document: str = ""
) -> Adjusted:
    """Gives points, or takes them where they are below zero: soonest expiry first, and what is not there is owed.

    `document` names the case: the same again changes nothing. Raises OfficeError where it cannot be done, also where the case
    is recorded with other content.
    """
    _require_two(who)
    _require_points(points, "An adjustment", may_take=True)

    def work(books: Books) -> Adjusted:
        whom = books.who(member)
        before = report.balance_of(books.connection, whom, books.today)
        name = f"adjust/{document or new_reference(office.random_bytes)}"
        body = GiveBody(
            "goodwill" if is_goodwill else "adjustment",
            points,
            reason=who.reason,
            operator=who.by,
            approved_by=who.approved_by,
        )
        if points > 0:
            expires_on = end_of_points(books, member)
            body = msgspec.structs.replace(body, lot=gives.lot_of(name), expires_on=expires_on)
        is_new = gives.give(books, member, body, name)
        if not is_new:
            _require_the_same(books, whom, body, name, document)
        books.flush()
        after = report.balance_of(books.connection, whom, books.today)
        return Adjusted(points, is_new, before.balance, after.balance, after.owed)

    return _write(office, work)


def _require_the_same(books: Books, member: str, body: GiveBody, name: str, case: str) -> None:
    """A case stands for one member and so many points, for good: whoever takes its name again for others made a mistake."""
    found = gives.recorded(books.connection, name)
    if found is None:
        raise OfficeError(f"What is recorded of the case {case} cannot be read by this version.", code="CASE_DIFFERS")
    entry, was = found
    whom = books.who(entry.member)
    if (whom, was.why, was.points) == (member, body.why, body.points):
        return
    cards = report.cards_of(books.connection, [whom]).get(whom, [])
    raise OfficeError(
        f"The case {case} is recorded with other content: {was.points:+,} points ({was.why}) for "
        f"{'the same member' if whom == member else cards[0] if cards else 'a member without a card'}, "
        f"on {entry.envelope.business_day} by {was.operator}. Nothing was changed.",
        hint="Give this one a --case of its own.",
        code="CASE_DIFFERS",
    )


class Reinstated(msgspec.Struct, frozen=True):
    """Points that had expired and can be spent again through `last_day`; for the rest as `Adjusted`."""

    points: int
    last_day: str
    before: int
    after: int
    owed: int


def reinstate(office: Office, member: str, who: Who) -> Reinstated:
    """Brings back all points that expired no longer ago than the programme's `reinstate_days`; they end as points given today.

    The lots themselves come back, so nothing can come back twice, and what is owed is repaid first. Raises OfficeError where
    nothing can come back.
    """
    _require_two(who)

    def work(books: Books) -> Reinstated:
        whom = books.who(member)
        before = report.balance_of(books.connection, whom, books.today)
        rule, origin = _rule(books, whom), Origin(office.server, 0, "", office.time(), books.today)
        until, points = rule.expires_on(books.today), 0
        with books.settling(origin, [], cause="reinstated") as settlement:
            book = settlement.book(whom)
            book.expire()
            for lot, expired in list(book.at(EXPIRED).items()):
                if rule.can_come_back(book.expires_on[lot], books.today):
                    book.put(EXPIRED, lot, -expired)
                    book.expires_on[lot] = until
                    book.put(AVAILABLE, lot, expired)
                    points += expired
            book.repay()
        if not points:
            raise OfficeError(
                f"Nothing expired within the last {rule.reinstate_days} days."
                if rule.reinstate_days
                else "The programme lets no points come back.",
                hint="[expire] reinstate_days says for how long points can come back; adjust gives points.",
                code="NOTHING_TO_REINSTATE",
            )
        last = until if until == NEVER else day_before(until)
        body = GiveBody(
            "reinstate",
            0,
            about=f"{points} points until {last}",
            reason=who.reason,
            operator=who.by,
            approved_by=who.approved_by,
        )
        gives.give(books, whom, body, f"reinstate/{new_reference(office.random_bytes)}")
        books.flush()
        after = report.balance_of(books.connection, whom, books.today)
        return Reinstated(points, last, before.balance, after.balance, after.owed)

    return _write(office, work)


def transfer(office: Office, giver: str, to: str, points: int, who: Who) -> None:
    """Moves points that can be spent from one member to another; each keeps its expiry.

    Raises OfficeError where there are not so many here: what lies at a till has to come back first.
    """
    _require_two(who)
    _require_points(points, "A transfer")

    def work(books: Books) -> None:
        if books.who(giver) == books.who(to):
            raise OfficeError("Both cards are one member's.", code="SAME_MEMBER")
        book = books.load(books.who(giver))
        lots = {lot: book.at(AVAILABLE)[lot] for lot in book.spendable()}
        if sum(lots.values()) < points:
            raise OfficeError(
                f"{sum(lots.values()):,} points can be transferred now.",
                hint="What lies at a till comes back when that till is online and the member does not need it there.",
                code="POINTS_MISSING",
            )
        case, left = new_reference(office.random_bytes), points
        by_day: dict[str, int] = {}
        for lot, held in lots.items():
            use = min(held, left)
            if use:
                by_day[book.expires_on[lot]] = by_day.get(book.expires_on[lot], 0) + use
            left -= use
        for number, (expires_on, part) in enumerate(by_day.items(), 1):
            name = f"transfer/{case}/{number}"
            about = GiveBody("transfer", 0, reason=who.reason, operator=who.by, approved_by=who.approved_by)
            taken = msgspec.structs.replace(about, points=-part, about=books.who(to))
            given = msgspec.structs.replace(
                about, points=part, about=books.who(giver), lot=gives.lot_of(name), expires_on=expires_on
            )
            gives.give(books, giver, taken, f"{name}/from")
            gives.give(books, to, given, f"{name}/to")

    _write(office, work)


def merge(office: Office, member: str, into: str, who: Who) -> None:
    """Two members are one person: from now on `member` is `into`, with points, debt, history and cards of both."""
    _require_two(who)

    def work(books: Books) -> None:
        old, stays = books.who(member), books.who(into)
        if old == stays:
            raise OfficeError(
                "These two cards are one member's already.", hint="Nothing was changed.", code="MERGED_ALREADY"
            )
        name = f"{books.office.server_epoch}-{new_reference(office.random_bytes)}"
        _tell_journal(books, stays, "merge", old, "", who)
        books.merge(old, stays, Origin(office.server, 0, "", office.time(), books.today), name)

    _write(office, work)


def replace_card(office: Office, card: str, new: str, who: Who) -> None:
    """A card is lost, stolen or worn: from now on the new one is the member's, and the old one is blocked, its pass with it."""
    _require_reason(who)

    def work(books: Books) -> None:
        table = schema.card
        reading = member_card(books.program.cards.rules, new)
        if isinstance(reading, DamagedMemberCode):
            raise OfficeError(f"The check digit of {new} is wrong.", hint="Read the card again.", code="CARD_DAMAGED")
        if not isinstance(reading, MemberCard):  # no till would take it for a card, and the old one would be nobody's
            raise OfficeError(
                f"{new} is no card of this programme.",
                hint="Nothing was changed. Scan the new card, or type the whole of its number.",
                code="NO_MEMBER_CARD",
            )
        holder = books.connection.scalar(select(table.c.member).where(table.c.card == new))
        if holder is not None:
            raise OfficeError(f"Somebody has the card {new} already.", hint="Take another one.", code="CARD_IN_USE")
        if why := cards.why_blocked(office, books.connection, new):
            raise OfficeError(
                f"The card {new} is blocked ({why}).",
                hint="Take another one, or lift that first: pos-central card unblock",
                code="CARD_BLOCKED",
            )
        member = books.who(members.of_card(office, card))
        card_stock.exchange(office, books.connection, new)
        books.connection.execute(update(table).where(table.c.card == card).values(card=new))
        books.connection.execute(delete(schema.pass_key).where(schema.pass_key.c.card == card))
        if not cards.why_blocked(office, books.connection, card):
            cards.change(office, books.connection, card, cards.REPLACED)
        _tell_journal(books, member, "card", masked(card), "", who)
        books.changed(member)

    _write(office, work)


def set_segment(office: Office, member: str, segment: str, until: str | None, who: Who) -> None:
    """Verifies that a member belongs to a segment through a day, '' for without end; None takes it away.

    What rules ask stands beside the ledger, because it says something of the person, and is erased with them. Who said so
    stands in the journal.
    """
    _require_reason(who)

    def work(books: Books) -> None:
        if until is not None:
            _require_named(segment, list(books.program.segments), "segment")
            _require_to_come(until, books.today)
        whom = books.who(member)
        profiles.change(books.connection, whom, segments={segment: until})
        _tell_journal(books, whom, "segment", segment, until, who)
        books.changed(whom)

    _write(office, work)


def set_tier(office: Office, member: str, tier: str, until: str | None, who: Who) -> None:
    """Gives a member a tier through a day, whatever they have earned; None takes a given one away, from today on.

    Head office alone says which tiers were given, and tells the tills all of them at once, so the latest word counts.
    """
    _require_two(who)

    def work(books: Books) -> None:
        whom = books.who(member)
        books.load(whom)
        if until is None:
            given = {name: last for name, last in books.histories.of(whom).given.items() if books.today <= last}
            if tier not in given:
                raise OfficeError(
                    f"The member has not been given {tier}.",
                    hint=f"Given: {', '.join(given) or 'no tier'}. A tier that was earned cannot be taken away.",
                    code="TIER_NOT_GIVEN",
                )
        else:
            _require_named(tier, [one.name for one in books.program.tier], "tier")
            _require_to_come(until, books.today)
        # The days before keep it: sales of theirs may still be on their way.
        give_tier(books, whom, tier, day_before(books.today) if until is None else until)
        _tell_journal(books, whom, "tier", tier, until, who)

    _write(office, work)


def _tell_journal(books: Books, member: str, why: str, name: str, until: str | None, who: Who) -> None:
    about = f"{name} taken away" if until is None else f"{name} until {until}" if until else name
    body = GiveBody(why, 0, about=about, reason=who.reason, operator=who.by, approved_by=who.approved_by)
    gives.give(books, member, body, f"{why}/{new_reference(books.office.random_bytes)}")


def give_tier(books: Books, member: str, tier: str, until: str) -> None:
    whom = books.who(member)
    books.load(whom)
    history = books.histories.of(whom)
    books.histories.replace(whom, msgspec.structs.replace(history, given={**history.given, tier: until}))
    books.changed(whom)


def recognise(office: Office, giver: str, to: str, points: int, reason: str) -> int:
    """A colleague gives points to another, out of their allowance; answers what is left of it.

    The giver's own points stay as they are: what was given is counted with them. Raises OfficeError where it cannot be given.
    """

    def work(books: Books) -> int:
        rules, who, whom = books.program.recognition, books.who(giver), books.who(to)
        if rules is None:
            raise OfficeError(
                "The programme has no [recognition].",
                hint="It says how much each colleague can give.",
                code="NO_RECOGNITION",
            )
        if who == whom:
            raise OfficeError("Nobody can recognise themselves.", code="SAME_MEMBER")
        if not reason.strip():
            raise OfficeError("A thank-you says what for.", hint="--reason says it.", code="REASON_MISSING")
        day = books.today
        standing = standing_here(books, who)
        given = rules.given(points, standing, day)
        if given.refused:
            raise OfficeError(
                f"{points:,} points cannot be given: {rules.left(standing, day):,} are left of the allowance"
                + (f", and {rules.most_at_once:,} at a time is the most." if rules.most_at_once else "."),
                code="ALLOWANCE",
            )
        case = new_reference(office.random_bytes)
        thanked = recognised(books.program, points, day, standing_here(books, whom))
        theirs = GiveBody(
            "recognition",
            points,
            books.program.id,
            about=who,
            reason=reason[:MAX_REASON],
            lot=gives.lot_of(f"recognition/{case}"),
            expires_on=thanked.expires_on,
            usable_from=thanked.usable_from,
        )
        mine = GiveBody("recognition", 0, books.program.id, about=whom, standing=standing, effects=given.effects)
        gives.give(books, who, mine, f"recognition/{case}/from")
        gives.give(books, whom, theirs, f"recognition/{case}/to")
        return rules.left(standing_here(books, who), day)

    return _write(office, work)


def standing_here(books: Books, member: str, day: str = "") -> Standing:
    """A member's standing as head office knows it."""
    books.load(member)
    profile = profiles.of(books.connection, [member]).get(member, profiles.NOTHING).profile
    return standing_of(books.program, books.histories.of(member), profile, day or books.today, member=member)


def end_of_points(books: Books, member: str) -> str:
    """The first day without points that this member is given today."""
    return _rule(books, books.who(member)).expires_on(books.today)


def _rule(books: Books, member: str) -> Expire:
    tier = books.program.tier_named(standing_here(books, member).tier)
    return tier.expire if tier and tier.expire else books.program.expire


def _require_points(points: int, what: str, *, may_take: bool = False) -> None:
    if may_take and not points:
        raise OfficeError(f"{what} is of 1 or more points, or of -1 or less, not of 0.", code="POINTS_UNFIT")
    if not may_take and points < 1:
        raise OfficeError(f"{what} is of 1 or more points, not of {points:,}.", code="POINTS_UNFIT")
    if abs(points) > MOST_POINTS:
        raise OfficeError(
            f"{what} is of at most {MOST_POINTS:,} points{' either way' if may_take else ''}, not of {points:,}.",
            hint="More than that is more than one entry.",
            code="POINTS_UNFIT",
        )


def _require_reason(who: Who) -> None:
    if not who.reason.strip() or not who.by.strip():
        raise OfficeError(
            "What is done by hand is done for a reason, by somebody.",
            hint="--reason and --by say it.",
            code="REASON_MISSING",
        )
    if max(map(len, (who.reason, who.by, who.approved_by))) > MAX_REASON:
        raise OfficeError(f"A reason and a name have at most {MAX_REASON} characters.", code="REASON_LONG")


def _require_two(who: Who) -> None:
    _require_reason(who)
    approved_by = who.approved_by.strip()
    if not approved_by or approved_by.casefold() == who.by.strip().casefold():
        raise OfficeError(
            "Somebody else has to allow it.", hint="--approved-by names a second person.", code="APPROVAL_MISSING"
        )


def _require_to_come(until: str, today: str) -> None:
    if until and until < today:
        raise OfficeError(
            f"{until} is over: today is {today}.",
            hint="--until names a day to come; --remove takes away.",
            code="DAY_OVER",
        )


def _require_named(name: str, known: list[str], what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known) or 'none'}."
        raise OfficeError(f"The programme has no {what} {name}.", hint=hint, code=f"{what.upper()}_UNKNOWN")


def _write(office: Office, work: Callable[[Books], T]) -> T:
    """`work` in a transaction that holds the ledger."""

    def inside(connection: Connection) -> T:
        books = Books(connection, office)
        answer = work(books)
        books.flush()
        return answer

    return office.database.write(inside)


def last_day(until: str) -> str:
    """A day as a person writes it. '' is for ever. Raises OfficeError for what is no day."""
    if not until:
        return FOR_EVER
    try:
        return date.fromisoformat(until).isoformat()
    except ValueError as error:
        raise OfficeError(f"{until} is no day.", hint="Write it like 2027-12-31.", code="DAY_UNFIT") from error
