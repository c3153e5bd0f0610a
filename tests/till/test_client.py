"""The client for tills that are written in Python: what it sends once and what again, and what it makes of refusals."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from pos_plugin import api_keys, client, till_state
from pos_plugin.client import Event, Till
from pos_plugin.local_api.server import Server

DOCS = Path(__file__).parents[2] / "docs"
CARD = "2900000000018"


@pytest.fixture
def at_till(served):
    key = served.client.headers["Authorization"].removeprefix("Bearer ")
    with Till(served.server.url, key) as till:
        yield served, till


class Wire:
    """A till's end of the line: what it does with each request, in order, and what it heard."""

    def __init__(self, *does: Any) -> None:
        self.does = list(does)
        self.heard = list[httpx.Request]()
        self.pauses = list[float]()
        self.till = Till("http://till", "key", transport=httpx.MockTransport(self._answer), pause=self.pauses.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        one = self.does.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    @property
    def keys(self) -> set[str]:
        return {request.headers.get("idempotency-key", "") for request in self.heard}


def refused(status: int, code: str = "CODE", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "It was not done.", "hint": "Ask."}, headers=headers)


OPENED = httpx.Response(200, json={"drawer": "sent", "code": "", "text": "t", "hint": "h"})
RETURNED = {
    "till": "1",
    "sale_ref": "17",
    "return_ref": "void",
    "number": 3,
    "reference": "26GHGT-3-6",
    "taken_points": 1,
    "restored_points": 0,
    "returned_minor": 100,
    "restored_minor": 0,
    "refund_minor": 100,
    "receipt_text": "",
}
LOST = httpx.ReadTimeout("the answer got lost")


def test_the_example_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_examples", DOCS / "make_examples.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    page = (DOCS / "local-api.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (says,) = re.findall(r"### From Python.*?```text\n(.*?)```", page, re.DOTALL)
    said = io.StringIO()
    with made.till(tmp_path / "till") as terminal, Server(terminal, 0) as server:
        key = api_keys.create(tmp_path / "till", "front-till")
        run = example.replace("http://127.0.0.1:8350", server.url).replace("KEY", key)
        with contextlib.redirect_stdout(said):
            exec(compile(run, "local-api.md", "exec"), {})
    assert said.getvalue() == says


def test_a_day_at_the_counter(at_till) -> None:
    served, till = at_till
    who = till.identify(CARD)
    quote = till.quote(served.sale("1", 10_000, member=who.member))
    done = till.commit(quote.quote_id, key="mine")
    assert till.commit(quote.quote_id, key="mine") == done
    assert (done.earned_points, till.member(who.member).balance) == (100, 100)
    assert till.refund("front", "1", "r1", amount_minor=500).refund_minor == 500
    assert till.sale("front", "1").left.total_minor == 9500
    assert till.void("front", "1").refund_minor == 9500
    joined = till.join()
    assert till.identify(joined.card).member == joined.member
    forgotten = till.commit(till.quote(served.sale("2", 2000, sold_at=None)).quote_id)
    assert till.claim(forgotten.reference, who.member).earned_points == 20
    assert till.activity("front", "a1", who.member, reload_minor=500).member == who.member
    till.drop(till.quote(served.sale("3")).quote_id)
    assert till.state().till.terminal == till_state.shown(served.terminal)["till"]["terminal"]
    assert till.print([{"kind": "text", "text": "Table 7"}]).code == "no_printer"


def test_names_of_sales_that_need_it_are_quoted_in_addresses(at_till) -> None:
    served, till = at_till
    sale = {**served.sale("2026-11-21 #17?"), "till": "bar & grill"}
    till.commit(till.quote(sale).quote_id)
    assert till.sale("bar & grill", "2026-11-21 #17?").sale.sale_ref == "2026-11-21 #17?"


@pytest.mark.parametrize(
    ("does", "kind", "code"),
    [
        (lambda till: till.member("nobody"), client.AccountInvalid, "ACCOUNT_INVALID"),
        (lambda till: till.commit("gone"), client.QuoteEnded, "QUOTE_UNKNOWN"),
        (lambda till: till.void("front", "none"), client.SaleUnknown, "TRANSACTION_DOES_NOT_EXIST"),
        (
            lambda till: till.refund("front", "1", "r", amount_minor=10**6),
            client.CannotBeReversed,
            "CANNOT_BE_REVERSED",
        ),
        (lambda till: till.join(CARD), client.Conflicting, "CARD_TAKEN"),
        (lambda till: till.claim("nonsense", "m"), client.NotKnown, "REFERENCE_MISTYPED"),
        (lambda till: till.quote({"till": "front"}), client.Misunderstood, "INVALID"),
        (lambda till: till.open_drawer(), client.Conflicting, "DRAWER_NOT_OPENED"),
        (lambda till: till.show("x"), client.Conflicting, "NO_DISPLAY"),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind(refusing, does: Callable[[Till], Any], kind: type, code: str) -> None:
    key = refusing.client.headers["Authorization"].removeprefix("Bearer ")
    with Till(refusing.server.url, key) as till, pytest.raises(kind) as raised:
        does(till)
    assert raised.value.code == code
    assert raised.value.message
    assert isinstance(raised.value, client.Refused)
    assert refusing.head() == refusing.recorded


def test_another_sale_under_the_same_name_differs(at_till) -> None:
    served, till = at_till
    served.sell("1", 1250)
    with pytest.raises(client.Differs):
        till.quote(served.sale("1", 1300))


def test_a_wrong_key_is_told_apart(served) -> None:
    with Till(served.server.url, "pos_wrong") as till, pytest.raises(client.KeyRefused, match="not known at this till"):
        till.state()


# -- what is sent again


def test_a_lost_answer_is_asked_for_again_under_the_same_key() -> None:
    wire = Wire(LOST, httpx.ConnectError("refused"), refused(503), httpx.Response(200, json=RETURNED))
    assert wire.till.void("1", "17").number == 3
    assert len(wire.heard) == 4
    assert len(wire.keys) == 1
    assert len(wire.keys.pop()) == 36
    assert wire.pauses == [0.2, 0.4, 0.8]
    assert len({request.content for request in wire.heard}) == 1


def test_each_request_has_a_key_of_its_own() -> None:
    wire = Wire(*(httpx.Response(200, json=RETURNED) for _ in range(3)))
    for _ in range(3):
        wire.till.void("1", "17")
    assert len(wire.keys) == 3


def test_after_four_tries_it_says_that_nobody_answers() -> None:
    wire = Wire(*[LOST] * 4)
    with pytest.raises(client.Unreachable, match="does not answer"):
        wire.till.state()
    assert len(wire.heard) == 4


@pytest.mark.parametrize("does", [lambda till: till.open_drawer(), lambda till: till.show("x")])
def test_what_would_be_done_twice_is_sent_once(does: Callable[[Till], Any]) -> None:
    wire = Wire(LOST, OPENED)
    with pytest.raises(client.Unreachable):
        does(wire.till)
    assert len(wire.heard) == 1


def test_a_till_without_time_is_asked_when_it_says() -> None:
    wire = Wire(refused(429, "TOO_MANY_REQUESTS", **{"Retry-After": "2"}), httpx.Response(200, json=RETURNED))
    wire.till.void("1", "17")
    assert wire.pauses == [2.0]
    wire = Wire(*(refused(429, "TOO_MANY_REQUESTS", **{"Retry-After": "3600"}) for _ in range(4)))
    with pytest.raises(client.AskedTooOften) as raised:
        wire.till.state()
    assert raised.value.retry_after_s == 3600
    assert max(wire.pauses) == client.LONGEST_PAUSE_S


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_a_refusal_is_not_asked_about_again(status: int) -> None:
    wire = Wire(refused(status))
    with pytest.raises(client.TillError):
        wire.till.void("1", "17")
    assert len(wire.heard) == 1


@pytest.mark.parametrize("said", [httpx.Response(502, text="<html>"), httpx.Response(404, json=["no refusal"])])
def test_an_answer_that_is_none_is_told_as_one(said: httpx.Response) -> None:
    wire = Wire(*[said] * 4)
    with pytest.raises(client.TillError) as raised:
        wire.till.state()
    assert raised.value.code == "UNREADABLE"


def test_a_print_that_is_sent_again_prints_nothing_more() -> None:
    printed = httpx.Response(200, json={"outcome": "printed", "code": "", "reason": "", "hint": ""})
    wire = Wire(LOST, printed)
    assert wire.till.print([{"kind": "cut"}]).outcome == "printed"
    assert len(wire.keys) == 1
    assert [json.loads(request.content) for request in wire.heard] == [{"lines": [{"kind": "cut"}]}] * 2


# -- events


def test_events_are_heard_as_they_happen_and_after_a_number(at_till) -> None:
    served, till = at_till
    heard, ready = list[Event](), threading.Event()

    def listen() -> None:
        for event in till.events():
            ready.set()
            if event.about != "customer":  # whose window greets them: nothing of the scanner's
                heard.append(event)
            if len(heard) == 3:
                return

    listening = threading.Thread(target=listen)
    listening.start()
    assert ready.wait(10)
    served.terminal.scanned(CARD)
    served.terminal.scanned(CARD)
    listening.join(10)
    hello, first, second = heard
    assert [hello.about, first.about, second.about] == ["hello", "scan", "scan"]
    assert hello.number < first.number < second.number
    after = till.events(after=second.number - 1)
    assert [next(after).about, next(after)] == ["hello", second]
    after.close()
    with Till(served.server.url, "pos_wrong") as stranger, pytest.raises(client.KeyRefused):
        next(stranger.events())
