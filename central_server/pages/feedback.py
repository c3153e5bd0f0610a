"""The page behind the code on a receipt: how was it? For customers, in their language, without signing in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from central_server.care import feedback
from central_server.care.feedback import LONGEST, NO_ANSWER, Answer, FeedbackRefused
from central_server.errors import CentralError
from central_server.office import Office
from central_server.pages import customers, frame
from loyalty.words import Value, say, text

PATH = "/feedback/{code}"
WORDS = {
    "title": text("How was it?"),
    "of": text("Your purchase of {day}"),
    "rating": text("How pleased were you?"),
    "worst": text("not at all"),
    "best": text("very much"),
    "recommend": text("Would you recommend us? 0 is never, 10 is certainly."),
    "comment": text("What can we do better?"),
    "answer": text("I would like an answer"),
    "send": text("Send"),
    "own": text("Your points"),
    "thanks": text("Thank you!"),
    "bonus": text("{points} points are on your card."),
    "ticket": text("Your number is {ticket}. We tell you the answer when you next show your card."),
}

SAID = {
    "FEEDBACK_GIVEN": text("Thank you: you have told us about this purchase already."),
    "FEEDBACK_EARLY": text("This purchase has not reached us yet. Please try again tomorrow; the code stays good."),
    "FEEDBACK_CODE": text("This code is not whole, or not one of ours. Scan it again."),
    "FEEDBACK_UNFIT": text("Please choose how pleased you were. Nothing was kept yet."),
    "TICKETS_WAIT": text("Some of your questions wait for an answer already. This one was not kept."),
}


def add_feedback(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]], doors: frame.Doors) -> None:
    turnstile = customers.Turnstile(office)

    @app.get(PATH)
    async def ask(request: Request, code: str) -> Response:
        if foreign := doors.why_not(request):
            return foreign
        return await doors.answer(_asked, office, code, customers.language_of(request))

    @app.post(PATH)
    async def take(request: Request, code: str) -> Response:
        if refused := doors.why_not(request) or turnstile.refusal():
            return refused
        form = frame.form_of(await read(request))
        return await doors.answer(_taken, office, code, form, customers.language_of(request))


def _asked(office: Office, code: str, language: str) -> Response:
    try:
        about = feedback.asked(office, code)
    except FeedbackRefused as error:
        return _page(language, 404 if error.code == "FEEDBACK_CODE" else 200, said=_words(error, language))
    return _page(language, day=about.business_day, own=code if about.member else "")


def _taken(office: Office, code: str, form: dict[str, str], language: str) -> Response:
    answer = Answer(
        _number(form.get("rating", ""), 0),
        _number(form.get("recommends", ""), NO_ANSWER),
        form.get("comment", "")[:LONGEST],
        bool(form.get("answer")),
    )
    try:
        thanks = feedback.give(office, code, answer)
    except CentralError as error:
        status = 422 if error.code == "FEEDBACK_UNFIT" else 200
        return _page(language, status, said=_words(error, language))
    said = [_word("thanks", language)]
    if thanks.bonus:
        said.append(_word("bonus", language, points=thanks.bonus))
    if thanks.ticket:
        said.append(_word("ticket", language, ticket=thanks.ticket))
    return _page(language, said=" ".join(said))


def _page(language: str, status: int = 200, *, day: str = "", said: str = "", own: str = "") -> Response:
    words = {name: say(words, language, day=day) for name, words in WORDS.items() if name not in ("bonus", "ticket")}
    return customers.shown("feedback.html", language, words, status, day=day, said=said, own=own, longest=LONGEST)


def _words(error: CentralError, language: str) -> str:
    return say(SAID[error.code], language) if error.code in SAID else str(error)


def _number(typed: str, otherwise: int) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 3 else otherwise


def _word(name: str, language: str, **values: Value) -> str:
    return say(WORDS[name], language, **values)
