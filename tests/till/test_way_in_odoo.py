"""Odoo's point of sale prints, opens the drawer and hears the scanner through the till, in the words of its own sources."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageOps

from drivers.simulated.drawing import MARGIN_DOTS
from drivers.simulated.printer import SimulatedPrinter
from drivers.verdict import unknown
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, DoorSettings
from pos_plugin.members.joining import join
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.odoo import Odoo
from pos_plugin.ways_in.odoo import proxy as proxy_module
from tests.waiting import LONG_S

CARD, ITEM, OTHER_ITEM = "2900000000018", "4006381333931", "5901234123457"
SHOP = "https://shop.odoo.com"


class Shop:
    """A till with a simulated printer, and Odoo's browser before its door."""

    def __init__(self, folder: Path, far: SimulatedPrinter, *, width_columns: int = 42, **waits: float) -> None:
        self.far = far
        self.now = datetime.fromisoformat("2026-11-21T17:05:00+00:00")
        store = Store.create(folder)
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        printer = {"address": f"tcp://127.0.0.1:{far.serve_tcp()}", "width_columns": width_columns}
        config = Config.model_validate({"printer": printer})
        self.terminal = Terminal(store, config, clock=lambda: self.now)
        join(self.terminal.checkout, CARD)
        self.terminal.start()
        self.odoo = Odoo(self.terminal, **waits)
        self.server = WebServer(
            Door(self.odoo, DoorSettings(origins=[SHOP])), 0, "127.0.0.1", name="odoo", let_go=self.odoo.let_go
        ).start()
        self.browser = self.new_browser()
        self._numbers = itertools.count()

    def new_browser(self) -> httpx.Client:
        """Each of whoever asks at the same time has one: threads that share a client's connections may lose one of them."""
        origin = {"Origin": SHOP}
        return httpx.Client(base_url=self.server.url, headers=origin, timeout=LONG_S, trust_env=False, verify=False)

    def rpc(self, path: str, params: dict[str, Any] | None = None, browser: httpx.Client | None = None) -> Any:
        """As rpc.js of versions 14 to 19 sends it: {id, jsonrpc, method: "call", params}."""
        number = next(self._numbers)
        body = {"id": number, "jsonrpc": "2.0", "method": "call", "params": params or {}}
        answer = (browser or self.browser).post(
            path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] == SHOP
        said = answer.json()
        assert (said.pop("jsonrpc"), said.pop("id")) == ("2.0", number)
        return said

    def print(self, receipt: str) -> Any:
        """hw_printer.js: sendPrintingJob(img)."""
        return self.rpc("/hw_proxy/default_printer_action", {"data": {"action": "print_receipt", "receipt": receipt}})

    def polls(self, path: str, params: dict[str, Any] | None = None) -> Poll:
        return Poll(self, path, params)

    def until(self, claim: Callable[[], bool]) -> None:
        """Looks again after each thing that happened, and now and then."""
        give_up, seen = time.monotonic() + LONG_S, self.terminal.events.number
        while not claim():
            assert time.monotonic() < give_up, "waited in vain"
            self.terminal.events.after(seen, 0.01)
            seen = self.terminal.events.number

    def close(self) -> None:
        self.browser.close()
        self.server.stop()
        self.terminal.close()


class Poll:
    """A request that stays open, asked from a thread of its own."""

    def __init__(self, shop: Shop, path: str, params: dict[str, Any] | None) -> None:
        self.said: Any = None
        self._thread = threading.Thread(target=self._ask, args=(shop, path, params))
        self._thread.start()

    def _ask(self, shop: Shop, path: str, params: dict[str, Any] | None) -> None:
        with contextlib.suppress(httpx.HTTPError), shop.new_browser() as browser:
            self.said = shop.rpc(path, params, browser)

    def answer(self) -> Any:
        self._thread.join(LONG_S)
        assert not self._thread.is_alive(), "no answer"
        return self.said["result"]


@pytest.fixture
def far() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter(width_dots=504) as one:
        yield one


@pytest.fixture
def shop(tmp_path: Path, far: SimulatedPrinter, request: pytest.FixtureRequest) -> Iterator[Shop]:
    made = Shop(tmp_path / "till", far, **getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """For what leaves nothing behind: nothing is on its paper in the end, and its drawer is shut."""
    with SimulatedPrinter(width_dots=504) as far:
        made = Shop(tmp_path_factory.mktemp("counter") / "till", far)
        yield made
        made.close()
        assert (far.printed_total, far.drawer_kicks) == (0, 0)


def receipt(width: int = 512, height: int = 700) -> Image.Image:
    """What Odoo draws: black letters on white, at 512 pixels (point_of_sale's .pos-receipt-print)."""
    drawn = Image.new("L", (width, height), "white")
    pen = ImageDraw.Draw(drawn)
    for row in range(20, height - 20, 40):
        pen.text((30, row), f"Espresso {row}", fill="black", font_size=24)
        pen.text((width - 120, row), "2,50", fill="black", font_size=24)
    pen.line((20, height - 10, width - 20, height - 10), fill="black", width=3)
    return drawn


def jpeg(picture: Image.Image) -> str:
    """canvas.toDataURL("image/jpeg") without its beginning, as base_printer.js does; 0.92 is the browsers' quality."""
    return _file(picture, "JPEG", quality=92)


def _file(picture: Image.Image, kind: str, **how: Any) -> str:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return base64.b64encode(out.getvalue()).decode()


def ink(picture: Image.Image) -> Image.Image:
    """The black of a picture, without the white around it."""
    dots = picture.convert("L").point(lambda level: 0 if level < 128 else 255)
    box = ImageChops.invert(dots).getbbox()
    assert box is not None
    return dots.crop(box)


def on_paper(far: SimulatedPrinter) -> Image.Image:
    """The one receipt that was printed, without what is drawn around it."""
    (paper,) = far.receipts
    assert paper.was_cut
    drawn = Image.open(io.BytesIO(paper.png())).convert("L")
    return ImageOps.crop(drawn, MARGIN_DOTS)


# -- connecting, as hardware_proxy_service.js does


def test_it_is_found_and_shakes_hands(counter: Shop) -> None:
    hello = counter.browser.get("/hw_proxy/hello")
    assert (hello.status_code, hello.text) == (200, "ping")
    assert hello.headers["access-control-allow-origin"] == SHOP
    assert counter.rpc("/hw_proxy/handshake") == {"result": True}
    assert "in place of an IoT box" in counter.browser.get("/").text


def test_a_browser_is_let_in_by_its_preflight(counter: Shop) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    said = counter.browser.options("/hw_proxy/handshake", headers=asked)
    assert said.status_code == 204
    assert said.headers["access-control-allow-origin"] == SHOP
    assert "content-type" in said.headers["access-control-allow-headers"]


@pytest.mark.slow
def test_the_state_of_the_devices_is_told_in_odoos_form(shop: Shop, far: SimulatedPrinter) -> None:
    status = shop.rpc("/hw_proxy/status_json")["result"]
    assert status["printer"] == {"status": "connected", "messages": ""}
    assert status["scanner"] == {"status": "disconnected", "messages": "This till reads no scanner."}
    assert status["scale"] == {"status": "disconnected", "messages": "There is no scale here."}
    far.paper_out()
    shop.until(lambda: shop.terminal.printer.spooler is not None and bool(shop.terminal.printer.spooler.trouble))
    status = shop.rpc("/hw_proxy/status_json")["result"]
    assert status["printer"] == {"status": "disconnected", "messages": "The paper is out. Put in a new roll."}


# -- printing


def test_a_receipt_is_on_paper_dot_for_dot(shop: Shop, far: SimulatedPrinter) -> None:
    drawn = receipt()
    assert shop.print(_file(drawn, "PNG")) == {"result": True}
    wanted, found = ink(drawn), ink(on_paper(far))
    assert found.size == wanted.size
    assert ImageChops.difference(found, wanted).getbbox() is None


def test_a_jpeg_is_on_paper_but_for_the_edges_of_its_letters(shop: Shop, far: SimulatedPrinter) -> None:
    drawn = receipt()
    assert shop.print(jpeg(drawn)) == {"result": True}
    wanted, found = ink(drawn), ink(on_paper(far))
    assert abs(found.width - wanted.width) <= 2
    other = ImageChops.difference(found.resize(wanted.size), wanted).histogram()[255]
    assert other < 0.01 * wanted.width * wanted.height


def test_on_narrow_paper_it_is_made_to_fit(tmp_path: Path) -> None:
    with SimulatedPrinter(width_dots=384) as far:
        shop = Shop(tmp_path / "till", far, width_columns=32)
        shop.print(jpeg(receipt()))
        shop.close()
        paper, drawn = on_paper(far), ink(receipt())
        assert paper.width == 384
        assert 382 <= ink(paper).width <= 384  # it has lost its white sides, and is as wide as the paper
        assert abs(ink(paper).height - drawn.height * 384 // drawn.width) <= 3


def test_on_wide_paper_it_stands_in_the_middle_as_large_as_it_was(tmp_path: Path) -> None:
    with SimulatedPrinter(width_dots=576) as far:
        shop = Shop(tmp_path / "till", far, width_columns=48)
        shop.print(_file(receipt(height=200), "PNG"))
        shop.close()
        left, _, right, _ = ImageOps.invert(on_paper(far)).getbbox() or (0, 0, 0, 0)
        assert (left, right) == (32 + 20, 32 + 512 - 19)  # 20 and 19 are white in the picture itself, 32 beside it


def test_the_drawer_opens(shop: Shop, far: SimulatedPrinter) -> None:
    data = {"data": {"action": "cashbox"}}  # hw_printer.js: openCashbox()
    assert shop.rpc("/hw_proxy/default_printer_action", data) == {"result": True}
    assert far.wait_until(lambda: far.drawer_kicks == 1)


def test_without_paper_it_says_so_and_prints_nothing_later(shop: Shop, far: SimulatedPrinter) -> None:
    far.paper_out()
    assert shop.print(jpeg(receipt())) == {"result": False}
    far.load_paper()
    assert shop.print(jpeg(receipt(height=300))) == {"result": True}
    assert len(far.receipts) == 1


def test_what_may_be_on_paper_is_not_offered_again(counter: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        counter.terminal.printer, "print_for_host", lambda data: unknown("silent", "It stopped answering.")
    )
    assert counter.print(jpeg(receipt())) == {"result": True}


def test_without_a_printer_nothing_is_claimed(
    tmp_path: Path, far: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "till", far)
    monkeypatch.setattr(shop.terminal.printer, "spooler", None)
    assert shop.print(jpeg(receipt())) == {"result": False}
    assert shop.rpc("/hw_proxy/default_printer_action", {"data": {"action": "cashbox"}}) == {"result": False}
    assert shop.rpc("/hw_proxy/status_json")["result"]["printer"]["messages"] == "This till has no printer (till.toml)."
    monkeypatch.undo()  # the spooler closes its connection
    shop.close()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (lambda: "not base64!", "not base64"),
        (lambda: base64.b64encode(b"GIF89a nonsense").decode(), "not a JPEG or PNG"),
        (lambda: _file(receipt(), "GIF"), "not a JPEG or PNG"),
        (lambda: _file(receipt(), "PNG")[:2000], "not a JPEG or PNG"),
        (lambda: _file(Image.new("1", (5000, 5000)), "PNG"), "5,000 by 5,000 dots"),
        (lambda: _file(Image.new("L", (100, 20_000), "white"), "PNG"), "too long"),
        (lambda: None, "no receipt"),
        (lambda: {"a": 1}, "no receipt"),
    ],
)
def test_what_is_no_receipt_is_refused_in_a_sentence(counter: Shop, sent: Any, told: str) -> None:
    error = counter.print(sent())["error"]
    assert told in error["message"]
    assert "Nothing was printed" in error["message"] or "no receipt" in told
    assert error["data"]["name"]  # makeErrorFromResponse in rpc.js reads it


@pytest.mark.parametrize(
    ("path", "params", "told"),
    [
        ("/hw_proxy/print_xml_receipt", {"receipt": "<receipt/>"}, "before version 13"),
        ("/hw_proxy/scale_read", {}, "no scale"),
        ("/hw_proxy/customer_facing_display", {"html": ""}, "not answered here"),
        ("/hw_proxy/default_printer_action", {}, "has no data"),
        ("/hw_proxy/default_printer_action", {"data": {"action": "dance"}}, "print_receipt and cashbox"),
        ("/iot_drivers/event", {"listener": {"session_id": 1}}, "names its session"),
        ("/iot_drivers/action", {"session_id": "s", "device_identifier": "scale", "data": {}}, "no such device"),
        ("/hw_drivers/action", {"session_id": "s", "device_identifier": "printer", "data": "{"}, "has no data"),
    ],
)
def test_what_is_not_there_is_said_so(counter: Shop, path: str, params: dict[str, Any], told: str) -> None:
    assert told in counter.rpc(path, params)["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"params": []}', b'{"id": {}}'])
def test_nonsense_is_refused(counter: Shop, body: bytes) -> None:
    said = counter.browser.post("/hw_proxy/handshake", content=body, headers={"Content-Type": "application/json"})
    assert (said.status_code, said.text) == (400, "The request is no JSON-RPC. Nothing was done with it.")


def test_what_acts_is_asked_with_post_only(counter: Shop) -> None:
    for path in ("/hw_proxy/default_printer_action", "/hw_proxy/open_cashbox", "/hw_proxy/scanner"):
        assert counter.browser.get(path).status_code == 405


def test_receipts_beyond_those_that_may_wait_are_refused(counter: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_module, "MOST_PRINTS", 0)
    assert "Too many receipts" in counter.print(jpeg(receipt()))["error"]["message"]


def test_what_a_till_logs_is_taken_and_not_kept(counter: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert counter.rpc("/hw_proxy/log", {"arguments": ["Ms Doe paid"]}) == {"result": None}
    assert "Doe" not in caplog.text


# -- the scanner, as barcode_reader_service.js waits for it


def test_an_item_that_is_read_goes_to_odoo(counter: Shop) -> None:
    waiting = counter.polls("/hw_proxy/scanner")
    counter.until(lambda: bool(counter.odoo.polls.waiting))
    counter.terminal.scanned(ITEM, device="hand scanner")
    assert waiting.answer() == ITEM


def test_a_members_card_stays_here(counter: Shop) -> None:
    waiting = counter.polls("/hw_proxy/scanner")
    counter.until(lambda: bool(counter.odoo.polls.waiting))
    assert counter.terminal.scanned(CARD, device="hand scanner").kind == "member"
    counter.terminal.scanned(ITEM, device="hand scanner")
    assert waiting.answer() == ITEM
    assert CARD not in json.dumps(counter.rpc("/iot_drivers/event", listener("scanner"))["result"])


def listener(device: str, *, after: float = 0, session: str = "5f2b") -> dict[str, Any]:
    """longpolling.js: startPolling(); what a callback is, JSON leaves out."""
    devices = {device: {"listener_id": "listener-1", "device_identifier": device}}
    return {"listener": {"last_event": after, "devices": devices, "session_id": session, "abortController": {}}}


@pytest.mark.parametrize("shop", [{"scanner_s": 0.0}], indirect=True)
def test_what_was_read_while_nobody_waited_is_given_for_five_seconds(shop: Shop) -> None:
    assert shop.rpc("/hw_proxy/scanner") == {"result": ""}
    for old, item in ((6, ITEM), (4, OTHER_ITEM)):
        shop.terminal.scanned(item)
        shop.until(lambda: shop.odoo.polls.has_seen == shop.terminal.scans[-1].number)
        shop.now += timedelta(seconds=old)
        wanted = item if old < 5 else ""
        assert shop.rpc("/hw_proxy/scanner") == {"result": wanted}
    assert shop.rpc("/hw_proxy/scanner") == {"result": ""}


def test_of_two_that_wait_the_last_to_ask_gets_the_item(counter: Shop) -> None:
    first = counter.polls("/hw_proxy/scanner")
    counter.until(lambda: counter.odoo.polls.waiting == 1)
    second = counter.polls("/hw_proxy/scanner")
    counter.until(lambda: counter.odoo.polls.waiting == 2)
    counter.terminal.scanned(ITEM)
    assert second.answer() == ITEM
    counter.terminal.scanned(OTHER_ITEM)
    assert first.answer() == OTHER_ITEM


def test_one_that_has_left_takes_no_item_away(counter: Shop) -> None:
    """Odoo 14 gives each wait up after 7.5 s and asks again."""
    body = b'{"params": {}}'
    with socket.create_connection(("127.0.0.1", counter.server.port)) as leaving:
        head = f"POST /hw_proxy/scanner HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        leaving.sendall(head.encode() + body)
        counter.until(lambda: counter.odoo.polls.waiting == 1)
    counter.until(lambda: counter.odoo.polls.waiting == 0)
    waiting = counter.polls("/hw_proxy/scanner")
    counter.until(lambda: counter.odoo.polls.waiting == 1)
    counter.terminal.scanned(ITEM)
    assert waiting.answer() == ITEM


def test_waits_end_when_the_till_stops(shop: Shop) -> None:
    waits = [shop.polls("/hw_proxy/scanner"), shop.polls("/iot_drivers/event", listener("scanner"))]
    shop.until(lambda: shop.odoo.polls.waiting == 2)
    threads = threading.active_count()
    shop.server.stop()
    assert [wait.answer() for wait in waits] == ["", None]
    assert threading.active_count() < threads


def test_those_who_wait_are_counted_and_cost_no_threads(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from pos_plugin.ways_in.odoo import polls as polls_module

    monkeypatch.setattr(polls_module, "MOST_WAITING", 2)
    before = {thread.name for thread in threading.enumerate()}
    oldest = shop.polls("/hw_proxy/scanner")
    shop.until(lambda: shop.odoo.polls.waiting == 1)
    others = [shop.polls("/hw_proxy/scanner") for _ in range(2)]
    assert oldest.answer() == ""
    assert {thread.name for thread in threading.enumerate() if "AnyIO" in thread.name} <= before
    shop.odoo.let_go()
    assert [other.answer() for other in others] == ["", ""]


# -- the protocol of IoT boxes


def test_a_listener_hears_of_every_item_once(counter: Shop) -> None:
    counter.now += timedelta(minutes=1)  # nothing is fresh any more
    waiting = counter.polls("/hw_drivers/event", listener("scanner"))
    counter.until(lambda: counter.odoo.polls.waiting == 1)
    counter.terminal.scanned(ITEM)
    event = waiting.answer()
    assert (event["session_id"], event["device_identifier"], event["value"]) == ("5f2b", "scanner", ITEM)
    waiting = counter.polls("/hw_drivers/event", listener("scanner", after=event["time"]))
    counter.until(lambda: counter.odoo.polls.waiting == 1)
    counter.terminal.scanned(OTHER_ITEM)
    assert waiting.answer()["value"] == OTHER_ITEM


def test_a_session_that_asks_again_ends_its_earlier_wait(counter: Shop) -> None:
    counter.now += timedelta(minutes=1)  # nothing is fresh any more
    first = counter.polls("/hw_drivers/event", listener("scanner"))
    counter.until(lambda: counter.odoo.polls.waiting == 1)
    second = counter.polls("/hw_drivers/event", listener("scanner"))
    assert first.answer() is None
    counter.terminal.scanned(ITEM)
    assert second.answer()["value"] == ITEM


@pytest.mark.parametrize("shop", [{"event_s": 0.0}], indirect=True)
def test_a_receipt_is_printed_once_under_one_id(shop: Shop, far: SimulatedPrinter) -> None:
    data = {"action": "print_receipt", "receipt": jpeg(receipt(height=200)), "iot_idempotent_id": "7"}
    asked = {"session_id": "5f2b", "device_identifier": "printer", "data": json.dumps(data)}
    assert shop.rpc("/hw_drivers/action", asked) == {"result": True}  # up to Odoo 18, where data is a string
    asked = {**asked, "data": {**data, "action_unique_id": "7"}}
    assert shop.rpc("/iot_drivers/action", asked)["result"]["status"] == "duplicate"
    assert len(far.receipts) == 1
    event = shop.rpc("/iot_drivers/event", listener("printer"))["result"]
    assert (event["status"], event["owner"], event["device_identifier"]) == ("success", "5f2b", "printer")
    far.paper_out()
    shop.until(lambda: shop.terminal.printer.spooler is not None and bool(shop.terminal.printer.spooler.trouble))
    asked = {**asked, "data": {**data, "action_unique_id": "8", "iot_idempotent_id": ""}}
    assert shop.rpc("/iot_drivers/action", asked)["result"]["status"] == "error"
    assert (
        shop.rpc("/iot_drivers/action", asked)["result"]["status"] == "error"
    )  # nothing came out, so it may be asked again
    event = shop.rpc("/iot_drivers/event", listener("printer", after=event["time"]))["result"]
    assert event["status"] == "error"


# -- who may ask


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://shop.odoo.com", f"{SHOP}.evil.example"])
def test_another_web_page_is_refused(counter: Shop, origin: str) -> None:
    for method in ("OPTIONS", "POST"):
        said = counter.browser.request(
            method, "/hw_proxy/open_cashbox", json={"params": {}}, headers={"Origin": origin}
        )
        assert said.status_code == 403
        assert "access-control-allow-origin" not in said.headers
