"""Signing in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response

from central_server.errors import Refused
from central_server.office import Office
from central_server.pages import frame
from central_server.people import sessions, signing_in
from central_server.people.signing_in import Typed

MOST_WAITING = 16
"""So many sign-ins wait their turn, each a quarter of a second of a processor at most; the others are told to come again."""


def add_sign_in(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]], doors: frame.Doors) -> None:
    turn, here = CapacityLimiter(1), 0

    @app.get(frame.ROOT + "/sign-in")
    async def ask(request: Request) -> Response:
        if foreign := doors.why_not(request):
            return foreign
        is_over = request.query_params.get("over", "") == "1"
        message = "Your session is over: sign in again. What you sent last was not taken over." if is_over else ""
        return frame.plain("sign_in.html", message=message, hint="", to=own_path(request.query_params.get("to", "")))

    @app.post(frame.ROOT + "/sign-in")
    async def sign_in(request: Request) -> Response:
        if foreign := doors.why_not(request):
            return foreign
        form = frame.form_of(await read(request))
        address = request.client.host if request.client is not None else ""
        typed = Typed(form.get("login", ""), form.get("password", ""), form.get("code", ""), address)
        cookie, to = doors.cookie(request), own_path(form.get("to", ""))

        nonlocal here

        def answer() -> Response:
            try:
                secret = signing_in.sign_in(office, typed, before=doors.secret(request))
            except Refused as error:
                return frame.plain("sign_in.html", error.status, message=str(error), hint=error.hint, to=to)
            done = frame.redirect(to.removeprefix(frame.ROOT))
            done.set_cookie(value=secret, **cookie)
            return done

        if here > MOST_WAITING:
            return frame.refused(503, "Too many people sign in at this moment.", "Try again in a few seconds.")
        here += 1
        try:
            return await to_thread.run_sync(answer, limiter=turn)
        finally:
            here -= 1

    @app.get(frame.ROOT + "/static/{name}")
    async def static(name: str) -> Response:
        kinds = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
        folder = files("central_server.pages") / "static"
        found = {item.name: item for item in folder.iterdir()}.get(name)
        if found is None:
            return Response(status_code=404)
        return Response(found.read_bytes(), 200, frame.HEADERS, kinds.get(name.rpartition(".")[2], "text/plain"))


def own_path(to: str) -> str:
    """Where somebody wanted to go, if it is one of these pages; else the first one.

    >>> own_path("/office/members"), own_path("//evil.example"), own_path("/office/../x")
    ('/office/members', '/office', '/office')
    """
    is_own = to.startswith(f"{frame.ROOT}/") and to.isprintable() and not any(bad in to for bad in ("//", "\\", ".."))
    return to if is_own else frame.ROOT


@frame.page("POST", "/sign-out")
def sign_out(visit: frame.Visit) -> Response:
    if visit.form.get("everywhere"):
        sessions.end_all(visit.office, visit.staff.login)
    sessions.end(visit.office, visit.secret)
    return frame.redirect("/sign-in")
