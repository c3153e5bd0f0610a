"""The till's HTTP interface, for its own page and for tills of other makers. Knows no rule: it asks the terminal.

Endpoints are plain functions, so they run in threads and no write holds up another request. Everything under /v1 answers JSON
(pictures and the event stream apart), and every refusal is `{code, message, hint}`. The requests are in `local_api/`, a file a
subject.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from fastapi import FastAPI, Request, Response

from pos_plugin.api_keys import ApiKey
from pos_plugin.local_api.answers import add_error_answers, answer, refusal
from pos_plugin.local_api.closing import add_closing
from pos_plugin.local_api.description import add_description
from pos_plugin.local_api.devices import add_devices
from pos_plugin.local_api.endpoint import Application
from pos_plugin.local_api.guard import Guard, new_session, session_cookie
from pos_plugin.local_api.members import add_members
from pos_plugin.local_api.metrics import add_metrics
from pos_plugin.local_api.operators import add_operators
from pos_plugin.local_api.printed_sales import add_printed_sales
from pos_plugin.local_api.receipts import add_receipts
from pos_plugin.local_api.sales import add_sales
from pos_plugin.local_api.stream import Listeners
from pos_plugin.local_api.tickets import add_tickets
from pos_plugin.local_api.till import add_till
from pos_plugin.local_api.toast import add_toast
from pos_plugin.page_settings import PageSettings
from pos_plugin.terminal import Terminal

PAGE_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}


def create_app(terminal: Terminal, *, keys: Callable[[str], ApiKey | None]) -> FastAPI:
    """The interface of one terminal. `keys` answers whose key it is, or None.

    Whoever serves it sets `app.state.listeners.stopping` to let go of those who listen to /v1/events.
    """
    app = Application(
        title="pos-plugin",
        version=version("pos-plugin"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.listeners = Listeners()
    session = new_session()
    app.add_middleware(Guard, session=session, keys=keys, origins=terminal.config.page.origins)
    add_error_answers(app)
    add_sales(app, terminal)
    add_members(app, terminal)
    add_operators(app, terminal)
    add_receipts(app, terminal)
    add_printed_sales(app, terminal)
    add_devices(app, terminal)
    add_closing(app, terminal)
    add_till(app, terminal, app.state.listeners)
    add_tickets(app, terminal)
    add_toast(app, terminal)
    add_metrics(app, terminal)
    add_description(app)
    _add_page(app, session, terminal.config.page)
    return app


def _add_page(app: FastAPI, session: str, set_up: PageSettings) -> None:
    shown = {"shortcuts": set_up.shortcuts.model_dump(), "sounds": set_up.sounds.model_dump()}

    def with_session(name: str, request: Request) -> Response:
        response = Response(_page_files()[name], media_type=PAGE_TYPES["html"])
        response.set_cookie(session_cookie(request.scope), session, httponly=True, samesite="strict")
        return response

    @app.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        return with_session("index.html", request)

    @app.get("/customer", include_in_schema=False)
    def customer(request: Request) -> Response:
        return with_session("customer.html", request)

    @app.get("/page/settings.json", include_in_schema=False)
    def settings() -> Response:
        return answer(shown)

    @app.get("/page/{name}", include_in_schema=False)
    def part(name: str) -> Response:
        content = _page_files().get(name)
        if content is None:
            return refusal(404, "NOT_FOUND", "The page has no such part.", "Reload the page.")
        return Response(content, media_type=PAGE_TYPES[name.rpartition(".")[2]])


@cache
def _page_files() -> dict[str, bytes]:
    folder = files("pos_plugin").joinpath("page")
    return {part.name: part.read_bytes() for part in folder.iterdir() if part.name.rpartition(".")[2] in PAGE_TYPES}
