"""Segments on their way to other systems: signed, each once, for three days; whatever the far end does."""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import standardwebhooks.webhooks
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, text
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from typer.testing import CliRunner

from central_server import schema
from central_server.cli import app
from central_server.database import Database, add, sqlite_url
from central_server.errors import OfficeError
from central_server.membership import cards, consents, members
from central_server.membership.consents import ConsentText
from central_server.migrations import migrate
from central_server.office import Office
from central_server.segments import saved
from central_server.segments.conditions import Conditions
from central_server.upkeep import restoring
from central_server.webhooks import deliveries, disclosures, endpoints, secrets, sending
from central_server.webhooks.sending import Sender
from tests.central.far_end import OK, drip, far_end, shut, status

DOCS = Path(__file__).parents[2] / "docs"
one_database = pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
"""For what no database decides."""
SHORT_S = 0.3
"""How long one try may take, where the far end is to use it up."""


@pytest.fixture
def receiver():
    with far_end() as there:
        yield there


@pytest.fixture
def people(office):
    """Anna, Ben and Cleo have cards and agree; Dora does not."""
    put_members(office, ("anna", "ben", "cleo"))
    put_members(office, ("dora",), agree=False)
    saved.keep(office, "all", Conditions(), "ada")


def put_members(office, names, *, agree=True):
    at = office.time()
    blank = {"merged_into": "", "merge": "", "merge_signature": "", "erased_at": "", "debt": 0, "loss": 0}
    said = {"document": "d", "text": "1", "is_given": True, "channel": "till", "at": at, "terminal": "", "operator": ""}

    def work(connection):
        rows = [{"member": name, "joined_at": at, "home_shop": "Mill", **blank} for name in names]
        add(connection, schema.member, rows)
        add(connection, schema.card, [{"card": f"card-{name}", "member": name} for name in names])
        if agree:
            add(connection, schema.shops.consent, [{"member": name, **said} for name in names])

    office.database.write(work)


def hook(office, there, name="crm"):
    return endpoints.add(office, name, there.url, is_private=True)


def send(office, within_s=15.0, **world):
    """One look of the server's thread, until all of it is done."""

    async def go():
        sender = Sender(office, within_s=within_s, **world)
        await sender.begin()
        await sender.settle()

    asyncio.run(go())


def states(office, webhook="crm"):
    with office.database.reading() as connection:
        return [(one.state, one.reason, one.attempts) for one in deliveries.latest(connection, webhook, 100)]


def due_in_s(office):
    with office.database.reading() as connection:
        due_at = connection.scalars(select(schema.segments.delivery.c.due_at)).one()
    return (datetime.fromisoformat(due_at) - office.now()).total_seconds()


def names_in(received):
    return [one["member"] for one in json.loads(received.body)["data"]["members"]]


def verified(secret, received, clock, monkeypatch):
    """What a receiver reads that uses the specification's own library, at the test's time."""

    class Then(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock().astimezone(tz)

    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Then)
    return Webhook(secret).verify(received.body, received.headers)


# -- what is sent --------------------------------------------------------------------------------------------------------


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
    endpoints.switch_on(office, "crm")
    send(office)
    assert [state for state, *_ in states(office)] == ["failed", "sent"]
    deliveries.again(office, webhook="crm")
    send(office)
    assert [state for state, *_ in states(office)] == ["sent", "sent"]


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


# -- each once -----------------------------------------------------------------------------------------------------------


def test_a_server_that_died_in_between_leaves_it_to_the_next_one_under_the_same_id(office, people, receiver, clock):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    died = deliveries.take(office, "crm")
    assert deliveries.take(office, "crm") is None, "it is one server's"
    send(office)
    assert receiver.received == []
    clock.pass_by(seconds=deliveries.LEASE_S)
    send(office)
    assert [one.headers["webhook-id"] for one in receiver.received] == [died.delivery]
    deliveries.failed(office, died, "it answered 500")  # it lives after all, and is late
    assert states(office) == [("sent", "", 2)]


def test_a_server_that_is_late_does_not_undo_what_another_does(office, people, clock):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.send(office, "all", "crm", "ada")
    late = deliveries.take(office, "crm")
    clock.pass_by(seconds=deliveries.LEASE_S)
    now = deliveries.take(office, "crm")
    deliveries.failed(office, late, "no answer")
    clock.pass_by(seconds=10)
    assert deliveries.take(office, "crm") is None, "the other one has it still"
    deliveries.sent(office, now)
    assert states(office) == [("sent", "", 2)]


def test_many_servers_send_each_message_once(office, people, folder, clock, receiver):
    put_members(office, [f"m{number:05}" for number in range(5000)])
    hook(office, receiver)
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    clock.pass_by(days=1)
    others = [Office.open(folder, clock, random.Random(seed).randbytes) for seed in (11, 12, 13)]
    threads = [threading.Thread(target=send, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in others:
        one.close()
    assert len(receiver.received) == 6
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 6


@one_database
@pytest.mark.slow  # a new database is made
def test_what_was_put_up_survives_a_restart_and_a_restore(office, people, folder, clock, receiver, tmp_path):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    restoring.backup(office, tmp_path / "backup")
    send(office)
    office.close()
    again = Office.open(folder, clock, random.Random(3).randbytes)
    send(again)
    assert len(receiver.received) == 1
    again.close()
    restored = restoring.restore(folder, tmp_path / "backup", clock, random.Random(4).randbytes)
    send(restored)
    restored.close()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"], "a receiver knows that it has it"


# -- at night ------------------------------------------------------------------------------------------------------------


def test_each_night_it_is_sent_once_as_it_is_then(office, people, receiver, clock):
    hook(office, receiver)
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    send(office)
    assert receiver.received == [], "from the next night on"
    clock.pass_by(days=1)
    put_members(office, ("emil",))
    send(office)
    send(office)
    assert [names_in(one) for one in receiver.received] == [["anna", "ben", "cleo", "emil"]]
    clock.pass_by(days=3)
    send(office)
    assert len(receiver.received) == 2, "nights in which nothing ran are not made up for"
    saved.set_nightly(office, "all", "crm", is_on=False, by="ada")
    clock.pass_by(days=1)
    send(office)
    assert len(receiver.received) == 2


@one_database
def test_of_two_servers_that_both_see_the_night_begin_one_sends(office, people, clock):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.set_nightly(office, "all", "crm", is_on=True, by="ada")
    clock.pass_by(days=1)
    seen = ("2026-03-03", "all", "crm", "ada")
    assert saved._send_one(office, *seen) == saved.Sending("all", "crm", 3, 1)
    assert saved._send_one(office, *seen) is None


def test_a_newer_list_takes_the_place_of_one_that_waits(office, people, receiver, clock):
    """An old list that arrives late would bring back who has left since."""
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [status(500), OK]
    send(office)
    clock.pass_by(minutes=1)
    saved.send(office, "all", "crm", "ada")
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    assert sorted(state for state, *_ in states(office)) == ["replaced", "sent", "sent"]
    assert len(receiver.received) == 3
    saved.send(office, "all", "crm", "ada")
    saved.remove(office, "all")
    send(office)
    assert len(receiver.received) == 3


@one_database
def test_a_segment_that_cannot_be_sent_tonight_stops_no_other(office, people, receiver, clock):
    saved.keep(office, "broken", Conditions(), "ada")
    hook(office, receiver)
    for name in ("all", "broken"):
        saved.set_nightly(office, name, "crm", is_on=True, by="ada")
    table = schema.segments.saved_segment
    with office.database.writing() as connection:
        connection.execute(table.delete().where(table.c.name == "broken"))
    clock.pass_by(days=1)
    send(office)
    assert [json.loads(one.body)["data"]["segment"] for one in receiver.received] == ["all"]
    assert saved.send_nightly(office) == []


@one_database
def test_what_was_sent_long_ago_is_forgotten_and_names_nobody_before(office, people, receiver, clock):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    send(office)
    table = schema.segments.delivery
    with office.database.reading() as connection:
        assert connection.scalars(select(table.c.members)).all() == ["[]"]
    clock.pass_by(days=31)
    deliveries.put_up_test(office, "crm", "ada")
    assert len(states(office)) == 1


# -- where it may go -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "is_private", "why"),
    [
        ("https://crm.example/hook", False, ""),
        ("https://crm.example:8443/hook", False, ""),
        ("https://93.184.216.34/", False, ""),
        ("http://crm.example/hook", False, "https only"),
        ("http://crm.example/hook", True, "https only"),
        ("http://10.0.0.5/", True, "https only"),
        ("http://127.0.0.1:9000/", False, "private network"),
        ("http://127.0.0.1:9000/", True, ""),
        ("http://localhost:9000/", True, ""),
        ("http://localhost:9000/", False, "private network"),
        ("http://[::1]:9000/", True, ""),
        ("https://10.0.0.5/", False, "private network"),
        ("https://10.0.0.5/", True, ""),
        ("https://[::ffff:10.0.0.5]/", False, "private network"),
        ("https://[fd00::1]/", False, "private network"),
        ("https://169.254.169.254/", True, "no address of a single machine"),
        ("https://0.0.0.0/", True, "no address of a single machine"),
        ("https://ada:pw@crm.example/", False, "no name, password"),
        ("https://crm.example/#x", False, "no name, password"),
        ("https:///hook", False, "no address"),
        ("ftp://crm.example/", False, "https only"),
        ("https://crm.example:99999/", False, "no address"),
        ("https://crm.example/a b", False, "no address"),
        ("https://crm.example/\r\nX: y", False, "no address"),
        ("https://[::1", False, "no address"),
        ("https://crm.example/" + "x" * 500, False, "no address"),
        ("crm.example", False, "no address"),
    ],
)
def test_an_endpoint_is_https_and_no_address_of_a_private_network_unless_that_is_meant(url, is_private, why):
    if not why:
        endpoints.check_url(url, is_private=is_private)
        return
    with pytest.raises(OfficeError, match=why) as error:
        endpoints.check_url(url, is_private=is_private)
    assert error.value.code == "WEBHOOK_UNFIT"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
        ),
        *("::1", "fd00::1", "fe80::1", "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1"),
    ],
)
def test_no_form_of_a_private_address_is_public(address):
    assert endpoints.why_not(ip_address(address), is_private=False)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_are(address):
    assert endpoints.why_not(ip_address(address), is_private=False) == ""


@one_database
def test_a_name_that_means_a_private_machine_by_now_is_not_sent_to(office, people):
    endpoints.add(office, "crm", "https://crm.example/")
    saved.send(office, "all", "crm", "ada")

    async def resolve(host, port):
        return ["127.0.0.1"]

    send(office, resolve=resolve)
    why = "crm.example is 127.0.0.1, which is an address of this machine or of a private network"
    assert states(office) == [("waiting", why, 1)]

    async def nobody(host, port):
        raise OSError

    office.now.pass_by(minutes=1)
    send(office, resolve=nobody)
    assert states(office) == [("waiting", "crm.example has no address", 2)]


def certificate(folder, name):
    """(of the server, of who trusts it)"""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    hidden = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + hidden)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, lambda: ssl.create_default_context(cafile=file)


@one_database
def test_the_certificate_is_that_of_the_name_and_the_connection_goes_to_the_address_that_was_checked(
    office, people, tmp_path
):
    server, trust = certificate(tmp_path, "crm.example")
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"]

    with far_end(server) as there:
        port = there.url.split(":")[2].split("/")[0]
        for name in ("crm.example", "other.example"):
            endpoints.add(office, name.split(".")[0], f"https://{name}:{port}/hook", is_private=True)
            saved.send(office, "all", name.split(".")[0], "ada")
        send(office, resolve=resolve, trust=trust)
        assert states(office, "crm") == [("sent", "", 1)]
        assert there.received[0].headers["host"] == f"crm.example:{port}"
        why = "its certificate is not trusted, has ended, or is for another name"
        assert states(office, "other") == [("waiting", why, 1)]
        assert sorted(asked) == ["crm.example", "other.example"], "looked up once each"


# -- what is wrong with an endpoint --------------------------------------------------------------------------------------


def on_home(visitor, role="marketing"):
    return re.findall(r'<a href="/office/segments/endpoints">(.*?)</a>', visitor(role).get("").text)


@one_database
def test_an_endpoint_that_has_failed_for_an_hour_stands_on_home_of_those_who_send_and_of_nobody_else(
    office, people, receiver, clock, visitor
):
    hook(office, receiver)
    receiver.answers = [status(503), status(503), status(503), OK]
    saved.send(office, "all", "crm", "ada")
    for minutes in (0, 6, 53):  # 0:59 after it was put up
        clock.pass_by(minutes=minutes)
        send(office)
    assert on_home(visitor) == []
    clock.pass_by(minutes=1)
    said = "The endpoint crm has not taken what waits since 2026-03-02 10:00: it answered 503"
    assert on_home(visitor) == [said]
    assert said in visitor("marketing").get("/segments").text
    for role in ("auditor", "integrator", "finance", "support", "manager"):
        assert on_home(visitor, role) == [], "they cannot send it again"
    clock.pass_by(hours=3)
    send(office)
    assert on_home(visitor) == [], "it was taken"


@one_database
def test_what_waits_for_a_server_that_has_not_run_is_no_endpoints_fault(office, people, receiver, clock, visitor):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    clock.pass_by(hours=2)
    assert on_home(visitor) == []


@one_database
def test_messages_that_were_given_up_stand_on_home_until_somebody_sends_them_again(
    office, people, receiver, clock, visitor
):
    hook(office, receiver)
    receiver.answers = [status(503)]
    saved.send(office, "all", "crm", "ada")
    for _ in range(len(deliveries.PAUSES_S) + 1):
        send(office)
        clock.pass_by(hours=30)
    assert on_home(visitor) == ["1 message to the endpoint crm was given up: it answered 503"]
    deliveries.again(office, webhook="crm")
    assert on_home(visitor) == [], "it is tried anew"


@one_database
def test_an_endpoint_that_is_switched_off_stands_on_home_until_it_is_on(office, people, receiver, visitor):
    hook(office, receiver)
    receiver.answers = [status(410)]
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    why = "it answered 410: it wants nothing any more"
    assert on_home(visitor) == [f"The endpoint crm is switched off since 2026-03-02 10:00: {why}"]
    endpoints.switch_on(office, "crm")
    assert on_home(visitor) == [f"1 message to the endpoint crm was given up: {why}"]


# -- another secret ------------------------------------------------------------------------------------------------------


def taken_with(secret, received, clock, monkeypatch):
    try:
        verified(secret, received, clock, monkeypatch)
    except WebhookVerificationError:
        return False
    return True


def test_for_a_day_a_new_secret_signs_beside_the_old_one_and_then_alone(office, people, receiver, clock, monkeypatch):
    old = hook(office, receiver)
    clock.pass_by(days=10)
    new = endpoints.new_secret(office, "crm", "ian")
    taken = []
    for pause in ({}, {"hours": 23, "minutes": 59}, {"minutes": 1}):
        clock.pass_by(**pause)
        deliveries.put_up_test(office, "crm", "ada")
        send(office)
        taken.append([taken_with(one, receiver.received[-1], clock, monkeypatch) for one in (old, new)])
    assert taken == [[True, True], [True, True], [False, True]]
    assert [len(one.headers["webhook-signature"].split(" ")) for one in receiver.received] == [2, 2, 1]


@one_database
def test_a_secret_that_was_lost_at_once_does_not_cut_off_who_has_the_one_before(office, receiver, clock, monkeypatch):
    first = hook(office, receiver)
    later = [endpoints.new_secret(office, "crm", "ian") for _ in range(3)]
    deliveries.put_up_test(office, "crm", "ada")
    send(office)
    assert all(taken_with(one, receiver.received[0], clock, monkeypatch) for one in (first, *later))
    with pytest.raises(OfficeError, match="3 new secrets within a day") as refused:
        endpoints.new_secret(office, "crm", "ian")
    assert refused.value.code == "WEBHOOK_SECRETS"
    clock.pass_by(days=1)
    endpoints.new_secret(office, "crm", "ian")


@one_database
def test_a_secret_that_has_ended_lies_in_the_database_no_more_and_who_made_it_does(office, receiver, clock):
    made = [hook(office, receiver), endpoints.new_secret(office, "crm", "ian")]
    clock.pass_by(days=1)
    deliveries.put_up_test(office, "crm", "ada")

    def kept():
        with office.database.reading() as connection:
            table = schema.segments.webhook_secret.c
            rows = connection.execute(select(table.secret, table.made_by).order_by(table.number)).all()
        return [tuple(row) for row in rows]

    assert kept() == [("", ""), (made[1], "ian")]
    endpoints.remove(office, "crm")
    assert kept() == [("", ""), ("", "ian")]


@one_database
def test_the_page_makes_a_secret_for_who_hands_out_keys_shows_it_once_and_the_audit_says_who(office, receiver, visitor):
    hook(office, receiver)
    integrator = visitor("integrator")
    answer = integrator.post("/segments/endpoints/crm/secret")
    [secret] = re.findall(r"whsec_[\w+/=]+", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    with office.database.reading() as connection:
        assert secrets.signing(connection, "crm", office.time())[0] == secret
    page = integrator.get("/segments/endpoints").text
    assert "whsec_" not in page
    assert "Until <time>2026-03-03 10:00</time> the one before signs as well." in page
    for role in ("marketing", "auditor", "finance", "manager"):
        assert visitor(role).post("/segments/endpoints/crm/secret").status_code == 403
        assert "/crm/secret" not in visitor(role).get("/segments/endpoints").text
    audit = visitor("auditor").get("/audit").text
    assert "<td>crm</td><td>integrator</td>" in audit
    assert "whsec_" not in audit
    assert "Secrets of endpoints" not in visitor("manager", "Mill").get("/audit").text


def test_an_upgrade_leaves_an_endpoint_the_secret_that_its_receiver_knows(tmp_path):
    database = Database(sqlite_url(tmp_path / "old.db"))
    row = "'crm', 'https://crm.example/', 'whsec_b2xk', false, '2026-03-02', '', ''"
    columns = "webhook, url, secret, is_private, made_at, off_at, off_why"
    with database.writing() as connection:
        migrate(connection, "0014")
        connection.execute(text(f"INSERT INTO webhook ({columns}) VALUES ({row})"))
        migrate(connection)
        assert secrets.signing(connection, "crm", "2026-03-03") == ["whsec_b2xk"]
    database.close()


# -- to whom a member's data went ----------------------------------------------------------------------------------------


def went_to(office, member):
    with office.database.reading() as connection:
        return [(one.endpoint, one.first_at, one.last_at) for one in disclosures.of(connection, member)]


def test_it_is_kept_to_which_endpoints_a_members_data_went_also_where_it_was_not_answered(
    office, people, receiver, clock
):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    receiver.answers = [shut, OK]
    first = office.time()
    send(office)
    assert went_to(office, "anna") == [("crm", first, first)], "nobody knows what it has heard"
    assert went_to(office, "dora") == [], "she does not agree"
    consents.publish(office, ConsentText("1", {"en": "We may write to you."}, ""))
    consents.say(office, "ben", is_given=False, operator="ada")
    clock.pass_by(minutes=1)
    send(office)
    assert went_to(office, "anna") == [("crm", first, office.time())]
    assert went_to(office, "ben") == [("crm", first, first)], "he was left out of what was sent then"


@one_database
def test_who_could_not_be_reached_heard_of_nobody(office, people):
    endpoints.add(office, "crm", "http://127.0.0.1:9/", is_private=True)
    saved.send(office, "all", "crm", "ada")
    send(office)
    assert went_to(office, "anna") == []


@one_database
def test_it_stands_before_the_first_byte_leaves(office, people, receiver):
    """A server that dies while it sends cannot write it down afterwards."""
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    seen = []
    receiver.answers = [lambda far: [seen.append(went_to(office, "anna")), far.sendall(OK)]]
    send(office)
    assert [len(one) for one in seen] == [1]


@one_database
def test_who_was_merged_has_what_went_out_under_both_and_who_was_erased_nothing(office, people, receiver, till):
    hook(office, receiver)
    saved.send(office, "all", "crm", "ada")
    send(office)
    table = schema.member
    with office.database.writing() as connection:
        connection.execute(table.update().where(table.c.member == "ben").values(merged_into="anna"))
        connection.execute(table.delete().where(table.c.member == "dora"))
    assert len(went_to(office, "anna")) == 1
    members.erase(office, "anna")
    kept = schema.segments.disclosure
    with office.database.reading() as connection:
        assert connection.scalars(select(kept.c.member)).all() == ["cleo"]


# -- the server's thread, commands and pages -----------------------------------------------------------------------------


@one_database
def test_the_thread_of_a_server_sends_and_ends_at_once_though_somebody_never_answers(office, people, receiver):
    hook(office, receiver)
    receiver.answers = [None]
    saved.send(office, "all", "crm", "ada")
    stopped = threading.Event()
    thread = threading.Thread(target=sending.send_until, args=(office, stopped))
    thread.start()
    assert receiver.heard.wait(60)
    stopped.set()
    thread.join(10)  # and not the quarter of a minute that a try may take
    assert not thread.is_alive()
    assert states(office) == [("waiting", "", 0)]


def run(office, *arguments, code=0):
    done = CliRunner().invoke(app, [*map(str, arguments), "--dir", str(office.folder)])
    assert done.exit_code == code, done.output
    return done.output


@one_database
@pytest.mark.slow  # a dozen commands
def test_the_commands_add_test_send_and_remove_and_show_a_secret_once(office, people, receiver):
    office.now.at = datetime.now(UTC) + timedelta(hours=1)  # commands have the machine's clock
    said = run(office, "webhook", "add", "crm", receiver.url, "--private")
    [secret] = re.findall(r"whsec_\S+", said)
    assert 24 <= len(secrets.key_of(secret)) <= 64
    run(office, "webhook", "test", "crm", "--by", "Ada")
    assert "is sent within seconds" in run(office, "webhook", "list")
    send(office)
    assert re.search(r"crm +http://127.0.0.1:\d+ +sent \d{4}-\d\d-\d\d \d\d:\d\d\n", run(office, "webhook", "list"))
    assert "3 members in 1 message to crm" in run(office, "saved-segment", "send", "all", "crm", "--by", "Ada")
    receiver.answers = [status(410)]
    send(office)
    listed = run(office, "webhook", "list") + run(office, "webhook", "list", "--json")
    assert "switched off: it answered 410" in listed
    assert secret not in listed
    assert "key=k" not in listed, "of an address, scheme and host"
    assert "1 message that failed" in run(office, "webhook", "retry", "crm")
    receiver.answers = [OK]
    send(office)
    assert states(office)[0][0] == "sent"
    assert "Nothing was added" in run(office, "webhook", "add", "crm", "http://10.0.0.1/", code=2)
    assert "no endpoint mail" in run(office, "webhook", "test", "mail", "--by", "Ada", code=2)
    [newer] = re.findall(r"whsec_\S+", run(office, "webhook", "new-secret", "crm", "--by", "Ada"))
    assert newer != secret
    assert newer not in run(office, "webhook", "list", "--json")
    run(office, "webhook", "remove", "crm", "--yes")
    assert "There is no endpoint" in run(office, "webhook", "list")


@one_database
def test_there_is_an_end_to_the_endpoints(office):
    for number in range(endpoints.MOST_WEBHOOKS):
        endpoints.add(office, f"e{number}", "https://crm.example/")
    for name in ("one-more", "e0", "Caps", ""):
        with pytest.raises(OfficeError, match=r"already|cannot be called"):
            endpoints.add(office, name, "https://crm.example/")


@one_database
def test_the_pages_send_say_what_became_of_it_and_show_nothing_secret(office, people, receiver, visitor):
    secret = hook(office, receiver)
    marketing = visitor("marketing")
    assert "goes to crm within seconds" in marketing.said("/segments/endpoints/crm/test")
    receiver.answers = [status(500), status(410), OK]
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Waiting until 2026-03-02 10:00: it answered 500; tried once." in page
    assert marketing.said("/segments/named/all/send", webhook="crm").startswith("3 members go to crm")
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Switched off since <time>2026-03-02 10:00</time>: it answered 410: it wants nothing any more" in page
    assert "Send again" not in page
    assert "is switched off since 2026-03-02 10:00: it answered 410" in marketing.get("/segments").text
    marketing.said("/segments/endpoints/crm/on")
    page = marketing.get("/segments/endpoints").text
    [failed] = re.findall(r'name="delivery" value="(\w+)"', page)
    marketing.said("/segments/endpoints/again", delivery=failed)
    send(office)
    page = marketing.get("/segments/endpoints").text
    assert "Sent 2026-03-02 10:00." in page
    assert secret not in page
    assert "key=k" not in page
    assert marketing.post("/segments/endpoints/again", delivery=failed).status_code == 422
    assert "each night, from the next one on" in marketing.said(
        "/segments/named/all/nightly", webhook="crm", is_on="yes"
    )
    assert "<td>crm</td>" in marketing.get("/segments").text
    assert "at night no more" in marketing.said("/segments/named/all/nightly", webhook="crm", is_on="no")
    for role in ("auditor", "integrator"):
        looks = visitor(role)
        assert looks.get("/segments/endpoints").status_code == 200
        assert looks.post("/segments/endpoints/crm/test").status_code == 403
    assert visitor("finance").get("/segments/endpoints").status_code == 403
