"""A till in figures for a Prometheus on its machine: `GET /metrics`, for a key with the right `read`.

Off until somebody makes such a key and asks: the library is loaded then, and requests are timed from then on. Labels are states
and addresses; nothing of a member, a card or a person is in them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offline_store import journal, receipts, settings

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from pos_plugin.terminal import Terminal

STATES = ("waiting", "started", "printed", "not printed", "unknown")
SECONDS = (0.002, 0.01, 0.05, 0.2, 1.0, 5.0)

Observe = Callable[[str, int, float], None]


class Durations:
    """ASGI middleware that tells how long requests took, once somebody wants to know."""

    def __init__(self, app: ASGIApp, wanted: list[Observe]) -> None:
        self._app = app
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._wanted or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                address = getattr(scope.get("route"), "path", "other")  # nobody's own words
                self._wanted[0](address, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, observed)


def add_metrics(app: FastAPI, terminal: Terminal) -> None:
    wanted: list[Observe] = []
    app.add_middleware(Durations, wanted=wanted)
    written: list[Callable[[], bytes]] = []

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

        if not written:
            write, observe = _opened(terminal)
            written.append(write)
            wanted.append(observe)
        return Response(written[0](), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _opened(terminal: Terminal) -> tuple[Callable[[], bytes], Observe]:
    from prometheus_client import CollectorRegistry, Histogram, generate_latest

    registry = CollectorRegistry()
    registry.register(_Figures(terminal))
    durations = Histogram(
        "pos_till_request_seconds",
        "How long requests took, by address and answer.",
        ["address", "status"],
        buckets=SECONDS,
        registry=registry,
    )
    return lambda: generate_latest(registry), lambda address, status, took: durations.labels(
        address, str(status)
    ).observe(took)


class _Figures:
    """What a Prometheus client library calls a collector."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        store = self._terminal.store
        with store.read() as db:
            last, _ = journal.head(db)
            known = settings.every(db)
            printed = receipts.counts(db)
        heard = known.get("server_time", "")
        size = sum(file.stat().st_size for file in store.folder.glob(f"{store.file.name}*") if file.is_file())
        for name, what, value in (
            ("pos_till_entries", "Entries of this till's journal.", last),
            ("pos_till_entries_unsent", "Of them, not at head office yet.", last - int(known.get("acknowledged", "0"))),
            ("pos_till_heard_seconds", "Head office's time when it was last heard; 0 for never.", _seconds(heard)),
            ("pos_till_time_seconds", "This till's clock.", datetime.now(UTC).timestamp()),
            ("pos_till_clock_ahead_seconds", "How far it was ahead at the last contact.", int(known.get("clock_ahead_s", "0"))),
            ("pos_till_file_bytes", "What the till's file and its copies take.", size),
            ("pos_till_disk_free_bytes", "Room on its disk.", shutil.disk_usage(store.folder).free),
        ):  # fmt: skip
            yield GaugeMetricFamily(name, what, value=value)
        jobs = GaugeMetricFamily("pos_till_print_jobs", "Receipts, by the printer's verdict.", labels=["verdict"])
        for state in STATES:
            jobs.add_metric([state], printed.get(state, 0))
        yield jobs


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp() if at else 0.0
