"""The service that an Epson printer has at /cgi-bin/epos/service.cgi, in front of this till's printer.

One request is one job: checked whole before a byte of it is made, printed between two receipts or not at all, and answered with
what became of it. Nothing is kept of what was printed; of jobs that were given a name, what became of the last of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from drivers.status import PrinterStatus
from drivers.wires import wire_from_url
from pos_plugin.config import printer_profile
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.epos import elements
from pos_plugin.ways_in.epos.answers import (
    ALWAYS,
    NOT_TOLD,
    Answer,
    envelope,
    of_drawer,
    of_print,
    of_state,
    status_bits,
)
from pos_plugin.ways_in.epos.elements import Item, SchemaError
from pos_plugin.ways_in.epos.encoding import encoded
from pos_plugin.ways_in.epos.request import NAMESPACE, Request, read_request
from pos_plugin.ways_in.whole_jobs import with_rewards

PATH = "/cgi-bin/epos/service.cgi"
DISPLAY_PATH = "/cgi-bin/eposDisp/service.cgi"
DISPLAY_NAMESPACE = "http://www.epson-pos.com/schemas/2012/09/epos-display"
DEVICE = "local_printer"
TIMEOUT_MS = 60_000
LONGEST_TIMEOUT_MS = 300_000
JOBS_KEPT = 64
_TO_ANSWER_S = 0.5
"""So much earlier than its sender gives up a job that has not begun is given up here: what was answered never prints later."""

log = logging.getLogger("pos_plugin")


def app(terminal: Terminal) -> ASGIApp:
    service = _Service(terminal)
    return Starlette(
        routes=[Route(PATH, service.answer, methods=["POST"]), Route(DISPLAY_PATH, no_display, methods=["POST"])]
    )


async def no_display(_: HttpRequest) -> Response:
    """Epson's JavaScript asks for a display whenever it connects, and is content with any answer."""
    answer = f'<response xmlns="{DISPLAY_NAMESPACE}" success="false" code="EDSP_NOT_FOUND" status="0"/>'
    return _xml(
        '<?xml version="1.0" encoding="utf-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<soapenv:Body>{answer}</soapenv:Body></soapenv:Envelope>".encode()
    )


class _Service:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._profile = profile = printer_profile(terminal.config.printer)
        address = terminal.config.printer.address
        # One on a one-way cable or behind a queue never says how it is.
        self._answers = (
            profile.answers
            and (profile.has_real_time_status or profile.has_asb)
            and (not address or wire_from_url(address).answers)
        )
        self._jobs: OrderedDict[str, Answer] = OrderedDict()
        self._printing: set[asyncio.Task[Answer]] = set()

    async def answer(self, http: HttpRequest) -> Response:
        body = await http.body()
        arrived_s = time.monotonic()
        try:
            request = await run_in_threadpool(read_request, body)
        except SchemaError as error:
            return _xml(envelope(self._refused(error), NAMESPACE))
        devid = request.devid or http.query_params.get("devid", "")
        timeout_ms = request.timeout_ms or _number(http.query_params.get("timeout", "")) or TIMEOUT_MS
        until_s = arrived_s + min(timeout_ms, LONGEST_TIMEOUT_MS) / 1000
        answer = await self._answer(request, devid, until_s)
        return _xml(envelope(answer, request.namespace, devid=devid, printjobid=request.printjobid))

    async def _answer(self, request: Request, devid: str, until_s: float) -> Answer:
        if devid != DEVICE or self._terminal.printer.spooler is None:
            return Answer(False, "DeviceNotFound", 0)
        items = [item for item in request.items if not isinstance(item.element, elements.Recovery | elements.Reset)]
        if not items:
            return await run_in_threadpool(self._state, request)
        try:
            data = await run_in_threadpool(encoded, items, self._profile, self._terminal.config.printer.width_columns)
        except SchemaError as error:
            return self._refused(error)
        if request.printjobid:
            self._keep(request.printjobid, Answer(False, "Printing", ALWAYS))
        task = asyncio.create_task(run_in_threadpool(self._print, items, data, until_s))
        self._printing.add(task)
        task.add_done_callback(partial(self._done, request.printjobid))
        await asyncio.wait({task}, timeout=max(until_s - time.monotonic(), 0))
        # A print that has begun goes on to its end, and its name tells what became of it.
        return task.result() if task.done() else Answer(False, NOT_TOLD, status_bits(self._status))

    def _print(self, items: list[Item], data: bytes, until_s: float) -> Answer:
        terminal = self._terminal
        if _only_drawer(items) == terminal.config.drawer.pin:
            # Not a job: change must be given without paper, too.
            return of_drawer(terminal.printer.open_drawer(), self._status)
        data = with_rewards(terminal, data)
        verdict = terminal.printer.print_for_host(
            data, begins_within_s=max(until_s - time.monotonic() - _TO_ANSWER_S, 0)
        )
        # Which error it is the verdict does not say.
        status = terminal.printer.look() if verdict.code == "error" else self._status
        answer = of_print(verdict, status, answers=self._answers)
        if not answer.success:
            log.info("[epos] %s: %s", answer.code, verdict.reason)
        return answer

    def _state(self, request: Request) -> Answer:
        """To a request without anything to print: what became of the job that it names, or how the printer is."""
        if request.printjobid:
            return self._jobs.get(request.printjobid) or Answer(False, "JobNotFound", status_bits(self._status))
        return of_state(self._terminal.printer.look(), answers=self._answers)

    def _refused(self, error: SchemaError) -> Answer:
        log.warning("[epos] a request was refused, and nothing of it was printed: %r", str(error)[:200])
        return Answer(False, "SchemaError", status_bits(self._status))

    def _keep(self, name: str, answer: Answer) -> None:
        self._jobs[name] = answer
        self._jobs.move_to_end(name)
        while len(self._jobs) > JOBS_KEPT:
            self._jobs.popitem(last=False)

    def _done(self, name: str, task: asyncio.Task[Answer]) -> None:
        self._printing.discard(task)
        if name and not task.cancelled() and task.exception() is None:
            self._keep(name, task.result())

    @property
    def _status(self) -> PrinterStatus:
        return self._terminal.printer.spooler.status if self._terminal.printer.spooler else PrinterStatus()


def _only_drawer(items: list[Item]) -> int:
    """The pin of the drawer, where nothing else is asked for than to open it; else 0."""
    pulses = {item.element.drawer for item in items if isinstance(item.element, elements.Pulse)}
    if len(pulses) != 1 or not all(isinstance(item.element, elements.Pulse) for item in items):
        return 0
    return 2 if pulses == {"drawer_1"} else 5


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _xml(body: bytes) -> Response:
    return Response(body, media_type="text/xml; charset=utf-8")
