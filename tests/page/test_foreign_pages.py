"""Other websites in a real browser on the till's machine: whatever they try, nothing is recorded and nothing is told."""

from __future__ import annotations

import http.server
import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import chromium

pytestmark = pytest.mark.browser

TESTS = Path(__file__).parents[1]


def conftest_of(room: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{room}_conftest", TESTS / room / "conftest.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(http.server.BaseHTTPRequestHandler):
    """Another website: an empty page, whose scripts the test writes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def website() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """As tests/page has it, and with a name server that the other site's owner has set: evil.example is this machine."""
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=chromium.found(), args=[*chromium.ARGUMENTS, rules])
        yield one
        one.close()


TRIES = """
async ([till, key]) => {
  const told = [];
  const attempt = async (name, work) => {
    try { told.push([name, await work()]); } catch (error) { told.push([name, "nothing"]); }
  };
  const sale = JSON.stringify({});
  const json = { "Content-Type": "application/json" };
  await attempt("read", async () => (await fetch(`${till}/v1/state`)).status);
  await attempt("read with its cookie", async () => (await fetch(`${till}/v1/state`, { credentials: "include" })).status);
  await attempt("read with a stolen key", async () =>
    (await fetch(`${till}/v1/state`, { headers: { Authorization: `Bearer ${key}` } })).status);
  await attempt("join", async () => (await fetch(`${till}/v1/members`, { method: "POST", body: sale, headers: json })).status);
  await attempt("join with a stolen key", async () => (await fetch(`${till}/v1/members`,
    { method: "POST", body: sale, headers: { ...json, Authorization: `Bearer ${key}` } })).status);
  await attempt("join as a form", async () => {
    const answer = await fetch(`${till}/v1/members`, { method: "POST", body: sale, mode: "no-cors", credentials: "include" });
    return answer.type === "opaque" ? "nothing" : answer.status;
  });
  await attempt("listen", () => new Promise((resolve) => {
    const source = new EventSource(`${till}/v1/events`, { withCredentials: true });
    source.onmessage = (event) => { source.close(); resolve(event.data); };
    source.onerror = () => { source.close(); resolve("nothing"); };
  }));
  await attempt("a picture", () => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve("a picture");
    image.onerror = () => resolve("nothing");
    image.src = `${till}/v1/receipts/x.png`;
  }));
  await attempt("frame", () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { resolve(frame.contentDocument ? frame.contentDocument.title : "nothing"); } catch (error) { resolve("nothing"); }
    };
    frame.src = `${till}/`;
    document.body.append(frame);
  }));
  return told;
}
"""


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Any]:
    with conftest_of("till").served_till(tmp_path / "till") as one:
        yield one


def key_of(till: Any) -> str:
    return till.client.headers["Authorization"].removeprefix("Bearer ")


def test_another_website_learns_nothing_and_changes_nothing(browser: Browser, till: Any) -> None:
    before = till.head()
    with website() as site, browser.new_context() as context:
        own = context.new_page()
        own.goto(till.server.url)  # the till's page is open beside it, with its cookie
        page = context.new_page()
        page.goto(site)
        told = page.evaluate(TRIES, [till.server.url, key_of(till)])
    assert len(told) == 9
    assert [one for one in told if one[1] != "nothing"] == []
    assert till.head() == before
    assert till.sell("after")["number"] == before[0] + 1


def test_a_name_that_leads_to_this_machine_is_refused(browser: Browser, till: Any) -> None:
    """DNS rebinding: to the browser the till is that site's own server."""
    before = till.head()
    with browser.new_context() as context:
        page = context.new_page()
        answer = page.goto(f"http://evil.example:{till.server.port}/")
        assert answer is not None
        assert answer.status == 403
        assert answer.json()["code"] == "HOST"
        send = """async (key) => {
          const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
          return (await fetch("/v1/members", { method: "POST", body: "{}", headers })).status;
        }"""
        assert page.evaluate(send, key_of(till)) == 403
    assert till.head() == before


def test_a_web_till_that_the_shop_has_named_sells(browser: Browser, tmp_path: Path) -> None:
    sell = """async ([till, key, sale]) => {
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
      const ask = async (path, body, more) => (await fetch(`${till}${path}`,
        { method: "POST", headers: { ...headers, ...more }, body: body && JSON.stringify(body) })).json();
      const who = await ask("/v1/identify", { scan: "2900000000018" });
      const quote = await ask("/v1/quotes", { ...sale, member: who.member });
      return ask(`/v1/quotes/${quote.quote_id}/commit`, null, { "Idempotency-Key": "k" });
    }"""
    with (
        website() as site,
        conftest_of("till").served_till(tmp_path / "till", page={"origins": [site]}) as till,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(site)
        done = page.evaluate(sell, [till.server.url, key_of(till), till.sale("1", 2000)])
        assert (done["earned_points"], done["sale_ref"]) == (20, "1")
        assert done["receipt_lines"][0].startswith("POINTS ")
        learned = [one for one in page.evaluate(TRIES, [till.server.url, "pos_stolen"]) if one[1] != "nothing"]
        assert [one for one in learned if one[1] not in (401, 429)] == []  # it is told why, and gets nothing
