"""Head office on the wire: who is let in, and how refusals read."""

import asyncio
import logging

import httpx
import msgspec
import pytest

from central_server.app import MAX_BODY_BYTES, create_app
from central_server.tills import enrolment
from ledger.keys import request_message
from ledger.wire import (
    BatchReply,
    Enrolled,
    Enrolment,
    FeedReply,
    FeedRequest,
    GrantReply,
    GrantRequest,
    MemberDetails,
    MemberFound,
    MemberLookup,
    Nonce,
    Refusal,
    enrolment_message,
    pack,
)


class Client:
    """Speaks to the application without a socket."""

    def __init__(self, app):
        self.app = app

    def request(self, method, path, content=b"", headers=None):
        async def ask():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://central") as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(ask())

    def post(self, path, content=b"", headers=None):
        return self.request("POST", path, content, headers)

    def nonce(self):
        return msgspec.json.decode(self.post("/v1/nonce").content, type=Nonce).nonce

    def signed(self, till, path, message, *, nonce="", over_path="", over_body=b""):
        body = msgspec.json.encode(message)
        nonce = nonce or self.nonce()
        signature = till.key.sign(request_message(over_path or path, till.name, nonce, over_body or body))
        return self.post(path, body, {"X-Terminal": till.name, "X-Nonce": nonce, "X-Signature": signature})


@pytest.fixture
def client(office):
    return Client(create_app(office))


def refusal(response):
    assert response.headers["content-type"] == "application/json"
    return response.status_code, msgspec.json.decode(response.content, type=Refusal).code


def test_a_till_enrols_sends_asks_and_reads(office, client, tell):
    one = tell.Till(office, "AAAAAA", "Harbour")
    code = enrolment.new_code(office, "Harbour")
    proof = one.key.sign(enrolment_message(code, one.name, one.key.public))
    answer = client.post("/v1/enroll", msgspec.json.encode(Enrolment(code, one.name, one.epoch, one.key.public, proof)))
    assert msgspec.json.decode(answer.content, type=Enrolled).shop == "Harbour"
    one.sale("1", 10000, "anna")
    answer = client.post("/v1/entries", pack(one.batch()))
    assert msgspec.json.decode(answer.content, type=BatchReply).head_number == 1
    answer = client.signed(one, "/v1/grants", GrantRequest("wish", one.epoch, "anna", 30))
    assert msgspec.json.decode(answer.content, type=GrantReply).points == 30
    answer = client.signed(one, "/v1/feed", FeedRequest({"members/Harbour": 0, "program": 0, "grants/AAAAAA": 0}))
    channels = msgspec.json.decode(answer.content, type=FeedReply).channels
    assert [len(channels[name].items) for name in ("members/Harbour", "program", "grants/AAAAAA")] == [1, 1, 1]
    answer = client.signed(one, "/v1/members", MemberDetails("anna", ["111"], "2026-03-02"))
    assert msgspec.json.decode(answer.content, type=MemberFound).member == "anna"
    answer = client.signed(one, "/v1/members/lookup", MemberLookup(card="111"))
    assert msgspec.json.decode(answer.content, type=MemberFound).member == "anna"
    assert client.request("GET", "/v1/health").json()["status"] == "open"


MESSAGES = {
    "/v1/feed": FeedRequest({}),
    "/v1/grants": GrantRequest("wish", "AAAAAAe1", "anna", 5),
    "/v1/members": MemberDetails("anna", [], ""),
    "/v1/members/lookup": MemberLookup(card="1"),
}


@pytest.mark.parametrize("path", MESSAGES)
def test_nothing_is_told_or_taken_without_a_signature(client, till, clock, path):
    one, other, message = till(), till("BBBBBB"), MESSAGES[path]
    assert client.signed(one, path, message).status_code == 200
    assert refusal(client.post(path, msgspec.json.encode(message))) == (401, "UNSIGNED")
    assert refusal(client.signed(one, path, message, over_path="/v1/other")) == (401, "SIGNATURE_WRONG")
    assert refusal(client.signed(one, path, message, over_body=b"{}")) == (401, "SIGNATURE_WRONG")
    assert refusal(client.signed(one, path, message, nonce="1772442000.00.00")) == (401, "NONCE")
    for odd in ("x", ".", "x.y.z"):
        assert refusal(client.signed(one, path, message, nonce=odd)) == (401, "NONCE")
    old = client.nonce()
    clock.pass_by(seconds=301)
    assert refusal(client.signed(one, path, message, nonce=old)) == (401, "NONCE")
    one.key = other.key
    assert refusal(client.signed(one, path, message)) == (401, "SIGNATURE_WRONG")
    one.name = "CCCCCC"
    assert refusal(client.signed(one, path, message)) == (401, "TERMINAL_UNKNOWN")


def test_a_revoked_terminal_is_let_in_nowhere(office, client, till):
    one = till()
    enrolment.revoke(office, one.name)
    assert refusal(client.post("/v1/entries", pack(one.batch()))) == (403, "TERMINAL_REVOKED")
    for path, message in MESSAGES.items():
        assert refusal(client.signed(one, path, message)) == (403, "TERMINAL_REVOKED")


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        ("POST", "/v1/entries", b"", (400, "MESSAGE_UNREADABLE")),
        ("POST", "/v1/entries", b"x" * (MAX_BODY_BYTES + 1), (413, "TOO_LARGE")),
        ("POST", "/v1/enroll", b"{}", (400, "MESSAGE_UNREADABLE")),
        ("POST", "/v1/enroll", b"\xff", (400, "MESSAGE_UNREADABLE")),
        ("GET", "/v1/entries", b"", (405, "NO_SUCH_ADDRESS")),
        ("GET", "/docs", b"", (404, "NO_SUCH_ADDRESS")),
        ("GET", "/openapi.json", b"", (404, "NO_SUCH_ADDRESS")),
        ("GET", "/", b"", (404, "NO_SUCH_ADDRESS")),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(client, method, path, content, expected):
    assert refusal(client.request(method, path, content)) == expected


def test_a_body_that_never_ends_is_cut_off_while_it_streams(office, client):
    read = 0

    async def endless():
        nonlocal read
        while True:
            read += 1
            yield bytes(1024 * 1024)

    assert refusal(client.post("/v1/entries", endless())) == (413, "TOO_LARGE")
    assert read < 10


def test_text_that_a_database_cannot_store_is_refused_and_not_a_mistake_of_ours(client, till):
    one = till()
    answer = client.signed(one, "/v1/grants", GrantRequest("wish", one.epoch, "an\x00na", 5))
    assert answer.status_code in (200, 422)  # SQLite can store it: nobody has that name


def test_a_mistake_inside_is_answered_without_its_words(office, client, till, caplog):
    one = till()
    office.signing = None  # a fault injected: signing a grant fails
    one.sale("1", 10000, "anna")
    one.send()
    with caplog.at_level(logging.DEBUG):
        answer = client.signed(one, "/v1/grants", GrantRequest("secret-wish", one.epoch, "anna", 5))
    assert refusal(answer) == (500, "INTERNAL")
    assert "NoneType" not in answer.text
    assert "/v1/grants: AttributeError" in caplog.text
    assert "secret-wish" not in caplog.text
