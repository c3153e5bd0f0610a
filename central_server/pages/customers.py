"""What the pages for customers share: their language, how often they may send, how such a page is drawn, and what stands in its
place when it cannot be drawn. Whoever is there came by a link: they see no code of an error, and nothing of how this works.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.requests import ClientDisconnect

from central_server.errors import Refused
from central_server.office import Office
from central_server.pages import frame
from loyalty.words import LANGUAGES, say, text

MOST_A_MINUTE = 120
"""Of all customers together who send something to one page: a code cannot be guessed, and nobody shall try."""
PATHS = ("/me", "/feedback")
"""Under which everything is said in the person's language."""

TITLE = text("This page")
UNREADABLE = text("What was sent cannot be read. Nothing was kept. Open the page again, and write it once more.")
BUSY = text("We cannot answer at this moment. Nothing was kept. Please try again in a few minutes.")
MANY = text("Too many people send something at this moment. Nothing was kept. Please try again in a minute.")
MISTAKE = text("Something went wrong here. Open the page again, and look whether it was kept.")
FOREIGN = text("This was sent from another page. Nothing was kept. Open the page again, and send it from there.")
UNKNOWN = text(
    "This link is not whole, or not good any more. Open it again from where you have it, or ask for a new one."
)

log = logging.getLogger("central_server")

Read = Callable[[Request], Awaitable[bytes]]
Look = Callable[[Office, str, str], Response]
"""What answers a link, by its code and a language."""
Take = Callable[[Office, str, dict[str, str], str], Response]
"""What answers a form that was sent to a link."""


class Turnstile:
    """How many may send something within a minute."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._sent: deque[float] = deque(maxlen=MOST_A_MINUTE)

    def is_open(self) -> bool:
        now = self._office.now().timestamp()
        if len(self._sent) == MOST_A_MINUTE and now - self._sent[0] < 60:
            return False
        self._sent.append(now)
        return True


class Counter:
    """Where customers ask at a page: each gets an answer in their language, whatever becomes of it."""

    def __init__(self, office: Office, doors: frame.Doors) -> None:
        self._office = office
        self._doors = doors
        self._turnstile = Turnstile(office)

    async def answer(
        self,
        request: Request,
        code: str,
        work: Callable[..., Response],
        read: Read | None = None,
        *,
        is_bounded: bool = False,
    ) -> Response:
        """What `work` answers to the link, in a thread of the pages; with `read` also to the form that was sent."""
        language = language_of(request)
        if self._doors.why_not(request):
            return trouble(FOREIGN, 403, language)
        if (read or is_bounded) and not self._turnstile.is_open():
            return trouble(MANY, 429, language)
        try:
            form = (form_of(await read(request)),) if read else ()
            return await self._doors.answer(work, self._office, code, *form, language)
        except ClientDisconnect:
            raise
        except Exception as error:
            return failed(error, language)


def add_page(
    app: FastAPI, path: str, office: Office, read: Read, doors: frame.Doors, look: Look, take: Take
) -> Counter:
    """A page for customers at `path`, which has {code} in it: `look` draws it, `take` answers its forms."""
    counter = Counter(office, doors)

    @app.get(path)
    async def shown_to_them(request: Request, code: str) -> Response:
        return await counter.answer(request, code, look)

    @app.post(path)
    async def sent_by_them(request: Request, code: str) -> Response:
        return await counter.answer(request, code, take, read)

    return counter


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises Refused for one that no page of ours sends."""
    form = frame.form_of(body)
    if any("\0" in value for value in form.values()):
        raise Refused("FORM_UNFIT", "A form has no NUL in it.", status=422)
    return form


def failed(error: Exception, language: str) -> Response:
    """In place of what could not be done. What a person typed may stand in the error's own words, so they are nowhere."""
    match error:
        case Refused(status=408 | 503 as status):
            found = trouble(BUSY, status, language)
        case Refused(status=status):
            found = trouble(UNREADABLE, status, language)
        case DataError() | OverflowError():
            found = trouble(UNREADABLE, 422, language)
        case SQLAlchemyError():
            log.error("a page for customers: %s", type(error).__name__)
            found = trouble(BUSY, 503, language)
        case _:
            log.error("a page for customers: %s", type(error).__name__)
            found = trouble(MISTAKE, 500, language)
    if found.status_code in (408, 413, 503):
        found.headers["Connection"] = "close"  # else the rest of what was sent would be read, to be dropped
    return found


def trouble(words: str, status: int, language: str) -> Response:
    return shown("said.html", language, {"title": say(TITLE, language)}, status, said=say(words, language), wrong=True)


def nowhere(request: Request, status: int) -> Response | None:
    """For an address under a page for customers that is none, as of a link that was cut or pasted twice; None for others."""
    if not any(request.url.path == path or request.url.path.startswith(f"{path}/") for path in PATHS):
        return None
    return trouble(UNKNOWN, status, language_of(request))


def language_of(request: Request) -> str:
    """The first of those that the browser asks for and that we have."""
    for part in request.headers.get("accept-language", "")[:200].split(","):
        wanted = part.partition(";")[0].strip()[:2].lower()
        if wanted in LANGUAGES:
            return wanted
    return "en"


def shown(template: str, language: str, words: Mapping[str, str], status: int = 200, **values: Any) -> Response:
    return frame.plain(template, status, words=words, language=language, **{"said": "", "wrong": False, **values})
