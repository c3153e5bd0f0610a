"""What the pages for customers share: their language, how often they may send, and how such a page is drawn."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from central_server.office import Office
from central_server.pages import frame
from loyalty.words import LANGUAGES

MOST_A_MINUTE = 120
"""Of all customers together who send something to one page: a code cannot be guessed, and nobody shall try."""


class Turnstile:
    """How many may send something within a minute."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._sent: deque[float] = deque(maxlen=MOST_A_MINUTE)

    def refusal(self) -> Response | None:
        now = self._office.now().timestamp()
        if len(self._sent) == MOST_A_MINUTE and now - self._sent[0] < 60:
            return frame.refused(429, "Too many people send something at this moment.", "Try again in a minute.")
        self._sent.append(now)
        return None


def language_of(request: Request) -> str:
    """The first of those that the browser asks for and that we have."""
    for part in request.headers.get("accept-language", "")[:200].split(","):
        wanted = part.partition(";")[0].strip()[:2].lower()
        if wanted in LANGUAGES:
            return wanted
    return "en"


def shown(template: str, language: str, words: Mapping[str, str], status: int = 200, **values: Any) -> Response:
    return frame.plain(template, status, words=words, language=language, **values)
