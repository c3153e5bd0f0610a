"""A member's own page, behind their link: points and when they end, what happened, what they agree to, and a way to ask."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from central_server.care import claims, own_page, tickets
from central_server.care.own_page import Owner
from central_server.care.tickets import TicketStory
from central_server.errors import CentralError
from central_server.local_time import local
from central_server.membership import consents, data_copy
from central_server.membership import story as member_story
from central_server.membership.story import Line, Part
from central_server.office import Office
from central_server.pages import customers, frame, own_words
from central_server.pages.customers import Read
from central_server.pages.own_words import WORDS
from ledger.entry import GiveBody, SettleBody
from loyalty.days import is_day
from loyalty.expiry import NEVER
from loyalty.program import Program
from loyalty.standing import Standing
from loyalty.tiers import TierStanding
from loyalty.words import Amount, Counted, Said, date_words, in_language, say

PATH = "/me/{code}"
AT_FIRST = 8
"""So many of the latest lines are shown at once, and the others when somebody asks for them."""
LATEST = 30


def add_own_page(app: FastAPI, office: Office, read: Read, doors: frame.Doors) -> None:
    counter = customers.add_page(app, PATH, office, read, doors, _looked, _said)

    @app.get(PATH + "/copy")
    async def copy(request: Request, code: str) -> Response:
        return await counter.answer(request, code, _copied, is_bounded=True)

    @app.get(PATH + "/done")
    async def done(request: Request, code: str, ticket: str = "") -> Response:
        """After a form, so that reloading the page sends nothing twice."""

        def work(office: Office, code: str, language: str) -> Response:
            is_one = re.fullmatch("[0-9A-Z]{1,32}", ticket)
            said = say(own_words.ANSWERED, language, ticket=ticket) if is_one else say(own_words.DONE, language)
            return _looked(office, code, language, said)

        return await counter.answer(request, code, work)


class _NotDone(Exception):
    """A form that was not answered, with what the page says of it."""


def _looked(
    office: Office, code: str, language: str, said: str = "", status: int = 200, *, typed: str = ""
) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return customers.trouble(customers.UNKNOWN, 404, language)
    with office.database.reading() as connection:
        known = member_story.summary(office, connection, owner.member)
        story = member_story.story(office, connection, owner.member, moves=False)
        agreed = consents.of(connection, owner.member) if owner.is_proved else []
        asked = consents.asked_for(connection) if owner.is_proved else None
        has_agreed = bool(agreed) and agreed[0].is_given
        agreed_to = consents.text_of(connection, agreed[0].text) if has_agreed else {}
        told = tickets.for_member(connection, owner.member) if owner.is_proved else []
        program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    words = {name: say(word, language, points=program.unit.counted(known.balance)) for name, word in WORDS.items()}
    owed = WORDS["owed"]
    words["owed"] = say(owed, language, points=program.unit.counted(known.owed))
    charities = program.giving.charities if program.giving else []
    shown = [line for line in story.lines if line.kind in own_words.KINDS and _is_told(line)]
    lines = [_line(office, program if owner.is_proved else None, line, language) for line in shown]
    return customers.shown(
        "own_page.html",
        language,
        words,
        status,
        said=said,
        wrong=status != 200,
        code=code,
        typed=typed,
        known=known,
        tier=_tier(program, known.standing, language),
        is_proved=owner.is_proved,
        lines=lines[:LATEST],
        at_first=AT_FIRST,
        ends=_dated(known.ends, words["never"], language),
        later=_dated(known.later, words["never"], language),
        told=[_told(one, program, language) for one in told],
        has_agreed=has_agreed,
        agreed_text=_in(language, agreed_to),
        consent_text=_in(language, asked.texts if asked else {}),
        charities=[(one.name, in_language(one.title, language) if one.title else one.name) for one in charities],
    )


def _said(office: Office, code: str, form: dict[str, str], language: str) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return customers.trouble(customers.UNKNOWN, 404, language)
    if not owner.is_proved:
        return _looked(office, code, language, say(own_words.REFUSED, language), 403)
    try:
        ticket = _done(office, owner, form, language)
    except _NotDone as why:
        return _looked(office, code, language, str(why), 422, typed=form.get("receipt", "")[:40])
    except CentralError as error:
        words = {"TICKETS_WAIT": own_words.WAIT, "WORDS_UNFIT": own_words.NO_WORDS}.get(error.code, own_words.REFUSED)
        return _looked(office, code, language, say(words, language), 422)
    query = f"?{urlencode({'ticket': ticket})}" if ticket else ""
    return RedirectResponse(f"/me/{quote(code, safe='')}/done{query}", 303, frame.HEADERS)


def _done(office: Office, owner: Owner, form: dict[str, str], language: str) -> str:
    """Does what was asked for, and answers the number of the ticket that came of it, if one did. Raises _NotDone."""
    match form.get("what", ""):
        case "agree":
            consents.say(office, owner.member, is_given=True, channel="page")
        case "withdraw":
            consents.say(office, owner.member, is_given=False, channel="page")
        case "charity":
            own_page.choose_charity(office, owner.member, form.get("charity", ""))
        case "forgot":
            return _claimed(office, owner, form.get("receipt", ""), language)
        case "ask":
            return _asked(office, owner, "other", form.get("words", ""))
        case "leave" if form.get("sure"):
            return _left(office, owner)
        case "leave":
            raise _NotDone(say(own_words.NOT_SURE, language))
        case _:
            raise _NotDone(say(own_words.REFUSED, language))
    return ""


def _claimed(office: Office, owner: Owner, receipt: str, language: str) -> str:
    found = claims.ask(office, owner.member, receipt)
    if found.outcome != "asked":
        last_day = date_words(found.last_day, language) if found.last_day else ""
        raise _NotDone(say(own_words.CLAIMS[found.outcome], language, ticket=found.ticket, day=last_day))
    return found.ticket


def _left(office: Office, owner: Owner) -> str:
    """The ticket by which they are forgotten; asked for again, that which waits already."""
    with office.database.reading() as connection:
        asked = tickets.of_member(connection, [owner.member])
    waiting = (one.ticket for one in asked if (one.source, one.topic, one.status) == ("member", "data", "open"))
    if ticket := next(waiting, ""):
        return ticket
    ticket = _asked(office, owner, "data", own_page.LEAVES)
    tickets.change(office, ticket, "member", priority="high")
    return ticket


def _asked(office: Office, owner: Owner, topic: str, words: str) -> str:
    with office.database.reading() as connection:
        shop = member_story.summary(office, connection, owner.member).home_shop
    return tickets.open_ticket(
        office, shop=shop, topic=topic, words=words, by="member", source="member", member=owner.member
    )


def _copied(office: Office, code: str, language: str) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return customers.trouble(customers.UNKNOWN, 404, language)
    if not owner.is_proved:
        return _looked(office, code, language, say(own_words.REFUSED, language), 403)
    data = msgspec.json.format(msgspec.json.encode(data_copy.of(office, owner.member)), indent=1)
    return frame.attached(data, "application/json", "my-data.json")


def _in(language: str, texts: dict[str, str]) -> str:
    """The shop's own text; in another language, where it has none in this."""
    return texts.get(language) or next(iter(texts.values()), "")


def _dated(parts: list[Part], never: str, language: str) -> list[tuple[str, int]]:
    """The day of each, in words, and its points; `never` where there is no such day."""
    days = [(part.what[-10:], part.points) for part in parts]
    return [(date_words(day, language) if is_day(day) else never, points) for day, points in days]


def _is_told(line: Line) -> bool:
    """Whether it is of interest to the member: what moved their points, and what they did."""
    return bool(line.change) or line.kind in ("sale", "return", "join")


def _line(office: Office, program: Program | None, line: Line, language: str) -> tuple[str, str, str, int, list[str]]:
    """Day, what, where, by how much, and of which parts, if there are several. Without a programme nothing is said of what for:
    a birthday or a friend is for nobody else to read."""
    where = say(own_words.OFFICE, language) if line.terminal == office.server else line.shop
    day = date_words(line.day, language)
    if program is None:
        return day, say(own_words.KINDS[line.kind], language), where, line.change, []
    parts = [f"{one.points:+d}: {one.in_language(language, program.currency)}" for one in line.told.parts if one.points]
    return day, _what(program, line, language), where, line.change, parts if len(parts) > 1 else []


def _what(program: Program, line: Line, language: str) -> str:
    kind = own_words.KINDS[line.kind]
    match line.entry.body if line.entry else None:
        case GiveBody(why="activity", about=activity):
            named = (one.title for one in program.accrual if one.activity == activity)
            return in_language(next(named, activity), language)
        case GiveBody(why=why):
            given = own_words.GIVEN.get(why, kind)
            return say(own_words.TAKEN.get(why, given) if line.change < 0 else given, language)
        case SettleBody(cause=cause):
            return say(own_words.SETTLED.get(cause, kind), language)
    return say(kind, language)


def _told(one: TicketStory, program: Program, language: str) -> dict[str, object]:
    """A ticket as its member reads it: what they wrote themselves, and what was answered."""
    about = one.about
    is_ours = about.source == "member" and about.topic != "other"  # words that we put for them
    return {
        "number": about.ticket,
        "day": date_words(local(about.opened_at, program.zone)[:10], language),
        "topic": say(own_words.TOPICS[about.topic], language),
        "receipt": about.receipt,
        "status": say(own_words.STATUSES[about.status], language),
        "said": [(word.kind, word.text) for word in one.said if word.kind == "reply" or not is_ours],
    }


def _tier(program: Program, standing: Standing, language: str) -> list[str]:
    """Which tier it is and until when, and what is missing to the next; nothing in a programme without tiers."""
    if not program.tier:
        return []
    tier = program.tier_named(standing.tier)
    title = in_language(tier.title if tier else program.tiers.base, language)
    if tier and standing.tier_ends < NEVER:
        title = say(own_words.TIER_ENDS, language, tier=title, day=date_words(standing.tier_ends, language))
    above = program.ladder.next_up(TierStanding(standing.tier, standing.tier_ends, standing.qualified))
    if above is None:
        return [title]
    up, missing = above
    much: Said
    match program.tiers.by:
        case "spend":
            much = Amount(missing, program.currency)
        case "points":
            much = program.unit.counted(missing)
        case _:
            much = Counted(missing, own_words.VISIT, own_words.VISITS)
    return [title, say(own_words.TIER_NEXT, language, much=much, tier=in_language(up.title, language))]
