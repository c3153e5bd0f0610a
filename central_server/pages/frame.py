"""What all pages of head office share: who asks, whether their role may, forms, and how a page is drawn.

A page is a function of a `Visit` under `@page`, which names its address and the actions of the table of roles of which any one
is needed: without it nobody gets in. Everything works without script. A form that changes something is posted with the key of
its session, and answered with a redirection, so that reloading changes nothing twice.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from central_server.errors import CentralError
from central_server.office import Office
from central_server.pages.uploads import uploaded
from central_server.people import sessions
from central_server.people.staff import Staff
from loyalty.roles import leave, may_any

if TYPE_CHECKING:
    from jinja2 import Environment

COOKIE = "office"
ROOT = "/office"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in, and may have this page. `form` and `query` have the last value of each name."""

    office: Office
    staff: Staff
    secret: str
    """Of the session's cookie; for ending it."""
    form_key: str
    path: str
    named: Mapping[str, str]
    """What stands in the braces of the page's address."""
    query: Mapping[str, str]
    form: Mapping[str, str]

    def leave(self, action: str) -> str:
        """What this person may do of an action, as letters of the table of roles."""
        return leave(self.staff.role, action)

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        menu = [entry for entry in MENU if not entry.actions or may_any(self.staff.role, entry.actions)]
        drawn = environment().get_template(template)
        html = drawn.render(
            visit=self, staff=self.staff, menu=menu, root=ROOT, said=self.query.get("said", ""), **values
        )
        return HTMLResponse(html, status, HEADERS)

    def go(self, path: str, said: str = "", **query: str) -> Response:
        """To another page of head office, which says `said` above everything else."""
        return redirect(path, **query, **({"said": said} if said else {}))

    def attachment(self, data: bytes, media_type: str, name: str) -> Response:
        """A file to keep."""
        return Response(
            data, 200, {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}, media_type
        )


Answer = Callable[[Visit], Response]


@dataclass(frozen=True)
class Page:
    method: str
    path: str
    actions: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True)
class MenuEntry:
    """A page in the menu, for whoever may have it. `place` sorts them."""

    title: str
    path: str
    actions: tuple[str, ...]
    place: int


PAGES: list[Page] = []
MENU: list[MenuEntry] = []


def page(method: str, path: str, *actions: str, menu: str = "", place: int = 0) -> Callable[[Answer], Answer]:
    """Registers a page at `path` under /office. Without `actions` it is for everybody who is signed in."""

    def register(answer: Answer) -> Answer:
        PAGES.append(Page(method, path, actions, answer))
        if menu:
            MENU.append(MenuEntry(menu, path, actions, place))
            MENU.sort(key=lambda entry: entry.place)
        return answer

    return register


def redirect(path: str, **query: str) -> Response:
    return RedirectResponse(ROOT + path + (f"?{urlencode(query)}" if query else ""), 303, HEADERS)


def plain(template: str, status: int = 200, **values: Any) -> Response:
    """A page for nobody in particular: signing in, and what went wrong before anybody was known."""
    html = environment().get_template(template).render(staff=None, menu=[], root=ROOT, **values)
    return HTMLResponse(html, status, HEADERS)


@cache
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("central_server.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters["count"] = lambda number: f"{number:,}"
    made.filters["money"] = lambda minor: f"{minor / 100:,.2f}"
    return made


def add_pages(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]]) -> None:
    """Puts every registered page into the application. `read` is the body of a request, bounded."""
    for one in PAGES:
        app.add_api_route(
            ROOT + one.path, _endpoint(office, one, read), methods=[one.method], response_model=None, name=one.path
        )


def _endpoint(
    office: Office, page: Page, read: Callable[[Request], Awaitable[bytes]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        form: dict[str, str] = {}
        if page.method == "POST":
            form = form_of(await read(request), request.headers.get("content-type", ""))
        return await run_in_threadpool(_answer, office, page, request, form)

    return endpoint


def _answer(office: Office, page: Page, request: Request, form: dict[str, str]) -> Response:
    secret = request.cookies.get(COOKIE, "")
    session = sessions.of(office, secret)
    if session is None:
        return redirect("/sign-in", to=request.url.path if page.method == "GET" else ROOT)
    visit = Visit(
        office,
        session.staff,
        secret,
        session.form_key,
        request.url.path,
        dict(request.path_params),
        dict(request.query_params),
        form,
    )
    if page.actions and not may_any(session.staff.role, page.actions):
        return visit.show("refused.html", 403, message="Your role does not have this page.", hint="")
    if page.method == "POST" and not hmac.compare_digest(form.get("form_key", ""), session.form_key):
        hint = "Nothing was changed. Open the page again, and send it from there."
        return visit.show("refused.html", 403, message="This form is not of your session.", hint=hint)
    try:
        return page.answer(visit)
    except CentralError as error:
        status = getattr(error, "status", 422)
        return visit.show("refused.html", status, message=str(error), hint=error.hint)


def form_of(body: bytes, content_type: str = "") -> dict[str, str]:
    """The fields of a posted form; a file's content comes in a field like any other text."""
    if content_type.startswith("multipart/form-data"):
        return uploaded(body, content_type)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500))
