"""Head office in figures for a Prometheus: `GET /metrics`, for whoever shows the token, and not there at all without one.

Counted from the database when it is asked, but for how long requests took, which this server alone knows. Labels are names of
tills, shops, endpoints, addresses and codes: nothing of a member, a card or a person is in them.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool

from central_server import schema
from central_server.database import size_bytes
from central_server.errors import OfficeError, Refused
from central_server.office import Office
from central_server.tills import roll_call
from central_server.webhooks import deliveries, endpoints

LEAST_TOKEN = 16
SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)


def read_token(file: Path) -> str:
    """The token that a scraper has to show. Raises OfficeError for a file that is none, or one too short to be a secret."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise OfficeError(
            f"The token {file} cannot be read.", hint="Write one line of letters and digits into it."
        ) from error
    if len(token) < LEAST_TOKEN:
        raise OfficeError(f"The token in {file} has fewer than {LEAST_TOKEN} characters.", hint="Take a longer one.")
    return token


def add_metrics(app: FastAPI, office: Office, token: str) -> None:
    registry = CollectorRegistry()
    registry.register(_Figures(office))
    durations = Histogram(
        "pos_central_request_seconds",
        "How long requests took, by address and answer.",
        ["address", "status"],
        buckets=SECONDS,
        registry=registry,
    )

    @app.middleware("http")
    async def measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await call_next(request)
        # What was asked for only where it is one of ours: anybody can think of addresses without end.
        route = request.scope.get("route")
        address = str(getattr(route, "path", "other"))
        durations.labels(address, str(response.status_code)).observe(time.perf_counter() - began)
        return response

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), token.encode()):
            hint = "Send the token of --metrics-token as Authorization: Bearer."
            raise Refused("TOKEN_WRONG", "This token is not the one of the figures.", hint=hint, status=401)
        return Response(
            await run_in_threadpool(generate_latest, registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )


class _Figures:
    """What a Prometheus client library calls a collector."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def describe(self) -> list[Metric]:
        return []  # else registering would ask the database

    def collect(self) -> Iterator[Metric]:
        branch, till, note = schema.branch.c, schema.terminal.c, schema.note.c
        with self._office.database.reading() as connection:
            recorded, applied = connection.execute(
                select(
                    func.coalesce(func.sum(branch.head_number - branch.start), 0),
                    func.coalesce(func.sum(branch.applied_number - branch.start), 0),
                )
            ).one()
            tills = connection.execute(
                select(till.terminal, till.shop, till.heard_at, till.sent_at, till.revoked_at).order_by(till.terminal)
            ).all()
            notes = connection.execute(select(note.code, func.count()).group_by(note.code).order_by(note.code)).all()
            awaited = len(roll_call.awaited(self._office, connection))
            members = connection.scalar(select(func.count()).where(schema.member.c.merged_into == ""))
            size = size_bytes(connection)
            hooks, unsent = endpoints.every(connection), deliveries.unsent(connection)
        yield _one("pos_central_entries_recorded", "Entries of tills that are durable here.", int(recorded))
        yield _one(
            "pos_central_entries_waiting", "Of them, not applied to anybody's points yet.", int(recorded - applied)
        )
        yield _one("pos_central_members", "Members, each once.", members or 0)
        yield _one(
            "pos_central_tills_awaited", "Tills not heard since a restore: until then no points are granted.", awaited
        )
        yield _one("pos_central_database_bytes", "What the database takes on its disk.", size)
        yield _one("pos_central_time_seconds", "Head office's clock.", self._office.now().timestamp())
        heard, sent = (
            GaugeMetricFamily(
                f"pos_central_till_{name}_seconds", f"When a till {what}; 0 for never.", labels=["terminal", "shop"]
            )
            for name, what in (("heard", "last asked anything, to a minute"), ("sent", "last sent entries"))
        )
        for one in tills:
            if not one.revoked_at:
                heard.add_metric([one.terminal, one.shop], _seconds(one.heard_at))
                sent.add_metric([one.terminal, one.shop], _seconds(one.sent_at))
        yield from (heard, sent)
        noted = GaugeMetricFamily("pos_central_notes", "What a person should look at, by its code.", labels=["code"])
        for code, count in notes:
            noted.add_metric([code], count)
        yield noted
        off, failed, late = (
            GaugeMetricFamily(f"pos_central_webhook_{name}", what, labels=["endpoint"])
            for name, what in (
                ("off", "1 where an endpoint is switched off."),
                ("failed", "Messages to it that were given up."),
                ("late_seconds", "How long the oldest message waits that was tried in vain; 0 for none."),
            )
        )
        for hook in hooks:
            count, oldest = unsent[hook.name]
            off.add_metric([hook.name], int(bool(hook.off_at)))
            failed.add_metric([hook.name], count)
            waits = (self._office.now() - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0
            late.add_metric([hook.name], waits)
        yield from (off, failed, late)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() if at else 0.0


def _one(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)
