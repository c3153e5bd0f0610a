"""A web till that prints to an Epson's address, and the printer that it does not know of.

The service is a real server on loopback, the printer the simulated one at the far end of a real socket.
"""

from __future__ import annotations

import re
import socket
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import httpx

from drivers.simulated.printer import PrintedReceipt, SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.doors import open_doors

NS = "http://www.epson-pos.com/schemas/2011/03/epos-print"
PATH = "/cgi-bin/epos/service.cgi"
PAGE = "https://shop.example"


class Response(NamedTuple):
    success: bool
    code: str
    status: int
    printjobid: str = ""

    def says(self, bit: int) -> bool:
        return bool(self.status & bit)


def response(text: str) -> Response:
    """As Epson's JavaScript reads it."""
    root = ET.fromstring(text)
    found = [one for one in root.iter() if one.tag.endswith("}response")]
    assert len(found) == 1
    given = found[0].attrib
    assert given["battery"] == "0"
    job = [one.text or "" for one in root.iter() if one.tag.endswith("}printjobid")]
    assert re.fullmatch("true|false", given["success"])
    return Response(given["success"] == "true", given["code"], int(given["status"]), "".join(job))


class EpsonTill:
    """A web till of another maker, the door that it knocks at, and the printer behind it."""

    def __init__(self, folder: Path, far: SimulatedPrinter, **config: object) -> None:
        self.far = far
        store = Store.create(folder)
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        address = f"tcp://127.0.0.1:{far.serve_tcp()}"
        printer = {"address": address, **config.pop("printer", {})}  # type: ignore[dict-item]
        self.terminal = Terminal(
            store,
            Config.model_validate({"printer": printer, "epos": {"port": _free_port(), "origins": [PAGE]}, **config}),
        )
        self.terminal.start()
        (self.door,) = open_doors(self.terminal)
        self.http = httpx.Client(base_url=self.door.url, timeout=20, trust_env=False)

    def close(self) -> None:
        self.http.close()
        self.door.stop()
        self.terminal.close()

    def post(self, body: str | bytes, query: str = "devid=local_printer&timeout=10000") -> Response:
        answer = self.http.post(f"{PATH}?{query}", content=body, headers={"Content-Type": "text/xml; charset=utf-8"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        return response(answer.text)

    def send(self, inside: str, job: str = "", **query: object) -> Response:
        """As Epson's JavaScript sends what its builder made."""
        header = (
            f'<s:Header><parameter xmlns="{NS}"><printjobid>{job}</printjobid></parameter></s:Header>' if job else ""
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
            f'{header}<s:Body><epos-print xmlns="{NS}">{inside}</epos-print></s:Body></s:Envelope>'
        )
        asked = {"devid": "local_printer", "timeout": 10000, **query}
        return self.post(body, "&".join(f"{key}={value}" for key, value in asked.items()))

    def paper(self, inside: str) -> PrintedReceipt:
        """What comes out of the printer for it."""
        before = self.far.printed_total
        assert self.send(inside + '<cut type="feed"/>').success
        assert self.far.printed_total == before + 1
        return self.far.receipts[-1]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
