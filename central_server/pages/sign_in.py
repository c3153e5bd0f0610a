"""Signing in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from central_server.office import Office
from central_server.pages import frame
from central_server.people import sessions, staff


def add_sign_in(app: FastAPI, office: Office, read: Callable[[Request], Awaitable[bytes]]) -> None:
    @app.get(frame.ROOT + "/sign-in")
    async def ask() -> Response:
        return frame.plain("sign_in.html", message="")

    @app.post(frame.ROOT + "/sign-in")
    async def sign_in(request: Request) -> Response:
        form = frame.form_of(await read(request))

        def answer() -> Response:
            with office.database.reading() as connection:
                found = staff.signed_in(office, connection, form.get("login", ""), form.get("password", ""))
            if found is None:
                return frame.plain("sign_in.html", 403, message="Name and password do not belong together.")
            secret, done = sessions.begin(office, found.login), frame.redirect("")
            is_secure = request.url.scheme == "https"
            done.set_cookie(frame.COOKIE, secret, path=frame.ROOT, httponly=True, samesite="strict", secure=is_secure)
            return done

        return await run_in_threadpool(answer)

    @app.get(frame.ROOT + "/static/{name}")
    async def static(name: str) -> Response:
        kinds = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
        folder = files("central_server.pages") / "static"
        found = {item.name: item for item in folder.iterdir()}.get(name)
        if found is None:
            return Response(status_code=404)
        return Response(found.read_bytes(), 200, frame.HEADERS, kinds.get(name.rpartition(".")[2], "text/plain"))


@frame.page("POST", "/sign-out")
def sign_out(visit: frame.Visit) -> Response:
    sessions.end(visit.office, visit.secret)
    return frame.redirect("/sign-in")
