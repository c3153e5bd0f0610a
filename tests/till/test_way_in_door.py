"""Who may come in where a protocol knows no keys, and that a door that cannot be opened leaves the till selling."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import Message, Receive, Scope, Send

from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.store import Store
from pos_plugin.config import Config, ConfigError, DoorSettings, read_config
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.door import BODY_WITHIN_S, CLIENTS, REQUESTS, REQUESTS_WITHIN_S, Door
from pos_plugin.ways_in.doors import open_doors

SHOP = "https://shop.odoo.com"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The protocol behind the door: says back what it was sent, or accepts a WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    body = (await receive())["body"]
    if body == b"break":
        raise RuntimeError("secret of a customer")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Visit:
    """One request at the door, in ASGI's own words; what came back is in `status`, `headers` and `text`."""

    def __init__(
        self,
        door: Door,
        *,
        client: str = "127.0.0.1",
        server: str = "127.0.0.1",
        method: str = "POST",
        kind: str = "http",
        body: Iterable[Message] = ({"type": "http.request", "body": b"hello"},),
        **headers: str,
    ) -> None:
        headers = {"host": "localhost:8069", **headers}
        self.scope: Scope = {
            "type": kind,
            "method": method,
            "path": "/",
            "client": (client, 50_000) if client else None,
            "server": (server, 8069) if server else None,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items() if value],
        }
        self._body = iter(body)
        self.sent: list[Message] = []
        asyncio.run(door(self.scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if self.scope["type"] == "websocket":
            return {"type": "websocket.connect"}
        for message in self._body:
            return message
        await asyncio.Event().wait()  # whoever sends it has stopped half-way
        raise AssertionError

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"] if self.sent else 0

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()


def door(clock: Callable[[], float] = lambda: 0.0, **how: Any) -> Door:
    chosen = {"origins": [SHOP], "clients": ["192.168.1.20", "10.1.0.0/16", "fd00::/8"], "names": ["till.shop.example"]}
    bounds = {name: how.pop(name) for name in ("largest_body", "body_within_s") if name in how}
    return Door(echo, DoorSettings(**{**chosen, **how}), clock=clock, **bounds)


# -- names: what of a foreign page leads here by a name of its own is refused


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8069", "127.0.0.1:8069", "192.168.1.5", "[::1]:8069", "[::1]", "Till.Shop.Example"]
)
def test_it_answers_under_its_addresses_and_names(host: str) -> None:
    assert Visit(door(), host=host).text == "hello"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8069", "127.0.0.1.evil.example", "localhost.evil.example", "2130706433", "", "till"],
)
def test_a_name_that_was_bent_to_this_machine_is_refused(host: str) -> None:
    visit = Visit(door(), host=host)
    assert (visit.status, "under its address" in visit.text) == (403, True)


# -- web pages


def test_a_page_that_is_named_is_let_in_and_told_so() -> None:
    visit = Visit(door(), origin=SHOP)
    assert (visit.status, visit.text) == (200, "hello")
    assert visit.headers["access-control-allow-origin"] == SHOP
    assert visit.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://shop.odoo.com", f"{SHOP}.evil.example", f"{SHOP}:444", "file://"]
)
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_any_other_page_is_refused_and_gets_no_leave_to_read(origin: str, method: str) -> None:
    visit = Visit(door(), origin=origin, method=method)
    assert (visit.status, "not among the origins" in visit.text) == (403, True)
    assert "access-control-allow-origin" not in visit.headers


def test_where_no_page_is_named_none_is_let_in() -> None:
    assert Visit(door(origins=[]), origin=SHOP).status == 403
    assert Visit(door(origins=[])).status == 200


def test_a_preflight_is_answered_without_the_protocol() -> None:
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
    visit = Visit(door(), method="OPTIONS", origin=SHOP, body=(), **asked)
    assert (visit.status, visit.text) == (204, "")
    assert visit.headers["access-control-allow-origin"] == SHOP
    assert "POST" in visit.headers["access-control-allow-methods"]
    for header in ("content-type", "soapaction", "if-modified-since"):
        assert header in visit.headers["access-control-allow-headers"]


# -- other machines


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "192.168.1.20", "10.1.255.3"])
def test_this_machine_and_those_named_come_in(client: str) -> None:
    assert Visit(door(), client=client).status == 200


@pytest.mark.parametrize(
    "client", ["192.168.1.21", "10.2.0.1", "8.8.8.8", "fe80::1", "::ffff:8.8.8.8", "testclient", ""]
)
def test_any_other_machine_is_refused(client: str) -> None:
    visit = Visit(door(), client=client)
    assert (visit.status, "not among the clients" in visit.text) == (403, True)


def test_this_machine_comes_in_under_its_address_in_the_network() -> None:
    assert Visit(door(), client="192.168.1.5", server="192.168.1.5").status == 200
    assert Visit(door(), client="192.168.1.5", server="192.168.1.6").status == 403
    assert Visit(door(), client="", server="").status == 403


# -- bodies


def pieces(count: int, size: int) -> Iterator[Message]:
    for number in range(count):
        yield {"type": "http.request", "body": b"x" * size, "more_body": number < count - 1}


@pytest.mark.parametrize(("announced", "count"), [("", 11), ("1001", 0)])
def test_a_body_that_is_too_large_is_refused_and_one_that_will_be_is_not_waited_for(announced: str, count: int) -> None:
    visit = Visit(door(largest_body=1000), body=pieces(count, 100), content_length=announced, origin=SHOP)
    assert (visit.status, "larger than 1,000 bytes" in visit.text) == (413, True)
    assert visit.headers["connection"] == "close"
    assert Visit(door(largest_body=1000), body=pieces(10, 100)).text == "x" * 1000


def test_one_that_never_ends_is_cut_off() -> None:
    def endless() -> Iterator[Message]:
        while True:
            yield {"type": "http.request", "body": b"x" * 100, "more_body": True}

    assert Visit(door(largest_body=1000), body=endless()).status == 413


def test_one_that_stops_half_way_is_given_up() -> None:
    half = [{"type": "http.request", "body": b"hel", "more_body": True}]
    visit = Visit(door(body_within_s=0.01), body=half)
    assert (visit.status, "was not all here within 0.01 s" in visit.text) == (408, True)
    assert BODY_WITHIN_S == 20


def test_half_a_request_of_one_who_has_left_is_not_acted_on() -> None:
    half: list[Message] = [{"type": "http.request", "body": b"hel", "more_body": True}, {"type": "http.disconnect"}]
    assert Visit(door(), body=half).sent == []


def test_a_bug_behind_it_is_told_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    visit = Visit(door(), body=[{"type": "http.request", "body": b"break"}], origin=SHOP)
    assert (visit.status, "error in itself" in visit.text) == (500, True)
    assert "RuntimeError" in caplog.text
    assert "secret" not in visit.text + caplog.text


# -- how often


def test_whoever_asks_too_often_waits_and_nobody_else() -> None:
    now = 0.0
    busy = door(clock=lambda: now)
    for _ in range(REQUESTS):
        assert Visit(busy, method="OPTIONS", origin=SHOP, body=()).status == 204
    visit = Visit(busy)
    assert (visit.status, "Too many requests" in visit.text) == (429, True)
    assert Visit(busy, client="192.168.1.20").status == 200
    now = REQUESTS_WITHIN_S
    assert Visit(busy).status == 200


def test_the_book_of_who_asked_is_bounded() -> None:
    busy = door()
    for number in range(CLIENTS + 20):
        Visit(busy, client=f"10.1.0.{number}")
    assert len(busy._asked) == CLIENTS


# -- WebSockets


def test_a_websocket_of_a_named_page_comes_in() -> None:
    assert Visit(door(), kind="websocket", origin=SHOP).sent == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    "how", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"client": "8.8.8.8", "origin": SHOP}]
)
def test_any_other_websocket_is_closed_before_it_is_accepted(how: dict[str, str]) -> None:
    (message,) = Visit(door(), kind="websocket", **how).sent
    assert (message["type"], message["code"]) == ("websocket.close", 1008)


# -- the doors of a till


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_with(**odoo: object) -> Terminal:
        store = Store.create(tmp_path / "till")
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        opened.append(Terminal(store, Config.model_validate({"odoo": odoo})))
        return opened[-1]

    yield open_with
    for one in opened:
        one.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def test_a_door_without_a_port_is_shut(terminal: Callable[..., Terminal]) -> None:
    assert open_doors(terminal()) == []


def test_a_door_is_served_until_it_is_stopped(terminal: Callable[..., Terminal]) -> None:
    (opened,) = open_doors(terminal(port=free_port()))
    assert httpx.get(f"{opened.url}/hw_proxy/hello", trust_env=False).text == "ping"
    with contextlib.closing(HTTPConnection("127.0.0.1", urlsplit(opened.url).port, timeout=10)) as waiting:
        waiting.request("POST", "/hw_proxy/scanner", '{"id": 1, "params": {}}', {"Content-Type": "application/json"})
        assert httpx.get(f"{opened.url}/hw_proxy/hello", trust_env=False).text == "ping"  # so the other is read by now
        assert waiting.sock is not None
        assert not select.select([waiting.sock], [], [], 0)[0], "it waits for a scan"
        opened.stop()
        assert json.load(waiting.getresponse()) == {"jsonrpc": "2.0", "id": 1, "result": ""}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{opened.url}/hw_proxy/hello", trust_env=False)
    assert "odoo" not in {thread.name for thread in threading.enumerate()}


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("is_one_file", [True, False])
def test_with_a_certificate_it_speaks_https(
    terminal: Callable[..., Terminal], tmp_path: Path, is_one_file: bool
) -> None:
    cert, key = certificate(tmp_path)
    if is_one_file:
        cert.write_bytes(cert.read_bytes() + key.read_bytes())
    tls = {"tls_cert": str(cert), "tls_key": "" if is_one_file else str(key)}
    (opened,) = open_doors(terminal(port=free_port(), **tls))
    trust = ssl.create_default_context(cafile=str(cert))
    url = f"https://localhost:{opened.port}/hw_proxy/hello"
    assert httpx.get(url, verify=trust, trust_env=False).text == "ping"
    opened.stop()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda taken: {"port": taken}, "cannot be used"),
        (lambda taken: {"port": free_port(), "tls_cert": "nowhere.pem", "tls_key": "nowhere.key"}, "certificate"),
        (lambda taken: {"port": free_port(), "tls_cert": __file__, "tls_key": __file__}, "certificate"),
        (lambda taken: {"port": free_port(), "host": "192.0.2.1"}, "cannot be used"),
        (lambda taken: {"port": free_port(), "host": "kässe..local"}, "cannot be used"),
    ],
)
def test_a_door_that_cannot_be_opened_is_told_of_and_the_till_sells(
    terminal: Callable[..., Terminal], caplog: pytest.LogCaptureFixture, how: Callable[[int], dict[str, Any]], told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = terminal(**how(taken.getsockname()[1]))
        assert open_doors(one) == []
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage().startswith("[odoo] is not open")
    assert told in record.getMessage()
    assert one.checkout.identify("4006381333931").kind == "item"


def test_a_protocol_that_breaks_keeps_its_own_door_shut_and_no_more(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Terminal) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pos_plugin.ways_in.odoo.app", broken)
    assert open_doors(terminal(port=free_port())) == []
    assert "[odoo] is not open" in caplog.text


def test_a_server_that_is_asked_beyond_its_door_says_nothing(tmp_path: Path) -> None:
    """The real server: a foreign Host, sent as a rebound browser sends it."""
    with WebServer(door(), 0, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}/"
        said = httpx.post(url, content=b"hello", headers={"Host": "evil.example"}, trust_env=False)
        assert (said.status_code, said.headers["connection"]) == (403, "close")
        assert httpx.post(url, content=b"hello", trust_env=False).text == "hello"


def test_two_doors_at_one_port_are_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text(
        "[odoo]\nport = 8069\n[epos]\nport = 8069\n[qz]\nport = 8350\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError) as told:
        read_config(tmp_path)
    assert told.value.problems == [
        "line 4: epos.port: 8069 is odoo.port, too; each needs one of its own",
        "line 6: qz.port: 8350 is page.port, too; each needs one of its own",
    ]
