"""What all pages of head office share: who asks, whether their role may, forms, and how a page is drawn.

A page is a function of a `Visit` under `@page`, which names its address and the actions of the table of roles of which any one
is needed: without it nobody gets in. Everything works without script. A form that changes something is posted with the key of
its session, and answered with a redirection, so that reloading changes nothing twice.

Pages have threads of their own, a few: however many people ask, a till's request finds a thread.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from sqlalchemy.exc import DataError

from central_server.errors import CentralError, Refused
from central_server.local_time import shown
from central_server.office import Office
from central_server.pages.uploads import uploaded
from central_server.people import sessions
from central_server.people.staff import Staff
from loyalty.roles import leave, may_any

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context
    from markupsafe import Markup

COOKIE = "office"
ROOT = "/office"
THREADS = 8
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")
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
    has_second_factor: bool
    path: str
    has_to_say: bool
    """Whether some page has something to say once, after a form was sent."""
    cookie: Mapping[str, Any]
    """How the session's cookie is set; its value is a new session's secret."""
    named: Mapping[str, str]
    """What stands in the braces of the page's address."""
    query: Mapping[str, str]
    form: Mapping[str, str]

    def leave(self, action: str) -> str:
        """What this person may do of an action, as letters of the table of roles."""
        return leave(self.staff.role, action)

    def show(self, template: str, status: int = 200, **values: Any) -> Response:
        # Own figures ("F") stand at the till: no page of figures has them.
        menu = [
            entry
            for entry in MENU
            if not entry.actions or any(self.leave(one) not in ("", "F") for one in entry.actions)
        ]
        page = _address(self.path, self.query)
        drawn = environment().get_template(template)
        html = drawn.render(
            visit=self,
            staff=self.staff,
            menu=_grouped(menu),
            here=_entry_of(self.path, menu),
            root=ROOT,
            said=sessions.heard(self.office, self.secret, page) if self.has_to_say else [],
            form_key=self.hidden_key,
            zone=self.zone(),
            **values,
        )
        return HTMLResponse(html, status, HEADERS)

    def zone(self) -> ZoneInfo:
        """Of the shops' clocks, by which every page shows its times."""
        with self.office.database.reading() as connection:
            program = self.office.program(connection)
        assert program is not None, "init puts a programme in force"
        return program.zone

    def moment(self, at: str) -> str:
        """As the filter of this name, for a sentence."""
        return shown(at, self.zone())

    def hidden_key(self) -> Markup:
        """What every form here begins with."""
        from markupsafe import Markup

        return Markup('<input type="hidden" name="form_key" value="{}">').format(self.form_key)

    def go(self, path: str, said: str = "", **query: str) -> Response:
        """To another page of head office, which says `said` once, above everything else."""
        if said:
            sessions.say(self.office, self.secret, _address(ROOT + path, query), said)
        return redirect(path, **query)

    def attachment(self, data: bytes, media_type: str, name: str) -> Response:
        """A file to keep."""
        return attached(data, media_type, name)

    def download(self, file: IO[bytes], media_type: str, name: str) -> Response:
        """A file to keep that is too large for memory: it is sent from its beginning, piece by piece, and closed."""
        file.seek(0)
        return StreamingResponse(_pieces(file), 200, _attached(name), media_type)


MOST_FIELDS = 500
NOTHING = "Nothing was changed."
NOT_YOURS = "Your role does not have this page."

log = logging.getLogger("central_server")

Answer = Callable[[Visit], Response]


@dataclass(frozen=True)
class Page:
    method: str
    path: str
    actions: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True)
class MenuEntry:
    """A page in the menu, for whoever may have it. `place` sorts them, and its tens are the group: see GROUPS."""

    title: str
    path: str
    actions: tuple[str, ...]
    place: int


GROUPS = {0: "Today", 20: "Members", 30: "Shops", 40: "Programme", 50: "Figures", 60: "Head office"}
"""By the first `place` of each: a page of place 42 stands under Programme."""

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


def _grouped(menu: list[MenuEntry]) -> list[tuple[str, list[MenuEntry]]]:
    """The groups that have any of these pages, each with its own."""
    found: dict[str, list[MenuEntry]] = {}
    for entry in menu:
        found.setdefault(GROUPS[max(first for first in GROUPS if first <= entry.place)], []).append(entry)
    return list(found.items())


def _entry_of(path: str, menu: list[MenuEntry]) -> MenuEntry | None:
    """The page of the menu to which this address belongs: a member's story is of Members."""
    under = [entry for entry in menu if entry.path and f"{path}/".startswith(f"{ROOT}{entry.path}/")]
    return max(under, key=lambda entry: len(entry.path), default=None)


def _address(path: str, query: Mapping[str, str]) -> str:
    """One text for one page, however its address was written."""
    return f"{unquote(path)}?{urlencode(sorted(query.items()))}"


def redirect(path: str, **query: str) -> Response:
    return RedirectResponse(ROOT + path + (f"?{urlencode(query)}" if query else ""), 303, HEADERS)


def plain(template: str, status: int = 200, **values: Any) -> Response:
    """A page for nobody in particular: signing in, and what went wrong before anybody was known."""
    html = environment().get_template(template).render(staff=None, menu=[], root=ROOT, **values)
    return HTMLResponse(html, status, HEADERS)


@cache
def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

    made = Environment(
        loader=PackageLoader("central_server.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters["count"] = lambda number: f"{number:,}"
    made.filters["moment"] = pass_context(_moment)
    made.filters["day"] = pass_context(_day)
    made.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    made.filters["money"] = lambda minor: f"{minor / 100:,.2f}"
    return made


def _moment(context: Context, at: str) -> str:
    """A moment by the shops' clocks, whose zone stands once at the foot of each page; '' for none."""
    from markupsafe import Markup

    return Markup("<time>{}</time>").format(shown(at, context["zone"])) if at else ""


def _day(context: Context, at: str) -> str:
    return shown(at, context["zone"])[:10]


class Reached(Enum):
    """How browsers get here, which decides what is believed of a request."""

    LOCALLY = "by browsers on this machine: a Host of another name is a foreign page that had its name point here"
    DIRECTLY = "by itself, over TLS or, in tests, not"
    BY_PROXY = "through a proxy that does TLS"


class Doors:
    """What stands before every page: whether the request is one of our own pages', and a thread."""

    def __init__(self, reached: Reached) -> None:
        self._reached = reached
        self._threads = CapacityLimiter(THREADS)

    def cookie(self, request: Request) -> dict[str, Any]:
        """The session's cookie. Under TLS its name makes browsers refuse one from another host, or from plain HTTP."""
        if request.url.scheme == "https" or self._reached is Reached.BY_PROXY:
            return {"key": f"__Host-{COOKIE}", "path": "/", "secure": True, "httponly": True, "samesite": "strict"}
        return {"key": COOKIE, "path": ROOT, "httponly": True, "samesite": "strict"}

    def secret(self, request: Request) -> str:
        return request.cookies.get(self.cookie(request)["key"], "")

    def why_not(self, request: Request) -> Response | None:
        """The refusal of a request that comes from a foreign page."""
        host = request.headers.get("host", "")
        if self._reached is Reached.LOCALLY and not LOOPBACK.fullmatch(host):
            return refused(403, f"Head office is not called {host[:80]!r}.", "Its pages are at http://127.0.0.1.")
        if request.method != "POST":
            return None
        # Every browser of today says Sec-Fetch-Site, all others an Origin; what says neither is no browser.
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        is_foreign = site != "same-origin" if site else bool(origin) and (origin or "").partition("://")[2] != host
        hint = "Nothing was changed. Open the page here, and send it from there."
        return refused(403, "This form was sent from a foreign page.", hint) if is_foreign else None

    async def answer(self, work: Callable[..., Response], *arguments: object) -> Response:
        return await to_thread.run_sync(work, *arguments, limiter=self._threads)


def refused(status: int, message: str, hint: str = "") -> Response:
    """For nobody in particular."""
    return plain("refused.html", status, message=message, hint=hint)


def add_pages(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]], doors: Doors) -> None:
    """Puts every registered page into the application. `read` is the body of a request, bounded."""
    for one in PAGES:
        app.add_api_route(
            ROOT + one.path,
            _endpoint(office, one, read, doors),
            methods=[one.method],
            response_model=None,
            name=one.path,
        )
    app.add_api_route(ROOT + "/", lambda: redirect(""), methods=["GET"], response_model=None)


def _endpoint(
    office: Office, page: Page, read: Callable[[Request], Awaitable[bytes]], doors: Doors
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if foreign := doors.why_not(request):
            return foreign
        body = await read(request) if page.method == "POST" else b""
        return await doors.answer(_answer, office, page, request, doors, body)

    return endpoint


def _answer(office: Office, page: Page, request: Request, doors: Doors, body: bytes) -> Response:
    secret = doors.secret(request)
    session = sessions.of(office, secret) if secret else None
    if session is None:
        over = {"over": "1"} if secret else {}
        return redirect("/sign-in", to=request.url.path if page.method == "GET" else ROOT, **over)
    try:
        form = form_of(body, request.headers.get("content-type", "")) if page.method == "POST" else {}
    except Refused as error:
        return refused(error.status, str(error), error.hint)
    visit = Visit(
        office,
        session.staff,
        secret,
        session.form_key,
        session.has_second_factor,
        request.url.path,
        session.has_to_say,
        doors.cookie(request),
        dict(request.path_params),
        dict(request.query_params),
        form,
    )
    if page.actions and not may_any(session.staff.role, page.actions):
        return visit.show("refused.html", 403, message=NOT_YOURS, hint="")
    sent = form.get("form_key", "").encode("utf-8", "replace")
    if page.method == "POST" and not hmac.compare_digest(sent, session.form_key.encode()):
        hint = "Nothing was changed. Open the page again, and send it from there."
        return visit.show("refused.html", 403, message="This form is not of your session.", hint=hint)
    try:
        return page.answer(visit)
    except CentralError as error:
        status = getattr(error, "status", 422)
        return visit.show("refused.html", status, message=str(error), hint=error.hint)
    except (DataError, OverflowError):
        return visit.show("refused.html", 422, message="A value in this form cannot be stored.", hint=NOTHING)
    except Exception as error:
        # An exception's text may hold what a person typed.
        log.error("%s: %s", page.path, type(error).__name__)
        hint = "Look whether it was done before you do it again. If it stays so: pos-central verify"
        return visit.show("refused.html", 500, message="Head office made a mistake.", hint=hint)


def attached(data: bytes, media_type: str, name: str) -> Response:
    return Response(data, 200, _attached(name), media_type)


def _attached(name: str) -> dict[str, str]:
    return {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(64 * 1024):
            yield piece


def form_of(body: bytes, content_type: str = "") -> dict[str, str]:
    """The fields of a posted form; a file's content comes in a field like any other text."""
    if content_type.startswith("multipart/form-data"):
        return uploaded(body, content_type)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise Refused("FORM_UNFIT", f"A form has at most {MOST_FIELDS} fields.", status=413) from error
