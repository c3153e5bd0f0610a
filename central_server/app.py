"""Head office on the wire: HTTP in front of the rooms that do the work. docs/wire-format.md shows every message.

Every refusal is a `ledger.wire.Refusal` with a fitting status; what went wrong inside is logged by its kind alone, because an
exception's text may hold what a person typed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Row
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from central_server.applying import apply
from central_server.care import tickets
from central_server.description import ADDRESSES, BATCH, JSON, described
from central_server.errors import CentralError, Refused
from central_server.membership import members, name_search, replacements
from central_server.office import Office
from central_server.pages import customers
from central_server.pages.feedback import add_feedback
from central_server.pages.frame import ROOT, Doors, Reached, add_pages
from central_server.pages.frame import refused as refused_page
from central_server.pages.own_page import add_own_page
from central_server.pages.sign_in import add_sign_in
from central_server.tills import auth, enrolment, feed, grants, inbox
from central_server.tills.heard import Heard
from ledger.wire import (
    CardReplacement,
    Enrolment,
    FeedRequest,
    GrantRequest,
    Health,
    MemberDetails,
    MemberLookup,
    MemberSearch,
    Refusal,
    TicketOpened,
    TicketTold,
    WireError,
    unpack,
)

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_BODIES_BYTES = 256 * 1024 * 1024
"""The most of all bodies together that is held while the rest of them is awaited."""
BODY_WITHIN_S = 60.0
"""So long a body may take from its first byte to its last: a whole message at 0.6 Mbit/s."""

CATCHING_UP = 50
"""A batch of more entries comes from a till that was away; it need not wait until they are applied."""

log = logging.getLogger("central_server")

Message = TypeVar("Message")
Terminal = Row[tuple[str, ...]]


def create_app(
    office: Office,
    *,
    body_within_s: float = BODY_WITHIN_S,
    apply_later: Callable[[], None] | None = None,
    reached: Reached = Reached.DIRECTLY,
    metrics_token: str = "",
    heard: Heard | None = None,
) -> FastAPI:
    """Head office's addresses. `apply_later` wakes whoever applies what a till that catches up has sent; without it, and for the
    few entries of a till that is up to date, that is done before the answer. Without a `metrics_token` there are no figures.
    `heard` is told of each till that asks; whoever passes it keeps it."""
    heard = heard or Heard(office)
    app = FastAPI(title="pos-central", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    wrong_codes = enrolment.WrongCodes()
    bodies = Bodies(body_within_s)

    @app.post("/v1/entries")
    async def entries(request: Request) -> Response:
        _require_kind(request, BATCH)
        body = await bodies.read(request)

        def answer() -> object:
            batch = unpack(body)
            reply = inbox.record(office, batch)
            heard.note(batch.terminal)
            if apply_later is not None and len(batch.entries) > CATCHING_UP:
                apply_later()
            else:
                apply_recorded(office)
            return reply

        return _json(await run_in_threadpool(answer))

    @app.post("/v1/enroll")
    async def enroll(request: Request) -> Response:
        _require_kind(request, JSON)
        sent = _decoded(await bodies.read(request), Enrolment)
        return _json(await run_in_threadpool(enrolment.enroll, office, wrong_codes, sent))

    @app.post("/v1/nonce")
    async def nonce() -> Response:
        return _json(auth.new_nonce(office))

    works: dict[type, Callable[[Office, Terminal, Any], object]] = {
        FeedRequest: lambda office, terminal, sent: feed.read(office, terminal.terminal, terminal.shop, sent),
        GrantRequest: grants.grant,
        MemberDetails: members.take_details,
        MemberLookup: members.look_up,
        MemberSearch: name_search.search,
        TicketOpened: tickets.take,
        TicketTold: tickets.take_told,
        CardReplacement: replacements.replace,
    }
    for address, about in ADDRESSES.items():
        if about.is_signed and about.asked is not None:
            method, _, path = address.partition(" ")
            endpoint = _signed(office, bodies, heard, about.asked, works[about.asked])
            app.add_api_route(path, endpoint, methods=[method], response_model=None)

    @app.get("/v1/openapi.json")
    async def description() -> Response:
        return Response(described(), media_type=JSON)

    doors = Doors(reached)
    add_sign_in(app, office, bodies.read, doors)
    add_pages(app, office, bodies.read, doors)
    add_feedback(app, office, bodies.read, doors)
    add_own_page(app, office, bodies.read, doors)
    if metrics_token:
        from central_server.upkeep.metrics import add_metrics

        add_metrics(app, office, metrics_token)

    @app.get("/v1/health")
    async def health() -> Response:
        return _json(Health("open", office.server_epoch, office.time()))

    @app.exception_handler(CentralError)
    async def refused(_: Request, error: CentralError) -> Response:
        status = error.status if isinstance(error, Refused) else 503
        answer = _json(Refusal(error.code, str(error), error.hint), status)
        if status in (408, 413, 415, 503):
            answer.headers["Connection"] = "close"  # else the rest of what was sent would be read, to be dropped
        return answer

    @app.exception_handler(WireError)
    async def unreadable(_: Request, error: WireError) -> Response:
        return _json(
            Refusal(error.code, f"This message cannot be read: {error}.", "Nothing of it was taken over."), 400
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _json(Refusal(WireError.code, "This message cannot be read."), 400)

    @app.exception_handler(HTTPException)
    async def no_such_address(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith(f"{ROOT}/"):
            return refused_page(error.status_code, "There is no such page.", "Look at its address.")
        if (found := customers.nowhere(request, error.status_code)) is not None:
            return found
        hint = "docs/wire-format.md lists the addresses."
        answer = _json(Refusal("NO_SUCH_ADDRESS", f"{error.detail}.", hint), error.status_code)
        answer.headers.update(error.headers or {})  # what is allowed, where it is the method that is not
        return answer

    @app.exception_handler(DataError)
    @app.exception_handler(OverflowError)  # a number that SQLite cannot hold never gets as far as SQLite
    async def unfit(_: Request, error: DataError | OverflowError) -> Response:
        return _json(Refusal("MESSAGE_UNFIT", "A value in this message cannot be stored."), 422)

    @app.exception_handler(SQLAlchemyError)
    async def database_away(_: Request, error: SQLAlchemyError) -> Response:
        log.error("database: %s", type(error).__name__)
        hint = "Nothing was taken over. Keep it and send it again."
        return _json(Refusal("DATABASE_AWAY", "Head office's database does not answer.", hint), 503)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return _json(Refusal(WireError.code, "The message was cut off."), 400)

    @app.middleware("http")
    async def no_stack_traces(request: Request, call_next: Callable[[Request], object]) -> Response:
        try:
            return await call_next(request)  # type: ignore[misc, no-any-return]
        except Exception as error:
            # The route's own words: in what was asked for, a card may stand.
            address = getattr(request.scope.get("route"), "path", "an unknown address")
            log.error("%s: %s", address, type(error).__name__)
            hint = "What was sent may have been recorded; sending it again does no harm."
            return _json(Refusal("INTERNAL", "Head office made a mistake.", hint), 500)

    return app


def _signed(
    office: Office,
    bodies: Bodies,
    heard: Heard,
    kind: type[Message],
    work: Callable[[Office, Terminal, Message], object],
) -> Callable[[Request], Awaitable[Response]]:
    """Answers a request that a terminal has signed over a nonce."""

    async def endpoint(request: Request) -> Response:
        _require_kind(request, JSON)
        body = await bodies.read(request)

        def answer() -> object:
            sent = request.headers
            names = (sent.get("X-Terminal", ""), sent.get("X-Nonce", ""), sent.get("X-Signature", ""))
            with office.database.reading() as connection:
                terminal = auth.authenticated(office, connection, request.url.path, *names, body)
            heard.note(terminal.terminal)
            return work(office, terminal, _decoded(body, kind))

        return _json(await run_in_threadpool(answer))

    return endpoint


def apply_recorded(office: Office) -> None:
    """Applies what is recorded. A failure is logged and nobody's request fails for it: it is tried again soon."""
    try:
        while apply.apply_pending(office, 10_000) == 10_000:
            pass
    except SQLAlchemyError as error:
        log.error("applying is put off: %s", type(error).__name__)


class Bodies:
    """The bodies that are being received: how large each may be, and all together, and how long one may take."""

    def __init__(self, within_s: float = BODY_WITHIN_S, most_bytes: int = MAX_BODIES_BYTES) -> None:
        self._within_s = within_s
        self._most_bytes = most_bytes
        self._held_bytes = 0

    async def read(self, request: Request) -> bytes:
        """All of a body. Raises Refused, for one that says how large it is before any of it is read."""
        if int(request.headers.get("content-length", "0")) > MAX_BODY_BYTES:
            raise _too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(self._within_s):
                async for part in request.stream():
                    self._held_bytes += len(part)
                    body += part
                    if len(body) > MAX_BODY_BYTES:
                        raise _too_large()
                    if self._held_bytes > self._most_bytes:
                        hint = "Nothing was taken over. Keep it and send it again in a minute."
                        raise Refused("BUSY", "Head office is being sent too much at once.", hint=hint, status=503)
        except TimeoutError:
            raise Refused(
                "TOO_SLOW",
                f"This message was not all here within {self._within_s:g} s.",
                hint="Nothing was taken over. Send it again, with fewer entries.",
                status=408,
            ) from None
        finally:
            self._held_bytes -= len(body)
        return bytes(body)


def _too_large() -> Refused:
    return Refused(
        "TOO_LARGE", f"A message has at most {MAX_BODY_BYTES} bytes.", hint="Send fewer entries.", status=413
    )


def _require_kind(request: Request, kind: str) -> None:
    """Raises Refused for what says that it is something else. What says nothing is read as what it should be."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said not in ("", kind):
        hint = f"Send it as {kind}. Nothing was taken over."
        raise Refused("CONTENT_TYPE", f"This address does not take {said[:80]!r}.", hint=hint, status=415)


def _decoded(body: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The decoder's own words name fields, never values.
        raise WireError(str(error)) from error


def _json(answer: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status_code=status, media_type=JSON)
