"""How the till is, and what happens at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse

from offline_store import journal
from offline_store.sync import SyncError
from pos_plugin import till_state
from pos_plugin.errors import Conflict
from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer, refusal
from pos_plugin.local_api.description import TILL, answers, answers_as
from pos_plugin.local_api.operators import by
from pos_plugin.local_api.stream import MOST_LISTENERS, Listeners
from pos_plugin.terminal import Terminal


def add_till(app: FastAPI, terminal: Terminal, listeners: Listeners) -> None:
    @app.get(
        "/v1/state",
        tags=[TILL],
        summary="Everything about the till that is not the sale",
        responses=answers(shapes.State, "Network, printer, display, scanners and the last scans."),
    )
    def state() -> Response:
        """Read it after every event."""
        return answer(till_state.shown(terminal))

    @app.get(
        "/v1/health",
        tags=[TILL],
        summary="Whether the till answers",
        responses=answers(shapes.Health, "It does, and its file can be read."),
    )
    def health() -> Response:
        with terminal.store.read() as db:
            db.execute("SELECT 1 FROM setting LIMIT 1").fetchone()
        return answer(shapes.Health("ok"))

    @app.post(
        "/v1/sync",
        tags=[TILL],
        summary="Exchange with head office now",
        responses=answers(shapes.NetworkState, "How the connection is."),
    )
    def sync() -> Response:
        if terminal.head_office.sync is None:
            raise Conflict(
                "NOT_ENROLLED",
                "This till is not connected to a head office. Everything is kept here.",
                hint="Connect it: on its page, under Devices; or pos-plugin enroll.",
            )
        terminal.head_office.soon()
        return answer(till_state.shown(terminal)["network"])

    @app.post(
        "/v1/head-office",
        tags=[TILL],
        summary="Connect this till to a head office with its one-time code",
        responses=answers(shapes.Connected, "It belongs to that shop now, and sends what it has recorded."),
    )
    def connect(asked: requests.HeadOfficeAsked, request: Request) -> Response:
        """What does not come about leaves everything as it was. Who made the code has allowed it; where operators are kept, a
        cashier needs the word of a supervisor or manager besides, as for training: it changes the till for all of them."""
        by(terminal, request, "training", asked)
        try:
            enrolled = terminal.connect(asked.url, asked.code)
        except SyncError as error:
            raise Conflict(error.code, str(error), hint=error.hint) from error
        with terminal.store.read() as db:
            who = journal.identity(db)
        return answer(shapes.Connected(who.terminal, enrolled.shop, terminal.config.server.url))

    @app.get(
        "/v1/events",
        tags=[TILL],
        summary="What happens, as server-sent events",
        response_class=StreamingResponse,
        responses=answers_as("text/event-stream", 'Events: `{"number": 7, "about": "scan"}`; the first is `hello`.'),
    )
    async def events(last_event_id: Annotated[str, Header(max_length=20)] = "") -> Response:
        """Numbered hints that something has changed: `scan`, `sale`, `print`, `printer`, `display`, `sync`, `members`,
        `lane`, `customer`, `operators`. After each, and after a reconnection with `Last-Event-ID`, read `/v1/state`."""
        if listeners.count >= MOST_LISTENERS:
            return refusal(503, "TOO_MANY_LISTENERS", f"{MOST_LISTENERS} programs listen already.", "Close one.")
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None
        return StreamingResponse(listeners.stream(terminal.events, after), media_type="text/event-stream")
