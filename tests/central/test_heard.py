"""When a till was last heard: whatever it asked, written once a minute for all tills, and apart from what it sent."""

import asyncio

import httpx
import msgspec
import pytest

from central_server.app import create_app
from central_server.figures import scope
from central_server.tills import overview
from central_server.tills.heard import Heard
from ledger.keys import request_message
from ledger.wire import FeedRequest, MemberLookup, Nonce

NOTHING_NEW = FeedRequest({})


@pytest.fixture
def heard(office):
    return Heard(office)


@pytest.fixture
def ask(office, heard):
    """What a till asks of head office, signed as tills sign."""
    app = create_app(office, heard=heard)

    def asked(till, path="/v1/feed", message=NOTHING_NEW, key=None):
        async def send():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://central") as client:
                nonce = msgspec.json.decode((await client.post("/v1/nonce")).content, type=Nonce).nonce
                body = msgspec.json.encode(message)
                signature = (key or till.key).sign(request_message(path, till.name, nonce, body))
                headers = {"X-Terminal": till.name, "X-Nonce": nonce, "X-Signature": signature}
                return await client.post(path, content=body, headers=headers)

        return asyncio.run(send()).status_code

    return asked


def seen(office, name="AAAAAA"):
    """(last heard, last sent, its state) as head office's pages have it."""
    with office.database.reading() as connection:
        one = overview.till(office, connection, name)
    return one.heard_at, one.sent_at, one.state


def test_a_till_that_sells_nothing_is_heard_and_its_last_entry_is_as_old_as_it_is(office, till, clock, heard, ask):
    one = till()
    one.send()
    sent = office.time()
    clock.pass_by(days=3)
    assert seen(office) == (sent, sent, "quiet")
    assert ask(one) == 200
    heard.keep()
    assert seen(office) == (office.time(), sent, "in use")


@pytest.mark.parametrize(
    ("path", "message"), [("/v1/feed", FeedRequest({})), ("/v1/members/lookup", MemberLookup(card="111"))]
)
def test_whatever_a_till_asks_it_was_heard(office, till, clock, heard, ask, path, message):
    one = till()
    clock.pass_by(hours=2)
    assert ask(one, path, message) == 200
    heard.keep()
    assert seen(office)[0] == office.time()


def test_a_till_that_was_enrolled_was_heard_and_has_sent_nothing(office, till):
    till()
    assert seen(office) == (office.time(), "", "in use")


def test_who_only_says_that_it_is_a_till_was_not_heard(office, till, clock, heard, ask):
    one, other = till(), till("BBBBBB")
    enrolled = office.time()
    clock.pass_by(hours=2)
    assert ask(one, key=other.key) == 401
    heard.keep()
    assert seen(office)[0] == enrolled


def test_no_question_waits_for_a_write_and_all_tills_are_kept_at_once(office, till, clock, heard, ask):
    tills = [till(), till("BBBBBB"), till("CCCCCC")]
    enrolled = office.time()
    clock.pass_by(hours=2)
    assert [ask(one) for one in tills * 2] == [200] * 6
    assert {seen(office, one.name)[0] for one in tills} == {enrolled}
    heard.keep()
    assert {seen(office, one.name)[0] for one in tills} == {office.time()}


def test_a_server_that_keeps_late_does_not_make_a_till_be_heard_earlier(office, till, clock, heard):
    one = till()
    heard.note(one.name)
    clock.pass_by(hours=2)
    one.send()
    heard.keep()
    assert seen(office)[:2] == (office.time(), office.time())


def test_a_till_that_asks_and_has_not_sent_may_still_have_sold_in_a_period(office, till, clock, heard, ask):
    """A till reads before it sends: its question says nothing of what lies there."""
    one = till()
    one.send()
    clock.pass_by(days=40)
    assert ask(one) == 200
    heard.keep()
    with office.database.reading() as connection:
        march = scope.scope_of(office, connection, "2026-03-01", "2026-03-31")
        assert [late.terminal for late in scope.silent_tills(office, connection, march)] == ["AAAAAA"]
