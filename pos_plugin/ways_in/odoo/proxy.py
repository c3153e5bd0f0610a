"""What Odoo's point of sale asks an IoT box, path by path, and what it is answered here.

Everything but hello is JSON-RPC, answered with 200 also where it is an error, as Odoo's server does. What is sent back as `error`
has a `data.name`, without which Odoo's rpc.js breaks on it.

Told false, or an error, Odoo offers to print the receipt again, and with automatic printing it does so by itself whenever that
receipt is shown again (ReceiptScreen._shouldAutoPrint asks only whether it was told true). So false is answered where nothing
came out, and true for what may have come out: a person looks, as the till's page says, and prints again with Odoo's button.
"""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from drivers.document import Cut
from drivers.verdict import Outcome, Verdict
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.odoo.polls import Polls
from pos_plugin.ways_in.odoo.rewards import can_read_codes, rewards_of
from pos_plugin.ways_in.pictures import NotPrintable, grey_of, picture_job, picture_of

SCANNER_S = 55.0
EVENT_S = 50.0
"""As an IoT box has them; Odoo gives up after a minute."""
MOST_PRINTS = 8
"""So many receipts wait for the printer; the next is refused, and Odoo says so."""
ACTIONS_KEPT = 256

log = logging.getLogger("pos_plugin")


class Call(msgspec.Struct):
    """The JSON-RPC envelope. Odoo's longpolling.js sends nothing but `params`."""

    params: dict[str, Any] = {}
    id: int | str | None = None


class Refused(Exception):
    """What was asked cannot be; the sentence goes back as the JSON-RPC error."""


class Odoo:
    """ASGI, behind a door. `let_go` ends what waits."""

    def __init__(self, terminal: Terminal, *, scanner_s: float = SCANNER_S, event_s: float = EVENT_S) -> None:
        self._terminal = terminal
        self._scanner_s, self._event_s = scanner_s, event_s
        self._polls = Polls(lambda: terminal.scans, lambda: terminal.clock().timestamp())
        self._actions: deque[str] = deque(maxlen=ACTIONS_KEPT)
        self._waiting_prints = 0
        self._printing: anyio.CapacityLimiter | None = None
        self._opening: anyio.CapacityLimiter | None = None
        if terminal.config.odoo.fiscal_codes and not can_read_codes():
            log.error("[odoo] fiscal_codes: no codes can be read from pictures: pip install 'pos-plugin[camera]'")

    def let_go(self) -> None:
        self._polls.let_go()

    @property
    def polls(self) -> Polls:
        return self._polls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if path == "/hw_proxy/hello":
            return PlainTextResponse("ping")
        if path == "/":  # where Odoo sends people to accept a certificate
            return PlainTextResponse("The till answers Odoo here, in place of an IoT box.")
        if request.method not in ("POST", "PUT"):
            return PlainTextResponse("This is asked with POST.", 405, {"Allow": "POST"})
        try:
            call = msgspec.json.decode(await request.body(), type=Call)
        except (msgspec.DecodeError, RecursionError):
            return PlainTextResponse("The request is no JSON-RPC. Nothing was done with it.", 400)
        said: dict[str, object] = {"jsonrpc": "2.0", "id": call.id}
        try:
            said["result"] = await self._result(path, call.params, request)
        except (Refused, NotPrintable) as refused:
            log.warning("odoo: %s: %s", path[:60], refused)
            said["error"] = {
                "code": 200,
                "message": str(refused),
                "data": {"name": "pos_plugin.Refused", "message": str(refused), "arguments": [], "debug": ""},
            }
        return Response(msgspec.json.encode(said), media_type="application/json")

    async def _result(self, path: str, params: dict[str, Any], request: Request) -> object:
        match path:
            case "/hw_proxy/handshake":
                return True
            case "/hw_proxy/status_json":
                return self._status()
            case "/hw_proxy/default_printer_action":
                return await self._at_printer(_table(params, "data"))
            case "/hw_proxy/open_cashbox":
                return await self._open_drawer()
            case "/hw_proxy/scanner":
                return await self._polls.code(self._scanner_s, partial(_gone, request))
            case "/hw_drivers/action":
                return (await self._action(params))["status"] != "error"
            case "/iot_drivers/action":
                return await self._action(params)
            case "/hw_drivers/event" | "/iot_drivers/event":
                return await self._event(_table(params, "listener"), request)
            case "/hw_proxy/log":
                return None  # what a till logs may name its customers
            case "/hw_proxy/print_receipt" | "/hw_proxy/print_xml_receipt":
                raise Refused("Receipts of Odoo before version 13 are not printed here. Nothing was printed.")
            case "/hw_proxy/scale_read" | "/hw_proxy/scale_price" | "/hw_proxy/scale_zero" | "/hw_proxy/scale_tare":
                raise Refused(NO_SCALE)
        raise Refused("This is not answered here: there is a receipt printer, a drawer and a scanner.")

    def _status(self) -> dict[str, dict[str, str]]:
        """Odoo 14 to 18 shows a device as offline unless `status` is connected or connecting; `messages` is text there."""
        spooler, readers = self._terminal.printer.spooler, [reader.state for reader in self._terminal.readers]
        printer_trouble = spooler.trouble if spooler else "This till has no printer (till.toml)."
        troubles = " ".join(state.trouble for state in readers if state.trouble)
        scanner_trouble = "" if any(state.ready for state in readers) else troubles or "This till reads no scanner."
        notice = spooler.notice if spooler else ""
        return {
            "printer": _device(is_there=not printer_trouble, messages=printer_trouble or notice),
            "scanner": _device(is_there=not scanner_trouble, messages=scanner_trouble or troubles),
            "scale": _device(is_there=False, messages=NO_SCALE),
        }

    async def _at_printer(self, data: dict[str, Any]) -> bool:
        match data.get("action"):
            case "print_receipt":
                verdict = await self._print(data.get("receipt"))
                return verdict.outcome is not Outcome.NOT_PRINTED
            case "cashbox" | "open_cashbox":
                return await self._open_drawer()
        raise Refused("The printer knows print_receipt and cashbox. Nothing was printed.")

    async def _print(self, receipt: object) -> Verdict:
        if not isinstance(receipt, str) or not receipt:
            raise Refused("There is no receipt in this request. Nothing was printed.")
        if self._waiting_prints >= MOST_PRINTS:
            raise Refused("Too many receipts wait for the printer. This one was not printed.")
        if self._printing is None:
            self._printing = anyio.CapacityLimiter(1)
        self._waiting_prints += 1
        try:
            verdict = await anyio.to_thread.run_sync(self._printed, receipt, limiter=self._printing)
        finally:
            self._waiting_prints -= 1
        if verdict.outcome is not Outcome.PRINTED:
            log.warning("odoo: a receipt: %s: %s", verdict.outcome.value, verdict.reason)
        return verdict

    def _printed(self, receipt: str) -> Verdict:
        from pos_plugin.config import printer_profile

        set_up = self._terminal.config.printer
        picture = picture_of(receipt)
        block = rewards_of(self._terminal, grey_of(picture)) if self._terminal.config.odoo.fiscal_codes else None
        after = (*(block.blocks if block else ()), Cut())
        return self._terminal.printer.print_for_host(
            picture_job(picture, printer_profile(set_up), set_up.width_columns, after=after)
        )

    async def _open_drawer(self) -> bool:
        """A drawer never waits behind receipts that are still to be drawn."""
        if self._opening is None:
            self._opening = anyio.CapacityLimiter(4)
        opened = await anyio.to_thread.run_sync(self._terminal.printer.open_drawer, limiter=self._opening)
        return opened.drawer != "not opened"

    async def _action(self, params: dict[str, Any]) -> dict[str, object]:
        """As driver.py of iot_drivers answers. What is asked a second time under the same id is not done again."""
        data = params.get("data")
        if isinstance(data, str):  # before Odoo 19
            try:
                data = msgspec.json.decode(data)
            except (msgspec.DecodeError, RecursionError):
                data = None
        if not isinstance(data, dict):
            raise Refused("The action has no data. Nothing was done.")
        session, device = params.get("session_id"), params.get("device_identifier")
        once = data.get("action_unique_id") or data.get("iot_idempotent_id")
        if isinstance(once, str):
            if once in self._actions:
                return {"status": "duplicate", "result": True, "session_id": session}
            self._actions.append(once)
        if device != "printer":
            raise Refused("There is no such device here; actions are for the printer. Nothing was done.")
        is_done = await self._at_printer(data)
        if not is_done and isinstance(once, str):
            self._actions.remove(once)  # nothing came of it, so that it may be asked again
        said = {"status": "success" if is_done else "error", "message": "" if is_done else self._why_not()}
        self._polls.publish("printer", owner=session, **said)
        return {"status": said["status"], "result": is_done, "session_id": session}

    def _why_not(self) -> str:
        return self._status()["printer"]["messages"] or "The printer did not print."

    async def _event(self, listener: dict[str, Any], request: Request) -> dict[str, Any] | None:
        session, devices, after = listener.get("session_id"), listener.get("devices"), listener.get("last_event")
        if not isinstance(session, str) or not isinstance(devices, dict | list):
            raise Refused("A listener names its session and its devices.")
        names = {name for name in devices if isinstance(name, str)}
        since = float(after) if isinstance(after, int | float) else 0.0
        event = await self._polls.event(session[:100], names, since, self._event_s, partial(_gone, request))
        return None if event is None else {**event, "session_id": session}


NO_SCALE = "There is no scale here."


def _device(*, is_there: bool, messages: str) -> dict[str, str]:
    return {"status": "connected" if is_there else "disconnected", "messages": messages}


def _table(params: dict[str, Any], name: str) -> dict[str, Any]:
    found = params.get(name)
    if not isinstance(found, dict):
        raise Refused(f"This request has no {name}. Nothing was done.")
    return found


async def _gone(request: Request) -> None:
    """Ends when whoever asked has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
