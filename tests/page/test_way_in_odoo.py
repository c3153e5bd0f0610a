"""A page of another origin in a real Chromium asks the till as Odoo's page does: found, let in by the preflight, printed."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Error, Page

from drivers.simulated.drawing import MARGIN_DOTS
from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, DoorSettings
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.odoo import Odoo
from tests import chromium

pytestmark = pytest.mark.browser

# As hardware_proxy_service.js looks for a box, before October 2025 and since; then JSON-RPC as in rpc.js, and a canvas as in
# base_printer.js.
HELLO = "async (url) => (await fetch(`${url}/hw_proxy/hello`).catch(() => ({}))).ok === true"
HELLO_LOCAL = """async (url) =>
    (await fetch(`${url}/hw_proxy/hello`, {targetAddressSpace: "local"}).catch(() => ({}))).ok === true"""
RPC = """async ([url, params]) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    xhr.setRequestHeader("Content-Type", "application/json");
    return await new Promise((done, failed) => {
        xhr.onload = () => done(JSON.parse(xhr.response));
        xhr.onerror = () => failed(new Error("no connection"));
        xhr.send(JSON.stringify({id: 3, jsonrpc: "2.0", method: "call", params}));
    });
}"""
RECEIPT = """() => {
    const canvas = document.createElement("canvas");
    canvas.width = 512;
    canvas.height = 400;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, 512, 400);
    pen.fillStyle = "#000000";
    pen.fillRect(56, 100, 400, 40);
    return canvas.toDataURL("image/jpeg").replace("data:image/jpeg;base64,", "");
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Odoo's server, as far as its page goes."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html><title>Point of sale</title>")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "site"))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context()
    one = context.new_page()
    one.goto(site)
    yield one
    context.close()


@contextlib.contextmanager
def till(folder: Path, far: SimulatedPrinter) -> Iterator[Odoo]:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    config = Config.model_validate({"printer": {"address": f"tcp://127.0.0.1:{far.serve_tcp()}"}})
    with Terminal(store, config) as terminal:
        terminal.start()
        yield Odoo(terminal)


def served(odoo: Odoo, origin: str) -> WebServer:
    return WebServer(Door(odoo, DoorSettings(origins=[origin])), 0, "127.0.0.1", let_go=odoo.let_go)


def test_a_receipt_drawn_by_the_browser_is_on_paper(page: Page, site: str, tmp_path: Path) -> None:
    with SimulatedPrinter(width_dots=504) as far, till(tmp_path / "till", far) as odoo:
        with served(odoo, site) as server:
            url = f"http://localhost:{server.port}"
            assert page.evaluate(HELLO, url)
            said = page.evaluate(RPC, [f"{url}/hw_proxy/handshake", {}])
            assert said == {"jsonrpc": "2.0", "id": 3, "result": True}
            data = {"action": "print_receipt", "receipt": page.evaluate(RECEIPT)}
            said = page.evaluate(RPC, [f"{url}/hw_proxy/default_printer_action", {"data": data}])
            assert said["result"] is True
            said = page.evaluate(RPC, [f"{url}/hw_proxy/default_printer_action", {"data": {"action": "cashbox"}}])
            assert said["result"] is True
        with served(odoo, "https://shop.odoo.com") as server:
            url = f"http://localhost:{server.port}"
            assert not page.evaluate(HELLO, url)
            with pytest.raises(Error, match="no connection"):
                page.evaluate(RPC, [f"{url}/hw_proxy/open_cashbox", {}])
        assert far.wait_until(lambda: far.drawer_kicks == 1)  # told last, so the paper is out
        (paper,) = far.receipts
        assert paper.was_cut
        drawn = ImageOps.crop(Image.open(io.BytesIO(paper.png())).convert("L"), MARGIN_DOTS)
        black = ImageOps.invert(drawn.point(lambda level: 0 if level < 128 else 255)).getbbox()
        assert black == (52, 100, 452, 140)  # 512 dots lose 4 on each side of paper for 504


def test_a_page_of_the_internet_reaches_it_in_the_shops_network(browser: Browser, site: str, tmp_path: Path) -> None:
    """Chrome's Local Network Access, with the permission that a person gives; the addresses are what the test says they are."""
    with (
        SimulatedPrinter() as far,
        till(tmp_path / "till", far) as odoo,
        served(odoo, site) as server,
        browser.browser_type.launch(
            executable_path=chromium.found(),
            args=[
                "--no-sandbox",
                f"--ip-address-space-overrides={site.removeprefix('http://')}=public,127.0.0.1:{server.port}=local",
            ],
        ) as asking,
    ):
        allowed, refused = asking.new_context(), asking.new_context()
        allowed.grant_permissions(["local-network-access"])
        found = []
        for context in (allowed, refused):
            page = context.new_page()
            page.goto(site)
            found.append(page.evaluate(HELLO_LOCAL, f"http://127.0.0.1:{server.port}"))
            if found[-1]:
                said = page.evaluate(RPC, [f"http://127.0.0.1:{server.port}/hw_proxy/handshake", {}])
                assert said["result"] is True
            context.close()
        assert found == [True, False]
