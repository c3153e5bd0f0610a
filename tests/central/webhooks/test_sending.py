"""Segments on their way to other systems: signed, for three days, whatever the far end does."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from central_server.errors import OfficeError
from central_server.membership import cards, consents, members
from central_server.membership.consents import ConsentText
from central_server.segments import saved
from central_server.segments.conditions import Conditions
from central_server.webhooks import deliveries, endpoints
from central_server.webhooks.sending import Sender
from tests.central.far_end import OK, drip, far_end, shut, status
from tests.central.webhooks.sent import due_in_s, hook, names_in, one_database, put_members, send, states, verified

DOCS = Path(__file__).parents[3] / "docs"
SHORT_S = 0.3
"""How long one try may take, where the far end is to use it up."""


def test_the_specifications_own_library_takes_what_is_sent_and_nothing_else(
    office, people, receiver, clock, monkeypatch
):
    secret = hook(office, receiver)
    assert saved.send(office, "all", "crm", "ada").members == 3, "Dora does not agree"
    send(office)
    [got] = receiver.received
    told = verified(secret, got, clock, monkeypatch)
    assert told["type"] == "segment.members"
    assert told["data"]["members"] == [{"member": name, "card": f"card-{name}"} for name in ("anna", "ben", "cleo")]
    assert got.path == "/hook?key=k"
    assert got.headers["content-type"] == "application/json"
    assert states(office) == [("sent", "", 1)]
    got.body = got.body.replace(b"anna", b"hanna")
    with pytest.raises(WebhookVerificationError):
        verified(secret, got, clock, monkeypatch)
    clock.pass_by(minutes=6)
    with pytest.raises(WebhookVerificationError, match="too old"):
        verified(secret, got, clock, monkeypatch)
    send(office)
    assert len(receiver.received) == 1, "what was taken is not sent again"


@one_database
def test_the_page_shows_what_is_sent_and_a_receiver_that_works(office, receiver, clock):
    """docs/segments.md: its example is this body, and its ten lines of Python take it."""
    page = (DOCS / "segments.md").read_text(encoding="utf-8")
    put_members(office, ("7n2v5k3q8x0b4d6f", "9t1w3y5r7m2c4h8j"))
    saved.keep(office, "Gold, away 60 days", Conditions(), "ada")
    secret = hook(office, receiver)
    saved.send(office, "Gold, away 60 days", "crm", "ada")
    send(office)
    [got] = receiver.received
    shown = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL)[1])
    sent = json.loads(got.body)
    sent["data"]["sending"] = shown["data"]["sending"]  # drawn by chance
    for one, example in zip(sent["data"]["members"], shown["data"]["members"], strict=True):
        one["card"] = example["card"]
    assert sent == shown
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    ten_lines = {}
    exec(code, ten_lines)
    at = clock().timestamp()
    assert ten_lines["is_ours"](secret, got.headers, got.body, at)
    assert not ten_lines["is_ours"](secret, got.headers, got.body + b" ", at)
    assert not ten_lines["is_ours"](secret, got.headers, got.body, at + 301)
    other = endpoints.add(office, "other", "https://crm.example/", is_private=False)
    assert not ten_lines["is_ours"](other, got.headers, got.body, at)


@one_database
def test_more_than_a_thousand_go_in_pages_each_with_an_id_of_its_own(office, receiver):
    put_members(office, [f"m{number:04}" for number in range(2001)])
    saved.keep(office, "all", Conditions(), "ada")
    hook(office, receiver)
    assert saved.send(office, "all", "crm", "ada").messages == 3
    send(office)
    told = [json.loads(one.body)["data"] for one in receiver.received]
    assert [(one["page"], one["pages"], len(one["members"])) for one in told] == [(1, 3, 1000), (2, 3, 1000), (3, 3, 1)]
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 3
    assert len({one["sending"] for one in told}) == 1
    assert len({card["member"] for one in told for card in one["members"]}) == 2001


@one_database
def test_a_segment_in_which_nobody_is_left_is_told_as_well(office, receiver):
    saved.keep(office, "none", Conditions(), "ada")
    hook(office, receiver)
    saved.send(office, "none", "crm", "ada")
    send(office)
    assert names_in(receiver.received[0]) == []


@one_database
def test_a_test_has_no_member_in_it(office, people, receiver, clock, monkeypatch):
    secret = hook(office, receiver)
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    told = verified(secret, receiver.received[0], clock, monkeypatch)
    assert told == {"type": "test", "timestamp": office.time(), "data": {}}


def test_consent_is_asked_for_again_at_every_try(office, people, receiver):
    consents.publish(office, ConsentText("1", {"en": "We may write to you."}, ""))
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [status(500), OK]
    consents.say(office, "anna", is_given=False, operator="ada")
    send(office)
    members.erase(office, "ben")
    cards.block(office, "card-cleo", "stolen")
    office.now.pass_by(minutes=1)
    send(office)
    first, second = receiver.received
    assert names_in(first) == ["ben", "cleo"]
    assert names_in(second) == []
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


# -- what the far end may do ---------------------------------------------------------------------------------------------

HUGE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
BROKEN = "it broke off, or answered something that is no HTTP"
ANSWERS = [
    (status(204), "sent", ""),
    (status(500), "waiting", "it answered 500"),
    (status(429), "waiting", "it answered 429"),
    (
        status(302, "Location: http://127.0.0.1:9/"),
        "waiting",
        "it answered 302, to go elsewhere, which is not followed",
    ),
    (status(410), "failed", "it answered 410: it wants nothing any more"),
    (shut, "waiting", BROKEN),
    (b"220 mail.example ESMTP\r\n", "waiting", BROKEN),
    (HUGE, "sent", ""),
    (lambda far: [far.sendall(HUGE), drip(b"x")(far)], "sent", ""),  # the status is the answer
]
NEVER = [None, drip(b"x"), drip(b"HTTP/1.1 100 Continue\r\n\r\n"), drip(b"HTTP/1.1 200 OK\r\n")]


def sent_to_each(office, answers, within_s):
    """What became of a message to as many far ends, all at the same time."""
    with ExitStack() as stack:
        there = [stack.enter_context(far_end()) for _ in answers]
        for number, (one, answer) in enumerate(zip(there, answers, strict=True)):
            one.answers = [answer]
            hook(office, one, f"e{number}")
            saved.send(office, "all", f"e{number}", "ada")
        send(office, within_s)
        assert all(len(one.received) <= 1 for one in there), "also a redirection is not followed"
        return [states(office, f"e{number}")[0] for number in range(len(there))]


@one_database
def test_every_answer_of_the_far_end_is_understood(office, people):
    found = sent_to_each(office, [answer for answer, *_ in ANSWERS], 15)
    assert found == [(state, why, 1) for _, state, why in ANSWERS]


@one_database
def test_one_that_does_not_answer_or_only_drips_is_given_up_after_its_time(office, people):
    found = sent_to_each(office, NEVER, SHORT_S)
    assert found == [("waiting", "no answer within 0.3 seconds", 1)] * len(NEVER)


@one_database
def test_nobody_is_there(office, people, receiver):
    endpoints.add(office, "crm", "http://127.0.0.1:9/", is_private=True)
    saved.send(office, "all", "crm", "ada")
    send(office)
    assert states(office) == [("waiting", "it cannot be reached", 1)]


@one_database
def test_tries_go_on_for_three_days_and_then_a_person_sends_it_again(office, people, receiver, clock):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [status(503)]
    pauses = []
    while states(office)[0][0] == "waiting":
        send(office)
        if states(office)[0][0] == "waiting":
            pauses.append(due_in_s(office))
            clock.pass_by(seconds=pauses[-1] - 1)
            send(office)  # not yet
            clock.pass_by(seconds=1)
    for pause, meant in zip(pauses, deliveries.PAUSES_S, strict=True):
        assert meant <= pause <= meant * 1.2
    assert len({pause / meant for pause, meant in zip(pauses, deliveries.PAUSES_S, strict=True)}) > 5, "by chance"
    assert 3 * 86400 < sum(deliveries.PAUSES_S) < 3.5 * 86400
    assert states(office) == [("failed", "it answered 503", 10)]
    assert len(receiver.received) == 10
    clock.pass_by(days=20)
    send(office)
    assert len(receiver.received) == 10
    receiver.answers = [OK]
    endpoints.switch_on(office, "crm", "ada")
    assert deliveries.again(office, webhook="crm") == 1
    send(office)
    assert states(office) == [("sent", "", 1)]
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1


@one_database
def test_an_endpoint_that_is_gone_is_switched_off_until_somebody_switches_it_on(office, people, receiver):
    put_members(office, [f"m{number:04}" for number in range(1000)])
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [status(410), OK]
    send(office)
    send(office)
    assert len(receiver.received) == 1
    for refused in (
        lambda: saved.send(office, "all", "crm", "ada"),
        lambda: deliveries.put_up_test(office, "crm", "a"),
    ):
        with pytest.raises(OfficeError, match="switched off: it answered 410"):
            refused()
    endpoints.switch_on(office, "crm", "ada")
    send(office)
    assert [state for state, *_ in states(office)] == ["failed", "sent"]
    deliveries.again(office, webhook="crm")
    send(office)
    assert [state for state, *_ in states(office)] == ["sent", "sent"]


def is_off(office):
    with office.database.reading() as connection:
        return endpoints.one(connection, "crm").off_why


def test_an_endpoint_that_took_nothing_for_three_days_of_nightly_lists_is_switched_off(office, people, receiver, clock):
    hook(office, receiver)
    receiver.answers = [status(503)]
    saved.send(office, "all", "crm", "ada")
    send(office)
    for night in range(3):
        clock.pass_by(hours=23, minutes=59)
        assert not is_off(office), night
        saved.send(office, "all", "crm", "ada")  # takes the place of the list before: no message is a day old
        send(office)
    assert not is_off(office), "three minutes are left"
    clock.pass_by(minutes=6)
    send(office)
    assert is_off(office) == "it took nothing for three days; at last, it answered 503"
    heard = len(receiver.received)
    clock.pass_by(days=1)
    send(office)
    assert len(receiver.received) == heard, "it is left in peace"
    receiver.answers = [OK]
    endpoints.switch_on(office, "crm", "ada")
    send(office)
    assert states(office)[0] == ("sent", "", 3), "what waited is not lost"


@one_database
def test_an_endpoint_that_took_something_has_three_days_again(office, people, receiver, clock):
    hook(office, receiver)
    for answer, hours in ((503, 0), (503, 20), (204, 5), (503, 20), (503, 28)):  # the last after 73 hours
        clock.pass_by(hours=hours)
        receiver.answers = [status(answer)]
        deliveries.put_up_test(office, "crm", "ada")
        send(office)
    assert not is_off(office)


@one_database
def test_what_failed_long_ago_does_not_switch_an_endpoint_off_for_a_moment_without_it(office, people, receiver, clock):
    hook(office, receiver)
    receiver.answers = [status(503)]
    for _ in range(2):
        deliveries.put_up_test(office, "crm", "ada")
        send(office)
        with office.database.writing() as connection:
            deliveries.take_back(connection, segment=deliveries.TEST)
        clock.pass_by(days=9)
    assert not is_off(office)


@one_database
def test_one_that_never_answers_holds_up_no_other_and_no_till(office, people, till):
    with far_end() as silent, far_end() as lively:
        hook(office, silent, "silent")
        hook(office, lively, "lively")
        silent.answers = [None]
        for name in ("silent", "lively"):
            saved.send(office, "all", name, "ada")

        async def go():
            sender = Sender(office, within_s=60)
            await sender.begin()
            await sender.settle("lively")
            one = await asyncio.to_thread(till)
            assert (await asyncio.to_thread(one.send)).results, "a till is heard"
            deliveries.put_up_test(office, "lively", "ada")
            await sender.begin()
            await sender.settle("lively")
            assert await asyncio.to_thread(silent.heard.wait, 60)
            await sender.stop()

        asyncio.run(go())
        assert len(lively.received) == 2
        assert len(silent.received) == 1
    assert states(office, "silent") == [("waiting", "", 0)], "broken off with the server, it counts for nothing"
