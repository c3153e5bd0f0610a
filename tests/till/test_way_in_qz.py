"""The door for pages that print through QZ Tray: who comes in, what they are told, what is printed, and what bounds there are.

The other end is a WebSocket library. That npm qz-tray itself prints is proven in tests/clients, and in a browser in tests/page.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from drivers.simulated.printer import SimulatedPrinter
from drivers.status import PrinterStatus
from drivers.verdict import Outcome, Verdict, not_printed, unknown
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, PrinterSettings, QzSettings
from pos_plugin.serving import server as serve
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in import qz
from pos_plugin.ways_in.door import Door
from pos_plugin.ways_in.doors import open_doors
from pos_plugin.ways_in.qz.sockets import MESSAGES, SOCKETS, WAITING
from tests.waiting import until

HOUR = datetime.timedelta(hours=1)
SHOP = "https://till.example"
OURS = {"name": "Loyalty till printer"}
PAPER_OUT = not_printed("paper_out", "The paper is out. Put in a new roll.")
STALLED = unknown("stalled", "The printer took no more.")


class HeldPrinter:
    """A printer that holds each job until it is let go on; then it prints, or says `verdicts`, one after the other."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.jobs: list[bytes] = []
        self.verdicts: list[Verdict] = []
        self.now = PrinterStatus(True, "ok", False, "")

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        self.has_begun.set()
        assert self.may_end.wait(20)
        self.jobs.append(data)
        return self.verdicts.pop(0) if self.verdicts else Verdict(Outcome.PRINTED)

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        return self.now

    hear = status

    def close(self) -> None:
        pass


def new_store(folder: Path) -> Store:
    store = Store.create(folder)
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path / "till")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Terminal, HeldPrinter, WebServer]]:
    """One till with its door for all pages here: whatever one of them did, the next is served."""
    config = Config(printer=PrinterSettings(address="tcp://192.168.1.50:9100"), qz=QzSettings(origins=[SHOP]))
    printer = HeldPrinter()
    with Terminal(new_store(tmp_path_factory.mktemp("qz") / "till"), config) as terminal:
        terminal.start(printer)  # type: ignore[arg-type]
        with opened(terminal) as door:
            yield terminal, printer, door
        printer.may_end.set()


def opened(terminal: Terminal, **how: Any) -> WebServer:
    return WebServer(Door(qz.app(terminal), terminal.config.qz), 0, "127.0.0.1", sockets=True, **how)


@pytest.fixture
def terminal(shared: tuple[Terminal, HeldPrinter, WebServer]) -> Terminal:
    return shared[0]


@pytest.fixture
def printer(shared: tuple[Terminal, HeldPrinter, WebServer]) -> Iterator[HeldPrinter]:
    printer = shared[1]
    printer.forget()
    yield printer
    printer.may_end.set()


@pytest.fixture
def door(shared: tuple[Terminal, HeldPrinter, WebServer]) -> WebServer:
    return shared[2]


class Page:
    """One page of the shop's till."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0

    def send(self, call: str, params: Any = None, **more: Any) -> str:
        self.number += 1
        uid = f"uid{self.number:03}"
        said = {"call": call, "params": params, "timestamp": 1763800000000, "position": {"x": 960, "y": 540}}
        self.socket.send(json.dumps({**said, "uid": uid, "signature": "", "signAlgorithm": "SHA512", **more}))
        return uid

    def hear(self) -> dict[str, Any]:
        return json.loads(self.socket.recv(10))

    def ask(self, call: str, params: Any = None, **more: Any) -> dict[str, Any]:
        uid = self.send(call, params, **more)
        told = self.hear()
        assert told.pop("uid") == uid
        return told

    def print(self, *data: Any, **more: Any) -> dict[str, Any]:
        return self.ask("print", {"printer": OURS, "options": {"copies": 1}, "data": list(data)}, **more)

    def send_print(self, *data: Any) -> str:
        return self.send("print", {"printer": OURS, "options": {}, "data": list(data)})


@contextlib.contextmanager
def visit(door: WebServer, origin: str | None = SHOP, **how: Any) -> Iterator[Page]:
    url = door.url.replace("http", "ws")
    with connect(url, origin=origin, proxy=None, compression=None, close_timeout=0.5, **how) as socket:  # type: ignore[arg-type]
        yield Page(socket)


@pytest.fixture
def page(door: WebServer) -> Iterator[Page]:
    with visit(door) as page:
        yield page


# -- what a page does


def test_a_page_says_hello_as_qz_tray_expects_it(page: Page) -> None:
    assert page.ask("getVersion") == {"result": "2.2.6"}
    page.socket.send('{"certificate": null, "uid": "abc123", "timestamp": 1}')
    assert page.hear() == {"uid": "abc123", "result": None}
    page.socket.send("ping")  # it keeps the connection alive, and is not answered
    assert page.ask("printers.getDefault") == {"result": "Loyalty till printer"}


def test_a_certificate_and_signatures_are_taken_and_not_looked_at(page: Page, printer: HeldPrinter) -> None:
    page.socket.send('{"certificate": "-----BEGIN CERTIFICATE-----", "uid": "abc123"}')
    assert page.hear() == {"uid": "abc123", "result": None}
    assert page.print("Tea\n", signature="bm90IG9uZQ==") == {"result": None}
    assert printer.jobs == [b"Tea\n"]


@pytest.mark.parametrize("query", ["Loyalty till printer", "loyalty", "TILL", " printer "])
def test_a_page_finds_the_printer_by_its_name_or_a_part_of_it(page: Page, query: str) -> None:
    assert page.ask("printers.find", {"query": query}) == {"result": "Loyalty till printer"}
    assert page.ask("printers.find", {}) == {"result": ["Loyalty till printer"]}


@pytest.mark.parametrize("query", ["Zebra", "", 7])
def test_a_printer_that_is_not_here_is_not_found(page: Page, query: object) -> None:
    said = page.ask("printers.find", {"query": query})["error"]
    assert said.startswith("Specified printer could not be found.")
    assert "Loyalty till printer" in said


def test_the_shop_may_call_its_printer_what_the_tills_page_looks_for(store: Store) -> None:
    config = Config(qz=QzSettings(printer="EPSON TM-T20III"))
    with Terminal(store, config) as terminal, opened(terminal) as door, visit(door, None) as page:
        assert page.ask("printers.find", {"query": "epson"}) == {"result": "EPSON TM-T20III"}
        assert page.ask("printers.detail")["result"][0]["name"] == "EPSON TM-T20III"


def test_what_is_printed_is_what_the_page_sent(page: Page, printer: HeldPrinter) -> None:
    assert page.print("\x1b@Tea\n", {"type": "raw", "flavor": "base64", "data": "HVZCAA=="}) == {"result": None}
    assert printer.jobs == [b"\x1b@Tea\n\x1dVB\x00"]


def test_the_verdict_is_said_in_words_and_nothing_is_sent_twice(page: Page, printer: HeldPrinter) -> None:
    printer.verdicts = [PAPER_OUT, STALLED]
    assert page.print("Tea") == {"error": "The paper is out. Put in a new roll. Nothing was printed."}
    said = page.print("Tea")["error"]
    assert "Look at the paper: it may be printed in part or in full." in said
    assert printer.jobs == [b"Tea", b"Tea"]
    assert page.print("Tea") == {"result": None}


def test_a_till_without_a_printer_says_so(store: Store) -> None:
    with (
        Terminal(store, Config()) as terminal,
        opened(terminal) as door,
        visit(door, None) as page,
    ):
        assert page.print("Tea") == {"error": "This till has no printer (till.toml). Nothing was printed."}
        assert page.ask("printers.startListening", {"printerNames": [None]}) == {"result": None}
        page.send("printers.getStatus")
        assert json.loads(page.hear()["event"])["statusText"] == "NOT_AVAILABLE"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("serial.openPort", "opens no serial port"),
        ("usb.claimDevice", "opens no USB device"),
        ("hid.listDevices", "opens no USB device"),
        ("file.read", "reads and writes no file"),
        ("socket.open", "opens no connection"),
        ("printers.clearQueue", "Invalid function call"),
        ("x" * 10_000, "Invalid function call"),
        ("", "Invalid function call: NONE"),
    ],
)
def test_what_is_no_printing_is_refused_in_words(page: Page, call: str, words: str) -> None:
    said = page.ask(call, {"port": "/dev/ttyS0", "host": "192.168.1.1", "path": "/etc/passwd"})["error"]
    assert words in said
    assert len(said) < 200


def test_a_page_may_ask_which_machine_this_is(page: Page) -> None:
    host = socket.gethostname()
    assert page.ask("networking.hostname") == {"result": host}
    device = page.ask("networking.device", {"hostname": "google.com", "port": 443})["result"]
    assert (device["ip"], device["hostname"]) == ("127.0.0.1", host)
    assert page.ask("networking.devices")["result"] == [device]
    assert page.ask("websocket.getNetworkInfo") == {"result": {"ipAddress": "127.0.0.1", "macAddress": device["mac"]}}


# -- how the printer is


def status(told: dict[str, Any]) -> tuple[str, str]:
    assert told["type"] == "PRINTER"
    event = json.loads(told["event"])
    assert (event["printerName"], event["eventType"], event["type"]) == ("Loyalty till printer", "PRINTER", "ACTION")
    return event["statusText"], event["severity"]


def test_a_page_that_listens_hears_of_the_paper(page: Page, printer: HeldPrinter) -> None:
    assert page.ask("printers.startListening", {"printerNames": [None]}) == {"result": None}
    printer.now = PrinterStatus(False, "out", False, "")
    assert status(page.hear()) == ("PAPER_OUT", "FATAL")
    printer.now = PrinterStatus(True, "near end", False, "")
    assert status(page.hear()) == ("PAPER_PROBLEM", "WARN")
    uid = page.send("printers.getStatus")
    assert status(page.hear()) == ("PAPER_PROBLEM", "WARN")
    assert page.hear() == {"uid": uid, "result": None}
    assert page.ask("printers.stopListening") == {"result": None}
    assert "error" in page.ask("printers.getStatus")


def test_a_page_that_begins_to_listen_in_the_middle_of_trouble_hears_of_it(page: Page, printer: HeldPrinter) -> None:
    printer.now = PrinterStatus(False, "out", False, "")
    for _ in range(2):  # the first time the till may have to find it out yet
        assert page.ask("printers.startListening", {"printerNames": [None]}) == {"result": None}
        assert status(page.hear()) == ("PAPER_OUT", "FATAL")
        assert page.ask("printers.stopListening") == {"result": None}


def test_a_page_that_listens_twice_hears_everything_once(page: Page, printer: HeldPrinter) -> None:
    for _ in range(2):
        assert page.ask("printers.startListening", {"printerNames": ["Loyalty till printer"]}) == {"result": None}
    printer.now = PrinterStatus(False, "ok", True, "")
    assert status(page.hear()) == ("DOOR_OPEN", "WARN")
    assert page.ask("printers.stopListening") == {"result": None}


def test_a_page_listens_to_no_other_printer(page: Page) -> None:
    assert "could not be found" in page.ask("printers.startListening", {"printerNames": ["Zebra"]})["error"]
    assert "No printer listeners" in page.ask("printers.getStatus")["error"]


# -- who comes in


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://till.example.evil.example", "http://till.example"]
)
def test_a_page_of_another_web_site_is_not_let_in_and_the_till_goes_on(
    door: WebServer, printer: HeldPrinter, origin: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, visit(door, origin):
        pass
    assert refused.value.response.status_code == 403
    with visit(door) as page:
        assert page.print("Tea") == {"result": None}
    assert printer.jobs == [b"Tea"]


def test_a_foreign_name_for_this_machine_is_not_let_in(door: WebServer) -> None:
    wire = socket.create_connection(("127.0.0.1", door.port), 5)
    with wire, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://evil.example:{door.port}", sock=wire, proxy=None)
    assert refused.value.response.status_code == 403


def test_a_program_that_is_no_browser_comes_in_without_an_origin(door: WebServer) -> None:
    with visit(door, None) as page:
        assert page.print("Tea") == {"result": None}


def test_a_browser_that_looks_at_the_door_is_told_what_it_is(door: WebServer) -> None:
    answer = httpx.get(door.url, trust_env=False)
    assert answer.status_code == 426
    assert "WebSocket" in answer.text


def test_a_page_served_by_https_connects_by_wss(terminal: Terminal, tmp_path: Path) -> None:
    certificate = _certificate(tmp_path)
    server = opened(terminal, tls=certificate)
    trusting = ssl.create_default_context(cafile=certificate[0])
    with server as door, visit(door, ssl=trusting, server_hostname="localhost") as page:
        assert door.url.startswith("https://")
        assert page.print("Tea") == {"result": None}


def _certificate(folder: Path) -> tuple[str, str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, today - HOUR, today + 24 * HOUR)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "till.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "till.key").write_bytes(pem)
    return str(folder / "till.crt"), str(folder / "till.key")


# -- nonsense, and too much


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        b"\x00\x01\x02",
        "[" * 5000,
        "[]",
        "7",
        '{"call": "getVersion"}',
        '{"call": "getVersion", "uid": 7}',
        '{"call": "getVersion", "uid": ""}',
        json.dumps({"call": "getVersion", "uid": "u" * 65}),
    ],
    ids=lambda said: repr(said[:30]),
)
def test_nonsense_is_refused_and_the_page_stays_connected(page: Page, said: str | bytes) -> None:
    page.socket.send(said)
    told = page.hear()
    assert told["uid"] is None
    assert "Nothing was done" in told["error"]
    assert page.ask("getVersion") == {"result": "2.2.6"}


@pytest.mark.parametrize(
    "said", [{"call": 7}, {"call": "print", "params": [1]}, {"call": "print", "params": "all"}, {"call": None}]
)
def test_a_call_that_is_none_is_refused_under_its_uid(page: Page, said: dict[str, Any]) -> None:
    page.socket.send(json.dumps({**said, "uid": "abc123"}))
    assert page.hear() == {"uid": "abc123", "error": "The call is none of QZ Tray's. Nothing was done with it."}


def test_a_message_that_is_too_large_ends_the_connection_and_the_till_goes_on(door: WebServer) -> None:
    with visit(door) as page:
        with contextlib.suppress(ConnectionClosed):
            page.socket.send("x" * (serve.LARGEST_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            page.hear()
    with visit(door) as page:
        assert page.ask("getVersion") == {"result": "2.2.6"}


def test_a_page_that_never_stops_talking_is_sent_away(door: WebServer) -> None:
    with visit(door) as page:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(MESSAGES + 1):
                page.socket.send("ping")
        with pytest.raises(ConnectionClosed) as closed:
            page.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
    with visit(door) as page:
        assert page.ask("getVersion") == {"result": "2.2.6"}


def test_only_so_many_pages_are_connected_at_a_time(door: WebServer) -> None:
    with contextlib.ExitStack() as pages:
        connected = [pages.enter_context(visit(door)) for _ in range(SOCKETS)]
        assert connected[-1].ask("getVersion") == {"result": "2.2.6"}
        with pytest.raises(InvalidStatus), visit(door):
            pass
        connected[0].socket.close()
        assert connected[1].ask("getVersion") == {"result": "2.2.6"}
        pages.enter_context(visit(door))


def test_the_prints_of_a_page_wait_for_one_another_and_too_many_are_refused(page: Page, printer: HeldPrinter) -> None:
    printer.may_end.clear()
    first = page.send_print("0")
    assert printer.has_begun.wait(10)
    waiting = [page.send_print(str(number)) for number in range(1, WAITING + 1)]
    refused = page.hear() if page.send_print("too many") else {}
    assert "wait already" in refused["error"]
    printer.may_end.set()
    assert [page.hear()["uid"] for _ in range(WAITING + 1)] == [first, *waiting]
    assert printer.jobs == [str(number).encode() for number in range(WAITING + 1)]


def test_what_a_page_sent_before_it_went_away_is_printed(door: WebServer, printer: HeldPrinter) -> None:
    printer.may_end.clear()
    with visit(door) as page:
        for text in ("first", "second"):
            page.send_print(text)
        assert printer.has_begun.wait(10)
    printer.may_end.set()
    until(lambda: printer.jobs == [b"first", b"second"])


def test_a_page_that_is_cut_off_in_a_message_prints_nothing_of_it(door: WebServer, printer: HeldPrinter) -> None:
    with socket.create_connection(("127.0.0.1", door.port), 5) as wire:
        _shake_hands(wire, door.port)
        wire.sendall(bytes([0x81, 0xFE, 0x40, 0x00]) + os.urandom(4) + b"{half a message")
    with visit(door) as page:
        assert page.print("Tea") == {"result": None}
    assert printer.jobs == [b"Tea"]


def test_whoever_does_not_answer_a_ping_is_forgotten(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "PING_S", 0.05)
    with opened(terminal) as door, socket.create_connection(("127.0.0.1", door.port), 5) as wire:
        _shake_hands(wire, door.port)
        assert wire.recv(100)[0] == 0x89  # a ping
        while wire.recv(100):
            pass


# -- the end


def test_a_closing_till_lets_its_pages_go_whether_or_not_they_answer(terminal: Terminal) -> None:
    with opened(terminal) as door, contextlib.ExitStack() as pages:
        page = [pages.enter_context(visit(door)) for _ in range(5)][-1]
        assert page.ask("printers.startListening", {"printerNames": [None]}) == {"result": None}
        wire = pages.enter_context(socket.create_connection(("127.0.0.1", door.port), 5))
        _shake_hands(wire, door.port)  # and it never answers
        begun = time.monotonic()
        door.stop()
        assert time.monotonic() - begun < 5  # not as long as a page that never answers would have it
        with pytest.raises(ConnectionClosed) as closed:
            page.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012


def test_a_closing_till_does_not_wait_for_a_print_that_takes_long(
    terminal: Terminal, printer: HeldPrinter, caplog: pytest.LogCaptureFixture
) -> None:
    printer.may_end.clear()
    with opened(terminal) as door, visit(door) as page:
        for text in ("first", "second"):
            page.send_print(text)
        assert printer.has_begun.wait(10)
        begun = time.monotonic()
        door.stop()
        assert time.monotonic() - begun < 5  # of for ever
        with pytest.raises(ConnectionClosed):
            page.hear()
    printer.may_end.set()
    until(lambda: printer.jobs == [b"first"])  # what it had begun; the other was never begun, and is not printed later
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


def test_a_closing_till_waits_a_second_for_the_prints_of_a_page_that_is_gone(
    terminal: Terminal, printer: HeldPrinter
) -> None:
    printer.may_end.clear()
    with opened(terminal) as door:
        with visit(door) as page:
            for text in ("first", "second"):
                page.send_print(text)
            assert printer.has_begun.wait(10)
        begun = time.monotonic()
        door.stop()
        assert time.monotonic() - begun < 8  # of for ever
    printer.may_end.set()
    until(lambda: printer.jobs == [b"first"])


def _shake_hands(wire: socket.socket, port: int) -> None:
    wire.sendall(
        f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += wire.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")


# -- a real printer's language, over its wire


def test_a_receipt_comes_out_of_the_printer_and_a_missing_roll_is_said(store: Store) -> None:
    with SimulatedPrinter() as printer:
        config = Config(printer=PrinterSettings(address=f"tcp://127.0.0.1:{printer.serve_tcp()}"))
        with (
            Terminal(store, config) as terminal,
            opened(terminal) as door,
            visit(door, None) as page,
        ):
            terminal.start()
            assert page.print("\x1b@Tea 2.50\n\x1dVB\x00") == {"result": None}
            assert [[line for line in one.lines if line.strip()] for one in printer.receipts] == [["Tea 2.50"]]
            printer.paper_out()
            assert "Put in a new roll" in page.print("\x1b@Cake\n\x1dVB\x00")["error"]
            assert printer.printed_total == 1


def test_the_door_opens_with_the_till_where_its_port_is_set(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Terminal(store, Config(qz=QzSettings(port=port, origins=[SHOP]))) as terminal:
        [door] = open_doors(terminal)
        try:
            with visit(door) as page:
                assert page.ask("printers.find") == {"result": ["Loyalty till printer"]}
        finally:
            door.stop()
