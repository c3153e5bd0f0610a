"""A member's own page, behind their link: points and when they end, what happened, what they agree to, and a way to ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from fastapi import FastAPI, Request, Response

from central_server import consents, data_copy, member_story
from central_server.care import own_page, tickets
from central_server.care.own_page import Owner
from central_server.errors import CentralError
from central_server.member_story import Line
from central_server.office import Office
from central_server.pages import customers, frame
from ledger.identifiers import read_receipt_reference
from loyalty.words import Value, in_language, say, text

PATH = "/me/{code}"
LATEST = 30

WORDS = {
    "title": text("Your points"),
    "balance": text("You have {points}."),
    "owed": text("Still to be made up for, from a purchase that came back: {points}"),
    "ends": text("When they end"),
    "points": text("Points"),
    "through": text("Last day"),
    "never": text("never"),
    "tier": text("Your tier"),
    "happened": text("What happened"),
    "day": text("Day"),
    "what": text("What"),
    "shop": text("Shop"),
    "nothing": text("Nothing yet."),
    "charity": text("Your charity"),
    "choose": text("Choose"),
    "consent": text("What you agree to"),
    "agrees": text("You have agreed. You can take it back at any time."),
    "agrees_not": text("You have not agreed to anything."),
    "agree": text("I agree"),
    "withdraw": text("Take it back"),
    "forgot": text("A purchase without your card?"),
    "receipt": text("Number at the end of the receipt"),
    "ask": text("Ask us"),
    "question": text("What would you like to know?"),
    "send": text("Send"),
    "data": text("All that we know of you"),
    "download": text("Download it"),
    "leave": text("Leave the programme"),
    "leave_text": text(
        "Your points are lost, and name, phone number and cards are forgotten. We do it within a few days."
    ),
    "leave_sure": text("I am sure"),
    "found": text("This page was opened by a receipt: for more than this, use the link that is yours."),
}

KINDS = {
    "sale": text("Purchase"),
    "return": text("Goods returned"),
    "claim": text("Purchase, added later"),
    "give": text("Points given or corrected"),
    "join": text("Joined"),
    "consent": text("What you agree to"),
    "settle": text("Settled by head office"),
}

ANSWERED = text("Thank you. Your number is {ticket}: we answer when you next show your card.")
DONE = text("It is done.")
UNKNOWN = text("This link is not good, or not any more. Ask for a new one.")
REFUSED = text("That could not be done. Nothing was changed.")


def add_own_page(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]], doors: frame.Doors) -> None:
    turnstile = customers.Turnstile(office)

    @app.get(PATH)
    async def look(request: Request, code: str) -> Response:
        if foreign := doors.why_not(request):
            return foreign
        return await doors.answer(_looked, office, code, customers.language_of(request), "")

    @app.get(PATH + "/copy")
    async def copy(request: Request, code: str) -> Response:
        if refused := doors.why_not(request) or turnstile.refusal():
            return refused
        return await doors.answer(_copied, office, code, customers.language_of(request))

    @app.post(PATH)
    async def say_something(request: Request, code: str) -> Response:
        if refused := doors.why_not(request) or turnstile.refusal():
            return refused
        form = frame.form_of(await read(request))
        return await doors.answer(_said, office, code, form, customers.language_of(request))


def _looked(office: Office, code: str, language: str, said: str, status: int = 200) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return _nobody(language)
    with office.database.reading() as connection:
        known = member_story.summary(office, connection, owner.member)
        story = member_story.story(office, connection, owner.member, moves=False)
        agreed = consents.of(connection, owner.member) if owner.is_proved else []
        asked = consents.asked_for(connection) if owner.is_proved else None
        program = office.program(connection)
    charities = program.giving.charities if program and program.giving else []
    assert program is not None, "init puts a programme in force"
    words = {name: say(word, language, points=program.unit.counted(known.balance)) for name, word in WORDS.items()}
    words["owed"] = _word("owed", language, points=program.unit.counted(known.owed))
    lines = [(line.day, say(KINDS[line.kind], language), line) for line in story.lines if line.kind in KINDS]
    return customers.shown(
        "own_page.html",
        language,
        words,
        status,
        said=said,
        code=code,
        known=known,
        is_proved=owner.is_proved,
        lines=[line for line in lines if line[2].change or _is_of_sale(line[2])][:LATEST],
        has_agreed=bool(agreed) and agreed[0].is_given,
        consent_text=(asked.texts.get(language) or next(iter(asked.texts.values()), "")) if asked else "",
        charities=[(one.name, in_language(one.title, language) if one.title else one.name) for one in charities],
    )


def _said(office: Office, code: str, form: dict[str, str], language: str) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return _nobody(language)
    if not owner.is_proved:
        return _looked(office, code, language, say(REFUSED, language), 403)
    try:
        said = _done(office, owner, form, language)
    except CentralError:
        return _looked(office, code, language, say(REFUSED, language), 422)
    return _looked(office, code, language, said)


def _done(office: Office, owner: Owner, form: dict[str, str], language: str) -> str:
    match form.get("what", ""):
        case "agree":
            consents.say(office, owner.member, is_given=True, channel="page")
        case "withdraw":
            consents.say(office, owner.member, is_given=False, channel="page")
        case "charity":
            own_page.choose_charity(office, owner.member, form.get("charity", ""))
        case "forgot" | "ask" | "leave" as what:
            return say(ANSWERED, language, ticket=_asked(office, owner, what, form))
        case _:
            return say(REFUSED, language)
    return say(DONE, language)


def _asked(office: Office, owner: Owner, what: str, form: dict[str, str]) -> str:
    receipt = form.get("receipt", "").strip()
    words = {"forgot": f"Points of receipt {receipt}, please.", "leave": "The member wants to leave the programme."}
    if what == "leave" and not form.get("sure"):
        raise CentralError("They are not sure.", code="WORDS_UNFIT")
    if what == "forgot" and read_receipt_reference(receipt) is None:
        raise CentralError("This is no receipt's number.", code="WORDS_UNFIT")
    with office.database.reading() as connection:
        shop = member_story.summary(office, connection, owner.member).home_shop
    ticket = tickets.open_ticket(
        office,
        shop=shop,
        topic={"forgot": "points", "leave": "data", "ask": "other"}[what],
        words=words.get(what, form.get("words", "")),
        by="member",
        source="member",
        member=owner.member,
        receipt=receipt.upper() if what == "forgot" else "",
    )
    if what == "leave":
        tickets.change(office, ticket, "member", priority="high")
    return ticket


def _copied(office: Office, code: str, language: str) -> Response:
    try:
        owner = own_page.of_link(office, code)
    except CentralError:
        return _nobody(language)
    if not owner.is_proved:
        return _looked(office, code, language, say(REFUSED, language), 403)
    data = msgspec.json.format(msgspec.json.encode(data_copy.of(office, owner.member)), indent=1)
    return frame.attached(data, "application/json", "my-data.json")


def _nobody(language: str) -> Response:
    words = {"title": _word("title", language)}
    return customers.shown("said.html", language, words, 404, said=say(UNKNOWN, language))


def _is_of_sale(line: Line) -> bool:
    return line.kind in ("sale", "return", "join")


def _word(name: str, language: str, **values: Value) -> str:
    return say(WORDS[name], language, **values)
