"""The page behind the code on a receipt: how was it? For customers, in their language, without signing in."""

from __future__ import annotations

from fastapi import FastAPI, Response

from central_server.care import feedback, own_page
from central_server.care.feedback import LONGEST, NO_ANSWER, Answer, Asked, FeedbackRefused
from central_server.errors import CentralError
from central_server.office import Office
from central_server.pages import customers, frame
from central_server.pages.customers import Read
from loyalty.words import Value, date_words, say, text

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
    "bonus": text("On your card: {points}."),
    "ticket": text("Your number is {ticket}. We tell you the answer when you next show your card."),
}

SAID = {
    "FEEDBACK_GIVEN": text("Thank you: you have told us about this purchase already."),
    "FEEDBACK_EARLY": text("This purchase has not reached us yet. Please try again tomorrow; the code stays good."),
    "FEEDBACK_CODE": text("This code is not whole, or not one of ours. Scan it again."),
    "FEEDBACK_UNFIT": text("Please choose how pleased you were. Nothing was kept yet."),
    "TICKETS_WAIT": text("Some of your questions wait for an answer already. This one was not kept."),
}


def add_feedback(app: FastAPI, office: Office, read: Read, doors: frame.Doors) -> None:
    customers.add_page(app, PATH, office, read, doors, _asked, _taken)


def _asked(office: Office, code: str, language: str) -> Response:
    try:
        about = feedback.asked(office, code)
    except FeedbackRefused as error:
        status = 404 if error.code == "FEEDBACK_CODE" else 200
        return _page(language, status, said=_words(error, language), own=_own(office, code))
    return _page(language, about=about, own=_own(office, code))


def _taken(office: Office, code: str, form: dict[str, str], language: str) -> Response:
    answer = Answer(
        _number(form.get("rating", ""), 0),
        _number(form.get("recommends", ""), NO_ANSWER),
        form.get("comment", "")[:LONGEST],
        bool(form.get("answer")),
    )
    try:
        about = feedback.asked(office, code)
        thanks = feedback.give(office, code, answer)
    except CentralError as error:
        if error.code == "FEEDBACK_UNFIT":
            return _page(language, 422, said=_words(error, language), about=about, comment=answer.comment)
        status = 404 if error.code == "FEEDBACK_CODE" else 200
        return _page(language, status, said=_words(error, language), own=_own(office, code))
    said = [_word("thanks", language)]
    if thanks.bonus:
        with office.database.reading() as connection:
            program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        said.append(_word("bonus", language, points=program.unit.counted(thanks.bonus)))
    if thanks.ticket:
        said.append(_word("ticket", language, ticket=thanks.ticket))
    elif thanks.must_wait:
        waits = SAID["TICKETS_WAIT"]
        said.append(say(waits, language))
    return _page(language, said=" ".join(said), own=_own(office, code))


def _own(office: Office, code: str) -> str:
    """The code, where it also opens a member's page."""
    try:
        return code if own_page.of_link(office, code).member else ""
    except CentralError:
        return ""


def _page(
    language: str, status: int = 200, *, about: Asked | None = None, said: str = "", own: str = "", comment: str = ""
) -> Response:
    """With what is asked, where it is still to be answered."""
    day = date_words(about.business_day, language) if about else ""
    words = {name: say(words, language, day=day) for name, words in WORDS.items() if name not in ("bonus", "ticket")}
    return customers.shown(
        "feedback.html",
        language,
        words,
        status,
        said=said,
        wrong=status != 200,
        is_asked=about is not None,
        may_be_answered=bool(about and about.member),
        day=day,
        own=own,
        comment=comment,
        longest=LONGEST,
    )


def _words(error: CentralError, language: str) -> str:
    return say(SAID[error.code], language) if error.code in SAID else str(error)


def _number(typed: str, otherwise: int) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 3 else otherwise


def _word(name: str, language: str, **values: Value) -> str:
    return say(WORDS[name], language, **values)
