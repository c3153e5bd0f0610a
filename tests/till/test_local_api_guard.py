"""Who may ask the local API, and with what: Host, Origin, keys and cookies, bodies and paths, and how often they may guess."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pos_plugin.local_api import guard
from pos_plugin.local_api.guard import FAILURES

# -- what may be sent


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"",
        b"\xff\xfe",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"scan": ' + b"9" * 10_000 + b"}",
        b'{"scan": NaN}',
    ],
)
def test_nonsense_is_refused(refusing, body: bytes) -> None:
    answer = refusing.client.post("/v1/identify", content=body, headers={"Content-Type": "application/json"})
    refusing.refused(answer, 422, "INVALID")
    assert refusing.head() == refusing.recorded


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"])
def test_a_body_that_a_foreign_form_could_send_is_refused(refusing, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = refusing.client.post("/v1/members", content=b"{}", headers=headers)
    refusing.refused(answer, 415, "CONTENT_TYPE", "application/json")
    assert refusing.head() == refusing.recorded


def _in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_beyond_a_mebibyte_is_refused(refusing, is_announced: bool) -> None:
    content = b" " * (1024 * 1024 + 1) if is_announced else _in_pieces(2 * 1024 * 1024)
    answer = refusing.client.post("/v1/quotes", content=content, headers={"Content-Type": "application/json"})
    refusing.refused(answer, 413, "BODY_TOO_LARGE", "1048576 bytes")
    assert refusing.head() == refusing.recorded
    assert refusing.client.get("/v1/state").status_code == 200


def test_unknown_paths_and_methods_are_refused(refusing) -> None:
    refusing.refused(refusing.client.get("/v1/nothing"), 404, "NOT_FOUND", "/v1/nothing")
    refusing.refused(refusing.client.get("/page/..%2f..%2fapi"), 404, "NOT_FOUND")
    refusing.refused(refusing.client.get("/page/nothing.js"), 404, "NOT_FOUND")
    refusing.refused(refusing.client.put("/v1/quotes", json={}), 405, "METHOD", "does not take PUT")
    refusing.refused(refusing.client.get("/v1/sales/front/a%2fb"), 404, "NOT_FOUND")


# -- who may ask


EVERY_ENDPOINT = [
    ("POST", "/v1/identify"),
    ("POST", "/v1/scans"),
    ("POST", "/v1/members/search"),
    ("POST", "/v1/quotes"),
    ("POST", "/v1/quotes/q/commit"),
    ("DELETE", "/v1/quotes/q"),
    ("POST", "/v1/quotes/q/suspend"),
    ("POST", "/v1/sales/front/1/void"),
    ("POST", "/v1/sales/front/1/refund"),
    ("GET", "/v1/sales/front/1"),
    ("POST", "/v1/claims"),
    ("POST", "/v1/members"),
    ("GET", "/v1/members/m"),
    ("POST", "/v1/members/m/enquiry"),
    ("POST", "/v1/members/m/consent"),
    ("POST", "/v1/members/m/replace-card"),
    ("POST", "/v1/activities"),
    ("POST", "/v1/tickets"),
    ("POST", "/v1/tickets/W000000000/told"),
    ("POST", "/v1/receipts/r/reprint"),
    ("GET", "/v1/receipts/r"),
    ("GET", "/v1/receipts/r.png"),
    ("GET", "/v1/receipts/r.pdf"),
    ("GET", "/v1/receipts/r.html"),
    ("GET", "/v1/receipts/r.txt"),
    ("GET", "/v1/closing"),
    ("POST", "/v1/closing"),
    ("POST", "/v1/closing/look"),
    ("GET", "/v1/closings"),
    ("POST", "/v1/print-jobs/1"),
    ("POST", "/v1/print-jobs/1/go-on"),
    ("POST", "/v1/sign-on"),
    ("POST", "/v1/sign-off"),
    ("GET", "/v1/devices"),
    ("POST", "/v1/devices/look"),
    ("GET", "/v1/customer"),
    ("POST", "/v1/training"),
    ("POST", "/v1/operators"),
    ("POST", "/v1/operators/kim/close"),
    ("POST", "/v1/drawer"),
    ("POST", "/v1/test-print"),
    ("POST", "/v1/print"),
    ("POST", "/v1/display"),
    ("POST", "/v1/toast"),
    ("POST", "/v1/printed-sales"),
    ("DELETE", "/v1/lane"),
    ("POST", "/v1/sync"),
    ("POST", "/v1/head-office"),
    ("GET", "/v1/state"),
    ("GET", "/v1/events"),
    ("GET", "/v1/openapi.json"),
]


def test_every_endpoint_is_listed_here(refusing) -> None:
    paths = refusing.client.get("/v1/openapi.json").json()["paths"]
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    health, description = 1, 1
    assert len(served) - health == len(EVERY_ENDPOINT) - description


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "NOT_SIGNED_IN"),
        ({"Authorization": "Bearer pos_wrong"}, 401, "KEY_UNKNOWN"),
        ({"Authorization": "Basic {key}"}, 401, "KEY_UNKNOWN"),
        ({"Authorization": "Bearer {key}", "Origin": "https://evil.example"}, 403, "ORIGIN"),
        ({"Authorization": "Bearer {key}", "Host": "evil.example:{port}"}, 403, "HOST"),  # a name that leads here
    ],
)
def test_no_endpoint_answers_a_stranger(
    served, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], status: int, code: str
) -> None:
    monkeypatch.setattr(guard, "FAILURES", 2 * len(EVERY_ENDPOINT))
    before = served.head()
    key = served.client.headers["Authorization"].removeprefix("Bearer ")
    sent = {name: value.format(key=key, port=served.server.port) for name, value in headers.items()}
    for method, path in EVERY_ENDPOINT:
        if path != "/v1/toast":  # which is refused in other words: test_local_api_toast.py
            served.refused(served.stranger.request(method, path, headers=sent), status, code)
    assert served.head() == before


@pytest.mark.parametrize("origin", ["null", "http://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:{port}", ""])
def test_only_the_pages_own_origin_is_let_in(served, origin: str) -> None:
    headers = {"Origin": origin.format(port=served.server.port)}
    served.refused(served.client.get("/v1/state", headers=headers), 403, "ORIGIN")
    assert served.client.get("/v1/state", headers={"Origin": served.server.url}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1", 403),
        ("127.0.0.1:1", 403),
        ("127.0.0.1.evil.example:{port}", 403),
        ("0.0.0.0:{port}", 403),
    ],
)
def test_the_till_answers_under_its_own_address_only(refusing, host: str, status: int) -> None:
    answer = refusing.client.get("/v1/state", headers={"Host": host.format(port=refusing.server.port)})
    assert answer.status_code == status


def test_the_page_brings_its_cookie_and_its_protection(served) -> None:
    page = served.stranger.get("/")
    assert page.status_code == 200
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    state = served.stranger.get("/v1/state")
    assert state.status_code == 200
    assert state.headers["cache-control"] == "no-store"
    served.stranger.cookies.clear()
    name = cookie.partition("=")[0]
    served.refused(served.stranger.get("/v1/state", headers={"Cookie": f"{name}=guess"}), 401, "NOT_SIGNED_IN")


def test_the_page_names_no_other_host_and_has_no_inline_script(refusing) -> None:
    page = refusing.stranger.get("/").text
    assert "<script>" not in page
    assert "style=" not in page
    for name in ["app.js", "page.css", "items.json", "icon.svg"]:
        part = refusing.stranger.get(f"/page/{name}")
        assert part.status_code == 200
        assert "https://" not in part.text


def test_many_failures_are_held_up_and_right_keys_are_not(served) -> None:
    codes = [served.stranger.get("/v1/state").status_code for _ in range(FAILURES + 5)]
    assert codes == [401] * FAILURES + [429] * 5
    assert served.client.get("/v1/state").status_code == 200
