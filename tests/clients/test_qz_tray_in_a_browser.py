"""The same in a real browser: a page of the shop prints, a page of anybody else does not, and the till goes on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from drivers.simulated.printer import SimulatedPrinter
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, PrinterSettings, QzSettings
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in import qz
from pos_plugin.ways_in.door import Door
from tests import chromium

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium.found(), args=chromium.ARGUMENTS)
        yield one
        one.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, node_modules: Path) -> Iterator[int]:
    """The port of a web site with the page and npm's qz-tray.js, unchanged."""
    (tmp_path / "site").mkdir()
    shutil.copy(HERE / "qz_page.html", tmp_path / "site")
    shutil.copy(node_modules / "node_modules" / "qz-tray" / "qz-tray.js", tmp_path / "site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_page_of_the_shop_prints_and_another_is_not_let_in(browser: Browser, site: int, tmp_path: Path) -> None:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    ours, other = f"http://127.0.0.1:{site}", f"http://localhost:{site}"
    with SimulatedPrinter() as printer:
        config = Config(
            printer=PrinterSettings(address=f"tcp://127.0.0.1:{printer.serve_tcp()}"), qz=QzSettings(origins=[ours])
        )
        with (
            Terminal(store, config) as terminal,
            WebServer(Door(qz.app(terminal), config.qz), 0, "127.0.0.1", sockets=True) as door,
        ):
            terminal.start()
            page = browser.new_page()
            page.goto(f"{ours}/qz_page.html?port={door.port}")
            assert page.evaluate("sell('Tea 2.50')") == "Loyalty till printer"
            page.goto(f"{other}/qz_page.html?port={door.port}")
            with pytest.raises(Error, match="Unable to establish connection with QZ Tray"):
                page.evaluate("sell('Stolen paper')")
            page.goto(f"{ours}/qz_page.html?port={door.port}")
            assert page.evaluate("sell('Cake 3.00')") == "Loyalty till printer"
            page.close()
        printed = [line.strip() for receipt in printer.receipts for line in receipt.lines if line.strip()]
        assert printed == ["Tea 2.50", "Cake 3.00"]
