"""The control page: what hands and accidents do in a real shop, as buttons; and the paper that came out."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter
from drivers.simulated.scanners.lines import SimulatedScanner
from pos_plugin.demo.cable import Cable
from pos_plugin.demo.other_till import OtherTill
from pos_plugin.demo.people import Card

SHOWN = 12
"""How many of the last pieces of paper the page shows."""


class ControlPage:
    """Serves the page on 127.0.0.1 in a thread of its own."""

    def __init__(
        self,
        printer: SimulatedPrinter,
        scanner: SimulatedScanner,
        cable: Cable,
        other_till: OtherTill,
        members: Sequence[Card],
        stranger: Card,
        *,
        port: int,
        till_port: int,
        office: str,
    ) -> None:
        self.port = port
        self._printer = printer
        self._scanner = scanner
        self._cable = cable
        self._other_till = other_till
        self._scanner_is_plugged = True
        self._paper_ends_soon = False
        item = json.loads(files("pos_plugin").joinpath("page/items.json").read_bytes())["items"][0]
        self._cards = [
            *({"text": member.text, "about": "member", "code": member.code} for member in members),
            {"text": stranger.text, "about": "stranger", "code": stranger.code},
            {"text": "A damaged card", "about": "damaged", "code": _misread(members[0].code)},
            {"text": item["name"], "about": "item", "code": item["sku"]},
        ]
        self._till_port = till_port
        self._office = office
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(), host="127.0.0.1", port=port, log_level="error", access_log=False, lifespan="off"
            )
        )
        self._thread = threading.Thread(target=self._server.run, name="control page", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(5)

    def act(self, action: str, value: str = "") -> bool:
        """Does what a button says; False if there is no such button."""
        actions: dict[str, Callable[[], object]] = {
            "scan": lambda: self._scanner.scan(value),
            "paper out": self._printer.paper_out,
            "paper out in mid receipt": lambda: self._printer.paper_out(after_lines=4),
            "new roll": self._printer.load_paper,
            "open cover": self._printer.open_cover,
            "close cover": self._printer.close_cover,
            "unplug printer": self._printer.unplug,
            "plug in printer": self._printer.plug,
            "unplug scanner": self._scanner.unplug,
            "plug in scanner": self._scanner.plug,
            "other till sells": self._other_till.sell,
            "other till reports": self._other_till.report,
            "cut network": self._cable.cut,
            "mend network": self._cable.mend,
        }
        if action not in actions:
            return False
        if actions[action]() is False:
            return False
        if action.endswith("scanner"):
            self._scanner_is_plugged = action.startswith("plug")
        if action in ("paper out", "paper out in mid receipt", "new roll"):
            self._paper_ends_soon = action == "paper out in mid receipt"
        return True

    def state(self) -> dict[str, Any]:
        printer, hanging = self._printer.state(), self._printer.current
        if printer["paper"] == "out":
            self._paper_ends_soon = False
        return {
            "printer": printer,
            "paper_ends_soon": self._paper_ends_soon,
            "network": "cut" if self._cable.is_cut else "connected",
            "scanner": "plugged in" if self._scanner_is_plugged else "unplugged",
            "hanging": _shown(hanging, f"hanging-{len(hanging.printed)}") if hanging.printed else None,
            "receipts": [_shown(one, _name(one)) for one in self._printer.receipts[: -SHOWN - 1 : -1]],
            "cards": self._cards,
            "till": f"http://127.0.0.1:{self._till_port}",
            "office": self._office,
        }

    def _app(self) -> FastAPI:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        @app.middleware("http")
        async def only_this_page(request: Request, call_next: Any) -> Any:
            """Another site's page may not work these buttons."""
            host = request.headers.get("host", "").rsplit(":", 1)[0]
            origin = request.headers.get("origin", "")
            is_ours = not origin or re.fullmatch(rf"http://(127\.0\.0\.1|localhost):{self.port}", origin)
            is_json = request.method != "POST" or request.headers.get("content-type", "") == "application/json"
            if host not in ("127.0.0.1", "localhost") or not is_ours or not is_json:
                return JSONResponse({"message": "Only this machine's own page may do that."}, 403)
            answer = await call_next(request)
            answer.headers["Content-Security-Policy"] = "default-src 'self'"
            answer.headers["Cache-Control"] = "no-store"
            return answer

        @app.get("/state")
        def state() -> dict[str, Any]:
            return self.state()

        @app.post("/do")
        async def do(request: Request) -> JSONResponse:
            asked = await request.json()
            done = isinstance(asked, dict) and self.act(str(asked.get("action")), str(asked.get("value", "")))
            return JSONResponse({"done": done}, 200 if done else 404)

        @app.get("/paper/{name}.png")
        def paper(name: str) -> Response:
            pieces = {_name(one): one for one in self._printer.receipts}
            piece = self._printer.current if name.startswith("hanging-") else pieces.get(name)
            return Response(piece.png(), media_type="image/png") if piece else Response(status_code=404)

        page = files("pos_plugin").joinpath("demo/page")
        app.mount("/", StaticFiles(directory=str(page), html=True))
        return app


def _name(piece: PrintedReceipt) -> str:
    """Names a piece of paper by the moment it was cut; unlike a place in the list, that stays the same."""
    return f"{piece.printed_at_s * 1e6:.0f}"


def _shown(piece: PrintedReceipt, name: str) -> dict[str, Any]:
    return {"picture": f"/paper/{name}.png", "lines": [line.strip() for line in piece.lines if line.strip()]}


def _misread(card: str) -> str:
    """The card with a check digit that is wrong, as a scratched one is read."""
    return card[:-1] + str((int(card[-1]) + 1) % 10)
